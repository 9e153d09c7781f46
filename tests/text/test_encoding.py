"""From text to bytes: line ends, what is left out, and colours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.text.colours import Colours
from holomush.text.encoding import encode_text, markup_encoder

IAC = b"\xff"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb", b"a\r\nb"),
        ("a\r\nb\tc", b"a\r\nb\tc"),
        ("\x1b[31mred\x9b\x07\x7f\0", b"[31mred"),
        ("forged\u2028line", b"forgedline"),
        ("half \ud83d", b"half "),
        ("ÿ", "ÿ".encode()),
        ("", b""),
        ("\n", b"\r\n"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n"])
def test_plain_text(text: str, end: str, expected: bytes) -> None:
    expected += end.encode().replace(b"\n", b"\r\n")
    assert encode_text(text + end) == expected
    for colours in Colours:
        assert markup_encoder(colours)(text + end) == expected


def test_other_encodings() -> None:
    assert encode_text("ÿ☃", "latin-1") == b"\xff\xff?"
    assert encode_text("é", "ascii") == b"?"
    with pytest.raises(LookupError):
        encode_text("é", "klingon")


@given(st.text(), st.sampled_from(["utf-8", "latin-1", "cp1252"]))
def test_nothing_but_text_comes_out(text: str, encoding: str) -> None:
    data = encode_text(text, encoding)
    assert IAC not in data.replace(IAC + IAC, b"")
    assert data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")
    assert not set(data) & ({*range(32), 127} - {9, 10, 13})


@given(st.text() | st.text("[]red/\n\x1bé"), st.sampled_from(Colours))
def test_encoders_differ_from_plain_text_only_in_markup(text: str, colours: Colours) -> None:
    data = markup_encoder(colours)(text)
    assert IAC not in data
    assert data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")
    if "[" not in text:
        assert data == encode_text(text)
    if colours is Colours.NONE:
        assert b"\x1b" not in data


def test_colours() -> None:
    text = "The [red]rose[/], and [[1].\n"
    assert markup_encoder(Colours.NONE)(text) == b"The rose, and [1].\r\n"
    assert markup_encoder(Colours.ANSI16)(text) == b"The \x1b[31mrose\x1b[0m, and [1].\r\n"
