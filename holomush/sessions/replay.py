"""What somebody has missed: which events of the log they are told on coming back, and how that reads where there is only text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import attrs

from holomush.database.eventlog import StoredEvent, missed
from holomush.database.store import Store
from holomush.events.bus import Bus, Publication
from holomush.events.event import Event
from holomush.events.render import viewer_role
from holomush.events.streams import GLOBAL_STREAM, character_stream, location_stream
from holomush.sessions.client import Replay
from holomush.sessions.presence import Presences
from holomush.world.model import Character
from holomush.world.state import World

REPLAY_BYTES = 65_536
"""Of a longer replay the oldest lines are left out: it must fit an outbox together with what happens meanwhile."""

_COMING_AND_GOING = ("connect", "disconnect")


@attrs.frozen(kw_only=True)
class Replays:
    """Reads what characters have missed."""

    world: World
    store: Store
    bus: Bus
    presences: Presences
    channels_of: Callable[[str], Sequence[str]]
    """The streams of the channels that a character hears."""
    heard_since: Callable[[str, str], int]
    """The number of the last event before a character, the second, began to hear a channel."""
    limit: int
    """Events that are told at most."""

    async def since(self, character_id: str, after: int, upto: int) -> Replay:
        """What a character has missed of the events with ``after < number <= upto``. Raises ``StorageError``."""
        character = self.world.get(character_id)
        count, stored = 0, list[StoredEvent]()
        for first, streams in self._wanted(character_id, character, after).items():
            more, rows = await missed(self.store, streams, first, upto, self.limit)
            count += more
            stored += rows
        stored.sort(key=lambda row: row.sequence)
        last = stored[-self.limit :] if self.limit else []
        # They know that they came or went, also as another of their characters.
        news = [row for row in last if not (row.type in _COMING_AND_GOING and self._is_own(row.actor_id, character))]
        events = [Event.stored(**row.fields()) for row in news]
        seen = [(Publication(event, self.bus.renderer, replayed=True), viewer_role(event, character_id)) for event in events]
        return Replay(seen, count - (len(last) - len(news)), upto)

    def _wanted(self, character_id: str, character: object, after: int) -> dict[int, list[str]]:
        """The streams that a character hears, by the number of the last event that is not told: some it hears only since then."""
        wanted: dict[int, list[str]] = defaultdict(list)
        wanted[after] += [character_stream(character_id), GLOBAL_STREAM]
        for channel in self.channels_of(character_id):
            wanted[max(after, self.heard_since(channel, character_id))].append(channel)
        if isinstance(character, Character):
            wanted[max(after, self.presences.arrival(character_id))].append(location_stream(character.location_id))
        return wanted

    def _is_own(self, actor_id: str, character: object) -> bool:
        actor = self.world.get(actor_id)
        return isinstance(actor, Character) and isinstance(character, Character) and actor.player_id == character.player_id


def replay_text(replay: Replay) -> str | None:
    """What was missed as lines of markup between two marks; None if there is nothing to read."""
    texts = [publication.text(role) for publication, role in replay.events]
    lines = _last_that_fit([text for text in texts if text is not None], REPLAY_BYTES)
    if not lines:
        return None
    heading = "1 missed event" if len(lines) == 1 else f"{len(lines)} missed events"
    return "\n".join([f"--- {heading} ---", *lines, "--- end of replay ---"])


def _last_that_fit(lines: list[str], limit: int) -> list[str]:
    """The longest end of ``lines`` that has at most ``limit`` bytes."""
    first = len(lines)
    while first and (limit := limit - len(lines[first - 1].encode()) - 2) >= 0:
        first -= 1
    return lines[first:]
