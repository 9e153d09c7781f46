"""The load order: each rule and each message, and what must hold for any set of plugins."""

import random
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.plugins.roster.loadorder import Candidate, LoadOrder, resolve
from holomush.plugins.roster.requirements import Requirement


def plugin(
    name: str,
    version: str = "1.0.0",
    priority: int = 100,
    *,
    depends: str = "",
    conflicts: str = "",
    before: str = "",
    after: str = "",
) -> Candidate:
    """A candidate with its lists as text: requirements with semicolons between them, names with spaces."""
    return Candidate(
        name=name,
        version=version,
        priority=priority,
        depends=tuple(map(Requirement.parse, depends.split(";"))) if depends else (),
        conflicts=tuple(map(Requirement.parse, conflicts.split(";"))) if conflicts else (),
        before=tuple(before.split()),
        after=tuple(after.split()),
    )


def refusals(*candidates: Candidate, unavailable: Mapping[str, str] = {}) -> dict[str, list[str]]:
    return {name: list(reasons) for name, reasons in resolve(candidates, unavailable).refused.items()}


# ---- order -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("candidates", "order"),
    [
        ([], ""),
        ([plugin("b"), plugin("a"), plugin("c", priority=99)], "c a b"),
        ([plugin("a", depends="z"), plugin("z")], "z a"),
        ([plugin("a", after="z"), plugin("z")], "z a"),
        ([plugin("a"), plugin("z", before="a")], "z a"),
        ([plugin("a", depends="z >= 1"), plugin("z", before="a"), plugin("m")], "m z a"),
        # What a plugin waits for goes before it, whatever the priorities.
        ([plugin("a", priority=1, depends="z"), plugin("z", priority=200), plugin("m")], "m z a"),
        # Hints about who is not there.
        ([plugin("a", after="nobody", before="none"), plugin("b")], "a b"),
        # A plugin goes as soon as it can: d only waits for b, not for the whole level of b.
        ([plugin("a"), plugin("b"), plugin("c"), plugin("d", priority=1, after="b")], "a b d c"),
        ([plugin("a", before="b b"), plugin("b", after="a a")], "a b"),
    ],
)
def test_the_order(candidates: list[Candidate], order: str) -> None:
    assert resolve(candidates) == LoadOrder(tuple(order.split()), {})


def test_hints_do_not_make_a_need() -> None:
    result = resolve([plugin("a", after="b", before="c"), plugin("b", depends="x"), plugin("c", depends="x")])
    assert result.order == ("a",)


# ---- needs -----------------------------------------------------------------------------------------------------------


def test_what_is_not_there_is_missed() -> None:
    assert refusals(plugin("a", depends="x >= 1.0.0")) == {"a": ["needs x >= 1.0.0, which is not there"]}


def test_what_is_there_in_another_version_is_missed() -> None:
    assert refusals(plugin("a", depends="x >= 1.0.0"), plugin("x", "0.9.0")) == {"a": ["needs x >= 1.0.0, but x is 0.9.0"]}


def test_what_is_there_but_is_not_loaded_is_missed_with_the_reason() -> None:
    waiting = {"x": "waits for approval", "y": "could not be read"}
    assert refusals(plugin("a", depends="x >= 1.0.0;y"), unavailable=waiting) == {
        "a": ["needs x >= 1.0.0, which waits for approval", "needs y, which could not be read"]
    }
    assert refusals(plugin("a", after="x"), unavailable=waiting) == {}


def test_who_needs_a_refused_one_is_refused_and_so_on() -> None:
    result = resolve([plugin("a", depends="b"), plugin("b", depends="c ~= 1.0"), plugin("c", depends="x"), plugin("d")])
    assert result.order == ("d",)
    assert result.refused == {
        "a": ("needs b, which was refused",),
        "b": ("needs c ~= 1.0, which was refused",),
        "c": ("needs x, which is not there",),
    }


def test_all_reasons_are_told() -> None:
    candidates = [plugin("a", depends="x;y >= 2;z;x", conflicts="k;a"), plugin("y"), plugin("z", depends="x"), plugin("k")]
    assert refusals(*candidates)["a"] == [
        "needs x, which is not there",
        "needs y >= 2, but y is 1.0.0",
        "conflicts with itself",
        "needs z, which was refused",
        "conflicts with k, and k 1.0.0 (priority 100) is loaded",
    ]


# ---- conflicts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("candidates", "refused"),
    [
        ([plugin("a"), plugin("b", conflicts="a")], {"b": ["conflicts with a, and a 1.0.0 (priority 100) is loaded"]}),
        ([plugin("a", conflicts="b"), plugin("b")], {"b": ["a 1.0.0 (priority 100) is loaded and conflicts with b"]}),
        (
            [plugin("a", conflicts="b"), plugin("b", priority=50)],
            {"a": ["conflicts with b, and b 1.0.0 (priority 50) is loaded"]},
        ),
        (
            [plugin("a"), plugin("b", "2.1.0", priority=50, conflicts="a < 2")],
            {"a": ["b 2.1.0 (priority 50) is loaded and conflicts with a < 2"]},
        ),
        (
            [plugin("a", conflicts="b"), plugin("b", conflicts="a")],
            {"b": ["conflicts with a, and a 1.0.0 (priority 100) is loaded"]},
        ),
        (
            [plugin("a", conflicts="b"), plugin("b", priority=50, conflicts="a")],
            {"a": ["conflicts with b, and b 1.0.0 (priority 50) is loaded"]},
        ),
        # The other version, and nobody.
        ([plugin("a", conflicts="b < 1;x"), plugin("b")], {}),
        ([plugin("a", conflicts="a < 1")], {}),
        ([plugin("a", conflicts="a")], {"a": ["conflicts with itself"]}),
        # Who needs the loser goes with it.
        (
            [plugin("a", conflicts="b"), plugin("b"), plugin("c", depends="b")],
            {"b": ["a 1.0.0 (priority 100) is loaded and conflicts with b"], "c": ["needs b, which was refused"]},
        ),
        # Who is refused for another reason conflicts with nobody.
        (
            [plugin("a", conflicts="b", depends="x"), plugin("b")],
            {"a": ["needs x, which is not there", "conflicts with b, and b 1.0.0 (priority 100) is loaded"]},
        ),
        # b loses to a, so c, which conflicts with b only, stays.
        (
            [plugin("a", conflicts="b"), plugin("b", conflicts="c"), plugin("c")],
            {
                "b": [
                    "conflicts with c, and c 1.0.0 (priority 100) is loaded",
                    "a 1.0.0 (priority 100) is loaded and conflicts with b",
                ]
            },
        ),
        # e loses to b, which goes because c loses to d: so e stays after all.
        (
            [
                plugin("b", priority=10, depends="c", conflicts="e"),
                plugin("c", priority=200),
                plugin("d", priority=50, conflicts="c"),
                plugin("e", priority=60),
            ],
            {
                "b": ["needs c, which was refused", "conflicts with e, and e 1.0.0 (priority 60) is loaded"],
                "c": ["d 1.0.0 (priority 50) is loaded and conflicts with c"],
            },
        ),
        # Needing what it conflicts with, it can never be loaded; the other one is.
        (
            [plugin("a", depends="b", conflicts="b"), plugin("b")],
            {"a": ["conflicts with b, and b 1.0.0 (priority 100) is loaded"]},
        ),
    ],
)
def test_conflicts(candidates: list[Candidate], refused: dict[str, list[str]]) -> None:
    result = resolve(candidates)
    assert {name: sorted(reasons) for name, reasons in result.refused.items()} == {n: sorted(r) for n, r in refused.items()}
    assert set(result.order) == {candidate.name for candidate in candidates} - refused.keys()


# ---- cycles ----------------------------------------------------------------------------------------------------------

NAVIGATION = plugin("holomush-navigation", priority=10)


def test_a_cycle_is_printed_whole() -> None:
    told = "is part of a cycle: a -> b (b depends on a) -> a (a is after b)"
    # b only says what it needs: a, which says more than that, is to blame.
    refused = refusals(plugin("a", after="b"), plugin("b", depends="a"), plugin("c"))
    assert refused == {"a": [told], "b": ["needs a, which was refused"]}


def test_needs_alone_make_a_cycle_too() -> None:
    told = "is part of a cycle: a -> b (b depends on a) -> a (a depends on b)"
    assert refusals(plugin("a", depends="b"), plugin("b", depends="a"), plugin("c")) == {"a": [told], "b": [told]}


def test_a_stranger_who_squeezes_in_between_two_keeps_out_neither() -> None:
    stranger = plugin("stranger", before="lower", after="upper")
    refused = refusals(plugin("lower"), plugin("upper", depends="lower"), stranger)
    assert list(refused) == ["stranger"]


def test_a_cycle_of_three_with_each_kind_of_edge() -> None:
    told = "is part of a cycle: a -> c (a is before c) -> b (b depends on c) -> a (a is after b)"
    # b only needs c, and c says none of the three edges.
    assert refusals(plugin("a", before="c", after="b"), plugin("b", depends="c"), plugin("c")) == {"a": [told]}


def test_who_contradicts_itself_draws_nobody_in() -> None:
    stranger = plugin("stranger", before="holomush-navigation", after="holomush-navigation")
    result = resolve([NAVIGATION, stranger])
    assert result.order == ("holomush-navigation",)
    assert result.refused == {
        "stranger": (
            "is part of a cycle: holomush-navigation -> stranger (stranger is after holomush-navigation)"
            " -> holomush-navigation (stranger is before holomush-navigation)",
        )
    }


def test_not_even_somebody_who_agrees_with_half_of_the_contradiction() -> None:
    nav = plugin("nav", after="stranger")
    result = resolve([nav, plugin("stranger", before="nav", after="nav")])
    assert (result.order, [*result.refused]) == (("nav",), ["stranger"])


def test_of_an_edge_that_both_say_the_word_of_the_later_one_counts() -> None:
    result = resolve([plugin("a", before="b"), plugin("b", after="a"), plugin("c", before="a", after="b")])
    assert (result.order, [*result.refused]) == (("a",), ["b", "c"])


@pytest.mark.parametrize(
    ("itself", "words"),
    [
        (plugin("a", depends="a"), "a depends on a"),
        (plugin("a", after="a"), "a is after a"),
        (plugin("a", before="a"), "a is before a"),
    ],
)
def test_a_cycle_of_one(itself: Candidate, words: str) -> None:
    assert refusals(itself, plugin("b")) == {"a": [f"is part of a cycle: a -> a ({words})"]}


def test_who_is_refused_for_another_reason_makes_no_cycle() -> None:
    result = resolve([plugin("a", after="b"), plugin("b", after="a", depends="x")])
    assert (result.order, [*result.refused]) == (("a",), ["b"])


def test_who_only_waits_for_a_cycle_is_loaded_if_it_does_not_need_it() -> None:
    result = resolve([plugin("a", after="b"), plugin("b", after="a"), plugin("c", after="b"), plugin("d", depends="b")])
    assert result.order == ("c",)
    assert result.refused["d"] == ("needs b, which was refused",)


def test_cycles_that_are_left_are_found_in_their_turn() -> None:
    # b is in the cycle of a and in that of c; with a and b gone there is none left for c.
    tangle = [plugin("a", after="b"), plugin("b", after="a c"), plugin("c", after="b")]
    assert resolve(tangle).order == ("c",)
    # Two cycles that have nothing to do with each other, and one behind them.
    apart = [*tangle, plugin("x", depends="y"), plugin("y", depends="x"), plugin("p", after="y q"), plugin("q", after="p")]
    result = resolve(apart)
    assert result.order == ("c",)
    assert result.refused["p"] == ("is part of a cycle: p -> q (q is after p) -> p (p is after q)",)


def test_of_a_long_cycle_the_middle_is_left_out() -> None:
    names = [f"p{i:03}" for i in range(100)]
    ring = [plugin(name, after=names[i - 1]) for i, name in enumerate(names)]
    result = resolve(ring)
    assert result.order == ()
    (told,) = result.refused["p050"]
    assert told.startswith("is part of a cycle: p000 -> p001 (p001 is after p000) -> p002 (p002 is after p001) ")
    assert " -> p010 (p010 is after p009) -> 80 more -> p091 (p091 is after p090) " in told
    assert told.endswith(" -> p000 (p000 is after p099)")


# ---- the whole -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("candidates", "unavailable"),
    [([plugin("b"), plugin("a"), plugin("a", "2.0.0")], {}), ([plugin("a")], {"a": "waits for approval"})],
)
def test_a_name_that_is_there_twice_is_the_callers_mistake(candidates: list[Candidate], unavailable: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="each plugin must be given once, not a twice"):
        resolve(candidates, unavailable)


def test_the_example_of_the_design() -> None:
    combat = plugin(
        "combat-system",
        depends="holomush-communication >= 1.0.0;holomush-navigation >= 1.0.0",
        conflicts="alternate-combat-system",
        before="economy-system",
        after="holomush-navigation",
    )
    others = [plugin("economy-system", priority=1), plugin("holomush-communication", "1.4.0"), NAVIGATION]
    assert resolve([combat, *others]).order == ("holomush-navigation", "holomush-communication", "combat-system", "economy-system")


def test_a_thousand_in_a_row() -> None:
    names = [f"p{i}" for i in range(1_000)]
    row = [plugin(names[0]), *(plugin(name, depends=earlier) for earlier, name in pairwise(names))]
    assert resolve(reversed(row)) == LoadOrder(tuple(names), {})
    assert len(resolve([plugin("p0", depends="x"), *row[1:]]).refused) == 1_000
    ring = resolve([plugin("p0", depends=names[-1]), *row[1:]])
    assert all("-> 980 more ->" in reason for reasons in ring.refused.values() for reason in reasons)
    assert len(ring.refused) == 1_000


def test_hundreds_of_cycles_and_conflicts() -> None:
    pairs = [plugin(f"a{i}", after=f"b{i}", conflicts=f"c{i}") for i in range(400)]
    pairs += [plugin(f"b{i}", after=f"a{i}") for i in range(400)]
    pairs += [plugin(f"c{i}", conflicts=f"c{i ^ 1}") for i in range(400)]
    result = resolve(pairs)
    assert len(result.order) == 200
    assert len(result.refused) == 1_000


NAMES = st.sampled_from("abcdefgh")
REQUIREMENTS = st.lists(st.tuples(NAMES, st.sampled_from(["", " >= 1", " < 2", " == 2"])), max_size=2, unique_by=lambda r: r[0])
CANDIDATES = st.lists(
    st.builds(
        lambda name, version, priority, depends, conflicts, before, after: Candidate(
            name=name,
            version=version,
            priority=priority,
            depends=tuple(Requirement.parse("".join(wanted)) for wanted in depends),
            conflicts=tuple(Requirement.parse("".join(unwanted)) for unwanted in conflicts),
            before=tuple(before),
            after=tuple(after),
        ),
        NAMES,
        st.sampled_from(["0.5.0", "1.0.0", "2.0.0"]),
        st.integers(0, 3),
        REQUIREMENTS,
        REQUIREMENTS | st.just([]),
        st.lists(NAMES, max_size=1),
        st.lists(NAMES, max_size=1),
    ),
    max_size=8,
    unique_by=lambda candidate: candidate.name,
)


def edges(candidates: list[Candidate]) -> set[tuple[str, str]]:
    there = {candidate.name for candidate in candidates}
    said = {(wanted.name, candidate.name) for candidate in candidates for wanted in candidate.depends}
    said |= {(other, candidate.name) for candidate in candidates for other in candidate.after}
    said |= {(candidate.name, other) for candidate in candidates for other in candidate.before}
    return {(first, second) for first, second in said if first in there and second in there}


def cannot_coexist(one: Candidate, other: Candidate) -> bool:
    return any(
        unwanted.name == second.name and unwanted.accepts(second.version)
        for first, second in ((one, other), (other, one))
        for unwanted in first.conflicts
    )


@given(CANDIDATES, st.randoms(use_true_random=False))
def test_what_holds_for_any_plugins(candidates: list[Candidate], chance: random.Random) -> None:
    result = resolve(candidates)
    by_name = {candidate.name: candidate for candidate in candidates}
    # Everybody is loaded or refused with a reason of one line.
    assert sorted([*result.order, *result.refused]) == sorted(by_name)
    assert all(reasons and len(set(reasons)) == len(reasons) for reasons in result.refused.values())
    assert all(len(reason.splitlines()) == 1 for reasons in result.refused.values() for reason in reasons)
    # Nobody loaded lacks anything or meets a rival.
    loaded = [by_name[name] for name in result.order]
    for candidate in loaded:
        assert all(w.name in result.order and w.accepts(by_name[w.name].version) for w in candidate.depends)
        assert not any(cannot_coexist(candidate, other) for other in loaded)
    # Edges hold; of those that need not wait for anybody the lowest goes first.
    waiting = edges(loaded)
    left = {candidate.name for candidate in loaded}
    for name in result.order:
        ready = left - {second for first, second in waiting if first in left}
        assert name == min(ready, key=lambda n: (by_name[n].priority, n))
        left.remove(name)
    # The order in which they are given changes nothing.
    chance.shuffle(candidates)
    again = resolve(candidates)
    assert (again.order, list(again.refused.items())) == (result.order, list(result.refused.items()))


@given(CANDIDATES)
def test_nobody_is_refused_for_nothing(candidates: list[Candidate]) -> None:
    result = resolve(candidates)
    by_name = {candidate.name: candidate for candidate in candidates}
    loaded = [by_name[name] for name in result.order]
    for name, reasons in result.refused.items():
        refused = by_name[name]
        lacks = any(w.name not in result.order or not w.accepts(by_name[w.name].version) for w in refused.depends)
        rivals = any(cannot_coexist(refused, other) for other in [*loaded, refused])
        in_a_cycle = any(reason.startswith("is part of a cycle: ") for reason in reasons)
        assert lacks or rivals or in_a_cycle
        if in_a_cycle:
            said = [part for part in reasons[0].split("(") if part.startswith(f"{name} ")]
            assert said, "refused for a cycle of which it says no edge"


@given(CANDIDATES)
def test_of_two_that_conflict_the_lower_stays(candidates: list[Candidate]) -> None:
    fighting = [Candidate(name=c.name, version=c.version, priority=c.priority, conflicts=c.conflicts) for c in candidates]
    loaded: list[Candidate] = []
    for candidate in sorted(fighting, key=lambda c: (c.priority, c.name)):
        if not any(cannot_coexist(candidate, other) for other in [*loaded, candidate]):
            loaded.append(candidate)
    assert resolve(fighting).order == tuple(candidate.name for candidate in loaded)


@given(CANDIDATES)
def test_without_conflicts_and_needs_only_who_says_so_is_in_a_cycle(candidates: list[Candidate]) -> None:
    hinting = [Candidate(name=c.name, version=c.version, before=c.before, after=c.after) for c in candidates]
    quiet = {c.name for c in hinting if not c.before and not c.after}
    assert quiet <= set(resolve(hinting).order)
