"""Plugins that are switched on and off from inside: which depend on which, and what the server does of it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from holomush.plugins.calls import Call
from holomush.plugins.storage.registers import OFF, Setting
from holomush.plugins.storage.storage import PluginStorage
from plugins.functions.asking import ask, refusal
from plugins.rooms import make_call, make_storage, make_surroundings


@attrs.frozen
class Board:
    """Plugin ``base``, which ``middle`` needs, which ``top`` needs."""

    storage: PluginStorage = attrs.Factory(make_storage)

    def plugins(self) -> list[dict[str, Any]]:
        needed_by: dict[str, list[str]] = {"base": ["middle"], "middle": ["top"], "top": []}
        return [
            {"name": name, "enabled": not self.storage.registers.is_off(name), "needed_by": needed}
            for name, needed in needed_by.items()
        ]

    def call(self, *capabilities: str) -> Call:
        return make_call(
            *(capabilities or ("server:plugins",)), storage=self.storage, surroundings=make_surroundings(plugins=self.plugins)
        )

    def do(self, name: str, plugin: str) -> None:
        """Ask, and commit."""
        call = self.call()
        assert ask(call, name, plugin) is None
        assert call.attempt.is_current()
        call.attempt.registers.apply()

    def off(self) -> list[str]:
        return [plugin["name"] for plugin in self.plugins() if not plugin["enabled"]]


def test_plugins_are_listed_as_the_server_has_them() -> None:
    board = Board()
    assert ask(board.call(), "list_plugins") == board.plugins()
    board.storage.registers.settings.replace([Setting(f"{OFF}top", "on")])
    assert [plugin["enabled"] for plugin in ask(board.call(), "list_plugins")] == [True, True, False]


@pytest.mark.parametrize(("name", "arguments"), [("list_plugins", ()), ("enable_plugin", ("top",)), ("disable_plugin", ("top",))])
def test_all_need_the_capability(name: str, arguments: tuple[str, ...]) -> None:
    told = "the plugin has no capability server:plugins: add it to capabilities in plugin.yaml"
    assert refusal(Board().call("server:stats"), name, *arguments) == ("capability_denied", told)


@pytest.mark.parametrize("name", ["enable_plugin", "disable_plugin"])
def test_a_plugin_that_is_not_there(name: str) -> None:
    assert refusal(Board().call(), name, "missing") == ("not_found", "there is no plugin 'missing'")


def test_nothing_is_changed_before_the_call_is_committed() -> None:
    board = Board()
    call = board.call()
    ask(call, "disable_plugin", "top")
    assert (board.off(), call.attempt.has_effects) == ([], True)
    call.attempt.registers.apply()
    assert board.off() == ["top"]


def test_off_and_on_from_the_top_down_and_from_the_base_up() -> None:
    board = Board()
    assert refusal(board.call(), "disable_plugin", "base") == ("conflict", "middle cannot do without base")
    for plugin in ("top", "middle", "base"):
        board.do("disable_plugin", plugin)
    assert board.off() == ["base", "middle", "top"]
    assert refusal(board.call(), "enable_plugin", "middle") == ("conflict", "middle cannot do without base")
    for plugin in ("base", "middle", "top"):
        board.do("enable_plugin", plugin)
    assert board.off() == []


def test_twice_is_as_once() -> None:
    board = Board()
    for _ in range(2):
        board.do("disable_plugin", "top")
    for _ in range(2):
        board.do("enable_plugin", "top")
    assert board.off() == []


def test_several_in_one_call() -> None:
    call = Board().call()
    ask(call, "disable_plugin", "top")
    ask(call, "disable_plugin", "middle")
    ask(call, "disable_plugin", "base")
    ask(call, "enable_plugin", "base")
    ask(call, "enable_plugin", "middle")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("disable_plugin", "middle"), ("enable_plugin", "top")),
        (("enable_plugin", "top"), ("disable_plugin", "middle")),
    ],
)
def test_one_that_is_switched_on_while_what_it_needs_is_switched_off_is_a_conflict(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    board = Board()
    board.do("disable_plugin", "top")
    one, other = board.call(), board.call()
    ask(one, *first)
    ask(other, *second)
    one.attempt.registers.apply()
    assert not other.attempt.is_current()
