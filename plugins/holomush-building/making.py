"""dig, open, link, unlink and create: new places, exits and things, and where exits lead."""

import re
from collections.abc import Callable
from functools import partial

from choosing import choose, choose_place
from describing import checked_description
from holomush_pdk import (
    HostError,
    Invocation,
    Record,
    create_exit,
    create_location,
    create_object,
    destroy_exit,
    destroy_location,
    find,
    set_attributes,
    update_exit,
)
from holomush_pdk.matching import name_key, without_article
from naming import checked_exit_names, checked_name, checked_thing_name, must_be_free, unquoted
from refusing import Refusal, answering, because
from rights import is_theirs, may_lead_to, must_be_theirs
from wording import exit_names

# The lock of an exit that leads nowhere. Nobody and nothing can be called so.
NOBODY = "nobody"
DIG_USAGE = "Usage: dig <place>    or    dig <exit> to <place> [return <exit>]    or    dig <place>=<exit>,<exit>"
# What dig would not read as a part of the place's name, unless in quotes.
_SPLITS = re.compile(r"\b(to|return)\b", re.IGNORECASE)


@answering
def handle_dig(inv: Invocation):
    # The rest is missing: nobody wants a place that is called so.
    if name_key(inv.args.place).endswith((" to", " return")):
        raise Refusal(DIG_USAGE)
    return dig(inv, inv.args.place, inv.args.get("exits", ""), inv.args.get("back", ""))


@answering
def handle_dig_equals(inv: Invocation):
    exits, _, back = inv.args.get("exits", "").partition(",")
    return dig(inv, inv.args.place, exits, back)


def dig(inv: Invocation, name: str, exits: str, back: str):
    """Makes a place, and the exits to it and back that are named."""
    name = checked_name(name)
    names = checked_exit_names(exits) if exits.strip() else []
    names_back = checked_exit_names(back) if back.strip() else []
    if (names or names_back) and not is_theirs(inv, inv.location):
        alone = f'"{name}"' if _SPLITS.search(name) else name
        raise Refusal(f"This place is not yours, so you can't open exits here. Without exits you can dig anywhere: dig {alone}")
    if names:
        must_be_free(inv.location, names)
    making = Making()
    place = making.make(create_location, destroy_location, name=name, owner_id=inv.actor.id)
    lines = [f"{place.name} dug."]
    if names:
        way = making.make_exit(names, inv.location, place)
        lines.append(f"Exit there: {exit_names(way)}.")
    if names_back:
        way = making.make_exit(names_back, place, inv.location)
        lines.append(f"Exit back: {exit_names(way)}.")
    if not names:
        lines.append(f"No exit leads there. To go there, type: teleport {place.name}")
    return lines


@answering
def handle_open(inv: Invocation):
    return open_exit(inv, inv.args.exits, inv.args.place, inv.args.get("back", ""))


@answering
def handle_open_equals(inv: Invocation):
    place, back = inv.args.place, ""
    # A place may have a comma in its name, names of exits hardly ever do.
    if "," in place and not find(place, near=None, kinds=["location"]):
        place, _, back = place.rpartition(",")
    return open_exit(inv, inv.args.exits, unquoted(place), back)


def open_exit(inv: Invocation, exits: str, place: str, back: str):
    """Makes an exit from here to a place that there is, and one back if it is named."""
    names = checked_exit_names(exits)
    names_back = checked_exit_names(back) if back.strip() else []
    if not is_theirs(inv, inv.location):
        raise Refusal("This place is not yours, so you can't open exits here.")
    there = choose_place(inv, place, may_lead_to)
    must_be_free(inv.location, names)
    if names_back:
        if not is_theirs(inv, there):
            raise Refusal(f"{there.name} is not yours, so you can't open an exit there. Leave out the way back.")
        must_be_free(there, names_back)
        if there.id == inv.location.id:
            raise Refusal("An exit that leads to its own place needs no way back.")
    making = Making()
    way = making.make_exit(names, inv.location, there)
    lines = [f"Exit to {there.name} opened: {exit_names(way)}."]
    if names_back:
        way = making.make_exit(names_back, there, inv.location)
        lines.append(f"Exit back: {exit_names(way)}.")
    return lines


@answering
def handle_link(inv: Invocation):
    way = choose_exit(inv, inv.args.exit)
    there = choose_place(inv, unquoted(inv.args.place), may_lead_to)
    changes = {"destination_id": there.id}
    if way.attributes.loose:
        changes["lock"] = way.attributes.lock_before
        set_attributes(way.id, loose=None, lock_before=None)
    update_exit(way.id, **changes)
    return f"{way.name} leads to {there.name} now."


@answering
def handle_unlink(inv: Invocation):
    """An exit has to lead somewhere. One that is unlinked leads to its own place, and nobody passes its lock."""
    way = choose_exit(inv, inv.args.exit)
    if way.attributes.loose:
        raise Refusal(f"{way.name} leads nowhere already.")
    set_attributes(way.id, loose=True, lock_before=way.lock)
    update_exit(way.id, destination_id=way.source_id, lock=NOBODY)
    return f"{way.name} leads nowhere now, and is locked. To let it lead somewhere, type: link {way.name} to <place>"


@answering
def handle_create(inv: Invocation):
    typed = " ".join(inv.args.name.split())
    # "create a brass key" makes a brass key; other commands and locks then know it by that name. Quotes make no difference.
    name = without_article(typed) if name_key(typed).startswith(("a ", "an ")) else typed
    name = checked_thing_name(name)
    description = checked_description(inv.args.get("description", ""))
    thing = Making().make(create_object, None, name=name, character=inv.actor.id, description=description, owner_id=inv.actor.id)
    return f"{thing.name} created. You are holding it."


def choose_exit(inv: Invocation, name: str) -> Record:
    """An exit that the actor may change."""
    way = choose(inv, name)
    if way.kind != "exit":
        raise Refusal(f"{way.name} is not an exit.")
    must_be_theirs(inv, way)
    return way


class Making:
    """Makes one thing after the other. If the server refuses one, those before it are taken back: all or nothing."""

    def __init__(self):
        self.steps_back: list[Callable[[], None]] = []

    def make(self, create: Callable[..., Record], destroy: Callable[[str], None] | None, **fields) -> Record:
        try:
            made = create(**fields)
        except HostError as error:
            for step_back in reversed(self.steps_back):
                step_back()
            raise because(error) from None
        if destroy:
            self.steps_back.append(partial(destroy, made.id))
        return made

    def make_exit(self, names: list[str], source: Record, destination: Record, **fields) -> Record:
        name, *aliases = names
        ends = {"source_id": source.id, "destination_id": destination.id}
        return self.make(create_exit, destroy_exit, name=name, aliases=aliases, **ends, **fields)
