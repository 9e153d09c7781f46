"""Timers of plugins: when one is due, its event is emitted and the timer is gone, both in one commit."""

from __future__ import annotations

import logging
from collections.abc import Callable

import trio

from holomush.clock import now
from holomush.database.register import RegisterChanges
from holomush.database.store import StorageError
from holomush.dispatch.commit import SYSTEM, Committer, ConflictError
from holomush.events.event import JSON, EmittedEvent
from holomush.events.streams import plugin_stream
from holomush.plugins.storage.registers import Registers, Timer
from holomush.world.state import World
from holomush.world.transaction import Transaction

LONGEST_NAP = 60.0
"""Seconds after which the clock is looked at again at the latest: somebody may have set it."""
RETRY = 5.0
"""Seconds to wait when the disk has refused."""

_log = logging.getLogger(__name__)


class Timers:
    """Watches over the timers of plugins that are on; those of others wait until they are."""

    def __init__(
        self,
        registers: Registers,
        world: World,
        committer: Committer,
        is_on: Callable[[str], bool],
        clock: Callable[[], int] = now,
    ) -> None:
        """``is_on`` says whether a plugin is loaded and gets events."""
        self._registers = registers
        self._world = world
        self._committer = committer
        self._is_on = is_on
        self._clock = clock
        self._changed = trio.Event()
        registers.timers.watchers.append(self._wake)
        registers.settings.watchers.append(self._wake)

    async def run(self) -> None:
        """Emit what is due, when it is due, until cancelled. What was due while the server was off comes at once."""
        while True:
            self._changed = trio.Event()
            today = self._clock()
            waiting = [timer for timer in self._registers.timers.values() if self._is_on(timer.plugin)]
            due = sorted((timer for timer in waiting if timer.due <= today), key=lambda timer: timer.due)
            if due:
                for timer in due:
                    await self._ring(timer)
                continue  # time has passed, and what could not be emitted is to be tried again
            dues = [timer.due for timer in waiting]
            nap = min((min(dues) - today) / 1000, LONGEST_NAP) if dues else LONGEST_NAP
            with trio.move_on_after(nap):
                await self._changed.wait()

    async def _ring(self, timer: Timer) -> None:
        timers = self._registers.timers
        if timers.get((timer.plugin, timer.name)) is not timer:
            return  # cancelled, or set anew, while another was emitted
        transaction = Transaction(self._world)
        payload: dict[str, JSON] = {"name": timer.name, "payload": timer.payload}
        transaction.events.append(EmittedEvent(plugin_stream(timer.plugin), "timer", payload))
        changes = RegisterChanges()
        changes.of(timers).remove((timer.plugin, timer.name))
        try:
            ticket = self._committer.commit(transaction, SYSTEM, registers=changes)
            await ticket.durable()
        except (StorageError, ConflictError) as exc:
            _log.error("the timer %s of plugin %s waits: %s", timer.name, timer.plugin, exc)
            await trio.sleep(RETRY)

    def _wake(self, *_: object) -> None:
        self._changed.set()
