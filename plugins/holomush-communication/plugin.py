"""say, pose, semipose, emit, whisper, ooc and think."""

import re
from collections.abc import Iterable

from holomush_pdk import Invocation, Record, emit_event, find
from holomush_pdk.markup import closed, typed
from holomush_pdk.matching import which_one

MOST_WHISPERED_TO = 5
# Of a text that is emitted. More would push away what others are reading.
MOST_LINES = 20

# What stands for what cannot be typed.
CODES = {"r": "\n", "t": "\t", "b": " ", "%": "%"}
CODE = re.compile("%([rtb%])", re.IGNORECASE)

WHISPER_TO_WHOM = "Whisper to whom? Type: whisper <people>=<message>"


def handle_say(inv: Invocation):
    message = inv.args.get("message")
    if not message:
        return "Say what?"
    emit_here(inv, "say", message=message)


def handle_pose(inv: Invocation):
    action = inv.args.get("action")
    if not action:
        return "Pose what?"
    emit_here(inv, "pose", action=action, space=" ")


def handle_semipose(inv: Invocation):
    action = inv.args.get("action")
    if not action:
        return "Pose what?"
    emit_here(inv, "pose", action=action, space="")


def handle_emit(inv: Invocation):
    text = inv.args.get("text")
    if not text:
        return "Emit what?"
    lines = CODE.sub(lambda found: CODES[found[1].lower()], text).split("\n")
    if len(lines) > MOST_LINES:
        return f"You can emit {MOST_LINES} lines at once, not more."
    emit_here(inv, "emit", text="\n".join(lines))


def handle_whisper(inv: Invocation):
    who, message = inv.args.get("who"), inv.args.get("message")
    if not who:
        return WHISPER_TO_WHOM
    if not message:
        return "Whisper what?"
    names = names_in(who, inv)
    if not names:
        return WHISPER_TO_WHOM
    if len(names) > MOST_WHISPERED_TO:
        return f"You can whisper to {MOST_WHISPERED_TO} people at once, not more."
    people = {}
    for name in names:
        found = people_called(name, inv.actor)
        if not found:
            return f"There is nobody called {typed(name)} here."
        if len(found) > 1:
            return which_one(found)
        person = found[0]
        if not person.connected:
            return f"{person.name} is not connected."
        people[person.id] = person
    return whisper(inv.actor, list(people.values()), message)


def names_in(who: str, inv: Invocation) -> list[str]:
    """`bob carol`, `bob, carol` and `"Bob Smith" carol` are two names; `bob smith` is one if it fits somebody here."""
    # The quotes around a single name are gone from the argument, and not from the line.
    if f'"{who}"' in inv.raw:
        return [who]
    names = []
    for part in re.findall(r'(?:"[^"]*"|[^,"]|")+', who):
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', part)]
        whole = part.strip()
        names += [whole] if len(words) > 1 and people_called(whole, inv.actor) else words
        if len(names) > MOST_WHISPERED_TO:
            break
    return [name for name in names if name]


def people_called(name: str, actor: Record) -> list[Record]:
    """Those in the same place whom a name fits."""
    found = find(name, near=actor.id, kinds=["character"])
    # Those who are away are not seen, and so not meant.
    return [person for person in found if person.connected] or found


def whisper(sender: Record, people: list[Record], message: str) -> str:
    is_pose = message[0] in ":;" and len(message) > 1
    payload = {"sender_id": sender.id, "sender_name": sender.name}
    if is_pose:
        space, action = " " if message[0] == ":" else "", message[1:]
        payload |= {"message": action, "is_pose": True, "action": action, "space": space}
    else:
        payload |= {"message": message, "is_pose": False}
    for person in people:
        others = [other.name for other in people if other.id != person.id]
        to = {"to": f" (to you and {listed(others)})", "and_others": f" and {listed(others)}"} if others else {}
        emit_event(f"character:{person.id}", "whisper-pose" if is_pose else "whisper", payload | to)
    names = listed(person.name for person in people)
    if is_pose:
        return f"{names} {'see' if len(people) > 1 else 'sees'} you whisper: {sender.name}{space}{action}"
    return f'You whisper "{closed(message)}" to {names}.'


def listed(names: Iterable[str]) -> str:
    """`Bob`, `Bob and Carol`, `Bob, Carol and Dave`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def handle_ooc(inv: Invocation):
    message = inv.args.get("message")
    if not message:
        return "Say what?"
    if message[0] in ":;" and len(message) > 1:
        emit_here(inv, "ooc-pose", action=message[1:], space=" " if message[0] == ":" else "")
    else:
        emit_here(inv, "ooc", message=message)


def handle_think(inv: Invocation):
    return inv.args.get("thought") or "Think what?"


def emit_here(inv: Invocation, event_type: str, **payload: str) -> None:
    """Everybody in the actor's location sees it, the actor too."""
    emit_event(stream=f"location:{inv.location.id}", type=event_type, payload=payload)
