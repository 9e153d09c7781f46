"""Throttling: free failures, growing waits, forgetting; all of it on a clock that only the test moves."""

import pytest
from trio.testing import MockClock

from holomush.auth.throttle import Throttle, Throttled, ThrottleLimits, address_key


def wait_of(throttle: Throttle, *keys: str) -> float:
    """How long ``keys`` have to wait now, in seconds; 0 if not at all."""
    try:
        throttle.check(*keys)
    except Throttled as error:
        return error.seconds
    return 0.0


def fail(throttle: Throttle, *keys: str, times: int = 1) -> None:
    for _ in range(times):
        throttle.failed(*keys)


async def test_five_failures_are_free_and_the_sixth_attempt_waits(mock_clock: MockClock) -> None:
    throttle = Throttle()
    fail(throttle, "bob", times=4)
    throttle.check("bob")
    throttle.failed("bob")
    with pytest.raises(Throttled) as caught:
        throttle.check("bob")
    assert str(caught.value) == "Too many failed attempts. Try again in 10 seconds."
    mock_clock.jump(9.5)
    with pytest.raises(Throttled, match=r"in 1 second\.$"):
        throttle.check("bob")
    mock_clock.jump(0.5)
    throttle.check("bob")


async def test_waits_double_up_to_the_longest(mock_clock: MockClock) -> None:
    throttle = Throttle()
    fail(throttle, "bob", times=4)
    waits = []
    for _ in range(8):
        throttle.failed("bob")
        waits.append(wait_of(throttle, "bob"))
        mock_clock.jump(waits[-1])
        throttle.check("bob")
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]


async def test_long_waits_do_not_buy_new_free_attempts(mock_clock: MockClock) -> None:
    throttle = Throttle()
    fail(throttle, "bob", times=20)
    mock_clock.jump(599)
    throttle.failed("bob")
    assert wait_of(throttle, "bob") == 300


async def test_a_quiet_window_forgets_everything(mock_clock: MockClock) -> None:
    throttle = Throttle()
    fail(throttle, "bob", times=20)
    mock_clock.jump(600)
    fail(throttle, "bob", times=4)
    throttle.check("bob")


async def test_failures_far_apart_are_free(mock_clock: MockClock) -> None:
    throttle = Throttle()
    for _ in range(50):
        throttle.failed("bob")
        throttle.check("bob")
        mock_clock.jump(150)


async def test_the_strictest_key_decides_and_others_are_untouched(mock_clock: MockClock) -> None:
    throttle = Throttle()
    fail(throttle, "address:a", "name:bob", times=5)
    fail(throttle, "address:a", "name:amy")
    assert wait_of(throttle, "name:bob", "address:a") == 20
    assert wait_of(throttle, "name:bob", "address:b") == 10
    throttle.check("name:amy", "address:b")
    throttle.check()


async def test_an_attempt_counts_once_for_a_key_given_twice(mock_clock: MockClock) -> None:
    throttle = Throttle()
    for _ in range(4):
        throttle.failed("bob", "bob")
    throttle.check("bob")


async def test_success_forgets_the_keys_it_names(mock_clock: MockClock) -> None:
    throttle = Throttle()
    fail(throttle, "address:a", "name:bob", times=5)
    throttle.succeeded("name:bob", "name:unknown")
    throttle.check("name:bob")
    assert wait_of(throttle, "address:a") == 10


async def test_the_key_that_failed_longest_ago_is_forgotten_first(mock_clock: MockClock) -> None:
    throttle = Throttle(ThrottleLimits(free=1, keys=3))
    throttle.failed("a", "b", "c")
    throttle.failed("a")
    throttle.failed("d")
    assert len(throttle) == 3
    throttle.check("b")
    assert all(wait_of(throttle, key) for key in "acd")


async def test_memory_is_bounded(mock_clock: MockClock) -> None:
    throttle = Throttle()
    for number in range(10_500):
        throttle.failed(f"name:{number}")
    assert len(throttle) == 10_000


def test_patience_does_not_overflow() -> None:
    now = 0.0
    throttle = Throttle(clock=lambda: now)
    fail(throttle, "bob", times=5000)
    assert wait_of(throttle, "bob") == 300


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "address:192.0.2.7"),
        ("::ffff:192.0.2.7", "address:192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"),
        ("fe80::1%eth0", "address:fe80::/64"),
        ("", "address:"),
        ("/run/mush.sock", "address:/run/mush.sock"),
    ],
)
def test_addresses_are_counted_by_customer(host: str, key: str) -> None:
    assert address_key(host) == key
