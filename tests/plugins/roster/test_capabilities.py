"""Capabilities: which can be asked for, and what each covers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.plugins.functions.table import HOST_FUNCTIONS
from holomush.plugins.roster.capabilities import KNOWN, NOTHING, Capability, CapabilityError, CapabilitySet

FIXED = [known for known in KNOWN if "<" not in known]
WEB = ["http:get:api.example.com", "http:post:localhost:8080", "http:get:127.0.0.1", "http:get:xn--4ca.de", "http:get:*", "http:*"]


@pytest.mark.parametrize(
    ("held", "wanted", "allowed"),
    [
        ("read:characters", "read:characters", True),
        ("read:characters", "read:objects", False),
        ("read:characters", "write:characters", False),
        ("read:characters", "read:characters2", False),
        ("read:*", "read:characters", True),
        ("read:*", "write:characters", False),
        ("*", "read:characters", True),
        ("*", "emit:global", True),
        ("emit:*", "emit:global", True),
        ("emit:*", "emit:location:01H", True),
        ("emit:*", "read:characters", False),
        ("emit:global", "emit:global", True),
        ("emit:global", "emit:location:01H", False),
        ("emit:location:*", "emit:location:01H", True),
        ("emit:location:*", "emit:character:01H", False),
        ("emit:location:01H", "emit:location:01H", True),
        ("emit:location:01H", "emit:location:01HX", False),
        ("emit:location:01H", "emit:location:01h", False),
        ("emit:channel:public", "emit:channel:public", True),
    ],
)
def test_what_is_covered(held: str, wanted: str, *, allowed: bool) -> None:
    assert CapabilitySet.parse([held]).allows(wanted) is allowed


def test_any_one_of_several_is_enough() -> None:
    held = CapabilitySet.parse(["read:locations", "emit:channel:*"])
    assert held.allows("read:locations")
    assert held.allows("emit:channel:x")
    assert not held.allows("read:objects")


def test_without_any_nothing_is_allowed() -> None:
    assert not CapabilitySet.parse([]).allows("read:locations")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("read:charcters", "is not a capability"),
        ("Read:characters", "is not a capability"),
        ("read", "is not a capability"),
        ("read:", "is not a capability"),
        ("", "is not a capability"),
        (" read:characters", "is not a capability"),
        ("emit:", "is not a capability"),
        ("emit:<stream>", "is no stream"),
        ("emit:loction:*", "is no stream pattern"),
        ("fly:*", "is not a capability"),
        ("emit", "is not a capability"),
        ("write:exits", "is not a capability"),
        ("http:put:x.org", "is not a capability"),
        ("http:get:", "is not a capability"),
        ("http:get:https://x.org", "after http:get: goes a domain in small letters, such as http:get:api.example.com"),
        ("http:get:x.org/path", "after http:get: goes a domain in small letters"),
        ("http:get:X.org", "after http:get: goes a domain in small letters"),
        ("http:post:x..org", "after http:post: goes a domain in small letters"),
        ("http:post:x.org:0", "after http:post: goes a domain in small letters"),
        ("http:get:*.x.org", "a * can only be the last character"),
        ("http:get:api.*", "a * stands for whole words"),
        ("http:get:" + "x." * 126 + "xy", "after http:get: goes a domain in small letters"),
        ("re*", "a * stands for whole words: write re:* or the whole name"),
        ("emit:location:01*", "a * stands for whole words: write emit:location:01:* or the whole name"),
        ("emit:*:01H", "a * can only be the last character"),
        ("**", "a * can only be the last character"),
        ("emit:**", "a * can only be the last character"),
    ],
)
def test_a_slip_is_told(text: str, complaint: str | None) -> None:
    if complaint is None:
        Capability.parse(text)
        return
    with pytest.raises(CapabilityError) as caught:
        CapabilitySet.parse(["read:objects", text])
    assert repr(text[:80]) in str(caught.value)
    assert complaint in str(caught.value)


def test_an_unknown_one_tells_which_there_are() -> None:
    with pytest.raises(CapabilityError) as caught:
        Capability.parse("reed:objects")
    # All would be too many for one line: the words that one can begin with, or those that begin with the same.
    assert str(caught.value).endswith(
        "there are emit:..., read:..., history:..., listen:..., timers, write:..., kv:..., db:..., http:..., session:..., "
        "account:..., server:..., world:..."
    )
    with pytest.raises(CapabilityError, match=r"there are read:locations, read:objects, .*, read:everywhere$"):
        Capability.parse("read:object")


@pytest.mark.parametrize("text", [*FIXED, "emit:global", "emit:plugin:x", "read:*", "write:*", "emit:*", "*", *WEB])
def test_what_there_is_can_be_asked_for(text: str) -> None:
    assert Capability.parse(text).text == text


@pytest.mark.parametrize(
    ("held", "other", "included"),
    [
        ("read:objects", "read:objects", True),
        ("read:objects", "read:*", False),
        ("read:*", "read:objects", True),
        ("read:*", "read:*", True),
        ("*", "read:*", True),
        ("read:*", "*", False),
        ("emit:*", "emit:location:*", True),
        ("emit:location:*", "emit:*", False),
        ("http:get:*", "http:*", False),
        ("http:get:*", "http:get:x.org", True),
        ("http:get:x.org", "http:get:x.org:80", False),
    ],
)
def test_what_one_includes_of_another(held: str, other: str, *, included: bool) -> None:
    capability = Capability.parse(other)
    assert Capability.parse(held).includes(capability) is included
    assert CapabilitySet.parse(["kv:read", held]).includes(capability) is included
    assert (CapabilitySet.parse([held]).missing_from(CapabilitySet.parse([other])) == NOTHING) is included


def test_what_is_missing_comes_as_it_was_asked_for() -> None:
    asked = CapabilitySet.parse(["write:objects", "read:objects", "http:*", "kv:read"])
    missing = CapabilitySet.parse(["read:*", "http:get:*"]).missing_from(asked)
    assert str(missing) == "write:objects, http:*, kv:read"
    assert str(NOTHING.missing_from(asked)) == str(asked)
    assert NOTHING.missing_from(NOTHING) == NOTHING


@pytest.mark.parametrize(
    ("text", "reaches"),
    [
        *(
            (text, True)
            for text in (*WEB, "write:objects", "write:*", "db:migrate", "session:read", "session:*", "server:stats", "*")
        ),
        *((text, False) for text in ("emit:*", "emit:global", "read:objects", "read:*", "kv:read", "kv:*")),
    ],
)
def test_what_reaches_beyond_the_game_or_changes_it(text: str, *, reaches: bool) -> None:
    assert Capability.parse(text).reaches_out is reaches
    assert (CapabilitySet.parse(["read:objects", text]).reaching.held != ()) is reaches


@given(st.sampled_from([*FIXED, *WEB, "*", "read:*", "emit:*"]), st.sampled_from([*FIXED, *WEB, "*", "read:*", "emit:*"]))
def test_to_include_is_to_cover_all_that_the_other_covers(held: str, other: str) -> None:
    one, another = Capability.parse(held), Capability.parse(other)
    stem = other.removesuffix("*")
    if one.includes(another):
        assert all(one.covers(stem + rest) for rest in (["", "x", "x:y"] if other.endswith("*") else [""]))
    elif not other.endswith("*"):
        assert not one.covers(other)


def test_every_host_function_needs_one_that_exists() -> None:
    for function in HOST_FUNCTIONS:
        stem = function.capability.partition("<")[0]
        assert not stem or any(known.startswith(stem) for known in KNOWN), function.name


TEXTS = (
    st.lists(st.sampled_from(["read", "write", "emit", "location", "x", ":", "*", "characters"]), max_size=6).map("".join)
    | st.text()
)


@given(TEXTS, TEXTS)
def test_what_parses_covers_itself_and_only_what_begins_with_it(text: str, wanted: str) -> None:
    try:
        capability = Capability.parse(text)
    except CapabilityError:
        return
    stem = text.removesuffix("*")
    assert capability.covers(stem)
    assert capability.covers(stem + wanted) is (text.endswith("*") or not wanted)
    if capability.covers(wanted):
        assert wanted.startswith(stem)
    assert CapabilitySet.parse([text, "read:objects"]).allows(wanted) is (capability.covers(wanted) or wanted == "read:objects")
