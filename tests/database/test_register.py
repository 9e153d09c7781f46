"""Registers: what is read, what a transaction sees, when it must be run again, and that the disk holds what the memory does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs
from hypothesis import given
from hypothesis import strategies as st

from holomush.database.migrations import migrate
from holomush.database.register import Changes, Register, RegisterChanges
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import Store, open_store


@attrs.frozen
class Setting:
    key: str
    value: str


@attrs.frozen
class Key:
    """A value with a key of two columns."""

    plugin: str
    key: str
    value: bytes


Told = list[tuple[Setting | None, Setting | None]]


def make_register(*values: Setting) -> tuple[Register[str, Setting], Told]:
    """A register, and what its watcher is told from now on."""
    register: Register[str, Setting] = Register("settings", lambda one: one.key, attrs.asdict, Setting)
    register.replace(values)
    told: Told = []
    register.watchers.append(lambda before, after: told.append((before, after)))
    return register, told


A, B, OTHER_A = Setting("a", "1"), Setting("b", "2"), Setting("a", "other")


async def disk(store: Store) -> dict[str, str]:
    return dict(await store.fetch("SELECT key, value FROM settings"))


# ---- Registers -------------------------------------------------------------------------------------------------------


def test_what_there_is() -> None:
    register, _ = make_register(A, B)
    assert register.get("a") is A
    assert register.get("c") is None
    assert register.values() == (A, B)
    assert len(register) == 2
    assert register.key(A) == "a"


def test_watchers_are_told_of_each_change_and_of_nothing_else() -> None:
    register, told = make_register(A)
    register.apply({"a": OTHER_A, "b": B, "c": None})
    assert told == [(A, OTHER_A), (None, B)]
    told.clear()
    register.apply({"a": OTHER_A})  # the same instance
    assert told == []
    register.apply({"a": None})
    assert told == [(OTHER_A, None)]


def test_a_watcher_finds_what_it_is_told_of() -> None:
    register, _ = make_register(A)
    seen: list[Setting | None] = []
    register.watchers.append(lambda before, after: seen.append(register.get("a")))
    register.apply({"a": OTHER_A})
    register.apply({"a": None})
    assert seen == [OTHER_A, None]


def test_what_is_read_anew_replaces_only_what_differs() -> None:
    register, told = make_register(A, B)
    register.replace([Setting("a", "1"), Setting("c", "3")])
    assert register.get("a") is A  # whoever has read it need not run again
    assert told == [(B, None), (None, Setting("c", "3"))]
    assert register.values() == (A, Setting("c", "3"))


async def test_what_is_written_is_what_is_loaded(data: Path) -> None:
    async with open_store(data / "holomush.db") as store:
        await migrate(store, CORE_MIGRATIONS)
        register: Register[tuple[str, ...], Key] = Register("kv", lambda one: (one.plugin, one.key), attrs.asdict, Key)
        changes = Changes(register)
        for value in (Key("p", "a", b"1"), Key("p", "b", b"2"), Key("q", "a", b"\xff")):
            changes.put(value)
        await store.write(changes.statements())
        changes.apply()
        again = Changes(register)
        assert again.remove(("p", "b"))
        again.put(Key("p", "a", b"new"))
        await store.write(again.statements())
        again.apply()
        other: Register[tuple[str, ...], Key] = Register("kv", lambda one: (one.plugin, one.key), attrs.asdict, Key)
        await other.load(store)
        assert other.values() == register.values() == (Key("p", "a", b"new"), Key("q", "a", b"\xff"))


async def test_what_could_not_be_written_is_undone_and_watchers_are_told(data: Path) -> None:
    async with open_store(data / "holomush.db") as store:
        await migrate(store, CORE_MIGRATIONS)
        register, told = make_register(A)
        await store.write(register.statements({"a": A}))
        register.apply({"a": OTHER_A, "b": B})  # and the disk failed
        told.clear()
        await register.load(store)
        assert register.values() == (A,)
        assert told == [(B, None), (OTHER_A, A)]


# ---- Changes ---------------------------------------------------------------------------------------------------------


def test_a_transaction_sees_its_own_changes_and_others_do_not() -> None:
    register, told = make_register(A, B)
    changes, other = Changes(register), Changes(register)
    changes.put(OTHER_A)
    assert changes.remove("b")
    assert not changes.remove("b")
    assert not changes.remove("c")
    assert [changes.get(key) for key in "abc"] == [OTHER_A, None, None]
    assert [other.get(key) for key in "abc"] == [A, B, None]
    assert (changes.has_effects, other.has_effects) == (True, False)
    assert told == []
    changes.apply()
    assert register.values() == (OTHER_A,)


def test_all_reads_of_one_transaction_agree() -> None:
    register, _ = make_register(A)
    changes = Changes(register)
    assert changes.get("a") is A
    register.apply({"a": OTHER_A})
    assert changes.get("a") is A
    assert not changes.is_current()


def test_what_was_not_there_and_has_come_is_a_conflict_too() -> None:
    register, _ = make_register()
    looked, removed = Changes(register), Changes(register)
    assert looked.get("a") is None
    assert not removed.remove("a")
    assert looked.is_current()
    register.apply({"a": A})
    assert not looked.is_current()
    assert not removed.is_current()


def test_what_was_only_written_is_no_conflict() -> None:
    register, _ = make_register(A)
    changes = Changes(register)
    changes.put(Setting("a", "mine"))
    register.apply({"a": OTHER_A})
    assert changes.is_current()


def test_all_values_and_their_number_as_the_transaction_sees_them() -> None:
    register, _ = make_register(A, B)
    changes = Changes(register)
    assert (changes.values(), changes.count()) == ([A, B], 2)
    changes.put(OTHER_A)
    changes.put(Setting("c", "3"))
    changes.remove("b")
    changes.put(Setting("d", "4"))
    changes.remove("d")
    assert (changes.values(), changes.count()) == ([OTHER_A, Setting("c", "3")], 2)
    assert changes.staged == {"a": OTHER_A, "b": None, "c": Setting("c", "3"), "d": None}
    register.apply({"e": Setting("e", "5")})
    assert (changes.count(), changes.is_current()) == (3, True)


def test_views_of_several_registers_stand_and_fall_together() -> None:
    one, _ = make_register(A)
    two, _ = make_register(B)
    changes = RegisterChanges()
    assert changes.of(one) is changes.of(one)
    assert changes.of(one) is not changes.of(two)
    assert (changes.has_effects, changes.is_current(), changes.statements()) == (False, True, [])
    changes.of(one).get("a")
    changes.of(two).put(Setting("c", "3"))
    assert changes.has_effects
    assert len(changes.statements()) == 1
    one.apply({"a": None})
    assert not changes.is_current()
    changes.apply()
    assert two.values() == (B, Setting("c", "3"))


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.text(max_size=3)),
    st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | st.text(max_size=3)), max_size=12),
)
def test_any_changes_are_as_those_of_a_dict(before: Mapping[str, str], steps: list[tuple[str, str | None]]) -> None:
    register, told = make_register(*(Setting(key, value) for key, value in before.items()))
    changes, expected = Changes(register), dict(before)
    for key, value in steps:
        if value is None:
            assert changes.remove(key) is (expected.pop(key, None) is not None)
        else:
            changes.put(Setting(key, value))
            expected[key] = value
        assert {one.key: one.value for one in changes.values()} == expected
        assert changes.count() == len(expected)
    assert changes.is_current()
    changes.apply()
    assert {one.key: one.value for one in register.values()} == expected
    assert all(
        one == two
        for one, two in zip(sorted(register.values(), key=register.key), sorted(changes.values(), key=register.key), strict=True)
    )
    keys = [one.key for change in told for one in change if one is not None]
    assert all(keys.count(key) <= 2 for key in keys)  # before and after
