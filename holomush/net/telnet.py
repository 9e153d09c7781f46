"""The telnet codec: bytes from a client become events, and what is agreed on with it becomes bytes for it.

Owns line framing, decoding, option negotiation (RFC 854, 855, 860, 1073, 1091, 1143, and the Mud Terminal Type Standard)
and the bound on everything a client can make it keep. Does no input or output and knows no session: the listener feeds
it chunks and sends what ``bytes_to_send`` returns. How text becomes bytes is in ``holomush.text.encoding``.

The events and the replies depend only on the bytes received and on the calls made between them, never on how the bytes
were cut into chunks. To keep that true without a buffer that overflows, replies are counted per option for the life of
the connection: however long a hostile client asks, it gets less than 4 KiB of answers.
"""

import re
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias

import attrs

# Commands (RFC 854) and options. Only what the codec treats in some way of its own has a name.
SE, AYT, SB, WILL, WONT, DO, DONT, IAC = 240, 246, 250, 251, 252, 253, 254, 255
ECHO, SGA, TIMING_MARK, TTYPE, NAWS = 1, 3, 6, 24, 31

LINE_LIMIT: Final = 8192
"""Bytes of one line, its end not counted, unless the codec is given another limit."""
SUBNEGOTIATION_LIMIT: Final = 1024
"""Bytes between ``IAC SB`` and ``IAC SE``; a longer one is thrown away as a whole."""

_IAC: Final = b"\xff"
_ARE_YOU_THERE_ANSWERS: Final = 64

# Inside of a subnegotiation about the terminal type (RFC 1091): the client's answer begins with IS, and we say SEND.
_IS: Final = b"\x00"
_SEND_TTYPE: Final = bytes((IAC, SB, TTYPE, 1, IAC, SE))
_TERMINAL_TYPES: Final = 3
"""Names asked for: by the standard that is the client's own, its terminal's, and MTTS with its bits."""
_NAME_LIMIT: Final = 40
_MTTS: Final = re.compile(r"MTTS ([0-9]{1,9})", re.IGNORECASE)
_NO_NAME: Final = re.compile(rb"[^ -~]")

# C0, DEL and C1 controls and Unicode's own line ends, but backspace and DEL, which are still to be obeyed.
_UNSAFE_INPUT: Final = re.compile("[\x00-\x07\x0a-\x1f\x80-\x9f\u2028\u2029]")
# What makes a line of ASCII other than plain.
_CONTROLS_IN_LINES: Final = bytes({*range(32), 127} - {10})


@attrs.frozen
class Line:
    """One line as typed: decoded, edited, without control characters and without its end. May be empty."""

    text: str


@attrs.frozen
class LineTooLong:
    """A line passed ``limit`` bytes and was thrown away as a whole; reported once, when the limit is passed."""

    limit: int


@attrs.frozen
class WindowSize:
    """The client's window in characters, 0 to 65535 each; 0 means that the client does not say."""

    columns: int
    rows: int


@attrs.frozen
class TerminalType:
    """What the client has said of itself so far. Each event holds all of it, so the last one is what counts.

    ``names`` has at most three names of at most 40 printable ASCII characters, as the client spells them; by the Mud
    Terminal Type Standard the client's own first, then its terminal's. ``mtts`` is the sum of the standard's bits.
    """

    names: tuple[str, ...]
    mtts: int | None = None


TelnetEvent: TypeAlias = Line | LineTooLong | WindowSize | TerminalType


class _State(Enum):
    """Where one side of one option stands (RFC 1143, section 7)."""

    NO = "no"
    YES = "yes"
    WANT_NO = "want no"
    WANT_YES = "want yes"


# (state, does the peer say yes) -> (next state, our answer: True agrees, False ends, None is silence).
# The one request missing here, a yes in state NO, is the only one we may refuse: see ``TelnetCodec._negotiated``.
_TABLE: Final[Mapping[tuple[_State, bool], tuple[_State, bool | None]]] = MappingProxyType(
    {
        (_State.NO, False): (_State.NO, None),
        (_State.YES, True): (_State.YES, None),
        (_State.YES, False): (_State.NO, False),
        (_State.WANT_NO, True): (_State.NO, None),  # an answer that RFC 1143 calls an error; our no stands
        (_State.WANT_NO, False): (_State.NO, None),
        (_State.WANT_YES, True): (_State.YES, None),
        (_State.WANT_YES, False): (_State.NO, None),
    }
)


@attrs.frozen
class _Policy:
    """What a client may ask of one side of one option, and how often it is answered."""

    agrees: bool
    answers: int


_REFUSE_ONCE: Final = _Policy(agrees=False, answers=1)
# Keys: (is it our side, option). Whatever is not here is refused once.
_POLICIES: Final[Mapping[tuple[bool, int], _Policy]] = MappingProxyType(
    {
        (True, SGA): _Policy(agrees=True, answers=8),
        (False, SGA): _Policy(agrees=True, answers=8),
        (False, NAWS): _Policy(agrees=True, answers=8),
        (False, TTYPE): _Policy(agrees=True, answers=8),
        # BSD's and Linux's telnet throw output away after Ctrl-C until *each* DO TIMING-MARK is answered (RFC 860).
        (True, TIMING_MARK): _Policy(agrees=False, answers=64),
    }
)


@attrs.define
class _Side:
    """One side (ours or theirs) of one option."""

    answers_left: int
    state: _State = _State.NO
    # Answers still owed to requests of ours that we took back before they were answered. RFC 1143 would hold the new
    # request back instead; we cannot, because a client that hides input at WILL ECHO but never answers would then hide
    # it for ever.
    stale: int = 0


class TelnetCodec:
    """One connection's telnet state. Keeps at most one partial line, one subnegotiation, three names and a few integers per
    option.

    ``line_limit`` is in bytes as sent, erased characters included.
    """

    def __init__(self, line_limit: int = LINE_LIMIT) -> None:
        self._line_limit = line_limit
        self._line = bytearray()
        self._discarding_line = False
        self._after_cr = False
        # The command being read: None in data, IAC after an IAC, else the command that waits for its option byte.
        self._command: int | None = None
        self._sub_option: int | None = None
        self._sub = bytearray()
        self._sides: dict[tuple[bool, int], _Side] = {}
        self._terminal = TerminalType(())
        self._last_name = ""
        self._names_to_ask = 0
        self._ayt_answers_left = _ARE_YOU_THERE_ANSWERS
        self._out = bytearray()

    # What the listener calls

    def start(self) -> None:
        """Make the opening offer: ask what terminal it is, and how large its window is.

        Six bytes, next to nothing on a client without telnet.
        """
        self._request(TTYPE, ours=False, enable=True)
        self._request(NAWS, ours=False, enable=True)

    def hide_input(self) -> None:
        """Before a password prompt: claim to echo, so that the client does not. Repeating it sends nothing."""
        self._request(ECHO, ours=True, enable=True)

    def show_input(self) -> None:
        """After a password: let the client echo again. The client did not show the player's newline; send one."""
        self._request(ECHO, ours=True, enable=False)

    def bytes_to_send(self) -> bytes:
        """Drain the negotiation bytes that wait for the client; they go out before any later text."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def receive(self, data: bytes) -> list[TelnetEvent]:
        """Take the next bytes from the client; return what they completed, in order. Never raises, whatever the bytes.

        The list has at most one event for each byte of ``data``, plus one.
        """
        events: list[TelnetEvent] = []
        position, end = 0, len(data)
        while position < end:
            if self._command is None:
                found = data.find(_IAC, position)
                stop = end if found < 0 else found
                if stop > position:
                    run = data[position:stop]
                    if self._sub_option is None:
                        self._text(run, events)
                    else:
                        self._sub_data(run)
                if found >= 0:
                    self._command = IAC
                position = stop + 1
            else:
                self._command_byte(data[position], events)
                position += 1
        return events

    # Lines

    def _text(self, run: bytes, events: list[TelnetEvent]) -> None:
        """Take bytes of text without IAC. CR ends a line and swallows one LF or NUL after it; LF ends a line."""
        if self._after_cr:
            self._after_cr = False
            if run[0] in b"\n\0":
                run = run[1:]
        if b"\r" in run:
            self._after_cr = run.endswith(b"\r")
            run = run.replace(b"\r\n", b"\n")
            if b"\r" in run:
                run = run.replace(b"\r\0", b"\n").replace(b"\r", b"\n")
        end = run.find(b"\n")
        if end >= 0 and (self._line or self._discarding_line):
            self._keep(run[:end], events)
            if not self._discarding_line:
                events.append(Line(_decode(self._line)))
            self._line.clear()
            self._discarding_line = False
            run = run[end + 1 :]
        block, newline, rest = run.rpartition(b"\n")
        if newline:
            self._whole_lines(block, events)
        self._keep(rest, events)

    def _whole_lines(self, block: bytes, events: list[TelnetEvent]) -> None:
        """Take lines that begin and end here, parted by LF. Plain ones, the common case, are decoded all at once."""
        if block.isascii() and len(block.translate(None, _CONTROLS_IN_LINES)) == len(block):
            texts = block.decode("ascii").split("\n")
            if len(block) <= self._line_limit or max(map(len, texts)) <= self._line_limit:
                events += map(Line, texts)
                return
        for line in block.split(b"\n"):
            events.append(Line(_decode(line)) if len(line) <= self._line_limit else LineTooLong(self._line_limit))

    def _keep(self, part: bytes, events: list[TelnetEvent]) -> None:
        """Add to the partial line, or begin to throw it away."""
        if self._discarding_line:
            return
        if len(self._line) + len(part) > self._line_limit:
            self._discarding_line = True
            self._line.clear()
            events.append(LineTooLong(self._line_limit))
        else:
            self._line += part

    # Commands

    def _command_byte(self, byte: int, events: list[TelnetEvent]) -> None:
        command, self._command = self._command, None
        if command == SB:
            self._sub_option = byte
        elif command != IAC:
            self._negotiated(byte, ours=command in (DO, DONT), yes=command in (WILL, DO))
        elif byte == IAC:
            if self._sub_option is None:
                self._text(_IAC, events)
            else:
                self._sub_data(_IAC)
        elif byte == SE:
            self._end_subnegotiation(events)
        else:
            # Any other command ends a subnegotiation that lost its SE; else such a client would be mute from then on.
            self._sub_option = None
            self._sub.clear()
            if byte in (WILL, WONT, DO, DONT, SB):
                self._command = byte
            elif byte == AYT and self._ayt_answers_left:
                self._ayt_answers_left -= 1
                self._out += b"[Yes]\r\n"

    def _sub_data(self, part: bytes) -> None:
        # One byte past the limit is kept as the mark that the whole was too long.
        self._sub += part[: SUBNEGOTIATION_LIMIT + 1 - len(self._sub)]

    def _end_subnegotiation(self, events: list[TelnetEvent]) -> None:
        option, data = self._sub_option, bytes(self._sub)
        self._sub_option = None
        self._sub.clear()
        if option == NAWS and len(data) == 4 and self._side(NAWS, ours=False).state is _State.YES:
            events.append(WindowSize(int.from_bytes(data[:2], "big"), int.from_bytes(data[2:], "big")))
        elif option == TTYPE and data.startswith(_IS) and len(data) <= SUBNEGOTIATION_LIMIT:
            self._terminal_type(data[1:], events)

    # Terminal types

    def _ask_terminal_types(self) -> None:
        """The client has just agreed to tell: begin anew with its first name. It may have changed its mind about itself."""
        self._terminal = TerminalType(())
        self._last_name = ""
        self._names_to_ask = _TERMINAL_TYPES
        self._out += _SEND_TTYPE

    def _terminal_type(self, data: bytes, events: list[TelnetEvent]) -> None:
        """Take one name. A client that has told all of them says its last one again."""
        if not self._names_to_ask or self._side(TTYPE, ours=False).state is not _State.YES:
            return
        name = _NO_NAME.sub(b"", data)[:_NAME_LIMIT].decode("ascii").strip()
        if not name or name == self._last_name:
            self._names_to_ask = 0
            return
        self._last_name = name
        mtts = _MTTS.fullmatch(name)
        if mtts:
            self._terminal = TerminalType(self._terminal.names, int(mtts[1]))
        else:
            self._terminal = TerminalType((*self._terminal.names, name), self._terminal.mtts)
        events.append(self._terminal)
        self._names_to_ask -= 1
        if self._names_to_ask:
            self._out += _SEND_TTYPE

    # Negotiation

    def _side(self, option: int, *, ours: bool) -> _Side:
        key = (ours, option)
        side = self._sides.get(key)
        if side is None:
            side = self._sides[key] = _Side(_POLICIES.get(key, _REFUSE_ONCE).answers)
        return side

    def _request(self, option: int, *, ours: bool, enable: bool) -> None:
        """Ask for a change of our own accord, unless it is so already or asked for."""
        side = self._side(option, ours=ours)
        if (side.state in (_State.YES, _State.WANT_YES)) == enable:
            return
        if side.state in (_State.WANT_YES, _State.WANT_NO):
            side.stale += 1
        side.state = _State.WANT_YES if enable else _State.WANT_NO
        self._send(option, ours=ours, yes=enable)

    def _negotiated(self, option: int, *, ours: bool, yes: bool) -> None:
        """Take the client's DO, DONT (about our side), WILL or WONT (about its own)."""
        side = self._side(option, ours=ours)
        was_on = side.state is _State.YES
        self._turned(side, option, ours=ours, yes=yes)
        if option == TTYPE and not ours and side.state is _State.YES and not was_on:
            self._ask_terminal_types()

    def _turned(self, side: _Side, option: int, *, ours: bool, yes: bool) -> None:
        if side.stale:
            side.stale -= 1
            if side.stale == 0 and side.state is _State.WANT_NO and not yes:
                side.state = _State.NO  # it refused what we then took back, and owes the taking back no answer
        elif side.state is _State.NO and yes:
            if side.answers_left:
                side.answers_left -= 1
                agrees = _POLICIES.get((ours, option), _REFUSE_ONCE).agrees
                side.state = _State.YES if agrees else _State.NO
                self._send(option, ours=ours, yes=agrees)
        else:
            side.state, answer = _TABLE[side.state, yes]
            if answer is not None:
                self._send(option, ours=ours, yes=answer)

    def _send(self, option: int, *, ours: bool, yes: bool) -> None:
        verb = (WILL if yes else WONT) if ours else (DO if yes else DONT)
        self._out += bytes((IAC, verb, option))


def _decode(raw: bytes | bytearray) -> str:
    """A line's bytes as text: UTF-8, or Latin-1 for the whole line if it is not UTF-8 (old clients)."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return text if text.isprintable() else _edit(text)


def _edit(text: str) -> str:
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
