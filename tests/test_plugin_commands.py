"""``python -m holomush plugin``: what an operator reads, word for word, and what is done."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import attrs
import pytest
import trio
from click.testing import CliRunner
from support.game import BUNDLED_COMMANDS, running_server
from support.plugins import write_plugin

from holomush.cli import main
from holomush.plugins.guests.guest import SourceRuntime

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 60
FINE = "commands: [{name: fine, pattern: fine, handler: fine}]"
FINE_SOURCE = "def fine(inv): return 'fine'\n"
REACHING = f'capabilities: [read:characters, "http:get:api.example.com"]\n{FINE}'
TABLE = f"""
capabilities: [db:migrate]
schema:
  tables:
    - name: logs
      columns:
        - {{name: id, type: ulid, primary: true}}
        - {{name: damage, type: integer}}
{FINE}
"""
ALL = len(BUNDLED_COMMANDS) + 1
"""How many plugins come along, ``echo`` included."""


@attrs.frozen
class Said:
    """How a command ended: its exit code, and what it wrote where."""

    code: int
    output: str
    errors: str = ""


@attrs.frozen
class Desk:
    """An operator's folder: ``config.yaml``, ``data/`` and ``plugins/`` are in it."""

    path: Path

    @property
    def plugins(self) -> Path:
        return self.path / "plugins"

    @property
    def database(self) -> Path:
        return self.path / "data" / "holomush.db"

    def run(self, *options: str) -> Said:
        """``holomush plugin`` with these options, in this process."""
        result = CliRunner().invoke(main, ["plugin", *options])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    def run_alone(self, *options: str) -> Said:
        """The same in a process of its own."""
        result = subprocess.run(
            [sys.executable, "-m", "holomush", "plugin", *options],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=self.path,
            timeout=PATIENCE,
            check=False,
        )
        return Said(result.returncode, result.stdout, result.stderr)


@pytest.fixture
def desk(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A folder to work in; the plugins that come with HoloMUSH are there, too."""
    desk = Desk(tmp_path)
    desk.plugins.mkdir()
    monkeypatch.chdir(tmp_path)
    return desk


async def serve_once(desk: Desk, runtime: SourceRuntime, *sql: str) -> None:
    """Let a server start and stop, after it has done ``sql``."""
    async with running_server(desk.path / "data", runtime, desk.plugins) as server:
        await server.running.game.store.write([(statement, ()) for statement in sql])


# ---- list ------------------------------------------------------------------------------------------------------------


def test_list_of_what_comes_with_it(desk: Desk) -> None:
    assert desk.run("list") == Said(0, renumbered(1))
    assert not desk.database.exists()


def test_list_of_all_sorts(desk: Desk) -> None:
    write_plugin(desk.plugins, "asks", REACHING, FINE_SOURCE)
    write_plugin(desk.plugins, "behind", "depends: [asks]", "")
    write_plugin(desk.plugins, "crash", "", "import nothing_like_it\n")
    write_plugin(desk.plugins, "early", "priority: 1\ncapabilities: [read:objects, emit:global]", "")
    write_plugin(desk.plugins, "odd", "colour: red\nsize: 3", "")
    (desk.path / "config.yaml").write_text("plugins: {grants: {early: [read:objects]}}\n")
    said = desk.run("list", "--config", "config.yaml")
    known = re.compile("; known are .*")
    assert Said(said.code, known.sub("", said.output), said.errors) == Said(
        0,
        f"""\
1. early 1.0.0: ready
  it asks for emit:global, which plugins.grants.early does not grant
{renumbered(2)}asks 1.0.0: waiting
  it asks for http:get:api.example.com; look at it, then: python -m holomush plugin approve asks
behind 1.0.0: refused
  needs asks, which waits for approval
crash 1.0.0: refused
  it raised an error: ModuleNotFoundError: No module named 'nothing_like_it'
odd: refused
  {desk.plugins}/odd/plugin.yaml: unknown key 'colour', 'size'
""",
    )


def test_a_list_has_no_tracebacks_but_a_check_shows_the_authors_own(desk: Desk) -> None:
    write_plugin(desk.plugins, "crash", "", "import nothing_like_it\n")
    said = desk.run_alone("list")
    assert (said.code, said.errors) == (0, "")
    assert "crash 1.0.0: refused\n  it raised an error: ModuleNotFoundError:" in said.output
    said = desk.run_alone("check", "plugins/crash")
    assert said.code == 1
    assert 'File "plugin.py", line 1, in <module>\n' in said.errors
    assert "holomush" not in said.errors  # not a line of our own code
    assert "problem: it raised an error: ModuleNotFoundError: No module named 'nothing_like_it'\n" in said.output


def test_further_folders_and_other_data(desk: Desk, tmp_path: Path) -> None:
    write_plugin(tmp_path / "more", "asks", REACHING, FINE_SOURCE)
    elsewhere = ("--plugin-dir", "more", "--data", "other")
    assert desk.run("approve", "asks", *elsewhere).code == 0
    assert desk.run("list", *elsewhere).output == f"1. asks 1.0.0: ready\n{renumbered(2)}"
    assert "asks 1.0.0: waiting\n" in desk.run("list", "--plugin-dir", "more").output
    # --data-dir is the same everywhere.
    assert desk.run("list", "--plugin-dir", "more", "--data-dir", "other").output == f"1. asks 1.0.0: ready\n{renumbered(2)}"


def renumbered(first: int) -> str:
    """The plugins that come with HoloMUSH, as a list has them from the number ``first`` on."""
    return "".join(f"{number}. {name} 1.0.0: ready\n" for number, name in enumerate((*BUNDLED_COMMANDS, "echo"), first))


# ---- check -----------------------------------------------------------------------------------------------------------


def test_check_of_a_good_one(desk: Desk) -> None:
    manifest = f'{FINE}\nsubscribes: [{{type: say, stream: "location:*"}}]\ncapabilities: [read:characters]'
    folder = write_plugin(desk.path, "fine", manifest, f"{FINE_SOURCE}\ndef handle_event(): pass\n")
    assert desk.run("check", "fine") == Said(
        0,
        f"""\
fine 1.0.0 in {folder}
asks for read:characters
command fine: fine
hears say on location:*
It would be loaded, as number 1 of {ALL + 1}.
""",
    )


def test_check_tells_of_quarrels_about_commands(desk: Desk) -> None:
    write_plugin(desk.path, "talk", "commands: [{name: say, pattern: say <text>, handler: fine}]\npriority: 150", FINE_SOURCE)
    said = desk.run("check", "talk")
    assert said.code == 0
    (note,) = [line for line in said.output.splitlines() if line.startswith("note: ")]
    assert "say" in note
    assert "holomush-communication" in note


def test_check_of_one_that_waits_finds_out_whether_it_would_work(desk: Desk) -> None:
    folder = write_plugin(desk.path, "asks", REACHING, FINE_SOURCE)
    offers = f"""\
asks 1.0.0 in {folder}
asks for read:characters
asks for http:get:api.example.com, which waits for your approval
command fine: fine
"""
    assert desk.run("check", "asks") == Said(
        0,
        f"{offers}It would be loaded, as number 1 of {ALL + 1}, once you approve of it: python -m holomush plugin approve asks\n",
    )
    (folder / "plugin.py").write_text("def fin(inv): return 'fine'\n")
    assert desk.run("check", "asks") == Said(
        1, f"{offers}problem: commands[0].handler: plugin.py has no function fine\nIt would not be loaded.\n"
    )
    assert not (desk.path / "data" / "approvals.yaml").exists()


def test_check_of_bad_ones(desk: Desk) -> None:
    folder = write_plugin(desk.path, "odd", "priority: high\nlimits: {memory_mb: 1}", "")
    (folder / "plugin.py").unlink()
    assert desk.run("check", "odd") == Said(
        1,
        f"""\
odd in {folder}
problem: {folder}/plugin.yaml: priority: must be a whole number, not 'high'
problem: {folder}/plugin.yaml: limits.memory_mb: must be 16 or more, not 1
problem: {folder}: holds no plugin.py, plugin.js or plugin.wasm: a plugin is a plugin.yaml and one of them
It would not be loaded.
""",
    )
    folder = write_plugin(desk.path, "needs", "depends: [asks >= 2, nowhere]", "")
    write_plugin(desk.plugins, "asks", REACHING, FINE_SOURCE)
    assert desk.run("check", "needs") == Said(
        1,
        f"""\
needs 1.0.0 in {folder}
asks for nothing
problem: needs asks >= 2, which waits for approval
problem: needs nowhere, which is not there
It would not be loaded.
""",
    )


def test_check_where_there_is_no_plugin(desk: Desk) -> None:
    assert desk.run("check", "nowhere") == Said(1, "", "holomush: nowhere: there is no such folder\n")
    (desk.path / "file").touch()
    assert desk.run("check", "file") == Said(1, "", "holomush: file: there is no such folder\n")
    said = desk.run("check", "data")
    assert said.code == 1
    assert f"problem: {desk.path}/data/plugin.yaml: cannot be read: No such file or directory\n" in said.output


def test_a_later_version_is_checked_in_the_place_of_the_one_that_is_there(desk: Desk) -> None:
    write_plugin(desk.plugins, "base", "priority: 1", "")
    write_plugin(desk.plugins, "needs", "depends: [base < 2]", "")
    folder = write_plugin(desk.path / "new", "base", "priority: 1", "")
    text = (folder / "plugin.yaml").read_text()
    (folder / "plugin.yaml").write_text(text.replace("version: 1.0.0", "version: 1.5.0"))
    said = desk.run("check", "new/base")
    assert (said.code, said.output.splitlines()[-1]) == (0, f"It would be loaded, as number 1 of {ALL + 2}.")


def test_what_would_stand_in_for_a_bundled_one_is_checked_as_such(desk: Desk) -> None:
    write_plugin(desk.path, "echo", FINE, FINE_SOURCE)
    said = desk.run("check", "echo")
    assert (said.code, said.output.splitlines()[-1]) == (0, f"It would be loaded, as number 1 of {ALL}.")
    (desk.path / "echo").rename(desk.path / "my-echo")
    said = desk.run("check", "my-echo")
    assert said.code == 1
    assert "plugins/echo has the name echo already\n" in said.output


async def test_check_of_a_version_that_would_lose_data_while_the_server_runs(desk: Desk, runtime: SourceRuntime) -> None:
    folder = write_plugin(desk.plugins, "combat", TABLE, FINE_SOURCE)
    assert (await trio.to_thread.run_sync(desk.run, "approve", "combat")).code == 0
    async with running_server(desk.path / "data", runtime, desk.plugins) as server:
        assert "combat" in [plugin.name for plugin in server.running.host.plugins]
        alice = await server.create("Alice")
        before = await server.running.game.store.fetch("SELECT * FROM plugin_schemas")
        manifest = (folder / "plugin.yaml").read_text()
        later = manifest.replace("version: 1.0.0", "version: 1.1.0")

        async def check(text: str) -> Said:
            (folder / "plugin.yaml").write_text(text)
            return await trio.to_thread.run_sync(desk.run, "check", "plugins/combat")

        head = f"combat 1.1.0 in {folder}\nasks for db:migrate\ncommand fine: fine\n"
        lossy = later.replace("        - {name: damage, type: integer}\n", "")
        assert await check(lossy) == Said(
            1,
            f"{head}problem: table logs: the column damage (integer) is gone: rows would lose it; "
            "say drop_column or rename_column in migrations\nIt would not be loaded.\n",
        )
        assert await check(later.replace("{name: damage", "{name: note, type: string}\n        - {name: damage")) == Said(
            0, f"{head}the database: adds the column logs.note\nIt would be loaded, as number 1 of {ALL + 1}.\n"
        )
        drop = "migrations: [{version: 1.1.0, steps: [{drop_column: {table: logs, column: damage}}]}]\n"
        assert await check(lossy + drop) == Said(
            0, f"{head}the database: drops the column logs.damage\nIt would be loaded, as number 1 of {ALL + 1}.\n"
        )
        # A check is only that: nothing was done, and the server is none the worse.
        assert await server.running.game.store.fetch("SELECT * FROM plugin_schemas") == before
        assert await alice.do("fine") == "fine\n"
    assert list((desk.path / "data").glob("*.bak")) == []


async def test_a_log_left_behind_by_a_crash_is_read(desk: Desk, runtime: SourceRuntime) -> None:
    """The files of a database are copied while it is in use, as a kill would leave them."""
    folder = write_plugin(desk.plugins, "combat", TABLE, FINE_SOURCE)
    assert (await trio.to_thread.run_sync(desk.run, "approve", "combat")).code == 0
    crashed = desk.path / "crashed"
    crashed.mkdir()
    async with running_server(desk.path / "data", runtime, desk.plugins):
        for name in ("holomush.db", "holomush.db-wal"):
            (crashed / name).write_bytes((desk.path / "data" / name).read_bytes())
    (crashed / "approvals.yaml").write_bytes((desk.path / "data" / "approvals.yaml").read_bytes())
    text = (folder / "plugin.yaml").read_text()
    (folder / "plugin.yaml").write_text(text.replace("version: 1.0.0", "version: 0.9.0"))
    said = await trio.to_thread.run_sync(desk.run, "check", "plugins/combat", "--data", "crashed")
    assert said.code == 1
    assert "problem: combat 0.9.0 is older than the 1.0.0 whose tables are in the database; " in said.output


# ---- approve ---------------------------------------------------------------------------------------------------------


def test_approve(desk: Desk) -> None:
    write_plugin(desk.plugins, "asks", REACHING, FINE_SOURCE)
    assert desk.run("approve", "asks") == Said(
        0,
        "Approved of asks 1.0.0, from the next start of the server on:\n  read:characters\n  http:get:api.example.com\n",
    )
    assert (desk.path / "data" / "approvals.yaml").read_text() == (
        "# What was approved with: python -m holomush plugin approve NAME\n"
        "approved:\n  asks:\n    version: 1.0.0\n    capabilities:\n    - read:characters\n    - http:get:api.example.com\n"
    )
    assert desk.run("list").output == f"1. asks 1.0.0: ready\n{renumbered(2)}"


def test_approving_makes_the_data_folder(desk: Desk) -> None:
    write_plugin(desk.plugins, "asks", REACHING, FINE_SOURCE)
    assert desk.run("approve", "asks", "--data", "new/data").code == 0
    assert (desk.path / "new" / "data" / "approvals.yaml").is_file()


def test_approve_what_cannot_be(desk: Desk) -> None:
    write_plugin(desk.plugins, "fine", FINE, FINE_SOURCE)
    folder = write_plugin(desk.plugins, "odd", "colour: red", "")
    write_plugin(desk.plugins, "asks", REACHING, FINE_SOURCE)
    (desk.path / "config.yaml").write_text("plugins: {grants: {asks: []}}\n")
    for options, line in (
        (["fine"], "fine asks for nothing that needs an approval"),
        (["odd"], f"odd cannot be read: {folder}/plugin.yaml: unknown key 'colour'; known are .*"),
        (
            ["nobody"],
            f"there is no plugin nobody; there are asks, echo, fine, {', '.join(BUNDLED_COMMANDS)}, odd; "
            "--plugin-dir says where further ones are",
        ),
        (["asks", "--config", "config.yaml"], r"what asks may do is in the configuration: plugins\.grants\.asks"),
    ):
        said = desk.run("approve", *options)
        assert (said.code, said.output) == (1, "")
        assert re.fullmatch(f"holomush: {line}\n", said.errors), said.errors
    assert not (desk.path / "data" / "approvals.yaml").exists()


def test_an_approvals_file_that_cannot_be_read_is_one_line(desk: Desk) -> None:
    (desk.path / "data" / "approvals.yaml").write_text("approved: {asks: {version: 1.0.0}}\n")
    line = "holomush: data/approvals.yaml: approved['asks'].capabilities: the key 'capabilities' is missing\n"
    for options in (["list"], ["check", "data"], ["approve", "echo"], ["remove", "asks"]):
        assert desk.run(*options) == Said(1, "", line)


def test_an_approval_that_cannot_be_written_is_one_line(desk: Desk) -> None:
    write_plugin(desk.plugins, "asks", REACHING, FINE_SOURCE)
    (desk.path / "data" / "approvals.yaml.part").mkdir()
    line = "holomush: data/approvals.yaml: cannot be written: Is a directory\n"
    assert desk.run("approve", "asks") == Said(1, "", line)


# ---- remove ----------------------------------------------------------------------------------------------------------


def test_remove_an_approval(desk: Desk) -> None:
    write_plugin(desk.plugins, "asks", REACHING, FINE_SOURCE)
    desk.run("approve", "asks")
    assert desk.run("remove", "asks") == Said(0, "The approval of asks is forgotten.\n")
    assert "asks 1.0.0: waiting\n" in desk.run("list").output
    assert desk.run("remove", "asks") == Said(0, "asks had no approval.\n")


async def test_remove_with_data(desk: Desk, runtime: SourceRuntime) -> None:
    folder = write_plugin(desk.plugins, "combat", TABLE, FINE_SOURCE)
    write_plugin(desk.plugins, "combat-log", TABLE, FINE_SOURCE)
    for name in ("combat", "combat-log"):
        await trio.to_thread.run_sync(desk.run, "approve", name)
    row = "VALUES ('01JAZZ0000000000000000000A', 7)"
    await serve_once(desk, runtime, f"INSERT INTO p_combat__logs {row}", f"INSERT INTO p_combat_log__logs {row}")
    backup = desk.path / "data" / "holomush.db.before-removing-combat.bak"
    assert await trio.to_thread.run_sync(desk.run, "remove", "combat", "--data") == Said(
        0,
        f"Everything that combat kept is gone from the database. A copy from before: {backup}\n"
        "The approval of combat is forgotten.\n",
    )
    assert rows(backup, "SELECT damage FROM p_combat__logs") == [(7,)]
    assert rows(desk.database, "SELECT name FROM sqlite_schema WHERE name LIKE 'p%combat%__%logs'") == [("p_combat_log__logs",)]
    assert rows(desk.database, "SELECT damage FROM p_combat_log__logs") == [(7,)]
    assert await trio.to_thread.run_sync(desk.run, "remove", "combat", "--data") == Said(
        0, "combat keeps nothing in the database.\ncombat had no approval.\n"
    )
    # Installed again it begins with nothing.
    assert folder.is_dir()
    await trio.to_thread.run_sync(desk.run, "approve", "combat")
    await serve_once(desk, runtime)
    assert rows(desk.database, "SELECT * FROM p_combat__logs") == []


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


async def test_removing_data_that_a_server_uses_is_refused(desk: Desk, runtime: SourceRuntime) -> None:
    write_plugin(desk.plugins, "combat", TABLE, FINE_SOURCE)
    await trio.to_thread.run_sync(desk.run, "approve", "combat")
    async with running_server(desk.path / "data", runtime, desk.plugins) as server:
        assert await trio.to_thread.run_sync(desk.run_alone, "remove", "combat", "--data") == Said(
            1, "", f"holomush: cannot open the database {desk.database}: another server is using it\n"
        )
        assert await server.running.game.store.fetch("SELECT * FROM p_combat__logs") == []
    assert "combat:\n" in (desk.path / "data" / "approvals.yaml").read_text()


def test_removing_data_where_there_is_none(desk: Desk) -> None:
    line = "holomush: {}/holomush.db: there is no such database\n"
    assert desk.run("remove", "combat", "--data") == Said(1, "", line.format("data"))
    assert desk.run("remove", "combat", "--data", "--data-dir", "other") == Said(1, "", line.format("other"))
    assert not desk.database.exists()


def test_a_folder_after_data_removes_nothing(desk: Desk) -> None:
    """Elsewhere ``--data`` takes a folder. Here it must not drop anything by mistake."""
    said = desk.run("remove", "combat", "--data", "other")
    assert (said.code, said.output) == (2, "")
    assert "unexpected extra argument (other)" in said.errors


# ---- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [["list"], ["check", "data"], ["approve", "echo"], ["remove", "echo"]])
def test_mistakes_in_the_configuration_are_one_line(desk: Desk, options: list[str]) -> None:
    line = "holomush: missing.yaml: cannot be read: No such file or directory\n"
    assert desk.run(*options, "--config", "missing.yaml") == Said(1, "", line)


@pytest.mark.parametrize("options", [["list"], ["check", "data"], ["approve", "echo"]])
def test_a_missing_folder_of_plugins_is_one_line(desk: Desk, options: list[str]) -> None:
    line = "holomush: plugins: missing: there is no such folder\n"
    assert desk.run(*options, "--plugin-dir", "missing") == Said(1, "", line)


@pytest.mark.parametrize("options", [["list"], ["check", "plugins"], ["remove", "combat", "--data"]])
def test_a_file_that_is_no_database_is_one_line(desk: Desk, options: list[str]) -> None:
    desk.database.write_bytes(b"no database " * 1000)
    said = desk.run_alone(*options)
    assert (said.code, said.output) == (1, "")
    assert re.fullmatch(r"holomush: cannot (read|open) the database .*holomush\.db: .*\n", said.errors), said.errors


@pytest.mark.parametrize("options", [["dance"], ["check"], ["approve"], ["remove"], ["list", "all"], ["remove", "a", "b"]])
def test_wrong_usage_is_explained(desk: Desk, options: list[str]) -> None:
    said = desk.run(*options)
    assert (said.code, said.output) == (2, "")
    assert said.errors.startswith("Usage: ")
    assert "Error: " in said.errors
