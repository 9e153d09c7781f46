"""What the server keeps in small tables besides the world: accounts, bans, channels' listeners, timers, settings, tokens.

All of it is in memory. A plugin's call stages changes in its attempt (``holomush.database.register``); who may ask for which is for
the host functions to say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from holomush.auth.accounts import Accounts
from holomush.auth.bans import AddressBans
from holomush.auth.tokens import ResumeTokens
from holomush.database.register import Register, RegisterChanges
from holomush.database.store import Store
from holomush.world.model import GAME_PLAYER_ID, Character, Entity
from holomush.world.state import World

OFF = "plugin-off:"
"""How the setting begins that says that a plugin is switched off; its name follows."""


@attrs.frozen
class Listening:
    """A character that hears a channel. ``since`` is the number of the last event before it began."""

    stream: str
    character_id: str
    since: int


class Listeners(Register[tuple[str, ...], Listening]):
    """Who hears which channel."""

    def __init__(self) -> None:
        super().__init__("listeners", lambda one: (one.stream, one.character_id), attrs.asdict, Listening)
        self._of_stream: dict[str, tuple[str, ...]] = {}
        self._of_character: dict[str, tuple[str, ...]] = {}

    def of_stream(self, stream: str) -> tuple[str, ...]:
        """The ids of the characters that hear a channel, in the order in which they began."""
        return self._of_stream.get(stream, ())

    def of_character(self, character_id: str) -> tuple[str, ...]:
        """The channels that a character hears."""
        return self._of_character.get(character_id, ())

    def since(self, stream: str, character_id: str) -> int:
        """The number of the last event before a character began to hear a channel; 0 if it does not."""
        listening = self.get((stream, character_id))
        return 0 if listening is None else listening.since

    def noted(self, before: Listening | None, after: Listening | None) -> None:
        """Both directions, replaced whole, because other threads read them."""
        if before is not None:
            _without(self._of_stream, before.stream, before.character_id)
            _without(self._of_character, before.character_id, before.stream)
        if after is not None:
            self._of_stream[after.stream] = (*self.of_stream(after.stream), after.character_id)
            self._of_character[after.character_id] = (*self.of_character(after.character_id), after.stream)


def _without(index: dict[str, tuple[str, ...]], key: str, gone: str) -> None:
    left = tuple(one for one in index.get(key, ()) if one != gone)
    if left:
        index[key] = left
    else:
        index.pop(key, None)


@attrs.frozen
class Timer:
    """An event that a plugin wants to get. ``due`` in milliseconds since 1970."""

    plugin: str
    name: str
    due: int
    payload: Mapping[str, Any]


@attrs.frozen
class Setting:
    """One of the server's own settings that are changed from inside."""

    key: str
    value: str


class Registers:
    """The registers of one server."""

    def __init__(self) -> None:
        self.accounts = Accounts()
        self.address_bans = AddressBans()
        self.listeners = Listeners()
        self.timers: Register[tuple[str, ...], Timer] = Register(
            "timers", lambda timer: (timer.plugin, timer.name), _timer_row, _timer
        )
        self.settings: Register[str, Setting] = Register("settings", lambda one: one.key, attrs.asdict, Setting)

        self.resume_tokens = ResumeTokens()

    def __iter__(self) -> Iterator[Register[Any, Any]]:
        yield from (self.accounts, self.address_bans, self.listeners, self.timers, self.settings, self.resume_tokens)

    async def load(self, store: Store) -> None:
        """Hold what the database holds. Raises ``StorageError``."""
        for register in self:
            await register.load(store)

    def is_off(self, plugin: str) -> bool:
        """Whether a plugin has been switched off."""
        return self.settings.get(f"{OFF}{plugin}") is not None

    def leave_behind(
        self, gone: list[Character], world: World, staged: Mapping[str, Entity | None], changes: RegisterChanges
    ) -> None:
        """Stage what goes with characters that are destroyed: what they hear, and players who have no other (``staged`` counts).

        Nobody comes back to them, either.
        """
        ids = {character.id for character in gone}
        new = [entity.player_id for entity in staged.values() if isinstance(entity, Character)]
        for token in self.resume_tokens.of_characters(ids):
            changes.of(self.resume_tokens).remove(token.digest)
        listeners = changes.of(self.listeners)
        for character in gone:
            begun = [one.stream for one in listeners.staged.values() if one is not None and one.character_id == character.id]
            for stream in (*begun, *self.listeners.of_character(character.id)):
                listeners.remove((stream, character.id))
            others = (other for other in world.characters_of(character.player_id) if other.id not in ids)
            if character.player_id not in (GAME_PLAYER_ID, *new) and next(others, None) is None:
                # Nobody can come in as a player without a character, and the name would stay taken.
                changes.of(self.accounts).remove(character.player_id)


def _timer_row(timer: Timer) -> Mapping[str, Any]:
    return {"plugin": timer.plugin, "name": timer.name, "due": timer.due, "payload": json.dumps(timer.payload, ensure_ascii=False)}


def _timer(plugin: str, name: str, due: int, payload: str) -> Timer:
    return Timer(plugin, name, due, json.loads(payload))
