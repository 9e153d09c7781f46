"""page, reply, block and unblock."""

import re

from answers import Sorry, as_pose, friendly, listed, person_called
from holomush_pdk import (
    HostError,
    Invocation,
    Record,
    emit_event,
    find,
    query_character,
    set_attributes,
    table_delete,
    table_get,
    table_insert,
    table_select,
)
from holomush_pdk.markup import closed, typed
from holomush_pdk.matching import fitting, name_key, which_one

MOST_PEOPLE = 20
MOST_BLOCKED = 100

NOBODY_YET = "You have not paged anybody yet. Type: page <person>=<message>"


@friendly
def handle_page(inv: Invocation):
    """page bob carol=hi, or page =hi"""
    message = inv.args.get("message")
    if not message:
        return "Page what? Type: page <person>=<message>"
    if "who" not in inv.args:
        return page(inv, paged_last(inv), message)
    # The quotes around a single name are gone from the argument, and not from the line.
    quoted = f'"{inv.args.who}"' in inv.raw
    names = [inv.args.who] if quoted else names_in(inv.args.who)
    if not names:
        return "Page whom? Type: page <person>=<message>"
    if len(names) > MOST_PEOPLE:
        return f"You can page {MOST_PEOPLE} people at once, not more."
    return page(inv, [person_called(name, inv.actor) for name in names], message)


@friendly
def handle_page_again(inv: Invocation):
    """page hi, or page alone"""
    people = paged_last(inv)
    message = inv.args.get("message")
    if not message:
        return f"You last paged {listed(person.name for person in people)}."
    return page(inv, people, message)


@friendly
def handle_reply(inv: Invocation):
    sender_id = inv.actor.attributes.paged_by
    if sender_id is None:
        return "Nobody has paged you yet."
    sender = character(sender_id)
    if sender is None:
        return "Whoever paged you last is not there any more."
    message = inv.args.get("message")
    if not message:
        return f"{sender.name} paged you last. Type: reply <message>"
    return page(inv, [sender], message)


@friendly
def handle_block(inv: Invocation):
    who = inv.args.get("who")
    people = blocked_by(inv.actor.id)
    if not who:
        if not people:
            return "You take pages from everybody. Type: block <person>"
        return ["You take no pages from:", *(person.name for person in people)]
    person = person_called(who, inv.actor)
    if person.id == inv.actor.id:
        return "You cannot block yourself."
    if person.id in [other.id for other in people]:
        return f"You take no pages from {person.name} already."
    if len(people) >= MOST_BLOCKED:
        return f"You can block {MOST_BLOCKED} people, not more."
    table_insert("blocks", blocker_id=inv.actor.id, blocked_id=person.id)
    return f"You take no more pages from {person.name}."


@friendly
def handle_unblock(inv: Invocation):
    who = inv.args.get("who")
    if not who:
        return "Unblock whom? Type block to see whose pages you do not take."
    found = fitting(blocked_by(inv.actor.id), who)
    if not found:
        return f"You have blocked nobody called {typed(who)}."
    if len(found) > 1:
        return which_one(found)
    table_delete("blocks", {"blocker_id": inv.actor.id, "blocked_id": found[0].id})
    return f"You take pages from {found[0].name} again."


# Whom a page goes to


def names_in(text: str) -> list[str]:
    """`bob carol`, `bob, carol` and `"Bob Smith" carol` are two names; `bob smith` is one if somebody is called so."""
    names = []
    for part in re.findall(r'(?:"[^"]*"|[^,"]|")+', text):
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', part)]
        whole = part.strip()
        names += [whole] if len(words) > 1 and is_whole_name(whole) else words
        if len(names) > MOST_PEOPLE:
            break
    return [name for name in names if name]


def is_whole_name(name: str) -> bool:
    return any(name_key(person.name) == name_key(name) for person in find(name, kinds=["character"]))


def paged_last(inv: Invocation) -> list[Record]:
    ids = inv.actor.attributes.paged
    if not ids:
        raise Sorry(NOBODY_YET)
    people = [person for person in map(character, ids) if person is not None]
    if not people:
        raise Sorry("Those whom you paged last are not there any more.")
    return people


def character(character_id: str) -> Record | None:
    """Somebody whom we have noted. They may be gone: guests are when they leave."""
    try:
        return query_character(character_id)
    except HostError as error:
        if error.code != "not_found":
            raise
        return None


def blocked_by(character_id: str) -> list[Record]:
    rows = table_select("blocks", {"blocker_id": character_id}, limit=MOST_BLOCKED)
    return [query_character(row.blocked_id) for row in rows]


# Paging


def page(inv: Invocation, people: list[Record], message: str) -> list[str]:
    """Page those who can be paged, and say who could not be."""
    everybody = list({person.id: person for person in people}.values())
    if inv.actor.id in [person.id for person in everybody]:
        raise Sorry("You cannot page yourself.")
    unwanted = {row.blocked_id for row in table_select("blocks", {"blocker_id": inv.actor.id}, limit=MOST_BLOCKED)}
    hindrances = {person.id: hindrance(inv.actor, person, unwanted) for person in everybody}
    answer = [reason for reason in hindrances.values() if reason]
    reached = [person for person in everybody if not hindrances[person.id]]
    if reached:
        answer.append(send(inv.actor, reached, message))
    return answer


def hindrance(sender: Record, person: Record, unwanted: set[str]) -> str:
    """Why somebody cannot be paged; empty if they can."""
    if person.id in unwanted:
        return f"You take no pages from {person.name}, so they could not answer. Type: unblock {person.name}"
    if table_get("blocks", {"blocker_id": person.id, "blocked_id": sender.id}):
        return f"{person.name} is not taking pages from you."
    return "" if person.connected else f"{person.name} is not connected."


def send(sender: Record, people: list[Record], message: str) -> str:
    names = listed(person.name for person in people)
    pose = as_pose(message)
    payload = {
        "sender_id": sender.id,
        "sender_name": sender.name,
        "message": message if pose is None else pose[1],
        "is_pose": pose is not None,
        "to": f" (to {names})" if len(people) > 1 else "",
    }
    if pose is not None:
        payload |= {"space": pose[0], "action": pose[1]}
    for person in people:
        emit_event(f"character:{person.id}", "page" if pose is None else "page-pose", payload)
        if person.attributes.paged_by != sender.id:
            set_attributes(person.id, paged_by=sender.id)
    ids = [person.id for person in people]
    if sender.attributes.paged != ids:
        set_attributes(sender.id, paged=ids)
    if pose is None:
        return f"You paged {names} with '{closed(message)}'"
    return f"Long distance to {names}: {sender.name}{pose[0]}{pose[1]}"
