"""Stream names and patterns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.events.streams import (
    GLOBAL_STREAM,
    InvalidStream,
    Stream,
    StreamKind,
    StreamPattern,
    channel_stream,
    character_stream,
    location_stream,
    parse_stream,
    plugin_stream,
)

ULID = "01HZX5W7T3N8Q4R6V9Y2K0M1AB"
NAMES = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters=":*"), min_size=1, max_size=64)
KINDS = st.sampled_from([kind for kind in StreamKind if kind is not StreamKind.GLOBAL])
STREAMS = st.builds(lambda kind, name: f"{kind}:{name}", KINDS, NAMES) | st.just(GLOBAL_STREAM)


def test_makers() -> None:
    assert location_stream(ULID) == f"location:{ULID}"
    assert character_stream(ULID) == f"character:{ULID}"
    assert channel_stream("Public") == "channel:Public"
    assert plugin_stream("core-look") == "plugin:core-look"
    for maker in (location_stream, character_stream, channel_stream, plugin_stream):
        with pytest.raises(InvalidStream):
            maker("*")


@given(STREAMS)
def test_a_stream_comes_back(text: str) -> None:
    assert str(parse_stream(text)) == text


def test_parts() -> None:
    assert parse_stream("channel:Café") == Stream(StreamKind.CHANNEL, "Café")
    assert parse_stream("global") == Stream(StreamKind.GLOBAL, "")


@pytest.mark.parametrize(
    "text",
    [
        *("", "room", "room:1", "location", "location:", "location:a b", "location:a:b", "location:*", "channel:a\nb"),
        *("global:", "global:x", "Location:1", " global", "channel:" + "x" * 65, "channel:\ud800", "x" * 1000),
    ],
)
def test_what_is_no_stream(text: str) -> None:
    with pytest.raises(InvalidStream, match="is no stream; ") as caught:
        parse_stream(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("pattern", "stream", "expected"),
    [
        ("*", "location:1", True),
        ("*", "global", True),
        ("location:*", "location:1", True),
        ("location:*", "character:1", False),
        ("location:*", "global", False),
        ("location:01H*", "location:01HZX", True),
        ("location:01H*", "location:02HZX", False),
        ("location:01H", "location:01H", True),
        ("location:01H", "location:01HZX", False),
        ("global", "global", True),
        ("global", "channel:global", False),
    ],
)
def test_patterns(pattern: str, stream: str, *, expected: bool) -> None:
    assert StreamPattern.parse(pattern).matches(stream) is expected


@pytest.mark.parametrize("text", ["", "**", "loc*", "room:*", "*:1", "location:*1", "location:a*b*", "global*", "location:"])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(InvalidStream):
        StreamPattern.parse(text)


@given(STREAMS, STREAMS)
def test_a_stream_is_a_pattern_of_itself_alone(one: str, other: str) -> None:
    assert StreamPattern.parse(one).matches(one)
    assert StreamPattern.parse(one).matches(other) is (one == other)


@given(KINDS, NAMES, st.integers(0, 64))
def test_a_star_takes_every_ending(kind: StreamKind, name: str, cut: int) -> None:
    pattern = StreamPattern.parse(f"{kind}:{name[:cut]}*")
    assert pattern.matches(f"{kind}:{name}")
    assert str(pattern) == f"{kind}:{name[:cut]}*"


@given(st.text(max_size=80))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        pattern = StreamPattern.parse(text)
    except InvalidStream:
        return
    assert str(pattern) == text
