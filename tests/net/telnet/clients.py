"""Clients as they are, as models: they answer a server's bytes, inflate what is compressed, and keep what they were shown."""

import json
import re
import zlib
from collections.abc import Mapping

from .wire import (
    CHARSET,
    COMMAND_EOR,
    COMPRESS2,
    DO,
    DONT,
    ECHO,
    EOR,
    GA,
    GMCP,
    IAC,
    MSSP,
    NAWS,
    NEW_ENVIRON,
    TTYPE,
    WILL,
    WONT,
    environ,
    gmcp,
    sub,
)

_TOKEN = re.compile(rb"\xff\xff|\xff[\xfb-\xfe].|\xff\xfa(.)((?:[^\xff]|\xff\xff)*)\xff\xf0|\xff[^\xfa-\xff]|[^\xff]+", re.DOTALL)


class ModelClient:
    """What they have in common: it agrees to what it knows, refuses the rest, leaves unanswered what it does not mind."""

    does: frozenset[bytes] = frozenset()
    """Answers DO with WILL."""
    wants: frozenset[bytes] = frozenset()
    """Answers WILL with DO."""
    ignores: frozenset[bytes] = frozenset()
    types: tuple[bytes, ...] = ()
    environment: bytes = b""
    size = b"\x00\x78\x00\x28"

    def __init__(self) -> None:
        self.text = ""
        self.prompts = 0
        self.compressed = 0
        """Bytes that came compressed."""
        self.charset = ""
        self.echoes = True
        self.messages: list[tuple[str, object]] = []
        self.status: dict[str, str] = {}
        self._types_told = 0
        self._inflater: zlib._Decompress | None = None
        self._received = b""

    def receive(self, data: bytes) -> bytes:
        """Take all that has come; returns the answer to it."""
        self._received += self._inflated(data)
        answer = b""
        while True:
            token = _TOKEN.match(self._received)
            if token is None:
                return answer
            self._received = self._received[token.end() :]
            whole = token[0]
            if token[1] == COMPRESS2:
                self._inflater = zlib.decompressobj()
                self._received = self._inflated(self._received)
            elif token[1] is not None:
                answer += self.subnegotiated(token[1], token[2])
            elif whole[:1] != IAC:
                self.text += whole.decode()
            elif len(whole) == 3:
                answer += self.negotiated(whole[1:2], whole[2:])
            elif whole[1:] in (GA, COMMAND_EOR):
                self.prompts += 1

    def _inflated(self, data: bytes) -> bytes:
        if self._inflater is None:
            return data
        self.compressed += len(data)
        return self._inflater.decompress(data)

    def negotiated(self, verb: bytes, option: bytes) -> bytes:
        if option in self.ignores or (verb in (WONT, DONT) and option != ECHO):
            return b""
        if option == ECHO:
            self.echoes = verb != WILL
            return IAC + (DO if verb == WILL else DONT) + ECHO
        agrees = option in (self.does if verb == DO else self.wants)
        answer = IAC + {DO: WILL if agrees else WONT, WILL: DO if agrees else DONT}[verb] + option
        return answer + self.began(option) if agrees else answer

    def began(self, option: bytes) -> bytes:
        """What it sends of its own accord once an option is on."""
        return sub(NAWS, self.size) if option == NAWS else b""

    def subnegotiated(self, option: bytes, payload: bytes) -> bytes:
        if option == TTYPE:
            name = self.types[min(self._types_told, len(self.types) - 1)]
            self._types_told += 1
            return sub(TTYPE, b"\x00" + name)
        if option == NEW_ENVIRON and payload[:1] == b"\x01":
            return self.environment
        if option == CHARSET and payload[:1] == b"\x01":
            names = payload[2:].split(payload[1:2])
            self.charset = "UTF-8" if b"UTF-8" in names else ""
            return sub(CHARSET, b"\x02UTF-8" if self.charset else b"\x03")
        if option == GMCP:
            package, _, data = payload.decode().partition(" ")
            self.messages.append((package, json.loads(data) if data else None))
        if option == MSSP:
            self.status = dict(part.split("\x02") for part in payload.decode().split("\x01")[1:])
        return b""


class Mudlet(ModelClient):
    """Has everything on, and introduces itself over GMCP."""

    does = frozenset({TTYPE, NAWS, NEW_ENVIRON})
    wants = frozenset({CHARSET, EOR, MSSP, GMCP, COMPRESS2})
    types = (b"MUDLET", b"ANSI-TRUECOLOR", b"MTTS 2349")
    variables: Mapping[bytes, bytes] = {
        b"CLIENT_NAME": b"MUDLET",
        b"CLIENT_VERSION": b"4.17.2",
        b"CHARSET": b"UTF-8",
        b"MTTS": b"2349",
        b"TERMINAL_TYPE": b"ANSI-TRUECOLOR",
        b"SCREEN_READER": b"0",
    }
    environment = environ(*variables.items(), var=b"\x03")

    def began(self, option: bytes) -> bytes:
        if option == GMCP:
            return gmcp('Core.Hello { "client": "Mudlet", "version": "4.17.2"}') + gmcp(
                'Core.Supports.Set [ "Char 1", "Char.Skills 1", "Char.Items 1", "Room 1", "IRE.Rift 1"]'
            )
        return super().began(option)


class TinTin(ModelClient):
    """TinTin++ 2.02.20 as Debian has it, after a log of the real one: no GMCP without a script, no word on MSSP, and a
    mark too many before each variable.
    """

    does = frozenset({TTYPE, NAWS, NEW_ENVIRON})
    wants = frozenset({CHARSET, EOR, COMPRESS2})
    ignores = frozenset({MSSP})
    types = (b"TINTIN++", b"xterm-256color", b"MTTS 271")
    environment = environ(
        (b"\x00CHARSET", b"UTF-8"),
        (b"\x00CLIENT_NAME", b"TinTin++"),
        (b"\x00CLIENT_VERSION", b"2.02.20 "),
        (b"\x00MTTS", b"783"),
        (b"\x00TERMINAL_TYPE", b"xterm-256color"),
    )
    size = b"\x00\x50\x00\x18"
