"""What plugins can see and ask of the server beyond the world: sessions, commands, the server itself, the network.

Handed to the host as functions, because the host imports neither the sessions nor the server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

import attrs

from holomush.commands.access import Access
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.handbook import Handbook


class Fetch(Protocol):
    """Makes an HTTP request under Trio, in whichever event loop calls it.

    ``require`` raises ``HostCallError`` for a domain that may not be asked, as the function itself does for all that goes wrong.
    """

    def __call__(
        self, method: Literal["GET", "POST"], url: str, body: str, require: Callable[[str], None], /
    ) -> Awaitable[dict[str, Any]]: ...


async def _no_network(*_: object) -> dict[str, Any]:
    raise HostCallError("unavailable", "there is no network here")


def _nobody(_: str) -> bool:
    return False


def _no_access(_: str) -> Access | None:
    return None


def _nothing(*_: str) -> None:
    pass


def _nowhere() -> str:
    raise HostCallError("unavailable", "there is no place here where new characters begin")


def _no_hash(_: str) -> str:
    raise HostCallError("unavailable", "no password can be kept here")


def _no_password(*_: str | None) -> bool:
    raise HostCallError("unavailable", "no password is kept here")


def _no_character(_: str) -> str | None:
    return None


@attrs.frozen(kw_only=True)
class Surroundings:
    """What is asked may be called from any thread; what is to be done (boot, switch, shut down, tell) is called on Trio's."""

    fetch: Fetch = _no_network
    connected: Callable[[], list[str]] = list
    """The ids of the characters that are played right now, those longest here first."""
    is_connected: Callable[[str], bool] = _nobody
    """Whether somebody plays the character with this id right now."""
    access: Callable[[str], Access | None] = _no_access
    """What whoever plays the character with this id may do; None if nobody does."""
    handbook: Handbook = attrs.field(factory=Handbook)
    """The commands and help topics of all plugins."""
    sessions: Callable[[], list[Mapping[str, Any]]] = list
    """Everybody in play: character_id, character_name, connected_at, idle_seconds, connections, access, addresses."""
    boot: Callable[[str, str], None] = _nothing
    """Hang up on everybody who plays a character, after telling them a reason."""
    worlds: Path | None = None
    """The folder for files of worlds; None if there is none."""
    start: Callable[[], str] = _nowhere
    """The id of the location where new characters begin."""
    characters_each: int = 5
    """How many characters a player may have."""
    hash_password: Callable[[str], str] = _no_hash
    """A password's hash. Called in a guest's worker thread, and waits for it."""
    verify_password: Callable[[str | None, str], bool] = _no_password
    """Whether a hash is that of a password. Called in a guest's worker thread, and waits for it."""
    played_by: Callable[[str], str | None] = _no_character
    """The id of the character that the connection with this session's id plays."""
    switch: Callable[[str, str], None] = _nothing
    """Let the connection with a session's id go on as the character with another id."""
    sequence: Callable[[], int] = int
    """The number of the last event that people have been told."""
    plugins: Callable[[], list[Mapping[str, Any]]] = list
    """Every loaded plugin, in load order: its name, what it is, whether it is on, and figures about its calls."""
    stats: Callable[[], Mapping[str, Any]] = dict
    """Figures about the server: version, uptime_seconds, sessions, and counts of what there is."""
    shut_down: Callable[[str], None] = _nothing
    """Stop the server in good order, after telling everybody a reason."""
    tell_admins: Callable[[str], None] = _nothing
    """A line to every admin in play."""
    interpose: Callable[..., Any] | None = None
    """For tests: called in place of a host function, in the guest's thread, with its row of the table, call and arguments."""
