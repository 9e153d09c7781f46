"""The transcripts of the bundled plugins, typed at a whole server over telnet, byte for byte.

What each line shows to everybody must be what the plugin shows on the harness, alone. Each test here puts its own world into the
same server (``support.transcripts``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.game import ADMIN_PASSWORD, running_server
from support.transcripts import Difference, Playhouse, typed_steps

from holomush import bundled
from holomush.plugins.guests.guest import SourceRuntime
from holomush.testing.transcripts import Case, read_transcripts

CASES = [
    (folder, case)
    for folder in sorted(bundled.PLUGINS / name for name in bundled.PLUGIN_NAMES)
    if (folder / "tests.yaml").is_file()
    for case in read_transcripts(folder)
    if typed_steps(case)
]

MORE_TOPICS = "the topics of the other plugins are there, too"
OVERVIEW = "the commands of the other plugins are listed, too, and one of them is who, in place of the server's own"
WHO = "a bundled plugin has a command who, in place of the server's own"
CONNECTIONS = "on the harness nobody has logged in, and everybody comes from a made-up address"

ADDITIONS = {
    ("holomush-help", "topics", "help topics"): MORE_TOPICS,
    ("holomush-help", "topics", "@help topics"): MORE_TOPICS,
    ("holomush-help", "topics", "+help topics"): MORE_TOPICS,
    ("holomush-help", "search", "+help search goes away"): MORE_TOPICS,
}
"""By plugin, test and line: where whoever types it reads all that they should and other lines between, and why that is right."""

CHANGES = {
    ("holomush-admin", "accounts", "account bob"): CONNECTIONS,
    ("holomush-admin", "accounts", "@account carol"): CONNECTIONS,
    ("holomush-admin", "accounts", "pinfo me"): CONNECTIONS,
    ("holomush-admin", "accounts", "@pinfo bob"): CONNECTIONS,
    ("holomush-help", "the list of all commands", "help"): OVERVIEW,
    ("holomush-help", "for a screen reader there are no empty lines", "help"): OVERVIEW,
    ("holomush-help", "what belongs to the server", "help who"): WHO,
    ("holomush-help", "what belongs to the server", "help +who"): WHO,
    ("holomush-help", "search", "help search playing"): WHO,
}
"""The same where they read something else. What it is then is told in tests of the whole game."""


@pytest.fixture(scope="module")
def playhouse(runtime: SourceRuntime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playhouse]:
    """A server for all tests of this module."""
    house = Playhouse(runtime, lambda: tmp_path_factory.mktemp("data"))
    yield house
    house.close()


def lines_of(folder: Path, case: Case) -> set[tuple[str, str, str]]:
    """The lines of a transcript that are typed, by plugin, test and line."""
    return {(folder.name, case.test, step.command or "") for step in typed_steps(case)}


@pytest.mark.parametrize(("folder", "case"), CASES, ids=[f"{folder.name}: {case.test}" for folder, case in CASES])
def test_transcript_over_telnet(playhouse: Playhouse, folder: Path, case: Case) -> None:
    differences = playhouse.play(folder, case)
    right: set[tuple[str, str, str]] = set()
    wrong: list[Difference] = []
    for difference in differences:
        line = folder.name, case.test, difference.line
        if difference.actor and (line in CHANGES or (line in ADDITIONS and difference.only_adds)):
            right.add(line)
        else:
            wrong.append(difference)
    assert not wrong, "\n".join(map(str, wrong))
    assert right == lines_of(folder, case) & (ADDITIONS.keys() | CHANGES.keys()), "a line that is named above does not differ"


def test_every_difference_named_here_is_of_a_line_that_is_typed() -> None:
    assert ADDITIONS.keys() | CHANGES.keys() <= {line for folder, case in CASES for line in lines_of(folder, case)}


STAND_INS = [
    ("@ban 192.0.2.0/24=spam", "Nobody from 192.0.2.0/24 is let in any more: spam\n"),
    ("@bans", r"Banned:\n192.0.2.0/24: spam, since \d{4}-\d\d-\d\d \d\d:\d\d UTC\n"),
    ("@unban 192.0.2.0/24", "192.0.2.0/24 may come in again.\n"),
    ("@role bob", "Bob is a player.\n"),
    ("@role grant bob=builder", "Bob is a builder now.\n"),
    ("@role revoke bob", "Bob is a player now.\n"),
    ("@motd Fair!", "The message of the day is now:\nFair!\n"),
    ("@motd clear", "The message of the day is gone.\n"),
    ("@plugin off echo", "echo is off.\n"),
    ("@plugin on echo", "echo is on.\n"),
    ("@plugin", r"(\S+ 1\.0\.0, on, python.*\n)+"),
    ("@plugins", r"(\S+ 1\.0\.0, on, python.*\n)+"),
    ("@stats echo", "echo 1.0.0\n(.+\n)+"),
    ("@world/export town", r"The world is in .+town\.yaml now.\nIt holds \d+ places, (.+\n)+"),
    ("world/export town", r"The world is in .+town\.yaml now.\nIt holds \d+ places, (.+\n)+"),
    ("world/import town", r"Read .+town\.yaml.\nIt holds \d+ places, (.+\n)+"),
]
"""Lines that are typed in transcripts with stand-ins for host functions alone, and what they show at a server."""


async def test_what_transcripts_play_with_stand_ins(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        await server.create("Bob")
        admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
        for line, shown in STAND_INS:
            told = await admin.do(line)
            assert re.fullmatch(shown, told), f"{line}: {told}"


EVENT_BETWEEN = """
- test: of two lines one can be typed
  steps:
    - {command: echo hello, output: hello}
    - {event: {type: say}}
    - {command: echo hello, output: hello}
- test: not on a server
  mocks: {holomush_list_sessions: {value: []}}
  steps: [{command: echo hello, output: hello}]
"""


def test_what_cannot_be_typed_is_left_to_the_harness(tmp_path: Path) -> None:
    (tmp_path / "tests.yaml").write_text(EVENT_BETWEEN, encoding="utf-8")
    some, none = read_transcripts(tmp_path)
    assert typed_steps(some) == some.steps[:1]
    assert typed_steps(none) == ()


WRONG = """
- test: two who hear something
  world: {characters: [{name: Carol}, {name: Dora, connected: false}], objects: [{name: lamp}]}
  steps:
    - {command: say hello, emits: [{type: say}]}
    - {command: get lamp, by: Carol, output: no matter what}
"""


def test_what_is_shown_otherwise_is_found(playhouse: Playhouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tests.yaml").write_text(WRONG, encoding="utf-8")
    (tmp_path / "plugin.yaml").write_text(
        "{name: x, version: 1.0.0, commands: [{name: say, pattern: say <text>, handler: say}], capabilities: ['emit:location:*']}",
        encoding="utf-8",
    )
    (tmp_path / "plugin.py").write_text(
        "from holomush_pdk import emit_event\n"
        "def say(inv):\n"
        "    emit_event(stream='location:' + inv.location.id, type='say', payload={'message': 'bye'})\n"
        "    return 'Said.'\n",
        encoding="utf-8",
    )
    (case,) = read_transcripts(tmp_path)
    differences = playhouse.play(tmp_path, case)
    assert [(one.line, one.actor, one.expected, one.only_adds) for one in differences] == [
        ("say hello", True, 'Said.\r\nYou say, "bye"\r\n', False),
        ("say hello", False, 'Alice says, "bye"\r\n', False),
        ("say hello", False, 'Alice says, "bye"\r\n', False),
        ("get lamp", True, "Huh?", False),
        ("get lamp", False, "", True),
        ("get lamp", False, "", True),
    ]
