"""Plugins that misbehave: one clear line for the player, no effect on anything, and nobody else notices."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
import trio
from support.game import ADMIN_PASSWORD, Player, Server, running_server
from support.plugins import write_plugin

from holomush.config import PausesConfig, PluginsConfig
from holomush.plugins.guests.guest import SourceRuntime
from holomush.sessions.entrance import ADMIN_NAME

GRANTS: dict[str, tuple[str, ...]] = dict.fromkeys(("faulty", "grabber", "snatchber"), ("*",))
GRANTED = PluginsConfig(grants=GRANTS)
SHORT = PluginsConfig(timeout=0.5, grants=GRANTS)
GARDEN = "01K0000000000000000000GRDN"
FOUNTAIN = "01K0000000000000000000FTN1"
NOTHING_SPECIAL = "\nYou see nothing special.\n"

MANIFEST = """
capabilities: ["emit:location:*", "read:*", "write:*"]
commands:
  - {name: break, pattern: "break [<how>]", handler: break_it}
  - {name: fine, pattern: "fine", handler: fine}
renders:
  boast: {others: "{actor} boasts."}
"""

SOURCE = f"""
from holomush_pdk import emit_event, log, move_character, move_object

def do_much(inv):
    emit_event(f"location:{{inv.location.id}}", "boast", {{}})
    move_character(inv.actor.id, "{GARDEN}")
    move_object("{FOUNTAIN}", character=inv.actor.id)
    log("it is under way")

def fine(inv):
    return "All is well."

def break_it(inv):
"""

FAULTS = {
    "loops for ever": ("do_much(inv)\nwhile True: pass", "took too long and was stopped"),
    "eats memory": (
        "do_much(inv)\nhoard = []\nwhile True: hoard.append(bytearray(1_000_000))",
        "used too much memory and was stopped",
    ),
    "raises": ("do_much(inv)\nraise KeyError('oops')", "failed"),
    "exits": ("do_much(inv)\nraise SystemExit(0)", "failed"),
    "recurses": ("do_much(inv)\ndef f(x): return f(x) + 1\nreturn f(1)", "failed"),
    "answers with a number": ("do_much(inv)\nreturn 42", "failed"),
    "answers with garbage": ("do_much(inv)\nreturn {'nonsense': True}", "gave an answer that makes no sense"),
    "answers with too much": ("do_much(inv)\nreturn 'x' * 300_000", "gave too long an answer"),
    "gives events that make no sense": ("do_much(inv)\nreturn {'events': ['boo']}", "gave an answer that makes no sense"),
    "emits what it may not": ("do_much(inv)\nemit_event('global', 'boast', {})", "failed"),
    "gives events it may not": (
        "do_much(inv)\nreturn {'events': [{'stream': 'global', 'type': 'boast', 'payload': {}}]}",
        "failed",
    ),
    "moves to nowhere": ("do_much(inv)\nmove_character(inv.actor.id, 'nowhere')", "failed"),
    "emits without end": ("while True: emit_event(f'location:{inv.location.id}', 'boast', {})", "failed"),
}


def write_faulty(folder: Path, body: str) -> Path:
    """A plugin ``faulty`` whose command ``break`` does ``body``, in a folder of plugins."""
    source = SOURCE + "\n".join(f"    {line}" for line in body.splitlines())
    write_plugin(folder, "faulty", MANIFEST, source)
    return folder


async def in_memory_and_on_disk(server: Server) -> dict[str, object]:
    """Everything that a call could have changed."""
    game = server.running.game
    await game.store.write([])
    character = game.world.character_named("Alice")
    fountain = game.world.get(FOUNTAIN)
    assert character is not None
    assert fountain is not None
    return {
        "place": character.location_id,
        "fountain": fountain.holder_id,
        "stored place": await game.store.fetch("SELECT location_id FROM characters WHERE name = 'Alice'"),
        "stored fountain": await game.store.fetch(f"SELECT location_id, character_id FROM objects WHERE id = '{FOUNTAIN}'"),
        "boasts": await game.store.fetch("SELECT * FROM events WHERE type = 'boast'"),
    }


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_has_no_effect_but_a_line(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    body, told = FAULTS[fault]
    folder = write_faulty(tmp_path / "plugins", body)
    # Whatever does not loop shall not be stopped for being slow on a slow machine.
    limits = SHORT if fault == "loops for ever" else GRANTED
    async with running_server(data, runtime, folder, plugins=limits) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        before = await in_memory_and_on_disk(server)
        assert await alice.do("break") == f'"break" {told}. Nothing was changed. (Plugin: faulty)\n'
        assert await in_memory_and_on_disk(server) == before
        assert await bob.do("look me") == f"Bob{NOTHING_SPECIAL}"
        assert await alice.do("fine") == "All is well.\n"
        assert await alice.do("break") == f'"break" {told}. Nothing was changed. (Plugin: faulty)\n'
        assert await alice.do("say still here") == 'You say, "still here"\n'
    assert [r for r in caplog.records if r.levelno == logging.ERROR and "plugin faulty, break_it: " in r.getMessage()]


async def test_what_the_faulty_commands_do_would_take_effect(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    """Else the test above would prove nothing."""
    folder = write_faulty(tmp_path / "plugins", "do_much(inv)")
    async with running_server(data, runtime, folder, plugins=GRANTED) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        await alice.do("break")
        await bob.read_until("Alice boasts.\n")
        character = server.running.game.world.character_named("Alice")
        assert character is not None
        assert await in_memory_and_on_disk(server) == {
            "place": GARDEN,
            "fountain": character.id,
            "stored place": [(GARDEN,)],
            "stored fountain": [(None, character.id)],
            "boasts": await server.running.game.store.fetch("SELECT * FROM events WHERE actor_name = 'Alice' AND type = 'boast'"),
        }


async def test_others_are_served_while_a_plugin_loops(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    started = trio.Event()
    token = trio.lowlevel.current_trio_token()

    class Starts(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            token.run_sync_soon(started.set)

    folder = write_faulty(tmp_path / "plugins", "do_much(inv)\nwhile True: pass")
    # Long enough that a slow machine answers within it; the looping call itself is cancelled at the end.
    async with running_server(data, runtime, folder, plugins=PluginsConfig(timeout=20, grants=GRANTS)) as server:
        alice, bob, carol = [await server.create(name) for name in ("Alice", "Bob", "Carol")]
        logger, handler = logging.getLogger("holomush.plugin.faulty"), Starts()
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            await alice.type("break")
            with trio.fail_after(15):
                await started.wait()
        finally:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)
        with trio.fail_after(15):
            assert await bob.do("say meanwhile") == 'Carol has connected.\nYou say, "meanwhile"\n'
            await carol.read_until('Bob says, "meanwhile"\n')
            # Even the same plugin: its other commands get an instance of their own.
            assert await carol.do("fine") == "All is well.\n"
        server.running.host.deadlines.cancel_all()
        assert "was stopped together with the server" in await alice.read_until("(Plugin: faulty)\n")


async def test_a_plugin_that_loops_again_and_again_harms_only_itself(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    folder = write_faulty(tmp_path / "plugins", "while True: pass")
    # Without pauses, or the sixth would not even be begun.
    limits = PluginsConfig(timeout=0.2, grants=GRANTS, pauses=PausesConfig(failures=1000))
    async with running_server(data, runtime, folder, plugins=limits) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        done = trio.Event()
        said = 0

        async def loop() -> None:
            for _ in range(5):
                assert "took too long" in await alice.do("break")
            done.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(loop)
            while not done.is_set():
                assert await bob.do(f"say {said}") == f'You say, "{said}"\n'
                said += 1
        stored = await server.running.game.store.fetch("SELECT count(*) FROM events WHERE type = 'say'")
        assert stored == [(said,)]
        assert said > 0


async def test_a_plugin_that_keeps_looping_is_switched_off_and_everybody_is_told_so(
    data: Path, runtime: SourceRuntime, tmp_path: Path
) -> None:
    folder = write_faulty(tmp_path / "plugins", "while True: pass")
    limits = PluginsConfig(timeout=0.2, grants=GRANTS, pauses=PausesConfig(failures=2, shortest=1000.0))
    async with running_server(data, runtime, folder, plugins=limits) as server:
        alice = await server.create("Alice")
        admin = await server.connect()
        await admin.type(f"connect {ADMIN_NAME} {ADMIN_PASSWORD}")
        await admin.read_until("Obvious exits:\n")
        for _ in range(2):
            assert "took too long" in await alice.do("break")
        await admin.read_until("Plugin faulty is switched off for 1000 seconds, because it keeps failing: ")
        for command in ("break", "fine"):
            told = await alice.do(command)
            assert re.fullmatch(
                rf'"{command}" is switched off for (9\d\d|1000) seconds: its plugin keeps failing. \(Plugin: faulty\)\n', told
            )
        assert await alice.do("say still here") == 'You say, "still here"\n'


async def test_of_two_who_grab_at_once_through_two_plugins_one_gets_it(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    for name in ("grab", "snatch"):
        write_plugin(
            tmp_path / "plugins",
            f"{name}ber",
            f"""
            capabilities: [read:objects, write:objects]
            commands:
              - {{name: {name}, pattern: "{name}", handler: take}}
              - {{name: un{name}, pattern: "un{name}", handler: give_back}}
            """,
            f"""
            from holomush_pdk import move_object, query_object

            def take(inv):
                thing = query_object("{FOUNTAIN}")
                if thing.location_id != inv.location.id:
                    return "Somebody has it already."
                move_object(thing.id, character=inv.actor.id)
                return "You have it."

            def give_back(inv):
                move_object("{FOUNTAIN}", location=inv.location.id)
                return "You put it down."
            """,
        )
    async with running_server(data, runtime, tmp_path / "plugins", plugins=GRANTED) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        game = server.running.game
        for _ in range(20):
            answers: dict[str, str] = {}

            async def take(player: Player, name: str, command: str, answers: dict[str, str]) -> None:
                answers[name] = await player.do(command)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(take, alice, "Alice", "grab", answers)
                nursery.start_soon(take, bob, "Bob", "snatch", answers)
            assert sorted(answers.values()) == ["Somebody has it already.\n", "You have it.\n"]
            [winner] = [name for name, answer in answers.items() if answer == "You have it.\n"]
            holder = game.world.character_named(winner)
            assert holder is not None
            rows = await game.store.fetch(f"SELECT character_id, location_id FROM objects WHERE id = '{FOUNTAIN}'")
            assert rows == [(holder.id, None)]
            assert await alice.do("ungrab") == "You put it down.\n"


async def test_a_subscriber_that_fails_is_not_noticed(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(
        tmp_path / "plugins",
        "listener",
        """
        capabilities: ["emit:location:*"]
        subscribes: [{type: say, stream: "location:*"}]
        """,
        """
        from holomush_pdk import Event, emit_event

        def handle_event():
            event = Event.from_input()
            emit_event(event.stream, "emit", {"text": "never seen"})
            if "loop" in event.payload["message"]:
                while True:
                    pass
            raise ValueError("no")
        """,
    )
    async with running_server(data, runtime, tmp_path / "plugins", plugins=SHORT) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        for message in ("loop", "raise"):
            assert await alice.do(f"say {message}") == f'You say, "{message}"\n'
        await bob.read_until('"raise"\n')
        await alice.do("east")
        await alice.type("say hello")  # the echo is behind the listener in the load order
        await alice.read_until('Echo: hello"\n')
        assert await bob.do("look me") == f"Alice leaves east.\nBob{NOTHING_SPECIAL}"
        assert await server.running.game.store.fetch("SELECT * FROM events WHERE type = 'emit'") == []
    assert [r for r in caplog.records if r.getMessage().startswith("plugin listener missed event say")]
