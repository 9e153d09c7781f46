"""Looking at everybody in play at once, and acting on them: what the server hands to plugins of sessions.

Reading is safe from any thread; whatever tells or hangs up is for the Trio thread.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from holomush import __version__
from holomush.commands.access import Access
from holomush.sessions.presence import Presences
from holomush.world.model import Kind
from holomush.world.state import World


class Oversight:
    """Of one server, from its start on."""

    def __init__(self, presences: Presences, world: World) -> None:
        self._presences = presences
        self._world = world
        self._started = time.monotonic()

    def sessions(self) -> list[Mapping[str, Any]]:
        """Everybody in play, those longest here first. Times are milliseconds since 1970 and seconds."""
        now = time.time()
        shown: list[Mapping[str, Any]] = []
        for presence in sorted(self._presences, key=lambda p: p.connected_at):
            character = self._world.get(presence.character_id)
            if character is not None:
                shown.append(
                    {
                        "character_id": character.id,
                        "character_name": character.name,
                        "connected_at": int(presence.connected_at * 1000),
                        "idle_seconds": max(0, int(now - presence.last_input)),
                        "connections": len(presence.clients),
                    }
                )
        return shown

    def access(self, character_id: str) -> Access | None:
        """What whoever plays a character may do; None if nobody does."""
        presence = self._presences.get(character_id)
        return None if presence is None else presence.access

    def stats(self) -> Mapping[str, Any]:
        """Figures about the server and what is in its world."""
        kinds = [entity.kind for entity in self._world.entities()]
        return {
            "version": __version__,
            "uptime_seconds": int(time.monotonic() - self._started),
            "sessions": len(tuple(self._presences)),
            **{f"{kind}s": kinds.count(kind) for kind in Kind},
        }

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
        presence = self._presences.get(character_id)
        if presence is None:
            return
        presence.tell(f"You are disconnected: {reason}" if reason else "You are disconnected.")
        for client in presence.clients:
            client.close()
