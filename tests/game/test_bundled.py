"""The plugins that come along: each has transcripts, and passes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from holomush import bundled
from holomush.plugins.roster.manifest import read_manifest
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
