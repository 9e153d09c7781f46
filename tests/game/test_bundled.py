"""The plugins that come along: each has transcripts, and passes them. And what is too long or too odd for a transcript."""

from __future__ import annotations

from pathlib import Path

import pytest

from holomush import bundled
from holomush.plugins.roster.manifest import read_manifest
from holomush.testing import PluginTestHarness
from holomush.testing.transcripts import Case, read_transcripts, run_case

PLUGINS = sorted(bundled.PLUGINS / name for name in bundled.PLUGIN_NAMES if (bundled.PLUGINS / name / "tests.yaml").is_file())
CASES = [(folder, case) for folder in PLUGINS for case in read_transcripts(folder)]


def test_every_plugin_with_commands_has_transcripts() -> None:
    folders = [bundled.PLUGINS / name for name in bundled.PLUGIN_NAMES]
    assert [folder.name for folder in folders if read_manifest(folder).commands and folder not in PLUGINS] == []


@pytest.mark.parametrize(("folder", "case"), CASES, ids=[f"{folder.name}: {case.test}" for folder, case in CASES])
def test_transcript(folder: Path, case: Case) -> None:
    outcome = run_case(folder, case)
    assert outcome.passed, str(outcome)


def test_more_people_than_one_ban_can_hang_up_on() -> None:
    with PluginTestHarness(bundled.PLUGINS / "holomush-admin") as harness:
        session = {"character_id": harness.world.bob.id, "character_name": "Bob", "addresses": ["198.51.100.7"]}
        harness.mock("list_sessions", [session] * 203)
        harness.mock("boot_session", None)
        assert harness.run_command("ban 198.51.100.0/24=spam").lines == [
            "Nobody from 198.51.100.0/24 is let in any more: spam",
            f"Disconnected: {', '.join(['Bob'] * 200)}",
            "3 more are still here. Type the same again.",
        ]


def test_somebody_on_a_channel_who_has_left_the_game() -> None:
    with PluginTestHarness(bundled.PLUGINS / "holomush-messaging") as harness:
        harness.run_command("channel create public")
        harness.run_command("channel join public", "Bob")
        harness.world.disconnect("Bob")
        assert harness.run_command("channel who public").lines == ["On public:", "Alice (owner)", "One more is not connected."]


def test_those_who_stay_behind_are_told_that_somebody_goes_home() -> None:
    with PluginTestHarness(bundled.PLUGINS / "holomush-navigation") as harness:
        garden = harness.world.add_location("The Garden")
        harness.world.add_exit("north", "The Square", garden)
        harness.world.add_character("Carol", at=garden)
        harness.run_command("home here")
        harness.run_command("north")
        result = harness.run_command("home")
        assert (result.heard("Carol"), result.heard("Bob")) == (["Alice leaves for home."], ["Alice arrives."])


def test_the_help_names_a_prefix_that_is_read_aloud_badly() -> None:
    with PluginTestHarness(bundled.PLUGINS / "holomush-help") as harness:
        talk = {
            "plugin": "things",
            "plugin_description": "",
            "name": "talk",
            "words": "",
            "usage": "=<text>",
            "description": "Talk.",
        }
        harness.mock("list_topics", [])
        harness.mock("list_commands", [{**talk, "aliases": [], "prefix": "=", "access": "player"}])
        told = ["Usage: =<text>", "Talk.", "Short form: begin the line with = (equals sign).", "Plugin: things"]
        assert harness.run_command("help =").lines == told
