"""Stream names and patterns of them. Owns their spelling; who may use a stream, and for what, is decided elsewhere.

A stream is ``location:<id>``, ``character:<id>``, ``channel:<name>``, ``plugin:<name>`` or ``global``. Streams are
compared as text, letter for letter, everywhere; ``Stream`` is only for code that needs the parts.
"""

from enum import StrEnum
from functools import lru_cache
from typing import Final

import attrs

from holomush.errors import HolomushError

GLOBAL_STREAM: Final = "global"
NAME_LIMIT: Final = 64
"""Characters in the part after the colon."""


class InvalidStream(HolomushError):
    """Text that is no stream or no stream pattern. ``str()`` says what would be right."""


class StreamKind(StrEnum):
    """What a stream belongs to."""

    LOCATION = "location"
    CHARACTER = "character"
    CHANNEL = "channel"
    PLUGIN = "plugin"
    GLOBAL = "global"


_NAMED: Final = {kind.value: kind for kind in StreamKind if kind is not StreamKind.GLOBAL}
_FORMS: Final = "location:<id>, character:<id>, channel:<name>, plugin:<name> or global"


@attrs.frozen
class Stream:
    """A stream in parts; ``name`` is empty for ``global``. ``str()`` gives the text back."""

    kind: StreamKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind.value


@lru_cache(maxsize=4096)  # four look-ups for each event, of streams that are mostly the same
def parse_stream(text: str) -> Stream:
    """Take a stream's text apart. Raises InvalidStream."""
    if text == GLOBAL_STREAM:
        return Stream(StreamKind.GLOBAL, "")
    kind, _, name = text.partition(":")
    if kind not in _NAMED:
        raise InvalidStream(f'"{_short(text)}" is no stream; use {_FORMS}')
    if not name or not _is_name(name):
        raise InvalidStream(
            f'"{_short(text)}" is no stream; after "{kind}:" goes a name of 1 to {NAME_LIMIT} characters'
            " without spaces, colons and *"
        )
    return Stream(_NAMED[kind], name)


def location_stream(location_id: str) -> str:
    """The stream of what happens in a location. It and the other makers raise InvalidStream for an impossible name."""
    return str(parse_stream(f"location:{location_id}"))


def character_stream(character_id: str) -> str:
    """The stream of what happens to one character alone."""
    return str(parse_stream(f"character:{character_id}"))


def channel_stream(name: str) -> str:
    """The stream of one chat channel."""
    return str(parse_stream(f"channel:{name}"))


def plugin_stream(name: str) -> str:
    """The stream a plugin keeps for itself."""
    return str(parse_stream(f"plugin:{name}"))


@attrs.frozen
class StreamPattern:
    """Streams that a plugin listens or may emit to: one, or all that begin alike. ``str()`` gives the text back."""

    text: str
    _prefix: str | None = attrs.field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "StreamPattern":
        """``location:01H…`` is one stream; ``*``, ``location:*`` and ``location:01H*`` are all that begin so.

        Raises InvalidStream.
        """
        if not text.endswith("*"):
            parse_stream(text)
            return cls(text, None)
        prefix = text[:-1]
        kind, colon, name = prefix.partition(":")
        if prefix and not (colon and kind in _NAMED and _is_name(name)):
            raise InvalidStream(f'"{_short(text)}" is no stream pattern; use *, <kind>:*, <kind>:<start>*, or {_FORMS}')
        return cls(text, prefix)

    def matches(self, stream: str) -> bool:
        """Whether a stream (its text, taken to be valid) is among them."""
        return stream == self.text if self._prefix is None else stream.startswith(self._prefix)

    def __str__(self) -> str:
        return self.text


def _is_name(name: str) -> bool:
    return len(name) <= NAME_LIMIT and name.isprintable() and not any(mark in name for mark in " :*")


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
