"""What lines on the connect screen are taken for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.sessions.connect_screen import Enter, EnterAsGuest, Misunderstood, Request, ShowHelp, read_request


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("connect Bob secret", Enter("Bob", "secret", new=False)),
        ("  CONNECT   Bob   secret  ", Enter("Bob", "secret", new=False)),
        ("con Bob secret", Enter("Bob", "secret", new=False)),
        ("co Bob secret", Enter("Bob", "secret", new=False)),
        ("create Bob secret", Enter("Bob", "secret", new=True)),
        ("cr Bob secret", Enter("Bob", "secret", new=True)),
        ("connect Bob", Enter("Bob", None, new=False)),
        ('connect "Mary Ann" secret', Enter("Mary Ann", "secret", new=False)),
        ('connect " Mary Ann " ', Enter("Mary Ann", None, new=False)),
        ("connect Bob correct horse  battery ", Enter("Bob", "correct horse  battery", new=False)),
        ('connect Bob "quoted"', Enter("Bob", '"quoted"', new=False)),
        ('connect "Bob', Enter('"Bob', None, new=False)),
        ("connect guest", EnterAsGuest()),
        ("connect GUEST", EnterAsGuest()),
        ("connect guest guest", EnterAsGuest()),
        ('connect "Guest"', EnterAsGuest()),
        ("create guest secret", Enter("guest", "secret", new=True)),
        ("help", ShowHelp()),
        ("HELP me", ShowHelp()),
    ],
)
def test_what_is_understood(line: str, request_: Request) -> None:
    assert read_request(line) == request_


@pytest.mark.parametrize(
    "line", ["", "   ", "connect", "create ", 'connect ""', 'connect " " secret', "look", "connects Bob secret"]
)
def test_what_is_not(line: str) -> None:
    answer = read_request(line)
    assert isinstance(answer, Misunderstood)
    assert "<name> <password>" in answer.answer


_WORDS = st.sampled_from(["connect", "create", "guest", "help", '"', " ", "\t", "\n", "x", "\u00a0", "\x85", "\u3000"])


@given(st.one_of(st.text(), st.lists(_WORDS).map("".join)))
def test_no_line_is_too_strange(line: str) -> None:
    request = read_request(line)
    assert isinstance(request, Enter | EnterAsGuest | ShowHelp | Misunderstood)
    if isinstance(request, Enter):
        assert request.name == request.name.strip() != ""
        assert request.name in line
        assert request.password is None or (request.password in line and request.password == request.password.strip() != "")


@pytest.mark.parametrize(
    "line", ["connect" + " " * 8000, 'connect "' + "a " * 4000, "connect a" + " \t" * 4000 + "\x00", '" ' * 4000]
)
def test_the_longest_line_takes_no_time(line: str) -> None:
    for _ in range(100):  # quadratic, each would take a second
        read_request(line)
