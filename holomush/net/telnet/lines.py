"""Bytes of text into lines: where they end, how they are decoded, what editing leaves of them.

Owns the one partial line that a client can make us keep. Knows nothing of telnet's commands.
"""

import re
from collections.abc import Iterator
from typing import Final

from holomush.net.telnet.events import Line, LineTooLong, TelnetEvent

LINE_LIMIT: Final = 8192
"""Bytes of one line, its end not counted, unless the codec is given another limit."""

# C0, DEL and C1 controls and Unicode's own line ends, but backspace and DEL, which are still to be obeyed.
_UNSAFE_INPUT: Final = re.compile("[\x00-\x07\x0a-\x1f\x80-\x9f\u2028\u2029]")
# What makes a line of ASCII other than plain.
_CONTROLS_IN_LINES: Final = bytes({*range(32), 127} - {10})


class LineReader:
    """Joins the text between commands into lines. ``limit`` is in bytes as sent, erased characters included."""

    __slots__ = ("_after_cr", "_discarding", "_limit", "_line", "encoding")

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._line = bytearray()
        self._discarding = False
        self._after_cr = False
        self.encoding = "utf-8"
        """How lines that end from now on are decoded: ``utf-8``, ``latin-1`` or ``ascii``."""

    def receive(self, run: bytes, events: list[TelnetEvent]) -> None:
        """Take bytes of text, or none. CR ends a line and swallows one LF or NUL after it; LF ends a line."""
        if self._after_cr and run:
            self._after_cr = False
            if run[0] in b"\n\0":
                run = run[1:]
        if b"\r" in run:
            self._after_cr = run.endswith(b"\r")
            run = run.replace(b"\r\n", b"\n")
            if b"\r" in run:
                run = run.replace(b"\r\0", b"\n").replace(b"\r", b"\n")
        end = run.find(b"\n")
        if end >= 0 and (self._line or self._discarding):
            self._keep(run[:end], events)
            if not self._discarding:
                events.append(Line(_decode(self._line, self.encoding)))
            self.erase_line()
            run = run[end + 1 :]
        block, newline, rest = run.rpartition(b"\n")
        if newline:
            events += self._whole_lines(block)
        self._keep(rest, events)

    def erase_character(self, events: list[TelnetEvent]) -> None:
        """Take back the last character of the partial line, if it has one. Counts as a byte of it."""
        self._keep(b"\x08", events)  # what a character is shows when the line is decoded

    def erase_line(self) -> None:
        """Throw the partial line away; what follows begins a new one."""
        self._line.clear()
        self._discarding = False

    def _whole_lines(self, block: bytes) -> Iterator[TelnetEvent]:
        """Take lines that begin and end here, parted by LF. Plain ones, the common case, are decoded all at once."""
        if block.isascii() and len(block.translate(None, _CONTROLS_IN_LINES)) == len(block):
            texts = block.decode("ascii").split("\n")
            if len(block) <= self._limit or max(map(len, texts)) <= self._limit:
                return map(Line, texts)
        return map(self._whole_line, block.split(b"\n"))

    def _whole_line(self, raw: bytes) -> Line | LineTooLong:
        return Line(_decode(raw, self.encoding)) if len(raw) <= self._limit else LineTooLong(self._limit)

    def _keep(self, part: bytes, events: list[TelnetEvent]) -> None:
        """Add to the partial line, or begin to throw it away."""
        if self._discarding:
            return
        if len(self._line) + len(part) > self._limit:
            self._discarding = True
            self._line.clear()
            events.append(LineTooLong(self._limit))
        else:
            self._line += part


def _decode(raw: bytes | bytearray, encoding: str) -> str:
    """A line's bytes as text. Unless Latin-1 was agreed on: UTF-8, or Latin-1 for a whole line that is not (old clients)."""
    try:
        text = raw.decode("latin-1" if encoding == "latin-1" else "utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return text if text.isprintable() else edit(text)


def edit(text: str) -> str:
    """Make tabs spaces, drop control characters, let backspace and DEL erase the character before them."""
    text = _UNSAFE_INPUT.sub("", text.replace("\t", " "))
    if "\x08" not in text and "\x7f" not in text:
        return text
    kept: list[str] = []
    for character in text:
        if character not in "\x08\x7f":
            kept.append(character)
        elif kept:
            kept.pop()
    return "".join(kept)
