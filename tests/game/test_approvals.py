"""What operators do about plugins that reach far: approving what waits, and granting less than is asked."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner
from support.game import BUNDLED_COMMANDS, Server, running_server
from support.plugins import write_plugin

from holomush.cli import main
from holomush.config import PluginsConfig
from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.roster.approvals import Approval, read_approvals

HUH = 'Huh?  (Type "help" for help.)\n'
SOURCE = """
from holomush_pdk import HostError, create_object, http_get, query_location, update_location

def paint(inv):
    place = update_location(inv.location.id, description=f"All is {inv.args.colour}.")
    return query_location(place.id).description

def make(inv):
    return f"You make a {create_object(inv.args.what, character=inv.actor.id).name}."

def try_to_paint(inv):
    try:
        return paint(inv)
    except HostError as error:
        return f"No paint today. ({error})"

def ask(inv):
    try:
        return http_get("https://api.example.com/weather").body
    except HostError as error:
        return error.code
"""
COMMANDS = """
commands:
  - {name: paint, pattern: "paint <colour>", handler: paint}
  - {name: try, pattern: "try <colour>", handler: try_to_paint}
  - {name: make, pattern: "make <what>", handler: make}
  - {name: ask, pattern: ask, handler: ask}
"""


def log_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings and errors since the last look."""
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    caplog.clear()
    return lines


async def approve(name: str, data: Path, folder: Path) -> str:
    """``holomush plugin approve``; returns what it says."""
    options = ["plugin", "approve", name, "--data", str(data), "--plugin-dir", str(folder)]
    result = await trio.to_thread.run_sync(lambda: CliRunner().invoke(main, options))
    assert result.exit_code == 0, result.stderr
    return result.stdout


def loaded(server: Server) -> list[str]:
    return [plugin.name for plugin in server.running.host.plugins]


async def test_a_plugin_that_was_dropped_in_waits_for_its_approval_and_again_when_it_wants_more(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "plugins"
    manifest = write_plugin(folder, "painter", f'capabilities: ["write:*", "read:*"]\n{COMMANDS}', SOURCE) / "plugin.yaml"
    how = "look at it, then: python -m holomush plugin approve painter"

    async with running_server(data, runtime, folder) as server:
        assert loaded(server) == [*BUNDLED_COMMANDS, "echo"]
        assert log_of(caplog) == [f"plugin painter waits for approval: it asks for write:*; {how}"]
        alice = await server.create("Alice")
        await alice.type("paint red")
        assert await alice.read_until("\n") == HUH
        assert await alice.do("say hello") == 'You say, "hello"\n'

        # While the server runs; it takes effect with the next start.
        assert await approve("painter", data, folder) == (
            "Approved of painter 1.0.0, from the next start of the server on:\n  write:*\n  read:*\n"
        )
        await alice.type("paint red")
        assert await alice.read_until("\n") == HUH

    approved = Approval(version="1.0.0", capabilities=("write:*", "read:*"))
    assert read_approvals(data) == {"painter": approved}
    async with running_server(data, runtime, folder) as server:
        assert log_of(caplog) == []
        alice, _ = await server.come_back("Alice")
        assert await alice.do("paint red") == "All is red.\n"

    # The next version wants the web, too. What it had before is no reason to let it run with less than it asks for.
    first = manifest.read_text()
    more = first.replace("version: 1.0.0", "version: 1.1.0").replace('"read:*"]', '"read:*", "http:get:api.example.com"]')
    manifest.write_text(more)
    async with running_server(data, runtime, folder) as server:
        assert "painter" not in loaded(server)
        assert log_of(caplog) == [f"plugin painter waits for approval: it asks for http:get:api.example.com; {how}"]
        alice, _ = await server.come_back("Alice")
        await alice.type("paint blue")
        assert await alice.read_until("\n") == HUH

    # Going back is no new question.
    manifest.write_text(first)
    async with running_server(data, runtime, folder) as server:
        assert "painter" in loaded(server)
        assert log_of(caplog) == []
    manifest.write_text(more)

    await approve("painter", data, folder)
    assert read_approvals(data) == {
        "painter": Approval(version="1.1.0", capabilities=("write:*", "read:*", "http:get:api.example.com"))
    }
    async with running_server(data, runtime, folder) as server:
        assert log_of(caplog) == []
        alice, shown = await server.come_back("Alice")
        assert "All is red.\n" in shown
        assert await alice.do("paint blue") == "All is blue.\n"

    # Asking for less, or for a part, of what was approved is no new question either; another domain is one.
    for asks, waits in (
        ('["write:locations"]', None),
        ('["http:get:api.example.com"]', None),
        ('["http:get:evil.example.com"]', "http:get:evil.example.com"),
        ('["http:get:*", "write:objects"]', "http:get:*"),
        ('["http:post:api.example.com", "session:boot"]', "http:post:api.example.com, session:boot"),
    ):
        start, _, rest = first.partition("capabilities: ")
        manifest.write_text(f"{start}capabilities: {asks}\n{rest.partition(chr(10))[2]}")
        async with running_server(data, runtime, folder) as server:
            assert ("painter" in loaded(server)) == (waits is None)
            expected = [] if waits is None else [f"plugin painter waits for approval: it asks for {waits}; {how}"]
            assert log_of(caplog) == expected


async def test_an_operator_may_grant_less_than_is_asked(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "plugins"
    asks = 'capabilities: ["read:*", "write:locations", "write:objects", "http:get:api.example.com"]'
    write_plugin(folder, "painter", f"{asks}\n{COMMANDS}", SOURCE)
    config = PluginsConfig(grants={"painter": ("read:*", "write:objects"), "nobody": ("read:*",)})
    async with running_server(data, runtime, folder, plugins=config) as server:
        assert log_of(caplog) == [
            "plugin painter: it asks for write:locations, http:get:api.example.com, which plugins.grants.painter does not grant",
            "plugins.grants.nobody: there is no such plugin",
        ]
        alice = await server.create("Alice")
        before = await alice.do("look")
        assert await alice.do("make hat") == "You make a hat.\n"
        # Its own code can tell, and go on without.
        refusal = "the operator does not grant write:locations: see plugins.grants.painter in the configuration"
        assert await alice.do("try red") == f"No paint today. (capability_denied: {refusal})\n"
        assert await alice.do("ask") == "capability_denied\n"
        # If it does not care, the player has one line, and the operator the reason.
        caplog.clear()
        assert await alice.do("paint red") == '"paint" failed. Nothing was changed. (Plugin: painter)\n'
        assert any(refusal in line for line in log_of(caplog))
        assert await alice.do("look") == before
        game = server.running.game
        assert await game.store.fetch("SELECT name FROM objects WHERE name = 'hat'") == [("hat",)]
    assert read_approvals(data) == {}


async def test_what_a_plugin_never_asked_for_is_another_refusal(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    write_plugin(folder, "painter", f"capabilities: [read:locations]\n{COMMANDS}", SOURCE)
    async with running_server(data, runtime, folder, plugins=PluginsConfig(grants={"painter": ("write:*",)})) as server:
        alice = await server.create("Alice")
        assert await alice.do("try red") == (
            "No paint today. (capability_denied: the plugin has no capability write:locations: "
            "add it to capabilities in plugin.yaml)\n"
        )
