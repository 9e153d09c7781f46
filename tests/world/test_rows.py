"""Entities as rows: whatever is changed in memory is what a real database gives back."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holomush.database import records
from holomush.database.migrations import migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import StorageError, Store, open_store
from holomush.world.model import GAME_PLAYER_ID, Character, Entity, Exit, GameObject, Kind, Location
from holomush.world.rows import delete_statements, insert_statements, load_entities, save_statements
from holomush.world.state import World

PLAYER = "player"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT | st.lists(TEXT)

SAMPLES: tuple[Entity, ...] = (
    Location(id="l1", name="Square", description="A \u4e16\u754c\n\U0001f30d", owner_id="c1"),
    Location(id="l2", name=""),
    Exit(id="e1", name="north", source_id="l1", destination_id="l2", aliases=("n", "tor \u00fc", '"'), lock="guild:thieves"),
    Exit(id="e2", name="south", source_id="l2", destination_id="l1"),
    Character(
        id="c1", name="\u00c9lo\u00efse", player_id=PLAYER, location_id="l1", description="tall", created_at=1_700_000_000_000
    ),
    GameObject(id="o1", name="bag", holder_id="l2", holder_kind=Kind.LOCATION, owner_id="c1", description="worn"),
    GameObject(id="o2", name="purse", holder_id="o1", holder_kind=Kind.OBJECT, lock="owner or \u4e16"),
    GameObject(id="o3", name="hat", holder_id="c1", holder_kind=Kind.CHARACTER),
)


async def prepare(store: Store) -> None:
    await migrate(store, CORE_MIGRATIONS)
    player = {"id": PLAYER, "name": "P", "name_key": "p", "password_hash": None, "role": "player", "created_at": 0}
    await store.write([records.insert("players", player)])


def plain(entities: Iterable[Entity]) -> dict[str, Any]:
    return {entity.id: (entity.kind, attrs.asdict(entity)) for entity in entities}


async def test_every_kind_comes_back_as_it_was(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        await prepare(store)
        await store.write(insert_statements(reversed(SAMPLES)))
        loaded = await load_entities(store)
    assert plain(loaded) == plain(SAMPLES)
    assert [entity.id for entity in loaded] == [e.id for kind in Kind for e in reversed(SAMPLES) if e.kind is kind]
    assert all(isinstance(entity.kind, Kind) for entity in loaded)


async def test_an_empty_database_is_an_empty_world(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        await prepare(store)
        assert await load_entities(store) == []


async def test_what_is_not_of_the_world_stays_when_a_character_moves(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        await prepare(store)
        await store.write([*insert_statements(SAMPLES), records.update("characters", "c1", {"seen_sequence": 7})])
        world = World(SAMPLES)
        alice = world.get("c1")
        assert isinstance(alice, Character)
        await store.write(save_statements(world, {"c1": attrs.evolve(alice, location_id="l2", name="Other")}))
        assert await store.fetch("SELECT seen_sequence, name_key, location_id FROM characters") == [(7, "other", "l2")]


def test_only_what_changed_is_written() -> None:
    world = World(SAMPLES)
    hat = world.get("o3")
    assert isinstance(hat, GameObject)
    assert save_statements(world, {"o3": attrs.evolve(hat)}) == []
    assert save_statements(world, {"nothing": None, "o3": None}) == delete_statements(world, {"nothing": None, "l1": hat}) == []
    ((sql, values),) = save_statements(world, {"o3": attrs.evolve(hat, name="cap")})
    assert sql == "UPDATE objects SET name = ? WHERE id = ?"
    assert tuple(values) == ("cap", "o3")


async def test_the_database_refuses_what_would_lead_nowhere(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        await prepare(store)
        await store.write(insert_statements(SAMPLES))
        world = World(SAMPLES)
        with pytest.raises(StorageError):
            await store.write(delete_statements(world, {"l2": None}))
        assert plain(await load_entities(store)) == plain(SAMPLES)


async def test_what_plugins_note_is_kept_and_goes_with_its_entity(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        await prepare(store)
        world = World(SAMPLES)
        await store.write(insert_statements(SAMPLES))
        for notes in ({("a", "x"): 1, ("b", "x"): [1.5, None]}, {("a", "x"): True, ("b", "y"): "\u4e16"}, {}, {("a", "x"): 0}):
            noted = {entity.id: attrs.evolve(entity, attributes=notes) for entity in SAMPLES}
            await store.write(save_statements(world, noted))
            world.apply(noted)
            for entity in await load_entities(store):
                # As text: to Python 1 and True are equal.
                assert repr(dict(entity.attributes)) == repr(notes)
        await store.write(delete_statements(world, {"o3": None}))
        assert ("o3",) not in await store.fetch("SELECT entity_id FROM attributes")
        assert len(await store.fetch("SELECT entity_id FROM attributes")) == len(SAMPLES) - 1


def test_of_attributes_only_what_changed_is_written() -> None:
    lamp = attrs.evolve(SAMPLES[-1], attributes={("a", "x"): 1, ("a", "y"): 2})
    after = attrs.evolve(lamp, attributes={("a", "x"): 1, ("a", "y"): 3})
    ((sql, values),) = save_statements(World([lamp]), {lamp.id: after})
    assert "attributes" in sql
    assert tuple(values) == (lamp.id, "a", "y", "3")


async def test_what_is_destroyed_leaves_no_attributes(tmp_path: Path) -> None:
    async with open_store(tmp_path / "world.db") as store:
        await prepare(store)
        extra = Character(id="c3", name="Extra", player_id=GAME_PLAYER_ID, location_id="l1", attributes={("a", "x"): 1})
        world = World([*SAMPLES, extra])
        await store.write(insert_statements(world.entities()))
        await store.write(delete_statements(world, {"c3": None}))
        assert plain(await load_entities(store)) == plain(SAMPLES)
        assert await store.fetch("SELECT * FROM attributes") == []


class Changes:
    """Draws changes of a world that the object model allows."""

    def __init__(self, data: st.DataObject) -> None:
        self._draw = data.draw
        # Somebody stays: with a player's last character the player would go, too.
        keeper = Character(id="c0", name="Keeper", player_id=PLAYER, location_id="l0")
        self.world = World([Location(id="l0", name="Start"), keeper])
        self._staged: dict[str, Entity | None] = {}
        self._made = 0

    def next(self) -> dict[str, Entity | None]:
        """Up to four changes that go into the database together."""
        self._staged = {}
        for _ in range(self._draw(st.integers(1, 4))):
            steps = (self._place, self._exit, self._character, self._thing, self._move, self._edit, self._note, self._destroy)
            self._draw(st.sampled_from(steps))()
        return self._staged

    def _now(self) -> list[Entity]:
        entities = {entity.id: entity for entity in self.world.entities()} | self._staged
        return [entity for entity in entities.values() if entity is not None]

    def _pick(self, *kinds: Kind) -> Entity | None:
        fitting = [entity for entity in self._now() if entity.kind in kinds]
        return self._draw(st.sampled_from(fitting)) if fitting else None

    def _place_id(self) -> str:
        place = self._pick(Kind.LOCATION)
        assert place is not None
        return place.id

    def _id(self, letter: str) -> str:
        self._made += 1
        return f"{letter}{self._made}"

    def _place(self) -> None:
        entity_id = self._id("l")
        self._staged[entity_id] = Location(id=entity_id, name=self._draw(TEXT), description=self._draw(TEXT))

    def _exit(self) -> None:
        entity_id = self._id("e")
        aliases = tuple(self._draw(st.lists(TEXT, max_size=3)))
        source, destination = self._place_id(), self._place_id()
        self._staged[entity_id] = Exit(
            id=entity_id,
            name=self._draw(TEXT),
            source_id=source,
            destination_id=destination,
            aliases=aliases,
            lock=self._draw(TEXT),
        )

    def _character(self) -> None:
        entity_id = self._id("c")
        created = self._draw(st.integers(0, 2**62))
        player = self._draw(st.sampled_from([PLAYER, GAME_PLAYER_ID]))
        made = Character(id=entity_id, name=f"N{entity_id}", player_id=player, location_id=self._place_id(), created_at=created)
        self._staged[entity_id] = made

    def _thing(self) -> None:
        entity_id = self._id("o")
        holder = self._pick(Kind.LOCATION, Kind.CHARACTER, Kind.OBJECT)
        assert holder is not None
        made = GameObject(id=entity_id, name=self._draw(TEXT), holder_id=holder.id, holder_kind=holder.kind)
        self._staged[entity_id] = made

    def _move(self) -> None:
        match self._pick(Kind.CHARACTER, Kind.OBJECT, Kind.EXIT):
            case Character() as walker:
                self._staged[walker.id] = attrs.evolve(walker, location_id=self._place_id())
            case GameObject() as thing:
                holder = self._pick(Kind.LOCATION, Kind.CHARACTER)
                assert holder is not None
                self._staged[thing.id] = attrs.evolve(thing, holder_id=holder.id, holder_kind=holder.kind)
            case Exit() as way:
                self._staged[way.id] = attrs.evolve(way, destination_id=self._place_id())

    def _edit(self) -> None:
        match self._pick(*Kind):
            case Location() as place:
                self._staged[place.id] = attrs.evolve(place, name=self._draw(TEXT), description=self._draw(TEXT))
            case Character() as character:
                self._staged[character.id] = attrs.evolve(character, description=self._draw(TEXT))
            case GameObject() as thing:
                self._staged[thing.id] = attrs.evolve(thing, name=self._draw(TEXT))
            case Exit() as way:
                self._staged[way.id] = attrs.evolve(way, name=self._draw(TEXT), aliases=(self._draw(TEXT),))

    def _note(self) -> None:
        entity = self._pick(*Kind)
        assert entity is not None
        keys = st.tuples(st.sampled_from(["combat", "trade"]), st.sampled_from(["a", "b"]))
        self._staged[entity.id] = attrs.evolve(entity, attributes=self._draw(st.dictionaries(keys, JSON)))

    def _destroy(self) -> None:
        entity = self._pick(*Kind)
        assert entity is not None
        now = self._now()
        led_to = {other.destination_id for other in now if isinstance(other, Exit)}
        if entity.id not in ("l0", "c0") and entity.id not in led_to | {other.holder_id for other in now}:
            self._staged[entity.id] = None


@settings(max_examples=30, deadline=None)
@given(st.data())
async def test_the_database_follows_every_change(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with open_store(Path(folder) / "world.db", synchronous="OFF") as store:
            await prepare(store)
            changes = Changes(data)
            await store.write(insert_statements(changes.world.entities()))
            for _ in range(data.draw(st.integers(1, 8))):
                wanted = changes.next()
                await store.write([*save_statements(changes.world, wanted), *delete_statements(changes.world, wanted)])
                changes.world.apply(wanted)
            loaded = await load_entities(store)
    assert plain(loaded) == plain(changes.world.entities())
