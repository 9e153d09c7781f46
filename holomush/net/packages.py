"""What programs of players are told beside the text, as packages of GMCP: which there are, who wants which, what is in them.

How a package becomes bytes is for the protocols: telnet's subnegotiation, or frames of a websocket.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
from ulid import ULID

from holomush.events.bus import Publication
from holomush.events.event import JSON
from holomush.events.render import Role
from holomush.events.streams import StreamKind
from holomush.sessions.client import Playing
from holomush.sessions.sight import Sight
from holomush.text.colours import Colours
from holomush.text.markup import render

Package = tuple[str, JSON]
"""A name such as ``Room.Info``, and its data."""

MODULES_LIMIT = 64
"""Modules that a client may name; the rest is overlooked."""
_NAME_LIMIT = 64

_CHANNEL = f"{StreamKind.CHANNEL}:"


@attrs.frozen
class Supports:
    """The modules that a client wants, in small letters; None for all, as long as it has not said."""

    modules: frozenset[str] | None = None

    def hear(self, package: str, data: JSON) -> Supports:
        """What holds after a message of the client's; the same if it is not about this (``Core.Supports``) or makes no sense."""
        command = package.lower()
        if not command.startswith("core.supports.") or not isinstance(data, list):
            return self
        named = {str(one).split(" ")[0][:_NAME_LIMIT].lower() for one in data[:MODULES_LIMIT] if isinstance(one, str)}
        known = self.modules or frozenset()
        match command.removeprefix("core.supports."):
            case "set":
                modules = frozenset(named)
            case "add":
                modules = known | named
            case "remove" if self.modules is not None:  # of all there is nothing to be taken away
                modules = known - named
            case _:
                return self
        return self if len(modules) > MODULES_LIMIT else Supports(modules)

    def includes(self, package: str) -> bool:
        """Whether the client wants a package: it has named it, or a module that it is in. What ``Core`` answers goes without."""
        if self.modules is None or package.startswith("Core."):
            return True
        parts = package.lower().split(".")
        return any(".".join(parts[:length]) in self.modules for length in range(1, len(parts) + 1))


def packages_of_event(publication: Publication, role: Role, supports: Supports) -> Iterator[Package]:
    """What is said on a channel, and what plugins declare."""
    event = publication.event
    if event.stream.startswith(_CHANNEL) and supports.includes("Comm.Channel.Text"):
        text = publication.text(role)
        if text is not None:
            said = {"channel": event.stream.removeprefix(_CHANNEL), "talker": event.actor_name, "text": render(text, Colours.NONE)}
            yield "Comm.Channel.Text", said
    package = publication.package
    if package is not None and supports.includes(package):
        yield package, event.payload


def packages_of_playing(playing: Playing) -> list[Package]:
    """Who one is."""
    name = playing.character.name
    return [
        ("Char.Name", {"name": name, "fullname": name}),
        ("Char.StatusVars", {"name": "Name", "role": "Role"}),
        ("Char.Status", {"name": name, "role": playing.access.name.lower()}),
    ]


def packages_of_sight(sight: Sight) -> list[Package]:
    """Where one is, and who else is."""
    exits: dict[str, Any] = {way.name: room_number(way.leads_to) for way in sight.exits}
    players = [{"name": person.name, "fullname": person.name} for person in sight.people if person.connected]
    return [
        ("Room.Info", {"num": room_number(sight.id), "id": sight.id, "name": sight.name, "area": "", "exits": exits}),
        ("Room.Players", players),
    ]


def room_number(place_id: str) -> int:
    """A number for maps, which know a place by one of 31 bits: the end of its id, which is random."""
    try:
        return int(ULID.from_str(place_id)) & 0x7FFF_FFFF
    except ValueError:
        return 0
