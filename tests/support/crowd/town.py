"""The world that a crowd plays in: the starter world, with pebbles to carry about."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs
import yaml

from holomush import bundled

PEBBLES = 20
"""In each place."""


@attrs.frozen
class Place:
    """``exits`` are the places that the exits lead to, by the exits' names, in order."""

    id: str
    name: str
    exits: Mapping[str, str]

    @property
    def last_line(self) -> str:
        """The end of what ``look`` shows there."""
        return "  ".join(self.exits)


@attrs.frozen
class Town:
    """Where a crowd plays. ``places`` begin with the one where new characters do; each is one exit away from that."""

    places: tuple[Place, ...]
    _by_id: Mapping[str, Place]

    @property
    def start(self) -> Place:
        """Where new characters begin."""
        return self.places[0]

    def __getitem__(self, place_id: str) -> Place:
        return self._by_id[place_id]

    def way_to(self, place: Place) -> str:
        """The exit that leads from the start to another place."""
        return next(name for name, destination in self.start.exits.items() if destination == place.id)


def pebble(place: int, number: int) -> str:
    """The name of a pebble; none is the beginning of another."""
    return f"pebble {place}-{number:02}"


def write_town(data: Path) -> Town:
    """Put the world into the data folder of a server that has not been started yet."""
    world = yaml.safe_load(bundled.STARTER_WORLD.read_text(encoding="utf-8"))
    for place, location in enumerate(world["locations"]):
        for number in range(PEBBLES):
            thing = {"id": f"01K1{place:011}{number:011}", "name": pebble(place, number), "location": location["id"]}
            world["objects"].append({**thing, "description": "It lies well in the hand."})
    (data / "world.yaml").write_text(yaml.safe_dump(world, allow_unicode=True, sort_keys=False), encoding="utf-8")
    places = [
        Place(one["id"], one["name"], {way["name"]: way["destination"] for way in world["exits"] if way["source"] == one["id"]})
        for one in world["locations"]
    ]
    places.sort(key=lambda place: place.id != world["start"])
    return Town(tuple(places), {place.id: place for place in places})
