"""look, go, exits, home, and the names of exits as commands."""

from unicodedata import east_asian_width

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
from holomush_pdk.locks import passes
from holomush_pdk.markup import typed
from holomush_pdk.matching import name_key, which_one, without_article

COMPASS = {"north", "south", "east", "west", "northeast", "northwest", "southeast", "southwest"}
FROM = {"up": " from above", "down": " from below"}
# Of more exits than this only the names are told: a call may ask the server 256 times.
LOOKED_THROUGH = 200
# An exit has to lead somewhere. One that a builder has unlinked leads to its own place, and has this lock, which nobody passes.
NOBODY = "nobody"


def handle_look(inv: Invocation):
    target = inv.args.get("target")
    if not target:
        return describe_place(inv, query_location(inv.location.id))
    found = find_near(inv, target, kinds=["location", "character", "object", "exit"])
    # Those who are away are not seen, and so not meant.
    found = [thing for thing in found if thing.kind != "character" or thing.connected] or found
    if not found:
        return not_seen(target)
    if len(found) > 1:
        return which_one(found)
    thing = found[0]
    if thing.kind == "location":
        return describe_place(inv, query_location(thing.id))
    if thing.kind == "exit":
        if is_unlinked(thing):
            return f"{thing.name} leads nowhere."
        return [thing.name, f"It leads to {query_location(thing.destination_id).name}."]
    lines = [thing.name, thing.description or "You see nothing special."]
    if thing.kind == "object":
        inside = query_object(thing.id).objects
        lines += ["It holds:", *(held.name for held in inside)] if inside else []
    return lines


def handle_look_in(inv: Invocation):
    container = inv.args.get("container")
    if not container:
        return "Look in what?"
    if name_key(container) == "here":
        return describe_place(inv, query_location(inv.location.id))
    found = find_near(inv, container, kinds=["object"])
    if not found:
        return cannot_look_in(inv, container)
    if len(found) > 1:
        return which_one(found)
    inside = query_object(found[0].id).objects
    return ["It holds:", *(held.name for held in inside)] if inside else "It is empty."


def handle_go(inv: Invocation):
    wanted = inv.args.get("exit")
    if not wanted:
        return "Go where? Type exits to see the ways out."
    found = find_near(inv, wanted, kinds=["exit"])
    if not found:
        return "You can't go that way."
    if len(found) > 1:
        return which_one(found)
    return walk(inv, found[0])


def handle_exit_name(inv: Invocation):
    """A line that is no command: an exit's whole name or alias, or not for us."""
    wanted = name_key(inv.args.get("exit", ""))
    for way in find(wanted, near=inv.actor.id, kinds=["exit"]):
        if wanted in (name_key(name) for name in (way.name, *way.aliases)):
            return walk(inv, way)
    return Response(handled=False)


def handle_exits(inv: Invocation):
    ways = query_location(inv.location.id).exits
    if not ways:
        return "There is no way out of here."
    if len(ways) > LOOKED_THROUGH:
        return ["Obvious exits:", *(way.name for way in ways)]
    return ["Obvious exits:", *(with_destination(way) for way in ways)]


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
    if is_unlinked(way):
        return f"{way.name} leads nowhere."
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
    return describe_place(inv, there)


def find_near(inv: Invocation, name: str, kinds: list[str]) -> list[Record]:
    """What `name` fits around the actor. An article is overlooked if nothing fits with it."""
    found = find(name, near=inv.actor.id, kinds=kinds)
    bare = without_article(name)
    return find(bare, near=inv.actor.id, kinds=kinds) if not found and bare != name else found


def not_seen(name: str) -> str:
    return f"You see no {typed(without_article(name))} here."


def cannot_look_in(inv: Invocation, name: str) -> str:
    """No thing here is called `name`, but it may be somebody."""
    people = [person for person in find(name, near=inv.actor.id, kinds=["character"]) if person.connected]
    if not people:
        return not_seen(name)
    themselves = any(person.id == inv.actor.id for person in people)
    return f"You can't look into {'yourself' if themselves else people[0].name}."


def is_unlinked(way: Record) -> bool:
    return way.lock == NOBODY and way.destination_id == way.source_id


def with_destination(way: Record) -> str:
    return f"{way.name}, leading nowhere" if is_unlinked(way) else f"{way.name} to {query_location(way.destination_id).name}"


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


def describe_place(inv: Invocation, place: Record) -> list[str]:
    lines = [place.name]
    if place.description:
        lines.append(place.description)
    contents = [person.name for person in place.characters if person.connected and person.id != inv.actor.id]
    contents += [thing.name for thing in place.objects]
    if contents:
        lines += ["Contents:", *contents]
    if place.exits:
        names = [way.name for way in place.exits]
        # Side by side they save room on a screen; read aloud, they would run into one another.
        lines += ["Obvious exits:", *(names if inv.session.screen_reader else rows(names, inv.session.width))]
    return lines


def rows(names: list[str], width: int) -> list[str]:
    """Names side by side, in as many rows as they need. No name is broken."""
    filled = names[:1]
    for name in names[1:]:
        longer = f"{filled[-1]}  {name}"
        if columns(longer) <= width:
            filled[-1] = longer
        else:
            filled.append(name)
    return filled


def columns(text: str) -> int:
    """How wide a text is on a terminal."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
