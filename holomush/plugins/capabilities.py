"""What a plugin may do: capabilities as written in a manifest, and the question "may it?".

A capability is words joined by colons: ``read:characters``, ``emit:location:*``. A trailing ``*`` stands for the rest, whatever
it is. Only asking is handled here; what an answer of no means is for the host functions to say.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from holomush.errors import HolomushError
from holomush.events.streams import InvalidStream, StreamPattern

KNOWN = (
    "emit:<stream>",
    "read:locations",
    "read:objects",
    "read:characters",
    "write:characters",
    "write:objects",
)
"""Every capability there is, with ``<...>`` where a name or pattern of the author's goes."""

_OPEN_ENDED = tuple(known.partition("<")[0] for known in KNOWN if "<" in known)
_FIXED = frozenset(known for known in KNOWN if "<" not in known)


class CapabilityError(HolomushError):
    """A capability that does not exist, or is not well-formed."""


@attrs.frozen
class Capability:
    """One capability as asked for: exact text, or everything that starts with ``prefix``."""

    text: str
    prefix: str | None

    @classmethod
    def parse(cls, text: str) -> Capability:
        """Raises ``CapabilityError`` for one that no host function ever asks for: most likely a slip of the pen."""
        stem, star, rest = text.partition("*")
        if rest:
            raise CapabilityError(f"{text!r}: a * can only be the last character")
        if star and stem and not stem.endswith(":"):
            raise CapabilityError(f"{text!r}: a * stands for whole words: write {stem}:* or the whole name")
        possible = any(text.startswith(opened) and len(text) > len(opened) for opened in _OPEN_ENDED)
        if star:
            possible = possible or any(known.startswith(stem) for known in KNOWN)
        if not (possible or text in _FIXED):
            raise CapabilityError(f"{text!r} is not a capability; there are {', '.join(KNOWN)}")
        if text.startswith("emit:"):
            try:
                StreamPattern.parse(text.removeprefix("emit:"))
            except InvalidStream as exc:
                raise CapabilityError(f"{text!r}: {exc}") from exc
        return cls(text, stem if star else None)

    def covers(self, wanted: str) -> bool:
        """Whether holding this one is enough for ``wanted``, which has no ``*``."""
        return wanted == self.text if self.prefix is None else wanted.startswith(self.prefix)


@attrs.frozen
class CapabilitySet:
    """What one plugin holds."""

    held: tuple[Capability, ...]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> CapabilitySet:
        """Raises ``CapabilityError`` for the first bad one."""
        return cls(tuple(Capability.parse(text) for text in texts))

    def allows(self, wanted: str) -> bool:
        """Whether ``wanted`` (such as ``emit:location:01H...``) is covered."""
        return any(capability.covers(wanted) for capability in self.held)
