"""Lines no longer than a window is wide. Markup in, markup out.

Owns how wide text is and where it may be broken. A line that is broken goes on in the colours it had.
"""

import re
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator
from itertools import accumulate
from typing import Final
from unicodedata import category

from wcwidth import iter_graphemes, wcswidth

from holomush.text.markup import Nest, escape, pieces, strip

_TAB: Final = 8  # columns that a tab takes at most
_SPACES: Final = re.compile(" *")
# Letters of flags. To pair one off, wcwidth counts all that stand before it: of long rows the time grows with the square.
_MANY_FLAGS: Final = re.compile("[\U0001f1e6-\U0001f1ff]{64}")


def wrap(text: str, width: int) -> str:
    """The text with lines broken that are wider than ``width`` columns: between words, else within one."""
    if len(text) <= width and text.isascii() and "\t" not in text:
        return text
    return "\n".join([line for long in text.split("\n") for line in wrap_line(long, width)])


def wrap_line(line: str, width: int) -> list[str]:
    """The rows of one line."""
    plain = strip(line)
    if not _MANY_FLAGS.search(plain) and 0 <= wcswidth(plain) <= width:
        return [line]
    rows = list(_rows(plain, width))
    if rows == [(0, len(plain))]:
        return [line]
    if plain == line:
        return [plain[start:end] for start, end in rows]
    return _tagged(line, plain, rows)


def _tagged(line: str, plain: str, rows: list[tuple[int, int]]) -> list[str]:
    """The rows, given by where they begin and end in the plain text, with the tags of the line in their places."""
    tags: deque[tuple[int, str]] = deque()
    position = 0
    for index, piece in enumerate(pieces(line)):
        if index % 2 == 0:
            position += len(piece)
        elif piece == "[[":
            position += 1
        else:
            tags.append((position, piece))
    opened: Nest[str] = Nest()
    marked = []
    for start, end in rows:
        # Tags in what was dropped between two rows count, too.
        while tags and tags[0][0] <= start:
            _follow(tags.popleft()[1], opened)
        row = [*opened.open]
        at = start
        while tags and tags[0][0] < end:
            place, tag = tags.popleft()
            _follow(tag, opened)
            row += (escape(plain[at:place]), tag)
            at = place
        row.append(escape(plain[at:end]))
        marked.append("".join(row))
    return marked


def _follow(tag: str, opened: Nest[str]) -> None:
    if tag == "[/]":
        opened.end()
    elif tag == "[/all]":
        opened.end_all()
    else:
        opened.begin(tag)


def _rows(plain: str, width: int) -> Iterator[tuple[int, int]]:
    """Where the rows of a plain line begin and end. Spaces between two rows belong to neither; nor do those at the end."""
    ruler = None if plain.isascii() and plain.isprintable() else _Ruler(plain)
    length = len(plain.rstrip(" "))
    start = 0
    while True:
        stop = ruler.reach(start, width) if ruler else start + width
        if stop >= length:
            yield start, min(stop, len(plain))
            return
        space = plain.rfind(" ", start, stop + 1)
        end = start if space < 0 else start + len(plain[start:space].rstrip(" "))
        between = ruler.last_break(max(start, space), stop) if ruler else None
        if between is not None:
            yield start, between
            start = between
        elif end > start:
            yield start, end
            start = _past_spaces(plain, space)
        else:  # a word wider than a row, perhaps behind an indentation
            yield start, stop
            start = stop


def _past_spaces(plain: str, position: int) -> int:
    found = _SPACES.match(plain, position)
    return found.end() if found else position


class _Ruler:
    """Measures a line that is more than plain ASCII, in characters as people see them: a letter with its marks is one."""

    def __init__(self, plain: str) -> None:
        self._seen = list(iter_graphemes(plain))
        self._widths = [_columns_of(seen) for seen in self._seen]
        # Of each character as seen, and of the end: where it begins, and how many columns stand before it.
        self._starts = [0, *accumulate(map(len, self._seen))]
        self._before = [0, *accumulate(self._widths)]

    def reach(self, start: int, width: int) -> int:
        """How far a row that begins at ``start`` goes at most: at least one character."""
        first = bisect_left(self._starts, start)
        last = bisect_right(self._before, self._before[first] + width) - 1
        return self._starts[max(first + 1, last)]

    def last_break(self, start: int, stop: int) -> int | None:
        """The last place after ``start``, up to ``stop``, beside a wide character, where there need be no space to break."""
        for number in range(bisect_left(self._starts, stop), bisect_right(self._starts, start), -1):
            if 2 in self._widths[number - 1 : number + 1] and _may_part(self._seen[number - 1], self._seen[number]):
                return self._starts[number]
        return None


def _may_part(one: str, other: str) -> bool:
    """Whether a row may end with ``one`` and the next begin with ``other``: no stop begins one, no bracket is left behind."""
    return category(one[0]) not in {"Ps", "Pi"} and category(other[0]) not in {"Po", "Pe", "Pf", "Pd", "Lm"}


def _columns_of(seen: str) -> int:
    if seen == "\t":
        return _TAB
    return max(0, wcswidth(seen))  # it is -1 for control characters, of which nothing is seen
