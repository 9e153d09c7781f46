"""The plugin host with guests in JavaScript: what ``test_host`` shows with Python, where the runtime has a part in it."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import pytest
import trio

from holomush.config import PluginsConfig
from holomush.plugins.guests.guest import (
    GuestError,
    GuestFailedError,
    GuestInterruptedError,
    GuestOutOfMemoryError,
    GuestOutputError,
    GuestOverdueError,
    GuestTooLongError,
    SourceProgram,
    SourceRuntime,
)
from holomush.plugins.host import OWN_MODULE_AFTER
from holomush.plugins.loaded import LoadedPlugin, PluginLoadError
from holomush.plugins.reply import GuestDeniedError, Reply
from holomush.plugins.slowness import PATIENT_CALLS
from plugins.rooms import Rig, open_rig

QUICK = PluginsConfig(timeout=0.3)
SLACK = 2.0
"""Seconds by which a busy machine may be late; every endless guest here would run for ever."""
T = TypeVar("T")


async def failing(work: Awaitable[T]) -> GuestError:
    """The error that a call must end with."""
    with pytest.raises(GuestError) as caught:
        await work
    return caught.value


async def load(rig: Rig, source: str, manifest: str = "", *, name: str = "tester") -> LoadedPlugin:
    """Write a plugin in JavaScript and load it."""
    folder = rig.folder / name
    folder.mkdir()
    (folder / "plugin.yaml").write_text(f"name: {name}\nversion: 1.0.0\n{manifest}")
    (folder / "plugin.js").write_text(source)
    return await rig.load_folder(folder)


async def load_error(rig: Rig, source: str, manifest: str = "") -> str:
    with pytest.raises(PluginLoadError) as caught:
        await load(rig, source, manifest)
    assert rig.host.plugins == ()
    return str(caught.value)


# ---- Loading ---------------------------------------------------------------------------------------------------------


async def test_missing_handlers_are_named_with_their_file(tmp_path: Path, runtime: SourceRuntime) -> None:
    manifest = """\
commands:
  - {name: x, pattern: x, handler: handle_x}
  - {name: y, pattern: y, handler: handle_y}
subscribes: [{type: say}]
"""
    async with open_rig(tmp_path, runtime) as rig:
        error = await load_error(rig, "export function handle_x() {}\nexport const handle_y = 3;\n", manifest)
    assert error.splitlines() == [
        "tester: commands[1].handler: plugin.js has no function handle_y",
        "tester: subscribes: plugin.js has no function handle_event",
    ]


@pytest.mark.parametrize(
    ("source", "error", "line"),
    [
        ("let x = 1;\nfunction broken({) {}\n", "SyntaxError: ", "    at plugin.js:2:18"),
        ("\nnothing.here;\n", "ReferenceError: nothing is not defined", "    at <anonymous> (plugin.js:2:1)"),
        ("export function init() {\n  throw new Error('no luck');\n}\n", "Error: no luck", "    at init (plugin.js:2:13)"),
        ("export const init = async () => {\n  null.x;\n};\n", "TypeError: cannot read", "    at init (plugin.js:2:3)"),
    ],
)
async def test_an_error_while_loading(
    tmp_path: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture, source: str, error: str, line: str
) -> None:
    async with open_rig(tmp_path, runtime) as rig:
        assert (await load_error(rig, source)).startswith(f"tester: it raised an error: {error}")
    assert f"tester: {line}" in caplog.text


async def test_loading_has_a_deadline(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime, QUICK) as rig:
        started = time.monotonic()
        assert await load_error(rig, "for (;;);") == "tester: it ran longer than 0.3 seconds"
        assert time.monotonic() - started < 0.3 + SLACK


# ---- Ways to end -----------------------------------------------------------------------------------------------------

FAILING = """
import { emitEvent, queryLocation } from "holomush-pdk";
let calls = 0;
export const count = () => String(++calls);
export const boom = () => { throw new Error("boom"); };
export const loop = () => { for (;;); };
export const stubborn = () => { for (;;) { try { for (;;); } catch {} } };
export const jobs = async () => { for (;;) await null; };
export const pattern = () => /(a+)+$/.test("a".repeat(64) + "b");
export const bomb = () => { const kept = []; for (;;) kept.push(new Uint8Array(1_000_000)); };
export const recurse = () => recurse() + 1;
export const unsettled = () => new Promise(() => {});
export const chatter = () => "x".repeat(300_000);
export const number = () => ({ output: 3 });
export const unknown = () => ({ text: "hello" });
export const denied = () => { queryLocation("square"); };
export const denied_event = () => ({ events: [{ stream: "global", type: "x", payload: {} }] });
export const oversized = () => emitEvent({ stream: "location:square", type: "x", payload: { text: "x".repeat(300_000) } });
export const forged = () => { throw Object.assign(new Error(), { stack: "", toString: () => "timeout" }); };
"""
LATE = "it ran longer than 0.3 seconds"
ENDINGS: list[tuple[str, type[GuestError], str]] = [
    ("boom", GuestFailedError, "it raised an error: Error: boom"),
    ("loop", GuestOverdueError, LATE),
    ("stubborn", GuestOverdueError, LATE),
    ("jobs", GuestOverdueError, LATE),
    ("pattern", GuestOverdueError, LATE),
    ("bomb", GuestOutOfMemoryError, "it used more than 64 MiB of memory"),
    ("recurse", GuestFailedError, "it raised an error: RangeError: Maximum call stack size exceeded"),
    (
        "unsettled",
        GuestFailedError,
        "it raised an error: Error: unsettled waits for a promise that nothing will ever settle",
    ),
    ("chatter", GuestTooLongError, "its output is larger than 262144 bytes"),
    ("number", GuestOutputError, "its answer's output is neither text nor a list of lines"),
    ("unknown", GuestOutputError, "its answer must be an object with some of events, handled, output"),
    ("denied", GuestFailedError, "it raised an error: HostError: capability_denied: the plugin has no capability read:locations"),
    ("denied_event", GuestDeniedError, "its answer's events[0]: the plugin has no capability emit:global"),
    ("oversized", GuestFailedError, "it raised an error: HostError: too_large: an argument may have 262144 bytes"),
    ("forged", GuestFailedError, "it raised an error: Error: timeout"),
]


@pytest.mark.parametrize("lane", ["quick", "patient"])
@pytest.mark.parametrize(("function", "error", "text"), ENDINGS, ids=[ending[0] for ending in ENDINGS])
async def test_after_every_failure_there_is_a_fresh_instance(
    tmp_path: Path,
    runtime: SourceRuntime,
    caplog: pytest.LogCaptureFixture,
    function: str,
    error: type[GuestError],
    text: str,
    lane: str,
) -> None:
    # What only uses memory or the stack may take its time on a busy machine.
    config = QUICK if error is GuestOverdueError else PluginsConfig(timeout=20.0)
    async with open_rig(tmp_path, runtime, config) as rig:
        plugin = await load(rig, FAILING)
        pool = plugin.patient_pool if lane == "patient" else plugin.pool
        plugin.slowness.always = lane == "patient"
        assert await rig.call("count") == Reply("1")
        caplog.clear()
        plugin.slowness.always = lane == "patient"
        started = time.monotonic()
        failure = await failing(rig.call(function))
        if error is GuestOverdueError:
            assert 0.25 < time.monotonic() - started < 0.3 + SLACK
        assert type(failure) is error
        assert str(failure).startswith(text)
        assert "\n" not in str(failure)
        assert [record.name for record in caplog.records] == ["holomush.plugins.host"]
        assert caplog.messages[0].startswith(f"plugin tester, {function}: ")
        assert pool.size == 0
        plugin.slowness.always = lane == "patient"
        assert await rig.call("count") == Reply("1")


async def test_an_error_is_logged_with_the_authors_lines(
    tmp_path: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_rig(tmp_path, runtime) as rig:
        await load(rig, "const inner = (x) => x.y.z;\nexport function boom() {\n  const got = inner({});\n  return got;\n}\n")
        await failing(rig.call("boom"))
    assert caplog.messages[-1] == (
        "plugin tester, boom:     at inner (plugin.js:1:22)\n"
        "    at boom (plugin.js:3:15)\n"
        "TypeError: cannot read property 'z' of undefined"
    )


# ---- Memory ----------------------------------------------------------------------------------------------------------

HOARD = """
export function take({ args }) {
  const kept = [];
  for (let n = 0; n < args.mb; n++) kept.push(new Uint8Array(2 ** 20));
  return "had it";
}
"""


@pytest.mark.parametrize("limit", [16, 32, 48])
async def test_a_plugin_may_have_less_memory_than_others(tmp_path: Path, runtime: SourceRuntime, limit: int) -> None:
    async with open_rig(tmp_path, runtime, PluginsConfig(timeout=20.0)) as rig:
        await load(rig, HOARD, f"limits: {{memory_mb: {limit}}}\n")
        assert await rig.call("take", {"mb": limit // 2}) == Reply("had it")
        # What the module begins with does not count.
        failure = await failing(rig.call("take", {"mb": limit + 2}))
        assert type(failure) is GuestOutOfMemoryError
        assert str(failure) == f"it used more than {limit} MiB of memory"
        assert await rig.call("take", {"mb": limit // 2}) == Reply("had it")


# ---- Time ------------------------------------------------------------------------------------------------------------

LOOP = "export const loop = () => { for (;;); };\nexport const quick = () => 'done';\n"
LONG = """
export function work({ args }) {
  const end = Date.now() + args.seconds * 1000;
  while (Date.now() < end);
  return "done";
}
"""


async def test_what_is_too_slow_for_the_quick_lane_is_done_once_by_a_thread(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
import { emitEvent, moveCharacter } from "holomush-pdk";
export async function work() {
  emitEvent({ stream: "global", type: "started" });
  moveCharacter("alice", "garden");
  const end = Date.now() + 100;
  while (Date.now() < end) await null;
  return "done";
}
"""
    async with open_rig(tmp_path, runtime) as rig:
        plugin = await load(rig, source, 'capabilities: ["*"]\n')
        attempt = rig.host.begin("tester")
        assert await rig.call_in(attempt, "work") == Reply("done")
        assert [event.type for event in attempt.transaction.events] == ["started"]
        assert set(attempt.transaction.changes) == {"alice"}
        assert (plugin.pool.size, plugin.patient_pool.size) == (0, 1)
        assert plugin.slowness.left == {"work": PATIENT_CALLS}


async def test_a_bystander_is_interrupted_and_not_blamed(
    tmp_path: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_rig(tmp_path, runtime, PluginsConfig(timeout=20.0)) as rig:
        await load(rig, LOOP, "limits: {timeout_ms: 300}\n", name="endless")
        bystander = await load(rig, LONG)
        failures: list[GuestError] = []

        async def stand_by() -> None:
            failures.append(await failing(rig.call("work", {"seconds": 15})))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(stand_by)
            assert isinstance(await failing(rig.call("loop", name="endless")), GuestOverdueError)
        assert [type(failure) for failure in failures] == [GuestInterruptedError]
        assert bystander.timeouts == 0
        assert "plugin tester" not in caplog.text
        assert await rig.call("work", {"seconds": 0}) == Reply("done")


async def test_a_plugin_in_another_language_is_not_even_interrupted(tmp_path: Path, runtime: SourceRuntime) -> None:
    work = "import time\ndef work(inv):\n    end = time.time() + 1\n    while time.time() < end: pass\n    return 'done'\n"
    async with open_rig(tmp_path, runtime, PluginsConfig(timeout=20.0)) as rig:
        await load(rig, LOOP, "limits: {timeout_ms: 300}\n", name="endless")
        await rig.load(work)
        done: list[Reply] = []

        async def stand_by() -> None:
            done.append(await rig.call("work"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(stand_by)
            assert isinstance(await failing(rig.call("loop", name="endless")), GuestOverdueError)
            assert done == []
        assert done == [Reply("done")]


async def test_who_times_out_again_and_again_gets_a_module_of_its_own(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime, PluginsConfig(timeout=20.0)) as rig:
        endless = await load(rig, LOOP, "limits: {timeout_ms: 300}\n", name="endless")
        await load(rig, LONG)
        program = endless.program
        assert isinstance(program, SourceProgram)
        for number in range(1, OWN_MODULE_AFTER + 1):
            assert program._own is None
            await failing(rig.call("loop", name="endless"))
            assert endless.timeouts == number
            assert await rig.call("quick", name="endless") == Reply("done")
        done: list[Reply] = []

        async def stand_by() -> None:
            done.append(await rig.call("work", {"seconds": 1.0}))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(stand_by)
            assert isinstance(await failing(rig.call("loop", name="endless")), GuestOverdueError)
            assert done == []
        assert done == [Reply("done")]
        assert program._own is not None


async def test_a_thousand_calls_cost_what_the_first_did(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
let calls = 0;
export function work({ args }) {
  calls += 1;
  const circle = { text: args.text.repeat(args.times) };
  circle.circle = [circle];
  return { output: [String(calls), String(circle.text.length)] };
}
"""
    async with open_rig(tmp_path, runtime) as rig:
        plugin = await load(rig, source)
        times = []
        for number in range(1, 1001):
            started = time.perf_counter()
            reply = await rig.call("work", {"text": "é" * (number % 100), "times": number % 50})
            times.append(time.perf_counter() - started)
            # A call that the machine itself held up is done again by a thread, with another instance.
            assert (reply.output or "").endswith(f"\n{(number % 100) * (number % 50)}")
        assert sorted(times[500:])[250] < 3 * sorted(times[:500])[250]
        assert plugin.timeouts == 0


async def test_functions_are_known_from_the_list_alone(tmp_path: Path, runtime: SourceRuntime) -> None:
    forged = json.dumps({"functions": ["ghost"]})
    async with open_rig(tmp_path, runtime) as rig:
        plugin = await load(rig, f"JSON.stringify = () => {json.dumps(forged)};\nexport const real = () => 'x';\n")
        assert plugin.functions == {"real"}
        assert type(await failing(rig.call("real"))) is GuestOutputError
