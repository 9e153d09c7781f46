"""Messages of the Generic Mud Communication Protocol: a package's name, and JSON. Owns how they are written and read."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from holomush.events.event import JSON
from holomush.net.telnet.events import Gmcp
from holomush.net.telnet.options import GMCP
from holomush.net.telnet.subnegotiations import subnegotiation

GMCP_LIMIT: Final = 8192
"""Bytes of one message of a client's; a longer one is thrown away as a whole."""
GMCP_DEPTH: Final = 16
"""Lists and objects within each other in such a message."""

_PACKAGE: Final = r"[A-Za-z0-9_.-]{1,64}"
_PACKAGE_NAME: Final = re.compile(_PACKAGE)
_MESSAGE: Final = re.compile(rf"({_PACKAGE})(?: +(.*))?", re.DOTALL)
# A string, closed or not, or a bracket. Strings come first, so the brackets found are those outside of them.
_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{\]}]', re.DOTALL)
_HALF_OF_A_PAIR: Final = re.compile(r"\\u[dD][89a-fA-F]")


def parse_gmcp(payload: bytes) -> Gmcp | None:
    """A message of a client's. None unless it is a name that may be, and after it nothing or JSON in UTF-8 within the limits.

    Refuses what JSON cannot carry to others, too: NaN, infinities, halves of surrogate pairs.
    """
    if len(payload) > GMCP_LIMIT:
        return None
    try:
        message = _MESSAGE.fullmatch(payload.decode())
        if message is None:
            return None
        package, text = message.groups()
        return Gmcp(package, _parse_json(text) if text else None)
    except ValueError:
        return None


def gmcp_bytes(package: str, data: JSON = None) -> bytes:
    """A message for a client, whole. None is sent as no data at all; text is a JSON string.

    Raises ValueError for a name that no package can have, and for NaN and infinities; TypeError for what is not JSON.
    """
    if not _PACKAGE_NAME.fullmatch(package):
        raise ValueError(f"{package!r} cannot name a GMCP package: 1 to 64 of A-Z, a-z, 0-9, _ . and -")
    if data is None:
        return subnegotiation(GMCP, package.encode())
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
    return subnegotiation(GMCP, f"{package} {text}".encode("utf-8", "replace"))


def _parse_json(text: str) -> JSON:
    """Raises ValueError, of which all that ``json`` and ``encode`` raise here are kinds."""
    if _is_too_deep(text):
        raise ValueError("nested too deep")
    data: JSON = json.loads(text, parse_constant=_refused, parse_float=_finite)
    if _HALF_OF_A_PAIR.search(text):
        json.dumps(data, ensure_ascii=False).encode()
    return data


def _is_too_deep(text: str) -> bool:
    """Asked before the parser runs, which ends at Python's own limit in an error of another kind."""
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth > GMCP_DEPTH:
                return True
        elif token[0] in "]}":
            depth -= 1
    return False


def _refused(name: str) -> JSON:
    raise ValueError(f"JSON has no {name}")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number too large")
    return number


def _plain(value: object) -> Any:
    """What ``json`` does not know of the types that JSON may have here."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
