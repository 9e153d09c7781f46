"""Text into the bytes of a telnet client. Owns the ends of lines, and what is doubled or left out on the way."""

from collections.abc import Callable
from typing import Final

from holomush.text.colours import Colours
from holomush.text.markup import clean, render

Encoder = Callable[[str], bytes]

_IAC: Final = b"\xff"


def encode_text(text: str, encoding: str = "utf-8") -> bytes:
    """Plain text as bytes fit for a telnet client: lines end in CR LF, the only other control character is the tab.

    ESC is dropped too, so nobody can send another player terminal sequences. What the encoding lacks becomes ``?``. A
    byte 255 is doubled; UTF-8 never has one. Raises LookupError for an encoding that Python does not know.
    """
    return clean(text).replace("\n", "\r\n").encode(encoding, "replace").replace(_IAC, _IAC + _IAC)


def markup_encoder(colours: Colours) -> Encoder:
    """Makes the same of markup, in UTF-8 and for clients with these colours. Each call gives a new function."""

    def encode(text: str) -> bytes:
        # One line of ordinary characters, which is what almost everything is: nothing to take out, nothing to colour.
        line = text[:-1]
        if line.isprintable() and "[" not in line and text.endswith("\n"):
            return line.encode() + b"\r\n"
        # What is rendered has no halves of characters, and UTF-8 no byte 255.
        return render(text, colours).replace("\n", "\r\n").encode()

    return encode
