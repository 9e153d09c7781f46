"""Strangers one at a time, in the order of asking, and those who play not behind them."""

from __future__ import annotations

import trio

from holomush.config import Rate
from holomush.net.turnstile import Turnstile


async def test_one_stranger_in_each_turn_of_the_event_loop() -> None:
    turnstile = Turnstile(Rate(per_second=1, burst=1))
    passed: list[tuple[int, int]] = []
    turn = 0

    async def stranger(number: int) -> None:
        await turnstile.pass_stranger()
        passed.append((number, turn))

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(stranger, number)
        while len(passed) < 20:
            turn += 1
            await trio.lowlevel.checkpoint()
    assert sorted(number for number, _ in passed) == list(range(20))
    for one in range(turn + 1):
        assert sum(when == one for _, when in passed) <= 1, passed


async def test_a_stranger_who_goes_lets_the_next_one_pass() -> None:
    turnstile = Turnstile(Rate(per_second=1, burst=1))
    with trio.CancelScope() as gone:
        gone.cancel()
        await turnstile.pass_stranger()
    with trio.fail_after(1):
        await turnstile.pass_stranger()
    assert gone.cancelled_caught


async def test_each_connection_has_a_bucket_of_its_own() -> None:
    turnstile = Turnstile(Rate(per_second=1, burst=2))
    one, other = turnstile.bucket(), turnstile.bucket()
    assert one.reserve(2) == other.reserve(2) == 0.0
    assert one.reserve(1) > 0.0
