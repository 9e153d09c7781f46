"""Lines that are no command, plugins that are missing or broken, and the rule that every bundled command has a test."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest
from support.game import BUNDLED_COMMANDS, Player, running_server
from support.plugins import write_plugin

from holomush import bundled
from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.roster.manifest import Command, read_manifest
from holomush.testing.transcripts import read_transcripts

NO_HELP = 'Huh?  (Type "help" for help.)\n'


async def answer(player: Player, line: str) -> str:
    """Type a line that may be unknown and return what it shows."""
    await player.type(line, "look me")
    end = "\nYou see nothing special.\n"
    return (await player.read_until(end)).removesuffix(end).rpartition("\n")[0] + "\n"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("frobnicate", NO_HELP),
        ("frobnicate the widget", NO_HELP),
        ("loko", 'Huh?  Did you mean "look"?\n'),
        ("wisper bob=hi", 'Huh?  Did you mean "whisper"?\n'),
        ("exit", 'Huh?  Did you mean "exits"?\n'),
        ("exits please", "Usage: exits\n"),
        ("", "\n"),
        ("    ", "\n"),
        ("%$&/", NO_HELP),
        ("connect Bob password", NO_HELP),
        ("x" * 8000, NO_HELP),
    ],
)
async def test_what_is_no_command(data: Path, runtime: SourceRuntime, typed: str, shown: str) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        assert await answer(alice, typed) == shown
        assert await bob.do("look me") == "Bob\nYou see nothing special.\n"


async def test_a_usage_line_comes_from_the_manifest(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    write_plugin(
        tmp_path / "plugins",
        "painter",
        """
        commands:
          - {name: paint, pattern: "paint <thing> <colour>", handler: paint}
          - {name: dye, pattern: "dye <thing>=<colour>", usage: "dye <thing>=<colour>, such as dye hat=red", handler: paint}
        """,
        """
        def paint(inv):
            return f"{inv.args.thing} is {inv.args.colour} now."
        """,
    )
    async with running_server(data, runtime, tmp_path / "plugins") as server:
        alice = await server.create("Alice")
        assert await alice.do("paint hat red") == "hat is red now.\n"
        assert await alice.do("paint hat") == "Usage: paint <thing> <colour>\n"
        assert await alice.do("dye hat red") == "Usage: dye <thing>=<colour>, such as dye hat=red\n"


@pytest.mark.parametrize(
    ("missing", "gone", "works"),
    [
        ("holomush-communication", ["say hello", '"hello', ":waves", "whisper bob=hi"], {"n": "The Walled Garden\n"}),
        ("holomush-objects", ["i", "get fountain", "drop all"], {"say hello": 'You say, "hello"\n'}),
        ("holomush-help", ["help", "commands"], {"say hello": 'You say, "hello"\n'}),
        ("holomush-navigation", ["look", "l", "north", "go north", "exits"], {"say hello": 'You say, "hello"\n'}),
    ],
)
async def test_without_a_bundled_plugin_the_rest_works(
    data: Path,
    runtime: SourceRuntime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    missing: str,
    gone: list[str],
    works: dict[str, str],
) -> None:
    copytree(bundled.PLUGINS, tmp_path / "plugins", ignore=lambda _, names: [name for name in names if name == missing])
    monkeypatch.setattr(bundled, "PLUGINS", tmp_path / "plugins")
    async with running_server(data, runtime) as server:
        assert missing not in [plugin.name for plugin in server.running.host.plugins]
        alice = await server.connect()
        await alice.type("create Alice password")
        for line in gone:
            await alice.type(line)
            assert (await alice.read_until("Huh?") + await alice.read_until("\n")).endswith("\n")
        await alice.type(*works)
        for shown in works.values():
            await alice.read_until(shown)


BROKEN = {
    "no-manifest-keys": ("colour: red", "def f(inv): pass", "unknown key 'colour'"),
    "no-handler": ('commands: [{name: x, pattern: "x", handler: missing}]', "", "plugin.py has no function missing"),
    "syntax-error": ("", "def f(:", "SyntaxError"),
    "raises-at-once": ("", "raise RuntimeError('not today')", "not today"),
    "bad-pattern": ('commands: [{name: x, pattern: "x <", handler: f}]', "def f(inv): pass", "is not closed"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_plugin_is_left_out(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    manifest, source, problem = BROKEN[name]
    write_plugin(tmp_path / "plugins", name, manifest, source)
    write_plugin(
        tmp_path / "plugins",
        "zz-fine",
        'commands: [{name: fine, pattern: "fine", handler: fine}]',
        "def fine(inv): return 'All is well.'",
    )
    async with running_server(data, runtime, tmp_path / "plugins") as server:
        names = [plugin.name for plugin in server.running.host.plugins]
        assert sorted(names) == ["echo", *BUNDLED_COMMANDS, "zz-fine"]
        alice = await server.create("Alice")
        assert await alice.do("fine") == "All is well.\n"
    lines = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert [line for line in lines if line.startswith(f"plugin {name} is left out: ")]
    assert problem in "\n".join(lines)


async def test_a_plugin_can_stand_in_for_a_bundled_one(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    write_plugin(
        tmp_path / "plugins",
        "holomush-communication",
        'commands: [{name: say, pattern: "say <text>", handler: say}]',
        "def say(inv): return 'You would say: ' + inv.args.text",
    )
    async with running_server(data, runtime, tmp_path / "plugins") as server:
        alice = await server.create("Alice")
        assert await alice.do("say hello") == "You would say: hello\n"


def bundled_commands() -> list[tuple[str, Command]]:
    """Every command of every bundled plugin, with the plugin's name."""
    folders = sorted(path.parent for path in bundled.PLUGINS.glob("*/plugin.yaml"))
    return [(folder.name, command) for folder in folders for command in read_manifest(folder).commands]


def typed_forms(command: Command) -> Iterator[str]:
    """The ways to begin a line with a command: its word, its aliases, its prefix."""
    if not command.fallback:
        yield command.pattern.split("[")[0].split("<")[0].strip() or command.name
    yield from command.aliases
    if command.prefix is not None:
        yield command.prefix


def texts_in_tests() -> frozenset[str]:
    """Every string in the tests of this folder, but for this file, and every line typed in the transcripts of the plugins."""
    sources = [path for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)]
    nodes = (node for path in sources for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    strings = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    for folder in {path.parent for path in bundled.PLUGINS.glob("*/tests.yaml")}:
        strings += [step.command for case in read_transcripts(folder) for step in case.steps if step.command is not None]
    return frozenset(string.strip().casefold() for string in strings)


def is_typed(form: str, texts: frozenset[str]) -> bool:
    """Whether one of ``texts`` is a line that begins with ``form``. A prefix needs no space behind it, words do."""
    form = form.casefold()
    if not any(character.isalnum() for character in form):
        return any(text.startswith(form) for text in texts)
    return any(text == form or text.startswith(form + " ") for text in texts)


@pytest.mark.parametrize(
    ("plugin", "form"),
    [(plugin, form) for plugin, command in bundled_commands() for form in typed_forms(command)],
)
def test_every_bundled_command_is_typed_in_some_test(plugin: str, form: str) -> None:
    assert is_typed(form, texts_in_tests()), f"no test in tests/game types {form!r} of plugin {plugin}"


def test_a_command_that_no_test_types_would_be_found() -> None:
    assert not is_typed("frob", frozenset({"frobnicate", "the frob"}))
    assert is_typed("frob", frozenset({"frob x"}))
    assert is_typed(";", frozenset({";'s"}))


def test_every_bundled_plugin_has_a_test() -> None:
    """One that only listens has no command to type; its name must come up."""
    texts = texts_in_tests()
    for folder in bundled.PLUGINS.glob("*/plugin.yaml"):
        manifest = read_manifest(folder.parent)
        assert manifest.commands or any(manifest.name in text for text in texts), manifest.name
