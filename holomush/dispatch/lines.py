"""A line that a character typed: which command it is, its run, and one clear line if it fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from holomush.clock import now
from holomush.commands.access import Access
from holomush.commands.router import BadUsage, Matched, Router, Unknown
from holomush.commands.spec import CommandSpec
from holomush.database.store import StorageBusy, StorageError, Store
from holomush.dispatch.calls import CallGivenUpError, PluginCalls
from holomush.dispatch.commit import Actor
from holomush.events.event import ActorKind
from holomush.events.streams import character_stream
from holomush.plugins.functions.views import Viewer
from holomush.plugins.guests.guest import (
    GuestCancelledError,
    GuestError,
    GuestInputError,
    GuestOutOfMemoryError,
    GuestOutputError,
    GuestOverdueError,
    GuestTooLongError,
)
from holomush.plugins.loaded import PluginPausedError
from holomush.plugins.pauses import in_words
from holomush.plugins.reply import Reply, encode_input
from holomush.text.markup import escape
from holomush.world.model import Character, Location
from holomush.world.state import World
from holomush.world.transaction import NotFoundError, Transaction

_log = logging.getLogger(__name__)

_FAILURES = {
    GuestOverdueError: "took too long and was stopped",
    GuestCancelledError: "was stopped together with the server",
    GuestOutOfMemoryError: "used too much memory and was stopped",
    GuestTooLongError: "gave too long an answer",
    GuestInputError: "was given too much at once",
    GuestOutputError: "gave an answer that makes no sense",
}
"""What a player is told of a failed command. The log has the details."""


@attrs.frozen(kw_only=True)
class Asker:
    """Who typed a line. ``session`` is shown to the plugin; ``tell`` writes text to the character's connections."""

    character_id: str
    access: Access
    session: Mapping[str, Any]
    tell: Callable[[str], None]


class Lines:
    """Runs what characters type. ``router`` gives the commands that there are right now."""

    def __init__(self, router: Callable[[], Router], calls: PluginCalls, world: World, store: Store) -> None:
        self._router = router
        self._calls = calls
        self._world = world
        self._store = store

    async def run(self, line: str, asker: Asker) -> None:
        """Do what ``line`` says. The asker is told of everything that goes wrong; nothing is raised for it."""
        if not line.strip():
            return
        if self._store.failure is not None:
            asker.tell("The server cannot save anything right now, so nothing can be done. Please wait.")
            return
        match self._router().route(line, asker.access):
            case Matched(spec, args, _):
                await self._run(spec, args, line, asker)
            case BadUsage(spec):
                asker.tell(f"Usage: {escape(spec.usage)}")
            case Unknown(_, suggestion):
                for spec in self._router().fallbacks(asker.access):
                    if await self._run(spec, spec.fallback_args(line), line, asker):
                        return
                hint = f'Did you mean "{suggestion}"?' if suggestion else '(Type "help" for help.)'
                asker.tell(f"Huh?  {hint}")

    def knows(self, line: str, access: Access) -> bool:
        """Whether ``line`` is a command for somebody with this access, and can be done: nothing can while the disk fails."""
        return self._store.failure is None and isinstance(self._router().route(line, access), Matched)

    def commands(self, access: Access) -> list[str]:
        """The words with which the commands begin that somebody with this access may use, for completing what is typed."""
        return sorted({" ".join(usable.spec.words) for usable in self._router().usable(access)} - {""})

    async def _run(self, spec: CommandSpec, args: Mapping[str, str], line: str, asker: Asker) -> bool:
        """Run one command. False only for a fallback that said the line is not for it."""

        def make_input(transaction: Transaction, viewer: Viewer) -> bytes:
            character = transaction.expect(asker.character_id, Character)
            location = transaction.expect(character.location_id, Location)
            return encode_input(
                {
                    "command": spec.name,
                    "handler": spec.handler,
                    "args": dict(args),
                    "raw": line,
                    "actor": viewer.character(character),
                    "location": viewer.location(location),
                    "session": dict(asker.session),
                    "timestamp": now(),
                }
            )

        def output(reply: Reply) -> None:
            if reply.output is not None:
                asker.tell(reply.output)

        asking = self._world.get(asker.character_id)
        actor = Actor(ActorKind.CHARACTER, asker.character_id, asking.name if asking is not None else "")
        try:
            reply = await self._calls.run(
                spec.plugin,
                spec.handler,
                make_input,
                actor,
                event_type="command",
                event_stream=character_stream(asker.character_id),
                output=output,
                wanted=lambda reply: not (spec.fallback and reply.handled is False),
            )
        except PluginPausedError as exc:
            if spec.fallback:
                return False  # it might have left the line to the next, too
            asker.tell(
                f'"{spec.name}" is switched off for {in_words(exc.seconds)}: its plugin keeps failing. (Plugin: {spec.plugin})'
            )
        except GuestError as exc:
            how = next((text for cls, text in _FAILURES.items() if isinstance(exc, cls)), "failed")
            asker.tell(f'"{spec.name}" {how}. Nothing was changed. (Plugin: {spec.plugin})')
        except CallGivenUpError as exc:
            asker.tell(f'"{spec.name}" was not done: {exc}.')
        except NotFoundError:
            asker.tell("Your character is no longer in the world.")
        except StorageBusy:
            asker.tell(f'"{spec.name}" was not done: the server is too busy. Try again in a moment.')
        except StorageError as exc:
            _log.error("the database refused what %s of plugin %s did: %s", spec.name, spec.plugin, exc)
            asker.tell(f'"{spec.name}" was not done: the server could not save it.')
        else:
            return not (spec.fallback and reply.handled is False)
        return True
