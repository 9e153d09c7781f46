"""Channels as guests use them: who hears which, what was said there, and what a plugin may not read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from dispatch.rig import open_heart

from holomush.dispatch.calls import PluginCalls
from holomush.dispatch.commit import Committer
from holomush.plugins.calls import Call
from holomush.plugins.functions.channels import CHANNELS_EACH, HISTORY_LIMIT
from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.reply import Reply
from holomush.plugins.storage.registers import Listening
from holomush.plugins.storage.storage import PluginStorage
from plugins.functions.asking import ask, refusal
from plugins.rooms import make_call, make_storage, make_surroundings

TOWN = "channel:town"


def make_listener(storage: PluginStorage | None = None, **surroundings: Any) -> Call:
    around = make_surroundings(sequence=lambda: 7, **surroundings)
    return make_call("listen:channel:*", "history:*", storage=storage or make_storage(), surroundings=around)


def test_a_character_begins_and_ends_to_hear_a_channel() -> None:
    storage = make_storage()
    call = make_listener(storage)
    assert ask(call, "listen", TOWN, "bob") is None
    assert ask(call, "listen", TOWN, "alice") is None
    assert ask(call, "list_listeners", TOWN) == ["bob", "alice"]
    assert ask(make_listener(storage), "list_listeners", TOWN) == []
    call.attempt.registers.apply()
    assert storage.registers.listeners.since(TOWN, "bob") == 7
    other = make_listener(storage)
    assert ask(other, "unlisten", TOWN, "bob") is True
    assert ask(other, "unlisten", TOWN, "bob") is False
    assert ask(other, "unlisten", "channel:other", "bob") is False
    assert ask(other, "list_listeners", TOWN) == ["alice"]
    ask(other, "listen", TOWN, "bob")
    assert sorted(ask(other, "list_listeners", TOWN)) == ["alice", "bob"]


def test_who_hears_it_already_goes_on_as_before() -> None:
    storage = make_storage()
    storage.registers.listeners.replace([Listening(TOWN, "bob", 3)])
    call = make_listener(storage)
    ask(call, "listen", TOWN, "bob")
    assert not call.attempt.has_effects


@pytest.mark.parametrize("name", ["listen", "unlisten", "list_listeners"])
@pytest.mark.parametrize(
    ("stream", "code", "message"),
    [
        ("global", "invalid_argument", "global is no channel: only a stream channel:<name> can be listened to"),
        ("location:square", "invalid_argument", "location:square is no channel: only a stream channel:<name> can be listened to"),
        ("character:bob", "invalid_argument", "character:bob is no channel: only a stream channel:<name> can be listened to"),
        ("plugin:tester", "invalid_argument", "plugin:tester is no channel: only a stream channel:<name> can be listened to"),
        ("secret:town", "invalid_argument", '"secret:town" is no stream'),
        ("channel:*", "invalid_argument", '"channel:*" is no stream'),
        ("channel:", "invalid_argument", '"channel:" is no stream'),
    ],
)
def test_only_channels_are_listened_to(name: str, stream: str, code: str, message: str) -> None:
    arguments = (stream, "bob")[: 1 if name == "list_listeners" else 2]
    told = refusal(make_call("*"), name, *arguments)
    assert (told[0], told[1].partition(";")[0]) == (code, message)


@pytest.mark.parametrize("name", ["listen", "unlisten", "list_listeners"])
def test_a_channel_that_is_not_the_plugins(name: str) -> None:
    arguments = (TOWN, "bob")[: 1 if name == "list_listeners" else 2]
    told = f"the plugin has no capability listen:{TOWN}: add it to capabilities in plugin.yaml"
    assert refusal(make_call("listen:channel:other", "history:*"), name, *arguments) == ("capability_denied", told)


@pytest.mark.parametrize("character_id", ["lamp", "nobody", ""])
def test_only_characters_listen(character_id: str) -> None:
    told = ("not_found", f"there is no character with the id {character_id!r}")
    assert refusal(make_listener(), "listen", TOWN, character_id) == told


def test_a_character_hears_so_many_channels_within_one_call_too() -> None:
    storage = make_storage()
    storage.registers.listeners.replace(Listening(f"channel:{n}", "bob", 0) for n in range(CHANNELS_EACH - 1))
    call = make_listener(storage)
    ask(call, "listen", "channel:last", "bob")
    told = ("too_large", f"a character may hear {CHANNELS_EACH} channels")
    assert refusal(call, "listen", "channel:more", "bob") == told
    ask(call, "listen", "channel:0", "bob")  # which is heard already
    ask(call, "listen", "channel:more", "alice")
    ask(call, "unlisten", "channel:0", "bob")
    ask(call, "listen", "channel:more", "bob")
    assert refusal(call, "listen", "channel:0", "bob") == told


def test_who_is_destroyed_meanwhile_does_not_begin() -> None:
    call = make_listener()
    ask(call, "listen", TOWN, "dora")
    call.attempt.transaction.world.apply({"dora": None})
    assert not call.attempt.is_current()


# ---- What was said ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", '"5"', "true", "null", "[]", "x"])
def test_limits(limit: str) -> None:
    code, message = refusal(make_listener(), "list_events", TOWN, limit)
    assert code == "invalid_argument"
    assert message == f"limit: must be 1 to {HISTORY_LIMIT}" or message.startswith("not valid JSON")


@pytest.mark.parametrize("stream", ["global", "location:square", "character:bob", "channel:other", "plugin:tester"])
def test_a_stream_that_is_not_the_plugins_to_read(stream: str) -> None:
    told = f"the plugin has no capability history:{stream}: add it to capabilities in plugin.yaml"
    call = make_call("history:channel:town", "listen:*", "emit:*")
    assert refusal(call, "list_events", stream, "5") == ("capability_denied", told)


def test_a_pattern_is_no_stream() -> None:
    assert refusal(make_listener(), "list_events", "channel:*", "5")[0] == "invalid_argument"


def test_without_a_log_there_is_nothing_to_read() -> None:
    assert refusal(make_listener(), "list_events", TOWN, "5") == ("unavailable", "there is no event log here")


async def test_the_last_events_oldest_first_without_those_of_the_call(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
        import json
        from holomush_pdk import *
        def said(inv):
            emit_event("channel:town", "unsaid", {})
            return " ".join(f"{one.type}:{one.payload.text}" for one in list_events("channel:town", inv.args.limit))
        def whole(inv): return json.dumps(list_events("global", 1)[0])
        def say(inv): emit_event(inv.args.stream, "said", {"text": inv.args.text})
    """
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("talker", source)
        assert await heart.run("talker", "said", limit=100) == Reply("")
        await heart.store.write([("DELETE FROM events", ())])
        for text in "abc":
            await heart.run("talker", "say", stream="channel:town", text=text)
            await heart.run("talker", "say", stream="channel:other", text=text)
        assert await heart.run("talker", "said", limit=2) == Reply("said:b said:c")
        event = heart.listen("alice")
        await heart.run("talker", "say", stream="global", text="d")
        (heard,) = event.events
        shown = (await heart.run("talker", "whole")).output
        assert shown is not None
        assert json.loads(shown) == heard.to_wire()


async def test_a_listener_hears_from_the_call_in_which_it_began(tmp_path: Path, runtime: SourceRuntime) -> None:
    source = """
        from holomush_pdk import *
        def join(inv):
            listen("channel:town", "dora")
            emit_event("channel:town", "joined", {})
        def say(inv): emit_event("channel:town", "said", {})
        def leave(inv):
            unlisten("channel:town", "dora")
            emit_event("channel:town", "left", {})
    """
    async with open_heart(tmp_path, runtime) as heart:
        await heart.load("talker", source)
        committer = Committer(heart.world, heart.store, heart.bus, heart.storage.registers)
        talking = attrs.evolve(heart, committer=committer, calls=PluginCalls(heart.host, committer))
        dora = heart.listen("dora")
        for function in ("say", "join", "say", "leave", "say"):
            await talking.run("talker", function)
        assert dora.heard == ["joined", "said", "left"]
        assert await heart.store.fetch("SELECT * FROM listeners") == []
