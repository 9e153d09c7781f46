"""Whole conversations: with clients as they are, and of two codecs that play each other's client."""

import zlib

from hypothesis import given
from hypothesis import strategies as st

from holomush.net.telnet.codec import TelnetCodec
from holomush.net.telnet.events import (
    Charset,
    Compression,
    Environment,
    Gmcp,
    GmcpEnabled,
    Line,
    MsspRequested,
    TelnetEvent,
    TerminalType,
    WindowSize,
)
from holomush.net.telnet.gmcp import gmcp_bytes
from holomush.net.telnet.subnegotiations import COMPRESSION_STARTS, mssp_bytes
from holomush.text.colours import Colours
from holomush.text.encoding import markup_encoder

from .clients import ModelClient, Mudlet, TinTin
from .wire import DO, ECHO, GMCP, IAC

encode = markup_encoder(Colours.NONE)


class Game:
    """A server with one client at its end; everything that either says arrives at once."""

    def __init__(self, client: ModelClient) -> None:
        self.client = client
        self.codec = TelnetCodec(compression=True)
        self.events: list[TelnetEvent] = []
        self._deflater: zlib._Compress | None = None
        self.codec.start()
        self.exchange()

    def send(self, data: bytes) -> bytes:
        """Returns the client's answer."""
        if self._deflater is not None:
            data = self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        return self.client.receive(data)

    def exchange(self, typed: bytes = b"") -> None:
        """Take what the client sends until both are silent."""
        said = typed + self.send(self.codec.bytes_to_send())
        for _ in range(20):
            events = self.codec.receive(said)
            said = self.send(self.codec.bytes_to_send())
            for event in events:
                said += self.react(event)
            self.events += events
            if not said:
                return
        raise AssertionError("they never fall silent")

    def react(self, event: TelnetEvent) -> bytes:
        match event:
            case Compression(on=True):
                answer = self.send(COMPRESSION_STARTS)
                self._deflater = zlib.compressobj()
                return answer
            case MsspRequested():
                return self.send(mssp_bytes({"NAME": "Here", "PLAYERS": "2"}))
            case GmcpEnabled(on=True):
                return self.send(gmcp_bytes("Char.Name", {"name": "Ann"}))
            case Line(text):
                return self.send(encode(f"You say, {text}\n"))
        return b""

    def prompt(self, text: str) -> None:
        assert self.send(encode(text) + self.codec.prompt_end() + self.codec.keepalive()) == b""


def test_mudlet_with_everything_on() -> None:
    client = Mudlet()
    game = Game(client)
    assert game.events == [
        WindowSize(120, 40),
        MsspRequested(),
        GmcpEnabled(on=True),
        Gmcp("Core.Hello", {"client": "Mudlet", "version": "4.17.2"}),
        Gmcp("Core.Supports.Set", ["Char 1", "Char.Skills 1", "Char.Items 1", "Room 1", "IRE.Rift 1"]),
        Compression(on=True),
        TerminalType(("MUDLET",)),
        Environment({name.decode(): value.decode() for name, value in Mudlet.variables.items()}),
        Charset("utf-8"),
        TerminalType(("MUDLET", "ANSI-TRUECOLOR")),
        TerminalType(("MUDLET", "ANSI-TRUECOLOR"), 2349),
    ]
    game.events.clear()
    assert client.status == {"NAME": "Here", "PLAYERS": "2"}
    assert client.messages == [("Char.Name", {"name": "Ann"})]
    assert client.compressed > 0
    game.prompt("What? ")
    game.exchange("grüß ☃\r\n".encode() + IAC + b"\xf1")
    assert game.events == [Line("grüß ☃")]
    assert (client.text, client.prompts, client.charset) == ("What? You say, grüß ☃\r\n", 1, "UTF-8")


def test_mudlet_and_a_password() -> None:
    client = Mudlet()
    game = Game(client)
    for echoes in (False, True):
        (game.codec.show_input if echoes else game.codec.hide_input)()
        game.exchange()
        assert client.echoes is echoes
    assert game.codec.receive(IAC + DO + ECHO) == []


def test_tintin() -> None:
    client = TinTin()
    game = Game(client)
    assert game.events == [
        WindowSize(80, 24),
        Compression(on=True),
        TerminalType(("TINTIN++",)),
        Environment(
            {
                "CHARSET": "UTF-8",
                "CLIENT_NAME": "TinTin++",
                "CLIENT_VERSION": "2.02.20",
                "MTTS": "783",
                "TERMINAL_TYPE": "xterm-256color",
            }
        ),
        Charset("utf-8"),
        TerminalType(("TINTIN++", "xterm-256color")),
        TerminalType(("TINTIN++", "xterm-256color"), 271),
    ]
    game.prompt("Say: ")
    game.exchange(b"hello\r\n")
    assert game.events[-1] == Line("hello")
    assert (client.text, client.prompts) == ("Say: You say, hello\r\n", 1)
    assert client.messages == []
    assert client.compressed > 0


def test_a_script_turns_gmcp_on_later() -> None:
    client = TinTin()
    game = Game(client)
    game.events.clear()
    client.ignores |= {GMCP}  # its script takes what comes of it
    game.exchange(IAC + DO + GMCP)
    assert game.events == [GmcpEnabled(on=True)]


STEPS = st.sampled_from(["hide a", "show a", "hide b", "show b", "start a", "start b", "exchange"])


@given(st.lists(STEPS, max_size=30), st.booleans())
def test_two_codecs_never_loop(steps: list[str], compression: bool) -> None:  # noqa: FBT001 - drawn
    """Each plays the other's client. Whatever both want, and whenever, they fall silent."""
    pair = {"a": TelnetCodec(compression=compression), "b": TelnetCodec(compression=True)}
    for step in [*steps, "exchange"]:
        what, _, who = step.partition(" ")
        if what == "hide":
            pair[who].hide_input()
        elif what == "show":
            pair[who].show_input()
        elif what == "start":
            pair[who].start()
        else:
            for _ in range(8):
                to_b, to_a = pair["a"].bytes_to_send(), pair["b"].bytes_to_send()
                pair["b"].receive(to_b)
                pair["a"].receive(to_a)
            assert (pair["a"].bytes_to_send(), pair["b"].bytes_to_send()) == (b"", b"")
