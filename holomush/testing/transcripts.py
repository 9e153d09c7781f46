"""``tests.yaml``: what a plugin must do, written down step by step, for authors in any language.

Owns the format and the comparison; each test runs in a harness of its own, so none sees what another has done.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from holomush.commands.access import Access
from holomush.events.event import ActorKind
from holomush.events.streams import plugin_stream
from holomush.plugins.functions.refusal import CODES, HostCallError
from holomush.plugins.functions.table import HOST_FUNCTIONS
from holomush.structuring import StructureError, one_of, read_yaml, structure
from holomush.testing.failures import HarnessError, PluginFailed
from holomush.testing.harness import PluginTestHarness
from holomush.testing.results import Result
from holomush.testing.watch import PREFIX

FILE_NAME = "tests.yaml"
ACCESSES = tuple(access.name.lower() for access in Access)

_FUNCTIONS = frozenset(function.name.removeprefix(PREFIX) for function in HOST_FUNCTIONS)


def _text_or_lines(_: object, __: object, value: Any) -> None:
    lines = value if isinstance(value, list) else [value]
    if value is not None and not all(isinstance(line, str) for line in lines):
        raise ValueError(f"must be text or a list of lines, not {json.dumps(value)}")


def _filled(_: object, __: object, value: tuple[object, ...]) -> None:
    if not value:
        raise ValueError("must have at least one entry")


def _host_functions(_: object, __: object, value: dict[str, Any]) -> None:
    for name in value:
        if name.removeprefix(PREFIX) not in _FUNCTIONS:
            raise ValueError(f"there is no host function {name}")


@attrs.frozen(kw_only=True)
class EventStep:
    """An event that the plugin is handed; what is left out is Alice's doing on the square."""

    type: str
    stream: str | None = None
    actor_kind: str | None = None
    actor_id: str | None = None
    actor_name: str | None = None
    id: str | None = None
    timestamp: int | None = None
    payload: dict[str, Any] = attrs.field(factory=dict)

    def given(self) -> dict[str, Any]:
        """The keys that are there."""
        return {key: value for key, value in attrs.asdict(self).items() if value is not None}


@attrs.frozen(kw_only=True)
class TimerStep:
    """A timer of the plugin's own that is due: short for the event that the server then hands it."""

    name: str
    payload: dict[str, Any] = attrs.field(factory=dict)

    def event(self, plugin: str) -> dict[str, Any]:
        """The event, for this plugin."""
        return {
            "type": "timer",
            "stream": plugin_stream(plugin),
            "actor_kind": ActorKind.SYSTEM.value,
            "payload": {"name": self.name, "payload": self.payload},
        }


@attrs.frozen(kw_only=True)
class SessionEntry:
    """What the plugin is told of the connection that a line is typed at; what is left out is as at a plain terminal."""

    width: int | None = None
    screen_reader: bool | None = None

    def given(self) -> dict[str, Any]:
        """The keys that are there."""
        return {key: value for key, value in attrs.asdict(self).items() if value is not None}


@attrs.frozen(kw_only=True)
class Emitted:
    """An event that the plugin must emit; what is left out is not compared."""

    stream: str | None = None
    type: str | None = None
    actor_kind: str | None = None
    actor_id: str | None = None
    payload: dict[str, Any] | None = None

    def given(self) -> dict[str, Any]:
        """The keys that are there."""
        return {key: value for key, value in attrs.asdict(self).items() if value is not None}


@attrs.frozen(kw_only=True)
class Step:
    """An ``event``, a ``timer`` or a ``command``, typed by the character ``by``, and what must come of it.

    ``access`` and ``session`` are those of the one who types; what is left out is as in the test.
    """

    event: EventStep | None = None
    timer: TimerStep | None = None
    command: str | None = None
    by: str = "Alice"
    access: str | None = attrs.field(default=None, validator=one_of(*ACCESSES))
    session: SessionEntry = SessionEntry()
    emits: tuple[Emitted, ...] = ()
    output: Any = attrs.field(default=None, validator=_text_or_lines)
    handled: bool | None = None
    error: str | None = None

    def __attrs_post_init__(self) -> None:
        if [self.event, self.timer, self.command].count(None) != 2:
            raise ValueError("must have either event, timer or command")
        if self.command is None and (self.access is not None or self.session != SessionEntry()):
            raise ValueError("must not have access or session without command: only commands are typed")
        if self.error is not None and (self.emits or self.output is not None or self.handled is not None):
            raise ValueError("must not have emits, output or handled beside error: nothing comes of a call that fails")

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        if self.event is not None:
            return f"event {self.event.type}"
        return f"timer {self.timer.name}" if self.timer is not None else f"command {self.command}"


@attrs.frozen(kw_only=True)
class PlaceEntry:
    """A location to add."""

    name: str
    id: str | None = None
    description: str = ""


@attrs.frozen(kw_only=True)
class PersonEntry:
    """A character to add. ``at`` is a location's id or name; the square if it is left out."""

    name: str
    id: str | None = None
    at: str = "The Square"
    description: str = ""
    connected: bool = True


@attrs.frozen(kw_only=True)
class ThingEntry:
    """An object to add. ``at`` is the id or name of a location, a character or another object."""

    name: str
    id: str | None = None
    at: str = "The Square"
    description: str = ""
    lock: str = ""


@attrs.frozen(kw_only=True)
class ExitEntry:
    """An exit to add, from one location to another, by their ids or names."""

    name: str
    source: str
    destination: str
    id: str | None = None
    aliases: tuple[str, ...] = ()
    lock: str = ""


@attrs.frozen(kw_only=True)
class WorldEntry:
    """What there is besides the square, Alice and Bob."""

    locations: tuple[PlaceEntry, ...] = ()
    characters: tuple[PersonEntry, ...] = ()
    objects: tuple[ThingEntry, ...] = ()
    exits: tuple[ExitEntry, ...] = ()


@attrs.frozen(kw_only=True)
class ErrorEntry:
    """How a host function refuses."""

    code: str = attrs.field(validator=one_of(*CODES))
    message: str = ""


@attrs.frozen(kw_only=True)
class MockEntry:
    """What a host function gives: a value, or an error."""

    value: Any = None
    error: ErrorEntry | None = None


@attrs.frozen(kw_only=True)
class WebEntry:
    """What a web server answers to a GET or a POST of a URL."""

    get: str | None = None
    post: str | None = None
    status: int = 200
    headers: dict[str, str] = attrs.field(factory=dict)
    body: str = ""

    def __attrs_post_init__(self) -> None:
        if (self.get is None) is (self.post is None):
            raise ValueError("must have either get or post, a URL")


@attrs.frozen(kw_only=True)
class Case:
    """One test: what is there at first, who types at what unless a step says otherwise, and the steps."""

    test: str
    steps: tuple[Step, ...] = attrs.field(validator=_filled)
    access: str = attrs.field(default="admin", validator=one_of(*ACCESSES))
    session: SessionEntry = SessionEntry()
    config: dict[str, str] = attrs.field(factory=dict)
    world: WorldEntry = WorldEntry()
    kv: dict[str, str] = attrs.field(factory=dict)
    mocks: dict[str, MockEntry] = attrs.field(factory=dict, validator=_host_functions)
    http: tuple[WebEntry, ...] = ()


@attrs.frozen
class Difference:
    """Something that was not as it must be. ``step`` counts from 1; 0 is what comes before the steps."""

    step: int
    title: str
    what: str
    """emits, output, handled or error, or empty if the step could not be made."""
    expected: Any
    got: Any

    def __str__(self) -> str:
        where = f"step {self.step}, {self.title}" if self.step else self.title
        if not self.what:
            return f"{where}: {self.got}"
        return f"{where}: {self.what}\n  expected: {_shown(self.expected)}\n  got:      {_shown(self.got)}"


@attrs.frozen
class Outcome:
    """How a test went."""

    test: str
    differences: tuple[Difference, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all was as it must be."""
        return not self.differences

    def __str__(self) -> str:
        if self.passed:
            return f"ok: {self.test}"
        told = "\n".join(str(difference) for difference in self.differences)
        return f"FAILED: {self.test}\n" + "\n".join(f"  {line}" for line in told.splitlines())


def run_transcripts(folder: Path) -> list[Outcome]:
    """Run the ``tests.yaml`` of a plugin's folder.

    Raises ``StructureError`` for a file that is not what it should be, and ``PluginFailed`` if the plugin cannot be loaded.
    """
    return [run_case(folder, case) for case in read_transcripts(folder)]


def read_transcripts(folder: Path) -> tuple[Case, ...]:
    """The tests of a plugin's folder. Raises ``StructureError`` with every problem found."""
    path = folder / FILE_NAME
    data = read_yaml(path)
    if not data:
        raise StructureError([f"{path}: holds no tests: it is a list of tests, each with test: and steps:"])
    return structure(data, tuple[Case, ...], str(path))


def run_case(folder: Path, case: Case) -> Outcome:
    """Run one test. A step that differs from what it must do ends it: the rest would only follow from that."""
    with PluginTestHarness(folder, config=case.config) as harness:
        try:
            prepare(harness, case)
        except (HarnessError, HostCallError) as exc:
            return Outcome(case.test, (Difference(0, "what is there at first", "", None, str(exc)),))
        for number, step in enumerate(case.steps, 1):
            differences = tuple(_run(harness, case, number, step))
            if differences:
                return Outcome(case.test, differences)
    return Outcome(case.test)


def prepare(harness: PluginTestHarness, case: Case) -> None:
    world = harness.world
    for place in case.world.locations:
        world.add_location(place.name, id=place.id, description=place.description)
    for person in case.world.characters:
        world.add_character(person.name, id=person.id, at=person.at, description=person.description, connected=person.connected)
    for thing in case.world.objects:
        world.add_object(thing.name, id=thing.id, at=thing.at, description=thing.description, lock=thing.lock)
    for way in case.world.exits:
        world.add_exit(way.name, way.source, way.destination, id=way.id, aliases=way.aliases, lock=way.lock)
    harness.kv.update(case.kv)
    for function, mock in case.mocks.items():
        error = mock.error
        harness.mock(function, mock.value if error is None else HostCallError(error.code, error.message))
    for answer in case.http:
        lay_out = harness.http.get if answer.get is not None else harness.http.post
        lay_out(answer.get or answer.post or "", status=answer.status, headers=answer.headers, body=answer.body)


def _run(harness: PluginTestHarness, case: Case, number: int, step: Step) -> Iterator[Difference]:
    try:
        result = _call(harness, case, step)
    except (HarnessError, PluginFailed) as exc:
        yield Difference(number, step.title, "", None, str(exc))
        return
    for what, expected, got in _compared(step, result):
        if expected != got:
            yield Difference(number, step.title, what, expected, got)


def _call(harness: PluginTestHarness, case: Case, step: Step) -> Result:
    check = step.error is None
    if step.event is not None:
        return harness.deliver_event(step.event.given(), check=check)
    if step.timer is not None:
        return harness.deliver_event(step.timer.event(harness.manifest.name), check=check)
    session = case.session.given() | step.session.given()
    return harness.run_command(step.command or "", step.by, access=step.access or case.access, session=session, check=check)


def _compared(step: Step, result: Result) -> Iterator[tuple[str, Any, Any]]:
    """What must be, and what is."""
    if step.error is not None:
        found = result.error is not None and step.error in result.error
        yield "error", step.error, step.error if found else result.error
        return
    expected = [emitted.given() for emitted in step.emits]
    # Only the keys that are compared are shown; of an event too many, what tells which it is.
    keys = [*map(list, expected), *[["stream", "type", "payload"]] * len(result.emitted_events)]
    yield (
        "emits",
        expected,
        [{key: event[key] for key in wanted} for event, wanted in zip(result.emitted_events, keys, strict=False)],
    )
    if step.output is not None or step.command is not None:
        yield "output", _lines(step.output), result.lines
    if step.handled is not None:
        yield "handled", step.handled, result.handled


def _lines(output: str | list[str] | None) -> list[str]:
    if output is None:
        return []
    # A block of YAML ends in a newline that nobody meant.
    return output if isinstance(output, list) else output.removesuffix("\n").split("\n")


def _shown(value: Any) -> str:
    match value:
        case None | []:
            return "nothing"
        case str():
            return value.replace("\n", "\n            ")
        case list() if all(isinstance(line, str) for line in value):
            return "\n            ".join(value)
        case list():
            return "\n            ".join(json.dumps(item, ensure_ascii=False) for item in value)
        case _:
            return json.dumps(value, ensure_ascii=False)
