"""Passwords: which are accepted, how they are hashed (Argon2id), and how they are checked without stalling the server.

Who owns a hash and where it is stored is not known here. How often somebody may guess is ``throttle``'s business.
"""

import base64
import logging
import os
import unicodedata

import trio
from argon2 import PasswordHasher
from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError
from attrs import field, frozen, validators

from holomush.errors import HolomushError
from holomush.world.names import name_key

# Fewer than NIST's eight, because MUSH players have always used short ones, and guessing over the wire is throttled.
MIN_LENGTH = 6
MAX_LENGTH = 128

# Each hash takes 64 MiB and several threads: two at a time is what a small machine bears, the rest wait their turn.
CONCURRENT_HASHES = 2

logger = logging.getLogger(__name__)


class BadPassword(HolomushError):
    """A password that may not be used. ``str()`` is one line for the player who chose it."""


class HashingFailed(HolomushError):
    """A new password could not be hashed: the machine is out of memory or threads. Nothing was stored."""


@frozen(kw_only=True)
class HashingCost:
    """What one hash costs. The defaults are the second choice of RFC 9106, for machines that have other work to do."""

    time_cost: int = field(default=3, validator=validators.ge(1))
    """Passes over the memory."""

    memory_cost: int = field(default=64 * 1024)
    """KiB, at least 8 for each thread."""

    parallelism: int = field(default=4, validator=validators.ge(1))
    """Threads for one hash."""

    @memory_cost.validator
    def _enough_memory(self, _attribute: object, value: int) -> None:
        least = 8 * self.parallelism
        if value < least:
            raise ValueError(f"memory_cost must be at least {least} KiB for parallelism {self.parallelism}")


def check_password(password: str, name: str) -> None:
    """Raise :class:`BadPassword` unless ``password`` may be chosen by the account called ``name``.

    It has 6 to 128 code points, no control characters, no space at either end (the connect screen could not tell it
    from the line's own), and is not the name, in whatever case. Nothing is said of capitals and digits: such rules only
    make people write passwords down.
    """
    if len(password) < MIN_LENGTH:
        raise BadPassword(f"A password needs at least {MIN_LENGTH} characters.")
    if len(password) > MAX_LENGTH:
        raise BadPassword(f"A password may have at most {MAX_LENGTH} characters.")
    # Cs is a lone surrogate: bytes that were not text to begin with.
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in password):
        raise BadPassword("A password may not hold control characters.")
    if password != password.strip():
        raise BadPassword("A password may not begin or end with a space.")
    if name_key(password) == name_key(name):
        raise BadPassword("A password may not be the same as the name.")


class PasswordHashes:
    """Makes and checks password hashes in worker threads, at most two at a time.

    Stored hashes are the standard ``$argon2id$v=19$m=…,t=…,p=…$salt$hash`` text, which carries its own cost: raising
    ``cost`` later leaves old ones valid, and :meth:`needs_rehash` tells which they are. Who waits for a thread waits in
    an unbounded queue, so the number of connections that may log in at once is to be bounded by the caller.
    """

    def __init__(self, cost: HashingCost | None = None) -> None:
        cost = cost or HashingCost()
        self._hasher = PasswordHasher(time_cost=cost.time_cost, memory_cost=cost.memory_cost, parallelism=cost.parallelism)
        self._limiter = trio.CapacityLimiter(CONCURRENT_HASHES)
        self._dummy = _unmatchable_hash(self._hasher)

    async def hash(self, password: str) -> str:
        """A fresh salted hash of ``password``, to be stored. Does not check the rules: see :func:`check_password`.

        Raises :class:`HashingFailed` if the machine cannot spare the memory. A cancelled call hashes to its end first.
        """
        try:
            return await trio.to_thread.run_sync(self._hasher.hash, _as_bytes(password), limiter=self._limiter)
        except HashingError as error:
            raise HashingFailed(f"The password could not be hashed ({error}). Try again later.") from error

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` is the one that ``stored`` is the hash of. Never raises for a wrong password.

        ``stored`` is None for an account that does not exist: the answer is False, after as much work as for one that
        does, so that the time does not tell which names are taken. A damaged hash is False, and an error in the log.
        """
        return await trio.to_thread.run_sync(self._verify, stored, _as_bytes(password), limiter=self._limiter)

    def needs_rehash(self, stored: str) -> bool:
        """Whether ``stored`` was made at another cost than today's, and is to be replaced at the next good log-in.

        A damaged hash is one that does: only a new password mends it.
        """
        try:
            return self._hasher.check_needs_rehash(stored)
        except InvalidHashError:
            return True

    def _verify(self, stored: str | None, password: bytes) -> bool:
        """Runs in a worker thread."""
        try:
            self._hasher.verify(self._dummy if stored is None else stored, password)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError, UnicodeEncodeError) as error:
            # Never the hash itself: logs travel further than the database does.
            logger.error("a stored password hash could not be checked (%s): reset that password", error or "not Argon2")
            return False
        return stored is not None


def _as_bytes(password: str) -> bytes:
    """What is hashed: normalised, since clients differ in how they send an accent; what is no text is merely wrong."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _unmatchable_hash(hasher: PasswordHasher) -> str:
    """A well-formed hash of the hasher's own cost that no known password has, without the work of making one."""

    def random_text(size: int) -> str:
        return base64.b64encode(os.urandom(size)).decode("ascii").rstrip("=")

    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${random_text(hasher.salt_len)}${random_text(hasher.hash_len)}"
