"""What a websocket client may send and what it may not, in the manner of the Autobahn test suite."""

from __future__ import annotations

import gc
import logging
import tracemalloc
from collections.abc import Iterator

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair, wait_all_tasks_blocked
from trio_websocket import ConnectionClosed, WebSocketConnection

from holomush.net.streams import LINGER
from holomush.net.web.frames import CLOSE_TIMEOUT, FRAGMENTS

from .wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    HANDSHAKE,
    LIMIT,
    PING,
    PONG,
    TEXT,
    RawSocket,
    close,
    dialled,
    echo,
    frame,
    raw_socket,
    read_all,
    web_port,
)

TOO_LONG = (1009, f"a message may have {LIMIT} bytes in {FRAGMENTS} fragments")


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that a client sends is worth a line in the log."""
    caplog.set_level(logging.WARNING)
    yield
    assert caplog.messages == []


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, LIMIT])
async def test_messages_come_through(opcode: int, size: int) -> None:
    async with raw_socket(web_port()) as socket:
        await socket.send(frame(opcode, b"*" * size))
        assert await socket.receive() == (opcode, b"*" * size)


async def test_frames_may_come_byte_by_byte_and_right_behind_the_handshake() -> None:
    async with raw_socket(web_port(), frame(TEXT, b"early") + frame(TEXT, b"birds")[:3]) as socket:
        assert await socket.receive() == (TEXT, b"early")
        for byte in frame(TEXT, b"birds")[3:] + frame(PING, b"x") + frame(TEXT, "späte".encode()):
            await socket.send(bytes([byte]))
        assert await socket.receive() == (TEXT, b"birds")
        assert await socket.receive() == (PONG, b"x")
        assert await socket.receive() == (TEXT, "späte".encode())


@pytest.mark.parametrize("payload", [b"", b"hello", b"\x00\xff\xfe", b"*" * 125])
async def test_a_ping_is_answered(payload: bytes) -> None:
    async with raw_socket(web_port()) as socket:
        await socket.send(frame(PING, payload))
        assert await socket.receive() == (PONG, payload)


async def test_pongs_that_nobody_asked_for_are_ignored() -> None:
    async with raw_socket(web_port()) as socket:
        await socket.send(frame(PONG), frame(PONG, b"x" * 125), frame(PING, b"still there"))
        assert await socket.receive() == (PONG, b"still there")


async def test_control_frames_may_come_between_fragments() -> None:
    async with raw_socket(web_port()) as socket:
        await socket.send(
            frame(TEXT, b"one ", fin=False),
            frame(PING, b"a"),
            frame(CONTINUATION, b"", fin=False),
            frame(PONG, b"b"),
            frame(CONTINUATION, b"two", fin=False),
            frame(PING, b"c"),
            frame(CONTINUATION),
        )
        assert [await socket.receive() for _ in range(3)] == [(PONG, b"a"), (PONG, b"c"), (TEXT, b"one two")]


async def test_a_failure_right_behind_the_handshake_is_told() -> None:
    async with raw_socket(web_port(), frame(3) + close(1002)) as socket:
        assert await socket.receive_close() == (1002, "Invalid opcode 0x3")
        assert await socket.ended()


async def test_a_character_may_be_split_across_fragments() -> None:
    text = "κόσμε 𝄞".encode()
    async with raw_socket(web_port()) as socket:
        pieces = [text[at : at + 1] for at in range(len(text))]
        await socket.send(frame(TEXT, b"", fin=False), *(frame(CONTINUATION, piece, fin=False) for piece in pieces))
        await socket.send(frame(CONTINUATION))
        assert await socket.receive() == (TEXT, text)


@pytest.mark.parametrize(
    "frames",
    [
        [frame(TEXT, b"\xff")],
        [frame(TEXT, b"\xce\xba\xed\xa0\x80edited")],
        [frame(TEXT, b"\xf4\x90\x80\x80")],
        [frame(TEXT, b"\xc0\xaf")],
        [frame(TEXT, b"\xce")],
        [frame(TEXT, b"ok \xce", fin=False), frame(CONTINUATION, b"x")],
        [frame(TEXT, b"ok \xce", fin=False), frame(CONTINUATION)],
        [frame(TEXT, b"\xff", fin=False)],
        [close(1000, b"\xff")],
    ],
)
async def test_what_is_not_utf_8_closes_with_1007(frames: list[bytes]) -> None:
    async with raw_socket(web_port()) as socket:
        await socket.send(*frames)
        code, _ = await socket.receive_close()
        assert code == 1007
        await socket.send(close(1007))
        assert await socket.ended()


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([frame(TEXT, b"x", rsv=1)], "Reserved bit set unexpectedly"),
        ([frame(TEXT, b"x", rsv=4)], "Reserved bit set unexpectedly"),
        ([frame(PING, b"x", rsv=7)], "Reserved bit set unexpectedly"),
        ([frame(3)], "Invalid opcode 0x3"),
        ([frame(7, b"x")], "Invalid opcode 0x7"),
        ([frame(11)], "Invalid opcode 0xb"),
        ([frame(15, b"x")], "Invalid opcode 0xf"),
        ([frame(TEXT, b"x", mask=None)], "server received unexpected unmasked frame"),
        ([frame(PING, b"x" * 126)], "Control frame with payload len > 125"),
        ([frame(PING, b"x" * 70_000)], "Control frame with payload len > 125"),
        ([frame(CLOSE, b"x" * 126)], "Control frame with payload len > 125"),
        ([frame(PING, b"x", fin=False)], "Invalid attempt to fragment control frame"),
        ([frame(PONG, b"x", fin=False)], "Invalid attempt to fragment control frame"),
        ([frame(CONTINUATION, b"x")], "unexpected CONTINUATION"),
        ([frame(TEXT, b"x", fin=False), frame(TEXT, b"y")], "expected CONTINUATION, got <Opcode.TEXT: 1>"),
        ([frame(TEXT, b"x"), frame(CONTINUATION)], "unexpected CONTINUATION"),
        ([b"\x81\xfe\x00\x01\0\0\0\0x"], "Payload length used 2 bytes when 1 would have sufficed"),
        ([b"\x81\xff" + bytes(7) + b"\x01\0\0\0\0x"], "Payload length used 8 bytes when 2 would have sufficed"),
        ([frame(CLOSE, b"\x03")], "CLOSE with 1 byte payload"),
        *(([close(code)], "CLOSE with invalid code") for code in (0, 999, 5000, 65535)),
        *(([close(code)], "CLOSE with unknown reserved code") for code in (1004, 1016, 1100, 2999)),
        *(([close(code)], "remote CLOSE with local-only reason") for code in (1005, 1006, 1015)),
    ],
)
async def test_a_broken_protocol_closes_with_1002(frames: list[bytes], reason: str) -> None:
    async with raw_socket(web_port()) as socket:
        await socket.send(*frames)
        if frames[0] == frame(TEXT, b"x") and len(frames) == 2:
            assert await socket.receive() == (TEXT, b"x")
        assert await socket.receive_close() == (1002, reason)
        await socket.send(close(1002))
        with trio.fail_after(10):
            assert await socket.ended()


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
async def test_a_close_is_answered_with_its_code(code: int) -> None:
    async with raw_socket(web_port()) as socket:
        await socket.send(close(code, "Tschüß".encode()), frame(TEXT, b"too late"), frame(PING, b"too late"))
        assert await socket.receive_close() == (code, "Tschüß")
        assert await socket.ended()


async def test_a_close_without_a_code_is_answered() -> None:
    async with raw_socket(web_port()) as socket:
        await socket.send(frame(CLOSE))
        assert (await socket.receive())[0] == CLOSE
        assert await socket.ended()


@pytest.mark.parametrize(
    "frames",
    [
        [frame(TEXT, b"x" * (LIMIT + 1))],
        [frame(BINARY, b"x" * 70_000)],
        [frame(TEXT, "ä".encode() * (LIMIT // 2) + b"x")],
        [frame(TEXT, b"x" * LIMIT, fin=False), frame(CONTINUATION, b"x")],
        [frame(TEXT, b"", fin=False), *[frame(CONTINUATION, b"", fin=False)] * FRAGMENTS],
        [b"\x81\xff\x7f" + b"\xff" * 7 + b"\0\0\0\0" + b"x" * 100],
    ],
)
async def test_a_message_over_the_limit_closes_with_1009(frames: list[bytes]) -> None:
    async with raw_socket(web_port()) as socket:
        await socket.send(*frames, frame(PING, b"more"), frame(TEXT, b"more"), frame(TEXT, b"x" * 5000))
        assert await socket.receive_close() == TOO_LONG
        if not frames[0].startswith(b"\x81\xff\x7f"):
            await socket.send(close(1009))
        with trio.fail_after(10):
            assert await socket.ended()


async def test_a_fragmented_message_may_have_all_bytes_and_all_fragments() -> None:
    async with raw_socket(web_port()) as socket:
        for _ in range(2):
            await socket.send(
                frame(TEXT, b"x" * (LIMIT - 10), fin=False),
                *[frame(CONTINUATION, b"", fin=False)] * (FRAGMENTS - 2),
                frame(CONTINUATION, b"y" * 10),
            )
            assert await socket.receive() == (TEXT, b"x" * (LIMIT - 10) + b"y" * 10)


async def test_a_peer_that_hangs_up_ends_the_game() -> None:
    ended = []

    async def play(connection: WebSocketConnection, subprotocol: str, address: str) -> None:
        try:
            await connection.get_message()
        except ConnectionClosed as exc:
            ended.append(exc.reason and exc.reason.code)
            raise

    async with raw_socket(web_port(play)) as socket:
        await socket.send(frame(TEXT, b"half a frame")[:-3])
    assert ended == [1006]


async def test_a_half_closed_peer_gets_no_more() -> None:
    async with dialled(web_port()) as stream:
        socket = RawSocket(stream)
        await socket.open(frame(TEXT, b"hello"))
        assert await socket.receive() == (TEXT, b"hello")
        await stream.send_eof()
        assert await read_all(stream) == b""


async def stop_at_once(connection: WebSocketConnection, subprotocol: str, address: str) -> None:
    """A game that is over after one message."""
    await connection.get_message()


async def test_a_game_that_is_over_closes_with_1000() -> None:
    async with raw_socket(web_port(stop_at_once)) as socket:
        await socket.send(frame(TEXT, b"stop"))
        assert await socket.receive_close() == (1000, "")
        await socket.send(frame(PING, b"x"), frame(TEXT, b"x"), frame(TEXT, b"x" * 5000), close(1000))
        assert await socket.ended()


async def test_a_game_may_close_with_a_code_of_its_own() -> None:
    async def play(connection: WebSocketConnection, subprotocol: str, address: str) -> None:
        await connection.aclose(4000, "booted")

    async with raw_socket(web_port(play)) as socket:
        assert await socket.receive_close() == (4000, "booted")
        await socket.send(close(4000))
        assert await socket.ended()


async def test_who_does_not_answer_a_close_is_cut_off(autojump_clock: MockClock) -> None:
    async with raw_socket(web_port(stop_at_once)) as socket:
        await socket.send(frame(TEXT, b"stop"))
        assert await socket.receive_close() == (1000, "")
        for _ in range(3):
            await socket.send(frame(PING, b"x"), frame(TEXT, b"x"))
        assert await socket.ended()
    assert trio.current_time() == CLOSE_TIMEOUT


@pytest.mark.parametrize("failing", [frame(TEXT, b"\xff"), frame(3), frame(TEXT, b"x" * (LIMIT + 1))])
async def test_who_does_not_answer_a_failure_is_cut_off(failing: bytes, autojump_clock: MockClock) -> None:
    async with raw_socket(web_port()) as socket:
        await socket.send(failing)
        assert (await socket.receive_close())[0] in (1002, 1007, 1009)
        assert await socket.ended()
    assert trio.current_time() == LINGER


async def test_a_game_is_told_of_a_failure_and_cannot_speak_behind_it() -> None:
    said = []

    async def play(connection: WebSocketConnection, subprotocol: str, address: str) -> None:
        for _ in range(2):
            try:
                await connection.get_message()
            except ConnectionClosed:
                said.append("closed")
        await connection.send_message("behind")

    async with raw_socket(web_port(play)) as socket:
        await socket.send(frame(TEXT, b"x" * (LIMIT + 1)))
        assert await socket.receive_close() == TOO_LONG
        await socket.send(close(1009))
        assert await socket.ended()
    assert said == ["closed", "closed"]


async def test_a_cancelled_game_says_that_it_goes_away(autojump_clock: MockClock) -> None:
    client, server = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(web_port().handle, server)
        socket = RawSocket(client)
        await socket.open()
        nursery.cancel_scope.cancel()
    assert await socket.receive_close() == (1001, "")
    assert await socket.ended()
    assert trio.current_time() == 0


async def test_a_peer_that_reads_nothing_is_held_back(autojump_clock: MockClock) -> None:
    """Its pings are not read either, until it takes the pongs."""
    client, server = lockstep_stream_pair()
    sent = 0

    async def flood(scope: trio.CancelScope) -> None:
        nonlocal sent
        with scope:
            while True:
                await client.send_all(frame(PING, b"x" * 100) * 100)
                sent += 1

    scope = trio.CancelScope(deadline=60)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(web_port().handle, server)
        await client.send_all(HANDSHAKE)
        await client.receive_some(1000)
        await flood(scope)
        assert sent <= 4
        await client.aclose()


async def test_a_ping_while_a_close_waits_for_its_turn_is_no_failure(autojump_clock: MockClock) -> None:
    """The library counts as closing then, and would fail to answer."""
    client, server = lockstep_stream_pair()

    async def play(connection: WebSocketConnection, subprotocol: str, address: str) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.send_message, "x" * 100)  # which the client does not take
            await connection.get_message()
            nursery.start_soon(connection.aclose)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(web_port(play).handle, server)
        await client.send_all(HANDSHAKE)
        await client.receive_some(1000)
        await client.send_all(frame(TEXT, b"stop"))
        await wait_all_tasks_blocked()
        await client.send_all(frame(PING, b"x"))
        await wait_all_tasks_blocked()
        assert await read_all(client) == b"\x81d" + b"x" * 100 + b"\x88\x02\x03\xe8"
        await client.aclose()


async def test_who_takes_nothing_is_cut_off_when_the_game_is_over(autojump_clock: MockClock) -> None:
    """The pong stands in the way of the close frame."""
    client, server = lockstep_stream_pair()

    async def play(connection: WebSocketConnection, subprotocol: str, address: str) -> None:
        await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(web_port(play).handle, server)
        await client.send_all(HANDSHAKE)
        await client.receive_some(1000)
        await client.send_all(frame(PING, b"x"))
    assert trio.current_time() == 1 + CLOSE_TIMEOUT


async def test_a_game_that_closes_does_not_wait_forever(autojump_clock: MockClock) -> None:
    ended = []

    async def play(connection: WebSocketConnection, subprotocol: str, address: str) -> None:
        await connection.aclose(4001, "idle")
        ended.append(trio.current_time())

    async with raw_socket(web_port(play)) as socket:
        assert await socket.receive_close() == (4001, "idle")
        assert await socket.ended()
    assert ended == [CLOSE_TIMEOUT]


@pytest.mark.parametrize("flood", [frame(PING), frame(PONG, b"x" * 125), frame(TEXT, b"x"), frame(TEXT, b"x", fin=False)])
async def test_a_flood_costs_no_memory(flood: bytes) -> None:
    async def play(connection: WebSocketConnection, subprotocol: str, address: str) -> None:
        while True:
            await connection.get_message()

    batch = (flood + (frame(CONTINUATION) if not flood[0] & 0x80 else b"")) * 50
    async with raw_socket(web_port(play)) as socket:

        async def send(batches: int) -> int:
            for _ in range(batches):
                await socket.send(batch)
                await wait_all_tasks_blocked()
                if flood == frame(PING):
                    for _ in range(50):
                        assert await socket.receive() == (PONG, b"")
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            before = await send(5)
            assert await send(50) - before < 16_384
        finally:
            tracemalloc.stop()


frames = st.builds(
    frame,
    st.sampled_from([*range(16), TEXT, TEXT, CONTINUATION, PING, CLOSE]),
    st.one_of(st.binary(max_size=130), st.text(max_size=40).map(str.encode), st.just(b"x" * (LIMIT + 1))),
    fin=st.booleans(),
    rsv=st.sampled_from([0, 0, 0, 0, 1, 4]),
    mask=st.sampled_from([b"\0\0\0\0", b"abcd", b"abcd", b"abcd", None]),
)


@given(
    pieces=st.lists(st.one_of(frames, frames, st.binary(max_size=300)), max_size=12),
    cut=st.integers(1, 400),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_ends_in_a_close_frame_or_the_end(pieces: list[bytes], cut: int) -> None:
    async def main() -> None:
        data = b"".join(pieces)
        async with dialled(web_port(echo)) as stream:
            socket = RawSocket(stream)
            await socket.open()
            for at in range(0, len(data), cut):
                try:
                    await socket.send(data[at : at + cut])
                except trio.BrokenResourceError:
                    break
            await stream.send_eof()
            with trio.fail_after(100):
                seen = await socket.receive_all()
            assert CLOSE not in [opcode for opcode, _ in seen[:-1]]

    trio.run(main, clock=MockClock(autojump_threshold=0))
