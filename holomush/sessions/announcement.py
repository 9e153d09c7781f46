"""What those around a character, and the plugins, are told of its coming and going: the two events, their texts, and the sight."""

from __future__ import annotations

import logging

from holomush.database.store import StorageError
from holomush.dispatch.commit import Actor
from holomush.events.event import ActorKind, EmittedEvent
from holomush.events.render import Templates
from holomush.events.streams import location_stream
from holomush.sessions.game import Game
from holomush.world.model import Character
from holomush.world.transaction import Transaction

CONNECT, DISCONNECT = "connect", "disconnect"
"""The types of the events that sessions themselves emit."""

TEMPLATES = {
    CONNECT: Templates.parse(actor="", others="{actor} has connected."),
    DISCONNECT: Templates.parse(actor="", others="{actor} has disconnected."),
}
"""How they read."""

_log = logging.getLogger(__name__)


def touch(game: Game, character_id: str) -> None:
    """Whoever is around sees that a character is awake now, or is not any more."""
    character = game.world.get(character_id)
    if isinstance(character, Character):
        game.sights.touch(character.location_id)


async def announce(game: Game, event_type: str, character_id: str) -> None:
    """Emit one of the events. Returns once it is on disk; if that fails, it is only logged."""
    character = game.world.get(character_id)
    if not isinstance(character, Character):
        return
    transaction = Transaction(game.world)
    payload = {"character_id": character.id, "character_name": character.name}
    transaction.events.append(EmittedEvent(location_stream(character.location_id), event_type, payload))
    actor = Actor(ActorKind.CHARACTER, character.id, character.name)
    try:
        await game.committer.commit(transaction, actor).durable()
    except StorageError as exc:
        _log.error("%s of %s was not announced: %s", event_type, character.name, exc)
