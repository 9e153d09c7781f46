"""holomush_pdk.locks: what the locks of exits and things mean, and that no text of a lock lets in somebody by mistake."""

from __future__ import annotations

import pytest
from holomush_pdk.locks import BadLock, check, passes
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("lock", "names", "wanted"),
    [
        ("", "", True),
        ("  ", "", True),
        ("Brass Key", "brass key", True),
        ("Brass Key", "brass", False),
        ("a | b", "b", True),
        ("a & b", "b", False),
        ("a & b", "a,b", True),
        ("!a", "", True),
        ("!a", "a", False),
        ("!!a", "a", True),
        ("a | b & c", "a", True),
        ("(a | b) & c", "a", False),
        ("(a | b) & c", "a,c", True),
        ("a & !b | c", "a,b", False),
        # What makes no sense locks out everybody.
        ("a |", "a", False),
        ("| a", "a", False),
        ("a b & ", "a b", False),
        ("(a", "a", False),
        ("a)", "a", False),
        ("()", "", False),
        ("!", "", False),
        ("!(", "", False),
        ("!" * 18 + "a", "a", True),
        ("!" * 1000 + "a", "a", False),
        ("(" * 500 + "a" + ")" * 500, "a", False),
    ],
)
def test_who_passes(lock: str, names: str, *, wanted: bool) -> None:
    assert passes(lock, set(filter(None, names.split(",")))) == wanted


@pytest.mark.parametrize(
    ("lock", "why"),
    [
        ("a |", "a name is missing"),
        ("a & | b", "a name is missing"),
        ("()", "a name is missing"),
        ("(a", "a ) is missing"),
        ("a)", ") is where something else should be"),
        ("a ! b", "! is where something else should be"),
        ("!" * 20 + "a", "! and ( can stand 20 deep"),
    ],
)
def test_a_text_that_is_no_lock_says_where_it_went_wrong(lock: str, why: str) -> None:
    with pytest.raises(BadLock) as caught:
        check(lock)
    assert str(caught.value) == why


@pytest.mark.parametrize("lock", ["", "  ", "brass key", "(Alice | Bob) & !lantern"])
def test_a_good_lock_is_let_through(lock: str) -> None:
    check(lock)


locks = st.recursive(
    st.sampled_from("abc"),
    lambda inner: st.builds("({}{}{})".format, inner, st.sampled_from("|&"), inner) | st.builds("!{}".format, inner),
)


@given(lock=locks, names=st.sets(st.sampled_from("abc")))
def test_it_means_what_python_means(lock: str, names: set[str]) -> None:
    # "not" binds less than what stands for it here, but each pair has brackets of its own.
    python = lock.replace("|", " or ").replace("&", " and ").replace("!", " not ").replace("(", " ( ").replace(")", " ) ")
    assert passes(lock, names) == eval(python, {}, {name: name in names for name in "abc"})


@given(lock=st.text(alphabet="ab|&!() "), names=st.sets(st.sampled_from("ab")))
def test_text_is_judged_alike_when_it_is_set_and_when_it_is_met(lock: str, names: set[str]) -> None:
    try:
        check(lock)
    except BadLock:
        assert not passes(lock, names)
