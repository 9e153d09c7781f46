"""Buckets: never more than was allowed, and never nothing for who waits."""

import math
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.config import Rate
from holomush.rates import Bucket


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


RATES = st.builds(Rate, per_second=st.floats(0.001, 10_000), burst=st.integers(1, 10_000))
STARTS = st.floats(0, 1e9)


def test_a_burst_and_then_one_at_a_time() -> None:
    clock = Clock()
    bucket = Bucket(Rate(per_second=2.0, burst=3), clock)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.now = 0.5
    assert [bucket.take(), bucket.take()] == [True, False]
    clock.now = 100.0
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_several_at_once_are_taken_whole_or_not_at_all() -> None:
    bucket = Bucket(Rate(per_second=1.0, burst=5), Clock())
    assert bucket.take(3)
    assert not bucket.take(3)
    assert bucket.take(2)


def test_how_long_to_wait() -> None:
    clock = Clock()
    bucket = Bucket(Rate(per_second=4.0, burst=2), clock)
    assert bucket.seconds_until(2) == 0.0
    assert bucket.take(2)
    assert bucket.seconds_until() == pytest.approx(0.25, abs=1e-5)
    assert bucket.seconds_until(2) == pytest.approx(0.5, abs=1e-5)
    clock.now = 0.125
    assert bucket.seconds_until() == pytest.approx(0.125, abs=1e-5)


def test_more_than_it_holds_never_fits() -> None:
    bucket = Bucket(Rate(per_second=1.0, burst=2), Clock())
    assert not bucket.take(3)
    assert bucket.seconds_until(3) == math.inf


@pytest.mark.parametrize("n", [0, -1])
def test_nobody_can_put_tokens_in(n: int) -> None:
    bucket = Bucket(Rate(per_second=1.0, burst=2), Clock())
    with pytest.raises(ValueError, match="at least 1"):
        bucket.take(n)
    with pytest.raises(ValueError, match="at least 1"):
        bucket.seconds_until(n)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    clock = Clock(100.0)
    bucket = Bucket(Rate(per_second=1.0, burst=1), clock)
    assert bucket.take()
    clock.now = 50.0
    assert not bucket.take()
    clock.now = 101.0
    assert bucket.take()


@given(RATES, STARTS, st.lists(st.tuples(st.floats(0, 10), st.integers(1, 20)), max_size=50))
def test_never_more_than_allowed_in_any_stretch(rate: Rate, start: float, steps: list[tuple[float, int]]) -> None:
    clock = Clock(start)
    bucket = Bucket(rate, clock)
    granted: list[tuple[float, int]] = []
    for pause, n in steps:
        clock.now += pause
        if bucket.take(n):
            granted.append((clock.now, n))
    for first, (since, _) in enumerate(granted):
        total = 0
        for now, n in granted[first:]:
            total += n
            assert total <= (rate.burst + rate.per_second * (now - since)) * (1 + 1e-9) + 1e-6


@given(RATES, STARTS, st.data())
def test_who_waits_as_told_gets_it(rate: Rate, start: float, data: st.DataObject) -> None:
    clock = Clock(start)
    bucket = Bucket(rate, clock)
    for n in data.draw(st.lists(st.integers(1, rate.burst), max_size=5)):
        clock.now += bucket.seconds_until(n)
        assert bucket.take(n)


@given(RATES, st.floats(1e-6, 1.0))
def test_who_asks_all_the_time_gets_its_share(rate: Rate, pause: float) -> None:
    clock = Clock(1e6)
    bucket = Bucket(rate, clock)
    assert bucket.take(rate.burst)
    asks = min(1000, math.ceil(1 / rate.per_second / pause) + 1)
    pause = max(pause, 1.1 / rate.per_second / asks)
    served = False
    for _ in range(asks):
        clock.now += pause
        served = bucket.take() or served
    assert served


@pytest.fixture
def _eager_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_eager_threads")
def test_threads_get_no_more_together_than_alone() -> None:
    bucket = Bucket(Rate(per_second=1.0, burst=10_000), Clock())
    granted: list[bool] = []
    gate = threading.Barrier(8)

    def take_many() -> None:
        gate.wait()
        granted.extend([bucket.take() for _ in range(2_000)])

    threads = [threading.Thread(target=take_many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 10_000
