"""The telnet codec: bytes from a client become events, and what is agreed on with it becomes bytes for it.

Owns where commands end and text begins, which option leads to which event, and the bound on everything a client can make
it keep. Does no input or output and knows no session: the listener feeds it chunks and sends what ``bytes_to_send``
returns. How text becomes bytes is in ``holomush.text.encoding``.

The events and the replies depend only on the bytes received and on the calls made between them, never on how the bytes
were cut into chunks. To keep that true without a buffer that overflows, replies are counted per option for the life of
the connection: however long a hostile client asks, it gets less than 8 KiB of answers. An option that has used up its
answers stays as it is.
"""

from typing import Final

from holomush.net.telnet.conversations import Charsets, TerminalTypes, Variables
from holomush.net.telnet.events import Charset, Compression, GmcpEnabled, MsspRequested, TelnetEvent
from holomush.net.telnet.gmcp import GMCP_LIMIT, parse_gmcp
from holomush.net.telnet.lines import LINE_LIMIT, LineReader
from holomush.net.telnet.options import (
    AYT,
    BREAK,
    CHARSET,
    COMPRESS2,
    DO,
    DONT,
    ECHO,
    END_OF_RECORD,
    EOR,
    ERASE_CHARACTER,
    ERASE_LINE,
    FIRST_COMMAND,
    GMCP,
    GO_AHEAD,
    IAC,
    INTERRUPT,
    MSSP,
    NAWS,
    NEW_ENVIRON,
    NOP,
    POLICIES,
    POLICIES_WITH_COMPRESSION,
    SB,
    SE,
    SGA,
    TTYPE,
    WILL,
    WONT,
    Options,
)
from holomush.net.telnet.subnegotiations import parse_window_size

SUBNEGOTIATION_LIMIT: Final = 1024
"""Bytes between ``IAC SB`` with the option and ``IAC SE``, but for GMCP; a longer one is thrown away as a whole."""

_IAC: Final = b"\xff"
_ARE_YOU_THERE_ANSWERS: Final = 64
_VERBS: Final = frozenset((WILL, WONT, DO, DONT, SB))
# (option, is it our side), in the order in which they are offered.
_OFFERS: Final = (
    (TTYPE, False),
    (NAWS, False),
    (NEW_ENVIRON, False),
    (CHARSET, True),
    (EOR, True),
    (MSSP, True),
    (GMCP, True),
)


class TelnetCodec:
    """One connection's telnet state. Keeps at most one partial line, one subnegotiation, three names of terminals, 32
    variables and a few integers per option.

    ``line_limit`` is in bytes as sent, erased characters included. Only with ``compression`` is MCCP2 offered and agreed to.
    """

    def __init__(self, line_limit: int = LINE_LIMIT, *, compression: bool = False) -> None:
        self._out = bytearray()
        self._lines = LineReader(line_limit)
        # The command being read: None in data, IAC after an IAC, else the command that waits for its option byte.
        self._command: int | None = None
        self._sub_option: int | None = None
        self._sub_limit = SUBNEGOTIATION_LIMIT
        self._sub = bytearray()
        self._options = Options(self._out, POLICIES_WITH_COMPRESSION if compression else POLICIES)
        self._offers_compression = compression
        self._terminal_types = TerminalTypes(self._out)
        self._variables = Variables(self._out)
        self._charsets = Charsets(self._out)
        self._ayt_answers_left = _ARE_YOU_THERE_ANSWERS
        self._is_telnet = False

    # What the listener calls

    @property
    def is_telnet(self) -> bool:
        """Whether the client has sent some telnet command, so that it will not show ours as garbage."""
        return self._is_telnet

    def start(self) -> None:
        """Offer all that we can do. At most 24 bytes, next to nothing on a client without telnet."""
        for option, ours in _OFFERS:
            self._options.request(option, ours=ours, enable=True)
        if self._offers_compression:
            self._options.request(COMPRESS2, ours=True, enable=True)

    def hide_input(self) -> None:
        """Before a password prompt: claim to echo, so that the client does not. Repeating it sends nothing."""
        self._options.request(ECHO, ours=True, enable=True)

    def show_input(self) -> None:
        """After a password: let the client echo again. The client did not show the player's newline; send one."""
        self._options.request(ECHO, ours=True, enable=False)

    def prompt_end(self) -> bytes:
        """What goes behind a prompt, so that the client knows that nothing more comes for now. May be nothing.

        END OF RECORD if that was agreed on, else GO AHEAD unless the client wants none.
        """
        if not self._is_telnet:
            return b""
        if self._options.is_on(EOR, ours=True):
            return bytes((IAC, END_OF_RECORD))
        return b"" if self._options.is_on(SGA, ours=True) else bytes((IAC, GO_AHEAD))

    def keepalive(self) -> bytes:
        """What keeps the routers on the way from forgetting an idle connection; nothing for a client without telnet."""
        return bytes((IAC, NOP)) if self._is_telnet else b""

    def bytes_to_send(self) -> bytes:
        """Drain the negotiation bytes that wait for the client; they go out before any later text."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def receive(self, data: bytes) -> list[TelnetEvent]:
        """Take the next bytes from the client; return what they completed, in order. Never raises, whatever the bytes.

        The list has at most one event for each byte of ``data``, plus one.
        """
        events: list[TelnetEvent] = []
        position, end = 0, len(data)
        while position < end:
            if self._command is None:
                found = data.find(_IAC, position)
                stop = end if found < 0 else found
                if stop > position:
                    run = data[position:stop]
                    if self._sub_option is None:
                        self._lines.receive(run, events)
                    else:
                        self._sub_data(run)
                if found >= 0:
                    self._command = IAC
                position = stop + 1
            else:
                self._command_byte(data[position], events)
                position += 1
        return events

    # Bytes

    def _sub_data(self, run: bytes) -> None:
        # One byte past the limit is kept as the mark that the whole was too long.
        self._sub += run[: self._sub_limit + 1 - len(self._sub)]

    def _command_byte(self, byte: int, events: list[TelnetEvent]) -> None:
        command, self._command = self._command, None
        if command == SB:
            self._sub_option = byte
            self._sub_limit = GMCP_LIMIT if byte == GMCP else SUBNEGOTIATION_LIMIT
        elif command != IAC:
            self._negotiated(byte, events, ours=command in (DO, DONT), yes=command in (WILL, DO))
        elif byte == IAC:
            if self._sub_option is None:
                self._lines.receive(_IAC, events)
            else:
                self._sub_data(_IAC)
        elif byte == SE:
            self._end_subnegotiation(events)
        else:
            # Any other command ends a subnegotiation that lost its SE; else such a client would be mute from then on.
            self._sub_option = None
            self._sub.clear()
            if byte in _VERBS:
                self._command = byte
            elif byte >= FIRST_COMMAND:
                self._is_telnet = True
                self._commanded(byte, events)

    def _commanded(self, command: int, events: list[TelnetEvent]) -> None:
        """Take a command that stands alone. They may stand inside of a line, which goes on after them."""
        if command == AYT:
            if self._ayt_answers_left:
                self._ayt_answers_left -= 1
                self._out += b"[Yes]\r\n"
        elif command == ERASE_CHARACTER:
            self._lines.erase_character(events)
        elif command in (ERASE_LINE, INTERRUPT, BREAK):
            self._lines.erase_line()

    # Options

    def _negotiated(self, option: int, events: list[TelnetEvent], *, ours: bool, yes: bool) -> None:
        """Take the client's DO, DONT (about our side), WILL or WONT (about its own), and begin what follows from it."""
        self._is_telnet = True
        on = self._options.received(option, ours=ours, yes=yes)
        if on is None:
            return
        if option == TTYPE and on:
            self._terminal_types.begin()
        elif option == NEW_ENVIRON and on:
            self._variables.begin()
        elif option == CHARSET and ours:
            if on:
                self._charsets.begin()
            else:
                self._charsets.end()
        elif option == MSSP and on:
            events.append(MsspRequested())
        elif option == COMPRESS2:
            events.append(Compression(on))
        elif option == GMCP and not self._options.is_on(GMCP, ours=not ours):
            events.append(GmcpEnabled(on))

    def _end_subnegotiation(self, events: list[TelnetEvent]) -> None:
        option, payload = self._sub_option, bytes(self._sub)
        self._sub_option = None
        self._sub.clear()
        if option is None:
            return
        self._is_telnet = True
        if len(payload) <= self._sub_limit and self._options.is_agreed(option):
            event = self._subnegotiated(option, payload)
            if isinstance(event, Charset):
                self._lines.encoding = event.name
            if event is not None:
                events.append(event)

    def _subnegotiated(self, option: int, payload: bytes) -> TelnetEvent | None:
        if option == NAWS:
            return parse_window_size(payload)
        if option == TTYPE:
            return self._terminal_types.take(payload)
        if option == NEW_ENVIRON:
            return self._variables.take(payload)
        if option == CHARSET:
            return self._charsets.take(payload)
        return parse_gmcp(payload) if option == GMCP else None
