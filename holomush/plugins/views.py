"""What guests are shown of entities: plain JSON values, the same for every language.

Adding a key here is harmless to plugins; taking one away is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holomush.world.model import Character, Exit, GameObject, Location
from holomush.world.transaction import Transaction

View = dict[str, Any]
IsConnected = Callable[[str], bool]


def brief_location(location: Location) -> View:
    """A place by itself: what an invocation carries, without what is in it."""
    return {
        "kind": "location",
        "id": location.id,
        "name": location.name,
        "description": location.description,
        "owner_id": location.owner_id,
    }


def location_view(transaction: Transaction, location: Location, is_connected: IsConnected) -> View:
    """A place with its exits and everybody and everything in it, in order of arrival."""
    contents = transaction.contents(location.id)
    found = [transaction.get(i) for i in (*contents.characters, *contents.objects, *contents.exits)]
    return {
        **brief_location(location),
        "characters": [character_view(e, is_connected) for e in found if isinstance(e, Character)],
        "objects": [brief_object(e) for e in found if isinstance(e, GameObject)],
        "exits": [exit_view(e) for e in found if isinstance(e, Exit)],
    }


def character_view(character: Character, is_connected: IsConnected) -> View:
    """A character. ``connected`` says whether somebody plays it right now."""
    return {
        "kind": "character",
        "id": character.id,
        "name": character.name,
        "description": character.description,
        "location_id": character.location_id,
        "connected": is_connected(character.id),
    }


def full_character_view(transaction: Transaction, character: Character, is_connected: IsConnected) -> View:
    """A character with what it carries."""
    carried = [transaction.get(i) for i in transaction.contents(character.id).objects]
    return {
        **character_view(character, is_connected),
        "objects": [brief_object(e) for e in carried if isinstance(e, GameObject)],
    }


def brief_object(thing: GameObject) -> View:
    """A thing by itself. ``location_id``, ``character_id`` and ``container_id``: one is an id, two are null."""
    return {
        "kind": "object",
        "id": thing.id,
        "name": thing.name,
        "description": thing.description,
        "owner_id": thing.owner_id,
        "location_id": thing.holder_id if thing.holder_kind == "location" else None,
        "character_id": thing.holder_id if thing.holder_kind == "character" else None,
        "container_id": thing.holder_id if thing.holder_kind == "object" else None,
    }


def object_view(transaction: Transaction, thing: GameObject) -> View:
    """A thing with what is inside it."""
    inside = [transaction.get(i) for i in transaction.contents(thing.id).objects]
    return {**brief_object(thing), "objects": [brief_object(e) for e in inside if isinstance(e, GameObject)]}


def exit_view(exit_: Exit) -> View:
    """A way out."""
    return {
        "kind": "exit",
        "id": exit_.id,
        "name": exit_.name,
        "aliases": list(exit_.aliases),
        "source_id": exit_.source_id,
        "destination_id": exit_.destination_id,
        "lock": exit_.lock,
    }
