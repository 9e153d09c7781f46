"""look, go, exits, home, and the names of exits as commands."""

from holomush_pdk import (
    HostError,
    Invocation,
    Record,
    Response,
    emit_event,
    find,
    move_character,
    query_character,
    query_location,
    query_object,
    set_attributes,
)
from locks import passes

COMPASS = {"north", "south", "east", "west", "northeast", "northwest", "southeast", "southwest"}
FROM = {"up": " from above", "down": " from below"}


def handle_look(inv: Invocation):
    target = inv.args.get("target")
    if not target:
        return describe_place(query_location(inv.location.id), viewer_id=inv.actor.id)
    found = find(target, near=inv.actor.id, kinds=["location", "character", "object", "exit"])
    if not found:
        return f"You see no {target} here."
    if len(found) > 1:
        return which_one(found)
    thing = found[0]
    if thing.kind == "location":
        return describe_place(query_location(thing.id), viewer_id=inv.actor.id)
    if thing.kind == "exit":
        return [thing.name, f"It leads to {query_location(thing.destination_id).name}."]
    lines = [thing.name, thing.description or "You see nothing special."]
    if thing.kind == "object":
        inside = query_object(thing.id).objects
        lines += ["It holds:", *(held.name for held in inside)] if inside else []
    return lines


def handle_look_in(inv: Invocation):
    container = inv.args.container
    found = find(container, near=inv.actor.id, kinds=["object"])
    if not found:
        return f"You see no {container} here."
    if len(found) > 1:
        return which_one(found)
    inside = query_object(found[0].id).objects
    return ["It holds:", *(held.name for held in inside)] if inside else "It is empty."


def handle_go(inv: Invocation):
    wanted = inv.args.get("exit")
    if not wanted:
        return "Go where? Type exits to see the ways out."
    found = find(wanted, near=inv.actor.id, kinds=["exit"])
    if not found:
        return "You can't go that way."
    if len(found) > 1:
        return which_one(found)
    return walk(inv, found[0])


def handle_exit_name(inv: Invocation):
    """A line that is no command: an exit's whole name or alias, or not for us."""
    wanted = inv.args.get("exit", "").casefold()
    place = query_location(inv.location.id)
    for way in place.exits:
        if wanted in (name.casefold() for name in (way.name, *way.aliases)):
            return walk(inv, way)
    return Response(handled=False)


def handle_exits(inv: Invocation):
    ways = query_location(inv.location.id).exits
    if not ways:
        return "There is no way out of here."
    return ["Obvious exits:", *(f"{way.name} to {query_location(way.destination_id).name}" for way in ways)]


def handle_home(inv: Invocation):
    home = inv.actor.attributes.home
    if home is None:
        return "You have no home yet. Go where you want it to be, and type: home here"
    if home == inv.location.id:
        return "You are at home."
    try:
        there = query_location(home)
    except HostError as error:
        if error.code != "not_found":
            raise
        return "Your home is not there any more. Go where you want it to be, and type: home here"
    return move(inv, there, exit_used="", way_out=" for home", way_in="", reason="home")


def handle_home_here(inv: Invocation):
    set_attributes(inv.actor.id, home=inv.location.id)
    return f"{inv.location.name} is your home now."


def walk(inv: Invocation, way: Record):
    if way.lock and not passes(way.lock, what_opens(inv.actor)):
        return f"{way.name} is locked."
    there = query_location(way.destination_id)
    return move(inv, there, way.name, way_out=f" {way.name}", way_in=came_from(inv.location, there), reason="walk")


def move(inv: Invocation, there: Record, exit_used: str, way_out: str, way_in: str, reason: str):
    """Go there, and let those on both sides see it: "Alice leaves<way_out>.", "Alice arrives<way_in>."."""
    actor, here = inv.actor, inv.location
    move_character(actor.id, there.id)
    step = {
        "character_id": actor.id,
        "character_name": actor.name,
        "from_location": here.id,
        "to_location": there.id,
        "exit_used": exit_used,
    }
    emit_event(stream=f"location:{here.id}", type="leave", payload={**step, "way": way_out, "reason": reason})
    emit_event(stream=f"location:{there.id}", type="arrive", payload={**step, "via": way_in})
    return describe_place(there, viewer_id=actor.id)


def what_opens(actor: Record) -> set[str]:
    """Whom and what a lock may name that this character is or carries."""
    carried = query_character(actor.id).objects
    return {text.casefold() for one in (actor, *carried) for text in (one.name, one.id)}


def came_from(here: Record, there: Record) -> str:
    """The end of "Bob arrives ...": the way back, as those already there know it."""
    back = next((way.name for way in there.exits if way.destination_id == here.id), None)
    if back in COMPASS:
        return f" from the {back}"
    return FROM.get(back, f" from {here.name}")


def describe_place(place: Record, viewer_id: str) -> list[str]:
    lines = [place.name]
    if place.description:
        lines.append(place.description)
    contents = [person.name for person in place.characters if person.connected and person.id != viewer_id]
    contents += [thing.name for thing in place.objects]
    if contents:
        lines += ["Contents:", *contents]
    if place.exits:
        lines += ["Obvious exits:", "  ".join(way.name for way in place.exits)]
    return lines


def which_one(found: list[Record]) -> str:
    return "Which one: " + ", ".join(thing.name for thing in found) + "?"
