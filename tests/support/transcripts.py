"""The transcripts of the plugins, played over telnet: one plugin on the harness and a whole server, side by side.

Owns how the server gets the harness's world, ids included, what each line must show to whom, and what was shown otherwise. The
harness has one plugin and no connections. So what the server says of its own accord to those who come, go or are hung up on is
added to what the harness tells.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio

from holomush.auth.passwords import PasswordHashes
from holomush.commands.access import Access
from holomush.config import SessionsConfig
from holomush.database import records
from holomush.database.connection import SqlValue, Statement
from holomush.events.render import Renderer
from holomush.net.telnet.lines import LINE_LIMIT
from holomush.plugins.guests.guest import SourceRuntime
from holomush.sessions.presence import Presence
from holomush.testing.backstage import Backstage
from holomush.testing.harness import PluginTestHarness
from holomush.testing.people import find_one
from holomush.testing.results import Result
from holomush.testing.stage import PLAYER_ID, Stage
from holomush.testing.transcripts import Case, Step, prepare
from holomush.text.display import encoder_for
from holomush.text.encoding import Encoder
from holomush.text.markup import escape
from holomush.text.preferences import MIN_WIDTH
from holomush.world.model import Character
from holomush.world.rows import load_entities
from support.game import CHEAP, PATIENCE, Player, Server, running_server

PASSWORD = "password"
TABLES = ("players", "locations", "characters", "exits", "objects", "attributes", "kv", "address_bans", "listeners", "timers")
"""What is in them is all that a transcript begins with."""
TOO_LONG = b"x" * (LINE_LIMIT + 1) + b"\r\n"
IGNORED = f"That line is longer than {LINE_LIMIT} bytes and was ignored."
"""The codec's answer to ``TOO_LONG``. It comes in its turn, to that connection alone, and no plugin has to do with it."""
ULID = re.compile(rb"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b")
PROMPTS = re.compile(rb"^> ", re.MULTILINE)

Rows = Mapping[str, Sequence[Sequence[SqlValue]]]


def typed_steps(case: Case) -> tuple[Step, ...]:
    """The steps of a transcript that can be typed at a server: those before the first event or timer.

    None if host functions or web servers are stood in for, or if the plugin has another configuration.
    """
    if case.mocks or case.http or case.config:
        return ()
    first = next((number for number, step in enumerate(case.steps) if step.command is None), None)
    return case.steps[:first]


@attrs.frozen
class Difference:
    """What somebody read of a line, and what they had to read by what the harness says. ``actor`` is whether they typed it."""

    line: str
    who: str
    actor: bool
    expected: str
    read: str

    def __str__(self) -> str:
        return f"{self.line}\n  what {self.who} reads\n  expected: {self.expected!r}\n  read:     {self.read!r}"

    @property
    def only_adds(self) -> bool:
        """Whether all the lines that were expected are there, in their order, with others between them."""
        read = iter(self.read.splitlines())
        return all(line in read for line in self.expected.splitlines())


@attrs.frozen(kw_only=True)
class Turn:
    """What one step comes to. ``texts`` is what everybody who is connected must read, by the ids of their characters."""

    actor: Character
    texts: Mapping[str, Sequence[str]]
    is_left: bool
    """No command of the plugin takes the line, so it is up to others what is shown."""
    gone: frozenset[str]
    """The characters of those who are hung up on."""
    switches: bool
    """The connection goes on as another character."""
    ends: bool
    """The plugin stops the server."""


class Script:
    """One transcript on the harness, and what each of its lines must show at a server."""

    def __init__(self, harness: PluginTestHarness, case: Case, renderer: Renderer) -> None:
        """``renderer`` knows the texts of all plugins: the events of one may have theirs from another."""
        self._harness = harness
        self._case = case
        self._stage: Stage = harness.world._stage
        self._stage.bus.renderer = renderer
        prepare(harness, case)

    def rows(self) -> Rows:
        """What the database holds now."""
        return {table: self._harness._backstage.call(_rows, self._stage, table) for table in TABLES}

    def cast(self) -> dict[str, Character]:
        """Everybody who is connected, by id, those who came first at the beginning."""
        entities = self._stage.world.entities()
        return {one.id: one for one in entities if isinstance(one, Character) and self._stage.crowd.is_connected(one.id)}

    def play(self, step: Step) -> Turn:
        """Do one step."""
        crowd, before, switched_before = self._stage.crowd, self.cast(), dict(self._stage.crowd.switched)
        actor = find_one(self._stage.world, step.by, Character)
        line = step.command or ""
        session = self._case.session.given() | step.session.given()
        result = self._harness.run_command(line, actor, access=step.access or self._case.access, session=session, check=False)
        after = self.cast()
        switches = crowd.switched != switched_before

        usage = _usage(result, self._harness.manifest.name, line)
        output = usage if result.output is None else result.output
        texts = {one: [escape(text) for text in result.heard_by_id.get(one, ())] for one in before}
        if output is not None:
            texts[actor.id].insert(0, output)
        for one in before.keys() - after.keys():
            _tell(texts, after, before[one], "disconnected")
            if one != actor.id or not switches:
                texts[one].append(_farewell(result, one))
        for one in after.keys() - before.keys():
            _tell(texts, after, after[one], "connected")
        if crowd.shut_down_for is not None:
            why = [f"The server is shutting down: {crowd.shut_down_for}"] if crowd.shut_down_for else []
            for lines in texts.values():
                lines += [*why, "The server is shutting down. Goodbye."]
        return Turn(
            actor=actor,
            texts=texts,
            is_left=(result.error is not None and usage is None) or result.handled is False,
            gone=frozenset(before.keys() - after.keys() - ({actor.id} if switches else set())),
            switches=switches,
            ends=crowd.shut_down_for is not None,
        )


class Playhouse:
    """A server that stays up for many transcripts, in a thread of its own. After one that stops it there is a new one."""

    def __init__(self, runtime: SourceRuntime, make_folder: Callable[[], Path]) -> None:
        """``make_folder`` gives each server its data folder."""
        self._runtime = runtime
        self._make_folder = make_folder
        self._backstage: Backstage[Server] | None = None

    def play(self, folder: Path, case: Case) -> list[Difference]:
        """Play what can be typed of a transcript of the plugin in ``folder``. Not for code that runs under Trio."""
        backstage = self._open()
        server = backstage.opened
        differences: list[Difference] = []
        is_whole = False
        try:
            with PluginTestHarness(folder) as harness:
                script = Script(harness, case, server.running.game.bus.renderer)
                performance = Performance(server, case)
                backstage.call(performance.begin, script.rows(), list(script.cast().values()))
                for step in typed_steps(case):
                    turn = script.play(step)
                    differences += backstage.call(performance.play, step, turn)
                    if turn.ends:
                        return differences
                    if turn.switches:
                        break  # in the harness nobody has two connections, or another character than the first
                backstage.call(performance.end)
            is_whole = True
        finally:
            if not is_whole:
                self.close()
        return differences

    def close(self) -> None:
        """Stop the server."""
        if self._backstage is not None:
            self._backstage.close()
            self._backstage = None

    def _open(self) -> Backstage[Server]:
        if self._backstage is None:
            # Nothing is typed for those who come in, so that all they read is of the transcript.
            sessions = SessionsConfig(first_command="")
            self._backstage = Backstage(partial(running_server, self._make_folder(), self._runtime, sessions=sessions))
        return self._backstage


class Performance:
    """One transcript at the server. All of it runs where the server does."""

    def __init__(self, server: Server, case: Case) -> None:
        self._server = server
        self._game = server.running.game
        self._case = case
        self._players: dict[str, Player] = {}
        self._access: dict[str, Access] = {}
        self._known: frozenset[bytes] = frozenset()

    async def begin(self, rows: Rows, cast: Sequence[Character]) -> None:
        """Put the world in, and let everybody come in who is connected."""
        await self._fill(rows)
        self._known = frozenset(str(row[0]).encode() for table in TABLES for row in rows[table])
        for character in cast:
            player = self._players[character.id] = await self._server.connect()
            await player.type(f'connect "{character.name}" {PASSWORD}')
            await _everything(player)
        for player in self._players.values():
            await _everything(player)  # that the others have come

    async def play(self, step: Step, turn: Turn) -> list[Difference]:
        """Type a line. Gives what anybody read of it otherwise than they should.

        How a line looks in a window that is narrower than any can be is for the harness alone.
        """
        self._dress(step, turn.actor)
        before = self._encoders()
        await self._players[turn.actor.id].type(step.command or "")
        hung_up_on = list(self._players) if turn.ends else [one for one in self._players if one in turn.gone]
        read = {one: await _to_the_end(self._players[one]) for one in hung_up_on}
        if turn.gone:
            await self._wait_until(lambda: not any(map(self._presence, turn.gone)))
        # The actor first, since then the line is done; and only now, as the others are told who has left.
        for one in (turn.actor.id, *self._players):
            if one not in read:
                read[one] = await _everything(self._players[one])
        encoders = before | self._encoders()
        differences = []
        for one, raw in read.items():
            is_actor = one == turn.actor.id
            expected = b"".join(encoders[one](f"{text}\n") for text in turn.texts[one])
            data = PROMPTS.sub(b"", raw)  # they are the connection's; the harness has none
            shown = data.removesuffix(encoders[one](f"{IGNORED}\n"))
            if is_actor and turn.is_left:
                expected = b"Huh?"
                shown = shown[: len(expected)]
            if self._masked(shown) != self._masked(expected):
                texts = (text.decode(errors="replace") for text in (expected, data))
                differences.append(Difference(step.command or "", one, is_actor, *texts))
        for one in turn.gone:
            await self._players.pop(one).hang_up()
        return [] if self._chosen(step).get("width", MIN_WIDTH) < MIN_WIDTH else differences

    async def end(self) -> None:
        """Let everybody go."""
        for player in self._players.values():
            await player.hang_up()
        await self._wait_until(lambda: not list(self._game.presences) and not self._game.presences.seats)

    async def _fill(self, rows: Rows) -> None:
        """Make ``rows`` all that the database holds, and the server read it anew, as after a failure of the disk."""
        store = self._game.store
        own = await store.fetch("SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 2) = 'p_'")
        statements: list[Statement] = [(f'DELETE FROM "{table}"', ()) for table in (*(name for (name,) in own), *TABLES)]
        statements.append(("DELETE FROM settings WHERE key LIKE 'plugin-off:%'", ()))
        for table in TABLES:
            columns = records.TABLES[table].columns
            statements += [records.insert(table, dict(zip(columns, row, strict=True))) for row in rows[table]]
        hashed = await PasswordHashes(CHEAP).hash(PASSWORD)
        statements.append(records.update("players", PLAYER_ID, {"password_hash": hashed}))
        # Nobody has missed what happened in the transcripts before.
        statements.append(("UPDATE characters SET seen_sequence = ?", (self._game.bus.sequence,)))
        await store.write(statements)
        self._game.world.replace(await load_entities(store))
        await self._server.running.host._storage.reload(store)
        await self._game.presences.load()

    def _dress(self, step: Step, actor: Character) -> None:
        """Let the actor have the access and the display of this step, which on the harness has nothing to do with the account."""
        self._access[actor.id] = Access.parse(step.access or self._case.access)
        chosen = self._chosen(step)
        if "screen_reader" in chosen:
            chosen["screen_reader"] = "on" if chosen["screen_reader"] else "off"
        if "width" in chosen:
            chosen["width"] = max(MIN_WIDTH, chosen["width"])
        player = self._server.running.registers.accounts.get(PLAYER_ID)
        for presence in self._game.presences:
            presence.access = self._access.get(presence.character_id, Access.ADMIN)
            presence.last_input = time.time()  # on the harness nobody is ever idle
            if player is not None and presence.character_id == actor.id:
                for client in presence.clients:
                    client.prefer({**player.preferences, **chosen})

    def _chosen(self, step: Step) -> dict[str, Any]:
        """What the plugin is told of the display in this step."""
        return self._case.session.given() | step.session.given()

    def _presence(self, character_id: str) -> Presence | None:
        return self._game.presences.get(character_id)

    def _encoders(self) -> dict[str, Encoder]:
        """How text becomes bytes for each of those who are in play."""
        present = {one: self._presence(one) for one in self._players}
        clients = {one: presence.clients[0] for one, presence in present.items() if presence is not None and presence.clients}
        return {one: encoder_for(client.display) for one, client in clients.items()}

    async def _wait_until(self, left: Callable[[], bool]) -> None:
        """Wait until somebody has left and everybody has been told."""
        with trio.fail_after(PATIENCE):
            while not left():
                await trio.lowlevel.checkpoint()
        await self._game.store.write([])

    def _masked(self, data: bytes) -> bytes:
        """Ids that were made up on the way are others on either side."""
        return ULID.sub(lambda found: found[0] if found[0] in self._known else b"<made up>", data)


async def _rows(stage: Stage, table: str) -> list[tuple[Any, ...]]:
    return await stage.store.fetch(f"SELECT {', '.join(records.TABLES[table].columns)} FROM {table}")


async def _everything(player: Player) -> bytes:
    """All that somebody has been sent by now, and the answer to ``TOO_LONG``."""
    await player.send(TOO_LONG)
    # However narrow the window, the last word stands at the end of a line.
    return await player.read_bytes_until(b"ignored.\r\n")


async def _to_the_end(player: Player) -> bytes:
    return (await player.read_to_end()).replace("\n", "\r\n").encode()


def _usage(result: Result, plugin: str, line: str) -> str | None:
    """How a command is used, if that is what the plugin says to the line."""
    told = (result.error or "").removeprefix(f'{plugin}: no command takes the line "{line}". ')
    return told if told.startswith("Usage: ") else None


def _tell(texts: Mapping[str, list[str]], present: Mapping[str, Character], character: Character, what: str) -> None:
    """The server's own line, for those who stand where somebody has come or gone."""
    for one, other in present.items():
        if one in texts and one != character.id and other.location_id == character.location_id:
            texts[one].append(f"{character.name} has {what}.")


def _farewell(result: Result, character_id: str) -> str:
    """What somebody reads last who is hung up on."""
    reasons = [call.args[1] for call in result.host_calls if call.args and call.args[0] == character_id and "boot" in call.name]
    return f"You are disconnected: {reasons[-1]}" if reasons and reasons[-1] else "You are disconnected."
