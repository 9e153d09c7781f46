"""What a plugin may do: capabilities as written in a manifest, and the question "may it?".

A capability is words joined by colons: ``read:characters``, ``emit:location:*``. A trailing ``*`` stands for the rest, whatever
it is. Only asking is handled here; what an answer of no means is for the host functions to say, and who grants is for
``approvals``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs

from holomush.errors import HolomushError
from holomush.events.streams import InvalidStream, StreamPattern

KNOWN = (
    "emit:<stream>",
    "read:locations",
    "read:objects",
    "read:characters",
    "read:commands",
    "read:everywhere",
    "history:<stream>",
    "listen:<stream>",
    "timers",
    "write:locations",
    "write:objects",
    "write:characters",
    "kv:read",
    "kv:write",
    "db:migrate",
    "http:get:<domain>",
    "http:post:<domain>",
    "session:read",
    "session:addresses",
    "session:boot",
    "session:switch",
    "account:read",
    "account:role",
    "account:password",
    "account:preferences",
    "account:ban",
    "account:characters",
    "server:stats",
    "server:plugins",
    "server:shutdown",
    "world:export",
    "world:import",
)
"""Every capability there is, with ``<...>`` where a name or pattern of the author's goes."""

REACHING = ("http:", "write:", "db:migrate", "history:", "listen:", "session:", "account:", "server:", "world:")
"""How capabilities begin that reach outside the game, change the world, or touch people's talk, connections and accounts."""

_WITH_STREAMS = ("emit:", "history:", "listen:")
_OPEN_ENDED = tuple(known.partition("<")[0] for known in KNOWN if "<" in known)
_FIXED = frozenset(known for known in KNOWN if "<" not in known)
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*(:[1-9][0-9]{{0,4}})?|\*")


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
            raise CapabilityError(f"{text[:80]!r}: a * can only be the last character")
        if star and stem and not stem.endswith(":"):
            raise CapabilityError(f"{text[:80]!r}: a * stands for whole words: write {stem}:* or the whole name")
        opened = next((o for o in _OPEN_ENDED if text.startswith(o) and len(text) > len(o)), None)
        possible = opened is not None or (bool(star) and any(known.startswith(stem) for known in KNOWN))
        if not (possible or text in _FIXED):
            raise CapabilityError(f"{text[:80]!r} is not a capability; there are {', '.join(_related(text))}")
        if opened is not None:
            _check_ending(text, opened)
        return cls(text, stem if star else None)

    def covers(self, wanted: str) -> bool:
        """Whether holding this one is enough for ``wanted``, which has no ``*``."""
        return wanted == self.text if self.prefix is None else wanted.startswith(self.prefix)

    def includes(self, other: Capability) -> bool:
        """Whether holding this one is enough for all that ``other`` covers."""
        if self.prefix is None:
            return other.text == self.text
        return (other.text if other.prefix is None else other.prefix).startswith(self.prefix)

    @property
    def reaches_out(self) -> bool:
        """Whether it allows something of ``REACHING``."""
        stem = self.text if self.prefix is None else self.prefix
        return any(stem.startswith(start) or (self.prefix is not None and start.startswith(stem)) for start in REACHING)


def _related(text: str) -> list[str]:
    """The capabilities that begin with the same word; if there are none, the words that one can begin with."""
    word = text.partition(":")[0]
    same = [known for known in KNOWN if known.partition(":")[0] == word]
    return same or list(dict.fromkeys(known.partition(":")[0] + ("" if ":" not in known else ":...") for known in KNOWN))


def _check_ending(text: str, opened: str) -> None:
    ending = text.removeprefix(opened)
    if opened in _WITH_STREAMS:
        try:
            StreamPattern.parse(ending)
        except InvalidStream as exc:
            raise CapabilityError(f"{text[:80]!r}: {exc}") from exc
    elif not _DOMAIN.fullmatch(ending) or len(ending) > 253:
        raise CapabilityError(f"{text[:80]!r}: after {opened} goes a domain in small letters, such as {opened}api.example.com")


@attrs.frozen
class CapabilitySet:
    """What one plugin holds."""

    held: tuple[Capability, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> CapabilitySet:
        """Raises ``CapabilityError`` for the first bad one."""
        return cls(tuple(Capability.parse(text) for text in texts))

    def __str__(self) -> str:
        return ", ".join(capability.text for capability in self.held)

    def allows(self, wanted: str) -> bool:
        """Whether ``wanted`` (such as ``emit:location:01H...``) is covered."""
        return any(capability.covers(wanted) for capability in self.held)

    def includes(self, other: Capability) -> bool:
        """Whether one of these is enough for all that ``other`` covers."""
        return any(capability.includes(other) for capability in self.held)

    def missing_from(self, asked: CapabilitySet) -> CapabilitySet:
        """Those of ``asked`` that these do not include."""
        return CapabilitySet(tuple(capability for capability in asked.held if not self.includes(capability)))

    @property
    def reaching(self) -> CapabilitySet:
        """Those that reach out of the game or change it."""
        return CapabilitySet(tuple(capability for capability in self.held if capability.reaches_out))


NOTHING = CapabilitySet()
"""What a plugin holds that may do nothing."""
