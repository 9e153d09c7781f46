"""name, describe, lock, unlock, set and chown: what a place, an exit, a thing or a person is like, and whose it is."""

import re

from choosing import choose, choose_person
from holomush_pdk import (
    HostError,
    Invocation,
    Record,
    Response,
    set_attributes,
    update_character,
    update_exit,
    update_location,
    update_object,
)
from holomush_pdk.locks import BadLock
from holomush_pdk.locks import check as check_lock
from holomush_pdk.markup import typed
from holomush_pdk.matching import name_key
from naming import checked_exit_names, checked_name, checked_thing_name, must_be_free, unquoted
from refusing import Refusal, answering
from rights import is_builder, must_be_theirs
from wording import exit_names, sentence_start, spoken

UPDATES = {"location": update_location, "object": update_object, "exit": update_exit, "character": update_character}
LONGEST_DESCRIPTION = 8192
LONGEST_LOCK = 1024
LONGEST_PROPERTY = 4096
MOST_PROPERTIES = 50

_CODE = re.compile("%([rbt%])", re.IGNORECASE)
_CODES = {"r": "\n", "b": " ", "t": "\t", "%": "%"}
_PROPERTY = re.compile("[A-Za-z0-9_-]{1,64}")
_LOCK_NAME = re.compile("[^|&!()]+")


@answering
def handle_name(inv: Invocation):
    return give_name(inv, choose(inv, inv.args.what), inv.args.get("name", ""))


def give_name(inv: Invocation, thing: Record, text: str):
    if thing.kind == "character":
        raise Refusal("People keep their names.")
    must_be_theirs(inv, thing)
    if thing.kind == "exit":
        name, *aliases = checked_exit_names(text)
        must_be_free(Record(id=thing.source_id, name="This place"), [name, *aliases], but=thing.id)
        way = update_exit(thing.id, name=name, aliases=aliases)
        return f"{thing.name} is called {exit_names(way)} now."
    check = checked_thing_name if thing.kind == "object" else checked_name
    named = UPDATES[thing.kind](thing.id, name=check(unquoted(text)))
    return f"{thing.name} is called {named.name} now."


@answering
def handle_describe(inv: Invocation):
    if name_key(inv.args.what) == "me":
        return describe(inv, inv.actor, inv.args.get("text", ""))
    if not is_builder(inv):
        raise Refusal("You can only describe yourself: describe me=<text>")
    return describe(inv, choose(inv, inv.args.what), inv.args.get("text", ""))


def describe(inv: Invocation, thing: Record, text: str):
    must_be_theirs(inv, thing)
    if thing.kind == "exit":
        raise Refusal("Exits have no description. Describe the places that they join.")
    description = checked_description(text)
    UPDATES[thing.kind](thing.id, description=description)
    return f"Description of {spoken(thing)} {'set' if description else 'cleared'}."


def checked_description(text: str) -> str:
    """A description as it is kept: `%r` is a new line in it, `%b` a blank, `%t` a tab and `%%` a percent sign."""
    description = _CODE.sub(lambda found: _CODES[found[1].lower()], text)
    if len(description) > LONGEST_DESCRIPTION:
        raise Refusal(f"A description has at most {LONGEST_DESCRIPTION} characters. This one has {len(description)}.")
    return description


@answering
def handle_lock(inv: Invocation):
    return set_lock(inv, choose(inv, inv.args.what), inv.args.get("key", ""))


@answering
def handle_unlock(inv: Invocation):
    return set_lock(inv, choose(inv, inv.args.what), "")


def set_lock(inv: Invocation, thing: Record, text: str):
    """Whoever does not pass a lock cannot use the exit, or take the thing."""
    if thing.kind not in {"exit", "object"}:
        raise Refusal("Only exits and things have locks.")
    must_be_theirs(inv, thing)
    lock = _LOCK_NAME.sub(lambda found: lock_name(inv, found[0]), text).strip()
    if len(lock) > LONGEST_LOCK:
        raise Refusal(f"A lock has at most {LONGEST_LOCK} characters.")
    try:
        check_lock(lock)
    except BadLock as error:
        raise Refusal(f"That is no lock: {typed(str(error))}.") from None
    UPDATES[thing.kind](thing.id, lock=lock)
    if thing.kind == "exit" and thing.attributes.loose:
        set_attributes(thing.id, lock_before=lock)
    return f"{sentence_start(thing)} is {'locked' if lock else 'unlocked'} now."


def lock_name(inv: Invocation, name: str) -> str:
    """One name in a lock: `me` is the actor, and an id goes without its #."""
    word = name.strip()
    meant = inv.actor.name if word.casefold() == "me" else word.removeprefix("#")
    return name.replace(word, meant) if word else name


@answering
def handle_set(inv: Invocation):
    what, slash, key = inv.args.what.rpartition("/")
    value = inv.args.get("value", "")
    if slash:
        return set_field(inv, choose(inv, what.strip()), key, value)
    thing = choose(inv, key)
    field, colon, text = value.partition(":")
    return set_field(inv, thing, field, text.strip()) if colon else set_flag(inv, thing, value)


@answering
def handle_and(inv: Invocation):
    """`&colour lamp=green`, as MUSHes have it."""
    field, what = inv.args.get("property"), inv.args.get("what")
    if not field or not what:
        raise Refusal("Usage: &<property> <what>=<text>")
    return set_field(inv, choose(inv, what), field, inv.args.get("value", ""))


def set_field(inv: Invocation, thing: Record, name: str, value: str):
    """A property, or what has a command of its own."""
    field = name_key(name)
    if field == "lock":
        return set_lock(inv, thing, value)
    if field == "name":
        return give_name(inv, thing, value)
    if field in {"desc", "description"}:
        return describe(inv, thing, value)
    return set_property(inv, thing, field, value)


def set_flag(inv: Invocation, thing: Record, value: str):
    flag = name_key(value)
    if flag not in {"link_ok", "!link_ok"}:
        raise Refusal("Set what? Type: set here=link_ok, set here=!link_ok or set <thing>/<property>=<text>")
    must_be_theirs(inv, thing)
    if thing.kind != "location":
        raise Refusal("Only places can be link_ok.")
    set_attributes(thing.id, link_ok=flag == "link_ok")
    if flag == "link_ok":
        return f"{thing.name} is link_ok: other builders may open exits to it and teleport there."
    return f"{thing.name} is not link_ok any more. Exits that lead to it stay."


def set_property(inv: Invocation, thing: Record, name: str, value: str):
    """A text of its own under a name, for whatever builders need. No text takes the property away."""
    must_be_theirs(inv, thing)
    if not _PROPERTY.fullmatch(name):
        raise Refusal("The name of a property is 1 to 64 letters, digits, - and _.")
    if len(value) > LONGEST_PROPERTY:
        raise Refusal(f"The text of a property has at most {LONGEST_PROPERTY} characters.")
    properties = dict(thing.attributes.properties)
    if not value:
        if name not in properties:
            raise Refusal(f"{sentence_start(thing)} has no property {name}.")
        del properties[name]
    else:
        properties[name] = value
    if len(properties) > MOST_PROPERTIES:
        raise Refusal(f"There is room for {MOST_PROPERTIES} properties on one thing.")
    try:
        set_attributes(thing.id, properties=properties)
    except HostError as error:
        if error.code not in {"too_large", "invalid_argument"}:
            raise
        # All that a plugin notes on one thing may have 64 KiB.
        raise Refusal("That is more than can be kept on one thing.") from None
    return f"Property {name} of {spoken(thing)} {'set' if value else 'cleared'}."


@answering
def handle_chown(inv: Invocation):
    thing = choose(inv, inv.args.what)
    if thing.kind == "character":
        raise Refusal("People belong to nobody.")
    if thing.kind == "exit":
        raise Refusal("An exit belongs to whoever owns the place that it leads from.")
    must_be_theirs(inv, thing)
    person = choose_person(inv, inv.args.who)
    if thing.owner_id == person.id:
        raise Refusal(f"{sentence_start(thing)} belongs to {person.name} already.")
    UPDATES[thing.kind](thing.id, owner_id=person.id)
    events = []
    if person.id != inv.actor.id:
        payload = {"character_id": inv.actor.id, "character_name": inv.actor.name, "object_id": thing.id, "object": spoken(thing)}
        events.append({"stream": f"character:{person.id}", "type": "chown", "payload": payload})
    return Response(f"{sentence_start(thing)} belongs to {person.name} now.", events)
