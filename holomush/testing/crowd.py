"""Who is connected in a test, and what plugins see of the server: sessions, figures, and a way to stop it that stops nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from holomush import __version__
from holomush.commands.access import Access
from holomush.plugins.handbook import Handbook
from holomush.world.model import Character, Kind
from holomush.world.state import World


class Crowd:
    """Who is connected: everybody, but for those who are not. Asked from the threads of guests."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._begun = time.time()
        self.absent: set[str] = set()
        self.typed_with: dict[str, Access] = {}
        """The access with which each character has typed last."""
        self.handbook = Handbook()
        """About the one plugin that there is."""
        self.shut_down_for: str | None = None
        """The reason for which a plugin stopped the server, if one did."""

    def is_connected(self, character_id: str) -> bool:
        """Whether somebody plays that character."""
        return isinstance(self._world.get(character_id), Character) and character_id not in self.absent

    def access(self, character_id: str) -> Access | None:
        """What somebody may do: what they had when they typed, or else everything; None if nobody plays that character."""
        return self.typed_with.get(character_id, Access.ADMIN) if self.is_connected(character_id) else None

    def sessions(self) -> list[Mapping[str, Any]]:
        """As the server tells of everybody in play."""
        return [
            {
                "character_id": entity.id,
                "character_name": entity.name,
                "connected_at": int(self._begun * 1000),
                "idle_seconds": 0,
                "connections": 1,
            }
            for entity in self._world.entities()
            if self.is_connected(entity.id)
        ]

    def stats(self) -> Mapping[str, Any]:
        """As the server's figures."""
        kinds = [entity.kind for entity in self._world.entities()]
        return {
            "version": __version__,
            "uptime_seconds": int(time.time() - self._begun),
            "sessions": len(self.sessions()),
            **{f"{kind}s": kinds.count(kind) for kind in Kind},
        }

    def boot(self, character_id: str, _: str) -> None:
        """A plugin hangs up on somebody."""
        self.absent.add(character_id)

    def shut_down(self, reason: str) -> None:
        """A plugin stops the server."""
        self.shut_down_for = reason
