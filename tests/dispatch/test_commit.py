"""Commits: all or nothing, one order for world, disk and ears, and nobody hears what may be lost."""

from contextlib import suppress
from pathlib import Path

import attrs
import pytest
import trio

from dispatch.rig import ALICE, GARDEN, SQUARE, Heart, open_heart
from holomush.database import records
from holomush.database.store import StorageBusy, StorageUnavailable
from holomush.dispatch.commit import SYSTEM, ConflictError
from holomush.events.event import ActorKind, EmittedEvent
from holomush.plugins.guests.guest import SourceRuntime
from holomush.world.model import Character
from holomush.world.rows import load_entities
from holomush.world.transaction import Transaction


async def test_a_commit_changes_world_and_disk_and_is_heard(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        ear = heart.listen("dora")
        order: list[str] = []
        transaction = Transaction(heart.world)
        alice = transaction.expect("alice", Character)
        transaction.update(attrs.evolve(alice, location_id="garden"))
        transaction.events.append(EmittedEvent(GARDEN, "arrive", {"how": "walking"}))
        ticket = heart.committer.commit(transaction, ALICE, depth=3, output=lambda: order.append(f"output, heard {ear.heard}"))
        assert heart.world.contents("garden").characters == ("dora", "alice")
        assert ear.heard == []  # nothing is on disk yet
        await ticket.durable()
        assert order == ["output, heard []"]
        (event,) = ear.events
        assert (event.stream, event.type, event.payload, event.depth) == (GARDEN, "arrive", {"how": "walking"}, 3)
        assert (event.actor_kind, event.actor_id, event.actor_name) == (ActorKind.CHARACTER, "alice", "Alice")
        assert event.sequence == heart.bus.sequence == heart.committer.sequence == 1
        assert len(event.id) == 26
        assert await heart.on_disk("alice") == "garden"
        assert await heart.logged() == ["arrive"]


async def test_what_changed_since_is_a_conflict_and_nothing_happens(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        ear = heart.listen("bob")
        transaction = Transaction(heart.world)
        alice = transaction.expect("alice", Character)
        transaction.update(attrs.evolve(alice, description="tall"))
        transaction.events.append(EmittedEvent(SQUARE, "grow", {}))
        await heart.walk("alice", "garden").durable()
        with pytest.raises(ConflictError):
            heart.committer.commit(transaction, ALICE, extra=[records.insert("settings", {"key": "k", "value": "v"})])
        assert heart.committer.sequence == 0
        await heart.store.submit([]).durable()
        assert ear.heard == []
        assert await heart.logged() == []
        assert await heart.store.fetch("SELECT * FROM settings") == []
        assert await heart.on_disk("alice") == "garden"


async def test_events_are_heard_in_the_order_of_their_commits(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime, batch=3) as heart:
        ear = heart.listen("bob")
        tickets = [heart.say(f"first-{n}", f"second-{n}") for n in range(20)]
        expected = [f"{which}-{n}" for n in range(20) for which in ("first", "second")]
        assert ear.heard == []
        for number, ticket in enumerate(tickets, 1):
            await ticket.durable()
            assert ear.heard[: 2 * number] == expected[: 2 * number]
        assert ear.heard == await heart.logged() == expected
        assert [event.sequence for event in ear.events] == list(range(1, 41))


async def test_every_event_is_on_disk_when_it_is_heard(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        durable: list[int] = []
        heart.committer.on_event = lambda event: durable.append(event.sequence)
        tickets = [heart.say("say") for _ in range(5)]
        while len(durable) < 5:
            await trio.lowlevel.checkpoint()
            published = len(durable)
            ((rows,),) = await heart.store.fetch("SELECT count(*) FROM events")
            assert rows >= published
        assert all(ticket.done.is_set() for ticket in tickets)


async def test_a_reader_is_answered_after_the_writes_it_may_have_seen(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        order: list[str] = []
        heart.committer.on_event = lambda event: order.append(event.type)
        heart.say("say")
        reader = heart.committer.commit(Transaction(heart.world), ALICE, output=lambda: order.append("output"))
        assert order == []
        await reader.durable()
        assert order == ["say", "output"]
        heart.committer.commit(Transaction(heart.world), ALICE, output=lambda: order.append("at once"))
        assert order[-1] == "at once"


async def test_who_hears_is_settled_by_the_commit(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        ears = {name: heart.listen(name) for name in ("alice", "bob", "dora")}
        told = heart.say("before")
        heart.walk("alice", "garden")  # was there when it was said
        heart.walk("dora", "square")  # was not
        after = heart.say("after")
        assert all(ear.heard == [] for ear in ears.values())
        await told.durable()
        await after.durable()
        assert {name: ear.heard for name, ear in ears.items()} == {
            "alice": ["before"],
            "bob": ["before", "after"],
            "dora": ["after"],
        }


@pytest.mark.parametrize(
    ("stream", "hearers"),
    [
        (SQUARE, ["alice", "bob"]),
        (GARDEN, ["dora"]),
        ("character:bob", ["bob"]),
        ("global", ["alice", "bob", "dora"]),
        ("channel:news", []),
        ("plugin:tester", []),
        ("location:nowhere", []),
    ],
)
async def test_who_hears_which_stream(tmp_path: Path, runtime: SourceRuntime, stream: str, hearers: list[str]) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        ears = {name: heart.listen(name) for name in ("alice", "bob", "dora")}
        await heart.say("x", stream=stream).durable()
        assert [name for name, ear in ears.items() if ear.heard] == hearers
        assert await heart.logged() == ["x"]


async def test_who_walks_and_tells_is_heard_where_the_commit_takes_them(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime) as heart:
        ears = {name: heart.listen(name) for name in ("alice", "bob", "dora")}
        transaction = Transaction(heart.world)
        transaction.events.append(EmittedEvent(SQUARE, "leave", {}))
        transaction.update(attrs.evolve(transaction.expect("alice", Character), location_id="garden"))
        transaction.events.append(EmittedEvent(GARDEN, "arrive", {}))
        await heart.committer.commit(transaction, ALICE).durable()
        assert {name: ear.heard for name, ear in ears.items()} == {"alice": ["arrive"], "bob": ["leave"], "dora": ["arrive"]}


async def _fill_the_disk(heart: Heart) -> None:
    """Until it refuses the next event of 200 KiB. Small writes may still fit; large ones do not."""
    transaction = Transaction(heart.world)
    transaction.events.append(EmittedEvent("channel:filler", "fill", {"text": "x" * 200_000}))
    with suppress(StorageUnavailable):
        for _ in range(1000):
            await heart.committer.commit(transaction, SYSTEM).durable()
    assert heart.store.failure is not None
    assert await heart.store.recover()


async def test_when_the_disk_is_full_nobody_hears_and_the_world_goes_back(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime, max_pages=300) as heart:
        await _fill_the_disk(heart)
        filled = await heart.logged()
        ears = {name: heart.listen(name) for name in ("alice", "bob", "dora")}
        heard: list[str] = []
        heart.committer.on_event = lambda event: heard.append(event.type)
        outputs: list[str] = []
        transaction = Transaction(heart.world)
        transaction.update(attrs.evolve(transaction.expect("alice", Character), location_id="garden"))
        transaction.events.append(EmittedEvent(GARDEN, "arrive", {"text": "x" * 400_000}))
        failing = heart.committer.commit(transaction, ALICE, output=lambda: outputs.append("told"))
        behind = heart.say("behind")
        for ticket in (failing, behind):
            with pytest.raises(StorageUnavailable, match="disk is full"):
                await ticket.durable()
        with pytest.raises(StorageUnavailable):
            heart.say("refused")
        with pytest.raises(StorageUnavailable):
            heart.committer.commit(Transaction(heart.world), ALICE, output=lambda: outputs.append("told"))
        assert all(ear.heard == [] for ear in ears.values())
        assert (heard, outputs) == ([], [])
        assert await heart.logged() == filled
        assert await heart.on_disk("alice") == "square"

        # What the server does every few seconds.
        unsure = Transaction(heart.world)
        assert unsure.expect("alice", Character).location_id == "garden"  # read what is not on disk
        heart.world.replace(await load_entities(heart.store))
        await heart.store.limit_pages(3000)
        assert await heart.store.recover()
        alice = heart.world.get("alice")
        assert isinstance(alice, Character)
        assert alice.location_id == "square"
        unsure.events.append(EmittedEvent(GARDEN, "wave", {}))
        with pytest.raises(ConflictError):
            heart.committer.commit(unsure, ALICE)
        await heart.say("after").durable()
        assert ears["bob"].heard == heard == ["after"]
        assert await heart.logged() == [*filled, "after"]


async def test_a_full_queue_changes_nothing(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_heart(tmp_path, runtime, queue=10) as heart:
        with suppress(StorageBusy):  # as many as there is room for, without a pause
            while True:
                heart.store.submit([("SELECT 1", ())])
        before = heart.committer.sequence
        with pytest.raises(StorageBusy, match="too many writes"):
            heart.walk("alice", "garden")
        with pytest.raises(StorageBusy, match="too many writes"):
            heart.say("lost")
        assert heart.world.contents("square").characters == ("alice", "bob")
        assert heart.committer.sequence == before
        assert heart.store.failure is None
