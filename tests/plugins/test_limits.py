"""Limits: the server's, lowered by what a manifest asks and never raised."""

from hypothesis import given
from hypothesis import strategies as st

from holomush.config import PluginsConfig
from holomush.plugins.limits import Limits


def test_without_a_wish_the_servers_hold() -> None:
    config = PluginsConfig(timeout=2.5, memory_mb=48, message_limit=1000, events_per_call=3, host_calls_per_call=4)
    limits = Limits.of(config, timeout_ms=None, memory_mb=None)
    assert limits == Limits(timeout=2.5, memory_mb=48, message_bytes=1000, events=3, host_calls=4)


def test_the_defaults_are_the_configurations() -> None:
    assert Limits.of(PluginsConfig(), timeout_ms=None, memory_mb=None) == Limits()


def test_a_manifest_can_ask_for_less() -> None:
    limits = Limits.of(PluginsConfig(), timeout_ms=250, memory_mb=16)
    assert (limits.timeout, limits.memory_mb) == (0.25, 16)


def test_a_manifest_cannot_ask_for_more() -> None:
    limits = Limits.of(PluginsConfig(timeout=1.0, memory_mb=32), timeout_ms=60_000, memory_mb=1024)
    assert (limits.timeout, limits.memory_mb) == (1.0, 32)


def test_memory_in_pages() -> None:
    assert Limits(memory_mb=64).pages == 1024
    assert Limits(memory_mb=1).pages == 16


@given(st.floats(0.001, 1000), st.integers(16, 4096), st.none() | st.integers(1, 10**6), st.none() | st.integers(1, 10**4))
def test_never_more_than_either(timeout: float, memory_mb: int, wanted_ms: int | None, wanted_mb: int | None) -> None:
    limits = Limits.of(PluginsConfig(timeout=timeout, memory_mb=memory_mb), timeout_ms=wanted_ms, memory_mb=wanted_mb)
    assert limits.timeout <= timeout
    assert limits.memory_mb <= memory_mb
    if wanted_ms is not None:
        assert limits.timeout <= wanted_ms / 1000
    if wanted_mb is not None:
        assert limits.memory_mb <= wanted_mb
