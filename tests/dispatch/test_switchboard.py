"""Plugins that are switched off: their commands and topics go at once, and come back; and what admins are told of each plugin."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
from support.game import running_server
from support.plugins import write_plugin

from dispatch.rig import Heart, open_heart
from holomush.commands.access import Access
from holomush.commands.router import Matched
from holomush.config import PluginsConfig, SessionsConfig
from holomush.dispatch.switchboard import Switchboard, make_router
from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.handbook import Handbook
from holomush.plugins.roster.manifest import Command, Manifest
from holomush.plugins.roster.source import read_plugin
from holomush.plugins.storage.registers import OFF, Registers, Setting

SOURCE = """
    from holomush_pdk import *
    def hello(inv): return "hello"
    def fail(inv): raise ValueError("no")
"""
MANIFEST = """
description: About {name}.
commands:
  - {{name: {name} hello, pattern: "{name} hello", handler: hello, aliases: [hi]}}
"""


@attrs.frozen
class Board:
    heart: Heart
    registers: Registers
    handbook: Handbook
    switchboard: Switchboard

    def switch(self, name: str, *, on: bool) -> None:
        self.registers.settings.apply({f"{OFF}{name}": None if on else Setting(f"{OFF}{name}", "on")})

    def reached(self, line: str) -> str | None:
        """The plugin whose command a line reaches."""
        route = self.switchboard.router.route(line, Access.PLAYER)
        return route.spec.plugin if isinstance(route, Matched) else None


@asynccontextmanager
async def open_board(folder: Path, runtime: SourceRuntime, *, off: tuple[str, ...] = ()) -> AsyncIterator[Board]:
    """Plugins ``one``, and ``two`` which depends on it."""
    async with open_heart(folder, runtime) as heart:
        registers, handbook = Registers(), Handbook()
        registers.settings.replace([Setting(f"{OFF}{name}", "on") for name in off])
        switchboard = Switchboard(registers, handbook)
        assert switchboard.plugins() == []
        await heart.load("one", SOURCE, MANIFEST.format(name="one"))
        await heart.load("two", SOURCE, MANIFEST.format(name="two") + "depends: [one]\n")
        switchboard.open(heart.host, [read_plugin(heart.folder / name) for name in ("one", "two")])
        yield Board(heart, registers, handbook, switchboard)


async def test_commands_go_and_come_back_at_once(tmp_path: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with open_board(tmp_path, runtime) as board:
        assert [board.reached(line) for line in ("one hello", "two hello", "hi")] == ["one", "two", "one"]
        caplog.clear()
        board.switch("one", on=False)
        assert [board.reached(line) for line in ("one hello", "two hello", "hi")] == [None, "two", "two"]
        assert [command["plugin"] for command in board.handbook.commands(Access.PLAYER)] == ["two"]
        assert (board.switchboard.is_on("one"), board.switchboard.is_on("two")) == (False, True)
        board.switch("one", on=True)
        assert [board.reached(line) for line in ("one hello", "two hello", "hi")] == ["one", "two", "one"]
        assert [command["plugin"] for command in board.handbook.commands(Access.PLAYER)] == ["one", "two"]
        assert [record.getMessage() for record in caplog.records] == ["plugin one is switched off", "plugin one is switched on"]


async def test_what_was_off_is_off_from_the_start(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_board(tmp_path, runtime, off=("two",)) as board:
        assert [board.reached(line) for line in ("one hello", "two hello")] == ["one", None]
        assert [plugin["enabled"] for plugin in board.switchboard.plugins()] == [True, False]


async def test_other_settings_change_nothing(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_board(tmp_path, runtime) as board:
        router = board.switchboard.router
        board.registers.settings.apply({"start_location": Setting("start_location", "x")})
        assert board.switchboard.router is router


async def test_what_is_told_of_each_plugin(tmp_path: Path, runtime: SourceRuntime) -> None:
    async with open_board(tmp_path, runtime) as board:
        one, two = board.switchboard.plugins()
        assert {key: value for key, value in one.items() if key not in ("memory_bytes", "p50_ms", "p95_ms")} == {
            "name": "one",
            "version": "1.0.0",
            "description": "About one.",
            "language": "python",
            "enabled": True,
            "paused_seconds": 0,
            "calls": 0,
            "failures": 0,
            "instances": 1,
            "needed_by": ["two"],
        }
        assert (two["name"], two["needed_by"], two["p50_ms"], two["p95_ms"]) == ("two", [], 0.0, 0.0)
        await board.heart.run("one", "hello")
        one = board.switchboard.plugins()[0]
        assert (one["calls"], one["failures"]) == (1, 0)
        assert 0 < one["p50_ms"] == one["p95_ms"]


def test_the_lower_priority_number_comes_first_whatever_the_load_order() -> None:
    say = Command(name="say", pattern="say", handler="f")
    late = Manifest(name="late", version="1.0.0", commands=(say,), priority=500)
    early = Manifest(name="early", version="1.0.0", commands=(say,), priority=5)
    for manifests in ([late, early], [early, late]):
        route = make_router(manifests).route("say", Access.PLAYER)
        assert isinstance(route, Matched)
        assert route.spec.plugin == "early"


# ---- In a whole server -----------------------------------------------------------------------------------------------

CONTROL = """
capabilities: ["*"]
commands:
  - {name: zoff, pattern: "zoff <name>", handler: switch_off}
  - {name: zon, pattern: "zon <name>", handler: switch_on}
  - {name: zemit, pattern: "zemit <text>", handler: emit}
"""
CONTROLLER = """
from holomush_pdk import *
def switch_off(inv):
    disable_plugin(inv.args.name)
    return "Off."
def switch_on(inv):
    enable_plugin(inv.args.name)
    return "On."
def emit(inv): emit_event("channel:work", "work", {"text": inv.args.text})
"""
WORK = """
capabilities: ["*"]
commands:
  - {name: zwork, pattern: "zwork", handler: work}
subscribes:
  - {type: work, stream: "channel:work"}
renders:
  done: {others: "Done: {text}."}
"""
WORKER = """
from holomush_pdk import *
def work(inv): return "I work."
def handle_event(event): emit_event("global", "done", {"text": event.payload["text"]})
"""


async def test_for_those_connected_commands_and_subscriptions_go_and_come(
    data: Path, runtime: SourceRuntime, tmp_path: Path
) -> None:
    folder = tmp_path / "plugins"
    write_plugin(folder, "control", CONTROL, CONTROLLER)
    write_plugin(folder, "worker", WORK, WORKER)
    plugins = PluginsConfig(grants={"control": ("*",), "worker": ("*",)})
    sessions = SessionsConfig(first_command="")
    async with running_server(data, runtime, folder, sessions=sessions, plugins=plugins) as server:
        alice = await server.connect()
        await alice.type("create Alice password", "zwork")
        await alice.read_until("I work.\n")
        await alice.do("zemit one")
        await alice.type("zoff worker")
        assert (await alice.read_until("Off.\n")).startswith(("Done: one.\n", "Off.\n"))
        await alice.type("zwork")
        await alice.read_until("Huh?")
        await alice.do("zemit two")
    async with running_server(data, runtime, folder, sessions=sessions, plugins=plugins) as server:
        alice = await server.connect()
        await alice.type("connect Alice password", "zwork")
        await alice.read_until("Huh?")
        await alice.do("zon worker")
        await alice.type("zwork")
        await alice.read_until("I work.\n")
        await alice.type("zemit three")
        assert await alice.read_until(".\n") == "Done: three.\n"
        texts = await server.running.game.store.fetch("SELECT payload ->> 'text' FROM events WHERE type = 'done' ORDER BY sequence")
        assert texts == [("one",), ("three",)]
