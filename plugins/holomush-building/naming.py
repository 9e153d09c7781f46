"""Which names places, exits and things may have.

Stricter than the server: a name must be easy to type, and nobody may make one that passes for a player's.
"""

import re
import unicodedata

from holomush_pdk import Record, find, query_location
from holomush_pdk.matching import name_key
from refusing import Refusal

LONGEST = 128
MOST_ALIASES = 32
# What commands understand as something else, and `nobody`, whom the lock of a loose exit lets in.
RESERVED = {"all", "everything", "here", "home", "me", "nobody"}
FORBIDDEN = '[]"=;'
# Whoever types these speaks, sets a property or leaves: such an exit could not be walked through by its name.
NO_EXIT_BEGINS = ":&\\"
NO_EXITS = {"quit", "who"}
# Alphabets with letters that look like those of another.
LOOK_ALIKES = {"ARMENIAN", "CHEROKEE", "CYRILLIC", "GREEK", "LATIN"}

_NUMBER = re.compile(r"\d+(\.|$)")


def checked_name(text: str) -> str:
    """A name as it is kept: single spaces. Refuses what may not be one."""
    name = " ".join(text.split())
    if not name:
        raise Refusal("A name may not be empty.")
    if len(name) > LONGEST:
        raise Refusal(f"A name has at most {LONGEST} characters.")
    if name.startswith("#") or any(char in FORBIDDEN for char in name):
        raise Refusal(f"A name may not hold any of {' '.join(FORBIDDEN).replace('[', '[[')} and may not begin with #.")
    if _NUMBER.match(name_key(name)):
        raise Refusal("A name may not be a number or begin as 2. does: 2.lamp is the second lamp.")
    if not name.isprintable():
        raise Refusal("A name may not hold characters that cannot be seen.")
    if any(len(alphabets(word)) > 1 for word in name.split()):
        raise Refusal("A name may not mix letters of different alphabets in one word.")
    if name_key(name) in RESERVED:
        raise Refusal(f"{name} is a word that commands understand as something else. Choose another name.")
    return name


def checked_thing_name(text: str) -> str:
    """The name of a thing. People and things stand in one list, so a thing may not be called as somebody is."""
    name = checked_name(text)
    for person in find(name, near=None, kinds=["character"]):
        if name_key(person.name) == name_key(name):
            raise Refusal(f"{person.name} is somebody's name. Choose another name.")
    return name


def checked_exit_names(text: str) -> list[str]:
    """`north;n` as a list of the name and the aliases, each of them once."""
    names: dict[str, str] = {}
    for part in unquoted(text).split(";"):
        name = checked_exit_name(part)
        names.setdefault(name_key(name), name)
    if len(names) > MOST_ALIASES + 1:
        raise Refusal(f"An exit has at most {MOST_ALIASES} other names.")
    return list(names.values())


def checked_exit_name(text: str) -> str:
    """One name of an exit, which is a command to those who stand before it."""
    name = checked_name(unquoted(text))
    if name[0] in NO_EXIT_BEGINS:
        raise Refusal(f"The name of an exit may not begin with any of {' '.join(NO_EXIT_BEGINS)}")
    if name_key(name) in NO_EXITS:
        raise Refusal(f"{name} is a word that commands understand as something else. Choose another name.")
    return name


def must_be_free(place: Record, names: list[str], but: str = "") -> None:
    """Refuses names that an exit of the place has already, other than the one with the id `but`."""
    wanted = {name_key(name) for name in names}
    for way in query_location(place.id).exits:
        for name in (way.name, *way.aliases):
            if way.id != but and name_key(name) in wanted:
                raise Refusal(f"{place.name} already has an exit called {name}.")


def alphabets(word: str) -> set[str]:
    """Which of the alphabets that look alike the letters of a word are from."""
    first_words = {unicodedata.name(char, "").partition(" ")[0] for char in word if char.isalpha()}
    return first_words & LOOK_ALIKES


def unquoted(text: str) -> str:
    """The text without the double quotes around it all."""
    text = text.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] == '"' else text
