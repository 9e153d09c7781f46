"""How things, places and texts are spoken of."""

from collections.abc import Iterable

from holomush_pdk import Record
from holomush_pdk.markup import typed
from holomush_pdk.matching import the

WORDS = {"location": "place", "character": "person", "object": "thing", "exit": "exit"}


def plain(text: str) -> str:
    """A text that is shown as it was written: its brackets are no markup, its line ends are the codes that make them."""
    return typed(text).replace("%", "%%").replace("\n", "%r").replace("\t", "%t")


def ref(thing: Record) -> str:
    """A thing and what it can be called in any command, wherever it is: `Hall (#01K...)`."""
    return f"{thing.name} (#{thing.id})"


def spoken(thing: Record) -> str:
    """Something in a sentence: `the brass lamp`, but places, exits and people by their names alone."""
    return the(thing) if thing.kind == "object" else str(thing.name)


def sentence_start(thing: Record) -> str:
    """Something at the start of a sentence: `The brass lamp`, but `north`."""
    name = spoken(thing)
    return name[:1].upper() + name[1:] if thing.kind == "object" else name


def exit_names(way: Record) -> str:
    """The name of an exit with its aliases: `north (n)`."""
    return f"{way.name} ({', '.join(way.aliases)})" if way.aliases else str(way.name)


def count(number: int, one: str, many: str = "") -> str:
    """`1 exit`, `2 exits`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def joined(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
