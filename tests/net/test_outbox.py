"""The outbox of one client: order, one send a turn, slow readers, overflow, and up to where a client has been sent."""

from __future__ import annotations

import socket
import zlib

import pytest
import trio
from trio.testing import MemoryReceiveStream, MemorySendStream, MockClock, memory_stream_one_way_pair, wait_all_tasks_blocked

from holomush.net.outbox import NOTICE, REMEMBERED_MARKS, Flusher, Outbox

LIMIT = 1000


class SlowSend(trio.abc.SendStream):
    """Takes the first bytes at once and no more until ``go_on``."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self._may = trio.Event()

    def go_on(self) -> None:
        self._may.set()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._may.wait()
        self.sent.append(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        await self._may.wait()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


def pair() -> tuple[MemorySendStream, MemoryReceiveStream]:
    return memory_stream_one_way_pair()


async def test_everything_arrives_in_order(nursery: trio.Nursery) -> None:
    send, receive = pair()
    outbox = Outbox(send, Flusher(), LIMIT)
    nursery.start_soon(outbox.run)
    for number in range(10):
        outbox.put(b"%d" % number)
        if number % 3 == 0:
            await wait_all_tasks_blocked()
    await wait_all_tasks_blocked()
    assert await receive.receive_some() == b"0123456789"
    assert outbox.caught_up


async def test_one_turn_is_one_send_for_each_client() -> None:
    sends: list[bytes] = []

    def send_now(data: bytes) -> int:
        sends.append(data)
        return len(data)

    flusher = Flusher()
    one, other = (Outbox(pair()[0], flusher, LIMIT, send_now) for _ in range(2))
    for outbox in (one, other, one, other):
        outbox.put(b"a" if outbox is one else b"b")
    assert sends == []
    await wait_all_tasks_blocked()
    assert sends == [b"aa", b"bb"]
    one.put(b"c")
    await wait_all_tasks_blocked()
    assert sends == [b"aa", b"bb", b"c"]


async def test_a_slow_client_gets_the_rest_later(nursery: trio.Nursery) -> None:
    stream = SlowSend()
    outbox = Outbox(stream, Flusher(), LIMIT)
    nursery.start_soon(outbox.run)
    outbox.put(b"one ", 1)
    await wait_all_tasks_blocked()
    outbox.put(b"two ", 2)
    outbox.put(b"three", 3)
    await wait_all_tasks_blocked()
    assert (outbox.caught_up, outbox.arrived_mark) == (False, 0)
    stream.go_on()
    await wait_all_tasks_blocked()
    assert b"".join(stream.sent) == b"one two three"
    assert (outbox.caught_up, outbox.arrived_mark) == (True, 3)


async def test_a_mark_counts_once_its_bytes_have_left() -> None:
    taken = [b""]
    outbox = Outbox(pair()[0], Flusher(), LIMIT, lambda data: taken.append(data) or len(data))  # type: ignore[func-returns-value]
    outbox.put(b"text")
    outbox.put(b"event", 7)
    outbox.put(b"older", 5)
    assert (outbox.caught_up, outbox.arrived_mark) == (False, 0)
    await wait_all_tasks_blocked()
    assert (outbox.caught_up, outbox.arrived_mark) == (True, 7)


async def test_close_sends_what_is_there_and_takes_no_more() -> None:
    send, receive = pair()
    outbox = Outbox(send, Flusher(), LIMIT)
    outbox.put(b"Goodbye.")
    outbox.close()
    outbox.put(b"too late")
    with trio.fail_after(30):
        await outbox.run()
    assert await receive.receive_some() == b"Goodbye."


async def test_close_of_an_idle_one_ends_it() -> None:
    outbox = Outbox(pair()[0], Flusher(), LIMIT)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        await wait_all_tasks_blocked()
        outbox.close()
    await wait_all_tasks_blocked()
    assert outbox.caught_up


async def test_what_comes_after_the_close_does_not_count_as_sent() -> None:
    outbox = Outbox(pair()[0], Flusher(), LIMIT, len)
    outbox.put(b"seen", 5)
    outbox.put(b"Goodbye.")
    outbox.close()
    outbox.put(b"said while hanging up", 9)
    outbox.put(b"and this", 10)
    await wait_all_tasks_blocked()
    # Not even 9: it may be replayed. But 8 was before it, wherever that happened.
    assert (outbox.caught_up, outbox.arrived_mark) == (False, 8)


async def test_an_event_after_everything_was_sent_and_closed_does_not_count_either() -> None:
    outbox = Outbox(pair()[0], Flusher(), LIMIT, len)
    outbox.put(b"seen", 5)
    outbox.close()
    await wait_all_tasks_blocked()
    assert outbox.caught_up
    outbox.put(b"said while hanging up", 9)
    assert (outbox.caught_up, outbox.arrived_mark) == (False, 8)


async def test_who_reads_too_little_gets_a_notice_and_is_closed() -> None:
    stream = SlowSend()
    outbox = Outbox(stream, Flusher(), LIMIT)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        outbox.put(b"a" * 600, 1)
        await wait_all_tasks_blocked()
        outbox.put(b"b" * 300, 2)
        outbox.put(b"c" * 101, 3)
        outbox.put(b"d", 4)
        stream.go_on()
    # What was on its way is sent; what waited behind it is not, and does not count as sent.
    assert b"".join(stream.sent) == b"a" * 600 + NOTICE
    assert not outbox.caught_up
    assert outbox.arrived_mark == 1


async def test_exactly_the_limit_is_not_too_much(nursery: trio.Nursery) -> None:
    stream = SlowSend()
    outbox = Outbox(stream, Flusher(), LIMIT)
    nursery.start_soon(outbox.run)
    outbox.put(b"a" * 600)
    await wait_all_tasks_blocked()
    outbox.put(b"b" * 400)
    stream.go_on()
    await wait_all_tasks_blocked()
    assert b"".join(stream.sent) == b"a" * 600 + b"b" * 400


async def test_who_never_reads_is_not_waited_for(autojump_clock: MockClock) -> None:
    stream = SlowSend()
    outbox = Outbox(stream, Flusher(), LIMIT)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outbox.run)
            outbox.put(b"a" * 600, 1)
            await wait_all_tasks_blocked()
            outbox.put(b"b" * 600, 2)
    assert stream.sent == []
    assert not outbox.caught_up
    assert outbox.arrived_mark == 0


async def test_a_stream_that_breaks_raises_out_of_run() -> None:
    send, receive = pair()
    outbox = Outbox(send, Flusher(), LIMIT)
    receive.close()
    outbox.put(b"x")
    with pytest.raises(trio.BrokenResourceError):
        await outbox.run()


async def test_a_partial_write_continues_where_it_stopped() -> None:
    ours, theirs = trio.socket.socketpair()
    stream = trio.SocketStream(ours)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    counts: list[int] = []

    def send_now(data: bytes) -> int:
        counts.append(stream.socket._sock.send(data))  # type: ignore[attr-defined]
        return counts[-1]

    data = bytes(range(256)) * 4000
    outbox = Outbox(stream, Flusher(), 2_000_000, send_now)
    received = bytearray()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        outbox.put(data, 3)
        await wait_all_tasks_blocked()
        assert 0 < counts[0] < len(data)
        assert (outbox.caught_up, outbox.arrived_mark) == (False, 0)
        outbox.put(b"the end", 4)
        while len(received) < len(data) + 7:
            received += await theirs.recv(65536)
        await wait_all_tasks_blocked()
        assert (outbox.caught_up, outbox.arrived_mark) == (True, 4)
        outbox.close()
    assert bytes(received) == data + b"the end"
    await stream.aclose()
    theirs.close()


async def test_a_full_socket_is_waited_for() -> None:
    def send_now(data: bytes) -> int:
        raise BlockingIOError

    send, receive = pair()
    outbox = Outbox(send, Flusher(), LIMIT, send_now)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        outbox.put(b"hello", 1)
        await wait_all_tasks_blocked()
        assert await receive.receive_some() == b"hello"
        assert (outbox.caught_up, outbox.arrived_mark) == (True, 1)
        outbox.close()


async def test_a_peer_that_is_gone_ends_it() -> None:
    ours, theirs = trio.socket.socketpair()
    stream = trio.SocketStream(ours)
    theirs.close()
    outbox = Outbox(stream, Flusher(), LIMIT, stream.socket._sock.send)  # type: ignore[attr-defined]
    outbox.put(b"hello", 1)
    with trio.fail_after(30):
        await outbox.run()
    assert (outbox.caught_up, outbox.arrived_mark) == (False, 0)
    await stream.aclose()


START = b"compressed from here:"


def inflated(data: bytes) -> tuple[bytes, bytes]:
    """What stands behind START, and what comes as it is after the end of it."""
    before, found, compressed = data.partition(START)
    assert (before, found) == (b"plain ", START)
    inflater = zlib.decompressobj()
    return inflater.decompress(compressed), inflater.unused_data


async def test_compression_begins_and_ends_without_another_word(nursery: trio.Nursery) -> None:
    send, receive = pair()
    outbox = Outbox(send, Flusher(), LIMIT)
    nursery.start_soon(outbox.run)
    outbox.put(b"plain ", 1)
    outbox.compress(START)
    await wait_all_tasks_blocked()
    data = bytes(await receive.receive_some())
    assert data == b"plain " + START
    assert (outbox.caught_up, outbox.arrived_mark) == (True, 1)
    outbox.put(b"text " * 20, 2)
    await wait_all_tasks_blocked()
    outbox.put(b"more", 3)
    outbox.stop_compressing()
    await wait_all_tasks_blocked()
    assert (outbox.caught_up, outbox.arrived_mark) == (True, 3)
    data += bytes(await receive.receive_some())
    assert len(data) < 80
    assert inflated(data) == (b"text " * 20 + b"more", b"")
    outbox.put(b"as it is")
    await wait_all_tasks_blocked()
    assert await receive.receive_some() == b"as it is"


async def test_compression_begins_and_ends_while_bytes_are_blocked(nursery: trio.Nursery) -> None:
    stream = SlowSend()
    outbox = Outbox(stream, Flusher(), LIMIT)
    nursery.start_soon(outbox.run)
    outbox.put(b"plain ", 1)
    await wait_all_tasks_blocked()
    outbox.compress(START)
    outbox.put(b"one ", 2)
    await wait_all_tasks_blocked()
    outbox.put(b"two", 3)
    outbox.stop_compressing()
    outbox.put(b" plain again", 4)
    await wait_all_tasks_blocked()
    assert (stream.sent, outbox.caught_up, outbox.arrived_mark) == ([], False, 0)
    stream.go_on()
    await wait_all_tasks_blocked()
    assert inflated(b"".join(stream.sent)) == (b"one two", b" plain again")
    assert (outbox.caught_up, outbox.arrived_mark, outbox.waiting) == (True, 4, 0)


async def test_a_compressed_client_that_is_given_up_can_read_the_notice() -> None:
    stream = SlowSend()
    outbox = Outbox(stream, Flusher(), LIMIT)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        outbox.put(b"plain ")
        outbox.compress(START)
        outbox.put(b"one ", 1)
        await wait_all_tasks_blocked()
        outbox.put(b"x" * 2000, 2)
        assert outbox.was_given_up
        assert outbox.waiting < LIMIT
        stream.go_on()
    assert inflated(b"".join(stream.sent)) == (NOTICE, b"")
    assert outbox.arrived_mark == 0


async def test_bytes_that_were_not_acknowledged_have_not_arrived() -> None:
    left: list[int | None] = [0]
    outbox = Outbox(pair()[0], Flusher(), LIMIT, len, lambda: left[0])
    outbox.put(b"four", 1)
    await wait_all_tasks_blocked()
    left[0] = 9
    outbox.put(b"fiver", 2)
    await wait_all_tasks_blocked()
    for left[0], arrived, caught_up in ((9, 0, False), (6, 0, False), (5, 1, False), (1, 1, False), (None, 1, False), (0, 2, True)):
        assert (outbox.arrived_mark, outbox.caught_up) == (arrived, caught_up)
    left[0] = 9  # what once arrived stays so
    assert outbox.arrived_mark == 2


async def test_of_too_many_marks_on_their_way_the_oldest_are_forgotten() -> None:
    left = [10 * REMEMBERED_MARKS]
    outbox = Outbox(pair()[0], Flusher(), LIMIT, len, lambda: left[0])
    count = REMEMBERED_MARKS + 10
    for mark in range(1, count + 1):
        outbox.put(b"x", mark)
        outbox.flush()
    left[0] = count - 10
    assert outbox.arrived_mark == 0  # too little is safe: it is told twice
    left[0] = count - 11
    assert outbox.arrived_mark == 11
    left[0] = 0
    assert (outbox.arrived_mark, outbox.caught_up) == (count, True)


async def test_it_knows_when_something_was_sent_last(nursery: trio.Nursery, mock_clock: MockClock) -> None:
    stream = SlowSend()
    slow, quick = Outbox(stream, Flusher(), LIMIT), Outbox(pair()[0], Flusher(), LIMIT, len)
    start = slow.last_sent
    nursery.start_soon(slow.run)
    mock_clock.jump(10)
    for outbox in (slow, quick):
        outbox.put(b"hello")
    await wait_all_tasks_blocked()
    assert (slow.last_sent, quick.last_sent) == (start, start + 10)
    mock_clock.jump(10)
    stream.go_on()
    await wait_all_tasks_blocked()
    assert (slow.last_sent, quick.last_sent) == (start + 20, start + 10)
