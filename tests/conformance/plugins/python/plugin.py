"""Calls every function of the server; see tests/conformance/cases.yaml for what has to come of it."""

import base64
import json
from typing import Any

import holomush_pdk
from holomush_pdk import EmitEvent, Event, HostError, Invocation, Response, emit_event


def ask(inv: Invocation) -> str:
    try:
        return json.dumps(_plain(_call(inv.args.function, json.loads(inv.args["with"]))))
    except HostError as error:
        return f"refused: {error.code}: {error.message}"


def _call(function: str, given: dict[str, Any]) -> Any:
    match function:
        case "update_location" | "update_exit" | "update_object" | "update_character":
            return getattr(holomush_pdk, function)(given["id"], **given["changes"])
        case "update_account":
            return holomush_pdk.update_account(given["character_id"], **given["changes"])
        case "set_attributes":
            return holomush_pdk.set_attributes(given["id"], **given["values"])
        case "table_insert":
            return holomush_pdk.table_insert(given["table"], **given["row"])
        case "table_update":
            return holomush_pdk.table_update(given["table"], given["key"], **given["changes"])
        case "kv_set" if isinstance(given["value"], dict):
            return holomush_pdk.kv_set(given["key"], base64.b64decode(given["value"]["base64"]))
        case _:
            return getattr(holomush_pdk, function)(**given)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value


def mirror(inv: Invocation) -> str:
    return json.dumps(vars(inv))


def handle_event(event: Event) -> None:
    if event.type == "fail":
        raise RuntimeError("it is broken")
    emit_event(event.stream, "mirrored", vars(event))


def speak(inv: Invocation) -> str | list[str] | Response | None:
    match inv.args.form:
        case "text":
            return "one line"
        case "lines":
            return ["one", "two"]
        case "events":
            return Response("done", [EmitEvent(f"location:{inv.location.id}", "spoken", {"n": 1})])
        case "unhandled":
            return Response(handled=False)
        case "error":
            raise ValueError("it went wrong")
        case "fail":
            raise RuntimeError("it is broken")
        case "deep":
            return speak(inv)
        case _:
            return None
