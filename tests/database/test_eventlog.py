"""Reading the event log, held against a plain list."""

import tempfile
from pathlib import Path

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from holomush.database.eventlog import StoredEvent, last_sequence, missed
from holomush.database.migrations import migrate
from holomush.database.records import insert_event
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import Statement, Store, open_store

STREAMS = ["location:1", "location:2", "channel:Ünï", "character:'\"", "*"]


def statement(event: StoredEvent) -> Statement:
    return insert_event(
        sequence=event.sequence,
        event_id=event.id,
        stream=event.stream,
        event_type=event.type,
        timestamp=event.timestamp,
        actor_kind=event.actor_kind,
        actor_id=event.actor_id,
        actor_name=event.actor_name,
        payload=event.payload,
    )


def event(sequence: int, stream: str) -> StoredEvent:
    payload = {"message": f"hello {sequence}", "nested": {"list": [1, None, "é"]}}
    return StoredEvent(sequence, f"E{sequence}", stream, "core:say", 1000 + sequence, "character", "C1", "Bob", payload)


async def test_an_empty_log(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        await migrate(store, CORE_MIGRATIONS)
        assert await last_sequence(store) == 0
        assert await missed(store, ["location:1"], 0, 100, 50) == (0, [])
        assert await missed(store, [], 0, 100, 50) == (0, [])


async def test_the_last_few_of_many(tmp_path: Path) -> None:
    log = [event(number, "location:1") for number in range(1, 201)]
    async with open_store(tmp_path / "world.db") as store:
        await migrate(store, CORE_MIGRATIONS)
        await store.write([statement(one) for one in log])
        assert await last_sequence(store) == 200
        assert await missed(store, ["location:1"], 10, 190, 5) == (180, log[185:190])
        assert await missed(store, ["location:1"], 10, 190, 0) == (180, [])


queries = st.tuples(
    st.lists(st.sampled_from([*STREAMS, "nobody's"]), max_size=6),
    st.integers(-1, 90),
    st.integers(-1, 90),
    st.integers(-1, 12),
)


@settings(max_examples=40, deadline=None)
@given(
    log=st.lists(st.tuples(st.integers(1, 3), st.sampled_from(STREAMS)), max_size=40),
    asked=st.lists(queries, min_size=1, max_size=10),
)
def test_missed_agrees_with_a_list(log: list[tuple[int, str]], asked: list[tuple[list[str], int, int, int]]) -> None:
    events = []
    sequence = 0
    for step, stream in log:
        sequence += step  # a unit that failed may leave a gap
        events.append(event(sequence, stream))

    async def check(store: Store) -> None:
        assert await last_sequence(store) == sequence
        for streams, after, upto, limit in asked:
            mine = [one for one in events if one.stream in streams and after < one.sequence <= upto]
            expected = (len(mine), mine[-limit:] if limit > 0 else [])
            assert await missed(store, streams, after, upto, limit) == expected

    async def main() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with open_store(f"{folder}/world.db", synchronous="OFF") as store:
                await migrate(store, CORE_MIGRATIONS)
                await store.write([statement(one) for one in events])
                await check(store)

    trio.run(main)
