"""The bytes that WebAssembly is written in: numbers and names, read with every bound checked, and written."""

from __future__ import annotations

from holomush.errors import HolomushError


class WasmError(HolomushError):
    """The file is no WebAssembly module that can be loaded. ``str()`` is one line that says why."""


class Reader:
    """Bytes, read from front to back. Every method raises ``WasmError`` at their end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._data)

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise WasmError("is no valid WebAssembly: it ends too early")
        self._at += count
        return taken

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """An unsigned number of 32 bits in LEB128."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >= 1 << 32:
                    break
                return value
        raise WasmError("is no valid WebAssembly: a number has more than 32 bits")

    def text(self) -> str:
        """A name: its length in bytes, and UTF-8."""
        try:
            return self.take(self.number()).decode()
        except UnicodeDecodeError as exc:
            raise WasmError("is no valid WebAssembly: a name is not UTF-8") from exc


def write_text(text: str) -> bytes:
    """What ``Reader.text`` reads."""
    encoded = text.encode()
    return write_number(len(encoded)) + encoded


def write_number(value: int) -> bytes:
    """What ``Reader.number`` reads."""
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + write_number(value >> 7)
