"""What holds for all connections: how fast one types, who is idle, and whom the routers would forget."""

from __future__ import annotations

from pathlib import Path

import trio
from support.game import Player, Server, running_server
from telnet.wire import IAC, NOP
from trio.testing import MockClock, wait_all_tasks_blocked

from holomush.config import LimitsConfig, Rate, SessionsConfig, TelnetConfig
from holomush.net.connection import LINGER, ROUND
from holomush.plugins.guests.guest import SourceRuntime
from holomush.sessions.client import Farewell

KEEPALIVE = TelnetConfig(keepalive=60)
IDLE = SessionsConfig(idle_timeout=600, login_timeout=700)
NOTICE = "You have been idle for a long time. Type something, or you will be disconnected soon.\n"
IDLE_GOODBYE = "You have been idle for too long. Goodbye.\n"
TOO_FAST = "You are faster than the server allows. Everything you typed will be done, but it takes a while.\n"
SLOW_TYPISTS = LimitsConfig(commands=Rate(per_second=2, burst=5))


async def rounds(clock: MockClock, seconds: float) -> None:
    """Let time pass, with all rounds that the server makes meanwhile."""
    for _ in range(round(seconds / ROUND)):
        await wait_all_tasks_blocked(0.01)
        clock.jump(ROUND)
    await wait_all_tasks_blocked(0.01)


def said(name: str, first: int, end: int) -> str:
    """What is shown to whoever says the numbers, or hears them."""
    verb = "You say" if name == "You" else f"{name} says"
    return "".join(f'{verb}, "{number}"\n' for number in range(first, end))


class Ears:
    """Keeps all that a player is sent, from now on."""

    def __init__(self, stream: trio.abc.ReceiveStream, nursery: trio.Nursery) -> None:
        self._stream = stream
        self._text = ""
        self.is_open = True
        nursery.start_soon(self._listen)

    async def _listen(self) -> None:
        while data := await self._stream.receive_some():
            self._text += data.decode("latin-1").replace("\r\n", "\n")
        self.is_open = False

    def heard(self) -> str:
        """What has come since the last time."""
        heard, self._text = self._text, ""
        return heard


async def come_in(server: Server, name: str, nursery: trio.Nursery, *typed: str) -> tuple[Player, Ears]:
    """Somebody new, who has typed something and read the answers so far."""
    stream, server_end = await server.listener.connect()
    player = Player(stream, server_end)
    await player.type(f"create {name} password")
    await player.read_until("Obvious exits:\n")
    await player.read_until("\n")
    for line in typed:
        await player.do(line)
    return player, Ears(stream, nursery)


async def test_a_silent_connection_is_kept_alive(data: Path, runtime: SourceRuntime, mock_clock: MockClock) -> None:
    mock_clock.rate = 1.0
    async with running_server(data, runtime, telnet=KEEPALIVE) as server, trio.open_nursery() as nursery:
        alice, alices = await come_in(server, "Alice", nursery)
        await alice.send(IAC + NOP)  # it knows telnet
        bob, raw = await come_in(server, "Bob", nursery)
        carol, unwilling = await come_in(server, "Carol", nursery, "preferences keepalive off")
        await carol.send(IAC + NOP)
        await rounds(mock_clock, ROUND)
        mock_clock.rate = 0.0
        everybody = (alices, raw, unwilling)
        [ears.heard() for ears in everybody]

        await rounds(mock_clock, 50)
        assert [ears.heard() for ears in everybody] == ["", "", ""]
        await rounds(mock_clock, 15)
        assert [ears.heard() for ears in everybody] == ["\xff\xf1", "", ""]
        await rounds(mock_clock, 30)
        await bob.type("say hello")
        while not (shown := raw.heard()):
            await wait_all_tasks_blocked(0.01)
        assert shown == 'You say, "hello"\n'
        await rounds(mock_clock, 50)
        assert alices.heard() == 'Bob says, "hello"\n'  # something was sent, so that will do
        await rounds(mock_clock, 15)
        assert [ears.heard() for ears in everybody] == ["\xff\xf1", "", 'Bob says, "hello"\n']
        nursery.cancel_scope.cancel()


async def test_who_does_nothing_is_told_once_and_then_hung_up_on(data: Path, runtime: SourceRuntime, mock_clock: MockClock) -> None:
    mock_clock.rate = 1.0
    async with running_server(data, runtime, sessions=IDLE) as server, trio.open_nursery() as nursery:
        bob, bobs = await come_in(server, "Bob", nursery)
        _, alices = await come_in(server, "Alice", nursery)
        stream, _ = await server.listener.connect()
        stranger = Ears(stream, nursery)
        mock_clock.rate = 0.0
        await rounds(mock_clock, 530)
        assert (bobs.heard(), alices.heard()) == ("Alice has connected.\n", "")
        await rounds(mock_clock, 20)
        assert (bobs.heard(), alices.heard()) == (NOTICE, NOTICE)
        await bob.type("")
        await rounds(mock_clock, 45)
        assert (bobs.heard(), alices.heard()) == ("", "")
        await rounds(mock_clock, 15)
        assert (bobs.heard(), alices.heard()) == ("Alice has disconnected.\n", IDLE_GOODBYE)
        assert not alices.is_open
        assert "idle" not in stranger.heard()
        assert stranger.is_open
        await rounds(mock_clock, 100)
        assert stranger.heard() == "You have not come in for a long time. Goodbye.\n"
        await rounds(mock_clock, 370)
        assert bobs.heard() == ""
        await rounds(mock_clock, 20)
        assert (bobs.heard(), bobs.is_open) == (NOTICE, True)
        await rounds(mock_clock, 60)
        assert (bobs.heard(), bobs.is_open) == (IDLE_GOODBYE, False)


async def test_who_types_too_fast_waits_and_nothing_is_lost(data: Path, runtime: SourceRuntime, mock_clock: MockClock) -> None:
    mock_clock.rate = 1.0
    async with running_server(data, runtime, limits=SLOW_TYPISTS) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        mock_clock.rate = 0.0
        mock_clock.jump(10)
        await alice.type(*(f"say {number}" for number in range(9)), "QUIT")
        assert await alice.read_until(TOO_FAST) == said("You", 0, 5) + TOO_FAST
        assert await bob.do("say free") == said("Alice", 0, 5) + 'You say, "free"\n'  # only she waits
        assert await alice.read_until("\n") == 'Bob says, "free"\n'
        for number in range(5, 9):
            await wait_all_tasks_blocked(0.01)
            mock_clock.jump(0.5)
            assert await alice.read_until("\n") == said("You", number, number + 1)
        await wait_all_tasks_blocked(0.01)
        mock_clock.jump(0.5)
        assert await alice.read_to_end() == "Goodbye.\n"
        assert await bob.read_until("disconnected.\n") == said("Alice", 5, 9) + "Alice has disconnected.\n"


async def test_who_is_too_fast_again_after_a_pause_is_told_again(data: Path, runtime: SourceRuntime, mock_clock: MockClock) -> None:
    mock_clock.rate = 1.0
    async with running_server(data, runtime, limits=SLOW_TYPISTS) as server:
        stream, _ = await server.listener.connect()
        alice = Player(stream)
        await alice.type("create Alice password")
        await alice.read_until("Obvious exits:\n")
        await alice.read_until("\n")
        async with trio.open_nursery() as nursery:
            ears = Ears(stream, nursery)
            mock_clock.rate = 0.0
            for pause, times in ((10, 1), (0, 0), (10, 1)):
                mock_clock.jump(pause)
                await alice.type(*(f"say {number}" for number in range(7)))
                shown = ""
                while not shown.endswith(said("You", 6, 7)):
                    await wait_all_tasks_blocked(0.05)
                    more = ears.heard()
                    shown += more
                    if not more:
                        mock_clock.jump(0.5)
                assert shown.replace(TOO_FAST, "") == said("You", 0, 7)
                assert shown.count(TOO_FAST) == times
            nursery.cancel_scope.cancel()


async def test_nothing_is_done_for_somebody_who_was_hung_up_on_while_waiting(
    data: Path, runtime: SourceRuntime, mock_clock: MockClock
) -> None:
    mock_clock.rate = 1.0
    async with running_server(data, runtime, limits=SLOW_TYPISTS) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        mock_clock.rate = 0.0
        mock_clock.jump(10)
        await alice.type(*(f"say {number}" for number in range(9)))
        await alice.read_until(TOO_FAST)
        line = alice.stop_taking()  # so that the farewell is still on its way
        alices, _ = server.running.connections  # in the order in which they came
        alices.close(Farewell.BOOTED, "Out.")
        for _ in range(4):
            await wait_all_tasks_blocked(0.01)
            mock_clock.jump(0.5)
        await wait_all_tasks_blocked(0.01)
        mock_clock.jump(LINGER)
        line.set()
        assert await bob.read_until("disconnected.\n") == said("Alice", 0, 5) + "Alice has disconnected.\n"


async def test_a_flood_waits_where_it_came_from(data: Path, runtime: SourceRuntime, mock_clock: MockClock) -> None:
    """The server does not read on while lines wait to be done, so that the network holds the sender back."""
    mock_clock.rate = 1.0
    async with running_server(data, runtime, limits=SLOW_TYPISTS) as server:
        stream, server_end = await server.listener.connect()
        alice = Player(stream, server_end)
        await alice.type("create Alice password")
        await alice.read_until("Obvious exits:\n")
        mock_clock.rate = 0.0
        mock_clock.jump(10)
        await wait_all_tasks_blocked(0.01)
        reads = 0

        async def count() -> None:
            nonlocal reads
            reads += 1
            await trio.lowlevel.checkpoint()

        server_end.receive_stream.receive_some_hook = count
        await alice.send(b"\n" * 100_000)
        await alice.read_until(TOO_FAST)
        for _ in range(50):
            await wait_all_tasks_blocked(0.001)
            mock_clock.jump(5)
        assert reads == 0  # what was read then is still being done
        await alice.hang_up()


async def test_a_flood_that_may_be_is_done_to_its_end(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        await alice.send(b"\n" * 100_000 + b"say done\nQUIT\n")
        shown = await alice.read_to_end()
        assert shown.replace(TOO_FAST, "") == 'You say, "done"\nGoodbye.\n'
