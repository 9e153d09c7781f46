"""What a call of a plugin came to, for a test to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import attrs
from opentelemetry.sdk.trace import ReadableSpan

from holomush.testing.failures import HarnessError
from holomush.testing.watch import Denial, HostCall


class LogLine(NamedTuple):
    """A line of the plugin's log. ``level`` is debug, info, warn or error."""

    level: str
    text: str


@attrs.frozen(kw_only=True)
class Span:
    """A finished span of OpenTelemetry. ``error`` is the text of its status if that is an error."""

    name: str
    attributes: Mapping[str, Any]
    error: str | None
    seconds: float

    @classmethod
    def of(cls, span: ReadableSpan) -> Span:
        """From the SDK's own."""
        nanoseconds = (span.end_time or 0) - (span.start_time or 0)
        return cls(
            name=span.name,
            attributes=dict(span.attributes or {}),
            error=None if span.status.is_ok or span.status.is_unset else span.status.description or "",
            seconds=nanoseconds / 1e9,
        )


@attrs.frozen(kw_only=True)
class Result:
    """What came of one call. Of a call that failed there are only ``error``, ``logs``, ``host_calls``, ``denied`` and ``spans``."""

    emitted_events: list[dict[str, Any]]
    """All events, as plugins get them: stream, type, payload, actor_kind, actor_id, actor_name, id, timestamp."""
    output: str | None
    """Text for whoever asked, its lines joined by newlines; None if there is none."""
    handled: bool | None
    """None if the plugin did not say."""
    error: str | None
    """None, or the failure: the plugin's own report with file and line, or what the host stopped it for."""
    logs: list[LogLine]
    host_calls: list[HostCall]
    denied: list[Denial]
    """What it may not do, and tried."""
    spans: list[Span]
    heard_by_id: Mapping[str, list[str]] = attrs.field(repr=False)
    ids: Mapping[str, str] = attrs.field(repr=False)
    """The ids of all characters by their names."""

    @property
    def lines(self) -> list[str]:
        """The lines of ``output``."""
        return [] if self.output is None else self.output.split("\n")

    def heard(self, character: str) -> list[str]:
        """What somebody (a name or an id) was shown of the events, by the templates in the manifest's ``renders``."""
        heard = self.heard_by_id.get(self.ids.get(character, character))
        if heard is None:
            raise HarnessError(f"there is no character {character}; there are {', '.join(self.ids)}")
        return heard

    def span(self, name: str = "plugin.call", **attributes: Any) -> Span:
        """The one span of that name that has these attributes; for ``plugin.name`` write ``plugin_name``.

        Raises ``AssertionError`` if there is none, or more than one.
        """
        return only_span(self.spans, name, attributes)


def only_span(spans: Sequence[Span], name: str, attributes: Mapping[str, Any]) -> Span:
    """As ``Result.span``, among ``spans``."""
    found = [span for span in spans if span.name == name and attributes.items() <= _by_word(span).items()]
    if len(found) != 1:
        told = "\n".join(_described(span.name, _by_word(span)) for span in spans) or "none"
        raise AssertionError(f"{len(found)} spans are {_described(name, attributes)}; there are:\n{told}")
    return found[0]


def spans_of(spans: Iterable[ReadableSpan]) -> list[Span]:
    """The SDK's spans as ours."""
    return [Span.of(span) for span in spans]


def _by_word(span: Span) -> dict[str, Any]:
    """Its attributes, under names that can be written as keywords."""
    return {key.replace(".", "_"): value for key, value in span.attributes.items()}


def _described(name: str, attributes: Mapping[str, Any]) -> str:
    return " ".join((name, *(f"{key}={value}" for key, value in attributes.items())))
