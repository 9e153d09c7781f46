"""The outbox of one websocket: order, bounds, giving up, and up to where a client has been sent."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from holomush.net.messages import MESSAGES, Message, MessageOutbox

LIMIT = 100


class Line:
    """A websocket that takes messages only after ``go_on``."""

    def __init__(self, *, open_: bool = False) -> None:
        self.sent: list[Message] = []
        self._may = trio.Event()
        self.is_broken = False
        if open_:
            self._may.set()

    def go_on(self) -> None:
        self._may.set()

    async def send(self, message: Message) -> None:
        await self._may.wait()
        await trio.lowlevel.checkpoint()
        if self.is_broken:
            raise trio.BrokenResourceError
        self.sent.append(message)


async def test_everything_arrives_in_order(nursery: trio.Nursery) -> None:
    line = Line(open_=True)
    outbox = MessageOutbox(line.send, LIMIT, ())
    assert outbox.caught_up
    nursery.start_soon(outbox.run)
    for number in range(10):
        outbox.put(str(number), number)
        if number % 3 == 0:
            await wait_all_tasks_blocked()
    await wait_all_tasks_blocked()
    assert "".join(map(str, line.sent)) == "0123456789"
    assert (outbox.caught_up, outbox.arrived_mark, outbox.waiting) == (True, 9, 0)


async def test_a_mark_counts_once_its_message_is_taken(nursery: trio.Nursery) -> None:
    line = Line()
    outbox = MessageOutbox(line.send, LIMIT, ())
    nursery.start_soon(outbox.run)
    outbox.put("event", 7)
    outbox.put(b"older", 5)
    await wait_all_tasks_blocked()
    assert (outbox.caught_up, outbox.arrived_mark, outbox.waiting) == (False, 0, 10)
    line.go_on()
    await wait_all_tasks_blocked()
    assert (outbox.caught_up, outbox.arrived_mark, outbox.waiting) == (True, 7, 0)
    assert line.sent == ["event", b"older"]


async def test_close_sends_what_is_there_and_takes_no_more() -> None:
    line = Line(open_=True)
    outbox = MessageOutbox(line.send, LIMIT, ())
    outbox.put("Goodbye.")
    outbox.close()
    outbox.put("too late")
    with trio.fail_after(30):
        await outbox.run()
    assert line.sent == ["Goodbye."]
    assert outbox.caught_up  # what was too late was no event


async def test_many_short_messages_are_too_many(nursery: trio.Nursery) -> None:
    outbox = MessageOutbox(Line().send, 10 * MESSAGES, ())
    nursery.start_soon(outbox.run)
    for _ in range(MESSAGES):
        outbox.put("pong")
    assert not outbox.was_given_up
    outbox.put("pong")
    assert outbox.was_given_up


async def test_close_of_an_idle_one_ends_it() -> None:
    outbox = MessageOutbox(Line().send, LIMIT, ())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        await wait_all_tasks_blocked()
        outbox.close()
    assert outbox.caught_up


async def test_what_comes_after_the_close_does_not_count_as_sent() -> None:
    line = Line(open_=True)
    outbox = MessageOutbox(line.send, LIMIT, ())
    outbox.put("seen", 5)
    outbox.close()
    outbox.put("said while hanging up", 9)
    outbox.put("and this", 10)
    assert (outbox.caught_up, outbox.arrived_mark) == (False, 0)
    await outbox.run()
    # 9 may be replayed. But 8 was before it, wherever that happened.
    assert (outbox.caught_up, outbox.arrived_mark) == (False, 8)


async def test_what_broke_on_the_way_does_not_count() -> None:
    line = Line(open_=True)
    outbox = MessageOutbox(line.send, LIMIT, ())
    outbox.put("seen", 5)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_to_the_break, outbox)
        await wait_all_tasks_blocked()
        line.is_broken = True
        outbox.put("", 6)
    outbox.close()
    outbox.put("x", 7)
    assert (outbox.caught_up, outbox.arrived_mark) == (False, 5)


async def run_to_the_break(outbox: MessageOutbox) -> None:
    with pytest.raises(trio.BrokenResourceError):
        await outbox.run()


async def test_exactly_the_limit_is_not_too_much(nursery: trio.Nursery) -> None:
    line = Line()
    outbox = MessageOutbox(line.send, LIMIT, ["slow"])
    nursery.start_soon(outbox.run)
    outbox.put("a" * 60)
    outbox.put(b"b" * 40)
    assert not outbox.was_given_up
    line.go_on()
    await wait_all_tasks_blocked()
    assert line.sent == ["a" * 60, b"b" * 40]


async def test_who_reads_too_little_gets_the_last_words_and_is_closed() -> None:
    line = Line()
    outbox = MessageOutbox(line.send, LIMIT, ["too slow"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        outbox.put("a" * 60, 1)
        await wait_all_tasks_blocked()
        outbox.put("b" * 30, 2)
        outbox.put("c" * 11, 3)
        outbox.put("d", 4)
        assert outbox.waiting == 60 + len("too slow")
        line.go_on()
    # What was on its way is sent; what waited behind it is not, and does not count as sent.
    assert line.sent == ["a" * 60, "too slow"]
    assert outbox.was_given_up
    assert (outbox.caught_up, outbox.arrived_mark, outbox.waiting) == (False, 1, 0)


async def test_who_never_reads_is_not_waited_for(autojump_clock: MockClock) -> None:
    line = Line()
    outbox = MessageOutbox(line.send, LIMIT, ["too slow"])
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outbox.run)
            outbox.put("a" * 60, 1)
            await wait_all_tasks_blocked()
            outbox.put("b" * 60, 2)
    assert line.sent == []
    assert (outbox.caught_up, outbox.arrived_mark) == (False, 0)


async def test_one_message_that_never_fits_is_too_much() -> None:
    line = Line(open_=True)
    outbox = MessageOutbox(line.send, LIMIT, ["too slow"])
    outbox.put("a" * 101, 1)
    await outbox.run()
    assert line.sent == ["too slow"]
    assert outbox.arrived_mark == 0


async def test_last_sent_is_when_something_was_taken(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    outbox = MessageOutbox(Line(open_=True).send, LIMIT, ())
    begun = trio.current_time()
    nursery.start_soon(outbox.run)
    await trio.sleep(10)
    assert outbox.last_sent == begun
    outbox.put("x")
    await trio.sleep(10)
    assert outbox.last_sent == begun + 10
