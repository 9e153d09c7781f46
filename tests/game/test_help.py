"""The bundled plugin holomush-help over the real server: who is shown which commands and topics, and whose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shutil import copytree

import pytest
from support.game import ADMIN_PASSWORD, Player, Server, running_server
from support.plugins import write_plugin

from holomush import bundled
from holomush.plugins.guests.guest import SourceRuntime
from holomush.text.colours import COLOUR_NAMES, STYLES
from holomush.text.markup import close

INTRODUCTION = [
    "Type help <command> to read about a command, or help topics to see what else there is to read.",
    "Type help search <words> to look for something. If you are new here, type help newcomer.",
]
HELP = [
    "Help on commands, and more to read (holomush-help):",
    "help [<command or topic>]: List all commands, or read about one of them or about a topic.",
    "help topics: List what there is to read besides the commands.",
    "help search <words>: Find the commands and topics in which all of the words occur.",
]
ALWAYS = ["Always there:", "WHO: See who is playing.", "QUIT: Leave the game."]
TOPICS = ["commands: How commands are written", "newcomer: Your first minutes in the game"]

TOWER = """
description: A tower with a bell.
commands:
  - {name: ring, pattern: "ring [<times>]", handler: f, description: Ring the bell., aliases: [toll], prefix: "~"}
  - {name: climb, pattern: climb, handler: f, access: player}
  - {name: wall up, pattern: wall up, handler: f, access: builder, description: Close the tower.}
  - {name: blow up, pattern: blow up, handler: f, access: admin, aliases: ["@blow"], usage: blow up    or    @blow}
"""
"""The manifest of a plugin with a command for each access."""


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of bundled plugins, a copy that may be changed, with the help alone."""
    folder = tmp_path / "bundled"
    copytree(bundled.PLUGINS / "holomush-help", folder / "holomush-help")
    monkeypatch.setattr(bundled, "PLUGINS", folder)
    return folder


def write_tower(folder: Path, **topics: str) -> Path:
    """The tower in a folder of plugins. ``_`` in the names of topics is a hyphen."""
    plugin = write_plugin(folder, "tower", TOWER, "def f(inv): pass")
    (plugin / "help").mkdir()
    for topic, text in topics.items():
        (plugin / "help" / f"{topic.replace('_', '-')}.txt").write_text(text)
    return plugin


async def enter(server: Server, line: str) -> Player:
    """Somebody who has come in where there is no ``look`` to show the place."""
    player = await server.connect()
    await player.type(line)
    await player.read_until("Huh?")
    await player.read_until("\n")
    return player


async def shown(player: Player, line: str) -> list[str]:
    """The lines that a line shows."""
    return (await player.do(line)).splitlines()


def overview(*groups: Sequence[str]) -> list[str]:
    """What help shows with these groups of commands."""
    return [*INTRODUCTION, *(line for group in (*groups, ALWAYS) for line in ("", *group))]


@pytest.mark.parametrize(
    ("enters", "commands"),
    [
        ("connect guest", ["ring [<times>]: Ring the bell."]),
        ("create Alice password", ["ring [<times>]: Ring the bell.", "climb"]),
        (
            f"connect Admin {ADMIN_PASSWORD}",
            ["ring [<times>]: Ring the bell.", "climb", "wall up: Close the tower.", "blow up or @blow"],
        ),
    ],
)
async def test_everybody_is_shown_what_they_may_use(
    data: Path, runtime: SourceRuntime, tmp_path: Path, bundle: Path, enters: str, commands: list[str]
) -> None:
    write_tower(tmp_path / "plugins")
    async with running_server(data, runtime, tmp_path / "plugins") as server:
        player = await enter(server, enters)
        expected = overview(HELP, ["A tower with a bell (tower):", *commands])
        for line in ("help", "@help", "+help", "commands", "HELP"):
            assert await shown(player, line) == expected
        assert await shown(player, "help tower") == ["A tower with a bell (tower):", *commands]


async def test_what_somebody_may_not_use_does_not_exist_for_them(
    data: Path, runtime: SourceRuntime, tmp_path: Path, bundle: Path
) -> None:
    write_tower(tmp_path / "plugins", blow_up="How to blow it up\n\nWith powder.", history="History\n\nIt is old.")
    async with running_server(data, runtime, tmp_path / "plugins") as server:
        alice, admin = await enter(server, "create Alice password"), await enter(server, f"connect Admin {ADMIN_PASSWORD}")
        await alice.read_until("Admin has connected.\n")
        assert await shown(alice, "help blow up") == ['There is no help on "blow up".']
        assert await shown(alice, "help @blow") == ['There is no help on "@blow".']
        assert await shown(alice, "help tower blow up") == ['There is no help on "tower blow up".']
        assert await shown(alice, "help search powder") == ['There is nothing on "powder" in the help.']
        assert await shown(alice, "help topics") == ["Type help <topic> to read one.", *TOPICS, "history: History"]
        told = ["Usage: blow up or @blow", "Other words for it: @blow", "Access: admin", "Plugin: tower", ""]
        topic = ["How to blow it up", "", "With powder."]
        for line in ("help blow up", "help blow-up", "help tower blow up", "help bl"):
            assert await shown(admin, line) == told + topic
        assert await shown(admin, "help search powder") == ["help blow-up: How to blow it up"]
        topics = ["Type help <topic> to read one.", *TOPICS, "blow-up: How to blow it up", "history: History"]
        for line in ("help topics", "@help topics", "+help topics"):
            assert await shown(admin, line) == topics


async def test_the_commands_of_a_plugin_that_is_not_there_are_not_in_the_help(
    data: Path, runtime: SourceRuntime, tmp_path: Path
) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        assert "say <message>" in await alice.do("help say")
        everything = await alice.do("help")
        assert "\nexits: List the ways out of here.\n" in everything
        assert "(holomush-communication):\n" in everything
        await alice.type("quit")
        await alice.read_to_end()
    (tmp_path / "plugins").mkdir()
    for plugin in bundled.PLUGINS.iterdir():
        if plugin.name not in ("holomush-communication", "echo"):
            copytree(plugin, tmp_path / "plugins" / plugin.name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundled, "PLUGINS", tmp_path / "plugins")
        async with running_server(data, runtime) as server:
            alice, _ = await server.come_back("Alice")
            everything = await alice.do("help")
            assert "\nexits: List the ways out of here.\n" in everything
            assert "holomush-communication" not in everything
            assert "say <message>" not in everything
            assert (await shown(alice, "help say"))[0].startswith('There is no help on "say".')


async def test_a_command_that_another_plugin_takes_is_not_shown(
    data: Path, runtime: SourceRuntime, tmp_path: Path, bundle: Path
) -> None:
    write_tower(tmp_path / "plugins")
    write_plugin(
        tmp_path / "plugins",
        "gong",
        """
        priority: 50
        commands:
          - {name: ring, pattern: "ring [<how>]", handler: f, prefix: "~"}
          - {name: toll, pattern: toll, handler: f}
        """,
        "def f(inv): pass",
    )
    async with running_server(data, runtime, tmp_path / "plugins") as server:
        guest = await enter(server, "connect guest")
        assert await shown(guest, "help") == overview(["gong:", "ring [<how>]", "toll"], HELP)
        told = ["Usage: ring [<how>]", "Short form: begin the line with ~ (tilde).", "Plugin: gong"]
        assert await shown(guest, "help ring") == told
        assert await shown(guest, "help ~") == told
        assert await shown(guest, "help toll") == ["Usage: toll", "Plugin: gong"]


async def test_search_and_names_that_are_not_exact(data: Path, runtime: SourceRuntime, tmp_path: Path, bundle: Path) -> None:
    write_tower(tmp_path / "plugins", newcomer="# Up there\n\nMind the steps.")
    async with running_server(data, runtime, tmp_path / "plugins") as server:
        alice = await enter(server, "create Alice password")
        ring = [
            "Usage: ring [<times>]",
            "Ring the bell.",
            "Other words for it: toll",
            "Short form: begin the line with ~ (tilde).",
            "Plugin: tower",
        ]
        for line in ("help ring", "help RI", "help toll", "help ~", "@help ring", "+help ring", "commands ring"):
            assert await shown(alice, line) == ring
        assert await shown(alice, "help rnig") == ['There is no help on "rnig". Did you mean "ring"?']
        assert await shown(alice, "help newcomer") == ["Which one: holomush-help newcomer, tower newcomer?"]
        assert await shown(alice, "help tower newcomer") == ["Up there", "", "Mind the steps."]
        assert (await shown(alice, "help c"))[0] == "Which one: climb, commands?"
        for line in ("help search MIND steps", "@help search mind steps", "+help search steps mind"):
            assert await shown(alice, line) == ["help tower newcomer: Up there"]
        assert await shown(alice, "help search bell") == ["ring [<times>]: Ring the bell."]
        assert await shown(alice, "help search") == ["Search for what?"]
        assert await shown(alice, "help search " + "x" * 201) == ["Search for 10 words at most."]
        assert await shown(alice, "help quit") == [
            "Usage: QUIT",
            "Leave the game.",
            "It belongs to the server and is always there.",
        ]


async def test_what_the_newcomers_topic_says_can_be_typed(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        topic = await alice.do("help newcomer")
        assert topic.startswith("Your first minutes in the game\n\nLook around: type look ")
        for line in (
            "look",
            "look fountain",
            "look me",
            "exits",
            "say hello",
            '"hello',
            "pose waves",
            ":waves",
            "north",
            "help commands",
        ):
            assert line in topic
            assert "Huh?" not in await alice.do(line)


async def test_the_topics_on_what_everybody_does_can_be_read_and_their_brackets_are_shown(
    data: Path, runtime: SourceRuntime
) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        topics = await shown(alice, "help topics")
        for line in (
            "markup: Colours and bold text",
            "talking: Talking and acting",
            "moving: Looking around and walking",
            "things: Taking, carrying and giving things",
        ):
            assert line in topics
            assert (await shown(alice, f"help {line.partition(':')[0]}"))[0] == line.partition(": ")[2]
        markup = await shown(alice, "help markup")
        assert "Write [red] before the text and [/] behind it: say I see a [red]red[/] door is read as: I see a red door." in markup
        tags = [word for line in markup if line.startswith(("Styles: ", "Colours: ")) for word in line.split()[1:]]
        assert tags == [f"[{name}]" for name in (*STYLES, *COLOUR_NAMES) if not name.startswith("bright-")]
        assert (
            "For a bracket where a tag would be read, write two: [[red] is read as [red]. Other brackets are shown as they are."
            in markup
        )
        assert "So look [at] [<target>] means that look, look fountain and look at fountain are all right." in await shown(
            alice, "help commands"
        )


@pytest.mark.parametrize("topic", sorted(bundled.PLUGINS.glob("*/help/*.txt")), ids=lambda path: path.stem)
def test_the_tags_of_each_topic_end_where_they_should(topic: Path) -> None:
    for line in topic.read_text().splitlines():
        assert close(line) == line


async def test_the_connection_does_not_know_help_topics_before_somebody_plays(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        stranger = await server.connect()
        await stranger.type("help newcomer")
        assert "Your first minutes" not in await stranger.read_until("Once inside, try:")


async def test_a_plugin_with_a_bad_topic_is_left_out(
    data: Path, runtime: SourceRuntime, tmp_path: Path, bundle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plugin = write_tower(tmp_path / "plugins", rules="")
    async with running_server(data, runtime, tmp_path / "plugins") as server:
        guest = await enter(server, "connect guest")
        assert await shown(guest, "help") == overview(HELP)
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert told == [f"plugin tower is left out: {plugin}/help/rules.txt: is empty"]
