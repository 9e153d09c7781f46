"""Connecting, several connections to one character, leaving, and the replay of what was missed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import trio
from support.game import Player, running_server

from holomush.config import SessionsConfig
from holomush.plugins.guests.guest import SourceRuntime

END = "--- end of replay ---\n"


def replay_in(text: str) -> list[str]:
    """The lines of the replay in ``text``; none if there is no replay. It must be announced with the right number."""
    if " missed event" not in text:
        assert END not in text
        return []
    lines = text.partition(END)[0].splitlines()
    start = next(i for i, line in enumerate(lines) if " missed event" in line)
    missed = len(lines) - start - 1
    assert lines[start] == f"--- {missed} missed event{'' if missed == 1 else 's'} ---"
    return lines[start + 1 :]


async def quit_game(player: Player) -> None:
    """QUIT, and wait until the server has hung up."""
    await player.type("QUIT")
    assert (await player.read_to_end()).endswith("Goodbye.\n")


async def test_others_here_are_told_of_coming_and_going(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        bob = await server.create("Bob")
        assert await alice.read_until("\n") == "Bob has connected.\n"
        carol = await server.create("Carol")
        await carol.do("north")
        assert await alice.read_until("leaves north.\n") == "Carol has connected.\nCarol leaves north.\n"
        await quit_game(bob)
        assert await alice.read_until("\n") == "Bob has disconnected.\n"
        assert await carol.do("look me") == "Carol\nYou see nothing special.\n"  # was elsewhere
        bob, shown = await server.come_back("Bob")
        assert await alice.read_until("\n") == "Bob has connected.\n"
        assert "connected" not in shown  # one's own coming and going is no news
        await bob.hang_up()
        assert await alice.read_until("\n") == "Bob has disconnected.\n"


async def test_several_connections_of_a_character_all_see_the_same(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        again, shown = await server.come_back("Bob")
        assert "missed" not in shown
        look = shown.partition("The Lantern Square\n")[2]
        assert look.endswith("Obvious exits:\nnorth  up  east\n")
        assert await bob.read_until("up  east\n") == "The Lantern Square\n" + look  # output, too, goes to all
        assert await alice.do("say one") == 'You say, "one"\n'  # nobody was told of a second connection
        await bob.type("look me")
        await again.type("say two")
        both = 'Alice says, "one"\n', "Bob\nYou see nothing special.\n", 'You say, "two"\n'
        await alice.read_until('Bob says, "two"\n')
        for connection in (bob, again):
            seen = await connection.read_until('"two"\n') + ""
            if both[1] not in seen:
                seen += await connection.read_until(both[1])
            assert sorted(seen.splitlines()) == sorted("".join(both).splitlines())

        await quit_game(bob)
        assert await again.do("look me") == "Bob\nYou see nothing special.\n"
        assert await alice.do("look me") == "Alice\nYou see nothing special.\n"  # Bob is still here
        await quit_game(again)
        assert await alice.read_until("\n") == "Bob has disconnected.\n"
        _, shown = await server.come_back("Bob")
        assert replay_in(shown) == []


async def test_quit_says_goodbye_in_any_case(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        await alice.type(" quit ", "say never said")
        assert await alice.read_to_end() == "Goodbye.\n"
        assert await server.running.game.store.fetch("SELECT count(*) FROM events WHERE type = 'say'") == [(0,)]


async def test_who_hangs_up_keeps_their_place(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob, alice = await server.create("Bob"), await server.create("Alice")
        await alice.do("north")
        await alice.hang_up()
        await bob.do("north")
        _, shown = await server.come_back("Alice")
        assert "The Walled Garden\n" in shown


async def test_what_was_missed_is_replayed_once_in_order(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        await alice.do("say heard")
        await bob.read_until('Alice says, "heard"\n')
        await quit_game(bob)
        await alice.read_until("Bob has disconnected.\n")
        await alice.do("say one")
        await alice.do(":waves")
        await alice.do("north")
        await alice.do("say in the garden")
        await alice.do("south")
        bob, shown = await server.come_back("Bob")
        assert replay_in(shown) == [
            'Alice says, "one"',
            "Alice waves",
            "Alice leaves north.",
            "Alice arrives from the north.",
        ]
        await quit_game(bob)
        await alice.read_until("disconnected.\n")
        bob, shown = await server.come_back("Bob")
        assert replay_in(shown) == []


async def test_only_the_last_events_are_replayed(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await quit_game(bob)
        await alice.read_until("Bob has disconnected.\n")
        for number in range(60):
            await alice.do(f"say {number}")
        _, shown = await server.come_back("Bob")
        assert replay_in(shown) == [f'Alice says, "{number}"' for number in range(10, 60)]


async def test_a_replay_is_never_longer_than_set(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime, sessions=SessionsConfig(replay_limit=2)) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await quit_game(bob)
        await alice.read_until("Bob has disconnected.\n")
        for number in range(3):
            await alice.do(f"say {number}")
        _, shown = await server.come_back("Bob")
        assert replay_in(shown) == ['Alice says, "1"', 'Alice says, "2"']


async def test_what_happened_before_one_walked_in_was_not_missed(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.do("north")
        await bob.read_until("Alice leaves north.\n")
        await alice.do("say not for Bob")
        await bob.do("north")
        await bob.hang_up()
        await alice.read_until("Bob has disconnected.\n")
        await alice.do("say for Bob")
        _, shown = await server.come_back("Bob")
        assert replay_in(shown) == ['Alice says, "for Bob"']


async def test_somebody_new_has_missed_nothing(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        await alice.do("say long before")
        carol = await server.connect()
        await carol.type("create Carol password")
        assert replay_in(await carol.read_until("Obvious exits:\n")) == []
        await quit_game(carol)
        _, shown = await server.come_back("Carol")
        assert replay_in(shown) == []


async def test_a_whisper_to_somebody_who_has_just_gone_is_refused(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await quit_game(bob)
        await alice.read_until("Bob has disconnected.\n")
        assert await alice.do("whisper bob=hi") == "Bob is not connected.\n"


async def test_a_replay_survives_a_restart(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await bob.do("say I am off")
        await quit_game(bob)
        await alice.read_until("Bob has disconnected.\n")
        await alice.do("say before the restart")
    async with running_server(data, runtime) as server:
        alice, shown = await server.come_back("Alice")
        assert replay_in(shown) == []
        await alice.do("say after the restart")
        _, shown = await server.come_back("Bob")
        assert replay_in(shown) == [
            'Alice says, "before the restart"',
            "Alice has disconnected.",
            "Alice has connected.",
            'Alice says, "after the restart"',
        ]


async def test_nothing_is_lost_or_told_twice_however_close_to_leaving_it_is_said(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        heard: list[str] = []
        for number in range(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(alice.type, f"say {number}")
                nursery.start_soon(partial(bob.type, *(["look me"] * (number % 4)), "QUIT"))
            heard += said_in(await bob.read_to_end())
            await alice.read_until("Bob has disconnected.\n")
            await alice.do("look me")
            bob, shown = await server.come_back("Bob")
            heard += said_in(shown)
            await alice.read_until("Bob has connected.\n")
        assert heard == [f"{number}" for number in range(20)]


def said_in(text: str) -> list[str]:
    """What Alice is shown to have said."""
    return [line.split('"')[1] for line in text.splitlines() if line.startswith("Alice says")]


async def test_of_a_very_long_replay_the_last_lines_are_shown(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await quit_game(bob)
        await alice.read_until("Bob has disconnected.\n")
        long = "x" * 8000
        for number in range(50):
            await alice.do(f"say {number} {long}")
        bob, shown = await server.come_back("Bob")
        assert replay_in(shown) == [f'Alice says, "{number} {long}"' for number in range(42, 50)]
        assert await bob.do("look me") == "Bob\nYou see nothing special.\n"


async def test_a_replay_that_never_arrived_is_shown_again(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await quit_game(bob)
        await alice.read_until("Bob has disconnected.\n")
        await alice.do("say one")
        bob = await server.connect()
        line = bob.stop_taking()
        await bob.type("connect Bob password")
        await alice.read_until("Bob has connected.\n")
        await alice.do("say two")
        line.set()
        await alice.read_until("Bob has disconnected.\n")
        _, shown = await server.come_back("Bob")
        assert [text for text in replay_in(shown) if "says" in text] == ['Alice says, "one"', 'Alice says, "two"']


@pytest.mark.parametrize("line", ["who", "WHO"])
async def test_who_lists_each_character_once(data: Path, runtime: SourceRuntime, line: str) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        bob = await server.create("Bob")
        await server.come_back("Bob")
        await alice.read_until("Bob has connected.\n")
        lines = (await alice.do(line)).splitlines()
        assert [text.split()[0] for text in lines] == ["Player", "Alice", "Bob", "2"]
        assert lines[-1] == "2 players are connected."
        await bob.hang_up()
