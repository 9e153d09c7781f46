"""How a command is refused: one friendly line, and nothing done.

What is refused has to be refused before anything is changed, or has to take back what it did: the line that a handler returns
does not undo anything.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from holomush_pdk import HostError, Invocation

TOO_FAST = "That is more than may be made in so short a time. Wait a little and try again."
TOO_MUCH = "That is more than can be kept."


class Refusal(Exception):
    """What was asked for is not done. The text is what the player reads."""


def answering(handler: Callable[[Invocation], Any]) -> Callable[[Invocation], Any]:
    """Makes a refusal inside of the handler its answer."""

    @wraps(handler)
    def answer(inv: Invocation) -> Any:
        try:
            return handler(inv)
        except Refusal as refusal:
            return str(refusal)

    return answer


def because(error: HostError) -> Refusal:
    """The refusal to answer with when the server refuses what a player may well ask for. Other errors are raised on."""
    if error.code == "rate_limited":
        return Refusal(TOO_FAST)
    if error.code == "too_large":
        return Refusal(TOO_MUCH)
    if error.code in {"invalid_argument", "not_found", "conflict", "unavailable"}:
        return Refusal(sentence(error.message))
    raise error


def sentence(text: str) -> str:
    """A message of the server as a sentence: with a capital and a full stop, and without the name of a parameter before it."""
    text = text.strip()
    if text.startswith("name: must "):
        text = f"a {text.replace(':', '', 1)}"
    text = text.removeprefix("name: ")
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
