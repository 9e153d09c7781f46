"""Websocket clients: our own messages in JSON, and the subprotocols of mudstandards.org, each as a ``net.client.Connection``.

The messages are described in docs/websocket.md. What comes in is checked here; what makes no sense is answered and ignored.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from holomush import __version__
from holomush.events.bus import Encoding, Publication
from holomush.events.event import JSON
from holomush.events.render import Role
from holomush.net.client import Input, QueuedClient, SightWanted, T
from holomush.net.messages import Message, MessageOutbox
from holomush.net.packages import Package, Supports, packages_of_event
from holomush.net.programs import Program
from holomush.net.telnet.lines import LineReader
from holomush.net.turnstile import Turnstile
from holomush.net.web.requests import BadMessage, Ping, Window, read_message
from holomush.sessions.client import Farewell, Playing, Replay
from holomush.sessions.sight import Sight
from holomush.text.colours import Colours
from holomush.text.display import Display, encoder_for
from holomush.text.encoding import Encoder
from holomush.text.markup import clean, has_markup, render
from holomush.text.spans import spans

PONG_TIMEOUT: Final = 30.0
"""Seconds that a client has to answer a ping before it counts as gone."""
SUBPROTOCOLS: Final = (
    "holomush",
    "json.mudstandards.org",
    "gmcp.mudstandards.org",
    "terminal.mudstandards.org",
)
"""Those that are spoken, the fullest first."""

_dump = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=dict).encode


class SocketClient(QueuedClient[T]):
    """What all websocket clients share."""

    kind = "websocket"
    outbox: MessageOutbox

    def __init__(
        self, connection: WebSocketConnection, address: str, turnstile: Turnstile, limit: int, last_words: Sequence[Message]
    ) -> None:
        super().__init__(address, turnstile)
        self._connection = connection
        self.outbox = MessageOutbox(connection.send_message, limit, last_words)
        self._nursery: trio.Nursery | None = None
        self._pinged = False

    def start(self) -> None:
        """Nothing comes before the connect screen."""

    def done(self) -> None:
        """Messages have an end of their own."""

    async def receive(self) -> Sequence[Input]:
        """What has been asked for; nothing at the end, and once the client is closed."""
        while self.farewell is None:
            message: Message | None = None
            with trio.CancelScope() as self._reading:
                try:
                    message = await self._connection.get_message()
                    await self._wait_turn()
                except ConnectionClosed:
                    break
            if message is None or self.farewell is not None:
                break
            typed = self._hear(message)
            if typed:
                return typed
        return ()

    @abstractmethod
    def ask_secret(self, prompt: str) -> None:
        """The next line is a password."""

    @abstractmethod
    def secret_given(self) -> None:
        """The lines after it may be seen."""

    @abstractmethod
    def _hear(self, message: Message) -> Sequence[Input]:
        """What a message asks for; nothing if it is not the game's business."""

    async def run(self) -> None:
        """Send until closed. Pings go out meanwhile."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await self.outbox.run()
            except ConnectionClosed as exc:
                raise trio.BrokenResourceError("the websocket is closed") from exc
            finally:
                self._nursery = None  # nothing can be begun in it any more
                nursery.cancel_scope.cancel()

    def keep_alive(self, after: float) -> None:
        """Ping, so that the connection is not forgotten on the way, and a dead one is found out."""
        if self._nursery is not None and not self._pinged and trio.current_time() - self.outbox.last_sent >= after:
            self._pinged = True
            self._nursery.start_soon(self._ping)

    async def _ping(self) -> None:
        with trio.move_on_after(PONG_TIMEOUT):
            try:
                await self._connection.ping()
            except ConnectionClosed:
                return  # the reader has noticed, too
            self._pinged = False
            self.outbox.last_sent = trio.current_time()
            return
        self.close(Farewell.GONE)


# Our own messages


class JsonEncoding:
    """Everything as messages of our own. One for all clients."""

    def text(self, text: str) -> str:
        """An answer or a notice."""
        return _dump({"type": "text", **shown(text)})

    def event(self, publication: Publication, role: Role) -> str:
        """An event, with its text if there is something to read."""
        event = publication.event
        text = publication.text(role)
        message: dict[str, Any] = {
            "type": "event",
            "event": event.to_wire(),
            "sequence": event.sequence,
            "role": role.value,
            **({"text": None} if text is None else shown(text)),
        }
        if publication.replayed:
            message["replayed"] = True
        return _dump(message)


JSON_ENCODING: Final = JsonEncoding()


def shown(text: str) -> dict[str, Any]:
    """Markup as ``text`` that can be read as it is, and ``spans`` if some of it looks otherwise."""
    if not has_markup(text):
        return {"text": clean(text)}
    runs = spans(text)
    plain = "".join(run for run, _ in runs)
    return {"text": plain, "spans": runs} if any(style for _, style in runs) else {"text": plain}


class JsonClient(SocketClient[str]):
    """A client that speaks our own messages, such as the web page."""

    resumes = True
    pages = False  # such a client scrolls
    wants_sight = True

    def __init__(
        self, connection: WebSocketConnection, address: str, turnstile: Turnstile, limit: int, game: str, *, guests: bool
    ) -> None:
        slow = {"type": "goodbye", "reason": Farewell.SLOW.value, "text": "You were sent more than you read.", "resume": True}
        super().__init__(connection, address, turnstile, limit, [_dump(slow)])
        self._replay_limit = limit // 2
        self._game = game
        self._guests = guests
        self._shown = ""
        """The surroundings as they were sent last."""

    def _encoding_for(self, display: Display) -> Encoding[str]:  # noqa: ARG002 - it draws by itself
        return JSON_ENCODING

    def _put(self, data: str, mark: int = 0) -> None:
        self.outbox.put(data, mark)

    def _say(self, kind: str, **keys: Any) -> None:
        self.outbox.put(_dump({"type": kind, **keys}))

    def _hear(self, message: Message) -> Sequence[Input]:
        try:
            asked = read_message(message)
        except BadMessage as exc:
            self._say("error", text=str(exc))
            return ()
        match asked:
            case Ping(number):
                self._say("pong", id=number)
            case Window(columns, rows, screen_reader):
                self._learn(columns=columns, rows=rows, screen_reader=screen_reader)
            case _:
                return (asked,)
        return ()

    def greet(self, screen: str) -> None:  # noqa: ARG002 - it is laid out for terminals, and tells what to type there
        """Say what game this is."""
        text = f"Welcome to {self._game}."
        self._say("hello", game=self._game, version=__version__, guests=self._guests, text=text)

    def _introduce(self, playing: Playing) -> None:
        self._shown = ""
        character = {"id": playing.character.id, "name": playing.character.name}
        self._say(
            "playing",
            character=character,
            access=playing.access.name.lower(),
            token=playing.token,
            grace=playing.grace,
            commands=list(playing.commands),
            resumed=playing.resumed,
        )

    def replay(self, replay: Replay) -> None:
        """Say what was missed, event by event. Of what is too long for the outbox the oldest is left out."""
        if not replay.events:
            return
        told: list[str] = []
        room = self._replay_limit
        for publication, role in reversed(replay.events):
            message = JSON_ENCODING.event(publication, role)
            room -= len(message)
            if room < 0:
                break
            told.append(message)
        self._say("replay", count=len(told), missed=replay.missed)
        for message in reversed(told):
            self._put(message)
        self._put(_dump({"type": "replay_end"}), replay.upto)

    def show_sight(self, sight: Sight) -> None:
        """Send the surroundings, if they are not what was sent last."""
        message = sight.made(JSON_ENCODING, lambda: _dump(_surroundings(sight)))
        if message != self._shown:
            self._shown = message
            self._put(message)

    def refuse(self, request: str, reason: str) -> None:
        """Say that somebody has not come in."""
        self._say("refused", to=request, text=render(reason, Colours.NONE))

    def ask_secret(self, prompt: str) -> None:
        """The next line is a password."""
        self._say("prompt", text=prompt, secret=True)

    def secret_given(self) -> None:
        """It was."""
        self._say("prompt", text="", secret=False)

    def _say_goodbye(self, farewell: Farewell, text: str) -> None:
        resume = farewell in (Farewell.SHUTDOWN, Farewell.SLOW, Farewell.GONE)
        self._say("goodbye", reason=farewell.value, text=render(text, Colours.NONE), resume=resume)


def _surroundings(sight: Sight) -> Mapping[str, Any]:
    return {
        "type": "place",
        "place": {"id": sight.id, "name": sight.name},
        "exits": [{"id": way.id, "name": way.name, "aliases": way.aliases} for way in sight.exits],
        "people": [{"id": one.id, "name": one.name, "connected": one.connected} for one in sight.people],
        "things": [{"id": thing.id, "name": thing.name} for thing in sight.things],
    }


# The subprotocols of mudstandards.org

Frames = Sequence[Message]
Frame = Callable[[Package], str]
"""Makes a frame of a package."""


class FrameEncoding:
    """Text as terminals take it, in binary frames; packages in text frames, where there are some."""

    def __init__(self, encode: Encoder, frame: Frame | None, supports: Supports) -> None:
        self._encode = encode
        self._frame = frame
        self._supports = supports

    def text(self, text: str) -> Frames:
        """Lines of markup."""
        return (self._encode(f"{text}\n"),)

    def event(self, publication: Publication, role: Role) -> Frames | None:
        """The event's text, and what there is of it for programs."""
        text = publication.text(role)
        frames: list[Message] = []
        if self._frame is not None:
            frames += map(self._frame, packages_of_event(publication, role, self._supports))
        if text is not None:
            frames.append(self._encode(f"{text}\n"))
        return tuple(frames) or None


@lru_cache(maxsize=1_024)
def _frame_encoding(encode: Encoder, frame: Frame | None, supports: Supports) -> FrameEncoding:
    return FrameEncoding(encode, frame, supports)


def gmcp_frame(package: Package) -> str:
    """A package as ``gmcp.mudstandards.org`` has it."""
    name, data = package
    return name if data is None else f"{name} {_dump(data)}"


def json_frame(package: Package) -> str:
    """A package as ``json.mudstandards.org`` has it: the data is JSON within JSON."""
    name, data = package
    return _dump({"proto": "GMCP", "id": name, "data": "" if data is None else _dump(data)})


class TerminalClient(SocketClient[Frames]):
    """``terminal.mudstandards.org``: text for terminals, and nothing else."""

    def __init__(self, connection: WebSocketConnection, address: str, turnstile: Turnstile, limit: int, line_limit: int) -> None:
        super().__init__(connection, address, turnstile, limit, [b"\r\n*** You were sent more than you read. ***\r\n"])
        self._lines = LineReader(line_limit)
        self._learn(terminal_types=("xterm-256color",))

    def _encoding_for(self, display: Display) -> Encoding[Frames]:
        return _frame_encoding(encoder_for(display), None, Supports())

    def _put(self, data: Frames, mark: int = 0) -> None:
        for frame in data[:-1]:
            self.outbox.put(frame)
        for frame in data[-1:]:
            self.outbox.put(frame, mark)  # all of it has arrived when the last has

    def ask_secret(self, prompt: str) -> None:
        """Ask. There is no way to say that what is typed is not to be seen."""
        self._put((encoder_for(self.display)(prompt),))

    def secret_given(self) -> None:
        """Nothing was hidden."""

    def _hear(self, message: Message) -> Sequence[Input]:
        return self._typed(message) if isinstance(message, bytes) else ()

    def _typed(self, data: bytes) -> Sequence[Input]:
        """What has been typed. A frame is a line if it does not say so: some clients leave the end out."""
        events: list[Any] = []
        whole = data if data.endswith((b"\n", b"\r")) else data + b"\n"
        self._lines.receive(whole, events)
        return events


class PackageClient(TerminalClient):
    """The same with packages for the player's program, in text frames."""

    _frame: Frame

    def __init__(self, connection: WebSocketConnection, address: str, turnstile: Turnstile, limit: int, line_limit: int) -> None:
        self._program: Program[str] = Program(Supports(), type(self)._frame, self._put)
        super().__init__(connection, address, turnstile, limit, line_limit)

    def _encoding_for(self, display: Display) -> Encoding[Frames]:
        return _frame_encoding(encoder_for(display), type(self)._frame, self._program.supports or Supports())

    @property
    def wants_sight(self) -> bool:
        """Whether its program wants to know of places."""
        return self._program.wants_sight

    def begin(self, playing: Playing) -> None:
        """Somebody has come in: their program is told who."""
        super().begin(playing)
        self._program.begin(playing)

    def show_sight(self, sight: Sight) -> None:
        """Send what is not known there yet."""
        self._program.show(sight)

    def _hear(self, message: Message) -> Sequence[Input]:
        if isinstance(message, bytes):
            return self._typed(message)
        package = self._read_package(message)
        if package is None:
            return ()
        is_to_see = self._program.hear(*package)
        self._adapt()
        return (SightWanted(),) if is_to_see else ()

    @abstractmethod
    def _read_package(self, message: str) -> Package | None:
        """A package of the client's; None if it makes no sense."""


class GmcpClient(PackageClient):
    """``gmcp.mudstandards.org``."""

    _frame = staticmethod(gmcp_frame)

    def _read_package(self, message: str) -> Package | None:
        name, _, text = message.partition(" ")
        return _package(name, text)


class JsonPackageClient(PackageClient):
    """``json.mudstandards.org``."""

    _frame = staticmethod(json_frame)

    def _read_package(self, message: str) -> Package | None:
        try:
            said = json.loads(message)
        except (ValueError, RecursionError):
            return None
        if not isinstance(said, dict) or str(said.get("proto", "")).upper() != "GMCP":
            return None
        return _package(str(said.get("id", "")), str(said.get("data", "")))


def _package(name: str, text: str) -> Package | None:
    try:
        data: JSON = json.loads(text) if text.strip() else None
    except (ValueError, RecursionError):
        return None
    return (name, data) if name else None


def make_client(
    connection: WebSocketConnection,
    subprotocol: str,
    address: str,
    turnstile: Turnstile,
    *,
    limit: int,
    line_limit: int,
    game: str,
    guests: bool,
) -> SocketClient[Any]:
    """The client for a subprotocol; our own messages if there is none."""
    match subprotocol:
        case "json.mudstandards.org":
            return JsonPackageClient(connection, address, turnstile, limit, line_limit)
        case "gmcp.mudstandards.org":
            return GmcpClient(connection, address, turnstile, limit, line_limit)
        case "terminal.mudstandards.org":
            return TerminalClient(connection, address, turnstile, limit, line_limit)
        case _:
            return JsonClient(connection, address, turnstile, limit, game, guests=guests)
