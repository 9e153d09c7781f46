"""What is said after an option was agreed on: asking a client for its terminal types, its variables, its charset.

Each conversation writes its questions behind ``out`` and keeps what it needs to read the answers. The codec says when
one begins, and hands it only what came while its option was agreed on.
"""

import re
from types import MappingProxyType
from typing import Final

from holomush.net.telnet.events import Charset, Environment, TerminalType
from holomush.net.telnet.subnegotiations import (
    ACCEPTED,
    OFFERED_CHARSETS,
    REJECT_CHARSET,
    REJECT_TTABLE,
    REJECTED,
    REQUEST,
    REQUEST_CHARSET,
    SEND_ENVIRONMENT,
    SEND_TERMINAL_TYPE,
    TTABLE_IS,
    charset_name,
    choose_charset,
    merge_environment,
    parse_environment,
    parse_terminal_type,
)

_TERMINAL_TYPES: Final = 3
"""Names asked for: by the standard that is the client's own, its terminal's, and MTTS with its bits."""
_MTTS: Final = re.compile(r"MTTS ([0-9]{1,9})", re.IGNORECASE)
_CHARSET_ANSWERS: Final = 8


class TerminalTypes:
    """Asks for one name after the other (RFC 1091, and the Mud Terminal Type Standard)."""

    __slots__ = ("_last_name", "_out", "_terminal", "_to_ask")

    def __init__(self, out: bytearray) -> None:
        self._out = out
        self._terminal = TerminalType(())
        self._last_name = ""
        self._to_ask = 0

    def begin(self) -> None:
        """The client has just agreed to tell: begin anew with its first name. It may have changed its mind about itself."""
        self._terminal = TerminalType(())
        self._last_name = ""
        self._to_ask = _TERMINAL_TYPES
        self._out += SEND_TERMINAL_TYPE

    def take(self, payload: bytes) -> TerminalType | None:
        """Take one name. A client that has told all of them says its last one again."""
        name = parse_terminal_type(payload)
        if name is None or not self._to_ask:
            return None
        if not name or name == self._last_name:
            self._to_ask = 0
            return None
        self._last_name = name
        mtts = _MTTS.fullmatch(name)
        if mtts:
            self._terminal = TerminalType(self._terminal.names, int(mtts[1]))
        else:
            self._terminal = TerminalType((*self._terminal.names, name), self._terminal.mtts)
        self._to_ask -= 1
        if self._to_ask:
            self._out += SEND_TERMINAL_TYPE
        return self._terminal


class Variables:
    """Asks once for all variables (RFC 1572, and the Mud New-Environ Standard); the client may tell of changes later."""

    __slots__ = ("_known", "_out")

    def __init__(self, out: bytearray) -> None:
        self._out = out
        self._known = Environment(MappingProxyType({}))

    def begin(self) -> None:
        """The client has just agreed to tell."""
        self._out += SEND_ENVIRONMENT

    def take(self, payload: bytes) -> Environment | None:
        """Take an answer, or a change that the client tells of. None if it is nothing new."""
        known = Environment(merge_environment(self._known.variables, parse_environment(payload)))
        if known == self._known:
            return None
        self._known = known
        return known


class Charsets:
    """Asks for a charset, and answers a client that asks (RFC 2066). Answers are counted for the life of a connection."""

    __slots__ = ("_answers_left", "_asked", "_out")

    def __init__(self, out: bytearray) -> None:
        self._out = out
        self._answers_left = _CHARSET_ANSWERS
        self._asked = False

    def begin(self) -> None:
        """The client has just agreed that we ask."""
        self._asked = True
        self._out += REQUEST_CHARSET

    def end(self) -> None:
        """The client has ended it, and owes no answer."""
        self._asked = False

    def take(self, payload: bytes) -> Charset | None:
        """Take an answer or a question; returns what is agreed on by it."""
        kind, rest = payload[:1], payload[1:]
        if kind == REQUEST:
            return self._answered(rest)
        if kind == TTABLE_IS:
            self._answer(REJECT_TTABLE)
        elif kind in (ACCEPTED, REJECTED) and self._asked:
            self._asked = False
            name = charset_name(rest)
            if kind == ACCEPTED and name in OFFERED_CHARSETS:
                return Charset(name)
        return None

    def _answered(self, asked: bytes) -> Charset | None:
        # When both ask at once, the server's question stands and the client's is rejected.
        chosen = None if self._asked else choose_charset(asked)
        if chosen is None:
            self._answer(REJECT_CHARSET)
            return None
        name, accepted = chosen
        return Charset(name) if self._answer(accepted) else None

    def _answer(self, answer: bytes) -> bool:
        """Whether there was an answer left."""
        if not self._answers_left:
            return False
        self._answers_left -= 1
        self._out += answer
        return True
