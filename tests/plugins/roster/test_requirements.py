"""Entries of ``depends`` and ``conflicts``: what can be written, what each accepts, and the line for one that cannot be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.plugins.roster.requirements import Requirement, RequirementError


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("economy", "economy"),
        ("  economy  ", "economy"),
        ("holomush-communication >= 1.0.0", "holomush-communication >= 1.0.0"),
        ("economy>=1.2,<2.0.0", "economy >= 1.2, < 2.0.0"),
        ("economy < 2.0.0 , >= 1.2", "economy >= 1.2, < 2.0.0"),
        ("economy != 1.5, > 1, <= 2", "economy > 1, != 1.5, <= 2"),
        ("economy ==1.2.3", "economy == 1.2.3"),
        ("economy ~= 1.2", "economy ~= 1.2"),
        ("economy >= 01.002", "economy >= 1.2"),
        ("economy >= 1, >= 1", "economy >= 1"),
        ("a" * 64, "a" * 64),
        ("a1-b2-3 >= 0", "a1-b2-3 >= 0"),
    ],
)
def test_normal_form(text: str, normal: str) -> None:
    requirement = Requirement.parse(text)
    assert str(requirement) == normal
    assert Requirement.parse(normal) == requirement
    assert hash(Requirement.parse(normal)) == hash(requirement)
    assert requirement.name == normal.partition(" ")[0]


@pytest.mark.parametrize(
    ("text", "accepted", "refused"),
    [
        ("economy", ["0.0.0", "1.0.0", "99.0.0"], []),
        ("economy >= 1.2", ["1.2.0", "1.10.0", "2.0.0"], ["1.1.9", "0.9.0"]),
        ("economy > 1.2", ["1.2.1", "2.0.0"], ["1.2.0", "1.1.0"]),
        ("economy <= 1.2", ["1.2.0", "0.1.0"], ["1.2.1"]),
        ("economy < 1.2", ["1.1.99"], ["1.2.0", "1.2.1"]),
        ("economy == 1.2", ["1.2.0"], ["1.2.1", "1.1.0"]),
        ("economy != 1.2", ["1.2.1"], ["1.2.0"]),
        ("economy ~= 1.2", ["1.2.0", "1.9.0"], ["1.1.0", "2.0.0"]),
        ("economy ~= 1.2.3", ["1.2.3", "1.2.9"], ["1.2.2", "1.3.0"]),
        ("economy >= 1.2, < 2.0.0, != 1.5.0", ["1.2.0", "1.99.0"], ["1.1.0", "1.5.0", "2.0.0"]),
    ],
)
def test_what_is_accepted(text: str, accepted: list[str], refused: list[str]) -> None:
    requirement = Requirement.parse(text)
    assert [version for version in accepted + refused if requirement.accepts(version)] == accepted


def test_what_is_no_version_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="soon"):
        Requirement.parse("economy").accepts("soon")


NO_NAME = "must begin with a plugin's name, lower-case words joined by hyphens, such as economy or economy >= 1.2, < 2.0.0, not "
NO_RANGE = " is not a range of versions: write >= > <= < == != or ~= and one to three numbers, such as >= 1.2.0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"{NO_NAME}''"),
        (" ", f"{NO_NAME}' '"),
        (">= 1.0", f"{NO_NAME}'>= 1.0'"),
        ("Economy", f"{NO_NAME}'Economy'"),
        ("economy_2", f"{NO_NAME}'economy_2'"),
        ("economy-", f"{NO_NAME}'economy-'"),
        ("2-economy", f"{NO_NAME}'2-economy'"),
        ("\u00e9conomy", f"{NO_NAME}'\u00e9conomy'"),
        ("../economy", f"{NO_NAME}'../economy'"),
        ("a" * 65, f"{NO_NAME}'{'a' * 65}'"),
        ("economy 1.2", f"'1.2' in 'economy 1.2'{NO_RANGE}"),
        ("economy >=", f"'>=' in 'economy >='{NO_RANGE}"),
        ("economy >= 1.2,", f"'' in 'economy >= 1.2,'{NO_RANGE}"),
        ("economy, treasury", f"'' in 'economy, treasury'{NO_RANGE}"),
        ("economy = 1.2", f"'= 1.2' in 'economy = 1.2'{NO_RANGE}"),
        ("economy === 1.2", f"'=== 1.2' in 'economy === 1.2'{NO_RANGE}"),
        ("economy => 1.2", f"'=> 1.2' in 'economy => 1.2'{NO_RANGE}"),
        ("economy == 1.*", f"'== 1.*' in 'economy == 1.*'{NO_RANGE}"),
        ("economy >= 1.2.3.4", f"'>= 1.2.3.4' in 'economy >= 1.2.3.4'{NO_RANGE}"),
        ("economy >= 1.2rc1", f"'>= 1.2rc1' in 'economy >= 1.2rc1'{NO_RANGE}"),
        ("economy == 1.2+mine", f"'== 1.2+mine' in 'economy == 1.2+mine'{NO_RANGE}"),
        ("economy >= 1!2", f"'>= 1!2' in 'economy >= 1!2'{NO_RANGE}"),
        ("economy >= \u0661", f"'>= \u0661' in 'economy >= \u0661'{NO_RANGE}"),
        ("economy >= 1\nx", f"'>= 1\\nx' in 'economy >= 1\\nx'{NO_RANGE}"),
        ("economy ~= 1", "'~= 1' in 'economy ~= 1' needs a second number, such as ~= 1.0"),
        ("a" * 201, f"must have 200 characters or less, not 201: '{'a' * 96}..."),
        ("economy >= " + "9" * 5_000, f"must have 200 characters or less, not 5011: 'economy >= {'9' * 85}..."),
    ],
)
def test_what_cannot_be_written(text: str, message: str) -> None:
    with pytest.raises(RequirementError) as caught:
        Requirement.parse(text)
    assert str(caught.value) == message


VERSIONS = st.lists(st.integers(0, 12), min_size=3, max_size=3).map(tuple)
COMPARISONS = {
    ">=": tuple.__ge__,
    ">": tuple.__gt__,
    "==": tuple.__eq__,
    "!=": tuple.__ne__,
    "<": tuple.__lt__,
    "<=": tuple.__le__,
}


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


@given(st.lists(st.tuples(st.sampled_from(sorted(COMPARISONS)), VERSIONS), min_size=1, max_size=4), VERSIONS)
def test_every_comparison_must_hold(clauses: list[tuple[str, tuple[int, ...]]], version: tuple[int, ...]) -> None:
    requirement = Requirement.parse("x " + ",".join(f"{operator} {dotted(bound)}" for operator, bound in clauses))
    assert requirement.accepts(dotted(version)) == all(COMPARISONS[operator](version, bound) for operator, bound in clauses)
    assert Requirement.parse(str(requirement)) == requirement
    assert str(Requirement.parse(str(requirement))) == str(requirement)


PIECES = st.sampled_from(["economy", "-", " ", ">", "<", "=", "!", "~", ",", "1", ".", "*", "0", "a", "\n", "(", ")", "9" * 30])


@given(st.lists(PIECES, max_size=12).map("".join) | st.text())
def test_no_text_raises_anything_else(text: str) -> None:
    told, normal = "", ""
    try:
        normal = str(Requirement.parse(text))
    except RequirementError as error:
        told = str(error)
    assert len(f"{normal}{told}".splitlines()) == 1
    assert len(told) < 500
    assert not normal or str(Requirement.parse(normal)) == normal
