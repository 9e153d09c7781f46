"""Which names look the same though they are spelt differently, by Unicode's list of characters that are confused.

``name_key`` tells names that *are* the same; here are those that somebody could pass for another with: ``AIice`` with a capital i,
or a name wholly in an alphabet that looks like Latin.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from confusable_homoglyphs.confusables import confusables_data

# The list has these around letters of scripts that are written from right to left.
_DIRECTION_MARK = "\u200e"

_OVERLOOKED = frozenset(" .'-")


@lru_cache(maxsize=4096)
def look(name: str) -> str:
    """What two names that look alike have in common. Of a name as ``clean_name`` left it."""
    # Accents and punctuation are too easily overlooked, and many letters have none but on paper.
    drawn = "".join(_prototype(char) for char in unicodedata.normalize("NFD", name) if not _is_overlooked(char))
    # Letter case only now: a capital i looks like a small L, a small i does not.
    return unicodedata.normalize("NFC", drawn).casefold()


def _is_overlooked(char: str) -> bool:
    """Not so the marks of scripts that write their vowels with them."""
    return char in _OVERLOOKED or unicodedata.name(char, "").startswith("COMBINING")


@lru_cache(maxsize=4096)
def _prototype(char: str) -> str:
    """The character or characters that stand for all that look like ``char``."""
    alike: list[str] = [entry["c"].strip(_DIRECTION_MARK) for entry in confusables_data.get(char, ())]
    if len(alike) != 1:
        return char  # nothing looks like it, or the others are listed as looking like it
    (other,) = alike
    # Of a pair either may be listed under the other.
    return other if len(confusables_data.get(other, ())) > 1 else min(char, other)
