"""Outside data as attrs classes: each slip on a line of its own, with the path of its key; never another error."""

from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from holomush.structuring import StructureError, read_yaml, structure


def _above_zero(_: object, attribute: "attrs.Attribute[int]", value: int) -> None:
    if value <= 0:
        raise ValueError(f"{attribute.name}: must be above 0, not {value}")


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


def problems(data: object) -> list[str]:
    with pytest.raises(StructureError) as caught:
        structure(data, Tree, "tree.yaml")
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
        ({"leaf": {"name": "a", "count": 0}}, ["leaf: count: must be above 0, not 0"]),
        ({"leaf": GOOD_LEAF, "on": "yes"}, ["on: must be true or false, not 'yes'"]),
        ({"leaf": GOOD_LEAF, "on": 1}, ["on: must be true or false, not 1"]),
        ({"leaf": GOOD_LEAF, "height": "high"}, ["height: must be a number, not 'high'"]),
        ({"leaf": GOOD_LEAF, "height": True}, ["height: must be a number, not True"]),
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
    ],
)
def test_a_slip_is_told_with_its_path(data: object, wanted: list[str]) -> None:
    assert problems(data) == wanted


# Without the line ends of Unicode: the YAML library's own writer does not quote them so that its reader gets them back.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029"), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
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


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"a: [", "is not valid YAML: "),
        (b"a: b: c", "is not valid YAML: "),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"a: \xe9", "is not UTF-8 text"),
        (b"a: \x01", "is not valid YAML: "),
        (b"a: !!python/object/apply:os.getcwd []", "is not valid YAML: "),
        (b"a: &x [*y]", "is not valid YAML: "),
        (b"? [a]\n: b", "is not valid YAML: "),
        (b"a: 1\n---\nb: 2\n", "is not valid YAML: "),
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
    with pytest.raises(StructureError) as caught:
        read_yaml(path)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}: {wanted}")
    assert "\n" not in problem


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
    told = ""
    try:
        read_yaml(path)
    except StructureError as error:
        told = str(error)
    assert "\n" not in told


@given(JSON)
def test_what_yaml_writes_is_read_again(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "round.yaml"
    path.write_text(yaml.safe_dump(value, allow_unicode=True), encoding="utf-8")
    assert repr(read_yaml(path)) == repr(yaml.safe_load(yaml.safe_dump(value)))
