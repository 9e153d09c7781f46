"""A running server under fire: millions of mutated telnet bytes and malformed websocket messages, while honest players talk on.

Says whether memory grows, whether anything was logged that should not be, how long the honest players waited, and whether the
server stopped cleanly with a sound database. Exits with what is wrong, if anything is.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import trio

from benchmarks import attack, report
from benchmarks.game_server import GameServer, running
from benchmarks.honest import GAP, Phase, talking

BYTES, MESSAGES, ROUNDS = 10_000_000, 100_000, 2
"""Telnet bytes and websocket messages of each round."""
BASELINE = 20.0
"""Seconds of talking before the first round."""
CALM = 10.0
"""Seconds after a round until the memory is looked at."""
WAIT_MARK = 0.1
"""Seconds over the normal that no honest player may wait. Normal is the median before the first round."""
GROWTH_MARK = 0.05
"""The share by which the memory after the last round may be above that after the first."""
SAMPLING = 0.1
"""Seconds between two looks at the memory."""
SHOWN = 20

_READ_ME = f"""\
  Three honest players (telnet, telnet, websocket) each say a line every {GAP:g} s in the room in which the attackers' guests come
  in and talk, too. A line is timed from when it was due until each of the others has read it, by the players' own clock.
  The attackers are two processes with {attack.CONNECTIONS} connections each at any time: with both, as many as the server would let
  in of one address that is not its own machine's. They share {os.cpu_count()} processors with the server and the players, with a
  niceness of {attack.POLITENESS}. What they type is throttled by the server's own default limits.
  Bytes and messages count when the server is known to have read them: it has hung up behind the last of them."""


@attrs.define
class Round:
    """What came of one round of attacks. Memory is in MiB."""

    phase: Phase
    tallies: Mapping[str, attack.Tally]
    seconds: float
    cpu: float
    peak: float
    after: float


def run(folder: Path, telnet_bytes: int = BYTES, messages: int = MESSAGES, rounds: int = ROUNDS) -> None:
    """Print the figures, for a server with its data in ``folder``. Exits with what is wrong, if anything is."""
    report.heading(f"{rounds} rounds of {telnet_bytes:,} mutated telnet bytes and {messages:,} malformed websocket messages")
    print(_READ_ME)
    amounts = {"telnet": telnet_bytes, "web": messages}
    load = os.getloadavg()[0]
    with running(folder / "fuzz", {}, secrets.token_urlsafe(12)) as server:
        baseline, before, played = trio.run(_play, server, amounts, rounds)
        status = server.stop()
        report.line("load of the machine before", f"{load:9.1f}")
        _tell_attack(played)
        _tell_players(baseline, played)
        _tell_memory(before, played)
        problems = {
            "in the server's log": server.complaints(),
            "in the database": server.damage(),
            "with the exit": [] if status == 0 else [f"the exit status is {status}"],
            "for the honest players": _waits(baseline, played),
            "with the memory": _growth(played),
        }
    for what, found in problems.items():
        report.line(f"wrong {what}", f"{len(found):9}")
        for problem in found[:SHOWN]:
            print(f"    {problem}")
    if any(problems.values()):
        sys.exit("bench: the attack has found something wrong")


async def _play(server: GameServer, amounts: Mapping[str, int], rounds: int) -> tuple[Phase, float, list[Round]]:
    async with talking(server.telnet, server.web) as talk:
        await trio.sleep(CALM / 2)
        baseline = await talk.phase(BASELINE)
        before = server.memory
        played: list[Round] = []
        for number in range(rounds):
            phase, start, cpu, peaks = talk.begin(), time.perf_counter(), server.cpu, [server.memory]
            tallies: dict[str, attack.Tally] = {}
            async with trio.open_nursery() as watching:
                watching.start_soon(_watch_memory, server, peaks)
                async with trio.open_nursery() as attacks:
                    for kind, amount in amounts.items():
                        port = server.telnet if kind == "telnet" else server.web
                        attacks.start_soon(_attack, kind, port, amount, number, tallies)
                seconds, cpu = time.perf_counter() - start, server.cpu - cpu
                watching.cancel_scope.cancel()
            await talk.end(phase)
            await trio.sleep(CALM)
            played.append(Round(phase, tallies, seconds, cpu, max(peaks), server.memory))
        return baseline, before, played


async def _attack(kind: str, port: int, amount: int, seed: int, tallies: dict[str, attack.Tally]) -> None:
    command = [sys.executable, "-m", "benchmarks.attack", kind, str(port), str(amount), str(seed)]
    done = await trio.run_process(command, capture_stdout=True)
    tallies[kind] = attack.Tally(**json.loads(done.stdout))


async def _watch_memory(server: GameServer, seen: list[float]) -> None:
    while True:
        seen.append(server.memory)
        await trio.sleep(SAMPLING)


def _tell_attack(played: Sequence[Round]) -> None:
    for number, one in enumerate(played, 1):
        report.line(f"round {number}", f"{one.seconds:9.1f} s, of which the server used {one.cpu:.1f} s of processor time")
        for kind, tally in one.tallies.items():
            unit = "bytes" if kind == "telnet" else "messages"
            report.line(f"  {kind}: {unit} read by the server, of those sent", f"{tally.read:>12,} of {tally.sent:,}")
            report.line(f"  {kind}: bytes sent in all", f"{tally.bytes:>12,}")
            report.line(
                f"  {kind}: connections, of which the server has cut, kept waiting",
                f"{tally.connections:>12,}, {tally.cut:,}, {tally.unfinished:,}",
            )
    report.heading("  What was sent in the first round, by what connections did")
    for kind, tally in played[0].tallies.items():
        unit = "bytes" if kind == "telnet" else "messages"
        for name, visits in sorted(tally.visits.items(), key=lambda item: -item[1]):
            report.line(f"  {kind}: {name}", f"{visits:>6,} connections {tally.weights.get(name, 0):>12,} {unit}")


def _tell_players(baseline: Phase, played: Sequence[Round]) -> None:
    report.heading("  How long the honest players waited, in ms")
    print(f"  {'':<41}" + "".join(f"{column:>10}" for column in ("lines", "p50", "p99", "max", "lost")))
    for what, phase in (("before", baseline), *((f"round {number}", one.phase) for number, one in enumerate(played, 1))):
        for way, times in (("all", phase.all_times), *sorted(phase.times.items())):
            cells = (f"{len(times)}", *(f"{report.percentile(times, percent) * 1e3:.1f}" for percent in (50, 99, 100)))
            print(f"  {f'{what}, {way}':<41}" + "".join(f"{cell:>10}" for cell in (*cells, str(phase.lost))))
        late = phase.lateness
        own = (
            f"p50 {report.percentile(late, 50) * 1e3:.1f}   p99 {report.percentile(late, 99) * 1e3:.1f}   max {max(late) * 1e3:.1f}"
        )
        report.line(f"{what}: the players' own lateness, in the figures", own)


def _tell_memory(before: float, played: Sequence[Round]) -> None:
    report.heading("  The server's resident memory, in MiB")
    report.line("before", f"{before:9.1f}")
    for number, one in enumerate(played, 1):
        report.line(f"round {number}: peak, and {CALM:g} s after", f"{one.peak:9.1f} {one.after:9.1f}")


def _waits(baseline: Phase, played: Sequence[Round]) -> list[str]:
    """Who waited too long under fire, or missed something."""
    normal = report.percentile(baseline.all_times, 50)
    found: list[str] = []
    for number, one in enumerate(played, 1):
        times = one.phase.all_times
        late = [seconds for seconds in times if seconds > normal + WAIT_MARK]
        if late:
            longest = (max(late) - normal) * 1e3
            found.append(f"round {number}: {len(late)} of {len(times)} readings came more than {WAIT_MARK * 1e3:.0f} ms late, "
                         f"at most {longest:.0f} ms")  # fmt: skip
        if one.phase.lost:
            found.append(f"round {number}: {one.phase.lost} readings never came")
    return found


def _growth(played: Sequence[Round]) -> list[str]:
    """Whether the memory went on growing after the first round."""
    first, last = played[0].after, played[-1].after
    return [f"it grew from {first:.1f} to {last:.1f} MiB"] if last > first * (1 + GROWTH_MARK) else []
