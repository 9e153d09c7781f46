"""One telnet connection of a scripted player: lines out, lines in, when they came, and which of them somebody has spoken."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Sequence

import attrs
import trio

from holomush.errors import HolomushError

PATIENCE = 60.0
"""Seconds within which every line has an answer."""

_SPOKEN = re.compile(r"\(([0-9]+\.[0-9]+)\)")
_ECHO = "Echo: "
# What the one who speaks to others reads instead of an event. These lines are answers, nobody is told of them.
_ANSWERS = re.compile(r"You whisper |You paged |Long distance to |.* sees you whisper: ")
_WRONG = re.compile(
    r"Huh\?|Usage: |.*Nothing was changed\. \(Plugin: |\".*\" was not done: |.* is switched off for |The server cannot save "
)


class CrowdError(HolomushError):
    """A player was let down so badly that they cannot go on."""


@attrs.frozen
class Hearing:
    """The marks of all that was read at one connection that is over. ``is_complete`` if nothing that was sent there is missing."""

    marks: Sequence[str]
    is_complete: bool = True


@attrs.frozen
class Answer:
    """A line that was waited for, when it came, and when the line that it answers was sent."""

    text: str
    sent: float
    came: float


def spoken(text: str) -> str | None:
    """The mark of what somebody has said, as everybody who reads it can tell it from all else; None if there is none."""
    match = _SPOKEN.search(text)
    return None if match is None else (_ECHO if _ECHO in text else "") + match[1]


class Connection:
    """Run ``read`` beside it. ``hearing`` is what came of it."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._rest = b""
        self._last = self._answer_line = ""
        self._answer: re.Pattern[str] | None = None
        self._answered = trio.Event()
        self._answered_at = 0.0
        self._ended = trio.Event()
        self._listening = trio.CancelScope()
        self._heard: list[str] = []
        self.wrong: list[str] = []
        """Lines that say that the server has failed, or that a scripted player has typed nonsense."""
        self.lines = 0
        self._is_complete = False

    @property
    def hearing(self) -> Hearing:
        """What others and the player have said, in the order in which it was read."""
        return Hearing(self._heard, self._is_complete)

    async def ask(self, line: str, answer: str) -> Answer:
        """Type a line; returns the first line that the expression ``answer`` matches from its start, or that says what is wrong."""
        self._answer, self._answered = re.compile(answer), trio.Event()
        sent = time.perf_counter()
        await self._send(f"{line}\r\n".encode())
        with trio.move_on_after(PATIENCE) as patience:
            await self._answered.wait()
        if patience.cancelled_caught:
            raise CrowdError(f"{line!r} has had no answer for {PATIENCE:.0f} s; read last: {self._last!r}")
        if self._answered_at < sent:
            raise CrowdError(f"{line!r} has had no answer: the server has hung up")
        return Answer(self._answer_line, sent, self._answered_at)

    async def quit(self) -> None:
        """QUIT, and read to the end."""
        await self._send(b"QUIT\r\n")
        await self._end()

    async def fall_silent(self, half_a_line: str) -> None:
        """Go away in the middle of a line, and still read to the end."""
        await self._send(half_a_line.encode())
        await self._stream.send_eof()
        await self._end()

    async def break_off(self, half_a_line: str) -> None:
        """Break the connection in the middle of a line. What was on its way is lost."""
        # What is read after the last bytes sent may never be acknowledged, and then the server rightly tells it again.
        self._listening.cancel()
        await self._ended.wait()
        await self._send(half_a_line.encode())
        # Without lingering, closing is a reset.
        self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await trio.aclose_forcefully(self._stream)

    async def read(self) -> None:
        """Read until either side has hung up."""
        try:
            with self._listening:
                while data := await self._stream.receive_some(262_144):
                    self._take(data, time.perf_counter())
                self._is_complete = True
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self._ended.set()
            self._answered.set()

    def _take(self, data: bytes, now: float) -> None:
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        self.lines += len(lines)
        for line in lines:
            if self._answer is None and b"(" not in line:
                continue  # arrivals and places, which are most of what is read
            self._last = text = line.decode(errors="replace")
            is_wrong = _WRONG.match(text) is not None
            if is_wrong:
                self.wrong.append(text)
            if self._answer is not None and (is_wrong or self._answer.match(text)):
                self._answer, self._answer_line, self._answered_at = None, text, now
                self._answered.set()
            mark = spoken(text)
            if mark is not None and not _ANSWERS.match(text):
                self._heard.append(mark)

    async def _send(self, data: bytes) -> None:
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError as exc:
            raise CrowdError("the server has broken a connection") from exc

    async def _end(self) -> None:
        with trio.move_on_after(PATIENCE) as patience:
            await self._ended.wait()
        if patience.cancelled_caught:
            raise CrowdError(f"the server has not hung up for {PATIENCE:.0f} s")
        await self._stream.aclose()
