"""say, pose, semipose, emit, whisper, ooc and think, as everybody concerned sees them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.game import Player, Server, running_server

from holomush.plugins.guests.guest import SourceRuntime

IAC, WILL, SB, SE, TTYPE = b"\xff", b"\xfb", b"\xfa", b"\xf0", b"\x18"
RED, BOLD_RED, ON_BLUE, PLAIN = "\x1b[31m", "\x1b[1;31m", "\x1b[44m", "\x1b[0m"


async def at_a_terminal(server: Server, name: str) -> Player:
    """Somebody new, whose client tells that it can show colours."""
    player = await server.connect()
    await player.send(IAC + WILL + TTYPE)
    await player.read_bytes_until(IAC + SB + TTYPE + b"\x01" + IAC + SE)
    await player.send(IAC + SB + TTYPE + b"\x00" + b"ANSI" + IAC + SE)
    await player.type(f"create {name} password")
    await player.read_until("Obvious exits:\n")
    await player.read_until("\n")
    return player


@pytest.mark.parametrize(
    ("typed", "actor", "other"),
    [
        ('"hello', 'You say, "hello"\n', 'Alice says, "hello"\n'),
        ("say hello", 'You say, "hello"\n', 'Alice says, "hello"\n'),
        ("SAY  two  spaces", 'You say, "two  spaces"\n', 'Alice says, "two  spaces"\n'),
        (":waves", "Alice waves\n", "Alice waves\n"),
        ("pose waves", "Alice waves\n", "Alice waves\n"),
        ("emote waves", "Alice waves\n", "Alice waves\n"),
        (";'s cat purrs", "Alice's cat purrs\n", "Alice's cat purrs\n"),
        ("semipose 's cat purrs", "Alice's cat purrs\n", "Alice's cat purrs\n"),
        ("emit It rains.", "It rains.\n", "It rains.\n"),
        ("@emit It rains.", "It rains.\n", "It rains.\n"),
        ("\\It rains.", "It rains.\n", "It rains.\n"),
        ("@emit It rains.%r%bIt pours.", "It rains.\n It pours.\n", "It rains.\n It pours.\n"),
        ("say Grüße, 世界 🌍", 'You say, "Grüße, 世界 🌍"\n', 'Alice says, "Grüße, 世界 🌍"\n'),
        ("say {actor} %s {message}", 'You say, "{actor} %s {message}"\n', 'Alice says, "{actor} %s {message}"\n'),
        ("whisper bob=psst", 'You whisper "psst" to Bob.\n', 'Alice whispers "psst".\n'),
        ("wh Bob = psst", 'You whisper "psst" to Bob.\n', 'Alice whispers "psst".\n'),
        (
            "whisper bob alice=psst",
            'You whisper "psst" to Bob and Alice.\nAlice whispers "psst" (to you and Bob).\n',
            'Alice whispers "psst" (to you and Alice).\n',
        ),
        (
            "whisper bob=:winks",
            "Bob sees you whisper: Alice winks\n",
            "Alice winks (whispered to you)\n",
        ),
        ("ooc back soon", '<OOC> You say, "back soon"\n', '<OOC> Alice says, "back soon"\n'),
        ("ooc :stretches", "<OOC> Alice stretches\n", "<OOC> Alice stretches\n"),
        ("ooc ;'s cat is hungry", "<OOC> Alice's cat is hungry\n", "<OOC> Alice's cat is hungry\n"),
        ("ooc :", '<OOC> You say, ":"\n', '<OOC> Alice says, ":"\n'),
        ("ooc", "Say what?\n", ""),
        ("think that was close", "that was close\n", ""),
        ("think", "Think what?\n", ""),
        ("say", "Say what?\n", ""),
        ('"', "Say what?\n", ""),
        (":", "Pose what?\n", ""),
        (";", "Pose what?\n", ""),
        ("emit", "Emit what?\n", ""),
        ("whisper", "Whisper to whom? Type: whisper <people>=<message>\n", ""),
        ("whisper carol=hi", "There is nobody called carol here.\n", ""),
        ("sya hello", 'Huh?  Did you mean "say"?\n', ""),
    ],
)
async def test_what_each_one_sees(data: Path, runtime: SourceRuntime, typed: str, actor: str, other: str) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        assert await alice.do(typed) == actor
        assert await bob.do("look me") == other + "Bob\nYou see nothing special.\n"


async def test_a_whisper_is_heard_by_its_target_alone(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob, carol = [await server.create(name) for name in ("Alice", "Bob", "Carol")]
        await alice.do("whisper bob=the key is under the bench")
        await bob.read_until("under the bench")
        assert "bench" not in await carol.do("look me")


async def test_a_name_that_fits_two_people_is_asked_about(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        await server.create("Bob Smith")
        await server.create("Bob Stone")
        await alice.read_until("Bob Stone has connected.\n")
        assert await alice.do("whisper bob=hi") == "Which one: Bob Smith, Bob Stone?\n"
        assert await alice.do("whisper stone=hi") == 'You whisper "hi" to Bob Stone.\n'


async def test_nobody_can_send_another_player_control_characters(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.type("say \x1b[31mred\x07")
        assert 'Alice says, "[31mred"\n' in await bob.read_until('red"\n')


async def test_colours_for_those_who_can_show_them(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await at_a_terminal(server, "Alice"), await at_a_terminal(server, "Bob")
        await alice.read_until("Bob has connected.\n")
        for typed, actor, others in (
            ("say [red]hi", f'You say, "{RED}hi{PLAIN}"', f'Alice says, "{RED}hi{PLAIN}"'),
            ('"a [red]red[/] hat', f'You say, "a {RED}red{PLAIN} hat"', f'Alice says, "a {RED}red{PLAIN} hat"'),
            ("say [bold][red]hi[/all] all", f'You say, "{BOLD_RED}hi{PLAIN} all"', f'Alice says, "{BOLD_RED}hi{PLAIN} all"'),
            ("say [[red], [rde]", 'You say, "[red], [rde]"', 'Alice says, "[red], [rde]"'),
            ("say [/][/all]hi[", 'You say, "hi["', 'Alice says, "hi["'),
            (":turns [red]red", f"Alice turns {RED}red{PLAIN}", f"Alice turns {RED}red{PLAIN}"),
            (";[red]'s face", f"Alice{RED}'s face{PLAIN}", f"Alice{RED}'s face{PLAIN}"),
            ("emit [on-blue]It rains.", f"{ON_BLUE}It rains.{PLAIN}", f"{ON_BLUE}It rains.{PLAIN}"),
            ("ooc [red]hi", f'<OOC> You say, "{RED}hi{PLAIN}"', f'<OOC> Alice says, "{RED}hi{PLAIN}"'),
            ("ooc :is [red]red", f"<OOC> Alice is {RED}red{PLAIN}", f"<OOC> Alice is {RED}red{PLAIN}"),
            ("whisper bob=[red]psst", f'You whisper "{RED}psst{PLAIN}" to Bob.', f'Alice whispers "{RED}psst{PLAIN}".'),
            ("whisper bob=hm [", 'You whisper "hm [" to Bob.', 'Alice whispers "hm [".'),
            (
                "whisper bob=:is [red]red",
                f"Bob sees you whisper: Alice is {RED}red{PLAIN}",
                f"Alice is {RED}red{PLAIN} (whispered to you)",
            ),
        ):
            assert await alice.do(typed) == f"{actor}\n"
            assert await bob.do("look me") == f"{others}\nBob\nYou see nothing special.\n"
        for typed, answered in (
            ("think [red]hm", f"{RED}hm{PLAIN}"),
            ("whisper [red]zoe=hi", "There is nobody called [red]zoe here."),
            ("look [red]rose", "You see no [red]rose here."),
            ("get [red]rose", "There is no [red]rose here."),
            ("help [red]", 'There is no help on "[red]".'),
        ):
            assert await alice.do(typed) == f"{answered}\n"


async def test_tags_are_left_out_where_there_are_no_colours(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await at_a_terminal(server, "Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        assert await alice.do("say [red]hi[/], [[red]") == f'You say, "{RED}hi{PLAIN}, [red]"\n'
        assert await bob.do("say [bold]hello") == 'Alice says, "hi, [red]"\nYou say, "hello"\n'
