"""The design's combat-system over telnet, its manifest word for word: approved, played, restarted, upgraded, fought over."""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path

import pytest
import trio
import yaml
from support.game import BUNDLED_COMMANDS, Player, Server, running_server
from support.plugins import write_plugin

from holomush.config import PluginsConfig
from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.roster.approvals import approve
from holomush.plugins.roster.manifest import read_manifest

COMBAT = Path(__file__).parent / "combat-system"
GRANTED = PluginsConfig(
    grants={"combat-system": ("emit:location:*", "read:*", "db:migrate", "http:get:api.example.com")}, timeout=20.0
)
DAMAGE = "        - { name: damage, type: integer }\n"
NOTE = '        - { name: note, type: string, default: "none" }\n'
LOGS = """
SELECT attacker.name, defender.name, damage FROM p_combat_system__combat_logs
JOIN characters AS attacker ON attacker.id = attacker_id JOIN characters AS defender ON defender.id = defender_id
ORDER BY timestamp, p_combat_system__combat_logs.id
"""
HUH = "Huh?  "  # and perhaps what else may have been meant
BYSTANDER = """
from holomush_pdk import find, query_character

def handle_health(inv):
    (who,) = find(inv.args.who, near=inv.actor.id, kinds=["character"])
    seen = query_character(who.id).attributes
    return f"{who.name}: {seen['combat-system.health']}, {seen['combat-system.combat_stance']}, {len(seen)}"

def handle_own(inv):
    return f"{inv.actor.attributes['combat-system.health']} of {inv.actor.attributes.most}"
"""


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """A folder with the plugin, and with one that depends on it."""
    folder = tmp_path / "plugins"
    shutil.copytree(COMBAT, folder / "combat-system")
    write_plugin(
        folder,
        "healers",
        """
        capabilities: [read:characters, db:migrate]
        depends: [combat-system >= 1.0.0]
        schema: {attributes: {character: [{name: most, type: integer, default: 120}]}}
        commands:
          - {name: health, pattern: "health <who>", handler: handle_health}
          - {name: own, pattern: own, handler: handle_own}
        """,
        BYSTANDER,
    )
    return folder


@pytest.fixture
def manifest(plugins: Path) -> Path:
    return plugins / "combat-system" / "plugin.yaml"


def config() -> PluginsConfig:
    """Both plugins may do what they ask for."""
    return PluginsConfig(grants={**GRANTED.grants, "healers": ("read:characters", "db:migrate")}, timeout=20.0)


def make_version(manifest: Path, version: str, old: str, new: str, more: str = "") -> None:
    text = manifest.read_text()
    assert old in text
    manifest.write_text(re.sub(r"version: 1\.\d\.0\n", f"version: {version}\n", text, count=1).replace(old, new) + more)


def loaded(server: Server) -> list[str]:
    return [plugin.name for plugin in server.running.host.plugins]


def left_out(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says of plugins that are not loaded."""
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    return [line for line in lines if " is left out: " in line or " waits for approval: " in line]


def backups(data: Path) -> list[str]:
    return sorted(path.name for path in data.glob("*.bak"))


async def logs(server: Server) -> list[tuple[object, ...]]:
    await server.running.game.store.write([])
    return await server.running.game.store.fetch(LOGS)


async def alice_and_bob(server: Server) -> tuple[Player, Player]:
    alice, bob = await server.create("Alice"), await server.create("Bob")
    await alice.read_until("Bob has connected.\n")
    return alice, bob


def test_the_manifest_is_the_designs() -> None:
    assert yaml.safe_load((COMBAT / "plugin.yaml").read_text()) == {
        "name": "combat-system",
        "version": "1.0.0",
        "priority": 100,
        "capabilities": ["emit:location:*", "read:characters", "read:locations", "db:migrate", "http:get:api.example.com"],
        "depends": ["holomush-communication >= 1.0.0", "holomush-navigation >= 1.0.0"],
        "conflicts": ["alternate-combat-system"],
        "before": ["economy-system"],
        "after": ["holomush-navigation"],
        "schema": {
            "attributes": {
                "character": [
                    {"name": "health", "type": "integer", "default": 100},
                    {"name": "combat_stance", "type": "string", "default": "neutral"},
                ],
                "location": [{"name": "danger_level", "type": "integer", "default": 0}],
            },
            "tables": [
                {
                    "name": "combat_logs",
                    "columns": [
                        {"name": "id", "type": "ulid", "primary": True},
                        {"name": "attacker_id", "type": "ulid", "ref": "characters"},
                        {"name": "defender_id", "type": "ulid", "ref": "characters"},
                        {"name": "damage", "type": "integer"},
                        {"name": "timestamp", "type": "timestamptz"},
                    ],
                }
            ],
        },
        "commands": [
            {
                "name": "attack",
                "pattern": "attack <target>",
                "description": "Attack a character in the same room",
                "handler": "handle_attack",
            },
            {"name": "stance", "pattern": "stance <position>", "description": "Change combat stance", "handler": "handle_stance"},
        ],
    }


async def test_it_waits_for_an_approval(
    data: Path, runtime: SourceRuntime, plugins: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_server(data, runtime, plugins) as server:
        assert loaded(server) == [*BUNDLED_COMMANDS, "echo"]
        assert left_out(caplog) == [
            "plugin combat-system waits for approval: it asks for db:migrate, http:get:api.example.com; "
            "look at it, then: python -m holomush plugin approve combat-system",
            "plugin healers waits for approval: it asks for db:migrate; "
            "look at it, then: python -m holomush plugin approve healers",
        ]
        alice = await server.create("Alice")
        await alice.type("attack Bob")
        assert (await alice.read_until("\n")).startswith(HUH)
        kept = await server.running.game.store.fetch("SELECT plugin FROM plugin_schemas")
        assert [name for (name,) in kept if name not in BUNDLED_COMMANDS] == []
    for name in ("combat-system", "healers"):
        approve(data, read_manifest(plugins / name))
    caplog.clear()
    async with running_server(data, runtime, plugins) as server:
        names = loaded(server)
        assert sorted(names) == sorted([*BUNDLED_COMMANDS, "combat-system", "healers", "echo"])
        order = ["holomush-communication", "holomush-navigation", "combat-system", "healers", "echo"]
        assert [name for name in names if name in order] == order
        assert left_out(caplog) == []
        alice, _ = await server.come_back("Alice")
        assert await alice.do("stance defensive") == "Your stance is defensive now.\n"


async def test_a_fight(data: Path, runtime: SourceRuntime, plugins: Path) -> None:
    async with running_server(data, runtime, plugins, plugins=config()) as server:
        alice, bob = await alice_and_bob(server)
        assert await alice.do("health Bob") == "Bob: 100, neutral, 3\n"
        assert await alice.do("attack nobody") == "Attack whom?\n"
        assert await alice.do("attack me") == "Attack whom?\n"
        shown = await alice.do("attack bob")
        assert shown == "Bob has 90 health left. Your last blows took: 10.\nAlice hits Bob for 10.\n"
        await bob.read_until("Alice hits Bob for 10.\n")
        assert await bob.do("stance reckless") == "A stance is one of aggressive, neutral, defensive.\n"
        assert await bob.do("stance AGGRESSIVE") == "Your stance is aggressive now.\n"
        assert "Alice has 85 health left." in await bob.do("attack alice")
        await alice.read_until("Bob hits Alice for 15.\n")
        assert "Bob has 80 health left. Your last blows took: 10, 10.\n" in await alice.do("attack bob")
        assert await alice.do("health Bob") == "Bob: 80, aggressive, 3\n"
        assert await alice.do("health Alice") == "Alice: 85, neutral, 3\n"
        assert await alice.do("own") == "85 of 120\n"
        assert await logs(server) == [("Alice", "Bob", 10), ("Bob", "Alice", 15), ("Alice", "Bob", 10)]
        ((timestamp,),) = await server.running.game.store.fetch("SELECT max(timestamp) FROM p_combat_system__combat_logs")
        ((event,),) = await server.running.game.store.fetch("SELECT max(timestamp) FROM events WHERE type = 'attack'")
        assert abs(event - timestamp) < 60_000

    # And after a restart everything is as it was.
    async with running_server(data, runtime, plugins, plugins=config()) as server:
        bob, _ = await server.come_back("Bob")
        assert await bob.do("health me") == "Bob: 80, aggressive, 3\n"
        alice, _ = await server.come_back("Alice")
        await bob.read_until("Alice has connected.\n")
        assert "Alice has 70 health left. Your last blows took: 15, 15.\n" in await bob.do("attack alice")
        assert len(await logs(server)) == 4


async def test_nobody_falls_below_nothing(data: Path, runtime: SourceRuntime, plugins: Path) -> None:
    async with running_server(data, runtime, plugins, plugins=config()) as server:
        alice, _ = await alice_and_bob(server)
        await alice.do("stance aggressive")
        for _ in range(6):
            await alice.do("attack bob")
        assert "Bob has 0 health left." in await alice.do("attack bob")
        assert await alice.do("attack bob") == "Bob is beaten already.\n"
        assert [damage for _, _, damage in await logs(server)] == [15, 15, 15, 15, 15, 15, 10]


async def test_who_is_deleted_leaves_the_log_in_order(data: Path, runtime: SourceRuntime, plugins: Path) -> None:
    """The design's ``ref``: a guest's character is gone when the guest leaves, the row stays."""
    async with running_server(data, runtime, plugins, plugins=config()) as server:
        guest = await server.connect()
        await guest.type("connect guest")
        await guest.read_until("Obvious exits:\n")
        bob = await server.create("Bob")
        await guest.read_until("Bob has connected.\n")
        assert "Bob has 90 health left." in await guest.do("attack bob")
        await guest.type("QUIT")
        await guest.read_to_end()
        await bob.read_until("disconnected.\n")
        rows = await server.running.game.store.fetch("SELECT attacker_id, damage FROM p_combat_system__combat_logs")
        assert rows == [(None, 10)]
        assert await bob.do("health me") == "Bob: 90, neutral, 3\n"


async def _first_version(data: Path, runtime: SourceRuntime, plugins: Path) -> list[tuple[object, ...]]:
    """Some blows are dealt with version 1.0.0. Returns the rows."""
    async with running_server(data, runtime, plugins, plugins=config()) as server:
        alice, _ = await alice_and_bob(server)
        await alice.do("attack bob")
        await alice.do("stance defensive")
        await alice.do("attack bob")
        return await logs(server)


async def test_a_new_column_keeps_all_rows(data: Path, runtime: SourceRuntime, plugins: Path, manifest: Path) -> None:
    rows = await _first_version(data, runtime, plugins)
    assert rows == [("Alice", "Bob", 10), ("Alice", "Bob", 5)]
    make_version(manifest, "1.1.0", DAMAGE, DAMAGE + NOTE)
    async with running_server(data, runtime, plugins, plugins=config()) as server:
        assert await logs(server) == rows
        notes = await server.running.game.store.fetch("SELECT note FROM p_combat_system__combat_logs")
        assert notes == [("none",), ("none",)]
        alice, _ = await server.come_back("Alice")
        await server.come_back("Bob")
        await alice.read_until("Bob has connected.\n")
        assert "Bob has 80 health left. Your last blows took: 5, 5, 10.\n" in await alice.do("attack bob")
    assert backups(data) == ["holomush.db.before-combat-system-0002-1.1.0.bak"]


async def test_a_version_that_drops_a_column_is_refused_until_it_says_so(
    data: Path, runtime: SourceRuntime, plugins: Path, manifest: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = await _first_version(data, runtime, plugins)
    make_version(manifest, "1.1.0", DAMAGE, "")
    source = manifest.with_name("plugin.py")
    source.write_text(source.read_text().replace(" damage=damage,", "").replace("blow.damage", "blow.timestamp"))
    async with running_server(data, runtime, plugins, plugins=config()) as server:
        assert left_out(caplog) == [
            "plugin combat-system is left out: table combat_logs: the column damage (integer) is gone: rows would lose it; "
            "say drop_column or rename_column in migrations",
            "plugin healers is left out: needs combat-system >= 1.0.0, which could not be loaded",
        ]
        assert loaded(server) == [*BUNDLED_COMMANDS, "echo"]
        assert await logs(server) == rows
        alice, _ = await server.come_back("Alice")
        await alice.type("attack bob")
        assert (await alice.read_until("\n")).startswith(HUH)
        assert await alice.do("say all is well") == 'You say, "all is well"\n'
    assert backups(data) == []

    step = "migrations:\n  - version: 1.1.0\n    steps:\n      - drop_column: { table: combat_logs, column: damage }\n"
    make_version(manifest, "1.1.0", "# Custom commands\n", f"{step}# Custom commands\n")
    caplog.clear()
    async with running_server(data, runtime, plugins, plugins=config()) as server:
        assert left_out(caplog) == []
        columns = await server.running.game.store.fetch("SELECT * FROM p_combat_system__combat_logs")
        assert [len(row) for row in columns] == [4, 4]
        alice, _ = await server.come_back("Alice")
        await server.come_back("Bob")
        await alice.read_until("Bob has connected.\n")
        assert "Bob has 80 health left." in await alice.do("attack bob")
        assert await alice.do("health Bob") == "Bob: 80, neutral, 3\n"
    assert backups(data) == ["holomush.db.before-combat-system-0002-1.1.0.bak"]


ROUNDS = 8


@pytest.mark.parametrize("slow", [False, True], ids=["in the quick lane", "in worker threads"])
async def test_two_at_the_same_time_lose_nothing(data: Path, runtime: SourceRuntime, plugins: Path, *, slow: bool) -> None:
    """Three people hit each other without waiting: each blow that was told of is a row, and is missing from somebody's health."""
    source = plugins / "combat-system" / "plugin.py"
    if slow:  # between reading and writing, so long that the calls overlap
        text = source.read_text()
        assert "    health = " in text
        source.write_text(text.replace("    health = ", "    sum(range(400_000))\n    health = "))
    async with running_server(data, runtime, plugins, plugins=config()) as server:
        players = {name: await server.create(name) for name in ("Alice", "Bob", "Carol")}
        await players["Bob"].read_until("Carol has connected.\n")
        await players["Alice"].read_until("Carol has connected.\n")
        for player in players.values():
            await player.do("stance defensive")
        told: list[tuple[str, str]] = []

        async def fight(name: str, target: str) -> None:
            for _ in range(ROUNDS):
                shown = await players[name].do(f"attack {target}")
                told.extend((name, target) for _ in re.findall(rf"{target} has \d+ health left\.", shown))

        async with trio.open_nursery() as nursery:
            for name, target in (("Alice", "Carol"), ("Bob", "Carol"), ("Carol", "Bob")):
                nursery.start_soon(fight, name, target)

        rows = await logs(server)
        assert sorted((attacker, defender) for attacker, defender, _ in rows) == sorted(told)
        assert len(told) > ROUNDS
        for name, player in players.items():
            lost = sum(damage for _, defender, damage in rows if defender == name and isinstance(damage, int))
            shown = await player.do("health me")  # behind what is left of the fight
            assert shown.endswith(f"{name}: {100 - lost}, defensive, 3\n")
        stored = await server.running.game.store.fetch(
            "SELECT characters.name, value FROM attributes JOIN characters ON characters.id = entity_id"
            " WHERE plugin = 'combat-system' AND attributes.name = 'health' ORDER BY 1"
        )
        hits = {name: sum(defender == name for _, defender in told) for name in ("Bob", "Carol")}
        assert stored == [(name, str(100 - 5 * hits[name])) for name in ("Bob", "Carol")]
