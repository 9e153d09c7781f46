"""What authors test their plugins with: the real host, a small world in memory, and transcripts. The server uses none of it."""

from __future__ import annotations

from holomush.testing.failures import CapabilityDenied, HarnessError, NoSuchCommand, PluginFailed, UnexpectedRequest
from holomush.testing.harness import PluginTestHarness
from holomush.testing.results import LogLine, Result, Span
from holomush.testing.transcripts import Outcome, run_transcripts
from holomush.testing.watch import Denial, HostCall

__all__ = [
    "CapabilityDenied",
    "Denial",
    "HarnessError",
    "HostCall",
    "LogLine",
    "NoSuchCommand",
    "Outcome",
    "PluginFailed",
    "PluginTestHarness",
    "Result",
    "Span",
    "UnexpectedRequest",
    "run_transcripts",
]
