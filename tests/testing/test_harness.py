"""The harness: real guests, called and looked at from ordinary code."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.plugins import write_plugin

from holomush.config import PluginsConfig
from holomush.plugins.functions.refusal import HostCallError
from holomush.testing import (
    CapabilityDenied,
    HarnessError,
    HostCall,
    LogLine,
    NoSuchCommand,
    PluginFailed,
    PluginTestHarness,
    UnexpectedRequest,
)
from holomush.testing.stage import ALICE_ID, BOB_ID, PLAYER_ID, SQUARE_ID
from holomush.world.model import Character, GameObject
from testing.conftest import Make

ECHO = """
from holomush_pdk import emit_event

def handle_event(event):
    emit_event(stream=event.stream, type="echo", payload={"of": event.type, "by": event.actor_name, **event.payload})
"""
EVERYTHING = 'capabilities: ["*"]'


# Events.


def test_an_event_is_handed_over_and_what_is_emitted_can_be_seen(make: Make) -> None:
    result = make(ECHO).deliver_event({"type": "say", "stream": "location:1", "payload": {"n": 1}})
    (event,) = result.emitted_events
    assert len(event.pop("id")) == 26
    assert event.pop("timestamp") > 1_700_000_000_000
    assert event == {
        "stream": "location:1",
        "type": "echo",
        "payload": {"of": "say", "by": "Alice", "n": 1},
        "actor_kind": "plugin",
        "actor_id": "tester",
        "actor_name": "tester",
    }
    assert (result.error, result.output, result.lines, result.handled, result.denied) == (None, None, [], None, [])
    assert result.host_calls == [
        ("holomush_emit_event", ({"stream": "location:1", "type": "echo", "payload": {"of": "say", "by": "Alice", "n": 1}},))
    ]


def test_what_an_event_leaves_out_is_alices_doing_on_the_square(make: Make) -> None:
    harness = make(
        "def handle_event(event):\n    import dataclasses\n    return {'output': [str(dataclasses.asdict(event))]}", now=5
    )
    output = harness.deliver_event({"type": "say", "id": "X"}).output
    assert output == str(
        {
            "id": "X",
            "stream": f"location:{SQUARE_ID}",
            "type": "say",
            "timestamp": 5,
            "actor_kind": "character",
            "actor_id": ALICE_ID,
            "actor_name": "Alice",
            "payload": {},
        }
    )


@pytest.mark.parametrize(
    ("event", "actor"),
    [
        ({"actor_kind": "plugin"}, "tester"),
        ({"actor_kind": "system"}, "system"),
        ({"actor_id": BOB_ID}, "Bob"),
        ({"actor_id": "carol", "actor_name": "Carol"}, "Carol"),
        ({"actor_id": "carol", "actor_name": "alice"}, "alice"),
    ],
)
def test_whose_doing_an_event_is(make: Make, event: dict[str, Any], actor: str) -> None:
    (emitted,) = make(ECHO).deliver_event({"type": "say", **event}).emitted_events
    assert emitted["payload"]["by"] == actor


def test_places_and_people_that_an_event_names_are_made(make: Make) -> None:
    harness = make(ECHO)
    harness.deliver_event({"type": "say", "stream": "location:1", "actor_id": "carol", "actor_name": "Carol"})
    harness.deliver_event({"type": "say", "stream": "character:dave"})
    carol, dave = harness.world["Carol"], harness.world["dave"]
    assert isinstance(carol, Character)
    assert (carol.id, carol.location_id, harness.world["1"].name) == ("carol", "1", "Location 1")
    assert isinstance(dave, Character)
    assert (dave.name, dave.location_id) == ("Character dave", SQUARE_ID)


@pytest.mark.parametrize(
    ("event", "complaint"),
    [
        ({"type": "say", "text": "x"}, "'text' is no key of an event; there are id, stream, type, timestamp, actor_kind"),
        ({"stream": "location:1"}, "type: must be 1 to 64 characters"),
        ({"type": "say", "stream": "here"}, 'stream: "here" is no stream; use location:<id>'),
        ({"type": "say", "actor_kind": "ghost"}, "actor_kind: must be character, system, plugin, not 'ghost'"),
    ],
)
def test_an_event_that_cannot_be_is_refused(make: Make, event: dict[str, Any], complaint: str) -> None:
    with pytest.raises(HarnessError) as caught:
        make(ECHO).deliver_event(event)
    assert str(caught.value).startswith(complaint)


def test_whether_an_event_would_arrive_can_be_asked(make: Make) -> None:
    harness = make(ECHO, EVERYTHING + "\nsubscribes: [{type: say, stream: 'location:*'}]")
    assert harness.subscribes_to({"type": "say"})
    assert not harness.subscribes_to({"type": "pose"})
    assert not harness.subscribes_to({"type": "say", "stream": "global"})


# Commands.

GREET = """
import json

def greet(inv):
    return f"You greet {inv.args.who} in {inv.location.name}, {inv.actor.name}."

def show(inv):
    return json.dumps([inv.command, inv.raw, inv.args, inv.timestamp, sorted(inv.session)])

def nothing(inv):
    pass
"""
COMMANDS = """
capabilities: []
commands:
  - {name: greet, pattern: "greet <who>", handler: greet, aliases: [hail]}
  - {name: show, pattern: "show [<what>]", handler: show, access: builder}
  - {name: nothing, pattern: nothing, handler: nothing}
"""


def test_a_line_goes_to_its_command_by_the_manifests_patterns(make: Make) -> None:
    harness = make(GREET, COMMANDS)
    assert harness.run_command("greet Bob").output == "You greet Bob in The Square, Alice."
    assert harness.run_command("HAIL  old Tom", "Bob").lines == ["You greet old Tom in The Square, Bob."]
    assert harness.run_command("nothing").output is None


SESSION_KEYS = ["access", "connected_at", "id", "screen_reader", "width"]


def test_a_command_is_given_what_the_server_gives(make: Make) -> None:
    harness = make(GREET, COMMANDS, now=datetime(2026, 1, 1, tzinfo=UTC))
    output = harness.run_command("show x y").output
    assert output == json.dumps(["show", "show x y", {"what": "x y"}, 1_767_225_600_000, SESSION_KEYS])
    assert harness.now == 1_767_225_600_000


def test_a_plugin_is_told_of_the_connection_what_the_test_says(make: Make) -> None:
    harness = make(
        "def show(inv): return f'{inv.session.access} {inv.session.width} {inv.session.screen_reader}'",
        "commands: [{name: show, pattern: show, handler: show}]",
    )
    assert harness.run_command("show").output == "admin 80 False"
    assert harness.run_command("show", access="builder", session={"screen_reader": True}).output == "builder 80 True"
    assert harness.run_command("show", session={"width": 40}).output == "admin 40 False"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("gret Bob", "There are: greet <who>, show [<what>], nothing"),
        ("greet", "Usage: greet <who>"),
        ("", "There are: greet <who>, show [<what>], nothing"),
        ("show", "There are: greet <who>, show [<what>], nothing"),
    ],
)
def test_a_line_that_is_no_command_fails_the_test(make: Make, line: str, complaint: str) -> None:
    harness = make(GREET, COMMANDS)
    with pytest.raises(NoSuchCommand) as caught:
        harness.run_command(line, access="player")
    assert str(caught.value) == f'tester: no command takes the line "{line}". {complaint}'
    assert harness.run_command(line, access="player", check=False).error == str(caught.value)


def test_a_fallback_takes_what_is_no_command_and_may_leave_it(make: Make) -> None:
    harness = make(
        "def go(inv):\n    return {'output': 'gone'} if inv.raw == 'north' else {'handled': False}",
        "commands: [{name: go, pattern: go <way>, handler: go, fallback: true}]",
    )
    assert harness.run_command("north").output == "gone"
    left = harness.run_command("south")
    assert (left.output, left.handled) == (None, False)


def test_who_types_must_be_there(make: Make) -> None:
    with pytest.raises(HarnessError, match=r"^there is no character Zoe; there are Alice, Bob$"):
        make(GREET, COMMANDS).run_command("greet Bob", "Zoe")


# Any function.


def test_any_function_can_be_called_with_any_input(make: Make) -> None:
    harness = make("import json\n\ndef f(inv):\n    return {'output': json.dumps([inv.args, inv.raw])}")
    assert harness.call("f", {"args": {"a": 1}, "raw": "x"}).output == '[{"a": 1}, "x"]'
    assert harness.call("f", '{"raw": "y"}').output == '[{}, "y"]'
    assert harness.call("f", b'{"raw": "z"}').output == '[{}, "z"]'
    with pytest.raises(PluginFailed, match=r"tester, g: .*g"):
        harness.call("g")


def test_what_a_function_emits_is_in_the_name_of_whoever_it_is_called_for(make: Make) -> None:
    harness = make("from holomush_pdk import emit_event\n\ndef f(inv):\n    emit_event('global', 'x', {})")
    (event,) = harness.call("f", {}, "Bob").emitted_events
    assert (event["actor_kind"], event["actor_id"], event["actor_name"]) == ("character", BOB_ID, "Bob")


# Failures.

BROKEN = "def handle_event(event):\n    deeper()\n\ndef deeper():\n    raise ValueError('it is broken')\n"


def test_a_failing_call_fails_the_test_with_the_authors_file_line_and_message(make: Make) -> None:
    harness = make(BROKEN)
    with pytest.raises(AssertionError) as caught:
        harness.deliver_event({"type": "say"})
    assert type(caught.value) is PluginFailed
    report = str(caught.value)
    assert report.startswith("tester, handle_event: Traceback")
    assert 'File "plugin.py", line 5, in deeper' in report
    assert report.endswith("ValueError: it is broken")
    for _ in range(5):  # it is not switched off
        assert harness.deliver_event({"type": "say"}, check=False).error == report


def test_a_call_that_fails_leaves_no_trace(make: Make) -> None:
    harness = make(
        "from holomush_pdk import emit_event, kv_set, log\n\n"
        "def handle_event(event):\n    kv_set('a', 'b')\n    emit_event('global', 'x', {})\n    log('there')\n    1 / 0"
    )
    result = harness.deliver_event({"type": "say"}, check=False)
    assert result.error is not None
    assert (result.emitted_events, dict(harness.kv)) == ([], {})
    assert [call.name for call in result.host_calls] == ["holomush_kv_set", "holomush_emit_event", "holomush_log"]
    assert result.logs == [LogLine("info", "there")]


def test_the_servers_limits_hold(make: Make) -> None:
    harness = make("def handle_event(event):\n    while True:\n        pass", timeout=0.5)
    assert harness.deliver_event({"type": "say"}, check=False).error == "tester, handle_event: it ran longer than 0.5 seconds"
    again = harness.deliver_event({"type": "say"}, check=False)
    assert again.error == "tester, handle_event: it ran longer than 0.5 seconds"


def test_all_of_the_servers_settings_can_be_set(make: Make) -> None:
    harness = make(ECHO, limits=PluginsConfig(events_per_call=0))
    assert "one call may emit 0 events" in str(harness.deliver_event({"type": "say"}, check=False).error)


@pytest.mark.parametrize(
    ("source", "manifest", "complaint"),
    [
        (
            "x = 1\nraise ValueError('no')",
            "",
            'tester cannot be loaded:\nTraceback (most recent call last):\n  File "plugin.py", line 2',
        ),
        ("def f(:\n", "", 'tester cannot be loaded:\n  File "plugin.py", line 1'),
        ("", "subscribes: [{type: say}]", "tester cannot be loaded: subscribes: plugin.py has no function handle_event"),
        ("", "colour: green", "{folder}/plugin.yaml: unknown key 'colour'"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_fails_the_test(tmp_path: Path, source: str, manifest: str, complaint: str) -> None:
    folder = write_plugin(tmp_path, "tester", manifest, source)
    with pytest.raises(PluginFailed) as caught:
        PluginTestHarness(folder)
    assert str(caught.value).startswith(complaint.format(folder=folder)), str(caught.value)


# The world.


def test_the_world_can_be_laid_out_and_looked_at(make: Make) -> None:
    harness = make(
        "from holomush_pdk import find, move_object, move_character, query_location\n\n"
        "def take(inv):\n"
        "    (thing,) = find(inv.args.what, inv.actor.id)\n"
        "    move_object(thing.id, character=inv.actor.id)\n"
        "    (way,) = find('north', inv.actor.id)\n"
        "    move_character(inv.actor.id, way.destination_id)\n"
        "    return ', '.join(c.name for c in query_location(way.destination_id).characters)",
        EVERYTHING + "\ncommands: [{name: take, pattern: take <what>, handler: take}]",
    )
    world = harness.world
    garden = world.add_location("The Garden", description="Green.")
    world.add_exit("north", world.square, garden, aliases=["n"])
    world.add_character("Carol", at=garden, connected=False)
    bag = world.add_object("bag", at="The Square", owner="Bob")
    world.add_object("coin", at=bag, id="coin")
    assert harness.run_command("take bag").output == "Carol, Alice"
    held = world["bag"]
    assert isinstance(held, GameObject)
    assert (held.holder_id, held.owner_id) == (ALICE_ID, BOB_ID)
    assert world.alice.location_id == garden.id
    assert [entity.name for entity in world.contents("The Garden")] == ["Carol", "Alice"]
    assert [entity.name for entity in world.contents(world.bob)] == []
    assert world.alice.player_id == PLAYER_ID
    assert "coin" in world
    assert bag in world
    assert "sword" not in world


def test_a_name_that_means_nothing_or_too_much_is_told(make: Make) -> None:
    world = make(ECHO).world
    world.add_object("rock")
    world.add_object("rock")
    with pytest.raises(HarnessError, match=r"^there are 2 things called rock: use an id$"):
        world["rock"]
    with pytest.raises(HarnessError, match=r"^there is nothing called tree$"):
        world["tree"]
    with pytest.raises(HarnessError, match=r"^there is no location Bob; there are The Square$"):
        world.add_character("Carol", at="Bob")


def test_who_is_connected_can_be_set_and_a_plugin_may_hang_up(make: Make) -> None:
    harness = make(
        "from holomush_pdk import boot_session, list_sessions, server_stats\n\n"
        "def f(inv):\n    return [s.character_name for s in list_sessions()] + [str(server_stats().characters)]\n\n"
        "def g(inv):\n    boot_session(inv.raw)\n"
    )
    world = harness.world
    world.disconnect("Bob")
    world.add_character("Carol")
    assert harness.call("f", {}).lines == ["Alice", "Carol", "3"]
    harness.call("g", {"raw": ALICE_ID})
    assert not world.is_connected("Alice")
    world.connect("Bob")
    assert harness.call("f", {}).lines == ["Bob", "Carol", "3"]


def test_help_is_about_the_one_plugin_and_for_those_who_are_there(tmp_path: Path) -> None:
    folder = write_plugin(
        tmp_path,
        "guide",
        """
        capabilities: [read:commands]
        commands:
          - {name: list, pattern: list, handler: f}
          - {name: close, pattern: close, handler: f, access: admin}
        """,
        """
        from holomush_pdk import HostError, list_commands, list_topics, read_topic

        def f(inv):
            return [
                *(command.name for command in list_commands(inv.actor.id)),
                *(read_topic(inv.actor.id, topic.plugin, topic.topic) for topic in list_topics(inv.actor.id)),
            ]

        def g(inv):
            try:
                list_commands(inv.actor.id)
            except HostError as error:
                return str(error)
        """,
    )
    (folder / "help").mkdir()
    (folder / "help" / "close.txt").write_text("How to close.")
    (folder / "help" / "rules.txt").write_text("Be kind.")
    for path in (folder, folder / "plugin.py"):
        with PluginTestHarness(path) as harness:
            assert harness.run_command("list").lines == ["list", "close", "How to close.", "Be kind."]
            assert harness.run_command("list", "Bob", access="player").lines == ["list", "Be kind."]
            harness.world.disconnect("Bob")
            assert harness.call("g", {"actor": {"id": BOB_ID}}).output == "not_found: nobody plays that character right now"


def test_a_plugin_that_stops_the_server_stops_nothing_here(make: Make) -> None:
    harness = make("from holomush_pdk import server_shutdown\n\ndef f(inv):\n    server_shutdown(inv.raw)")
    assert harness.shut_down_for is None
    harness.call("f", {"raw": "Good night."})
    harness.call("f", {"raw": "Really."})
    assert harness.shut_down_for == "Really."


def test_what_people_read_of_events_can_be_asked(make: Make) -> None:
    harness = make(
        "from holomush_pdk import emit_event\n\n"
        "def f(inv):\n"
        "    emit_event(f'location:{inv.raw}', 'wave', {'at': 'Bob'})\n"
        f"    emit_event('character:{BOB_ID}', 'nudge', {{'text': 'psst'}})",
        EVERYTHING + '\nrenders: {wave: {actor: "You wave at {at}.", others: "{actor} waves at {at}."}}',
    )
    harness.world.add_character("Carol", at=harness.world.add_location("The Garden"))
    result = harness.call("f", {"raw": SQUARE_ID})
    assert result.heard("Alice") == ["You wave at Bob."]
    assert result.heard(BOB_ID) == ["Alice waves at Bob.", "psst"]
    assert result.heard("Carol") == []
    with pytest.raises(HarnessError, match=r"^there is no character Zoe; there are Alice, Bob, Carol$"):
        result.heard("Zoe")


# What a plugin keeps.


def test_keys_can_be_laid_out_and_looked_at(make: Make) -> None:
    harness = make(
        "from holomush_pdk import kv_delete, kv_get, kv_set\n\n"
        "def f(inv):\n    kv_set('sum', kv_get('a') + kv_get('b').hex())\n    kv_delete('a')"
    )
    harness.kv["a"] = "x"
    harness.kv["b"] = b"\xff"
    harness.call("f", {})
    assert dict(harness.kv) == {"b": b"\xff", "sum": "xff"}
    assert (repr(harness.kv), len(harness.kv), "a" in harness.kv) == ("{'b': b'\\xff', 'sum': 'xff'}", 2, False)
    del harness.kv["b"]
    for change in (lambda: harness.kv["b"], lambda: harness.kv.__delitem__("b")):
        with pytest.raises(KeyError):
            change()
    with pytest.raises(HostCallError, match="a key must have 1 to 256 bytes"):
        harness.kv[""] = "x"


SCHEMA = """
capabilities: ["db:migrate", "read:characters"]
schema:
  tables:
    - name: scores
      columns:
        - {name: id, type: ulid, primary: true}
        - {name: who, type: ulid, ref: characters}
        - {name: points, type: integer, default: 0}
  attributes:
    character: [{name: wins, type: integer, default: 0}]
"""


def test_tables_and_attributes_can_be_laid_out_and_looked_at(make: Make) -> None:
    harness = make(
        "from holomush_pdk import query_character, set_attributes, table_select, table_update\n\n"
        "def f(inv):\n"
        "    (row,) = table_select('scores')\n"
        "    table_update('scores', row.id, points=row.points + 1)\n"
        "    set_attributes(row.who, wins=query_character(row.who).attributes.wins + 1)",
        SCHEMA,
    )
    scores = harness.tables["scores"]
    row = scores.insert(who=ALICE_ID, points=6)
    harness.world.set_attributes("Alice", wins=1)
    harness.call("f", {})
    assert scores.rows == [{"id": row["id"], "who": ALICE_ID, "points": 7}]
    assert (list(scores), len(scores), scores.get(row["id"])) == (scores.rows, 1, scores.rows[0])
    assert (list(harness.tables), len(harness.tables)) == (["scores"], 1)
    assert harness.world.attributes("Alice") == {"wins": 2}
    assert harness.world.attributes("Bob") == {"wins": 0}
    for ask, complaint in (
        (lambda: harness.tables["points"], "the plugin declares no table points; it has scores"),
        (lambda: harness.world.set_attributes("Bob", luck=1), "the plugin declares no attribute luck for a character"),
        (lambda: harness.world.set_attributes("Bob", wins="x"), "wins: must be a whole number, not text"),
    ):
        with pytest.raises(HarnessError) as caught:
            ask()
        assert str(caught.value) == complaint


def test_a_table_is_read_to_its_last_row(make: Make) -> None:
    harness = make(
        "from holomush_pdk import table_insert\n\ndef f(inv):\n    for n in range(201):\n        table_insert('scores', points=n)",
        SCHEMA,
    )
    for _ in range(5):
        harness.call("f", {})
    assert sorted(row["points"] for row in harness.tables["scores"]) == sorted([*range(201)] * 5)


# Config.


def test_config_is_laid_over_the_manifests(make: Make) -> None:
    harness = make(
        "from holomush_pdk import config\n\ndef f(inv):\n    return [config('a'), config('b')]",
        "config: {a: x, b: x}",
        config={"b": "y"},
    )
    assert harness.call("f", {}).lines == ["x", "y"]


# Mocks.

ASK = """
from holomush_pdk import HostError, find, log, query_location

def f(inv):
    try:
        return str(query_location(inv.raw))
    except HostError as error:
        return f"{error.code}, {error.message}"

def g(inv):
    return [str(found) for found in find("lamp", "x")]
"""


def test_a_host_function_can_be_given_a_value(make: Make) -> None:
    harness = make(ASK)
    harness.mock("holomush_query_location", {"name": "Nowhere"})
    result = harness.call("f", {"raw": "x"})
    assert result.output == "{'name': 'Nowhere'}"
    assert result.host_calls == [HostCall("holomush_query_location", ("x",))]


def test_a_host_function_can_be_made_to_refuse(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "pdk" / "python"))
    pdk = pytest.importorskip("holomush_pdk")
    harness = make(ASK)
    harness.mock("query_location", pdk.HostError("timeout", "not today"))
    assert harness.call("f", {"raw": "x"}).output == "timeout, not today"
    harness.mock("query_location", HostCallError("conflict", "nor now"))
    assert harness.call("f", {"raw": "x"}).output == "conflict, nor now"


def test_a_host_function_can_be_answered_by_a_function_of_the_test(make: Make) -> None:
    harness = make(ASK)

    def query(location_id: str) -> dict[str, str]:
        if location_id == "gone":
            raise HostCallError("not_found", "burnt down")
        return {"id": location_id}

    harness.mock("query_location", query)
    assert harness.call("f", {"raw": "x"}).output == "{'id': 'x'}"
    assert harness.call("f", {"raw": "gone"}).output == "not_found, burnt down"
    harness.mock("find", lambda asked: [{"name": asked["name"], "kinds": asked["kinds"]}])
    assert harness.call("g", {}).output == "{'name': 'lamp', 'kinds': ['character', 'object', 'exit']}"


@pytest.mark.parametrize("answer", [{1, 2}, float("nan"), lambda _: int("x"), ValueError("mine")])
def test_a_mistake_in_a_mock_is_told_and_not_the_plugins_to_handle(make: Make, answer: object) -> None:
    harness = make(ASK)
    harness.mock("query_location", answer)
    with pytest.raises(PluginFailed, match="a host function failed: ") as caught:
        harness.call("f", {"raw": "x"})
    assert caught.value.__cause__ is not None


def test_there_is_no_mock_of_what_is_no_host_function(make: Make) -> None:
    with pytest.raises(HarnessError, match=r"^there is no host function holomush_query_place; did you mean holomush_query_"):
        make(ASK).mock("holomush_query_place", {})


def test_a_mocked_function_still_needs_its_capability(make: Make) -> None:
    harness = make(ASK, "capabilities: [read:objects]")
    harness.mock("query_location", {})
    harness.mock("find", [])
    with pytest.raises(CapabilityDenied, match="needs the capability read:locations"):
        harness.call("f", {"raw": "x"})
    with pytest.raises(CapabilityDenied, match="needs the capability read:characters"):
        harness.call("g", {})


# The web.

FETCH = """
from holomush_pdk import HostError, http_get, http_post

def f(inv):
    try:
        answer = http_get(inv.raw)
    except HostError as error:
        return f"{error.code}, {error.message}"
    return f"{answer.status} {answer.url} {answer.headers.get('content-type')} {answer.body!r}"

def g(inv):
    return http_post("https://api.example.com/", "sent").body
"""
URL = "https://api.example.com/weather"
WEB = "capabilities: ['http:get:api.example.com', 'http:post:api.example.com']"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("sunny", "200 https://api.example.com/weather None 'sunny'"),
        ({"sky": "blue"}, '200 https://api.example.com/weather application/json \'{"sky": "blue"}\''),
        (b"\xff", "200 https://api.example.com/weather None b'\\xff'"),
        (b"text", "200 https://api.example.com/weather None 'text'"),
    ],
)
def test_a_web_servers_answer_can_be_laid_out(make: Make, body: object, shown: str) -> None:
    harness = make(FETCH, WEB)
    harness.http.get(URL, body=body)
    assert harness.call("f", {"raw": URL}).output == shown


def test_requests_can_be_looked_at(make: Make) -> None:
    harness = make(FETCH, WEB)
    harness.http.post("https://api.example.com", status=201, body="ok", headers={"X-A": "b"})
    assert harness.call("g", {}).output == "ok"
    assert harness.http.requests == [("POST", "https://api.example.com/", "sent")]


def test_a_web_server_can_be_out_of_order(make: Make) -> None:
    harness = make(FETCH, WEB)
    harness.http.get(URL, error=HostCallError("timeout", "too slow"))
    assert harness.call("f", {"raw": URL}).output == "timeout, too slow"


def test_a_request_without_an_answer_fails_the_test_though_the_plugin_takes_it_well(make: Make) -> None:
    harness = make(FETCH, WEB)
    with pytest.raises(UnexpectedRequest) as caught:
        harness.call("f", {"raw": URL})
    assert str(caught.value) == f'tester: the test has no answer to GET {URL}: harness.http.get("{URL}", body=...)'
    assert harness.call("f", {"raw": URL}, check=False).output == f"unavailable, the test has no answer to GET {URL}"


def test_another_domain_is_refused_though_there_is_an_answer(make: Make) -> None:
    harness = make(FETCH, WEB)
    harness.http.get("https://other.example.com/", body="x")
    with pytest.raises(CapabilityDenied, match=r"needs the capability http:get:other.example.com"):
        harness.call("f", {"raw": "https://other.example.com/"})
    assert harness.http.requests == []


# Capabilities.

SWALLOWS = """
from holomush_pdk import HostError, emit_event, kv_get

def handle_event(event):
    try:
        emit_event(event.stream, "x", {})
    except HostError:
        pass

def f(inv):
    return {"events": [{"stream": "global", "type": "x", "payload": {}}]}

def g(inv):
    kv_get("a")
"""


def test_a_missing_capability_fails_the_test_with_the_line_to_add(make: Make) -> None:
    harness = make(SWALLOWS, "capabilities: []")
    with pytest.raises(CapabilityDenied) as caught:
        harness.deliver_event({"type": "say", "stream": "location:1"})
    assert str(caught.value) == (
        "tester: holomush_emit_event needs the capability emit:location:1. plugin.yaml: add to capabilities:\n  - emit:location:*"
    )
    with pytest.raises(CapabilityDenied) as caught:
        harness.deliver_event({"type": "say", "stream": "global"})
    assert "add to capabilities:\n  - emit:global" in str(caught.value)


def test_a_missing_capability_that_the_plugin_fails_of_is_told_with_its_failure(make: Make) -> None:
    harness = make(SWALLOWS, "capabilities: []")
    with pytest.raises(CapabilityDenied) as caught:
        harness.call("g", {})
    first, _, rest = str(caught.value).partition("\n  - kv:read\n")
    assert first == "tester: holomush_kv_get needs the capability kv:read. plugin.yaml: add to capabilities:"
    assert rest.startswith("tester, g: Traceback")


def test_events_in_an_answer_need_their_capability_too(make: Make) -> None:
    harness = make(SWALLOWS, "capabilities: []")
    with pytest.raises(CapabilityDenied, match=r"^tester: the answer needs the capability emit:global\."):
        harness.call("f", {})
    assert [denial.capability for denial in harness.call("f", {}, check=False).denied] == ["emit:global"]


def test_a_refusal_can_be_expected(make: Make) -> None:
    harness = make(SWALLOWS, "capabilities: []")
    with harness.expect_denied("emit:location:*"):
        assert harness.deliver_event({"type": "say"}).emitted_events == []
        with pytest.raises(CapabilityDenied):
            harness.deliver_event({"type": "say", "stream": "global"})
    with pytest.raises(CapabilityDenied):
        harness.deliver_event({"type": "say"})
    with pytest.raises(AssertionError, match=r"^tester was not refused kv:\*$"), harness.expect_denied("kv:*"):
        pass


def test_a_refusal_while_the_plugin_is_loaded_is_told(make: Make) -> None:
    source = """
        from holomush_pdk import HostError, kv_get

        def init():
            try:
                kv_get("a")
            except HostError:
                pass
        """
    with pytest.raises(CapabilityDenied, match="holomush_kv_get needs the capability kv:read"):
        make(source, "capabilities: []")


def test_a_refusal_that_a_plugin_cannot_be_loaded_for_is_told_with_the_line_to_add(make: Make) -> None:
    with pytest.raises(CapabilityDenied) as caught:
        make("from holomush_pdk import kv_get\n\ndef init():\n    kv_get('a')", "capabilities: []")
    first, _, rest = str(caught.value).partition("\n  - kv:read\n")
    assert first == "tester: holomush_kv_get needs the capability kv:read. plugin.yaml: add to capabilities:"
    assert rest.startswith("tester cannot be loaded:\nTraceback")


def test_other_capabilities_can_stand_in_for_the_manifests(make: Make) -> None:
    assert (
        make(ECHO, "capabilities: []", capabilities=["emit:global"]).deliver_event({"type": "x", "stream": "global"}).emitted_events
    )


def test_a_capability_that_is_none_is_refused(make: Make) -> None:
    with pytest.raises(PluginFailed, match="'emit' is not a capability"):
        make(ECHO, capabilities=["emit"])


# Log and spans.


def test_the_log_is_kept_call_by_call_at_all_levels(make: Make) -> None:
    harness = make(
        "from holomush_pdk import log\n\n"
        "def init():\n    log('begun')\n\n"
        "def f(inv):\n    log('a', 'debug')\n    log('b', 'warn')\n    log('c', 'error')"
    )
    for _ in range(2):
        assert harness.call("f", {}).logs == [("debug", "a"), ("warn", "b"), ("error", "c")]


def test_calls_make_spans_as_in_the_server(make: Make) -> None:
    harness = make(BROKEN + "\ndef f(inv):\n    pass\n")
    result = harness.call("f", {})
    span = result.span(plugin_name="tester", plugin_function="f", event_type="command")
    assert (span.name, span.error, 0 < span.seconds < 5) == ("plugin.call", None, True)
    assert span.attributes["event.stream"] == f"character:{ALICE_ID}"
    failed = harness.deliver_event({"type": "say"}, check=False).span(event_type="say")
    assert failed.error == "it raised an error: ValueError: it is broken"
    assert harness.spans == [span, failed]
    assert harness.span(plugin_function="f") is span
    with pytest.raises(AssertionError) as caught:
        harness.span(plugin_function="g")
    assert str(caught.value).splitlines()[0] == "0 spans are plugin.call plugin_function=g; there are:"
    assert len(str(caught.value).splitlines()) == 3
    with pytest.raises(AssertionError, match=r"^2 spans are plugin.call; there are:"):
        harness.span()


def test_mocks_are_asked_once_for_each_host_call_however_slow_the_plugin(make: Make) -> None:
    harness = make(
        "from holomush_pdk import query_location\n\n"
        "def f(inv):\n    query_location('x')\n    for n in range(2_000_000):\n        pass\n    query_location('y')"
    )
    asked: list[str] = []

    def query(location_id: str) -> dict[str, str]:
        asked.append(location_id)
        return {}

    harness.mock("query_location", query)
    assert [call.args for call in harness.call("f", {}).host_calls] == [("x",), ("y",)]
    assert asked == ["x", "y"]


async def test_a_harness_is_not_for_code_that_runs_under_trio(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "tester", "", ECHO)
    with pytest.raises(HarnessError, match="make the test a def, not an async def"):
        PluginTestHarness(folder)
