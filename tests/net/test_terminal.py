"""Telnet clients in a whole server: what a client that has everything on is sent, compressed, and what an old one is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from support.game import PATIENCE, Player, Server, running_server
from support.plugins import write_plugin
from telnet.clients import Mudlet
from telnet.wire import CHARSET, COMMAND_EOR, COMPRESS2, DO, DONT, ECHO, EOR, GA, GMCP, IAC, MSSP, SGA, WILL, WONT, gmcp, sub

from holomush.net.packages import room_number
from holomush.plugins.guests.guest import SourceRuntime
from holomush.world.model import Character, Location

OPENING = "asked for it unseen.\r\n"
_COLOUR = re.compile("\x1b\\[[0-9;]*m")

VITALS = """
capabilities: ["emit:character:*"]
commands:
  - {name: zhurt, pattern: "zhurt <points>", handler: hurt}
renders:
  vitals: {gmcp: Char.Vitals, others: ""}
"""
VITALS_SOURCE = """
from holomush_pdk import *

def hurt(inv):
    emit_event(f"character:{inv.actor.id}", "vitals", {"hp": int(inv.args.points), "name": "Zoë"})
    return "Ouch."
"""


class FullMudlet(Mudlet):
    """Wants what the game has, and says so; knows where compression ends."""

    supports: tuple[str, ...] = ("Char 1", "Room 1", "Comm 1", "Comm.Channel 1")

    def __init__(self) -> None:
        super().__init__()
        self.plain = 0
        """Bytes that came as they are after compression had ended."""

    def began(self, option: bytes) -> bytes:
        if option == GMCP:
            hello = gmcp('Core.Hello {"client": "Mudlet", "version": "4.17.2"}')
            return hello + gmcp(f"Core.Supports.Set {json.dumps(self.supports)}")
        return super().began(option)

    def subnegotiated(self, option: bytes, payload: bytes) -> bytes:
        if option != MSSP:
            return super().subnegotiated(option, payload)
        variables = (part.split("\x02") for part in payload.decode().split("\x01")[1:])
        self.status = {name: " ".join(values) for name, *values in variables}
        return b""

    def _inflated(self, data: bytes) -> bytes:
        inflater = self._inflater
        inflated = super()._inflated(data)
        if inflater is None:
            if self.compressed:
                self.plain += len(data)
        elif inflater.eof:
            self._inflater = None
            self.plain += len(inflater.unused_data)
            return inflated + inflater.unused_data
        return inflated


class Program:
    """A model of a client at work: it answers by itself, and is asked what it has shown."""

    def __init__(self, stream: trio.abc.Stream, model: FullMudlet) -> None:
        self._stream = stream
        self.model = model

    async def wait(self, is_there: Callable[[], bool]) -> None:
        """Take what comes until something is there."""
        with trio.fail_after(PATIENCE):
            while not is_there():
                data = await self._stream.receive_some(65_536)
                if not data:
                    raise AssertionError(f"hung up after {self.model.text!r}")
                answer = self.model.receive(bytes(data))
                if answer:
                    await self._stream.send_all(answer)

    async def read_until(self, text: str) -> str:
        """Everything shown up to and with ``text``, without colours."""

        def is_there() -> bool:
            self.model.text = _COLOUR.sub("", self.model.text)
            return text in self.model.text

        await self.wait(is_there)
        end = self.model.text.index(text) + len(text)
        read, self.model.text = self.model.text[:end], self.model.text[end:]
        return read

    async def type(self, *lines: str) -> None:
        await self.send("".join(f"{line}\r\n" for line in lines).encode())

    async def send(self, data: bytes) -> None:
        await self._stream.send_all(data)

    def told(self, package: str) -> list[object]:
        """The data of all messages of one package so far."""
        return [data for name, data in self.model.messages if name == package]

    async def wait_told(self, package: str, data: object) -> None:
        """Wait for a message, which may have come already."""
        await self.wait(lambda: (package, data) in self.model.messages)


async def program(server: Server, model: FullMudlet) -> Program:
    """A client on the connect screen."""
    client, _ = await server.listener.connect()
    one = Program(client, model)
    await one.read_until(OPENING)
    return one


def place_of(server: Server, name: str) -> Location:
    world = server.running.game.world
    character = world.character_named(name)
    assert isinstance(character, Character)
    place = world.get(character.location_id)
    assert isinstance(place, Location)
    return place


def room_info(server: Server, name: str) -> dict[str, Any]:
    """What ``Room.Info`` must say to somebody."""
    place = place_of(server, name)
    world = server.running.game.world
    exits = {way.name: room_number(way.destination_id) for way in map(world.get, world.contents(place.id).exits)}  # type: ignore[union-attr]
    return {"num": room_number(place.id), "id": place.id, "name": place.name, "area": "", "exits": exits}


def person(name: str) -> dict[str, str]:
    return {"name": name, "fullname": name}


async def created(server: Server, model: FullMudlet, name: str) -> Program:
    """Somebody new who has come in."""
    one = await program(server, model)
    await one.type(f"create {name} password")
    await one.read_until("Obvious exits:\r\n")
    await one.read_until("\r\n")
    return one


async def test_a_scene_over_a_client_that_has_everything_on(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await created(server, FullMudlet(), "Alice")
        assert alice.model.compressed > 0
        assert (alice.model.charset, alice.model.status["NAME"]) == ("UTF-8", "HoloMUSH")
        square = room_info(server, "Alice")
        await alice.wait_told("Room.Players", [person("Alice")])
        assert alice.model.messages == [
            ("Char.Name", {"name": "Alice", "fullname": "Alice"}),
            ("Char.StatusVars", {"name": "Name", "role": "Role"}),
            ("Char.Status", {"name": "Alice", "role": "player"}),
            ("Room.Info", square),
            ("Room.Players", [person("Alice")]),
        ]
        alice.model.messages.clear()

        bob = await server.create("Bob")
        await alice.wait_told("Room.Players", [person("Alice"), person("Bob")])
        await alice.type("say Grüße")
        assert await alice.read_until('Grüße"\r\n') == 'Bob has connected.\r\nYou say, "Grüße"\r\n'
        await bob.type("channel create Public", "=public hello")
        await bob.read_until('[public] Bob says, "hello"\n')
        await alice.type("channel join public", "=public hi there")
        await alice.read_until("joined public. To say something there, type: =public <message>\r\n")
        text = '[public] Alice says, "hi there"'
        assert await alice.read_until("\r\n") == f"{text}\r\n"
        assert alice.model.messages == [
            ("Room.Players", [person("Alice"), person("Bob")]),
            ("Comm.Channel.Text", {"channel": "public", "talker": "Alice", "text": text}),
        ]
        alice.model.messages.clear()

        way = next(iter(square["exits"]))
        await alice.type(way)
        await alice.wait_told("Room.Players", [person("Alice")])
        assert alice.model.messages == [("Room.Info", room_info(server, "Alice")), ("Room.Players", [person("Alice")])]
        assert room_info(server, "Alice") != square
        await alice.type("QUIT")
        assert (await alice.read_until("Goodbye.\r\n")).endswith("Goodbye.\r\n")
        assert alice.model.plain == 0


async def test_what_a_plugin_declares_reaches_programs_that_want_it(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    write_plugin(tmp_path / "plugins", "vitals", VITALS, VITALS_SOURCE)
    deaf = FullMudlet()
    deaf.supports = ("Room 1", "Comm 1")
    async with running_server(data, runtime, tmp_path / "plugins") as server:
        for model, name, told in ((FullMudlet(), "Alice", [{"hp": 7, "name": "Zoë"}]), (deaf, "Bob", [])):
            one = await created(server, model, name)
            await one.type("zhurt 7", "say done")
            assert await one.read_until('done"\r\n') == 'Ouch.\r\nYou say, "done"\r\n'
            assert one.told("Char.Vitals") == told
        assert deaf.messages[0][0] == "Room.Info"


async def test_who_wants_only_the_place_is_not_told_of_people(data: Path, runtime: SourceRuntime) -> None:
    model = FullMudlet()
    model.supports = ("Room.Info 1",)
    async with running_server(data, runtime) as server:
        alice = await created(server, model, "Alice")
        await alice.wait_told("Room.Info", room_info(server, "Alice"))
        await alice.send(gmcp("Core.Ping 12"))
        await alice.wait_told("Core.Ping", None)
        assert [name for name, _ in model.messages] == ["Room.Info", "Core.Ping"]


async def test_what_a_client_wants_only_after_coming_in_it_is_told_then(data: Path, runtime: SourceRuntime) -> None:
    model = FullMudlet()
    model.supports = ("Char.Status 1",)
    async with running_server(data, runtime) as server:
        alice = await created(server, model, "Alice")
        await alice.type("preferences prompt on")
        await alice.read_until("> ")
        assert [name for name, _ in model.messages] == ["Char.Status"]
        model.messages.clear()
        await alice.send(gmcp('Core.Supports.Add ["Char 1", "Room 1"]') + gmcp('Core.Supports.Add ["Room 1"]'))
        await alice.wait_told("Room.Players", [person("Alice")])
        await alice.send(gmcp('Core.Supports.Remove ["Room"]') + gmcp('Core.Supports.Add ["Room.Info 1"]') + gmcp("Core.Ping"))
        await alice.type("say done")
        # No line was typed, so no prompt came again: the say stands behind the one that was there.
        assert await alice.read_until('done"\r\n') == 'You say, "done"\r\n'
        info = ("Room.Info", room_info(server, "Alice"))
        assert model.messages == [
            ("Char.Name", person("Alice")),
            ("Char.StatusVars", {"name": "Name", "role": "Role"}),
            info,
            ("Room.Players", [person("Alice")]),
            ("Core.Ping", None),
            info,
        ]


async def test_a_client_may_end_compression_and_loses_nothing(data: Path, runtime: SourceRuntime) -> None:
    model = FullMudlet()
    async with running_server(data, runtime) as server:
        alice = await created(server, model, "Alice")
        await alice.type("say one")
        await alice.send(IAC + DONT + COMPRESS2)
        await alice.type("say two")
        assert await alice.read_until('two"\r\n') == 'You say, "one"\r\nYou say, "two"\r\n'
        assert model.plain > 0
        compressed = model.compressed
        await alice.send(IAC + DO + COMPRESS2)  # and begin again
        await alice.type("say three")
        assert await alice.read_until("\r\n") == 'You say, "three"\r\n'
        assert model.compressed > compressed


async def test_latin_1_both_ways(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob = await server.create("Bob")
        alice = await server.connect()
        await alice.send(IAC + DO + CHARSET + sub(CHARSET, b"\x02ISO-8859-1"))
        await alice.type("create Alice password")
        await alice.read_until("Obvious exits:\n")
        await bob.read_until("Alice has connected.\n")
        await alice.send(b"say caf\xe9 \xff\xff\r\n")
        assert await bob.read_until("\n") == 'Alice says, "café ÿ"\n'
        assert (await alice.read_bytes_until(b'"\r\n')).endswith(b'You say, "caf\xe9 \xff\xff"\r\n')
        await bob.type("say Ünï … ÿ")
        assert await alice.read_bytes_until(b"\r\n") == b'Bob says, "\xdcn\xef ... \xff\xff"\r\n'


@pytest.mark.parametrize(
    ("agreed", "end"),
    [(b"", b""), (IAC + DO + EOR, IAC + COMMAND_EOR), (IAC + DONT + EOR, IAC + GA), (IAC + DONT + EOR + IAC + DO + SGA, b"")],
)
async def test_a_password_is_asked_for_unseen(data: Path, runtime: SourceRuntime, agreed: bytes, end: bytes) -> None:
    """The end of the prompt is as was agreed on; what is typed after it shows again."""
    async with running_server(data, runtime) as server:
        somebody = await server.connect()
        await somebody.send(agreed)
        await somebody.type("create Alice")
        shown = await somebody.read_bytes_until(b"Password: ")
        assert shown.endswith(IAC + WILL + ECHO + b"Password: ")
        await somebody.send(IAC + DO + ECHO + b"password\r\n")
        assert await somebody.read_bytes_until(b"\r\n") == end + IAC + WONT + ECHO + b"\r\n"


async def two_of_one(server: Server) -> tuple[Player, Player]:
    """Two connections of one player who has chosen prompts; the second has one standing."""
    one = await server.create("Alice")
    await one.type("preferences prompt on")
    await one.read_until("\n> ")
    other, _ = await server.come_back("Alice")
    await other.read_until("> ")
    return one, other


async def test_a_prompt_stands_below_all_that_is_shown_until_it_is_switched_off(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        one, other = await two_of_one(server)
        bob = await server.create("Bob")
        assert await other.read_bytes_until(b"> ") == b"\r\nBob has connected.\r\n> "
        await one.type("preferences prompt off")
        await one.read_until("off")
        await bob.type("say hello", ":waves")
        shown = await other.read_bytes_until(b"waves\r\n")
        assert b">" not in shown
        assert shown.startswith(b"\r\n")
        assert shown.count(b"\r\n\r\n") == 0
        assert shown.endswith(b'\r\nBob says, "hello"\r\nBob waves\r\n')


async def test_what_is_only_for_programs_leaves_the_prompt_as_it_stands(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    write_plugin(tmp_path / "plugins", "vitals", VITALS, VITALS_SOURCE)
    async with running_server(data, runtime, tmp_path / "plugins") as server:
        alice = await created(server, FullMudlet(), "Alice")
        await alice.type("preferences prompt on")
        await alice.read_until("> ")
        other, _ = await server.come_back("Alice")
        await alice.read_until("> ")  # it sees what the other typed first, too
        await other.type("zhurt 5")
        await other.read_until("Ouch.\n")
        await alice.wait_told("Char.Vitals", {"hp": 5, "name": "Zoë"})
        await other.type("say done")
        assert (await alice.read_until("> ")) == "\r\nOuch.\r\n> "
        assert (await alice.read_until("> ")) == '\r\nYou say, "done"\r\n> '


async def test_no_prompt_stands_below_a_farewell(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        _, other = await two_of_one(server)
        server.shutdown.set()
        assert await other.read_to_end() == "\nThe server is shutting down. Goodbye.\n"
