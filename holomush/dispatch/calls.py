"""One plugin call as a transaction: run, run again if the world moved or a bystander's interrupt hit it, commit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import trio

from holomush.database.store import Ticket
from holomush.dispatch.commit import Actor, Committer, ConflictError
from holomush.errors import HolomushError
from holomush.plugins.attempt import Attempt
from holomush.plugins.functions.views import Viewer
from holomush.plugins.guests.guest import GuestInterruptedError
from holomush.plugins.host import PluginHost
from holomush.plugins.reply import Reply
from holomush.world.transaction import Transaction

CONFLICT_ATTEMPTS = 5
ALONE_AFTER = 2
"""Conflicts after which a call is run where nobody can get in its way, if it is not too slow for that."""
TURN_PATIENCE = 10.0
"""Seconds that a call which has met a conflict waits for others like it."""
INTERRUPTION_ATTEMPTS = 20
"""Each interruption is another plugin's timeout, and a plugin that times out soon has a module of its own."""


class CallGivenUpError(HolomushError):
    """The call was run as often as is sensible and never came through undisturbed."""


class PluginCalls:
    """Runs plugin calls to their commit."""

    def __init__(self, host: PluginHost, committer: Committer) -> None:
        self._host = host
        self._committer = committer
        self._turns: defaultdict[str, trio.Lock] = defaultdict(trio.Lock)
        """By plugin: calls that have met a conflict go one after the other, or they would only meet each other again."""

    async def run(
        self,
        plugin: str,
        function: str,
        make_input: Callable[[Transaction, Viewer], bytes],
        actor: Actor,
        *,
        event_type: str,
        event_stream: str,
        depth: int = 0,
        output: Callable[[Reply], None],
        wanted: Callable[[Reply], bool] = lambda _: True,
    ) -> Reply:
        """Call ``function`` until it comes through, commit, and return the reply when all is on disk.

        ``make_input`` builds the input from the attempt's transaction, for the plugin's eyes. ``output`` is called with the reply
        when it is durable, before the call's events go out. A reply that is not ``wanted`` leaves no trace. Raises ``GuestError``,
        ``StorageError``, ``WorldError`` (from ``make_input``) and ``CallGivenUpError``.
        """
        conflicts = interruptions = 0
        async with AsyncExitStack() as turn:
            while True:
                alone = conflicts >= ALONE_AFTER
                if alone:
                    await self._host.rested(plugin)
                attempt = self._host.begin(plugin)
                data = make_input(attempt.transaction, self._host.viewer(plugin))
                try:
                    reply = await self._host.call(
                        plugin, function, data, attempt, event_type=event_type, event_stream=event_stream, alone=alone
                    )
                    if not wanted(reply):
                        return reply
                    ticket = self._commit(attempt, actor, depth, output, reply)
                except ConflictError as exc:
                    _forget(attempt, exc)
                    conflicts += 1
                    if conflicts >= CONFLICT_ATTEMPTS:
                        raise _crowded() from exc
                    if conflicts == 1:
                        await turn.enter_async_context(self._turn(plugin))
                except GuestInterruptedError as exc:
                    _forget(attempt, exc)
                    interruptions += 1
                    if interruptions >= INTERRUPTION_ATTEMPTS:
                        raise CallGivenUpError("it was interrupted again and again; try again") from exc
                else:
                    break
        await ticket.durable()
        return reply

    @asynccontextmanager
    async def _turn(self, plugin: str) -> AsyncIterator[None]:
        """Raises ``CallGivenUpError`` if it takes too long until it is this call's."""
        lock = self._turns[plugin]
        with trio.move_on_after(TURN_PATIENCE) as waiting:
            await lock.acquire()
        if waiting.cancelled_caught:
            raise _crowded()
        try:
            yield
        finally:
            lock.release()

    def _commit(self, attempt: Attempt, actor: Actor, depth: int, output: Callable[[Reply], None], reply: Reply) -> Ticket:
        if attempt.has_effects and not attempt.is_current():
            raise ConflictError("somebody else changed the same thing at the same moment")

        def on_disk() -> None:
            attempt.settle()
            output(reply)
            # Last: whoever is to be hung up on may still read the answer.
            attempt.make_requests()

        ticket = self._committer.commit(
            attempt.transaction, actor, depth=depth, output=on_disk, extra=attempt.statements(), registers=attempt.registers
        )
        # Nothing was awaited since it was found current, and from here on nothing can fail but the disk.
        attempt.apply()
        return ticket


def _crowded() -> CallGivenUpError:
    return CallGivenUpError("too many others are changing the same thing; try again")


def _forget(attempt: Attempt, cause: HolomushError) -> None:
    """Make way for another attempt. Raises ``CallGivenUpError`` after one that cannot be undone."""
    attempt.refund()
    if attempt.reached_outside:
        raise CallGivenUpError("something changed meanwhile, and what it asked of other servers cannot be asked twice") from cause
