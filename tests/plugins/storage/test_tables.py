"""Rows of plugins on a real disk: what one call sees of them, what others see and when, and what is there in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from dispatch.rig import ALICE, Heart, open_heart
from hypothesis import given, settings
from hypothesis import strategies as st

from holomush.config import PluginsConfig, TablesConfig
from holomush.database.direct import QueryStoppedError
from holomush.database.store import StorageUnavailable, Ticket
from holomush.dispatch.commit import ConflictError
from holomush.plugins.attempt import Attempt
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.reply import Reply
from holomush.plugins.schema.declared import Column, Schema, Table
from holomush.plugins.schema.sql import Query, Row, TableSql
from holomush.plugins.storage.tables import TableChanges, TableStore
from holomush.world.model import Character

NOTES = Table(
    name="notes",
    columns=(
        Column(name="id", type="ulid", primary=True),
        Column(name="text", type="string"),
        Column(name="stars", type="integer", default=3),
        Column(name="about", type="ulid", ref="characters"),
    ),
)
DEBTS = Table(
    name="debts",
    columns=(
        Column(name="who", type="ulid", primary=True, ref="characters"),
        Column(name="what", type="string", primary=True),
        Column(name="sum", type="number", required=True),
    ),
)
NAMES = Table(name="names", columns=(Column(name="name", type="string", primary=True), Column(name="n", type="integer", default=0)))
ID = "01JAZZ0000000000000000000A"
BOBS_TEN = {"who": "bob", "what": "drinks", "sum": 10.0}


def go_on() -> bool:
    return False


@attrs.frozen
class Shelf:
    """A plugin's tables, and calls of that plugin which are committed as ``dispatch`` does it."""

    heart: Heart

    @property
    def store(self) -> TableStore:
        return self.heart.storage["keeper"].tables

    def begin(self) -> Attempt:
        return Attempt.begin(self.heart.world, self.heart.storage["keeper"])

    def commit(self, attempt: Attempt, output: Callable[[], None] = lambda: None) -> Ticket:
        """Accept what is staged. Nothing is written before the test waits for something: the writer is another task."""
        return self.heart.calls._commit(attempt, ALICE, 0, lambda _: output(), Reply(None))

    def accept(self, work: Callable[[TableChanges], object]) -> Ticket:
        """A whole call, accepted and not on disk."""
        attempt = self.begin()
        work(attempt.tables)
        return self.commit(attempt)

    async def do(self, work: Callable[[TableChanges], object]) -> None:
        """A whole call, on disk."""
        await self.accept(work).durable()

    def destroy(self, entity_id: str) -> Ticket:
        """Another call, which destroys something."""
        attempt = self.begin()
        attempt.transaction.destroy(entity_id)
        return self.commit(attempt)

    def on_disk(self, table: str) -> list[Row]:
        """The rows in the file right now, by key."""
        sql = self.store.tables[table]
        return list(map(sql.read_row, self.store.reader.fetch(*sql.select(Query.parse(sql.table, {"limit": 1000}), {}), go_on)))


@asynccontextmanager
async def open_shelf(
    folder: Path, runtime: SourceRuntime, tables: TablesConfig | None = None, **settings: Any
) -> AsyncIterator[Shelf]:
    config = PluginsConfig(tables=tables or TablesConfig())
    async with open_heart(folder, runtime, config, **settings) as heart:
        declared = (NOTES, DEBTS, NAMES)
        await heart.storage.open("keeper", Schema(tables=declared), heart.store)
        for table in declared:
            sql = TableSql("keeper", table)
            await heart.store.write([sql.create(), *sql.create_indexes(table.columns)])
        await heart.storage.open_tables("keeper", heart.store)
        yield Shelf(heart)


def insert(table: str, **row: Any) -> Callable[[TableChanges], Row]:
    return lambda tables: tables.insert(table, row, go_on)


def update(table: str, key: object, **changes: Any) -> Callable[[TableChanges], Row]:
    return lambda tables: tables.update(table, key, changes, go_on)


def delete(table: str, key: object) -> Callable[[TableChanges], bool]:
    return lambda tables: tables.delete(table, key, go_on)


def get(table: str, key: object) -> Callable[[TableChanges], Row | None]:
    return lambda tables: tables.get(table, key, go_on)


def rows(tables: TableChanges, table: str, **query: Any) -> list[Row]:
    return tables.select(table, query, go_on)


def refusal(work: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(HostCallError) as caught:
        work()
    return caught.value.code, str(caught.value)


# ---- One row ---------------------------------------------------------------------------------------------------------


async def test_a_new_row_is_whole_and_has_a_key_of_its_own(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        tables = (attempt := shelf.begin()).tables
        assert not attempt.has_effects
        first, second = insert("notes", text="one")(tables), insert("notes", stars=None, about="bob")(tables)
        assert first == {"id": first["id"], "text": "one", "stars": 3, "about": None}
        assert second == {"id": second["id"], "text": None, "stars": None, "about": "bob"}
        assert len({first["id"], second["id"]}) == 2
        assert attempt.keeps_something
        assert get("notes", second["id"])(tables) == second
        assert shelf.on_disk("notes") == []
        await shelf.commit(attempt).durable()
        assert shelf.on_disk("notes") == [first, second]
        assert get("notes", first["id"])(shelf.begin().tables) == first


async def test_a_key_that_is_there_is_a_conflict(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        told = ("conflict", f'notes has a row with the key "{ID}" already')
        await shelf.do(insert("notes", id=ID, text="there"))
        tables = shelf.begin().tables
        assert refusal(lambda: insert("notes", id=ID)(tables)) == told
        assert not tables.has_effects
        insert("debts", **BOBS_TEN)(tables)
        twice = ("conflict", 'debts has a row with the key ["bob", "drinks"] already')
        assert refusal(lambda: insert("debts", **{**BOBS_TEN, "sum": 1})(tables)) == twice
        assert rows(tables, "debts") == [BOBS_TEN]


@pytest.mark.parametrize(
    ("table", "row", "code", "message"),
    [
        ("notes", [], "invalid_argument", "a row must be an object, not a list"),
        ("notes", {"stars": "3"}, "invalid_argument", "stars: must be a whole number, not text"),
        ("notes", {"id": "x"}, "invalid_argument", "id: must be a ULID: "),
        ("notes", {"id": None}, "invalid_argument", "id: must be a ULID: "),
        ("notes", {"color": 1}, "invalid_argument", "'color' is no column of notes; its columns are id, text, stars, about"),
        ("debts", {"who": "bob", "sum": 1}, "invalid_argument", "what: must be there"),
        ("debts", {"who": "bob", "what": "x"}, "invalid_argument", "sum: must be there"),
        ("notes", {"about": "nobody"}, "not_found", "notes.about: there is no character with the id 'nobody'"),
        ("notes", {"about": "lamp"}, "not_found", "notes.about: there is no character with the id 'lamp'"),
        ("debts", {"who": "square", "what": "", "sum": 1}, "not_found", "debts.who: there is no character with the id 'square'"),
        ("notes", {"text": "x" * 300}, "too_large", "a row may have 300 bytes"),
        ("diary", {}, "not_found", "the plugin declares no table 'diary' in its schema; it has notes, debts, names"),
    ],
)
async def test_a_row_that_is_refused(
    tmp_path: Path, runtime: SourceRuntime, table: str, row: object, code: str, message: str
) -> None:
    async with open_shelf(tmp_path, runtime, TablesConfig(row_limit=300)) as shelf:
        attempt = shelf.begin()
        found, said = refusal(lambda: attempt.tables.insert(table, row, go_on))
        assert found == code
        assert said.startswith(message)
        assert not attempt.has_effects


async def test_a_row_just_within_the_limit_counts_in_bytes(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime, TablesConfig(row_limit=100)) as shelf:
        tables = shelf.begin().tables
        name = "\u00e9" * 40
        assert len(f'{{"name": "{name}", "n": 0}}'.encode()) == 100
        insert("names", name=name)(tables)
        assert refusal(lambda: update("names", name, n=10)(tables)) == ("too_large", "a row may have 100 bytes")
        assert refusal(lambda: insert("names", name=name + "e")(tables))[0] == "too_large"
        assert rows(tables, "names") == [{"name": name, "n": 0}]


async def test_columns_are_changed_and_the_others_stay(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        await shelf.do(insert("notes", id=ID, text="old", about="bob"))
        tables = (attempt := shelf.begin()).tables
        changed = {"id": ID, "text": None, "stars": 5, "about": "bob"}
        assert update("notes", ID, text=None, stars=5)(tables) == get("notes", ID)(tables) == changed
        assert update("notes", ID)(tables) == changed
        assert update("notes", ID, id=ID, text="new")(tables) == {**changed, "text": "new"}
        await shelf.commit(attempt).durable()
        assert shelf.on_disk("notes") == [{**changed, "text": "new"}]


async def test_what_cannot_be_changed(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        await shelf.do(insert("debts", **BOBS_TEN))
        attempt = shelf.begin()
        key = {"who": "bob", "what": "drinks"}
        refused = [
            (update("debts", key, what="food"), "invalid_argument", "what: must stay as it is, because it is part of the key"),
            (update("debts", key, sum=None), "invalid_argument", "sum: must be a number, not null"),
            (update("debts", {**key, "what": "x"}, sum=1), "not_found", 'debts has no row with the key ["bob", "x"]'),
            (update("debts", "bob", sum=1), "invalid_argument", "the key must be an object with who, what"),
            (get("debts", {"who": "bob"}), "invalid_argument", "the key must be an object with who, what"),
            (delete("debts", {**key, "sum": 10.0}), "invalid_argument", "the key must be an object with who, what"),
            (delete("notes", 5), "invalid_argument", "id: must be a ULID"),
            (lambda tables: tables.update("debts", key, [], go_on), "invalid_argument", "changes must be an object, not a list"),
        ]
        for work, code, message in refused:
            found, said = refusal(lambda work=work: work(attempt.tables))  # type: ignore[misc]
            assert found == code
            assert said.startswith(message)
        assert not attempt.has_effects


async def test_a_row_is_deleted_once(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        await shelf.do(insert("names", name="a"))
        tables = (attempt := shelf.begin()).tables
        assert not delete("names", "b")(tables)
        assert not attempt.has_effects
        assert [delete("names", "a")(tables), delete("names", "a")(tables)] == [True, False]
        assert (get("names", "a")(tables), rows(tables, "names")) == (None, [])
        await shelf.commit(attempt).durable()
        assert (shelf.on_disk("names"), shelf.store.counts["names"]) == ([], 0)


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ([delete("names", "old"), insert("names", name="old", n=2)], [{"name": "old", "n": 2}]),
        ([delete("names", "old"), insert("names", name="old"), delete("names", "old")], []),
        ([insert("names", name="new"), delete("names", "new")], [{"name": "old", "n": 1}]),
        ([insert("names", name="new"), delete("names", "new"), insert("names", name="new")], ["new", "old"]),
        ([insert("names", name="new"), update("names", "new", n=4), delete("names", "old")], [{"name": "new", "n": 4}]),
        ([update("names", "old", n=5), delete("names", "old"), insert("names", name="old")], [{"name": "old", "n": 0}]),
    ],
    ids=["replaced", "replaced and gone", "came and went", "came back", "changed", "made anew"],
)
@pytest.mark.parametrize("durable", [True, False])
async def test_several_changes_of_one_row_in_one_call(
    tmp_path: Path, runtime: SourceRuntime, steps: list[Callable[[TableChanges], object]], left: list[Any], *, durable: bool
) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        first = shelf.accept(insert("names", name="old", n=1))
        if durable:
            await first.durable()
        attempt = shelf.begin()
        for step in steps:
            step(attempt.tables)
        seen = rows(attempt.tables, "names")
        await shelf.commit(attempt).durable()
        assert seen == shelf.on_disk("names")
        assert [row["name"] if isinstance(left[0], str) else row for row in seen] == left
        assert shelf.store.counts["names"] == len(left)


async def test_the_parts_of_a_key_stay_apart(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        await shelf.do(insert("debts", **BOBS_TEN))
        attempt = shelf.begin()
        for who, what in (("alice", "drinks"), ("bob", "food"), ("dora", "bob")):
            insert("debts", who=who, what=what, sum=1)(attempt.tables)
        assert update("debts", {"what": "drinks", "who": "alice"}, sum=2)(attempt.tables)["sum"] == 2.0
        assert delete("debts", {"what": "food", "who": "bob"})(attempt.tables)
        assert get("debts", {"what": "dora", "who": "bob"})(attempt.tables) is None
        owed = rows(attempt.tables, "debts", order=["-sum"])
        assert [(row["who"], row["what"]) for row in owed] == [("bob", "drinks"), ("alice", "drinks"), ("dora", "bob")]
        await shelf.commit(attempt).durable()
        assert sorted(shelf.on_disk("debts"), key=lambda row: -row["sum"]) == owed


# ---- How many --------------------------------------------------------------------------------------------------------


async def test_a_table_that_is_full(tmp_path: Path, runtime: SourceRuntime) -> None:
    full = ("too_large", "a table may have 3 rows, and names has them")
    async with open_shelf(tmp_path, runtime, TablesConfig(rows=3)) as shelf:
        await shelf.do(insert("names", name="a"))
        tables = (attempt := shelf.begin()).tables
        insert("names", name="b")(tables)
        insert("names", name="c")(tables)
        assert refusal(lambda: insert("names", name="d")(tables)) == full
        update("names", "a", n=1)(tables)
        insert("notes")(tables)
        delete("names", "b")(tables)
        insert("names", name="d")(tables)
        assert refusal(lambda: insert("names", name="b")(tables)) == full
        await shelf.commit(attempt).durable()
        assert refusal(lambda: insert("names", name="e")(shelf.begin().tables)) == full


async def test_what_the_database_has_deleted_makes_room(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime, TablesConfig(rows=2)) as shelf:
        await shelf.do(insert("debts", **BOBS_TEN))
        await shelf.do(insert("debts", who="bob", what="food", sum=1))
        await shelf.destroy("bob").durable()
        assert (shelf.on_disk("debts"), shelf.store.counts["debts"]) == ([], 2)
        tables = shelf.begin().tables
        insert("debts", who="alice", what="a", sum=1)(tables)
        insert("debts", who="alice", what="b", sum=1)(tables)
        assert refusal(lambda: insert("debts", who="alice", what="c", sum=1)(tables))[0] == "too_large"


async def test_rows_on_their_way_to_the_disk_take_room(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime, TablesConfig(rows=2)) as shelf:
        shelf.accept(insert("names", name="a"))
        shelf.accept(insert("names", name="b"))
        assert shelf.on_disk("names") == []
        assert refusal(lambda: insert("names", name="c")(shelf.begin().tables))[0] == "too_large"


async def test_of_two_calls_that_add_the_last_row_one_is_run_again(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime, TablesConfig(rows=1)) as shelf:
        one, other = shelf.begin(), shelf.begin()
        for attempt in (one, other):
            insert("notes", text="with a key that is made up, so that nothing is read")(attempt.tables)
        shelf.commit(one)
        assert not other.is_current()


async def test_what_the_database_has_deleted_by_itself_is_counted_once(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime, TablesConfig(rows=2)) as shelf:
        await shelf.do(insert("debts", who="bob", what="tea", sum=1.0))
        await shelf.do(insert("debts", who="bob", what="cake", sum=2.0))
        await shelf.destroy("bob").durable()
        tables = shelf.heart.storage["keeper"].tables
        assert tables.counts["debts"] == 2
        await shelf.do(insert("debts", who="dora", what="tea", sum=1.0))
        assert tables.counts["debts"] == 1
        assert len(shelf.on_disk("debts")) == 1


# ---- Several calls ---------------------------------------------------------------------------------------------------


async def test_others_see_what_is_accepted_before_it_is_on_disk(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        await shelf.do(insert("names", name="disk", n=1))
        await shelf.do(insert("names", name="gone", n=2))
        before = shelf.on_disk("names")
        shelf.accept(insert("names", name="new", n=3))
        shelf.accept(update("names", "new", n=4))
        shelf.accept(update("names", "disk", n=5))
        last = shelf.accept(delete("names", "gone"))
        assert shelf.on_disk("names") == before
        tables = shelf.begin().tables
        insert("names", name="mine", n=6)(tables)
        assert [get("names", name)(tables) for name in ("new", "gone")] == [{"name": "new", "n": 4}, None]
        assert refusal(lambda: insert("names", name="new")(tables))[0] == "conflict"
        seen = [{"name": "mine", "n": 6}, {"name": "disk", "n": 5}, {"name": "new", "n": 4}]
        assert rows(tables, "names", order=["-n"]) == seen
        assert rows(tables, "names", where={"n": {">": 4}}, order=["n"], limit=1) == [seen[1]]
        assert rows(tables, "names", order=["-n"], limit=1, offset=2) == [seen[2]]
        await last.durable()
        assert rows(tables, "names", order=["-n"]) == seen
        assert {row["name"]: row["n"] for row in shelf.on_disk("names")} == {"disk": 5, "new": 4}


async def test_what_is_on_disk_and_still_on_its_way_is_seen_once(tmp_path: Path, runtime: SourceRuntime) -> None:
    """Units of one batch are on disk together, and reported one after the other."""
    async with open_shelf(tmp_path, runtime) as shelf:
        seen: list[tuple[list[Row], list[Row]]] = []
        first = shelf.begin()
        insert("names", name="a")(first.tables)
        shelf.commit(first, lambda: seen.append((shelf.on_disk("names"), rows(shelf.begin().tables, "names"))))
        await shelf.accept(insert("names", name="b")).durable()
        both = [{"name": "a", "n": 0}, {"name": "b", "n": 0}]
        assert seen == [(both, both)]


async def test_an_older_version_on_disk_does_not_hide_a_newer_one(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime, batch=1) as shelf:
        seen: list[tuple[list[Row], list[Row]]] = []
        first = shelf.begin()
        insert("names", name="a", n=1)(first.tables)
        shelf.commit(first, lambda: seen.append((shelf.on_disk("names"), rows(shelf.begin().tables, "names"))))
        await shelf.accept(update("names", "a", n=2)).durable()
        assert seen == [([{"name": "a", "n": 1}], [{"name": "a", "n": 2}])]
        assert shelf.on_disk("names") == [{"name": "a", "n": 2}]
        assert shelf.store.on_the_way("names") == {}


async def test_a_row_deleted_on_its_way_can_be_made_again(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        await shelf.do(insert("names", name="a", n=1))
        shelf.accept(delete("names", "a"))
        shelf.accept(insert("names", name="a", n=2))
        shelf.accept(delete("names", "a"))
        await shelf.accept(insert("names", name="a", n=3)).durable()
        assert shelf.on_disk("names") == [{"name": "a", "n": 3}]


READS: list[Callable[[TableChanges], object]] = [
    get("names", "a"),
    get("notes", ID),
    lambda tables: rows(tables, "names"),
    insert("names", name="mine"),
    delete("names", "b"),
]


@pytest.mark.parametrize("read", READS, ids=["row", "other table", "rows", "given key", "absent"])
async def test_a_commit_after_what_was_read_is_a_conflict(
    tmp_path: Path, runtime: SourceRuntime, read: Callable[[TableChanges], object]
) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        attempt = shelf.begin()
        read(attempt.tables)
        insert("notes", text="built upon it")(attempt.tables)
        assert attempt.is_current()
        ticket = shelf.accept(insert("names", name="a"))
        assert not attempt.is_current()
        with pytest.raises(ConflictError):
            shelf.commit(attempt)
        await ticket.durable()
        assert not attempt.is_current()
        assert shelf.on_disk("notes") == []


async def test_who_only_adds_is_in_nobodys_way(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        attempts = [shelf.begin() for _ in range(5)]
        for attempt in attempts:
            insert("notes", text="one more")(attempt.tables)
        for attempt in attempts:
            assert attempt.is_current()
            last = shelf.commit(attempt)
        await last.durable()
        assert [row["text"] for row in shelf.on_disk("notes")] == ["one more"] * 5


async def test_calls_that_change_no_rows_are_no_conflict(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        attempt = shelf.begin()
        rows(attempt.tables, "names")
        other = shelf.begin()
        rows(other.tables, "names")
        other.kv.set("key", b"value")
        await shelf.commit(other).durable()
        shelf.destroy("dora")
        assert attempt.is_current()


async def test_tables_are_those_of_one_plugin(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        heart = shelf.heart
        sql = TableSql("other", NAMES)
        await heart.storage.open("other", Schema(tables=(NAMES,)), heart.store)
        theirs = Attempt.begin(heart.world, heart.storage["other"])
        closed = ("unavailable", "tables cannot be used while the plugin is being loaded")
        assert refusal(lambda: rows(theirs.tables, "names")) == closed
        await heart.store.write([sql.create()])
        await heart.storage.open_tables("other", heart.store)
        insert("names", name="a", n=9)(theirs.tables)
        await shelf.do(insert("names", name="a", n=1))
        assert theirs.is_current()
        await shelf.commit(theirs).durable()
        assert shelf.on_disk("names") == [{"name": "a", "n": 1}]


# ---- The disk fails, or takes long -----------------------------------------------------------------------------------


async def test_after_a_failed_disk_all_is_as_on_disk(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime, TablesConfig(rows=4)) as shelf:
        store = shelf.heart.store
        await shelf.do(insert("names", name="a", n=1))
        ((pages,),) = await store.fetch("PRAGMA page_count")
        await store.limit_pages(pages)
        lost = shelf.begin()
        insert("notes", text="x" * 12_000)(lost.tables)
        update("names", "a", n=2)(lost.tables)
        insert("names", name="b")(lost.tables)
        ticket = shelf.commit(lost)
        late = shelf.begin()
        assert rows(late.tables, "names") == [{"name": "a", "n": 2}, {"name": "b", "n": 0}]
        with pytest.raises(StorageUnavailable):
            await ticket.durable()
        await store.limit_pages(1_000_000)
        assert await store.recover()
        await shelf.heart.storage.reload(store)
        assert not late.is_current()
        assert shelf.store.counts == {"notes": 0, "debts": 0, "names": 1}
        for table in ("notes", "names"):
            assert shelf.store.on_the_way(table) == {}
            assert rows(shelf.begin().tables, table) == shelf.on_disk(table)
        await shelf.do(insert("names", name="b", n=3))
        assert shelf.on_disk("names") == [{"name": "a", "n": 1}, {"name": "b", "n": 3}]


async def test_a_long_query_is_stopped(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        for batch in range(10):
            attempt = shelf.begin()
            for number in range(100):
                insert("names", name=f"{batch}-{number}")(attempt.tables)
            ticket = shelf.commit(attempt)
        await ticket.durable()
        asked: list[None] = []

        def stop() -> bool:
            asked.append(None)
            return len(asked) == 3

        tables = shelf.begin().tables
        with pytest.raises(QueryStoppedError):
            tables.select("names", {"order": ["-n"]}, stop)
        assert len(asked) == 3
        assert len(rows(tables, "names", limit=1000)) == 1000


# ---- Whom rows refer to ----------------------------------------------------------------------------------------------


def tell_of_bob(tables: TableChanges) -> None:
    """A row that may do without Bob, and one that may not."""
    insert("notes", id=ID, text="about him", about="bob")(tables)
    insert("debts", **BOBS_TEN)(tables)


FORGETFUL_NOTE = {"id": ID, "text": "about him", "stars": 3, "about": None}


@pytest.mark.parametrize("who", ["bob", "eve"])
async def test_who_is_destroyed_later_in_the_same_call(tmp_path: Path, runtime: SourceRuntime, who: str) -> None:
    """Bob was there before; Eve comes and goes, and is never in the database."""
    async with open_shelf(tmp_path, runtime) as shelf:
        attempt = shelf.begin()
        if who == "eve":
            attempt.transaction.create(attrs.evolve(attempt.transaction.expect("dora", Character), id="eve", name="Eve"))
        insert("notes", id=ID, text="about him", about=who)(attempt.tables)
        insert("debts", who=who, what="drinks", sum=10)(attempt.tables)
        insert("debts", who="dora", what="x", sum=1)(attempt.tables)
        attempt.transaction.destroy(who)
        assert refusal(lambda: insert("notes", about=who)(attempt.tables))[0] == "not_found"
        await shelf.commit(attempt).durable()
        assert shelf.on_disk("notes") == rows(shelf.begin().tables, "notes") == [FORGETFUL_NOTE]
        assert shelf.on_disk("debts") == [{"who": "dora", "what": "x", "sum": 1.0}]


@pytest.mark.parametrize("durable", [True, False])
async def test_who_is_destroyed_by_a_later_call(tmp_path: Path, runtime: SourceRuntime, *, durable: bool) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        told = shelf.accept(tell_of_bob)
        if durable:
            await told.durable()
        await shelf.destroy("bob").durable()
        tables = shelf.begin().tables
        assert rows(tables, "notes") == shelf.on_disk("notes") == [FORGETFUL_NOTE]
        assert rows(tables, "debts") == shelf.on_disk("debts") == []


async def test_who_is_destroyed_by_another_call_meanwhile_is_a_conflict(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        attempt = shelf.begin()
        insert("notes", about="bob")(attempt.tables)
        destroyed = shelf.destroy("bob")
        with pytest.raises(ConflictError):
            shelf.commit(attempt)
        await destroyed.durable()
        assert (shelf.on_disk("notes"), shelf.heart.store.failure) == ([], None)


async def test_rows_made_for_somebody_new_and_moved_off_somebody_who_goes(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        await shelf.do(tell_of_bob)
        attempt = shelf.begin()
        attempt.transaction.create(attrs.evolve(attempt.transaction.expect("dora", Character), id="eve", name="Eve"))
        update("notes", ID, about="eve")(attempt.tables)
        delete("debts", {"who": "bob", "what": "drinks"})(attempt.tables)
        insert("debts", who="eve", what="drinks", sum=10)(attempt.tables)
        attempt.transaction.destroy("bob")
        await shelf.commit(attempt).durable()
        assert shelf.on_disk("notes") == [{**FORGETFUL_NOTE, "about": "eve"}]
        assert shelf.on_disk("debts") == [{**BOBS_TEN, "who": "eve"}]


async def test_an_attempt_that_begins_again_has_staged_no_rows(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        attempt = shelf.begin()
        before = attempt.transaction.savepoint()
        for name in ("Eve", "Zoe"):
            attempt.begin_again(shelf.heart.storage["keeper"], before)
            assert not attempt.has_effects
            attempt.transaction.create(attrs.evolve(attempt.transaction.expect("dora", Character), id=name, name=name))
            insert("notes", about=name)(attempt.tables)
        await shelf.commit(attempt).durable()
        assert [row["about"] for row in shelf.on_disk("notes")] == ["Zoe"]


async def test_a_destroyed_ref_is_gone_for_others_before_it_is_on_disk(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        await shelf.do(tell_of_bob)
        shelf.destroy("bob")
        tables = shelf.begin().tables
        assert rows(tables, "notes") == [FORGETFUL_NOTE]
        assert rows(tables, "debts") == []


async def test_a_ref_destroyed_in_the_call_that_wrote_it_is_gone_for_others_at_once(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_shelf(tmp_path, runtime) as shelf:
        attempt = shelf.begin()
        tell_of_bob(attempt.tables)
        attempt.transaction.destroy("bob")
        shelf.commit(attempt)
        tables = shelf.begin().tables
        assert rows(tables, "notes") == [FORGETFUL_NOTE]
        assert rows(tables, "debts") == []


async def test_a_row_written_while_its_old_ref_goes_is_not_lost(tmp_path: Path, runtime: SourceRuntime) -> None:
    needs = Table(
        name="names",
        columns=(
            Column(name="name", type="string", primary=True),
            Column(name="who", type="ulid", ref="characters", required=True),
        ),
    )
    async with open_heart(tmp_path, runtime) as heart:
        await heart.storage.open("keeper", Schema(tables=(needs,)), heart.store)
        await heart.store.write([TableSql("keeper", needs).create()])
        await heart.storage.open_tables("keeper", heart.store)
        shelf = Shelf(heart)
        await shelf.do(insert("names", name="a", who="bob"))
        shelf.destroy("bob")
        attempt = shelf.begin()
        delete("names", "a")(attempt.tables)
        insert("names", name="a", who="dora")(attempt.tables)
        await shelf.commit(attempt).durable()
        assert shelf.on_disk("names") == [{"name": "a", "who": "dora"}]


# ---- Anything at all -------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "insert", "update", "delete", "get", "select", "add", "commit", "forget", "wait"]),
        st.sampled_from([0, 1]),
        st.sampled_from("abc"),
        st.integers(0, 3),
    ),
    max_size=40,
)
Model = dict[str, int]


@attrs.define
class ModelCall:
    """What a call of the model has staged; None is a deleted row. ``read_at``: how many commits there were when it first read."""

    attempt: Attempt
    staged: dict[str, int | None] = attrs.Factory(dict)
    added: list[Row] = attrs.Factory(list)
    read_at: int | None = None

    def view(self, committed: Model) -> Model:
        return {name: n for name, n in {**committed, **self.staged}.items() if n is not None}


def step_in_call(step: str, call: ModelCall, view: Model, name: str, n: int) -> None:
    """One operation, which must do what a dict does."""
    tables = call.attempt.tables
    match step:
        case "insert" if name in view:
            assert refusal(lambda: insert("names", name=name, n=n)(tables))[0] == "conflict"
        case "insert":
            assert insert("names", name=name, n=n)(tables) == {"name": name, "n": n}
            call.staged[name] = n
        case "update" if name in view:
            assert update("names", name, n=n)(tables) == {"name": name, "n": n}
            call.staged[name] = n
        case "update":
            assert refusal(lambda: update("names", name, n=n)(tables))[0] == "not_found"
        case "delete":
            assert delete("names", name)(tables) is (name in view)
            if name in view:
                call.staged[name] = None
        case "get":
            assert get("names", name)(tables) == ({"name": name, "n": view[name]} if name in view else None)
        case "select":
            found = rows(tables, "names", where={"n": {"<=": n}}, order=["-n"], limit=2)
            asked = sorted((kept for kept in view.items() if kept[1] <= n), key=lambda kept: (-kept[1], kept[0]))
            assert [(row["name"], row["n"]) for row in found] == asked[:2]


@settings(max_examples=60, deadline=None)
@given(STEPS)
async def test_it_is_a_dict(
    runtime: SourceRuntime, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, str, int]]
) -> None:
    async with open_shelf(tmp_path_factory.mktemp("tables"), runtime) as shelf:
        committed: Model = {}
        notes: list[Row] = []
        commits = 0
        calls = [ModelCall(shelf.begin()), ModelCall(shelf.begin())]
        for step, which, name, n in steps:
            call = calls[which]
            if step == "wait":
                await shelf.heart.store.write(())
                assert {row["name"]: row["n"] for row in shelf.on_disk("names")} == committed
            elif step == "add":
                call.added.append(insert("notes", stars=n)(call.attempt.tables))
            elif step in ("commit", "forget"):
                if step == "commit" and (call.staged or call.added):
                    current = call.read_at in (None, commits)
                    assert call.attempt.is_current() is current
                    if current:
                        shelf.commit(call.attempt)
                        committed = call.view(committed)
                        notes += call.added
                        commits += 1
                calls[which] = ModelCall(shelf.begin())
            else:
                if call.read_at is None:
                    call.read_at = commits
                step_in_call(step, call, call.view(committed), name, n)
            everything = rows(shelf.begin().tables, "names")
            assert {row["name"]: row["n"] for row in everything} == committed
            assert shelf.store.counts["names"] == len(committed)
        await shelf.heart.store.write(())
        assert {row["name"]: row["n"] for row in shelf.on_disk("names")} == committed
        assert shelf.on_disk("notes") == sorted(notes, key=lambda note: str(note["id"]))
        assert [shelf.store.on_the_way(table) for table in ("names", "notes")] == [{}, {}]
