"""One connection as sessions see it: what it can be told, and how it ends. The net room has one for each protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import attrs

from holomush.commands.access import Access
from holomush.events.bus import Encoding, Publication
from holomush.events.render import Role
from holomush.sessions.pager import Pager
from holomush.sessions.sight import Sight
from holomush.text.display import Display
from holomush.world.model import Character

T = TypeVar("T")

Seen = tuple[Publication, Role]
"""An event, and how a viewer stands to it."""


class Farewell(StrEnum):
    """Why the server hangs up."""

    QUIT = "quit"
    SHUTDOWN = "shutdown"
    BOOTED = "booted"
    IDLE = "idle"
    LATE = "late"
    """Too long on the connect screen."""
    ELSEWHERE = "elsewhere"
    """The player has come back over another connection."""
    SLOW = "slow"
    """It did not read what it was sent."""
    GONE = "gone"
    """Nothing was heard from it any more."""

    @property
    def is_final(self) -> bool:
        """Whether nobody comes back from it without a password."""
        return self in (Farewell.QUIT, Farewell.BOOTED)


class Notice:
    """Text for several connections, encoded once for each kind of client. Lines of markup, parted by newlines."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._encoded: dict[Encoding[Any], Any] = {}

    def encoded(self, encoding: Encoding[T]) -> T:
        """The text for one kind of client."""
        if encoding not in self._encoded:
            self._encoded[encoding] = encoding.text(self.text)
        made: T = self._encoded[encoding]
        return made


@attrs.frozen(kw_only=True)
class Playing:
    """Somebody plays a character from now on. ``commands`` are the names of those that they may use."""

    character: Character
    access: Access
    commands: Sequence[str]
    resumed: bool
    """They have come back without logging in."""
    token: str | None
    """What they can come back with; None if it was not asked for."""
    grace: float
    """Seconds for which the token is worth something once the connection is lost."""


@attrs.frozen
class Replay:
    """What happened while somebody was away, oldest first. ``missed`` were more if not all of it is told."""

    events: Sequence[Seen]
    missed: int
    upto: int
    """The number of the last event that may be among them."""


class Client(Protocol):
    """One connection. Nothing here waits."""

    @property
    def address(self) -> str:
        """Where it comes from."""

    @property
    def display(self) -> Display:
        """How text is shown there. It may change at any time."""

    @property
    def pager(self) -> Pager:
        """What it is still to be shown of a long text."""

    @property
    def resumes(self) -> bool:
        """Whether it comes back by itself when the connection is lost, and so wants a token for that."""

    @property
    def wants_sight(self) -> bool:
        """Whether it shows the surroundings besides the text."""

    @property
    def farewell(self) -> Farewell | None:
        """Why it was hung up on; None if it was not."""

    @property
    def caught_up(self) -> bool:
        """Whether everything that was sent to it has arrived there, as far as can be known."""

    @property
    def arrived_mark(self) -> int:
        """The highest ``mark`` that has arrived, as far as can be known."""

    def greet(self, screen: str) -> None:
        """Show the connect screen."""

    def deliver(self, publication: Publication, role: Role) -> None:
        """Send an event."""

    def tell(self, notice: Notice) -> None:
        """Send text that is no event."""

    def show(self, notice: Notice) -> None:
        """Send the answer to a command; in pages if it wants it so."""

    def replay(self, replay: Replay) -> None:
        """Send what was missed. Nothing is sent if there is nothing."""

    def begin(self, playing: Playing) -> None:
        """Somebody has come in, or goes on as somebody else."""

    def show_sight(self, sight: Sight) -> None:
        """Send the surroundings, if they are not what was sent last."""

    def refuse(self, request: str, reason: str) -> None:
        """Somebody has not come in. ``request`` is connect, create, guest or resume."""

    def ask_secret(self, prompt: str) -> None:
        """The next line is a password, and is not to be seen."""

    def secret_given(self) -> None:
        """The lines after it may be seen."""

    def prefer(self, preferences: Mapping[str, Any]) -> None:
        """Show text as the player wants it, from now on."""

    def close(self, farewell: Farewell, text: str = "") -> None:
        """Send what is to be sent and ``text``, then hang up. Only the first time counts."""
