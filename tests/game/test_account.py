"""The bundled plugin holomush-account over the real server: preferences that last, and several characters to one player."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.game import ADMIN_PASSWORD, Player, running_server

from holomush import bundled
from holomush.plugins.guests.guest import SourceRuntime
from holomush.text.preferences import BadPreference, check_preferences


def load() -> ModuleType:
    """The plugin's module of preferences, in this Python."""
    spec = importlib.util.spec_from_file_location("settings", bundled.PLUGINS / "holomush-account" / "settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["settings"] = module
    spec.loader.exec_module(module)
    return module


SETTINGS = load()

GO_AHEAD, EOR = b"\xff\xf9", b"\xff\xef"
DO_EOR, DONT_SGA = b"\xff\xfd\x19", b"\xff\xfe\x03"


async def leave(player: Player) -> None:
    """QUIT, and wait until the server has hung up."""
    await player.type("QUIT")
    await player.read_to_end()


async def test_preferences_last_over_a_reconnect_and_a_restart(data: Path, runtime: SourceRuntime) -> None:
    chosen = [
        "Colour: 256 (it may be auto, none, 16, 256 or true)",
        "Width: 40 (it may be auto or a number from 20 to 250)",
        "Screen reader: on (it may be auto, on or off)",
        "Page length: off (it may be off or a number from 5 to 200)",
        "Character set: ascii (it may be auto, utf-8, latin-1 or ascii)",
        "Prompt: off (it may be off or on)",
        "Keepalive: off (it may be on or off)",
        "To change one, type: preferences <name>=<value>",
    ]
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        assert await alice.do("screenreader on") == "Screen reader is on now.\n"
        assert await alice.do("width 40") == "Width is 40 now.\n"
        assert "\x1b[31mred\x1b[0m" in await alice.do("colour 256")
        assert await alice.do("preferences charset ascii") == "Character set is ascii now.\nLetters with accents: e, a, n.\n"
        assert await alice.do("preferences keepalive off") == "Keepalive is off now.\n"
        await leave(alice)
        alice, _ = await server.come_back("Alice")
        await alice.do("think so")  # what is left of the look, which has a line for each exit
        assert (await alice.do("preferences")).splitlines() == chosen
        assert "\x1b[31mred\x1b[0m" in await alice.do("think [red]red[/]")
        await leave(alice)
    async with running_server(data, runtime) as server:
        alice, _ = await server.come_back("Alice")
        await alice.do("think so")
        assert (await alice.do("prefs")).splitlines() == chosen
        assert await alice.do("colour none") == (
            "Colour is none now.\nColours: red, green, yellow, blue, magenta, cyan, orange, bold, underlined.\n"
        )


async def test_lines_break_at_the_width_at_once(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        assert await alice.do("think one two three four five six") == "one two three four five six\n"
        await alice.type("width 20")
        assert await alice.read_until("\n") == "Width is 20 now.\n"
        await alice.type("think one two three four five six")
        assert await alice.read_until("six\n") == "one two three four\nfive six\n"
        await alice.type("width auto")
        assert await alice.read_until("\n") == "Width is auto now.\n"
        assert await alice.do("think one two three four five six") == "one two three four five six\n"


async def test_a_charset_holds_at_once(data: Path, runtime: SourceRuntime) -> None:
    said = "na\xefve \xff \u2013 \u201ccaf\xe9\u201d \u2603"
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        for charset, letters, heard in (
            ("latin-1", b"\xe9, \xe4, \xf1", b'na\xefve \xff\xff - "caf\xe9" ?'),
            ("ascii", b"e, a, n", b'naive y - "cafe" ?'),
            ("auto", "\xe9, \xe4, \xf1".encode(), said.encode()),
        ):
            await alice.type(f"preferences charset {charset}", f"think {said}")
            answer = await alice.read_bytes_until(heard + b"\r\n")
            told = f"Character set is {charset} now.\r\nLetters with accents: ".encode()
            assert answer == told + letters + b".\r\n" + heard + b"\r\n"


async def test_a_prompt_stands_below_what_is_shown_until_it_is_unwanted(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        # Who has not said a word of telnet is sent none.
        await alice.type("preferences prompt on")
        assert await alice.read_bytes_until(b"> ") == b"Prompt is on now.\r\n> "
        await alice.send(DONT_SGA)
        await alice.type("think so")
        assert await alice.read_bytes_until(GO_AHEAD) == b"so\r\n> " + GO_AHEAD
        await alice.send(DO_EOR)
        await alice.type("think again")
        assert await alice.read_bytes_until(EOR) == b"again\r\n> " + EOR
        await alice.type("preferences prompt auto")
        assert await alice.do("think last") == "Prompt is off now.\nlast\n"


async def test_long_texts_come_in_pages(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        whole = (await alice.do("help")).splitlines()
        assert await alice.do("pagelength 20") == "Page length is 20 now.\n"
        await alice.type("help")
        page = (await alice.read_until("Type more to go on.)\n")).splitlines()
        left = len(whole) - (len(page) - 1)
        assert page[-1] == f"({left} more lines. Type more to go on.)"
        assert page[:-1] == whole[: len(page) - 1]
        shown = page[:-1]
        while len(shown) < len(whole):
            await alice.type("more" if len(shown) % 2 else "")
            while len(shown) < len(whole):
                line = (await alice.read_until("\n")).removesuffix("\n")
                if line.endswith("Type more to go on.)"):
                    break
                shown.append(line)
        assert shown == whole
        assert await alice.do("pagelength off") == "Page length is off now.\n"
        assert (await alice.do("help")).splitlines() == whole


async def test_several_characters(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob = await server.create("Bob")
        alice = await server.create("Alice")
        await bob.read_until("Alice has connected.\n")
        made = "You have a new character, Robin. To play it, type: character switch Robin\n"
        assert await alice.do("character create Robin") == made
        assert await alice.do("character create Bob") == "The name Bob is taken.\n"
        assert await alice.do("character create robin") == "The name robin is taken.\n"
        assert await alice.do("characters") == "Your characters:\nAlice, whom you play\nRobin\n"
        await alice.type("character switch rob")
        shown = await alice.read_until("Obvious exits:\n")
        assert shown.startswith("You go on as Robin.\nThe Lantern Square\n")
        assert await bob.read_until("Robin has connected.\n") == "Alice has disconnected.\nRobin has connected.\n"
        await alice.type("say hello")
        assert await bob.read_until("\n") == 'Robin says, "hello"\n'
        await alice.read_until('You say, "hello"\n')
        assert await alice.do("char list") == "Your characters:\nAlice\nRobin, whom you play\n"
        assert await alice.do("char switch bob") == "You have no character called bob. Type character list to see yours.\n"
        await leave(alice)
        assert await bob.read_until("\n") == "Robin has disconnected.\n"
        robin, _ = await server.come_back("Robin")
        assert await bob.read_until("\n") == "Robin has connected.\n"
        alice, _ = await server.come_back("Alice")
        assert await bob.read_until("\n") == "Alice has connected.\n"
        await robin.read_until("Alice has connected.\n")
        assert await robin.do("characters") == "Your characters:\nAlice, in play\nRobin, whom you play\n"


async def test_a_role_holds_for_all_characters_of_the_player(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        await alice.do("character create Robin")
        admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
        assert await admin.do("role grant robin=builder") == "Robin is a builder now.\n"
        await alice.read_until("Admin has made you a builder.\n")
        assert await admin.do("role alice") == "Alice is a builder.\n"


async def test_guests_have_preferences_and_no_further_characters(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        guest = await server.connect()
        await guest.type("connect guest")
        await guest.read_until("Obvious exits:\n")
        await guest.read_until("\n")
        assert await guest.do("screenreader on") == "Screen reader is on now.\n"
        for line in ("password guest=another", "character create Robin"):
            await guest.type(line)
            assert (await guest.read_until("\n")).startswith("Huh?")


@pytest.mark.parametrize("setting", SETTINGS.SETTINGS, ids=lambda setting: setting.key)
@given(
    st.one_of(
        st.text(),
        st.integers(-300, 300).map(str),
        st.sampled_from(["auto", "none", "ON", "off", " true ", "UTF8", "latin 1", "Ascii", "\xb2", "9" * 9999]),
    )
)
def test_every_value_that_can_be_typed_is_one_that_the_server_takes(setting: object, typed: str) -> None:
    value = setting.read(typed)  # type: ignore[attr-defined]
    key = setting.key  # type: ignore[attr-defined]
    if value is not None:
        check_preferences({key: value})
    elif typed.isascii() and typed.isdecimal() and len(typed) < 7:
        with pytest.raises(BadPreference):
            check_preferences({key: int(typed)})


@given(st.text(), st.text(alphabet="=_- abcelnorswdth"))
def test_a_change_is_taken_apart_whatever_is_typed(name: str, value: str) -> None:
    for typed in (f"{name}={value}", f"{name} {value}", name):
        told, _ = SETTINGS.taken_apart(typed)
        assert told in typed
        SETTINGS.named(told)


@pytest.mark.parametrize("typed", ["screen reader=on", "Screen_Reader on", "screenreader = on", "sr on", "reader=on"])
def test_ways_to_name_a_preference(typed: str) -> None:
    name, value = SETTINGS.taken_apart(typed)
    assert SETTINGS.named(name).key == "screen_reader"
    assert value == "on"


async def test_a_password_is_changed_by_those_who_know_it(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        assert await alice.do("password guessing=something new") == "That is not your password.\n"
        assert await alice.do("@password password=something new") == "Your password is changed.\n"
        await leave(alice)
        alice = await server.connect()
        await alice.type("connect Alice password")
        await alice.read_until("or the password is wrong.\n")
        await alice.type("connect Alice something new")
        await alice.read_until("The Lantern Square\n")
