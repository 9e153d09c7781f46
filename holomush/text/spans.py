"""Markup for clients that draw by themselves: runs of characters that look alike, as data.

The same rules as for a terminal (``holomush.text.markup``): tags end with their line, and no control character is left.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from holomush.text import markup
from holomush.text.colours import STYLES
from holomush.text.markup import clean

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
        for run, style in markup.runs(line, PLAIN, _with):
            _add(runs, run.replace("\0", ""), style)
    return [("".join(parts), style) for parts, style in runs]


def _marked(text: str) -> str:
    return "".join(one if one in "\t\n" or clean(one) else "\0" for one in text) if clean(text) != text else text


def _with(style: Style, name: str) -> Style:
    if name in STYLES:
        return {**style, name: True}
    return {**style, "background": name.removeprefix("on-")} if name.startswith("on-") else {**style, "color": name}


def _add(runs: list[tuple[list[str], Style]], text: str, style: Style) -> None:
    if not text:
        return
    if runs and (runs[-1][1] == style or (text.isspace() and "\n" in text)):
        runs[-1][0].append(text)
    else:
        runs.append(([text], style))
