"""What a plugin gives back, read strictly."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.events.event import EmittedEvent
from holomush.plugins.guests.guest import GuestError, GuestOutputError
from holomush.plugins.limits import Limits
from holomush.plugins.reply import NOTHING, GuestDeniedError, Reply, encode_input, read_reply
from plugins.rooms import make_call

EVENT = {"stream": "location:square", "type": "rain", "payload": {"drops": 3}}


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (b"", NOTHING),
        (b"{}", NOTHING),
        (b'{"output": null, "events": null, "handled": null}', NOTHING),
        (b'{"output": "hello"}', Reply("hello")),
        (b'{"output": ""}', Reply("")),
        (b'{"output": []}', Reply("")),
        (b'{"output": ["a", "", "b"]}', Reply("a\n\nb")),
        (b'{"handled": true}', Reply(handled=True)),
        (b'{"handled": false, "output": "no", "events": []}', Reply("no", handled=False)),
        ('{"output": "\u4e16\\ud83c\\udf0d"}'.encode(), Reply("\u4e16\U0001f30d")),
    ],
)
def test_what_can_be_said(answer: bytes, reply: Reply) -> None:
    call = make_call()
    assert read_reply(answer, call) == reply
    assert not call.attempt.has_effects


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"hello", "its answer is not JSON"),
        (b'{"output": "a"', "its answer is not JSON"),
        (b"\xff", "its answer is not JSON"),
        (b'{"output": NaN}', "its answer is not JSON"),
        (b"[" * 100_000, "its answer is not JSON"),
        (b"[]", "its answer must be an object with some of events, handled, output"),
        (b'"hello"', "its answer must be an object with some of events, handled, output"),
        (b"null", "its answer must be an object with some of events, handled, output"),
        (b'{"text": "a"}', "its answer must be an object with some of events, handled, output"),
        (b'{"output": 3}', "its answer's output is neither text nor a list of lines"),
        (b'{"output": ["a", 3]}', "its answer's output is neither text nor a list of lines"),
        (b'{"output": {"a": 1}}', "its answer's output is neither text nor a list of lines"),
        (b'{"handled": 1}', "its answer's handled is not true or false"),
        (b'{"handled": "yes"}', "its answer's handled is not true or false"),
        (b'{"events": {"a": 1}}', "its answer's events are not a list"),
        (b'{"events": "rain"}', "its answer's events are not a list"),
        (b'{"events": [3]}', "its answer's events[0]: must be an object with stream, type and payload, not a number"),
        (
            json.dumps({"events": [EVENT, {**EVENT, "type": "Rain"}]}).encode(),
            "its answer's events[1].type: must be 1 to 64 characters",
        ),
        (
            json.dumps({"events": [{**EVENT, "id": "1"}]}).encode(),
            "its answer's events[0].id: unknown key; an event has stream, type and payload",
        ),
    ],
)
def test_what_makes_no_sense(answer: bytes, complaint: str) -> None:
    with pytest.raises(GuestOutputError) as caught:
        read_reply(answer, make_call("emit:*"))
    assert str(caught.value).startswith(complaint)


def test_events_are_staged_in_their_order() -> None:
    call = make_call("emit:*")
    call.emit(EmittedEvent("global", "first", {}))
    read_reply(json.dumps({"events": [EVENT, {**EVENT, "type": "sun"}]}).encode(), call)
    assert [event.type for event in call.attempt.transaction.events] == ["first", "rain", "sun"]
    assert call.attempt.transaction.events[1] == EmittedEvent("location:square", "rain", {"drops": 3})


@pytest.mark.parametrize(
    ("capabilities", "stream", "complaint"),
    [
        ((), "location:square", "the plugin has no capability emit:location:square"),
        (("emit:location:*",), "global", "the plugin has no capability emit:global"),
        (("emit:*",), "location:nowhere", "there is no location for the stream location:nowhere"),
        (("emit:*",), "character:square", "there is no character for the stream character:square"),
    ],
)
def test_events_that_are_not_the_plugins_to_emit(capabilities: tuple[str, ...], stream: str, complaint: str) -> None:
    answer = json.dumps({"events": [{**EVENT, "stream": stream}]}).encode()
    with pytest.raises(GuestDeniedError) as caught:
        read_reply(answer, make_call(*capabilities))
    assert str(caught.value).startswith(f"its answer's events[0]: {complaint}")


def test_events_given_back_and_emitted_count_together() -> None:
    call = make_call("emit:*", limits=Limits(events=3))
    call.emit(EmittedEvent("global", "first", {}))
    read_reply(json.dumps({"events": [EVENT, EVENT]}).encode(), call)
    with pytest.raises(GuestDeniedError, match=r"events\[0\]: one call may emit 3 events"):
        read_reply(json.dumps({"events": [EVENT]}).encode(), call)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "output": JSON | st.lists(st.text()),
        "handled": JSON,
        "events": JSON | st.lists(st.fixed_dictionaries({"stream": st.just("global"), "type": st.just("x"), "payload": JSON})),
    },
)


@given(st.binary() | JSON.map(encode_input) | ANSWERS.map(encode_input))
def test_an_answer_is_understood_or_refused_in_one_line(answer: bytes) -> None:
    call = make_call("emit:*")
    reply, problem = NOTHING, None
    try:
        reply = read_reply(answer, call)
    except GuestError as error:
        problem = str(error)
    if problem is not None:
        assert problem.startswith("its answer")
        assert "\n" not in problem
    else:
        assert reply.output is None or isinstance(reply.output, str)
        assert reply.handled in (None, True, False)
        assert all(isinstance(event.payload, dict) for event in call.attempt.transaction.events)


@given(JSON)
def test_what_goes_in_is_json(value: object) -> None:
    assert json.loads(encode_input(value)) == value
