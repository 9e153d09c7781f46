"""who and doing: who is on, for how long, and what they do."""

import re
import unicodedata

from answers import friendly
from holomush_pdk import Invocation, Record, list_sessions, set_attributes
from holomush_pdk.markup import closed, typed
from holomush_pdk.matching import name_key

LONGEST_DOING = 60
MOST_SHOWN = 200
# In less room than this nobody can read what others are doing.
NARROWEST_DOING = 12

# As the server reads tags. Two brackets are one that is shown.
STYLE = "bold|dim|italic|underline|reverse"
COLOUR = "(?:bright-)?(?:black|red|green|yellow|blue|magenta|cyan|white)|grey|#[0-9A-Fa-f]{6}"
TAG = re.compile(rf"\[(?:\[|/\]|/all\]|(?:{STYLE}|(?:on-)?(?:{COLOUR}))\])")

HEADER = f"{'Player Name':<24} {'On For':>8} {'Idle':>5}"


@friendly
def handle_who(inv: Invocation):
    sessions = list_sessions()
    wanted = inv.args.get("name")
    shown = [session for session in sessions if name_key(session.character_name).startswith(name_key(wanted or ""))]
    if wanted and not shown:
        return f"Nobody is on whose name begins with {typed(wanted)}."
    room = inv.session.width - len(HEADER) - 2
    plain = inv.session.screen_reader or room < NARROWEST_DOING
    lines = [] if plain else [f"{HEADER}  Doing"]
    for session in shown[:MOST_SHOWN]:
        on_for = clock((inv.timestamp - session.connected_at) // 1000)
        idle = brief(session.idle_seconds)
        doing = session.attributes.doing or ""
        if plain:
            lines.append(as_sentence(session, on_for, idle, doing))
        else:
            start = f"{padded(session.character_name, 24)} {on_for:>8} {idle:>5}"
            lines.append(f"{start}  {fitted(doing, room)}".rstrip())
    if len(shown) > MOST_SHOWN:
        lines.append(f"And {len(shown) - MOST_SHOWN} more. Type who and the beginning of a name to see only some.")
    return [*lines, summary(len(shown), len(sessions))]


@friendly
def handle_doing(inv: Invocation):
    doing = " ".join(inv.args.get("text", "").split())
    if len(doing) > LONGEST_DOING:
        return f"That is too long: {LONGEST_DOING} characters at most."
    set_attributes(inv.actor.id, doing=doing or None)
    return f"You are now doing: {closed(doing)}" if doing else "Others no longer see what you are doing."


def as_sentence(session: Record, on_for: str, idle: str, doing: str) -> str:
    parts = [session.character_name, f"on for {on_for}", f"idle {idle}"]
    return ", ".join([*parts, f"doing: {closed(doing)}"] if doing else parts)


def summary(shown: int, everybody: int) -> str:
    if shown < everybody:
        return f"{shown} of {everybody} players."
    return "One player is connected." if everybody == 1 else f"{everybody} players are connected."


def clock(seconds: int) -> str:
    minutes = max(0, seconds) // 60
    days, minutes = divmod(minutes, 24 * 60)
    time = f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{days}d {time}" if days else time


def brief(seconds: int) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


# Text of others in columns


def fitted(text: str, width: int) -> str:
    """A text in its colours if there is room for it; what must be cut is shown without them."""
    plain = without_tags(text)
    short = cut(plain, width)
    return closed(text) if short == plain else typed(short)


def without_tags(text: str) -> str:
    """What there is to read of a text with tags."""
    return TAG.sub(lambda found: "[" if found[0] == "[[" else "", text)


def columns(char: str) -> int:
    """How wide a character is on a screen."""
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def padded(text: str, width: int) -> str:
    return text + " " * (width - sum(map(columns, text)))


def cut(text: str, width: int) -> str:
    if sum(map(columns, text)) <= width:
        return text
    kept, left = "", width - 3
    for char in text:
        left -= columns(char)
        if left < 0:
            break
        kept += char
    return f"{kept.rstrip()}..."
