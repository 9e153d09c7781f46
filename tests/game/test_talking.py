"""say, pose, semipose, emit, whisper, ooc and think, as everybody concerned sees them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.game import running_server

from holomush.plugins.guests.guest import SourceRuntime


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
        ("say Grüße, 世界 🌍", 'You say, "Grüße, 世界 🌍"\n', 'Alice says, "Grüße, 世界 🌍"\n'),
        ("say {actor} %s {message}", 'You say, "{actor} %s {message}"\n', 'Alice says, "{actor} %s {message}"\n'),
        ("whisper bob=psst", 'You whisper "psst" to Bob.\n', 'Alice whispers "psst".\n'),
        ("wh Bob = psst", 'You whisper "psst" to Bob.\n', 'Alice whispers "psst".\n'),
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
        ("whisper", "Whisper to whom? Type: whisper <person>=<message>\n", ""),
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
