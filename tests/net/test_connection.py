"""One telnet connection of a whole server over memory streams: bytes however they come, hang-ups, firewalls, patience."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from support.game import running_server
from support.plugins import write_plugin
from trio.testing import MockClock, wait_all_tasks_blocked

from holomush.config import PluginsConfig, SessionsConfig
from holomush.dispatch.commit import Committer
from holomush.dispatch.lines import Lines
from holomush.net.telnet.options import AYT, DO, ECHO, IAC, NAWS, SB, SE, SGA, WILL
from holomush.plugins.guests.guest import SourceRuntime

LATE = "You have not come in for a long time. Goodbye.\n"


async def test_lines_may_be_cut_anywhere(data: Path, runtime: SourceRuntime) -> None:
    """Between bytes of a character, of a line end and of telnet's commands, which are answered and not typed."""
    typed = (
        bytes([IAC, WILL, NAWS, IAC, SB, NAWS, 0, 80, 0, 24, IAC, SE])
        + "say Grüße 🌍\r\nsay b\x08two\n:wa".encode()
        + bytes([IAC, DO, SGA, IAC, AYT])
        + b"ves\r\0"
        + b"say last\r\n"
    )
    seen = 'You say, "Grüße 🌍"\nYou say, "two"\nAlice waves\nYou say, "last"\n'
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        for size in (1, 2, 3, 7, len(typed)):
            for start in range(0, len(typed), size):
                await alice.send(typed[start : start + size])
            text = await alice.read_until('"last"\n')
            for answer in (bytes([IAC, WILL, SGA]), b"[Yes]\n"):
                text = text.replace(answer.decode(errors="replace"), "")
            assert text == seen


async def test_a_line_too_long_is_answered_and_ignored(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        await alice.send(b"say " + b"x" * 9000)
        assert await alice.read_until("\n") == "That line is longer than 8192 bytes and was ignored.\n"
        await alice.send(b"x" * 9000 + b"\r\nsay short\r\n")
        assert await alice.read_until("\n") == 'You say, "short"\n'
        longest = "say " + "x" * 8188
        await alice.type(longest)
        assert await alice.read_until("\n") == f'You say, "{"x" * 8188}"\n'


async def test_many_lines_at_once_are_done_in_order(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.type(*(f"say {number}" for number in range(200)), "QUIT")
        spoken = await bob.read_until("Alice has disconnected.\n")
        assert spoken == "".join(f'Alice says, "{number}"\n' for number in range(200)) + "Alice has disconnected.\n"


async def test_half_a_line_is_not_done_when_the_client_hangs_up(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.send(b"say whole\r\nsay hal")
        await alice.hang_up()
        assert await bob.read_until("disconnected.\n") == 'Alice says, "whole"\nAlice has disconnected.\n'


async def test_a_client_may_hang_up_at_every_stage_of_coming_in(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob = await server.create("Bob")
        for typed in (
            b"",
            b"conn",
            b"connect Alice\r\n",
            b"connect Alice\r\nsecr",
            b"connect Bob password\r\nlo",
            b"connect guest\r\n",
        ):
            somebody = await server.connect()
            await somebody.send(typed)
            await somebody.hang_up()
        await bob.read_until("Guest1 has disconnected.\n")
        assert await bob.do("look me") == "Bob\nYou see nothing special.\n"
        assert len(list(server.running.game.presences)) == 1


@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyError("a bug"), RecursionError("a bug")])
async def test_a_bug_in_a_session_ends_that_session_alone(
    data: Path, runtime: SourceRuntime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """No plugin can make the server's own code raise, so the bug is put in: in what every line goes through."""
    run = Lines.run

    async def buggy(self: Lines, line: str, asker: object) -> None:
        if line == "bug":
            raise error
        await run(self, line, asker)  # type: ignore[arg-type]

    monkeypatch.setattr(Lines, "run", buggy)
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        await bob.type("bug")
        await bob.read_to_end()
        assert await alice.do("say hello") in ('Bob has disconnected.\nYou say, "hello"\n', 'You say, "hello"\n')
        _, shown = await server.come_back("Bob")
        assert "The Lantern Square" in shown
    [record] = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert record.getMessage() == "a session from memory failed and was ended"
    assert record.exc_info is not None


async def test_a_bug_in_leaving_is_contained_too(
    data: Path, runtime: SourceRuntime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    commit = Committer.commit

    def buggy(self: Committer, transaction: object, *args: object, **options: object) -> object:
        if [event.type for event in transaction.events] == ["disconnect"]:  # type: ignore[attr-defined]
            raise RuntimeError("a bug")
        return commit(self, transaction, *args, **options)  # type: ignore[arg-type]

    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        with monkeypatch.context() as patch:
            patch.setattr(Committer, "commit", buggy)
            await bob.type("QUIT")
            await bob.read_to_end()
            await wait_all_tasks_blocked()
        assert await alice.do("say hello") == 'You say, "hello"\n'
    assert [r for r in caplog.records if "did not end cleanly" in r.getMessage()]


async def test_who_does_not_come_in_is_sent_away(data: Path, runtime: SourceRuntime, mock_clock: MockClock) -> None:
    mock_clock.rate = 1.0
    async with running_server(data, runtime, sessions=SessionsConfig(login_timeout=300)) as server:
        alice = await server.create("Alice")
        silent, slow = await server.connect(), await server.connect()
        await slow.type("connect Alice")
        await slow.read_until("Password: ")
        mock_clock.jump(250)
        await slow.send(b"passw")
        await wait_all_tasks_blocked()
        mock_clock.jump(60)
        for client in (silent, slow):
            assert (await client.read_to_end()).endswith(LATE)
        # Whoever plays may be silent for as long as they like.
        mock_clock.jump(100_000)
        assert await alice.do("look me") == "Alice\nYou see nothing special.\n"


async def test_who_came_in_at_the_last_moment_stays(
    data: Path, runtime: SourceRuntime, tmp_path: Path, mock_clock: MockClock
) -> None:
    """The patience ends with the coming in, even if more lines came with it and the first of them takes long."""
    mock_clock.rate = 1.0
    write_plugin(
        tmp_path / "plugins",
        "spinner",
        'commands: [{name: spin, pattern: "spin", handler: spin}]',
        """
        def spin(inv):
            while True:
                pass
        """,
    )
    limits = PluginsConfig(timeout=0.5)
    async with running_server(data, runtime, tmp_path / "plugins", plugins=limits) as server:
        alice = await server.connect()
        await alice.type("create Alice password", "spin", "look me")
        await alice.read_until("Obvious exits:\n")
        mock_clock.jump(301)
        text = await alice.read_until("(Plugin: spinner)\n")
        assert "took too long" in text
        assert await alice.read_until("special.\n") == "Alice\nYou see nothing special.\n"


async def test_hidden_input_is_asked_for_in_its_place_among_the_text(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        somebody = await server.connect()
        await somebody.type("HELP", "create Bob")
        shown = await somebody.read_bytes_until(b"Password: ")
        assert shown.endswith(b"such as north\r\n" + bytes([IAC, WILL, ECHO]) + b"Password: ")


async def test_a_client_that_reads_too_little_is_given_up_and_misses_nothing(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        line = bob.stop_taking()
        await alice.do("say first")
        for number in range(40):
            await alice.do(f"say {number} {'x' * 8000}")
        line.set()  # the bytes on their way are lost with the connection
        await alice.read_until("Bob has disconnected.\n")
        await alice.do("say last")
        _, shown = await server.come_back("Bob")
        assert "39 xxx" in shown
        assert shown.count('Alice says, "last"\n') == 1
