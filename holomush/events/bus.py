"""The live bus: durable events on their way to whoever listens for a character. On the Trio thread, in order, without waiting.

Listeners are called one after the other and must not block or raise; a listener that cannot take more deals with that itself.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from holomush.events.event import Event
from holomush.events.render import Renderer, Role, viewer_role

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Encoding(Protocol[T_co]):
    """How clients of one kind are sent things; the same object for all that are shown the same, so that each is made once."""

    def text(self, text: str) -> T_co:
        """Lines of markup, parted by newlines: an answer or a notice."""

    def event(self, publication: Publication, role: Role) -> T_co | None:
        """An event for somebody in this role; None if there is nothing for such a client in it."""


class Publication:
    """One event going out. Its text is rendered once for each role and encoded once for each role and encoding."""

    def __init__(self, event: Event, renderer: Renderer, *, replayed: bool = False) -> None:
        """``replayed``: it happened before, and is told to somebody who has missed it."""
        self.event = event
        self.replayed = replayed
        self._renderer = renderer
        self._texts: dict[Role, str | None] = {}
        self._encoded: dict[tuple[Role, Encoding[Any]], Any] = {}

    @property
    def package(self) -> str | None:
        """The name under which programs of players get the event's payload (GMCP), if it has one."""
        return self._renderer.package(self.event.type)

    def text(self, role: Role) -> str | None:
        """What somebody in this role reads; None if nothing."""
        if role not in self._texts:
            self._texts[role] = self._renderer.text(self.event, role)
        return self._texts[role]

    def encoded(self, role: Role, encoding: Encoding[T]) -> T | None:
        """What one kind of client is sent; None if there is nothing for it."""
        key = (role, encoding)
        if key not in self._encoded:
            self._encoded[key] = encoding.event(self, role)
        made: T | None = self._encoded[key]
        return made


class Listener(Protocol):
    """Whoever is told what a character perceives."""

    def deliver(self, publication: Publication, role: Role) -> None:
        """Take an event. Must neither block nor raise."""


class Bus:
    """Listeners by character id, one for each character."""

    def __init__(self, sequence: int = 0) -> None:
        self.renderer = Renderer({})
        """Makes the texts; the one with the plugins' templates is set when they are loaded."""
        self.sequence = sequence
        """The sequence number of the last event published, or known from the database at start."""
        self._listeners: dict[str, Listener] = {}

    def listen(self, character_id: str, listener: Listener) -> None:
        """From now on ``listener`` gets what the character perceives."""
        self._listeners[character_id] = listener

    def stop_listening(self, character_id: str) -> None:
        """The character's listener gets nothing more."""
        self._listeners.pop(character_id, None)

    def publish(self, event: Event, audience: tuple[str, ...] | None) -> None:
        """Deliver to those of ``audience`` (character ids; None is everyone) who have a listener."""
        self.sequence = max(self.sequence, event.sequence)
        publication = Publication(event, self.renderer)
        listeners = self._listeners
        for character_id in tuple(listeners) if audience is None else audience:
            listener = listeners.get(character_id)
            if listener is not None:
                listener.deliver(publication, viewer_role(event, character_id))
