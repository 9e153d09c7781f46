"""How a command says that it cannot be done, and other things that all of them have in common."""

import re
from collections.abc import Callable, Iterable
from functools import wraps

from holomush_pdk import Invocation, Record, find
from holomush_pdk.markup import typed
from holomush_pdk.matching import name_key, which_one


class Sorry(Exception):
    """Why nothing is done, in one line for whoever typed the command. Only to be raised before anything is changed."""


def friendly(handler: Callable) -> Callable:
    """A handler that answers with the line when it raises Sorry."""

    @wraps(handler)
    def answer(inv: Invocation):
        try:
            return handler(inv)
        except Sorry as sorry:
            return str(sorry)

    return answer


def person_called(name: str, actor: Record) -> Record:
    """The one person, anywhere, whom a name means: a whole name, or the beginning of one if they are connected."""
    if name_key(name) == "me":
        return actor
    found = find(name, kinds=["character"])
    if not found:
        raise Sorry(f"There is nobody called {typed(name)}.")
    if len(found) > 1:
        raise Sorry(which_one(found))
    return found[0]


def two_parts(text: str) -> tuple[str, str]:
    """The first word and what comes after it, behind an equals sign or a space: `public=hello` and `public hello`."""
    first, rest = re.fullmatch(r"([^\s=]*)\s*=?\s*(.*)", text, re.DOTALL).groups()
    return first, rest


def as_pose(message: str) -> tuple[str, str] | None:
    """What `:waves` or `;'s cat purrs` put behind a name: the space and the rest. None for what is said."""
    if message[0] not in ":;" or len(message) == 1:
        return None
    return (" " if message[0] == ":" else ""), message[1:]


def listed(names: Iterable[str]) -> str:
    """`Bob`, `Bob and Carol`, `Bob, Carol and Dave`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def ago(seconds: int) -> str:
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = seconds // size
            return f"{number} {unit}{'' if number == 1 else 's'} ago"
    return "less than a minute ago"
