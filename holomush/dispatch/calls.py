"""One plugin call as a transaction: run, run again if the world moved or a bystander's interrupt hit it, commit."""

from __future__ import annotations

from collections.abc import Callable

from holomush.database.store import Ticket
from holomush.dispatch.commit import Actor, Committer, ConflictError
from holomush.errors import HolomushError
from holomush.plugins.guest import GuestInterruptedError
from holomush.plugins.host import PluginHost
from holomush.plugins.reply import Reply
from holomush.world.state import World
from holomush.world.transaction import Transaction

CONFLICT_ATTEMPTS = 5
INTERRUPTION_ATTEMPTS = 20
"""Each interruption is another plugin's timeout, and a plugin that times out soon has a module of its own."""


class CallGivenUpError(HolomushError):
    """The call was run as often as is sensible and never came through undisturbed."""


class PluginCalls:
    """Runs plugin calls to their commit."""

    def __init__(self, world: World, host: PluginHost, committer: Committer) -> None:
        self._world = world
        self._host = host
        self._committer = committer

    async def run(
        self,
        plugin: str,
        function: str,
        make_input: Callable[[Transaction], bytes],
        actor: Actor,
        *,
        event_type: str,
        event_stream: str,
        depth: int = 0,
        output: Callable[[Reply], None],
        wanted: Callable[[Reply], bool] = lambda _: True,
    ) -> Reply:
        """Call ``function`` until it comes through, commit, and return the reply when all is on disk.

        ``make_input`` builds the input from the attempt's transaction. ``output`` is called with the reply when it is durable,
        before the call's events go out. A reply that is not ``wanted`` leaves no trace. Raises ``GuestError``, ``StorageError``,
        ``WorldError`` (from ``make_input``) and ``CallGivenUpError``.
        """
        conflicts = interruptions = 0
        while True:
            transaction = Transaction(self._world)
            data = make_input(transaction)
            try:
                reply = await self._host.call(plugin, function, data, transaction, event_type=event_type, event_stream=event_stream)
                if not wanted(reply):
                    return reply
                ticket = self._commit(transaction, actor, depth, output, reply)
            except ConflictError as exc:
                conflicts += 1
                if conflicts >= CONFLICT_ATTEMPTS:
                    raise CallGivenUpError("too many others are changing the same thing; try again") from exc
            except GuestInterruptedError as exc:
                interruptions += 1
                if interruptions >= INTERRUPTION_ATTEMPTS:
                    raise CallGivenUpError("it was interrupted again and again; try again") from exc
            else:
                await ticket.durable()
                return reply

    def _commit(self, transaction: Transaction, actor: Actor, depth: int, output: Callable[[Reply], None], reply: Reply) -> Ticket:
        return self._committer.commit(transaction, actor, depth=depth, output=lambda: output(reply))
