"""When the disk or the file is not what it should be: one clear line, nothing lost, a way back."""

import os
import sys
from pathlib import Path

import pytest
import trio

from holomush.database.store import Statement, StorageError, StorageUnavailable, Store, open_store

CREATE: Statement = ("CREATE TABLE blobs (id INTEGER PRIMARY KEY, filler BLOB) STRICT", ())


def add(number: int, size: int = 100_000) -> Statement:
    return ("INSERT INTO blobs VALUES (?, zeroblob(?))", (number, size))


async def _fill(store: Store) -> int:
    """Write until the disk is full; the number of rows written."""
    for number in range(1000):
        try:
            await store.write([add(number)])
        except StorageUnavailable:
            return number
    raise AssertionError("the disk was never full")


async def test_a_full_disk_fails_everything_behind_it_until_it_has_room(tmp_path: Path) -> None:
    told: list[str] = []
    async with open_store(tmp_path / "world.db", max_pages=200) as store:
        await store.write([CREATE])
        good = await _fill(store)
        assert good > 0
        assert str(store.failure) == "the database cannot be used: the disk is full"
        with pytest.raises(StorageUnavailable, match="the disk is full"):
            store.submit([("SELECT 1", ())])
        with pytest.raises(StorageUnavailable):
            store.submit([], lambda: told.append("barrier"))
        assert await store.fetch("SELECT count(*) FROM blobs") == [(good,)]

        filled = await _use_up_the_rest(store)
        assert not await store.recover()
        await store.limit_pages(2000)
        assert await store.recover()
        await store.write([add(1000)], lambda: told.append("recovered"))
        assert told == ["recovered"]
        assert await store.fetch("SELECT count(*) FROM blobs") == [(good + filled + 1,)]
        assert await store.fetch("PRAGMA integrity_check") == [("ok",)]


async def _use_up_the_rest(store: Store) -> int:
    """Use up what little room there is, until not even a probe fits; the number of rows written."""
    rows = 0
    while await store.recover():
        try:
            await store.write([add(2000 + rows, 30_000)])
        except StorageUnavailable:
            continue
        rows += 1
    assert store.failure is not None
    return rows


async def test_units_queued_behind_the_failure_fail_with_it(tmp_path: Path) -> None:
    told: list[int] = []
    async with open_store(tmp_path / "world.db", max_pages=200, batch=1) as store:
        await store.write([CREATE])
        tickets = [
            store.submit([add(number, size)], lambda number=number: told.append(number))  # type: ignore[misc]
            for number, size in enumerate([10, 10, 10_000_000, 10, 10])
        ]
        tickets.append(store.submit([]))
        errors: list[str | None] = []
        for ticket in tickets:
            try:
                await ticket.durable()
                errors.append(None)
            except StorageUnavailable as error:
                errors.append(str(error))
        assert told == [0, 1]
        assert errors == [None, None] + 4 * ["the database cannot be used: the disk is full"]
        assert await store.recover()
        await store.write([add(2)])
        assert await store.fetch("SELECT id FROM blobs") == [(0,), (1,), (2,)]


async def test_recover_on_a_healthy_store_is_true(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        assert await store.recover()


async def test_a_full_disk_does_not_keep_the_store_from_closing(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db", max_pages=100) as store:
        await store.write([CREATE])
        good = await _fill(store)
    async with open_store(tmp_path / "world.db") as store:
        assert await store.fetch("SELECT count(*) FROM blobs") == [(good,)]


async def _refusal(path: Path) -> str:
    with pytest.raises(StorageError) as caught:
        async with open_store(path):
            pytest.fail("opened")
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


async def test_a_missing_folder(tmp_path: Path) -> None:
    assert "does not exist" in await _refusal(tmp_path / "missing" / "world.db")


async def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    assert "it is a folder" in await _refusal(tmp_path)


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = trio.Path(tmp_path / "world.db")
    await path.write_text("Dear diary, today I dug a hole.\n" * 100)
    assert "not a SQLite database" in await _refusal(tmp_path / "world.db")
    assert (await path.read_text()).startswith("Dear diary")


async def test_a_damaged_database(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        await store.write([CREATE])
    path = trio.Path(tmp_path / "world.db")
    data = await path.read_bytes()
    await path.write_bytes(data[:100] + b"\xaa" * 3996 + data[4096:])
    assert "damaged" in await _refusal(tmp_path / "world.db")


async def test_a_folder_that_takes_no_files() -> None:
    # /proc takes none from root either, who is not stopped by a folder's mode.
    assert "cannot open the database" in await _refusal(Path(f"/proc/{os.getpid()}/world.db"))


async def test_a_second_store_on_the_same_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    link = tmp_path / "link.db"
    await trio.Path(link).symlink_to(path)
    async with open_store(path):
        assert "another server is using it" in await _refusal(path)
        with pytest.raises(StorageError, match="another server is using it"):
            await open_store(link).__aenter__()
    async with open_store(link):
        pass


async def test_the_lock_keeps_another_process_out(tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    code = (
        "import sys, trio\n"
        "from holomush.database.store import StorageError, open_store\n"
        "async def main():\n"
        "    try:\n"
        "        async with open_store(sys.argv[1]): print('opened')\n"
        "    except StorageError as error: print(error)\n"
        "trio.run(main)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    async with open_store(path):
        refused = await trio.run_process(command, capture_stdout=True)
    free = await trio.run_process(command, capture_stdout=True)
    assert b"another server is using it" in refused.stdout
    assert free.stdout == b"opened\n"


async def test_a_lock_left_by_a_dead_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    code = (
        "import os, sys, trio\n"
        "from holomush.database.store import open_store\n"
        "async def main():\n"
        "    async with open_store(sys.argv[1]): os._exit(0)\n"
        "trio.run(main)\n"
    )
    await trio.run_process([sys.executable, "-c", code, str(path)])
    assert path.with_name("world.db.lock").exists()
    async with open_store(path):
        pass
