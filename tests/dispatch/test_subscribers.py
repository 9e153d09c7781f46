"""Events for plugins: in order within a stream, each plugin in its turn, chains cut, backlogs bounded."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio
import trio.testing

from dispatch.rig import GARDEN, SQUARE, Heart, open_heart
from holomush.config import PausesConfig, PluginsConfig
from holomush.dispatch import subscribers
from holomush.dispatch.subscribers import DEPTH_LIMIT, Subscribers
from holomush.events.event import ActorKind, Event
from holomush.plugins.guests.guest import SourceRuntime

ALL = "subscribes: [{type: '*'}]\n"
SAYS = "subscribes: [{type: say}]\n"
NOTE = """
    from holomush_pdk import emit_event
    def handle_event(event):
        if event.actor_kind != "plugin":
            emit_event("channel:notes", "note", {"plugin": PLUGIN, "type": event.type, "n": event.payload.get("n")})
"""


def note(plugin: str, rest: str = "") -> str:
    """A plugin that notes the events it gets on a channel of their own."""
    return f"    PLUGIN = {plugin!r}\n" + NOTE + rest


@asynccontextmanager
async def listening(heart: Heart) -> AsyncIterator[Subscribers]:
    """Plugins get events while inside, and what is underway is finished on leaving."""
    async with trio.open_nursery() as nursery:
        delivered = Subscribers([plugin.manifest for plugin in heart.host.plugins], heart.calls, nursery, heart.host.is_paused)
        heart.committer.on_event = delivered.enqueue
        yield delivered


async def notes(heart: Heart) -> list[tuple[str, str]]:
    """Which plugin was given which type of event, in order."""
    rows = await heart.store.fetch(
        "SELECT payload ->> 'plugin', payload ->> 'type' FROM events WHERE stream = 'channel:notes' ORDER BY sequence"
    )
    return [(str(plugin), str(event_type)) for plugin, event_type in rows]


async def test_plugins_get_what_they_subscribed_to(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("all", note("all"), ALL)
        await heart.load("says", note("says"), "subscribes: [{type: say, stream: 'location:*'}]\n")
        await heart.load("here", note("here"), "subscribes: [{type: '*', stream: 'location:square'}]\n")
        await heart.load("none", note("none"))
        async with listening(heart):
            for event_type, stream in (("say", SQUARE), ("pose", SQUARE), ("say", GARDEN), ("say", "global")):
                await heart.say(event_type, stream=stream).durable()
                await trio.testing.wait_all_tasks_blocked()
        found = await notes(heart)
    assert sorted(found) == [
        ("all", "pose"),
        ("all", "say"),
        ("all", "say"),
        ("all", "say"),
        ("here", "pose"),
        ("here", "say"),
        ("says", "say"),
        ("says", "say"),
    ]


async def test_two_subscriptions_to_one_event_are_one_delivery(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("keen", note("keen"), "subscribes: [{type: say}, {type: '*'}, {type: say, stream: 'location:*'}]\n")
        async with listening(heart):
            await heart.say("say").durable()
        assert await notes(heart) == [("keen", "say")]


async def test_what_a_plugin_emits_is_its_own_doing(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("echo", note("echo"), SAYS)
        seen: list[Event] = []
        async with listening(heart) as delivered:
            enqueue = delivered.enqueue

            def watch(event: Event) -> None:
                seen.append(event)
                enqueue(event)

            heart.committer.on_event = watch
            await heart.say("say").durable()
    first, second = seen
    assert (first.depth, second.depth) == (0, 1)
    assert (second.actor_kind, second.actor_id, second.actor_name) == (ActorKind.PLUGIN, "echo", "echo")


async def test_within_a_stream_events_keep_their_order(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        here = ALL.replace("'*'", "'*', stream: 'location:*'")
        await heart.load("a-late", note("late"), here)
        await heart.load("b-early", note("early"), here)
        heart.host.put_in_order(["b-early", "a-late"])
        async with listening(heart):
            for number in range(20):
                heart.say(f"e{number}")
            await heart.say("end").durable()
        found = await notes(heart)
    types = [*(f"e{number}" for number in range(20)), "end"]
    assert found == [(plugin, event_type) for event_type in types for plugin in ("early", "late")]


async def test_a_slow_plugin_holds_up_its_own_stream_only(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
        from holomush_pdk import emit_event
        def handle_event(event):
            if event.stream == "location:square":
                while True: pass
            emit_event("channel:notes", "note", {"plugin": "slow", "type": event.type})
    """
    async with open_heart(tmp_path, runtime, PluginsConfig(timeout=1.0)) as heart:
        await heart.load("slow", source, SAYS)
        ear = heart.listen("bob")
        async with listening(heart):
            await heart.say("say", stream=SQUARE).durable()
            await heart.say("say", stream=GARDEN).durable()
            other = heart.say("say", stream=SQUARE)
            await other.durable()
            assert ear.heard == ["say", "say"]  # people never wait for plugins
            with trio.fail_after(0.9):
                while await notes(heart) == []:
                    await trio.lowlevel.checkpoint()
        assert await notes(heart) == [("slow", "say")]


async def test_handled_stops_the_rest(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        handled = "        return {'handled': event.type == 'say'}\n"
        await heart.load("a", note("a"), ALL)
        await heart.load("b", note("b", handled), ALL)
        await heart.load("c", note("c"), ALL)
        async with listening(heart):
            await heart.say("say", "pose").durable()
        found = await notes(heart)
    assert [entry for entry in found if entry[1] in ("say", "pose")] == [
        ("a", "say"),
        ("b", "say"),
        ("a", "pose"),
        ("b", "pose"),
        ("c", "pose"),
    ]


EXCLUSIVE = "subscribes: [{type: say, exclusive: true}, {type: pose}]\n"


async def test_an_exclusive_subscription_keeps_events_from_those_behind_it(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("a", note("a"), "subscribes: [{type: say}, {type: pose}]\n")
        await heart.load("b", note("b"), EXCLUSIVE)
        await heart.load("c", note("c"), "subscribes: [{type: say, exclusive: true}, {type: pose}]\n")
        async with listening(heart):
            await heart.say("say", "pose").durable()
        assert await notes(heart) == [("a", "say"), ("b", "say"), ("a", "pose"), ("b", "pose"), ("c", "pose")]


async def test_one_exclusive_subscription_of_several_that_match_is_enough(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        both = "subscribes: [{type: '*', stream: 'location:*'}, {type: say, exclusive: true}, {type: say}]\n"
        await heart.load("a", note("a"), both)
        await heart.load("b", note("b"), "subscribes: [{type: '*', stream: 'location:*'}]\n")
        async with listening(heart):
            await heart.say("say", "pose").durable()
        assert await notes(heart) == [("a", "say"), ("a", "pose"), ("b", "pose")]


async def test_exclusive_or_not_is_a_matter_of_the_stream_too(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("a", note("a"), f"subscribes: [{{type: say, stream: '{GARDEN}', exclusive: true}}, {{type: say}}]\n")
        await heart.load("b", note("b"), SAYS)
        async with listening(heart):
            await heart.say("say", stream=SQUARE).durable()
            await trio.testing.wait_all_tasks_blocked()
            await heart.say("say", stream=GARDEN).durable()
        assert await notes(heart) == [("a", "say"), ("b", "say"), ("a", "say")]


@pytest.mark.parametrize("fault", ["raise ValueError('boom')", "return 3"])
async def test_who_fails_keeps_nothing_from_the_others(tmp_path: Path, runtime: SourceRuntime, fault: str) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("a", f"def handle_event(event): {fault}\n", EXCLUSIVE)
        await heart.load("b", note("b"), EXCLUSIVE)
        await heart.load("c", note("c"), SAYS)
        async with listening(heart):
            await heart.say("say").durable()
        assert await notes(heart) == [("b", "say")]


async def test_a_plugin_that_is_switched_off_is_passed_over_without_a_word(
    tmp_path: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    config = PluginsConfig(timeout=0.2, pauses=PausesConfig(failures=2, shortest=1000.0))
    async with open_heart(tmp_path, runtime, config) as heart:
        await heart.load("a-loops", "def handle_event(event):\n    while True: pass\n", EXCLUSIVE)
        await heart.load("b", note("b"), SAYS)
        async with listening(heart):
            await heart.say("say", "say", "say", "say").durable()
        assert heart.host.is_paused("a-loops")
        assert await notes(heart) == [("b", "say")] * 4
    messages = [record.getMessage() for record in caplog.records if record.name == "holomush.dispatch.subscribers"]
    assert messages == [f"plugin a-loops missed event say on {SQUARE}: it ran longer than 0.2 seconds"] * 2


async def test_whether_a_plugin_is_switched_off_is_asked_each_time(tmp_path: Path, runtime: SourceRuntime) -> None:
    paused = {"a"}
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("a", note("a"), EXCLUSIVE)
        await heart.load("b", note("b"), SAYS)
        manifests = [plugin.manifest for plugin in heart.host.plugins]
        async with trio.open_nursery() as nursery:
            heart.committer.on_event = Subscribers(manifests, heart.calls, nursery, paused.__contains__).enqueue
            await heart.say("say").durable()
            await trio.testing.wait_all_tasks_blocked()
            paused.clear()
            await heart.say("say").durable()
        assert await notes(heart) == [("b", "say"), ("a", "say")]


async def test_a_failing_plugin_does_not_stop_the_next(
    tmp_path: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_heart(tmp_path, runtime, PluginsConfig(timeout=0.3)) as heart:
        await heart.load("a-fails", "def handle_event(event): raise ValueError('boom')\n", SAYS)
        await heart.load("b-loops", "def handle_event(event):\n    while True: pass\n", SAYS)
        await heart.load("c-nonsense", "def handle_event(event): return 3\n", SAYS)
        await heart.load("d", note("d"), SAYS)
        async with listening(heart):
            await heart.say("say", "say").durable()
        assert await notes(heart) == [("d", "say"), ("d", "say")]
    missed = [record.getMessage() for record in caplog.records if record.name == "holomush.dispatch.subscribers"]
    assert len(missed) == 6
    assert missed[0] == f"plugin a-fails missed event say on {SQUARE}: it raised an error: ValueError: boom"
    assert missed[1] == f"plugin b-loops missed event say on {SQUARE}: it ran longer than 0.3 seconds"


async def test_a_chain_between_two_plugins_is_cut(tmp_path: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture) -> None:
    source = """
        from holomush_pdk import emit_event
        def handle_event(event): emit_event(event.stream, "ANSWER", {})
    """
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("ping", source.replace("ANSWER", "pong"), "subscribes: [{type: ping}]\n")
        await heart.load("pong", source.replace("ANSWER", "ping"), "subscribes: [{type: pong}]\n")
        depths: list[int] = []
        with trio.fail_after(30):
            async with listening(heart) as delivered:
                enqueue = delivered.enqueue

                def watch(event: Event) -> None:
                    depths.append(event.depth)
                    enqueue(event)

                heart.committer.on_event = watch
                await heart.say("ping").durable()
        assert depths == list(range(DEPTH_LIMIT + 1))
        assert await heart.logged() == ["ping", "pong"] * (DEPTH_LIMIT // 2) + ["ping"]
    (cut,) = [record for record in caplog.records if record.name == "holomush.dispatch.subscribers"]
    assert cut.levelno == logging.ERROR
    assert cut.getMessage() == f"event ping on {SQUARE} is the {DEPTH_LIMIT}th in a chain of answers: cut here"


async def test_a_backlog_is_bounded(
    tmp_path: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscribers, "BACKLOG_LIMIT", 5)
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("all", note("all"), "subscribes: [{type: '*', stream: 'location:*'}]\n")
        ear = heart.listen("bob")
        async with listening(heart):
            heart.say(*(f"e{number}" for number in range(8)))
            await heart.say("elsewhere", stream=GARDEN).durable()
        assert ear.heard == [f"e{number}" for number in range(8)]  # people lose nothing
        found = await notes(heart)
        assert sorted(found) == sorted([*(("all", f"e{number}") for number in range(5)), ("all", "elsewhere")])
        lost = [record.getMessage() for record in caplog.records if record.name == "holomush.dispatch.subscribers"]
        assert lost == [f"event e{number} on {SQUARE} is lost to plugins: 5 wait already" for number in (5, 6, 7)]
        async with listening(heart):
            await heart.say("later").durable()
        assert (await notes(heart))[-1] == ("all", "later")


async def test_what_becomes_durable_while_the_server_stops_harms_nothing(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("all", note("all"), ALL)
        async with listening(heart) as delivered:
            pass
        assert heart.committer.on_event == delivered.enqueue
        ear = heart.listen("bob")
        await heart.say("late").durable()
        assert ear.heard == await heart.logged() == ["late"]


async def test_a_plugins_answer_is_a_commit_of_its_own(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
        from holomush_pdk import move_character, query_character
        def handle_event(event):
            where = query_character("dora").location_id
            move_character("dora", "square" if where == "garden" else "garden")
    """
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("shuffle", source, SAYS)
        async with listening(heart):
            await heart.say("say", "say", "say").durable()
        assert await heart.on_disk("dora") == "square"
        dora = heart.world.get("dora")
        assert dora is not None
        assert attrs.asdict(dora)["location_id"] == "square"
