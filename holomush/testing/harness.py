"""One plugin under test: the real guest on the real host, called from ordinary code.

    from holomush_pdk.testing import PluginTestHarness

    def test_echo_responds_to_say():
        harness = PluginTestHarness("echo.wasm")
        result = harness.deliver_event({"type": "say", "payload": {"message": "hello"}})
        assert result.emitted_events[0]["payload"]["message"] == "Echo: hello"

Calls are made as in the server: under its limits, each a transaction that is committed to a database, which is thrown away. An
event that the plugin emits is not handed to it again.
"""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from holomush.commands.access import Access
from holomush.commands.router import BadUsage, Matched
from holomush.config import PausesConfig, PluginsConfig
from holomush.dispatch.commit import Actor
from holomush.errors import HolomushError
from holomush.events.event import ActorKind, Event
from holomush.events.streams import StreamKind, character_stream, parse_stream
from holomush.plugins.calls import EVENT_HANDLER, CapabilityDeniedError
from holomush.plugins.guests.guest import GuestError, report_of
from holomush.plugins.reply import encode_input
from holomush.plugins.roster.capabilities import Capability
from holomush.plugins.roster.manifest import Manifest
from holomush.plugins.roster.source import PluginSource
from holomush.plugins.surroundings import Surroundings
from holomush.testing.backstage import Backstage
from holomush.testing.crowd import Crowd
from holomush.testing.failures import CapabilityDenied, HarnessError, NoSuchCommand, PluginFailed, UnexpectedRequest
from holomush.testing.incoming import complete_event
from holomush.testing.keeping import Keys, Tables
from holomush.testing.notes import listening
from holomush.testing.people import HarnessWorld, Ref, find_one
from holomush.testing.results import LogLine, Result, Span, only_span, spans_of
from holomush.testing.stage import ALICE_ID, NO_SESSION, SQUARE_ID, open_stage
from holomush.testing.subject import read_subject
from holomush.testing.watch import Watch
from holomush.testing.web import CannedWeb, advice
from holomush.world.model import Character

_NEVER = PausesConfig(failures=1_000_000)
"""A plugin that keeps failing is not switched off: each test is told what went wrong in its own call."""


class PluginTestHarness:
    """A plugin that is loaded and can be called. Close it, use it in a ``with`` block, or let go of it."""

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        capabilities: Sequence[str] | None = None,
        config: Mapping[str, str] | None = None,
        now: datetime | int | None = None,
        timeout: float = PluginsConfig().timeout,
        memory_mb: int = PluginsConfig().memory_mb,
        limits: PluginsConfig | None = None,
    ) -> None:
        """``path`` is a plugin's folder, or its .py, .js or .wasm file; one without a manifest may do everything.

        ``capabilities`` stand in for those of the manifest, ``config`` is laid over the manifest's. ``now``, a datetime or
        milliseconds since 1970, is what events and commands are stamped with. ``timeout`` (seconds) and ``memory_mb`` are what the
        server gives a call; ``limits``, all of the server's settings for plugins, takes their place. Raises ``PluginFailed``.
        """
        self.spans: list[Span] = []
        """Of all calls so far."""
        self.http = CannedWeb()
        """The answers of web servers: ``harness.http.get("https://...", body="...")``."""
        self._watch = Watch()
        self._exporter = InMemorySpanExporter()
        try:
            source = read_subject(Path(path), capabilities, config)
        except (HarnessError, PluginFailed):
            raise
        except HolomushError as exc:
            raise PluginFailed(str(exc)) from exc
        self.manifest: Manifest = source.manifest
        """The plugin's manifest, as it is used here."""
        settings = limits or PluginsConfig(timeout=timeout, memory_mb=memory_mb, pauses=_NEVER)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        # What is opened must not know of the harness, or nobody could let go of it.
        surroundings = partial(_surroundings, self.http, self._watch)
        self._backstage = Backstage(partial(open_stage, settings, provider.get_tracer("holomush"), surroundings))
        self._closing = weakref.finalize(self, self._backstage.close)
        self._stage = self._backstage.opened
        self.now = now
        self.world = HarnessWorld(self._backstage)
        self.kv = Keys(self._backstage)
        """What the plugin keeps under keys."""
        self.tables = Tables(self._backstage)
        """The plugin's tables by name: ``harness.tables["scores"].rows``."""
        try:
            self._load(source)
        except PluginFailed:
            self.close()
            raise

    def __enter__(self) -> PluginTestHarness:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop the plugin and throw away all that it has done. Closing twice does nothing."""
        self._closing()

    @property
    def now(self) -> int | None:
        """What events and commands are stamped with, in milliseconds since 1970; None for the real time."""
        return self._stage.calls.now

    @now.setter
    def now(self, now: datetime | int | None) -> None:
        self._stage.calls.now = int(now.timestamp() * 1000) if isinstance(now, datetime) else now

    @property
    def shut_down_for(self) -> str | None:
        """The reason for which the plugin stopped the server; None if it did not."""
        return self._stage.crowd.shut_down_for

    def deliver_event(self, event: Mapping[str, Any], *, check: bool = True) -> Result:
        """Hand the plugin an event, whether it subscribes to it or not.

        ``type`` is needed; without the other keys it is Alice's doing on the square. A location or character that is not there is
        made. Raises ``PluginFailed`` if the plugin fails; with ``check=False`` the result has the error.
        """
        complete = self._event(event)
        stream = parse_stream(complete.stream)
        place = SQUARE_ID
        if stream.kind is StreamKind.LOCATION:
            self.world.ensure_location(stream.name)
            place = stream.name
        elif stream.kind is StreamKind.CHARACTER:
            self.world.ensure_character(stream.name, "", SQUARE_ID)
        if complete.actor_kind is ActorKind.CHARACTER:
            self.world.ensure_character(complete.actor_id, complete.actor_name, place)
        return self._perform(lambda: self._backstage.call(self._stage.deliver, complete), check=check)

    def run_command(
        self,
        line: str,
        as_: Ref = ALICE_ID,
        *,
        access: str = "admin",
        session: Mapping[str, Any] = NO_SESSION,
        check: bool = True,
    ) -> Result:
        """Do what somebody types, by the patterns of the manifest's commands, as the server does.

        ``access`` is theirs: guest, player, builder or admin; ``session``, as ``{"width": 40, "screen_reader": True}``, is
        laid over what the plugin is told of their connection: a width of 80, and no screen reader. Raises ``PluginFailed`` if the
        plugin fails and ``NoSuchCommand`` for a line that is none of its commands; with ``check=False`` the result has the error.
        """
        character = find_one(self._stage.world, as_, Character)
        level = Access.parse(access)

        def type_line() -> None:
            route = self._stage.router.route(line, level)
            told = self._backstage.call(self._stage.type_line, line, character, level, session)
            if not self._stage.calls.function:
                usage = told[0] if isinstance(route, BadUsage | Matched) and told else _known(self.manifest)
                raise NoSuchCommand(f'{self.manifest.name}: no command takes the line "{line}". {usage}')
            if self._stage.calls.failure is not None:
                raise self._stage.calls.failure

        return self._perform(type_line, check=check)

    def call(self, function: str, input: Any = None, as_: Ref = ALICE_ID, *, check: bool = True) -> Result:  # noqa: A002
        """Call one of the plugin's functions in somebody's name, with any input: text or bytes as they are, else as JSON.

        Raises ``PluginFailed`` if the plugin fails; with ``check=False`` the result has the error.
        """
        actor = find_one(self._stage.world, as_, Character)
        data = input if isinstance(input, bytes) else input.encode() if isinstance(input, str) else encode_input(input)

        async def run() -> None:
            named = Actor(ActorKind.CHARACTER, actor.id, actor.name)
            await self._stage.run(
                function, b"" if input is None else data, named, event_type="command", event_stream=character_stream(actor.id)
            )

        return self._perform(lambda: self._backstage.call(run), check=check)

    @property
    def functions(self) -> frozenset[str]:
        """The functions that the plugin has, those of its command handlers among them."""
        (loaded,) = self._stage.host.plugins
        return loaded.functions

    def subscribes_to(self, event: Mapping[str, Any]) -> bool:
        """Whether the server would hand the plugin such an event, by the manifest's ``subscribes``."""
        complete = self._event(event)
        return any(
            subscription.type in ("*", complete.type) and subscription.stream_pattern().matches(complete.stream)
            for subscription in self.manifest.subscribes
        )

    def mock(self, function: str, answer: Any) -> None:
        """Let a host function give ``answer`` from now on: a JSON value, an error such as ``HostError``, or a callable.

        A callable gets the plugin's arguments, those that are JSON parsed, and returns the value or raises. The capability is still
        needed. A call may be made anew, and so a callable be called again, if the world changes under it.
        """
        self._watch.mock(function, answer)

    @contextmanager
    def expect_denied(self, *capabilities: str) -> Iterator[None]:
        """Inside, something of each of ``capabilities`` is refused, and that is right. Raises ``AssertionError`` if it is not."""
        expected = [Capability.parse(capability) for capability in capabilities]
        seen: list[str] = []
        self._watch.expect(expected, seen.append)
        try:
            yield
        finally:
            self._watch.expect_nothing()
        for capability in expected:
            if not any(capability.covers(denied) for denied in seen):
                raise AssertionError(f"{self.manifest.name} was not refused {capability.text}")

    def span(self, name: str = "plugin.call", **attributes: Any) -> Span:
        """The one span of all calls so far that has these attributes, as ``Result.span``."""
        return only_span(self.spans, name, attributes)

    def _load(self, source: PluginSource) -> None:
        failure: HolomushError | None = None
        try:
            self._backstage.call(self._stage.load, source)
        except HolomushError as exc:
            failure = exc
        self._raise_for(failure, None if failure is None else _why_not_loaded(self.manifest.name, failure))

    def _event(self, given: Mapping[str, Any]) -> Event:
        return complete_event(given, self._stage.world, self.manifest.name, self._stage.calls.timestamp())

    def _perform(self, work: Callable[[], None], *, check: bool) -> Result:
        """Make one call and gather what came of it."""
        stage = self._stage
        stage.begin()
        self._watch.begin()
        self.http.begin()
        self._exporter.clear()
        failure: HolomushError | None = None
        with listening(self.manifest.name) as logs:
            try:
                work()
            except HolomushError as exc:
                failure = exc
        if failure is not None and isinstance(failure.__cause__, CapabilityDeniedError):
            self._watch.note_denial("the answer", failure.__cause__)
        spans = spans_of(self._exporter.get_finished_spans())
        self.spans += spans
        result = self._result(failure, logs, spans)
        if check:
            self._raise_for(failure, result.error)
        return result

    def _result(self, failure: HolomushError | None, logs: list[LogLine], spans: list[Span]) -> Result:
        stage = self._stage
        reply = stage.calls.reply
        return Result(
            emitted_events=[event.to_wire() for event in stage.events],
            output=None if reply is None else reply.output,
            handled=None if reply is None else reply.handled,
            error=None if failure is None else self._told(failure),
            logs=logs,
            host_calls=self._watch.host_calls,
            denied=self._watch.denials,
            spans=spans,
            heard_by_id={character_id: ear.heard for character_id, ear in stage.ears.items()},
            ids={e.name: e.id for e in stage.world.entities() if isinstance(e, Character)},
        )

    def _told(self, failure: HolomushError) -> str:
        if isinstance(failure, PluginFailed):
            return str(failure)
        report = report_of(failure) if isinstance(failure, GuestError) else str(failure)
        return f"{self.manifest.name}, {self._stage.calls.function or EVENT_HANDLER}: {report}"

    def _raise_for(self, failure: HolomushError | None, told: str | None) -> None:
        """Fail the test for a call that failed, and for what the plugin may have swallowed and its author should know."""
        because = "" if told is None else f"\n{told}"
        for denial in self._watch.unexpected_denials():
            raise CapabilityDenied(
                f"{self.manifest.name}: {denial.function} needs the capability {denial.capability}. {denial.advice}{because}"
            )
        for request in self.http.unanswered:
            raise UnexpectedRequest(f"{self.manifest.name}: {advice(request)}{because}")
        if isinstance(failure, PluginFailed):
            raise failure
        if failure is not None:
            raise PluginFailed(told) from failure


def _surroundings(web: CannedWeb, watch: Watch, crowd: Crowd) -> Surroundings:
    return Surroundings(
        fetch=web.fetch,
        is_connected=crowd.is_connected,
        access=crowd.access,
        handbook=crowd.handbook,
        sessions=crowd.sessions,
        connected=crowd.connected,
        boot=crowd.boot,
        start=crowd.start,
        hash_password=_hash,
        verify_password=lambda stored, password: stored == _hash(password),
        played_by=crowd.played_by,
        switch=crowd.switch,
        plugins=crowd.plugins,
        stats=crowd.stats,
        shut_down=crowd.shut_down,
        interpose=watch.interpose,
    )


def _hash(password: str) -> str:
    """Nobody logs in to a test, and a real hash takes long."""
    return hashlib.sha256(password.encode()).hexdigest()


def _why_not_loaded(name: str, error: HolomushError) -> str:
    cause = error.__cause__
    # The host puts the name before each of several reasons.
    reasons = [line.removeprefix(f"{name}: ") for line in str(error).splitlines()]
    report = report_of(cause) if isinstance(cause, GuestError) else "\n".join(reasons)
    return f"{name} cannot be loaded:" + (f"\n{report}" if "\n" in report else f" {report}")


def _known(manifest: Manifest) -> str:
    if not manifest.commands:
        return "plugin.yaml lists no commands; call() calls a function by its name."
    return "There are: " + ", ".join(command.usage or command.pattern for command in manifest.commands)
