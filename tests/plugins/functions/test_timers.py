"""Timers as guests set them: what is kept, what is refused, and how many there may be."""

from __future__ import annotations

import time

import pytest

from holomush.plugins.calls import Call
from holomush.plugins.functions import storage as functions
from holomush.plugins.functions.storage import LONGEST_TIMER, TIMER_PAYLOAD_LIMIT
from holomush.plugins.storage.registers import Timer
from holomush.plugins.storage.storage import PluginStorage
from plugins.functions.asking import ask, refusal
from plugins.rooms import make_call, make_storage


def make_keeper(storage: PluginStorage | None = None) -> Call:
    return make_call("timers", storage=storage or make_storage())


def timers(storage: PluginStorage) -> list[Timer]:
    return list(storage.registers.timers.values())


@pytest.mark.parametrize("seconds", [1, 1.5, 60, LONGEST_TIMER])
def test_a_timer_is_kept_when_the_call_is_committed(seconds: float) -> None:
    storage = make_storage()
    call = make_keeper(storage)
    begun = time.time_ns() // 1_000_000
    assert ask(call, "set_timer", "tick", seconds, {"n": [1, None]}) is None
    assert timers(storage) == []
    call.attempt.registers.apply()
    (timer,) = timers(storage)
    assert (timer.plugin, timer.name, timer.payload) == ("tester", "tick", {"n": [1, None]})
    assert begun <= timer.due - seconds * 1000 <= time.time_ns() // 1_000_000


def test_a_timer_of_the_same_name_is_replaced() -> None:
    storage = make_storage()
    for seconds in (500, 100):
        call = make_keeper(storage)
        ask(call, "set_timer", "tick", seconds, {"seconds": seconds})
        call.attempt.registers.apply()
    (timer,) = timers(storage)
    assert timer.payload == {"seconds": 100}
    assert timer.due < (time.time() + 200) * 1000


def test_a_timer_is_taken_back() -> None:
    storage = make_storage()
    storage.registers.timers.replace([Timer("tester", "tick", 1, {}), Timer("other", "tock", 1, {})])
    call = make_keeper(storage)
    assert ask(call, "cancel_timer", "tick") is True
    assert ask(call, "cancel_timer", "tick") is False
    assert ask(call, "cancel_timer", "tock") is False  # another plugin's
    ask(call, "set_timer", "tock", 5, {})
    assert ask(call, "cancel_timer", "tock") is True
    call.attempt.registers.apply()
    assert timers(storage) == [Timer("other", "tock", 1, {})]


def test_one_that_rings_meanwhile_is_a_conflict() -> None:
    storage = make_storage()
    storage.registers.timers.replace([Timer("tester", "tick", 1, {})])
    for name, *arguments in (("cancel_timer", "tick"), ("set_timer", "tick", 5, {})):
        storage.registers.timers.replace([Timer("tester", "tick", 1, {})])
        call = make_keeper(storage)
        ask(call, name, *arguments)
        storage.registers.timers.apply({("tester", "tick"): None})
        assert not call.attempt.is_current()


@pytest.mark.parametrize(
    ("name", "seconds", "payload", "message"),
    [
        ("", 5, {}, "name: must have 1 to 100 characters, not 0"),
        ("x" * 101, 5, {}, "name: must have 1 to 100 characters, not 101"),
        ("a\nb", 5, {}, "name: must not have control characters"),
        ("a", 0, {}, "seconds: must be 1 to 2678400"),
        ("a", 0.999, {}, "seconds: must be 1 to 2678400"),
        ("a", -5, {}, "seconds: must be 1 to 2678400"),
        ("a", LONGEST_TIMER + 1, {}, "seconds: must be 1 to 2678400"),
        ("a", "1e999", {}, "seconds: must be 1 to 2678400"),
        ("a", True, {}, "seconds: must be 1 to 2678400"),
        ("a", None, {}, "seconds: must be 1 to 2678400"),
        ("a", '"5"', {}, "seconds: must be 1 to 2678400"),
        ("a", "NaN", {}, "not valid JSON: NaN is not a number in JSON"),
        ("a", 5, [], f"payload: must be an object of at most {TIMER_PAYLOAD_LIMIT} bytes"),
        ("a", 5, "null", f"payload: must be an object of at most {TIMER_PAYLOAD_LIMIT} bytes"),
        ("a", 5, {"x": "y" * TIMER_PAYLOAD_LIMIT}, f"payload: must be an object of at most {TIMER_PAYLOAD_LIMIT} bytes"),
        ("a", 5, '{"x": "\\ud800"}', "payload.x: has half of a surrogate pair; cut text between characters"),
        ("a", 5, '{"x": 1e999}', "payload.x: must be a finite number; JSON has no inf"),
    ],
)
def test_what_is_no_timer(name: str, seconds: object, payload: object, message: str) -> None:
    assert refusal(make_keeper(), "set_timer", name, seconds, payload) == ("invalid_argument", message)


@pytest.mark.parametrize(("name", "arguments"), [("set_timer", ("tick", 5, {})), ("cancel_timer", ("tick",))])
def test_timers_need_their_capability(name: str, arguments: tuple[object, ...]) -> None:
    told = "the plugin has no capability timers: add it to capabilities in plugin.yaml"
    assert refusal(make_call("kv:*", "db:migrate"), name, *arguments) == ("capability_denied", told)


def test_a_plugin_has_so_many_timers_within_one_call_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "TIMERS_LIMIT", 3)
    storage = make_storage()
    storage.registers.timers.replace([Timer("tester", "a", 1, {}), *(Timer("other", f"{n}", 1, {}) for n in range(9))])
    call = make_keeper(storage)
    ask(call, "set_timer", "b", 5, {})
    ask(call, "set_timer", "c", 5, {})
    assert refusal(call, "set_timer", "d", 5, {}) == ("too_large", "a plugin may have 3 timers")
    ask(call, "set_timer", "b", 9, {})
    ask(call, "cancel_timer", "a")
    ask(call, "set_timer", "d", 5, {})
