"""The types that attributes and columns have: which values each takes, and how SQLite stores them. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any, TypeAlias

import attrs

# What SQLite stores. ``database.connection`` has the same type, but it is not for pure modules to import.
SqlValue: TypeAlias = str | int | float | bytes | None

MAX_TEXT = 64 * 1024
"""Bytes of UTF-8 in a string, and in a json value written as text."""
MAX_DEPTH = 32
"""Lists and objects inside each other in a json value."""

_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - reads like the RFC
_KINDS: Mapping[type, str] = MappingProxyType(
    {type(None): "null", bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
)
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def describe(value: object) -> str:
    """What sort of JSON ``value`` is, in a word or two, for a message: values themselves may be huge."""
    return _KINDS.get(type(value), type(value).__name__)


def _check_string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {describe(value)}")
    if "\0" in value:  # SQLite's own functions, such as json_extract, end a text there
        raise ValueError("must be text without the character U+0000")
    try:
        size = len(value.encode())
    except UnicodeEncodeError as exc:
        raise ValueError("must be text that UTF-8 can encode") from exc
    if size > MAX_TEXT:
        raise ValueError(f"must be at most {MAX_TEXT} bytes of text, not {size}")
    return value


def _check_integer(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"must be a whole number, not {describe(value)}")
    if not -(2**63) <= value < 2**63:
        raise ValueError("must be a whole number within 64 bits")
    return value


def _check_number(value: Any) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"must be a number, not {describe(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number + 0.0  # SQLite has no -0.0


def _check_boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(f"must be true or false, not {describe(value)}")
    return value


def _check_ulid(value: Any) -> str:
    if not isinstance(value, str) or not _ULID.fullmatch(value):
        raise ValueError("must be a ULID: 26 of the characters 0-9 and A-Z without I, L, O and U")
    return value


def _check_time(value: Any) -> int:
    if type(value) is int:
        return _check_integer(value)
    try:
        # YAML makes a datetime of a time that is not in quotes.
        time = datetime.fromisoformat(value.upper()) if isinstance(value, str) and _TIME.fullmatch(value) else value
    except ValueError as exc:
        raise ValueError("must be a time that exists, such as 2026-01-31T18:00:00Z") from exc
    if not isinstance(time, datetime) or time.tzinfo is None:
        raise ValueError("must be milliseconds since 1970, or text such as 2026-01-31T18:00:00Z, with the offset")
    return (time - _EPOCH) // timedelta(milliseconds=1)


def _check_json(value: Any) -> Any:
    _measure(value, MAX_DEPTH, MAX_TEXT)
    try:
        size = len(_encode(value).encode())
    except UnicodeEncodeError as exc:
        raise ValueError("must be JSON that UTF-8 can encode") from exc
    except ValueError as exc:  # infinite, not a number, or with more digits than Python writes
        raise ValueError("must be JSON with finite numbers") from exc
    if value is None or size > MAX_TEXT:
        raise ValueError(
            "must be JSON other than null" if value is None else f"must be at most {MAX_TEXT} bytes of JSON, not {size}"
        )
    return value


def _measure(value: Any, depth: int, room: int) -> int:
    """What is left of ``room`` for characters and values. It bounds what YAML's aliases multiply before it is written out."""
    room -= 1 + (len(value) if isinstance(value, str) else 0)
    if isinstance(value, (list, dict)) and not depth:
        raise ValueError(f"must be JSON of at most {MAX_DEPTH} lists and objects inside each other")
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("must be JSON: the keys of an object are text")
        room -= sum(map(len, value))
    elif type(value) not in _KINDS:
        raise ValueError(f"must be JSON, not {describe(value)}")
    if room < 0:
        raise ValueError(f"must be at most {MAX_TEXT} bytes of JSON")
    if isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            room = _measure(part, depth - 1, room)
    return room


@attrs.frozen
class _Type:
    """A type: SQLite's name of it, and the check that returns a value as the guest gets it or raises ``ValueError``."""

    sql: str
    check: Callable[[Any], Any]


_TYPES: Mapping[str, _Type] = MappingProxyType(
    {
        "string": _Type("TEXT", _check_string),
        "integer": _Type("INTEGER", _check_integer),
        "number": _Type("REAL", _check_number),
        "boolean": _Type("INTEGER", _check_boolean),
        "ulid": _Type("TEXT", _check_ulid),
        "timestamptz": _Type("INTEGER", _check_time),
        "json": _Type("TEXT", _check_json),
    }
)
TYPES = tuple(_TYPES)


def check_value(type_: str, value: Any) -> Any:
    """``value`` as it is stored for the guest, in JSON; a time becomes milliseconds since 1970.

    Raises ``ValueError`` with one line, ``must be ...``. None is a value of no type.
    """
    return _TYPES[type_].check(value)


def sql_type(type_: str) -> str:
    """The type of a column of a STRICT table: TEXT, INTEGER or REAL."""
    return _TYPES[type_].sql


def to_sql(type_: str, value: Any) -> SqlValue:
    """What ``check_value`` returned, or None, as SQLite stores it: true as 1, json as text."""
    if value is None:
        return None
    if type_ == "json":
        return _encode(value)
    stored: SqlValue = int(value) if type_ == "boolean" else value
    return stored


def from_sql(type_: str, value: SqlValue) -> Any:
    """The value that ``to_sql`` stored."""
    if value is None:
        return None
    if type_ == "json":
        return json.loads(str(value))
    return bool(value) if type_ == "boolean" else value
