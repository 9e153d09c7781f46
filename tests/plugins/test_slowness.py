"""How long a function that was too slow for the quick lane is not tried there again."""

from holomush.plugins.guests.quick import QUICK
from holomush.plugins.slowness import PATIENT_CALLS, Slowness


def test_a_function_is_quick_until_it_was_too_slow() -> None:
    slowness = Slowness()
    assert not slowness.is_slow("who")
    slowness.was_too_slow("who")
    assert slowness.is_slow("who")
    assert not slowness.is_slow("say")


def test_after_enough_quick_calls_it_is_tried_again() -> None:
    slowness = Slowness()
    slowness.was_too_slow("who")
    for _ in range(PATIENT_CALLS):
        assert slowness.is_slow("who")
        slowness.took("who", QUICK)
    assert not slowness.is_slow("who")


def test_what_stays_slow_is_never_tried_again() -> None:
    slowness = Slowness()
    slowness.was_too_slow("who")
    for _ in range(10 * PATIENT_CALLS):
        slowness.took("who", QUICK * 1.01)
    assert slowness.is_slow("who")


def test_quick_calls_of_one_that_is_not_slow_count_for_nothing() -> None:
    slowness = Slowness()
    slowness.took("who", 0.0)
    slowness.was_too_slow("who")
    slowness.took("say", 0.0)
    assert slowness.is_slow("who")


def test_all_may_be_slow_for_good() -> None:
    slowness = Slowness(always=True)
    slowness.took("who", 0.0)
    assert slowness.is_slow("who")
