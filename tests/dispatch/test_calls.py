"""Plugin calls to their commit: run again when the world has moved or a neighbour was interrupted, and given up in the end."""

from pathlib import Path

import attrs
import pytest
import trio
import trio.testing

from dispatch.rig import ALICE, Heart, open_heart
from holomush.config import PluginsConfig
from holomush.database.store import StorageUnavailable
from holomush.dispatch.calls import ALONE_AFTER, CONFLICT_ATTEMPTS, TURN_PATIENCE, CallGivenUpError
from holomush.plugins.calls import Call
from holomush.plugins.functions.table import HostFunction
from holomush.plugins.functions.views import Viewer
from holomush.plugins.guests.guest import GuestError, GuestFailedError, GuestOverdueError, SourceRuntime
from holomush.plugins.reply import Reply
from holomush.world.model import Character
from holomush.world.transaction import NotFoundError, Transaction

SOURCE = """
    from holomush_pdk import emit_event, move_character, query_character
    def take(inv):
        who = query_character("alice")
        emit_event("location:square", "taken", {"seen": who.description})
        return who.description
    def look(inv): return query_character("alice").description
    def walk(inv):
        move_character("alice", "garden")
        emit_event("location:garden", "arrive", {})
        return "You walk."
    def fail(inv):
        walk(inv)
        raise ValueError("tripped")
"""


def touch(heart: Heart, description: str) -> None:
    """Somebody else changes Alice."""
    alice = heart.world.get("alice")
    assert isinstance(alice, Character)
    heart.world.apply({"alice": attrs.evolve(alice, description=description)})


class Meddler:
    """Makes inputs, and changes Alice behind the first few calls' backs: after they began, before they commit."""

    def __init__(self, heart: Heart, times: int) -> None:
        self.heart = heart
        self.times = times
        self.attempts = 0

    def make_input(self, transaction: Transaction, _: Viewer) -> bytes:
        self.attempts += 1
        transaction.expect("alice", Character)
        if self.attempts <= self.times:
            touch(self.heart, f"touched {self.attempts}")
        return b'{"command": "x", "handler": "x", "args": {}}'

    async def run(self, function: str, outputs: list[str | None]) -> Reply:
        return await self.heart.calls.run(
            "tester",
            function,
            self.make_input,
            ALICE,
            event_type="command",
            event_stream="character:alice",
            output=lambda reply: outputs.append(reply.output),
        )


async def test_output_comes_before_the_events_and_both_once_durable(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("tester", SOURCE)
        order: list[str] = []
        heart.committer.on_event = lambda event: order.append(f"{event.type} by {event.actor_id}")
        assert await heart.run("tester", "walk", lambda reply: order.append(str(reply.output))) == Reply("You walk.")
        assert order == ["You walk.", "arrive by alice"]
        assert await heart.on_disk("alice") == "garden"


@pytest.mark.parametrize("conflicts", range(CONFLICT_ATTEMPTS))
async def test_after_a_conflict_the_call_is_run_again(tmp_path: Path, runtime: SourceRuntime, conflicts: int) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("tester", SOURCE)
        ear = heart.listen("bob")
        meddler, outputs = Meddler(heart, conflicts), list[str | None]()
        seen = f"touched {conflicts}" if conflicts else ""
        assert await meddler.run("take", outputs) == Reply(seen)
        assert meddler.attempts == conflicts + 1
        assert outputs == [seen]
        assert [event.payload for event in ear.events] == [{"seen": seen}]


async def test_after_five_conflicts_it_is_given_up(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("tester", SOURCE)
        ear = heart.listen("bob")
        meddler, outputs = Meddler(heart, 1000), list[str | None]()
        with pytest.raises(CallGivenUpError, match="too many others are changing the same thing; try again"):
            await meddler.run("take", outputs)
        assert meddler.attempts == CONFLICT_ATTEMPTS == 5
        assert (outputs, ear.heard, await heart.logged()) == ([], [], [])


async def test_after_two_conflicts_nobody_can_get_in_the_way(tmp_path: Path, runtime: SourceRuntime) -> None:
    """A call that takes its time in a worker thread, where others are always faster."""
    hearts: list[Heart] = []
    lanes: list[bool] = []

    def be_faster(function: HostFunction, call: Call, arguments: list[str]) -> object:
        value = function.run(call, *arguments)
        lanes.append(call.is_quick)
        if not call.is_quick:
            trio.from_thread.run_sync(touch, hearts[0], f"touched {len(lanes)}")
        return value

    async with open_heart(tmp_path, runtime, interpose=be_faster) as heart:
        hearts.append(heart)
        await heart.load(
            "tester",
            "from holomush_pdk import query_character, update_character\n"
            "def grow(inv): update_character('alice', description=query_character('alice').description + '!')",
        )
        (loaded,) = heart.host.plugins
        loaded.slowness.always = True
        await heart.run("tester", "grow")
        alice = heart.world.get("alice")
        assert isinstance(alice, Character)
        assert alice.description == "touched 4!"
        assert lanes == [False] * 2 * ALONE_AFTER + [True, True]


async def test_a_call_that_only_looks_never_conflicts(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("tester", SOURCE)
        meddler, outputs = Meddler(heart, 1000), list[str | None]()
        await meddler.run("look", outputs)
        assert (meddler.attempts, outputs) == (1, [""])


async def test_calls_at_the_same_time_lose_no_update(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
        from holomush_pdk import move_object, query_object
        def grab(inv):
            if query_object("lamp").location_id is None: return "gone"
            move_object("lamp", character=inv.args.who)
            return "yours"
    """
    async with open_heart(tmp_path, runtime) as heart:
        for name in ("one", "two", "three"):
            await heart.load(name, source)
        outputs: list[str | None] = []

        async def grab(name: str, who: str) -> None:
            outputs.append((await heart.run(name, "grab", who=who)).output)

        async with trio.open_nursery() as nursery:
            for name, who in (("one", "alice"), ("two", "bob"), ("three", "dora")):
                nursery.start_soon(grab, name, who)
        assert sorted(map(str, outputs)) == ["gone", "gone", "yours"]
        assert sum(len(heart.world.contents(who).objects) for who in ("alice", "bob", "dora")) == 1


async def test_a_failed_call_has_done_nothing(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("tester", SOURCE)
        ear = heart.listen("dora")
        outputs: list[Reply] = []
        with pytest.raises(GuestFailedError, match="ValueError: tripped"):
            await heart.run("tester", "fail", outputs.append)
        assert (outputs, ear.heard, await heart.logged()) == ([], [], [])
        assert heart.world.contents("square").characters == ("alice", "bob")
        assert await heart.on_disk("alice") == "square"


async def test_a_reply_that_is_not_wanted_has_done_nothing(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("tester", SOURCE)
        outputs: list[Reply] = []
        reply = await heart.calls.run(
            "tester",
            "walk",
            lambda *_: b"{}",
            ALICE,
            event_type="command",
            event_stream="character:alice",
            output=outputs.append,
            wanted=lambda reply: reply.output != "You walk.",
        )
        assert reply == Reply("You walk.")
        assert (outputs, await heart.logged(), await heart.on_disk("alice")) == ([], [], "square")


KEEPER = """
    from holomush_pdk import *
    def keep(inv):
        kv_set("last", inv.raw)
        set_attributes("bob", health=3)
        table_insert("notes", text="kept")
        create_location("Cellar")
        emit_event("location:square", "kept", {})
        server_shutdown("all is kept")
    def fail(inv):
        keep(inv)
        raise ValueError("after all")
    def count(inv):
        n = int(kv_get("n", "0")) + 1
        end = __import__("time").time() + 0.03
        while __import__("time").time() < end: pass
        kv_set("n", str(n))
        return str(n)
    def append(inv):
        n = len(table_select("notes", limit=1000))
        end = __import__("time").time() + 0.03
        while __import__("time").time() < end: pass
        table_insert("notes", text=str(n))
    def look(inv):
        return [str(kv_get("last")), str(len(table_select("notes"))), str(query_character("bob").attributes.health)]
"""
KEEPS = """\
schema:
  attributes: {character: [{name: health, type: integer, default: 100}]}
  tables: [{name: notes, columns: [{name: id, type: ulid, primary: true}, {name: text, type: string}]}]
"""


async def test_all_that_a_call_has_staged_is_one_commit(tmp_path: Path, runtime: SourceRuntime) -> None:
    asked: list[str] = []
    async with open_heart(tmp_path, runtime, shut_down=asked.append) as heart:
        await heart.load("keeper", KEEPER, KEEPS)
        ear = heart.listen("bob")
        with pytest.raises(GuestFailedError, match="after all"):
            await heart.run("keeper", "fail")
        assert await heart.run("keeper", "look") == Reply("None\n0\n100")
        assert (asked, ear.heard, await heart.store.fetch("SELECT * FROM kv")) == ([], [], [])
        await heart.run("keeper", "keep")
        assert await heart.run("keeper", "look") == Reply("keep\n1\n3")
        assert (asked, ear.heard) == (["all is kept"], ["kept"])
        assert await heart.store.fetch("SELECT plugin, key, value FROM kv") == [("keeper", "last", b"keep")]
        assert await heart.store.fetch("SELECT entity_id, plugin, name, value FROM attributes") == [
            ("bob", "keeper", "health", "3")
        ]
        assert await heart.store.fetch("SELECT text FROM p_keeper__notes") == [("kept",)]
        assert await heart.store.fetch("SELECT count(*) FROM locations WHERE name = 'Cellar'") == [(1,)]


async def test_what_was_asked_of_the_server_happens_only_once_all_is_on_disk(tmp_path: Path, runtime: SourceRuntime) -> None:
    asked: list[str] = []
    async with open_heart(tmp_path, runtime, shut_down=asked.append) as heart:
        await heart.load("keeper", KEEPER, KEEPS)
        ((pages,),) = await heart.store.fetch("PRAGMA page_count")
        await heart.store.limit_pages(pages)
        big = "def big(inv):\n    server_shutdown('now')\n    for n in range(60): emit_event('global', 'big', {'t': 'x' * 4000})\n"
        await heart.load("bigger", "from holomush_pdk import *\n" + big)
        with pytest.raises(StorageUnavailable):
            await heart.run("bigger", "big")
        assert asked == []


@pytest.mark.parametrize(
    ("function", "result"), [("count", "SELECT value FROM kv"), ("append", "SELECT text FROM p_keeper__notes")]
)
async def test_of_many_calls_that_change_the_same_thing_at_the_same_time_each_comes_through(
    tmp_path: Path, runtime: SourceRuntime, function: str, result: str
) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("keeper", KEEPER, KEEPS)
        async with trio.open_nursery() as nursery:
            for _ in range(12):
                nursery.start_soon(heart.run, "keeper", function)
        rows = [int(value) for (value,) in await heart.store.fetch(result)]
    # Counted one after the other, whatever ran beside it: nobody has built upon what another was about to change.
    assert sorted(rows) == ([12] if function == "count" else list(range(12)))


async def test_who_waits_too_long_behind_another_that_met_a_conflict_is_told(
    tmp_path: Path, runtime: SourceRuntime, mock_clock: trio.testing.MockClock
) -> None:
    calls = 0
    second, gate = trio.Event(), trio.Event()

    async def linger() -> None:
        second.set()
        await gate.wait()

    async def let_time_pass() -> None:
        while not gate.is_set():
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(TURN_PATIENCE)

    def hold_up_the_second(function: HostFunction, call: Call, arguments: list[str]) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            trio.from_thread.run(linger)
        return function.run(call, *arguments)

    async with open_heart(tmp_path, runtime, interpose=hold_up_the_second) as heart:
        await heart.load("tester", "from holomush_pdk import *\ndef grow(inv): update_character('alice', description=inv.raw)")
        (loaded,) = heart.host.plugins
        loaded.slowness.always = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Meddler(heart, 1).run, "grow", [])
            await second.wait()
            nursery.start_soon(let_time_pass)
            with pytest.raises(CallGivenUpError, match="too many others are changing the same thing; try again"):
                await Meddler(heart, 1).run("grow", [])
            gate.set()
        assert calls == 4  # Three of the first, which has met two conflicts, and one of the second.


async def test_what_the_input_needs_and_is_not_there(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("tester", SOURCE)
        heart.world.apply({"alice": None})
        with pytest.raises(NotFoundError):
            await Meddler(heart, 0).run("look", [])


async def test_a_bystander_of_a_timeout_is_run_again(tmp_path: Path, runtime: SourceRuntime) -> None:
    loop = "def loop(inv):\n    while True: pass\n"
    work = """
        import time
        from holomush_pdk import emit_event
        def work(inv):
            emit_event("location:square", "worked", {})
            end = time.time() + 0.6
            while time.time() < end: pass
            return "done"
    """
    async with open_heart(tmp_path, runtime, PluginsConfig(timeout=20.0)) as heart:
        await heart.load("endless", loop, "limits: {timeout_ms: 300}\n")
        await heart.load("worker", work)
        ear = heart.listen("bob")
        ended: list[object] = []

        async def stand_by() -> None:
            ended.append(await heart.run("worker", "work"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(stand_by)
            with pytest.raises(GuestOverdueError):
                await heart.run("endless", "loop")
            assert ended == []
        assert ended == [Reply("done")]
        assert ear.heard == await heart.logged() == ["worked"]


async def test_many_quick_calls_come_through_beside_endless_ones(tmp_path: Path, runtime: SourceRuntime) -> None:
    loop = "def loop(inv):\n    while True: pass\n"
    async with open_heart(tmp_path, runtime, PluginsConfig(timeout=0.3)) as heart:
        await heart.load("tester", SOURCE)
        failures: list[GuestError] = []

        async def endless(name: str) -> None:
            try:
                await heart.run(name, "loop")
            except GuestError as error:
                failures.append(error)

        for name in ("a", "b", "c"):
            await heart.load(name, loop)
        async with trio.open_nursery() as nursery:
            for name in ("a", "b", "c"):
                nursery.start_soon(endless, name)
            for _ in range(200):
                assert await heart.run("tester", "look") == Reply("")
        assert [type(failure) for failure in failures] == [GuestOverdueError] * 3
