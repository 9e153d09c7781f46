"""Worlds for tests of files: ids that files may have, and worlds made at random that the object model allows."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from holomush.world.model import GAME_PLAYER_ID, Character, Entity, Exit, GameObject, Kind, Location
from holomush.world.texts import NAME_LIMIT

PLAYER = "01K0000000000000000000P1AY"

_TRICKY = (
    "yes",
    "null",
    "1984",
    "2024-01-01",
    "01E5",
    "a: b",
    "# no",
    "- x",
    '"',
    "'",
    "\\",
    "\u4e16\u754c",
    "\U0001f600",
    "~",
    "<<",
)
_PART = st.sampled_from(_TRICKY) | st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="["), max_size=12)
TITLES = st.lists(_PART, max_size=4).map(lambda parts: " ".join(" ".join(parts).split())[:NAME_LIMIT].strip() or "it")
LINES = st.lists(_PART | st.sampled_from(["\n", "\n\n", "\t", "  ", "[red]", "[[", "word " * 30]), max_size=8).map("".join)
LOCKS = LINES.map(lambda text: text.replace("\n", " ").replace("\t", " "))
_SCALARS = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | LINES
_JSON = st.recursive(_SCALARS, lambda inner: st.lists(st.none() | inner, max_size=3) | st.dictionaries(LINES, inner, max_size=3))
ATTRIBUTES = st.dictionaries(
    st.tuples(st.sampled_from(["holomush-combat", "on", "a1"]), st.sampled_from(["hit_points", "null", "x"])), _JSON, max_size=3
)


def ulid(number: int) -> str:
    """An id that a file may have."""
    return f"01K{number:023d}"


@st.composite
def worlds(draw: st.DrawFn) -> list[Entity]:
    """Places, ways, people of players and of the game, and things everywhere; the first place is where new characters begin."""
    count = st.integers(0, 4)
    ids = iter(range(1000))

    def common() -> dict[str, Any]:
        return {"id": ulid(next(ids)), "attributes": draw(ATTRIBUTES)}

    people: list[Entity] = []
    locations: list[Entity] = []
    ids_of_people: list[str] = []
    for number in range(1 + draw(count)):
        locations.append(Location(**common(), name=draw(TITLES), description=draw(LINES)))
        for player_id in draw(st.lists(st.sampled_from([PLAYER, GAME_PLAYER_ID]), max_size=2)):
            name = f"Who{len(people)} O'Neil-" + ("Bo" if number else "\u00c9lo\u00ef")
            where = locations[-1].id
            people.append(Character(**common(), name=name, player_id=player_id, location_id=where, description=draw(LINES)))
            ids_of_people.append(people[-1].id)
    owners = st.none() | st.sampled_from(ids_of_people) if ids_of_people else st.none()
    locations = [
        Location(id=e.id, name=e.name, description=e.description, attributes=e.attributes, owner_id=draw(owners))
        for e in locations
        if isinstance(e, Location)
    ]
    places = st.sampled_from([e.id for e in locations])
    exits: list[Entity] = [
        Exit(
            **common(),
            name=draw(TITLES),
            source_id=draw(places),
            destination_id=draw(places),
            aliases=tuple(draw(st.lists(TITLES, max_size=3))),
            lock=draw(LOCKS),
        )
        for _ in range(draw(count))
    ]
    things: list[Entity] = []
    depth: dict[str, int] = {}
    for _ in range(draw(count)):
        holder = draw(st.sampled_from([*locations, *people, *(e for e in things if depth[e.id] < 3)]))
        thing = GameObject(
            **common(),
            name=draw(TITLES),
            holder_id=holder.id,
            holder_kind=holder.kind,
            description=draw(LINES),
            owner_id=draw(owners),
            lock=draw(LOCKS),
        )
        depth[thing.id] = depth.get(holder.id, 0) + 1
        # Not always after what they are in: things can be put into what was made later.
        things.insert(draw(st.integers(0, len(things))), thing)
    return [*locations, *exits, *people, *things]


def kinds(entities: list[Entity]) -> dict[Kind, int]:
    """How many there are of each kind."""
    return {kind: sum(1 for entity in entities if entity.kind is kind) for kind in Kind}
