"""The plugin host with real guests: what loads and what does not, every way a call can end, and who suffers from whom."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import attrs
import pytest
import trio
import trio.testing
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from support.plugins import write_plugin

from holomush.config import PausesConfig, PluginsConfig, Rate
from holomush.events.event import ActorKind, EmittedEvent, Event
from holomush.plugins.guests.deadlines import RESOLUTION
from holomush.plugins.guests.guest import (
    GuestCancelledError,
    GuestError,
    GuestFailedError,
    GuestInputError,
    GuestInterruptedError,
    GuestOutOfMemoryError,
    GuestOutputError,
    GuestOverdueError,
    GuestTooLongError,
    HostFaultError,
    SourceProgram,
    SourceRuntime,
)
from holomush.plugins.host import OWN_MODULE_AFTER
from holomush.plugins.loaded import PluginLoadError, PluginPausedError
from holomush.plugins.reply import GuestDeniedError, Reply
from holomush.plugins.roster.approvals import Grant
from holomush.plugins.roster.capabilities import CapabilitySet
from holomush.plugins.roster.source import read_plugin
from holomush.plugins.slowness import PATIENT_CALLS
from holomush.world.model import Character, Location
from plugins.rooms import Rig, make_surroundings, open_rig

QUICK = PluginsConfig(timeout=0.3)
SLACK = 2.0
"""Seconds by which a busy machine may be late; every endless guest here would run for ever."""

COUNTER = """
    import extism
    from holomush_pdk import emit_event, query_location
    calls = 0
    def count(invocation):
        global calls
        calls += 1
        return str(calls)
"""

Failure = Callable[[Rig], Awaitable[object]]
T = TypeVar("T")

EVENT = Event("01H", "location:square", "say", 7, ActorKind.CHARACTER, "alice", "Alice", {"message": "hello"})


async def failing(work: Awaitable[T]) -> GuestError:
    """The error that a call must end with."""
    try:
        await work
    except GuestError as error:
        return error
    raise AssertionError("it went well")


# ---- Loading ---------------------------------------------------------------------------------------------------------


async def load_error(rig: Rig, source: str, manifest: str = "", **modules: str) -> str:
    with pytest.raises(PluginLoadError) as caught:
        await rig.load(source, manifest, **modules)
    assert rig.host.plugins == ()
    return str(caught.value)


async def test_a_loaded_plugin(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime) as rig:
        plugin = await rig.load("def handle_event(event): pass\ndef other(): pass\n_hidden = len\n")
        assert plugin.name == "tester"
        assert plugin.functions == {"handle_event", "other"}
        assert plugin.pool.size == 1
        assert rig.host.plugins == (plugin,)


async def test_plugins_come_in_the_order_of_loading_or_in_the_one_that_is_set(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime) as rig:
        for name, priority in (("late", 200), ("b", 100), ("a", 100), ("early", 5)):
            await rig.load("", f"priority: {priority}\n", name=name)
        assert [plugin.name for plugin in rig.host.plugins] == ["late", "b", "a", "early"]
        rig.host.put_in_order(["early", "not-loaded", "a", "b", "late"])
        assert [plugin.name for plugin in rig.host.plugins] == ["early", "a", "b", "late"]


async def test_a_plugin_that_was_unloaded_can_be_loaded_again(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path / "1", runtime) as rig:
        await rig.load("def tell(i): return 'first'\n")
        rig.host.unload_plugin("tester")
        assert rig.host.plugins == ()
        await attrs.evolve(rig, folder=tmp_path / "2").load("def tell(i): return 'second'\n")
        assert await rig.call("tell") == Reply("second")


async def test_missing_handlers_are_named_with_the_path_of_their_key(tmp_path: Path, runtime: SourceRuntime) -> None:
    manifest = """\
    commands:
      - {name: x, pattern: x, handler: handle_x}
      - {name: y, pattern: y, handler: handle_y}
    subscribes: [{type: say}]
    """
    async with open_rig(tmp_path, runtime) as rig:
        assert (await load_error(rig, "def handle_x(i): pass\nhandle_y = 3\n", manifest)).splitlines() == [
            "tester: commands[1].handler: plugin.py has no function handle_y",
            "tester: subscribes: plugin.py has no function handle_event",
        ]


async def test_a_syntax_error(tmp_path: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture) -> None:
    async with open_rig(tmp_path, runtime) as rig:
        error = await load_error(rig, "x = 1\ndef broken(:\n    pass\n")
    assert error == "tester: it raised an error: SyntaxError: invalid syntax"
    assert 'File "plugin.py", line 2' in caplog.text


async def test_an_error_at_import(tmp_path: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture) -> None:
    async with open_rig(tmp_path, runtime) as rig:
        error = await load_error(rig, "import helper\n", helper="def f():\n    return {}['wind']\nf()\n")
    assert error == "tester: it raised an error: KeyError: 'wind'"
    assert 'File "helper.py", line 2, in f' in caplog.text


async def test_an_error_in_init(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime) as rig:
        assert await load_error(rig, "def init(): raise ValueError('no luck')") == (
            "tester: it raised an error: ValueError: no luck"
        )


@pytest.mark.parametrize(
    "source",
    [
        "from holomush_pdk import emit_event\nemit_event('global', 'x', {})\n",
        "from holomush_pdk import emit_event\ndef init(): emit_event('global', 'x', {})\n",
        "from holomush_pdk import move_character\nmove_character('alice', 'garden')\n",
    ],
)
async def test_loading_has_no_effects(tmp_path: Path, runtime: SourceRuntime, source: str) -> None:
    async with open_rig(tmp_path, runtime) as rig:
        error = await load_error(rig, source, 'capabilities: ["*"]\n')
    assert error == "tester: it changes the world or emits events while it is being loaded"


async def test_reading_while_loading_is_fine(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime) as rig:
        await rig.load(
            "from holomush_pdk import query_location\nname = query_location('square').name\ndef tell(i): return name\n",
            "capabilities: [read:locations]\n",
        )
        assert await rig.call("tell") == Reply("The Square")


async def test_loading_has_a_deadline(tmp_path: Path, runtime: SourceRuntime) -> None:
    started = time.monotonic()
    async with open_rig(tmp_path, runtime, QUICK) as rig:
        assert await load_error(rig, "while True: pass\n") == "tester: it ran longer than 0.3 seconds"
    assert time.monotonic() - started < 0.3 + SLACK


async def test_a_name_is_loaded_once(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path / "1", runtime) as rig:
        plugin = await rig.load("def tell(i): return 'first'\n")
        again = attrs.evolve(rig, folder=tmp_path / "2")
        with pytest.raises(PluginLoadError) as caught:
            await again.load("def tell(i): return 'second'\n")
        assert str(caught.value) == f"tester: {tmp_path / '2' / 'tester'}: a plugin of that name is loaded already"
        assert rig.host.plugins == (plugin,)
        assert await rig.call("tell") == Reply("first")


async def test_loading_goes_on_after_a_neighbours_timeout(tmp_path: Path, runtime: SourceRuntime) -> None:
    busy = "import time\nend = time.time() + 0.5\nwhile time.time() < end: pass\ndef tell(i): return 'here'\n"
    async with open_rig(tmp_path, runtime) as rig:

        async def load_endless() -> None:
            with pytest.raises(PluginLoadError, match=r"longer than 0\.25 seconds"):
                await rig.load("while True: pass\n", "limits: {timeout_ms: 250}\n", name="endless")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(load_endless)
            nursery.start_soon(rig.load, busy)
        assert await rig.call("tell") == Reply("here")


async def test_a_name_is_loaded_once_even_at_the_same_time(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime) as rig:
        ended: list[str] = []

        async def load(number: str) -> None:
            try:
                await attrs.evolve(rig, folder=tmp_path / number).load(f"def tell(i): return '{number}'\n")
                ended.append("loaded")
            except PluginLoadError as error:
                ended.append(str(error).rpartition(": ")[2])

        async with trio.open_nursery() as nursery:
            for number in "123":
                nursery.start_soon(load, number)
        assert sorted(ended) == ["a plugin of that name is loaded already"] * 2 + ["loaded"]
        assert len(rig.host.plugins) == 1


async def test_a_plugin_that_failed_can_be_loaded_once_it_is_mended(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path / "1", runtime) as rig:
        await load_error(rig, "1 / 0\n")
        await attrs.evolve(rig, folder=tmp_path / "2").load("def tell(i): return 'mended'\n")
        assert await rig.call("tell") == Reply("mended")


async def test_a_missing_runtime_says_what_to_do(tmp_path: Path) -> None:
    async with open_rig(tmp_path, SourceRuntime({"python": tmp_path / "python.wasm"})) as rig:
        assert "python.wasm is missing: run scripts/build-runtimes" in await load_error(rig, "")


async def test_a_runtime_that_is_none(tmp_path: Path) -> None:
    wasm = tmp_path / "python.wasm"
    wasm.write_bytes(b"\0asm\1\0\0\0 and so on")
    async with open_rig(tmp_path, SourceRuntime({"python": wasm})) as rig:
        assert "the runtime python.wasm cannot be compiled: " in await load_error(rig, "")


# ---- Calls -----------------------------------------------------------------------------------------------------------


async def test_a_command(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime) as rig:
        await rig.load("def hug(inv): return [inv.command, inv.args.who]\n")
        assert await rig.call("hug", {"who": "Bob \u4e16"}) == Reply("hug\nBob \u4e16")


async def test_an_event(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
        from holomush_pdk import EmitEvent, Response, emit_event
        def handle_event(event):
            emit_event(event.stream, "heard", {"from": event.actor_id, **event.payload})
            return Response(events=[EmitEvent("global", "also", {"at": event.timestamp})], handled=True)
    """
    async with open_rig(tmp_path, runtime) as rig:
        await rig.load(source, 'capabilities: ["emit:*"]\n')
        attempt = rig.host.begin("tester")
        assert await rig.host.deliver_event("tester", EVENT, attempt) == Reply(handled=True)
    assert attempt.transaction.events == [
        EmittedEvent("location:square", "heard", {"from": "alice", "message": "hello"}),
        EmittedEvent("global", "also", {"at": 7}),
    ]


async def test_a_call_reads_the_world_and_stages_its_changes(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
        from holomush_pdk import move_character, query_character, query_location
        def go(inv):
            move_character("alice", "garden")
            who = ", ".join(c.name for c in query_location("garden").characters)
            return f"{query_character('alice').location_id}: {who}"
    """
    async with open_rig(tmp_path, runtime) as rig:
        await rig.load(source, 'capabilities: ["read:*", "write:*"]\n')
        attempt = rig.host.begin("tester")
        assert await rig.call_in(attempt, "go") == Reply("garden: Dora, Alice")
        assert set(attempt.transaction.changes) == {"alice"}
        assert rig.world.contents("garden").characters == ("dora",)


async def test_config_reaches_the_plugin(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
        import extism, holomush_pdk
        def tell(inv): return [extism.Config.get_str("mood"), str(extism.Config.get_str("x")), holomush_pdk.config("mood")]
    """
    async with open_rig(tmp_path, runtime) as rig:
        await rig.load(source, "config: {mood: grey \u4e16}\n")
        assert await rig.call("tell") == Reply("grey \u4e16\nNone\ngrey \u4e16")


async def test_what_a_plugin_prints_and_logs_is_in_the_log(
    tmp_path: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "holomush.plugin.tester")
    source = """
        import extism, sys, holomush_pdk
        print("loading")
        def tell(inv):
            print("one", "two")
            print("oops", file=sys.stderr)
            holomush_pdk.log("careful", "warn")
            extism.log(extism.LogLevel.Error, "bad")
            extism.log(extism.LogLevel.Debug, "deep")
    """
    async with open_rig(tmp_path, runtime) as rig:
        plugin = await rig.load(source)
        plugin.slowness.always = True  # a call that is begun anew would log anew
        await rig.call("tell")
    records = [(record.levelno, record.getMessage()) for record in caplog.records if record.name == "holomush.plugin.tester"]
    assert records[0] == (logging.INFO, "loading")
    assert records[-5:] == [
        (logging.INFO, "one two"),
        (logging.WARNING, "oops"),
        (logging.WARNING, "careful"),
        (logging.ERROR, "bad"),
        (logging.DEBUG, "deep"),
    ]


async def test_plugins_share_nothing(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime) as rig:
        await rig.load(
            "import json, builtins\njson.secret = builtins.secret = 42\ndef tell(i): return str(json.secret)\n", name="one"
        )
        await rig.load("import json, builtins\ndef tell(i): return str([hasattr(json, 'secret'), hasattr(builtins, 'secret')])\n")
        assert await rig.call("tell", name="one") == Reply("42")
        assert await rig.call("tell") == Reply("[False, False]")


async def test_calls_made_at_once_do_not_mix_their_results(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime) as rig:
        plugin = await rig.load("def tell(inv): return inv.args.n\n")

        async def call(number: int) -> None:
            assert await rig.call("tell", {"n": str(number)}) == Reply(str(number))

        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(call, number)
        assert plugin.pool.size <= 1
        assert plugin.patient_pool.size <= PluginsConfig().instances


async def test_a_stuck_call_does_not_hold_up_the_others(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime, PluginsConfig(timeout=1.0)) as rig:
        plugin = await rig.load("def loop(i):\n    while True: pass\ndef quick(i): return 'done'\n")
        over = trio.Event()

        async def stick() -> None:
            assert isinstance(await failing(rig.call("loop")), GuestOverdueError)
            over.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(stick)
            await trio.testing.wait_all_tasks_blocked()
            assert await rig.call("quick") == Reply("done")
            assert (plugin.pool.size, plugin.patient_pool.size) == (1, 1)
            plugin.slowness.was_too_slow("quick")
            assert await rig.call("quick") == Reply("done")
            assert (plugin.pool.size, plugin.patient_pool.size) == (1, 2)
            assert not over.is_set()


# ---- Ways to end -----------------------------------------------------------------------------------------------------

FAILING = (
    COUNTER
    + """
    def boom(inv): raise ValueError("boom")
    def loop(inv):
        while True: pass
    def stubborn(inv):
        while True:
            try:
                while True: pass
            except BaseException: pass
    def pattern(inv):
        import re
        re.match(r"(a+)+$", "a" * 64 + "b")
    def power(inv): return str(len(str(9 ** 9 ** 9)))
    def ponder(inv):
        while True: extism.Config.get("nothing")
    def bomb(inv):
        kept = []
        while True: kept.append(bytearray(1_000_000))
    def kernel_bomb(inv):
        kept = []
        while True: kept.append(extism.memory.alloc(b"x" * 1_000_000))
    def recurse(inv): return recurse(inv)
    def deep(inv):
        class Deep:
            def __getattr__(self, name): return getattr(self, name + "x")
        return Deep().x
    def chatter(inv): return "x" * 300_000
    def number(inv): return {"output": 3}
    def nonsense(inv): extism.output_str("hello")
    def unknown(inv): return {"text": "hello"}
    def denied(inv): query_location("square")
    def denied_event(inv): return {"events": [{"stream": "global", "type": "x", "payload": {}}]}
    def oversized(inv):
        emit_event("location:square", "x", {"text": "x" * 300_000})
    def leave(inv): raise SystemExit(3)
    def gone(inv): pass
    del gone
"""
)

ENDINGS: list[tuple[str, type[GuestError], str]] = [
    ("boom", GuestFailedError, "it raised an error: ValueError: boom"),
    ("loop", GuestOverdueError, "it ran longer than 0.3 seconds"),
    ("stubborn", GuestOverdueError, "it ran longer than 0.3 seconds"),
    ("pattern", GuestOverdueError, "it ran longer than 0.3 seconds"),
    ("power", GuestOverdueError, "it ran longer than 0.3 seconds"),
    ("ponder", GuestOverdueError, "it ran longer than 0.3 seconds"),
    ("bomb", GuestOutOfMemoryError, "it used more than 64 MiB of memory"),
    ("kernel_bomb", GuestOutOfMemoryError, "it used more than 64 MiB of memory"),
    ("recurse", GuestFailedError, "it raised an error: RecursionError: maximum recursion depth exceeded"),
    ("deep", GuestFailedError, "it raised an error: RecursionError: maximum recursion depth exceeded"),
    ("chatter", GuestTooLongError, "its output is larger than 262144 bytes"),
    ("number", GuestOutputError, "its answer's output is neither text nor a list of lines"),
    ("nonsense", GuestOutputError, "its answer is not JSON"),
    ("unknown", GuestOutputError, "its answer must be an object with some of events, handled, output"),
    (
        "denied",
        GuestFailedError,
        "it raised an error: holomush_pdk.HostError: capability_denied: the plugin has no capability read:locations",
    ),
    ("denied_event", GuestDeniedError, "its answer's events[0]: the plugin has no capability emit:global"),
    ("oversized", GuestFailedError, "it raised an error: holomush_pdk.HostError: too_large: an argument may have 262144 bytes"),
    ("leave", GuestFailedError, "it raised an error: SystemExit: 3"),
    ("gone", GuestFailedError, "it raised an error: LookupError: the plugin has no function 'gone'"),
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
        plugin = await rig.load(FAILING)
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


async def test_what_is_too_slow_for_the_quick_lane_is_done_once_by_a_thread(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
        import time
        from holomush_pdk import emit_event, move_character
        def work(inv):
            emit_event("global", "started", {})
            move_character("alice", "garden")
            end = time.time() + 0.1
            while time.time() < end: pass
            return "done"
    """
    async with open_rig(tmp_path, runtime) as rig:
        plugin = await rig.load(source, 'capabilities: ["*"]\n')
        attempt = rig.host.begin("tester")
        assert await rig.call_in(attempt, "work") == Reply("done")
        assert [event.type for event in attempt.transaction.events] == ["started"]
        assert set(attempt.transaction.changes) == {"alice"}
        assert (plugin.pool.size, plugin.patient_pool.size) == (0, 1)
        assert plugin.slowness.left == {"work": PATIENT_CALLS}


async def test_a_slow_function_does_not_slow_the_others_of_its_plugin(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
        import time
        def work(inv):
            end = time.time() + 0.1
            while time.time() < end: pass
        def chat(inv): pass
    """
    async with open_rig(tmp_path, runtime) as rig:
        plugin = await rig.load(source)
        await rig.call("work")
        assert plugin.slowness.is_slow("work")
        await rig.call("chat")
        assert not plugin.slowness.is_slow("chat")
        assert (plugin.pool.size, plugin.patient_pool.size) == (1, 1)


async def test_a_slow_call_does_not_hold_up_trio(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime, QUICK) as rig:
        await rig.load(FAILING)
        over = trio.Event()
        ticks = 0

        async def loop() -> None:
            await failing(rig.call("loop"))
            over.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(loop)
            while not over.is_set():
                await trio.lowlevel.checkpoint()
                ticks += 1
        assert ticks > 100


async def test_an_error_is_logged_with_the_authors_lines(
    tmp_path: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_rig(tmp_path, runtime) as rig:
        await rig.load("def boom(inv):\n    return 1 / 0\n")
        failure = await failing(rig.call("boom"))
    assert isinstance(failure, GuestFailedError)
    assert failure.report.startswith("Traceback (most recent call last):")
    assert 'File "plugin.py", line 2, in boom' in caplog.text


async def test_input_has_a_limit_too(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime, PluginsConfig(message_limit=1000)) as rig:
        await rig.load(COUNTER)
        failure = await failing(rig.call("count", {"text": "x" * 1000}))
        assert isinstance(failure, GuestInputError)
        assert str(failure) == "what it was to be given is larger than 1000 bytes"
        assert await rig.call("count") == Reply("1")


async def test_output_just_within_the_limit(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime, PluginsConfig(message_limit=1000)) as rig:
        await rig.load("def tell(inv): return 'x' * inv.args.n\n")
        frame = len('{"output": ""}')
        assert await rig.call("tell", {"n": 1000 - frame}) == Reply("x" * (1000 - frame))
        assert isinstance(await failing(rig.call("tell", {"n": 1001 - frame})), GuestOutputError)


async def test_a_refused_host_call_can_be_caught(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
        from holomush_pdk import HostError, emit_event, query_location
        def try_it(inv):
            try:
                query_location("square")
            except HostError as error:
                emit_event("global", "refused", {"code": error.code})
                return f"{error.code}: {error.message}"
    """
    async with open_rig(tmp_path, runtime) as rig:
        await rig.load(source, "capabilities: [emit:global]\n")
        attempt = rig.host.begin("tester")
        reply = await rig.call_in(attempt, "try_it")
    assert reply == Reply("capability_denied: the plugin has no capability read:locations: add it to capabilities in plugin.yaml")
    assert attempt.transaction.events == [EmittedEvent("global", "refused", {"code": "capability_denied"})]


async def test_an_argument_that_is_too_long_is_refused_and_can_be_caught(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
        from holomush_pdk import HostError, emit_event
        def try_it(inv):
            try: emit_event("global", "x", {"text": "x" * 2000})
            except HostError as error: return str(error)
    """
    async with open_rig(tmp_path, runtime, PluginsConfig(message_limit=1000)) as rig:
        await rig.load(source, 'capabilities: ["emit:*"]\n')
        attempt = rig.host.begin("tester")
        assert await rig.call_in(attempt, "try_it") == Reply("too_large: an argument may have 1000 bytes")
        assert not attempt.has_effects


async def test_too_many_host_calls_are_refused_and_can_be_caught(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
        from holomush_pdk import HostError, query_location
        def many(inv):
            for n in range(100):
                try: query_location("square")
                except HostError as error: return f"{n} {error.code}"
    """
    async with open_rig(tmp_path, runtime, PluginsConfig(host_calls_per_call=10)) as rig:
        await rig.load(source, "capabilities: [read:locations]\n")
        assert await rig.call("many") == Reply("10 rate_limited")
        assert await rig.call("many") == Reply("10 rate_limited")


async def test_a_fault_of_the_host_is_never_swallowed(
    tmp_path: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    source = """
        from holomush_pdk import query_character
        def swallow(inv):
            try: query_character("alice")
            except BaseException: pass
            return "as if nothing had been"
    """

    is_broken = False

    def is_connected(_: str) -> bool:
        if is_broken:
            raise RuntimeError("presence is broken")
        return False

    async with open_rig(tmp_path, runtime, surroundings=make_surroundings(is_connected=is_connected)) as rig:
        await rig.load(source, "capabilities: [read:characters]\n")
        assert await rig.call("swallow") == Reply("as if nothing had been")
        is_broken = True
        failure = await failing(rig.call("swallow"))
    assert isinstance(failure, HostFaultError)
    assert str(failure) == "a host function failed: presence is broken"
    assert isinstance(failure.__cause__, RuntimeError)
    assert "Traceback" in caplog.text
    assert "RuntimeError: presence is broken" in caplog.text


async def test_a_result_for_which_a_guest_has_no_room(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = (
        COUNTER
        + """
    def squeeze(inv):
        kept = bytearray(22 * 1024 * 1024)
        return query_location("square").name
    """
    )
    async with open_rig(tmp_path, runtime, PluginsConfig(message_limit=16_000_000, timeout=20.0)) as rig:
        rig.world.apply({"square": Location(id="square", name="The Square", description="x" * 4_000_000)})
        await rig.load(source, "capabilities: [read:locations]\nlimits: {memory_mb: 24}\n")
        failure = await failing(rig.call("squeeze"))
        assert isinstance(failure, HostFaultError)
        assert str(failure) == "a host function failed: the plugin has no memory left for the result"
        assert await rig.call("count") == Reply("1")


# ---- Deadlines and neighbours ----------------------------------------------------------------------------------------

LONG = """
    import time
    def work(inv):
        end = time.time() + inv.args.seconds
        while time.time() < end: pass
        return "done"
"""
LOOP = "def loop(inv):\n    while True: pass\ndef quick(inv): return 'done'\n"


async def test_a_plugin_may_have_less_time_than_others(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime) as rig:
        await rig.load(LOOP, "limits: {timeout_ms: 100}\n")
        started = time.monotonic()
        assert str(await failing(rig.call("loop"))) == "it ran longer than 0.1 seconds"
        assert time.monotonic() - started < 0.1 + SLACK


async def test_a_bystander_is_interrupted_and_not_blamed(
    tmp_path: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_rig(tmp_path, runtime, PluginsConfig(timeout=20.0)) as rig:
        await rig.load(LOOP, "limits: {timeout_ms: 300}\n", name="endless")
        bystander = await rig.load(LONG)
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


async def test_who_times_out_again_and_again_gets_a_module_of_its_own(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime, PluginsConfig(timeout=20.0)) as rig:
        endless = await rig.load(LOOP, "limits: {timeout_ms: 300}\n", name="endless")
        await rig.load(LONG)
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


async def test_closing_interrupts_what_runs(tmp_path: Path, runtime: SourceRuntime) -> None:
    started = time.monotonic()
    async with open_rig(tmp_path, runtime, PluginsConfig(timeout=60.0)) as rig:
        plugin = await rig.load(LOOP)
        plugin.slowness.always = True
        assert await rig.call("quick") == Reply("done")

        async def loop() -> None:
            await failing(rig.call("loop"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(loop)
            await trio.testing.wait_all_tasks_blocked()
            rig.host.close()
    assert time.monotonic() - started < 20


async def test_deadlines_are_kept_while_everything_is_cancelled(tmp_path: Path, runtime: SourceRuntime) -> None:
    started = time.monotonic()
    with trio.CancelScope() as scope:
        async with open_rig(tmp_path, runtime, QUICK) as rig:
            await rig.load(LOOP)

            async def loop() -> None:
                with suppress(GuestError):
                    await rig.call("loop")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(loop)
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
    assert time.monotonic() - started < 0.3 + 5 * SLACK


# ---- Pauses ----------------------------------------------------------------------------------------------------------


async def test_who_has_to_be_stopped_again_and_again_is_switched_off(
    tmp_path: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    config = PluginsConfig(timeout=0.1, pauses=PausesConfig(failures=3, shortest=1000.0))
    async with open_rig(tmp_path, runtime, config, surroundings=make_surroundings(tell_admins=told.append)) as rig:
        await rig.load(LOOP)
        await rig.load(LOOP, name="neighbour")
        for _ in range(3):
            assert (rig.host.is_paused("tester"), told) == (False, [])
            assert isinstance(await failing(rig.call("loop")), GuestOverdueError)
        assert rig.host.is_paused("tester")
        failure = await failing(rig.call("quick"))
        assert isinstance(failure, PluginPausedError)
        assert 900 < failure.seconds <= 1000
        assert str(failure) == f"it is switched off for {failure.seconds} seconds, because it kept failing"
        assert not rig.host.is_paused("neighbour")
        assert await rig.call("quick", name="neighbour") == Reply("done")
    text = "Plugin tester is switched off for 1000 seconds, because it keeps failing: it ran longer than 0.1 seconds."
    assert told == [text]
    assert caplog.messages[-1] == text


@pytest.mark.parametrize("between", ["quick", None])
async def test_a_call_that_goes_well_forgives_the_failures_before(
    tmp_path: Path, runtime: SourceRuntime, between: str | None
) -> None:
    config = PluginsConfig(timeout=0.1, pauses=PausesConfig(failures=2, shortest=1000.0))
    async with open_rig(tmp_path, runtime, config) as rig:
        await rig.load(LOOP)
        await failing(rig.call("loop"))
        if between is not None:
            await rig.call(between)
        await failing(rig.call("loop"))
        assert rig.host.is_paused("tester") is (between is None)


async def test_a_pause_ends(tmp_path: Path, runtime: SourceRuntime) -> None:
    config = PluginsConfig(timeout=0.1, pauses=PausesConfig(failures=1, shortest=0.3))
    async with open_rig(tmp_path, runtime, config) as rig:
        await rig.load(LOOP)
        await failing(rig.call("loop"))
        assert rig.host.is_paused("tester")
        with trio.fail_after(0.3 + SLACK):
            while rig.host.is_paused("tester"):
                await trio.lowlevel.checkpoint()
        assert await rig.call("quick") == Reply("done")


async def test_errors_of_the_plugins_own_do_not_switch_it_off(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path, runtime, PluginsConfig(pauses=PausesConfig(failures=1))) as rig:
        await rig.load(FAILING)
        for function in ("boom", "recurse", "number", "denied", "leave"):
            await failing(rig.call(function))
            assert not rig.host.is_paused("tester")


async def test_running_out_of_memory_switches_off_too(tmp_path: Path, runtime: SourceRuntime) -> None:
    config = PluginsConfig(timeout=20.0, pauses=PausesConfig(failures=1, shortest=1000.0))
    async with open_rig(tmp_path, runtime, config) as rig:
        await rig.load(FAILING)
        assert isinstance(await failing(rig.call("bomb")), GuestOutOfMemoryError)
        assert isinstance(await failing(rig.call("count")), PluginPausedError)


# ---- What the operator grants, and what is noted ---------------------------------------------------------------------


async def test_a_plugin_may_only_do_what_it_asks_for_and_is_granted(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
        from holomush_pdk import HostError, query_character, query_location
        def try_it(inv):
            said = []
            for query, name in ((query_character, "alice"), (query_location, "square")):
                try: said.append(query(name).name)
                except HostError as error: said.append(str(error))
            return said
    """
    async with open_rig(tmp_path, runtime) as rig:
        plugin = read_plugin(write_plugin(rig.folder, "tester", "capabilities: [read:characters, read:locations]\n", source))
        await rig.storage.open("tester", plugin.manifest.schema, rig.store)
        await rig.host.load_plugin(plugin, Grant(granted=CapabilitySet.parse(["read:characters", "read:objects"])))
        assert await rig.call("try_it") == Reply(
            "Alice\ncapability_denied: the operator does not grant read:locations: see plugins.grants.tester in the configuration"
        )


async def test_a_plugin_sees_its_own_attributes_and_those_of_whom_it_depends_on(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = "from holomush_pdk import query_character\ndef look(inv): return str(dict(query_character('alice').attributes))\n"
    noting = (
        "capabilities: [read:characters, db:migrate]\nschema: {attributes: {character: [{name: KEY, type: integer, default: 5}]}}\n"
    )
    async with open_rig(tmp_path, runtime) as rig:
        await rig.load(source, noting.replace("KEY", "health"), name="combat")
        await rig.load(source, noting.replace("KEY", "coins"), name="stranger")
        await rig.load(source, noting.replace("KEY", "rank") + "depends: [combat]\n", name="guild")
        alice = rig.world.get("alice")
        assert isinstance(alice, Character)
        rig.world.apply({"alice": attrs.evolve(alice, attributes={("combat", "health"): 3, ("stranger", "coins"): 7})})
        assert await rig.call("look", name="combat") == Reply("{'health': 3}")
        assert await rig.call("look", name="guild") == Reply("{'rank': 5, 'combat.health': 3}")


# ---- Spans -----------------------------------------------------------------------------------------------------------


async def test_every_call_is_a_span(tmp_path: Path, runtime: SourceRuntime) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    async with open_rig(tmp_path, runtime, tracer=provider.get_tracer("test")) as rig:
        await rig.load("def handle_event(event): pass\ndef boom(inv): raise ValueError('boom')\n")
        await rig.host.deliver_event("tester", EVENT, rig.host.begin("tester"))
        await failing(rig.call("boom"))
    delivered, failed = exporter.get_finished_spans()
    assert delivered.name == failed.name == "plugin.call"
    assert dict(delivered.attributes or {}) == {
        "plugin.name": "tester",
        "plugin.function": "handle_event",
        "event.type": "say",
        "event.stream": "location:square",
    }
    assert dict(failed.attributes or {}) == {
        "plugin.name": "tester",
        "plugin.function": "boom",
        "event.type": "command",
        "event.stream": "character:alice",
    }
    assert delivered.status.status_code is StatusCode.UNSET
    assert (failed.status.status_code, failed.status.description) == (StatusCode.ERROR, "it raised an error: ValueError: boom")
    assert failed.events == ()


async def test_what_is_run_anew_pays_for_its_events_once(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
    import time
    from holomush_pdk import emit_event
    def slow(invocation):
        for _ in range(3):
            emit_event("location:square", "x", {})
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            pass
    """
    config = PluginsConfig(command_events=Rate(per_second=0.001, burst=7))
    async with open_rig(tmp_path, runtime, config) as rig:
        await rig.load(source, 'capabilities: ["emit:*"]\n')
        await rig.call("slow")  # first in the quick lane, for 10 ms, and then again
        await rig.call("slow")
        error = await failing(rig.call("slow"))
    assert "too many events" in str(error)


async def test_who_is_stopped_with_the_server_has_not_failed(tmp_path: Path, runtime: SourceRuntime) -> None:
    told: list[str] = []
    config = PluginsConfig(pauses=PausesConfig(failures=1))
    async with open_rig(tmp_path, runtime, config, surroundings=make_surroundings(tell_admins=told.append)) as rig:
        plugin = await rig.load("from holomush_pdk import log\ndef loop(invocation):\n    log('on')\n    while True: pass\n")
        plugin.slowness.always = True
        errors: list[GuestError] = []

        async def loop() -> None:
            errors.append(await failing(rig.call("loop")))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(loop)
            while not plugin.patient_pool.size:
                await trio.lowlevel.checkpoint()
            while not errors:
                rig.host.deadlines.cancel_all()
                await trio.sleep(RESOLUTION)
        assert [type(error) for error in errors] == [GuestCancelledError]
        assert not rig.host.is_paused("tester")
        assert told == []
