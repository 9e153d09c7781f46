"""A town that is built by typing, taken to another server in a file, and still the same there, byte for byte."""

from __future__ import annotations

import re
from pathlib import Path
from shutil import copyfile

import trio
from support.game import ADMIN_PASSWORD, Player, running_server

from holomush.plugins.guests.guest import SourceRuntime
from holomush.world.model import Exit, GameObject, Location
from holomush.world.state import World

TYPED = (Path(__file__).parents[1] / "support" / "town.txt").read_text(encoding="utf-8").splitlines()
DONE = re.compile(
    r".*\b(dug\.|opened: |set\.|cleared\.|created\.|is locked now\.|is link_ok: |is called .* now\.|leads nowhere now)"
    r"|Dropped\.|Put into "
)
"""How an answer begins when what was typed is done; the others are places."""
PLACES = (
    "Harbour Road",
    "The Fisher's Rest",
    "Café Größe",
    "Quay No. 8, upper",
    "A Room under the Roof",
    "The Roof",
    "東の門",
    "Observatory",
    "Crypt",
    "The Good Ship 'Hope'",
)
BEFORE_RENAMING = "Quay No. 7, lower"


async def come_in(port: int) -> Player:
    """The admin at a real connection."""
    admin = Player(await trio.open_tcp_stream("127.0.0.1", port))
    await admin.type(f"connect Admin {ADMIN_PASSWORD}")
    await admin.read_until("Obvious exits:\n")
    await admin.read_until("\n")
    return admin


def check_town(world: World) -> None:
    """What was typed is there."""
    places = {entity.name: entity for entity in world.entities() if isinstance(entity, Location)}
    things = {entity.name: entity for entity in world.entities() if isinstance(entity, GameObject)}
    ways = {(entity.source_id, entity.name): entity for entity in world.entities() if isinstance(entity, Exit)}
    assert places.keys() >= set(PLACES)
    assert BEFORE_RENAMING not in places
    assert places["Harbour Road"].description.startswith("Wet cobbles, gulls, and the smell of [bold]tar[/].\nA board says: ")
    assert places["東の門"].description == "「門」 & a gate: #1 of 3 - it's always open?"
    assert things["silver coin"].holder_id == things["leather purse"].id
    assert things["leather purse"].holder_id == things["sea chest"].id
    assert things["sea chest"].holder_id == places["The Fisher's Rest"].id
    assert things["sea chest"].lock == "Admin | harbour key"
    assert things["naïve sailor's knot"].holder_id == things["barrel"].id
    assert things["лампа"].description == "Свет не гаснет."
    cellar = ways[places["Observatory"].id, "cellar"]
    assert (cellar.destination_id, cellar.lock) == (places["Observatory"].id, "nobody")
    assert ways[places["東の門"].id, "北"].destination_id == places["The Roof"].id
    assert ways[places["A Room under the Roof"].id, "window"].lock == "!Guest1 & (Admin | silver coin)"
    assert ways[places["Café Größe"].id, "east"].aliases == ("e",)


def test_it_is_about_fifty_lines_and_ten_places() -> None:
    assert len(PLACES) == 10
    assert 45 <= len(TYPED) <= 60


async def test_a_town_is_the_same_after_a_journey(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    first, second = data / "worlds" / "town.yaml", tmp_path / "second" / "worlds" / "town.yaml"
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with running_server(data, runtime, listeners=listeners) as server:
        admin = await come_in(listeners[0].socket.getsockname()[1])
        for line in TYPED:
            answer = (await admin.do(line)).partition("\n")[0]
            assert DONE.match(answer) or answer in (*PLACES, BEFORE_RENAMING), (line, answer)
        await admin.type("world export town")
        told = await admin.read_until("people.\n")
        await admin.hang_up()
        check_town(server.running.game.world)
    assert told.splitlines()[0] == f"The world is in {first} now."

    second.parent.mkdir(parents=True)
    copyfile(first, second)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with running_server(tmp_path / "second", runtime, listeners=listeners) as server:
        admin = await come_in(listeners[0].socket.getsockname()[1])
        await admin.type("world import town")
        told = await admin.read_until("Made: 40. Changed: 12.\n")  # what every new world has is there already
        assert "Warning" not in told
        await admin.type("world export again")
        await admin.read_until("people.\n")
        check_town(server.running.game.world)
        assert await admin.do("teleport Observatory") == (
            'Observatory\nStars:\n  * Vega\n  * Deneb\n\tand no "end" in sight % of the time\nObvious exits:\ndown  out  cellar\n'
        )
        await admin.hang_up()
    assert second.with_name("again.yaml").read_bytes() == first.read_bytes()
