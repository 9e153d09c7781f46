"""Owns the questions asked of the event log. Writing it is ``records.insert_event`` and ``Store.submit``."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import asdict, frozen

from holomush.database.direct import DirectReader
from holomush.database.records import TABLES
from holomush.database.store import Store

_COLUMNS = ", ".join(f"events.{column}" for column in TABLES["events"].columns)

_COUNT = """
SELECT count(*) FROM events
WHERE stream IN (SELECT value FROM json_each(?1)) AND sequence > ?2 AND sequence <= ?3
"""

# Somebody who was away for a year missed a million events and is shown fifty. So each stream gives its own last few by
# the index on (stream, sequence), and only those rows are sorted.
_LAST = f"""
SELECT {_COLUMNS} FROM json_each(?1) AS wanted JOIN events ON events.sequence IN (
    SELECT sequence FROM events AS mine
    WHERE mine.stream = wanted.value AND mine.sequence > ?2 AND mine.sequence <= ?3
    ORDER BY mine.sequence DESC LIMIT ?4
)
ORDER BY events.sequence DESC LIMIT ?4
"""  # noqa: S608 - the columns are constants


_RECENT = f"""
SELECT {_COLUMNS} FROM (
    SELECT sequence AS number, sum(length(payload)) OVER (ORDER BY sequence DESC) AS size FROM (
        SELECT sequence, payload FROM events WHERE stream = ? ORDER BY sequence DESC LIMIT ?
    )
) JOIN events ON events.sequence = number
WHERE size <= ? ORDER BY number DESC
"""  # noqa: S608 - the columns are constants
RECENT_SIZE = 1_048_576
"""Characters of the payloads that ``recent`` gives together. Whoever asks may hold up everybody until all is read."""


@frozen
class StoredEvent:
    """A row of the event log; ``timestamp`` in milliseconds since 1970, ``payload`` as it was before it became JSON."""

    sequence: int
    id: str
    stream: str
    type: str
    timestamp: int
    actor_kind: str
    actor_id: str
    actor_name: str
    payload: dict[str, Any]

    def fields(self) -> Mapping[str, Any]:
        """All of it by name."""
        return asdict(self, recurse=False)


async def last_sequence(store: Store) -> int:
    """The number of the newest event, 0 if there is none."""
    [[newest]] = await store.fetch("SELECT coalesce(max(sequence), 0) FROM events")
    return int(newest)


async def missed(store: Store, streams: Sequence[str], after: int, upto: int, limit: int) -> tuple[int, list[StoredEvent]]:
    """How many events of ``streams`` have ``after < sequence <= upto``, and the last ``limit`` of them, oldest first.

    What is appended meanwhile does not matter, as ``upto`` is a number already given out. Raises as ``Store.fetch``.
    """
    wanted = json.dumps(sorted(set(streams)))
    [[count]] = await store.fetch(_COUNT, (wanted, after, upto))
    if not count or limit <= 0:
        return count, []
    rows = await store.fetch(_LAST, (wanted, after, upto, limit))
    return count, [StoredEvent(*(*row[:-1], json.loads(row[-1]))) for row in reversed(rows)]


def recent(reader: DirectReader, stream: str, limit: int, stop: Callable[[], bool]) -> list[StoredEvent]:
    """The last ``limit`` events of a stream that are on disk, oldest first; fewer if they are larger than ``RECENT_SIZE``.

    From any thread; raises as ``DirectReader.fetch``.
    """
    rows = reader.fetch(_RECENT, (stream, limit, RECENT_SIZE), stop)
    return [StoredEvent(*(*row[:-1], json.loads(row[-1]))) for row in reversed(rows)]
