"""The whole server: how it stops, what it refuses to start on, and what it does when the disk is full."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import trio
from support.game import PATIENCE, Player, Server, running_server
from support.plugins import write_plugin

from holomush import server as server_module
from holomush.config import PluginsConfig, SessionsConfig
from holomush.database.store import StorageError
from holomush.plugins.guests.guest import SourceRuntime
from holomush.world.model import Character
from holomush.world.rows import load_entities

CANNOT_SAVE = "The server cannot save anything right now, so nothing can be done. Please wait.\n"


def rows(data: Path, sql: str) -> list[tuple[object, ...]]:
    """What is in the database of a server that has stopped."""
    with closing(sqlite3.connect(data / "holomush.db")) as connection:
        return connection.execute(sql).fetchall()


async def test_a_stop_tells_everybody_and_loses_nothing(data: Path, runtime: SourceRuntime) -> None:
    said = 0
    async with running_server(data, runtime) as server:
        alice, bob, newcomer = await server.create("Alice"), await server.create("Bob"), await server.connect()
        for _ in range(20):
            said += 1
            await alice.type(f"say {said}")
        await bob.type("north")
        await bob.read_until("Obvious exits:\n")
        server.shutdown.set()
        texts = [await client.read_to_end() for client in (alice, bob, newcomer)]
        assert [text.endswith("The server is shutting down. Goodbye.\n") for text in texts] == [True] * 3
        seen = [line for line in texts[0].splitlines() if line.startswith("You say")]
    with closing(sqlite3.connect(data / "holomush.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert not (data / "holomush.db-wal").exists()
    stored = rows(data, "SELECT json_extract(payload, '$.message') FROM events WHERE type = 'say' ORDER BY sequence")
    # Whatever anybody saw is on disk; what was not answered any more may be there or not, in order in any case.
    assert [message for (message,) in stored] == [str(number) for number in range(1, len(stored) + 1)]
    assert len(seen) <= len(stored)
    assert rows(data, "SELECT l.name FROM characters c JOIN locations l ON l.id = c.location_id WHERE c.name = 'Bob'") == [
        ("The Walled Garden",)
    ]
    gone = rows(data, "SELECT actor_name FROM events WHERE type = 'disconnect' ORDER BY actor_name")
    assert gone == [("Alice",), ("Bob",)]


async def test_nobody_comes_in_while_it_stops(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        await server.create("Alice")
        server.shutdown.set()
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BrokenResourceError):
            await server.listener.connect()


async def test_a_stop_with_nobody_there_is_prompt(data: Path, runtime: SourceRuntime) -> None:
    with trio.fail_after(PATIENCE):
        async with running_server(data, runtime):
            pass
        async with running_server(data, runtime):  # and leaves nothing that keeps the next from starting
            pass


async def test_a_stop_ends_a_looping_plugin_with_its_grace(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    write_plugin(
        tmp_path / "plugins",
        "spinner",
        """
        capabilities: ["emit:location:*"]
        subscribes: [{type: say, stream: "location:*"}]
        commands: [{name: spin, pattern: "spin", handler: spin}]
        """,
        """
        def handle_event():
            while True:
                pass

        def spin(inv):
            while True:
                pass
        """,
    )
    with trio.fail_after(PATIENCE):
        async with running_server(
            data,
            runtime,
            tmp_path / "plugins",
            plugins=PluginsConfig(timeout=1000),
            sessions=SessionsConfig(shutdown_grace=0.2),
        ) as server:
            alice, bob = await server.create("Alice"), await server.create("Bob")
            await alice.do("say spin")  # a subscriber spins
            await bob.type("spin")  # and a command
            await trio.testing.wait_all_tasks_blocked()
            server.shutdown.set()
            assert "The server is shutting down. Goodbye.\n" in await alice.read_to_end()
    assert rows(data, "SELECT count(*) FROM events WHERE type = 'say'") == [(1,)]


async def test_a_second_server_on_the_same_data_is_refused(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        with pytest.RaisesGroup(
            pytest.RaisesExc(StorageError, match=r"cannot open the database .*holomush\.db: another server is using it$"),
            flatten_subgroups=True,
            allow_unwrapped=True,
        ):
            async with running_server(data, runtime):
                raise AssertionError("it started")
        assert await alice.do("say hello") == 'You say, "hello"\n'


async def attempt(player: Player, line: str) -> str:
    """Type a line and return what it shows, even while the server refuses all commands."""
    await player.type(line, "WHO")
    shown = (await player.read_until("Player Name")).removesuffix("Player Name")
    await player.read_until(" connected.\n")
    return shown


async def test_a_full_disk_and_the_way_back(data: Path, runtime: SourceRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "RECOVERY_INTERVAL", 0.02)
    async with running_server(data, runtime) as server:
        store, world = server.running.game.store, server.running.game.world
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        [[pages]] = await store.fetch("PRAGMA page_count")
        await store.limit_pages(pages + 1)
        answers = [await attempt(alice, f"say {number} {'x' * 4000}") for number in range(3)]
        while not await refused(server):
            answers.append(await attempt(alice, "say " + "y" * 8000))
            assert len(answers) < 1000
        told = {answer.split(" x")[0].split(" y")[0] for answer in answers if not answer.startswith("You say")}
        assert told
        assert told <= {'"say" was not done: the server could not save it.\n', CANNOT_SAVE}
        for line in ("look", "north", "say hello"):
            assert await attempt(alice, line) == CANNOT_SAVE
        somebody = await server.connect()
        await somebody.type("create Carol password")
        assert (await somebody.read_until("\n")).startswith("The server cannot save")

        await store.limit_pages(100_000)
        with trio.fail_after(PATIENCE):
            while store.failure is not None:  # the server finds out by itself
                await trio.testing.wait_all_tasks_blocked(0.01)
        assert await store.recover()
        assert await alice.do("say hello again") == 'You say, "hello again"\n'
        # Nobody heard what is not on disk, and what is on disk was heard.
        heard = [line for line in (await bob.read_until('"hello again"\n')).splitlines() if line.startswith("Alice says")]
        stored = await store.fetch("SELECT count(*) FROM events WHERE type = 'say' AND actor_name = 'Alice'")
        assert stored == [(len(heard),)]
        assert (await alice.do("north")).startswith("The Walled Garden\n")
        assert await in_memory(server) == await on_disk(server)
        assert world.character_named("Carol") is None
        await somebody.type("create Carol password")
        await somebody.read_until("Obvious exits:\n")
    assert rows(data, "PRAGMA integrity_check") == [("ok",)]


async def refused(server: Server) -> bool:
    """Whether the disk is so full that not even the server's own attempts to recover succeed."""
    return server.running.game.store.failure is not None and not await server.running.game.store.recover()


async def in_memory(server: Server) -> dict[str, tuple[str, str | None]]:
    await server.running.game.store.write([])
    return {entity.id: (entity.name, entity.holder_id) for entity in server.running.game.world.entities()}


async def on_disk(server: Server) -> dict[str, tuple[str, str | None]]:
    return {entity.id: (entity.name, entity.holder_id) for entity in await load_entities(server.running.game.store)}


async def test_what_the_disk_did_not_take_is_undone_in_memory(
    data: Path, runtime: SourceRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that could not be saved: memory goes back to what is on disk when the disk works again."""
    monkeypatch.setattr(server_module, "RECOVERY_INTERVAL", 0.02)
    write_plugin(
        tmp_path / "plugins",
        "hauler",
        """
        capabilities: ["emit:location:*", "write:characters"]
        commands: [{name: haul, pattern: "haul", handler: haul}]
        """,
        """
        from holomush_pdk import emit_event, move_character

        def haul(inv):
            move_character(inv.actor.id, "01K0000000000000000000GRDN")
            for _ in range(60):
                emit_event(f"location:{inv.location.id}", "emit", {"text": "x" * 4000})
            return "Hauled."
        """,
    )
    granted = PluginsConfig(grants={"hauler": ("*",)})
    async with running_server(data, runtime, tmp_path / "plugins", plugins=granted) as server:
        store, world = server.running.game.store, server.running.game.world
        alice = await server.create("Alice")
        [[pages]] = await store.fetch("PRAGMA page_count")
        await store.limit_pages(pages)
        assert await attempt(alice, "haul") == '"haul" was not done: the server could not save it.\n'
        await store.limit_pages(100_000)
        with trio.fail_after(PATIENCE):
            while store.failure is not None:  # the server finds out by itself
                await trio.testing.wait_all_tasks_blocked(0.01)
        character = world.character_named("Alice")
        assert isinstance(character, Character)
        assert character.location_id == "01K0000000000000000000SQAR"
        assert await in_memory(server) == await on_disk(server)
        assert await alice.do("haul") == "Hauled.\n"
