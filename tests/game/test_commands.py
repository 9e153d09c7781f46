"""Lines that are no command, plugins that are missing or broken, and the rule that all that bundled plugins can do is shown."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest
from support.game import BUNDLED_COMMANDS, Player, running_server
from support.plugins import write_plugin
from support.transcripts import typed_steps

from holomush import bundled
from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.roster.manifest import Command, read_manifest
from holomush.testing.transcripts import FILE_NAME, read_transcripts

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


def bundled_folders() -> list[Path]:
    """The folders of all bundled plugins."""
    return sorted(bundled.PLUGINS / name for name in bundled.PLUGIN_NAMES)


def bundled_commands() -> list[tuple[str, Command]]:
    """Every command of every bundled plugin, with the plugin's name."""
    return [(folder.name, command) for folder in bundled_folders() for command in read_manifest(folder).commands]


def typed_forms(command: Command) -> Iterator[str]:
    """The ways to begin a line with a command: its words, its aliases, its prefix."""
    words = command.pattern.split("[")[0].split("<")[0].strip()
    if words:
        yield words
    yield from command.aliases
    if command.prefix is not None:
        yield command.prefix


OWN_TESTS = [path for path in sorted(Path(__file__).parent.glob("test_*.py")) if path != Path(__file__)]
TRANSCRIPTS = [
    (folder, case) for folder in bundled_folders() if (folder / FILE_NAME).is_file() for case in read_transcripts(folder)
]


def strings_in(path: Path) -> Iterator[str]:
    """Every string in a Python file but its docstrings; ``{}`` stands for what an f-string puts in."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    formatted = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    skipped = {id(part) for node in formatted for part in ast.walk(node) if part is not node}
    skipped |= {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if id(node) in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def typed_over_telnet() -> frozenset[str]:
    """The lines of all transcripts that are played at a server, and the strings of the other tests in this folder."""
    lines = [step.command or "" for _, case in TRANSCRIPTS for step in typed_steps(case)]
    lines += [string for path in OWN_TESTS for string in strings_in(path)]
    return frozenset(line.strip().casefold() for line in lines)


def is_typed(form: str, lines: frozenset[str]) -> bool:
    """Whether one of ``lines`` begins with ``form``. A prefix needs no space behind it, words do."""
    form = form.casefold()
    if not any(character.isalnum() for character in form):
        return any(line.startswith(form) for line in lines)
    return any(line == form or line.startswith((f"{form} ", f"{form}=")) for line in lines)


def test_every_bundled_command_is_typed_over_telnet() -> None:
    lines = typed_over_telnet()
    forms = [(plugin, form) for plugin, command in bundled_commands() for form in typed_forms(command)]
    missing = [f"{plugin}: {form}" for plugin, form in forms if not is_typed(form, lines)]
    assert not missing, "\n".join(missing)


def test_a_command_that_no_test_types_would_be_found() -> None:
    assert not is_typed("frob", frozenset({"frobnicate", "the frob"}))
    assert is_typed("frob", frozenset({"frob x"}))
    assert is_typed("frob", frozenset({"frob=x"}))
    assert is_typed(";", frozenset({";'s"}))


def test_every_bundled_plugin_has_a_test() -> None:
    """One that only listens has no command to type; its name must come up."""
    texts = typed_over_telnet()
    for folder in bundled_folders():
        manifest = read_manifest(folder)
        assert manifest.commands or any(manifest.name in text for text in texts), manifest.name


UNDERSTOOD = "words that are understood in what somebody types, and never said"
NO_PREFIX = "the name of a prefix that no bundled command has"
UNREAD = {
    "s sec secs second seconds": UNDERSTOOD,
    "m min mins minute minutes": UNDERSTOOD,
    "h hour hours": UNDERSTOOD,
    "d day days": UNDERSTOOD,
    "single quote": NO_PREFIX,
    "a place that is gone": "only a race could show it: no exit leads to a place that is gone",
}
"""Strings in bundled plugins that nobody reads in any test, and why that is right."""


def is_said(string: str) -> bool:
    """Whether it looks like something for people to read: more than one word."""
    return re.search(r"\S\s+\S", string) is not None and re.search("[a-z]{2}", string) is not None


def said(string: str) -> re.Pattern[str]:
    """What finds a string of a plugin in what people read, whatever an f-string puts in. Tests may have its ends elsewhere."""
    return re.compile(".*".join(map(re.escape, string.strip("{} ").split("{}"))))


def read_by_people() -> str:
    """All that transcripts compare, what plugins put into events included, and all strings of the tests in this folder."""
    texts = [string for path in OWN_TESTS for string in strings_in(path)]
    for _, case in TRANSCRIPTS:
        for step in case.steps:
            texts += [step.error or "", *(step.output if isinstance(step.output, list) else [step.output or ""])]
            texts += [str(value) for emitted in step.emits for value in (emitted.payload or {}).values()]
    return "\n".join(texts)


def test_everything_that_a_bundled_plugin_says_is_read_in_some_test() -> None:
    read = read_by_people()
    strings = [
        (path, string) for folder in bundled_folders() for path in sorted(folder.glob("*.py")) for string in strings_in(path)
    ]
    unread = [(path, string) for path, string in strings if is_said(string) and not said(string).search(read)]
    missing = [f"{path.parent.name}/{path.name}: {string}" for path, string in unread if string not in UNREAD]
    assert not missing, "\n".join(missing)
    assert UNREAD.keys() <= {string for _, string in unread}, "some of UNREAD is read"


SITTING = '''
"""A docstring is not said."""
def sit(inv):
    """Nor is this one."""
    if inv.args.get("where"):
        return f"There is no {inv.args.get('where') or 'chair or bench'} to sit on."
    return "You sit down."
'''


def test_a_line_that_no_test_reads_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(SITTING, encoding="utf-8")
    strings = [string for string in strings_in(tmp_path / "plugin.py") if is_said(string)]
    assert sorted(strings) == ["There is no {} to sit on.", "You sit down."]
    assert said("There is no {} to sit on.").search("x\nThere is no red chair to sit on.\n")
    assert not said("There is no {} to sit on.").search("There is no chair\nto sit on.")
