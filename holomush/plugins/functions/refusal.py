"""The error that a host function answers with, in the ABI's own codes."""

from __future__ import annotations

from typing import Final

from holomush.errors import HolomushError

CODES: Final = (
    "capability_denied",
    "invalid_argument",
    "not_found",
    "conflict",
    "rate_limited",
    "too_large",
    "timeout",
    "unavailable",
)
"""Every code there is."""


class HostCallError(HolomushError):
    """What a host function answers instead of a value. ``code`` is one of ``CODES``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
