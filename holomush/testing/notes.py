"""The log of a plugin, as a test sees it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from holomush.testing.results import LogLine

_LEVELS = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warn", logging.ERROR: "error"}


class _Notes(logging.Handler):
    """Keeps the lines of a logger."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[LogLine] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(LogLine(_LEVELS.get(record.levelno, record.levelname.lower()), record.getMessage()))


@contextmanager
def listening(plugin: str) -> Iterator[list[LogLine]]:
    """All that the plugin logs meanwhile, at every level."""
    logger, notes = logging.getLogger(f"holomush.plugin.{plugin}"), _Notes()
    level = logger.level
    logger.addHandler(notes)
    logger.setLevel(logging.DEBUG)
    try:
        yield notes.lines
    finally:
        logger.setLevel(level)
        logger.removeHandler(notes)
