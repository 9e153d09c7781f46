"""The bundled plugin holomush-admin over the real server: what admins do, who notices, and what outlasts a restart."""

from __future__ import annotations

import importlib.util
import re
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from support.game import ADMIN_PASSWORD, Player, Server, running_server
from support.plugins import write_plugin

from holomush import bundled
from holomush.plugins.guests.guest import SourceRuntime

WEEK = 604_800


def load(name: str) -> ModuleType:
    """A module of the plugin, in this Python."""
    spec = importlib.util.spec_from_file_location(name, bundled.PLUGINS / "holomush-admin" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


ASKING = load("asking")
COUNTDOWN = load("countdown")
BANS = load("bans")


async def enter_admin(server: Server) -> Player:
    """The first admin, in play."""
    admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
    return admin


async def refused(server: Server, line: str) -> str:
    """What somebody reads who is not let in."""
    player = await server.connect()
    await player.type(line)
    return await player.read_until("\n")


async def unknown(player: Player, line: str) -> bool:
    """Whether a line is no command for somebody."""
    await player.type(line)
    return (await player.read_until("\n")).startswith("Huh?")


async def leave(player: Player) -> None:
    """QUIT, and wait until the server has hung up."""
    await player.type("QUIT")
    await player.read_to_end()


async def test_wall_reaches_everybody_everywhere(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob = await server.create("Bob")
        await bob.do("north")
        admin = await enter_admin(server)
        assert await admin.do("wall hi") == 'You shout, "hi"\n'
        assert await admin.do("@wall :rings the bell.") == "Announcement: Admin rings the bell.\n"
        assert await bob.do("think so") == 'Announcement: Admin shouts, "hi"\nAnnouncement: Admin rings the bell.\nso\n'


async def test_somebody_booted_reads_why_and_is_hung_up_on(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob, admin = await server.create("Bob"), await enter_admin(server)
        await admin.type("boot bob=too loud")
        await admin.read_until("Bob is disconnected.\n")
        assert (await bob.read_to_end()).endswith("You are disconnected: too loud\n")
        await admin.read_until("Bob has disconnected.\n")
        assert await admin.do("@boot bob") == "Bob is not connected.\n"


async def test_a_banned_player_is_hung_up_on_and_not_let_in(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob, admin = await server.create("Bob"), await enter_admin(server)
        await bob.do("character create Robin")
        await admin.type("ban bob=spam")
        await admin.read_until("Bob is banned: spam\nDisconnected: Bob\n")
        assert (await bob.read_to_end()).endswith("You are disconnected: you are banned (spam)\n")
        await admin.read_until("Bob has disconnected.\n")
        assert await refused(server, "connect Bob password") == "You are banned: spam\n"
        assert await refused(server, "connect Robin password") == "You are banned: spam\n"
        assert await admin.do("ban admin=spam") == "You cannot ban yourself.\n"
        await leave(admin)
    async with running_server(data, runtime) as server:
        assert await refused(server, "connect Bob password") == "You are banned: spam\n"
        admin = await enter_admin(server)
        assert await admin.do("bans") == "Banned:\nBob: spam\n"
        assert await admin.do("unban robin") == "Robin may come in again.\n"
        await server.come_back("Bob")
        await admin.read_until("Bob has connected.\n")
        assert await admin.do("bans") == "Nobody is banned.\n"


async def test_a_banned_network(data: Path, runtime: SourceRuntime) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    async with running_server(data, runtime, listeners=listeners) as server:
        admin = await enter_admin(server)
        guest = Player(await trio.open_tcp_stream("127.0.0.1", port))
        await guest.type("connect guest")
        await admin.read_until("Guest1 has connected.\n")
        assert await admin.do("ban guest1") == "Guest1 is a guest, and gone after leaving. Ban the address: 127.0.0.1.\n"
        await admin.type("ban 127.0.0.0/8=spam")
        await admin.read_until("Nobody from 127.0.0.0/8 is let in any more: spam\nDisconnected: Guest1\n")
        assert (await guest.read_to_end()).endswith("You are disconnected: you are banned (spam)\n")
        await guest.hang_up()
        again = Player(await trio.open_tcp_stream("127.0.0.1", port))
        await again.type("create Eve password")
        await again.read_until("Nobody is let in from your address: spam\n")
        await admin.read_until("Guest1 has disconnected.\n")
        assert re.fullmatch(r"Banned:\n127\.0\.0\.0/8: spam, since \d{4}-\d\d-\d\d \d\d:\d\d UTC\n", await admin.do("bans"))
        assert await admin.do("unban 127.0.0.0/8") == "127.0.0.0/8 may come in again.\n"
        await again.type("create Eve password")
        await again.read_until("Obvious exits:\n")
        await again.hang_up()


async def test_a_role_holds_at_once(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob, admin = await server.create("Bob"), await enter_admin(server)
        await bob.read_until("Admin has connected.\n")
        assert await unknown(bob, "role bob")
        assert await admin.do("role grant bob=admin") == "Bob is an admin now.\n"
        assert await bob.do("role bob") == "Admin has made you an admin.\nBob is an admin.\n"
        assert await bob.do("role revoke admin") == "Admin is a player now.\n"
        assert await admin.read_until("\n") == "Bob has made you a player.\n"
        assert await unknown(admin, "role bob")
        assert await bob.do("role grant me=builder") == "You cannot change what you may do yourself. Ask another admin.\n"


async def test_guests_stay_guests(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        guest, admin = await server.connect(), await enter_admin(server)
        await guest.type("connect guest")
        await admin.read_until("Guest1 has connected.\n")
        assert await admin.do("role guest1") == "Guest1 is a guest.\n"
        assert await admin.do("role grant guest1=builder") == "Guests stay guests, and nobody else becomes one.\n"
        assert await admin.do("newpassword guest1=correct horse") == "Guests have no password.\n"


async def test_a_new_password(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob, admin = await server.create("Bob"), await enter_admin(server)
        await bob.read_until("Admin has connected.\n")
        assert await admin.do("newpassword bob=correct horse") == "Bob has a new password.\n"
        assert await bob.do("think so") == "so\n"
        await leave(bob)
        wrong = await refused(server, "connect Bob password")
        assert wrong == "Either there is no such player, or the password is wrong.\n"
        await server.come_back("Bob", "correct horse")
        await admin.read_until("Bob has connected.\n")
        assert await admin.do("@newpassword bob=short") == "A password needs at least 6 characters.\n"


async def test_the_account_of_a_player(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob, admin = await server.create("Bob"), await enter_admin(server)
        await bob.do("character create Robin")
        moment = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"
        for line in ("account robin", "@account bob", "pinfo bob", "@pinfo robin"):
            told = re.sub(moment, "MOMENT", await admin.do(line)).splitlines()
            assert told[:6] == [
                "Account: Bob",
                "Role: player",
                "Characters: Bob, Robin",
                "Created: MOMENT",
                "Last login: never",
                "Banned: no",
            ]
            assert re.fullmatch(r"In play: Bob, 1 connection from .+, idle for \d+ seconds?", told[6])


async def test_a_plugin_is_off_at_once_and_after_a_restart(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob, admin = await server.create("Bob"), await enter_admin(server)
        await bob.read_until("Admin has connected.\n")
        assert (await bob.do("help say")).startswith("Usage: say ")
        assert await admin.do("plugin off help") == "holomush-help is off.\n"
        assert await unknown(bob, "help say")
        assert (await admin.do("stats help")).splitlines()[2] == "State: off"
        assert await admin.do("plugin off admin") == "holomush-admin stays on: nobody could switch it on again.\n"
        await leave(bob)
        await leave(admin)
    async with running_server(data, runtime) as server:
        bob, _ = await server.come_back("Bob")
        admin = await enter_admin(server)
        await bob.read_until("Admin has connected.\n")
        assert await unknown(bob, "help say")
        assert await admin.do("plugin on holomush-help") == "holomush-help is on.\n"
        assert (await bob.do("help say")).startswith("Usage: say ")
        assert await admin.do("plugin on help") == "holomush-help is on already.\n"


async def test_a_plugin_that_another_needs_stays_on(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    write_plugin(tmp_path / "plugins", "tour", "depends: [holomush-help]", "")
    async with running_server(data, runtime, tmp_path / "plugins") as server:
        admin = await enter_admin(server)
        assert await admin.do("plugin off help") == "holomush-help stays on, because others need it: tour.\n"
        assert (await admin.do("stats help")).endswith("Needed by: tour\n")
        assert await admin.do("plugin off tour") == "tour is off.\n"
        assert await admin.do("plugin off help") == "holomush-help is off.\n"


async def test_players_are_not_told_of_what_is_for_admins(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob, admin = await server.create("Bob"), await enter_admin(server)
        await bob.read_until("Admin has connected.\n")
        for topic in ("ban", "role", "plugin", "shutdown"):
            assert "Access: admin\n" in await admin.do(f"help {topic}")
            assert (await bob.do(f"help {topic}")).startswith(f'There is no help on "{topic}".')
        assert "Read the message of the day again.\n" in await bob.do("help motd")


async def test_the_message_of_the_day_is_shown_to_whoever_comes_in(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        admin = await enter_admin(server)
        told = "The message of the day is now:\nWelcome to the fair!\n"
        assert await admin.do("motd Welcome to the [bold]fair[/]!") == told
        bob = await server.connect()
        await bob.type("create Bob password")
        await bob.read_until("Welcome to the fair!\n")
        guest = await server.connect()
        await guest.type("connect guest")
        await guest.read_until("Welcome to the fair!\n")
        await admin.read_until("Guest1 has connected.\n")
        assert await admin.do("motd") == "Welcome to the fair!\n"  # once, for oneself, though others have come in
        await bob.type("motd")
        assert (await bob.read_until("Welcome to the fair!\n")).count("Welcome") == 1
        assert await bob.do("motd Hello") == "Usage: motd\n"
        assert await admin.do("motd clear") == "The message of the day is gone.\n"
        assert await bob.do("@motd") == "There is no message of the day.\n"


async def test_figures_of_the_server_and_of_every_plugin(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        admin = await enter_admin(server)
        lines = (await admin.do("stats")).splitlines()
        assert re.fullmatch(r"HoloMUSH \d+\.\d+\.\d+\S*, up for \d+ seconds?", lines[0])
        assert [line.partition(":")[0] for line in lines[1:8]] == [
            "Players",
            "Commands",
            "Events",
            "Places",
            "Exits",
            "Characters",
            "Objects",
        ]
        assert lines[1] == "Players: 1"
        assert lines[8] == ""
        names = [plugin.name for plugin in server.running.host.plugins]
        assert lines[9].split() == ["Plugin", "State", "Calls", "Failed", "p50", "ms", "p95", "ms", "MiB"]
        assert [line.split()[0] for line in lines[10:]] == names
        assert all(line.split()[1] == "on" for line in lines[10:])
        await admin.do("screenreader on")
        spoken = (await admin.do("stats")).splitlines()
        assert [line.partition(": on, ")[0] for line in spoken[9:]] == names
        listed = (await admin.do("plugin list")).splitlines()
        assert [line.partition(" 1.0.0, on, python")[0] for line in listed] == names


async def test_a_shutdown_that_is_planned_and_called_off(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob, admin = await server.create("Bob"), await enter_admin(server)
        await bob.read_until("Admin has connected.\n")
        told = "Announcement: The server shuts down in 1 hour: upgrade\n"
        assert await admin.do("shutdown 1 hour=upgrade") == told
        assert await bob.do("think so") == f"{told}so\n"
        await leave(bob)
        await leave(admin)
    async with running_server(data, runtime) as server:
        admin = await enter_admin(server)
        status = await admin.do("shutdown status")
        assert re.fullmatch(r"The server shuts down in (1 hour|59 minutes( and \d+ seconds?)?): upgrade\n", status)
        assert await admin.do("shutdown cancel") == "Announcement: The shutdown is called off.\n"
        assert await admin.do("@shutdown status") == "No shutdown is planned.\n"


@pytest.mark.parametrize("line", ["shutdown =upgrade", "@shutdown 1 second=upgrade"])
async def test_a_shutdown_ends_the_run_and_leaves_the_next_alone(data: Path, runtime: SourceRuntime, line: str) -> None:
    async with running_server(data, runtime) as server:
        bob, admin = await server.create("Bob"), await enter_admin(server)
        await admin.type(line)
        assert "The server is shutting down: upgrade\n" in await bob.read_to_end()
        assert "The server is shutting down: upgrade\n" in await admin.read_to_end()
    async with running_server(data, runtime) as server:
        admin = await enter_admin(server)
        assert await admin.do("shutdown status") == "No shutdown is planned.\n"


@given(st.integers(0, 100), st.integers(0, 1_000), st.integers(0, 10_000), st.booleans())
def test_times_are_added_up(hours: int, minutes: int, seconds: int, spaced: bool) -> None:  # noqa: FBT001
    total = hours * 3_600 + minutes * 60 + seconds
    text = f"{hours} hours, {minutes} minutes and {seconds} seconds" if spaced else f"{hours}h{minutes}m{seconds}s"
    if total:
        assert COUNTDOWN.seconds_in(text) == total
    else:
        with pytest.raises(ASKING.Refused):
            COUNTDOWN.seconds_in(text)


@given(st.integers(1, WEEK - 1))
def test_times_in_words_are_those_that_are_understood(seconds: int) -> None:
    understood = COUNTDOWN.seconds_in(ASKING.in_words(seconds))
    assert seconds - 3_600 < understood <= seconds
    assert understood == seconds or seconds > 3_600


@given(st.text(alphabet="0123456789 smhdinutesoray,and\u0663\xb2\n"))
def test_any_other_text_is_a_time_that_can_be_planned_or_is_refused(text: str) -> None:
    with suppress(ASKING.Refused):
        assert 1 <= COUNTDOWN.seconds_in(text) <= WEEK


@given(st.text())
def test_no_connection_has_an_address_that_cannot_be_looked_at(text: str) -> None:
    network = BANS.ipaddress.ip_network("192.0.2.0/24")
    assert BANS.is_in(text, network) is False
    assert BANS.is_in("192.0.2.7", network) is True
    assert BANS.is_in("::ffff:192.0.2.7", network) is True
