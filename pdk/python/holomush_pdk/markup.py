"""Text that somebody has written, as a part of what a plugin shows: its tags must not colour the rest, or must not count.

In events the server sees to it. A plugin needs this where it puts such text into a line of its own output.
"""

from __future__ import annotations

__all__ = ["closed", "typed"]


def typed(text: str) -> str:
    """A text whose brackets are no markup: shown just as somebody has typed it."""
    return text.replace("[", "[[")


def closed(text: str) -> str:
    """A text whose tags count, but only to its end."""
    if "[" not in text:
        return text
    # A bracket that is left over at the end would make one of two with that of the tag.
    left_over = (len(text) - len(text.rstrip("["))) % 2
    return f"{text}{'[' * left_over}[/all]"
