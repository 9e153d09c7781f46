"""Spans, the log and metrics: what is shown, in which words, and that whoever counts is neither slow nor wrong."""

from __future__ import annotations

import logging
import math
import re
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import export as sdk
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracer
from prometheus_client import REGISTRY, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from holomush import __version__
from holomush.config import TelemetryConfig
from holomush.database.store import Store, open_store
from holomush.plugins.figures import Figures
from holomush.telemetry import TelemetryError, log_to_stderr, open_tracer
from holomush.telemetry.catalogue import CallFigures, Sources, measure
from holomush.telemetry.metrics import Metrics, open_metrics
from holomush.telemetry.process import open_descriptors, resident_bytes, uptime
from holomush.telemetry.recording import SECONDS, SIZES, Commits, Counts, Histogram, Visits

OTLP = TelemetryConfig(exporter="otlp")
OTLP_MODULE = "opentelemetry.exporter.otlp.proto.http"
parse: Callable[[str], Iterable[Metric]] = text_string_to_metric_families  # which says nothing of its types


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    with open_metrics(TelemetryConfig()) as metrics:
        yield metrics


def text_of(metrics: Metrics) -> str:
    """The exposition without the server's own line, which is another for each run."""
    text = metrics.exposition()[0].decode()
    return re.sub(r"# HELP target.*?\ntarget_info[^\n]*\n", "", text, flags=re.DOTALL)


def families_of(metrics: Metrics) -> dict[str, Metric]:
    """What a reader of OpenMetrics makes of the exposition. It refuses what is not by the book."""
    return {family.name: family for family in parse(metrics.exposition()[0].decode())}


# Counting


def test_a_bound_belongs_to_what_is_below_it() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.0, 1.0, 1.5, 2.0, 2.5, math.inf):
        histogram.record(value)
    assert histogram.read().counts == (2, 2, 2)
    assert histogram.read().count == 6
    assert histogram.read().total == math.inf


def test_it_makes_no_difference_when_somebody_looks() -> None:
    looked_at, left_alone = Histogram((1.0, 2.0)), Histogram((1.0, 2.0))
    for number in range(2_500):  # more than are put aside
        looked_at.record(number % 4)
        left_alone.record(number % 4)
        assert looked_at.read().count == number + 1
    assert left_alone.read() == looked_at.read()
    assert left_alone.read().counts == (1_250, 625, 625)


def test_values_that_nobody_looks_at_do_not_pile_up() -> None:
    histogram = Histogram()
    tracemalloc.start()
    try:
        for number in range(20_000):
            histogram.record(number / 7)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 100_000  # bytes; all of them would be five times as much


@pytest.mark.parametrize("bounds", [(1.0, 1.0), (2.0, 1.0), (0.0, 2.0, 1.0)])
def test_bounds_rise(bounds: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="bounds must rise"):
        Histogram(bounds)


@given(st.lists(st.floats(0, 1e6)), st.sampled_from([SECONDS, SIZES, (), (0.5,)]))
def test_every_value_is_counted_once_and_in_its_place(values: list[float], bounds: tuple[float, ...]) -> None:
    histogram = Histogram(bounds)
    for value in values:
        histogram.record(value)
    reading = histogram.read()
    assert reading.count == len(values)
    assert reading.total == pytest.approx(sum(values))
    for number, bound in enumerate(bounds, start=1):
        assert sum(reading.counts[:number]) == sum(value <= bound for value in values)


@pytest.fixture
def _eager_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(work: Callable[[], None], number: int = 8) -> None:
    """Do ``work`` in so many threads at once."""
    gate = threading.Barrier(number)

    def begin() -> None:
        gate.wait()
        work()

    threads = [threading.Thread(target=begin) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.usefixtures("_eager_threads")
def test_nothing_is_lost_between_threads() -> None:
    histogram, counts = Histogram((1.0,)), Counts("in")

    def work() -> None:
        for _ in range(2_000):
            histogram.record(2.0)
            counts.add("in")

    in_threads(work)
    assert histogram.read().counts == (0, 16_000)
    assert histogram.read().total == 32_000.0
    assert counts.read() == {"in": 16_000}


def test_only_names_that_are_known_are_counted() -> None:
    counts = Counts("accepted", "refused")
    counts.add("refused", 3)
    with pytest.raises(KeyError):
        counts.add('Bob"} 1\n')
    assert counts.read() == {"accepted": 0, "refused": 3}


def test_visits_are_counted_while_they_last_and_for_good() -> None:
    visits = Visits("telnet", "tls")
    with visits.of("tls"), visits.of("tls"):
        assert visits.here.read() == {"telnet": 0, "tls": 2}
    with pytest.raises(RuntimeError), visits.of("telnet"):
        raise RuntimeError
    assert visits.here.read() == {"telnet": 0, "tls": 0}
    assert visits.so_far.read() == {"telnet": 1, "tls": 2}
    with pytest.raises(KeyError), visits.of("carrier pigeon"):
        pass


def test_a_plugins_figures_have_a_histogram() -> None:
    figures = Figures()
    figures.note(0.0015, failed=False)
    figures.note(0.003, failed=True)
    assert figures.durations.read().count == 2
    assert figures.durations.read().total == pytest.approx(0.0045)


async def test_a_store_tells_of_group_commits(tmp_path: Path) -> None:
    async with open_store(tmp_path / "test.db") as store:
        await store.write([("CREATE TABLE t (n INTEGER) STRICT", ())])
        commits = Commits()
        store.on_commit = commits.note
        assert store.unfinished == 0
        tickets = [store.submit([("INSERT INTO t VALUES (?)", (number,))]) for number in range(3)]
        assert store.unfinished == 3
        for ticket in tickets:
            await ticket.durable()
        await store.write([])  # nothing to write is no commit
        assert store.unfinished == 0
        reading = commits.units.read()
        assert (reading.count, reading.total) == (1, 3.0)
        durations = commits.durations.read()
        assert durations.count == 1
        assert 0 < durations.total < 60


async def test_what_the_store_could_not_write_is_no_commit(tmp_path: Path) -> None:
    async with open_store(tmp_path / "test.db") as store:
        commits = Commits()
        store.on_commit = commits.note
        await fails(store)
        assert commits.units.read().count == 0
        assert store.unfinished == 0


async def fails(store: Store) -> None:
    """Submit what SQLite refuses."""
    ticket = store.submit([("INSERT INTO nowhere VALUES (1)", ())])
    await ticket.done.wait()
    assert ticket.error is not None


# Showing


def test_the_text_is_openmetrics(metrics: Metrics) -> None:
    histogram = Histogram((0.5, 2.0))
    histogram.record(0.25)
    histogram.record(4.0)
    metrics.counter("holomush.lines", "{line}", "Lines typed.", lambda: 7)
    metrics.amount("holomush.connections", "{connection}", "Connections.", lambda: [({"kind": "tls"}, 2), ({"kind": "telnet"}, 0)])
    metrics.gauge("process.uptime", "s", "Time.", lambda: 1.5)
    metrics.amount("holomush.outbox.usage", "By", "Waiting.", list)
    metrics.histogram("holomush.call.duration", "s", "How long.", lambda: [({"plugin.name": "core"}, histogram)])
    assert metrics.exposition()[1] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert text_of(metrics) == (
        "# HELP holomush_lines Lines typed.\n"
        "# TYPE holomush_lines counter\n"
        "holomush_lines_total 7.0\n"
        "# HELP holomush_connections Connections.\n"
        "# TYPE holomush_connections gauge\n"
        'holomush_connections{kind="tls"} 2.0\n'
        'holomush_connections{kind="telnet"} 0.0\n'
        "# HELP process_uptime_seconds Time.\n"
        "# TYPE process_uptime_seconds gauge\n"
        "# UNIT process_uptime_seconds seconds\n"
        "process_uptime_seconds 1.5\n"
        "# HELP holomush_call_duration_seconds How long.\n"
        "# TYPE holomush_call_duration_seconds histogram\n"
        "# UNIT holomush_call_duration_seconds seconds\n"
        'holomush_call_duration_seconds_bucket{le="0.5",plugin_name="core"} 1.0\n'
        'holomush_call_duration_seconds_bucket{le="2.0",plugin_name="core"} 1.0\n'
        'holomush_call_duration_seconds_bucket{le="+Inf",plugin_name="core"} 2.0\n'
        'holomush_call_duration_seconds_count{plugin_name="core"} 2.0\n'
        'holomush_call_duration_seconds_sum{plugin_name="core"} 4.25\n'
        "# EOF\n"
    )


def test_the_server_says_which_it_is(metrics: Metrics) -> None:
    metrics.gauge("process.uptime", "s", "Time.", lambda: 1.5)
    (sample,) = families_of(metrics)["target"].samples
    assert sample.name == "target_info"
    assert sample.labels["service_name"] == "holomush"
    assert sample.labels["service_version"] == __version__
    assert sample.labels["process_runtime_name"] == sys.implementation.name


def test_a_server_without_metrics_shows_that_it_has_none(metrics: Metrics) -> None:
    assert text_of(metrics) == "# EOF\n"


def test_two_servers_in_one_process_know_nothing_of_each_other(metrics: Metrics) -> None:
    with open_metrics(TelemetryConfig()) as other:
        metrics.counter("holomush.lines", "{line}", "Lines typed.", lambda: 1)
        other.counter("holomush.lines", "{line}", "Lines typed.", lambda: 2)
        assert "holomush_lines_total 1.0\n" in text_of(metrics)
        assert "holomush_lines_total 2.0\n" in text_of(other)
    assert not [family.name for family in REGISTRY.collect() if family.name.startswith("holomush")]


def test_what_is_gone_is_not_shown_any_more(metrics: Metrics) -> None:
    plugins = {"alpha": 3, "beta": 4}
    metrics.counter("holomush.calls", "{call}", "Calls.", lambda: [({"plugin.name": name}, n) for name, n in plugins.items()])
    assert "alpha" in text_of(metrics)
    del plugins["alpha"]
    assert text_of(metrics).count("alpha") == 0
    assert 'holomush_calls_total{plugin_name="beta"} 4.0\n' in text_of(metrics)


@given(st.text())
def test_no_label_gets_out_of_its_quotes(value: str) -> None:
    with open_metrics(TelemetryConfig()) as metrics:
        metrics.counter("holomush.calls", "{call}", "Calls.", lambda: [({"plugin.name": value}, 1)])
        samples = families_of(metrics)["holomush_calls"].samples
    assert [(sample.labels, sample.value) for sample in samples] == [({"plugin_name": value}, 1.0)]


def test_who_asks_while_another_does_waits_for_his_turn(metrics: Metrics) -> None:
    histogram = Histogram()
    meeting = threading.Barrier(2)
    texts: list[str] = []
    met: list[bool] = []

    def read() -> list[tuple[dict[str, str], Histogram]]:
        try:
            meeting.wait(0.2)
        except threading.BrokenBarrierError:
            return [({}, histogram)]
        met.append(True)
        return [({}, histogram)]

    metrics.counter("holomush.lines", "{line}", "Lines typed.", lambda: 1)
    metrics.histogram("holomush.call.duration", "s", "How long.", read)
    in_threads(lambda: texts.append(text_of(metrics)), 4)
    assert not met
    assert len(texts) == 4
    assert len(set(texts)) == 1


def test_a_source_that_fails_takes_only_its_own_lines_along(metrics: Metrics, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> float:
        raise RuntimeError("it is broken")

    metrics.gauge("holomush.broken", "", "Broken.", broken)
    metrics.counter("holomush.lines", "{line}", "Lines typed.", lambda: 1)
    assert "holomush_lines_total 1.0\n" in text_of(metrics)
    assert "holomush_broken" not in text_of(metrics)
    assert "it is broken" in caplog.text


# The catalogue


def make_sources(plugins: dict[str, CallFigures]) -> tuple[Sources, Commits]:
    commits = Commits()
    sources = Sources(
        characters=lambda: 5,
        connections=lambda: {"telnet": 4, "tls": 0, "websocket": 2},
        connections_opened=lambda: {"telnet": 40, "tls": 0, "websocket": 20},
        connections_refused=lambda: {"full": 0, "address": 3, "rate": 1},
        logins=lambda: {"accepted": 9, "refused": 2},
        lines=lambda: 1234,
        events=lambda: 567,
        plugins=plugins.items,
        commits=commits,
        commits_waiting=lambda: 3,
        backlogs=lambda: [2, 7],
        outbox_bytes=lambda: 65_536,
        clients_dropped=lambda: 1,
    )
    return sources, commits


def figures(*seconds: float, failed: int = 0) -> Figures:
    made = Figures()
    for number, time in enumerate(seconds):
        made.note(time, failed=number < failed)
    return made


def test_everything_in_the_catalogue_is_shown(metrics: Metrics) -> None:
    sources, commits = make_sources({"core": figures(0.0001, 0.3, failed=1), "mail": figures()})
    commits.note(3, 0.004)
    measure(metrics, sources)
    text = text_of(metrics)
    shown = {
        line for line in text.splitlines() if not line.startswith(("#", "process_", "holomush_plugin_call_", "holomush_commit"))
    }
    assert shown == {
        "holomush_characters_playing 5.0",
        'holomush_connections{kind="telnet"} 4.0',
        'holomush_connections{kind="tls"} 0.0',
        'holomush_connections{kind="websocket"} 2.0',
        'holomush_connections_opened_total{kind="telnet"} 40.0',
        'holomush_connections_opened_total{kind="tls"} 0.0',
        'holomush_connections_opened_total{kind="websocket"} 20.0',
        'holomush_connections_refused_total{reason="full"} 0.0',
        'holomush_connections_refused_total{reason="address"} 3.0',
        'holomush_connections_refused_total{reason="rate"} 1.0',
        'holomush_logins_total{outcome="accepted"} 9.0',
        'holomush_logins_total{outcome="refused"} 2.0',
        "holomush_lines_total 1234.0",
        "holomush_events_total 567.0",
        'holomush_plugin_calls_total{plugin_name="core"} 2.0',
        'holomush_plugin_calls_total{plugin_name="mail"} 0.0',
        'holomush_plugin_failures_total{plugin_name="core"} 1.0',
        'holomush_plugin_failures_total{plugin_name="mail"} 0.0',
        "holomush_plugin_backlog_events 9.0",
        "holomush_plugin_backlog_longest 7.0",
        "holomush_outbox_usage_bytes 65536.0",
        "holomush_clients_dropped_total 1.0",
    }
    assert "holomush_commit_waiting 3.0\n" in text
    assert 'holomush_commit_duration_seconds_bucket{le="0.002"} 0.0\n' in text
    assert 'holomush_commit_duration_seconds_bucket{le="0.005"} 1.0\n' in text
    assert "holomush_commit_duration_seconds_sum 0.004\n" in text
    assert 'holomush_commit_units_bucket{le="2.0"} 0.0\n' in text
    assert 'holomush_commit_units_bucket{le="4.0"} 1.0\n' in text
    assert 'holomush_plugin_call_duration_seconds_count{plugin_name="core"} 2.0\n' in text
    assert 'holomush_plugin_call_duration_seconds_count{plugin_name="mail"} 0.0\n' in text


def test_the_catalogue_is_openmetrics_and_says_what_everything_is(metrics: Metrics) -> None:
    measure(metrics, make_sources({"core": figures(0.1)})[0])
    families = families_of(metrics)
    assert "process_uptime_seconds" in families
    for family in families.values():
        assert family.documentation
        assert family.type != "unknown"


def test_a_quiet_server_has_no_backlog(metrics: Metrics) -> None:
    measure(metrics, attrs.evolve(make_sources({})[0], backlogs=list))
    assert "holomush_plugin_backlog_events 0.0\nholomush_plugin_backlog_longest 0.0\n" in re.sub("#.*\n", "", text_of(metrics))


# The process


def test_memory_and_descriptors_are_read_from_proc(tmp_path: Path) -> None:
    (tmp_path / "fd").mkdir()
    for number in range(5):
        (tmp_path / "fd" / str(number)).touch()
    (tmp_path / "statm").write_text("900 25 7 1 0 300 0\n")
    ((labels, memory),) = resident_bytes(tmp_path)
    assert (labels, memory % 25, memory > 25 * 512) == ({}, 0, True)
    assert list(open_descriptors(tmp_path)) == [({}, 4)]


def test_where_there_is_no_proc_there_are_no_readings(tmp_path: Path) -> None:
    assert list(resident_bytes(tmp_path / "none")) == []
    assert list(open_descriptors(tmp_path / "none")) == []


def test_what_is_read_is_of_this_process(tmp_path: Path) -> None:
    linux = Path("/proc/self/statm").exists()
    before = list(open_descriptors())
    with (tmp_path / "file").open("w"):
        assert list(open_descriptors()) == [(labels, number + 1) for labels, number in before]
    memory = list(resident_bytes())
    assert (len(before), len(memory)) == (linux, linux)
    assert all(number > 1_000_000 for _, number in memory)


def test_uptime_begins_at_nought() -> None:
    clock = uptime()
    first = clock()
    assert 0 <= first <= clock() < 60


# Sending away


class Kept(sdk.MetricExporter):
    """Keeps what it is to send."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[sdk.MetricsData] = []

    def export(self, metrics_data: sdk.MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> sdk.MetricExportResult:
        self.sent.append(metrics_data)
        return sdk.MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        pass


def install(monkeypatch: pytest.MonkeyPatch, module: str, **names: Any) -> None:
    """Let there be a package for OTLP. With no names there is none."""
    made = ModuleType(f"{OTLP_MODULE}.{module}") if names else None
    for name, value in names.items():
        setattr(made, name, value)
    parts = OTLP_MODULE.split(".")
    for depth in range(3, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:depth]), ModuleType(".".join(parts[:depth])))
    monkeypatch.setitem(sys.modules, f"{OTLP_MODULE}.{module}", made)


def test_metrics_are_sent_with_their_histograms(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    install(monkeypatch, "metric_exporter", OTLPMetricExporter=lambda: kept)
    histogram = Histogram((1.0,))
    histogram.record(0.5)
    with open_metrics(OTLP) as metrics:
        metrics.counter("holomush.lines", "{line}", "Lines typed.", lambda: 7)
        metrics.histogram("holomush.call.duration", "s", "How long.", lambda: [({"plugin.name": "core"}, histogram)])
        assert kept.sent == []
        assert "holomush_lines_total 7.0\n" in text_of(metrics)
    (data,) = kept.sent  # once, on leaving
    (resource,) = data.resource_metrics
    assert resource.resource.attributes["service.name"] == "holomush"
    sent = {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}
    assert sorted(sent) == ["holomush.call.duration", "holomush.lines"]
    assert sent["holomush.lines"].unit == "{line}"
    data_of = sent["holomush.call.duration"].data
    assert isinstance(data_of, sdk.Histogram)
    assert data_of.aggregation_temporality is sdk.AggregationTemporality.CUMULATIVE
    (point,) = data_of.data_points
    assert isinstance(point, sdk.HistogramDataPoint)
    assert (point.attributes, point.count, point.sum) == ({"plugin.name": "core"}, 1, 0.5)
    assert (point.bucket_counts, point.explicit_bounds) == ((1, 0), (1.0,))
    assert histogram.started == point.start_time_unix_nano <= point.time_unix_nano


@pytest.mark.parametrize("opened", [open_metrics, open_tracer])
def test_otlp_says_which_packages_it_needs(opened: Callable[[TelemetryConfig], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "metric_exporter")
    install(monkeypatch, "trace_exporter")
    message = re.escape("telemetry.exporter: otlp needs more packages: pip install 'holomush[otlp]'")
    with pytest.raises(TelemetryError, match=message), opened(OTLP):
        pass


def test_metrics_are_not_written_to_the_console(capfd: pytest.CaptureFixture[str]) -> None:
    with open_metrics(TelemetryConfig(exporter="console")) as metrics:
        metrics.counter("holomush.lines", "{line}", "Lines typed.", lambda: 7)
        assert "holomush_lines_total 7.0\n" in text_of(metrics)
    assert capfd.readouterr() == ("", "")


def test_nothing_is_left_running() -> None:
    before = threading.active_count()
    with open_metrics(TelemetryConfig()):
        pass
    assert threading.active_count() == before


# Spans and the log


def test_without_an_exporter_spans_cost_next_to_nothing() -> None:
    with open_tracer(TelemetryConfig()) as tracer:
        assert isinstance(tracer, NoOpTracer)


def test_spans_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with open_tracer(TelemetryConfig(exporter="console")) as tracer, tracer.start_as_current_span("plugin.call"):
        pass
    out, err = capsys.readouterr()
    assert out == ""
    assert '"name": "plugin.call"' in err
    assert '"service.name": "holomush"' in err


def test_spans_are_sent_at_the_latest_on_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    install(monkeypatch, "trace_exporter", OTLPSpanExporter=lambda: exporter)
    with open_tracer(OTLP) as tracer:
        with tracer.start_as_current_span("plugin.call"):
            pass
        assert exporter.export([]) is SpanExportResult.SUCCESS
    assert [span.name for span in exporter.get_finished_spans()] == ["plugin.call"]


def test_the_log_goes_to_standard_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    log_to_stderr()
    logging.getLogger("holomush.test").warning("a line")
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"[\d-]+ [\d:,]+ WARNING holomush\.test: a line\n", err)


async def test_the_exposition_can_be_made_beside_the_event_loop(metrics: Metrics) -> None:
    metrics.counter("holomush.lines", "{line}", "Lines typed.", lambda: 7)
    text, _ = await trio.to_thread.run_sync(metrics.exposition)
    assert text.endswith(b"# EOF\n")
