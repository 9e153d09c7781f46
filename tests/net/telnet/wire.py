"""Telnet as bytes, written by hand: what clients and servers say. Shared by the tests of the codec."""

from hypothesis import strategies as st

from holomush.net.telnet.codec import SUBNEGOTIATION_LIMIT, TelnetCodec
from holomush.net.telnet.gmcp import GMCP_LIMIT

IAC, DONT, DO, WONT, WILL, SB, SE = b"\xff", b"\xfe", b"\xfd", b"\xfc", b"\xfb", b"\xfa", b"\xf0"
COMMAND_EOR, NOP, DM, BRK, IP, AO, AYT, EC, EL, GA = (bytes((code,)) for code in (239, *range(241, 250)))
ECHO, SGA, TIMING_MARK, TTYPE, EOR, NAWS = b"\x01", b"\x03", b"\x06", b"\x18", b"\x19", b"\x1f"
OLD_ENVIRON, NEW_ENVIRON, CHARSET, MSSP = b"\x24", b"\x27", b"\x2a", b"\x46"
COMPRESS1, COMPRESS2, COMPRESS3, GMCP = b"\x55", b"\x56", b"\x57", b"\xc9"

OFFERS = b"".join(
    IAC + offer
    for offer in (DO + TTYPE, DO + NAWS, DO + NEW_ENVIRON, WILL + CHARSET, WILL + EOR, WILL + MSSP, WILL + GMCP, WILL + COMPRESS2)
)


def sub(option: bytes, payload: bytes) -> bytes:
    """A subnegotiation; the payload is put in as it is."""
    return IAC + SB + option + payload + IAC + SE


def is_type(name: bytes) -> bytes:
    return sub(TTYPE, b"\x00" + name)


def gmcp(message: str) -> bytes:
    return sub(GMCP, message.encode())


def environ(*pairs: tuple[bytes, bytes | None], kind: bytes = b"\x00", var: bytes = b"\x00") -> bytes:
    """An IS (or INFO) with the pairs as they are, without anything escaped; None stands for no VALUE at all."""
    told = b"".join(var + name + (b"" if value is None else b"\x01" + value) for name, value in pairs)
    return sub(NEW_ENVIRON, kind + told)


SEND_TTYPE = sub(TTYPE, b"\x01")
SEND_ENVIRON = sub(NEW_ENVIRON, b"\x01\x00\x03")
CHARSET_REQUEST = sub(CHARSET, b"\x01;UTF-8;ISO-8859-1")
NAWS_80_24 = sub(NAWS, b"\x00\x50\x00\x18")


def opened(*, compression: bool = False) -> TelnetCodec:
    """A codec whose offers have gone out."""
    codec = TelnetCodec(compression=compression)
    codec.start()
    codec.bytes_to_send()
    return codec


def agreed(said: bytes, *, compression: bool = False) -> TelnetCodec:
    """A codec whose offers have gone out and been answered so; its answers to that have gone out, too."""
    codec = opened(compression=compression)
    codec.receive(said)
    codec.bytes_to_send()
    return codec


VERBS = st.sampled_from([DO, DONT, WILL, WONT])
KNOWN_OPTIONS = st.sampled_from(
    [ECHO, SGA, TIMING_MARK, TTYPE, EOR, NAWS, NEW_ENVIRON, CHARSET, MSSP, COMPRESS1, COMPRESS2, COMPRESS3, GMCP, IAC]
)
NEGOTIATIONS = st.builds(lambda verb, option: IAC + verb + option, VERBS, KNOWN_OPTIONS)
_PAYLOADS = st.sampled_from(
    [
        TTYPE + b"\0",
        TTYPE + b"\0XTERM",
        TTYPE + b"\0MTTS 271",
        NAWS + b"\0\x50\0\x18",
        NEW_ENVIRON + b"\0",
        NEW_ENVIRON + b"\0\0CLIENT_NAME\1Mudlet\3X\1\2\1\2\2",
        NEW_ENVIRON + b"\2\0CLIENT_NAME",
        CHARSET + b"\1",
        CHARSET + b"\1;UTF-8",
        CHARSET + b"\1[TTABLE ]\1 latin1",
        CHARSET + b"\1,ascii,x",
        CHARSET + b"\2ISO-8859-1",
        CHARSET + b"\2utf8",
        CHARSET + b"\3",
        CHARSET + b"\4\1",
        GMCP + b"Core.Hello",
        GMCP + b'Core.Hello {"client": "\xc3\xa9\xf0',
        GMCP + b"Core.Ping [1, 2.5, null]",
        GMCP + b"x" + b" [" * 20,
        MSSP,
        COMPRESS2,
    ]
)
PIECES = st.one_of(
    st.sampled_from([b"\r", b"\n", b"\0", b"\r\n", b"\r\0", b"\x08", b"\t", b"look", "é☃".encode(), b"\xe9", IAC, SB, SE]),
    st.sampled_from([IAC + IAC, IAC + SE, IAC + SB, IAC + AYT, IAC + GA, IAC + EC, IAC + EL, IAC + IP, IAC + BRK, IAC + NOP]),
    NEGOTIATIONS,
    st.builds(
        lambda start, data, end: IAC + SB + start + data + end,
        _PAYLOADS,
        st.one_of(
            st.just(b""), st.binary(max_size=8), st.sampled_from([b"g" * (SUBNEGOTIATION_LIMIT + 1), b"g" * (GMCP_LIMIT + 1)])
        ),
        st.sampled_from([IAC + SE, b""]),
    ),
    st.binary(max_size=30),
)
STREAMS = st.lists(PIECES, max_size=30).map(b"".join)
"""What clients might send, and what they would not."""
EVERYTHING_ON = b"".join(
    [
        *(IAC + WILL + option for option in (TTYPE, NAWS, NEW_ENVIRON, CHARSET)),
        *(IAC + DO + option for option in (CHARSET, EOR, MSSP, GMCP, COMPRESS2)),
    ]
)
"""Agrees to all that we offer, and more."""
