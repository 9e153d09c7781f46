"""What the commands have in common: refusals as answers, people by name, times and reasons as text."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps

from holomush_pdk import HostError, Invocation, Record, find
from holomush_pdk.matching import which_one

LONGEST_REASON = 180
"""Characters. The server takes 200 and what stands before the reason."""

UNITS = (("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))

SAYABLE = ("invalid_argument", "not_found", "conflict", "too_large", "unavailable")
"""The server's refusals that are about what was asked for, and so are answers. All others fail the call."""


class Refused(Exception):
    """It is not done. The text is the line that the player reads."""


def answering(handler: Callable):
    """A handler whose refusals, and the server's, are its answer.

    What was changed before a refusal is not taken back, so whatever may be refused comes before all other changes.
    """

    @wraps(handler)
    def answer(inv: Invocation):
        try:
            return handler(inv)
        except Refused as refusal:
            return str(refusal)
        except HostError as error:
            if error.code not in SAYABLE:
                raise
            return sentence(error.message)

    return answer


def sentence(text: str) -> str:
    """With a capital and a full stop, if it has none."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def find_person(inv: Invocation, who: str) -> Record:
    """The one character, in play or not, that ``who`` means."""
    if who.casefold() == "me":
        return inv.actor
    found = find(who, near=None, kinds=["character"])
    if not found:
        raise Refused(f"There is nobody called {who}.")
    if len(found) > 1:
        raise Refused(which_one(found))
    return found[0]


def reason_in(inv: Invocation) -> str:
    reason = inv.args.get("reason", "")
    if len(reason) > LONGEST_REASON:
        raise Refused(f"A reason has at most {LONGEST_REASON} characters.")
    return reason


def with_reason(text: str, reason: str) -> str:
    """``Bob is banned: spam``, or ``Bob is banned.``"""
    return f"{text}: {reason}" if reason else f"{text}."


def in_words(seconds: int) -> str:
    """``5 minutes``, ``1 hour and 10 minutes``: the two largest units that are needed."""
    parts = []
    for unit, size in UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(counted(count, unit))
    return " and ".join(parts[:2]) or "0 seconds"


def counted(number: int, thing: str) -> str:
    """``1 call``, ``2 calls``"""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def date(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M} UTC"
