"""One attempt of a call: everything it has read and staged, in the world, in what its plugin keeps and in the registers.

Kept together because they stand and fall together: ``dispatch`` commits all of it in one SQLite transaction or forgets all of it.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from holomush.database.register import RegisterChanges
from holomush.database.store import Statement
from holomush.plugins.storage.kv import KvChanges
from holomush.plugins.storage.storage import PluginStorage
from holomush.plugins.storage.tables import TableChanges
from holomush.rates import Bucket
from holomush.world.state import World
from holomush.world.transaction import Savepoint, Transaction


@attrs.define(eq=False)
class Attempt:
    """Made anew for each attempt, used by one thread at a time, and thrown away unless it is committed."""

    transaction: Transaction
    kv: KvChanges
    tables: TableChanges
    registers: RegisterChanges = attrs.Factory(RegisterChanges)
    requests: list[Callable[[], None]] = attrs.Factory(list)
    """What is to be asked of the rest of the server once everything is on disk, such as a shut-down."""
    paid: list[Bucket] = attrs.Factory(list)
    """The buckets from which a token was taken for what is staged."""
    conditions: list[Callable[[], bool]] = attrs.Factory(list)
    """What else must be so when it is committed, asked on the Trio side."""
    reached_outside: bool = False
    """Whether something was done that cannot be undone, such as an HTTP request: then it is not run again."""

    @classmethod
    def begin(cls, world: World, storage: PluginStorage) -> Attempt:
        """An attempt that has read and staged nothing."""
        transaction = Transaction(world)
        return cls(transaction, KvChanges(storage.kv), TableChanges(storage.tables, transaction))

    def begin_again(self, storage: PluginStorage, before: Savepoint) -> None:
        """Forget what a guest did since ``before``, which was taken when none had run."""
        self.refund()
        self.transaction.restore(before)
        self.kv = KvChanges(storage.kv)
        self.tables = TableChanges(storage.tables, self.transaction)
        self.registers = RegisterChanges()
        self.requests.clear()
        self.conditions.clear()

    def pay(self, bucket: Bucket) -> bool:
        """Take a token for something that is to be staged. False if there is none."""
        if not bucket.take():
            return False
        self.paid.append(bucket)
        return True

    def refund(self) -> None:
        """It is run anew, and pays anew."""
        for bucket in self.paid:
            bucket.give_back()
        self.paid.clear()

    @property
    def has_effects(self) -> bool:
        """Whether committing this would change anything or tell anyone."""
        return self.transaction.has_effects or self.keeps_something or bool(self.requests)

    @property
    def keeps_something(self) -> bool:
        """Whether keys, rows or entries of registers are staged."""
        return self.kv.has_effects or self.tables.has_effects or self.registers.has_effects

    def is_current(self) -> bool:
        """Whether all that was read is still so. Of an attempt that has no effects nobody need ask."""
        return (
            self.transaction.is_current()
            and self.kv.is_current()
            and self.tables.is_current()
            and self.registers.is_current()
            and all(condition() for condition in self.conditions)
        )

    def statements(self) -> list[Statement]:
        """What writes the keys and rows. The changes of the world and of registers are the committer's to write."""
        return [*self.kv.statements(), *self.tables.statements()]

    def apply(self) -> None:
        """The statements have been accepted: from now on everybody reads them."""
        self.kv.apply()
        self.tables.apply()

    def settle(self) -> None:
        """Everything is on disk."""
        self.tables.settle()

    def make_requests(self) -> None:
        """What was asked of the rest of the server can be done."""
        for request in self.requests:
            request()
