"""Figures about a plugin's calls: how they are counted, and which share of them was how fast."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.plugins.figures import KEPT, Figures
from holomush.plugins.guests.guest import GuestFailedError, SourceRuntime
from plugins.rooms import open_rig


def make_figures(*milliseconds: float) -> Figures:
    figures = Figures()
    for time in milliseconds:
        figures.note(time / 1000, failed=False)
    return figures


@pytest.mark.parametrize(
    ("times", "median", "most"),
    [
        ((), 0.0, 0.0),
        ((3.0,), 3.0, 3.0),
        ((1.0, 2.0, 3.0), 2.0, 3.0),
        (tuple(float(n) for n in range(100, 0, -1)), 51.0, 96.0),
        ((0.0004,), 0.0, 0.0),
    ],
)
def test_shares(times: tuple[float, ...], median: float, most: float) -> None:
    figures = make_figures(*times)
    assert (figures.milliseconds(0.5), figures.milliseconds(0.95)) == (median, most)


def test_failures_count_as_calls() -> None:
    figures = make_figures(1.0, 2.0)
    figures.note(0.5, failed=True)
    assert (figures.calls, figures.failures, figures.milliseconds(1.0)) == (3, 1, 500.0)


def test_only_the_last_times_are_kept() -> None:
    figures = make_figures(*[1000.0] * 10, *[1.0] * KEPT)
    assert (figures.calls, figures.milliseconds(1.0)) == (KEPT + 10, 1.0)


@given(st.lists(st.floats(0, 1e6), max_size=50), st.floats(0, 1))
def test_a_share_is_always_one_of_the_times(times: list[float], share: float) -> None:
    assert make_figures(*times).milliseconds(share) in {0.0, *(round(time, 3) for time in times), *_noted(times)}


def _noted(times: list[float]) -> list[float]:
    return [round(1000 * (time / 1000), 3) for time in times]


async def test_calls_of_a_plugin_are_counted_once_each(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
        from holomush_pdk import *
        def fine(inv): return "fine"
        def fail(inv): raise ValueError("no")
        def slow(inv): return update_account("alice", password="long enough").name
    """
    async with open_rig(tmp_path, runtime) as rig:
        plugin = await rig.load(source, 'capabilities: ["*"]\n')
        assert (plugin.figures.calls, plugin.figures.failures) == (0, 0)  # loading is none
        await rig.call("fine")
        with pytest.raises(GuestFailedError):
            await rig.call("fail")
        assert (plugin.figures.calls, plugin.figures.failures) == (2, 1)
        with pytest.raises(GuestFailedError):
            await rig.call("slow")
        assert (plugin.figures.calls, plugin.figures.failures) == (3, 2)
        assert plugin.figures.milliseconds(0.5) > 0
