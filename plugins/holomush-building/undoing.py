"""undo: what a builder has destroyed last is there again, under the same id."""

from choosing import exists
from holomush_pdk import (
    HostError,
    Invocation,
    Record,
    create_location,
    create_object,
    destroy_location,
    set_attributes,
)
from keeping import KEPT_FOR, forget, last_kept
from making import Making
from refusing import Refusal, answering, because
from wording import count, sentence_start

# Where a thing is, in what the server shows, and what create_object calls that.
HOLDERS = {"location_id": "location", "character_id": "character", "container_id": "container"}
HOURS = KEPT_FOR // (60 * 60 * 1000)


@answering
def handle_undo(inv: Invocation):
    kept = last_kept(inv)
    if kept is None:
        raise Refusal(f"You have destroyed nothing in the last {HOURS} hours that could be brought back.")
    thing = Record(kept["thing"])
    if thing.kind == "exit":
        said = restore_exit(thing)
    elif thing.kind == "object":
        said = restore_thing(inv, thing)
    else:
        said = restore_place(inv, thing, [Record(way) for way in kept["ways"]])
    forget(thing.id)
    return said


def restore_exit(way: Record):
    if not has_both_ends(way):
        # Answered, not refused: it is forgotten, and does not stand in the way of what was destroyed before it.
        return f"{way.name} cannot come back: a place that it joined is gone."
    make_exit(Making(), way)
    return f"{way.name} is back."


def restore_thing(inv: Invocation, thing: Record):
    """It is where it was, or if that is gone or full, in the actor's hands."""
    fields = {key: thing[key] for key in ("id", "name", "description", "lock")}
    fields["owner_id"] = owner(inv, thing)
    holder = next(key for key in HOLDERS if thing[key])
    where = "where it was"
    try:
        create_object(**fields, **{HOLDERS[holder]: thing[holder]})
    except HostError as error:
        if error.code not in {"not_found", "invalid_argument"}:
            raise because(error) from None
        where = "in your hands"
        Making().make(create_object, None, character=inv.actor.id, **fields)
    note_attributes(thing)
    return f"{sentence_start(thing)} is back, {where}."


def restore_place(inv: Invocation, place: Record, ways: list[Record]):
    """With its exits and those that led there, as far as the places at their other ends are still there."""
    making = Making()
    fields = {key: place[key] for key in ("id", "name", "description")}
    making.make(create_location, destroy_location, owner_id=owner(inv, place), **fields)
    note_attributes(place)
    back = [way for way in ways if has_both_ends(way)]
    for way in back:
        make_exit(making, way)
    lines = [f"{place.name} is back, with {count(len(back), 'exit')}."]
    if len(back) < len(ways):
        lines.append(f"{count(len(ways) - len(back), 'exit')} could not come back: the places at the other end are gone.")
    return lines


def has_both_ends(way: Record) -> bool:
    return all(exists("location", end) for end in (way.source_id, way.destination_id))


def make_exit(making: Making, way: Record) -> None:
    ends = [Record(id=way[key]) for key in ("source_id", "destination_id")]
    making.make_exit([way.name, *way.aliases], *ends, id=way.id, lock=way.lock)
    note_attributes(way)


def owner(inv: Invocation, thing: Record) -> str | None:
    """Whose it was; the actor's if that character is gone."""
    if thing.owner_id is None or exists("character", thing.owner_id):
        return thing.owner_id
    return inv.actor.id


def note_attributes(thing: Record) -> None:
    noted = {name: value for name, value in thing.attributes.items() if value}
    if noted:
        set_attributes(thing.id, **noted)
