"""Keys, attributes and tables as guests ask for them: how values cross, what is refused, and what is there in the end."""

from __future__ import annotations

import base64
from pathlib import Path

import attrs
import pytest
from dispatch.rig import open_heart
from hypothesis import given
from hypothesis import strategies as st

from holomush.plugins.calls import Call
from holomush.plugins.functions.storage import ATTRIBUTES_LIMIT
from holomush.plugins.guests.guest import GuestFailedError, SourceRuntime
from holomush.plugins.reply import Reply
from holomush.plugins.roster.capabilities import CapabilitySet
from holomush.plugins.schema.declared import Attribute, Attributes, Column, Schema, Table
from holomush.plugins.schema.values import TYPES
from holomush.plugins.storage.storage import PluginStorage
from holomush.world.rows import load_entities
from holomush.world.state import World
from plugins.functions.asking import ask, refusal
from plugins.rooms import make_call, make_storage, make_world

SCHEMA = Schema(
    attributes=Attributes(
        character=(
            Attribute(name="health", type="integer", default=100),
            Attribute(name="motto", type="string"),
            Attribute(name="more", type="string"),
        ),
        location=(Attribute(name="danger", type="integer", default=0),),
        object=tuple(Attribute(name=f"a_{type_}", type=type_) for type_ in TYPES),
        exit=(Attribute(name="open", type="boolean", default=True),),
    ),
    tables=(Table(name="notes", columns=(Column(name="id", type="ulid", primary=True),)),),
)


def make_keeper(world: World | None = None, storage: PluginStorage | None = None) -> Call:
    """A call of a plugin with attributes for everything, and a table that is not in any database."""
    return make_call("kv:*", "db:migrate", world=world, storage=storage or make_storage(SCHEMA))


def packed(data: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(data).decode()}


# ---- Keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept", "got"),
    [
        ("", b"", ""),
        ("caf\u00e9 \U0001f600\0", "caf\u00e9 \U0001f600\0".encode(), "caf\u00e9 \U0001f600\0"),
        (packed(b"\xff\x00"), b"\xff\x00", packed(b"\xff\x00")),
        (packed(b""), b"", ""),
        (packed("caf\u00e9".encode()), "caf\u00e9".encode(), "caf\u00e9"),
        ('{"base64": 1, "more": 2}', b'{"base64": 1, "more": 2}', '{"base64": 1, "more": 2}'),
        ('{"base32": "AA"}', b'{"base32": "AA"}', '{"base32": "AA"}'),
        ('["base64"]', b'["base64"]', '["base64"]'),
    ],
)
def test_a_value_crosses_as_text_or_as_base64(given: object, kept: bytes, got: object) -> None:
    call = make_keeper()
    assert ask(call, "kv_set", "key", given) is None
    assert call.attempt.kv.get("key") == kept
    assert ask(call, "kv_get", "key") == got


@given(st.binary())
def test_any_bytes_cross_both_ways(data: bytes) -> None:
    call = make_keeper()
    ask(call, "kv_set", "key", packed(data))
    got = ask(call, "kv_get", "key")
    assert (got.encode() if isinstance(got, str) else base64.b64decode(got["base64"])) == data
    again = make_keeper()
    ask(again, "kv_set", "key", packed(got.encode()) if isinstance(got, str) else got)
    assert again.attempt.kv.get("key") == data


@pytest.mark.parametrize(
    "value",
    [
        '{"base64": 5}',
        '{"base64": null}',
        '{"base64": "A"}',
        '{"base64": "AA"}',
        '{"base64": "A*A=="}',
        '{"base64": "\u00e9"}',
        '{"base64"',
    ],
)
def test_what_begins_like_base64_and_is_not(value: str) -> None:
    told = ("invalid_argument", 'the value begins like {"base64": ...} and is not that')
    assert refusal(make_keeper(), "kv_set", "key", value) == told


def test_keys_are_listed_and_deleted() -> None:
    call = make_keeper()
    for key in ("b:2", "a", "b:1"):
        ask(call, "kv_set", key, "x")
    assert ask(call, "kv_list", "") == ["a", "b:1", "b:2"]
    assert ask(call, "kv_list", "b:") == ["b:1", "b:2"]
    assert [ask(call, "kv_delete", "b:1"), ask(call, "kv_delete", "b:1")] == [True, False]
    assert (ask(call, "kv_list", "b:"), ask(call, "kv_get", "b:1"), ask(call, "kv_get", "c")) == (["b:2"], None, None)


def test_a_key_has_bounds() -> None:
    assert refusal(make_keeper(), "kv_set", "", "x") == ("invalid_argument", "a key must have 1 to 256 bytes, not 0")
    assert refusal(make_keeper(), "kv_set", "key", "x" * 65_537)[0] == "too_large"


# ---- Attributes ------------------------------------------------------------------------------------------------------

GOOD: dict[str, list[tuple[object, object]]] = {
    "string": [("", ""), ("caf\u00e9", "caf\u00e9")],
    "integer": [(-(2**63), -(2**63)), (0, 0)],
    "number": [(3, 3.0), (-0.5, -0.5)],
    "boolean": [(True, True), (False, False)],
    "ulid": [("01JAZZ0000000000000000000A", "01JAZZ0000000000000000000A")],
    "timestamptz": [(1_700_000_000_000, 1_700_000_000_000), ("1970-01-01T00:00:01Z", 1000)],
    "json": [({"a": [1, None, True]}, {"a": [1, None, True]}), (0, 0)],
}
BAD: dict[str, list[object]] = {
    "string": [1, True, ["x"], "\0"],
    "integer": [1.0, "1", True, 2**63],
    "number": ["1", True, [1]],
    "boolean": [0, 1, "true"],
    "ulid": ["", "lamp", 1],
    "timestamptz": ["yesterday", 1.5, "2026-02-30T00:00:00Z", "2026-01-01T00:00:00"],
    "json": [["x" * 65_536]],
}


@pytest.mark.parametrize("type_", TYPES)
def test_every_type_of_attribute(type_: str) -> None:
    name = f"a_{type_}"
    for value, kept in GOOD[type_]:
        call = make_keeper()
        noted = ask(call, "set_attributes", "lamp", {name: value})
        assert noted == {**{f"a_{other}": None for other in TYPES}, name: kept}
        assert type(noted[name]) is type(kept)
    for value in BAD[type_]:
        code, message = refusal(make_keeper(), "set_attributes", "lamp", {name: value})
        assert code == "invalid_argument"
        assert message.startswith(f"{name}: must be ")


@pytest.mark.parametrize(
    ("entity_id", "values", "noted"),
    [
        ("alice", {"health": 3}, {"health": 3, "motto": None, "more": None}),
        ("square", {}, {"danger": 0}),
        ("north", {"open": False}, {"open": False}),
    ],
)
def test_attributes_of_every_kind_of_entity(entity_id: str, values: object, noted: object) -> None:
    assert ask(make_keeper(), "set_attributes", entity_id, values) == noted


def test_null_takes_an_attribute_back_to_its_default() -> None:
    call = make_keeper()
    ask(call, "set_attributes", "alice", {"health": 3, "motto": "On!"})
    assert ask(call, "set_attributes", "alice", {"health": None}) == {"health": 100, "motto": "On!", "more": None}
    assert ask(call, "set_attributes", "alice", {"motto": None, "more": None}) == {"health": 100, "motto": None, "more": None}
    alice = call.attempt.transaction.get("alice")
    assert alice is not None
    assert alice.attributes == {}


@pytest.mark.parametrize(
    ("entity_id", "values", "code", "message"),
    [
        ("alice", {"danger": 1}, "invalid_argument", "the plugin declares no attribute 'danger' for a character"),
        ("alice", {"health": 1, "wealth": 1}, "invalid_argument", "the plugin declares no attribute 'wealth' for a character"),
        ("alice", {"wealth": None}, "invalid_argument", "the plugin declares no attribute 'wealth' for a character"),
        ("alice", {"motto": "new", "health": "good"}, "invalid_argument", "health: must be a whole number, not text"),
        ("square", {"health": 1}, "invalid_argument", "the plugin declares no attribute 'health' for a location"),
        ("alice", {"other.health": 1}, "invalid_argument", "the plugin declares no attribute 'other.health' for a character"),
        ("nobody", {"health": 1}, "not_found", "there is nothing with the id 'nobody'"),
        ("", {}, "not_found", "there is nothing with the id ''"),
        ("alice", [], "invalid_argument", "must be an object of attributes and their values"),
        ("alice", "{", "invalid_argument", "not valid JSON: "),
        ("alice", '{"health": NaN}', "invalid_argument", "not valid JSON: NaN is not a number in JSON"),
    ],
)
def test_attributes_refused(entity_id: str, values: object, code: str, message: str) -> None:
    found, said = refusal(make_keeper(), "set_attributes", entity_id, values)
    assert found == code
    assert said.startswith(message)


def test_of_several_attributes_all_are_noted_or_none() -> None:
    call = make_keeper()
    ask(call, "set_attributes", "alice", {"motto": "old"})
    assert refusal(call, "set_attributes", "alice", {"motto": "new", "health": 0.5})[0] == "invalid_argument"
    assert ask(call, "set_attributes", "alice", {})["motto"] == "old"


def test_attributes_of_other_plugins_are_left_alone_and_cost_nothing() -> None:
    world = make_world()
    theirs = {("other", "health"): 7, ("other", "book"): "x" * ATTRIBUTES_LIMIT}
    before = world.get("alice")
    assert before is not None
    world.apply({"alice": attrs.evolve(before, attributes=theirs)})
    call = make_keeper(world)
    assert ask(call, "set_attributes", "alice", {}) == {"health": 100, "motto": None, "more": None}
    ask(call, "set_attributes", "alice", {"health": 3})
    ask(call, "set_attributes", "alice", {"health": None, "motto": "On!"})
    after = call.attempt.transaction.get("alice")
    assert after is not None
    assert after.attributes == {**theirs, ("tester", "motto"): "On!"}


def test_so_much_may_be_noted_on_one_entity_and_no_more() -> None:
    call = make_keeper()
    frame = len('{"motto": "", "more": ""}')
    half = "\u00e9" * 16_384
    ask(call, "set_attributes", "alice", {"motto": half})
    full = ("too_large", "what a plugin notes on one character may have 65536 bytes")
    assert refusal(call, "set_attributes", "alice", {"more": "x" * (32_768 - frame + 1)}) == full
    ask(call, "set_attributes", "alice", {"more": "x" * (32_768 - frame)})
    assert refusal(call, "set_attributes", "alice", {"health": 1}) == full
    ask(call, "set_attributes", "bob", {"motto": half, "health": 1})
    ask(call, "set_attributes", "alice", {"motto": None, "health": 1})


KEEPER = """
    from holomush_pdk import *
    def note(inv):
        set_attributes("bob", health=inv.args.health, bag={"a": [1, 2.5, None]})
        set_attributes("lamp", lit=True)
    def forget(inv): set_attributes("bob", health=None)
    def fail(inv):
        note(inv)
        raise ValueError("after all")
    def look(inv): return [str(query_character("bob").attributes.health), str(query_object("lamp").attributes.lit)]
    def keep(inv):
        kv_set("bytes", b"\\xff\\x00")
        kv_set("text", '{"base64": "AAAA"}')
    def kept(inv): return repr((kv_get("bytes"), kv_get("text"), kv_get("none"), kv_get("none", "other"), kv_list()))
"""
MANIFEST = """\
schema:
  attributes:
    character: [{name: health, type: integer, default: 100}, {name: bag, type: json}]
    object: [{name: lit, type: boolean, default: false}]
"""


async def test_attributes_are_there_after_a_restart(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("keeper", KEEPER, MANIFEST)
        await heart.load("others", KEEPER, MANIFEST)
        await heart.run("others", "note", health=8)
        with pytest.raises(GuestFailedError, match="after all"):
            await heart.run("keeper", "fail", health=1)
        assert await heart.run("keeper", "look") == Reply("100\nFalse")
        await heart.run("keeper", "note", health=3)
        assert await heart.run("keeper", "look") == Reply("3\nTrue")
        loaded = {entity.id: entity.attributes for entity in await load_entities(heart.store)}
        bag = {"a": [1, 2.5, None]}
        theirs = {("others", "health"): 8, ("others", "bag"): bag}
        assert loaded["bob"] == {**theirs, ("keeper", "health"): 3, ("keeper", "bag"): bag}
        assert loaded["lamp"] == {("others", "lit"): True, ("keeper", "lit"): True}
        assert loaded["alice"] == {}
        await heart.run("keeper", "forget")
        (bob,) = [entity for entity in await load_entities(heart.store) if entity.id == "bob"]
        assert bob.attributes == {**theirs, ("keeper", "bag"): bag}
        assert await heart.run("others", "look") == Reply("8\nTrue")


async def test_a_guest_gets_back_what_it_kept(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("keeper", KEEPER, MANIFEST)
        await heart.run("keeper", "keep")
        kept = Reply(repr((b"\xff\x00", '{"base64": "AAAA"}', None, "other", ["bytes", "text"])))
        assert await heart.run("keeper", "kept") == kept
        rows = await heart.store.fetch("SELECT key, value FROM kv ORDER BY key")
        assert rows == [("bytes", b"\xff\x00"), ("text", b'{"base64": "AAAA"}')]
        await heart.storage.reload(heart.store)
        assert await heart.run("keeper", "kept") == kept


# ---- Tables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("table_insert", ("notes", "{")),
        ("table_get", ("notes", "")),
        ("table_select", ("notes", "{'a': 1}")),
        ("table_update", ("notes", '"x"', "nope")),
        ("table_delete", ("notes", "[1,]")),
    ],
)
def test_what_is_no_json_is_refused(name: str, arguments: tuple[str, ...]) -> None:
    code, message = refusal(make_keeper(), name, *arguments)
    assert code == "invalid_argument"
    assert message.startswith("not valid JSON: ")


TABLES = """
    from holomush_pdk import *
    def play(inv):
        row = table_insert("notes", text="a", data={"x": [1, True]}, at="2026-01-31T18:00:00+01:00")
        table_insert("notes", text="b")
        told = [row.data.x, row.at, table_get("notes", row.id).text, table_update("notes", row.id, text="c", data=None).data]
        told.append([found.text for found in table_select("notes", order="-text")])
        told += [table_delete("notes", row.id), table_delete("notes", row.id), table_get("notes", row.id)]
        try: table_update("notes", row.id, text="d")
        except HostError as error: told.append(error.code)
        return repr(told)
    def fill(inv):
        for n in range(200): table_insert("notes", text=str(n))
"""
NOTES = """\
schema:
  tables:
    - name: notes
      columns:
        - {name: id, type: ulid, primary: true}
        - {name: text, type: string}
        - {name: data, type: json}
        - {name: at, type: timestamptz}
"""


async def test_a_guest_uses_its_table(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("keeper", TABLES, NOTES)
        told = [[1, True], 1_769_878_800_000, "a", None, ["c", "b"], True, False, None, "not_found"]
        assert await heart.run("keeper", "play") == Reply(repr(told))
        assert await heart.store.fetch("SELECT text, data, at FROM p_keeper__notes") == [("b", None, None)]


@pytest.mark.parametrize("flag", ["too_slow", "overdue", "cancelled"])
async def test_a_query_of_a_call_that_must_stop_ends_with_a_timeout(tmp_path: Path, runtime: SourceRuntime, flag: str) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("keeper", TABLES, NOTES)
        for _ in range(5):
            await heart.run("keeper", "fill")
        call = make_call("db:migrate", world=heart.world, storage=heart.storage["keeper"])
        query = {"order": ["-text"], "limit": 1}
        assert [row["text"] for row in ask(call, "table_select", "notes", query)] == ["99"]
        setattr(call, flag, True)
        assert refusal(call, "table_select", "notes", query) == ("timeout", "the query was stopped")


# ---- Capabilities ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "capability"),
    [
        ("kv_get", ("key",), "kv:read"),
        ("kv_list", ("",), "kv:read"),
        ("kv_set", ("key", "value"), "kv:write"),
        ("kv_delete", ("key",), "kv:write"),
        ("set_attributes", ("alice", {"health": 1}), "db:migrate"),
        ("table_insert", ("notes", {}), "db:migrate"),
        ("table_get", ("notes", '"x"'), "db:migrate"),
        ("table_select", ("notes", {}), "db:migrate"),
        ("table_update", ("notes", '"x"', {}), "db:migrate"),
        ("table_delete", ("notes", '"x"'), "db:migrate"),
    ],
)
def test_what_is_not_asked_for_or_not_granted_is_denied(name: str, arguments: tuple[object, ...], capability: str) -> None:
    others = {"kv:read", "kv:write", "db:migrate"} - {capability}
    call = make_call(*others, storage=make_storage(SCHEMA))
    told = f"the plugin has no capability {capability}: add it to capabilities in plugin.yaml"
    assert refusal(call, name, *arguments) == ("capability_denied", told)
    call.asked = CapabilitySet.parse([*others, capability])
    told = f"the operator does not grant {capability}: see plugins.grants.tester in the configuration"
    assert refusal(call, name, *arguments) == ("capability_denied", told)
