"""What somebody meets who is not in the game yet: connect, create, guests, WHO, QUIT, HELP, passwords, throttling."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from support.game import ADMIN_PASSWORD, Player, Server, running_server
from support.plugins import write_plugin

from holomush.config import PluginsConfig, SessionsConfig
from holomush.net.telnet.options import ECHO, IAC, WILL, WONT
from holomush.plugins.guests.guest import SourceRuntime
from holomush.sessions.entrance import ADMIN_PASSWORD_VARIABLE

NOT_LET_IN = "Either there is no such player, or the password is wrong.\n"
NOT_IN_YET = "You are not in the game yet. Type: connect <name> <password>    or HELP\n"


async def answer(player: Player, line: str) -> str:
    """Type a line on the connect screen and return what it shows."""
    await player.type(line, "xyzzy")
    return (await player.read_until(NOT_IN_YET)).removesuffix(NOT_IN_YET)


async def test_the_screen_says_what_to_type(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        somebody = Player(*await server.listener.connect())
        banner = await somebody.read_until("asked for it unseen.\n")
        for command in ("connect <name> <password>", "create <name> <password>", "connect guest", "WHO", "QUIT", "HELP"):
            assert command in banner
        help_text = await answer(somebody, "help")
        assert "create <name> <password>" in help_text
        assert "look" in help_text


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("look", NOT_IN_YET),
        ("say hello", NOT_IN_YET),
        ('"hello', NOT_IN_YET),
        ("connect", "Type: connect <name> <password>\n"),
        ("CREATE", "Type: create <name> <password>\n"),
        ('connect "" password', "Type: connect <name> <password>\n"),
        ("", ""),
        ("   ", ""),
        ("connect Nobody password", NOT_LET_IN),
        ("connect Alice wrong-password", NOT_LET_IN),
        ("connect Alice PASSWORD", NOT_LET_IN),
        ("create Alice another-password", "That name is taken. Please choose another.\n"),
        ("create alice another-password", "That name is taken. Please choose another.\n"),
        ("create Bob short", "A password needs at least 6 characters.\n"),
        ("create Bobby bobby", "A password needs at least 6 characters.\n"),
        ("create Wanderer wanderer", "A password may not be the same as the name.\n"),
        ("create B password", "A name is 2 to 24 characters long.\n"),
        (f"create {'B' * 25} password", "A name is 2 to 24 characters long.\n"),
        ("create B*b password", "A name may hold only letters, digits, spaces, apostrophes, hyphens and full stops.\n"),
        ("create 4Bob password", "A name begins with a letter.\n"),
        ("create me password", "That name is reserved. Please choose another.\n"),
        ("create guest password", "That name is reserved. Please choose another.\n"),
        ("create Guest7 password", "That name is reserved. Please choose another.\n"),
        ("create Wizard password", "That name is reserved. Please choose another.\n"),
        ("create Admin password", "That name is reserved. Please choose another.\n"),
    ],
)
async def test_what_does_not_let_one_in(data: Path, runtime: SourceRuntime, typed: str, shown: str) -> None:
    async with running_server(data, runtime) as server:
        await server.create("Alice")
        somebody = await server.connect()
        assert await answer(somebody, typed) == ("" if shown == NOT_IN_YET else shown)
        assert [presence.character_id for presence in server.running.game.presences] == [character_id(server, "Alice")]


def character_id(server: Server, name: str) -> str:
    character = server.running.game.world.character_named(name)
    assert character is not None
    return character.id


@pytest.mark.parametrize("typed", ['connect "Mary Ann" password', 'CONNECT "mary  ann" password', 'co  "MARY ANN"   password '])
async def test_names_with_spaces_go_in_quotes(data: Path, runtime: SourceRuntime, typed: str) -> None:
    async with running_server(data, runtime) as server:
        mary = await server.create("Mary Ann")
        assert await mary.do("look me") == "Mary Ann\nYou see nothing special.\n"
        again = await server.connect()
        await again.type(typed)
        await again.read_until("Obvious exits:\n")


async def test_a_password_may_have_spaces_inside(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob = await server.connect()
        await bob.type("create Bob correct horse battery")
        await bob.read_until("Obvious exits:\n")
        _, shown = await server.come_back("Bob", "correct horse battery")
        assert "The Lantern Square" in shown


@pytest.mark.parametrize("verb", ["create", "connect"])
async def test_a_password_asked_for_is_hidden(data: Path, runtime: SourceRuntime, verb: str) -> None:
    hide, show = bytes([IAC, WILL, ECHO]), bytes([IAC, WONT, ECHO])
    async with running_server(data, runtime) as server:
        if verb == "connect":
            await server.create("Bob")
        bob = await server.connect()
        await bob.type(f"{verb} Bob")
        assert await bob.read_bytes_until(b"Password: ") == hide + b"Password: "
        await bob.type("password")
        assert (await bob.read_bytes_until(b"Obvious exits:\r\n")).startswith(show + b"\r\n")


async def test_a_wrong_password_asked_for_is_shown_again_too(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        await server.create("Bob")
        bob = await server.connect()
        await bob.type("connect Bob")
        await bob.read_until("Password: ")
        await bob.type("QUIT")  # whatever is typed here is a password
        end = NOT_LET_IN.replace("\n", "\r\n").encode()
        assert await bob.read_bytes_until(end) == bytes([IAC, WONT, ECHO]) + b"\r\n" + end
        await bob.type("connect Bob password")
        await bob.read_until("Obvious exits:\n")


async def test_who_and_quit_work_without_a_character(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        somebody = await server.connect()
        assert (await answer(somebody, "who")).endswith("\nNo players are connected.\n")
        await server.create("Alice")
        shown = await answer(somebody, "WHO")
        assert shown.splitlines()[0].split() == ["Player", "Name", "On", "For", "Idle"]
        assert shown.splitlines()[1].startswith("Alice ")
        assert shown.endswith("\nOne player is connected.\n")
        await somebody.type("quit")
        assert await somebody.read_to_end() == "Goodbye.\n"


async def test_guessing_is_slowed_down_after_five_failures(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        await server.create("Alice")
        guesser = await server.connect()
        for number in range(5):
            assert await answer(guesser, f"connect Alice guess-{number}") == NOT_LET_IN
        assert (await answer(guesser, "connect Alice password")).startswith("Too many failed attempts. Try again in ")
        # Another connection does not help, nor another name: this address has to wait.
        another = await server.connect()
        assert (await answer(another, "connect Alice password")).startswith("Too many failed attempts.")
        assert (await answer(another, "connect Nobody password")).startswith("Too many failed attempts.")


async def test_of_two_who_want_one_name_at_once_one_gets_it(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        for number in range(10):
            both = [await server.connect(), await server.connect()]
            seen: list[str] = []

            async def create(player: Player, name: str, seen: list[str]) -> None:
                await player.type(f'create "{name}" password')
                await player.read_until("\n")
                seen.append((await player.read_until("\n")).strip())

            async with trio.open_nursery() as nursery:
                for player, name in zip(both, (f"Bob {number}", f"BOB {number}"), strict=True):
                    await player.type("xyzzy")  # so that both begin with a line
                    nursery.start_soon(create, player, name, seen)
            assert sorted(seen) == ["That name is taken. Please choose another.", "The Lantern Square"]
            [[count]] = await server.running.game.store.fetch(f"SELECT count(*) FROM players WHERE name_key = 'bob {number}'")
            assert count == 1


async def test_guests_come_and_go(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        guests = [await server.connect(), await server.connect()]
        for number, guest in enumerate(guests, 1):
            await guest.type("connect guest")
            await guest.read_until("Obvious exits:\n")
            await alice.read_until(f"Guest{number} has connected.\n")
        await guests[0].type("say hello")
        await alice.read_until('Guest1 says, "hello"\n')
        await guests[0].type("QUIT")
        await guests[0].read_to_end()
        assert await alice.read_until("\n") == "Guest1 has disconnected.\n"
        assert await alice.do("look guest1") == "You see no guest1 here.\n"
        store = server.running.game.store
        await store.write([])
        assert await store.fetch("SELECT name FROM players WHERE role = 'guest'") == [("Guest2",)]
        again = await server.connect()
        await again.type("CONNECT Guest")
        await alice.read_until("Guest1 has connected.\n")


async def test_there_are_only_so_many_guests(data: Path, runtime: SourceRuntime) -> None:
    full = "There are as many guests as this game takes. Please create a character instead.\n"
    async with running_server(data, runtime, sessions=SessionsConfig(guests=1)) as server:
        alice = await server.create("Alice")
        guest, other = await server.connect(), await server.connect()
        await guest.type("connect guest")
        await guest.read_until("Obvious exits:\n")
        assert await answer(other, "connect guest") == full
        await guest.hang_up()
        await alice.read_until("Guest1 has disconnected.\n")
        await server.running.game.store.write([])
        await other.type("connect guest")
        await other.read_until("Obvious exits:\n")


async def test_what_a_guest_carries_stays_behind(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    write_plugin(
        tmp_path / "plugins",
        "hands",
        """
        capabilities: [read:objects, write:objects]
        commands:
          - {name: grab, pattern: "grab <what>", handler: grab}
        """,
        """
        from holomush_pdk import find, move_object

        def grab(inv):
            move_object(find(inv.args.what, near=inv.actor.id, kinds=["object"])[0].id, character=inv.actor.id)
            return "Got it."
        """,
    )
    granted = PluginsConfig(grants={"hands": ("*",)})
    async with running_server(data, runtime, tmp_path / "plugins", plugins=granted) as server:
        alice = await server.create("Alice")
        guest = await server.connect()
        await guest.type("connect guest")
        await guest.read_until("Obvious exits:\n")
        await guest.read_until("\n")
        assert await guest.do("grab fountain") == "Got it.\n"
        await alice.read_until("Guest1 has connected.\n")
        assert await alice.do("look fountain") == "You see no fountain here.\n"
        await guest.hang_up()
        await alice.read_until("Guest1 has disconnected.\n")
        await server.running.game.store.write([])
        assert (await alice.do("look fountain")).startswith("a stone fountain\n")
        rows = await server.running.game.store.fetch("SELECT character_id FROM objects WHERE name = 'a stone fountain'")
        assert rows == [(None,)]


async def test_guests_left_by_a_crash_are_gone_after_a_restart(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        guest = await server.connect()
        await guest.type("connect guest")
        await guest.read_until("Obvious exits:\n")
        store = server.running.game.store
        await store.backup(data / "crashed.db")
    (data / "crashed.db").replace(data / "holomush.db")
    async with running_server(data, runtime) as server:
        assert server.running.game.world.character_named("Guest1") is None
        assert await server.running.game.store.fetch("SELECT * FROM players WHERE role = 'guest'") == []


async def test_the_admin_has_the_password_from_the_environment(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        assert server.running.admin_password is None
        _, shown = await server.come_back("Admin", ADMIN_PASSWORD)
        assert "The Lantern Square" in shown


async def test_an_admin_password_is_made_up_once(data: Path, runtime: SourceRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADMIN_PASSWORD_VARIABLE)
    async with running_server(data, runtime) as server:
        password = server.running.admin_password
        assert password is not None
        assert len(password) >= 12
        _, shown = await server.come_back("admin", password)
        assert "The Lantern Square" in shown
        [[stored]] = await server.running.game.store.fetch("SELECT password_hash FROM players WHERE name = 'Admin'")
        assert stored.startswith("$argon2id$")
    async with running_server(data, runtime) as server:
        assert server.running.admin_password is None
        await server.come_back("Admin", password)
