"""Reading what guests pass to host functions: JSON, strictly, with an error that says what would be right."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from holomush.plugins.functions.refusal import HostCallError


def parse_json(text: str) -> Any:
    """JSON from a guest. Raises ``HostCallError``."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as exc:
        raise HostCallError("invalid_argument", f"not valid JSON: {exc}") from exc


def parse_object(text: str, known: Sequence[str], required: Sequence[str] = ()) -> dict[str, Any]:
    """A JSON object with no other keys than ``known``, and all that are ``required``. Raises ``HostCallError``."""
    value = parse_json(text)
    if not isinstance(value, dict):
        raise HostCallError("invalid_argument", f"must be an object with some of {', '.join(known)}")
    for key in value:
        if key not in known:
            raise HostCallError("invalid_argument", f"{key[:40]!r} is no key of this; there are {', '.join(known)}")
    for key in required:
        if key not in value:
            raise HostCallError("invalid_argument", f"the key {key} is missing")
    return value


def text_value(value: Mapping[str, Any], key: str, *, least: int = 0, most: int, lines: bool = False) -> str:
    """The text under ``key``, of ``least`` to ``most`` characters; without control characters, but for newlines in ``lines``."""
    text = value[key]
    if not isinstance(text, str):
        raise HostCallError("invalid_argument", f"{key}: must be text")
    if not least <= len(text) <= most:
        raise HostCallError("invalid_argument", f"{key}: must have {least} to {most} characters, not {len(text)}")
    shown = text.replace("\n", "").replace("\t", "") if lines else text
    if any(ord(char) < 32 or 0x7F <= ord(char) <= 0x9F or 0xD800 <= ord(char) <= 0xDFFF for char in shown):
        raise HostCallError("invalid_argument", f"{key}: must not have control characters")
    return text


def id_value(value: Mapping[str, Any], key: str) -> str:
    """The id under ``key``. Raises ``HostCallError``; whether there is such a thing is another question."""
    entity_id = value[key]
    if not isinstance(entity_id, str):
        raise HostCallError("invalid_argument", f"{key}: must be an id")
    return entity_id


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
