"""What clients say in our own JSON messages, checked. Pure; the messages are described in docs/websocket.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import attrs

from holomush.errors import HolomushError
from holomush.net.telnet.events import Line
from holomush.net.telnet.lines import edit
from holomush.sessions.connect_screen import Enter, EnterAsGuest, Resume

LINE_LIMIT: Final = 8_192
"""Characters of one line."""
FIELD_LIMIT: Final = 1_024
"""Characters of any other text."""
LARGEST: Final = 2**53 - 1
"""The largest number that every JSON reader keeps."""


class BadMessage(HolomushError):
    """A message that makes no sense. ``str()`` is one line that says what would be right."""


@attrs.frozen
class Ping:
    """``number`` comes back with the answer."""

    number: int


@attrs.frozen
class Window:
    """What fits on the client's screen, in characters."""

    columns: int
    rows: int
    screen_reader: bool


Said: TypeAlias = Line | Enter | EnterAsGuest | Resume | Ping | Window


def read_message(message: str | bytes) -> Said:
    """What a message says. Raises ``BadMessage``."""
    if isinstance(message, bytes):
        raise BadMessage("Messages are JSON in text frames.")
    try:
        said = json.loads(message)
    except (ValueError, RecursionError):
        raise BadMessage("That message is not JSON.") from None
    if not isinstance(said, dict) or not isinstance(said.get("type"), str):
        raise BadMessage('A message is an object with a "type".')
    read = _READERS.get(said["type"])
    if read is None:
        raise BadMessage(f"There is no message of the type {json.dumps(said['type'][:40])}.")
    return read(said)


def _enter(said: Mapping[str, Any], *, new: bool) -> Enter:
    # As it would be if it were typed, so that a password made here is good everywhere.
    return Enter(edit(_text(said, "name")).strip(), edit(_text(said, "password")).strip(), new=new)


def _resume(said: Mapping[str, Any]) -> Resume:
    return Resume(_text(said, "token"), _number(said, "after") if said.get("after") is not None else None)


def _window(said: Mapping[str, Any]) -> Window:
    return Window(_number(said, "columns", 65_535), _number(said, "rows", 65_535), _flag(said, "screen_reader"))


def _line(said: Mapping[str, Any]) -> Line:
    text = _text(said, "text", LINE_LIMIT)
    if "\n" in text or "\r" in text:
        raise BadMessage("text: a line has no line ends in it.")
    return Line(edit(text))


def _text(said: Mapping[str, Any], key: str, limit: int = FIELD_LIMIT) -> str:
    value = said.get(key)
    if not isinstance(value, str):
        raise BadMessage(f"{key}: must be text.")
    if len(value) > limit:
        raise BadMessage(f"{key}: must have {limit} characters or less.")
    # Halves of characters can be neither stored nor sent on.
    return value.encode("utf-8", "ignore").decode()


def _number(said: Mapping[str, Any], key: str, most: int = LARGEST) -> int:
    value = said.get(key)
    if type(value) is not int or not 0 <= value <= most:
        raise BadMessage(f"{key}: must be a whole number from 0 to {most}.")
    return value


def _flag(said: Mapping[str, Any], key: str) -> bool:
    value = said.get(key, False)
    if not isinstance(value, bool):
        raise BadMessage(f"{key}: must be true or false.")
    return value


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Said]]] = MappingProxyType(
    {
        "line": _line,
        "connect": lambda said: _enter(said, new=False),
        "create": lambda said: _enter(said, new=True),
        "guest": lambda _: EnterAsGuest(),
        "resume": _resume,
        "window": _window,
        "ping": lambda said: Ping(_number(said, "id")),
    }
)
