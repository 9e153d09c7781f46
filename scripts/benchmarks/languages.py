"""What a plugin costs in each language, and how much of the conformance tests its PDK passes: a table with a column for each.

The plugin is the one that ``plugin new`` makes: it answers what is said with one event. The machine may be busy with other
things, so the languages take turns in everything that is timed, and what matters most is each one's ratio to Python.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import attrs
import trio

from benchmarks import report
from benchmarks.servers import BOB, PLACE, Server, open_server
from holomush import bundled
from holomush.authoring.build import compile_plugin
from holomush.authoring.languages import COMPILED
from holomush.authoring.scaffold import LANGUAGES, scaffold
from holomush.authoring.toolchain import BuildError, ToolchainMissing
from holomush.config import PluginsConfig, Rate
from holomush.events.event import ActorKind, Event
from holomush.plugins.attempt import Attempt
from holomush.plugins.calls import EVENT_HANDLER
from holomush.plugins.guests.compile_cache import VARIABLE, use_compile_cache
from holomush.plugins.loaded import LoadedPlugin
from holomush.plugins.reply import encode_input
from holomush.plugins.roster.approvals import Grant
from holomush.plugins.roster.source import WASM_NAME, PluginSource, SourceLanguage, read_plugin

BASELINE = "python"
BUILDS = FIRST_LOADS = 3
LOADS = 20
ROUNDS, CALLS = 30, 100
"""Each language is called ``CALLS`` times in each of the rounds."""
CONFORMANCE = Path(__file__).parents[2] / "tests" / "conformance" / "test_conformance.py"
COMPILERS = {language.name: language for language in COMPILED}
EVENT = Event(
    id="01K00000000000000000000003",
    stream=f"location:{PLACE}",
    type="say",
    timestamp=0,
    actor_kind=ActorKind.CHARACTER,
    actor_id=BOB,
    actor_name="Bob",
    payload={"message": "hello"},
)
SAID = encode_input(EVENT.to_wire())
# As many events as can be emitted in a run: what is measured is the call, not the brake.
CONFIG = PluginsConfig(answer_events=Rate(per_second=1e6, burst=10**6))


@attrs.frozen
class _Memory:
    """MiB of plugins of one language in a process of their own: of its first, with all that they share, and of each further one."""

    first: float = 0.0
    further: float = 0.0
    further_resident: float = 0.0
    """With what they share counted for each: instances map the same pages of the runtime until they write to them."""


@attrs.define
class _Figures:
    """Of one language. Times are in seconds."""

    plugin: Path
    """The folder, built."""
    cold_builds: list[float] = attrs.Factory(list)
    idle_builds: list[float] = attrs.Factory(list)
    """With nothing changed."""
    first_loads: list[float] = attrs.Factory(list)
    loads: list[float] = attrs.Factory(list)
    calls: list[float] = attrs.Factory(list)
    bare_calls: list[float] = attrs.Factory(list)
    memory: _Memory = _Memory()
    conformance: str = ""


def run(folder: Path) -> None:
    """Print the table. ``folder`` is for plugins made for the occasion."""
    report.heading("The echo plugin in each language (x: times Python's; the languages take turns)")
    place = folder / "languages"
    missing = dict(_missing())
    figures = {language: _Figures(place) for language in LANGUAGES if language not in missing}
    try:
        for number in range(BUILDS):
            _build(place / f"build-{number}", figures)
    except BuildError as exc:
        sys.exit("\n".join((f"bench: {exc}", exc.report)).rstrip())
    for number in range(FIRST_LOADS):
        for language, found in figures.items():
            found.first_loads += _apart("first", found.plugin, place / f"cache-{number}-{language}")
    trio.run(_load_and_call, place, figures)
    for found in figures.values():
        found.memory = _Memory(*_apart("memory", found.plugin))
    _conform(place / "conformance.xml", figures)
    report.table(LANGUAGES, _rows(figures))
    for language, reason in missing.items():
        report.line(f"{language}: not here: {reason}", "")


def _missing() -> Iterator[tuple[str, str]]:
    """Languages in which nothing can be built or run on this machine, and why."""
    for language in LANGUAGES:
        runtime = bundled.RUNTIMES.get(language)
        try:
            if runtime is None:
                COMPILERS[language].check()
            elif not runtime.is_file():
                yield language, f"{runtime} is missing: run scripts/build-runtimes"
        except ToolchainMissing as exc:
            yield language, str(exc)


def _build(place: Path, figures: Mapping[str, _Figures]) -> None:
    for language, found in figures.items():
        found.plugin = scaffold(f"bench-{language}", language, place)
        if language in COMPILERS:
            for times in (found.cold_builds, found.idle_builds):
                begun = time.perf_counter()
                compile_plugin(COMPILERS[language], found.plugin, found.plugin / WASM_NAME)
                times.append(time.perf_counter() - begun)


def _apart(what: str, plugin: Path, cache: Path | None = None) -> list[float]:
    """Figures from a process of its own, with ``cache`` as its cache of compiled modules if given."""
    environ = dict(os.environ)
    if cache is not None:
        environ.pop(VARIABLE, None)
        use_compile_cache([cache], environ)
    command = [sys.executable, "-m", "benchmarks.languages", what, str(plugin)]
    done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True)
    return [float(figure) for figure in json.loads(done.stdout)]


async def _first(plugin: Path) -> list[float]:
    """Seconds to load a plugin when nothing was ever compiled."""
    async with open_server(plugin.parent, CONFIG) as server:
        return [await _timed_load(server, _named(plugin, "first"))]


async def _memory(plugin: Path) -> list[float]:
    """The figures of ``_Memory``."""
    async with open_server(plugin.parent, CONFIG) as server:
        before = report.proportional_memory()
        await server.load(_named(plugin, "first"))
        first, first_resident = report.proportional_memory(), report.resident_memory()
        for number in range(LOADS):
            await server.load(_named(plugin, f"further-{number}"))
        further, further_resident = report.proportional_memory() - first, report.resident_memory() - first_resident
        return [first - before, further / LOADS, further_resident / LOADS]


async def _load_and_call(folder: Path, figures: Mapping[str, _Figures]) -> None:
    async with open_server(folder, CONFIG) as server:
        plugins = {language: await server.load(_named(found.plugin, f"called-{language}")) for language, found in figures.items()}
        for number in range(LOADS):
            for language, found in figures.items():
                found.loads.append(await _timed_load(server, _named(found.plugin, f"{language}-{number}")))
        bare = {language: _bare(server, plugin) for language, plugin in plugins.items()}
        for _ in range(ROUNDS):
            for language, found in figures.items():
                found.calls += [await _timed_call(server, plugins[language]) for _ in range(CALLS)]
                found.bare_calls += [bare[language]() for _ in range(CALLS)]


def _named(plugin: Path, name: str) -> PluginSource:
    """The plugin in a folder, read anew, under another name: as a plugin of its own."""
    source = read_plugin(plugin)
    return attrs.evolve(source, manifest=attrs.evolve(source.manifest, name=name))


async def _timed_load(server: Server, source: PluginSource) -> float:
    await server.open_storage(source)
    begun = time.perf_counter()
    await server.host.load_plugin(source, Grant(granted=source.manifest.capability_set))
    return time.perf_counter() - begun


async def _timed_call(server: Server, plugin: LoadedPlugin) -> float:
    begun = time.perf_counter()
    attempt = server.host.begin(plugin.name)
    await server.host.call(plugin.name, EVENT_HANDLER, SAID, attempt, event_type=EVENT.type, event_stream=EVENT.stream)
    seconds = time.perf_counter() - begun
    _check(attempt)
    return seconds


def _bare(server: Server, plugin: LoadedPlugin) -> Callable[[], float]:
    """What times one call of a further instance of a plugin, without the host."""
    guest = plugin.program.instantiate({}, patient=False)
    guest.load(plugin.name, plugin.modules, server.bare_call(plugin.manifest))

    def timed() -> float:
        call = server.bare_call(plugin.manifest, EVENT_HANDLER)
        begun = time.perf_counter()
        guest.call(EVENT_HANDLER, SAID, call)
        seconds = time.perf_counter() - begun
        _check(call.attempt)
        return seconds

    return timed


def _check(attempt: Attempt) -> None:
    (event,) = attempt.transaction.events
    assert event.payload == {"message": "Echo: hello"}


def _conform(result: Path, figures: Mapping[str, _Figures]) -> None:
    """Run the conformance tests, and count for each language those that pass."""
    command = [sys.executable, "-m", "pytest", str(CONFORMANCE), "-q", "-p", "no:cacheprovider", f"--junitxml={result}"]
    # Its status is 1 if any test fails, which the figures will tell.
    subprocess.run(command, cwd=CONFORMANCE.parents[2], stdout=subprocess.DEVNULL, check=False)
    tests = list(ElementTree.parse(result).iter("testcase"))  # noqa: S314 - pytest has just written it
    for language, found in figures.items():
        own = re.compile(rf"\[(.*-)?{language}(-.*)?\]")
        outcomes = [len(test) == 0 for test in tests if own.search(test.get("name", ""))]
        found.conformance = f"{sum(outcomes)} of {len(outcomes)}"


def _rows(figures: Mapping[str, _Figures]) -> Iterator[tuple[str, Sequence[str]]]:
    def cells(cell: Callable[[str, _Figures], str]) -> list[str]:
        return [cell(name, figures[name]) if name in figures else "not here" for name in LANGUAGES]

    def measured(pick: Callable[[_Figures], float], form: str, scale: float = 1.0) -> list[str]:
        def cell(_: str, found: _Figures) -> str:
            figure = format(pick(found) * scale, form)
            return f"{figure} x{pick(found) / pick(figures[BASELINE]):5.2f}" if BASELINE in figures else figure

        return cells(cell)

    def built(pick: Callable[[_Figures], list[float]]) -> list[str]:
        return cells(lambda _, found: f"{statistics.median(pick(found)):.2f}" if pick(found) else "-")

    yield "size: source or module, bytes", cells(lambda _, found: f"{_size(found.plugin):,}")
    yield "size: the runtime they share, bytes", cells(lambda name, _: _runtime_size(name))
    yield "build: a fresh copy of the folder, s", built(lambda found: found.cold_builds)
    yield "build: again, nothing changed, s", built(lambda found: found.idle_builds)
    yield "load: the first ever, to compile, ms", measured(lambda found: statistics.median(found.first_loads), ".0f", 1e3)
    yield "load: a further plugin, ms", measured(lambda found: statistics.median(found.loads), ".1f", 1e3)
    yield "call: through the host, median, us", measured(lambda found: statistics.median(found.calls), ".0f", 1e6)
    yield "call: through the host, p99, us", measured(lambda found: report.percentile(found.calls, 99), ".0f", 1e6)
    yield "call: bare, median, us", measured(lambda found: statistics.median(found.bare_calls), ".0f", 1e6)
    yield "call: bare, least, us", measured(lambda found: min(found.bare_calls), ".0f", 1e6)
    yield "memory: the first plugin, MiB", measured(lambda found: found.memory.first, ".1f")
    yield f"memory: each of {LOADS} more, MiB", measured(lambda found: found.memory.further, ".2f")
    yield "memory: the same as RSS, MiB", measured(lambda found: found.memory.further_resident, ".2f")
    yield "conformance: tests passed", cells(lambda _, found: found.conformance)


def _size(plugin: Path) -> int:
    source = read_plugin(plugin)
    return len(source.wasm) if source.wasm is not None else sum(len(text.encode()) for text in source.modules.values())


def _runtime_size(language: str) -> str:
    return f"{bundled.RUNTIMES[language].stat().st_size:,}" if language in tuple(SourceLanguage) else "-"


if __name__ == "__main__":
    print(json.dumps(trio.run({"first": _first, "memory": _memory}[sys.argv[1]], Path(sys.argv[2]))))
