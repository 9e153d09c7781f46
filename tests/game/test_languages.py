"""Plugins in all five languages, made as authors make them, in a whole server: what players hear, and what a failure comes to."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import trio
from support.authored import WRITINGS, bursting
from support.game import Player, running_server

from holomush.authoring.scaffold import LANGUAGES
from holomush.plugins.guests.guest import SourceRuntime

SAID = 'grüß <&> "世界" 🐉'


def drop_in(folder: Path, language: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Put the plugin in a language into a folder of plugins, as an operator does."""
    folder.mkdir(exist_ok=True)
    made = bursting(language, tmp_path_factory)
    (folder / made.name).symlink_to(made, target_is_directory=True)
    return made


def echoes(*languages: str) -> list[str]:
    """What the plugins say when ``SAID`` is said."""
    return [f'loud-{language} says, "Echo: {SAID}"' for language in languages]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_echo_and_a_failure(
    language: str,
    data: Path,
    runtime: SourceRuntime,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = drop_in(tmp_path / "plugins", language, tmp_path_factory)
    (echo,) = echoes(language)
    async with running_server(data, runtime, tmp_path / "plugins") as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        for _ in range(2):
            await alice.type(f"say {SAID}")
            assert await alice.read_until(f"{echo}\n") == f'You say, "{SAID}"\n{echo}\n'
            assert await bob.read_until(f"{echo}\n") == f'Alice says, "{SAID}"\n{echo}\n'
            # A failure changes nothing, and the next thing said is echoed again.
            assert await alice.do(f"burst-{language}") == (
                f'"burst-{language}" failed. Nothing was changed. (Plugin: loud-{language})\n'
            )
        assert await bob.do("look me") == "Bob\nYou see nothing special.\n"
    reports = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(reports) == 2
    for report in reports:
        assert report.startswith(f"plugin loud-{language}, burst: ")
        assert WRITINGS[language].fault_in(made) in report
        assert WRITINGS[language].message in report


async def test_five_languages_over_telnet(
    data: Path, runtime: SourceRuntime, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for language in LANGUAGES:
        drop_in(tmp_path / "plugins", language, tmp_path_factory)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    async with (
        running_server(data, runtime, tmp_path / "plugins", listeners=listeners),
        await trio.open_tcp_stream("127.0.0.1", port) as line,
    ):
        alice = Player(line)
        await alice.read_until("asked for it unseen.\n")
        await alice.type("create Alice password")
        await alice.read_until("Obvious exits:\n")
        await alice.read_until("\n")
        await alice.type(f"say {SAID}")
        heard = [(await alice.read_until("\n")).removesuffix("\n") for _ in range(1 + len(LANGUAGES))]
        assert heard[0] == f'You say, "{SAID}"'
        assert sorted(heard[1:]) == sorted(echoes(*LANGUAGES))
        # Nobody has answered anybody's echo.
        assert await alice.do("look me") == "Alice\nYou see nothing special.\n"
        await alice.type("QUIT")
        assert (await alice.read_to_end()).endswith("Goodbye.\n")
