"""What a plugin gives back from a call, read strictly."""

from __future__ import annotations

import json

import attrs

from holomush.events.event import EmittedEvent, InvalidEvent
from holomush.plugins.calls import Call
from holomush.plugins.functions.arguments import parse_json
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.guests.guest import GuestError, GuestOutputError

_KEYS = {"output", "events", "handled"}


class GuestDeniedError(GuestError):
    """The plugin gave back events that it may not emit."""


@attrs.frozen
class Reply:
    """``output`` is text for the one who asked, lines joined by newlines; ``handled`` is None if the plugin did not say."""

    output: str | None = None
    handled: bool | None = None


NOTHING = Reply()


def read_reply(data: bytes, call: Call) -> Reply:
    """The plugin's answer; events it gave back are staged as if it had emitted them. Raises ``GuestError``."""
    if not data:
        return NOTHING
    try:
        value = parse_json(data.decode())
    except (UnicodeDecodeError, HostCallError) as exc:
        raise GuestOutputError("its answer is not JSON") from exc
    if not isinstance(value, dict) or not value.keys() <= _KEYS:
        raise GuestOutputError(f"its answer must be an object with some of {', '.join(sorted(_KEYS))}")
    events = value.get("events") or []
    if not isinstance(events, list):
        raise GuestOutputError("its answer's events are not a list")
    for index, event in enumerate(events):
        try:
            call.emit(EmittedEvent.parse(event, f"events[{index}]"))
        except InvalidEvent as exc:
            raise GuestOutputError(f"its answer's {exc}") from exc
        except HostCallError as exc:
            raise GuestDeniedError(f"its answer's events[{index}]: {exc}") from exc
    handled = value.get("handled")
    if not (handled is None or isinstance(handled, bool)):
        raise GuestOutputError("its answer's handled is not true or false")
    return Reply(_output(value.get("output")), handled)


def encode_input(value: object) -> bytes:
    """JSON for a guest."""
    # Not as ASCII, in which a letter may take twelve bytes.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _output(value: object) -> str | None:
    match value:
        case None | str():
            return value
        case list() if all(isinstance(line, str) for line in value):
            return "\n".join(value)
        case _:
            raise GuestOutputError("its answer's output is neither text nor a list of lines")
