"""Calling host functions as a guest does, and taking their envelopes apart."""

from __future__ import annotations

import json
from typing import Any

from holomush.plugins.calls import Call
from holomush.plugins.functions.table import HOST_FUNCTIONS, answer

BY_NAME = {function.name.removeprefix("holomush_"): function for function in HOST_FUNCTIONS}


def ask(call: Call, name: str, *arguments: object) -> Any:
    """The value of a host call that succeeds. What is no text is passed as JSON."""
    reply = envelope(call, name, *arguments)
    assert reply["ok"] is True, reply
    assert reply.keys() == {"ok", "value"}
    return reply["value"]


def refusal(call: Call, name: str, *arguments: object) -> tuple[str, str]:
    """Code and message of a host call that fails and changes nothing."""
    before = dict(call.attempt.transaction.changes), call.attempt.statements()
    reply = envelope(call, name, *arguments)
    assert reply["ok"] is False, reply
    assert reply.keys() == {"ok", "error"}
    assert reply["error"].keys() == {"code", "message"}
    assert (call.attempt.transaction.changes, call.attempt.statements()) == before
    return reply["error"]["code"], reply["error"]["message"]


def envelope(call: Call, name: str, *arguments: object) -> dict[str, Any]:
    """What a host call answers, whole, with nothing gone wrong in the host."""
    texts = [argument if isinstance(argument, str) else json.dumps(argument) for argument in arguments]
    reply = answer(BY_NAME[name], call, texts)
    assert call.doom is None
    assert reply is not None
    parsed: dict[str, Any] = json.loads(reply)
    return parsed
