"""Coming back without a password: tokens, what is told of the time between, and how tokens end."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
import trio
from support.game import ADMIN_PASSWORD, FAST_TYPISTS, Player, Server, running_server
from support.websocket import Dialler, Socket, websockets
from trio.testing import open_stream_to_socket_listener
from trio_websocket import ConnectionClosed

from holomush import clock
from holomush.auth.tokens import digest_of
from holomush.config import LimitsConfig, SessionsConfig
from holomush.plugins.guests.guest import SourceRuntime
from holomush.sessions import resumption
from holomush.sessions.arrival import NOT_RESUMED

REFUSED = {"type": "refused", "to": "resume", "text": NOT_RESUMED}
BOOTED = {"type": "goodbye", "reason": "booted", "text": "You are disconnected: too loud", "resume": False}
SAYS = re.compile(r'^\w+ says?, "(\d+)"$', re.MULTILINE)


def numbers(socket: Socket) -> list[int]:
    """The numbered says that somebody has read, in order."""
    return [int(number) for text in socket.texts() for number in SAYS.findall(text)]


async def come_back(web: Dialler, token: str, after: int | None) -> tuple[Socket, dict[str, Any]]:
    socket = await web.dial()
    return socket, await socket.resume(token, after)


async def gone(server: Server, name: str) -> None:
    """Wait until nobody plays a character."""
    game = server.running.game
    with trio.fail_after(30):
        while (one := game.world.character_named(name)) is not None and game.presences.is_connected(one.id):  # noqa: ASYNC110
            await trio.sleep(0.001)


async def test_a_lost_connection_is_taken_up_again(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        alice = await server.create("Alice")
        bob = await web.dial()
        playing = await bob.enter("Bob", new=True)
        assert (playing["resumed"], playing["grace"]) == (False, 600.0)
        assert re.fullmatch("[A-Za-z0-9_-]{22}", playing["token"])
        await alice.do("say 1")
        await bob.until("event", text='Alice says, "1"')
        await bob.drop()
        await alice.read_until("Bob has disconnected.\n")
        await alice.do("say 2")
        await alice.do("say 3")
        again, back = await come_back(web, playing["token"], bob.sequence)
        assert back["resumed"] is True
        assert back["character"] == playing["character"]
        assert back["token"] != playing["token"]
        # The surroundings may come at any time.
        messages = [message for message in await again.till_quiet() if message["type"] != "place"]
        assert [message["type"] for message in messages] == ["replay", "event", "event", "replay_end", "event"]
        assert messages[0] == {"type": "replay", "count": 2, "missed": 2}
        assert [(one["text"], one["role"], one["replayed"]) for one in messages[1:3]] == [
            ('Alice says, "2"', "others", True),
            ('Alice says, "3"', "others", True),
        ]
        assert (messages[4]["event"]["type"], "replayed" in messages[4]) == ("connect", False)
        await alice.read_until("Bob has connected.\n")
        await again.line("look me")
        await again.until("text", text="Bob\nYou see nothing special.")
    database = b"".join(path.read_bytes() for path in data.glob("*") if path.is_file())  # noqa: ASYNC240
    assert digest_of(back["token"]).encode() in database
    for token in (playing["token"], back["token"]):
        assert token.encode() not in database


async def test_a_token_is_good_once(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        bob = await web.dial()
        token = (await bob.enter("Bob", new=True))["token"]
        await bob.drop()
        await gone(server, "Bob")
        again, back = await come_back(web, token, bob.sequence)
        await again.line("say I am back")
        await again.till_quiet()
        other, answer = await come_back(web, token, 0)
        assert answer == REFUSED
        assert (await other.resume(back["token"] + "x")) == REFUSED
        await again.line("look me")
        await again.until("text", text="Bob\nYou see nothing special.")
        await again.say("resume", token=back["token"])
        await again.until("text", text="You are in the game already.")
        assert (await other.resume(back["token"]))["resumed"]
        assert (await again.until("goodbye"))["reason"] == "elsewhere"


@pytest.mark.parametrize("token", ["", "x", "x" * 1024, "' OR 1=1 --", "\ud800", "\0"])
async def test_nonsense_is_refused(data: Path, runtime: SourceRuntime, token: str) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        _, answer = await come_back(web, token, None)
        assert answer == REFUSED


async def test_two_at_once_end_with_one(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        alice = await server.create("Alice")
        bob = await web.dial()
        token = (await bob.enter("Bob", new=True))["token"]
        await bob.drop()
        await alice.read_until("Bob has disconnected.\n")
        sockets = [await web.dial() for _ in range(5)]
        for socket in sockets:
            await socket.say("resume", token=token, after=bob.sequence)
        await alice.read_until("Bob has connected.\n")
        assert await alice.do("think so") == "so\n"  # nobody came or went a second time
        winners = 0
        for socket in sockets:
            try:
                await socket.till_quiet()
                winners += 1
            except ConnectionClosed:
                await socket.to_end()
                assert (socket.seen[-1]["type"], socket.seen[-1]["reason"]) == ("goodbye", "elsewhere")
        assert winners == 1


async def test_an_answer_that_is_lost_strands_nobody(data: Path, runtime: SourceRuntime) -> None:
    """The token works again if the client never heard of the next, until something is heard from it."""
    async with running_server(data, runtime) as server, websockets(server) as web:
        alice = await server.create("Alice")
        bob = await web.dial()
        token = (await bob.enter("Bob", new=True))["token"]
        await bob.drop()
        await alice.read_until("Bob has disconnected.\n")
        await alice.do("say 1")
        deaf = await web.dial()
        await deaf.until("hello")
        line = deaf.stop_taking()
        await deaf.say("resume", token=token, after=bob.sequence)
        await alice.read_until("Bob has connected.\n")
        await alice.do("say 2")
        # While the server believes in that connection ...
        second, back = await come_back(web, token, bob.sequence)
        assert back["resumed"]
        assert numbers_of(await second.till_quiet()) == [1, 2]
        # ... and when it has noticed.
        line.set()
        await second.drop()
        await alice.read_until("Bob has disconnected.\n")
        third, last = await come_back(web, token, second.sequence)
        assert last["resumed"]
        await third.till_quiet()
        assert numbers(third) == []
        # What was given to the one in between leads nowhere.
        other, answer = await come_back(web, back["token"], 0)
        assert answer == REFUSED
        # A ping is no proof of having read anything: some clients send them by a clock.
        await third.say("window", columns=80, rows=24)
        await third.line("think so")
        await third.until("text", text="so")
        assert await other.resume(token) == REFUSED
        assert (await other.resume(last["token"]))["resumed"]


def numbers_of(messages: list[dict[str, Any]]) -> list[int]:
    return [int(one) for message in messages if message["type"] == "event" for one in SAYS.findall(message["text"] or "")]


async def test_the_new_token_ends_the_old_one_too(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        first = await web.dial()
        tokens = [(await first.enter("Bob", new=True))["token"]]
        await first.drop()
        for _ in range(3):
            socket, back = await come_back(web, tokens[-1], 0)
            tokens.append(back["token"])
            await socket.drop()
        for token in tokens[:-2]:
            assert (await come_back(web, token, 0))[1] == REFUSED
        kept = server.running.registers.resume_tokens
        assert len(kept) == 2
        await come_back(web, tokens[-1], 0)
        assert (await come_back(web, tokens[-2], 0))[1] == REFUSED


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nothing_is_missed_or_told_twice(data: Path, runtime: SourceRuntime, seed: int) -> None:
    dice = random.Random(seed)
    sessions = SessionsConfig(replay_limit=1_000)
    async with running_server(data, runtime, sessions=sessions) as server, websockets(server) as web:
        alice = await server.create("Alice")
        socket = await web.dial()
        playing = await socket.enter("Bob", new=True)
        told: list[int] = []
        drops = after = 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk, alice)
            while 200 not in told + numbers(socket):
                for _ in range(dice.randrange(1, 30)):
                    if 200 in numbers(socket):
                        break
                    await socket.next()
                if dice.random() < 0.7:
                    # What is on its way is lost.
                    await socket.drop()
                    drops += 1
                    told += numbers(socket)
                    after = max(socket.sequence, after)
                    if dice.random() < 0.5:
                        await trio.sleep(dice.random() / 100)
                    socket, playing = await come_back(web, playing["token"], after)
                    assert playing["type"] == "playing"
        assert told + numbers(socket) == list(range(1, 201))
        assert drops > 3


async def talk(player: Player) -> None:
    for number in range(1, 201):
        await player.do(f"say {number}")


async def test_telnet_over_a_line_that_loses_bytes(data: Path, runtime: SourceRuntime) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with running_server(data, runtime, listeners=listeners) as server:
        alice = await server.create("Alice")
        sock = trio.socket.socket()
        sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4_096)
        await sock.connect(listeners[0].socket.getsockname())
        stream = trio.SocketStream(sock)
        bob = Player(stream)
        await bob.type("create Bob password")
        await bob.read_until("up  east\n")
        await bob.type("RESUME")
        token = (await bob.read_until("It works once. Tell nobody.\n")).splitlines()[-2].removeprefix("resume ")
        for number in range(1, 41):
            await alice.do(f"say {number} {'x' * 1_000}")
        # What his machine has taken he reads yet. The rest is lost on the way.
        seen = numbers_in(sock._sock.recv(1_000_000, trio.socket.MSG_PEEK).decode())  # type: ignore[attr-defined]
        stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        await stream.aclose()
        await alice.read_until("Bob has disconnected.\n")
        assert 0 < len(seen) < 30
        await alice.do("say 41 the last")
        bob = await server.connect()
        await bob.type(f"resume {token}")
        assert await bob.read_until("\n") == "You are back as Bob.\n"
        assert seen + numbers_in(await bob.read_until("--- end of replay ---\n")) == list(range(1, 42))
        await alice.do("say 42")
        assert await bob.read_until("\n") == 'Alice says, "42"\n'
        await bob.do("think so")
        other = await server.connect()
        await other.type(f"resume {token}")
        assert await other.read_until("\n") == f"{NOT_RESUMED}\n"


def numbers_in(text: str) -> list[int]:
    return [int(number) for number in re.findall(r'says, "(\d+) ?[^"]*"\r?\n', text)]


@pytest.mark.parametrize("after", [0, None, 1])
async def test_nobody_is_told_what_was_said_before_they_came(data: Path, runtime: SourceRuntime, after: int | None) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        alice = await server.create("Alice")
        await alice.do("say 1")
        bob = await web.dial()
        token = (await bob.enter("Bob", new=True))["token"]
        await alice.do("north")
        await alice.do("say 2")
        await bob.line("north")
        await bob.until("place", place={"id": "01K0000000000000000000GRDN", "name": "The Walled Garden"})
        await alice.do("say 3")
        await bob.until("event", text='Alice says, "3"')
        await bob.drop()
        await alice.read_until("Bob has disconnected.\n")
        await alice.do("say 4")
        again, _ = await come_back(web, token, after)
        await again.till_quiet()
        assert numbers(again) == ([4] if after is None else [3, 4])


async def test_pages_from_before_a_walk_are_not_lost(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        alice = await server.create("Alice")
        bob = await web.dial()
        token = (await bob.enter("Bob", new=True))["token"]
        seen = bob.sequence
        await alice.do("page bob=read this")
        await bob.line("north")
        await bob.until("place", place={"id": "01K0000000000000000000GRDN", "name": "The Walled Garden"})
        await bob.drop()
        await alice.do("think so")
        again, _ = await come_back(web, token, seen)
        await again.till_quiet()
        assert any("read this" in text for text in again.texts())


async def test_an_open_connection_is_taken_over(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        alice = await server.create("Alice")
        bob = await web.dial()
        token = (await bob.enter("Bob", new=True))["token"]
        await alice.read_until("Bob has connected.\n")
        again, back = await come_back(web, token, bob.sequence)
        assert back["resumed"]
        assert (await bob.to_end())[-1] == {
            "type": "goodbye",
            "reason": "elsewhere",
            "text": "You have come back over another connection.",
            "resume": False,
        }
        await again.till_quiet()
        assert await alice.do("say 1") == 'You say, "1"\n'
        await again.until("event", text='Alice says, "1"')


async def test_time_is_limited(data: Path, runtime: SourceRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    real, late = clock.now, 0

    def now() -> int:
        return real() + late

    monkeypatch.setattr(resumption, "now", now)
    sessions = SessionsConfig(resume_grace=100)
    async with running_server(data, runtime, sessions=sessions) as server, websockets(server) as web:
        bob = await web.dial()
        token = (await bob.enter("Bob", new=True))["token"]
        late = 1_000_000  # as long as he is there, it is worth something
        await bob.drop()
        await gone(server, "Bob")
        late += 90_000
        again, back = await come_back(web, token, 0)
        assert back["grace"] == 100.0
        await again.drop()
        await gone(server, "Bob")
        late += 100_001
        assert (await come_back(web, back["token"], 0))[1] == REFUSED


async def test_quitting_ends_it(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        bob = await web.dial()
        token = (await bob.enter("Bob", new=True))["token"]
        await bob.line("quit")
        assert (await bob.to_end())[-1] == {"type": "goodbye", "reason": "quit", "text": "Goodbye.", "resume": False}
        await gone(server, "Bob")
        assert (await come_back(web, token, 0))[1] == REFUSED
        assert len(server.running.registers.resume_tokens) == 0


@pytest.mark.parametrize(
    ("deed", "is_lost"),
    [
        ("boot bob=too loud", False),
        ("ban bob=too loud", False),
        ("ban bob=too loud", True),
        ("newpassword bob=correct horse", False),
        ("newpassword bob=correct horse", True),
    ],
)
async def test_what_admins_do_ends_it(data: Path, runtime: SourceRuntime, deed: str, is_lost: bool) -> None:  # noqa: FBT001
    async with running_server(data, runtime) as server, websockets(server) as web:
        admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
        bob = await web.dial()
        token = (await bob.enter("Bob", new=True))["token"]
        if is_lost:
            await bob.drop()
            await gone(server, "Bob")
        await admin.do(deed)
        if not is_lost:
            if deed.startswith("boot"):
                assert (await bob.to_end())[-1] == BOOTED
            await bob.drop()
            await gone(server, "Bob")
        assert (await come_back(web, token, 0))[1] == REFUSED


async def test_who_is_booted_does_not_come_back_to_another_connection(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
        lost, bob, deaf = [await web.dial() for _ in range(3)]
        tokens = [(await lost.enter("Bob", new=True))["token"]]
        tokens += [(await socket.enter("Bob"))["token"] for socket in (bob, deaf)]
        one = next(one for one in server.running.game.presences if len(one.clients) == 3)
        await lost.drop()
        with trio.fail_after(30):
            while len(one.clients) == 3:  # noqa: ASYNC110
                await trio.sleep(0.001)
        line = deaf.stop_taking()
        await admin.do("boot bob=too loud")
        # At once: the server still tries to tell one of them.
        for token in tokens:
            assert (await come_back(web, token, 0))[1] == REFUSED
        assert (await bob.to_end())[-1] == BOOTED
        # Whoever comes in by the password meanwhile stays.
        again = await web.dial()
        token = (await again.enter("Bob"))["token"]
        line.set()
        await deaf.drop()
        with trio.fail_after(30):
            while len(one.clients) > 1:  # noqa: ASYNC110
                await trio.sleep(0.001)
        assert (await come_back(web, token, 0))[1]["resumed"]


async def test_a_banned_address_is_kept_out(data: Path, runtime: SourceRuntime) -> None:
    limits = LimitsConfig(commands=FAST_TYPISTS.commands, proxies=("127.0.0.1",))
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")

    async def dial(address: str) -> Player:
        """Somebody who comes from an address, by a proxy."""
        stream = await open_stream_to_socket_listener(listeners[0])
        await stream.send_all(f"PROXY TCP4 {address} 192.0.2.1 40000 4201\r\n".encode())
        return Player(stream)

    async with running_server(data, runtime, limits=limits, listeners=listeners) as server:
        admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
        bob = await dial("198.51.100.7")
        await bob.type("create Bob password")
        await bob.read_until("up  east\n")
        await bob.type("RESUME")
        token = (await bob.read_until("It works once. Tell nobody.\n")).splitlines()[-2].removeprefix("resume ")
        await bob.hang_up()
        await admin.read_until("Bob has disconnected.\n")
        assert await admin.do("ban 198.51.100.0/24=spam") == "Nobody from 198.51.100.0/24 is let in any more: spam\n"
        barred = await dial("198.51.100.8")
        await barred.read_until("asked for it unseen.\n")
        await barred.type(f"resume {token}")
        assert await barred.read_until("\n") == "Nobody is let in from your address: spam\n"
        # That was no reason to take the token from them: elsewhere it is good.
        again = await dial("203.0.113.7")
        await again.read_until("asked for it unseen.\n")
        await again.type(f"resume {token}")
        assert await again.read_until("\n") == "You are back as Bob.\n"
        await barred.hang_up()
        await again.hang_up()


async def test_it_works_over_a_restart(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        alice = await server.create("Alice")
        bob, lost, guest = [await web.dial() for _ in range(3)]
        tokens = [(await bob.enter("Bob", new=True))["token"], (await lost.enter("Lost", new=True))["token"]]
        await guest.say("guest")
        tokens.append((await guest.until("playing"))["token"])
        await alice.do("say 1")
        await bob.until("event", text='Alice says, "1"')
        await lost.until("event", text='Alice says, "1"')
        await lost.drop()
        await gone(server, "Lost")
        await alice.do("say 2")
        await bob.until("event", text='Alice says, "2"')
        server.shutdown.set()
        assert (await bob.to_end())[-1] == {
            "type": "goodbye",
            "reason": "shutdown",
            "text": "The server is shutting down. Goodbye.",
            "resume": True,
        }
    async with running_server(data, runtime) as server, websockets(server) as web:
        alice, _ = await server.come_back("Alice")
        await alice.do("say 3")
        bob, back = await come_back(web, tokens[0], bob.sequence)
        assert back["resumed"]
        await bob.till_quiet()
        assert numbers(bob) == [3]
        lost, _ = await come_back(web, tokens[1], lost.sequence)
        await lost.till_quiet()
        assert numbers(lost) == [2, 3]
        assert (await come_back(web, tokens[2], 0))[1] == REFUSED


async def test_a_guest_is_waited_for_and_then_gone(data: Path, runtime: SourceRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    real, late = clock.now, 0

    def now() -> int:
        return real() + late

    monkeypatch.setattr(resumption, "now", now)
    monkeypatch.setattr(resumption, "SWEEP_INTERVAL", 0.01)
    async with running_server(data, runtime) as server, websockets(server) as web:
        admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
        guest = await web.dial()
        await guest.say("guest")
        playing = await guest.until("playing")
        assert playing["access"] == "guest"
        await admin.do("create a lamp")
        await admin.do("give lamp to guest1")
        await guest.drop()
        await gone(server, "Guest1")
        world = server.running.game.world
        assert world.character_named("Guest1") is not None
        guest, back = await come_back(web, playing["token"], guest.sequence)
        assert back["character"] == playing["character"]
        await guest.line("inventory")
        assert "lamp" in (await guest.until("text"))["text"]
        await guest.drop()
        await gone(server, "Guest1")
        late = 601_000
        with trio.fail_after(30):
            while world.character_named("Guest1") is not None:  # noqa: ASYNC110
                await trio.sleep(0.001)
        assert "lamp" in await admin.do("look")
        assert (await come_back(web, back["token"], 0))[1] == REFUSED
        guest = await web.dial()
        await guest.say("guest")
        await guest.until("playing")
        await guest.line("QUIT")
        await guest.to_end()
        with trio.fail_after(30):
            while world.character_named("Guest1") is not None:  # noqa: ASYNC110
                await trio.sleep(0.001)


async def test_a_replay_is_no_longer_than_set(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime, sessions=SessionsConfig(replay_limit=2)) as server, websockets(server) as web:
        alice = await server.create("Alice")
        bob = await web.dial()
        token = (await bob.enter("Bob", new=True))["token"]
        await bob.drop()
        await alice.read_until("Bob has disconnected.\n")
        for number in range(5):
            await alice.do(f"say {number}")
        again, _ = await come_back(web, token, bob.sequence)
        assert await again.until("replay") == {"type": "replay", "count": 2, "missed": 6}
        await again.till_quiet()
        assert numbers(again) == [3, 4]


async def test_a_replay_never_floods_the_client(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        alice = await server.create("Alice")
        bob = await web.dial()
        token = (await bob.enter("Bob", new=True))["token"]
        await bob.drop()
        await alice.read_until("Bob has disconnected.\n")
        for _ in range(50):
            await alice.do("say " + "[red]a[/]" * 900)
        again, _ = await come_back(web, token, bob.sequence)
        replay = await again.until("replay")
        assert 5 < replay["count"] < replay["missed"] == 51
        messages = await again.till_quiet()
        assert len([one for one in messages if one.get("replayed")]) == replay["count"]


async def test_resume_typed_in_a_client_that_does_it_by_itself(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        bob = await web.dial()
        token = (await bob.enter("Bob", new=True))["token"]
        await bob.line("RESUME")
        await bob.until("text", text="If you lose the connection, your client comes back by itself.")
        await bob.drop()
        await gone(server, "Bob")
        assert (await come_back(web, token, bob.sequence))[1]["resumed"]


async def test_a_typed_token_goes_along_to_another_character(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob = await server.create("Bob")
        await bob.do("character create Robin")
        await bob.type("RESUME")
        token = (await bob.read_until("It works once. Tell nobody.\n")).splitlines()[-2].removeprefix("resume ")
        await bob.type("character switch Robin")
        await bob.read_until("up  east\n")
        await bob.hang_up()
        await gone(server, "Robin")
        again = await server.connect()
        await again.type(f"resume {token}")
        assert await again.read_until("\n") == "You are back as Robin.\n"
