"""What a whole server tells those who do not play: lists of games, health checks, pages that show who is on, metrics."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import trio
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from support.game import FAST_TYPISTS, Server, running_server
from telnet.wire import DO, IAC, MSSP, SB, SE
from trio.testing import MockClock
from web.wire import Got, HttpClient

from holomush import __version__
from holomush.config import Config, GameConfig, LimitsConfig, TelnetConfig, WebConfig
from holomush.net.status import Status
from holomush.plugins.guests.guest import SourceRuntime

_parsed: Callable[[str], Iterable[Metric]] = text_string_to_metric_families  # which says nothing of its types
NOT_FOR_EVERYBODY = b"The figures are not for everybody: see web.metrics in the configuration.\n"


async def ask(server: Server, path: str, **headers: str) -> Got:
    """What is answered to somebody over a connection in memory."""
    client, _ = await server.web.connect()
    async with client:
        return await HttpClient(client).ask(path, **headers)


async def ask_over_tcp(port: int, path: str, **headers: str) -> Got:
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        return await HttpClient(stream).ask(path, **headers)


async def web_listeners() -> tuple[list[trio.SocketListener], int]:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    return listeners, listeners[0].socket.getsockname()[1]


# ---- Lists of games -------------------------------------------------------------------------------------------------------


async def test_a_list_of_games_is_told_over_telnet(data: Path, runtime: SourceRuntime) -> None:
    before = int(time.time())
    async with running_server(data, runtime) as server:
        await server.create("Alice")
        counts = server.running.game.world
        crawler = await server.connect()
        await crawler.send(IAC + DO + MSSP)
        told = await crawler.read_bytes_until(IAC + SE)
        assert told.startswith(IAC + SB + MSSP + b"\x01")
        parts = told.removeprefix(IAC + SB + MSSP + b"\x01").removesuffix(IAC + SE).decode().split("\x01")
        variables = {name: values for name, *values in (part.split("\x02") for part in parts)}
        assert before <= int(variables.pop("UPTIME")[0]) <= time.time()
        rooms = [entity for entity in counts.entities() if entity.kind == "location"]
        things = [entity for entity in counts.entities() if entity.kind == "object"]
        assert variables == {
            "NAME": ["HoloMUSH"],
            "PLAYERS": ["1"],
            "CODEBASE": [f"HoloMUSH {__version__}"],
            "FAMILY": ["Custom"],
            "PORT": ["0"],
            "CHARSET": ["UTF-8", "ISO-8859-1"],
            "LANGUAGE": ["English"],
            "ANSI": ["1"],
            "VT100": ["0"],
            "UTF-8": ["1"],
            "XTERM 256 COLORS": ["1"],
            "XTERM TRUE COLORS": ["1"],
            "GMCP": ["1"],
            "MCCP": ["1"],
            "MSP": ["0"],
            "MXP": ["0"],
            "ROOMS": [str(len(rooms))],
            "OBJECTS": [str(len(things))],
            "AREAS": ["-1"],
        }
        assert rooms


def test_what_an_operator_adds_is_told_and_stands_before_what_is_known() -> None:
    config = Config(
        game=GameConfig(name="Example", mssp={"CONTACT": "me@example.org", "LANGUAGE": "German"}),
        telnet=TelnetConfig(compression=False),
    )
    status = Status(
        config=config,
        sessions=list,
        players=lambda: 12,
        counts=lambda: {"locations": 3},
        trouble=lambda: None,
        exposition=lambda: (b"", ""),
        ports={"telnet": 4201, "tls": 4202, "web": 4280},
    )
    told = status.mssp()
    names = ("NAME", "CONTACT", "LANGUAGE", "MCCP", "PORT", "SSL", "TLS", "ROOMS", "OBJECTS", "PLAYERS")
    expected = ["Example", "me@example.org", "German", "0", "4201", "4202", "4202", "3", "0", "12"]
    assert [told[name] for name in names] == expected


# ---- Health ---------------------------------------------------------------------------------------------------------------


async def test_health_is_good_until_the_disk_fails(data: Path, runtime: SourceRuntime, mock_clock: MockClock) -> None:
    mock_clock.rate = 1.0
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        got = await ask(server, "/healthz")
        assert (got.status, got.headers["content-type"], got.body) == (200, "text/plain; charset=utf-8", b"ok\n")
        mock_clock.rate = 0.0  # it is not tried again meanwhile
        store = server.running.game.store
        await store.limit_pages(1)
        while store.failure is None:
            await alice.type("say " + "x" * 8000)
            await alice.read_until("\n")
        got = await ask(server, "/healthz")
        assert (got.status, got.body) == (503, b"The database cannot be written.\n")


# ---- Who is on ------------------------------------------------------------------------------------------------------------


async def test_who_is_on_is_told_only_if_the_operator_wants_it(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        await server.create("Alice")
        got = await ask(server, "/who.json")
        assert (got.status, got.body) == (404, b"This game does not tell who is playing.\n")


async def test_who_is_on(data: Path, runtime: SourceRuntime) -> None:
    before = int(time.time() * 1000)
    async with running_server(data, runtime, web_config=WebConfig(who=True)) as server:
        assert json.loads((await ask(server, "/who.json")).body) == {"game": "HoloMUSH", "players": []}
        await server.create("Zoë")
        await server.create("Bob")
        await server.connect()  # on the connect screen
        got = await ask(server, "/who.json")
        assert (got.status, got.headers["content-type"]) == (200, "application/json")
        told = json.loads(got.body)
        assert [player["name"] for player in told["players"]] == ["Zoë", "Bob"]
        for player in told["players"]:
            assert player.keys() == {"name", "connected_at", "idle_seconds"}  # no address
            assert before <= player["connected_at"] <= time.time() * 1000
            assert 0 <= player["idle_seconds"] < 60


# ---- Figures --------------------------------------------------------------------------------------------------------------


async def test_the_figures_are_openmetrics(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        await alice.do("say one")
        await alice.do("say two")
        got = await ask(server, "/metrics")
        assert got.status == 200
        assert got.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
        families = {family.name: family for family in _parsed(got.body.decode())}

        def value(sample: str, **labels: str) -> float:
            found = [
                one.value
                for family in families.values()
                for one in family.samples
                if one.name == sample and labels.items() <= one.labels.items()
            ]
            assert len(found) == 1, (sample, found, sorted(families))
            return float(found[0])

        assert value("holomush_characters_playing") == 1
        assert value("holomush_connections", kind="telnet") == 1
        assert value("holomush_connections_opened_total", kind="telnet") == 1
        assert value("holomush_logins_total", outcome="accepted") == 1
        assert value("holomush_lines_total") == 4  # what was typed; not the first look
        assert value("holomush_plugin_calls_total", plugin_name="holomush-communication") == 2
        assert value("holomush_plugin_call_duration_seconds_count", plugin_name="holomush-communication") == 2
        assert value("holomush_plugin_failures_total", plugin_name="holomush-communication") == 0
        assert value("holomush_commit_duration_seconds_count") > 0
        assert value("holomush_commit_waiting") >= 0
        assert value("holomush_plugin_backlog_events") >= 0
        assert value("holomush_outbox_usage_bytes") >= 0
        assert (
            types(families)
            >= {
                "holomush_lines": "counter",
                "holomush_commit_duration_seconds": "histogram",
                "holomush_plugin_call_duration_seconds": "histogram",
            }.items()
        )


def types(families: dict[str, Metric]) -> set[tuple[str, str]]:
    return {(name, family.type) for name, family in families.items()}


@pytest.mark.parametrize(
    ("allowed", "proxies", "forwarded", "status"),
    [
        (("127.0.0.0/8",), (), None, 200),
        (("192.0.2.0/24",), (), None, 403),
        ((), (), None, 403),
        # A proxy's word counts, and only that of a proxy.
        (("192.0.2.0/24",), ("127.0.0.1",), "192.0.2.7", 200),
        (("192.0.2.0/24",), ("127.0.0.1",), "192.0.2.7, 198.51.100.1", 403),
        (("127.0.0.0/8",), ("127.0.0.1",), "198.51.100.1", 403),
        (("192.0.2.0/24",), (), "192.0.2.7", 403),
        # Relayed by somebody whom the operator has not named: not for everybody, then.
        (("127.0.0.0/8",), (), "198.51.100.1", 403),
        (("127.0.0.0/8",), ("192.0.2.9",), "198.51.100.1", 403),
    ],
)
async def test_the_figures_are_for_those_who_may_see_them(
    data: Path, runtime: SourceRuntime, allowed: tuple[str, ...], proxies: tuple[str, ...], forwarded: str | None, status: int
) -> None:
    listeners, port = await web_listeners()
    limits = LimitsConfig(commands=FAST_TYPISTS.commands, proxies=proxies)
    async with running_server(data, runtime, web_listeners=listeners, web_config=WebConfig(metrics=allowed), limits=limits):
        headers = {} if forwarded is None else {"X_Forwarded_For": forwarded}
        got = await ask_over_tcp(port, "/metrics", **headers)
        assert got.status == status
        assert (got.body == NOT_FOR_EVERYBODY) == (status == 403)
        assert (await ask_over_tcp(port, "/healthz", **headers)).status == 200  # which is for everybody
