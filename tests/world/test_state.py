"""The world in memory against a plain model: random changes, and everything that can be asked stays consistent."""

from collections.abc import Iterable

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from holomush.world.model import EMPTY, Character, Contents, Entity, Exit, GameObject, Kind, Location
from holomush.world.names import name_key
from holomush.world.state import World

CHOICE = st.integers(0, 1000)


class WorldMachine(RuleBasedStateMachine):
    """Changes a World and a dict alike; what each holder holds is kept in the model as lists in order of arrival."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.entities: dict[str, Entity] = {}
        self.held: dict[str, list[str]] = {}
        self.used: set[str] = set()
        self.made = 0

    def pick(self, choice: int, *kinds: Kind) -> Entity | None:
        fitting = [entity for entity in self.entities.values() if entity.kind in kinds]
        return fitting[choice % len(fitting)] if fitting else None

    def new_id(self) -> str:
        self.made += 1
        return f"id{self.made}"

    def apply(self, changes: dict[str, Entity | None]) -> None:
        self.world.apply(changes)
        for entity_id, after in changes.items():
            before = self.entities.get(entity_id)
            old = before.holder_id if before is not None else None
            new = after.holder_id if after is not None else None
            if old != new:
                if old is not None:
                    self.held[old].remove(entity_id)
                if new is not None:
                    self.held.setdefault(new, []).append(entity_id)
            if after is None:
                self.entities.pop(entity_id, None)
            else:
                self.entities[entity_id] = after
                self.used.add(after.name)

    @initialize()
    def a_place(self) -> None:
        self.apply({"start": Location(id="start", name="Start")})

    @rule()
    def make_location(self) -> None:
        entity_id = self.new_id()
        self.apply({entity_id: Location(id=entity_id, name=f"Place {entity_id}")})

    @rule(where=CHOICE)
    def make_character(self, where: int) -> None:
        place = self.pick(where, Kind.LOCATION)
        if place is not None:
            entity_id = self.new_id()
            self.apply({entity_id: Character(id=entity_id, name=f"Who{entity_id}", player_id="p", location_id=place.id)})

    @rule(source=CHOICE, destination=CHOICE)
    def make_exit(self, source: int, destination: int) -> None:
        one, other = self.pick(source, Kind.LOCATION), self.pick(destination, Kind.LOCATION)
        if one is not None and other is not None:
            entity_id = self.new_id()
            self.apply({entity_id: Exit(id=entity_id, name="out", source_id=one.id, destination_id=other.id)})

    @rule(where=CHOICE)
    def make_object(self, where: int) -> None:
        holder = self.pick(where, Kind.LOCATION, Kind.CHARACTER, Kind.OBJECT)
        if holder is not None:
            entity_id = self.new_id()
            self.apply({entity_id: GameObject(id=entity_id, name="it", holder_id=holder.id, holder_kind=holder.kind)})

    @rule(who=CHOICE, where=CHOICE)
    def walk(self, who: int, where: int) -> None:
        walker, place = self.pick(who, Kind.CHARACTER), self.pick(where, Kind.LOCATION)
        if isinstance(walker, Character) and place is not None:
            self.apply({walker.id: attrs.evolve(walker, location_id=place.id)})

    @rule(what=CHOICE, where=CHOICE)
    def carry(self, what: int, where: int) -> None:
        thing, holder = self.pick(what, Kind.OBJECT), self.pick(where, Kind.LOCATION, Kind.CHARACTER)
        if isinstance(thing, GameObject) and holder is not None:
            self.apply({thing.id: attrs.evolve(thing, holder_id=holder.id, holder_kind=holder.kind)})

    @rule(who=CHOICE, number=st.integers(0, 5), upper=st.booleans())
    def rename(self, who: int, number: int, *, upper: bool) -> None:
        character = self.pick(who, Kind.CHARACTER)
        name = f"NAME {number}" if upper else f"Name {number}"
        if isinstance(character, Character):
            taken = {name_key(e.name) for e in self.entities.values() if isinstance(e, Character) and e.id != character.id}
            if name_key(name) not in taken:
                self.apply({character.id: attrs.evolve(character, name=name)})

    @rule(one=CHOICE, other=CHOICE)
    def swap_names(self, one: int, other: int) -> None:
        first, second = self.pick(one, Kind.CHARACTER), self.pick(other, Kind.CHARACTER)
        if isinstance(first, Character) and isinstance(second, Character) and first is not second:
            swapped = attrs.evolve(first, name=second.name), attrs.evolve(second, name=first.name)
            self.apply({first.id: swapped[0], second.id: swapped[1]})

    @rule(who=CHOICE)
    def inherit_a_name(self, who: int) -> None:
        character = self.pick(who, Kind.CHARACTER)
        if isinstance(character, Character) and not self.held.get(character.id):
            heir_id = self.new_id()
            self.apply({heir_id: attrs.evolve(character, id=heir_id), character.id: None})

    @rule(what=CHOICE)
    def destroy(self, what: int) -> None:
        entity = self.pick(what, *Kind)
        if entity is not None and entity.id != "start" and not self.held.get(entity.id):
            self.apply({entity.id: None})

    @rule()
    def destroy_what_is_not_there(self) -> None:
        self.apply({"nothing": None})

    @rule()
    def begin_anew_with_the_same(self) -> None:
        self.world.replace(self.entities.values())
        self.held = {}
        for entity in self.entities.values():
            if entity.holder_id is not None:
                self.held.setdefault(entity.holder_id, []).append(entity.id)

    @invariant()
    def the_same_entities(self) -> None:
        assert set(self.world.entities()) == set(self.entities.values())
        assert all(self.world.get(entity_id) is entity for entity_id, entity in self.entities.items())
        assert self.world.get("nothing") is None
        assert {kind: self.world.count(kind) for kind in Kind} == {kind: len(self.of_kind(self.entities, kind)) for kind in Kind}

    @invariant()
    def contents_agree_with_holders(self) -> None:
        for holder_id in {*self.held, *self.entities}:
            contents = self.world.contents(holder_id)
            held = self.held.get(holder_id, [])
            assert contents.characters == self.of_kind(held, Kind.CHARACTER)
            assert contents.objects == self.of_kind(held, Kind.OBJECT)
            assert contents.exits == self.of_kind(held, Kind.EXIT)
            leading = {e.id for e in self.entities.values() if isinstance(e, Exit) and e.destination_id == holder_id}
            assert set(contents.entrances) == leading
            assert len(contents.entrances) == len(leading)
            assert held or leading or contents is EMPTY

    def of_kind(self, ids: Iterable[str], kind: Kind) -> tuple[str, ...]:
        return tuple(i for i in ids if self.entities[i].kind is kind)

    @invariant()
    def characters_are_found_by_name(self) -> None:
        named = {name_key(e.name): e for e in self.entities.values() if isinstance(e, Character)}
        for name in self.used:
            assert self.world.character_named(name.swapcase()) is named.get(name_key(name))


TestWorld = WorldMachine.TestCase


def test_contents_are_the_same_instance_until_something_comes_or_goes() -> None:
    world = World([Location(id="here", name="Here"), Location(id="there", name="There")])
    alice = Character(id="a", name="Alice", player_id="p", location_id="here")
    world.apply({"a": alice})
    seen: Contents = world.contents("here")
    world.apply({"a": attrs.evolve(alice, description="tall"), "there": Location(id="there", name="Elsewhere")})
    assert world.contents("here") is seen
    world.apply({"b": Character(id="b", name="Bob", player_id="p", location_id="here")})
    assert world.contents("here") is not seen
    assert seen.characters == ("a",)
