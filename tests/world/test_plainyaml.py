"""Plain YAML: whatever is written is read back exactly, it reads well, and what is no plain YAML is refused."""

from __future__ import annotations

from contextlib import suppress
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.structuring import StructureError
from holomush.world.plainyaml import FILE_LIMIT, read_plain, write_entry, write_pair

PIECES = (
    *("a", "B", " ", "  ", "\n", "\t", "\r", ":", "#", "- ", "'", '"', "\\", ",", "=", "~", "?", "{", "&", "*", "!", "|", ">"),
    *("yes", "null", "1", "01E5", "0x1F", "1:30", "...", "---", "%TAG", "<<", "[bold]", "2024-01-01", "a " * 60, "x" * 120),
    *("\u2028", "\x85", "\xa0", "\ufeff", "\ufffe", "\x00", "\u4e16", "\U0001f600", "e\u0301"),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | st.just("k" * 1500), inner, max_size=4),
    max_leaves=12,
)


def written(value: dict[str, Any]) -> str:
    return "objects:\n" + "".join(f"{line}\n" for line in write_entry(value))


@given(st.dictionaries(st.sampled_from(["id", "name", "on", "attributes"]), JSON, min_size=1))
def test_an_entry_is_read_back_exactly(entry: dict[str, Any]) -> None:
    read = read_plain(written(entry).encode(), "x")
    assert repr(read) == repr({"objects": [entry]})  # as text: to Python 1, 1.0 and True are equal


@given(TEXT)
def test_a_text_is_read_back_exactly(text: str) -> None:
    assert read_plain("".join(f"{line}\n" for line in write_pair("start", text)).encode(), "x") == {"start": text}


def test_it_reads_well() -> None:
    entry = {
        "id": "01K0000000000000000000SQAR",
        "name": "Bob's house, the old one",
        "year": "1984",
        "aliases": ("n", "no", "up there"),
        "description": "Strings of paper lanterns sway between the houses around a worn stone fountain. " * 2 + "Look.",
        "note": "One.\n\n  Two: #2\n",
        "attributes": {"holomush-combat": {"hit_points": 10, "on": True, "weak": [1.5, None, {"to": "fire"}]}},
    }
    text = """\
    objects:
      - id: 01K0000000000000000000SQAR
        name: Bob's house, the old one
        year: "1984"
        aliases: [n, "no", "up there"]
        description: >-
          Strings of paper lanterns sway between the houses around a worn stone fountain. Strings of paper
          lanterns sway between the houses around a worn stone fountain. Look.
        note: |
          One.

            Two: #2
        attributes:
          holomush-combat:
            hit_points: 10
            "on": true
            weak: [1.5, null, {to: fire}]
    """
    assert written(entry) == dedent(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing", None),
        ("a: 1", {"a": 1}),
        ("a: yes\nb: 'yes'", {"a": True, "b": "yes"}),
        ("{a: [b, {c: ~}]}", {"a": ["b", {"c": None}]}),
        ("--- {a: <<}", {"a": "<<"}),
        ("\ufeffa: b", {"a": "b"}),
    ],
)
def test_what_people_write_is_read(text: str, value: object) -> None:
    assert read_plain(text.encode(), "x") == value


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("a: &x 1\nb: *x", ["line 1: anchors and tags, such as &this and !that, have no meaning here"]),
        ("a: *x", ["line 1: aliases, such as *this, have no meaning here"]),
        ("a: !!python/object:os.system 1", ["line 1: anchors and tags, such as &this and !that, have no meaning here"]),
        (
            "a: {b: 1, b: 2}\n1: 3\n<<: {c: 1}\na: 4",
            [
                "line 1: the key 'b' is there already",
                "line 2: the key 1 must be text: put it in quotes",
                "line 3: the key '<<' must be text: put it in quotes",
                "line 4: the key 'a' is there already",
            ],
        ),
        ("[a]: 1", ["line 1: the key ['a'] must be text: put it in quotes"]),
        ("a: 2024-13-45", ["line 1: '2024-13-45' is no value that there can be: month must be in 1..12"]),
        ("a: 1\n---\nb: 2", ["line 2: a second document begins, and there may be but one"]),
        ("[" * 60, ["line 1: values may be nested 50 deep, not deeper"]),
        ("a: [", ["is not valid YAML: while parsing a flow node (line 2), did not find expected node content (line 2)"]),
        ("%TAG ! a\n" * 101, ["has more than 100 %TAG directives"]),
        (
            f"a: {'1' * 6000}",
            [f"line 1: '{'1' * 96}... is no value that there can be: a number may have 5000 characters, not more"],
        ),
    ],
)
def test_what_is_no_plain_yaml_is_refused(text: str, problems: list[str]) -> None:
    with pytest.raises(StructureError) as caught:
        read_plain(text.encode(), "x.yaml")
    assert list(caught.value.problems) == [f"x.yaml: {problem}" for problem in problems]


def test_what_is_too_large_or_no_text_is_refused() -> None:
    with pytest.raises(StructureError, match=r"^x: must be at most 33,554,432 bytes, not more$"):
        read_plain(b"#" * (FILE_LIMIT + 1), "x")
    with pytest.raises(StructureError, match=r"^x: is not UTF-8 text$"):
        read_plain(b"\xff", "x")
    with pytest.raises(StructureError, match=r"^x: is not valid YAML: .*"):
        read_plain(b"\x01", "x")


@given(st.text(st.sampled_from("ab:-#[]{}&*!|>'\"\\%@`,? \n\t01.~<=yn\x00\u2028"), max_size=60))
def test_anything_else_is_a_value_or_an_error_of_ours(text: str) -> None:
    with suppress(StructureError):
        read_plain(text.encode(), "x")


def test_numbers_that_are_none_are_not_written() -> None:
    with pytest.raises(ValueError, match="finite"):
        list(write_pair("a", float("nan")))
