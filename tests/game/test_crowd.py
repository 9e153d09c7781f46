"""A dozen scripted players of all habits at once on real sockets: nobody misses anything, and the world is in order afterwards."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import trio
from support.crowd import crowd
from support.crowd.connection import Hearing, spoken
from support.crowd.evidence import LoggedEvent, compare, meant_for, misheard, read_log, unsound
from support.crowd.habits import SHARES, habits_of
from support.crowd.town import write_town
from support.game import ADMIN_PASSWORD, running_server

from holomush.config import SessionsConfig
from holomush.plugins.guests.guest import SourceRuntime

PLAYERS, LINES = 12, 25
COMMANDS = {"say", "pose", "page", "= (channel)", "an exit", "dig", "create", "destroy", "get", "drop", "connect"}


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_crowd_hears_all_and_leaves_all_in_order(
    data: Path, runtime: SourceRuntime, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    town = write_town(data)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    sessions = SessionsConfig(replay_limit=10_000)
    async with running_server(data, runtime, sessions=sessions, listeners=listeners) as server:
        port = listeners[0].socket.getsockname()[1]
        played = await crowd.run(crowd.Script(players=PLAYERS, lines=LINES, seed=seed), town, port, ADMIN_PASSWORD)
    log = read_log(data)
    assert misheard(played, log) == []
    assert await unsound(data, server.running.game.world) == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert all(person.played >= LINES for person in played.people)
    assert played.evening.timings.keys() >= COMMANDS
    assert sum(event.mark is not None for event in log) > PLAYERS * LINES / 4


MEANT = ["1.1", "2.1", "1.2", "Echo: 1.2", "3.1"]


@pytest.mark.parametrize(
    ("hearings", "wrong"),
    [
        ([MEANT], []),
        ([MEANT[:2], MEANT[2:]], []),
        ([MEANT[:2], [], MEANT[2:]], []),
        ([MEANT[:-1]], ["Ann missed 3.1 at the end"]),
        ([[]], ["Ann missed 1.1, 2.1, 1.2, Echo: 1.2, 3.1 at the end"]),
        ([MEANT[1:]], ["Ann missed 1.1 before 2.1"]),
        ([MEANT[:1], MEANT[2:]], ["Ann missed 2.1 before 1.2"]),
        ([MEANT[:2], MEANT[1:]], ["Ann read 2.1 again, or too late"]),
        ([["2.1", "1.1", *MEANT[2:]]], ["Ann missed 1.1 before 2.1", "Ann read 1.1 again, or too late"]),
        ([[*MEANT, "4.1"]], ["Ann read 4.1, which was not for them"]),
    ],
)
def test_what_was_lost_doubled_or_mixed_up_is_found(hearings: list[list[str]], wrong: list[str]) -> None:
    assert list(compare("Ann", [Hearing(marks) for marks in hearings], MEANT)) == wrong


@pytest.mark.parametrize(
    ("marks", "wrong"),
    [(MEANT[1:3], []), ([], []), ([*MEANT[:1], *MEANT[2:]], ["Ann missed 2.1 before 1.2"])],
)
def test_a_second_connection_begins_and_ends_at_any_moment(marks: list[str], wrong: list[str]) -> None:
    assert list(compare("Ann", [Hearing(marks)], MEANT, lossy=True)) == wrong


def test_after_a_connection_that_broke_something_may_be_missing() -> None:
    broken = [Hearing(MEANT[:1], is_complete=False), Hearing(MEANT[3:])]
    assert list(compare("Ann", broken, MEANT)) == []
    assert list(compare("Ann", [*broken, Hearing(MEANT[1:2])], MEANT)) == ["Ann read 2.1 again, or too late"]


def test_the_log_says_who_was_meant() -> None:
    def event(stream: str, event_type: str, actor: str, mark: str | None = None, **payload: str) -> LoggedEvent:
        return LoggedEvent(0, stream, event_type, 0, actor, payload, mark)

    log = [
        event("location:square", "connect", "ann", character_name="Ann"),
        event("location:square", "say", "ann", "1.1"),
        event("location:square", "connect", "bob", character_name="Bob"),
        event("location:square", "say", "ann", "1.2"),
        event("location:square", "leave", "bob", character_id="bob"),
        event("location:garden", "arrive", "bob", character_id="bob"),
        event("location:square", "say", "ann", "1.3"),
        event("location:garden", "say", "bob", "2.1"),
        event("channel:public", "channel-join", "bob"),
        event("channel:public", "channel-say", "ann", "1.4"),
        event("character:ann", "page", "bob", "2.2"),
        event("location:garden", "connect", "bob", character_name="Bob"),
        event("location:garden", "say", "bob", "2.3"),
    ]
    assert meant_for(log) == {"ann": ["1.1", "1.2", "1.3", "2.2"], "bob": ["1.2", "2.1", "1.4", "2.3"]}


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ('Ann says, "the rain (12.3)"', "12.3"),
        ('echo says, "Echo: the rain (12.3)"', "Echo: 12.3"),
        ("Echo: the rain (12.3)", "Echo: 12.3"),
        ("Ann arrives from the north.", None),
        ("lamp 1 of Ann (#01K00000000000000000000000)", None),
    ],
)
def test_what_was_spoken_has_a_mark(text: str, mark: str | None) -> None:
    assert spoken(text) == mark


def test_every_habit_has_somebody() -> None:
    assert {type(habit) for habit in habits_of(len(SHARES))} == {habit for habit, _ in SHARES}
    assert len(habits_of(200)) == 200
