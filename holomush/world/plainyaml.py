"""Plain YAML for large files: values, lists and mappings, written so that they read well, and read fast and with bounds.

What is written is read back exactly, whatever the text. Reading takes no anchors, aliases or tags, so that what it holds is never
more than what is there. ``structuring`` reads files that people write, which are small; this goes by the parser's events instead
of its tree, which for a file of several megabytes is a matter of one second instead of four.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import yaml

from holomush.structuring import StructureError, shown

FILE_LIMIT = 32 * 1_048_576
"""Bytes of a file."""

_DEPTH_LIMIT = 50
_NUMBER_LIMIT = 5_000
_SLIP_LIMIT = 100
_TAG_LIMIT = 100

_TEXT = "tag:yaml.org,2002:str"
# What Python raises in PyYAML's hands for the likes of 2024-13-45.
_ODD_SCALAR = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError)

# ---- Reading ---------------------------------------------------------------------------------------------------------


def read_plain(content: bytes, source: str) -> object:
    """What YAML holds. Raises ``StructureError`` with lines that begin with ``source``."""
    if len(content) > FILE_LIMIT:
        raise StructureError([f"{source}: must be at most {FILE_LIMIT:,} bytes, not more"])
    try:
        return _Reader(content.decode("utf-8")).read()
    except UnicodeDecodeError as exc:
        raise StructureError([f"{source}: is not UTF-8 text"]) from exc
    except _RefusedError as exc:
        raise StructureError([f"{source}: {slip}" for slip in exc.slips]) from exc
    except yaml.MarkedYAMLError as exc:
        told = ((exc.context, exc.context_mark), (exc.problem, exc.problem_mark))
        what = ", ".join(f"{text} ({_line(mark)})" if mark is not None else text for text, mark in told if text)
        raise StructureError([f"{source}: is not valid YAML: {what}"]) from exc
    except yaml.YAMLError as exc:
        raise StructureError([f"{source}: is not valid YAML: {' '.join(str(exc).split())}"]) from exc


class _RefusedError(Exception):
    """YAML that we do not take. ``slips`` has a line for each reason."""

    def __init__(self, slips: list[str]) -> None:
        super().__init__("; ".join(slips))
        self.slips = slips


class _Reader(yaml.CSafeLoader):
    """libyaml's parser, and PyYAML's notion of what is a number or a date."""

    def __init__(self, text: str) -> None:
        if text.count("%TAG") > _TAG_LIMIT:  # libyaml compares each of them with all others
            raise _RefusedError([f"has more than {_TAG_LIMIT} %TAG directives"])
        super().__init__(text)
        self._slips: list[str] = []
        self._depth = 0

    def read(self) -> object:
        """The one document there is; None if there is none."""
        self.get_event()  # the stream begins
        if self.check_event(yaml.StreamEndEvent):
            return None
        self.get_event()  # the document begins
        value = self._value(self._next())
        self.get_event()  # the document ends
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            self._refuse(event, "a second document begins, and there may be but one")
        if self._slips:
            raise _RefusedError(self._slips)
        return value

    def _next(self) -> Any:
        return self.get_event()

    def _value(self, event: Any) -> Any:
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, "aliases, such as *this, have no meaning here")
        if event.anchor is not None or event.tag is not None:
            self._refuse(event, "anchors and tags, such as &this and !that, have no meaning here")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        self._depth += 1
        if self._depth > _DEPTH_LIMIT:
            self._refuse(event, f"values may be nested {_DEPTH_LIMIT} deep, not deeper")
        value = self._mapping() if isinstance(event, yaml.MappingStartEvent) else self._list()
        self._depth -= 1
        return value

    def _list(self) -> list[Any]:
        values = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            values.append(self._value(event))
        return values

    def _mapping(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._value(event)
            value = self._value(self._next())
            if not isinstance(key, str) or (key == "<<" and event.implicit[0]):
                self._note(event, f"the key {shown(key)} must be text: put it in quotes")
            elif key in values:
                self._note(event, f"the key {shown(key)} is there already")
            else:
                values[key] = value
        return values

    def _scalar(self, event: Any) -> Any:
        text = event.value
        if not event.implicit[0]:  # in quotes, or in a block
            return text
        tag: str = self.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
        build = self.yaml_constructors.get(tag) if tag != _TEXT else None
        if build is None:
            return text
        try:
            if len(text) > _NUMBER_LIMIT:  # Python would take long over it
                raise ValueError(f"a number may have {_NUMBER_LIMIT} characters, not more")
            return build(self, yaml.ScalarNode(tag, text, event.start_mark, event.end_mark))
        except _ODD_SCALAR as exc:
            self._note(event, f"{shown(text)} is no value that there can be: {exc}")
            return None

    def _note(self, event: Any, what: str) -> None:
        self._slips.append(f"{_line(event.start_mark)}: {what}")
        if len(self._slips) >= _SLIP_LIMIT:
            raise _RefusedError(self._slips)

    def _refuse(self, event: Any, what: str) -> NoReturn:
        raise _RefusedError([*self._slips, f"{_line(event.start_mark)}: {what}"])


def _line(mark: Any) -> str:
    return f"line {mark.line + 1}"


# ---- Writing ---------------------------------------------------------------------------------------------------------

_WIDTH = 110
"""Columns of a line, as far as words allow."""
_LONG = 80
"""Characters of a text that still stands beside its key."""
_KEY_LIMIT = 500
"""Characters of a key that needs no mark; YAML itself looks 1,024 ahead for the colon."""

# Text that is itself without quotes: no number, no date, and none of the signs that mean something to YAML.
_PLAIN = re.compile(r"[^\W\d_](?:[\w'.,()/-]|[ ](?![ ]))*(?<! )")
_PLAIN_IN_LIST = re.compile(r"[^\W\d_][\w-]*")
_ID = re.compile(r"[0-9][0-9A-Z]*[G-Z][0-9A-Z]*")
_WORDS = frozenset({"yes", "no", "on", "off", "true", "false", "null"})
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def write_entry(keys: Mapping[str, Any]) -> Iterator[str]:
    """Lines of one mapping in a list of a file's top level: texts may take several lines, lists have one.

    Mappings in it are written out down to the second level; what is below stands on one line.
    """
    begin = "  - "
    for key, value in keys.items():
        yield from _pair(begin, 4, key, value, 2)
        begin = "    "


def write_pair(key: str, value: Any) -> Iterator[str]:
    """Lines of a key of the file's top level."""
    return _pair("", 0, key, value, 0)


def _pair(begin: str, indent: int, key: str, value: Any, levels: int) -> Iterator[str]:
    before = f"{begin}{_key(key)}:"
    if isinstance(value, str):
        yield from _text(before, indent, value)
    elif isinstance(value, Mapping) and value and levels and all(len(inner) < _KEY_LIMIT for inner in value):
        yield before
        for inner, inner_value in value.items():
            yield from _pair(" " * (indent + 2), indent + 2, inner, inner_value, levels - 1)
    else:
        yield f"{before} {_inline(value)}"


def _text(before: str, indent: int, text: str) -> Iterator[str]:
    inner = " " * (indent + 2)
    lines = text.removesuffix("\n").split("\n")
    if "\n" in text and lines[0] and all(map(_is_whole_line, lines)) and lines[-1] and not lines[0].startswith(" "):
        yield f"{before} {'|' if text.endswith(chr(10)) else '|-'}"
        yield from (f"{inner}{line}" if line else "" for line in lines)
    elif len(text) > _LONG and text.isprintable() and all(words := text.split(" ")):
        yield f"{before} >-"
        yield from (f"{inner}{line}" for line in _wrapped(words, _WIDTH - len(inner)))
    else:
        yield f"{before} {_beside(text)}"


def _is_whole_line(line: str) -> bool:
    return line.isprintable() and not line.endswith(" ")


def _wrapped(words: list[str], width: int) -> Iterator[str]:
    line = words[0]
    for word in words[1:]:
        if len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}"
    yield line


def _beside(text: str) -> str:
    if (_PLAIN.fullmatch(text) and text.lower() not in _WORDS and text.isprintable()) or _ID.fullmatch(text):
        return text
    return _quoted(text)


def _key(key: str) -> str:
    return key if _PLAIN_IN_LIST.fullmatch(key) and key.lower() not in _WORDS else _quoted(key)


def _inline(value: Any) -> str:
    if isinstance(value, str):
        return value if _PLAIN_IN_LIST.fullmatch(value) and value.lower() not in _WORDS else _quoted(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_inner_key(key)}: {_inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value)  # null, true, false and whole numbers are as in JSON


def _inner_key(key: str) -> str:
    return _key(key) if len(key) < _KEY_LIMIT else f"? {_quoted(key)} "


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("a number in a file is finite")
    digits, e, exponent = repr(value).partition("e")
    return repr(value) if not e or "." in digits else f"{digits}.0e{exponent}"


def _quoted(text: str) -> str:
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_ESCAPES.get(char) or (char if char.isprintable() else _escaped(ord(char))) for char in text) + '"'


def _escaped(code: int) -> str:
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
