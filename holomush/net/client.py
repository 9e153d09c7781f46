"""What all clients have in common, whatever they speak: how they are shown text, pages, and the way they end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import attrs
import trio

from holomush.events.bus import Encoding, Publication
from holomush.events.render import Role
from holomush.net.telnet.events import Line, LineTooLong
from holomush.net.turnstile import Turnstile
from holomush.sessions.client import Client, Farewell, Notice, Playing, Replay
from holomush.sessions.connect_screen import Request
from holomush.sessions.pager import Pager
from holomush.sessions.replay import replay_text
from holomush.sessions.sight import Sight
from holomush.text.display import Abilities, Display, display_for
from holomush.text.preferences import Preferences, check_preferences

T = TypeVar("T")


@attrs.frozen
class SightWanted:
    """The client has begun to want the surroundings: they are to be shown as to somebody who has just come."""


Input: TypeAlias = Line | LineTooLong | Request | SightWanted
"""What a client sends that is the game's business."""


class Connection(Client, Protocol):
    """A client that is served: it is read, written and looked after."""

    kind: str
    """How it is connected, for figures: telnet, tls or websocket."""

    @property
    def waiting(self) -> int:
        """Bytes that are still to be sent."""

    def start(self) -> None:
        """Say what comes before everything else."""

    async def receive(self) -> Sequence[Input]:
        """What has come; nothing at the end, and once the client is closed. Raises as the stream does."""

    def done(self) -> None:
        """All that came at once has been done, and answered."""

    async def run(self) -> None:
        """Send what there is to be sent, until the client is closed and has all of it. Raises as the stream does."""

    def keep_alive(self, after: float) -> None:
        """Keep the connection from being forgotten, if nothing was sent for so many seconds."""


class BaseClient(ABC, Generic[T]):
    """A connection as sessions see it. ``T`` is what its encoding makes."""

    kind = ""
    resumes = False
    pages = True
    """Whether its player may want long text in pages."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._abilities = Abilities()
        self._preferences = Preferences()
        self.display = display_for(self._abilities, self._preferences)
        """How text is shown there, as far as the client has said by now what it can do."""
        self.encoding = self._encoding_for(self.display)
        self.pager = Pager(lambda: self.display, lambda text: self._put(self.encoding.text(text)))
        self.farewell: Farewell | None = None

    @abstractmethod
    def _encoding_for(self, display: Display) -> Encoding[T]:
        """The one for all clients of this kind that are shown the same."""

    @abstractmethod
    def _put(self, data: T, mark: int = 0) -> None:
        """Send something soon."""

    @abstractmethod
    def _hang_up(self) -> None:
        """Send the rest, then hang up."""

    @property
    def wants_sight(self) -> bool:
        """Whether it shows the surroundings besides the text."""
        return False

    def greet(self, screen: str) -> None:
        """Show the connect screen."""
        self.tell(Notice(screen))

    def deliver(self, publication: Publication, role: Role) -> None:
        """Send an event."""
        data = publication.encoded(role, self.encoding)
        if data is not None:
            self._put(data, publication.event.sequence)

    def tell(self, notice: Notice) -> None:
        """Send text that is no event."""
        self._put(notice.encoded(self.encoding))

    def show(self, notice: Notice) -> None:
        """Send the answer to a command; in pages if it wants it so."""
        if self.pages and self.display.page_length:
            self.pager.show(notice.text)
        else:
            self.tell(notice)

    def replay(self, replay: Replay) -> None:
        """Send what was missed, as text."""
        text = replay_text(replay)
        if text is not None:
            self._put(self.encoding.text(text), replay.upto)

    def begin(self, playing: Playing) -> None:
        """Somebody has come in."""
        self._introduce(playing)

    def _introduce(self, playing: Playing) -> None:
        """Say who is played, as far as it is not in the text that follows."""
        if playing.resumed:
            self.tell(Notice(f"You are back as {playing.character.name}."))

    def show_sight(self, sight: Sight) -> None:
        """Nothing is shown but text."""

    def refuse(self, request: str, reason: str) -> None:  # noqa: ARG002 - whoever typed it knows what it was
        """Say why somebody has not come in."""
        self.tell(Notice(reason))

    def prefer(self, preferences: Mapping[str, Any]) -> None:
        """Show text as the player wants it, from now on. Raises ``BadPreference``."""
        self._preferences = check_preferences(preferences)
        self._adapt()

    def _learn(self, **abilities: Any) -> None:
        """The client has said something of itself."""
        self._abilities = attrs.evolve(self._abilities, **abilities)
        self._adapt()

    def _adapt(self) -> None:
        self.display = display_for(self._abilities, self._preferences)
        self.encoding = self._encoding_for(self.display)

    def close(self, farewell: Farewell, text: str = "") -> None:
        """Send what is to be sent and ``text``, then hang up. What the client sends from now on is nobody's business."""
        if self.farewell is None:
            self.farewell = farewell
            self._say_goodbye(farewell, text)
            self._hang_up()

    def _say_goodbye(self, farewell: Farewell, text: str) -> None:  # noqa: ARG002 - the text says it
        if text:
            self.tell(Notice(text))


class Queue(Protocol):
    """What is still to be sent to one client: an ``Outbox`` or a ``MessageOutbox``."""

    @property
    def caught_up(self) -> bool: ...
    @property
    def arrived_mark(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    def close(self) -> None: ...


class QueuedClient(BaseClient[T]):
    """A client that is sent what stands in its queue, and is read until it is hung up on."""

    outbox: Queue

    def __init__(self, address: str, turnstile: Turnstile) -> None:
        super().__init__(address)
        self._turnstile = turnstile
        self._is_stranger = True
        self._reading = trio.CancelScope()

    async def _wait_turn(self) -> None:
        """Wait until what was received may be looked at."""
        if self._is_stranger:
            await self._turnstile.pass_stranger()

    def begin(self, playing: Playing) -> None:
        """Somebody has come in, and is no stranger any more."""
        self._is_stranger = False
        super().begin(playing)

    @property
    def caught_up(self) -> bool:
        """Whether everything has arrived, as far as can be known."""
        return self.outbox.caught_up

    @property
    def arrived_mark(self) -> int:
        """The highest mark that has arrived, as far as can be known."""
        return self.outbox.arrived_mark

    @property
    def waiting(self) -> int:
        """What is still to be sent: bytes, or characters of messages."""
        return self.outbox.waiting

    def _hang_up(self) -> None:
        self._reading.cancel()
        self.outbox.close()
