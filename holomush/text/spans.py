"""Markup for clients that draw by themselves: runs of characters that look alike, as data.

The same rules as for a terminal (``holomush.text.markup``): tags end with their line, and no control character is left.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from holomush.text.colours import STYLES
from holomush.text.markup import Nest, clean, pieces

Style: TypeAlias = Mapping[str, bool | str]
"""Only what is set: True for ``bold`` and the other styles; ``color`` and ``background`` are a name or ``#rrggbb``."""

PLAIN: Final[Style] = MappingProxyType({})


def spans(text: str) -> list[tuple[str, Style]]:
    """All of the text in runs, none of them empty; together they are what is left to read of it."""
    # The parts of a run are joined once: a text may have a hundred thousand lines.
    runs: list[tuple[list[str], Style]] = []
    # What is no tag with a control character inside does not become one without.
    for number, line in enumerate(_marked(text).split("\n")):
        if number:
            _add(runs, "\n", PLAIN)
        for run, style in _line(line):
            _add(runs, run.replace("\0", ""), style)
    return [("".join(parts), style) for parts, style in runs]


def _marked(text: str) -> str:
    return "".join(one if one in "\t\n" or clean(one) else "\0" for one in text) if clean(text) != text else text


def _line(line: str) -> Iterator[tuple[str, Style]]:
    found = pieces(line)
    yield found[0], PLAIN
    opened: Nest[Style] = Nest()
    for tag, text in zip(found[1::2], found[2::2], strict=True):
        visible = text
        if tag == "[[":
            visible = f"[{text}"
        elif tag == "[/]":
            opened.end()
        elif tag == "[/all]":
            opened.end_all()
        else:
            opened.begin({**_top(opened), **_style(tag[1:-1])})
        yield visible, _top(opened)


def _top(opened: Nest[Style]) -> Style:
    return opened.open[-1] if opened.open else PLAIN


def _style(tag: str) -> Style:
    if tag in STYLES:
        return {tag: True}
    return {"background": tag.removeprefix("on-")} if tag.startswith("on-") else {"color": tag}


def _add(runs: list[tuple[list[str], Style]], text: str, style: Style) -> None:
    if not text:
        return
    if runs and (runs[-1][1] == style or (text.isspace() and "\n" in text)):
        runs[-1][0].append(text)
    else:
        runs.append(([text], style))
