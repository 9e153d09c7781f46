"""From a line to the command it means. Owns precedence, aliases, prefixes, visibility and suggestions; calls no plugin.

The order in which commands are given is their precedence. A command above the asker's access does not exist for that
asker: it neither matches nor hides another nor is suggested.
"""

import difflib
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import attrs

from holomush.commands.access import Access
from holomush.commands.spec import CommandSpec

_WORD: Final = re.compile(r"\S+")
# difflib takes quadratic time; no command is that long.
_SUGGEST_LIMIT: Final = 40
_SUGGESTIONS_KEPT: Final = 1024


@attrs.frozen
class Matched:
    """The line is this command with these arguments. ``raw`` is the line as typed."""

    spec: CommandSpec
    args: Mapping[str, str]
    raw: str


@attrs.frozen
class BadUsage:
    """The line begins with this command's word, but no pattern fits; show ``spec.usage``."""

    spec: CommandSpec


@attrs.frozen
class Unknown:
    """The line begins with no command that the asker may know. ``word`` is as typed; ``suggestion`` is a near one."""

    word: str
    suggestion: str | None


Route: TypeAlias = Matched | BadUsage | Unknown


@attrs.frozen
class Usable:
    """A command that lines can reach, with those of its aliases and its prefix that reach it and no other command."""

    spec: CommandSpec
    aliases: tuple[str, ...]
    prefix: str | None


@attrs.frozen
class _Entry:
    """One way to type a command: its words (casefolded), and what replaces them before the pattern is matched."""

    words: tuple[str, ...]
    spec: CommandSpec
    heads: tuple[str, ...]


class Router:
    """All commands of a server, immutable once made: make a new one when plugins change. Threads may share it."""

    def __init__(self, specs: Iterable[CommandSpec]) -> None:
        """``specs`` in order of precedence, the earliest first."""
        self._specs = tuple(specs)
        self._prefixes: dict[str, list[CommandSpec]] = {}
        self._entries: dict[str, list[_Entry]] = {}
        warnings: dict[str, None] = {}
        for spec in self._specs:
            if spec.prefix is not None:
                self._prefixes.setdefault(spec.prefix, []).append(spec)
            for entry in _entries(spec):
                self._entries.setdefault(entry.words[0], []).append(entry)
            if not (spec.words or spec.prefix or spec.fallback):
                warnings[f'command "{spec.name}" of plugin {spec.plugin}: its pattern begins with no word'] = None
        for entries in self._entries.values():
            entries.sort(key=_length, reverse=True)  # stable: the given order stays within a length
        warnings.update(dict.fromkeys(self._conflicts()))
        self._names = {access: self._visible_names(access) for access in Access}
        # Exit names come this way with every step a player takes, and difflib needs up to a millisecond for each.
        self._suggestion = functools.lru_cache(_SUGGESTIONS_KEPT)(self._suggest)
        # Everybody who comes in is told, and to find it each command is tried.
        self._usable_to = functools.cache(self._find_usable)
        self.warnings: tuple[str, ...] = tuple(warnings)
        """What an operator should know: commands that several plugins claim, and ones that nothing can reach."""

    def route(self, line: str, access: Access) -> Route:
        """Find the command that a line means to somebody with this access. Never raises."""
        stripped = line.strip()
        if not stripped:
            return Unknown("", None)
        by_prefix = [spec for spec in self._prefixes.get(stripped[0], ()) if spec.access <= access]
        for spec in by_prefix:
            args = spec.pattern.match(" ".join((*spec.words, stripped[1:])))
            if args is not None:
                return Matched(spec, args, line)
        if by_prefix:
            return BadUsage(by_prefix[0])
        return self._route_words(line, stripped, access)

    def _route_words(self, line: str, stripped: str, access: Access) -> Route:
        word = stripped.split(maxsplit=1)[0]
        known = self._visible_entries(word, access)
        if not known and "=" in word[1:]:  # `page=hi`
            word = word[: word.index("=", 1)]
            known = self._visible_entries(word, access)
        first_wrong: CommandSpec | None = None
        for entry in known:
            rest = _after(entry.words, stripped, word)
            if rest is None:
                continue
            for head in entry.heads:
                args = entry.spec.pattern.match(head + rest)
                if args is not None:
                    return Matched(entry.spec, args, line)
            first_wrong = first_wrong or entry.spec
        if first_wrong is not None:
            return BadUsage(first_wrong)
        if known:  # `channel` or `channel lst` where there are only `channel list` and `channel join`
            typed = " ".join(stripped.casefold().split(maxsplit=2)[:2])[:_SUGGEST_LIMIT]
            return Unknown(word, _nearest(typed, [" ".join(entry.words) for entry in known], cutoff=0.0))
        return Unknown(word, None if len(word) > _SUGGEST_LIMIT else self._suggestion(word.casefold(), access))

    def fallbacks(self, access: Access) -> tuple[CommandSpec, ...]:
        """The commands to try, in order, with a line that is Unknown. ``CommandSpec.fallback_args`` has their args."""
        return tuple(spec for spec in self._specs if spec.fallback and spec.access <= access)

    def usable(self, access: Access) -> tuple[Usable, ...]:
        """Every command that somebody with this access may use and that no other takes the words from, in order; for help."""
        return self._usable_to(access)

    def _find_usable(self, access: Access) -> tuple[Usable, ...]:
        return tuple(found for spec in self._specs if spec.access <= access and (found := self._usable(spec, access)) is not None)

    def _usable(self, spec: CommandSpec, access: Access) -> Usable | None:
        aliases = tuple(alias for alias in spec.aliases if self._reaches(spec, _entry(spec, alias), access))
        prefix = spec.prefix
        if prefix is not None and not self._prefix_reaches(spec, prefix, access):
            prefix = None
        named = _named(spec)
        reached = spec.fallback or (prefix is not None if named is None else self._reaches(spec, named, access))
        return Usable(spec, aliases, prefix) if reached else None

    def _reaches(self, spec: CommandSpec, entry: _Entry | None, access: Access) -> bool:
        """Whether some line that begins with an entry's words is taken for its command. Patterns may share their first words."""
        if entry is None:
            return False
        typed = " ".join(entry.words)
        return any(
            self._takes(spec, typed + example.removeprefix(head), access)
            for example in spec.pattern.examples()
            for head in entry.heads
            if example.startswith(head)
        )

    def _prefix_reaches(self, spec: CommandSpec, prefix: str, access: Access) -> bool:
        examples = (example.removeprefix(" ".join(spec.words)).strip() for example in spec.pattern.examples())
        return any(self._takes(spec, prefix + rest, access) for rest in examples)

    def _takes(self, spec: CommandSpec, line: str, access: Access) -> bool:
        route = self.route(line, access)
        return isinstance(route, Matched) and route.spec is spec

    def _suggest(self, word: str, access: Access) -> str | None:
        names = self._names[access]
        # `@dest` is no help for whoever types `west`: what begins with a sign is for those who begin with it, too.
        alike = tuple(name for name in names if name[0].isalnum() or name[0] == word[0])
        near = _nearest(word, alike, cutoff=0.66)
        return None if near is None else names[near]

    def _visible_entries(self, word: str, access: Access) -> list[_Entry]:
        return [entry for entry in self._entries.get(word.casefold(), ()) if entry.spec.access <= access]

    def _visible_names(self, access: Access) -> dict[str, str]:
        """First word → the shortest command that begins with it, for everything that this access may type."""
        known = ((word, self._visible_entries(word, access)) for word in self._entries)
        return {word: " ".join(min(entries, key=_length).words) for word, entries in known if entries}

    def _conflicts(self) -> Iterable[str]:
        owners: dict[str, CommandSpec] = {}
        for entries in self._entries.values():
            for entry in entries:
                name = " ".join(entry.words)
                owner = owners.setdefault(name, entry.spec)
                if owner.plugin != entry.spec.plugin:
                    yield f'command "{name}": {_wins(owner, entry.spec)}'
        for prefix, specs in self._prefixes.items():
            for other in specs[1:]:
                if other.plugin != specs[0].plugin:
                    yield f"prefix {prefix!r}: {_wins(specs[0], other)}"
            for word, entries in self._entries.items():
                if word.startswith(prefix) and word != prefix:
                    hider, hidden = specs[0].plugin, entries[0].spec.plugin
                    yield f'prefix {prefix!r} of plugin {hider} hides command "{word}" of plugin {hidden}'


def _length(entry: _Entry) -> int:
    return len(entry.words)


def _wins(winner: CommandSpec, loser: CommandSpec) -> str:
    first, second = (f"plugin {spec.plugin} (priority {spec.priority})" for spec in (winner, loser))
    return f"{first} wins over {second}"


def _entries(spec: CommandSpec) -> Iterable[_Entry]:
    every = (_named(spec), *(_entry(spec, alias) for alias in spec.aliases))
    return (entry for entry in every if entry is not None)


def _named(spec: CommandSpec) -> _Entry | None:
    """How a command is typed by its own words; None if its pattern begins with none."""
    return _Entry(spec.words, spec, (" ".join(spec.words),)) if spec.words else None


def _entry(spec: CommandSpec, alias: str) -> _Entry | None:
    """How a command is typed by an alias; None if that adds nothing."""
    words = spec.words
    typed = tuple(alias.casefold().split())
    if not words or typed == words:
        return None
    # One word may stand for the first word of `channel create` (`chan create`) or for the whole (`ccreate`).
    name = " ".join(words)
    return _Entry(typed, spec, (words[0], name) if len(typed) == 1 < len(words) else (name,))


def _after(words: Sequence[str], line: str, first: str) -> str | None:
    """What follows ``words`` in a line whose first word is known to be the first of them; None if the others differ."""
    end = len(first)
    for word in words[1:]:
        found = _WORD.search(line, end)
        if found is None or found.group().casefold() != word:
            return None
        end = found.end()
    return line[end:]


def _nearest(typed: str, names: Sequence[str], cutoff: float) -> str | None:
    return next(iter(difflib.get_close_matches(typed, names, n=1, cutoff=cutoff)), None)
