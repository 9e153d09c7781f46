"""Which of some things a typed name means, and how a thing is spoken of.

Names are read as the server's `find` reads them, but only among the things that are handed in: `drop 2.coin` is the second coin
that one carries, however many lie around. A thing is a Record of the server, or any dict with a `name`; `aliases` count too.
Nothing here asks the server.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

__all__ = ["fitting", "name_key", "the", "which_one", "without_article"]

Thing = TypeVar("Thing", bound=Mapping[str, Any])

ARTICLES = ("a ", "an ", "the ")
# Before a name that begins with one of these, or with a capital or a digit, "the" would be one too many.
DETERMINERS = {"a", "an", "the", "some", "another", "my", "your", "his", "her", "its", "our", "their"}
# More names than this in one line tell nobody anything.
MOST_NAMES = 20

_NUMBERED = re.compile(r"(\d{1,3})\.\s*(\S.*)", re.DOTALL)
# What phones put for an apostrophe and a hyphen.
_PLAIN_PUNCTUATION = str.maketrans(dict.fromkeys("\u2018\u2019\u02bb\u02bc", "'") | dict.fromkeys("\u2010\u2011", "-"))


def fitting(things: Sequence[Thing], name: str) -> list[Thing]:
    """The things that `name` fits, in their order.

    Whole names win over beginnings of a name or of a word in it; `2.coin` is the second of those that `coin` fits. Double quotes
    around it all do not count, and an article is overlooked if nothing fits with it.
    """
    key = name_key(_unquoted(name))
    found = _with_or_without_article(things, key)
    numbered = _NUMBERED.fullmatch(key) or _NUMBERED.fullmatch(without_article(key))
    if found or numbered is None:
        return found
    which = int(numbered[1])
    return _with_or_without_article(things, numbered[2])[which - 1 : which] if which else []


def _with_or_without_article(things: Sequence[Thing], key: str) -> list[Thing]:
    found = _called(things, key)
    return _called(things, without_article(key)) if not found and key.startswith(ARTICLES) else found


def _called(things: Sequence[Thing], key: str) -> list[Thing]:
    if not key:
        return []
    keys = [(thing, [name_key(name) for name in (thing["name"], *thing.get("aliases", ()))]) for thing in things]
    whole = [thing for thing, its_keys in keys if key in its_keys]
    return whole or [thing for thing, its_keys in keys if any(each.startswith(key) or f" {key}" in each for each in its_keys)]


def name_key(name: str) -> str:
    """What two spellings of a name have in common: letter case, composition and spacing do not matter."""
    if name.isascii():  # nearly always, and then the rest would change nothing more
        return " ".join(name.split()).lower()
    key = _clean(name)
    # Folding can undo a composition that folding again would see.
    for _ in range(2):
        folded = unicodedata.normalize("NFD", key).casefold()
        # The Turkish letters become a plain i in the other case.
        key = _clean(folded.replace("\u0131", "i").replace("i\u0307", "i"))
    return key


def _clean(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).translate(_PLAIN_PUNCTUATION).split())


def _unquoted(name: str) -> str:
    name = name.strip()
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name


def without_article(name: str) -> str:
    """`lamp` of `the lamp`, for sentences that bring an article of their own."""
    first, _, rest = name.partition(" ")
    return rest.strip() if f"{first.casefold()} " in ARTICLES and rest.strip() else name


def the(thing: Mapping[str, Any]) -> str:
    """A thing in a sentence: `the brass lamp`, but `a lamp`, `The Crown`, `Bob's hat` and `3 coins` as they are."""
    name = str(thing["name"])
    first = name.partition(" ")[0]
    if first in DETERMINERS or first.endswith(("'s", "\u2019s")) or not first[:1].islower():
        return name
    return f"the {name}"


def which_one(found: Sequence[Mapping[str, Any]]) -> str:
    """The question that a name leads to which fits several: `Which one: bag, box?`.

    Each of these names can be typed: namesakes are `1.coin` and `2.coin`.
    """
    namesakes: dict[str, list[Mapping[str, Any]]] = {}
    for thing in found:
        namesakes.setdefault(name_key(thing["name"]), []).append(thing)
    # A thing with a number is known by where it stands among its namesakes.
    counted = dict.fromkeys(namesakes, 0)
    names = []
    for thing in found[:MOST_NAMES]:
        key = name_key(thing["name"])
        counted[key] += 1
        names.append(_told_apart(thing, counted[key], namesakes[key]))
    if len(found) > MOST_NAMES:
        return f"Which one: {', '.join(names)}, or one of {len(found) - MOST_NAMES} more?"
    return f"Which one: {', '.join(names)}?"


def _told_apart(thing: Mapping[str, Any], number: int, namesakes: Sequence[Mapping[str, Any]]) -> str:
    if len(namesakes) == 1:
        return str(thing["name"])
    # Two bags are easy to take for each other if one is carried and the other lies here.
    where = f" ({_where(thing)})" if len({_where(each) for each in namesakes}) > 1 else ""
    return f"{number}.{thing['name']}{where}"


def _where(thing: Mapping[str, Any]) -> str:
    return "carried" if thing.get("character_id") else "here"
