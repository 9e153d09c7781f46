"""One attempt of a call: what it counts as a change, what must still be so at the end, and how it begins again."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from holomush.config import Rate
from holomush.events.event import EmittedEvent
from holomush.plugins.attempt import Attempt
from holomush.plugins.storage.storage import PluginStorage
from holomush.rates import Bucket
from holomush.world.model import Character
from holomush.world.state import World
from holomush.world.transaction import NotFoundError
from plugins.rooms import make_storage, make_world

RAIN = EmittedEvent("global", "rain", {})


def make_bucket(burst: int = 3) -> Bucket:
    """Tokens that never come back by themselves."""
    return Bucket(Rate(per_second=1.0, burst=burst), clock=lambda: 0.0)


def left(bucket: Bucket) -> int:
    """How many tokens there are; they are there afterwards."""
    taken = 0
    while bucket.take():
        taken += 1
    if taken:
        bucket.give_back(taken)
    return taken


def touch(world: World, character_id: str) -> None:
    """Somebody else changes a character."""
    before = world.get(character_id)
    assert isinstance(before, Character)
    world.apply({character_id: attrs.evolve(before, description="touched")})


def commit_key(world: World, storage: PluginStorage, key: str) -> None:
    """Another call of the plugin sets a key."""
    other = Attempt.begin(world, storage)
    other.kv.set(key, b"theirs")
    other.apply()


def stage_key(attempt: Attempt) -> None:
    attempt.kv.set("key", b"value")


def stage_event(attempt: Attempt) -> None:
    attempt.transaction.events.append(RAIN)


def stage_change(attempt: Attempt) -> None:
    attempt.transaction.destroy("dora")


def stage_request(attempt: Attempt) -> None:
    attempt.requests.append(lambda: None)


def only_look(attempt: Attempt) -> None:
    attempt.transaction.get("alice")
    attempt.kv.get("key")
    attempt.kv.keys("")
    attempt.conditions.append(lambda: True)
    attempt.reached_outside = True


@pytest.mark.parametrize(
    ("stage", "has_effects", "keeps_something"),
    [
        (stage_key, True, True),
        (stage_event, True, False),
        (stage_change, True, False),
        (stage_request, True, False),
        (only_look, False, False),
    ],
)
def test_what_counts_as_a_change(
    stage: Callable[[Attempt], None],
    has_effects: bool,  # noqa: FBT001
    keeps_something: bool,  # noqa: FBT001
) -> None:
    attempt = Attempt.begin(make_world(), make_storage())
    assert (attempt.has_effects, attempt.keeps_something, attempt.is_current()) == (False, False, True)
    stage(attempt)
    assert (attempt.has_effects, attempt.keeps_something, attempt.is_current()) == (has_effects, keeps_something, True)


def test_all_that_was_read_must_still_be_so() -> None:
    world, storage = make_world(), make_storage()
    attempts = [Attempt.begin(world, storage) for _ in range(3)]
    attempts[0].transaction.get("alice")
    attempts[1].kv.get("key")
    commit_key(world, storage, "key")
    assert [attempt.is_current() for attempt in attempts] == [True, False, True]
    touch(world, "alice")
    assert [attempt.is_current() for attempt in attempts] == [False, False, True]


def test_every_condition_must_hold_when_it_is_committed() -> None:
    attempt = Attempt.begin(make_world(), make_storage())
    connected = {"alice"}
    attempt.conditions.append(lambda: "alice" in connected)
    attempt.conditions.append(lambda: "bob" not in connected)
    assert attempt.is_current()
    connected.add("bob")
    assert not attempt.is_current()
    connected.remove("bob")
    assert attempt.is_current()
    connected.clear()
    assert not attempt.is_current()


def test_keys_are_true_for_others_once_applied() -> None:
    world, storage = make_world(), make_storage()
    attempt = Attempt.begin(world, storage)
    stage_key(attempt)
    assert storage.kv.get("key") is None
    ((sql, values),) = attempt.statements()
    assert sql.startswith("INSERT INTO kv ")
    assert list(values) == ["tester", "key", b"value"]
    attempt.apply()
    assert Attempt.begin(world, storage).kv.get("key") == b"value"


def test_requests_are_made_in_order_and_only_when_told() -> None:
    attempt = Attempt.begin(make_world(), make_storage())
    made: list[str] = []
    for name in ("boot", "shut down"):
        attempt.requests.append(lambda name=name: made.append(name))  # type: ignore[misc]
    attempt.statements()
    attempt.apply()
    attempt.settle()
    assert made == []
    attempt.make_requests()
    assert made == ["boot", "shut down"]


# ---- Beginning again -------------------------------------------------------------------------------------------------


def test_beginning_again_forgets_what_a_guest_did_and_nothing_before() -> None:
    world, storage = make_world(), make_storage()
    attempt = Attempt.begin(world, storage)
    transaction = attempt.transaction
    bob = transaction.expect("bob", Character)
    transaction.update(attrs.evolve(bob, description="staged before"))
    transaction.events.append(RAIN)
    before = transaction.savepoint()

    transaction.destroy("dora")
    transaction.update(attrs.evolve(transaction.expect("bob", Character), description="staged by the guest"))
    transaction.events.append(EmittedEvent("global", "snow", {}))
    transaction.contents("square")
    stage_key(attempt)
    stage_request(attempt)
    attempt.conditions.append(lambda: False)
    assert not attempt.is_current()

    attempt.begin_again(storage, before)
    assert attempt.transaction is transaction
    assert transaction.events == [RAIN]
    assert transaction.changes.keys() == {"bob"}
    assert transaction.expect("bob", Character).description == "staged before"
    assert transaction.expect("dora", Character).name == "Dora"
    assert (attempt.keeps_something, attempt.kv.get("key"), attempt.statements()) == (False, None, [])
    assert (attempt.requests, attempt.conditions) == ([], [])
    assert attempt.is_current()


def test_what_was_read_by_the_guest_is_read_anew_and_what_was_read_before_counts_on() -> None:
    world, storage = make_world(), make_storage()
    attempt = Attempt.begin(world, storage)
    attempt.transaction.get("alice")
    before = attempt.transaction.savepoint()
    attempt.transaction.get("bob")
    attempt.kv.get("key")
    touch(world, "bob")
    commit_key(world, storage, "key")
    assert not attempt.is_current()
    attempt.begin_again(storage, before)
    assert attempt.is_current()
    assert attempt.transaction.expect("bob", Character).description == "touched"
    assert attempt.kv.get("key") == b"theirs"
    touch(world, "alice")
    assert not attempt.is_current()


def test_a_savepoint_is_not_changed_by_what_comes_after_and_serves_twice() -> None:
    world, storage = make_world(), make_storage()
    attempt = Attempt.begin(world, storage)
    before = attempt.transaction.savepoint()
    for _ in range(2):
        stage_change(attempt)
        stage_event(attempt)
        with pytest.raises(NotFoundError):
            attempt.transaction.expect("dora", Character)
        attempt.begin_again(storage, before)
        assert not attempt.has_effects


# ---- Paying ----------------------------------------------------------------------------------------------------------


def test_who_is_refused_has_not_paid() -> None:
    attempt = Attempt.begin(make_world(), make_storage())
    bucket = make_bucket(2)
    assert [attempt.pay(bucket) for _ in range(3)] == [True, True, False]
    assert len(attempt.paid) == 2
    attempt.refund()
    assert left(bucket) == 2


def test_a_refund_is_for_each_token_and_given_once() -> None:
    attempt = Attempt.begin(make_world(), make_storage())
    events, creations = make_bucket(3), make_bucket(5)
    for bucket in (events, creations, events):
        assert attempt.pay(bucket)
    assert (left(events), left(creations)) == (1, 4)
    assert Attempt.begin(make_world(), make_storage()).pay(events)
    attempt.refund()
    attempt.refund()
    assert (left(events), left(creations)) == (2, 5)


def test_who_begins_again_pays_again() -> None:
    attempt = Attempt.begin(make_world(), storage := make_storage())
    bucket = make_bucket(3)
    before = attempt.transaction.savepoint()
    for _ in range(5):
        assert attempt.pay(bucket)
        assert attempt.pay(bucket)
        attempt.begin_again(storage, before)
    assert left(bucket) == 3
