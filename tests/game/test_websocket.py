"""A whole game over a websocket in our own messages, beside people at telnet."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.game import ADMIN_PASSWORD, running_server
from support.websocket import Socket, websockets

from holomush import __version__
from holomush.config import GameConfig, SessionsConfig
from holomush.plugins.guests.guest import SourceRuntime

HELLO = {"type": "hello", "game": "HoloMUSH", "version": __version__, "guests": True, "text": "Welcome to HoloMUSH."}


async def event(socket: Socket, kind: str) -> tuple[str | None, str]:
    """The text and role of the next event of a type."""
    while (message := await socket.until("event"))["event"]["type"] != kind:
        pass
    return message["text"], message["role"]


async def test_hello_comes_first_and_pings_are_answered(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime, sessions=SessionsConfig(guests=0)) as server, websockets(server) as web:
        assert GameConfig().name == "HoloMUSH"
        for subprotocols in ((), ("holomush",), ("chat", "holomush")):
            socket = await web.dial(*subprotocols)
            assert await socket.next() == {**HELLO, "guests": False}
            await socket.say("ping", id=2**53 - 1)
            assert await socket.next() == {"type": "pong", "id": 2**53 - 1}
            await socket.say("guest")
            assert (await socket.next())["to"] == "guest"


async def test_what_makes_no_sense_is_answered_and_does_no_harm(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        bob = await web.create("Bob")
        for said, answer in (
            (b"look", "Messages are JSON in text frames."),
            ("look", "That message is not JSON."),
            ("[" * 5_000, "That message is not JSON."),
            ('{"type":"look"}', 'There is no message of the type "look".'),
            ('{"type":"line","text":"a\\nb"}', "text: a line has no line ends in it."),
        ):
            await bob.send(said)
            assert await bob.until("error") == {"type": "error", "text": answer}
        await bob.line("say half \ud83d a \x1b[31mline")
        assert await event(bob, "say") == ('You say, "half  a [31mline"', "actor")
        await bob.line("x" * 8_192)
        await bob.until("text", text='Huh?  (Type "help" for help.)')


async def test_a_password_that_was_asked_for_is_not_wanted_after_coming_in_another_way(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        await web.create("Bob")
        eve = await web.dial()
        await eve.line("connect Bob")
        assert (await eve.until("prompt"))["secret"] is True
        await eve.say("guest")
        assert (await eve.until("playing"))["character"]["name"] == "Guest1"
        assert [message["secret"] for message in eve.seen if message["type"] == "prompt"] == [True, False]
        assert "playing" not in {message["type"] for message in await eve.do("password")}


async def test_coming_in_and_being_refused(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        bob = await web.dial()
        assert await bob.next() == HELLO
        wrong = "Either there is no such player, or the password is wrong."
        await bob.say("connect", name="Bob", password="password")
        assert await bob.next() == {"type": "refused", "to": "connect", "text": wrong}
        await bob.say("create", name="Bob", password="short")
        assert (await bob.next())["to"] == "create"
        await bob.say("create", name="Bob", password=" pass word ")
        playing = await bob.next()
        assert set(playing) == {"type", "character", "access", "token", "grace", "commands", "resumed"}
        assert (playing["type"], playing["access"], playing["resumed"]) == ("playing", "player", False)
        assert {"say", "look", "channel join"} < set(playing["commands"])
        assert not {"boot", "dig"} & set(playing["commands"])
        await bob.till_quiet()
        await bob.say("connect", name="Bob", password="password")
        assert await bob.next() == {"type": "text", "text": "You are in the game already."}
        telnet, _ = await server.come_back("Bob", "pass word")  # as it would have been typed
        await telnet.do("think so")


async def test_everything_can_be_typed_too(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        await server.create("Bob")
        bob = await web.dial()
        await bob.line("WHO")
        assert (await bob.until("text"))["text"].splitlines()[1].startswith("Bob")
        await bob.line("connect Bob")
        assert await bob.next() == {"type": "prompt", "text": "Password: ", "secret": True}
        await bob.line("wrong one")
        assert await bob.next() == {"type": "prompt", "text": "", "secret": False}
        assert (await bob.next())["type"] == "refused"
        await bob.line("connect Bob", "password")
        assert (await bob.until("playing"))["character"]["name"] == "Bob"
        await bob.till_quiet()
        await bob.line("QUIT")
        assert await bob.to_end() == [{"type": "goodbye", "reason": "quit", "text": "Goodbye.", "resume": False}]
        assert bob.connection.closed is not None
        assert bob.connection.closed.code == 1000


async def test_talking_with_telnet(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        bob, alice = await web.create("Bob"), await server.create("Alice")
        assert (bob.seen[2]["event"]["type"], bob.seen[2]["text"], bob.seen[2]["role"]) == ("connect", None, "actor")
        assert await event(bob, "connect") == ("Alice has connected.", "others")
        await bob.line("say hello")
        assert await event(bob, "say") == ('You say, "hello"', "actor")
        await alice.read_until('Bob says, "hello"\n')
        await alice.do('say <script>alert("x")</script> {"type":"goodbye"}')
        said = await bob.until("event")
        assert said["text"] == 'Alice says, "<script>alert("x")</script> {"type":"goodbye"}"'
        assert "spans" not in said
        assert said["event"]["payload"] == {"message": '<script>alert("x")</script> {"type":"goodbye"}'}
        await alice.do("say [bold][red]hot[/] [[x][/]")
        said = await bob.until("event")
        assert said["text"] == 'Alice says, "hot [x]"'
        assert "".join(text for text, _ in said["spans"]) == said["text"]
        assert ["hot", {"bold": True, "color": "red"}] in said["spans"]
        await alice.do("whisper bob=secret")
        text, role = await event(bob, "whisper")
        assert (role, "secret" in (text or "")) == ("target", True)
        await alice.do("page bob=over here")
        message = await bob.until("event")
        assert "over here" in message["text"]
        assert message["role"] == "target"
        await alice.do("channel create public")
        await bob.line("channel join public")
        await alice.do("=to all")
        await bob.until("event", text='[public] Alice says, "to all"')
        sequences = [one["sequence"] for one in bob.seen if one["type"] == "event"]
        assert sequences == sorted(set(sequences))


async def test_all_connections_of_a_character_see_the_same(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        bob = await web.create("Bob")
        again = await web.dial()
        other = await again.enter("Bob")
        assert other["resumed"] is False
        telnet, _ = await server.come_back("Bob")
        await telnet.do("say one")
        for socket in (bob, again):
            await socket.until("event", text='You say, "one"')
        await bob.line("look me")
        await again.until("text", text="Bob\nYou see nothing special.")
        await telnet.read_until("Bob\nYou see nothing special.\n")
        await bob.line("QUIT")
        await bob.to_end()
        await again.line("say two")
        await telnet.read_until('You say, "two"\n')


async def test_switching_characters(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        bob = await web.dial()
        first = await bob.enter("Bob", new=True)
        await bob.do("character create Robin")
        await bob.line("character switch Robin")
        playing = await bob.until("playing")
        assert playing["character"]["name"] == "Robin"
        assert playing["token"] != first["token"]
        place = await bob.until("place")
        assert {one["name"]: one["connected"] for one in place["people"]} == {"Admin": False, "Bob": False, "Robin": True}
        await bob.till_quiet()
        await bob.drop()
        again = await web.dial()
        assert (await again.resume(first["token"]))["type"] == "refused"
        assert (await again.resume(playing["token"]))["character"] == playing["character"]


async def test_guests_and_being_thrown_out(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
        guest = await web.dial()
        await guest.say("guest")
        playing = await guest.until("playing")
        assert (playing["character"]["name"], playing["access"]) == ("Guest1", "guest")
        await admin.do("boot guest1=[red]too[/] loud")
        goodbye = {"type": "goodbye", "reason": "booted", "text": "You are disconnected: too loud", "resume": False}
        assert (await guest.to_end())[-1] == goodbye


async def test_the_server_says_goodbye(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        bob, nobody = await web.create("Bob"), await web.dial()
        await nobody.until("hello")
        server.shutdown.set()
        text = "The server is shutting down. Goodbye."
        goodbye = {"type": "goodbye", "reason": "shutdown", "text": text, "resume": True}
        assert (await bob.to_end())[-1] == (await nobody.to_end())[-1] == goodbye


@pytest.mark.parametrize("rows", [0, 5, 65_535])
async def test_windows_change_nothing_that_is_sent(data: Path, runtime: SourceRuntime, rows: int) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        bob = await web.create("Bob")
        await bob.say("window", columns=10, rows=rows, screen_reader=False)
        await bob.line("think " + "word " * 50)
        assert (await bob.until("text"))["text"] == ("word " * 50).strip()
