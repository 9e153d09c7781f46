"""Keys and values: what one call sees and may keep, when it must be run again, and the rows that come of it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holomush.config import KvConfig
from holomush.database.migrations import migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import open_store
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.storage.kv import KEY_LIMIT, KvChanges, KvStore


def make_store(values: Iterable[tuple[str, bytes]] = (), *, value: int = 100, keys: int = 5, total: int = 200) -> KvStore:
    return KvStore("tester", KvConfig(value_limit=value, keys=keys, total_limit=total), values)


def commit(changes: KvChanges) -> None:
    assert changes.is_current()
    changes.apply()


def put(store: KvStore, key: str, value: bytes | None) -> None:
    """Somebody else sets or deletes a key."""
    changes = KvChanges(store)
    if value is None:
        assert changes.delete(key)
    else:
        changes.set(key, value)
    commit(changes)


def refusal(changes: KvChanges, key: str, value: bytes) -> tuple[str, str]:
    with pytest.raises(HostCallError) as caught:
        changes.set(key, value)
    return caught.value.code, str(caught.value)


# ---- What a call sees ------------------------------------------------------------------------------------------------


def test_a_call_sees_its_own_changes_and_others_do_not_before_it_is_committed() -> None:
    store = make_store([("a", b"1"), ("b", b"2")])
    changes, other = KvChanges(store), KvChanges(store)
    changes.set("a", b"new")
    changes.set("c", b"3")
    assert changes.delete("b")
    assert [changes.get(key) for key in "abcd"] == [b"new", None, b"3", None]
    assert changes.keys("") == ["a", "c"]
    assert [other.get(key) for key in "abcd"] == [b"1", b"2", None, None]
    commit(changes)
    fresh = KvChanges(store)
    assert [fresh.get(key) for key in "abcd"] == [b"new", None, b"3", None]
    assert len(store) == 2


def test_reading_again_gives_what_was_read_first() -> None:
    store = make_store([("a", b"1")])
    changes = KvChanges(store)
    assert changes.get("a") == b"1"
    put(store, "a", b"2")
    assert changes.get("a") == b"1"
    assert not changes.is_current()


def test_keys_are_sorted_and_begin_with_the_prefix() -> None:
    changes = KvChanges(make_store([("b:2", b""), ("a", b""), ("b:1", b"")]))
    changes.set("b:", b"")
    changes.delete("b:2")
    assert changes.keys("b:") == ["b:", "b:1"]
    assert changes.keys("") == ["a", "b:", "b:1"]
    assert changes.keys("c") == []


def test_deleting_what_is_not_there_is_no_change() -> None:
    changes = KvChanges(make_store())
    assert not changes.delete("a")
    assert not changes.has_effects
    assert changes.statements() == []


def test_deleting_twice() -> None:
    changes = KvChanges(make_store([("a", b"1")]))
    assert [changes.delete("a"), changes.delete("a")] == [True, False]
    assert changes.has_effects


# ---- Limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "x" * (KEY_LIMIT + 1), "\u4e16" * 86])
def test_a_key_has_a_length_in_bytes(key: str) -> None:
    changes = KvChanges(make_store(total=10_000))
    said = f"a key must have 1 to {KEY_LIMIT} bytes, not {len(key.encode())}"
    assert refusal(changes, key, b"") == ("invalid_argument", said)
    assert not changes.has_effects
    changes.set("x" * KEY_LIMIT, b"")


def test_a_value_has_a_limit() -> None:
    changes = KvChanges(make_store())
    changes.set("a", b"x" * 100)
    assert refusal(changes, "a", b"x" * 101) == ("too_large", "a value may have 100 bytes, not 101")
    assert changes.get("a") == b"x" * 100


def test_so_many_keys_and_no_more() -> None:
    store = make_store([("1", b""), ("2", b"")], keys=3)
    changes = KvChanges(store)
    changes.set("3", b"")
    assert refusal(changes, "4", b"") == ("too_large", "a plugin may have 3 keys")
    assert changes.keys("") == ["1", "2", "3"]
    changes.set("1", b"there already")
    changes.delete("2")
    changes.set("4", b"")
    assert refusal(changes, "2", b"")[0] == "too_large"
    commit(changes)
    assert sorted(store.all_keys()) == ["1", "3", "4"]


def test_so_many_bytes_and_no_more_and_keys_count() -> None:
    changes = KvChanges(make_store([("aa", b"x" * 8)], value=20, total=20))
    changes.set("bb", b"x" * 8)
    assert refusal(changes, "bb", b"x" * 9) == ("too_large", "a plugin may keep 20 bytes under its keys")
    assert changes.get("bb") == b"x" * 8
    assert refusal(changes, "c", b"")[0] == "too_large"
    changes.set("aa", b"")
    changes.set("bb", b"x" * 16)
    assert refusal(changes, "bb", b"x" * 17)[0] == "too_large"


def test_what_is_refused_leaves_what_was_staged_before() -> None:
    changes = KvChanges(make_store([("a", b"1")], value=1000, total=20))
    changes.delete("a")
    assert refusal(changes, "a", b"x" * 30)[0] == "too_large"
    assert changes.get("a") is None
    changes.set("a", b"2")
    assert refusal(changes, "a", b"x" * 30)[0] == "too_large"
    assert changes.get("a") == b"2"


def test_a_plugin_with_more_than_it_may_have_can_still_put_things_right() -> None:
    """The operator has lowered the limits."""
    store = make_store([(str(n), b"x" * 50) for n in range(9)], keys=5, total=100)
    changes = KvChanges(store)
    assert refusal(changes, "new", b"")[0] == "too_large"
    assert refusal(changes, "0", b"x" * 51)[0] == "too_large"
    changes.set("0", b"x" * 49)
    changes.set("1", b"y" * 50)
    changes.delete("2")
    commit(changes)
    assert (len(store), store.size) == (8, 8 * 51 - 1)


# ---- Whether it is still so ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("meanwhile", "current"),
    [(("a", b"other"), False), (("a", None), False), (("b", b"x"), True), (("c", b"new"), True)],
)
def test_what_was_read_must_be_the_same(meanwhile: tuple[str, bytes | None], current: bool) -> None:  # noqa: FBT001
    store = make_store([("a", b"1"), ("b", b"2")])
    changes = KvChanges(store)
    changes.get("a")
    put(store, *meanwhile)
    assert changes.is_current() is current


def test_what_was_not_there_must_still_not_be_there() -> None:
    store = make_store()
    changes = KvChanges(store)
    assert changes.get("a") is None
    assert changes.is_current()
    put(store, "a", b"")
    assert not changes.is_current()


def test_who_only_sets_is_in_nobodys_way() -> None:
    store = make_store([("a", b"1")])
    changes = KvChanges(store)
    changes.set("a", b"mine")
    put(store, "a", b"theirs")
    commit(changes)
    assert store.get("a") == b"mine"


@pytest.mark.parametrize(("meanwhile", "current"), [(("new", b""), False), (("a", None), False), (("a", b"other"), True)])
def test_a_list_is_of_keys_and_not_of_values(meanwhile: tuple[str, bytes | None], current: bool) -> None:  # noqa: FBT001
    store = make_store([("a", b"1")])
    changes = KvChanges(store)
    changes.keys("")
    put(store, *meanwhile)
    assert changes.is_current() is current


def test_two_calls_cannot_go_beyond_the_limits_together() -> None:
    store = make_store([("1", b""), ("2", b"")], keys=3)
    first, second = KvChanges(store), KvChanges(store)
    first.set("3", b"")
    second.set("4", b"")
    commit(first)
    assert not second.is_current()
    big = make_store(value=20, total=20)
    first, second = KvChanges(big), KvChanges(big)
    first.set("1", b"x" * 10)
    second.set("2", b"x" * 10)
    commit(first)
    assert not second.is_current()


def test_after_the_disk_was_read_anew_nothing_read_before_is_current() -> None:
    store = make_store([("a", b"1")])
    read, listed = KvChanges(store), KvChanges(store)
    read.get("a")
    listed.keys("")
    store.replace([("a", bytes([49]))])
    assert not listed.is_current()
    assert (read.get("a"), store.get("a")) == (b"1", b"1")
    store.replace([("b", b"2")])
    assert not read.is_current()
    assert (store.all_keys(), store.size) == (("b",), 2)


# ---- Anything at all -------------------------------------------------------------------------------------------------

KEYS = st.sampled_from(["a", "ab", "b", "\u4e16", ""]) | st.text(max_size=3)
STEPS = st.lists(
    st.tuples(st.just("set"), KEYS, st.binary(max_size=12))
    | st.tuples(st.sampled_from(["get", "delete", "keys"]), KEYS, st.just(b""))
    | st.tuples(st.just("commit"), st.just(""), st.just(b"")),
    max_size=40,
)


def fits(values: dict[str, bytes]) -> bool:
    return len(values) <= 4 and sum(len(key.encode()) + len(value) for key, value in values.items()) <= 30


@given(STEPS)
def test_it_is_a_dict_with_limits(steps: list[tuple[str, str, bytes]]) -> None:
    store = make_store(value=10, keys=4, total=30)
    changes, model, committed = KvChanges(store), dict[str, bytes](), dict[str, bytes]()
    for step, key, value in steps:
        match step:
            case "set":
                may = len(key.encode()) >= 1 and len(value) <= 10 and fits({**model, key: value})
                if may:
                    changes.set(key, value)
                    model[key] = value
                else:
                    refusal(changes, key, value)
            case "get":
                assert changes.get(key) == model.get(key)
            case "delete":
                assert changes.delete(key) is (model.pop(key, None) is not None)
            case "keys":
                assert changes.keys(key) == sorted(known for known in model if known.startswith(key))
            case "commit":
                commit(changes)
                changes, committed = KvChanges(store), dict(model)
        assert changes.is_current()
        assert {known: store.get(known) for known in store.all_keys()} == committed
        assert store.size == sum(len(known.encode()) + len(kept) for known, kept in committed.items())


@settings(max_examples=25, deadline=None)
@given(STEPS)
async def test_the_rows_are_what_memory_holds(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, bytes]]
) -> None:
    async with open_store(tmp_path_factory.mktemp("kv") / "kv.db", synchronous="OFF") as disk:
        await migrate(disk, CORE_MIGRATIONS)
        await disk.write([("INSERT INTO kv (plugin, key, value) VALUES ('other', 'a', x'00')", ())])
        store = make_store(value=10, keys=4, total=30)
        changes = KvChanges(store)
        for step, key, value in [*steps, ("commit", "", b"")]:
            if step == "set":
                with suppress(HostCallError):
                    changes.set(key, value)
            elif step == "delete":
                changes.delete(key)
            elif step == "commit":
                await disk.write(changes.statements())
                commit(changes)
                changes = KvChanges(store)
        rows = await disk.fetch("SELECT key, value FROM kv WHERE plugin = 'tester'")
        assert await disk.fetch("SELECT key, value FROM kv WHERE plugin = 'other'") == [("a", b"\0")]
    assert dict(rows) == {key: store.get(key) for key in store.all_keys()}


async def test_a_value_may_be_any_bytes(tmp_path: Path) -> None:
    every = bytes(range(256))
    async with open_store(tmp_path / "kv.db") as disk:
        await migrate(disk, CORE_MIGRATIONS)
        changes = KvChanges(make_store(value=1000, total=1000))
        changes.set("\u4e16", every)
        await disk.write(changes.statements())
        assert await disk.fetch("SELECT key, value FROM kv") == [("\u4e16", every)]
