"""Colours and styles as terminals take them: the names that markup has, and the nearest colour where there are fewer.

Owns the numbers of SGR sequences (ECMA-48, and what xterm made of it). Knows nothing of tags in brackets.
"""

import re
from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple


class Colours(IntEnum):
    """What a client can show, from nothing to everything; a greater one can show all that a lesser one can."""

    NONE = 0
    ANSI16 = 16
    ANSI256 = 256
    TRUE = 1 << 24


STYLES: Final[Mapping[str, str]] = MappingProxyType({"bold": "1", "dim": "2", "italic": "3", "underline": "4", "reverse": "7"})
"""The number of each style."""

_EIGHT: Final = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
# Named colours keep these numbers whatever the client can show: people have chosen what their terminal makes of them.
_NAMED: Final[Mapping[str, int]] = MappingProxyType(
    {name: 30 + number for number, name in enumerate(_EIGHT)}
    | {f"bright-{name}": 90 + number for number, name in enumerate(_EIGHT)}
    | {"grey": 90}
)
COLOUR_NAMES: Final = tuple(_NAMED)

_ON_GROUND: Final = 10  # what the number of a ground is greater by than that of the same colour for letters
_CUBE: Final = (0, 95, 135, 175, 215, 255)
_HEX: Final = re.compile(r"#[0-9A-Fa-f]{6}")

_RGB = tuple[int, int, int]

# xterm's own sixteen. Terminals differ in them, but less from each other than these differ among themselves.
_SIXTEEN: Final[tuple[_RGB, ...]] = (
    *((0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229)),
    *((127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255)),
)


class Paint(NamedTuple):  # made for each tag of each line, and a tuple is made fastest
    """How a run of characters looks: parameters of SGR, each with a semicolon before it. All empty is plain."""

    styles: str = ""
    letters: str = ""
    ground: str = ""

    def with_(self, name: str, colours: Colours) -> "Paint":
        """The same with one more style or colour, named as in markup: ``bold``, ``red``, ``on-#202020``."""
        style = STYLES.get(name)
        if style is not None:
            # Said twice it changes nothing, so that no paint grows longer than all styles together.
            return self if f";{style}" in self.styles else Paint(f"{self.styles};{style}", self.letters, self.ground)
        if name.startswith("on-"):
            return Paint(self.styles, self.letters, _parameters(name[3:], colours, _ON_GROUND))
        return Paint(self.styles, _parameters(name, colours, 0), self.ground)

    def sgr(self, shown: "Paint") -> str:
        """The escape sequence that makes this of what was shown before."""
        wanted = f"{self.styles}{self.letters}{self.ground}"
        return f"\x1b[{wanted[1:]}m" if shown == PLAIN else f"\x1b[0{wanted}m"


PLAIN: Final = Paint()


@lru_cache(maxsize=1024)  # the colours of a game are few, and are named in line after line
def _parameters(colour: str, colours: Colours, base: int) -> str:
    named = _NAMED.get(colour)
    if named is not None:
        return f";{named + base}"
    if not _HEX.fullmatch(colour):
        raise ValueError(f"{colour!r} is no colour")
    rgb = (int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16))
    if colours is Colours.TRUE:
        return f";{38 + base};2;{rgb[0]};{rgb[1]};{rgb[2]}"
    number = _nearest_of_256(rgb)
    if colours is Colours.ANSI256:
        return f";{38 + base};5;{number}"
    small = _nearest_of_16(number)
    return f";{30 + base + small}" if small < 8 else f";{90 + base + small - 8}"


def _nearest_of_256(rgb: _RGB) -> int:
    """The number of the nearest colour among 16 to 255: the cube of 216, and 24 shades of grey. The first 16 vary."""
    steps = [_step(value) for value in rgb]
    grey = min(23, max(0, (sum(rgb) // 3 - 3) // 10))
    shade = 8 + 10 * grey
    in_cube = (_CUBE[steps[0]], _CUBE[steps[1]], _CUBE[steps[2]])
    if _distance(rgb, (shade, shade, shade)) < _distance(rgb, in_cube):
        return 232 + grey
    return 16 + 36 * steps[0] + 6 * steps[1] + steps[2]


def _step(value: int) -> int:
    """The nearest of the six steps of the cube."""
    if value < 48:
        return 0
    return 1 if value < 115 else (value - 35) // 40


@lru_cache(maxsize=256)
def _nearest_of_16(number: int) -> int:
    """The nearest of the first sixteen to a colour among 16 to 255."""
    if number >= 232:
        shade = 8 + 10 * (number - 232)
        rgb = (shade, shade, shade)
    else:
        red, rest = divmod(number - 16, 36)
        rgb = (_CUBE[red], _CUBE[rest // 6], _CUBE[rest % 6])
    return min(range(16), key=lambda small: _distance(rgb, _SIXTEEN[small]))


def _distance(one: _RGB, other: _RGB) -> int:
    """How different two colours look, squared: the eye is keener on green, and on red the more of it there is."""
    mean_red = (one[0] + other[0]) // 2
    red, green, blue = (one[0] - other[0]) ** 2, (one[1] - other[1]) ** 2, (one[2] - other[2]) ** 2
    return (512 + mean_red) * red + 1024 * green + (767 - mean_red) * blue
