"""Making, changing and destroying: what each function gives, every way it refuses, and that a commit makes it true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from dispatch.rig import ALICE, Heart, open_heart
from hypothesis import given
from hypothesis import strategies as st

from holomush.plugins.calls import Call
from holomush.plugins.guests.guest import GuestFailedError, SourceRuntime
from holomush.plugins.roster.capabilities import NOTHING
from holomush.world.model import GAME_PLAYER_ID, Character, Entity, GameObject, Kind, Location
from holomush.world.rows import load_entities
from holomush.world.texts import ALIAS_LIMIT, DESCRIPTION_LIMIT, LOCK_LIMIT, NAME_LIMIT
from plugins.functions.asking import ask, envelope, refusal
from plugins.rooms import alice_only, make_call, make_surroundings, make_world

ULID_LENGTH = 26


def make_writer(*more: Entity, capabilities: tuple[str, ...] = ("write:*", "read:*")) -> Call:
    """A call that may do everything, in the small world and an attic that is empty."""
    world = make_world()
    extra = [Location(id="attic", name="The Attic"), *more]
    world.apply({entity.id: entity for entity in extra})
    return make_call(*capabilities, world=world, surroundings=make_surroundings(is_connected=alice_only))


def game_character(name: str = "Guard") -> Character:
    """One of the game's own."""
    return Character(id="guard", name=name, player_id=GAME_PLAYER_ID, location_id="garden")


# ---- Making ----------------------------------------------------------------------------------------------------------


def test_create_location() -> None:
    call = make_writer()
    made = ask(call, "create_location", {"name": "Cellar", "description": "Dark.\n\tDamp.", "owner_id": "bob"})
    assert len(made.pop("id")) == ULID_LENGTH
    assert made == {"kind": "location", "name": "Cellar", "description": "Dark.\n\tDamp.", "owner_id": "bob"}
    bare = ask(call, "create_location", {"name": "Bare"})
    assert bare == {"kind": "location", "id": bare["id"], "name": "Bare", "description": "", "owner_id": None}


def test_create_exit() -> None:
    call = make_writer()
    fields = {"name": "up", "aliases": ["u", "ladder up"], "source_id": "garden", "destination_id": "attic", "lock": "key"}
    made = ask(call, "create_exit", fields)
    assert made == {"kind": "exit", "id": made["id"], **fields}
    assert ask(call, "query_location", "garden")["exits"] == [made]
    loop = ask(call, "create_exit", {"name": "round", "source_id": "attic", "destination_id": "attic"})
    assert (loop["aliases"], loop["lock"]) == ([], "")


@pytest.mark.parametrize(
    ("place", "key"),
    [({"location": "garden"}, "location_id"), ({"character": "bob"}, "character_id"), ({"container": "bag"}, "container_id")],
)
def test_create_object(place: dict[str, str], key: str) -> None:
    call = make_writer()
    made = ask(call, "create_object", {"name": "key", "place": place, "owner_id": "alice"})
    (holder_id,) = place.values()
    plainly = {"kind": "object", "id": made["id"], "name": "key", "description": "", "owner_id": "alice"}
    assert made == {**plainly, "location_id": None, "character_id": None, "container_id": None, "lock": "", key: holder_id}
    assert made["id"] in call.attempt.transaction.contents(holder_id).objects


def test_create_object_with_a_lock() -> None:
    call = make_writer()
    made = ask(call, "create_object", {"name": "key", "place": {"location": "garden"}, "lock": "nobody"})
    assert made["lock"] == "nobody"
    assert ask(call, "query_object", made["id"])["lock"] == "nobody"


NEW_ID = "01K0000000000000000000NEW1"


@pytest.mark.parametrize("name", ["create_location", "create_exit", "create_object"])
def test_an_id_of_ones_own(name: str) -> None:
    call = make_writer()
    fields = {**MAKING[name], "id": NEW_ID}
    assert ask(call, name, fields)["id"] == NEW_ID
    assert refusal(call, name, fields) == ("conflict", f"id: {NEW_ID} is in use")
    ask(call, name.replace("create", "destroy"), NEW_ID)
    assert ask(call, name, fields)["id"] == NEW_ID


@pytest.mark.parametrize("entity_id", ["", "x", None, 7, NEW_ID.lower(), NEW_ID[1:], f"8{NEW_ID[1:]}", f"{NEW_ID[:-1]}U"])
def test_an_id_that_is_none(entity_id: object) -> None:
    code, message = refusal(make_writer(), "create_location", {"name": "Cellar", "id": entity_id})
    assert (code, message) == ("invalid_argument", "id: must be a ULID: 26 of the characters 0-9 and A-Z without I, L, O and U")


def test_the_id_of_what_is_destroyed_in_the_same_call_is_in_use_to_the_end() -> None:
    call = make_writer(Location(id=NEW_ID, name="Old"))
    ask(call, "destroy_location", NEW_ID)
    assert refusal(call, "create_location", {"name": "New", "id": NEW_ID}) == ("conflict", f"id: {NEW_ID} is in use")


def test_create_character() -> None:
    call = make_writer()
    made = ask(call, "create_character", {"name": " The   Guard ", "location_id": "garden", "description": "Grim."})
    plainly = {"kind": "character", "id": made["id"], "name": "The Guard", "description": "Grim."}
    assert made == {**plainly, "location_id": "garden", "connected": False}
    staged = call.attempt.transaction.get(made["id"])
    assert isinstance(staged, Character)
    assert staged.player_id == GAME_PLAYER_ID
    assert staged.created_at > 1_600_000_000_000


def test_what_was_made_can_be_used_at_once() -> None:
    call = make_writer()
    cellar = ask(call, "create_location", {"name": "Cellar"})["id"]
    guard = ask(call, "create_character", {"name": "Guard", "location_id": cellar})["id"]
    chest = ask(call, "create_object", {"name": "chest", "place": {"location": cellar}, "owner_id": guard})["id"]
    ask(call, "create_object", {"name": "coin", "place": {"container": chest}})
    ask(call, "create_exit", {"name": "down", "source_id": "square", "destination_id": cellar})
    ask(call, "update_location", cellar, {"owner_id": guard})
    seen = ask(call, "query_location", cellar)
    assert seen["owner_id"] == guard
    assert [character["name"] for character in seen["characters"]] == ["Guard"]
    assert [thing["name"] for thing in seen["objects"]] == ["chest"]


@pytest.mark.parametrize("name", ["Alice", "ALICE", "\uff21lice", "dora"])
def test_a_character_needs_a_name_of_its_own(name: str) -> None:
    code, message = refusal(make_writer(), "create_character", {"name": name, "location_id": "square"})
    assert code == "invalid_argument"
    assert message.endswith(" is taken")


def test_two_new_characters_need_two_names() -> None:
    call = make_writer()
    ask(call, "create_character", {"name": "Guard", "location_id": "square"})
    taken = ("invalid_argument", "the name guard is taken")
    assert refusal(call, "create_character", {"name": "guard", "location_id": "square"}) == taken


# ---- Changing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "entity_id", "changes"),
    [
        ("update_location", "square", {"name": "The Place"}),
        ("update_location", "square", {"description": "Narrow.\nLong."}),
        ("update_location", "square", {"owner_id": None}),
        ("update_location", "square", {"owner_id": "dora"}),
        ("update_exit", "north", {"name": "south", "aliases": [], "lock": ""}),
        ("update_exit", "north", {"source_id": "garden", "destination_id": "attic"}),
        ("update_object", "lamp", {"lock": "owner"}),
        ("update_object", "lamp", {"name": "torch", "description": "Bright.", "owner_id": "alice"}),
        ("update_character", "alice", {"description": "Small."}),
        ("update_character", "alice", {"name": "Alice", "description": ""}),
        ("update_character", "guard", {"name": "Captain"}),
        ("update_character", "guard", {"name": "GUARD"}),
    ],
)
def test_what_is_not_named_stays_as_it_is(name: str, entity_id: str, changes: dict[str, Any]) -> None:
    call = make_writer(game_character())
    query = name.replace("update", "query")
    before = ask(call, query, entity_id)
    given_back = ask(call, name, entity_id, changes)
    after = ask(call, query, entity_id)
    inside = {"characters", "objects", "exits", "entrance_ids"}
    if name != "update_exit":
        assert after == {**before, **changes}
    assert given_back == {key: {**before, **changes}[key] for key in before if key not in inside}


@pytest.mark.parametrize("name", ["location", "exit", "object", "character"])
def test_changing_nothing(name: str) -> None:
    call = make_writer()
    entity_id = {"location": "square", "exit": "north", "object": "lamp", "character": "alice"}[name]
    before = call.attempt.transaction.get(entity_id)
    assert ask(call, f"update_{name}", entity_id, {})["id"] == entity_id
    after = call.attempt.transaction.get(entity_id)
    assert before is not None
    assert after is not None
    assert attrs.asdict(before) == attrs.asdict(after)


def test_an_exit_moves_with_its_ends() -> None:
    call = make_writer()
    ask(call, "update_exit", "north", {"source_id": "attic", "destination_id": "attic"})
    assert ask(call, "query_location", "square")["exits"] == []
    assert [exit_["id"] for exit_ in ask(call, "query_location", "attic")["exits"]] == ["north"]
    assert call.attempt.transaction.contents("garden").entrances == ()


def test_players_log_in_by_their_characters_names() -> None:
    call = make_writer()
    said = "Alice is a player's character, and players log in by that name"
    assert refusal(call, "update_character", "alice", {"name": "Alicia"}) == ("conflict", said)
    assert refusal(call, "update_character", "alice", {"name": "ALICE"}) == ("conflict", said)


def test_a_name_that_is_taken_cannot_be_changed_to() -> None:
    call = make_writer(game_character())
    assert refusal(call, "update_character", "guard", {"name": "bob"}) == ("invalid_argument", "the name bob is taken")


# ---- Destroying ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "entity_id"),
    [
        ("destroy_location", "attic"),
        ("destroy_exit", "north"),
        ("destroy_object", "lamp"),
        ("destroy_character", "bob"),
        ("destroy_character", "guard"),
    ],
)
def test_destroy(name: str, entity_id: str) -> None:
    call = make_writer(game_character())
    assert ask(call, name, entity_id) is None
    assert call.attempt.transaction.changes == {entity_id: None}
    code, message = refusal(call, name, entity_id)
    assert code == "not_found"
    assert message == f"there is no {name.removeprefix('destroy_')} with the id {entity_id!r}"


@pytest.mark.parametrize(
    ("name", "entity_id", "code", "message"),
    [
        ("destroy_location", "square", "invalid_argument", "The Square is not empty"),
        ("destroy_location", "garden", "invalid_argument", "The Garden is not empty"),
        ("destroy_object", "bag", "invalid_argument", "bag is not empty"),
        ("destroy_character", "carrier", "invalid_argument", "Carrier is not empty"),
        ("destroy_character", "alice", "conflict", "somebody plays Alice right now"),
    ],
)
def test_what_is_in_use_stays(name: str, entity_id: str, code: str, message: str) -> None:
    carrier = Character(id="carrier", name="Carrier", player_id="p9", location_id="garden")
    load = GameObject(id="load", name="load", holder_id="carrier", holder_kind=Kind.CHARACTER)
    assert refusal(make_writer(carrier, load), name, entity_id) == (code, message)


def test_a_place_that_exits_lead_to_stays_until_they_are_gone() -> None:
    call = make_writer()
    ask(call, "move_character", "dora", "square")
    said = ("invalid_argument", "exits of other places lead to The Garden")
    assert refusal(call, "destroy_location", "garden") == said
    ask(call, "update_exit", "north", {"destination_id": "attic"})
    assert ask(call, "destroy_location", "garden") is None
    assert refusal(call, "destroy_location", "attic") == ("invalid_argument", "exits of other places lead to The Attic")
    ask(call, "destroy_exit", "north")
    assert ask(call, "destroy_location", "attic") is None


def test_the_place_where_new_characters_begin_stays() -> None:
    call = make_call("write:locations", surroundings=make_surroundings(start=lambda: "square"))
    assert refusal(call, "destroy_location", "square") == ("conflict", "new characters begin in The Square, so it stays")


def test_what_was_put_there_in_the_same_call_counts() -> None:
    call = make_writer()
    coin = ask(call, "create_object", {"name": "penny", "place": {"location": "attic"}})["id"]
    assert refusal(call, "destroy_location", "attic") == ("invalid_argument", "The Attic is not empty")
    ask(call, "destroy_object", coin)
    assert ask(call, "destroy_location", "attic") is None


def test_nothing_can_be_put_into_what_is_destroyed() -> None:
    call = make_writer()
    ask(call, "destroy_location", "attic")
    gone = ("not_found", "there is no location with the id 'attic'")
    assert refusal(call, "move_character", "bob", "attic") == gone
    assert refusal(call, "create_exit", {"name": "x", "source_id": "attic", "destination_id": "square"}) == gone
    assert refusal(call, "create_character", {"name": "Guard", "location_id": "attic"}) == gone
    gone = ("not_found", "there is nothing with the id 'attic' that could hold a thing")
    assert refusal(call, "move_object", "lamp", {"location": "attic"}) == gone


# ---- Nesting ---------------------------------------------------------------------------------------------------------


def test_things_are_made_and_put_inside_one_another_only_so_deep() -> None:
    call = make_writer()
    too_deep = ("invalid_argument", "things can be at most 3 deep inside one another")
    purse = ask(call, "create_object", {"name": "purse", "place": {"container": "coin"}})["id"]
    assert refusal(call, "create_object", {"name": "penny", "place": {"container": purse}}) == too_deep
    assert refusal(call, "move_object", "bag", {"container": "lamp"}) == too_deep
    ask(call, "move_object", purse, {"location": "square"})
    ask(call, "move_object", "bag", {"container": "lamp"})
    assert refusal(call, "move_object", purse, {"container": "coin"}) == too_deep


# ---- What makes no sense ---------------------------------------------------------------------------------------------

MAKING: dict[str, dict[str, Any]] = {
    "create_location": {"name": "Cellar"},
    "create_exit": {"name": "up", "source_id": "square", "destination_id": "garden"},
    "create_object": {"name": "key", "place": {"location": "square"}},
    "create_character": {"name": "Guard", "location_id": "square"},
}
CHANGING = {"update_location": "square", "update_exit": "north", "update_object": "lamp", "update_character": "bob"}
FIELDS = {
    "location": "name, description, owner_id",
    "exit": "name, aliases, source_id, destination_id, lock",
    "object": "name, description, owner_id, lock",
    "character": "name, description",
}
MORE_FIELDS = {
    "create_location": ", id",
    "create_exit": ", id",
    "create_object": ", place, id",
    "create_character": ", location_id",
}
NOT_ONE_WORD_OF_JSON = [
    ("", "not valid JSON: "),
    ("{", "not valid JSON: "),
    ("[" * 100_000, "not valid JSON: "),
    ('{"name": NaN}', "not valid JSON: NaN is not a number in JSON"),
    ("[]", "must be an object with some of "),
    ("null", "must be an object with some of "),
    ('"name"', "must be an object with some of "),
]


@pytest.mark.parametrize("name", [*MAKING, *CHANGING])
@pytest.mark.parametrize(("text", "message"), NOT_ONE_WORD_OF_JSON)
def test_fields_are_a_json_object(name: str, text: str, message: str) -> None:
    arguments = (text,) if name in MAKING else (CHANGING[name], text)
    code, said = refusal(make_writer(), name, *arguments)
    assert code == "invalid_argument"
    assert said.startswith(message)


@pytest.mark.parametrize("name", [*MAKING, *CHANGING])
def test_an_unknown_field_is_named_together_with_those_there_are(name: str) -> None:
    kind = name.partition("_")[2]
    known = FIELDS[kind] + MORE_FIELDS.get(name, "")
    arguments = ({**MAKING[name], "colour": "red"},) if name in MAKING else (CHANGING[name], {"colour": "red"})
    assert refusal(make_writer(), name, *arguments) == ("invalid_argument", f"'colour' is no key of this; there are {known}")


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, fields in MAKING.items() for key in fields])
def test_a_missing_field_is_named(name: str, key: str) -> None:
    fields = {other: value for other, value in MAKING[name].items() if other != key}
    assert refusal(make_writer(), name, fields) == ("invalid_argument", f"the key {key} is missing")


@pytest.mark.parametrize("key", ["id", "player_id", "created_at", "attributes", "holder_id", "place", "location_id"])
def test_what_is_not_a_plugins_to_set_is_no_field(key: str) -> None:
    for name, entity_id in CHANGING.items():
        assert refusal(make_writer(), name, entity_id, {key: "x"})[0] == "invalid_argument"


@pytest.mark.parametrize(("name", "wrong"), [("location", "lamp"), ("exit", "square"), ("object", "alice"), ("character", "bag")])
def test_changing_and_destroying_what_is_of_another_kind_or_not_there(name: str, wrong: str) -> None:
    for entity_id in (wrong, "nothing", ""):
        gone = ("not_found", f"there is no {name} with the id {entity_id!r}")
        assert refusal(make_writer(), f"update_{name}", entity_id, {}) == gone
        assert refusal(make_writer(), f"destroy_{name}", entity_id) == gone


PLAIN_NAMES = ["create_location", "create_exit", "create_object", "update_location", "update_exit", "update_object"]
NO_TEXTS: tuple[object, ...] = (3, None, {}, ["x"], True)
CONTROL = ["a\nb", "a\tb", "a\x1b[31m", "a\x00", "a\x7f", "a\x9b", "\ud800"]


def with_field(name: str, key: str, value: object) -> tuple[object, ...]:
    """Arguments in which one field is different."""
    return ({**MAKING[name], key: value},) if name in MAKING else (CHANGING[name], {key: value})


@pytest.mark.parametrize("name", PLAIN_NAMES)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "name: must be text"),
        (None, "name: must be text"),
        (["x"], "name: must be text"),
        ("", f"name: must have 1 to {NAME_LIMIT} characters, not 0"),
        ("x" * (NAME_LIMIT + 1), f"name: must have 1 to {NAME_LIMIT} characters, not {NAME_LIMIT + 1}"),
        (" ", "name: must have single spaces, and none at the ends"),
        (" x", "name: must have single spaces, and none at the ends"),
        ("x\u00a0\u3000y", "name: must have single spaces, and none at the ends"),
        *((text, "name: must not have control characters") for text in CONTROL),
        *((text, "name: must not have markup, such as [bold] or [[") for text in ("[red]x", "x[/]", "[#ff8800]x", "x [[y]")),
    ],
)
def test_names(name: str, value: object, message: str) -> None:
    assert refusal(make_writer(), name, *with_field(name, "name", value)) == ("invalid_argument", message)


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_a_name_just_within_the_limit(name: str) -> None:
    assert ask(make_writer(), name, *with_field(name, "name", "\u4e16" * NAME_LIMIT))["name"] == "\u4e16" * NAME_LIMIT


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "name: must be text"),
        ("", "name: must have 1 to 128 characters, not 0"),
        ("x", "name: A name is 2 to 24 characters long."),
        ("x" * 25, "name: A name is 2 to 24 characters long."),
        ("somebody", "name: That name is reserved. Please choose another."),
        ("Guest7", "name: That name is reserved. Please choose another."),
        ("Admin", "name: That name is reserved. Please choose another."),
        ("a<b>", "name: A name may hold only letters, digits, spaces, apostrophes, hyphens and full stops."),
        ("7up", "name: A name begins with a letter."),
        *((text, "name: must not have control characters") for text in CONTROL),
    ],
)
def test_names_of_characters(value: object, message: str) -> None:
    call = make_writer(game_character())
    fields = {**MAKING["create_character"], "name": value}
    assert refusal(call, "create_character", fields) == ("invalid_argument", message)
    assert refusal(call, "update_character", "guard", {"name": value}) == ("invalid_argument", message)


DESCRIBED = [
    name
    for name in (*MAKING, *CHANGING)
    if name not in ("create_exit", "update_exit")  # an exit has none
]


@pytest.mark.parametrize("name", DESCRIBED)
def test_descriptions(name: str) -> None:
    for wrong in NO_TEXTS:
        said = refusal(make_writer(), name, *with_field(name, "description", wrong))
        assert said == ("invalid_argument", "description: must be text")
    for text in ("a\x1b[31m", "a\x00", "a\r\n", "a\x7f", "a\x9b", "\udfff"):
        said = refusal(make_writer(), name, *with_field(name, "description", text))
        assert said == ("invalid_argument", "description: must not have control characters")
    long = "\n\t\u4e16 " * (DESCRIPTION_LIMIT // 4)
    assert ask(make_writer(), name, *with_field(name, "description", long))["description"] == long
    code, message = refusal(make_writer(), name, *with_field(name, "description", long + "x"))
    assert code == "invalid_argument"
    assert message == f"description: must have 0 to {DESCRIPTION_LIMIT} characters, not {DESCRIPTION_LIMIT + 1}"


@pytest.mark.parametrize("name", ["create_location", "create_object", "update_location", "update_object"])
@pytest.mark.parametrize(
    ("owner", "code", "message"),
    [
        (3, "invalid_argument", "owner_id: must be an id"),
        (["bob"], "invalid_argument", "owner_id: must be an id"),
        ("nobody", "not_found", "there is no character with the id 'nobody'"),
        ("lamp", "not_found", "there is no character with the id 'lamp'"),
        ("\ud800", "not_found", "there is no character with the id '\\ud800'"),
    ],
)
def test_owners_are_characters(name: str, owner: object, code: str, message: str) -> None:
    assert refusal(make_writer(), name, *with_field(name, "owner_id", owner)) == (code, message)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("create_exit", "source_id"),
        ("create_exit", "destination_id"),
        ("update_exit", "source_id"),
        ("update_exit", "destination_id"),
        ("create_character", "location_id"),
    ],
)
def test_ends_of_exits_and_whereabouts_are_locations(name: str, key: str) -> None:
    for wrong in NO_TEXTS:
        assert refusal(make_writer(), name, *with_field(name, key, wrong)) == ("invalid_argument", f"{key}: must be an id")
    for elsewhere in ("nowhere", "bag", "alice", "north"):
        gone = ("not_found", f"there is no location with the id {elsewhere!r}")
        assert refusal(make_writer(), name, *with_field(name, key, elsewhere)) == gone


@pytest.mark.parametrize("name", ["create_exit", "update_exit"])
@pytest.mark.parametrize(
    ("aliases", "message"),
    [
        ("u", f"aliases: must be a list of at most {ALIAS_LIMIT} names"),
        (None, f"aliases: must be a list of at most {ALIAS_LIMIT} names"),
        ({"u": 1}, f"aliases: must be a list of at most {ALIAS_LIMIT} names"),
        (["u"] * (ALIAS_LIMIT + 1), f"aliases: must be a list of at most {ALIAS_LIMIT} names"),
        (["u", 3], "aliases: must be text"),
        (["u", ""], f"aliases: must have 1 to {NAME_LIMIT} characters, not 0"),
        (["u", " d"], "aliases: must have single spaces, and none at the ends"),
        (["u\x1b"], "aliases: must not have control characters"),
    ],
)
def test_aliases(name: str, aliases: object, message: str) -> None:
    assert refusal(make_writer(), name, *with_field(name, "aliases", aliases)) == ("invalid_argument", message)


@pytest.mark.parametrize("name", ["create_exit", "update_exit"])
def test_as_many_aliases_as_may_be_and_as_long_a_lock(name: str) -> None:
    aliases = [f"a{number}" for number in range(ALIAS_LIMIT)]
    assert ask(make_writer(), name, *with_field(name, "aliases", aliases))["aliases"] == aliases
    assert ask(make_writer(), name, *with_field(name, "lock", "x" * LOCK_LIMIT))["lock"] == "x" * LOCK_LIMIT
    assert refusal(make_writer(), name, *with_field(name, "lock", "x" * (LOCK_LIMIT + 1)))[1].startswith("lock: must have 0 to ")
    for wrong in NO_TEXTS:
        assert refusal(make_writer(), name, *with_field(name, "lock", wrong)) == ("invalid_argument", "lock: must be text")
    for lock in ("a\nb", "a\x00"):
        said = "lock: must not have control characters"
        assert refusal(make_writer(), name, *with_field(name, "lock", lock)) == ("invalid_argument", said)


@pytest.mark.parametrize(
    ("place", "code", "message"),
    [
        (None, "invalid_argument", 'must be {"location": id}, {"character": id} or {"container": id}'),
        ("square", "invalid_argument", 'must be {"location": id}, {"character": id} or {"container": id}'),
        ({}, "invalid_argument", 'must be {"location": id}, {"character": id} or {"container": id}'),
        ({"room": "square"}, "invalid_argument", 'must be {"location": id}, {"character": id} or {"container": id}'),
        (
            {"location": "square", "character": "bob"},
            "invalid_argument",
            'must be {"location": id}, {"character": id} or {"container": id}',
        ),
        ({"location": 3}, "invalid_argument", "location: must be an id"),
        ({"location": "nowhere"}, "not_found", "there is nothing with the id 'nowhere' that could hold a thing"),
        ({"location": "north"}, "not_found", "there is nothing with the id 'north' that could hold a thing"),
        ({"location": "bob"}, "not_found", "there is no location with the id 'bob'"),
        ({"character": "bag"}, "not_found", "there is no character with the id 'bag'"),
        ({"container": "square"}, "not_found", "there is no object with the id 'square'"),
    ],
)
def test_a_thing_is_made_in_a_place_that_there_is(place: object, code: str, message: str) -> None:
    assert refusal(make_writer(), "create_object", {"name": "key", "place": place}) == (code, message)


# ---- Capabilities ----------------------------------------------------------------------------------------------------

WRITING = {
    **{name: (json.dumps(fields),) for name, fields in MAKING.items()},
    **{name: (entity_id, "{}") for name, entity_id in CHANGING.items()},
    "destroy_location": ("attic",),
    "destroy_exit": ("north",),
    "destroy_object": ("lamp",),
    "destroy_character": ("bob",),
}
OF_KIND = {"location": "write:locations", "exit": "write:locations", "object": "write:objects", "character": "write:characters"}


@pytest.mark.parametrize("name", WRITING)
def test_each_needs_just_the_capability_for_its_kind_asked_for_and_granted(name: str) -> None:
    needed = OF_KIND[name.partition("_")[2]]
    assert envelope(make_writer(capabilities=(needed,)), name, *WRITING[name])["ok"]
    others = tuple({"write:locations", "write:objects", "write:characters", "read:*"} - {needed})
    assert refusal(make_writer(capabilities=others), name, *WRITING[name]) == (
        "capability_denied",
        f"the plugin has no capability {needed}: add it to capabilities in plugin.yaml",
    )
    call = make_writer(capabilities=(needed,))
    call.granted = NOTHING
    assert refusal(call, name, *WRITING[name]) == (
        "capability_denied",
        f"the operator does not grant {needed}: see plugins.grants.tester in the configuration",
    )


@pytest.mark.parametrize("name", WRITING)
def test_who_may_not_is_told_so_before_anything_else(name: str) -> None:
    """Else a plugin could find out what there is."""
    wrong = ["nonsense"] * len(WRITING[name])
    assert refusal(make_writer(capabilities=()), name, *wrong)[0] == "capability_denied"


# ---- Anything at all -------------------------------------------------------------------------------------------------

IDS = st.sampled_from(["square", "garden", "attic", "alice", "bob", "dora", "guard", "lamp", "bag", "coin", "hat", "north", "no"])
VALUES = (
    IDS
    | st.none()
    | st.integers()
    | st.text(max_size=5)
    | st.lists(st.text(max_size=3), max_size=2)
    | st.builds(lambda word, holder: {word: holder}, st.sampled_from(["location", "character", "container"]), IDS)
)
KEYS = st.sampled_from(
    ["name", "description", "owner_id", "aliases", "source_id", "destination_id", "lock", "place", "location_id", "x"]
)


@given(st.lists(st.tuples(st.sampled_from(sorted(WRITING)), IDS, st.dictionaries(KEYS, VALUES, max_size=4)), max_size=20))
def test_whatever_is_asked_the_world_stays_whole(steps: list[tuple[str, str, dict[str, Any]]]) -> None:
    call = make_writer(game_character())
    transaction = call.attempt.transaction
    for name, entity_id, fields in steps:
        match name.partition("_")[0]:
            case "create":
                envelope(call, name, {**MAKING[name], **fields})
            case "update":
                envelope(call, name, entity_id, fields)
            case "destroy":
                envelope(call, name, entity_id)
    assert transaction.is_current()
    world = transaction._world
    world.apply(transaction.changes)
    for entity in world.entities():
        if entity.holder_id is not None:
            holder = world.get(entity.holder_id)
            assert holder is not None
            assert not isinstance(entity, GameObject) or holder.kind is entity.holder_kind
        if isinstance(entity, Character):
            assert world.character_named(entity.name) is entity


# ---- Down to the disk ------------------------------------------------------------------------------------------------

BUILDER = """
    from holomush_pdk import *
    def build(inv):
        cellar = create_location("Cellar", "Dark.", owner_id="alice")
        create_exit("down", "square", cellar.id, aliases=["d"], lock="key")
        create_exit("up", cellar.id, "square")
        guard = create_character("Guard", cellar.id, "Grim.")
        chest = create_object("chest", location=cellar.id, owner_id=guard.id)
        create_object("coin", container=chest.id)
        create_object("sword", character=guard.id)
        update_location("garden", description="Green.")
        update_object("lamp", name="torch", owner_id="bob")
        update_character("alice", description="Tall.")
        move_object("lamp", container=chest.id)
        return cellar.id
    def rebuild(inv):
        update_character(inv.args.guard, name="Captain")
    def abandon(inv):
        create_location("Ruin")
        destroy_character("bob")
        raise ValueError("changed my mind")
    def kill(inv): destroy_character(inv.args.id)
"""


def plain(entities: list[Entity]) -> dict[str, tuple[Kind, dict[str, Any]]]:
    return {entity.id: (entity.kind, attrs.asdict(entity)) for entity in entities}


async def same_on_disk(heart: Heart) -> dict[str, Entity]:
    """Every entity by name, in memory and on disk alike."""
    await heart.store.write([])
    loaded = await load_entities(heart.store)
    assert plain(loaded) == plain(list(heart.world.entities()))
    return {entity.name: entity for entity in loaded}


async def test_what_is_staged_is_committed_and_read_back(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("builder", BUILDER)
        cellar = (await heart.run("builder", "build")).output
        found = await same_on_disk(heart)
        guard, chest, torch = found["Guard"], found["chest"], found["torch"]
        assert isinstance(guard, Character)
        assert isinstance(chest, GameObject)
        assert isinstance(torch, GameObject)
        assert (guard.location_id, guard.player_id) == (cellar, GAME_PLAYER_ID)
        assert (chest.holder_id, chest.owner_id) == (cellar, guard.id)
        assert (torch.holder_id, torch.holder_kind, torch.owner_id) == (chest.id, Kind.OBJECT, "bob")
        assert {found[name].holder_id for name in ("up", "down")} == {"square", cellar}
        await heart.run("builder", "rebuild", guard=guard.id)
        await heart.run("builder", "kill", id="dora")
        found = await same_on_disk(heart)
        assert {"Guard", "Dora"}.isdisjoint(found)
        assert found["Captain"].id == guard.id


async def test_what_fails_leaves_no_trace(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("builder", BUILDER)
        before = await same_on_disk(heart)
        with pytest.raises(GuestFailedError, match="changed my mind"):
            await heart.run("builder", "abandon")
        assert plain(list((await same_on_disk(heart)).values())) == plain(list(before.values()))


async def test_a_players_last_character_takes_the_account_along(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("builder", BUILDER)
        for name in ("dora", "bob"):
            await heart.run("builder", "kill", id=name)
            assert await heart.store.fetch("SELECT id FROM players WHERE id = 'p'") == [("p",)]
        await heart.run("builder", "kill", id="alice")
        assert await heart.store.fetch("SELECT id FROM players WHERE id = 'p'") == []
        assert await heart.store.fetch("SELECT count(*) FROM players WHERE id = ?", (GAME_PLAYER_ID,)) == [(1,)]
        await same_on_disk(heart)


async def test_two_who_want_the_same_name_do_not_both_get_it(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        first, second = (make_call("*", world=heart.world) for _ in range(2))
        for call in (first, second):
            ask(call, "create_character", {"name": "Guard", "location_id": "square"})
        await heart.committer.commit(first.attempt.transaction, ALICE).durable()
        assert not second.attempt.transaction.is_current()
        assert "Guard" in await same_on_disk(heart)


@pytest.mark.parametrize(("name", "person"), [("Bob", "Bob"), ("bob", "Bob"), ("B0b", "Bob"), ("AIice", "Alice")])
def test_a_thing_does_not_pass_for_somebody(name: str, person: str) -> None:
    call = make_writer()
    answer = ("conflict", f"name: a thing called {name} could pass for {person}")
    assert refusal(call, "create_object", {"name": name, "place": {"location": "square"}}) == answer
    assert refusal(call, "update_object", "lamp", {"name": name}) == answer
    assert not call.attempt.has_effects
