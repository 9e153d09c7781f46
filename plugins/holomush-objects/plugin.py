"""inventory, get, drop, give and put."""

from collections.abc import Callable

from holomush_pdk import HostError, Invocation, Record, emit_event, find, move_object, query_character, query_location, query_object
from holomush_pdk.locks import passes
from holomush_pdk.markup import typed
from holomush_pdk.matching import fitting, name_key, the, which_one, without_article

# A call may emit 64 events, and everything that changes hands is one.
AT_ONCE = 50
# An inventory looks into as many things: a call may ask the server 256 times.
LOOKED_INTO = 100
# More than so many things inside another are only counted.
LISTED_INSIDE = 10

GET_USAGE = "Usage: get <thing>    or    get <thing> from <container>"
NOTHING_CARRIED = "You aren't carrying anything."


def handle_inventory(inv: Invocation):
    things = carried(inv)
    if not things:
        return NOTHING_CARRIED
    holdings = [holding(thing) if len(things) <= LOOKED_INTO else "" for thing in things]
    return ["You are carrying:", *(thing.name + held for thing, held in zip(things, holdings, strict=True))]


def handle_get(inv: Invocation):
    wanted, source = inv.args.get("thing"), inv.args.get("container")
    if not wanted:
        return "Get what?"
    if source is None or is_here(source):
        return get_here(inv, wanted)
    return get_out(inv, wanted, source)


def get_here(inv: Invocation, wanted: str):
    things = lying_here(inv)
    if is_all(wanted):
        # Only what can be had: else things that stay would use up what can be done at once, every time anew.
        things = free_to_take(inv, things)
        if not things:
            return "There is nothing here to take."
    chosen = choose(things, wanted)
    if not chosen:
        return cannot_get(inv, wanted)
    return take_chosen(inv, chosen, wanted)


def get_out(inv: Invocation, wanted: str, source: str):
    containers = fitting(carried(inv) + lying_here(inv), source)
    if not containers:
        person = somebody(inv, source)
        return f"You can't take anything from {person}." if person else not_here(source)
    if len(containers) > 1:
        return which_one(containers)
    container = containers[0]
    things = inside(container)
    if not things:
        return f"There is nothing in {the(container)}."
    if is_all(wanted):
        things = free_to_take(inv, things)
        if not things:
            return f"There is nothing in {the(container)} that you can take."
    chosen = choose(things, wanted)
    if not chosen:
        return f"There is no {typed(without_article(wanted))} in {the(container)}."
    return take_chosen(inv, chosen, wanted, container)


def take_chosen(inv: Invocation, chosen: list[Record], wanted: str, container: Record | None = None):
    if len(chosen) == 1 and not free_to_take(inv, chosen):
        return f"You can't take {the(chosen[0])}."
    return with_each(chosen, wanted, lambda thing: take(inv, thing, container))


def free_to_take(inv: Invocation, things: list[Record]) -> list[Record]:
    """Those of the things whose lock the actor passes, as the locks of exits: by a name, or by a thing that one carries."""
    if not any(thing.lock for thing in things):
        return things
    opening = {text.casefold() for one in (inv.actor, *carried(inv)) for text in (one.name, one.id)}
    return [thing for thing in things if passes(thing.lock, opening)]


def handle_drop(inv: Invocation):
    wanted = inv.args.get("thing")
    if not wanted:
        return "Drop what?"
    things = carried(inv)
    if not things:
        return NOTHING_CARRIED
    chosen = choose(things, wanted)
    if not chosen:
        return not_carried(inv, wanted)
    return with_each(chosen, wanted, lambda thing: drop(inv, thing))


def handle_give(inv: Invocation):
    wanted, who = inv.args.get("thing"), inv.args.get("who")
    if not wanted or not who:
        return "Give what to whom? Type: give <thing> to <person>"
    people = find(who, near=inv.actor.id, kinds=["character"])
    # Those who are away are not seen, and so not meant.
    people = [person for person in people if person.connected] or people
    if not people:
        return f"There is nobody called {typed(who)} here."
    if len(people) > 1:
        return which_one(people)
    person = people[0]
    if person.id == inv.actor.id:
        return "You can't give yourself anything."
    if not person.connected:
        return f"{person.name} is not connected."
    things = carried(inv)
    if not things:
        return NOTHING_CARRIED
    chosen = choose(things, wanted)
    if not chosen:
        return not_carried(inv, wanted)
    return with_each(chosen, wanted, lambda thing: give(inv, thing, person))


def handle_put(inv: Invocation):
    wanted, target = inv.args.get("thing"), inv.args.get("container")
    if not wanted or not target:
        return "Put what into what? Type: put <thing> in <container>"
    if is_here(target):
        return handle_drop(inv)
    things = carried(inv)
    if not things:
        return NOTHING_CARRIED
    chosen = choose(things, wanted)
    if not chosen:
        return not_carried(inv, wanted)
    if len(chosen) > 1 and not is_all(wanted):
        return which_one(chosen)
    found = fitting(things + lying_here(inv), target)
    # "put bag in bag" means two bags if there are two.
    containers = [thing for thing in found if len(chosen) > 1 or thing.id != chosen[0].id] or found
    if not containers:
        return no_container(inv, chosen, target)
    if len(containers) > 1:
        return which_one(found)
    container = containers[0]
    if is_all(wanted):
        chosen = [thing for thing in chosen if thing.id != container.id]
        if not chosen:
            return f"You have nothing else to put into {the(container)}."
    return with_each(chosen, wanted, lambda thing: put(inv, thing, container))


# What is done with one thing. Each says what came of it.


def take(inv: Invocation, thing: Record, container: Record | None = None) -> str:
    if not_moved(thing, character=inv.actor.id):
        return "You can't carry any more."
    if container is None:
        tell(inv, "take", thing)
    else:
        tell(inv, "take", thing, **held_by(container), source=f" from {the(container)}")
    return "Taken."


def drop(inv: Invocation, thing: Record) -> str:
    if not_moved(thing, location=inv.location.id):
        return "There is no room for more here."
    tell(inv, "drop", thing)
    return "Dropped."


def give(inv: Invocation, thing: Record, person: Record) -> str:
    if not_moved(thing, character=person.id):
        return f"That is more than {person.name} can carry."
    tell(inv, "give", thing, recipient_id=person.id, recipient_name=person.name, target_id=person.id)
    return f"Given to {person.name}."


def put(inv: Invocation, thing: Record, container: Record) -> str:
    if thing.id == container.id:
        return f"You can't put {the(thing)} into itself."
    refusal = not_moved(thing, container=container.id)
    if refusal:
        return f"It doesn't fit: {refusal}."
    tell(inv, "put", thing, **held_by(container), container=the(container))
    return f"Put into {the(container)}."


def not_moved(thing: Record, **place: str) -> str:
    """Moves a thing. Says which rule of the world is against it; nothing if it is there now."""
    try:
        move_object(thing.id, **place)
    except HostError as error:
        if error.code != "invalid_argument":
            raise
        return error.message
    return ""


def tell(inv: Invocation, event_type: str, thing: Record, **more: str):
    """Everybody here is told what the actor does with a thing. The actor reads the command's answer instead."""
    payload = {
        "character_id": inv.actor.id,
        "character_name": inv.actor.name,
        "object_id": thing.id,
        "object_name": thing.name,
        "object": the(thing),
    }
    emit_event(stream=f"location:{inv.location.id}", type=event_type, payload={**payload, **more})


def held_by(container: Record) -> dict[str, str]:
    return {"container_id": container.id, "container_name": container.name}


def with_each(things: list[Record], wanted: str, act: Callable[[Record], str]):
    """Does it with the one thing that is meant, or asks; with "all", one line for each."""
    if not is_all(wanted):
        return act(things[0]) if len(things) == 1 else which_one(things)
    lines = []
    for thing in things[:AT_ONCE]:
        said = act(thing)
        lines.append(f"{thing.name}: {said[0].lower()}{said[1:]}")
    if len(things) > AT_ONCE:
        lines.append(f"That was as much as you can do at once. There are {len(things) - AT_ONCE} more.")
    return lines


# Where things are, and which of them are meant.


def lying_here(inv: Invocation) -> list[Record]:
    return query_location(inv.location.id).objects


def carried(inv: Invocation) -> list[Record]:
    return query_character(inv.actor.id).objects


def inside(container: Record) -> list[Record]:
    return query_object(container.id).objects


def choose(things: list[Record], wanted: str) -> list[Record]:
    return things if is_all(wanted) else fitting(things, wanted)


def is_all(wanted: str) -> bool:
    return name_key(wanted) in {"all", "everything"}


def is_here(place: str) -> bool:
    return name_key(place) == "here"


def holding(thing: Record) -> str:
    """What is inside a thing, as the end of its line: ", holding coin, key"."""
    names = [held.name for held in inside(thing)]
    if len(names) > LISTED_INSIDE:
        return f", holding {len(names)} things"
    return f", holding {', '.join(names)}" if names else ""


# Why it cannot be done.


def cannot_get(inv: Invocation, wanted: str) -> str:
    have = fitting(carried(inv), wanted)
    if have:
        return f"You already have {the(have[0])}."
    if is_here(wanted):
        return "You can't take this place."
    words = name_key(wanted).split()
    if "from" in words[:1] + words[-1:]:
        return GET_USAGE  # half of "get <thing> from <container>" was typed
    person = somebody(inv, wanted)
    return f"You can't take {person}." if person else not_here(wanted)


def not_here(wanted: str) -> str:
    return f"There is no {typed(without_article(wanted))} here."


def not_carried(inv: Invocation, wanted: str) -> str:
    if is_here(wanted):
        return "You aren't carrying this place."
    lying = fitting(lying_here(inv), wanted)
    seen = the(lying[0]) if lying else somebody(inv, wanted)
    return f"You aren't carrying {seen}." if seen else f"You have no {typed(without_article(wanted))}."


def no_container(inv: Invocation, chosen: list[Record], target: str) -> str:
    """Nothing here is called `target`: it may be somebody, or lie inside the very thing."""
    if len(chosen) == 1:
        held = fitting(inside(chosen[0]), target)
        if held:
            return f"You can't put {the(chosen[0])} into {the(held[0])}, which is inside it."
    person = somebody(inv, target)
    return f"You can't put anything into {person}." if person else not_here(target)


def somebody(inv: Invocation, name: str) -> str:
    """The name of somebody to be seen here whom `name` fits, "yourself" for the actor; nothing if there is nobody."""
    people = [person for person in find(name, near=inv.actor.id, kinds=["character"]) if person.connected]
    if any(person.id == inv.actor.id for person in people):
        return "yourself"
    return people[0].name if people else ""
