"""The names of accounts and characters: their one spelling, which are allowed, and the key that makes them unique.

Pure: text in, text or an error out. Whether a name is taken is the account store's business.
"""

import re
import unicodedata

from holomush.errors import HolomushError
from holomush.world.lookalikes import look

MIN_LENGTH = 2
MAX_LENGTH = 24

# Three marks on one letter are enough for Thai, Hebrew and Devanagari; more is a tower that paints over other lines.
MAX_MARKS = 3

# Words that commands understand as somebody, everybody or nobody. Nobody may be called so.
COMMAND_WORDS = frozenset(
    {"all", "any", "anybody", "anyone", "everybody", "everyone", "here", "home", "him", "her", "it", "me", "myself"}
    | {"nobody", "none", "noone", "nothing", "self", "somebody", "someone", "something", "them", "us", "you"}
)

# Names that speak with the server's voice. Players may not choose them; the operator may give them out.
OFFICIAL_WORDS = frozenset(
    {"admin", "administrator", "god", "holomush", "moderator", "operator"} | {"root", "server", "staff", "system", "wizard"}
)

# A name that ends so reads as the beginning of what somebody else says or does: "Alice says".
_VERBS = frozenset({"says", "pages", "whispers", "shouts", "asks", "exclaims", "thinks", "poses", "emits"})

_ARTICLES = frozenset({"a", "an", "the"})

_OFFICIAL_LOOKS = frozenset(look(form) for word in OFFICIAL_WORDS for form in (word, word.capitalize()))

# Names that begin so are handed out by the server, to guests.
GUEST_PREFIX = "guest"

# What phones put for an apostrophe and a hyphen: who signed up on one would else be locked out everywhere else.
_PLAIN_PUNCTUATION = str.maketrans(dict.fromkeys("\u2018\u2019\u02bb\u02bc", "'") | dict.fromkeys("\u2010\u2011", "-"))

_PUNCTUATION = frozenset(" '-.")

# Letters and marks by category that draw nothing, or only change how their neighbour is drawn.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")

_SQUEEZED_OUT = re.compile(r"[\W_]+")

# First words of unicodedata.name() that are not the name of a script, and the script they stand for.
_SCRIPT_ALIASES = {"EXTENDED": "ARABIC", "IDEOGRAPHIC": "CJK"}


class BadName(HolomushError):
    """A name that may not be used. ``str()`` is one line for the player who chose it."""


def clean_name(text: str) -> str:
    """The one spelling of a typed name: NFKC, plain apostrophes and hyphens, single spaces, none at the ends.

    Never raises; whether the result is allowed is for :func:`check_name`. Cleaning twice changes nothing.
    """
    return " ".join(unicodedata.normalize("NFKC", text).translate(_PLAIN_PUNCTUATION).split())


def name_key(name: str) -> str:
    """What two spellings of a name have in common: cleaned, case-folded, NFKC. Uniqueness and look-up go by it.

    The Turkish dotted and dotless letters count as a plain ``i``, because that is what they become in the other case.
    """
    if name.isascii():  # as most are, and whoever searches the world needs thousands of keys
        return " ".join(name.split()).lower()
    key = clean_name(name)
    # Folding can undo a composition that folding again would see (U+1E9E, U+0345), hence twice.
    for _ in range(2):
        folded = unicodedata.normalize("NFD", key).casefold().replace("\u0131", "i").replace("i\u0307", "i")
        key = clean_name(folded)
    return key


def check_name(name: str, *, by_operator: bool = False, of_player: bool = True) -> None:
    """Raise :class:`BadName` unless ``name``, as :func:`clean_name` left it, may be taken.

    Allowed are 2 to 24 code points: letters, their marks, digits, spaces, apostrophes, hyphens and full stops, with a
    letter first. All letters come from one script, so that a Cyrillic ``a`` cannot hide among Latin letters; a name
    wholly in a look-alike script is not caught. Japanese names are therefore in kanji or in one of the kana.

    Refused are :data:`COMMAND_WORDS`, and unless ``by_operator`` also :data:`OFFICIAL_WORDS` and every name that begins
    with ``guest``; case, spaces and punctuation make no difference to that, nor do letters that look alike.
    Also refused are names that read like the beginning of somebody's words, such as ``Alice says``, and for players those
    with an article.
    """
    if not MIN_LENGTH <= len(name) <= MAX_LENGTH:
        raise BadName(f"A name is {MIN_LENGTH} to {MAX_LENGTH} characters long.")
    if name != clean_name(name) or _INVISIBLE.search(name) or not all(map(_is_allowed, name)):
        raise BadName("A name may hold only letters, digits, spaces, apostrophes, hyphens and full stops.")
    if not unicodedata.category(name[0]).startswith("L"):
        raise BadName("A name begins with a letter.")
    if len({script for script in map(_script, name) if script}) > 1:
        raise BadName("A name may not mix letters of different alphabets.")
    if _has_tower_of_marks(name):
        raise BadName(f"A name may not put more than {MAX_MARKS} marks on one letter.")
    words = name_key(name).split()
    if words[-1] in _VERBS:
        raise BadName("A name may not end so that it reads like the beginning of somebody's words.")
    if of_player and len(words) > 1 and words[0] in _ARTICLES:
        raise BadName("A name may not begin with an article.")
    word, drawn = (_SQUEEZED_OUT.sub("", text) for text in (name_key(name), look(name)))
    official = word in OFFICIAL_WORDS or drawn in _OFFICIAL_LOOKS or word.startswith(GUEST_PREFIX)
    if word in COMMAND_WORDS or (official and not by_operator):
        raise BadName("That name is reserved. Please choose another.")


def _is_allowed(char: str) -> bool:
    """Whether one code point may stand in a name. Enclosing marks, symbols and every kind of control may not."""
    if char in _PUNCTUATION:
        return True
    category = unicodedata.category(char)
    if category not in {"Lu", "Ll", "Lt", "Lo", "Lm", "Mn", "Mc", "Nd"}:
        return False
    # Modifier letters that NFKC left alone (primes, tone bars) pass for punctuation; a nameless letter has no script.
    return _script(char) not in {"MODIFIER", "VERTICAL", "UNKNOWN"}


def _script(char: str) -> str | None:
    """The script of a letter, mark or digit; None for what goes with any (punctuation, ASCII digits, plain accents)."""
    if char in _PUNCTUATION:
        return None
    first = re.split("[ -]", unicodedata.name(char, "UNKNOWN"), maxsplit=1)[0]
    if first in {"DIGIT", "COMBINING"}:
        return None
    return _SCRIPT_ALIASES.get(first, first)


def _has_tower_of_marks(name: str) -> bool:
    marks = 0
    # Decomposed, so that a letter that brings its own accent does not get three more.
    for char in unicodedata.normalize("NFD", name):
        marks = marks + 1 if unicodedata.category(char).startswith("M") else 0
        if marks > MAX_MARKS:
            return True
    return False
