"""Three honest players in one room, two over telnet and one over a websocket, who talk all the time and count how long it takes."""

from __future__ import annotations

import json
import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import attrs
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

GAP = 0.25
"""Seconds between two lines of a player."""
PATIENCE = 30.0
"""Seconds within which everything that was said is read by everybody."""
PASSWORD = "correct horse"  # noqa: S105 - the server is gone when the benchmark is

_MARK = re.compile(r'\(([a-z]+)\.(\d+)\)"?$')


@attrs.define
class Phase:
    """What was said in some part of the play. Times are in seconds, from when a line was due until somebody else read it."""

    times: dict[str, list[float]] = attrs.Factory(lambda: defaultdict(list))
    """By the way that a line took, such as ``telnet to websocket``."""
    lateness: list[float] = attrs.Factory(list)
    """How much too late the players themselves were to say something; it is in the times."""
    lost: int = 0

    @property
    def all_times(self) -> list[float]:
        """Of all ways."""
        return [each for times in self.times.values() for each in times]


class Voice(Protocol):
    """One player's connection."""

    async def say(self, text: str) -> None:
        """Say something to the room."""

    def heard(self) -> AsyncIterator[str]:
        """Each line that comes."""


@attrs.frozen
class TelnetVoice:
    """A player over telnet."""

    stream: trio.SocketStream

    async def say(self, text: str) -> None:
        """Say something to the room."""
        await self.stream.send_all(f"say {text}\r\n".encode())

    async def heard(self) -> AsyncIterator[str]:
        """Each line that comes."""
        rest = b""
        while data := await self.stream.receive_some(262_144):
            *lines, rest = (rest + data).split(b"\r\n")
            for line in lines:
                yield line.decode(errors="replace")


@attrs.frozen
class SocketVoice:
    """A player over a websocket, with messages of our own."""

    connection: WebSocketConnection

    async def say(self, text: str) -> None:
        """Say something to the room."""
        await self.connection.send_message(json.dumps({"type": "line", "text": f"say {text}"}))

    async def heard(self) -> AsyncIterator[str]:
        """Each line that comes."""
        while True:
            try:
                message = json.loads(await self.connection.get_message())
            except ConnectionClosed:
                return
            yield message.get("text") or ""


class Talk:
    """What three players say to each other. Use ``talking``."""

    def __init__(self, voices: dict[str, tuple[str, Voice]]) -> None:
        """``voices`` by the player's name: the kind of connection, and the connection."""
        self._voices = voices
        self._phase = Phase()
        self._due: dict[tuple[str, int], tuple[float, Phase]] = {}
        self._waiting: dict[tuple[str, int], set[str]] = {}

    async def phase(self, seconds: float) -> Phase:
        """Talk on for so long; what was said meanwhile, once it has been read."""
        phase = self.begin()
        await trio.sleep(seconds)
        return await self.end(phase)

    def begin(self) -> Phase:
        """What is said from now on is counted here."""
        self._phase = Phase()
        return self._phase

    async def end(self, phase: Phase) -> Phase:
        """Count no more here; returns once all has been read."""
        self._phase = Phase()
        deadline = trio.current_time() + PATIENCE
        while (missing := self._missing(phase)) and trio.current_time() < deadline:  # noqa: ASYNC110 - nobody is in a hurry
            await trio.sleep(GAP)
        phase.lost = missing
        return phase

    def _missing(self, phase: Phase) -> int:
        return sum(len(ears) for said, ears in self._waiting.items() if self._due[said][1] is phase)

    async def speak(self, name: str, delay: float) -> None:
        """Say something now and then, until cancelled."""
        _, voice = self._voices[name]
        due = time.perf_counter() + delay
        for number in range(2**31):
            await trio.sleep(max(0.0, due - time.perf_counter()))
            phase = self._phase
            phase.lateness.append(time.perf_counter() - due)
            self._due[name, number] = due, phase
            self._waiting[name, number] = set(self._voices) - {name}
            await voice.say(f"the rain has stopped, and somebody left a lamp burning by the old well ({name}.{number})")
            due += GAP

    async def listen(self, name: str) -> None:
        """Read all that comes, until the end."""
        kind, voice = self._voices[name]
        async for text in voice.heard():
            mark = _MARK.search(text)
            if mark is None or mark[1] == name or mark[1] not in self._voices:
                continue
            said = mark[1], int(mark[2])
            due, phase = self._due[said]
            phase.times[f"{self._voices[mark[1]][0]} to {kind}"].append(time.perf_counter() - due)
            self._waiting[said].discard(name)
            if not self._waiting[said]:
                del self._waiting[said], self._due[said]


@asynccontextmanager
async def talking(telnet: int, web: int) -> AsyncIterator[Talk]:
    """Three players come to a server and talk as long as the context lasts. ``telnet`` and ``web`` are ports."""
    async with trio.open_nursery() as nursery, open_websocket_url(f"ws://127.0.0.1:{web}/ws") as socket:
        voices: dict[str, tuple[str, Voice]] = {}
        for name in ("anna", "carl"):
            stream = await trio.open_tcp_stream("127.0.0.1", telnet)
            await stream.send_all(f"create {name} {PASSWORD}\r\n".encode())
            voices[name] = "telnet", TelnetVoice(stream)
        await socket.send_message(json.dumps({"type": "create", "name": "berta", "password": PASSWORD}))
        voices["berta"] = "websocket", SocketVoice(socket)
        talk = Talk(voices)
        await trio.sleep(2.0)  # everybody has come in
        for index, name in enumerate(voices):
            nursery.start_soon(talk.listen, name)
            nursery.start_soon(talk.speak, name, index * GAP / len(voices))
        yield talk
        nursery.cancel_scope.cancel()
