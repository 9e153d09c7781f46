"""Which of some things a typed name means, and how a thing is spoken of.

Names are read as the server's `find` reads them, but only among the things that are handed in: `drop 2.coin` is the second coin
that one carries, however many lie around.
"""

import re
import unicodedata

from holomush_pdk import Record

ARTICLES = ("a ", "an ", "the ")
# Before a name that begins with one of these, or with a capital or a digit, "the" would be one too many.
DETERMINERS = {"a", "an", "the", "some", "another", "my", "your", "his", "her", "its", "our", "their"}
# More names than this in one line tell nobody anything.
MOST_NAMES = 20

_NUMBERED = re.compile(r"(\d{1,3})\.\s*(\S.*)", re.DOTALL)
# What phones put for an apostrophe and a hyphen.
_PLAIN_PUNCTUATION = str.maketrans(dict.fromkeys("\u2018\u2019\u02bb\u02bc", "'") | dict.fromkeys("\u2010\u2011", "-"))


def fitting(things: list[Record], name: str) -> list[Record]:
    """The things that `name` fits, in their order.

    Whole names win over beginnings of a name or of a word in it; `2.coin` is the second of those that `coin` fits. An article is
    overlooked if nothing fits with it.
    """
    key = name_key(name)
    found = _fitting_key(things, key)
    numbered = _NUMBERED.fullmatch(key)
    if not found and numbered:
        which = int(numbered[1])
        found = fitting(things, numbered[2])[which - 1 : which] if which else []
    if not found and key.startswith(ARTICLES):
        found = fitting(things, without_article(key))
    return found


def _fitting_key(things: list[Record], key: str) -> list[Record]:
    if not key:
        return []
    keys = [(thing, name_key(thing.name)) for thing in things]
    whole = [thing for thing, its_key in keys if its_key == key]
    return whole or [thing for thing, its_key in keys if its_key.startswith(key) or f" {key}" in its_key]


def name_key(name: str) -> str:
    """What two spellings of a name have in common: letter case, composition and spacing do not matter."""
    key = _clean(name)
    # Folding can undo a composition that folding again would see.
    for _ in range(2):
        folded = unicodedata.normalize("NFD", key).casefold()
        # The Turkish letters become a plain i in the other case.
        key = _clean(folded.replace("\u0131", "i").replace("i\u0307", "i"))
    return key


def _clean(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).translate(_PLAIN_PUNCTUATION).split())


def without_article(name: str) -> str:
    """`lamp` of `the lamp`, for sentences that bring an article of their own."""
    first, _, rest = name.partition(" ")
    return rest.strip() if f"{first.casefold()} " in ARTICLES and rest.strip() else name


def the(thing: Record) -> str:
    """A thing in a sentence: `the brass lamp`, but `a lamp`, `The Crown`, `Bob's hat` and `3 coins` as they are."""
    first = thing.name.partition(" ")[0]
    if first in DETERMINERS or first.endswith(("'s", "\u2019s")) or not first[:1].islower():
        return thing.name
    return f"the {thing.name}"


def which_one(things: list[Record]) -> str:
    """The question that a name leads to which fits several; each of these names can be typed: `1.coin`, `2.coin`."""
    namesakes: dict[str, list[Record]] = {}
    for thing in things:
        namesakes.setdefault(name_key(thing.name), []).append(thing)
    names = [_told_apart(thing, namesakes[name_key(thing.name)]) for thing in things[:MOST_NAMES]]
    if len(things) > MOST_NAMES:
        return f"Which one: {', '.join(names)}, or one of {len(things) - MOST_NAMES} more?"
    return f"Which one: {', '.join(names)}?"


def _told_apart(thing: Record, namesakes: list[Record]) -> str:
    if len(namesakes) == 1:
        return thing.name
    # Two bags are easy to take for each other if one is carried and the other lies here.
    where = f" ({_where(thing)})" if len({_where(each) for each in namesakes}) > 1 else ""
    return f"{namesakes.index(thing) + 1}.{thing.name}{where}"


def _where(thing: Record) -> str:
    return "carried" if thing.get("character_id") else "here"
