"""Players as guests see and change them: roles, passwords, preferences, bans, and who stays admin whatever is tried."""

from __future__ import annotations

import threading
from typing import Any

import attrs
import pytest
import trio

from holomush.auth.accounts import Player
from holomush.auth.bans import AddressBan
from holomush.commands.access import Access
from holomush.plugins.calls import Call, CallMustWaitError
from holomush.plugins.functions import accounts
from holomush.plugins.functions.accounts import REASON_LIMIT
from holomush.plugins.functions.table import answer
from holomush.plugins.storage.storage import PluginStorage
from holomush.world.model import GAME_PLAYER_ID, Character
from holomush.world.state import World
from plugins.functions.asking import BY_NAME, ask, refusal
from plugins.rooms import make_call, make_storage, make_surroundings, make_world

ALL = ("account:*", "session:switch", "write:characters", "read:characters")


def make_player(player_id: str, name: str, access: Access = Access.PLAYER, **fields: Any) -> Player:
    return Player(id=player_id, name=name, name_key=name.lower(), access=access, created_at=5, **fields)


@attrs.frozen
class Town:
    """The small world with its players: Alice is the admin, Bob plays Ben too, Dora is a guest; and calls there."""

    world: World
    storage: PluginStorage

    def call(self, *capabilities: str, **surroundings: Any) -> Call:
        """A call of a plugin that may do all of this, or only what is named."""
        around = make_surroundings(start=lambda: "garden", hash_password=lambda text: f"hash of {text}", **surroundings)
        return make_call(*(capabilities or ALL), world=self.world, storage=self.storage, surroundings=around)

    def player(self, player_id: str) -> Player:
        player = self.storage.registers.accounts.get(player_id)
        assert player is not None
        return player


def commit(call: Call) -> None:
    """As the server does, without a disk."""
    assert call.attempt.is_current()
    call.attempt.transaction.world.apply(call.attempt.transaction.changes)
    call.attempt.registers.apply()


def make_town(**alice: Any) -> Town:
    world = make_world()
    world.apply(
        {
            "ben": Character(id="ben", name="Ben", player_id="p2", location_id="garden"),
            "crier": Character(id="crier", name="Crier", player_id=GAME_PLAYER_ID, location_id="square"),
        }
    )
    storage = make_storage()
    storage.registers.accounts.replace(
        [
            make_player("p1", "Alice", Access.ADMIN, **alice),
            make_player("p2", "Bob", last_login_at=9, preferences={"width": 40}),
            make_player("p3", "Dora", Access.GUEST),
            make_player(GAME_PLAYER_ID, "*game*"),
        ]
    )
    return Town(world, storage)


BOB = {
    "name": "Bob",
    "role": "player",
    "created_at": 5,
    "last_login_at": 9,
    "characters": [{"id": "bob", "name": "Bob", "connected": False}, {"id": "ben", "name": "Ben", "connected": False}],
    "preferences": {"width": 40},
    "ban": None,
}

# ---- Reading ---------------------------------------------------------------------------------------------------------


def test_the_player_of_any_of_their_characters() -> None:
    town = make_town()
    call = town.call()
    assert ask(call, "query_account", "bob") == ask(call, "query_account", "ben") == BOB
    alice = ask(call, "query_account", "alice")
    assert (alice["role"], alice["last_login_at"], alice["characters"][0]["connected"]) == ("admin", None, True)
    assert not call.attempt.has_effects


@pytest.mark.parametrize("name", ["query_account", "update_account", "add_character"])
@pytest.mark.parametrize(
    ("character_id", "message"),
    [
        ("crier", "Crier belongs to the game and to no player"),
        ("lamp", "there is no character with the id 'lamp'"),
        ("nobody", "there is no character with the id 'nobody'"),
    ],
)
def test_whoever_has_no_player(name: str, character_id: str, message: str) -> None:
    more = {"update_account": ('{"ban": null}',), "add_character": ("Anna",)}.get(name, ())
    assert refusal(make_town().call(), name, character_id, *more) == ("not_found", message)


@pytest.mark.parametrize(
    ("capability", "name", "arguments"),
    [
        ("account:read", "query_account", ("bob",)),
        ("account:read", "update_account", ("bob", {})),
        ("account:role", "update_account", ("bob", {"role": "builder"})),
        ("account:password", "update_account", ("bob", {"password": "long enough"})),
        ("account:preferences", "update_account", ("bob", {"preferences": {}})),
        ("account:ban", "update_account", ("bob", {"ban": None})),
        ("account:characters", "add_character", ("bob", "Anna")),
        ("session:switch", "switch_character", ("S1", "bob")),
        ("account:ban", "ban_address", ("192.0.2.7", "")),
        ("account:ban", "unban_address", ("192.0.2.7",)),
        ("account:ban", "list_bans", ()),
    ],
)
def test_each_needs_its_capability_and_no_other(capability: str, name: str, arguments: tuple[object, ...]) -> None:
    town = make_town()
    every = {f"account:{word}" for word in ("read", "role", "password", "preferences", "ban", "characters")} | {"session:switch"}
    told = f"the plugin has no capability {capability}: add it to capabilities in plugin.yaml"
    assert refusal(town.call(*(every - {capability})), name, *arguments) == ("capability_denied", told)
    ask(town.call(capability, played_by=lambda _: "ben"), name, *arguments)


def test_of_several_changes_each_needs_its_capability() -> None:
    call = make_town().call("account:role")
    told = "the plugin has no capability account:ban: add it to capabilities in plugin.yaml"
    assert refusal(call, "update_account", "bob", {"role": "builder", "ban": "x"}) == ("capability_denied", told)


# ---- Changing --------------------------------------------------------------------------------------------------------


def test_changes_are_seen_by_the_call_and_by_others_when_it_is_committed() -> None:
    town = make_town()
    call = town.call()
    changed = BOB | {"role": "builder", "ban": "Too loud.", "preferences": {"colour": "none"}}
    changes = {"role": "Builder", "ban": "Too loud.", "preferences": {"colour": "none", "width": None}}
    assert ask(call, "update_account", "ben", changes) == changed
    assert ask(call, "query_account", "bob") == changed
    assert ask(town.call(), "query_account", "bob") == BOB
    commit(call)
    assert ask(town.call(), "query_account", "bob") == changed
    assert ask(town.call(), "update_account", "bob", {"ban": None})["ban"] is None


def test_no_changes_change_nothing() -> None:
    call = make_town().call()
    assert ask(call, "update_account", "bob", {}) == BOB
    assert not call.attempt.has_effects


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ([], "invalid_argument", "must be an object with some of role, password, preferences, ban, old_password"),
        (
            {"name": "Bobby"},
            "invalid_argument",
            "'name' is no key of this; there are role, password, preferences, ban, old_password",
        ),
        ({"role": "king"}, "invalid_argument", 'role: access "king" is unknown; use one of guest, player, builder, admin'),
        ({"role": None}, "invalid_argument", "role: must be text"),
        ({"role": "guest"}, "conflict", "guests stay guests, and nobody else becomes one"),
        ({"password": "short"}, "invalid_argument", "A password needs at least 6 characters."),
        ({"password": "x" * 1001}, "invalid_argument", "password: must have 0 to 1000 characters, not 1001"),
        ({"password": None}, "invalid_argument", "password: must be text"),
        ({"preferences": None}, "invalid_argument", "preferences: must be an object"),
        ({"preferences": {"width": 10}}, "invalid_argument", "width is auto or a number from 20 to 250."),
        ({"preferences": {"width": True}}, "invalid_argument", "width is auto or a number from 20 to 250."),
        ({"preferences": {"colour": "red"}}, "invalid_argument", "colour is auto, none, 16, 256 or true."),
        (
            {"preferences": {"nonsense": None}},
            "invalid_argument",
            'There is no preference "nonsense". '
            "There are colour, width, screen_reader, page_length, charset, prompt and keepalive.",
        ),
        ({"ban": 5}, "invalid_argument", "ban: must be text"),
        ({"ban": "x" * (REASON_LIMIT + 1)}, "invalid_argument", "ban: must have 0 to 200 characters, not 201"),
        ({"ban": "a\nb"}, "invalid_argument", "ban: must not have control characters"),
        ({"ban": "a\ud800"}, "invalid_argument", "ban: must not have control characters"),
    ],
)
def test_what_cannot_be_changed(changes: object, code: str, message: str) -> None:
    assert refusal(make_town().call(), "update_account", "bob", changes) == (code, message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"role": "player"}, "guests stay guests, and nobody else becomes one"),
        ({"password": "long enough"}, "guests have no password"),
    ],
)
def test_what_guests_cannot_have(changes: object, message: str) -> None:
    assert refusal(make_town().call(), "update_account", "dora", changes) == ("conflict", message)


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        ({}, {"width": 60, "screen_reader": "on"}, {"width": 60, "screen_reader": "on"}),
        ({"width": 60, "colour": "256"}, {"width": 80}, {"width": 80, "colour": "256"}),
        ({"width": 60, "colour": "256"}, {"width": None, "page_length": 20}, {"colour": "256", "page_length": 20}),
        ({"width": 60, "colour": "256"}, {"width": "auto", "colour": "auto"}, {}),
        ({"page_length": 20}, {"page_length": "off"}, {}),
        ({}, {}, {}),
    ],
)
def test_only_preferences_that_differ_from_the_defaults_are_kept(
    before: dict[str, object], changes: dict[str, object], after: dict[str, object]
) -> None:
    call = make_town(preferences=before).call()
    assert ask(call, "update_account", "alice", {"preferences": changes})["preferences"] == after


# ---- Passwords -------------------------------------------------------------------------------------------------------


def test_a_password_is_kept_as_its_hash() -> None:
    town = make_town()
    call = town.call()
    assert "password" not in ask(call, "update_account", "bob", {"password": "long enough"})
    commit(call)
    assert town.player("p2").password_hash == "hash of long enough"


def test_the_guests_clock_stands_still_while_a_password_is_hashed() -> None:
    town = make_town()
    seen: list[float | None] = []
    call = town.call()

    def note(text: str) -> str:
        seen.append(call.deadline)
        return text

    call.surroundings = attrs.evolve(call.surroundings, hash_password=note)
    call.deadline = 1e9
    ask(call, "update_account", "bob", {"password": "long enough"})
    assert seen == [None]
    assert call.deadline == pytest.approx(1e9)


def test_a_quick_call_does_not_wait_for_a_hash() -> None:
    call = make_town().call()
    call.is_quick = True
    assert answer(BY_NAME["update_account"], call, ["bob", '{"password": "long enough"}']) is None
    assert isinstance(call.doom, CallMustWaitError)
    assert call.too_slow
    bad = make_town().call()
    bad.is_quick = True  # what is refused is refused at once
    assert refusal(bad, "update_account", "bob", {"password": "short"})[0] == "invalid_argument"


async def test_a_password_is_hashed_beside_the_game() -> None:
    threads: list[int] = []

    async def make_hash(text: str) -> str:
        threads.append(threading.get_ident())
        await trio.lowlevel.checkpoint()
        return text.upper()

    town = make_town()
    call = town.call()
    call.surroundings = attrs.evolve(call.surroundings, hash_password=lambda text: trio.from_thread.run(make_hash, text))
    await trio.to_thread.run_sync(lambda: ask(call, "update_account", "bob", {"password": "long enough"}))
    commit(call)
    assert (town.player("p2").password_hash, threads) == ("LONG ENOUGH", [threading.get_ident()])


# ---- The last admin --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{"role": "player"}, {"role": "builder"}, {"ban": "x"}, {"ban": "x", "role": "admin"}])
def test_the_only_admin_stays(changes: object) -> None:
    assert refusal(make_town().call(), "update_account", "alice", changes) == ("conflict", "Alice is the only admin")


def test_a_banned_admin_is_no_second_one() -> None:
    town = make_town()
    call = town.call()
    ask(call, "update_account", "bob", {"role": "admin", "ban": "x"})
    assert refusal(call, "update_account", "alice", {"role": "player"}) == ("conflict", "Alice is the only admin")
    ask(call, "update_account", "bob", {"ban": None})
    assert ask(call, "update_account", "alice", {"role": "player"})["role"] == "player"


def test_within_one_call_too_an_admin_is_left() -> None:
    town = make_town()
    call = town.call()
    ask(call, "update_account", "bob", {"role": "admin"})
    ask(call, "update_account", "alice", {"role": "player"})
    assert refusal(call, "update_account", "bob", {"role": "player"}) == ("conflict", "Bob is the only admin")


@pytest.mark.parametrize("changes", [{"role": "player"}, {"ban": "x"}])
def test_two_admins_who_demote_one_another_at_once_are_a_conflict(changes: object) -> None:
    town = make_town()
    both = town.call()
    ask(both, "update_account", "bob", {"role": "admin"})
    commit(both)
    first, second = town.call(), town.call()
    ask(first, "update_account", "alice", changes)
    ask(second, "update_account", "bob", changes)
    commit(first)
    assert not second.attempt.is_current()
    assert refusal(town.call(), "update_account", "bob", changes) == ("conflict", "Bob is the only admin")


def test_the_only_admins_last_character_is_not_destroyed() -> None:
    town = make_town()
    town.world.apply({"hat": None})
    call = town.call(is_connected=lambda _: False)
    assert refusal(call, "destroy_character", "alice") == ("conflict", "Alice is the only admin")
    ask(call, "add_character", "alice", "Anna")
    ask(call, "destroy_character", "alice")
    commit(call)
    other = town.call(is_connected=lambda _: False)
    ask(other, "update_account", "bob", {"role": "admin"})
    anna = town.world.character_named("Anna")
    assert anna is not None
    ask(other, "destroy_character", anna.id)


def test_two_who_destroy_the_only_admins_last_characters_at_once_are_a_conflict() -> None:
    town = make_town()
    town.world.apply({"hat": None, "anna": Character(id="anna", name="Anna", player_id="p1", location_id="garden")})
    first, second = town.call(is_connected=lambda _: False), town.call(is_connected=lambda _: False)
    ask(first, "destroy_character", "alice")
    ask(second, "destroy_character", "anna")
    commit(first)
    assert not second.attempt.is_current()
    assert refusal(town.call(is_connected=lambda _: False), "destroy_character", "anna") == ("conflict", "Alice is the only admin")


# ---- Characters ------------------------------------------------------------------------------------------------------


def test_a_further_character_begins_where_new_ones_begin() -> None:
    town = make_town()
    call = town.call()
    anna = ask(call, "add_character", "ben", "  Anna  ")
    assert (anna["name"], anna["location_id"], anna["connected"], anna["objects"]) == ("Anna", "garden", False, [])
    assert [one["name"] for one in ask(call, "query_account", "bob")["characters"]] == ["Bob", "Ben", "Anna"]
    commit(call)
    made = town.world.get(anna["id"])
    assert isinstance(made, Character)
    assert (made.player_id, len(made.id)) == ("p2", 26)
    assert made.created_at > 1_700_000_000_000


@pytest.mark.parametrize(
    ("character_id", "name", "code", "message"),
    [
        ("dora", "Anna", "conflict", "guests have one character"),
        ("bob", "x", "invalid_argument", "A name is 2 to 24 characters long."),
        ("bob", "Guest7", "invalid_argument", "That name is reserved. Please choose another."),
        ("bob", "ALICE", "invalid_argument", "the name ALICE is taken"),
        ("bob", "crier", "invalid_argument", "the name crier is taken"),
    ],
)
def test_who_cannot_be_added(character_id: str, name: str, code: str, message: str) -> None:
    call = make_town().call()
    told_code, told = refusal(call, "add_character", character_id, name)
    assert (told_code in (code, "conflict"), told) == (True, message)


def test_a_players_own_name_is_free_for_that_player_only() -> None:
    town = make_town()
    town.world.apply({"bob": Character(id="bob", name="Robert", player_id="p2", location_id="square")})
    assert refusal(town.call(), "add_character", "alice", "Bob") == ("conflict", "the name Bob is taken")
    assert ask(town.call(), "add_character", "ben", "Bob")["name"] == "Bob"


def test_a_player_has_so_many_characters_within_one_call_and_over_several() -> None:
    town = make_town()
    call = town.call(characters_each=4)
    ask(call, "add_character", "bob", "Anna")
    ask(call, "add_character", "bob", "Ada")
    assert refusal(call, "add_character", "bob", "Abe") == ("conflict", "a player may have 4 characters")
    first, second = town.call(characters_each=3), town.call(characters_each=3)
    ask(first, "add_character", "bob", "Anna")
    ask(second, "add_character", "bob", "Ada")
    commit(first)
    assert not second.attempt.is_current()


def test_a_player_who_goes_meanwhile_gets_no_character() -> None:
    town = make_town()
    call = town.call()
    ask(call, "add_character", "bob", "Anna")
    town.storage.registers.accounts.apply({"p2": None})
    assert not call.attempt.is_current()


# ---- Switching -------------------------------------------------------------------------------------------------------


def test_a_connection_goes_on_once_the_call_is_on_disk() -> None:
    asked: list[tuple[str, str]] = []
    call = make_town().call(played_by={"S1": "bob"}.get, switch=lambda *told: asked.append(told))
    assert ask(call, "switch_character", "S1", "ben") is None
    assert (asked, call.attempt.has_effects) == ([], True)
    call.attempt.make_requests()
    assert asked == [("S1", "ben")]


@pytest.mark.parametrize(
    ("session_id", "character_id", "code", "message"),
    [
        ("S1", "alice", "conflict", "Alice belongs to another player"),
        ("S1", "crier", "conflict", "Crier belongs to another player"),
        ("S1", "bob", "conflict", "that connection plays Bob already"),
        ("S2", "ben", "not_found", "there is no such connection"),
        ("S1", "lamp", "not_found", "there is no character with the id 'lamp'"),
    ],
)
def test_where_a_connection_cannot_go(session_id: str, character_id: str, code: str, message: str) -> None:
    call = make_town().call(played_by={"S1": "bob"}.get)
    assert refusal(call, "switch_character", session_id, character_id) == (code, message)
    assert call.attempt.requests == []


def test_a_character_that_is_destroyed_meanwhile_is_a_conflict() -> None:
    town = make_town()
    call = town.call(played_by={"S1": "bob"}.get)
    ask(call, "switch_character", "S1", "ben")
    town.world.apply({"ben": None})
    assert not call.attempt.is_current()


# ---- Bans of addresses -----------------------------------------------------------------------------------------------


def test_bans_of_addresses_and_players_are_listed_those_of_the_call_included() -> None:
    town = make_town()
    call = town.call()
    ask(call, "ban_address", "192.0.2.9/24", "Too loud.")
    ask(call, "update_account", "bob", {"ban": "Rude."})
    bans = ask(call, "list_bans")
    assert [(ban["address"], ban["reason"], ban["created_at"] > 0) for ban in bans["addresses"]] == [
        ("192.0.2.0/24", "Too loud.", True)
    ]
    assert bans["accounts"] == [{"name": "Bob", "reason": "Rude."}]
    assert ask(town.call(), "list_bans") == {"addresses": [], "accounts": []}
    commit(call)
    assert ask(town.call(), "list_bans") == bans
    other = town.call()
    assert ask(other, "unban_address", "192.0.2.77/24") is True
    assert ask(other, "unban_address", "192.0.2.77/24") is False
    assert ask(other, "list_bans")["addresses"] == []


@pytest.mark.parametrize("name", ["ban_address", "unban_address"])
def test_what_is_no_address(name: str) -> None:
    told = "'home' is no address; use one such as 192.0.2.7, or a network such as 192.0.2.0/24"
    arguments = ("home", "why")[: len(BY_NAME[name].parameters)]
    assert refusal(make_town().call(), name, *arguments) == ("invalid_argument", told)


def test_there_are_only_so_many_bans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "ADDRESS_BANS_LIMIT", 2)
    town = make_town()
    town.storage.registers.address_bans.replace([AddressBan("192.0.2.1", "old", 1)])
    call = town.call()
    ask(call, "ban_address", "192.0.2.2", "")
    assert refusal(call, "ban_address", "192.0.2.3", "") == ("too_large", "there are 2 banned addresses already")
    ask(call, "ban_address", "192.0.2.1", "a new reason is no new ban")
    ask(call, "unban_address", "192.0.2.2")
    ask(call, "ban_address", "192.0.2.3", "")
