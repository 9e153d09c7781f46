"""Which plugins are loaded, in which order, and why the others are not: real folders, the real runtime, a real database."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
from opentelemetry.trace import NoOpTracer
from support.plugins import write_plugin

from holomush import bundled
from holomush.config import PluginsConfig
from holomush.database.migrations import migrate
from holomush.database.schema import CORE_MIGRATIONS
from holomush.database.store import Store, open_store
from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.host import PluginHost, open_host
from holomush.plugins.roster.approvals import Approval
from holomush.plugins.roster.roster import Entry, Roster, State, draw_up, load
from holomush.plugins.roster.source import find_plugins
from holomush.plugins.schema.recorded import recorded_schemas
from holomush.plugins.storage.storage import open_storage
from holomush.world.state import World
from plugins.rooms import make_surroundings

REACHING = 'capabilities: ["write:*"]'
FINE = "commands: [{name: fine, pattern: fine, handler: fine}]"
FINE_SOURCE = "def fine(inv): return 'fine'\n"
TABLE = """
capabilities: [db:migrate]
schema:
  tables:
    - name: logs
      columns:
        - {name: id, type: ulid, primary: true}
        - {name: damage, type: integer}
"""
MIGRATE = ("db:migrate",)


def nothing_bundled(_: Path) -> bool:
    """No plugin comes with this server."""
    return False


def draw(
    folder: Path, *, grants: Mapping[str, tuple[str, ...]] | None = None, approvals: Mapping[str, Approval] | None = None
) -> Roster:
    return draw_up(find_plugins([folder]), is_bundled=nothing_bundled, grants=grants or {}, approvals=approvals or {})


def seen(roster: Roster) -> dict[str, tuple[State, tuple[str, ...]]]:
    return {entry.name: (entry.state, entry.reasons) for entry in roster.entries}


def names(roster: Roster) -> list[str]:
    return [entry.name for entry in roster.ready]


def bump(folder: Path, version: str, old: str = "", new: str = "") -> None:
    """Make a later version of the plugin in ``folder``."""
    text = (folder / "plugin.yaml").read_text().replace("version: 1.0.0", f"version: {version}")
    assert old in text
    (folder / "plugin.yaml").write_text(text.replace(old, new) if old else text)


@attrs.frozen
class Hall:
    """A host with an empty world on a database."""

    host: PluginHost
    store: Store
    loaded: Roster


@asynccontextmanager
async def loaded(data: Path, runtime: SourceRuntime, roster: Roster) -> AsyncIterator[Hall]:
    """What becomes of ``roster`` on the database in ``data``."""
    async with open_store(data / "holomush.db", synchronous="OFF") as store:
        await migrate(store, CORE_MIGRATIONS)
        config = PluginsConfig()
        with open_storage(store, config) as storage:
            async with open_host(runtime, World(), storage, config, NoOpTracer(), make_surroundings()) as host:
                yield Hall(host, store, await load(roster, host, storage, store, await recorded_schemas(store)))


# ---- what is decided by reading --------------------------------------------------------------------------------------


def test_the_order_is_that_of_needs_hints_and_priorities(tmp_path: Path) -> None:
    write_plugin(tmp_path, "a-last", "after: [b-need]\npriority: 1", "")
    write_plugin(tmp_path, "b-need", "depends: [c-base >= 1.0.0]\npriority: 5", "")
    write_plugin(tmp_path, "c-base", "priority: 900", "")
    write_plugin(tmp_path, "d-early", "priority: 10", "")
    write_plugin(tmp_path, "e-first", "before: [d-early]\npriority: 1000", "")
    roster = draw(tmp_path)
    assert names(roster) == ["c-base", "b-need", "a-last", "e-first", "d-early"]
    assert [manifest.name for manifest in roster.manifests] == names(roster)


def test_nothing_at_all() -> None:
    roster = draw_up([], is_bundled=nothing_bundled, grants={}, approvals={})
    assert (roster.entries, roster.ready, roster.manifests) == ((), (), [])


def test_needs_that_are_not_met(tmp_path: Path) -> None:
    write_plugin(tmp_path, "base", "", "")
    write_plugin(tmp_path, "hopeful", "depends: [base >= 2.0.0]", "")
    write_plugin(tmp_path, "lost", "depends: [nowhere, base]", "")
    write_plugin(tmp_path, "behind", "depends: [lost]", "")
    write_plugin(tmp_path, "free", "after: [lost, nowhere]", "")
    roster = draw(tmp_path)
    assert names(roster) == ["base", "free"]
    assert seen(roster) == {
        "base": (State.READY, ()),
        "free": (State.READY, ()),
        "behind": (State.REFUSED, ("needs lost, which was refused",)),
        "hopeful": (State.REFUSED, ("needs base >= 2.0.0, but base is 1.0.0",)),
        "lost": (State.REFUSED, ("needs nowhere, which is not there",)),
    }


def test_what_stays_inside_the_game_needs_no_approval(tmp_path: Path) -> None:
    write_plugin(tmp_path, "inside", 'capabilities: ["emit:*", "read:*", "kv:*"]', "")
    for name, asked in (("all", "*"), ("keeper", "db:*"), ("builder", "write:locations"), ("web", "http:get:a.example")):
        write_plugin(tmp_path, name, f'capabilities: ["{asked}", "read:*"]', "")
    roster = draw(tmp_path)
    assert names(roster) == ["inside"]
    waiting = {entry.name: str(entry.grant.waiting) for entry in roster.entries if entry.grant and entry.state is State.WAITING}
    assert waiting == {"all": "*", "keeper": "db:*", "builder": "write:locations", "web": "http:get:a.example"}


def test_those_who_need_one_that_waits_are_refused(tmp_path: Path) -> None:
    write_plugin(tmp_path, "waits", REACHING, "")
    write_plugin(tmp_path, "needs", "depends: [waits]", "")
    write_plugin(tmp_path, "needs-that", "depends: [needs]", "")
    write_plugin(tmp_path, "alone", "", "")
    assert seen(draw(tmp_path)) == {
        "alone": (State.READY, ()),
        "needs": (State.REFUSED, ("needs waits, which waits for approval",)),
        "needs-that": (State.REFUSED, ("needs needs, which was refused",)),
        "waits": (State.WAITING, ("it asks for write:*; look at it, then: python -m holomush plugin approve waits",)),
    }
    approvals = {"waits": Approval(version="0.1.0", capabilities=("write:*",))}
    assert names(draw(tmp_path, approvals=approvals)) == ["alone", "waits", "needs", "needs-that"]


def test_those_who_need_one_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "bad", "colour: red", "")
    write_plugin(tmp_path, "needs", "depends: [bad]", "")
    roster = seen(draw(tmp_path))
    assert roster["needs"] == (State.REFUSED, ("needs bad, which is refused",))
    state, (reason,) = roster["bad"]
    assert state is State.REFUSED
    assert reason.startswith(f"{folder / 'plugin.yaml'}: unknown key 'colour'; ")


def test_of_one_name_the_first_counts(tmp_path: Path) -> None:
    write_plugin(tmp_path, "first", "", "")
    write_plugin(tmp_path, "second", "", "")
    bump(tmp_path / "second", "2.0.0", "name: second", "name: first")
    roster = draw(tmp_path)
    assert [(entry.folder.name, entry.state, entry.reasons) for entry in roster.entries] == [
        ("first", State.READY, ()),
        ("second", State.REFUSED, (f"{tmp_path / 'first'} has the name first already",)),
    ]


def test_of_one_name_that_waits_the_first_is_told_of_first(tmp_path: Path) -> None:
    """What is approved by name is the first one: it must not be mistaken for the other."""
    write_plugin(tmp_path, "first", REACHING, "")
    write_plugin(tmp_path, "second", 'capabilities: ["http:get:*"]', "")
    bump(tmp_path / "second", "2.0.0", "name: second", "name: first")
    assert [(entry.folder.name, entry.state) for entry in draw(tmp_path).entries] == [
        ("first", State.WAITING),
        ("second", State.REFUSED),
    ]


def test_grants_below_what_is_asked_are_noted(tmp_path: Path) -> None:
    write_plugin(tmp_path, "asks", 'capabilities: ["write:*", "http:get:api.example.com", read:objects]', "")
    roster = draw(tmp_path, grants={"asks": ("write:objects", "read:objects")})
    (entry,) = roster.entries
    assert entry.state is State.READY
    assert entry.notes == ("it asks for write:*, http:get:api.example.com, which plugins.grants.asks does not grant",)
    assert entry.grant is not None
    assert entry.grant.granted.allows("write:objects")
    assert not entry.grant.granted.allows("write:characters")


def test_grants_of_all_that_is_asked_are_an_approval(tmp_path: Path) -> None:
    write_plugin(tmp_path, "asks", REACHING, "")
    (entry,) = draw(tmp_path, grants={"asks": ("write:*", "read:*")}).entries
    assert (entry.state, entry.notes) == (State.READY, ())


def test_tables_need_db_migrate_granted(tmp_path: Path) -> None:
    write_plugin(tmp_path, "keeps", TABLE, "")
    assert seen(draw(tmp_path, grants={"keeps": ("read:*",)})) == {
        "keeps": (State.REFUSED, ("its schema needs db:migrate, which plugins.grants.keeps does not grant",))
    }


def test_a_bad_grant_or_approval_is_told_of(tmp_path: Path) -> None:
    write_plugin(tmp_path, "asks", REACHING, "")
    (entry,) = draw(tmp_path, grants={"asks": ("write:all",)}).entries
    assert entry.state is State.REFUSED
    assert entry.reasons[0].startswith("plugins.grants.asks: 'write:all' is not a capability; ")
    (entry,) = draw(tmp_path, approvals={"asks": Approval(version="1.0.0", capabilities=("write:all",))}).entries
    assert entry.state is State.REFUSED
    assert entry.reasons[0].startswith("approvals.yaml: approved.asks: 'write:all' is not a capability; ")


def test_a_cycle_keeps_those_out_who_make_it(tmp_path: Path) -> None:
    write_plugin(tmp_path, "hen", "after: [egg]", "")
    write_plugin(tmp_path, "egg", "depends: [hen]", "")
    write_plugin(tmp_path, "cock", "depends: [egg]", "")
    write_plugin(tmp_path, "dog", "", "")
    roster = draw(tmp_path)
    assert names(roster) == ["dog"]
    cycle = "is part of a cycle: egg -> hen (hen is after egg) -> egg (egg depends on hen)"
    assert seen(roster) == {
        "dog": (State.READY, ()),
        "hen": (State.REFUSED, (cycle,)),
        "egg": (State.REFUSED, ("needs hen, which was refused",)),
        "cock": (State.REFUSED, ("needs egg, which was refused",)),
    }


def test_of_two_that_conflict_the_one_of_higher_priority_stays(tmp_path: Path) -> None:
    write_plugin(tmp_path, "combat", "conflicts: [fencing]\npriority: 60", "")
    write_plugin(tmp_path, "fencing", "priority: 50", "")
    write_plugin(tmp_path, "wounds", "depends: [combat]", "")
    assert seen(draw(tmp_path)) == {
        "fencing": (State.READY, ()),
        "combat": (State.REFUSED, ("conflicts with fencing, and fencing 1.0.0 (priority 50) is loaded",)),
        "wounds": (State.REFUSED, ("needs combat, which was refused",)),
    }


def test_what_is_refused_conflicts_with_nobody(tmp_path: Path) -> None:
    write_plugin(tmp_path, "combat", "conflicts: [fencing]", "")
    write_plugin(tmp_path, "fencing", f"{REACHING}\npriority: 1", "")
    assert names(draw(tmp_path)) == ["combat"]


def test_only_what_is_in_the_bundled_folder_is_bundled(tmp_path: Path) -> None:
    write_plugin(tmp_path, "echo", REACHING, "")
    assert not bundled.is_bundled(tmp_path / "echo")
    assert bundled.is_bundled(bundled.PLUGINS / "echo")
    assert not bundled.is_bundled(bundled.PLUGINS / "of-my-own")
    roster = draw_up(find_plugins([bundled.PLUGINS, tmp_path]), is_bundled=bundled.is_bundled, grants={}, approvals={})
    (echo,) = [entry for entry in roster.entries if entry.name == "echo"]
    assert (echo.folder, echo.state) == (tmp_path / "echo", State.WAITING)


def test_nobody_takes_the_name_of_a_bundled_one_from_another_folder(tmp_path: Path) -> None:
    write_plugin(tmp_path, "aaa", REACHING, "")
    bump(tmp_path / "aaa", "9.0.0", "name: aaa", "name: echo")
    roster = draw_up(find_plugins([bundled.PLUGINS, tmp_path]), is_bundled=bundled.is_bundled, grants={}, approvals={})
    assert [(entry.folder, entry.state, entry.reasons) for entry in roster.entries if entry.name == "echo"] == [
        (bundled.PLUGINS / "echo", State.READY, ()),
        (tmp_path / "aaa", State.REFUSED, (f"{bundled.PLUGINS / 'echo'} has the name echo already",)),
    ]


def test_a_bundled_one_may_have_what_it_asks_for_but_not_more_than_is_granted(tmp_path: Path) -> None:
    write_plugin(tmp_path, "own", REACHING, "")
    folders = list(find_plugins([tmp_path]))
    (entry,) = draw_up(folders, is_bundled=lambda _: True, grants={}, approvals={}).entries
    assert entry.state is State.READY
    (entry,) = draw_up(folders, is_bundled=lambda _: True, grants={"own": ()}, approvals={}).entries
    assert entry.notes == ("it asks for write:*, which plugins.grants.own does not grant",)


def test_the_report(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_plugin(tmp_path, "asks", REACHING, "")
    write_plugin(tmp_path, "narrow", REACHING, "")
    write_plugin(tmp_path, "lost", "depends: [nowhere, nobody]", "")
    write_plugin(tmp_path, "quiet", "", "")
    draw(tmp_path, grants={"narrow": ()}).report()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "plugin narrow: it asks for write:*, which plugins.grants.narrow does not grant"),
        (
            "WARNING",
            "plugin asks waits for approval: it asks for write:*; look at it, then: python -m holomush plugin approve asks",
        ),
        ("ERROR", "plugin lost is left out: needs nowhere, which is not there"),
        ("ERROR", "plugin lost is left out: needs nobody, which is not there"),
    ]


# ---- what turns out on loading ---------------------------------------------------------------------------------------


def entry_of(roster: Roster, name: str) -> Entry:
    return next(entry for entry in roster.entries if entry.name == name)


async def test_everything_is_loaded_in_order(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    for name, manifest in (("a", "depends: [b]"), ("b", "depends: [c]"), ("c", ""), ("d", "priority: 1"), ("e", "")):
        write_plugin(folder, name, f"{manifest}\n{FINE}", FINE_SOURCE)
    roster = draw(folder)
    async with loaded(data, runtime, roster) as hall:
        assert hall.loaded == roster
        assert [plugin.name for plugin in hall.host.plugins] == names(roster) == ["d", "c", "b", "a", "e"]


async def test_a_plugin_that_cannot_be_loaded_takes_along_who_needs_it(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    write_plugin(folder, "bad", "", "raise ValueError('I will not')\n")
    write_plugin(folder, "empty", FINE, "")
    write_plugin(folder, "needs", f"depends: [bad]\n{TABLE}", "")
    write_plugin(folder, "needs-that", "depends: [needs >= 1.0]", "")
    write_plugin(folder, "alone", FINE, FINE_SOURCE)
    async with loaded(data, runtime, draw(folder, approvals={"needs": Approval(version="1.0.0", capabilities=MIGRATE)})) as hall:
        assert seen(hall.loaded) == {
            "alone": (State.READY, ()),
            "bad": (State.REFUSED, ("it raised an error: ValueError: I will not",)),
            "empty": (State.REFUSED, ("commands[0].handler: plugin.py has no function fine",)),
            "needs": (State.REFUSED, ("needs bad, which could not be loaded",)),
            "needs-that": (State.REFUSED, ("needs needs >= 1.0, which could not be loaded",)),
        }
        assert [plugin.name for plugin in hall.host.plugins] == ["alone"]
        assert await recorded_schemas(hall.store) == {}  # not even its table was made


async def test_tables_are_made_for_who_can_be_loaded(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    write_plugin(folder, "good", TABLE, "")
    write_plugin(folder, "bad", TABLE, "1 / 0\n")
    async with loaded(data, runtime, draw(folder, grants={"good": MIGRATE, "bad": MIGRATE})) as hall:
        assert names(hall.loaded) == ["good"]
        assert set(await recorded_schemas(hall.store)) == {"good"}
        assert await hall.store.fetch("SELECT * FROM p_good__logs") == []


async def test_a_version_that_would_lose_data_is_refused_alone(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    combat = write_plugin(folder, "combat", TABLE, "")
    write_plugin(folder, "wounds", "depends: [combat]", "")
    write_plugin(folder, "alone", FINE, FINE_SOURCE)
    grants = {"combat": MIGRATE}
    async with loaded(data, runtime, draw(folder, grants=grants)) as hall:
        assert names(hall.loaded) == ["alone", "combat", "wounds"]
    bump(combat, "1.1.0", "        - {name: damage, type: integer}\n", "")
    async with loaded(data, runtime, draw(folder, grants=grants)) as hall:
        reason = (
            "table logs: the column damage (integer) is gone: rows would lose it; say drop_column or rename_column in migrations"
        )
        assert seen(hall.loaded) == {
            "alone": (State.READY, ()),
            "combat": (State.REFUSED, (reason,)),
            "wounds": (State.REFUSED, ("needs combat, which could not be loaded",)),
        }
        assert [plugin.name for plugin in hall.host.plugins] == ["alone"]


async def test_a_migration_that_fails_leaves_the_old_schema_and_everybody_else(
    data: Path, runtime: SourceRuntime, tmp_path: Path
) -> None:
    folder = tmp_path / "plugins"
    combat = write_plugin(folder, "combat", TABLE, "")
    write_plugin(folder, "wounds", "depends: [combat]", "")
    write_plugin(folder, "alone", TABLE, "")
    grants = {"combat": MIGRATE, "alone": MIGRATE}
    async with loaded(data, runtime, draw(folder, grants=grants)) as hall:
        await hall.store.write([("INSERT INTO p_combat__logs VALUES ('01JAZZ0000000000000000000A', 7)", ())])
        await hall.store.write([("CREATE TABLE p_combat__wounds (in_the_way)", ())])
        before = await recorded_schemas(hall.store)
    for path in (combat, folder / "alone"):
        more = "        - {name: note, type: string}\n    - name: wounds\n      columns: [{name: id, type: ulid, primary: true}]\n"
        bump(path, "1.1.0", "        - {name: damage, type: integer}\n", f"        - {{name: damage, type: integer}}\n{more}")
    async with loaded(data, runtime, draw(folder, grants=grants)) as hall:
        assert names(hall.loaded) == [plugin.name for plugin in hall.host.plugins] == ["alone"]
        (reason,) = entry_of(hall.loaded, "combat").reasons
        assert reason.startswith("cannot apply the migration combat/0002-1.1.0 to ")
        assert reason.endswith("already exists")
        assert entry_of(hall.loaded, "wounds").reasons == ("needs combat, which could not be loaded",)
        recorded = await recorded_schemas(hall.store)
        assert recorded["combat"] == before["combat"]
        assert recorded["alone"].version == "1.1.0"
        assert await hall.store.fetch("SELECT * FROM p_combat__logs") == [("01JAZZ0000000000000000000A", 7)]
        assert await hall.store.fetch("SELECT * FROM p_alone__wounds") == []


async def test_what_keeps_data_finds_it_after_it_was_away(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    combat = write_plugin(folder, "combat", TABLE, "")
    grants = {"combat": MIGRATE}
    async with loaded(data, runtime, draw(folder, grants=grants)) as hall:
        await hall.store.write([("INSERT INTO p_combat__logs VALUES ('01JAZZ0000000000000000000A', 7)", ())])
    shutil.move(combat, tmp_path / "away")
    async with loaded(data, runtime, draw(folder, grants=grants)) as hall:
        assert hall.loaded.entries == ()
    shutil.move(tmp_path / "away", combat)
    async with loaded(data, runtime, draw(folder, grants=grants)) as hall:
        assert names(hall.loaded) == ["combat"]
        assert await hall.store.fetch("SELECT damage FROM p_combat__logs") == [(7,)]
