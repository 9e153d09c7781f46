"""The list of who is playing."""

from __future__ import annotations

from holomush.sessions.presence import Presences
from holomush.world.state import World

_HEADER = f"{'Player Name':<24} {'On For':>8} {'Idle':>5}"


def who_list(presences: Presences, world: World, now: float, *, plain: bool) -> str:
    """One line for each character in play, those longest here first. ``now`` is Unix time in seconds; ``plain``: no table."""
    lines = [] if plain else [_HEADER]
    count = 0
    for presence in sorted(presences, key=lambda p: p.connected_at):
        character = world.get(presence.character_id)
        if character is not None:
            count += 1
            on_for = _clock(now - presence.connected_at)
            idle = _brief(now - presence.last_input)
            table = f"{character.name:<24} {on_for:>8} {idle:>5}"
            lines.append(f"{character.name}, on for {on_for}, idle {idle}" if plain else table)
    lines.append("One player is connected." if count == 1 else f"{count or 'No'} players are connected.")
    return "\n".join(lines)


def _clock(seconds: float) -> str:
    minutes = max(0, int(seconds)) // 60
    days, minutes = divmod(minutes, 24 * 60)
    clock = f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{days}d {clock}" if days else clock


def _brief(seconds: float) -> str:
    whole = max(0, int(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"
