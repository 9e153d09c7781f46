"""No bundled plugin is needed by the core: each can be taken away, and each can be replaced by one of the same name."""

from __future__ import annotations

import logging
from pathlib import Path
from shutil import copytree

import pytest
from support.game import ADMIN_PASSWORD, Player, Server, running_server
from support.plugins import write_plugin

from holomush import bundled
from holomush.commands.access import Access
from holomush.commands.router import Usable
from holomush.dispatch.switchboard import make_router
from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.roster.manifest import Manifest, read_manifest

NAMES = sorted(bundled.PLUGIN_NAMES)
LINES = {
    "holomush-account": "preferences",
    "holomush-admin": "stats",
    "holomush-building": "examine here",
    "holomush-communication": "say hello",
    "holomush-help": "help",
    "holomush-messaging": "channels",
    "holomush-navigation": "exits",
    "holomush-objects": "inventory",
}
"""A line for each plugin that has commands."""
SOURCE = """
def stand_in(inv):
    return "Somebody else does that now."
"""


def commands_of(manifests: list[Manifest]) -> list[Usable]:
    """The commands that an admin can use, with the aliases and prefixes that reach them."""
    return list(make_router(manifests).usable(Access.ADMIN))


def manifests_in(folder: Path) -> dict[str, Manifest]:
    """What is to be loaded of the bundled plugins in a folder."""
    return {name: read_manifest(folder / name) for name in NAMES if (folder / name).is_dir()}


def log_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings and errors so far."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def come_in(server: Server) -> Player:
    """The admin, who has read all that there is to read at first."""
    admin = await server.connect()
    await admin.type(f"connect Admin {ADMIN_PASSWORD}", "WHO")
    await admin.read_until("connected.\n")
    return admin


async def is_huh(player: Player, line: str) -> bool:
    """Whether a line means nothing."""
    await player.type(line, "WHO")
    return (await player.read_until("connected.\n")).startswith("Huh?")


@pytest.mark.parametrize("missing", NAMES)
async def test_without_a_plugin_only_its_commands_are_gone(
    data: Path,
    runtime: SourceRuntime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    missing: str,
) -> None:
    before = commands_of(list(manifests_in(bundled.PLUGINS).values()))
    copytree(bundled.PLUGINS, tmp_path / "plugins", ignore=lambda _, names: [name for name in names if name == missing])
    monkeypatch.setattr(bundled, "PLUGINS", tmp_path / "plugins")
    needs_it = (
        f"description: Cannot do without.\ndepends: [{missing}]\ncommands: [{{name: leaning, pattern: leaning, handler: stand_in}}]"
    )
    write_plugin(tmp_path / "own", "leaning", needs_it, SOURCE)
    async with running_server(data, runtime, tmp_path / "own") as server:
        assert sorted(plugin.name for plugin in server.running.host.plugins) == [name for name in NAMES if name != missing]
        assert log_of(caplog) == [f"plugin leaning is left out: needs {missing}, which is not there"]
        assert commands_of(server.running.roster.manifests) == [one for one in before if one.spec.plugin != missing]
        admin = await come_in(server)
        assert {name: await is_huh(admin, line) for name, line in LINES.items()} == {name: name == missing for name in LINES}
    assert len(log_of(caplog)) == 1


@pytest.mark.parametrize("replaced", NAMES)
async def test_a_plugin_of_the_same_name_takes_the_place_of_a_bundled_one(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture, replaced: str
) -> None:
    before = commands_of(list(manifests_in(bundled.PLUGINS).values()))
    write_plugin(tmp_path, replaced, "commands: [{name: instead, pattern: instead, handler: stand_in}]", SOURCE)
    async with running_server(data, runtime, tmp_path) as server:
        after = commands_of(server.running.roster.manifests)
        assert [one.spec.name for one in after if one.spec.plugin == replaced] == ["instead"]
        assert [one for one in after if one.spec.plugin != replaced] == [one for one in before if one.spec.plugin != replaced]
        admin = await come_in(server)
        assert await admin.do("instead") == "Somebody else does that now.\n"
        assert {name: await is_huh(admin, line) for name, line in LINES.items()} == {name: name == replaced for name in LINES}
    assert log_of(caplog) == []


def test_every_plugin_with_commands_has_a_line() -> None:
    manifests = manifests_in(bundled.PLUGINS)
    assert manifests.keys() == set(NAMES)
    assert LINES.keys() == {name for name, manifest in manifests.items() if manifest.commands}
