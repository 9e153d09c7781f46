"""When a plugin that keeps failing is switched off, for how long, and how it is forgiven: at times that the test chooses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.config import PausesConfig
from holomush.plugins.pauses import Health, in_words

CONFIG = PausesConfig(failures=3, shortest=10.0, longest=60.0)


def test_at_first_nothing_is_wrong() -> None:
    health = Health(CONFIG)
    assert health.pause_left(0.0) == 0.0
    assert health.pause_left(-1e9) == 0.0


def test_so_many_failures_in_a_row_begin_a_pause() -> None:
    health = Health(CONFIG)
    assert [health.failed(100.0), health.failed(101.0)] == [None, None]
    assert health.pause_left(101.0) == 0.0
    assert health.failed(102.0) == 10.0
    assert [health.pause_left(now) for now in (102.0, 105.5, 111.9, 112.0, 500.0)] == [10.0, 6.5, pytest.approx(0.1), 0.0, 0.0]


def test_one_call_that_goes_well_forgives_all() -> None:
    health = Health(CONFIG)
    for _ in range(5):
        assert [health.failed(0.0), health.failed(0.0)] == [None, None]
        health.went_well()
    assert health.pause_left(0.0) == 0.0


def test_after_a_pause_the_first_failure_begins_the_next_and_each_is_twice_as_long() -> None:
    health = Health(CONFIG)
    now = 0.0
    health.failed(now)
    health.failed(now)
    lengths = []
    for _ in range(5):
        length = health.failed(now)
        assert length is not None
        lengths.append(length)
        now += length
        assert health.pause_left(now) == 0.0
    assert lengths == [10.0, 20.0, 40.0, 60.0, 60.0]


def test_after_a_call_that_went_well_pauses_begin_short_again() -> None:
    health = Health(PausesConfig(failures=1, shortest=10.0, longest=60.0))
    assert [health.failed(0.0), health.failed(10.0)] == [10.0, 20.0]
    health.went_well()
    assert health.failed(30.0) == 10.0


def test_calls_that_were_under_way_when_the_pause_began_do_not_lengthen_it() -> None:
    health = Health(CONFIG)
    assert [health.failed(0.0) for _ in range(6)] == [None, None, 10.0, None, None, None]
    assert health.pause_left(0.0) == 10.0
    assert health.failed(9.9) is None
    assert health.pause_left(10.0) == 0.0
    assert health.failed(10.0) == 20.0


def test_one_that_was_under_way_and_went_well_does_not_end_the_pause() -> None:
    health = Health(CONFIG)
    for _ in range(3):
        health.failed(0.0)
    health.went_well()
    assert health.pause_left(1.0) == 9.0


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=60), st.integers(1, 5))
def test_a_pause_is_never_longer_than_the_longest_nor_shorter_than_the_shortest(steps: list[tuple[float, bool]], most: int) -> None:
    health = Health(PausesConfig(failures=most, shortest=10.0, longest=60.0))
    now, in_a_row = 0.0, 0
    for wait, fails in steps:
        now += wait
        was_paused = health.pause_left(now) > 0
        if fails:
            in_a_row += 1
            pause = health.failed(now)
            assert (pause is not None) is (in_a_row >= most and not was_paused)
            assert pause is None or 10.0 <= pause <= 60.0
        else:
            in_a_row = 0
            health.went_well()
            assert (health.pause_left(now) > 0) is was_paused
        assert 0.0 <= health.pause_left(now) <= 60.0 + 1e-9  # a moment and a pause, added and taken apart again


@pytest.mark.parametrize(("seconds", "words"), [(1, "1 second"), (10.0, "10 seconds"), (0.5, "0.5 seconds")])
def test_a_pause_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
