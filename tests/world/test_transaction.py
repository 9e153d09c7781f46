"""A call's view of the world: repeatable, its own changes on top, and a conflict when the world has moved."""

from contextlib import suppress

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.world.consistency import problems
from holomush.world.model import EMPTY, Character, Entity, Exit, GameObject, Kind, Location
from holomush.world.state import World
from holomush.world.transaction import CONTENTS_LIMIT, NESTING_LIMIT, NotFoundError, Transaction, WorldError

SQUARE, GARDEN, TOWER = "square", "garden", "tower"


def character(name: str, location_id: str = SQUARE) -> Character:
    return Character(id=name.lower(), name=name, player_id=f"player of {name}", location_id=location_id)


def thing(name: str, holder_id: str = SQUARE, holder_kind: Kind = Kind.LOCATION) -> GameObject:
    return GameObject(id=name, name=name, holder_id=holder_id, holder_kind=holder_kind)


@pytest.fixture
def world() -> World:
    return World(
        [
            Location(id=SQUARE, name="The Square"),
            Location(id=GARDEN, name="The Garden"),
            Location(id=TOWER, name="The Tower"),
            Exit(id="north", name="north", source_id=SQUARE, destination_id=GARDEN),
            character("Alice"),
            character("Bob"),
            thing("lamp"),
            thing("bag"),
            thing("purse", "bag", Kind.OBJECT),
            thing("coin", "purse", Kind.OBJECT),
        ]
    )


def move(transaction: Transaction, character_id: str, location_id: str) -> None:
    walker = transaction.expect(character_id, Character)
    transaction.update(attrs.evolve(walker, location_id=location_id))


def put(transaction: Transaction, object_id: str, holder_id: str) -> None:
    kind = transaction.holder_kind(object_id, holder_id)
    transaction.update(attrs.evolve(transaction.expect(object_id, GameObject), holder_id=holder_id, holder_kind=kind))


def rename(world: World, entity_id: str, name: str) -> None:
    entity = world.get(entity_id)
    assert entity is not None
    changed: Entity = attrs.evolve(entity, name=name)
    world.apply({entity_id: changed})


# ---- Reading ---------------------------------------------------------------------------------------------------------


def test_a_read_is_repeatable(world: World) -> None:
    transaction = Transaction(world)
    before = transaction.get("alice"), transaction.get("nobody"), transaction.contents(SQUARE)
    rename(world, "alice", "Alicia")
    world.apply({"nobody": character("Nobody"), "bob": None})
    assert (transaction.get("alice"), transaction.get("nobody"), transaction.contents(SQUARE)) == before


def test_a_first_read_sees_the_world_of_that_moment(world: World) -> None:
    transaction = Transaction(world)
    rename(world, "alice", "Alicia")
    assert transaction.expect("alice", Character).name == "Alicia"
    assert transaction.is_current()


def test_expect_wants_the_right_kind(world: World) -> None:
    transaction = Transaction(world)
    with pytest.raises(NotFoundError, match=r"^there is no location with the id 'alice'$"):
        transaction.expect("alice", Location)
    with pytest.raises(NotFoundError, match=r"^there is no character with the id 'x'$"):
        transaction.expect("x", Character)
    with pytest.raises(NotFoundError, match=r"^there is no object with the id 'north'$"):
        transaction.expect("north", GameObject)


def test_a_very_long_id_is_not_repeated_in_full(world: World) -> None:
    with pytest.raises(NotFoundError) as caught:
        Transaction(world).expect("x" * 10_000, Location)
    assert len(str(caught.value)) < 100


# ---- Own writes ------------------------------------------------------------------------------------------------------


def test_own_writes_are_seen_and_the_world_is_untouched(world: World) -> None:
    transaction = Transaction(world)
    alice = transaction.expect("alice", Character)
    transaction.update(attrs.evolve(alice, description="tall"))
    assert transaction.expect("alice", Character).description == "tall"
    assert world.get("alice") is alice
    assert transaction.has_effects


def test_contents_follow_own_moves(world: World) -> None:
    transaction = Transaction(world)
    move(transaction, "alice", GARDEN)
    assert transaction.contents(SQUARE).characters == ("bob",)
    assert transaction.contents(GARDEN).characters == ("alice",)
    move(transaction, "bob", GARDEN)
    assert transaction.contents(GARDEN).characters == ("alice", "bob")
    move(transaction, "alice", TOWER)
    assert transaction.contents(GARDEN).characters == ("bob",)
    assert transaction.contents(TOWER).characters == ("alice",)


def test_contents_follow_own_creations_and_destructions(world: World) -> None:
    transaction = Transaction(world)
    transaction.create(thing("hat"))
    transaction.destroy("lamp")
    transaction.destroy("north")
    assert transaction.contents(SQUARE).objects == ("bag", "hat")
    assert transaction.contents(SQUARE).exits == ()
    transaction.destroy("hat")
    assert transaction.contents(SQUARE).objects == ("bag",)
    assert transaction.get("lamp") is None
    assert transaction.get("hat") is None


def test_there_and_back_leaves_the_contents_as_they_were(world: World) -> None:
    transaction = Transaction(world)
    move(transaction, "alice", GARDEN)
    move(transaction, "alice", SQUARE)
    assert transaction.contents(SQUARE).characters == ("alice", "bob")
    assert transaction.contents(GARDEN).characters == ()


def test_what_is_seen_before_the_commit_is_what_holds_after_it(world: World) -> None:
    transaction = Transaction(world)
    move(transaction, "alice", GARDEN)
    put(transaction, "lamp", "alice")
    put(transaction, "coin", GARDEN)
    transaction.create(thing("hat", "bag", Kind.OBJECT))
    holders = (SQUARE, GARDEN, "alice", "bag", "purse")
    seen = [attrs.astuple(transaction.contents(holder)) for holder in holders]
    world.apply(transaction.changes)
    assert [attrs.astuple(world.contents(holder)) for holder in holders] == seen


def test_reading_alone_has_no_effects(world: World) -> None:
    transaction = Transaction(world)
    transaction.get("alice")
    transaction.contents(SQUARE)
    assert not transaction.has_effects
    assert transaction.changes == {}


# ---- Conflicts -------------------------------------------------------------------------------------------------------


def test_a_changed_entity_is_a_conflict(world: World) -> None:
    transaction = Transaction(world)
    transaction.get("alice")
    assert transaction.is_current()
    rename(world, "alice", "Alicia")
    assert not transaction.is_current()


def test_a_change_and_back_is_still_a_conflict(world: World) -> None:
    transaction = Transaction(world)
    transaction.get("alice")
    rename(world, "alice", "Alicia")
    rename(world, "alice", "Alice")
    assert not transaction.is_current()


def test_a_missing_entity_that_appears_is_a_conflict(world: World) -> None:
    transaction = Transaction(world)
    assert transaction.get("hat") is None
    world.apply({"hat": thing("hat")})
    assert not transaction.is_current()


def test_changed_contents_are_a_conflict_even_when_they_were_empty(world: World) -> None:
    transaction = Transaction(world)
    assert transaction.contents(TOWER) is EMPTY
    assert transaction.is_current()
    world.apply({"bob": character("Bob", TOWER)})
    assert not transaction.is_current()
    world.apply({"bob": character("Bob")})
    assert transaction.is_current()  # empty then, empty now


def test_what_was_not_read_is_no_conflict(world: World) -> None:
    transaction = Transaction(world)
    transaction.get("alice")
    transaction.contents(TOWER)
    rename(world, "bob", "Robert")
    world.apply({"lamp": thing("lamp", GARDEN)})
    assert transaction.is_current()


def test_two_who_walk_into_one_place_do_not_conflict(world: World) -> None:
    first, second = Transaction(world), Transaction(world)
    for transaction, walker in ((first, "alice"), (second, "bob")):
        transaction.expect(GARDEN, Location)
        move(transaction, walker, GARDEN)
    world.apply(first.changes)
    assert second.is_current()
    world.apply(second.changes)
    assert world.contents(GARDEN).characters == ("alice", "bob")


def test_two_who_take_one_thing_do(world: World) -> None:
    first, second = Transaction(world), Transaction(world)
    put(first, "lamp", "alice")
    put(second, "lamp", "bob")
    world.apply(first.changes)
    assert not second.is_current()


def test_two_things_that_swallow_each_other_conflict(world: World) -> None:
    world.apply({"box": thing("box"), "tin": thing("tin")})
    first, second = Transaction(world), Transaction(world)
    put(first, "box", "tin")
    put(second, "tin", "box")
    world.apply(first.changes)
    assert not second.is_current()


def test_two_who_fill_up_one_place_beyond_the_nesting_limit_conflict(world: World) -> None:
    world.apply({"box": thing("box"), "tin": thing("tin"), "pin": thing("pin"), "pill": thing("pill")})
    first, second = Transaction(world), Transaction(world)
    put(first, "tin", "box")  # box > tin
    put(first, "pin", "tin")  # box > tin > pin
    put(second, "pill", "pin")  # pin > pill, which with the above would be four
    world.apply(first.changes)
    assert not second.is_current()


# ---- Creating and destroying -----------------------------------------------------------------------------------------


def test_an_id_is_used_once(world: World) -> None:
    transaction = Transaction(world)
    with pytest.raises(WorldError, match=r"^the id alice is in use$"):
        transaction.create(thing("alice"))
    transaction.create(thing("hat"))
    with pytest.raises(WorldError, match="the id hat is in use"):
        transaction.create(thing("hat"))


@pytest.mark.parametrize("name", ["Alice", "ALICE", "\uff21lice"])
def test_a_name_that_is_taken_is_refused(world: World, name: str) -> None:
    other = Character(id="other", name=name, player_id="p", location_id=SQUARE)
    with pytest.raises(WorldError, match=f"^the name {name} is taken$"):
        Transaction(world).create(other)


def test_a_name_is_taken_by_a_character_made_in_the_same_call(world: World) -> None:
    transaction = Transaction(world)
    transaction.create(character("Carol"))
    with pytest.raises(WorldError, match="is taken"):
        transaction.create(attrs.evolve(character("CAROL"), id="other"))


def test_the_first_of_two_calls_gets_the_name(world: World) -> None:
    first, second = Transaction(world), Transaction(world)
    first.create(character("Carol"))
    second.create(attrs.evolve(character("carol"), id="other"))
    assert second.is_current()
    world.apply(first.changes)
    assert second.taken_names() == ["carol"]
    assert not second.is_current()
    assert first.taken_names() == []  # the name is its own


def test_things_may_share_a_name(world: World) -> None:
    transaction = Transaction(world)
    transaction.create(attrs.evolve(thing("lamp"), id="another lamp"))
    assert transaction.is_current()


def test_what_holds_something_cannot_be_destroyed(world: World) -> None:
    transaction = Transaction(world)
    for entity_id, name in ((SQUARE, "The Square"), ("bag", "bag")):
        with pytest.raises(WorldError, match=f"^{name} is not empty$"):
            transaction.destroy(entity_id)
    transaction.destroy("coin")
    transaction.destroy("purse")
    transaction.destroy("bag")
    assert dict(transaction.changes) == {"coin": None, "purse": None, "bag": None}


def test_somebody_walking_in_saves_a_place_from_destruction(world: World) -> None:
    transaction = Transaction(world)
    transaction.destroy(TOWER)
    world.apply({"bob": character("Bob", TOWER)})
    assert not transaction.is_current()


@pytest.mark.parametrize("entity_id", ["x", "x" * 100])
def test_what_is_not_there_can_be_neither_destroyed_nor_updated(world: World, entity_id: str) -> None:
    transaction = Transaction(world)
    with pytest.raises(NotFoundError, match="there is nothing with the id"):
        transaction.destroy(entity_id)
    with pytest.raises(NotFoundError, match="there is no object with the id"):
        transaction.update(thing(entity_id))
    transaction.destroy("lamp")
    with pytest.raises(NotFoundError):
        transaction.destroy("lamp")
    with pytest.raises(NotFoundError):
        transaction.update(thing("lamp"))


# ---- Things in things ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("holder", "kind"), [(SQUARE, Kind.LOCATION), ("alice", Kind.CHARACTER), ("bag", Kind.OBJECT)])
def test_what_would_hold_a_thing(world: World, holder: str, kind: Kind) -> None:
    assert Transaction(world).holder_kind("lamp", holder) is kind


@pytest.mark.parametrize("holder", ["north", "nothing"])
def test_what_cannot_hold_a_thing(world: World, holder: str) -> None:
    with pytest.raises(NotFoundError, match=f"^there is nothing with the id '{holder}' that could hold a thing$"):
        Transaction(world).holder_kind("lamp", holder)


@pytest.mark.parametrize("holder", ["bag", "purse", "coin"])
def test_nothing_goes_inside_itself(world: World, holder: str) -> None:
    with pytest.raises(WorldError, match=r"inside itself|deep inside"):
        Transaction(world).holder_kind("bag", holder)


def test_itself_is_called_itself(world: World) -> None:
    with pytest.raises(WorldError, match=r"^a thing cannot be put inside itself$"):
        Transaction(world).holder_kind("lamp", "lamp")


def test_nesting_has_a_limit(world: World) -> None:
    transaction = Transaction(world)
    assert transaction.holder_kind("lamp", "purse") is Kind.OBJECT  # bag > purse > lamp: three
    with pytest.raises(WorldError, match=f"^things can be at most {NESTING_LIMIT} deep inside one another$"):
        transaction.holder_kind("lamp", "coin")
    with pytest.raises(WorldError, match="deep"):
        transaction.holder_kind("bag", "lamp")  # lamp > bag > purse > coin
    put(transaction, "coin", SQUARE)
    assert transaction.holder_kind("bag", "lamp") is Kind.OBJECT  # its own changes count


def test_a_carried_bag_is_as_deep_as_one_on_the_floor(world: World) -> None:
    transaction = Transaction(world)
    assert transaction.holder_kind("bag", "alice") is Kind.CHARACTER
    put(transaction, "bag", "alice")
    assert transaction.holder_kind("lamp", "purse") is Kind.OBJECT


# ---- Many at once ----------------------------------------------------------------------------------------------------


def test_what_leaves_makes_room_and_what_is_only_changed_takes_none(world: World) -> None:
    pins = [thing(f"pin{n}", GARDEN) for n in range(CONTENTS_LIMIT)]
    world.apply({pin.id: pin for pin in pins})
    transaction = Transaction(world)
    assert transaction.count(GARDEN, Kind.OBJECT) == CONTENTS_LIMIT
    for pin in pins[:300]:
        transaction.update(attrs.evolve(pin, description="sharp"))
    with pytest.raises(WorldError, match="no more fit"):
        transaction.create(thing("hat", GARDEN))
    put(transaction, "pin0", TOWER)
    transaction.create(thing("hat", GARDEN))
    assert transaction.count(GARDEN, Kind.OBJECT) == CONTENTS_LIMIT
    assert transaction.contents(GARDEN).objects == (*(pin.id for pin in pins[1:]), "hat")
    transaction.destroy("hat")
    transaction.create(thing("cap", GARDEN))
    assert transaction.is_current()


def test_a_savepoint_brings_back_who_is_where_and_called_what(world: World) -> None:
    transaction = Transaction(world)
    move(transaction, "alice", GARDEN)
    transaction.create(character("Carol", GARDEN))
    savepoint = transaction.savepoint()
    move(transaction, "alice", TOWER)
    transaction.destroy("carol")
    transaction.create(attrs.evolve(character("Carol", TOWER), id="other"))
    transaction.restore(savepoint)
    assert transaction.contents(GARDEN).characters == ("alice", "carol")
    assert transaction.contents(TOWER) is EMPTY
    carol = transaction.character_named("CAROL")
    assert carol is not None
    assert carol.id == "carol"
    with pytest.raises(WorldError, match="is taken"):
        transaction.create(attrs.evolve(character("Carol", TOWER), id="other"))


def test_everything_as_the_call_sees_it(world: World) -> None:
    transaction = Transaction(world)
    transaction.get("bob")
    transaction.get("nothing yet")
    transaction.create(thing("hat"))
    transaction.update(attrs.evolve(thing("lamp"), name="torch"))
    transaction.destroy("coin")
    rename(world, "bob", "Robert")
    rename(world, "alice", "Alicia")
    world.apply({"nothing yet": thing("nothing yet")})
    seen = {entity.id: entity.name for entity in transaction.everything()}
    assert list(seen) == [SQUARE, GARDEN, TOWER, "north", "alice", "bob", "lamp", "bag", "purse", "hat"]
    assert (seen["alice"], seen["bob"], seen["lamp"]) == ("Alicia", "Bob", "torch")
    assert [transaction.peek(i) is None for i in ("coin", "nothing yet", "hat", "alice")] == [True, True, False, False]


def test_a_peek_is_no_read_until_it_is_noted(world: World) -> None:
    transaction = Transaction(world)
    alice, lamp = transaction.peek("alice"), transaction.peek("lamp")
    assert alice is not None
    assert lamp is not None
    rename(world, "lamp", "torch")
    assert transaction.is_current()
    transaction.note(alice)
    rename(world, "alice", "Alicia")
    assert transaction.get("alice") is alice
    assert not transaction.is_current()


def test_who_is_called_so(world: World) -> None:
    transaction = Transaction(world)
    transaction.create(character("Carol"))
    transaction.update(attrs.evolve(character("Bob"), name="Robert"))
    assert [transaction.character_named(name) is not None for name in ("ALICE", "carol", "bob", "robert", "")] == [
        *(True, True, False, True, False)
    ]


def test_many_are_staged_in_no_time(world: World) -> None:
    transaction = Transaction(world)
    for number in range(3_000):
        transaction.create(Location(id=f"place{number}", name="Place"))
        transaction.create(character(f"Who {number}", f"place{number}"))
        for n in range(3):
            transaction.create(thing(f"thing{number}-{n}", f"place{number}"))
        assert len(transaction.contents(f"place{number}").objects) == 3
    assert len(transaction.changes) == 15_000


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["square", "garden", "tower", "a", "b", None]))))
def test_the_contents_are_those_after_the_commit(steps: list[tuple[str, str | None]]) -> None:
    world = World([*(Location(id=name, name=name) for name in (SQUARE, GARDEN, TOWER)), thing("a"), thing("b"), thing("c", GARDEN)])
    transaction = Transaction(world)
    for object_id, where in steps:
        with suppress(WorldError):
            if where is None:
                transaction.destroy(object_id)
            elif transaction.get(object_id) is None:
                transaction.create(thing(object_id, where, transaction.holder_kind(object_id, where)))
            else:
                put(transaction, object_id, where)
    holders = (SQUARE, GARDEN, TOWER, *"abcdef")
    seen = [attrs.astuple(transaction.contents(holder)) for holder in holders]
    assert [transaction.count(holder, Kind.OBJECT) for holder in holders] == [len(contents[1]) for contents in seen]
    world.apply(transaction.changes)
    assert [attrs.astuple(world.contents(holder)) for holder in holders] == seen
    assert problems(world.entities(), world) == []
