"""Several characters of one player: coming in as any of them, going from one to another, and who is not let in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from support.game import ADMIN_PASSWORD, PATIENCE, Player, Server, running_server
from support.plugins import write_plugin

from holomush.config import PluginsConfig, SessionsConfig
from holomush.plugins.guests.guest import SourceRuntime

MANIFEST = """
capabilities: ["*"]
commands:
  - {name: zme, pattern: "zme", handler: me, access: guest}
  - {name: zsay, pattern: "zsay <text>", handler: say}
  - {name: ztell, pattern: "ztell <who>=<text>", handler: tell}
  - {name: zadd, pattern: "zadd <name>", handler: add, access: guest}
  - {name: zplay, pattern: "zplay <name>", handler: play}
  - {name: zdestroy, pattern: "zdestroy <who>", handler: destroy}
  - {name: zrole, pattern: "zrole <who>=<role>", handler: role}
  - {name: zban, pattern: "zban <who>=<reason>", handler: ban}
  - {name: zpardon, pattern: "zpardon <who>", handler: pardon}
  - {name: znoplace, pattern: "znoplace <address>=<reason>", handler: ban_place}
  - {name: zpassword, pattern: "zpassword <password>", handler: password}
  - {name: zpages, pattern: "zpages <length>", handler: pages}
  - {name: zlong, pattern: "zlong", handler: long}
  - {name: zwhere, pattern: "zwhere", handler: where}
  - {name: zsecret, pattern: "zsecret", handler: secret, access: admin}
  - {name: zhear, pattern: "zhear <name>", handler: hear, access: guest}
  - {name: zdeaf, pattern: "zdeaf <name>", handler: deaf}
  - {name: zchat, pattern: "zchat <name>=<text>", handler: chat}
renders:
  zsaid: {actor: "You say {text}.", others: "{actor} says {text}."}
  ztold: {actor: "", others: "{actor} tells you {text}."}
  zchatted: {actor: "{channel}: you say {text}.", others: "{channel}: {actor} says {text}."}
"""

SOURCE = """
from holomush_pdk import *

def _who(name):
    return find(name, near=None, kinds=["character"])[0].id

def me(inv):
    account = query_account(inv.actor.id)
    return f"I am {inv.actor.name}, {inv.session.access}. Mine: " + ", ".join(
        one.name + (" (connected)" if one.connected else "") for one in account.characters)

def say(inv):
    emit_event(f"location:{inv.location.id}", "zsaid", {"text": inv.args.text})

def tell(inv):
    emit_event(f"character:{_who(inv.args.who)}", "ztold", {"text": inv.args.text})
    return "Told."

def add(inv):
    try:
        return f"{add_character(inv.actor.id, inv.args.name).name} is yours."
    except HostError as error:
        return str(error)

def play(inv):
    try:
        switch_character(inv.session.id, _who(inv.args.name))
        return "So be it."
    except HostError as error:
        return str(error)

def destroy(inv):
    try:
        destroy_character(_who(inv.args.who))
        return "Gone."
    except HostError as error:
        return str(error)

def role(inv):
    try:
        return update_account(_who(inv.args.who), role=inv.args.role).role
    except HostError as error:
        return str(error)

def ban(inv):
    try:
        return "Banned: " + update_account(_who(inv.args.who), ban=inv.args.reason).ban
    except HostError as error:
        return str(error)

def pardon(inv):
    return repr(update_account(_who(inv.args.who), ban=None).ban)

def ban_place(inv):
    ban_address(inv.args.address, inv.args.reason)
    return "Nobody comes from there."

def password(inv):
    update_account(inv.actor.id, password=inv.args.password)
    return "Changed."

def pages(inv):
    length = inv.args.length
    update_account(inv.actor.id, preferences={"page_length": None if length == "off" else int(length)})
    return "Noted."

def long(inv):
    return "\\n".join(f"line {n}" for n in range(1, 13))

def where(inv):
    return inv.location.name

def secret(inv):
    return "For admins only."

def hear(inv):
    listen(f"channel:{inv.args.name}", inv.actor.id)
    emit_event(f"channel:{inv.args.name}", "zchatted", {"channel": inv.args.name, "text": "I am new here"})

def deaf(inv):
    emit_event(f"channel:{inv.args.name}", "zchatted", {"channel": inv.args.name, "text": "goodbye"})
    return str(unlisten(f"channel:{inv.args.name}", inv.actor.id))

def chat(inv):
    emit_event(f"channel:{inv.args.name}", "zchatted", {"channel": inv.args.name, "text": inv.args.text})
"""

ADMIN = f"connect Admin {ADMIN_PASSWORD}"


@asynccontextmanager
async def playing(
    data: Path,
    runtime: SourceRuntime,
    *,
    characters: int = 5,
    guests: int = 20,
    listeners: tuple[trio.SocketListener, ...] = (),
) -> AsyncIterator[Server]:
    """A server with a plugin that can do everything, and no command on coming in."""
    folder = data.parent / "plugins"
    if not folder.exists():
        write_plugin(folder, "tester", MANIFEST, SOURCE)
    sessions = SessionsConfig(first_command="", characters=characters, guests=guests)
    plugins = PluginsConfig(grants={"tester": ("*",)})
    async with running_server(data, runtime, folder, sessions=sessions, plugins=plugins, listeners=listeners) as server:
        yield server


async def come(server: Server, line: str) -> tuple[Player, str]:
    """Somebody new at the connect screen who types ``line`` and is in; what they were shown besides."""
    player = await server.connect()
    await player.type(line)
    return player, await player.do("zme")


async def create(server: Server, name: str) -> Player:
    """Somebody new."""
    player, shown = await come(server, f'create "{name}" password')
    assert shown == f"I am {name}, player. Mine: {name} (connected)\n"
    return player


async def refused(server: Server, line: str) -> str:
    """What the connect screen answers to a line, after which nobody is in."""
    player = await server.connect()
    await player.type(line, "nonsense")
    shown = await player.read_until("\n")
    await player.hang_up()
    return shown


async def switch(player: Player, name: str) -> str:
    """Go on as ``name``; what is shown from then on, up to who one is now."""
    await player.type(f"zplay {name}")
    await player.read_until("So be it.\n")
    return await player.do("zme")


# ---- Coming in -------------------------------------------------------------------------------------------------------


async def test_a_player_comes_in_as_any_of_their_characters(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice = await create(server, "Alice")
        assert await alice.do("zadd Anna") == "Anna is yours.\n"
        assert await alice.do("zadd bob the second") == "bob the second is yours.\n"
        _, shown = await come(server, "connect anna password")
        assert shown == "I am Anna, player. Mine: Alice (connected), Anna (connected), bob the second\n"
        await come(server, 'connect "Bob  the Second" password')
        assert "bob the second (connected)" in await alice.do("zme")
    async with playing(data, runtime) as server:
        _, shown = await come(server, "connect Anna password")
        assert shown.endswith("I am Anna, player. Mine: Alice, Anna (connected), bob the second\n")


async def test_the_name_of_a_player_stands_for_the_oldest_character(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice = await create(server, "Alice")
        for name in ("Anna", "Ada"):
            await alice.do(f"zadd {name}")
        await switch(alice, "Ada")
        assert await alice.do("zdestroy Alice") == "Gone.\n"
        _, shown = await come(server, "connect Alice password")
        assert shown == "I am Anna, player. Mine: Anna (connected), Ada (connected)\n"
        assert await refused(server, "create Alice password") == "That name is taken. Please choose another.\n"


async def test_with_the_last_character_the_player_goes_and_the_name_is_free(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice, bob = await create(server, "Alice"), await create(server, "Bob")
        assert "somebody plays Alice right now" in await bob.do("zdestroy Alice")
        await alice.hang_up()
        await bob.read_until("Alice has disconnected.\n")
        assert await bob.do("zdestroy Alice") == "Gone.\n"
        told = "Either there is no such player, or the password is wrong.\n"
        assert await refused(server, "connect Alice password") == told
        await create(server, "Alice")


async def test_a_player_has_so_many_characters_and_a_guest_one(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime, characters=2) as server:
        alice, bob = await create(server, "Alice"), await create(server, "Bob")
        assert "the name bob is taken" in await alice.do("zadd bob")
        assert await alice.do("zadd Anna") == "Anna is yours.\n"
        assert "a player may have 2 characters" in await alice.do("zadd Ada")
        assert "the name ANNA is taken" in await bob.do("zadd ANNA")
        guest, _ = await come(server, "connect guest")
        assert "guests have one character" in await guest.do("zadd Ada")
        assert "A name is 2 to 24 characters long." in await bob.do("zadd B")


async def test_a_new_password_holds_for_all_characters_and_after_a_restart(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice = await create(server, "Alice")
        await alice.do("zadd Anna")
        assert await alice.do("zpassword another one") == "Changed.\n"
        wrong = "Either there is no such player, or the password is wrong.\n"
        assert await refused(server, "connect Anna password") == wrong
        await come(server, "connect Anna another one")
    async with playing(data, runtime) as server:
        await come(server, "connect Alice another one")
        assert await refused(server, "connect Alice password") == wrong


# ---- Going from one to another ---------------------------------------------------------------------------------------


async def test_others_see_one_go_and_the_other_come(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        bob, alice = await create(server, "Bob"), await create(server, "Alice")
        await alice.do("zadd Anna")
        await bob.read_until("Alice has connected.\n")
        assert await switch(alice, "Anna") == "I am Anna, player. Mine: Alice, Anna (connected)\n"
        assert await bob.do("zwhere") == "Alice has disconnected.\nAnna has connected.\nThe Lantern Square\n"
        await alice.do("zsay hello")
        assert await bob.read_until("hello.\n") == "Anna says hello.\n"
        await bob.do("zsay hi")
        assert await alice.read_until("hi.\n") == "Bob says hi.\n"
        rows = await server.running.game.store.fetch("SELECT type, actor_name FROM events WHERE type LIKE '%connect'")
        assert [tuple(row) for row in rows][-2:] == [("disconnect", "Alice"), ("connect", "Anna")]


async def test_ones_own_coming_and_going_is_nothing_that_was_missed(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice = await create(server, "Alice")
        await alice.do("zadd Anna")
        for name in ("Anna", "Alice", "Anna", "Alice"):
            assert "missed" not in await switch(alice, name)


async def test_a_second_connection_stays_with_the_character(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        bob = await create(server, "Bob")
        first = await create(server, "Alice")
        second, _ = await come(server, "connect Alice password")
        await first.do("zadd Anna")
        await bob.read_until("Alice has connected.\n")
        await switch(first, "Anna")
        assert await bob.do("zwhere") == "Anna has connected.\nThe Lantern Square\n"
        await bob.do("zsay hello")
        await first.read_until("Bob says hello.\n")
        await second.read_until("Bob says hello.\n")
        await switch(second, "Anna")
        assert await bob.do("zwhere") == "Alice has disconnected.\nThe Lantern Square\n"
        await first.hang_up()
        assert "Anna (connected)" in await second.do("zme")
        await second.hang_up()
        assert await bob.read_until("\n") == "Anna has disconnected.\n"


async def test_one_joins_a_connection_that_plays_the_other_already(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice = await create(server, "Alice")
        await alice.do("zadd Anna")
        anna, _ = await come(server, "connect Anna password")
        await alice.read_until("Anna has connected.\n")
        shown = await switch(alice, "Anna")
        assert "missed" not in shown
        assert shown.endswith("I am Anna, player. Mine: Alice, Anna (connected)\n")
        await anna.read_until("Mine: Alice, Anna (connected)\n")
        await alice.type("zsay both")
        for player in (alice, anna):
            await player.read_until("You say both.\n")


async def test_what_the_other_missed_is_shown_once(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        bob, alice = await create(server, "Bob"), await create(server, "Alice")
        await alice.do("zadd Anna")
        await switch(alice, "Anna")
        await switch(alice, "Alice")
        await bob.do("ztell Anna=one")
        await bob.do("ztell Anna=two")
        await bob.do("ztell Alice=seen")
        await alice.read_until("Bob tells you seen.\n")
        shown = await switch(alice, "Anna")
        assert [line for line in shown.splitlines() if "tells you" in line] == ["Bob tells you one.", "Bob tells you two."]
        shown = await switch(alice, "Alice")
        assert "tells you" not in shown
        assert "tells you" not in await switch(alice, "Anna")


async def test_what_was_seen_just_before_going_on_is_not_told_twice(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice = await create(server, "Alice")
        await alice.do("zadd Anna")
        await alice.type("zsay last words", "zplay Anna")
        await alice.read_until("So be it.\n")
        await alice.do("zme")
        assert "last words" not in await switch(alice, "Alice")


async def test_a_replay_on_the_other_that_never_arrived_is_shown_again(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        bob, alice = await create(server, "Bob"), await create(server, "Alice")
        await alice.do("zadd Anna")
        await switch(alice, "Anna")
        await switch(alice, "Alice")
        await bob.do("ztell Anna=one")
        await bob.do("ztell Alice=mark")
        await alice.read_until("Bob tells you mark.\n")
        await bob.do("zwhere")
        line = alice.stop_taking()
        await alice.type("zplay Anna")
        await bob.read_until("Anna has connected.\n")
        line.set()
        await bob.read_until("Anna has disconnected.\n")
        _, shown = await come(server, "connect Anna password")
        assert "Bob tells you one.\n" in shown


async def test_somebody_new_has_missed_nothing_even_after_a_restart(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice = await create(server, "Alice")
        await alice.do("zsay long before")
        await alice.do("zadd Anna")
    async with playing(data, runtime) as server:
        _, shown = await come(server, "connect Anna password")
        assert "long before" not in shown


async def test_nobody_goes_on_as_somebody_elses_character(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice = await create(server, "Alice")
        await create(server, "Bob")
        assert await alice.do("zplay Bob") == "Bob has connected.\nconflict: Bob belongs to another player\n"


async def test_nobody_goes_on_as_who_they_are(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice = await create(server, "Alice")
        assert await alice.do("zplay Alice") == "conflict: that connection plays Alice already\n"


async def test_a_character_that_is_destroyed_at_that_moment(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice, bob = await create(server, "Alice"), await create(server, "Bob")
        await alice.do("zadd Anna")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bob.type, "zdestroy Anna")
            nursery.start_soon(alice.type, "zplay Anna")
        shown = await bob.do("zwhere")
        if "Gone." in shown:
            assert "Anna" not in await bob.do("who")
        else:
            assert "somebody plays Anna right now" in shown
            assert (await alice.do("zme")).endswith("I am Anna, player. Mine: Alice, Anna (connected)\n")


# ---- Roles and preferences -------------------------------------------------------------------------------------------


async def test_a_role_holds_at_once_on_every_connection_and_after_a_restart(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice = await create(server, "Alice")
        again, _ = await come(server, "connect Alice password")
        admin, _ = await come(server, ADMIN)
        await alice.do("zadd Anna")
        huh = 'Huh?  (Type "help" for help.)\n'
        await alice.type("zsecret")
        await alice.read_until(huh)
        assert await admin.do("zrole Anna=admin") == "admin\n"
        for connection in (again, alice):
            await connection.type("zsecret")
            for player in (again, alice):
                await player.read_until("For admins only.\n")
        await again.hang_up()
        assert "I am Anna, admin." in await switch(alice, "Anna")
        assert await alice.do("zrole Admin=builder") == "builder\n"
        await admin.type("zsecret")
        await admin.read_until("Huh?")
        assert await alice.do("zrole Alice=player") == "conflict: Alice is the only admin\n"
    async with playing(data, runtime) as server:
        alice, shown = await come(server, "connect Anna password")
        assert "I am Anna, admin." in shown
        admin, shown = await come(server, ADMIN)
        assert "I am Admin, builder." in shown


async def test_the_only_admin_cannot_be_banned_or_destroyed(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice = await create(server, "Alice")
        assert await alice.do("zban Admin=out") == "conflict: Admin is the only admin\n"
        assert await alice.do("zdestroy Admin") == "conflict: Admin is the only admin\n"
        await alice.do("zrole Alice=admin")
        assert await alice.do("zdestroy Admin") == "Gone.\n"
        await alice.do("zadd Anna")
        await switch(alice, "Anna")
        assert await alice.do("zdestroy Alice") == "Gone.\n"
        assert await alice.do("zrole Anna=player") == "conflict: Alice is the only admin\n"


async def test_preferences_hold_at_once_and_on_the_next_log_in(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice = await create(server, "Alice")
        await alice.do("zpages 5")
        first = "line 1\nline 2\nline 3\nline 4\nline 5\n(7 more lines. Type more to go on.)\n"
        await alice.type("zlong", "more", "", "more")
        await alice.read_until(first)
        second = "line 6\nline 7\nline 8\nline 9\nline 10\n(2 more lines. Type more to go on.)\n"
        assert await alice.read_until("on.)\n") == second
        assert await alice.read_until("line 12\n") == "line 11\nline 12\n"
        again, _ = await come(server, "connect Alice password")
        await again.type("zlong", "zwhere", "more")
        await again.read_until(first)
        assert (await again.read_until("Square\n")) == "The Lantern Square\n"  # whoever types something else wants no more
    async with playing(data, runtime) as server:
        alice, _ = await come(server, "connect Alice password")
        await alice.type("zlong")
        await alice.read_until(first)
        await alice.do("zpages off")
        assert "line 6\nline 7\n" in await alice.do("zlong")


# ---- Channels --------------------------------------------------------------------------------------------------------


async def test_a_channel_is_heard_from_when_one_joins_until_one_leaves(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice, bob = await create(server, "Alice"), await create(server, "Bob")
        await alice.read_until("Bob has connected.\n")
        assert await alice.do("zchat town=nobody hears") == ""
        assert await alice.do("zhear town") == "town: you say I am new here.\n"
        assert await bob.do("zhear town") == "town: you say I am new here.\n"
        assert await alice.do("zchat town=hello") == "town: Bob says I am new here.\ntown: you say hello.\n"
        assert await bob.do("zdeaf town") == "town: Alice says hello.\nTrue\ntown: you say goodbye.\n"
        assert await bob.do("zdeaf town") == "False\n"
        assert await alice.do("zwhere") == "town: Bob says goodbye.\n" * 2 + "The Lantern Square\n"


async def test_what_was_said_on_a_channel_meanwhile_is_replayed_over_a_restart(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice, bob = await create(server, "Alice"), await create(server, "Bob")
        await bob.do("zchat town=before anybody")
        await alice.do("zhear town")
        await alice.hang_up()
        await bob.read_until("Alice has disconnected.\n")
        await bob.do("zchat town=while you were away")
    async with playing(data, runtime) as server:
        _, shown = await come(server, "connect Alice password")
        lines = [line for line in shown.splitlines() if line.startswith("town")]
        assert lines == ["town: Bob says while you were away."]


async def test_who_is_destroyed_hears_nothing_and_leaves_nothing(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice, bob = await create(server, "Alice"), await create(server, "Bob")
        await alice.do("zhear town")
        await alice.hang_up()
        await bob.read_until("Alice has disconnected.\n")
        await bob.do("zdestroy Alice")
        assert await server.running.game.store.fetch("SELECT * FROM listeners") == []
        guest, _ = await come(server, "connect guest")
        await guest.do("zhear town")
        await guest.hang_up()
        await bob.read_until("Guest1 has disconnected.\n")
        await bob.do("zwhere")
        assert server.running.registers.listeners.of_character("Guest1") == ()
        rows = "SELECT name FROM players WHERE role = 'guest' UNION SELECT stream FROM listeners"
        with trio.fail_after(PATIENCE):
            while await server.running.game.store.fetch(rows):
                await trio.lowlevel.checkpoint()


# ---- Who is not let in -----------------------------------------------------------------------------------------------


async def test_a_banned_player_is_told_why_after_the_right_password_only(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime) as server:
        alice, bob = await create(server, "Alice"), await create(server, "Bob")
        await alice.do("zadd Anna")
        assert await bob.do("zban Alice=Too loud.") == "Banned: Too loud.\n"
        assert await refused(server, "connect Anna password") == "You are banned: Too loud.\n"
        wrong = "Either there is no such player, or the password is wrong.\n"
        assert await refused(server, "connect Alice wrongword") == wrong
        assert (await alice.do("zwhere")).endswith("The Lantern Square\n")  # who is in stays in: to boot is the plugin's affair
    async with playing(data, runtime) as server:
        bob, _ = await come(server, "connect Bob password")
        assert await refused(server, "connect Alice password") == "You are banned: Too loud.\n"
        assert await bob.do("zpardon Alice") == "None\n"
        await come(server, "connect Alice password")


@pytest.mark.parametrize("line", ["connect Alice password", "create Carol password", "connect guest"])
async def test_a_banned_address_is_told_why(data: Path, runtime: SourceRuntime, line: str) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    async with playing(data, runtime, listeners=(listener,)) as server:
        alice = await create(server, "Alice")
        stranger = Player(await trio.open_tcp_stream("127.0.0.1", port))
        await stranger.read_until("asked for it unseen.\n")
        assert await alice.do("znoplace 127.0.0.9/8=No robots.") == "Nobody comes from there.\n"
        await stranger.type(line)
        assert (await stranger.read_until("robots.\n")).endswith("Nobody is let in from your address: No robots.\n")
        await stranger.hang_up()
        await come(server, "connect Alice password")  # from elsewhere


async def test_a_guest_who_is_destroyed_leaves_room_for_another(data: Path, runtime: SourceRuntime) -> None:
    async with playing(data, runtime, guests=1) as server:
        guest, _ = await come(server, "connect guest")
        full = "There are as many guests as this game takes. Please create a character instead.\n"
        assert await refused(server, "connect guest") == full
        await guest.do("zadd Anna")
        bob = await create(server, "Bob")
        await guest.hang_up()
        await bob.read_until("Guest1 has disconnected.\n")
        await bob.do("zwhere")
        await come(server, "connect guest")
