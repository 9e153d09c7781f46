"""The subprotocols of mudstandards.org: what is a text frame and what is bytes, packages, and what is typed however it comes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.game import running_server
from support.websocket import Socket, websockets

from holomush.net.web.clients import shown
from holomush.plugins.guests.guest import SourceRuntime

TERMINAL, GMCP, JSON = "terminal.mudstandards.org", "gmcp.mudstandards.org", "json.mudstandards.org"


async def read(socket: Socket, until: bytes) -> tuple[bytes, list[str]]:
    """All bytes up to those with ``until`` in them, and the packages among them."""
    data, packages = b"", list[str]()
    while until not in data:
        frame = await socket.frame()
        if isinstance(frame, bytes):
            data += frame
        else:
            packages.append(frame)
    return data, packages


@pytest.mark.parametrize("subprotocol", [TERMINAL, GMCP, JSON])
async def test_text_is_bytes_with_colours(data: Path, runtime: SourceRuntime, subprotocol: str) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        bob = await web.dial(subprotocol)
        assert bob.connection.subprotocol == subprotocol
        await read(bob, b"asked for it unseen.\r\n")
        await bob.send(b"create Bob password")
        _, packages = await read(bob, b"up  east\r\n")
        assert bool(packages) == (subprotocol != TERMINAL)
        await bob.send("say [red]Grüße[/]".encode())
        assert (await read(bob, b'"\r\n'))[0] == 'You say, "\x1b[31mGrüße\x1b[0m"\r\n'.encode()
        await bob.send(b"QUIT\r\n")
        await read(bob, b"Goodbye.\r\n")


async def test_lines_however_they_come(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        bob = await web.dial(TERMINAL)
        await bob.send(b"create Bob password\r\n")
        await read(bob, b"up  east\r\n")
        for typed in (b"think 1", b"think 1\n", b"think 1\r\n", b"think 1\r", b"think x\x081"):
            await bob.send(typed)
            assert (await read(bob, b"\r\n"))[0] == b"1\r\n"
        await bob.send(b"\n")
        await bob.send(b"")
        await bob.send(b"think 1\r\nthink 2\nthink 3")
        assert (await read(bob, b"3\r\n"))[0] == b"1\r\n2\r\n3\r\n"
        await bob.send(b"think " + b"x" * 9_000)
        assert (await read(bob, b"\r\n"))[0] == b"That line is longer than 8192 bytes and was ignored.\r\n"
        await bob.send(b"think \xff\xfe")
        assert (await read(bob, b"\r\n"))[0] == "ÿþ\r\n".encode()
        await bob.send("think not typed")  # there are no packages here
        await bob.send(b"think typed")
        assert (await read(bob, b"\r\n"))[0] == b"typed\r\n"
        await bob.send(b"x" * 20_000)  # longer than any message may be
        await bob.to_end()
        assert bob.connection.closed is not None
        assert bob.connection.closed.code == 1009


async def test_gmcp(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        bob = await web.dial(GMCP)
        for nonsense in ("", " ", "Core.Hello {", "Core.Supports.Set 7", "[" * 9_000, "Core.Supports.Add [1,null]", "x" * 9_000):
            await bob.send(nonsense)
        await bob.send('Core.Supports.Set ["Room 1","Comm.Channel 1"]')
        await bob.send("core.ping")
        assert await read_package(bob) == "Core.Ping"  # asked for, so answered
        await bob.send(b"create Bob password")
        _, packages = await read(bob, b"up  east\r\n")
        assert [package.split(" ")[0] for package in packages] == ["Room.Info", "Room.Players"]
        info = json.loads(packages[0].partition(" ")[2])
        assert (info["name"], sorted(info["exits"])) == ("The Lantern Square", ["east", "north", "up"])
        await bob.send(b"channel create public")
        await bob.send(b"=hello")
        said = await read_package(bob)
        expected = {"channel": "public", "talker": "Bob", "text": '[public] Bob says, "hello"'}
        name, _, text = said.partition(" ")
        assert name == "Comm.Channel.Text"
        assert json.loads(text) | {"channel": "public"} == expected
        await bob.send('Core.Supports.Remove ["Room"]')
        await bob.send("Core.Ping")
        assert await read_package(bob) == "Core.Ping"
        await bob.send(b"north")
        await bob.send(b"=again")
        assert (await read_package(bob)).startswith("Comm.Channel.Text ")
        await bob.send('Core.Supports.Add ["Char.Name 1","Room.Info 1"]')
        assert [(await read_package(bob)).split(" ")[0] for _ in range(2)] == ["Char.Name", "Room.Info"]


async def read_package(socket: Socket) -> str:
    while isinstance(frame := await socket.frame(), bytes):
        pass
    return frame


async def test_json(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server, websockets(server) as web:
        bob = await web.dial(JSON)
        nonsense = ["", "[]", "7", "{", "NaN", '{"proto":7}', '{"proto":"MSDP","id":"x","data":""}', '{"proto":"GMCP","id":null}']
        for message in (*nonsense, '{"proto":"GMCP","id":"Core.Supports.Set","data":{"a":1}}'):
            await bob.send(message)
        await bob.send(json.dumps({"proto": "gmcp", "id": "Core.Supports.Set", "data": '["Char 1"]'}))
        await bob.send(json.dumps({"proto": "GMCP", "id": "Core.Ping", "data": ""}))
        assert json.loads(await read_package(bob)) == {"proto": "GMCP", "id": "Core.Ping", "data": ""}
        await bob.send(b"create Bob password")
        _, packages = await read(bob, b"up  east\r\n")
        said = [json.loads(package) for package in packages]
        assert [one["id"] for one in said] == ["Char.Name", "Char.StatusVars", "Char.Status"]
        assert json.loads(said[0]["data"]) == {"name": "Bob", "fullname": "Bob"}


def test_what_is_shown_of_markup() -> None:
    assert shown("plain [x]") == {"text": "plain [x]"}
    assert shown("a\x1bb") == {"text": "ab"}
    assert shown("[[x]") == {"text": "[x]"}
    assert shown("[red]") == {"text": ""}
    assert shown("[red]a[/]") == {"text": "a", "spans": [("a", {"color": "red"})]}
