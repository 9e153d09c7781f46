"""How much one call of a plugin may take and give. Values only; ``calls`` and ``guest`` enforce them."""

from __future__ import annotations

import attrs

from holomush.config import PluginsConfig

PAGE = 65536
"""Bytes of a page of WebAssembly memory."""


@attrs.frozen(kw_only=True)
class Limits:
    """Bounds of one plugin: seconds a call, MiB an instance, bytes a message, and counts a call."""

    timeout: float = 5.0
    memory_mb: int = 64
    message_bytes: int = 262_144
    events: int = 64
    host_calls: int = 256

    @classmethod
    def of(cls, config: PluginsConfig, *, timeout_ms: int | None, memory_mb: int | None) -> Limits:
        """The server's limits, lowered (never raised) by what a manifest asks."""
        return cls(
            timeout=min(config.timeout, timeout_ms / 1000) if timeout_ms is not None else config.timeout,
            memory_mb=min(config.memory_mb, memory_mb) if memory_mb is not None else config.memory_mb,
            message_bytes=config.message_limit,
            events=config.events_per_call,
            host_calls=config.host_calls_per_call,
        )

    @property
    def pages(self) -> int:
        """``memory_mb`` in WebAssembly pages of 64 KiB."""
        return self.memory_mb * 1024 * 1024 // PAGE
