"""Telnet clients: what the codec hears becomes lines and abilities, and what sessions say becomes bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import trio

from holomush.config import TelnetConfig
from holomush.events.bus import Encoding, Publication
from holomush.events.render import Role
from holomush.net.client import Input, QueuedClient, SightWanted
from holomush.net.outbox import Flusher, Outbox
from holomush.net.packages import Package, Supports, packages_of_event
from holomush.net.programs import Program
from holomush.net.sockets import last_confirmed, send_now, unacknowledged
from holomush.net.telnet.codec import TelnetCodec
from holomush.net.telnet.events import (
    Charset,
    Compression,
    Environment,
    Gmcp,
    GmcpEnabled,
    Line,
    LineTooLong,
    MsspRequested,
    TelnetEvent,
    TerminalType,
    WindowSize,
)
from holomush.net.telnet.gmcp import gmcp_bytes
from holomush.net.telnet.subnegotiations import COMPRESSION_STARTS, mssp_bytes
from holomush.net.turnstile import Turnstile
from holomush.sessions.client import Playing
from holomush.sessions.sight import Sight
from holomush.text.display import Display, encoder_for
from holomush.text.encoding import Encoder

READ_SIZE: Final = 4_096
PROMPT: Final = b"> "

Status = Callable[[], Mapping[str, str | Sequence[str]]]
"""What lists of games are told (MSSP), at the moment."""


class TelnetEncoding:
    """Lines, and packages of GMCP before them. ``supports`` is None without GMCP."""

    def __init__(self, encode: Encoder, supports: Supports | None) -> None:
        self._encode = encode
        self._supports = supports

    def text(self, text: str) -> bytes:
        """Lines of markup."""
        return self._encode(f"{text}\n")

    def event(self, publication: Publication, role: Role) -> bytes | None:
        """The event's text as lines, and what there is of it for programs."""
        text = publication.text(role)
        line = None if text is None else self._encode(f"{text}\n")
        if self._supports is None:
            return line
        packages = [gmcp_bytes(*package) for package in packages_of_event(publication, role, self._supports)]
        return b"".join([*packages, line or b""]) or None


@lru_cache(maxsize=256)  # a client may want any set of packages; what is forgotten is made again
def _encoding(encode: Encoder, supports: Supports | None) -> TelnetEncoding:
    return TelnetEncoding(encode, supports)


def _as_gmcp(package: Package) -> bytes:
    return gmcp_bytes(*package)


class TelnetClient(QueuedClient[bytes]):
    """One telnet connection, as a ``net.client.Connection``."""

    outbox: Outbox

    def __init__(
        self,
        stream: trio.abc.Stream,
        flusher: Flusher,
        config: TelnetConfig,
        address: str,
        kind: str,
        status: Status,
        turnstile: Turnstile,
    ) -> None:
        self._program: Program[bytes] = Program(None, _as_gmcp, self._put_packages)
        super().__init__(address, turnstile)
        self.kind = kind
        self._stream = stream
        self._status = status
        self._pace = turnstile.bucket()
        self.codec = TelnetCodec(config.line_limit, compression=config.compression)
        self.outbox = Outbox(stream, flusher, config.outbox_limit, send_now(stream), unacknowledged(stream))
        self._is_prompted = False

    def _put(self, data: bytes, mark: int = 0) -> None:
        # What is only for a program shows nothing, and leaves a prompt as it stands.
        if self._is_prompted and data.endswith(b"\n"):
            # It begins on a line of its own, and the prompt comes again below it, if it is still wanted.
            self._is_prompted = self._wants_prompt()
            data = b"".join((b"\r\n", data, self._prompt() if self._is_prompted else b""))
        self.outbox.put(data, mark)

    def _wants_prompt(self) -> bool:
        return self._preferences.prompt == "on" and self.farewell is None

    def _prompt(self) -> bytes:
        return PROMPT + self.codec.prompt_end()

    def _encoding_for(self, display: Display) -> Encoding[bytes]:
        return _encoding(encoder_for(display), self._program.supports)

    def _put_packages(self, packages: Sequence[bytes]) -> None:
        if packages:
            self.outbox.put(b"".join(packages))

    # What sessions ask

    @property
    def wants_sight(self) -> bool:
        """Whether it has GMCP, and wants to know of places."""
        return self._program.wants_sight

    def begin(self, playing: Playing) -> None:
        """Somebody has come in: their program is told who."""
        super().begin(playing)
        self._program.begin(playing)

    def show_sight(self, sight: Sight) -> None:
        """Tell the client's program of the surroundings, what it does not know yet."""
        self._program.show(sight)

    def ask_secret(self, prompt: str) -> None:
        """The next line is a password: ask the client not to show it."""
        self.codec.hide_input()
        self._send_negotiation()
        self.outbox.put(encoder_for(self.display)(prompt) + self.codec.prompt_end())

    def secret_given(self) -> None:
        """Ask the client to show what is typed again. It has not shown the end of the line either."""
        self.codec.show_input()
        self._send_negotiation()
        self.outbox.put(encoder_for(self.display)("\n"))

    # What the server asks

    def start(self) -> None:
        """Offer all that we can do."""
        self.codec.start()
        self._send_negotiation()

    async def receive(self) -> Sequence[Input]:
        """What has been typed or asked for; nothing at the end, and once the client is closed."""
        while self.farewell is None:
            data = b""
            with trio.CancelScope() as self._reading:
                data = bytes(await self._stream.receive_some(READ_SIZE))
                # Also what is no line costs time: who negotiates without end must not take it from others.
                wait = self._pace.reserve(len(data)) if data else 0.0
                if wait:
                    await trio.sleep(wait)
                await self._wait_turn()
            if not data or self.farewell is not None:
                break
            said: list[Input] = []
            for event in self.codec.receive(data):
                if isinstance(event, Line | LineTooLong):
                    self._is_prompted = False
                    said.append(event)
                else:
                    said += self._hear(event)
            self._send_negotiation()
            if said:
                return said
        return ()

    def done(self) -> None:
        """Say so by a prompt, if the player wants them and has none."""
        if self._wants_prompt() and not self._is_prompted:
            self._is_prompted = True
            self.outbox.put(self._prompt())

    async def run(self) -> None:
        """Send until closed, and until it is known what somebody who plays has got."""
        await self.outbox.run()
        if not self._is_stranger:
            await last_confirmed(self._stream)

    def keep_alive(self, after: float) -> None:
        """Send what no client shows, unless the player has said that theirs does."""
        if self._preferences.keepalive == "on" and trio.current_time() - self.outbox.last_sent >= after:
            data = self.codec.keepalive()
            if data:
                self.outbox.put(data)

    def _hear(self, event: TelnetEvent) -> Sequence[Input]:
        """The client has said something that was not typed. What of it is the game's business is returned."""
        is_to_see = False
        match event:
            case WindowSize(columns, rows):
                self._learn(columns=columns, rows=rows)
            case TerminalType(names, mtts):
                self._learn(terminal_types=names, mtts=mtts)
            case Environment(variables):
                self._hear_environment(variables)
            case Charset(name):
                self._learn(charset=name)
            case MsspRequested():
                self.outbox.put(mssp_bytes(self._status()))
            case Compression(on=True):
                self._send_negotiation()
                self.outbox.compress(COMPRESSION_STARTS)
            case Compression():
                self.outbox.stop_compressing()
            case GmcpEnabled(on):
                is_to_see = self._program.want(Supports() if on else None)
                self._adapt()
            case Gmcp(package, data):
                is_to_see = self._hear_package(package, data)
                self._adapt()
        return (SightWanted(),) if is_to_see else ()

    def _hear_environment(self, variables: Mapping[str, str]) -> None:
        """Variables of the Mud New-Environ Standard, for clients that say by them what others say by their terminal type."""
        if not self._abilities.terminal_types:
            names = tuple(variables[name] for name in ("CLIENT_NAME", "TERMINAL_TYPE") if name in variables)
            self._learn(terminal_types=names)
        mtts = variables.get("MTTS", "")
        if self._abilities.mtts is None and mtts.isascii() and mtts.isdigit():
            self._learn(mtts=int(mtts[:9]))
        if variables.get("SCREEN_READER", "") in ("1", "true", "yes", "on"):
            self._learn(screen_reader=True)

    def _hear_package(self, package: str, data: object) -> bool:
        """True if the surroundings are to be shown."""
        match package.lower(), data:
            case "core.hello", {"client": str(name)} if self._program.supports is not None:
                if not self._abilities.terminal_types:
                    self._learn(terminal_types=(name[:40],))
        return self._program.hear(package, data)  # type: ignore[arg-type]

    def _send_negotiation(self) -> None:
        """Send what the codec has to say, in its place among the text."""
        data = self.codec.bytes_to_send()
        if data:
            self.outbox.put(data)
