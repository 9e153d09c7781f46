"""What somebody sees and types before they play: connect, create, WHO, QUIT, HELP.

Parsing and wording only; ``session`` acts on the result.
"""

from __future__ import annotations

import re

import attrs

BANNER = """\

HoloMUSH

  connect <name> <password>    play your character
  create <name> <password>     make a new one
  connect guest                look around without one
  WHO   who is here            QUIT   leave            HELP   more

A name with spaces goes in double quotes. Leave the password out to be asked for it unseen."""

HELP = """\
To come in:    connect <name> <password>    or    connect "<name with spaces>" <password>
To be new:     create <name> <password>
To look round: connect guest
Leave the password out, and you are asked for it; most clients then do not show what you type.
WHO lists who is playing. QUIT hangs up.
To come back after a lost connection without the password: resume <token>. Once inside, RESUME tells your token.
Once inside, try: look      say hello      "hello      :waves      an exit's name, such as north"""

_WORDS = re.compile(r'\s*(\S+)(?:\s+(?:"([^"]*)"|(\S+))(?:\s+(.*\S))?)?\s*', re.DOTALL)


@attrs.frozen
class Enter:
    """``connect`` or ``create`` (``new`` is True). ``password`` is None if it was not typed yet."""

    name: str
    password: str | None
    new: bool


@attrs.frozen
class EnterAsGuest:
    """``connect guest``."""


@attrs.frozen
class Resume:
    """``resume``: come back with a token. ``after`` is the number of the last event that was seen, if the client knows it."""

    token: str
    after: int | None = None


@attrs.frozen
class ShowHelp:
    """``HELP``."""


@attrs.frozen
class Misunderstood:
    """Anything else; ``answer`` says what would be right."""

    answer: str


Request = Enter | EnterAsGuest | Resume | ShowHelp | Misunderstood

_NOT_IN = "You are not in the game yet. Type: connect <name> <password>    or HELP"
_VERBS = {"connect": False, "con": False, "co": False, "create": True, "cr": True}


def read_request(line: str) -> Request:
    """What a line on the connect screen asks for. WHO and QUIT are the session's: they work everywhere."""
    match = _WORDS.fullmatch(line)
    if match is None:
        return Misunderstood("Type: connect <name> <password>    or HELP")
    verb, quoted, bare, password = match.groups()
    name = (quoted if quoted is not None else bare or "").strip()
    word = verb.casefold()
    if word == "help":
        return ShowHelp()
    if word not in _VERBS:
        return Resume(bare) if word == "resume" and bare else Misunderstood(_NOT_IN)
    new = _VERBS[word]
    if not name:
        return Misunderstood(f"Type: {'create' if new else 'connect'} <name> <password>")
    if name.casefold() == "guest" and not new:
        return EnterAsGuest()
    return Enter(name, password, new)
