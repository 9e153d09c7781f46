"""say, pose, semipose, emit, whisper, ooc and think."""

from holomush_pdk import Invocation, Record, emit_event, find
from holomush_pdk.markup import closed, typed
from holomush_pdk.matching import which_one


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
    emit_here(inv, "emit", text=text)


def handle_whisper(inv: Invocation):
    who, message = inv.args.get("who"), inv.args.get("message")
    if not who:
        return "Whisper to whom? Type: whisper <person>=<message>"
    if not message:
        return "Whisper what?"
    found = find(who, near=inv.actor.id, kinds=["character"])
    # Those who are away are not seen, and so not meant.
    found = [person for person in found if person.connected] or found
    if not found:
        return f"There is nobody called {typed(who)} here."
    if len(found) > 1:
        return which_one(found)
    target = found[0]
    if not target.connected:
        return f"{target.name} is not connected."
    if message[0] in ":;" and len(message) > 1:
        return whisper_pose(inv, target, message)
    emit_event(
        stream=f"character:{target.id}",
        type="whisper",
        payload={"sender_id": inv.actor.id, "sender_name": inv.actor.name, "message": message, "is_pose": False},
    )
    return f'You whisper "{closed(message)}" to {target.name}.'


def whisper_pose(inv: Invocation, target: Record, message: str) -> str:
    """whisper bob=:waves"""
    space = " " if message[0] == ":" else ""
    action = message[1:]
    emit_event(
        stream=f"character:{target.id}",
        type="whisper-pose",
        payload={
            "sender_id": inv.actor.id,
            "sender_name": inv.actor.name,
            "message": action,
            "is_pose": True,
            "action": action,
            "space": space,
        },
    )
    return f"{target.name} sees you whisper: {inv.actor.name}{space}{action}"


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
