"""Outside data as attrs classes: each slip on a line of its own, with the path of its key; never another error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from holomush.errors import HolomushError
from holomush.structuring import FILE_LIMIT, StructureError, read_yaml, shown, structure


class WordError(HolomushError):
    """Its first argument is not its text."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word

    def __str__(self) -> str:
        return f"must be a word,\nnot {self.word!r}"


def _above_zero(_: object, __: object, value: int) -> None:
    if value <= 0:
        raise ValueError(f"must be above 0, not {value}")


def _no_x(_: object, __: object, value: dict[str, tuple[str, ...]] | tuple[Leaf, ...]) -> None:
    if "x" in value or Leaf(name="x") in value:
        raise ValueError("must be without x")


def _word(_: object, __: object, value: str | None) -> None:
    if value is not None and not value.isalpha():
        raise WordError(value)


def _odd(_: object, __: object, value: int) -> None:
    if value % 2 == 0:
        raise ValueError(f"must be odd, not {value}")


@attrs.frozen(kw_only=True)
class Leaf:
    """A value in a list."""

    name: str
    count: int = attrs.field(default=1, validator=_above_zero)
    words: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Tree:
    """One of each."""

    leaf: Leaf
    leaves: tuple[Leaf, ...] = ()
    named: dict[str, Leaf] = attrs.field(factory=dict)
    on: bool = False
    height: float = 1.0
    home: Path = Path()
    note: str | None = None


@attrs.frozen(kw_only=True)
class Checked:
    """Validators on one of each."""

    leaf: Leaf = attrs.field(default=Leaf(name="d"), validator=attrs.validators.instance_of(Leaf))
    leaves: tuple[Leaf, ...] = attrs.field(default=(), validator=_no_x)
    named: dict[str, tuple[str, ...]] = attrs.field(factory=dict, validator=_no_x)
    note: str | None = attrs.field(default=None, validator=_word)
    count: int = attrs.field(default=1, validator=[_above_zero, _odd])
    word: str = attrs.field(default="a", validator=attrs.validators.in_(("a", "b")))
    again: tuple[Checked, ...] = attrs.field(default=(), validator=attrs.validators.max_len(1))
    plain: bool = attrs.field(default=False)

    @plain.validator
    def _check_plain(self, _: object, value: bool) -> None:  # noqa: FBT001
        if value:
            raise ValueError("must be false")


def problems(data: object, cls: type[Any] = Tree) -> list[str]:
    with pytest.raises(StructureError) as caught:
        structure(data, cls, "tree.yaml")
    assert str(caught.value) == "\n".join(caught.value.problems)
    assert all(problem.startswith("tree.yaml: ") for problem in caught.value.problems)
    return [problem.removeprefix("tree.yaml: ") for problem in caught.value.problems]


def test_everything_in_its_place() -> None:
    data = {
        "leaf": {"name": "a", "count": 2, "words": ["x", "y"]},
        "leaves": [{"name": "b"}],
        "named": {"k": {"name": "c"}},
        "on": True,
        "height": 2,
        "home": "/tmp/x",
        "note": None,
    }
    assert structure(data, Tree, "tree.yaml") == Tree(
        leaf=Leaf(name="a", count=2, words=("x", "y")),
        leaves=(Leaf(name="b"),),
        named={"k": Leaf(name="c")},
        on=True,
        height=2.0,
        home=Path("/tmp/x"),
    )


def test_a_whole_number_will_do_for_a_number() -> None:
    height = structure({"leaf": {"name": "a"}, "height": 3}, Tree, "tree.yaml").height
    assert (height, type(height)) == (3.0, float)


def test_a_path_may_begin_with_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert structure({"leaf": {"name": "a"}, "home": "~/mush"}, Tree, "tree.yaml").home == Path("/home/ada/mush")


GOOD_LEAF = {"name": "a"}


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (None, ["must be a mapping of keys to values, not None"]),
        ([], ["must be a mapping of keys to values, not []"]),
        ("text", ["must be a mapping of keys to values, not 'text'"]),
        ({}, ["leaf: the key 'leaf' is missing"]),
        ({"leaf": GOOD_LEAF, "x": 1}, ["unknown key 'x'; known are leaf, leaves, named, on, height, home, note"]),
        ({"leaf": GOOD_LEAF, "y": 1, "x": 1}, ["unknown key 'x', 'y'; known are leaf, leaves, named, on, height, home, note"]),
        ({"leaf": {"nam": "a"}}, ["leaf.name: the key 'name' is missing", "leaf: unknown key 'nam'; known are name, count, words"]),
        ({"leaf": 3}, ["leaf: must be a mapping of keys to values, not 3"]),
        ({"leaf": {"name": 3}}, ["leaf.name: must be text, not 3"]),
        ({"leaf": {"name": True}}, ["leaf.name: must be text, not True"]),
        ({"leaf": {"name": None}}, ["leaf.name: must be text, not None"]),
        ({"leaf": {"name": "a", "count": "2"}}, ["leaf.count: must be a whole number, not '2'"]),
        ({"leaf": {"name": "a", "count": 2.0}}, ["leaf.count: must be a whole number, not 2.0"]),
        ({"leaf": {"name": "a", "count": True}}, ["leaf.count: must be a whole number, not True"]),
        ({"leaf": {"name": "a", "count": 0}}, ["leaf.count: must be above 0, not 0"]),
        ({"leaf": GOOD_LEAF, "on": "yes"}, ["on: must be true or false, not 'yes'"]),
        ({"leaf": GOOD_LEAF, "on": 1}, ["on: must be true or false, not 1"]),
        ({"leaf": GOOD_LEAF, "height": "high"}, ["height: must be a number, not 'high'"]),
        ({"leaf": GOOD_LEAF, "height": float("nan")}, ["height: must be a number, not nan"]),
        ({"leaf": GOOD_LEAF, "height": float("-inf")}, ["height: must be a number, not -inf"]),
        ({"leaf": GOOD_LEAF, "height": True}, ["height: must be a number, not True"]),
        (
            {"leaf": GOOD_LEAF, "home": "~no-such-user/x"},
            ["home: must not begin with a home folder that is not known, as '~no-such-user/x' does"],
        ),
        ({"leaf": GOOD_LEAF, "home": 3}, ["home: must be text, not 3"]),
        ({"leaf": GOOD_LEAF, "note": 3}, ["note: must be text, not 3"]),
        # Text is no list: it would be taken for a list of letters.
        ({"leaf": {"name": "a", "words": "abc"}}, ["leaf.words: must be a list, not 'abc'"]),
        ({"leaf": {"name": "a", "words": None}}, ["leaf.words: must be a list, not None"]),
        ({"leaf": {"name": "a", "words": {"a": 1}}}, ["leaf.words: must be a list, not {'a': 1}"]),
        (
            {"leaf": {"name": "a", "words": ["b", 3, 4]}},
            ["leaf.words[1]: must be text, not 3", "leaf.words[2]: must be text, not 4"],
        ),
        ({"leaf": GOOD_LEAF, "leaves": GOOD_LEAF}, ["leaves: must be a list, not {'name': 'a'}"]),
        ({"leaf": GOOD_LEAF, "leaves": [GOOD_LEAF, 3]}, ["leaves[1]: must be a mapping of keys to values, not 3"]),
        ({"leaf": GOOD_LEAF, "leaves": [GOOD_LEAF, {"name": 3}]}, ["leaves[1].name: must be text, not 3"]),
        ({"leaf": GOOD_LEAF, "named": [1]}, ["named: must be a mapping of keys to values, not [1]"]),
        ({"leaf": GOOD_LEAF, "named": {"k": {"name": 3}}}, ["named['k'].name: must be text, not 3"]),
        ({"leaf": GOOD_LEAF, "named": {3: GOOD_LEAF}}, ["named[3]: must be text, not 3"]),
        (
            {"leaf": {"name": 1}, "leaves": [{"name": 2, "count": "x"}], "on": 3},
            [
                "leaf.name: must be text, not 1",
                "leaves[0].name: must be text, not 2",
                "leaves[0].count: must be a whole number, not 'x'",
                "on: must be true or false, not 3",
            ],
        ),
        ({"leaf": {"name": ["a @ b", "c\nd"]}}, ["leaf.name: must be text, not ['a @ b', 'c\\nd']"]),
        # Keys that are not text, long or odd ones.
        ({3: 1, None: 2, "leaf": GOOD_LEAF}, ["unknown key 3, None; known are leaf, leaves, named, on, height, home, note"]),
        ({"leaf": GOOD_LEAF, "named": {"a @ .b\n": 1}}, ["named['a @ .b\\n']: must be a mapping of keys to values, not 1"]),
        (
            {"leaf": GOOD_LEAF, "named": {"k" * 500: 1}},
            [f"named['{'k' * 96}...]: must be a mapping of keys to values, not 1"],
        ),
        (
            {"leaf": GOOD_LEAF, "k" * 500: 1},
            [f"unknown key '{'k' * 96}...; known are leaf, leaves, named, on, height, home, note"],
        ),
        ({"leaf": {"name": "a", "count": "9" * 500}}, [f"leaf.count: must be a whole number, not '{'9' * 96}..."]),
    ],
)
def test_a_slip_is_told_with_its_path(data: object, wanted: list[str]) -> None:
    assert problems(data) == wanted


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ({"leaf": {"name": "a", "count": -1}}, ["leaf.count: must be above 0, not -1"]),
        ({"leaves": [{"name": "x"}]}, ["leaves: must be without x"]),
        (
            {"leaves": [{"name": "x", "count": 0}, {"name": "y", "count": 0}]},
            ["leaves[0].count: must be above 0, not 0", "leaves[1].count: must be above 0, not 0"],
        ),
        ({"named": {"x": ["a"]}}, ["named: must be without x"]),
        ({"named": {"a": ["b", 1], "c": "d"}}, ["named['a'][1]: must be text, not 1", "named['c']: must be a list, not 'd'"]),
        ({"note": "two words"}, ["note: must be a word, not 'two words'"]),
        ({"count": 0}, ["count: must be above 0, not 0"]),
        ({"count": 2}, ["count: must be odd, not 2"]),
        ({"plain": True}, ["plain: must be false"]),
        (
            {"again": [{"count": 2}, {"again": [{"note": ""}]}]},
            ["again[0].count: must be odd, not 2", "again[1].again[0].note: must be a word, not ''"],
        ),
        # A key of the wrong type, a missing one, an unknown one and what validators say, all of them at once.
        (
            {"leaf": {"count": 0}, "leaves": 1, "note": "1", "count": 4, "plain": True, "other": 1},
            [
                "leaf.name: the key 'name' is missing",
                "leaf.count: must be above 0, not 0",
                "leaves: must be a list, not 1",
                "note: must be a word, not '1'",
                "count: must be odd, not 4",
                "plain: must be false",
                "unknown key 'other'; known are leaf, leaves, named, note, count, word, again, plain",
            ],
        ),
    ],
)
def test_validators_speak_of_the_key_they_are_of(data: object, wanted: list[str]) -> None:
    assert problems(data, Checked) == wanted


def test_validators_let_good_values_pass() -> None:
    data = {"leaves": [{"name": "y"}], "named": {"a": ["b"]}, "note": "word", "count": 3, "word": "b", "again": [{}]}
    assert structure(data, Checked, "a.yaml") == Checked(
        leaves=(Leaf(name="y"),), named={"a": ("b",)}, note="word", count=3, word="b", again=(Checked(),)
    )
    assert structure({"note": None}, Checked, "a.yaml") == Checked()


def test_the_validators_of_attrs_are_told_without_what_attrs_adds_to_them() -> None:
    assert problems({"word": "c"}, Checked) == ["word: 'word' must be in ('a', 'b') (got 'c')"]


def test_a_validator_cannot_fill_the_screen() -> None:
    (problem,) = problems({"note": "1" * 10_000}, Checked)
    assert problem.startswith("note: must be a word, not '111")
    assert len(problem) < 600


def test_after_a_hundred_problems_the_rest_are_counted() -> None:
    told = problems({"leaf": GOOD_LEAF, "leaves": list(range(1_234))})
    assert len(told) == 101
    assert told[99:] == ["leaves[99]: must be a mapping of keys to values, not 99", "and 1,134 more"]


def test_not_even_the_name_of_a_file_breaks_a_line() -> None:
    with pytest.raises(StructureError) as caught:
        structure(3, Tree, "a\nb\u2028c.yaml")
    assert caught.value.problems == ("a b c.yaml: must be a mapping of keys to values, not 3",)


def test_a_value_is_shown_in_a_hundred_characters() -> None:
    assert shown("a\n") == "'a\\n'"
    assert shown("a" * 98) == f"'{'a' * 98}'"
    assert shown("a" * 99) == f"'{'a' * 96}..."


# Without the line ends of Unicode: the YAML library's own writer does not quote them so that its reader gets them back.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029"), max_size=5)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.integers(), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("leaf", "leaves", "named", "on", "height", "home", "note", "x"), JSON)))
def test_whatever_is_wrong_is_told_in_single_lines(data: dict[str, Any]) -> None:
    try:
        tree = structure(data, Tree, "t")
    except StructureError as error:
        tree, told = None, error.problems
    else:
        told = ()
    assert all(problem.startswith("t: ") and "\n" not in problem for problem in told)
    if tree is None:
        assert told
    else:
        assert isinstance(tree, Tree)
        assert all(isinstance(leaf, Leaf) for leaf in tree.leaves)


# ---- YAML ------------------------------------------------------------------------------------------------------------


def test_what_a_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: [1, 2.5, yes, null, '5']\n\u4e16: \U0001f30d\n", encoding="utf-8")
    assert read_yaml(path) == {"a": [1, 2.5, True, None, "5"], "\u4e16": "\U0001f30d"}


def told(path: Path) -> list[str]:
    with pytest.raises(StructureError) as caught:
        read_yaml(path)
    assert all(problem.startswith(f"{path}: ") and "\n" not in problem for problem in caught.value.problems)
    return [problem.removeprefix(f"{path}: ") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"a: [", "is not valid YAML: while parsing a flow node (line 2), did not find expected node content (line 2)"),
        (
            b"a:\n  b: [1\nc: 2",
            "is not valid YAML: while parsing a flow sequence (line 2), did not find expected ',' or ']' (line 3)",
        ),
        (b"a: b: c", "is not valid YAML: mapping values are not allowed in this context (line 1)"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"a: \xe9", "is not UTF-8 text"),
        (b"a: \x01", "is not valid YAML: unacceptable character #x0001"),
        (b"a: !!python/object/apply:os.getcwd []", "is not valid YAML: could not determine a constructor for the tag"),
        (b"a: !" + b"x" * 100_000 + b" 1", "is not valid YAML: could not determine a constructor for the tag '!xxx"),
        (b"a: &x [*y]", "is not valid YAML: found undefined alias 'y' (line 1)"),
        (b"a: 1\n---\nb: 2\n", "is not valid YAML: expected a single document"),
        (b"a: {<<: 3}", "is not valid YAML: while constructing a mapping (line 1), expected a mapping"),
        # Not errors of PyYAML's own.
        (b"released: 2024-13-45", "is not valid YAML: month must be in 1..12"),
        (b"a: !!int ''", "is not valid YAML: "),
        (b"a: !!bool perhaps", "is not valid YAML: "),
        (b"a: !!timestamp soon", "is not valid YAML: "),
    ],
)
def test_a_file_that_cannot_be_parsed(tmp_path: Path, content: bytes, wanted: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    (problem,) = told(path)
    assert problem.startswith(wanted)
    assert len(problem) < 300


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a: 1\nb: 2\na: 3\n", ["line 3: the key 'a' is there already, in line 1"]),
        (
            "a: {x: 1,\n 'x': 2}\nb: 1\n\"b\": 1\n",
            ["line 2: the key 'x' is there already, in line 1", "line 4: the key 'b' is there already, in line 3"],
        ),
        ("a: {<<: {x: 1}, <<: {y: 1}}", ["line 1: the key '<<' is there already, in line 1"]),
        ('"a\\nb": 1\n"a\\nb": 2', ["line 2: the key 'a\\nb' is there already, in line 1"]),
        # Keys that are not text.
        ("\n1: a", ["line 2: the key '1' must be text: put it in quotes"]),
        (
            "on: a\nno: b",
            ["line 1: the key 'on' must be text: put it in quotes", "line 2: the key 'no' must be text: put it in quotes"],
        ),
        ("? \n: a", ["line 1: the key '' must be text: put it in quotes"]),
        ("=: a", ["line 1: the key '=' must be text: put it in quotes"]),
        ("2024-13-45: a", ["line 1: the key '2024-13-45' must be text: put it in quotes"]),
        ("a:\n  ? [b]\n  : c", ["line 2: a key must be text, not a list or a mapping"]),
        ("{a: b}: c", ["line 1: a key must be text, not a list or a mapping"]),
        # References to what is not finished.
        ("a: &a\n  - *a", ["line 2: *a stands inside of what it stands for"]),
        ("&a {x: {y: *a}}", ["line 1: *a stands inside of what it stands for"]),
        ("&a {<<: *a}", ["line 1: *a stands inside of what it stands for"]),
        ("&a {*a : 1}", ["line 1: *a stands inside of what it stands for"]),
        # What came before is told as well.
        (
            "a: {1: a}\nb: &b [*b]",
            ["line 1: the key '1' must be text: put it in quotes", "line 2: *b stands inside of what it stands for"],
        ),
    ],
)
def test_yaml_that_is_not_taken(tmp_path: Path, text: str, wanted: list[str]) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text, encoding="utf-8")
    assert told(path) == wanted


def test_merge_keys_bring_what_is_there_already(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "a: &a {x: 1, y: 2}\nb: {c: &c {<<: *a, x: 3}}\nd: {<<: *c, y: 4, '<<': 5}\ne: {<<: [*a, *c]}\n", encoding="utf-8"
    )
    with pytest.raises(StructureError, match="line 3: the key '<<' is there already"):
        read_yaml(path)
    path.write_text("a: &a {x: 1, y: 2}\nb: {c: &c {<<: *a, x: 3}}\nd: {<<: *c, y: 4}\ne: {<<: [*a, *c]}\n", encoding="utf-8")
    a, c = {"x": 1, "y": 2}, {"x": 3, "y": 2}
    assert read_yaml(path) == {"a": a, "b": {"c": c}, "d": {"x": 3, "y": 4}, "e": a}


def laughs(first: str, entry: str) -> str:
    """Ten lines, each of which has ten times the line before it."""
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{i}: &a{i} {entry.replace('%', ', '.join([f'*a{i - 1}'] * 10))}" for i in range(1, 10)]
    return "\n".join(lines)


TOO_MUCH = "from here on it holds too much; aliases count as what they stand for"


# Each of them takes minutes, gigabytes or the whole process where it is not refused.
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (laughs("[lol, lol]", "[%]"), f"line 6: {TOO_MUCH}"),
        (laughs("{x: 1}", "{<<: [%]}"), f"line 6: {TOO_MUCH}"),
        (f"a: &a {'x' * 500_000}\nb: [{'*a, ' * 100_000}]", f"line 2: {TOO_MUCH}"),
        (f"a: [{'[],' * 300_000}]", f"line 1: {TOO_MUCH}"),
        ("[" * 1_000_000, "line 1: values may be nested 50 deep, not deeper"),
        ("{a: " * 250_000, "line 1: values may be nested 50 deep, not deeper"),
        ("? " * 500_000, "line 1: values may be nested 50 deep, not deeper"),
        ("- " * 500_000, "line 1: values may be nested 50 deep, not deeper"),
        ("a: " + "1:" * 500_000 + "1", "line 1: a number may have 100 characters, not more"),
        ("a: " + "1:" * 500_000 + "1.5", "line 1: a number may have 100 characters, not more"),
        ("a: 1" + "0" * 5_000, "line 1: a number may have 100 characters, not more"),
        ("\n".join(f"%TAG !a{i}! b" for i in range(60_000)) + "\n--- a", "has more than 100 %TAG directives"),
        (f"a: {'x' * FILE_LIMIT}", "must be at most 1,048,576 bytes, not more"),
    ],
    ids=[
        "laughs",
        "merges",
        "texts",
        "values",
        "lists",
        "mappings",
        "keys",
        "dashes",
        "sixties",
        "fraction",
        "digits",
        "tags",
        "bytes",
    ],
)
def test_a_file_that_would_cost_too_much(tmp_path: Path, text: str, wanted: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text, encoding="utf-8")
    assert told(path) == [wanted]


def test_a_large_file_of_the_usual_kind_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    text = (
        "a: |\n"
        + " word" * 100_000
        + "\nb:\n"
        + "".join(f"  - {{id: {i}, name: &n{i} name, alias: *n{i}}}\n" for i in range(5_000))
    )
    path.write_text(text + "#" * (FILE_LIMIT - len(text)), encoding="utf-8")
    held = read_yaml(path)
    assert isinstance(held, dict)
    assert held["b"][4_999] == {"id": 4_999, "name": "name", "alias": "name"}


def test_fifty_deep_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("[" * 50 + "]" * 50, encoding="utf-8")
    assert str(read_yaml(path)) == "[" * 50 + "]" * 50


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with pytest.raises(StructureError) as caught:
        read_yaml(path)
    assert str(caught.value) == f"{path}: cannot be read: No such file or directory"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)


_PIECES = """
a :_ -_ [ ] { } , !!int_ !!float_ !!bool_ !!binary_ !!timestamp_ !!set_ !!omap_ !!pairs_ &a_ *a <<:_ 2024-13-45 0x 1:2
'' " | > # % @ ?_ --- ... _ __ /
""".split()  # noqa: SIM905 - pieces without quotes are easier to read
YAML_PIECES = st.sampled_from([piece.replace("_", " ").replace("/", "\n") for piece in _PIECES])


@given(st.lists(YAML_PIECES, max_size=12).map("".join) | st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8")
    slips: tuple[str, ...] = (f"{path}: none",)
    try:
        read_yaml(path)
    except StructureError as error:
        slips = error.problems
    assert slips
    assert all(slip.startswith(f"{path}: ") and len(slip.splitlines()) == 1 for slip in slips)


@given(st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8))
def test_what_yaml_writes_is_read_again(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "round.yaml"
    path.write_text(yaml.safe_dump(value, allow_unicode=True), encoding="utf-8")
    assert repr(read_yaml(path)) == repr(yaml.safe_load(yaml.safe_dump(value)))
