"""What one player's program is told beside the text, as packages of GMCP, whichever protocol carries them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from holomush.events.event import JSON
from holomush.net.packages import Package, Supports, packages_of_playing, packages_of_sight
from holomush.sessions.client import Playing
from holomush.sessions.sight import Sight

P = TypeVar("P")
"""What a package becomes: bytes of telnet, or a frame of a websocket."""


class Program(Generic[P]):
    """Of one client. ``supports`` is None as long as it is told nothing."""

    def __init__(self, supports: Supports | None, make: Callable[[Package], P], put: Callable[[Sequence[P]], None]) -> None:
        """``make`` is one function for all clients of a kind: what it makes of the surroundings is made once for all of them."""
        self.supports = supports
        self._make = make
        self._put = put
        self._playing: Playing | None = None
        self._shown: Mapping[str, P] = {}
        """The surroundings as they are known there."""

    @property
    def wants_sight(self) -> bool:
        """Whether it wants to know of places."""
        return self.supports is not None and self.supports.includes("Room.Info")

    def begin(self, playing: Playing) -> None:
        """Somebody has come in: say who."""
        self._playing = playing
        self._shown = {}
        self.send(packages_of_playing(playing))

    def show(self, sight: Sight) -> None:
        """Tell of the surroundings what is not known there yet."""
        made = sight.made(self._make, lambda: {package[0]: self._make(package) for package in packages_of_sight(sight)})
        known, self._shown = self._shown, made
        if self.supports is not None:
            self._put([one for name, one in made.items() if one != known.get(name) and self.supports.includes(name)])

    def send(self, packages: Sequence[Package]) -> None:
        """Send those that are wanted."""
        if self.supports is not None:
            self._put([self._make(package) for package in packages if self.supports.includes(package[0])])

    def hear(self, name: str, data: JSON) -> bool:
        """The program has said something. True if it is to be shown the surroundings."""
        if self.supports is None:
            return False
        if name.lower() == "core.ping":
            self.send([("Core.Ping", None)])
            return False
        return self.want(self.supports.hear(name, data))

    def want(self, supports: Supports | None) -> bool:
        """Send packages as it wants them from now on, and now what it has missed. True if it is to be shown the surroundings."""
        before, saw = self.supports, self.wants_sight
        self.supports = supports
        if self._playing is None:
            return False
        self.send([one for one in packages_of_playing(self._playing) if before is None or not before.includes(one[0])])
        self._shown = self._shown if saw else {}
        return self.wants_sight and not saw
