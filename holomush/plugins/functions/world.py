"""The host functions that emit events and that read and change the world. Each takes its call and texts, and gives a JSON value.

All changes are staged on the call's transaction. What exists, and how it may be put together, is the object model's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
from ulid import ULID

from holomush.clock import now
from holomush.events.event import EmittedEvent
from holomush.plugins.calls import Call
from holomush.plugins.functions.accounts import keep_an_admin_without
from holomush.plugins.functions.arguments import id_value, parse_json, parse_object, text_value
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.functions.views import View
from holomush.plugins.schema.values import check_value
from holomush.world.matching import SearchStoppedError, find_anywhere, find_near
from holomush.world.model import GAME_PLAYER_ID, Character, Entity, Exit, GameObject, Kind, Location
from holomush.world.names import BadName, check_name, clean_name
from holomush.world.texts import ALIAS_LIMIT, DESCRIPTION_LIMIT, LOCK_LIMIT, NAME_LIMIT, check_title

_HOLDERS = {"location": Kind.LOCATION, "character": Kind.CHARACTER, "container": Kind.OBJECT}
_FIND_CAPABILITIES = {
    Kind.LOCATION: "read:locations",
    Kind.EXIT: "read:locations",
    Kind.CHARACTER: "read:characters",
    Kind.OBJECT: "read:objects",
}


def emit_event(call: Call, text: str) -> None:
    """Stage an event."""
    call.emit(EmittedEvent.parse(parse_json(text)))


def query_location(call: Call, location_id: str) -> View:
    """A location with all that is in it."""
    call.require("read:locations")
    transaction = call.attempt.transaction
    return call.viewer.full_location(transaction, transaction.expect(location_id, Location))


def query_exit(call: Call, exit_id: str) -> View:
    """An exit."""
    call.require("read:locations")
    return call.viewer.exit(call.attempt.transaction.expect(exit_id, Exit))


def query_object(call: Call, object_id: str) -> View:
    """An object with what is inside it."""
    call.require("read:objects")
    transaction = call.attempt.transaction
    return call.viewer.full_thing(transaction, transaction.expect(object_id, GameObject))


def query_character(call: Call, character_id: str) -> View:
    """A character with what it carries."""
    call.require("read:characters")
    transaction = call.attempt.transaction
    return call.viewer.full_character(transaction, transaction.expect(character_id, Character))


def find(call: Call, text: str) -> list[View]:
    """What a character can mean by a name, or what there is anywhere by that name."""
    query = parse_json(text)
    match query:
        case {"name": str(name), "near": str() | None as near, "kinds": list(words)} if len(query) == 3:
            pass
        case _:
            raise HostCallError("invalid_argument", 'must be {"name": text, "near": character id or null, "kinds": [kinds]}')
    try:
        kinds = {Kind(word) for word in words}
    except (ValueError, TypeError) as exc:
        raise HostCallError("invalid_argument", f"kinds: must be some of {', '.join(Kind)}") from exc
    for kind in kinds:
        call.require(_FIND_CAPABILITIES[kind])
    transaction = call.attempt.transaction
    if near is None:
        found = _find_anywhere(call, name, kinds)
    else:
        found = find_near(transaction, transaction.expect(near, Character), name, kinds)
    return [call.viewer.entity(entity) for entity in found]


def _find_anywhere(call: Call, name: str, kinds: set[Kind]) -> list[Entity]:
    call.require("read:everywhere")
    if kinds - {Kind.CHARACTER}:
        call.must_be_patient()
    connected = call.surroundings.connected() if Kind.CHARACTER in kinds else []
    try:
        return find_anywhere(call.attempt.transaction, name, kinds, connected, call.must_stop)
    except SearchStoppedError as exc:
        # The guest itself is being interrupted; this only happened to be under way.
        raise HostCallError("timeout", str(exc)) from exc


# ---- Making ----------------------------------------------------------------------------------------------------------


def create_location(call: Call, text: str) -> View:
    """Make a location."""
    call.require("write:locations")
    fields = _read(call, text, {**_LOCATION_FIELDS, "id": _new_id}, required=("name",))
    location = Location(**{"id": str(ULID()), **fields})
    _create(call, location)
    return call.viewer.location(location)


def create_exit(call: Call, text: str) -> View:
    """Make an exit between two locations."""
    call.require("write:locations")
    fields = _read(call, text, {**_EXIT_FIELDS, "id": _new_id}, required=("name", "source_id", "destination_id"))
    exit_ = Exit(**{"id": str(ULID()), **fields})
    _create(call, exit_)
    return call.viewer.exit(exit_)


def create_object(call: Call, text: str) -> View:
    """Make an object somewhere."""
    call.require("write:objects")
    fields = _read(call, text, {**_OBJECT_FIELDS, "place": _place, "id": _new_id}, required=("name", "place"))
    word, holder_id = fields.pop("place")
    object_id = fields.pop("id", None) or str(ULID())
    kind = _holder(call, object_id, word, holder_id)
    thing = GameObject(id=object_id, holder_id=holder_id, holder_kind=kind, **fields)
    _create(call, thing)
    return call.viewer.thing(thing)


def create_character(call: Call, text: str) -> View:
    """Make a character of the game's own, which nobody can log in as."""
    call.require("write:characters")
    fields = _read(call, text, {**_CHARACTER_FIELDS, "location_id": _location_id}, required=("name", "location_id"))
    character = Character(id=str(ULID()), player_id=GAME_PLAYER_ID, created_at=now(), **fields)
    _create(call, character)
    return call.viewer.character(character)


def _create(call: Call, entity: Entity) -> None:
    if not call.attempt.pay(call.rates.creations):
        raise HostCallError("rate_limited", "the plugin has made as many things as it may for now")
    call.attempt.transaction.create(entity)


# ---- Changing --------------------------------------------------------------------------------------------------------


def update_location(call: Call, location_id: str, text: str) -> View:
    """Change a location's name, description or owner."""
    call.require("write:locations")
    return _update(call, call.attempt.transaction.expect(location_id, Location), _read(call, text, _LOCATION_FIELDS))


def update_exit(call: Call, exit_id: str, text: str) -> View:
    """Change anything of an exit."""
    call.require("write:locations")
    return _update(call, call.attempt.transaction.expect(exit_id, Exit), _read(call, text, _EXIT_FIELDS))


def update_object(call: Call, object_id: str, text: str) -> View:
    """Change an object's name, description, owner or lock."""
    call.require("write:objects")
    return _update(call, call.attempt.transaction.expect(object_id, GameObject), _read(call, text, _OBJECT_FIELDS))


def update_character(call: Call, character_id: str, text: str) -> View:
    """Change a character's description, or the name of one of the game's own."""
    call.require("write:characters")
    before = call.attempt.transaction.expect(character_id, Character)
    fields = _read(call, text, _CHARACTER_FIELDS)
    if before.player_id != GAME_PLAYER_ID and fields.get("name", before.name) != before.name:
        raise HostCallError("conflict", f"{before.name} is a player's character, and players log in by that name")
    return _update(call, before, fields)


def _update(call: Call, before: Entity, fields: Mapping[str, Any]) -> View:
    after = attrs.evolve(before, **fields)
    call.attempt.transaction.update(after)
    return call.viewer.entity(after)


def move_character(call: Call, character_id: str, location_id: str) -> None:
    """Put a character into a location."""
    call.require("write:characters")
    transaction = call.attempt.transaction
    character = transaction.expect(character_id, Character)
    transaction.expect(location_id, Location)
    transaction.update(attrs.evolve(character, location_id=location_id))


def move_object(call: Call, object_id: str, text: str) -> None:
    """Put an object into exactly one place."""
    call.require("write:objects")
    word, holder_id = _place(call, {"place": parse_json(text)}, "place")
    transaction = call.attempt.transaction
    thing = transaction.expect(object_id, GameObject)
    kind = _holder(call, object_id, word, holder_id)
    transaction.update(attrs.evolve(thing, holder_id=holder_id, holder_kind=kind))


# ---- Destroying ------------------------------------------------------------------------------------------------------


def destroy_location(call: Call, location_id: str) -> None:
    """Destroy a location that is empty and that no exit leads to."""
    call.require("write:locations")
    location = call.attempt.transaction.expect(location_id, Location)
    if location_id == call.surroundings.start():
        raise HostCallError("conflict", f"new characters begin in {location.name}, so it stays")
    call.attempt.transaction.destroy(location_id)


def destroy_exit(call: Call, exit_id: str) -> None:
    """Destroy an exit."""
    call.require("write:locations")
    call.attempt.transaction.expect(exit_id, Exit)
    call.attempt.transaction.destroy(exit_id)


def destroy_object(call: Call, object_id: str) -> None:
    """Destroy an object that holds nothing."""
    call.require("write:objects")
    call.attempt.transaction.expect(object_id, GameObject)
    call.attempt.transaction.destroy(object_id)


def destroy_character(call: Call, character_id: str) -> None:
    """Destroy a character that carries nothing and that nobody plays; with a player's last one the account goes, too."""
    call.require("write:characters")
    character = call.attempt.transaction.expect(character_id, Character)
    is_connected = call.surroundings.is_connected
    if is_connected(character_id):
        raise HostCallError("conflict", f"somebody plays {character.name} right now")
    keep_an_admin_without(call, character)
    call.attempt.conditions.append(lambda: not is_connected(character_id))
    call.attempt.transaction.destroy(character_id)


# ---- Fields ----------------------------------------------------------------------------------------------------------

_Field = Callable[[Call, Mapping[str, Any], str], Any]


def _read(call: Call, text: str, fields: Mapping[str, _Field], required: tuple[str, ...] = ()) -> dict[str, Any]:
    value = parse_object(text, tuple(fields), required)
    return {key: fields[key](call, value, key) for key in value}


def _name(_: Call, value: Mapping[str, Any], key: str) -> str:
    name = text_value(value, key, least=1, most=NAME_LIMIT)
    try:
        check_title(name)
    except ValueError as exc:
        raise HostCallError("invalid_argument", f"{key}: {exc}") from exc
    return name


def _thing_name(call: Call, value: Mapping[str, Any], key: str) -> str:
    name = _name(call, value, key)
    person = call.attempt.transaction.world.namesake(clean_name(name))
    if person is not None and person.player_id != GAME_PLAYER_ID:
        raise HostCallError("conflict", f"{key}: a thing called {name} could pass for {person.name}")
    return name


def _new_id(call: Call, value: Mapping[str, Any], key: str) -> str:
    try:
        entity_id: str = check_value("ulid", value[key])
    except ValueError as exc:
        raise HostCallError("invalid_argument", f"{key}: {exc}") from exc
    transaction = call.attempt.transaction
    # Nor one that this very call has destroyed: on disk it is there until the end.
    if transaction.get(entity_id) is not None or transaction.world.get(entity_id) is not None:
        raise HostCallError("conflict", f"{key}: {entity_id} is in use")
    return entity_id


def _character_name(_: Call, value: Mapping[str, Any], key: str) -> str:
    name = clean_name(text_value(value, key, least=1, most=NAME_LIMIT))
    try:
        check_name(name, of_player=False)
    except BadName as exc:
        raise HostCallError("invalid_argument", f"{key}: {exc}") from exc
    return name


def _description(_: Call, value: Mapping[str, Any], key: str) -> str:
    return text_value(value, key, most=DESCRIPTION_LIMIT, lines=True)


def _lock(_: Call, value: Mapping[str, Any], key: str) -> str:
    return text_value(value, key, most=LOCK_LIMIT)


def _aliases(call: Call, value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    aliases = value[key]
    if not isinstance(aliases, list) or len(aliases) > ALIAS_LIMIT:
        raise HostCallError("invalid_argument", f"{key}: must be a list of at most {ALIAS_LIMIT} names")
    return tuple(_name(call, {key: alias}, key) for alias in aliases)


def _owner_id(call: Call, value: Mapping[str, Any], key: str) -> str | None:
    if value[key] is None:
        return None
    return call.attempt.transaction.expect(id_value(value, key), Character).id


def _location_id(call: Call, value: Mapping[str, Any], key: str) -> str:
    return call.attempt.transaction.expect(id_value(value, key), Location).id


def _place(_: Call, value: Mapping[str, Any], key: str) -> tuple[str, str]:
    place = value[key]
    if not (isinstance(place, dict) and len(place) == 1 and next(iter(place)) in _HOLDERS):
        raise HostCallError("invalid_argument", 'must be {"location": id}, {"character": id} or {"container": id}')
    word = next(iter(place))
    return word, id_value(place, word)


def _holder(call: Call, object_id: str, word: str, holder_id: str) -> Kind:
    kind = call.attempt.transaction.holder_kind(object_id, holder_id)
    if kind is not _HOLDERS[word]:
        raise HostCallError("not_found", f"there is no {_HOLDERS[word]} with the id {holder_id[:40]!r}")
    return kind


_LOCATION_FIELDS: Mapping[str, _Field] = {"name": _name, "description": _description, "owner_id": _owner_id}
_OBJECT_FIELDS: Mapping[str, _Field] = {"name": _thing_name, "description": _description, "owner_id": _owner_id, "lock": _lock}
_CHARACTER_FIELDS: Mapping[str, _Field] = {"name": _character_name, "description": _description}
_EXIT_FIELDS: Mapping[str, _Field] = {
    "name": _name,
    "aliases": _aliases,
    "source_id": _location_id,
    "destination_id": _location_id,
    "lock": _lock,
}
