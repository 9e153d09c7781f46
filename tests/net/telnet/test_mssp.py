"""The answer to a request for the status of the server."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.net.telnet.subnegotiations import mssp_bytes

from .wire import IAC, MSSP, SB, SE, sub


def read(data: bytes) -> dict[str, list[str]]:
    """As a crawler does it."""
    start, end = IAC + SB + MSSP, IAC + SE
    assert data.startswith(start)
    assert data.endswith(end)
    payload = data[len(start) : -len(end)]
    assert IAC not in payload
    variables: dict[str, list[str]] = {}
    for part in payload.decode().split("\x01")[1:]:
        name, *values = part.split("\x02")
        variables[name] = values
    return variables


@pytest.mark.parametrize(
    ("variables", "payload"),
    [
        ({"NAME": "HoloMUSH", "PLAYERS": "12"}, b"\x01NAME\x02HoloMUSH\x01PLAYERS\x0212"),
        ({"PORT": ["4201", "4202"]}, b"\x01PORT\x024201\x024202"),
        ({"NAME": "Gr\u00fc\u00df", "EMPTY": ""}, b"\x01NAME\x02Gr\xc3\xbc\xc3\x9f\x01EMPTY\x02"),
        ({"A\x01B": "x\x02y\r\nz\x1b\x85\u2028"}, b"\x01AB\x02xyz"),
        ({"": "x", "\x01": "x", "NONE": [], "A": "\ud800"}, b"\x01A\x02?"),
        ({}, b""),
    ],
)
def test_shapes(variables: Mapping[str, str | Sequence[str]], payload: bytes) -> None:
    assert mssp_bytes(variables) == sub(MSSP, payload)


TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=40)


@given(st.dictionaries(TEXT.filter(bool), st.lists(TEXT, min_size=1, max_size=4)))
def test_what_is_built_is_read(variables: dict[str, list[str]]) -> None:
    assert read(mssp_bytes(variables)) == variables


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.lists(st.text(), max_size=4))))
def test_whatever_it_holds_is_one_subnegotiation(variables: dict[str, str | list[str]]) -> None:
    assert len(read(mssp_bytes(variables))) <= len(variables)
