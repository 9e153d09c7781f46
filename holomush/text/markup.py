"""Markup: tags in brackets that make text bold or red, and what becomes of them for a terminal.

Owns the grammar. ``[bold]``, ``[red]``, ``[#ff8800]`` or ``[on-blue]`` begin something, ``[/]`` ends the last that was
begun, ``[/all]`` everything, as does the end of the line. ``[[`` is a bracket, and a bracket that begins no tag is one too.

Text may come from anybody. The work is linear in its length, nothing is longer for it than a few times, and the only
control characters that leave ``render`` are tabs, newlines and the sequences that it makes itself.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from holomush.text.colours import COLOUR_NAMES, PLAIN, STYLES, Colours

DEPTH: Final = 16
"""Tags that may be open at once. One opened inside of these changes nothing; it must be closed all the same."""
LONGEST_TAG: Final = len("[on-bright-magenta]")

_COLOUR: Final = "|".join((*COLOUR_NAMES, "#[0-9A-Fa-f]{6}"))
_TAG_PATTERN: Final = rf"\[(?:\[|/\]|/all\]|(?:{'|'.join(STYLES)})\]|(?:on-)?(?:{_COLOUR})\])"
_TAG: Final = re.compile(f"({_TAG_PATTERN})")
# The end of a text that may become a tag with what is put behind it.
_TORN_PATTERN: Final = rf"\[[0-9A-Za-z#/-]{{0,{LONGEST_TAG - 2}}}\Z"
_TAG_OR_TORN: Final = re.compile(f"({_TAG_PATTERN}|{_TORN_PATTERN})")
# C0, DEL and C1 controls but tab and newline, Unicode's own line ends (with them a player could forge a line), halves of
# surrogate pairs.
_UNSAFE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_T = TypeVar("_T")


class Nest(Generic[_T]):
    """What is open on a line, the last begun at the end of ``open``. What is begun too deep is only counted."""

    def __init__(self) -> None:
        self.open: list[_T] = []
        self._ignored = 0

    def begin(self, value: _T) -> None:
        """A tag begins something."""
        if len(self.open) < DEPTH:
            self.open.append(value)
        else:
            self._ignored += 1

    def end(self) -> None:
        """``[/]``; nothing happens if nothing is open."""
        if self._ignored:
            self._ignored -= 1
        elif self.open:
            self.open.pop()

    def end_all(self) -> None:
        """``[/all]``."""
        self.open.clear()
        self._ignored = 0


def has_markup(text: str) -> bool:
    """Whether the text holds a tag or a doubled bracket, so that it is not shown as it is written."""
    return "[" in text and _TAG.search(text) is not None


def escape(text: str) -> str:
    """Markup that shows ``text`` as it is."""
    return text.replace("[", "[[")


def strip(text: str) -> str:
    """What is left to read without colours and styles."""
    if "[" not in text:
        return text
    return _TAG.sub(_bracket, text)


def clean(text: str) -> str:
    """The text without control characters (tabs and newlines stay) and without halves of characters."""
    return _UNSAFE.sub("", text)


def render(text: str, colours: Colours) -> str:
    """The text for a terminal, clean but for the escape sequences that its tags stand for. Styles never outlast a line."""
    if "[" not in text:
        return _UNSAFE.sub("", text)
    # Tags are looked for first, so that what is no tag with a control character inside does not become one without.
    marked = _UNSAFE.sub("\0", text)
    if colours is Colours.NONE:
        return strip(marked).replace("\0", "")
    lines = [_rendered(line, colours) if "[" in line else line for line in marked.split("\n")]
    return "\n".join(lines).replace("\0", "")


def close(value: str) -> str:
    """``value`` as a part of other markup: it ends what it begins, on each of its lines, and nothing else.

    A bracket at its end that could become a tag with what comes after it is doubled.
    """
    if "[" not in value:
        return value
    return "\n".join([_closed(line) if "[" in line else line for line in value.split("\n")])


def settle(text: str) -> str:
    """The author's text before a value: its tags stay open, but no bracket at its end becomes a tag with the value."""
    if "[" not in text:
        return text
    return _TAG_OR_TORN.sub(lambda found: found[0] if _is_whole(found[0]) else f"[{found[0]}", text)


def cut(text: str, limit: int) -> str:
    """At most ``limit`` bytes of UTF-8. It is cut between characters, and never within a tag."""
    if len(text) * 4 <= limit:  # no character takes more than four bytes
        return text
    data = text[:limit].encode(errors="ignore")
    if len(text) <= limit and len(data) <= limit:
        return text
    kept = data[:limit].decode(errors="ignore")
    if "[" not in kept[-LONGEST_TAG:]:
        return kept
    return _TAG_OR_TORN.sub(lambda found: found[0] if _is_whole(found[0]) else "", kept)


def pieces(line: str) -> list[str]:
    """A line in pieces: text, a tag, text, a tag, ... text. ``[[`` is a tag here. Texts may be empty."""
    return _TAG.split(line)


def runs(line: str, plain: _T, with_: Callable[[_T, str], _T]) -> Iterator[tuple[str, _T]]:
    """What is to be seen of a line, none of it empty, and how each part looks. ``with_`` adds a style or colour to a look."""
    found = _TAG.split(line)
    if found[0]:
        yield found[0], plain
    opened: Nest[_T] = Nest()
    for tag, text in zip(found[1::2], found[2::2], strict=True):
        visible = text
        if tag == "[[":
            visible = f"[{text}"
        elif tag == "[/]":
            opened.end()
        elif tag == "[/all]":
            opened.end_all()
        else:
            opened.begin(with_(opened.open[-1] if opened.open else plain, tag[1:-1]))
        if visible:
            yield visible, opened.open[-1] if opened.open else plain


def _bracket(tag: re.Match[str]) -> str:
    return "[" if tag[0] == "[[" else ""


def _is_whole(tag: str) -> bool:
    return tag == "[[" or tag.endswith("]")


def _rendered(line: str, colours: Colours) -> str:
    out: list[str] = []
    shown = PLAIN
    # Only before something to see: a row of tags would else cost the client many times what it cost to write.
    for visible, paint in runs(line, PLAIN, lambda paint, name: paint.with_(name, colours)):
        if paint != shown:
            out.append(paint.sgr(shown))
            shown = paint
        out.append(visible)
    if shown != PLAIN:
        out.append(PLAIN.sgr(shown))
    return "".join(out)


def _closed(line: str) -> str:
    found = _TAG_OR_TORN.split(line)
    out = [found[0]]
    depth = 0
    for tag, text in zip(found[1::2], found[2::2], strict=True):
        if tag == "[/]":
            out.append(tag if depth else "")
            depth = max(0, depth - 1)
        elif tag == "[/all]":
            out.append("[/]" * depth)
            depth = 0
        elif not _is_whole(tag):
            out.append(f"[{tag}")
        else:
            out.append(tag)
            depth += tag != "[["
        out.append(text)
    out.append("[/]" * depth)
    return "".join(out)
