"""Somebody with a telnet client that can do nothing at all: bytes out, bytes in, over a plain socket."""

from __future__ import annotations

import re
import socket
from types import TracebackType

from support.game import PATIENCE

PASSWORD = "correct-horse"
_COMMAND = re.compile(rb"\xff(?:[\xfb-\xfe].|\xfa.*?\xff\xf0|[\xf1-\xf9])", re.DOTALL)


class TelnetPlayer:
    """A player with a character of their own. Reading waits, but not for ever."""

    def __init__(self, port: int, name: str, *, new: bool = True) -> None:
        """Comes in on 127.0.0.1 as ``name``, who is created if ``new``."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._read = b""
        self.type(f"{'create' if new else 'connect'} {name} {PASSWORD}")
        self.read_until("Obvious exits:")
        self.read_until("\n")

    def __enter__(self) -> TelnetPlayer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._socket.close()

    def type(self, line: str) -> None:
        """Send a line."""
        self._socket.sendall(f"{line}\r\n".encode())

    def read_until(self, text: str) -> str:
        """Everything up to and with ``text``, with ``\\n`` between lines. Raises ``TimeoutError``, or ``EOFError`` at the end."""
        wanted = text.replace("\n", "\r\n").encode()
        while wanted not in self._read:
            data = self._socket.recv(65_536)
            if not data:
                raise EOFError(f"no {text!r} in {self._read!r}")
            self._read = _COMMAND.sub(b"", self._read + data)
        found, end, self._read = self._read.partition(wanted)
        return (found + end).decode().replace("\r\n", "\n")

    def quit(self) -> None:
        """Leave the game, and wait for its last word."""
        self.type("QUIT")
        self.read_until("Goodbye.\n")
