"""Messages of clients: each is understood or answered with one line, whatever it is."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.net.telnet.events import Line
from holomush.net.web.requests import BadMessage, Ping, Window, read_message
from holomush.sessions.connect_screen import Enter, EnterAsGuest, Resume

NOT_JSON = "That message is not JSON."
NO_TYPE = 'A message is an object with a "type".'


def message(kind: str, **keys: Any) -> str:
    return json.dumps({"type": kind, **keys})


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (message("line", text="say Grüße 🌍"), Line("say Grüße 🌍")),
        (message("line", text=""), Line("")),
        (message("line", text="x" * 8192), Line("x" * 8192)),
        (message("line", text="a\tb\x00\x1b[31m\x85\u2028c\x7fd"), Line("a b[31md")),
        (message("line", text="half \ud83d of one"), Line("half  of one")),
        (message("line", text="a", more=[1]), Line("a")),
        (message("connect", name=" Bob ", password=" a  secret "), Enter("Bob", "a  secret", new=False)),
        (message("connect", name="Bob\n", password="se\0cret\r\n"), Enter("Bob", "secret", new=False)),
        (message("create", name="x" * 1024, password=""), Enter("x" * 1024, "", new=True)),
        (message("guest"), EnterAsGuest()),
        (message("resume", token="abc"), Resume("abc")),
        (message("resume", token="abc", after=None), Resume("abc")),
        (message("resume", token="abc", after=0), Resume("abc", 0)),
        (message("resume", token="abc", after=2**53 - 1), Resume("abc", 2**53 - 1)),
        (message("window", columns=80, rows=24), Window(80, 24, screen_reader=False)),
        (message("window", columns=0, rows=65_535, screen_reader=True), Window(0, 65_535, screen_reader=True)),
        (message("ping", id=7), Ping(7)),
        ('{"type": "ping", "id": 1, "id": 2}', Ping(2)),
        ('{"type": "ping", "id": 1, "pi": NaN}', Ping(1)),
    ],
)
def test_what_makes_sense(said: str, meant: object) -> None:
    assert read_message(said) == meant


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b'{"type": "guest"}', "Messages are JSON in text frames."),
        ("", NOT_JSON),
        ("say hello", NOT_JSON),
        ("\ufeff{}", NOT_JSON),
        ("[" * 8_000, NOT_JSON),
        ('{"a":' * 3_000, NOT_JSON),
        ("1" * 5_000, NOT_JSON),
        ("[" * 3_000 + "]" * 3_000, None),
        ("NaN", NO_TYPE),
        ("null", NO_TYPE),
        ("[]", NO_TYPE),
        ("{}", NO_TYPE),
        ('{"type": ["line"]}', NO_TYPE),
        ('{"type": {}}', NO_TYPE),
        (message("look"), 'There is no message of the type "look".'),
        (message("Line", text="x"), 'There is no message of the type "Line".'),
        (message("\ud800\n\x1b"), 'There is no message of the type "\\ud800\\n\\u001b".'),
        (message("x" * 50), f'There is no message of the type "{"x" * 40}".'),
        (message("line"), "text: must be text."),
        (message("line", text=7), "text: must be text."),
        (message("line", text=None), "text: must be text."),
        (message("line", text="x" * 8193), "text: must have 8192 characters or less."),
        (message("line", text="say one\nsay two"), "text: a line has no line ends in it."),
        (message("line", text="say one\r"), "text: a line has no line ends in it."),
        (message("connect", name="Bob"), "password: must be text."),
        (message("connect", password="x"), "name: must be text."),
        (message("create", name="x" * 1025, password="x"), "name: must have 1024 characters or less."),
        (message("create", name="x", password="x" * 1025), "password: must have 1024 characters or less."),
        (message("resume"), "token: must be text."),
        (message("resume", token="x" * 1025), "token: must have 1024 characters or less."),
        (message("resume", token="x", after=-1), "after: must be a whole number from 0 to 9007199254740991."),
        (message("resume", token="x", after=2**53), "after: must be a whole number from 0 to 9007199254740991."),
        (message("resume", token="x", after=1.0), "after: must be a whole number from 0 to 9007199254740991."),
        (message("resume", token="x", after=True), "after: must be a whole number from 0 to 9007199254740991."),
        ('{"type":"ping","id":NaN}', "id: must be a whole number from 0 to 9007199254740991."),
        ('{"type":"ping","id":1e999}', "id: must be a whole number from 0 to 9007199254740991."),
        (message("ping"), "id: must be a whole number from 0 to 9007199254740991."),
        (message("window", columns=65_536, rows=1), "columns: must be a whole number from 0 to 65535."),
        (message("window", columns=1), "rows: must be a whole number from 0 to 65535."),
        (message("window", columns=1, rows=1, screen_reader=1), "screen_reader: must be true or false."),
    ],
)
def test_what_does_not(said: str | bytes, answer: str | None) -> None:
    with pytest.raises(BadMessage) as error:
        read_message(said)
    assert str(error.value) == answer or (answer is None and str(error.value) in (NOT_JSON, NO_TYPE))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
    | st.sampled_from(["x" * 8193, "a\nb", "\ud800", "\x00", "10", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = ("text", "name", "password", "token", "after", "columns", "rows", "screen_reader", "id")
OBJECTS = st.builds(
    lambda kind, keys: json.dumps({"type": kind, **keys}),
    st.sampled_from(["line", "connect", "create", "guest", "resume", "window", "ping"]) | VALUES,
    st.dictionaries(st.sampled_from(KEYS), VALUES),
)


@given(st.text() | st.binary() | OBJECTS | VALUES.map(json.dumps))
def test_anything_is_understood_or_answered_with_one_line(said: str | bytes) -> None:
    try:
        read_message(said)
    except BadMessage as exc:
        answer = str(exc)
    else:
        answer = check(read_message(said))
    assert answer.isprintable()
    assert 0 < len(answer) < 400


def check(meant: object) -> str:
    """What is understood can be stored and sent on, and has neither line ends nor control characters."""
    texts = {
        Line: lambda: [meant.text],  # type: ignore[attr-defined]
        Enter: lambda: [meant.name, meant.password],  # type: ignore[attr-defined]
        Resume: lambda: [meant.token],  # type: ignore[attr-defined]
    }.get(type(meant), list)()
    for text in texts:
        text.encode()
        assert isinstance(meant, Resume) or not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029]", text)
    return type(meant).__name__
