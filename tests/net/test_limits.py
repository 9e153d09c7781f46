"""The door: who gets in, who does not and what they read; and how fast somebody may type."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.auth.throttle import address_key
from holomush.config import Rate
from holomush.net.limits import AddressLimits, DoorLimits, Place, Refused
from holomush.rates import Bucket

PLENTY = Rate(per_second=1_000.0, burst=1_000)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def make_door(
    clock: Clock | None = None, *, total: int = 100, per_address: int = 10, arrivals: Rate = PLENTY, remembered: int = 100
) -> AddressLimits:
    limits = DoorLimits(total=total, per_address=per_address, arrivals=arrivals, remembered=remembered)
    return AddressLimits(limits, key=address_key, clock=clock or Clock())


def refusal(door: AddressLimits, address: str) -> tuple[str, str]:
    """The reason and the text with which an address is sent away."""
    with pytest.raises(Refused) as caught:
        door.admit(address)
    return caught.value.reason, str(caught.value)


def test_an_address_has_so_many_connections_at_once_and_no_more() -> None:
    door = make_door(per_address=2)
    first, _ = door.admit("192.0.2.1"), door.admit("192.0.2.1")
    text = "There are 2 connections from your address already. Close one and try again."
    assert refusal(door, "192.0.2.1") == ("address", text)
    door.admit("192.0.2.2")
    first.release()
    door.admit("192.0.2.1")
    assert door.connected == 3
    assert door.refused == {"full": 0, "address": 1, "rate": 0}


def test_one_connection_is_one_in_words() -> None:
    door = make_door(per_address=1)
    door.admit("192.0.2.1")
    assert refusal(door, "192.0.2.1")[1] == "There is 1 connection from your address already. Close one and try again."


def test_a_full_server_takes_nobody_until_somebody_goes() -> None:
    door = make_door(total=2)
    door.admit("192.0.2.1")
    with door.admit("192.0.2.2"):
        assert refusal(door, "192.0.2.3") == ("full", "The server is full right now. Please try again later.")
        assert refusal(door, "192.0.2.1")[0] == "full"
    door.admit("192.0.2.3")
    assert door.refused == {"full": 2, "address": 0, "rate": 0}


def test_new_connections_come_in_a_burst_and_then_slowly() -> None:
    clock = Clock()
    door = make_door(clock, arrivals=Rate(per_second=0.25, burst=3))
    for _ in range(3):
        door.admit("192.0.2.1").release()
    assert refusal(door, "192.0.2.1") == ("rate", "Your address connects too often. Try again in 5 seconds.")
    door.admit("192.0.2.2")
    clock.now = 3.5
    assert refusal(door, "192.0.2.1")[1] == "Your address connects too often. Try again in 1 second."
    clock.now = 4.0
    door.admit("192.0.2.1")
    assert refusal(door, "192.0.2.1")[0] == "rate"
    assert door.refused["rate"] == 3


def test_who_is_refused_for_another_reason_uses_up_no_arrival() -> None:
    door = make_door(total=2, per_address=1, arrivals=Rate(per_second=0.001, burst=2))
    place = door.admit("192.0.2.1")
    assert [refusal(door, "192.0.2.1")[0] for _ in range(5)] == ["address"] * 5
    other = door.admit("192.0.2.2")
    assert [refusal(door, "192.0.2.1")[0] for _ in range(5)] == ["full"] * 5
    place.release()
    other.release()
    door.admit("192.0.2.1")


def test_one_customer_has_all_of_an_ipv6_network_and_counts_once() -> None:
    door = make_door(per_address=2)
    door.admit("2001:db8::1")
    door.admit("2001:db8::ffff")
    assert refusal(door, "2001:db8:0:0:1::1")[0] == "address"
    door.admit("2001:db8:0:1::1")


def test_an_ipv4_address_is_the_same_behind_a_listener_for_both() -> None:
    door = make_door(per_address=1)
    door.admit("192.0.2.1")
    assert refusal(door, "::ffff:192.0.2.1")[0] == "address"


def test_a_place_is_given_back_once() -> None:
    door = make_door(per_address=2)
    place, other = door.admit("192.0.2.1"), door.admit("192.0.2.1")
    with place:
        place.release()
    place.release()
    assert door.connected == 1
    door.admit("192.0.2.1")
    assert refusal(door, "192.0.2.1")[0] == "address"
    other.release()


def test_a_place_is_given_back_when_the_connection_fails() -> None:
    door = make_door()
    with pytest.raises(RuntimeError), door.admit("192.0.2.1"):
        raise RuntimeError
    assert door.connected == 0


def test_strangers_without_number_are_forgotten() -> None:
    door = make_door(total=5, remembered=10)
    places = [door.admit(f"192.0.2.{number}") for number in range(5)]
    places.pop().release()
    for number in range(1_000):
        door.admit(f"2001:db8:0:{number:x}::1").release()
    assert door.remembered <= 4 + 10
    assert door.connected == 4


def test_the_address_that_came_longest_ago_is_forgotten_first() -> None:
    door = make_door(arrivals=Rate(per_second=0.001, burst=1), remembered=2)
    for address in ("192.0.2.1", "192.0.2.2"):
        door.admit(address)
    assert refusal(door, "192.0.2.1")[0] == "rate"  # and is thereby the youngest
    door.admit("192.0.2.3")
    assert refusal(door, "192.0.2.1")[0] == "rate"
    door.admit("192.0.2.2")


@pytest.mark.parametrize("settings", [{"total": 0}, {"per_address": 0}, {"remembered": 0}])
def test_limits_that_let_nobody_in_are_an_error(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be >= 1"):
        DoorLimits(**{"total": 1, "per_address": 1, "arrivals": PLENTY, **settings})  # type: ignore[arg-type]


ADDRESSES = st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:1::1", "gone", ""])
ARRIVALS = st.builds(Rate, per_second=st.floats(0.1, 5), burst=st.integers(1, 4))
STEPS = st.lists(st.tuples(st.floats(0, 3), st.one_of(ADDRESSES, st.integers(0, 20))), max_size=80)


def enter(door: AddressLimits, address: str) -> Place | Refused:
    """What comes of an attempt."""
    try:
        return door.admit(address)
    except Refused as refused:
        return refused


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 3), ARRIVALS, STEPS)
def test_no_limit_is_ever_passed(
    total: int, per_address: int, remembered: int, arrivals: Rate, steps: list[tuple[float, str | int]]
) -> None:
    clock = Clock()
    door = make_door(clock, total=total, per_address=per_address, arrivals=arrivals, remembered=remembered)
    inside: list[tuple[str, Place]] = []
    for pause, step in steps:
        clock.now += pause
        if isinstance(step, int):
            if inside:
                inside.pop(step % len(inside))[1].release()
        else:
            key = address_key(step)
            full, enough = len(inside) >= total, [other for other, _ in inside].count(key) >= per_address
            outcome = enter(door, step)
            if isinstance(outcome, Refused):
                assert outcome.reason == ("full" if full else "address" if enough else "rate")
                assert "\n" not in str(outcome)
            else:
                inside.append((key, outcome))
        assert door.connected == len(inside) <= total
        assert all(number <= per_address for number in Counter(key for key, _ in inside).values())
        assert door.remembered <= len(inside) + remembered
    for _, place in inside:
        place.release()
    assert door.connected == 0
    assert door.remembered <= remembered


@given(st.builds(Rate, per_second=st.floats(0.1, 5), burst=st.integers(1, 4)), st.lists(st.floats(0, 3), max_size=60))
def test_an_address_never_comes_in_faster_than_it_may(arrivals: Rate, pauses: list[float]) -> None:
    clock = Clock(1e6)
    door = make_door(clock, arrivals=arrivals)
    came: list[float] = []
    for pause in pauses:
        clock.now += pause
        try:
            door.admit("192.0.2.1").release()
        except Refused:
            continue
        came.append(clock.now)
    assert_within(came, arrivals)


def assert_within(moments: list[float], rate: Rate) -> None:
    """Fail if in any window there is more than the burst and what comes back in it."""
    for first, since in enumerate(moments):
        for number, until in enumerate(moments[first:], start=1):
            assert number <= rate.burst + rate.per_second * (until - since + 2e-6)


RATES = st.builds(Rate, per_second=st.floats(0.01, 1_000), burst=st.integers(1, 50))


@given(RATES, st.lists(st.floats(0, 2), max_size=80))
def test_who_types_one_line_after_the_other_and_waits_keeps_the_rate(rate: Rate, pauses: list[float]) -> None:
    clock = Clock(1e6)
    bucket = Bucket(rate, clock)
    done: list[float] = []
    for pause in pauses:
        clock.now += pause
        wait = bucket.reserve()
        assert 0 <= wait <= 1 / rate.per_second + 1e-6  # never more than for the one line
        clock.now += wait
        done.append(clock.now)
    assert_within(done, rate)


@given(RATES, st.lists(st.floats(0, 2), min_size=1, max_size=80))
def test_many_lines_at_once_keep_the_rate_if_each_waits(rate: Rate, pauses: list[float]) -> None:
    clock = Clock(1e6)
    bucket = Bucket(rate, clock)
    done = []
    for pause in pauses:
        clock.now += pause
        done.append(clock.now + bucket.reserve())
    assert all(earlier <= later + 2e-6 for earlier, later in pairwise(done))
    assert_within(sorted(done), rate)


@given(RATES, st.lists(st.floats(0, 2), max_size=80))
def test_an_honest_typist_never_waits(rate: Rate, pauses: list[float]) -> None:
    clock = Clock(1e6)
    bucket = Bucket(rate, clock)
    for pause in pauses:
        assert bucket.reserve() == 0.0
        clock.now += max(pause, 1 / rate.per_second)


@given(RATES)
def test_the_burst_is_whole_and_what_follows_comes_at_the_rate(rate: Rate) -> None:
    bucket = Bucket(rate, Clock(1e6))
    assert [bucket.reserve() for _ in range(rate.burst)] == [0.0] * rate.burst
    assert [bucket.reserve() for _ in range(3)] == pytest.approx([number / rate.per_second for number in (1, 2, 3)])


def test_years_of_use_shift_nothing() -> None:
    # A third is no float: what is added up a million times would be off by then.
    clock = Clock()
    bucket = Bucket(Rate(per_second=3.0, burst=1), clock)
    for number in range(300_000):
        clock.now = number / 3
        assert bucket.reserve() == 0.0
    assert bucket.reserve() == pytest.approx(1 / 3, abs=1e-9)


def test_several_tokens_are_reserved_at_once() -> None:
    clock = Clock()
    bucket = Bucket(Rate(per_second=2.0, burst=3), clock)
    assert [bucket.reserve(3), bucket.reserve(4)] == [0.0, 2.0]
    assert not bucket.take()
    assert bucket.seconds_until() == pytest.approx(2.5, abs=1e-5)
    clock.now = 2.5
    assert [bucket.take(), bucket.take()] == [True, False]


def test_what_is_given_back_fills_the_bucket_and_no_more() -> None:
    bucket = Bucket(Rate(per_second=1.0, burst=2), Clock())
    assert bucket.take(2)
    bucket.give_back(1)
    assert [bucket.take(), bucket.take()] == [True, False]
    bucket.give_back(50)
    assert [bucket.take(), bucket.take(), bucket.take()] == [True, True, False]


def test_fewer_than_one_cannot_be_reserved() -> None:
    with pytest.raises(ValueError, match="at least 1 can be taken, not 0"):
        Bucket(PLENTY, Clock()).reserve(0)


def test_a_bucket_that_is_never_enough_says_so() -> None:
    assert Bucket(Rate(per_second=1.0, burst=2), Clock()).seconds_until(3) == math.inf
