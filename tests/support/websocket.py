"""A player over a websocket in memory: the client's side is trio-websocket, the server's is all real."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from support.game import PATIENCE, Server, Stream

JSONObject = dict[str, Any]


class Socket:
    """One connection. Messages are dictionaries in our own protocol; ``frame`` gives them as they are."""

    def __init__(self, connection: WebSocketConnection, stream: Stream, server_end: Stream) -> None:
        self.connection = connection
        self._stream = stream
        self._server_end = server_end
        self.seen: list[JSONObject] = []
        """All messages that were read."""

    async def frame(self) -> str | bytes:
        """The next frame, which must come."""
        with trio.fail_after(PATIENCE):
            return await self.connection.get_message()

    async def send(self, data: str | bytes) -> None:
        """Send a frame as it is."""
        await self.connection.send_message(data)

    async def say(self, kind: str, **keys: Any) -> None:
        """Send a message."""
        await self.send(json.dumps({"type": kind, **keys}))

    async def line(self, *texts: str) -> None:
        """Send lines."""
        for text in texts:
            await self.say("line", text=text)

    async def next(self) -> JSONObject:
        """The next message, which must come."""
        text = await self.frame()
        assert isinstance(text, str)
        message: JSONObject = json.loads(text)
        self.seen.append(message)
        return message

    async def until(self, kind: str, **wanted: Any) -> JSONObject:
        """The next message of a type, with these values if any are given; others before it are passed over."""
        while True:
            message = await self.next()
            if message["type"] == kind and all(message.get(key) == value for key, value in wanted.items()):
                return message

    async def till_quiet(self) -> list[JSONObject]:
        """All messages up to the answer to a ping, which comes behind everything that was sent before."""
        await self.say("ping", id=77)
        start = len(self.seen)
        await self.until("pong", id=77)
        return self.seen[start:-1]

    async def do(self, line: str) -> list[JSONObject]:
        """Type a line; all messages up to the server's answer to a line that means nothing."""
        start = len(self.seen)
        await self.line(line, "xyzzy-marker")
        await self.until("text", text='Huh?  (Type "help" for help.)')
        return self.seen[start:-1]

    async def to_end(self) -> list[JSONObject]:
        """All messages up to the server's hang-up."""
        start = len(self.seen)
        try:
            while True:
                await self.next()
        except ConnectionClosed:
            return self.seen[start:]

    @property
    def sequence(self) -> int:
        """The highest number of an event that was read."""
        return max((message["sequence"] for message in self.seen if message["type"] == "event"), default=0)

    def texts(self, kind: str = "event") -> list[str]:
        """What there was to read."""
        return [message["text"] for message in self.seen if message["type"] == kind and message["text"]]

    def stop_taking(self) -> trio.Event:
        """From now on what the server sends never arrives. Set the event to break the connection."""
        gone = trio.Event()

        async def wait() -> None:
            await gone.wait()
            raise trio.BrokenResourceError("the line is dead")

        self._server_end.send_stream.send_all_hook = wait
        return gone

    async def drop(self) -> None:
        """Break the connection without a word."""
        await trio.aclose_forcefully(self._stream)

    async def enter(self, name: str, password: str = "password", *, new: bool = False) -> JSONObject:
        """Come in, and read up to the surroundings and what ``look`` shows. Returns ``playing``."""
        await self.say("create" if new else "connect", name=name, password=password)
        playing = await self.until("playing")
        await self.until("text")
        return playing

    async def resume(self, token: str, after: int | None = None) -> JSONObject:
        """Come back; up to ``playing``, which is returned, or ``refused``."""
        await self.say("resume", token=token, after=after)
        while (message := await self.next())["type"] not in ("playing", "refused"):
            assert message["type"] == "hello"
        return message


@attrs.define
class Dialler:
    """Opens websockets to one server."""

    server: Server
    nursery: trio.Nursery
    streams: list[Stream] = attrs.Factory(list)

    async def dial(self, *subprotocols: str) -> Socket:
        """A connection that is open."""
        stream, server_end = await self.server.web.connect()
        self.streams.append(stream)
        asked: Sequence[str] | None = subprotocols or None
        connection = await wrap_client_stream(
            self.nursery,
            stream,  # type: ignore[arg-type]
            "mush.example",
            "/ws",
            subprotocols=asked,
            message_queue_size=10_000,
        )
        return Socket(connection, stream, server_end)

    async def create(self, name: str) -> Socket:
        """Somebody new, who plays ``name`` with the password ``password``."""
        socket = await self.dial()
        await socket.enter(name, new=True)
        return socket


@asynccontextmanager
async def websockets(server: Server) -> AsyncIterator[Dialler]:
    """Opens websockets that last as long as the context."""
    async with trio.open_nursery() as nursery:
        dialler = Dialler(server, nursery)
        yield dialler
        for stream in dialler.streams:
            await trio.aclose_forcefully(stream)
        nursery.cancel_scope.cancel()
