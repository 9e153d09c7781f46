"""What a telnet client can tell us, as values. Owns their shapes; the codec makes them, and says when."""

from collections.abc import Mapping
from typing import TypeAlias

import attrs

from holomush.events.event import JSON


@attrs.frozen
class Line:
    """One line as typed: decoded, edited, without control characters and without its end. May be empty."""

    text: str


@attrs.frozen
class LineTooLong:
    """A line passed ``limit`` bytes and was thrown away as a whole; reported once, when the limit is passed."""

    limit: int


@attrs.frozen
class WindowSize:
    """The client's window in characters, 0 to 65535 each; 0 means that the client does not say."""

    columns: int
    rows: int


@attrs.frozen
class TerminalType:
    """What the client has said of itself so far. Each event holds all of it, so the last one is what counts.

    ``names`` has at most three names of at most 40 printable ASCII characters, as the client spells them; by the Mud
    Terminal Type Standard the client's own first, then its terminal's. ``mtts`` is the sum of the standard's bits.
    """

    names: tuple[str, ...]
    mtts: int | None = None


@attrs.frozen
class Environment:
    """Variables of the client, changed since the last such event. Each event holds all of them; nobody changes the mapping.

    At most 32, with names of 1 to 64 and values of at most 256 printable characters, as the client spells them. The Mud
    New-Environ Standard has CLIENT_NAME, CLIENT_VERSION, CHARSET, MTTS, TERMINAL_TYPE and IPADDRESS; all of it is a claim.
    """

    variables: Mapping[str, str]


@attrs.frozen
class Charset:
    """Agreed on for both directions, from here on: ``utf-8``, ``latin-1`` or ``ascii``, as Python calls them."""

    name: str


@attrs.frozen
class MsspRequested:
    """The client, most likely a crawler, asks for the status of the server (``mssp_bytes``). At most twice a connection."""


@attrs.frozen
class Compression:
    """The client agreed to MCCP2, or ended it. The codec itself never compresses.

    On: after ``COMPRESSION_STARTS``, which is sent as it is, everything is one zlib stream. Off: end that stream.
    """

    on: bool


@attrs.frozen
class GmcpEnabled:
    """GMCP was agreed on, or ended. Nothing is to be sent in it before, or after."""

    on: bool


@attrs.frozen
class Gmcp:
    """A message of the client's: at most 8 KiB, nested at most 16 deep. ``data`` is None if there was none."""

    package: str
    """1 to 64 letters, digits and ``_.-``, as the client spells it: ``Core.Hello``."""
    data: JSON


TelnetEvent: TypeAlias = (
    Line | LineTooLong | WindowSize | TerminalType | Environment | Charset | MsspRequested | Compression | GmcpEnabled | Gmcp
)
