"""tests.yaml: what it can say, what is told when a plugin does otherwise, and what is told of a file that is wrong itself."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from support.plugins import write_plugin

from holomush.structuring import StructureError
from holomush.testing import PluginFailed, run_transcripts

ROOT = Path(__file__).parents[2]
SOURCE = """
from holomush_pdk import HostError, config, emit_event, find, http_get, kv_get, kv_set, list_sessions, query_location

def handle_event(event):
    if event.type == "fail":
        raise ValueError("it went wrong")
    if event.type == "timer":
        emit_event("global", "ring", {"by": event.actor_kind, "from": event.stream, **event.payload})
        return
    for n in range(event.payload.get("times", 1)):
        emit_event(event.stream, "echo", {"n": n, "by": event.actor_name})

def greet(inv):
    return f"{config('greeting')} {inv.args.who}, says {inv.actor.name}."

def list_all(inv):
    place = query_location(inv.location.id)
    return [entity.name for entity in (*place.characters, *place.objects, *place.exits)]

def count(inv):
    kv_set("count", str(int(kv_get("count", "0")) + 1))
    return {"output": kv_get("count"), "handled": False}

def typist(inv):
    return f"{inv.session.access}, {inv.session.width} columns, {'read aloud' if inv.session.screen_reader else 'seen'}"

def locks(inv):
    place = query_location(inv.location.id)
    return [f"{each.name}: {each.lock}" for each in (*place.objects, *place.exits)]

def ask(inv):
    try:
        return [http_get("https://example.com/").body, *(session.character_name for session in list_sessions())]
    except HostError as error:
        return f"{error.code}: {error.message}"
"""
COMMANDS = """
config: {greeting: You greet}
commands:
  - {name: greet, pattern: greet <who>, handler: greet}
  - {name: list, pattern: list, handler: list_all}
  - {name: count, pattern: count, handler: count}
  - {name: ask, pattern: ask, handler: ask}
  - {name: typist, pattern: typist, handler: typist}
  - {name: locks, pattern: locks, handler: locks}
  - {name: build, pattern: build, handler: typist, access: builder}
"""
CAPABILITIES = "capabilities: ['emit:location:*', 'emit:global', 'read:*', 'kv:*', 'http:*', 'session:read']\n"


def run(tmp_path: Path, text: str, capabilities: str = CAPABILITIES) -> list[str]:
    folder = write_plugin(tmp_path, "tester", capabilities + COMMANDS, SOURCE)
    (folder / "tests.yaml").write_text(dedent(text))
    return [str(outcome) for outcome in run_transcripts(folder)]


def test_the_bundled_example_does_what_its_transcripts_say() -> None:
    outcomes = run_transcripts(ROOT / "pdk" / "python" / "examples" / "echo")
    assert [(outcome.test, outcome.passed) for outcome in outcomes] == [
        ("echoes what is said", True),
        ("does not answer itself", True),
        ("leaves everything else alone", True),
    ]


def test_all_that_a_test_can_say(tmp_path: Path) -> None:
    text = """
        - test: answers events
          steps:
            - event: {type: say, stream: "location:1", actor_id: carol, actor_name: Carol, payload: {times: 2}}
              emits:
                - {stream: "location:1", type: echo, payload: {n: 0, by: Carol}}
                - {payload: {n: 1, by: Carol}, actor_kind: plugin, actor_id: tester}
            - event: {type: say, payload: {times: 0}}
            - event: {type: fail}
              error: "ValueError: it went wrong"
        - test: takes commands
          config: {greeting: Hail}
          steps:
            - {command: greet Bob, output: "Hail Bob, says Alice."}
            - {command: greet Bob, by: Bob, output: ["Hail Bob, says Bob."]}
            - {command: greet, error: "Usage: greet <who>"}
        - test: looks around
          world:
            locations: [{id: garden, name: The Garden}]
            characters: [{name: Carol}, {name: Dora, at: garden}]
            objects: [{name: bag}, {name: coin, at: bag}, {name: hat, at: Alice}]
            exits: [{name: north, source: The Square, destination: garden, aliases: [n]}]
          steps:
            - command: list
              output: |
                Alice
                Bob
                Carol
                bag
                north
        - test: keeps count from step to step
          kv: {count: "7"}
          steps:
            - {command: count, output: "8", handled: false}
            - {command: count, output: "9"}
        - test: and not from test to test
          steps:
            - {command: count, output: "1"}
        - test: asks what the test answers
          mocks:
            holomush_list_sessions: {value: [{character_name: Zoe}]}
          http:
            - {get: "https://example.com", body: sunny}
          steps:
            - {command: ask, output: [sunny, Zoe]}
        - test: takes a refusal
          mocks:
            http_get: {error: {code: timeout, message: too slow}}
          steps:
            - {command: ask, output: "timeout: too slow"}
        """
    assert run(tmp_path, text) == [
        "ok: answers events",
        "ok: takes commands",
        "ok: looks around",
        "ok: keeps count from step to step",
        "ok: and not from test to test",
        "ok: asks what the test answers",
        "ok: takes a refusal",
    ]


def test_who_types_and_at_what(tmp_path: Path) -> None:
    text = """
        - test: an admin at a plain terminal, unless a step says otherwise
          steps:
            - {command: typist, output: "admin, 80 columns, seen"}
            - {command: typist, access: guest, output: "guest, 80 columns, seen"}
            - {command: typist, by: Bob, session: {width: 40}, output: "admin, 40 columns, seen"}
            - {command: typist, session: {screen_reader: true}, output: "admin, 80 columns, read aloud"}
            - {command: build, output: "admin, 80 columns, seen"}
            - {command: typist, output: "admin, 80 columns, seen"}
        - test: a player with a screen reader, unless a step says otherwise
          access: player
          session: {screen_reader: true, width: 30}
          steps:
            - {command: typist, output: "player, 30 columns, read aloud"}
            - {command: typist, session: {screen_reader: false}, output: "player, 30 columns, seen"}
            - {command: build, error: 'no command takes the line "build"'}
            - {command: build, access: builder, session: {width: 200}, output: "builder, 200 columns, read aloud"}
        """
    assert run(tmp_path, text) == [
        "ok: an admin at a plain terminal, unless a step says otherwise",
        "ok: a player with a screen reader, unless a step says otherwise",
    ]


def test_timers_and_locks(tmp_path: Path) -> None:
    text = """
        - test: a timer is due
          steps:
            - timer: {name: bell, payload: {times: 3}}
              emits: [{type: ring, payload: {by: system, from: "plugin:tester", name: bell, payload: {times: 3}}}]
            - timer: {name: gong}
              emits: [{type: ring, payload: {by: system, from: "plugin:tester", name: gong, payload: {}}}]
        - test: locks
          world:
            locations: [{name: The Garden}]
            objects: [{name: chest, lock: Bob | crowbar}, {name: hat}]
            exits: [{name: north, source: The Square, destination: The Garden, lock: key}]
          steps:
            - {command: locks, output: ["chest: Bob | crowbar", "hat: ", "north: key"]}
        """
    assert run(tmp_path, text) == ["ok: a timer is due", "ok: locks"]


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (
            "[{command: count, output: '1'}, {command: greet Bob, output: You greet Tom.}, {command: count, output: '7'}]",
            "step 2, command greet Bob: output\n    expected: You greet Tom.\n    got:      You greet Bob, says Alice.",
        ),
        (
            "[{command: greet Bob}]",
            "step 1, command greet Bob: output\n    expected: nothing\n    got:      You greet Bob, says Alice.",
        ),
        (
            "[{command: list, output: [Alice]}]",
            "step 1, command list: output\n    expected: Alice\n    got:      Alice\n              Bob",
        ),
        (
            "[{command: count, output: '1', handled: true}]",
            "step 1, command count: handled\n    expected: true\n    got:      false",
        ),
        (
            "[{event: {type: say}, emits: [{type: echo}, {type: echo}]}]",
            'step 1, event say: emits\n    expected: {"type": "echo"}\n              {"type": "echo"}\n'
            '    got:      {"type": "echo"}',
        ),
        (
            "[{event: {type: say, stream: 'location:1'}}]",
            "step 1, event say: emits\n    expected: nothing\n"
            '    got:      {"stream": "location:1", "type": "echo", "payload": {"n": 0, "by": "Alice"}}',
        ),
        (
            "[{event: {type: say}, emits: [{payload: {n: 0}}]}]",
            'step 1, event say: emits\n    expected: {"payload": {"n": 0}}\n    got:      {"payload": {"n": 0, "by": "Alice"}}',
        ),
        (
            "[{timer: {name: bell}}]",
            "step 1, timer bell: emits\n    expected: nothing\n"
            '    got:      {"stream": "global", "type": "ring", "payload": {"by": "system", "from": "plugin:tester", '
            '"name": "bell", "payload": {}}}',
        ),
        ("[{event: {type: say}, error: broken}]", "step 1, event say: error\n    expected: broken\n    got:      nothing"),
        (
            "[{event: {type: fail}, error: broken}]",
            "step 1, event fail: error\n    expected: broken\n"
            "    got:      tester, handle_event: Traceback (most recent call last):\n"
            '                File "plugin.py", line 6, in handle_event\n',
        ),
        ("[{event: {type: fail}}]", "step 1, event fail: tester, handle_event: Traceback (most recent call last):\n"),
        ("[{command: greet Bob, by: Zoe}]", "step 1, command greet Bob: there is no character Zoe; there are Alice, Bob"),
        ("[{command: dance}]", 'step 1, command dance: tester: no command takes the line "dance". There are: greet <who>, '),
        ("[{command: ask}]", "step 1, command ask: tester: the test has no answer to GET https://example.com/: harness.http.get("),
    ],
)
def test_what_differs_is_told_with_what_was_to_be(tmp_path: Path, steps: str, told: str) -> None:
    (outcome,) = run(tmp_path, f"- {{test: something, steps: {steps}}}")
    assert outcome.startswith(f"FAILED: something\n  {told}"), outcome


def test_a_missing_capability_fails_a_step_with_the_line_to_add(tmp_path: Path) -> None:
    (outcome,) = run(tmp_path, "- {test: t, steps: [{event: {type: say, stream: 'location:1'}}]}", "capabilities: []\n")
    assert "needs the capability emit:location:1. plugin.yaml: add to capabilities:\n    - emit:location:*\n" in outcome


def test_a_world_that_cannot_be_fails_the_test_before_its_steps(tmp_path: Path) -> None:
    (outcome,) = run(tmp_path, "- {test: t, world: {objects: [{name: hat, at: Zoe}]}, steps: [{command: count}]}")
    assert outcome == "FAILED: t\n  what is there at first: there is nothing called Zoe"


def test_all_that_is_wrong_with_a_file_is_told_at_once(tmp_path: Path) -> None:
    text = """
        - test: one
          steps:
            - {event: {type: say, txt: x}, emits: {type: say}}
            - {command: greet Bob, output: 5}
            - {output: x}
            - {event: {type: say}, error: x, output: y}
            - {timer: {name: bell}, access: player}
            - {event: {type: say}, session: {width: 40}}
            - {command: count, timer: {payload: {}}, access: owner, session: {width: wide, height: 3}}
            - {command: count, timer: {name: bell}}
        - {test: two, steps: [], mocks: {query_place: {}, kv_get: {error: {code: bad}}}}
        - {steps: [{command: count}], http: [{status: 200}], access: nobody}
        """
    with pytest.raises(StructureError) as caught:
        run(tmp_path, text)
    path = tmp_path / "tester" / "tests.yaml"
    assert [problem.removeprefix(f"{path}: ") for problem in caught.value.problems] == [
        "[0].steps[0].event: unknown key 'txt'; known are type, stream, actor_kind, actor_id, actor_name, id, timestamp, payload",
        "[0].steps[0].emits: must be a list, not {'type': 'say'}",
        "[0].steps[1].output: must be text or a list of lines, not 5",
        "[0].steps[2]: must have either event, timer or command",
        "[0].steps[3]: must not have emits, output or handled beside error: nothing comes of a call that fails",
        "[0].steps[4]: must not have access or session without command: only commands are typed",
        "[0].steps[5]: must not have access or session without command: only commands are typed",
        "[0].steps[6].timer.name: the key 'name' is missing",
        "[0].steps[6].access: must be one of guest player builder admin, not 'owner'",
        "[0].steps[6].session.width: must be a whole number, not 'wide'",
        "[0].steps[6].session: unknown key 'height'; known are width, screen_reader",
        "[0].steps[7]: must have either event, timer or command",
        "[1].steps: must have at least one entry",
        "[1].mocks['kv_get'].error.code: must be one of capability_denied invalid_argument not_found conflict rate_limited"
        " too_large timeout unavailable, not 'bad'",
        "[2].test: the key 'test' is missing",
        "[2].access: must be one of guest player builder admin, not 'nobody'",
        "[2].http[0]: must have either get or post, a URL",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "holds no tests: it is a list of tests, each with test: and steps:"),
        ("test: x", "must be a list, not {'test': 'x'}"),
        ("- {test: t, steps: [{command: x}], mocks: {query_place: {}}}", "[0].mocks: there is no host function query_place"),
    ],
)
def test_a_file_that_holds_no_tests_is_told(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(StructureError) as caught:
        run(tmp_path, text)
    assert caught.value.problems == (f"{tmp_path / 'tester' / 'tests.yaml'}: {complaint}",)


def test_a_plugin_that_cannot_be_loaded_is_told_once(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "tester", "", "1 / 0")
    (folder / "tests.yaml").write_text("- {test: t, steps: [{command: x}]}\n" * 2)
    with pytest.raises(PluginFailed, match=r"tester cannot be loaded:\n(?s:.*)ZeroDivisionError"):
        run_transcripts(folder)
