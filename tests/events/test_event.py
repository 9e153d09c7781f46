"""Events and what is asked of those that plugins emit."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.events.event import PAYLOAD_DEPTH, ActorKind, EmittedEvent, Event, InvalidEvent

GOOD = {"stream": "location:01H", "type": "say", "payload": {"message": "hi"}}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def test_the_wire_form_is_the_abi() -> None:
    event = Event("01H", "location:1", "say", 1700, ActorKind.CHARACTER, "01C", "Bob", {"message": "hi"}, 2, 7)
    assert json.loads(json.dumps(event.to_wire())) == {
        "id": "01H",
        "stream": "location:1",
        "type": "say",
        "timestamp": 1700,
        "actor_kind": "character",
        "actor_id": "01C",
        "actor_name": "Bob",
        "payload": {"message": "hi"},
    }
    assert type(event.to_wire()["actor_kind"]) is str


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=3), st.from_regex(r"[a-z][a-z0-9_.:-]{0,63}", fullmatch=True))
def test_good_events_are_taken_as_they_are(payload: dict[str, Any], event_type: str) -> None:
    obj = {"stream": "global", "type": event_type, "payload": payload}
    assert EmittedEvent.parse(obj) == EmittedEvent("global", event_type, payload)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stream": 1}, "stream: must be text such as location:<id>, not a number"),
        ({"stream": "room:1"}, 'stream: "room:1" is no stream; use location:<id>'),
        ({"type": None}, "type: must be 1 to 64 characters"),
        ({"type": ""}, "type: must be"),
        ({"type": "Say"}, "type: must be"),
        ({"type": "say\n"}, "type: must be"),
        ({"type": "x" * 65}, "type: must be"),
        ({"payload": "hi"}, "payload: must be an object, not text"),
        ({"payload": None}, "payload: must be an object, not null"),
        ({"payload": [1]}, "payload: must be an object, not a list"),
        ({"payload": True}, "payload: must be an object, not true or false"),
        ({"payload": {"a": [0, float("nan")]}}, "payload.a[1]: must be a finite number; JSON has no nan"),
        ({"payload": {"a": {"b": "\ud83d"}}}, "payload.a.b: has half of a surrogate pair"),
        ({"payload": {"\ud83d": 1}}, "payload: has the key '\\ud83d'"),
        ({"payload": {1: 1}}, "payload: has the key 1; keys must be text"),
        ({"payload": {"a": {1, 2}}}, "payload.a: must be JSON, not set"),
        ({"colour": "red"}, "colour: unknown key; an event has stream, type and payload"),
        ({"actor_id": "01H"}, "actor_id: unknown key"),
        ({"a\nb": 1}, "'a\\nb': unknown key"),
    ],
)
def test_bad_events_are_told_what_is_wrong_and_where(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        EmittedEvent.parse(GOOD | change)
    assert str(caught.value).startswith(message)
    with pytest.raises(InvalidEvent) as caught:
        EmittedEvent.parse(GOOD | change, "events[2]")
    assert str(caught.value).startswith(f"events[2].{message}")


@pytest.mark.parametrize("key", ["stream", "type", "payload"])
def test_no_key_may_be_missing(key: str) -> None:
    with pytest.raises(InvalidEvent, match=f"^{key}: is missing; "):
        EmittedEvent.parse({name: value for name, value in GOOD.items() if name != key})


@pytest.mark.parametrize("obj", [None, [], "say", 1, True])
def test_an_event_is_an_object(obj: object) -> None:
    with pytest.raises(InvalidEvent, match=r"^event: must be an object"):
        EmittedEvent.parse(obj)
    with pytest.raises(InvalidEvent, match=r"^events\[0\]: must be an object"):
        EmittedEvent.parse(obj, "events[0]")


def test_depth() -> None:
    payload: dict[str, Any] = {}
    for _ in range(PAYLOAD_DEPTH - 1):
        payload = {"x": payload}
    EmittedEvent.parse(GOOD | {"payload": payload})
    for _ in range(500):
        payload = {"x": payload}
    with pytest.raises(InvalidEvent, match="lies more than 32 objects and lists deep"):
        EmittedEvent.parse(GOOD | {"payload": payload})


@given(st.one_of(JSON_VALUES, st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, JSON_VALUES))))
def test_any_json_is_taken_or_refused(obj: object) -> None:
    try:
        EmittedEvent.parse(obj)
    except InvalidEvent as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
