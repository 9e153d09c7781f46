"""What every session needs of the server, in one value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from holomush.config import SessionsConfig
from holomush.database.store import Store
from holomush.dispatch.commit import Committer
from holomush.dispatch.lines import Lines
from holomush.events.bus import Bus
from holomush.sessions.entrance import Entrance
from holomush.sessions.presence import Presences
from holomush.sessions.replay import Replays
from holomush.sessions.resumption import Resumption
from holomush.sessions.sight import Sights
from holomush.telemetry.recording import Counts
from holomush.world.state import World


@attrs.frozen(kw_only=True)
class Game:
    """Made once for each server."""

    world: World
    store: Store
    bus: Bus
    committer: Committer
    lines: Lines
    entrance: Entrance
    presences: Presences
    replays: Replays
    resumption: Resumption
    sights: Sights
    logins: Counts
    """Attempts to come in: accepted, refused, failed."""
    dismiss_guest: Callable[[str], Awaitable[None]]
    """A guest has left for good."""
    config: SessionsConfig
