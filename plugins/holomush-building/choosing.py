"""What a name in a command means: `me`, `here`, a name or the beginning of one, `2.lamp`, `#<id>`.

Refuses what nothing is called, and asks if several things are.
"""

import re
from collections.abc import Callable, Iterable

from holomush_pdk import (
    HostError,
    Invocation,
    Record,
    find,
    query_character,
    query_exit,
    query_location,
    query_object,
)
from holomush_pdk.markup import typed
from holomush_pdk.matching import name_key, which_one, without_article
from naming import unquoted
from refusing import Refusal
from rights import is_admin, is_theirs
from wording import ref

KINDS = ("object", "exit", "character", "location")
QUERIES = {"object": query_object, "exit": query_exit, "character": query_character, "location": query_location}
# More names than this in one question help nobody.
MOST_NAMES = 10

_ID = re.compile(r"#?([0-7][0-9A-HJKMNP-TV-Z]{25})", re.IGNORECASE)
_NUMBERED = re.compile(r"\d+\.")


def choose(inv: Invocation, name: str, kinds: Iterable[str] = KINDS) -> Record:
    """What is meant of what is near the actor, or of everything if it is an id. Admins can name people wherever they are."""
    wanted = tuple(kinds)
    if looks_like_id(name):
        return by_id(name, wanted)
    found = find(name, near=inv.actor.id, kinds=wanted)
    if not found:
        found = find(without_article(name), near=inv.actor.id, kinds=wanted)
    if "character" in wanted and is_admin(inv) and not any(is_called(thing, name) for thing in found):
        found = called_anywhere(name, ["character"]) or found
    if not found:
        raise Refusal(f"There is no {typed(without_article(name))} here.")
    if len(found) > 1:
        raise Refusal(which_one(found))
    return found[0]


def choose_place(inv: Invocation, name: str, may: Callable[[Invocation, Record], bool]) -> Record:
    """A place of the whole world which the actor `may` use. That of others does not stand in the way of a namesake."""
    if name.casefold() == "here" or looks_like_id(name):
        found = [choose(inv, name, ["location"])]
    else:
        found = find(name, near=None, kinds=["location"])
    if not found:
        raise Refusal(f"There is no place called {typed(name)}.")
    allowed = [place for place in found if may(inv, place)]
    if not allowed:
        raise Refusal(f"{found[0].name} is not yours, and its owner has not set it link_ok.")
    return only(allowed)


def choose_person(inv: Invocation, name: str) -> Record:
    """Somebody, wherever they are, connected or not. A whole name wins; of those who are not connected, it is needed."""
    if name.casefold() == "me":
        return inv.actor
    if looks_like_id(name):
        return by_id(name, ("character",))
    found = called_anywhere(name, ["character"]) or find(name, near=inv.actor.id, kinds=["character"])
    if len(found) != 1:
        found = find(name, near=None, kinds=["character"])
    if not found:
        raise Refusal(f"There is nobody called {typed(name)}.")
    return only(found)


def choose_to_move(inv: Invocation, name: str) -> Record:
    """Somebody or something to be moved: near, or else anywhere in the world if it is the actor's.

    A whole name anywhere wins over the beginning of one that is near: nobody is moved who was not meant.
    """
    kinds = ["object", "character"]
    if looks_like_id(name):
        return choose(inv, name)
    near = find(name, near=inv.actor.id, kinds=[*kinds, "exit", "location"])
    if near and not any(is_called(thing, name) for thing in near):
        elsewhere = [thing for thing in called_anywhere(name, kinds) if is_theirs(inv, thing)]
        if elsewhere:
            return only(elsewhere)
    if near:
        return only(near, which_one)
    found = [thing for thing in find(name, near=None, kinds=kinds) if is_theirs(inv, thing)]
    if not found:
        raise Refusal(f"There is no {typed(without_article(name))} here, nor anything of yours that is called so.")
    return only(found)


def called_anywhere(name: str, kinds: list[str]) -> list[Record]:
    """What has just this name, in the whole world."""
    return [thing for thing in find(name, near=None, kinds=kinds) if is_called(thing, name)]


def is_called(thing: Record, name: str) -> bool:
    """Whether a name is a whole name of something, not only its beginning. `me`, `here` and `2.lamp` are as good."""
    key = name_key(unquoted(name))
    return key in {"me", "here", *map(name_key, (thing.name, *thing.get("aliases", ())))} or _NUMBERED.match(key) is not None


def only(found: list[Record], question: Callable[[list[Record]], str] | None = None) -> Record:
    """The one that was found. Asks which, if there are several."""
    if len(found) == 1:
        return found[0]
    raise Refusal((question or which_of_the_world)(found))


def which_of_the_world(found: list[Record]) -> str:
    """The question which one, with ids: in the whole world there is no first and second."""
    names = [ref(thing) for thing in found[:MOST_NAMES]]
    more = len(found) - len(names)
    return f"Which one: {', '.join(names)}{f', or one of {more} more' if more else ''}?"


def looks_like_id(name: str) -> bool:
    return name.startswith("#") or _ID.fullmatch(name) is not None


def by_id(name: str, kinds: Iterable[str]) -> Record:
    """What has an id, written with or without the #."""
    found = _ID.fullmatch(name)
    for kind in kinds if found else ():
        thing = exists(kind, found[1].upper())
        if thing:
            return thing
    raise Refusal(f"There is nothing with the id {typed(name)}.")


def exists(kind: str, thing_id: str) -> Record | None:
    """Something with what it holds, or None if it is gone."""
    try:
        return QUERIES[kind](thing_id)
    except HostError as error:
        if error.code != "not_found":
            raise
        return None
