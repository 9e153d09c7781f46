"""The names of channels: how they are spelled, which are allowed, and which two could be taken for each other."""

import unicodedata

from holomush_pdk.matching import name_key

SHORTEST, LONGEST = 2, 20
LETTERS = {"Ll", "Lu", "Lo", "Mn", "Mc"}
DIGITS = "0123456789"
# Scripts that one word is written in together.
TOGETHER = {"HIRAGANA": "CJK", "KATAKANA": "CJK"}
# Cyrillic and Greek letters, and digits, that look like small Latin letters.
LOOK_ALIKES = str.maketrans(
    "01\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u03bf\u03bd\u03c1\u03b9\u03b1\u03c5",
    "olaeopcyxijshdovpiau",
)


def channel_key(name: str) -> str:
    """The one spelling of a channel's name, in small letters."""
    return name_key(name)


def problem_with(key: str) -> str:
    """What is wrong with a channel's name, in one line; empty if it may be taken."""
    if not SHORTEST <= len(key) <= LONGEST:
        return f"The name of a channel has {SHORTEST} to {LONGEST} characters."
    if not all(is_allowed(char) for char in key):
        return "The name of a channel may hold only letters, digits and hyphens."
    if not unicodedata.category(key[0]).startswith("L"):
        return "The name of a channel begins with a letter."
    if len({script for script in map(script_of, key) if script}) > 1:
        return "The name of a channel may not mix letters of different alphabets."
    return ""


def is_allowed(char: str) -> bool:
    if char == "-" or char in DIGITS:
        return True
    # There are letters that show nothing: they are called fillers.
    return unicodedata.category(char) in LETTERS and "FILLER" not in unicodedata.name(char, "FILLER")


def script_of(char: str) -> str:
    """The alphabet of a letter; empty for what goes with any."""
    if char == "-" or char in DIGITS:
        return ""
    first = unicodedata.name(char).replace("-", " ").split()[0]
    return "" if first == "COMBINING" else TOGETHER.get(first, first)


def shape_of(key: str) -> str:
    """What two names have in common that could be taken for each other."""
    decomposed = unicodedata.normalize("NFD", key)
    letters = (char for char in decomposed if char != "-" and not unicodedata.name(char, "").startswith("COMBINING"))
    return "".join(letters).translate(LOOK_ALIKES)
