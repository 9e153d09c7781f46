"""Web servers, sessions, the server and the log, as calls reach them: who waits where, for how long, and what is done when."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from dispatch.rig import ALICE

from holomush.commands.access import Access
from holomush.commands.router import Router
from holomush.config import HttpConfig, PluginsConfig
from holomush.dispatch.calls import CallGivenUpError, PluginCalls
from holomush.dispatch.commit import Committer
from holomush.events.bus import Bus
from holomush.plugins.calls import Call, CallMustWaitError
from holomush.plugins.functions.outside import LOG_LIMIT, REASON_LIMIT, SEARCH_LIMIT, SEARCH_WORDS
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.functions.table import answer
from holomush.plugins.guests.guest import GuestCancelledError, GuestFailedError, GuestOverdueError, SourceRuntime
from holomush.plugins.handbook import Handbook
from holomush.plugins.loaded import PluginLoadError
from holomush.plugins.reply import Reply
from holomush.plugins.roster.capabilities import CapabilitySet
from holomush.plugins.roster.manifest import Command, Manifest
from holomush.plugins.roster.source import PluginSource
from plugins.functions.asking import BY_NAME
from plugins.rooms import Rig, make_call, make_surroundings, open_rig

URL = "https://example.com/"
WEB = 'capabilities: ["*"]\n'
SLOW = 0.5
"""Seconds that a slow server takes."""


@attrs.define
class Web:
    """Every server there is. It notes what it is asked, and answers when ``wait`` has ended."""

    wait: Callable[[], Any] = trio.lowlevel.checkpoint
    asked: list[tuple[str, str, str]] = attrs.Factory(list)
    threads: list[int] = attrs.Factory(list)

    async def fetch(self, method: str, url: str, body: str, require: Callable[[str], None]) -> dict[str, Any]:
        require(f"http:{method.lower()}:{url.split('/')[2]}")
        self.asked.append((method, url, body))
        self.threads.append(threading.get_ident())
        await self.wait()
        return {"status": 200, "url": url, "headers": {}, "body": f"hello {body}"}


async def wait_a_while() -> None:
    await trio.sleep(SLOW)


def make_web_call(web: Web, *capabilities: str, config: PluginsConfig | None = None, seconds: float = 60.0) -> Call:
    """A call in a worker thread, which may wait so long for the web."""
    call = make_call(*(capabilities or ("*",)), config=config, surroundings=make_surroundings(fetch=web.fetch))
    call.waiting_left = seconds
    return call


async def in_thread(call: Call, name: str, *arguments: str) -> dict[str, Any]:
    """The envelope that a guest in a worker thread gets."""
    reply = await trio.to_thread.run_sync(answer, BY_NAME[name], call, list(arguments))
    assert call.doom is None
    parsed: dict[str, Any] = json.loads(reply or b"")
    return parsed


def ask(call: Call, name: str, *arguments: str) -> dict[str, Any]:
    """The envelope of a function that does not wait."""
    parsed: dict[str, Any] = json.loads(answer(BY_NAME[name], call, list(arguments)) or b"")
    return parsed


def refused(code: str, message: str) -> dict[str, Any]:
    return {"ok": False, "error": {"code": code, "message": message}}


# ---- Web servers -----------------------------------------------------------------------------------------------------


async def test_what_is_asked_and_answered() -> None:
    web = Web()
    call = make_web_call(web)
    assert not make_web_call(web).attempt.reached_outside
    got = await in_thread(call, "http_get", URL)
    assert got == {"ok": True, "value": {"status": 200, "url": URL, "headers": {}, "body": "hello "}}
    assert (await in_thread(call, "http_post", URL, "x"))["value"]["body"] == "hello x"
    assert web.asked == [("GET", URL, ""), ("POST", URL, "x")]
    assert call.attempt.reached_outside
    assert not call.attempt.has_effects


@pytest.mark.parametrize(
    ("capabilities", "name", "wanted"),
    [
        (("http:get:other.com", "http:post:example.com"), "http_get", "http:get:example.com"),
        (("http:get:*",), "http_post", "http:post:example.com"),
    ],
)
async def test_a_server_that_may_not_be_asked(capabilities: tuple[str, ...], name: str, wanted: str) -> None:
    web = Web()
    call = make_web_call(web, *capabilities)
    arguments = (URL, "x")[: len(BY_NAME[name].parameters)]
    told = f"the plugin has no capability {wanted}: add it to capabilities in plugin.yaml"
    assert await in_thread(call, name, *arguments) == refused("capability_denied", told)
    assert (web.asked, call.attempt.reached_outside, call.stop_waiting) == ([], False, None)


async def test_the_guests_clock_stands_still_meanwhile() -> None:
    web = Web()
    call = make_web_call(web)
    seen: list[object] = []

    async def look() -> None:
        seen.extend((call.deadline, call.stop_waiting is None))
        await trio.sleep(0.1)

    web.wait = look
    call.deadline = time.monotonic() + 0.05
    assert (await in_thread(call, "http_get", URL))["ok"]
    assert seen == [None, False]
    assert call.stop_waiting is None
    assert call.deadline is not None
    # What was left before is left afterwards, and no more.
    assert call.deadline - time.monotonic() <= 0.05
    assert 60.0 - 5.0 < call.waiting_left <= 60.0 - 0.1


async def test_the_clock_goes_on_after_a_refusal_too() -> None:
    async def break_off() -> None:
        raise HostCallError("unavailable", "example.com broke the connection")

    call = make_web_call(Web(break_off))
    call.deadline = time.monotonic() + 30.0
    assert await in_thread(call, "http_get", URL) == refused("unavailable", "example.com broke the connection")
    assert call.deadline is not None
    assert 0 < call.deadline - time.monotonic() <= 30.0


async def test_one_call_waits_so_long_and_no_longer_all_requests_together() -> None:
    told = refused("timeout", "one call may wait only so long for other servers, all requests together")
    web = Web(trio.sleep_forever)
    call = make_web_call(web, seconds=0.05)
    assert await in_thread(call, "http_get", URL) == told
    assert call.waiting_left <= 0.0
    # The next is not even waited for, though it would answer soon.
    web.wait = trio.lowlevel.checkpoint
    assert await in_thread(call, "http_post", URL, "x") == told
    assert not call.attempt.has_effects


async def test_requests_have_a_rate() -> None:
    web = Web()
    call = make_web_call(web, config=PluginsConfig(http=HttpConfig(per_minute=2)))
    for _ in range(2):
        assert (await in_thread(call, "http_get", URL))["ok"]
    told = refused("rate_limited", "the plugin has made as many requests as it may for now")
    assert await in_thread(call, "http_get", URL) == told
    assert await in_thread(call, "http_post", URL, "x") == told
    assert len(web.asked) == 2


@pytest.mark.parametrize("flag", ["cancelled", "overdue"])
async def test_a_call_that_must_stop_waits_for_nothing(flag: str) -> None:
    call = make_web_call(Web(trio.sleep_forever))
    setattr(call, flag, True)
    assert await in_thread(call, "http_get", URL) == refused("unavailable", "the call is being stopped")


async def test_waiting_can_be_ended_from_outside_and_the_means_is_harmless_later() -> None:
    web = Web(trio.sleep_forever)
    call = make_web_call(web)
    means: list[Callable[[], None]] = []
    waiting, token = trio.Event(), trio.lowlevel.current_trio_token()

    async def wait() -> None:
        token.run_sync_soon(waiting.set)
        await trio.sleep_forever()

    web.wait = wait

    async def stop() -> None:
        await waiting.wait()
        assert call.stop_waiting is not None
        means.append(call.stop_waiting)
        call.cancelled = True
        call.stop_waiting()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stop)
        assert await in_thread(call, "http_get", URL) == refused("unavailable", "the call is being stopped")
    means[0]()
    assert call.stop_waiting is None


def test_a_quick_call_is_doomed_before_anything_is_asked() -> None:
    web = Web()
    call = make_web_call(web, config=PluginsConfig(http=HttpConfig(per_minute=1)))
    call.is_quick = True
    assert answer(BY_NAME["http_get"], call, [URL]) is None
    assert isinstance(call.doom, CallMustWaitError)
    assert call.too_slow
    assert web.asked == []
    assert call.rates.http.take()


# ---- Guests that ask web servers -------------------------------------------------------------------------------------

ASKING = """
    from holomush_pdk import *
    def fetch(inv):
        log("asking")
        kv_set("asked", "yes")
        boot_session("alice", "Enough.")
        return http_get("https://example.com/").body
    def twice(inv):
        told = []
        for n in range(2):
            try: told.append(http_get("https://example.com/").body)
            except HostError as error: told.append(error.code)
        return told
    def linger(inv):
        http_get("https://example.com/")
        while True: pass
    def insist(inv):
        try: http_get("https://example.com/")
        except HostError: pass
        while True: pass
    def fail(inv):
        kv_set("asked", "yes")
        boot_session("alice", "Enough.")
        server_shutdown("Over.")
        raise ValueError("after all")
    def sessions(inv): return repr([session.character_name for session in list_sessions()]) + repr(server_stats().uptime)
    def change(inv):
        seen = kv_get("asked")
        kv_set("seen", str(seen))
        fetch(inv)
    def shut(inv):
        kv_set("asked", "no")
        server_shutdown("Good\\nnight")
    def nothing(inv): return "done"
"""


async def test_a_quick_call_that_asks_is_run_again_in_a_thread_and_does_everything_once(
    tmp_path: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    web = Web()
    async with open_rig(tmp_path, runtime, surroundings=make_surroundings(fetch=web.fetch)) as rig:
        plugin = await rig.load(ASKING, WEB)
        attempt = rig.host.begin("tester")
        assert await rig.call_in(attempt, "fetch") == Reply("hello ")
        assert (len(web.asked), plugin.slowness.is_slow("fetch")) == (1, True)
        assert threading.get_ident() not in web.threads
        assert (len(attempt.requests), len(attempt.statements())) == (1, 1)
        assert attempt.reached_outside
        assert [record.getMessage() for record in caplog.records if record.name == "holomush.plugin.tester"] == ["asking"]
        # The next goes to a thread at once.
        assert await rig.call("fetch") == Reply("hello ")
        assert (len(web.asked), plugin.slowness.is_slow("fetch"), plugin.pool.size) == (2, True, 0)


async def test_a_call_outlives_its_timeout_while_a_server_is_slow(tmp_path: Path, runtime: SourceRuntime) -> None:
    web = Web(wait_a_while)
    limits = WEB + f"limits: {{timeout_ms: {int(SLOW * 500)}}}\n"
    async with open_rig(tmp_path, runtime, surroundings=make_surroundings(fetch=web.fetch)) as rig:
        await rig.load(ASKING, limits)
        begun = time.monotonic()
        assert await rig.call("fetch") == Reply("hello ")
        assert time.monotonic() - begun >= SLOW
        with pytest.raises(GuestOverdueError, match=r"it ran longer than 0\.25 seconds"):
            await rig.call("linger")


async def test_while_one_call_waits_the_others_go_on(tmp_path: Path, runtime: SourceRuntime) -> None:
    opened = threading.Event()
    asked, token = trio.Event(), trio.lowlevel.current_trio_token()

    async def wait() -> None:
        token.run_sync_soon(asked.set)
        await trio.to_thread.run_sync(opened.wait)

    answers: list[Reply] = []
    async with open_rig(tmp_path, runtime, surroundings=make_surroundings(fetch=Web(wait).fetch)) as rig:
        await rig.load(ASKING, WEB)

        async def fetch() -> None:
            answers.append(await rig.call("fetch"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fetch)
            await asked.wait()
            for _ in range(5):
                assert await rig.call("nothing") == Reply("done")
            assert answers == []
            opened.set()
        assert answers == [Reply("hello ")]


async def test_a_call_may_wait_twice_as_long_as_one_request(tmp_path: Path, runtime: SourceRuntime) -> None:
    web = Web(trio.sleep_forever)
    config = PluginsConfig(http=HttpConfig(timeout=0.1))
    async with open_rig(tmp_path, runtime, config, surroundings=make_surroundings(fetch=web.fetch)) as rig:
        await rig.load(ASKING, WEB)
        begun = time.monotonic()
        assert await rig.call("twice") == Reply("timeout\ntimeout")
        assert time.monotonic() - begun >= 0.2
        web.wait = trio.lowlevel.checkpoint
        assert await rig.call("twice") == Reply("hello \nhello ")


async def test_the_rate_is_of_the_plugin_not_of_the_call(tmp_path: Path, runtime: SourceRuntime) -> None:
    config = PluginsConfig(http=HttpConfig(per_minute=3))
    async with open_rig(tmp_path, runtime, config, surroundings=make_surroundings(fetch=Web().fetch)) as rig:
        await rig.load(ASKING, WEB)
        await rig.load(ASKING, WEB, name="other")
        assert await rig.call("twice") == Reply("hello \nhello ")
        assert await rig.call("twice") == Reply("hello \nrate_limited")
        assert await rig.call("twice", name="other") == Reply("hello \nhello ")


async def test_who_waits_is_stopped_with_all_the_others(tmp_path: Path, runtime: SourceRuntime) -> None:
    asked, token = trio.Event(), trio.lowlevel.current_trio_token()

    async def wait() -> None:
        token.run_sync_soon(asked.set)
        await trio.sleep_forever()

    async with open_rig(tmp_path, runtime, surroundings=make_surroundings(fetch=Web(wait).fetch)) as rig:
        await rig.load(ASKING, WEB)

        async def insist() -> None:
            with pytest.raises(GuestCancelledError, match="it was stopped together with the server"):
                await rig.call("insist")

        begun = time.monotonic()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(insist)
            await asked.wait()
            rig.host.deadlines.cancel_all()
        # By itself it would have waited for 20 seconds.
        assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    "source",
    [
        'def init(): http_get("https://example.com/")\ndef nothing(inv): pass\n',
        'http_post("https://example.com/", "x")\ndef nothing(inv): pass\n',
    ],
    ids=["init", "import"],
)
async def test_nothing_is_asked_while_a_plugin_is_loaded(tmp_path: Path, runtime: SourceRuntime, source: str) -> None:
    web = Web()
    async with open_rig(tmp_path, runtime, surroundings=make_surroundings(fetch=web.fetch)) as rig:
        with pytest.raises(PluginLoadError, match="unavailable: no request can be made while the plugin is being loaded"):
            await rig.load("from holomush_pdk import *\n" + source, WEB)
    assert web.asked == []


# ---- Sessions and the server -----------------------------------------------------------------------------------------

SESSION = {
    "character_id": "alice",
    "character_name": "Alice",
    "connected_at": 5,
    "idle_seconds": 1,
    "connections": 2,
    "access": "player",
}
ADDRESSES = {"addresses": ["192.0.2.7"]}


def test_sessions_and_figures_are_those_of_the_server() -> None:
    surroundings = make_surroundings(sessions=lambda: [SESSION | ADDRESSES], stats=lambda: {"version": "1", "sessions": 1})
    call = make_call("session:read", "server:stats", surroundings=surroundings)
    assert ask(call, "list_sessions") == {"ok": True, "value": [SESSION]}
    assert ask(call, "server_stats") == {"ok": True, "value": {"version": "1", "sessions": 1}}
    assert not call.attempt.has_effects


@pytest.mark.parametrize("capabilities", [("session:read", "session:addresses"), ("session:*",), ("*",)])
def test_addresses_are_for_those_who_may_see_them(capabilities: tuple[str, ...]) -> None:
    call = make_call(*capabilities, surroundings=make_surroundings(sessions=lambda: [SESSION | ADDRESSES]))
    assert ask(call, "list_sessions")["value"] == [SESSION | ADDRESSES]
    call.granted = CapabilitySet.parse(["session:read"])
    assert ask(call, "list_sessions")["value"] == [SESSION]


def test_addresses_alone_are_not_enough_to_see_sessions() -> None:
    told = "the plugin has no capability session:read: add it to capabilities in plugin.yaml"
    assert ask(make_call("session:addresses"), "list_sessions") == refused("capability_denied", told)


def test_boot_and_shutdown_are_staged_with_a_line_of_text() -> None:
    done: list[tuple[str, ...]] = []
    surroundings = make_surroundings(boot=lambda *told: done.append(told), shut_down=lambda *told: done.append(told))
    call = make_call("session:boot", "server:shutdown", surroundings=surroundings)
    nothing = {"ok": True, "value": None}
    assert ask(call, "boot_session", "alice", "a\nb\x1b[2J\x9b\tc" + "x" * 500) == nothing
    assert ask(call, "server_shutdown", "\r\n") == nothing
    assert ask(call, "server_shutdown", "y" * 500) == nothing
    assert call.attempt.has_effects
    assert done == []
    call.attempt.make_requests()
    assert done == [("alice", ("a b [2J \tc" + "x" * 500)[:REASON_LIMIT]), ("  ",), ("y" * REASON_LIMIT,)]


@pytest.mark.parametrize(
    ("character_id", "message"),
    [
        ("bob", "nobody plays that character right now"),
        ("lamp", "there is no character with the id 'lamp'"),
        ("nobody", "there is no character with the id 'nobody'"),
    ],
)
def test_who_cannot_be_booted(character_id: str, message: str) -> None:
    call = make_call("session:boot")
    assert ask(call, "boot_session", character_id, "out") == refused("not_found", message)
    assert call.attempt.requests == []


@attrs.frozen
class Office:
    """A plugin host whose calls are committed, and what was asked of the server."""

    rig: Rig
    calls: PluginCalls
    web: Web
    done: list[str]

    async def run(self, function: str) -> Reply:
        """Call a function to its commit."""
        return await self.calls.run(
            "tester",
            function,
            lambda *_: b'{"command": "x", "handler": "x", "args": {}}',
            ALICE,
            event_type="command",
            event_stream="character:alice",
            output=lambda reply: self.done.append(f"told {reply.output}"),
        )

    async def kept(self) -> dict[str, bytes]:
        """What is on disk under the plugin's keys."""
        return dict(await self.rig.store.fetch("SELECT key, value FROM kv"))


@asynccontextmanager
async def open_office(folder: Path, runtime: SourceRuntime) -> AsyncIterator[Office]:
    """With ``ASKING`` as the plugin."""
    web = Web()
    done: list[str] = []
    surroundings = make_surroundings(
        fetch=web.fetch,
        boot=lambda character_id, reason: done.append(f"boot {character_id}: {reason}"),
        shut_down=lambda reason: done.append(f"shut down: {reason}"),
        sessions=lambda: [SESSION],
        stats=lambda: {"uptime": 7},
    )
    async with open_rig(folder, runtime, surroundings=surroundings) as rig:
        await rig.load(ASKING, WEB)
        yield Office(rig, PluginCalls(rig.host, Committer(rig.world, rig.store, Bus())), web, done)


async def test_a_guest_learns_who_is_there(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_office(tmp_path, runtime) as office:
        assert await office.run("sessions") == Reply("['Alice']7")


async def test_what_is_asked_of_the_server_is_done_after_the_commit_and_the_answer(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_office(tmp_path, runtime) as office:
        await office.run("shut")
        assert office.done == ["told None", "shut down: Good night"]
        assert await office.kept() == {"asked": b"no"}
        await office.run("fetch")
        assert office.done[2:] == ["told hello ", "boot alice: Enough."]
        assert await office.kept() == {"asked": b"yes"}


async def test_a_call_that_fails_asks_nothing_of_the_server(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_office(tmp_path, runtime) as office:
        with pytest.raises(GuestFailedError, match="after all"):
            await office.run("fail")
        assert (office.done, await office.kept()) == ([], {})


async def test_a_call_that_reached_outside_and_conflicts_is_not_run_again(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_office(tmp_path, runtime) as office:
        asked, token = trio.Event(), trio.lowlevel.current_trio_token()
        opened = threading.Event()

        async def wait() -> None:
            token.run_sync_soon(asked.set)
            await trio.to_thread.run_sync(opened.wait)

        office.web.wait = wait

        async def change() -> None:
            with pytest.raises(CallGivenUpError, match="what it asked of other servers cannot be asked twice"):
                await office.run("change")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(change)
            await asked.wait()
            await office.run("shut")
            opened.set()
        assert len(office.web.asked) == 1
        assert office.done == ["told None", "shut down: Good night"]
        assert await office.kept() == {"asked": b"no"}


# ---- Help ------------------------------------------------------------------------------------------------------------


def make_source(name: str, *commands: Command, **topics: str) -> PluginSource:
    """A plugin that was read. ``_`` in the names of topics is a hyphen."""
    manifest = Manifest(name=name, version="1.0.0", description=f"About {name}.", commands=commands)
    return PluginSource(Path(name), manifest, {}, topics={topic.replace("_", "-"): text for topic, text in topics.items()})


SAY = Command(name="say", pattern="say [<text>]", handler="f", aliases=("s",), prefix='"', description="Talk.")
BOOT = Command(name="throw out", pattern="@boot <whom>", handler="f", access="admin", usage="@boot <somebody>")
DIG = Command(name="dig hole", pattern="dig hole", handler="f", access="builder")
DIG_MORE = Command(name="dig hole deep", pattern="dig hole deep", handler="f", access="player")
SOURCES = [
    make_source("zoo", SAY, BOOT, boot="# Booting\n\nBe kind.", throw_out="Out", animals="\n  Animals \nThe STRA\u00dfe of apes"),
    make_source("art", DIG, DIG_MORE, dig_hole="Holes", say="Say cheese", blank="#"),
]


def make_helped_call(access: Access | None = Access.ADMIN, *capabilities: str) -> Call:
    """A call while Alice plays with this access, or nobody does."""
    handbook = Handbook()
    handbook.write(Router(spec for source in reversed(SOURCES) for spec in source.manifest.command_specs()), SOURCES)
    surroundings = make_surroundings(access={"alice": access}.get, handbook=handbook)
    return make_call(*(capabilities or ("read:commands",)), surroundings=surroundings)


def test_the_commands_that_somebody_may_use() -> None:
    commands = ask(make_helped_call(), "list_commands", "alice")["value"]
    assert commands[0] == {
        "plugin": "zoo",
        "plugin_description": "About zoo.",
        "name": "say",
        "words": "say",
        "usage": "say [<text>]",
        "description": "Talk.",
        "aliases": ["s"],
        "prefix": '"',
        "access": "guest",
    }
    assert commands[1] == {
        "plugin": "zoo",
        "plugin_description": "About zoo.",
        "name": "throw out",
        "words": "@boot",
        "usage": "@boot <somebody>",
        "description": "",
        "aliases": [],
        "prefix": None,
        "access": "admin",
    }
    assert [command["name"] for command in commands] == ["say", "throw out", "dig hole", "dig hole deep"]


@pytest.mark.parametrize(
    ("access", "names"),
    [
        (Access.GUEST, ["say"]),
        (Access.PLAYER, ["say", "dig hole deep"]),
        (Access.BUILDER, ["say", "dig hole", "dig hole deep"]),
    ],
)
def test_nobody_is_told_of_commands_above_their_access(access: Access, names: list[str]) -> None:
    assert [command["name"] for command in ask(make_helped_call(access), "list_commands", "alice")["value"]] == names


@pytest.mark.parametrize(
    ("access", "words", "topics"),
    [
        (
            Access.ADMIN,
            "",
            ["boot: Booting", "throw-out: Out", "animals: Animals", "dig-hole: Holes", "say: Say cheese", "blank: blank"],
        ),
        (Access.BUILDER, " ", ["animals: Animals", "dig-hole: Holes", "say: Say cheese", "blank: blank"]),
        (Access.PLAYER, "", ["animals: Animals", "say: Say cheese", "blank: blank"]),
        (Access.ADMIN, "KIND be", ["boot: Booting"]),
        (Access.PLAYER, "kind", []),
        (Access.GUEST, "animals strasse", ["animals: Animals"]),
        (Access.GUEST, "animals cheese", []),
        (Access.BUILDER, "dig-", ["dig-hole: Holes"]),
    ],
)
def test_topics_by_access_and_words(access: Access, words: str, topics: list[str]) -> None:
    found = ask(make_helped_call(access), "list_topics", "alice", words)["value"]
    assert [f"{topic['topic']}: {topic['title']}" for topic in found] == topics
    assert all(topic.keys() == {"plugin", "topic", "title"} for topic in found)


@pytest.mark.parametrize("words", ["x" * (SEARCH_LIMIT + 1), "x " * (SEARCH_WORDS + 1)])
def test_a_search_is_short(words: str) -> None:
    told = refused("invalid_argument", "words: must be at most 10 words and 200 characters")
    assert ask(make_helped_call(), "list_topics", "alice", words) == told
    assert ask(make_helped_call(), "list_topics", "alice", words[:SEARCH_WORDS])["ok"]


def test_the_text_of_a_topic() -> None:
    assert ask(make_helped_call(), "read_topic", "alice", "zoo", "boot") == {"ok": True, "value": "# Booting\n\nBe kind."}
    assert ask(make_helped_call(Access.GUEST), "read_topic", "alice", "art", "say") == {"ok": True, "value": "Say cheese"}


@pytest.mark.parametrize(
    ("access", "plugin", "topic"),
    [(Access.BUILDER, "zoo", "boot"), (Access.PLAYER, "art", "dig-hole"), (Access.ADMIN, "art", "boot"), (Access.ADMIN, "", "")],
)
def test_a_topic_that_is_not_for_somebody_is_not_there(access: Access, plugin: str, topic: str) -> None:
    told = refused("not_found", f"the plugin '{plugin}' has no help topic '{topic}'")
    assert ask(make_helped_call(access), "read_topic", "alice", plugin, topic) == told


@pytest.mark.parametrize(
    ("character_id", "message"),
    [
        ("alice", "nobody plays that character right now"),
        ("lamp", "there is no character with the id 'lamp'"),
        ("nobody", "there is no character with the id 'nobody'"),
    ],
)
@pytest.mark.parametrize(("name", "arguments"), [("list_commands", ()), ("list_topics", ("",)), ("read_topic", ("zoo", "animals"))])
def test_help_is_for_those_in_play(name: str, arguments: tuple[str, ...], character_id: str, message: str) -> None:
    assert ask(make_helped_call(None), name, character_id, *arguments) == refused("not_found", message)


# ---- The log ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "logged"),
    [
        ("", ""),
        ("a\tb", "a\tb"),
        ("a\r\nb\x0b\x0c\x00\x1b\x7f\x85\x9f", "a  b       "),
        ("caf\u00e9 \U0001f600 %s %d {}", "caf\u00e9 \U0001f600 %s %d {}"),
        ("x" * LOG_LIMIT, "x" * LOG_LIMIT),
        ("x" * LOG_LIMIT + "y", "x" * LOG_LIMIT),
    ],
)
def test_a_line_of_the_log(caplog: pytest.LogCaptureFixture, message: str, logged: str) -> None:
    caplog.set_level(logging.DEBUG)
    assert answer(BY_NAME["log"], make_call(), ["Warning", message]) is None
    assert caplog.record_tuples == [("holomush.plugin.tester", logging.WARNING, logged)]


@pytest.mark.parametrize("level", ["", "critical", "50", "\x1b[2J"])
def test_a_level_that_is_none_is_info(caplog: pytest.LogCaptureFixture, level: str) -> None:
    caplog.set_level(logging.DEBUG)
    answer(BY_NAME["log"], make_call(), [level, "text"])
    assert caplog.record_tuples == [("holomush.plugin.tester", logging.INFO, "text")]


def test_what_a_quick_call_logs_waits_for_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    call = make_call()
    call.is_quick = True
    for text in ("one", "two"):
        answer(BY_NAME["log"], call, ["error", text])
    assert caplog.record_tuples == []
    call.write_kept_log()
    call.write_kept_log()
    assert caplog.record_tuples == [("holomush.plugin.tester", logging.ERROR, text) for text in ("one", "two")]
