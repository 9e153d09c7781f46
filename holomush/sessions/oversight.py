"""Looking at everybody in play at once, and acting on them: what the server hands to plugins of sessions.

Reading is safe from any thread; whatever tells or hangs up is for the Trio thread.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import trio

from holomush import __version__
from holomush.commands.access import Access
from holomush.events.bus import Bus
from holomush.sessions.client import Farewell
from holomush.sessions.presence import Presence, Presences
from holomush.world.model import Kind
from holomush.world.state import World

RATE_SECONDS = 60
"""Over how long events per second are taken."""


class Oversight:
    """Of one server, from its start on."""

    def __init__(self, presences: Presences, world: World, bus: Bus) -> None:
        self._presences = presences
        self._world = world
        self._bus = bus
        self._started = time.monotonic()
        self._first_sequence = bus.sequence
        self._sequences: deque[tuple[float, int]] = deque([(self._started, bus.sequence)], maxlen=RATE_SECONDS + 1)
        """Moments of the last minute, and the number of the last event then."""

    def sessions(self) -> list[Mapping[str, Any]]:
        """Everybody in play, those longest here first. Times are milliseconds since 1970 and seconds."""
        now = time.time()
        shown: list[Mapping[str, Any]] = []
        for presence in sorted(self._presences, key=_connected_at):
            character = self._world.get(presence.character_id)
            if character is not None:
                shown.append(
                    {
                        "character_id": character.id,
                        "character_name": character.name,
                        "connected_at": int(presence.connected_at * 1000),
                        "idle_seconds": max(0, int(now - presence.last_input)),
                        "connections": len(presence.clients),
                        "access": presence.access.name.lower(),
                        "addresses": sorted({client.address for client in tuple(presence.clients)}),
                    }
                )
        return shown

    def connected(self) -> list[str]:
        """The ids of the characters that are played, those longest here first."""
        return [presence.character_id for presence in sorted(self._presences, key=_connected_at)]

    def is_connected(self, character_id: str) -> bool:
        """Whether somebody plays a character."""
        return self._presences.is_connected(character_id)

    def sequence(self) -> int:
        """The number of the last event that people have been told."""
        return self._bus.sequence

    def access(self, character_id: str) -> Access | None:
        """What whoever plays a character may do; None if nobody does."""
        presence = self._presences.get(character_id)
        return None if presence is None else presence.access

    def counts(self) -> Mapping[str, int]:
        """How many of each kind of entity there are in the world: ``locations``, ``exits``, ``objects``, ``characters``."""
        return {f"{kind}s": self._world.count(kind) for kind in Kind}

    def stats(self) -> Mapping[str, Any]:
        """Figures about the server and what is in its world."""
        then, sequence = self._sequences[0]
        return {
            "version": __version__,
            "uptime_seconds": int(time.monotonic() - self._started),
            "sessions": len(tuple(self._presences)),
            "commands": self._presences.commands,
            "events": self._bus.sequence - self._first_sequence,
            "events_per_second": round((self._bus.sequence - sequence) / max(1.0, time.monotonic() - then), 2),
            **self.counts(),
        }

    def played_by(self, session_id: str) -> str | None:
        """The id of the character that a connection plays."""
        seat = self._presences.seats.get(session_id)
        return None if seat is None else seat.character_id

    def switch(self, session_id: str, character_id: str) -> None:
        """Let a connection go on as another character. Nothing happens if it is gone."""
        seat = self._presences.seats.get(session_id)
        if seat is not None:
            seat.change_to(character_id)

    async def keep_counting(self) -> None:
        """Remember once a second how many events there have been, until cancelled."""
        while True:
            await trio.sleep(1.0)
            self._sequences.append((time.monotonic(), self._bus.sequence))

    def tell_everybody(self, text: str) -> None:
        """A line to everybody in play."""
        for presence in self._presences:
            presence.tell(text)

    def tell_admins(self, text: str) -> None:
        """A line to every admin in play."""
        for presence in self._presences:
            if presence.access is Access.ADMIN:
                presence.tell(text)

    def boot(self, character_id: str, reason: str) -> None:
        """Tell whoever plays a character a reason, if there is one, and hang up. Nothing happens if nobody does."""
        text = f"You are disconnected: {reason}" if reason else "You are disconnected."
        for seat in tuple(self._presences.seats.values()):
            if seat.character_id == character_id:
                seat.end(Farewell.BOOTED, text)


def _connected_at(presence: Presence) -> float:
    return presence.connected_at
