"""What stands between ``IAC SB`` and ``IAC SE``, but for GMCP: windows, terminals, variables, charsets, server status.

Owns how each is written and read (RFC 1073, 1091, 1572, 2066, the Mud Server Status Protocol, MCCP2). Functions only;
payloads are without the option's number, and with each 255 once.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from holomush.net.telnet.events import WindowSize
from holomush.net.telnet.options import CHARSET, COMPRESS2, IAC, MSSP, NEW_ENVIRON, SB, SE, TTYPE

_IAC: Final = b"\xff"


def subnegotiation(option: int, payload: bytes) -> bytes:
    """A whole subnegotiation; each 255 in the payload is doubled."""
    return bytes((IAC, SB, option)) + payload.replace(_IAC, _IAC + _IAC) + bytes((IAC, SE))


COMPRESSION_STARTS: Final = subnegotiation(COMPRESS2, b"")
"""Sent as it is; all that follows it is compressed (MCCP2)."""


def parse_window_size(payload: bytes) -> WindowSize | None:
    """Columns and rows, two bytes each; None if it has another length."""
    if len(payload) != 4:
        return None
    return WindowSize(int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:], "big"))


# Terminal types: IS 0, SEND 1.

SEND_TERMINAL_TYPE: Final = subnegotiation(TTYPE, b"\x01")
_NAME_LIMIT: Final = 40
_NO_NAME: Final = re.compile(rb"[^ -~]")


def parse_terminal_type(payload: bytes) -> str | None:
    """The name in an IS, at most 40 printable ASCII characters and maybe none; None if it is no IS."""
    if not payload.startswith(b"\x00"):
        return None
    return _NO_NAME.sub(b"", payload[1:])[:_NAME_LIMIT].decode("ascii").strip()


# Variables: IS 0, SEND 1, INFO 2; in them VAR 0, VALUE 1, ESC 2, USERVAR 3.

VARIABLES_LIMIT: Final = 32
VARIABLE_NAME_LIMIT: Final = 64
VARIABLE_VALUE_LIMIT: Final = 256
SEND_ENVIRONMENT: Final = subnegotiation(NEW_ENVIRON, b"\x01\x00\x03")
"""Asks for all variables of both kinds."""

_VALUE: Final = b"\x01"
_PART: Final = re.compile(rb"([\x00\x01\x03])((?:[^\x00-\x03]|\x02.)*+)", re.DOTALL)
_ESCAPED: Final = re.compile(rb"\x02(.)", re.DOTALL)


def parse_environment(payload: bytes) -> list[tuple[str, str | None]]:
    """Names and values of an IS or INFO, in its order; a value of None says that there is no such variable.

    Characters that do not print and spaces around are left out, values are cut to their limit, names that are empty or too
    long are passed over.
    """
    if payload[:1] not in (b"\x00", b"\x02"):
        return []
    told: list[tuple[str, str | None]] = []
    for part in _PART.finditer(payload, 1):
        kind, raw = part.groups()
        text = "".join(filter(str.isprintable, _utf8_or_latin1(_ESCAPED.sub(rb"\1", raw)))).strip()
        if kind != _VALUE:
            told.append((text, None))
        elif told:
            told[-1] = (told[-1][0], text[:VARIABLE_VALUE_LIMIT].rstrip())
    return [(name, value) for name, value in told if 0 < len(name) <= VARIABLE_NAME_LIMIT]


def merge_environment(known: Mapping[str, str], told: Sequence[tuple[str, str | None]]) -> Mapping[str, str]:
    """A new mapping, read-only, with what was told. When it is full, no more variables come in."""
    merged = dict(known)
    for name, value in told:
        if value is None:
            merged.pop(name, None)
        elif name in merged or len(merged) < VARIABLES_LIMIT:
            merged[name] = value
    return MappingProxyType(merged)


def _utf8_or_latin1(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


# Charsets.

REQUEST, ACCEPTED, REJECTED, TTABLE_IS = b"\x01", b"\x02", b"\x03", b"\x04"
REQUEST_CHARSET: Final = subnegotiation(CHARSET, REQUEST + b";UTF-8;ISO-8859-1")
REJECT_CHARSET: Final = subnegotiation(CHARSET, REJECTED)
REJECT_TTABLE: Final = subnegotiation(CHARSET, b"\x05")
OFFERED_CHARSETS: Final = ("utf-8", "latin-1")
_PREFERENCE: Final = (*OFFERED_CHARSETS, "ascii")
_CHARSET_NAME_LIMIT: Final = 20
# A table and not ``codecs.lookup``, which keeps every name that it was ever asked for.
_CHARSETS: Final[Mapping[bytes, str]] = MappingProxyType(
    {
        b"utf8": "utf-8",
        **dict.fromkeys((b"iso88591", b"iso88591:1987", b"latin1", b"l1", b"cp819", b"ibm819"), "latin-1"),
        **dict.fromkeys((b"usascii", b"ascii", b"us", b"ansix3.41968", b"iso646us"), "ascii"),
    }
)
_FILLERS: Final = re.compile(rb"[-_ ]")
# The RFC writes it in both ways. A version follows.
_TTABLE: Final = re.compile(rb"\[TTABLE ?\].", re.DOTALL | re.IGNORECASE)


def charset_name(raw: bytes) -> str | None:
    """The charset that a client means, as Python calls it: ``utf-8``, ``latin-1`` or ``ascii``; None for any other."""
    return _CHARSETS.get(_FILLERS.sub(b"", raw).lower()) if len(raw) <= _CHARSET_NAME_LIMIT else None


def choose_charset(asked: bytes) -> tuple[str, bytes] | None:
    """The best of a REQUEST's list, as Python calls it and the ACCEPTED for it; None if there is none that we know.

    ``asked`` is what follows the REQUEST: a separator and names parted by it, maybe after the offer of a table.
    """
    table = _TTABLE.match(asked)
    names = asked[table.end() :] if table else asked
    if not names:
        return None
    known = [(name, raw) for raw in names[1:].split(names[:1]) if (name := charset_name(raw))]
    if not known:
        return None
    name, raw = min(known, key=lambda pair: _PREFERENCE.index(pair[0]))
    return name, subnegotiation(CHARSET, ACCEPTED + raw)


# Server status: VAR 1, VAL 2.

_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def mssp_bytes(variables: Mapping[str, str | Sequence[str]]) -> bytes:
    """The answer to ``MsspRequested``, in UTF-8 and without control characters. A list is a variable with several values.

    A variable without a name or without any value is left out.
    """
    return subnegotiation(MSSP, b"".join(_mssp_variables(variables)))


def _mssp_variables(variables: Mapping[str, str | Sequence[str]]) -> Iterator[bytes]:
    for name, value in variables.items():
        values = (value,) if isinstance(value, str) else value
        clean_name = _mssp_text(name)
        if clean_name and values:
            yield b"\x01" + clean_name + b"".join(b"\x02" + _mssp_text(each) for each in values)


def _mssp_text(text: str) -> bytes:
    return _CONTROLS.sub("", text).encode("utf-8", "replace")
