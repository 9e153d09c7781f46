"""What the texts of entities may be: how long, and which characters. The same for plugins and for world files.

Pure: text in, or an error whose text says what it must be. Names of characters have rules of their own, in ``names``.
"""

from __future__ import annotations

from holomush.text.markup import has_markup

NAME_LIMIT = 128
"""Characters in the name of a place, an exit or a thing, and in one alias of an exit."""
DESCRIPTION_LIMIT = 8_192
LOCK_LIMIT = 1_024
ALIAS_LIMIT = 32
"""Aliases of one exit."""


def check_title(text: str) -> None:
    """Raise ``ValueError`` unless ``text`` may be the name of a place, an exit or a thing, or an alias of an exit."""
    check_text(text, NAME_LIMIT, least=1)
    if text != " ".join(text.split()):
        raise ValueError("must have single spaces, and none at the ends")
    if has_markup(text):
        raise ValueError("must not have markup, such as [bold] or [[")


def check_text(text: str, most: int, *, least: int = 0, lines: bool = False) -> None:
    """Raise ``ValueError`` for too many characters, or for control characters other than tabs and newlines in ``lines``."""
    if not least <= len(text) <= most:
        raise ValueError(f"must have {least} to {most} characters, not {len(text)}")
    shown = text.replace("\n", "").replace("\t", "") if lines else text
    if not shown.isprintable() and any(_is_control(ord(char)) for char in shown):
        raise ValueError("must not have control characters")


def _is_control(code: int) -> bool:
    return code < 0x20 or 0x7F <= code <= 0x9F or 0xD800 <= code <= 0xDFFF
