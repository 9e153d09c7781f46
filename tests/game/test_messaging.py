"""Pages, channels and who over the real server, what people without any say may not do, and crowds.

What each command answers is in the plugin's own ``tests.yaml``.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from support.game import ADMIN_PASSWORD, Player, Server, running_server

from holomush import bundled
from holomush.plugins.guests.guest import SourceRuntime
from holomush.testing import PluginTestHarness
from holomush.text.colours import COLOUR_NAMES, STYLES
from holomush.text.markup import strip
from holomush.world.names import name_key

FOLDER = bundled.PLUGINS / "holomush-messaging"


def load(name: str) -> ModuleType:
    """A module of the plugin, in this Python."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


NAMING, ANSWERS, ONLINE = load("naming"), load("answers"), load("online")


@pytest.fixture
def harness(runtime: SourceRuntime) -> Iterator[PluginTestHarness]:
    """The plugin alone, with Alice and Bob."""
    with PluginTestHarness(FOLDER) as made:
        yield made


async def players(server: Server, *names: str) -> list[Player]:
    """New players, who have read that each other came."""
    made = [await server.create(name) for name in names]
    for player in made:
        await player.do("think ready")
    return made


async def leave(player: Player) -> None:
    """QUIT, and wait until the server has hung up."""
    await player.type("QUIT")
    await player.read_to_end()


# ---- Pages -----------------------------------------------------------------------------------------------------------


async def test_what_those_who_are_paged_read(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob, carol, dave = await players(server, "Alice", "Bob", "Carol", "Dave Smith")
        assert await alice.do("north") != ""
        for typed, answered, seen in (
            ("page bob=hi", "You paged Bob with 'hi'\n", "Alice pages: hi\n"),
            ("p bob=hi", "You paged Bob with 'hi'\n", "Alice pages: hi\n"),
            ("page=again", "You paged Bob with 'again'\n", "Alice pages: again\n"),
            ("page bob=:waves", "Long distance to Bob: Alice waves\n", "From afar, Alice waves\n"),
            ("page ;'s cat purrs", "Long distance to Bob: Alice's cat purrs\n", "From afar, Alice's cat purrs\n"),
            ("page bob={actor} [red", "You paged Bob with '{actor} [red'\n", "Alice pages: {actor} [red\n"),
        ):
            assert await alice.do(typed) == answered
            assert (await bob.do("think so")).removeprefix("Alice leaves north.\n") == f"{seen}so\n"
        assert await alice.do('page "dave smith", bob=hi') == "You paged Dave Smith and Bob with 'hi'\n"
        assert await alice.do("page :waves") == "Long distance to Dave Smith and Bob: Alice waves\n"
        both = "Alice pages (to Dave Smith and Bob): hi\nFrom afar (to Dave Smith and Bob), Alice waves\n"
        for player in (bob, dave):
            assert (await player.do("think so")).removeprefix("Alice leaves north.\n") == f"{both}so\n"
        assert await carol.do("think so") == "Alice leaves north.\nso\n"
        assert await bob.do("reply hello yourself") == "You paged Alice with 'hello yourself'\n"
        assert await alice.do("think so") == "Bob pages: hello yourself\nso\n"
        await bob.do("block alice")
        assert await alice.do("page bob=hi") == "Bob is not taking pages from you.\n"
        await leave(dave)
        assert await alice.do("page bob dave smith carol=hi") == "There is nobody called dave.\n"
        lines = "Bob is not taking pages from you.\nDave Smith is not connected.\nYou paged Carol with 'hi'\n"
        assert await alice.do('page bob "dave smith" carol=hi') == lines
        assert await carol.read_until("hi\n") == "Dave Smith has disconnected.\nAlice pages: hi\n"


async def test_a_guest_who_has_left_is_paged_no_more(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        (alice,) = await players(server, "Alice")
        guest = await server.connect()
        await guest.type("connect guest", "page alice=hi")
        name = (await alice.read_until(" has connected.\n")).removesuffix(" has connected.\n")
        assert await alice.read_until("\n") == f"{name} pages: hi\n"
        assert await alice.do("reply hello") == f"You paged {name} with 'hello'\n"
        await alice.do(f"block {name}")
        await leave(guest)
        await alice.read_until("disconnected.\n")
        assert await alice.do("reply hello") == "Whoever paged you last is not there any more.\n"
        assert await alice.do("page") == "Those whom you paged last are not there any more.\n"
        assert await alice.do("block") == "You take pages from everybody. Type: block <person>\n"


async def test_whom_one_paged_last_is_kept(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, _ = await players(server, "Alice", "Bob")
        await alice.do("page bob=hi")
    async with running_server(data, runtime) as server:
        alice, _ = await server.come_back("Alice")
        assert await alice.do("page hello") == "Bob is not connected.\n"
        assert await alice.do("page") == "You last paged Bob.\n"


def test_no_more_than_a_hundred_can_be_blocked(harness: PluginTestHarness) -> None:
    for number in range(100):
        harness.world.add_character(f"Pest {number}")
        assert harness.run_command(f"block Pest {number}").output == f"You take no more pages from Pest {number}."
    assert harness.run_command("block bob").output == "You can block 100 people, not more."
    assert len(harness.run_command("block").lines) == 101
    assert harness.run_command("unblock 2.pest").output == "You take pages from Pest 1 again."


def test_twenty_are_paged_at_once(harness: PluginTestHarness) -> None:
    names = [f"Friend{number}" for number in range(20)]
    for name in names:
        harness.world.add_character(name)
    message = "x" * 8000
    result = harness.run_command(f"page {','.join(names)}={message}")
    assert len(result.emitted_events) == 20
    assert result.heard("Friend19") == [f"Alice pages (to {', '.join(names[:-1])} and Friend19): {message}"]
    assert harness.run_command("page again").output == f"You paged {', '.join(names[:-1])} and Friend19 with 'again'"
    assert harness.run_command(f"page {' '.join(names)} bob=hi").output == "You can page 20 people at once, not more."


# ---- Channels --------------------------------------------------------------------------------------------------------


async def test_what_those_on_a_channel_read(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob, carol = await players(server, "Alice", "Bob", "Carol")
        await alice.do("channel create red")
        await bob.do("channel join red")
        assert await alice.read_until("\n") == "[red] Bob has joined the channel.\n"
        for typed, seen in (
            ("=red hello", '[red] Alice says, "hello"\n'),
            ("=red :waves", "[red] Alice waves\n"),
            ("=red ;'s cat purrs", "[red] Alice's cat purrs\n"),
            ("=hello", '[red] Alice says, "hello"\n'),
            ("channel say red=a=b", '[red] Alice says, "a=b"\n'),
            ("=red [bold]loud", '[red] Alice says, "loud"\n'),
        ):
            assert await alice.do(typed) == seen
            assert await bob.do("think so") == f"{seen}so\n"
        await bob.do("channel mute red")
        await alice.do("=not for Bob")
        await bob.do("channel unmute red")
        await bob.do("=for both")
        assert await alice.do("think so") == '[red] Bob says, "for both"\nso\n'
        assert await bob.do("channel history red 2") == (
            "The last 2 lines on red, the first from less than a minute ago:\n"
            '[red] Alice says, "not for Bob"\n[red] Bob says, "for both"\n'
        )
        assert await bob.do("channel leave red") == "You have left red.\n"
        assert await alice.read_until("\n") == "[red] Bob has left the channel.\n"
        await alice.do("=alone")
        assert await bob.do("think so") == "so\n"
        assert await carol.do("think so") == "so\n"


async def test_what_is_missed_on_a_channel_is_replayed(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await players(server, "Alice", "Bob")
        await alice.do("channel create public")
        await alice.do("=before Bob was there")
        await bob.do("channel join public")
        await leave(bob)
        await alice.do("=one")
        await alice.do("=:waves")
    async with running_server(data, runtime) as server:
        bob, shown = await server.come_back("Bob")
        lines = shown.partition("--- end of replay ---")[0].splitlines()
        assert [line for line in lines if line.startswith("[public]")] == ['[public] Alice says, "one"', "[public] Alice waves"]
        assert await bob.do("=still here") == '[public] Bob says, "still here"\n'
        alice, shown = await server.come_back("Alice")
        assert '[public] Bob says, "still here"\n' in shown
        await alice.do("channel delete public")
        assert "[public] Alice has deleted the channel.\n" in await bob.do("think so")
        await alice.do("channel create public")
        await alice.do("=nobody hears this")
        assert "nobody" not in await bob.do("think so")


async def test_looking_after_a_channel(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob, carol = await players(server, "Alice", "Bob", "Carol")
        await alice.do("channel create public")
        await bob.do("channel join public")
        await carol.do("channel join public")
        await alice.do("think so")
        await bob.do("think so")
        for typed, answered, by_bob, by_carol in (
            ("op public=bob", "made Bob an operator of the channel", "made you an operator of the channel", ""),
            ("silence public=bob", "silenced Bob", "silenced you", ""),
            ("unsilence public=bob", "allowed Bob to speak again", "allowed you to speak again", ""),
            ("deop public=bob", "made Bob an ordinary member again", "made you an ordinary member again", ""),
            ("kick public=bob", "kicked Bob off the channel", "kicked you off the channel", ""),
            ("ban public=bob", "banned Bob from the channel", "banned you from the channel", ""),
            ("unban public=bob", "allowed Bob to join the channel again", "allowed you to join the channel again", ""),
        ):
            assert await alice.do(f"channel {typed}") == f"[public] You have {answered}.\n"
            assert await bob.do("think so") == f"[public] Alice has {by_bob}.\nso\n"
            assert await carol.do("think so") == f"[public] Alice has {answered}.\n{by_carol}so\n"


async def test_all_hear_the_same_in_the_same_order_when_many_speak_at_once(data: Path, runtime: SourceRuntime) -> None:
    names = ["Alice", "Bob", "Carol", "Dave", "Erin", "Frank"]
    async with running_server(data, runtime) as server:
        everybody = await players(server, *names)
        await everybody[0].do("channel create public")
        for player in everybody[1:]:
            await player.do("channel join public")
        for player in everybody:
            await player.do("think so")
        async with trio.open_nursery() as nursery:
            for player in everybody:
                typed = [*(f"=line {number}" for number in range(20)), "page bob=done", "north", "south"]
                nursery.start_soon(partial(player.type, *typed))
        for player in everybody:
            await player.type("page alice carol=:nods")
        said = {f'[public] {name} says, "line {number}"' for name in names for number in range(20)}
        heard = []
        for player in everybody:
            text = ""
            while text.count("[public]") < len(said):
                text += await player.read_until("\n")
            heard.append([line for line in text.splitlines() if line.startswith("[public]")])
        assert set(heard[0]) == said
        assert all(lines == heard[0] for lines in heard)
        history = (await everybody[1].do("channel history public 100")).splitlines()
        assert [line for line in history if line.startswith("[public]")] == heard[0][-100:]


async def test_a_guest_may_speak_on_channels_and_make_none(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        (alice,) = await players(server, "Alice")
        await alice.do("channel create public")
        guest = await server.connect()
        await guest.type("connect guest")
        await guest.read_until("up  east\n")
        name = (await alice.read_until(" has connected.\n")).removesuffix(" has connected.\n")
        no = "Guests cannot make channels, but join them. Type channel list to see which there are.\n"
        assert await guest.do("channel create mine") == no
        await guest.do("channel join public")
        assert await guest.do("=hello") == f'[public] {name} says, "hello"\n'
        await leave(guest)
        await alice.read_until("disconnected.\n")
        assert await alice.do("channel who public") == "On public:\nAlice (owner)\n"


async def test_an_admin_looks_after_every_channel(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await players(server, "Alice", "Bob")
        admin = await server.connect()
        await admin.type(f"connect Admin {ADMIN_PASSWORD}")
        await admin.read_until("up  east\n")
        await alice.do("channel create public")
        await bob.do("channel join public")
        assert await bob.do("channel kick public=alice") == "Only the owner and the operators of public may do that.\n"
        assert await bob.do("channel delete public") == "Only the owner of public may do that.\n"
        assert await admin.do("channel silence public=alice") == "[public] You have silenced Alice.\n"
        assert (await alice.do("=hello")).endswith("You have been silenced on public.\n")
        assert await admin.do("channel delete public") == "You have deleted the channel public.\n"


@pytest.mark.parametrize("verb", ["silence", "unsilence", "kick", "ban", "unban"])
def test_what_operators_may_do_and_members_may_not(harness: PluginTestHarness, verb: str) -> None:
    harness.world.add_character("Carol")
    harness.run_command("channel create public", access="player")
    for name in ("Bob", "Carol"):
        harness.run_command("channel join public", name, access="player")
    typed = f"channel {verb} public="
    no = "Only the owner and the operators of public may do that."
    assert harness.run_command(f"{typed}carol", "Bob", access="builder").output == no
    harness.run_command("channel op public=bob", access="player")
    too = "looks after public, too. Ask its owner or an admin."
    assert harness.run_command(f"{typed}alice", "Bob", access="player").output == f"Alice {too}"
    if verb.startswith("un"):
        harness.run_command(f"channel {verb.removeprefix('un')} public=carol", access="player")
    output = harness.run_command(f"{typed}carol", "Bob", access="player").output
    assert (output or "").startswith("[[public] You have ")
    harness.run_command("channel unban public=carol", access="player")
    harness.run_command("channel join public", "Carol", access="player")
    harness.run_command("channel op public=carol", access="player")
    assert harness.run_command(f"{typed}carol", "Bob", access="player").output == f"Carol {too}"


@pytest.mark.parametrize("typed", ["op public=carol", "deop public=carol", "describe public=Hers", "delete public"])
def test_what_only_the_owner_may_do(harness: PluginTestHarness, typed: str) -> None:
    harness.world.add_character("Carol")
    harness.run_command("channel create public", access="player")
    for name in ("Bob", "Carol"):
        harness.run_command("channel join public", name, access="player")
    harness.run_command("channel op public=bob", access="player")
    no = "Only the owner of public may do that."
    assert harness.run_command(f"channel {typed}", "Bob", access="builder").output == no


def test_what_moderators_alone_are_shown(harness: PluginTestHarness) -> None:
    harness.run_command("channel create public", access="player")
    harness.run_command("channel silence public=bob", access="player")
    shown = ["On public:", "Alice (owner)"]
    assert harness.run_command("channel who public", "Bob", access="player").lines == shown
    assert harness.run_command("channel who public", access="player").lines == [*shown, "Silenced: Bob."]


def test_a_player_has_five_channels_of_their_own(harness: PluginTestHarness) -> None:
    for number in range(5):
        assert "made" in (harness.run_command(f"channel create room-{'abcde'[number]}", access="player").output or "")
    too_many = "You have 5 channels already. Delete one of them first."
    assert harness.run_command("channel create more", access="player").output == too_many
    harness.run_command("channel delete room-a", access="player")
    assert "made" in (harness.run_command("channel create more", access="player").output or "")
    assert "made" in (harness.run_command("channel create still-more", access="admin").output or "")


def test_fifty_channels_are_enough_for_one(harness: PluginTestHarness) -> None:
    names = [f"{first}-{second}" for first in "abcdefgh" for second in "pqrstuv"]
    for name in names[:50]:
        harness.run_command(f"channel create {name}")
    no = "You are on 50 channels. Leave one of them first."
    assert harness.run_command(f"channel create {names[50]}").output == no
    harness.run_command(f"channel create {names[50]}", "Bob")
    assert harness.run_command(f"channel join {names[50]}").output == no


def test_very_many_channels(harness: PluginTestHarness) -> None:
    rows = [{"name": f"c{number}", "shape": f"c{number}", "created_at": 0} for number in range(500)]
    for row in rows:
        harness.tables["channels"].insert(**row)
    *_, last, more = harness.run_command("channel list").lines
    assert last == "c151, 0 listening"
    assert more == "And 440 more. Type channel list and the beginning of a name to see only some."
    assert harness.run_command("channel create another").output == "There are 500 channels, and no room for more."
    names = ", ".join(sorted(f"c{number}" for number in range(500))[:20])
    assert harness.run_command("channel join c").output == f"Which one: {names}, or one of 480 more?"


def test_a_channel_that_very_many_are_on(harness: PluginTestHarness) -> None:
    harness.run_command("channel create public")
    names = [f"Fan {number}" for number in range(200)]
    for number, name in enumerate(names):
        harness.world.add_character(name, connected=number < 150)
        harness.run_command("channel join public", name)
    assert harness.run_command("channel list").output == "public, 151 listening, you are on it"
    shown = harness.run_command("channel who public").lines
    assert shown == ["On public:", "Alice (owner)", *names[:99], "And 51 more.", "50 more are not connected."]
    heard = harness.run_command("=hello")
    assert len(heard.emitted_events) == 1
    assert heard.heard("Fan 199") == ['[public] Alice says, "hello"']
    harness.run_command("channel ban public=bob")

    gone = harness.run_command("channel delete public")
    assert gone.heard("Fan 199") == ["[public] Alice has deleted the channel."]
    still = "The old channel public is still being cleared away. Try again in a moment."
    unknown = "There is no channel called public. Type channel list to see which there are."
    fired = {"name": "sweep public", "payload": {"channel": "public"}}
    timer = {"type": "timer", "stream": "plugin:holomush-messaging", "actor_kind": "system", "payload": fired}
    assert harness.subscribes_to(timer)
    for _ in range(2):
        assert harness.run_command("channel create public").output == still
        assert harness.run_command("channel join public").output == unknown
        assert harness.run_command("channel delete public").output == unknown
        harness.deliver_event(timer)
    assert "made" in (harness.run_command("channel create public").output or "")
    assert harness.run_command("=who is there").heard("Fan 199") == []
    assert harness.run_command("channel who public").lines == ["On public:", "Alice (owner)"]


def test_a_history_of_long_lines_is_cut_to_what_can_be_shown(harness: PluginTestHarness) -> None:
    harness.run_command("channel create public")
    for number in range(5):
        harness.run_command(f"={number}{'🌍' * 6000}")
    first, *lines = harness.run_command("channel history public").lines
    assert first == "The last 3 lines on public, the first from less than a minute ago:"
    assert [line[:26] for line in lines] == [f'[[public] Alice says, "{number}🌍🌍' for number in (2, 3, 4)]


# ---- Who -------------------------------------------------------------------------------------------------------------


async def test_who_takes_the_place_of_the_servers_own(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await players(server, "Alice", "Bob")
        await bob.do("doing mapping the caves below the old town, slowly")
        header = "Player Name                On For  Idle  Doing\n"
        for typed in ("who", "WHO", "+who", "@who"):
            assert await alice.do(typed) == (
                f"{header}Alice                       00:00    0s\n"
                "Bob                         00:00    0s  mapping the caves below the old town...\n"
                "2 players are connected.\n"
            )
        await leave(bob)
        await alice.read_until("disconnected.\n")
        assert await alice.do("who") == f"{header}Alice                       00:00    0s\nOne player is connected.\n"


def test_who_for_a_screen_reader_and_for_a_narrow_window(harness: PluginTestHarness) -> None:
    harness.run_command("doing [red]painting")
    sentences = [
        "Alice, on for 00:00, idle 0s, doing: [red]painting[/all]",
        "Bob, on for 00:00, idle 0s",
        "2 players are connected.",
    ]
    assert harness.run_command("who", session={"screen_reader": True}).lines == sentences
    assert harness.run_command("who", session={"width": 52}).lines == sentences
    table = ["Player Name                On For  Idle  Doing", "Alice                       00:00    0s  [red]painting[/all]"]
    assert harness.run_command("who", session={"width": 53}).lines[:2] == table
    harness.run_command("doing [red]painting a [[castle]")
    assert harness.run_command("who", session={"width": 56}).lines[1].endswith("  painting a [[...")


def test_who_with_a_crowd(harness: PluginTestHarness) -> None:
    for number in range(498):
        harness.world.add_character(f"Fan {number}")
    *_, last, more, total = harness.run_command("who").lines
    assert last.startswith("Fan 197 ")
    assert more == "And 300 more. Type who and the beginning of a name to see only some."
    assert total == "500 players are connected."
    assert harness.run_command("who FAN 49").lines[-1] == "9 of 500 players."


@pytest.mark.parametrize(
    ("seconds", "clock", "brief", "ago"),
    [
        (0, "00:00", "0s", "less than a minute ago"),
        (59, "00:00", "59s", "less than a minute ago"),
        (60, "00:01", "1m", "1 minute ago"),
        (7200, "02:00", "2h", "2 hours ago"),
        (93_784, "1d 02:03", "1d", "1 day ago"),
        (864_000, "10d 00:00", "10d", "10 days ago"),
    ],
)
def test_times(seconds: int, clock: str, brief: str, ago: str) -> None:
    assert ONLINE.clock(seconds) == clock
    assert ONLINE.brief(seconds) == brief
    assert ANSWERS.ago(seconds) == ago


# ---- What is read from text ------------------------------------------------------------------------------------------


@given(st.text(max_size=40), st.integers(3, 60))
def test_what_is_cut_fits(text: str, width: int) -> None:
    shown = ONLINE.cut(text, width)
    assert sum(map(ONLINE.columns, shown)) <= width
    assert shown == text or text.startswith(shown.removesuffix("..."))


@given(
    st.lists(
        st.sampled_from(
            [*(f"[{name}]" for name in (*STYLES, *COLOUR_NAMES)), "[on-red]", "[#ff8800]", "[/]", "[/all]", "[[", "[", "a]", "re"]
        )
    )
)
def test_tags_are_those_of_the_server(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert ONLINE.without_tags(text) == strip(text)


@given(st.text("[red]/ab", max_size=40), st.integers(3, 60))
def test_what_is_fitted_ends_its_colours(text: str, width: int) -> None:
    assert strip(ONLINE.fitted(text, width) + "!") == ONLINE.cut(strip(text), width) + "!"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("public hello", ("public", "hello")),
        ("public=hello there", ("public", "hello there")),
        ("public = hello", ("public", "hello")),
        ("public=a=b", ("public", "a=b")),
        ("public", ("public", "")),
        ("public=", ("public", "")),
        ("=hello", ("", "hello")),
        ("", ("", "")),
    ],
)
def test_two_parts(text: str, parts: tuple[str, str]) -> None:
    assert ANSWERS.two_parts(text) == parts


@given(st.text(max_size=60))
def test_nothing_is_lost_between_two_parts(text: str) -> None:
    first, rest = ANSWERS.two_parts(text)
    assert text.startswith(first)
    assert text.endswith(rest)


@pytest.mark.parametrize(
    "name",
    ["public", "role-play", "stra\u00dfe", "\u4e16\u754c", "\u3053\u3093\u306b\u3061\u4e16\u754c", "\u043c\u0438\u0440", "a1"],
)
def test_names_that_channels_may_have(name: str) -> None:
    assert NAMING.problem_with(NAMING.channel_key(name)) == ""


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "a" * 21,
        "a b",
        "a_b",
        "-ab",
        "1ab",
        "a.b",
        "[red]",
        "publi\u0441",
        "a\u200bb",
        "\u1112\u1160",
        "ab\ufe0f",
        "a\u0661",
        "a*",
    ],
)
def test_names_that_channels_may_not_have(name: str) -> None:
    assert NAMING.problem_with(NAMING.channel_key(name)) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("public", "PUBLIC"),
        ("public", "pub1ic"),
        ("public", "pub-lic"),
        ("public", "p\u00fablic"),
        ("public", "\uff50ublic"),
        ("good", "g00d"),
        ("aces", "\u0430\u0441\u0435\u0455"),
    ],
)
def test_names_that_could_be_taken_for_each_other(one: str, other: str) -> None:
    assert NAMING.shape_of(NAMING.channel_key(one)) == NAMING.shape_of(NAMING.channel_key(other))


@given(st.text(max_size=24))
def test_the_key_of_a_name_is_its_only_spelling(name: str) -> None:
    key = NAMING.channel_key(name)
    assert NAMING.channel_key(key) == key == name_key(name)
    if NAMING.problem_with(key) == "":
        assert not set(key) & set(" :*[]=,")
        assert key.isprintable()
