"""The plugins that come along: each passes its own transcripts, and these show every command that it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from holomush import bundled
from holomush.commands.access import Access
from holomush.commands.router import BadUsage, Matched
from holomush.plugins.roster.manifest import read_manifest
from holomush.startup import make_router
from holomush.testing.transcripts import Case, read_transcripts, run_case

PLUGINS = sorted(bundled.PLUGINS / name for name in bundled.PLUGIN_NAMES if (bundled.PLUGINS / name / "tests.yaml").is_file())
CASES = [(folder, case) for folder in PLUGINS for case in read_transcripts(folder)]


def test_every_plugin_with_commands_has_transcripts() -> None:
    folders = [bundled.PLUGINS / name for name in bundled.PLUGIN_NAMES if (bundled.PLUGINS / name).is_dir()]
    assert [folder.name for folder in folders if read_manifest(folder).commands and folder not in PLUGINS] == []


@pytest.mark.parametrize(("folder", "case"), CASES, ids=[f"{folder.name}: {case.test}" for folder, case in CASES])
def test_transcript(folder: Path, case: Case) -> None:
    outcome = run_case(folder, case)
    assert outcome.passed, str(outcome)


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_every_command_alias_and_prefix_is_typed_in_one(folder: Path) -> None:
    manifest = read_manifest(folder)
    router = make_router([manifest])
    lines = [step.command for case in read_transcripts(folder) for step in case.steps if step.command is not None]
    used = set()
    for line in lines:
        match router.route(line, Access.ADMIN):
            case Matched(spec=spec) | BadUsage(spec=spec):
                used.add(spec.name)
    fallbacks = {command.name for command in manifest.commands if command.fallback}
    assert {command.name for command in manifest.commands} - fallbacks - used == set()
    typed = [f"{line.casefold()} " for line in lines]
    words = [f"{alias.casefold()} " for command in manifest.commands for alias in command.aliases]
    words += [command.prefix for command in manifest.commands if command.prefix]
    assert [word for word in words if not any(line.startswith(word) for line in typed)] == []
