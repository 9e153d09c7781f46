"""look, go, exits, and the names of exits as commands; what those see who stay, and the canyon that echoes."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.game import ADMIN_PASSWORD, running_server

from holomush import bundled
from holomush.plugins.guests.guest import SourceRuntime
from holomush.testing import PluginTestHarness

SQUARE = (
    "The Lantern Square\n"
    "Strings of paper lanterns sway between the houses around a worn stone fountain. Travellers come and go at all hours, "
    "and somebody is always telling a story.\n"
)
WAYS = "Obvious exits:\nnorth  up  east\n"
GARDEN = (
    "The Walled Garden\n"
    "Old brick walls keep the wind out and the smell of lavender in. A bench under the pear tree is worn smooth by everyone "
    "who ever had something to think over.\n"
    "Contents:\na wooden bench\nObvious exits:\nsouth\n"
)


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("look", f"{SQUARE}Contents:\nBob\na stone fountain\n{WAYS}"),
        ("l", f"{SQUARE}Contents:\nBob\na stone fountain\n{WAYS}"),
        ("LOOK", f"{SQUARE}Contents:\nBob\na stone fountain\n{WAYS}"),
        ("look here", f"{SQUARE}Contents:\nBob\na stone fountain\n{WAYS}"),
        ("look me", "Alice\nYou see nothing special.\n"),
        ("look bob", "Bob\nYou see nothing special.\n"),
        ("look at Bob", "Bob\nYou see nothing special.\n"),
        (
            "l at fountain",
            "a stone fountain\nClear water runs from the mouths of four stone fish. There are coins at the bottom.\n",
        ),
        (
            "look a stone fountain",
            "a stone fountain\nClear water runs from the mouths of four stone fish. There are coins at the bottom.\n",
        ),
        ("look north", "north\nIt leads to The Walled Garden.\n"),
        ("look tower", "up\nIt leads to The Clock Tower.\n"),
        ("look dragon", "You see no dragon here.\n"),
        ("look bench", "You see no bench here.\n"),
        ("exits", "Obvious exits:\nnorth to The Walled Garden\nup to The Clock Tower\neast to The Whispering Canyon\n"),
        ("go", "Go where? Type exits to see the ways out.\n"),
        ("go west", "You can't go that way.\n"),
        ("go fountain", "You can't go that way.\n"),
        ("exits now", "Usage: exits\n"),
    ],
)
async def test_what_one_sees_without_leaving(data: Path, runtime: SourceRuntime, typed: str, seen: str) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        assert await alice.do(typed) == seen
        assert await bob.do("look me") == "Bob\nYou see nothing special.\n"  # and nobody was told


@pytest.mark.parametrize(
    "typed",
    ["north", "n", "garden", "NORTH", "  Garden ", "go north", "go n", "go garden", "move north", "walk NORTH", "go nor"],
)
async def test_ways_to_walk(data: Path, runtime: SourceRuntime, typed: str) -> None:
    async with running_server(data, runtime) as server:
        alice, bob, carol = [await server.create(name) for name in ("Alice", "Bob", "Carol")]
        await carol.do("north")
        await alice.read_until("Carol leaves north.\n")
        await bob.read_until("Carol leaves north.\n")
        assert await alice.do(typed) == GARDEN.replace("Contents:\n", "Contents:\nCarol\n")
        assert await bob.do("look me") == "Alice leaves north.\nBob\nYou see nothing special.\n"
        assert await carol.do("look me") == "Alice arrives from the south.\nCarol\nYou see nothing special.\n"


@pytest.mark.parametrize(
    ("out", "leaves", "back", "arrives"),
    [
        ("north", "leaves north", "south", "arrives from the north"),
        ("up", "leaves up", "down", "arrives from above"),
        ("east", "leaves east", "west", "arrives from the east"),
    ],
)
async def test_there_and_back(data: Path, runtime: SourceRuntime, out: str, leaves: str, back: str, arrives: str) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.do(out)
        await bob.read_until(f"Alice {leaves}.\n")
        assert (await alice.do(back)).startswith("The Lantern Square\n")
        assert await bob.do("look me") == f"Alice {arrives}.\nBob\nYou see nothing special.\n"


async def test_one_arrives_upstairs_from_below(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await bob.do("u")
        await alice.do("tower")
        assert await bob.do("look me") == "Alice arrives from below.\nBob\nYou see nothing special.\n"
        await alice.do("square")
        assert await bob.do("look me") == "Alice leaves down.\nBob\nYou see nothing special.\n"


async def test_an_exit_of_another_place_is_no_command(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        await alice.type("west", "look me")
        assert await alice.read_until("special.\n") == 'Huh?  (Type "help" for help.)\nAlice\nYou see nothing special.\n'


async def test_the_start_of_an_exits_name_is_no_command(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        await alice.type("nor", "look me")
        assert await alice.read_until("special.\n") == 'Huh?  (Type "help" for help.)\nAlice\nYou see nothing special.\n'


async def test_people_who_walked_apart_do_not_hear_each_other(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.do("north")
        await bob.read_until("Alice leaves north.\n")
        await alice.do("say in the garden")
        assert await bob.do("say in the square") == 'You say, "in the square"\n'
        assert await alice.do("look me") == "Alice\nYou see nothing special.\n"
        assert await alice.do("whisper bob=psst") == "There is nobody called bob here.\n"
        assert await alice.do("look bob") == "You see no bob here.\n"
        await alice.do("south")
        assert await bob.do("say again") == 'Alice arrives from the north.\nYou say, "again"\n'
        assert await alice.read_until("\n") == 'Bob says, "again"\n'


async def test_where_one_is_survives_walking_many_times(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.create("Alice")
        for _ in range(10):
            for step, place in (
                ("n", "The Walled Garden"),
                ("s", "The Lantern Square"),
                ("u", "The Clock Tower"),
                ("d", "The Lan"),
            ):
                assert (await alice.do(step)).startswith(place)
        rows = await server.running.game.store.fetch("SELECT count(*) FROM events WHERE type = 'arrive'")
        assert rows == [(40,)]


async def test_the_canyon_echoes_and_no_other_place(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        assert await bob.do("say hello square") == 'You say, "hello square"\n'
        await alice.do("east")
        await bob.do("canyon")
        await alice.read_until("Bob arrives from the west.\n")
        await alice.type("say hello")
        assert await alice.read_until('Echo: hello"\n') == 'You say, "hello"\necho says, "Echo: hello"\n'
        await bob.read_until('Alice says, "hello"\necho says, "Echo: hello"\n')
        # The echo is not echoed, and a pose has none.
        assert await bob.do(":waves") == "Bob waves\n"
        rows = await server.running.game.store.fetch("SELECT payload FROM events WHERE actor_kind = 'plugin'")
        assert rows == [('{"message":"Echo: hello"}',)]


async def test_those_who_stay_see_who_goes_home(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        assert await alice.do("home here") == "Bob has connected.\nThe Lantern Square is your home now.\n"
        assert "The Walled Garden" in await alice.do("north")
        assert await bob.do("look me") == "Alice leaves north.\nBob\nYou see nothing special.\n"
        assert (await alice.do("home")).startswith("The Lantern Square\n")
        assert await bob.do("look me") == "Alice arrives.\nBob\nYou see nothing special.\n"
        assert await alice.do("home") == "You are at home.\n"


def test_a_home_that_is_not_there_any_more(runtime: SourceRuntime) -> None:
    with PluginTestHarness(bundled.PLUGINS / "holomush-navigation") as harness:
        harness.world.set_attributes("Alice", home="01K00000000000000000000G0E")
        gone = "Your home is not there any more. Go where you want it to be, and type: home here"
        assert harness.run_command("home").output == gone
        assert harness.run_command("home here").output == "The Square is your home now."
        assert harness.run_command("home").output == "You are at home."


async def test_an_exit_that_a_builder_unlinks_leads_nowhere_until_it_is_linked_again(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
        await admin.do("unlink north")
        alice = await server.create("Alice")
        others = "up to The Clock Tower\neast to The Whispering Canyon\n"
        assert await alice.do("exits") == f"Obvious exits:\nnorth, leading nowhere\n{others}"
        for typed in ("look north", "garden", "go north"):
            assert await alice.do(typed) == "north leads nowhere.\n"
        await admin.do("link north to The Walled Garden")
        assert await alice.do("exits") == f"Obvious exits:\nnorth to The Walled Garden\n{others}"
        assert await alice.do("north") == GARDEN


def test_a_place_with_very_many_exits(runtime: SourceRuntime) -> None:
    with PluginTestHarness(bundled.PLUGINS / "holomush-navigation") as harness:
        hall = harness.world.add_location("The Hall")
        names = [f"door {number}" for number in range(200)]
        for name in names:
            harness.world.add_exit(name, "The Square", hall)
        assert harness.run_command("exits").lines == ["Obvious exits:", *(f"{name} to The Hall" for name in names)]
        harness.world.add_exit("door 200", "The Square", hall)
        names.append("door 200")
        assert harness.run_command("exits").lines == ["Obvious exits:", *names]
        assert harness.run_command("look", session={"screen_reader": True}).lines[-201:] == names
        *_, above, first, _ = harness.run_command("look", session={"width": 20}).lines
        assert (above, first) == ("door 196  door 197", "door 198  door 199")


async def test_each_exit_has_a_line_for_a_client_that_tells_of_a_screen_reader(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        alice = await server.connect()
        # WILL TTYPE, and MTTS 64 for an answer.
        await alice.send(b"\xff\xfb\x18\xff\xfa\x18\x00MTTS 64\xff\xf0")
        await alice.type("create Alice password")
        await alice.read_until("Obvious exits:\nnorth\nup\neast\n")
        assert await alice.do("look") == f"{SQUARE}Contents:\na stone fountain\nObvious exits:\nnorth\nup\neast\n"
