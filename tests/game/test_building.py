"""Building from inside the game: what others see of it, whole worlds of it, its limits, and what undo still knows.

What each command answers is in the plugin's own ``tests.yaml``.
"""

from __future__ import annotations

import importlib
import sys
import unicodedata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.game import ADMIN_PASSWORD, running_server

from holomush import bundled
from holomush.config import PluginsConfig, Rate
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.guests.guest import SourceRuntime
from holomush.testing import PluginTestHarness
from holomush.world.model import Exit, GameObject, Location
from holomush.world.names import name_key
from holomush.world.texts import ALIAS_LIMIT, DESCRIPTION_LIMIT, LOCK_LIMIT, check_title
from holomush.world.transaction import CONTENTS_LIMIT

FOLDER = bundled.PLUGINS / "holomush-building"
HUH = 'Huh?  (Type "help" for help.)\n'
HOUR = 60 * 60 * 1000
NOON = 1_760_000_000_000


def load(*names: str) -> list[ModuleType]:
    """Modules of the plugin, in this Python; other plugins have modules of the same names."""
    own = {path.stem for path in FOLDER.glob("*.py")}
    before = {name: sys.modules.pop(name) for name in own if name in sys.modules}
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(FOLDER))
    try:
        return [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(FOLDER))
        sys.dont_write_bytecode = writes_bytecode
        for name in own:
            sys.modules.pop(name, None)
        sys.modules.update(before)


DESCRIBING, NAMING, REFUSING, WORDING = load("describing", "naming", "refusing", "wording")


# ---- In a server -----------------------------------------------------------------------------------------------------


async def test_a_place_is_built_walked_locked_destroyed_and_brought_back(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob = await server.create("Bob")
        admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
        await bob.read_until("Admin has connected.\n")

        dug = "Great Hall dug.\nExit there: west (w).\nExit back: out (o).\n"
        assert await admin.do('dig west;w to "Great Hall" return out;o') == dug
        assert await admin.do("dig Attic") == "Attic dug.\nNo exit leads there. To go there, type: teleport Attic\n"
        assert await bob.do("w") == "Great Hall\nObvious exits:\nout\n"
        assert (await bob.do("out")).startswith("The Lantern Square\n")
        await admin.read_until("Bob arrives from the west.\n")

        assert await admin.do("lock west=brass key") == "west is locked now.\n"
        assert await bob.do("west") == "west is locked.\n"
        # A builder's own lines that are no command: the & of a property, and then the names of exits.
        assert await admin.do("&mood west=grim") == "Property mood of west set.\n"
        assert await admin.do("west") == "west is locked.\n"
        await admin.type("wast")
        assert await admin.read_until("\n") == HUH
        assert await admin.do("create a brass key") == "brass key created. You are holding it.\n"
        assert await admin.do("give key to bob") == "Given to Bob.\n"
        assert await bob.do("west") == "Admin gives you the brass key.\nGreat Hall\nObvious exits:\nout\n"
        await admin.read_until("Bob leaves west.\n")

        assert await admin.do("teleport attic") == "Attic\n"
        assert await admin.do("teleport bob to here") == "Bob is in Attic now.\n"
        assert await bob.do("look me") == "Admin teleports you to Attic.\nBob\nYou see nothing special.\n"
        assert await admin.do("open down to Great Hall return up") == "Exit to Great Hall opened: down.\nExit back: up.\n"
        attic = next(entity.id for entity in server.running.game.world.entities() if entity.name == "Attic")
        gone = "Attic destroyed. To have it back, type: undo\n2 exits went with it.\n"
        seen = await admin.do("destroy here")
        assert seen.startswith(gone + "Everybody and everything in it is in Great Hall now.\n")
        told = "Admin has destroyed Attic. You are in Great Hall now.\nAdmin arrives.\nBob\nYou see nothing special.\n"
        assert await bob.do("look me") == told
        assert server.running.game.world.get(attic) is None
        assert await admin.do("undo") == "Attic is back, with 2 exits.\n"
        assert await bob.do("up") == "Attic\nObvious exits:\ndown\n"
        await admin.read_until("Bob leaves up.\n")


async def test_others_see_what_is_destroyed_and_what_comes_and_goes(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob = await server.create("Bob")
        admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
        await bob.read_until("Admin has connected.\n")
        for typed, told in (
            ("dig west to Hall return east", ""),
            ("create lamp", ""),
            ("teleport lamp to here", "The lamp appears.\n"),
            ("chown lamp=bob", "Admin makes the lamp yours.\n"),
            ("teleport lamp to Hall", "The lamp disappears.\n"),
            ("destroy west", "Admin destroys the exit west.\n"),
            ("undo", ""),
            ("destroy fountain", "Admin destroys a stone fountain.\n"),
            ("undo", ""),
            ("teleport Hall", "Admin leaves.\n"),
            ("teleport The Lantern Square", "Admin arrives.\n"),
        ):
            await admin.do(typed)
            assert await bob.do("think .") == f"{told}.\n", typed
        assert await admin.do("teleport lamp to here") == "The lamp is in The Lantern Square now.\n"
        await bob.read_until("The lamp appears.\n")
        assert await bob.do("get lamp") == "Taken.\n"
        assert await admin.do("destroy #" + thing_id(server.running.game.world.entities(), "lamp")) == (
            "Bob takes the lamp.\nThe lamp destroyed. To have it back, type: undo\n"
        )
        assert await bob.do("inventory") == "Admin destroys the lamp, which you carried.\nYou aren't carrying anything.\n"


async def test_a_player_builds_nothing_but_may_describe_oneself(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        bob = await server.create("Bob")
        assert await bob.do("describe me=Short and [red]round.") == "Description of Bob set.\n"
        assert await bob.do("look me") == "Bob\nShort and round.\n"
        assert await bob.do("@desc here=Mine!") == "You can only describe yourself: describe me=<text>\n"
        for typed in (
            "dig Hall",
            "@open up=Hall",
            "create lamp",
            "destroy north",
            "undo",
            "teleport Hall",
            "&foo me=bar",
            "world export town",
        ):
            await bob.type(typed)
            assert (await bob.read_until("\n")).startswith("Huh?")


async def test_undo_and_properties_outlive_a_restart_and_an_export_is_written(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
        await admin.do("create lamp=It shines.")
        assert await admin.do("set lamp/colour=green") == "Property colour of the lamp set.\n"
        assert await admin.do("destroy lamp") == "The lamp destroyed. To have it back, type: undo\n"
    async with running_server(data, runtime) as server:
        admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
        assert await admin.do("undo") == "The lamp is back, where it was.\n"
        assert (await admin.do("examine lamp")).endswith("Lock: none\nDescription: It shines.\nProperty colour: green\n")
        await admin.do("teleport lamp to here")
        path = data / "worlds" / "town.yaml"
        exported = f"The world is in {path} now.\nIt holds 4 places, 6 exits, 3 things and 0 people.\n"
        assert await admin.do("world export town") == exported
        assert "name: lamp" in path.read_text(encoding="utf-8")
        imported = f"Read {path}.\nIt holds 4 places, 6 exits, 3 things and 0 people.\nMade: 0. Changed: 13.\n"
        assert await admin.do("@world/import town") == imported
        assert (await admin.do("world import city")).startswith("There is no file city.yaml in ")
        assert (await admin.do("world export ../x")).startswith("A world's name is up to 64 ")


async def test_there_is_help_about_building(data: Path, runtime: SourceRuntime) -> None:
    async with running_server(data, runtime) as server:
        admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
        for path in sorted((FOLDER / "help").iterdir()):
            title, *_, last = path.read_text(encoding="utf-8").replace("[[", "[").splitlines()
            shown = await admin.do(f"help {path.stem.replace('-', ' ')}")
            assert f"{title}\n" in shown
            assert shown.endswith(f"{last}\n")


def thing_id(entities: Any, name: str) -> str:
    """The id of the thing of that name."""
    (found,) = [entity.id for entity in entities if isinstance(entity, GameObject) and entity.name == name]
    return str(found)


def people(number: int) -> list[str]:
    """So many names of which none looks like another."""
    return [f"Person {first}{second}" for first in "abcdeg" for second in "abcdeg"][:number]


# ---- Limits ----------------------------------------------------------------------------------------------------------


def test_a_dig_that_is_refused_halfway_leaves_nothing_behind(runtime: SourceRuntime) -> None:
    slow = PluginsConfig(creations=Rate(per_second=0.001, burst=2))
    with PluginTestHarness(FOLDER, limits=slow) as harness:
        answer = harness.run_command("dig north to Hall return south").output
        assert answer == "That is more than may be made in so short a time. Wait a little and try again."
        assert "Hall" not in harness.world
        assert harness.world.contents("The Square")[2:] == []


def test_a_place_that_has_500_exits_gets_no_more(runtime: SourceRuntime) -> None:
    with PluginTestHarness(FOLDER) as harness:
        world = harness.world
        for number in range(CONTENTS_LIMIT):
            world.add_exit(f"way {number}", "The Square", "The Square")
        refusal = "There are 500 exits in that place already, and no more fit."
        assert harness.run_command("dig north to Hall return south").output == refusal
        assert harness.run_command("open north to here").output == refusal
        assert "Hall" not in world
        lines = harness.run_command("examine here").lines
        assert lines.count("Exit out: 460 more") == lines.count("Exit in: 460 more") == 1
        assert len(lines) == 7 + 2 * 41
        refusal = "More than 40 exits lead from and to The Square. Destroy some of them first."
        assert harness.run_command("destroy here").output == refusal


def test_texts_that_are_too_long(runtime: SourceRuntime) -> None:
    with PluginTestHarness(FOLDER) as harness:
        harness.world.add_object("lamp")
        for line, answer in (
            ("describe lamp=" + "x" * DESCRIPTION_LIMIT, "Description of the lamp set."),
            ("describe lamp=%%" + "x" * DESCRIPTION_LIMIT, "A description has at most 8192 characters. This one has 8193."),
            ("create hat=x" + "x" * DESCRIPTION_LIMIT, "A description has at most 8192 characters. This one has 8193."),
            ("lock lamp=" + "x" * LOCK_LIMIT, "The lamp is locked now."),
            ("lock lamp=x" + "x" * LOCK_LIMIT, "A lock has at most 1024 characters."),
            ("set lamp/story=x" + "x" * 4096, "The text of a property has at most 4096 characters."),
        ):
            assert harness.run_command(line).output == answer
        assert harness.world.attributes("lamp")["properties"] == {}
        for number in range(50):
            assert harness.run_command(f"set lamp/p{number}=x").output == f"Property p{number} of the lamp set."
        assert harness.run_command("set lamp/p50=x").output == "There is room for 50 properties on one thing."
        assert harness.run_command("set lamp/p49=y").output == "Property p49 of the lamp set."
        answers = [str(harness.run_command(f"set lamp/p{number}=" + "x" * 4096).output) for number in range(20)]
        assert set(answers[15:]) == {"That is more than can be kept on one thing."}
        assert harness.run_command("set lamp/p19=").output == "Property p19 of the lamp cleared."


def test_full_places(runtime: SourceRuntime) -> None:
    with PluginTestHarness(FOLDER) as harness:
        world = harness.world
        cellar = world.add_location("Cellar")
        world.add_exit("up", cellar, "The Square")
        world.add_object("lamp", at="Alice")
        lamp = thing_id([world["lamp"]], "lamp")
        world.add_object("sack", at="Bob")
        for number in range(3):
            world.add_object(f"nut {number}", at="sack")
            world.add_object(f"stone {number}", at=cellar)
        assert harness.run_command("teleport lamp to here").output == "The lamp is in The Square now."
        assert harness.run_command("destroy lamp").output == "The lamp destroyed. To have it back, type: undo"
        for number in range(CONTENTS_LIMIT):
            world.add_object(f"leaf {number}")
        assert harness.run_command("undo").output == "The lamp is back, in your hands."
        assert isinstance(world[lamp], GameObject)
        refusal = "There are 500 objects in that place already, and no more fit."
        assert harness.run_command("teleport lamp to here").output == refusal
        refusal = "Cellar holds more than there is room for in The Square. Take some of it out first."
        assert harness.run_command(f"destroy #{cellar.id}").output == refusal
        for number in range(3, 51):
            world.add_object(f"nut {number}", at="sack")
        refusal = "The sack holds more than 50 things. Take some of them out first."
        assert harness.run_command("destroy #" + thing_id([world["sack"]], "sack")).output == refusal
        lines = harness.run_command("examine here").lines
        assert lines.count("Thing here: 400 more") == 1
        for name in people(26):
            world.add_character(name, at=cellar)
        refusal = "More than 25 people are in Cellar. Wait until there are fewer."
        assert harness.run_command(f"destroy #{cellar.id}").output == refusal


def test_the_largest_place_that_can_be_destroyed_comes_back(runtime: SourceRuntime) -> None:
    with PluginTestHarness(FOLDER) as harness:
        world = harness.world
        hall = world.add_location("Hall", description="\u5927" * 4000 + '"\\' * 2000)
        for number in range(20):
            world.add_exit(f"out {number}", hall, "The Square", aliases=("a" * 100,) * 5)
            world.add_exit(f"in {number}", "The Square", hall, lock="x" * 500)
        for name in people(25):
            world.add_character(name, at=hall)
        for number in range(50):
            world.add_object(f"pebble {number}", at=hall)
        before = {entity.id: entity for entity in world.contents("The Square") if isinstance(entity, Exit)}
        result = harness.run_command(f"destroy #{hall.id}")
        assert result.lines[0] == "Hall destroyed. To have it back, type: undo"
        assert len(result.emitted_events) == 50
        assert len(result.host_calls) <= 250
        assert "Hall" not in world
        result = harness.run_command("undo")
        assert result.output == "Hall is back, with 40 exits."
        assert len(result.host_calls) <= 250
        place = world[hall.id]
        assert isinstance(place, Location)
        assert place.description == hall.description
        after = [world[way_id] for way_id in before]
        assert [(way.name, way.lock) for way in after if isinstance(way, Exit)] == [(w.name, w.lock) for w in before.values()]
        assert list(harness.tables["destroyed"].rows) == []


def test_what_is_too_much_to_be_kept_is_not_destroyed(runtime: SourceRuntime) -> None:
    with PluginTestHarness(FOLDER) as harness:
        world = harness.world
        hall = world.add_location("Hall")
        for number in range(40):
            world.add_exit(f"way {number}", hall, "The Square", aliases=("a" * 128,) * 30)
        refusal = "Hall is too much to be destroyed at once. Destroy its exits or clear its properties first."
        assert harness.run_command(f"destroy #{hall.id}").output == refusal
        assert "Hall" in world


def test_what_undo_knows(runtime: SourceRuntime) -> None:
    with PluginTestHarness(FOLDER, now=NOON) as harness:
        nothing = "You have destroyed nothing in the last 12 hours that could be brought back."
        harness.world.add_object("hat", at="Bob")
        hat = thing_id([harness.world["hat"]], "hat")
        harness.run_command(f"destroy #{hat}", "Bob")
        harness.now = NOON + 12 * HOUR + 1
        assert harness.run_command("undo", "Bob").output == nothing
        for number in range(25):
            harness.world.add_object(f"coin {number}", at="Alice")
            harness.run_command(f"destroy coin {number}")
        rows = harness.tables["destroyed"].rows
        assert len(list(rows)) == 20  # and Bob's, which was too old, is gone
        harness.now = NOON + 24 * HOUR
        for number in range(24, 4, -1):
            assert harness.run_command("undo").output == f"The coin {number} is back, where it was."
        assert harness.run_command("undo").output == nothing


def test_what_has_lost_its_owner_comes_back_to_who_destroyed_it(runtime: SourceRuntime) -> None:
    with PluginTestHarness(FOLDER) as harness:
        harness.world.add_object("hat", owner="Bob")
        harness.run_command("destroy hat")
        harness.mock("holomush_query_character", HostCallError("not_found", "there is no such character"))
        assert harness.run_command("undo").output == "The hat is back, where it was."
        hat = harness.world["hat"]
        assert isinstance(hat, GameObject)
        assert hat.owner_id == harness.world.alice.id


def test_finding_many(runtime: SourceRuntime) -> None:
    with PluginTestHarness(FOLDER) as harness:
        for number in range(51):
            harness.world.add_location(f"Hall {number}", owner="Bob")
        lines = harness.run_command("find hall", "Bob", access="builder").lines
        assert len(lines) == 51
        assert lines[-1] == "and 1 more"
        asked = str(harness.run_command("teleport hall").output)
        assert asked.startswith("Which one: Hall 0 (#")
        assert asked.endswith(", or one of 41 more?")
        for number in range(60):
            harness.world.add_exit(f"way {number}", "Hall 0", "Hall 1")
            harness.world.add_exit(f"way {number} on", "Hall 0", "Hall 1")
        result = harness.run_command("find exits way", "Bob", access="builder")
        many = "That many are called so that only the oldest 100 were looked at. Type more of the name."
        assert result.lines[50:] == ["and 50 more", many]
        assert len(result.host_calls) <= 256
        assert harness.run_command("find hall", access="builder").output == "Nothing of yours is called hall."


def test_many_warnings(runtime: SourceRuntime) -> None:
    with PluginTestHarness(FOLDER) as harness:
        counts = dict.fromkeys(("locations", "exits", "objects", "characters", "created", "updated"), 0)
        harness.mock("holomush_import_world", {"path": "town.yaml", **counts, "warnings": [f"w{n}" for n in range(102)]})
        lines = harness.run_command("world import town").lines
        assert lines[3:5] == ["Warning: w0", "Warning: w1"]
        assert lines[-2:] == ["Warning: w99", "and 2 more warnings"]


def test_a_file_cannot_have_every_name(runtime: SourceRuntime) -> None:
    with PluginTestHarness(FOLDER) as harness:
        for code, message, answer in (
            ("invalid_argument", "name: must be up to 64 letters", "A world's name is up to 64 letters."),
            ("conflict", "that file is in use", "That file is in use."),
        ):
            for word in ("export", "import"):
                harness.mock(f"holomush_{word}_world", HostCallError(code, message))
                assert harness.run_command(f"world {word} town").output == answer


# ---- Texts -----------------------------------------------------------------------------------------------------------


@given(st.text())
def test_what_examine_shows_can_be_typed_again(text: str) -> None:
    shown = WORDING.plain(text)
    assert "\n" not in shown
    # One bracket is shown of two: what is on the screen is typed.
    assert DESCRIBING.checked_description(shown.replace("[[", "[")) == text


@given(st.text(st.sampled_from("ab1.:&;\" \u00e9\u0410\u200b[]#=,'-") | st.characters()))
def test_names_of_exits_are_names_to_the_server_or_refused(text: str) -> None:
    try:
        names = NAMING.checked_exit_names(text)
    except REFUSING.Refusal:
        return
    assert 1 <= len(names) <= ALIAS_LIMIT + 1
    assert len({name_key(name) for name in names}) == len(names)
    for name in names:
        check_title(name)
        assert not name.startswith(tuple(':;"=&\\#'))
        assert name_key(name) not in {"quit", "who"}
        assert not name_key(name).isdecimal()
        assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cn", "Co", "Cs"} for char in name)


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("north", ["north"]),
        (" north ;n; n;N", ["north", "n"]),
        ('"big  door";door', ["big door", "door"]),
        ('"big door;door"', ["big door", "door"]),
        ("\u5317;\u0441\u0435\u0432\u0435\u0440", ["\u5317", "\u0441\u0435\u0432\u0435\u0440"]),
    ],
)
def test_names_and_aliases_of_exits(typed: str, names: list[str]) -> None:
    assert NAMING.checked_exit_names(typed) == names
