"""The locks of exits: what they mean, and that no text of a lock lets in somebody by mistake."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush import bundled


def load() -> ModuleType:
    """The module of the plugin, in this Python."""
    spec = importlib.util.spec_from_file_location("locks", bundled.PLUGINS / "holomush-navigation" / "locks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["locks"] = module
    spec.loader.exec_module(module)
    return module


LOCKS = load()


@pytest.mark.parametrize(
    ("lock", "names", "passes"),
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
def test_who_passes(lock: str, names: str, *, passes: bool) -> None:
    assert LOCKS.passes(lock, set(filter(None, names.split(",")))) == passes


locks = st.recursive(
    st.sampled_from("abc"),
    lambda inner: st.builds("({}{}{})".format, inner, st.sampled_from("|&"), inner) | st.builds("!{}".format, inner),
)


@given(lock=locks, names=st.sets(st.sampled_from("abc")))
def test_it_means_what_python_means(lock: str, names: set[str]) -> None:
    python = lock.replace("|", " or ").replace("&", " and ").replace("!", " not ")
    values = {name: name in names for name in "abc"}
    assert LOCKS.passes(lock, names) == eval(_grouped(python), {}, values)


def _grouped(python: str) -> str:
    # "not" binds less than what stands for it here, but each pair has brackets of its own.
    return python.replace("(", " ( ").replace(")", " ) ")


@given(lock=st.text(alphabet="ab|&!() "), names=st.sets(st.sampled_from("ab")))
def test_text_is_judged_alike_when_it_is_set_and_when_it_is_met(lock: str, names: set[str]) -> None:
    try:
        LOCKS.check(lock)
    except LOCKS.BadLock:
        assert not LOCKS.passes(lock, names)
