"""Attacks that take more than one call: on the commit, on what is kept, on other plugins, on web servers, on memory."""

from __future__ import annotations

import gc
import re
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent, indent

import attrs
import pytest
import trio
from plugins.http_server import Script, answer, http_server, redirect, repeats, waits
from support.game import ADMIN_PASSWORD, Player, Server, running_server
from support.plugins import write_plugin

from game.hostile import (
    EVERYTHING,
    GRANTED,
    MANIFEST,
    TOO_LONG,
    TOO_MUCH_MEMORY,
    assert_unknown,
    attacked_server,
    broken,
    everything,
    while_bob_talks,
    write_python,
    write_wasm,
)
from holomush.config import HttpConfig, KvConfig, PausesConfig, PluginsConfig, Rate, TablesConfig
from holomush.plugins.guests.guest import SourceRuntime


async def count(server: Server, what: str) -> int:
    """Rows of the database."""
    ((number,),) = await server.running.game.store.fetch(f"SELECT count(*) FROM {what}")
    return int(number)


async def assert_sound(server: Server, alice: Player) -> None:
    """Memory and disk agree, the store works and Alice can talk."""
    await everything(server)
    assert server.running.game.store.failure is None
    assert await alice.do("say still here") == 'You say, "still here"\n'


# The commit. Whatever a call puts together, it is done as a whole or refused, and SQLite never has to say no.

COMMITS = {
    "a thing given to somebody who goes": """
npc = create_character("Yan", SQUARE)
create_object("hat", location=SQUARE, owner_id=npc.id)
update_location(GARDEN, owner_id=npc.id)
destroy_character(npc.id)
""",
    "a thing given to somebody made before who goes": """
update_character(how, description="pale")
update_location(GARDEN, owner_id=how)
create_object("hat", location=SQUARE, owner_id=how)
destroy_character(how)
""",
    "rows about somebody who goes": """
table_insert("notes", who=how, text="alas")
table_insert("debts", id="his", who=how)
destroy_character(how)
""",
    "rows about somebody who comes and goes": """
npc = create_character("Yan", SQUARE)
table_insert("notes", who=npc.id, text="alas")
table_insert("debts", id="his", who=npc.id)
destroy_character(npc.id)
""",
    "a row that is deleted and made again about somebody who goes": """
table_delete("debts", "old")
table_insert("debts", id="old", who=how)
destroy_character(how)
""",
    "a place that comes and goes": """
place = create_location("Attic")
there = create_exit("up", SQUARE, place.id)
back = create_exit("down", place.id, SQUARE)
npc = create_character("Yan", place.id)
hat = create_object("hat", character=npc.id)
set_attributes(npc.id, mood="sad")
for one, destroy in ((hat, destroy_object), (npc, destroy_character), (there, destroy_exit), (back, destroy_exit)):
    assert refused(destroy_location, place.id).startswith("invalid_argument")
    destroy(one.id)
destroy_location(place.id)
""",
    "an exit that leads elsewhere before its place goes": """
place = create_location("Attic")
way = create_exit("up", SQUARE, place.id)
update_exit(way.id, destination_id=GARDEN, source_id=GARDEN)
destroy_location(place.id)
""",
    "an exit to a place that has gone": """
place = create_location("Attic")
destroy_location(place.id)
assert refused(create_exit, "up", SQUARE, place.id).startswith("not_found")
assert refused(move_character, inv.actor.id, place.id).startswith("not_found")
assert refused(create_object, "hat", location=place.id).startswith("not_found")
assert refused(update_location, place.id, name="Cellar").startswith("not_found")
assert refused(destroy_location, place.id).startswith("not_found")
assert refused(set_attributes, place.id).startswith("not_found")
""",
    "names that go round": """
one = create_character("Yan", SQUARE)
update_character(one.id, name="Yin")
two = create_character("Yan", SQUARE)
assert "taken" in refused(update_character, one.id, name="Yan")
destroy_character(two.id)
update_character(one.id, name="Yan")
assert "taken" in refused(update_character, how, name="Yan")
""",
    "a name that goes over": """
update_character(how, name="Zod")
assert "taken" in refused(create_character, "Zed", SQUARE)
destroy_character(how)
assert "taken" in refused(create_character, "Zed", SQUARE)
create_character("Zod", SQUARE)
""",
    "boxes inside each other": """
one, two = create_object("box", location=SQUARE), create_object("crate", location=SQUARE)
move_object(one.id, container=two.id)
assert "inside itself" in refused(move_object, two.id, container=one.id)
assert "not empty" in refused(destroy_object, two.id)
destroy_object(one.id)
move_object(two.id, character=how)
assert "not empty" in refused(destroy_character, how)
destroy_object(two.id)
destroy_character(how)
""",
    "attributes on what goes": """
set_attributes(how, mood="sad", note={"a": [1, 1.0, True]})
set_attributes(how, mood=None, note={"a": [1.0, True, 1]})
destroy_character(how)
assert refused(set_attributes, how, mood="glad").startswith("not_found")
""",
    "an event where nobody is any more": """
place = create_location("Attic")
emit_event(f"location:{place.id}", "boast", {"boast": "x"})
emit_event(f"character:{how}", "boast", {"boast": "x"})
destroy_location(place.id)
destroy_character(how)
""",
    "a key set and deleted": """
kv_set("a", "1")
kv_delete("a")
kv_set("b", b"\\xff\\x00")
kv_set("c\\x00d", "1")
kv_set("\\U0001F600" * 64, "")
assert kv_list() == ["b", "c\\x00d", "\\U0001F600" * 64]
""",
    "a row with the key of one that goes": """
table_insert("debts", id="new", who=inv.actor.id)
assert "already" in refused(table_insert, "debts", id="new", who=inv.actor.id)
assert "already" in refused(table_insert, "debts", id="old", who=inv.actor.id)
table_update("debts", "old", who=inv.actor.id)
destroy_character(how)
""",
}


@pytest.mark.parametrize("name", COMMITS)
async def test_what_is_put_together_is_done_as_a_whole(data: Path, runtime: SourceRuntime, tmp_path: Path, name: str) -> None:
    setup = """
if how == "make":
    zed = create_character("Zed", SQUARE).id
    table_insert("debts", id="old", who=zed)
    return zed
"""
    write_python(tmp_path / "plugins", f'{setup}{COMMITS[name]}\nreturn "All is done."')
    async with attacked_server(data, runtime, tmp_path / "plugins") as (server, alice, _):
        zed = (await alice.do("attack make")).strip()
        told = await alice.do(f"attack {zed}")
        assert told.endswith("All is done.\n")
        await assert_sound(server, alice)
        assert await count(server, "characters WHERE name = 'Alice'") == 1


async def test_a_row_moved_to_another_survives_whom_it_was_about(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    body = """
if how == "make":
    zed = create_character("Zed", SQUARE).id
    table_insert("debts", id="old", who=zed)
    return zed
if how == "show":
    return str(len(table_select("debts", {"who": inv.actor.id})))
table_update("debts", "old", who=inv.actor.id)
destroy_character(how)
"""
    write_python(tmp_path / "plugins", body)
    async with attacked_server(data, runtime, tmp_path / "plugins") as (server, alice, _):
        zed = (await alice.do("attack make")).strip()
        assert await alice.do(f"attack {zed}") == ""
        assert await alice.do("attack show") == "1\n"
        assert await count(server, "p_hostile__debts") == 1


# Web servers, and what goes on while one of them is slow.


def web(*urls: str, **limits: float) -> PluginsConfig:
    """The hostile plugin may ask these local servers."""
    http = HttpConfig(local_hosts=urls, **limits)  # type: ignore[arg-type]
    capabilities = tuple(f"http:{method}:{url}" for url in urls for method in ("get", "post"))
    return PluginsConfig(grants={"hostile": (*EVERYTHING, *capabilities)}, http=http)


class Gate:
    """A page that a web server gives only when the test says so."""

    def __init__(self) -> None:
        self.asked = trio.Event()
        self.opened = trio.Event()

    async def __call__(self, stream: trio.abc.Stream) -> None:
        self.asked.set()
        await self.opened.wait()
        await stream.send_all(answer(b"come in"))


SLOW_BODIES: Mapping[str, tuple[bytes | Script, str]] = {
    "a slow head": (waits(b"HTTP/1.1 200 OK\r\n"), "timeout: {host} has not answered in full after 0.3 s"),
    "a slow body": (
        waits(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        "timeout: {host} has not answered in full after 0.3 s",
    ),
    "an endless body": (
        repeats(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096),
        "too_large: an answer may have 65536 bytes and come in 8192 pieces, and this one is larger",
    ),
    "an endless head": (
        repeats(b"HTTP/1.1 200 OK\r\n", b"X-Filler: x\r\n" * 99),
        "unavailable: {host} does not answer in proper HTTP",
    ),
    "a huge body": (
        answer(b"x" * 100_000),
        "too_large: an answer may have 65536 bytes and come in 8192 pieces, and this one is larger",
    ),
    "no HTTP": (b"SSH-2.0-OpenSSH\r\n\r\n", "unavailable: {host} does not answer in proper HTTP"),
    "a redirect to a private address": (
        redirect("https://192.168.0.1/"),
        "unavailable: {host} redirects to where nothing can be asked: 'https://192.168.0.1/': name the server by its domain",
    ),
    "a redirect to a file": (
        redirect("file:///etc/passwd"),
        "unavailable: {host} redirects to where nothing can be asked: 'file:///etc/passwd': write https://",
    ),
    "a redirect to a server that may not be asked": (
        redirect("https://example.com/"),
        "capability_denied: the plugin has no capability http:get:example.com",
    ),
    "a redirect to itself": (redirect("/"), "unavailable: {host}: more than 5 redirects"),
    "a redirect to a name of this machine": (
        redirect("https://localhost/"),
        "capability_denied: the plugin has no capability http:get:localhost",
    ),
}


@pytest.mark.parametrize("name", SLOW_BODIES)
async def test_a_hostile_web_server(data: Path, runtime: SourceRuntime, tmp_path: Path, name: str) -> None:
    script, told = SLOW_BODIES[name]
    async with http_server({"/": script}) as website:
        config = web(website.host, timeout=0.3, response_limit=65_536)
        capabilities = [*EVERYTHING, f"http:get:{website.host}"]
        source = f"return refused(http_get, {website.url + '/'!r})"
        write_python(tmp_path / "plugins", source, capabilities=capabilities)
        async with attacked_server(data, runtime, tmp_path / "plugins", config) as (server, alice, bob):
            before = await everything(server)
            answered, said = await while_bob_talks(bob, alice, "attack")
            assert answered.startswith(told.format(host=website.host))
            assert said > 0
            assert await everything(server) == before


async def test_private_names_are_not_asked_even_with_the_capability(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    capabilities = [*EVERYTHING, "http:get:*"]
    write_python(tmp_path / "plugins", 'return refused(http_get, "https://localhost/")', capabilities=capabilities)
    config = PluginsConfig(grants={"hostile": tuple(capabilities)})
    async with attacked_server(data, runtime, tmp_path / "plugins", config) as (_, alice, _bob):
        told = "unavailable: localhost is not on the public internet: plugins can ask no other server\n"
        assert await alice.do("attack") == told


async def test_what_reached_out_is_not_done_twice(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    gate = Gate()
    async with http_server({"/": gate}) as website:
        body = f"""
if how == "set":
    kv_set("count", "100")
    return "set"
seen = kv_get("count")
emit_event(f"location:{{SQUARE}}", "boast", {{"boast": "x"}})
http_get({website.url + "/"!r})
kv_set("count", "1")
"""
        write_python(tmp_path / "plugins", body, capabilities=[*EVERYTHING, f"http:get:{website.host}"])
        async with attacked_server(data, runtime, tmp_path / "plugins", web(website.host)) as (server, alice, bob):
            await alice.type("attack")
            await gate.asked.wait()
            assert await bob.do("attack set") == "set\n"
            gate.opened.set()
            told = '"attack" was not done: something changed meanwhile, and what it asked of other servers cannot be asked twice.\n'
            assert await alice.read_until("\n") == told
            assert len(website.asked) == 1
            assert (await everything(server))["keys"]["hostile"] == {"count": b"100"}
            assert await count(server, "events WHERE type = 'boast'") == 0


async def test_nobody_who_comes_back_meanwhile_is_destroyed(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    gate = Gate()
    async with http_server({"/": gate}) as website:
        body = f"""
destroy_character(find("Carol", inv.actor.id, ["character"])[0].id)
http_get({website.url + "/"!r})
return "destroyed"
"""
        write_python(tmp_path / "plugins", body, capabilities=[*EVERYTHING, f"http:get:{website.host}"])
        async with attacked_server(data, runtime, tmp_path / "plugins", web(website.host)) as (server, alice, _):
            carol = await server.create("Carol")
            await carol.type("quit")
            await carol.read_to_end()
            await alice.read_until("Carol has disconnected.\n")
            await alice.type("attack")
            await gate.asked.wait()
            carol, _ = await server.come_back("Carol")
            await alice.read_until("Carol has connected.\n")
            gate.opened.set()
            assert "was not done" in await alice.read_until("\n")
            assert await carol.do("say I live") == 'You say, "I live"\n'
            await alice.read_until('Carol says, "I live"\n')
            await assert_sound(server, alice)


async def test_the_quota_of_keys_holds_for_calls_at_once(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    gate = Gate()
    async with http_server({"/": gate}) as website:
        body = f"""
for n in range(6):
    kv_set(f"{{inv.actor.name}}{{n}}", "x")
if how != "fill":
    http_get({website.url + "/"!r})
return "kept"
"""
        write_python(tmp_path / "plugins", body, capabilities=[*EVERYTHING, f"http:get:{website.host}"])
        config = attrs.evolve(web(website.host), kv=KvConfig(keys=10))
        async with attacked_server(data, runtime, tmp_path / "plugins", config) as (server, alice, bob):
            await alice.type("attack")
            await gate.asked.wait()
            assert await bob.do("attack fill") == "kept\n"
            gate.opened.set()
            assert "was not done" in await alice.read_until("\n")
            assert await count(server, "kv") == 6
            await assert_sound(server, alice)


# Floods.


async def test_a_flood_of_keys_ends_at_the_quota(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    body = """
last = ""
for n in range(100):
    last = refused(kv_set, f"{how}-{n}", "x" * 900)
return last + "|" + str(len(kv_list()))
"""
    write_python(tmp_path / "plugins", body)
    config = attrs.evolve(GRANTED, kv=KvConfig(keys=250, total_limit=200_000))
    async with attacked_server(data, runtime, tmp_path / "plugins", config) as (server, alice, bob):
        told = [(await while_bob_talks(bob, alice, f"attack {n}"))[0] for n in range(4)]
        assert told == [
            "done: None|100\n",
            "done: None|200\n",
            "too_large: a plugin may keep 200000 bytes under its keys|221\n",
            "too_large: a plugin may keep 200000 bytes under its keys|221\n",
        ]
        assert await count(server, "kv") == 221
        await assert_sound(server, alice)


async def test_a_flood_of_rows_ends_at_the_bound(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    body = """
for n in range(100):
    last = refused(table_insert, "notes", text="x" * 100)
return "done" if last.startswith("done") else last
"""
    write_python(tmp_path / "plugins", body)
    config = attrs.evolve(GRANTED, tables=TablesConfig(rows=150))
    async with attacked_server(data, runtime, tmp_path / "plugins", config) as (server, alice, bob):
        told = [(await while_bob_talks(bob, alice, "attack"))[0] for _ in range(3)]
        full = "too_large: a table may have 150 rows, and notes has them\n"
        assert told == ["done\n", full, full]
        assert await count(server, "p_hostile__notes") == 150
        await assert_sound(server, alice)


async def test_a_flood_of_attributes_takes_no_more_than_what_is_declared(
    data: Path, runtime: SourceRuntime, tmp_path: Path
) -> None:
    body = """
for n in range(20):
    set_attributes(inv.actor.id, mood=str(n % 10) * 40_000)
return set_attributes(inv.actor.id, note=["x"] * 3_000).mood[:3]
"""
    write_python(tmp_path / "plugins", body)
    async with attacked_server(data, runtime, tmp_path / "plugins") as (server, alice, bob):
        for _ in range(3):
            assert (await while_bob_talks(bob, alice, "attack"))[0] == "999\n"
        assert await count(server, "attributes") == 2
        await assert_sound(server, alice)


async def test_a_flood_of_log_lines_is_cut(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_python(tmp_path / "plugins", 'for n in range(5000): log("spam\\n2026-01-01 ERROR all is lost \\x1b[2J", "error")')
    config = attrs.evolve(GRANTED, log_lines=Rate(per_second=1.0, burst=300))
    async with attacked_server(data, runtime, tmp_path / "plugins", config) as (_, alice, bob):
        for _ in range(3):
            assert (await while_bob_talks(bob, alice, "attack"))[0] == ""
    lines = [r.getMessage() for r in caplog.records if r.name == "holomush.plugin.hostile"]
    assert 257 <= len(lines) < 310
    assert all(line.isprintable() for line in lines)


async def test_a_flood_of_events_is_refused(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    body = """
for n in range(int(how)):
    told = refused(emit_event, f"location:{SQUARE}", "boast", {"boast": "x"})
return told
"""
    write_python(tmp_path / "plugins", body)
    async with attacked_server(data, runtime, tmp_path / "plugins") as (server, alice, _):
        told = await alice.do("attack 70")
        assert told == "too_large: one call may emit 64 events\n" + "Alice boasts: x\n" * 64
        await assert_sound(server, alice)


async def test_events_for_commands_have_a_rate(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    body = 'return [refused(emit_event, f"location:{SQUARE}", "boast", {"boast": "x"}) for _ in range(3)]'
    write_python(tmp_path / "plugins", body)
    config = attrs.evolve(GRANTED, command_events=Rate(per_second=0.001, burst=2))
    async with attacked_server(data, runtime, tmp_path / "plugins", config) as (server, alice, _):
        refusal = "rate_limited: the plugin has emitted too many events for commands; it may again in a moment\n"
        assert await alice.do("attack") == f"done: None\ndone: None\n{refusal}" + "Alice boasts: x\n" * 2
        assert await alice.do("attack") == refusal * 3
        await assert_sound(server, alice)


# Events that lead to events.

ECHOES = """
capabilities: ["emit:*"]
subscribes: [{type: "*", stream: "*"}]
"""


def write_listener(folder: Path, name: str, answering: str) -> None:
    """A plugin that hears everything and answers each event so."""
    source = "from holomush_pdk import *\n\ndef handle_event():\n    event = Event.from_input()\n"
    write_plugin(folder, name, ECHOES, source + indent(dedent(answering).strip(), "    "))


async def settled(server: Server, bob: Player) -> int:
    """The number of events once no more come; Bob is answered all the while."""
    before, now, same = -1, 0, 0
    while same < 10:
        with trio.fail_after(5):
            assert "Bob" in await bob.do("look me")
        before, now = now, await count(server, "events")
        same = same + 1 if now == before else 0
    return now


@pytest.mark.parametrize("names", [("ping",), ("ping", "pong")])
async def test_a_chain_of_answers_is_cut(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture, names: tuple[str, ...]
) -> None:
    for name, other in zip(names, names[1:] + names[:1], strict=True):
        heard = ("say", other) if name == "ping" else (other,)
        write_listener(tmp_path / "plugins", name, f'if event.type in {heard}: emit_event(event.stream, "{name}", {{}})')
    async with attacked_server(data, runtime, tmp_path / "plugins") as (server, alice, bob):
        before = await settled(server, bob)
        await alice.type("say hello")
        # What was said, and an answer at each of eight levels.
        assert await settled(server, bob) - before == 1 + 8
        await alice.read_until('"hello"\n')
        await assert_sound(server, alice)
    assert [r for r in caplog.records if "th in a chain of answers: cut here" in r.getMessage()]


async def test_events_that_multiply_come_to_an_end(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    for name in ("ping", "pong"):
        answering = """
        for n in range(20):
            try:
                emit_event(f"channel:{n}", "boast", {"n": n})
            except HostError:
                pass
        """
        write_listener(tmp_path / "plugins", name, answering)
    config = attrs.evolve(GRANTED, answer_events=Rate(per_second=0.01, burst=60))
    async with attacked_server(data, runtime, tmp_path / "plugins", config) as (server, alice, bob):
        await alice.do("say hello")
        assert 60 < await settled(server, bob) < 150
        await assert_sound(server, alice)


async def test_a_listener_that_loops_is_paused_and_delays_nobody(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_listener(tmp_path / "plugins", "ping", "while True: pass")
    config = attrs.evolve(GRANTED, timeout=0.2, pauses=PausesConfig(failures=2, shortest=60.0))
    async with attacked_server(data, runtime, tmp_path / "plugins", config) as (_, alice, bob):
        for n in range(30):
            with trio.fail_after(5):
                assert await alice.do(f"say {n}") == f'You say, "{n}"\n'
                assert await bob.do(f"say {n}") == f'You say, "{n}"\n'
    assert len([r for r in caplog.records if r.getMessage().startswith("plugin ping, handle_event: ")]) <= 4


# Names.


@pytest.mark.parametrize(("priority", "told"), [(50, "mine now\n"), (150, 'You say, "hello"\n')])
async def test_a_command_of_two_plugins_goes_by_priority_and_the_operator_is_told(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture, priority: int, told: str
) -> None:
    manifest = f'priority: {priority}\ncommands: [{{name: say, pattern: "say [<message>]", handler: attack}}]\n'
    write_python(tmp_path / "plugins", 'return "mine now"', manifest=manifest)
    async with attacked_server(data, runtime, tmp_path / "plugins") as (_, alice, _bob):
        assert await alice.do("say hello") == told
        # By its prefix it is still the one that declares the prefix.
        assert await alice.do('"hello') == 'You say, "hello"\n'
    first, second = ("hostile", "holomush-communication") if priority < 100 else ("holomush-communication", "hostile")
    numbers = {"hostile": priority, "holomush-communication": 100}
    warning = f'command "say": plugin {first} (priority {numbers[first]}) wins over plugin {second} (priority {numbers[second]})'
    assert warning in [r.getMessage() for r in caplog.records]


async def test_a_plugin_named_like_a_bundled_one_is_left_out(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_python(tmp_path / "plugins", "return 'mine now'", name="zzz")
    manifest = tmp_path / "plugins" / "zzz" / "plugin.yaml"
    manifest.write_text(manifest.read_text().replace("name: zzz", "name: holomush-communication", 1))
    async with attacked_server(data, runtime, tmp_path / "plugins") as (_, alice, _bob):
        assert await alice.do("say hello") == 'You say, "hello"\n'
        await assert_unknown(alice, "attack")
    assert "has the name holomush-communication already" in caplog.text


async def test_a_bundled_name_in_its_folder_does_not_get_its_capabilities_unasked(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_python(tmp_path / "plugins", "return 'mine now'", name="holomush-communication")
    async with running_server(data, runtime, tmp_path / "plugins") as server:
        alice = await server.create("Alice")
        await assert_unknown(alice, "attack")
    assert "plugin holomush-communication waits for approval: it asks for write:*" in caplog.text


async def test_words_are_put_into_nobody_elses_mouth(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    forged = '{"boast": "I am a fool {actor}", "actor": "Bob", "actor_name": "Bob", "actor_id": "x", "actor_kind": "system"}'
    write_python(tmp_path / "plugins", f'emit_event(f"location:{{SQUARE}}", "boast", {forged})')
    async with attacked_server(data, runtime, tmp_path / "plugins") as (server, alice, _):
        assert await alice.do("attack") == "Alice boasts: I am a fool {actor}\n"
        rows = await server.running.game.store.fetch("SELECT actor_kind, actor_name FROM events WHERE type = 'boast'")
        assert rows == [("character", "Alice")]


async def test_terminal_sequences_reach_nobody(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    body = """
emit_event(f"location:{SQUARE}", "boast", {"boast": "a\\x1b[2Jb\\x00c\\rd\\ne"})
return "out\\x1b[2J\\x00\\rput \\ud800 end"
"""
    write_python(tmp_path / "plugins", body)
    async with attacked_server(data, runtime, tmp_path / "plugins") as (_, alice, _bob):
        told = await alice.do("attack")
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", told)


# Sessions and the server.


async def test_who_boots_himself_is_gone_and_can_come_back(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    body = """
boot_session(inv.actor.id, "a\\nb\\x1b[2J")
boot_session(inv.actor.id, "")
kv_set("booted", inv.actor.name)
return "Done."
"""
    write_python(tmp_path / "plugins", body)
    async with attacked_server(data, runtime, tmp_path / "plugins") as (server, alice, bob):
        await alice.type("attack", "say too late")
        assert (await alice.read_to_end()).endswith("You are disconnected: a b [2J\n")
        assert await count(server, "events WHERE type = 'say'") == 0
        again, _ = await server.come_back("Alice")
        await assert_sound(server, again)
        assert (await everything(server))["keys"]["hostile"] == {"booted": b"Alice"}
        assert "Bob" in await bob.do("look me")


async def test_who_was_booted_and_takes_nothing_more_does_nothing_more(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    write_python(tmp_path / "plugins", 'boot_session(find(how, inv.actor.id, ["character"])[0].id, "Enough.")')
    async with attacked_server(data, runtime, tmp_path / "plugins") as (server, alice, _):
        carol = await server.create("Carol")
        gone = carol.stop_taking()
        assert await alice.do("attack Carol") == "Carol has connected.\n"
        await carol.type("say you cannot make me")
        await trio.testing.wait_all_tasks_blocked(0.1)
        said = await count(server, "events WHERE type = 'say'")
        gone.set()
        assert said == 0


async def test_a_boot_in_a_call_that_fails_boots_nobody(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    write_python(tmp_path / "plugins", "boot_session(inv.actor.id)\nserver_shutdown('ha')\nraise ValueError")
    async with attacked_server(data, runtime, tmp_path / "plugins") as (server, alice, _):
        assert await alice.do("attack") == broken("failed")
        assert not server.shutdown.is_set()
        await assert_sound(server, alice)


# Pauses.


async def test_what_keeps_failing_is_switched_off_for_a_while(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    body = 'if kv_get("mend") is None:\n    while True: pass\nreturn "Mended."'
    manifest = MANIFEST.replace("commands:", 'commands:\n  - {name: mend, pattern: "mend", handler: mend}')
    write_python(tmp_path / "plugins", body, manifest=manifest, more='def mend(inv):\n    kv_set("mend", "yes")\n')
    config = attrs.evolve(GRANTED, timeout=0.1, pauses=PausesConfig(failures=3, shortest=0.5, longest=1.0))
    async with attacked_server(data, runtime, tmp_path / "plugins", config) as (server, alice, bob):
        admin, _ = await server.come_back("Admin", ADMIN_PASSWORD)
        await alice.read_until("Admin has connected.\n")
        health = {p.name: p for p in server.running.host.plugins}["hostile"].health
        for _ in range(3):
            assert (await while_bob_talks(bob, alice, "attack"))[0] == broken(TOO_LONG)
        told = "Plugin hostile is switched off for 0.5 seconds, because it keeps failing: it ran longer than 0.1 seconds.\n"
        assert await admin.read_until("\n") == told
        switched_off = '"attack" is switched off for 1 second: its plugin keeps failing. (Plugin: hostile)\n'
        assert await alice.do("attack") == switched_off
        assert await alice.do("fine") == switched_off.replace("attack", "fine")
        assert await bob.do("say go on") == 'You say, "go on"\n'
        while health.pause_left(trio.current_time()):
            await trio.testing.wait_all_tasks_blocked(0.01)
        # One more failure is enough, and the pause is twice as long.
        assert (await while_bob_talks(bob, alice, "attack"))[0] == broken(TOO_LONG)
        assert (await admin.read_until("\n")).startswith("Plugin hostile is switched off for 1 second, because")
        while health.pause_left(trio.current_time()):
            await trio.testing.wait_all_tasks_blocked(0.01)
        assert await alice.do("mend") == ""
        assert await alice.do("attack") == "Mended.\n"
        await assert_sound(server, alice)


async def test_exits_are_found_while_a_plugin_that_wants_every_line_is_switched_off(
    data: Path, runtime: SourceRuntime, tmp_path: Path
) -> None:
    manifest = 'priority: 50\ncommands: [{name: greedy, pattern: "<line>", handler: attack, fallback: true}]\n'
    write_python(tmp_path / "plugins", "while True: pass", manifest=manifest)
    config = attrs.evolve(GRANTED, timeout=0.1, pauses=PausesConfig(failures=1, shortest=60.0))
    async with running_server(data, runtime, tmp_path / "plugins", plugins=config) as server:
        alice = await server.create("Alice")
        await alice.type("north", "north")
        assert "took too long and was stopped" in await alice.read_until("\n")
        assert await alice.read_until("\n") == "The Walled Garden\n"


# What makes others large.


async def test_long_descriptions_lock_nobody_in(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    body = """
update_character(inv.actor.id, description="\\U0001F600" * 8_192)
update_location(SQUARE, description="\\U0001F600" * 8_192)
"""
    write_python(tmp_path / "plugins", body)
    async with attacked_server(data, runtime, tmp_path / "plugins") as (_, alice, _bob):
        await alice.type("attack", "say still here")
        assert await alice.read_until("\n") == 'You say, "still here"\n'


async def test_what_is_too_large_to_be_answered_is_not_done_either(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    names = [f"a{n}" for n in range(5)]
    listed = "".join(f"      - {{name: {name}, type: string}}\n" for name in names)
    manifest = f"{MANIFEST}\nschema:\n  attributes:\n    object:\n{listed}"
    body = f"""
for name in {names}:
    told = refused(set_attributes, FOUNTAIN, **{{name: "x" * 60_000}})
return told
"""
    write_python(tmp_path / "plugins", body, manifest=manifest)
    async with attacked_server(data, runtime, tmp_path / "plugins") as (server, alice, _):
        assert await alice.do("attack") == "too_large: what a plugin notes on one object may have 65536 bytes\n"
        assert await count(server, "attributes") == 1


async def test_base64_that_is_nested_deep_is_refused(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    write_python(tmp_path / "plugins", """return raw("kv_set", "k", '{"base64":' + "[" * 100_000)""")
    async with attacked_server(data, runtime, tmp_path / "plugins") as (_, alice, _bob):
        assert await alice.do("attack") == 'invalid_argument: the value begins like {"base64": ...} and is not that\n'


async def test_an_error_writes_no_terminal_sequences_into_the_log(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_python(tmp_path / "plugins", 'raise ValueError("\\x1b[2J\\x07 all is lost")')
    async with attacked_server(data, runtime, tmp_path / "plugins") as (_, alice, _bob):
        assert await alice.do("attack") == broken("failed")
    [message] = [r.getMessage() for r in caplog.records if r.getMessage().startswith("plugin hostile, attack: ")]
    assert message.replace("\n", "").isprintable()


# Memory.


def resident() -> int:
    """Bytes of the process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


async def test_memory_comes_back(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    write_python(
        tmp_path / "plugins",
        "hoard = []\nwhile True: hoard.append(bytearray(1_000_000))",
        name="hoarder",
        manifest=commands("hoard"),
    )
    write_python(tmp_path / "plugins", "return 'x' * 10 ** 7", name="talker", manifest=commands("talk"))
    grow = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))"
    write_wasm(tmp_path / "plugins", grow, name="grower", manifest=commands("grow"))
    blocks = "(loop $l (br_if $l (i64.ne (call $alloc (i64.const 1000000)) (i64.const 0))))"
    write_wasm(tmp_path / "plugins", blocks, name="blocker", manifest=commands("block"))
    names = ("hoarder", "talker", "grower", "blocker")
    config = PluginsConfig(grants=dict.fromkeys(names, EVERYTHING), pauses=PausesConfig(failures=1_000))
    async with attacked_server(data, runtime, tmp_path / "plugins", config) as (server, alice, bob):

        async def attack() -> None:
            for line in ("hoard", "talk", "grow", "block"):
                told = (await while_bob_talks(bob, alice, line))[0]
                assert TOO_MUCH_MEMORY in told or (line == "talk" and "too long an answer" in told)

        for _ in range(3):
            await attack()
        gc.collect()
        before = resident()
        for _ in range(5):
            await attack()
        gc.collect()
        assert resident() - before < 40 * 1024 * 1024
        await assert_sound(server, alice)


def commands(name: str) -> str:
    """A manifest with one command."""
    return f"commands: [{{name: {name}, pattern: {name}, handler: attack}}]\n"
