"""Who is connected in a test, and what plugins see of the server: sessions, figures, and a way to stop it that stops nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from holomush import __version__
from holomush.commands.access import Access
from holomush.plugins.handbook import Handbook
from holomush.world.model import Character, Kind
from holomush.world.state import World

_SESSION = "session-of-"


def session_of(character_id: str) -> str:
    """The id of the connection that plays a character."""
    return f"{_SESSION}{character_id}"


class Crowd:
    """Who is connected: everybody, but for those who are not. Asked from the threads of guests."""

    def __init__(self, world: World, start: str) -> None:
        """``start`` is the id of the location where new characters begin."""
        self._world = world
        self._start = start
        self.loaded: Callable[[], list[Mapping[str, Any]]] = list
        """What is told of the loaded plugins."""
        self.switched: dict[str, str] = {}
        """The characters that plugins have let connections go on as, by those that they played before."""
        self._begun = time.time()
        self.absent: set[str] = set()
        self.arrived: set[str] = set()
        """Those whom the plugin has made, and whom somebody plays since."""
        self.typed_with: dict[str, Access] = {}
        """The access with which each character has typed last."""
        self.handbook = Handbook()
        """About the one plugin that there is."""
        self.shut_down_for: str | None = None
        """The reason for which a plugin stopped the server, if one did."""

    def is_connected(self, character_id: str) -> bool:
        """Whether somebody plays that character."""
        character = self._world.get(character_id)
        if not isinstance(character, Character) or character_id in self.absent:
            return False
        # Whom the plugin has made nobody plays yet; those of the test were made at no time at all.
        return not character.created_at or character_id in self.arrived

    def connected(self) -> list[str]:
        """The characters that are played."""
        return [entity.id for entity in self._world.entities() if self.is_connected(entity.id)]

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
                "access": (self.access(entity.id) or Access.GUEST).name.lower(),
                "addresses": ["192.0.2.1"],
            }
            for entity in map(self._world.get, self.connected())
            if entity is not None
        ]

    def stats(self) -> Mapping[str, Any]:
        """As the server's figures."""
        kinds = [entity.kind for entity in self._world.entities()]
        return {
            "version": __version__,
            "uptime_seconds": int(time.time() - self._begun),
            "sessions": len(self.sessions()),
            "commands": 0,
            "events": 0,
            "events_per_second": 0.0,
            **{f"{kind}s": kinds.count(kind) for kind in Kind},
        }

    def start(self) -> str:
        """Where new characters begin."""
        return self._start

    def played_by(self, session_id: str) -> str | None:
        """The character that a connection plays."""
        character_id = session_id.removeprefix(_SESSION)
        return character_id if session_id.startswith(_SESSION) and self.is_connected(character_id) else None

    def switch(self, session_id: str, character_id: str) -> None:
        """A plugin lets a connection go on as another character."""
        before = session_id.removeprefix(_SESSION)
        self.switched[before] = character_id
        self.absent.add(before)
        self.arrive(character_id)

    def plugins(self) -> list[Mapping[str, Any]]:
        """What is told of the loaded plugins."""
        return self.loaded()

    def arrive(self, character_id: str) -> None:
        """From now on somebody plays that character."""
        self.absent.discard(character_id)
        self.arrived.add(character_id)

    def boot(self, character_id: str, _: str) -> None:
        """A plugin hangs up on somebody."""
        self.absent.add(character_id)

    def shut_down(self, reason: str) -> None:
        """A plugin stops the server."""
        self.shut_down_for = reason
