"""shutdown: at once, or after a while that is announced.

A planned shutdown is a note under a key, and a timer for the next announcement. Both outlast a restart; a plan whose time
went by while the server was off is forgotten.
"""

import json
import math
import re

from asking import Refused, answering, in_words, reason_in, with_reason
from holomush_pdk import Event, Invocation, cancel_timer, emit_event, kv_delete, kv_get, kv_set, server_shutdown, set_timer

KEY = "shutdown"
TIMER = "shutdown"

MARKS = (600, 300, 120, 60, 30, 10)
"""Seconds before the end at which everybody is told."""

LATE = 10
"""Seconds. A timer that rings later than this has waited for the server to come back."""

LONGEST = 7 * 86_400

UNITS = {"s sec secs second seconds": 1, "m min mins minute minutes": 60, "h hour hours": 3_600, "d day days": 86_400}
SIZES = {word: size for words, size in UNITS.items() for word in words.split()}
PIECE = re.compile(r"\s*([0-9]{1,6})\s*([a-z]+)(?:\s+and\b|\s*,)?")


@answering
def handle_shutdown(inv: Invocation):
    reason = reason_in(inv)
    when = inv.args.get("when", "now")
    if when.casefold() == "now":
        forget()
        server_shutdown(reason)
        return "The server shuts down."
    seconds = seconds_in(when)
    change = "The shutdown is put to another time. " if planned() else ""
    plan = {"at": inv.timestamp + seconds * 1000, "reason": reason}
    kv_set(KEY, json.dumps(plan))
    set_next_timer(plan, seconds)
    announce(change + leaving(seconds, plan))


def handle_shutdown_cancel():
    if not planned():
        return "No shutdown is planned."
    forget()
    announce("The shutdown is called off.")


def handle_shutdown_status(inv: Invocation):
    plan = planned()
    if not plan:
        return "No shutdown is planned."
    return leaving(max(1, math.ceil((plan["at"] - inv.timestamp) / 1000)), plan)


def ring(event: Event):
    """A moment of the countdown has come."""
    plan, mark = planned(), event.payload["payload"]
    if not plan or plan["at"] != mark["at"]:
        return  # it was called off or put to another time at this very moment
    left = (plan["at"] - event.timestamp) / 1000
    if left < -LATE:
        forget()
        announce("The planned shutdown is called off: its time went by while the server was off.")
    elif left <= 0 or mark["left"] == 0:
        forget()
        server_shutdown(plan["reason"])
    else:
        is_late = mark["left"] - left > LATE
        announce(leaving(math.ceil(left) if is_late else mark["left"], plan))
        set_next_timer(plan, min(left, mark["left"]))


def set_next_timer(plan: dict, left: float) -> None:
    """For the next mark with ``left`` seconds to go, or for the end."""
    mark = next((mark for mark in MARKS if mark < left), 0)
    set_timer(TIMER, max(1, left - mark), {"at": plan["at"], "left": mark})


def planned() -> dict | None:
    return json.loads(kv_get(KEY, "null"))


def forget() -> None:
    kv_delete(KEY)
    cancel_timer(TIMER)


def announce(text: str) -> None:
    emit_event("global", "announcement", {"text": text})


def leaving(seconds: int, plan: dict) -> str:
    return with_reason(f"The server shuts down in {in_words(seconds)}", plan["reason"])


def seconds_in(text: str) -> int:
    """``10m``, ``5 minutes``, ``1h 30m`` or ``1 hour and 10 minutes`` as seconds."""
    total, at, folded = 0, 0, text.casefold().rstrip()
    while at < len(folded) or not total:
        piece = PIECE.match(folded, at)
        if piece is None or piece[2] not in SIZES:
            raise Refused("When? Type shutdown 10 minutes, shutdown 1h 30m, shutdown cancel, or shutdown alone to do it now.")
        total, at = total + int(piece[1]) * SIZES[piece[2]], piece.end()
    if not 1 <= total <= LONGEST:
        raise Refused(f"A shutdown can be planned {in_words(1)} to {in_words(LONGEST)} ahead.")
    return total
