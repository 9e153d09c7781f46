"""Who may pass a lock. A lock is text: `brass key`, `Alice | Bob`, `guild ring & !Mallory`, `(Alice | Bob) & lantern`.

A name stands for the character of that name or id, or for anybody who carries a thing of that name or id. `|` is or, `&` and,
`!` not; `&` binds closer than `|`. No text locks nobody out; text that makes no sense locks out everybody.
"""

import re

DEEPEST = 20

_TOKEN = re.compile(r"\s*([|&!()]|[^|&!()]+)")


class BadLock(ValueError):
    """The text is no lock. The message says where it went wrong."""


def passes(lock: str, names: set[str]) -> bool:
    """Whether somebody passes who is, or carries, what `names` say (in small letters)."""
    if not lock.strip():
        return True
    try:
        return _Reader(lock).read(names)
    except BadLock:
        return False


def check(lock: str) -> None:
    """Raises BadLock for a text that nobody could pass because it makes no sense."""
    if lock.strip():
        _Reader(lock).read(set())


class _Reader:
    def __init__(self, lock: str) -> None:
        self._tokens: list[str] = [token.strip() for token in _TOKEN.findall(lock) if token.strip()]
        self._at = 0
        self._depth = 0

    def read(self, names: set[str]) -> bool:
        value = self._either(names)
        if self._at < len(self._tokens):
            raise BadLock(f"{self._tokens[self._at]} is where something else should be")
        return value

    def _either(self, names: set[str]) -> bool:
        value = self._both(names)
        while self._take("|"):
            value = self._both(names) or value
        return value

    def _both(self, names: set[str]) -> bool:
        value = self._one(names)
        while self._take("&"):
            value = self._one(names) and value
        return value

    def _one(self, names: set[str]) -> bool:
        self._depth += 1
        if self._depth > DEEPEST:
            raise BadLock(f"! and ( can stand {DEEPEST} deep")
        if self._take("!"):
            value = not self._one(names)
        elif self._take("("):
            value = self._either(names)
            if not self._take(")"):
                raise BadLock("a ) is missing")
        else:
            value = self._name() in names
        self._depth -= 1
        return value

    def _name(self) -> str:
        if self._at == len(self._tokens) or self._tokens[self._at] in "|&!()":
            raise BadLock("a name is missing")
        self._at += 1
        return self._tokens[self._at - 1].casefold()

    def _take(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == token:
            self._at += 1
            return True
        return False
