"""A crowd of players of mixed habits on a server in another process: how long each command takes, and whether anything was lost."""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
import trio
from support.crowd import crowd
from support.crowd.connection import CrowdError
from support.crowd.evidence import misheard, read_log
from support.crowd.people import Timing
from support.crowd.town import Town, write_town

from benchmarks import report
from holomush.sessions.entrance import ADMIN_PASSWORD_VARIABLE

PLAYERS, SECONDS = 200, 120.0
MEAN_GAP = 2.0
"""Seconds between two lines of a player."""
STOPPING = 60.0
"""Seconds that the server may take to stop and to look at its world."""
SHOWN = 20
"""Problems that are told one by one."""

_READ_ME = f"""\
  Measured at the players' side, over telnet on loopback: from a line to the line of the actor's own answer that shows it is done.
  due:  from when the player's plan had the line typed, whether or not the server kept them waiting with the line before;
        so a moment in which the server stands still counts for every line that was to be typed in it.
  sent: from when it was sent. A player sends a line when it is due, and the one before has its answer.
  The plans are random with a fixed seed: {MEAN_GAP:g} s between two lines of a player in the mean, more often less than more."""


@attrs.define
class Measured:
    """What is taken of the server's process at the beginning and at the end of the play."""

    process: subprocess.Popen[str]
    began_at: float = 0.0
    """Seconds since 1970."""
    cpu: float = 0.0
    own_cpu: float = 0.0
    memory: float = 0.0

    def began(self) -> None:
        """The play begins."""
        self.began_at = time.time()
        self.cpu, self.own_cpu = report.cpu_seconds(self.process.pid), time.process_time()

    def ended(self) -> None:
        """The play is over."""
        self.cpu = report.cpu_seconds(self.process.pid) - self.cpu
        self.own_cpu = time.process_time() - self.own_cpu
        self.memory = report.proportional_memory(self.process.pid)


def run(folder: Path, players: int = PLAYERS, seconds: float = SECONDS) -> None:
    """Print the figures, for a server with its data in ``folder``. Exits with what was lost or is wrong, if anything is."""
    data = folder / "crowd"
    data.mkdir()
    log_file = folder / "crowd.log"
    town, password = write_town(data), secrets.token_urlsafe(12)
    report.heading(f"A crowd of {players} for {seconds:.0f} s")
    script = crowd.Script(players=players, seconds=seconds, mean_gap=MEAN_GAP)
    with _server(data, log_file, password) as (process, port):
        measured = Measured(process)
        try:
            played = trio.run(_play, script, town, port, password, measured)
        except* CrowdError as group:
            found = [str(error) for error in _leaves(group)]
            sys.exit("\n".join(["bench: the crowd could not play on", *found[:SHOWN], *_complaints(log_file)[:SHOWN]]))
        process.terminate()
        assert process.stdout is not None
        said, _ = process.communicate(timeout=STOPPING)
    events = read_log(data)
    from_ms = measured.began_at * 1000
    _tell(played, measured, sum(from_ms <= event.timestamp < from_ms + played.seconds * 1000 for event in events))
    problems = {
        "in the server's log": _complaints(log_file),
        "read or logged": misheard(played, events),
        "in memory and on disk": json.loads(said),
    }
    for what, found in problems.items():
        report.line(f"wrong {what}", f"{len(found):7}")
        for problem in found[:SHOWN]:
            print(f"    {problem}")
    heard = sum(len(one.hearing.marks) for person in played.people for one in (*person.connections, *person.seconds))
    spoken = sum(event.mark is not None for event in events)
    report.line("compared: things said, and how often they were read", f"{spoken:7} {heard:9}")
    if any(problems.values()) or process.returncode != 0:
        sys.exit("bench: the crowd has found something wrong")


async def _play(script: crowd.Script, town: Town, port: int, password: str, measured: Measured) -> crowd.Played:
    return await crowd.run(script, town, port, password, measured.began, measured.ended)


def _complaints(log_file: Path) -> list[str]:
    """The lines of the server's log that are there because something is wrong."""
    return [line for line in log_file.read_text().splitlines() if " INFO " not in line]


def _leaves(group: BaseExceptionGroup[CrowdError]) -> Iterator[CrowdError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _tell(played: crowd.Played, measured: Measured, events: int) -> None:
    """Print the figures."""
    timings = dict(sorted(played.evening.timings.items(), key=lambda item: -len(item[1])))
    everything = [timing for each in timings.values() for timing in each]
    print(_READ_ME)
    print(f"  {'':<16}{'count':>7}" + "".join(f"{name:>11}" for name in ("due: p50", "p99", "max", "sent: p50", "p99", "max")))
    for what, each in {"all, in ms": everything, **timings}.items():
        print(f"  {what:<16}{len(each):>7}" + "".join(f"{figure * 1e3:11.1f}" for figure in _figures(each)))
    seconds = played.seconds
    report.line("typed", f"{len(everything) / seconds:7.1f} lines/s")
    report.line("read by all players together", f"{played.lines / seconds:7.0f} lines/s")
    report.line("events in the log", f"{events / seconds:7.1f} events/s")
    report.line("the server's CPU", f"{measured.cpu:7.1f} s of {seconds:.0f} s ({measured.cpu / seconds * 100:.0f} %)")
    report.line("the server's memory (Pss) at the end", f"{measured.memory:7.0f} MiB")
    report.line("the crowd's own CPU", f"{measured.own_cpu:7.1f} s")
    late = [second * 1e3 for second in sorted(played.evening.lateness)]
    figures = f"median {statistics.median(late):.1f} ms   p99 {report.percentile(late, 99):.1f} ms   max {late[-1]:.1f} ms"
    report.line("the crowd's own lateness, which is in the figures", figures)


def _figures(timings: Sequence[Timing]) -> list[float]:
    columns = [[timing.since_due for timing in timings], [timing.since_sent for timing in timings]]
    return [figure for column in columns for figure in (statistics.median(column), report.percentile(column, 99), max(column))]


@contextmanager
def _server(data: Path, log_file: Path, password: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server in a process of its own, which is killed on leaving if it has not ended by then."""
    command = [sys.executable, "-m", "benchmarks.crowd_server", str(data)]
    environment = {**os.environ, ADMIN_PASSWORD_VARIABLE: password}
    with (
        log_file.open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment) as process,
    ):
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            if not ready:
                raise RuntimeError(f"the server did not start: {log_file.read_text()}")
            yield process, int(ready)
        finally:
            process.kill()
