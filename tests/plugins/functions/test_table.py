"""Every function a guest can call: what it gives, each way it refuses, and what it leaves on the transaction."""

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from holomush.auth.accounts import Player
from holomush.commands.access import Access
from holomush.commands.router import Router
from holomush.events.event import EmittedEvent
from holomush.plugins.calls import Call
from holomush.plugins.functions.table import HOST_FUNCTIONS, RESULT_LIMIT, HostFunction, answer
from holomush.plugins.handbook import Handbook
from holomush.plugins.limits import Limits
from holomush.plugins.roster.capabilities import KNOWN, CapabilitySet
from holomush.plugins.roster.manifest import Manifest
from holomush.plugins.roster.source import PluginSource
from holomush.plugins.surroundings import Surroundings
from holomush.world.model import Character, GameObject, Kind, Location
from plugins.functions.asking import BY_NAME, ask, refusal
from plugins.rooms import make_call, make_surroundings, make_world

ROOT = Path(__file__).resolve().parents[3]
DEFINITIONS = ROOT / "pdk" / "runtimes" / "host_functions.def"
DOCUMENTATION = ROOT / "docs" / "plugins.md"

ALICE = {"kind": "character", "id": "alice", "name": "Alice", "description": "Tall.", "location_id": "square", "connected": True}
BOB = {"kind": "character", "id": "bob", "name": "Bob", "description": "", "location_id": "square", "connected": False}
NOWHERE = {"location_id": None, "character_id": None, "container_id": None, "lock": ""}
LAMP = {
    "kind": "object",
    "id": "lamp",
    "name": "lamp",
    "description": "Brass.",
    "owner_id": None,
    **NOWHERE,
    "location_id": "square",
}
BAG = {"kind": "object", "id": "bag", "name": "bag", "description": "", "owner_id": "bob", **NOWHERE, "location_id": "square"}
COIN = {"kind": "object", "id": "coin", "name": "coin", "description": "", "owner_id": None, **NOWHERE, "container_id": "bag"}
HAT = {"kind": "object", "id": "hat", "name": "hat", "description": "", "owner_id": None, **NOWHERE, "character_id": "alice"}
NORTH = {
    "kind": "exit",
    "id": "north",
    "name": "north",
    "aliases": ["n"],
    "source_id": "square",
    "destination_id": "garden",
    "lock": "key",
}
SQUARE = {"kind": "location", "id": "square", "name": "The Square", "description": "Wide.", "owner_id": "alice"}


def query(name: object = "x", near: object = "alice", kinds: object = ("character", "object", "exit", "location")) -> str:
    return json.dumps({"name": name, "near": near, "kinds": kinds})


# ---- Queries ---------------------------------------------------------------------------------------------------------


def test_query_location() -> None:
    assert ask(make_call("read:locations"), "query_location", "square") == {
        **SQUARE,
        "characters": [ALICE, BOB],
        "objects": [LAMP, BAG],
        "exits": [NORTH],
        "entrance_ids": [],
    }


def test_query_object() -> None:
    call = make_call("read:objects")
    assert ask(call, "query_object", "bag") == {**BAG, "objects": [COIN]}
    assert ask(call, "query_object", "coin") == {**COIN, "objects": []}
    assert ask(call, "query_object", "hat") == {**HAT, "objects": []}


def test_query_character() -> None:
    call = make_call("read:characters")
    assert ask(call, "query_character", "alice") == {**ALICE, "objects": [HAT]}
    assert ask(call, "query_character", "bob") == {**BOB, "objects": []}


@pytest.mark.parametrize(
    ("name", "capability", "word", "wrong"),
    [
        ("query_location", "read:locations", "location", ["nothing", "alice", "lamp", "north", ""]),
        ("query_object", "read:objects", "object", ["nothing", "alice", "square", "north", ""]),
        ("query_character", "read:characters", "character", ["nothing", "lamp", "square", "north", ""]),
    ],
)
def test_a_query_for_what_is_not_there(name: str, capability: str, word: str, wrong: list[str]) -> None:
    for entity_id in wrong:
        call = make_call(capability)
        assert refusal(call, name, entity_id) == ("not_found", f"there is no {word} with the id {entity_id!r}")


@pytest.mark.parametrize(
    ("name", "kinds", "found"),
    [
        ("alice", ["character"], [ALICE]),
        ("lamp", ["object"], [LAMP]),
        ("hat", ["object"], [HAT]),
        ("n", ["exit"], [NORTH]),
        ("me", ["character"], [ALICE]),
        ("here", ["location"], [SQUARE]),
        ("b", ["character", "object", "exit"], [BOB, BAG]),
        ("b", ["object"], [BAG]),
        ("coin", ["object"], []),
        ("dora", ["character"], []),
        ("lamp", [], []),
        ("", ["object"], []),
    ],
)
def test_find(name: str, kinds: list[str], found: list[object]) -> None:
    assert ask(make_call("read:*"), "find", query(name, "alice", kinds)) == found


def test_find_for_whom_is_not_there() -> None:
    assert refusal(make_call("read:*"), "find", query("x", "lamp")) == ("not_found", "there is no character with the id 'lamp'")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON: "),
        ("{", "not valid JSON: "),
        ("[" * 100_000, "not valid JSON: "),
        ('{"name": NaN}', "not valid JSON: NaN is not a number in JSON"),
        ("[]", 'must be {"name": text, "near": character id or null, "kinds": [kinds]}'),
        ('{"name": "x", "near": "alice"}', 'must be {"name": text'),
        ('{"name": "x", "near": "alice", "kinds": [], "more": 1}', 'must be {"name": text'),
        (query(3), 'must be {"name": text'),
        (query(near=3), 'must be {"name": text'),
        (query(kinds="object"), 'must be {"name": text'),
        (query(kinds=["thing"]), "kinds: must be some of location, exit, character, object"),
        (query(kinds=[3]), "kinds: must be some of"),
        (query(kinds=[[]]), "kinds: must be some of"),
    ],
)
def test_find_asked_wrongly(text: str, message: str) -> None:
    code, said = refusal(make_call("read:*"), "find", text)
    assert code == "invalid_argument"
    assert said.startswith(message)


@pytest.mark.parametrize(
    ("kind", "capability"),
    [
        ("location", "read:locations"),
        ("exit", "read:locations"),
        ("character", "read:characters"),
        ("object", "read:objects"),
    ],
)
def test_find_needs_the_capability_of_each_kind(kind: str, capability: str) -> None:
    others = {"read:locations", "read:characters", "read:objects"} - {capability}
    denied = ("capability_denied", f"the plugin has no capability {capability}: add it to capabilities in plugin.yaml")
    assert refusal(make_call(*others), "find", query(kinds=[kind])) == denied
    assert ask(make_call(capability), "find", query(kinds=[kind])) == []


# ---- Events ----------------------------------------------------------------------------------------------------------


def emitted(stream: str = "location:square", event_type: str = "rain", payload: object = None) -> str:
    return json.dumps({"stream": stream, "type": event_type, "payload": {} if payload is None else payload})


@pytest.mark.parametrize("stream", ["location:square", "character:bob", "channel:news", "plugin:other", "global"])
def test_emit_event(stream: str) -> None:
    call = make_call("emit:*")
    assert ask(call, "emit_event", emitted(stream, "rain", {"drops": [1, None]})) is None
    assert call.attempt.transaction.events == [EmittedEvent(stream, "rain", {"drops": [1, None]})]


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("nonsense", "invalid_argument", "not valid JSON: "),
        ("[]", "invalid_argument", "event: must be an object with stream, type and payload, not a list"),
        (emitted("here"), "invalid_argument", 'stream: "here" is no stream'),
        (emitted(event_type="Rain"), "invalid_argument", "type: must be 1 to 64 characters"),
        (emitted(payload=[1]), "invalid_argument", "payload: must be an object, not a list"),
        (emitted().replace("{}", '{"a": 1e999}'), "invalid_argument", "payload.a: must be a finite number"),
        (emitted().replace("{}", '{"a": NaN}'), "invalid_argument", "not valid JSON: NaN"),
        (emitted().replace("{}", r'{"a": "\ud800"}'), "invalid_argument", "payload.a: has half of a surrogate pair"),
        (emitted().replace("{}", '{"a": ' + "9" * 5000 + "}"), "invalid_argument", "not valid JSON: "),
        (emitted("location:nowhere"), "not_found", "there is no location for the stream location:nowhere"),
        (emitted("location:alice"), "not_found", "there is no location for the stream location:alice"),
        (emitted("character:square"), "not_found", "there is no character for the stream character:square"),
    ],
)
def test_emit_event_refused(text: str, code: str, message: str) -> None:
    call = make_call("emit:*")
    found, said = refusal(call, "emit_event", text)
    assert found == code
    assert said.startswith(message)
    assert not call.attempt.has_effects


def test_emit_event_has_a_limit() -> None:
    call = make_call("emit:*", limits=Limits(events=2))
    for _ in range(2):
        ask(call, "emit_event", emitted())
    assert refusal(call, "emit_event", emitted()) == ("too_large", "one call may emit 2 events")
    assert len(call.attempt.transaction.events) == 2


# ---- Changes ---------------------------------------------------------------------------------------------------------


def test_move_character() -> None:
    world = make_world()
    call = make_call("write:characters", "read:locations", world=world)
    assert ask(call, "move_character", "alice", "garden") is None
    moved = call.attempt.transaction.get("alice")
    assert isinstance(moved, Character)
    assert (moved.location_id, moved.name) == ("garden", "Alice")
    assert [character["id"] for character in ask(call, "query_location", "garden")["characters"]] == ["dora", "alice"]
    unmoved = world.get("alice")
    assert isinstance(unmoved, Character)
    assert unmoved.location_id == "square"


@pytest.mark.parametrize(
    ("character", "location", "message"),
    [
        ("nobody", "garden", "there is no character with the id 'nobody'"),
        ("lamp", "garden", "there is no character with the id 'lamp'"),
        ("alice", "nowhere", "there is no location with the id 'nowhere'"),
        ("alice", "bag", "there is no location with the id 'bag'"),
    ],
)
def test_move_character_refused(character: str, location: str, message: str) -> None:
    call = make_call("write:characters")
    assert refusal(call, "move_character", character, location) == ("not_found", message)
    assert not call.attempt.has_effects


@pytest.mark.parametrize(
    ("place", "holder", "kind"),
    [
        ({"location": "garden"}, "garden", Kind.LOCATION),
        ({"character": "bob"}, "bob", Kind.CHARACTER),
        ({"container": "bag"}, "bag", Kind.OBJECT),
    ],
)
def test_move_object(place: dict[str, str], holder: str, kind: Kind) -> None:
    call = make_call("write:objects")
    assert ask(call, "move_object", "lamp", json.dumps(place)) is None
    moved = call.attempt.transaction.get("lamp")
    assert isinstance(moved, GameObject)
    assert (moved.holder_id, moved.holder_kind, moved.description) == (holder, kind, "Brass.")


@pytest.mark.parametrize(
    ("thing", "place", "code", "message"),
    [
        ("lamp", "{", "invalid_argument", "not valid JSON: "),
        ("lamp", "[]", "invalid_argument", 'must be {"location": id}, {"character": id} or {"container": id}'),
        ("lamp", "{}", "invalid_argument", 'must be {"location": id}'),
        ("lamp", '{"room": "garden"}', "invalid_argument", 'must be {"location": id}'),
        ("lamp", '{"location": "garden", "character": "bob"}', "invalid_argument", 'must be {"location": id}'),
        ("lamp", '{"location": 3}', "invalid_argument", "location: must be an id"),
        ("lamp", '{"location": null}', "invalid_argument", "location: must be an id"),
        ("nothing", '{"location": "garden"}', "not_found", "there is no object with the id 'nothing'"),
        ("alice", '{"location": "garden"}', "not_found", "there is no object with the id 'alice'"),
        ("lamp", '{"location": "nowhere"}', "not_found", "there is nothing with the id 'nowhere' that could hold a thing"),
        ("lamp", '{"location": "north"}', "not_found", "there is nothing with the id 'north' that could hold a thing"),
        ("lamp", '{"location": "bob"}', "not_found", "there is no location with the id 'bob'"),
        ("lamp", '{"container": "garden"}', "not_found", "there is no object with the id 'garden'"),
        ("lamp", '{"container": "lamp"}', "invalid_argument", "a thing cannot be put inside itself"),
        ("bag", '{"container": "coin"}', "invalid_argument", "a thing cannot be put inside itself"),
    ],
)
def test_move_object_refused(thing: str, place: str, code: str, message: str) -> None:
    call = make_call("write:objects")
    found, said = refusal(call, "move_object", thing, place)
    assert found == code
    assert said.startswith(message)
    assert not call.attempt.has_effects


def test_move_object_keeps_to_the_nesting_limit() -> None:
    call = make_call("write:objects")
    ask(call, "move_object", "lamp", '{"container": "coin"}')
    code, message = refusal(call, "move_object", "hat", '{"container": "lamp"}')
    assert (code, message) == ("invalid_argument", "things can be at most 3 deep inside one another")


# ---- The log ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "logged"),
    [
        ("debug", logging.DEBUG),
        ("info", logging.INFO),
        ("warn", logging.WARNING),
        ("warning", logging.WARNING),
        ("ERROR", logging.ERROR),
        ("loud", logging.INFO),
    ],
)
def test_log(caplog: pytest.LogCaptureFixture, level: str, logged: int) -> None:
    caplog.set_level(logging.DEBUG)
    assert answer(BY_NAME["log"], make_call(), [level, "100 % \u4e16\t."]) is None
    assert caplog.record_tuples == [("holomush.plugin.tester", logged, "100 % \u4e16\t.")]


def test_log_is_one_bounded_line_without_control_characters(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    answer(BY_NAME["log"], make_call(), ["info", "a\nERROR b\r\x1b[31mc\x9b\x00\x7f" + "x" * 100_000])
    (record,) = caplog.records
    assert record.getMessage().startswith("a ERROR b  [31mc   xxx")
    assert len(record.getMessage()) == 4096


# ---- For all ---------------------------------------------------------------------------------------------------------

ARGUMENTS = {
    "emit_event": (emitted("location:square"),),
    "query_location": ("square",),
    "query_exit": ("north",),
    "query_object": ("lamp",),
    "query_character": ("alice",),
    "find": (query("b"),),
    "create_location": ('{"name": "Cellar"}',),
    "create_exit": ('{"name": "down", "source_id": "square", "destination_id": "garden"}',),
    "create_object": ('{"name": "key", "place": {"location": "square"}}',),
    "create_character": ('{"name": "Carl", "location_id": "square"}',),
    "update_location": ("square", '{"name": "Place"}'),
    "update_exit": ("north", '{"name": "up"}'),
    "update_object": ("lamp", '{"name": "torch"}'),
    "update_character": ("alice", '{"description": "Small."}'),
    "move_character": ("alice", "garden"),
    "move_object": ("lamp", '{"character": "bob"}'),
    "destroy_location": ("attic",),
    "destroy_exit": ("north",),
    "destroy_object": ("lamp",),
    "destroy_character": ("bob",),
    "kv_get": ("key",),
    "kv_set": ("key", "value"),
    "kv_delete": ("key",),
    "kv_list": ("",),
    "set_attributes": ("alice", "{}"),
    "table_insert": ("notes", "{}"),
    "table_get": ("notes", "1"),
    "table_select": ("notes", "{}"),
    "table_update": ("notes", "1", "{}"),
    "table_delete": ("notes", "1"),
    "http_get": ("https://example.com/",),
    "http_post": ("https://example.com/", "text"),
    "list_sessions": (),
    "boot_session": ("alice", "for a reason"),
    "list_commands": ("alice",),
    "list_topics": ("alice", "two words"),
    "read_topic": ("alice", "tester", "topic"),
    "list_events": ("location:square", "5"),
    "listen": ("channel:public", "alice"),
    "unlisten": ("channel:public", "alice"),
    "list_listeners": ("channel:public",),
    "set_timer": ("ring", "60", "{}"),
    "cancel_timer": ("ring",),
    "query_account": ("alice",),
    "update_account": ("alice", '{"role": "builder"}'),
    "add_character": ("alice", "Carl"),
    "switch_character": ("session", "ally"),
    "ban_address": ("192.0.2.1", "for a reason"),
    "unban_address": ("192.0.2.1",),
    "list_bans": (),
    "list_plugins": (),
    "enable_plugin": ("tester",),
    "disable_plugin": ("tester",),
    "export_world": ("w",),
    "import_world": ("w",),
    "server_stats": (),
    "server_shutdown": ("for a reason",),
    "log": ("info", "hello"),
}
"""A call of every function that is right."""

NOT_HERE = ("table_", "list_events", "export_world", "import_world")
"""How those begin for which there is nothing: the plugin declares no table, and there is no database and no folder."""


def make_any_call(*capabilities: str) -> Call:
    """A call in a world with an empty attic, a web and a help topic."""
    world = make_world()
    world.apply({"attic": Location(id="attic", name="The Attic")})
    world.apply({"ally": Character(id="ally", name="Ally", player_id="p1", location_id="square")})
    call = make_call(*capabilities, world=world, surroundings=web())
    player = Player(id="p1", name="Alice", name_key="alice", access=Access.PLAYER)
    call.storage.registers.accounts.apply({"p1": player})
    return call


def web() -> Surroundings:
    """Every web server says hello, to those who may ask; everybody plays, and the plugin has a help topic."""

    async def fetch(method: str, url: str, body: str, require: Callable[[str], None]) -> dict[str, Any]:
        require(f"http:{method.lower()}:{url.split('/')[2]}")
        return {"status": 200, "url": url, "headers": {}, "body": f"hello {body}"}

    source = PluginSource(Path("tester"), Manifest(name="tester", version="1.0.0"), {}, topics={"topic": "Some text."})
    handbook = Handbook()
    handbook.write(Router(()), [source])
    return make_surroundings(
        fetch=fetch,
        access=lambda _: Access.PLAYER,
        handbook=handbook,
        start=lambda: "square",
        played_by=lambda _: "alice",
        plugins=lambda: [{"name": "tester", "needed_by": []}],
    )


async def in_thread(name: str, call: Call) -> bytes | None:
    """The answer to a right call, made as a guest does in a worker thread."""
    return await trio.to_thread.run_sync(answer, BY_NAME[name], call, list(ARGUMENTS[name]))


@pytest.mark.parametrize("name", sorted(BY_NAME))
async def test_every_function_is_tried_here(name: str) -> None:
    function = BY_NAME[name]
    assert len(ARGUMENTS[name]) == len(function.parameters)
    call = make_any_call("*")
    reply = await in_thread(name, call)
    if function.returns:
        assert json.loads(reply or b"")["ok"] is not name.startswith(NOT_HERE)
    else:
        assert reply is None
    assert (call.host_calls, call.log_lines) == ((1, 0) if function.returns else (0, 1))


@pytest.mark.parametrize("name", sorted(name for name, function in BY_NAME.items() if function.capability))
async def test_without_its_capability_every_function_is_denied(name: str) -> None:
    stem = BY_NAME[name].capability.partition("<")[0]
    others = [known.replace("<stream>", "*").replace("<domain>", "*") for known in KNOWN if not known.startswith(stem)]
    call = make_any_call(*others)
    reply = await in_thread(name, call)
    error = json.loads(reply or b"")["error"]
    assert error["code"] == "capability_denied"
    assert re.fullmatch(
        rf"the plugin has no capability {re.escape(stem)}\S*: add it to capabilities in plugin\.yaml", error["message"]
    )
    assert not call.attempt.has_effects
    assert not call.attempt.reached_outside


@pytest.mark.parametrize("name", sorted(name for name, function in BY_NAME.items() if function.capability))
async def test_what_the_operator_does_not_grant_is_denied_too(name: str) -> None:
    stem = BY_NAME[name].capability.partition("<")[0]
    others = [known.replace("<stream>", "*").replace("<domain>", "*") for known in KNOWN if not known.startswith(stem)]
    call = make_any_call("*")
    call.granted = CapabilitySet.parse(others)
    reply = await in_thread(name, call)
    error = json.loads(reply or b"")["error"]
    assert error["code"] == "capability_denied"
    said = rf"the operator does not grant {re.escape(stem)}\S*: see plugins\.grants\.tester in the configuration"
    assert re.fullmatch(said, error["message"])
    assert not call.attempt.has_effects
    assert not call.attempt.reached_outside


@pytest.mark.parametrize("name", sorted(name for name, function in BY_NAME.items() if function.returns))
def test_every_host_call_counts(name: str) -> None:
    call = make_call("*", limits=Limits(host_calls=2))
    for _ in range(2):
        ask(call, "query_location", "square")
    assert refusal(call, name, *ARGUMENTS[name]) == ("rate_limited", "one call may make 2 host calls")
    assert not call.attempt.has_effects


def test_refused_host_calls_count_too() -> None:
    call = make_call(limits=Limits(host_calls=2))
    codes = [refusal(call, "query_location", "square")[0] for _ in range(3)]
    assert codes == ["capability_denied", "capability_denied", "rate_limited"]


def test_the_log_has_a_limit_of_its_own_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    call = make_call("read:locations", limits=Limits(host_calls=3))
    for number in range(10):
        answer(BY_NAME["log"], call, ["info", str(number)])
    assert [record.getMessage() for record in caplog.records] == [
        "0",
        "1",
        "2",
        "the rest of what this call logs is left out: one call may log 3 lines",
    ]
    ask(call, "query_location", "square")


def test_a_result_has_a_limit_of_its_own() -> None:
    world = make_world()
    call = make_call("read:*", world=world, limits=Limits(message_bytes=300))
    frame = len(answer(BY_NAME["query_location"], call, ["garden"]) or b"")
    for size, fits in ((RESULT_LIMIT - frame, True), (RESULT_LIMIT - frame + 1, False)):
        world.apply({"garden": Location(id="garden", name="The Garden", description="x" * size)})
        call = make_call("read:*", world=world, limits=Limits(message_bytes=300))
        if fits:
            assert len(ask(call, "query_location", "garden")["description"]) == size
        else:
            assert refusal(call, "query_location", "garden") == ("too_large", "the result is too large")
            assert ask(call, "find", query("lamp", kinds=["object"])) == [LAMP]


class Broken(BaseException):
    """An error that no host function means to raise; not even an Exception."""


def _break(*_: object) -> None:
    raise Broken("the host is broken")


@pytest.mark.parametrize("returns", [True, False])
def test_an_unexpected_error_dooms_the_call(*, returns: bool) -> None:
    broken = HostFunction(name="holomush_broken", parameters=("id",), capability="", run=_break, returns=returns)
    call = make_call("*")
    assert answer(broken, call, ["x"]) is None
    assert isinstance(call.doom, Broken)
    doom = call.doom
    for name, arguments in ARGUMENTS.items():
        assert answer(BY_NAME[name], call, list(arguments)) is None
    assert call.doom is doom
    assert not call.attempt.has_effects


def test_the_wrong_number_of_arguments_dooms_the_call() -> None:
    call = make_call("*")
    assert answer(BY_NAME["query_location"], call, []) is None
    assert isinstance(call.doom, TypeError)


TEXTS = st.text() | st.sampled_from(
    ["alice", "square", "lamp", "bag", "coin", "north", '{"container": "coin"}', emitted(), query("b")]
)


WAITING = ("http_get", "http_post")
"""What needs a worker thread of Trio's; a strange URL is the business of ``test_addresses`` and ``test_http``."""


@given(st.lists(st.tuples(st.sampled_from(sorted(BY_NAME.keys() - set(WAITING))), TEXTS, TEXTS, TEXTS), max_size=8))
def test_no_text_is_more_than_a_refusal(calls: list[tuple[str, str, str, str]]) -> None:
    call = make_call("*")
    for name, *texts in calls:
        function = BY_NAME[name]
        reply = answer(function, call, texts[: len(function.parameters)])
        assert call.doom is None
        assert (reply is not None) is function.returns
        if reply is not None:
            assert json.loads(reply)["ok"] in (True, False)


# ---- The other places that list them ---------------------------------------------------------------------------------


def test_names_are_unique_and_capabilities_known() -> None:
    assert len(BY_NAME) == len(HOST_FUNCTIONS)
    assert all(attrs.asdict(function)["name"].startswith("holomush_") for function in HOST_FUNCTIONS)


def test_the_python_runtime_imports_exactly_these() -> None:
    found = re.findall(r"^HOST_FUNCTION\((\w+), (\d+), (ENVELOPE|NOTHING)\)$", DEFINITIONS.read_text(), re.MULTILINE)
    assert {(name, int(count), result == "ENVELOPE") for name, count, result in found} == {
        (function.name, len(function.parameters), function.returns) for function in HOST_FUNCTIONS
    }
    assert len(found) == len(HOST_FUNCTIONS)


@pytest.mark.parametrize("function", HOST_FUNCTIONS, ids=lambda function: function.name)
def test_every_function_is_a_row_of_the_documentation(function: HostFunction) -> None:
    rows = [line for line in DOCUMENTATION.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert any(re.search(rf"\b{function.name}\b", row) for row in rows), f"{function.name} is in no table of docs/plugins.md"
