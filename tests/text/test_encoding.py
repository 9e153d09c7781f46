"""From markup to bytes: line ends, what is left out, colours, and charsets."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcwidth

from holomush.text.colours import Colours
from holomush.text.encoding import markup_encoder
from holomush.text.markup import clean, render
from holomush.text.preferences import CHARSETS

IAC = b"\xff"
NARROW = ("latin-1", "ascii")
plain = markup_encoder(Colours.NONE)
latin = markup_encoder(Colours.NONE, "latin-1")
ascii_only = markup_encoder(Colours.NONE, "ascii")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb", b"a\r\nb"),
        ("a\r\nb\tc", b"a\r\nb\tc"),
        ("\x1b[31mred\x9b\x07\x7f\0", b"[31mred"),
        ("forged\u2028line", b"forgedline"),
        ("half \ud83d", b"half "),
        ("", b""),
        ("\n", b"\r\n"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n"])
def test_plain_text(text: str, end: str, expected: bytes) -> None:
    expected += end.encode().replace(b"\n", b"\r\n")
    for charset in CHARSETS:
        for colours in Colours:
            assert markup_encoder(colours, charset)(text + end) == expected


@pytest.mark.parametrize(
    ("text", "in_latin_1", "in_ascii"),
    [
        ("caf\xe9, na\xefve, \xd1", b"caf\xe9, na\xefve, \xd1", b"cafe, naive, N"),
        ("cafe\u0301", b"cafe", b"cafe"),
        ("\u0151\u017e\u1eaf", b"oza", b"oza"),
        ("\xff\xff", b"\xff\xff\xff\xff", b"yy"),
        ("\xdf\xe6\xf8", b"\xdf\xe6\xf8", b"???"),
        ("\u201cIt\u2019s\u201d \u201eso\u201a \u2018here\u203a", b"\"It's\" \"so' 'here'", b"\"It's\" \"so' 'here'"),
        ("\xabici\xbb", b"\xabici\xbb", b'"ici"'),
        ("1\u20132\u2014\u2010\u2011\u2012\u22123", b"1-2-----3", b"1-2-----3"),
        ("wait\u2026 \u2022 \xb7", b"wait... * \xb7", b"wait... * *"),
        ("a\xa0b\u2009c\u202fd", b"a\xa0b c d", b"a b c d"),
        ("\u4e16\u754c \u2603 \ub098", b"?? ? ?", b"?? ? ?"),
        ("\U0001f469\u200d\U0001f467 \u2764\ufe0f", b"?? ?", b"?? ?"),
        ("\u2260", b"=", b"="),
    ],
)
def test_what_a_charset_lacks(text: str, in_latin_1: bytes, in_ascii: bytes) -> None:
    assert plain(text) == text.encode()
    assert latin(text) == in_latin_1
    assert ascii_only(text) == in_ascii
    assert latin(f"{text}\n{text}\n") == (in_latin_1 + b"\r\n") * 2


def test_no_likeness_is_a_tag() -> None:
    assert markup_encoder(Colours.ANSI16, "ascii")("[r\xe9d]rose[/]") == b"[red]rose"
    assert markup_encoder(Colours.ANSI16, "latin-1")("[on\u2010red]rose\uff3bred]") == b"[on-red]rose?red]"


@given(st.text(), st.sampled_from(Colours), st.sampled_from(CHARSETS))
def test_nothing_but_text_comes_out(text: str, colours: Colours, charset: str) -> None:
    data = markup_encoder(colours, charset)(text.replace("[", "[["))
    assert IAC not in data.replace(IAC + IAC, b"")
    assert data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")
    assert not set(data) & ({*range(32), 127} - {9, 10, 13})
    # Not even a terminal that takes bytes above 127 for control characters is told anything.
    assert not set(data.replace(IAC + IAC, IAC).decode(charset)) & set(map(chr, range(128, 160)))


@given(st.text() | st.text("[]red/\n\x1b\xe9"), st.sampled_from(Colours))
def test_encoders_differ_from_plain_text_only_in_markup(text: str, colours: Colours) -> None:
    data = markup_encoder(colours)(text)
    assert IAC not in data
    assert data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")
    if "[" not in text:
        assert data == clean(text).replace("\n", "\r\n").encode()
    if colours is Colours.NONE:
        assert b"\x1b" not in data


@given(st.text(), st.sampled_from(Colours), st.sampled_from(NARROW))
def test_what_a_charset_has_stays_and_the_rest_takes_no_more_room(text: str, colours: Colours, charset: str) -> None:
    rendered = render(text, colours).replace("\u2026", "...")
    shown = markup_encoder(colours, charset)(text).replace(IAC + IAC, IAC).decode(charset).replace("\r\n", "\n")
    rest = iter(shown)
    for character in rendered:
        if character.encode(charset, "ignore"):
            assert next(rest) == character
        elif wcwidth(character) > 0 or unicodedata.normalize("NFD", character)[0].encode(charset, "ignore"):
            assert next(rest).encode(charset)
    assert next(rest, None) is None


@pytest.mark.parametrize("charset", CHARSETS)
def test_colours(charset: str) -> None:
    text = "The [red]rose[/], and [[1].\n"
    assert markup_encoder(Colours.NONE, charset)(text) == b"The rose, and [1].\r\n"
    assert markup_encoder(Colours.ANSI16, charset)(text) == b"The \x1b[31mrose\x1b[0m, and [1].\r\n"
    assert markup_encoder(Colours.TRUE, charset)("[#ff8800]ros[/]e") == b"\x1b[38;2;255;136;0mros\x1b[0me"


def test_colours_in_latin_1() -> None:
    encode = markup_encoder(Colours.ANSI16, "latin-1")
    assert encode("[red]ros\xe9 \xff\u201d[/]\n") == b'\x1b[31mros\xe9 \xff\xff"\x1b[0m\r\n'
