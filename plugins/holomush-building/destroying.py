"""destroy: an exit, a thing or a place is gone, and those whom it concerns are told. `undo` brings it back."""

from choosing import choose
from holomush_pdk import (
    HostError,
    Invocation,
    Record,
    Response,
    destroy_exit,
    destroy_location,
    destroy_object,
    move_character,
    move_object,
    query_character,
    query_exit,
    query_location,
    query_object,
)
from keeping import forget, keep
from refusing import Refusal, answering, because
from rights import must_be_theirs
from wording import count, sentence_start, spoken

# A command may ask the server 256 times and emit 64 events. Of a place, each exit may take three questions, each of the rest one
# or two events.
MOST_EXITS = 40
MOST_PEOPLE = 25
MOST_THINGS = 50
# As many things as one place or container holds.
ROOM = 500

HOLDERS = {"location_id": query_location, "character_id": query_character, "container_id": query_object}


@answering
def handle_destroy(inv: Invocation):
    thing = choose(inv, inv.args.what)
    if thing.kind == "character":
        raise Refusal("People can't be destroyed.")
    must_be_theirs(inv, thing)
    return DESTROYERS[thing.kind](inv, thing)


def destroy_way(inv: Invocation, way: Record):
    keep(inv, query_exit(way.id), [])
    destroy_exit(way.id)
    event = told(inv, "destroy", f"location:{way.source_id}", way, object=f"the exit {way.name}")
    return Response(f"{way.name} destroyed. To have it back, type: undo", [event])


def destroy_thing(inv: Invocation, thing: Record):
    """What it holds comes to where it was."""
    inside = query_object(thing.id).objects
    key = next(key for key in HOLDERS if thing[key])
    if inside:
        must_have_room(HOLDERS[key](thing[key]), inside, sentence_start(thing))
    keep(inv, without_contents(thing), [])
    for held in inside:
        move_object(held.id, **{key.removesuffix("_id"): thing[key]})
    destroy_object(thing.id)
    said = f"{sentence_start(thing)} destroyed. To have it back, type: undo"
    lines = [said, f"It held {count(len(inside), 'thing')}. What it held is where it was."] if inside else [said]
    return Response(lines, told_where_it_was(inv, thing))


def told_where_it_was(inv: Invocation, thing: Record) -> list[dict]:
    if thing.location_id:
        return [told(inv, "destroy", f"location:{thing.location_id}", thing)]
    if thing.character_id and thing.character_id != inv.actor.id:
        return [told(inv, "destroy", f"character:{thing.character_id}", thing)]
    return []


def destroy_place(inv: Invocation, place: Record):
    """Its exits and those that lead to it go, too. Everybody and everything in it comes to the next place."""
    place = query_location(place.id)
    if len(place.exits) + len(place.entrance_ids) > MOST_EXITS:
        raise Refusal(f"More than {MOST_EXITS} exits lead from and to {place.name}. Destroy some of them first.")
    people, things = place.characters, place.objects
    if len(people) > MOST_PEOPLE:
        raise Refusal(f"More than {MOST_PEOPLE} people are in {place.name}. Wait until there are fewer.")
    ways = {way.id: way for way in (*place.exits, *(query_exit(entrance) for entrance in place.entrance_ids))}
    there = next_place(inv, place, list(ways.values())) if people or things else None
    if there:
        must_have_room(there, things, place.name)
    keep(inv, without_contents(place), list(ways.values()))
    must_not_be_needed(place)
    for person in people:
        move_character(person.id, there.id)
    for thing in things:
        move_object(thing.id, location=there.id)
    for way_id in ways:
        destroy_exit(way_id)
    if there or ways:
        destroy_location(place.id)
    lines = [f"{place.name} destroyed. To have it back, type: undo"]
    if ways:
        lines.append(f"{count(len(ways), 'exit')} went with it.")
    if there:
        lines.append(f"Everybody and everything in it is in {there.name} now.")
    return Response(lines, told_people(inv, people, place, there) if there else [])


def next_place(inv: Invocation, place: Record, ways: list[Record]) -> Record:
    """Where those go who are in a place that is destroyed: where its first exit leads, or else where one leads from.

    If there is none, to the actor, who must not be in there, then.
    """
    ends = [way.destination_id for way in ways] + [way.source_id for way in ways] + [inv.location.id]
    elsewhere = [end for end in ends if end != place.id]
    if not elsewhere:
        raise Refusal(f"There is no way out of {place.name}. Go elsewhere, and type: destroy #{place.id}")
    return query_location(elsewhere[0])


def must_not_be_needed(place: Record) -> None:
    """Lets the server say whether it needs a place, such as the one where new characters begin, before anything is moved.

    That is a conflict. What it says of a place that is only not empty yet does not count. An empty one is gone with that.
    """
    try:
        destroy_location(place.id)
    except HostError as error:
        if error.code == "conflict":
            forget(place.id)
            raise because(error) from None
        if error.code != "invalid_argument":
            raise


def must_have_room(holder: Record, things: list[Record], name: str) -> None:
    if len(things) > MOST_THINGS:
        raise Refusal(f"{name} holds more than {MOST_THINGS} things. Take some of them out first.")
    if len(things) + len(holder.objects) > ROOM:
        raise Refusal(f"{name} holds more than there is room for in {holder.name}. Take some of it out first.")


def without_contents(thing: Record) -> Record:
    """A thing or a place by itself, as it is kept."""
    return Record({key: thing[key] for key in thing if key not in {"characters", "objects", "exits", "entrance_ids"}})


def told_people(inv: Invocation, people: list[Record], place: Record, there: Record) -> list[dict]:
    """They read what has become of the place under their feet; those in the next place see them come."""
    others = [person for person in people if person.id != inv.actor.id]
    evicted = [told(inv, "evict", f"character:{person.id}", place, to=there.name) for person in others]
    return evicted + [arrival(inv, person, place, there) for person in people if person.connected]


def arrival(inv: Invocation, person: Record, place: Record, there: Record) -> dict:
    step = {
        "character_id": person.id,
        "character_name": person.name,
        "from_location": place.id,
        "to_location": there.id,
        "exit_used": "",
        "reason": "destroy",
    }
    if person.id != inv.actor.id:
        step["target_id"] = person.id
    return {"stream": f"location:{there.id}", "type": "arrive", "payload": step}


def told(inv: Invocation, event_type: str, stream: str, thing: Record, **more: str) -> dict:
    payload = {
        "character_id": inv.actor.id,
        "character_name": inv.actor.name,
        "object_id": thing.id,
        "object": spoken(thing),
    }
    return {"stream": stream, "type": event_type, "payload": {**payload, **more}}


DESTROYERS = {"exit": destroy_way, "object": destroy_thing, "location": destroy_place}
