"""What an author does: the design's test as printed, the fixture in pytest, and a harness that leaves nothing behind."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from textwrap import dedent

import pytest
from support.plugins import write_plugin

from holomush import bundled, testing
from holomush.authoring.standalone import host_functions_for, standalone
from holomush.plugins.roster.source import read_plugin
from testing.test_subject import echo

ROOT = Path(__file__).parents[2]
PDK = ROOT / "pdk" / "python"
EXAMPLE = PDK / "examples" / "echo"

AS_PRINTED = """
from holomush_pdk.testing import PluginTestHarness

def test_echo_responds_to_say():
    harness = PluginTestHarness("echo.wasm")

    result = harness.deliver_event({
        "type": "say",
        "stream": "location:1",
        "actor_kind": "character",
        "payload": {"message": "hello"}
    })

    assert len(result.emitted_events) == 1
    assert result.emitted_events[0]["payload"]["message"] == "Echo: hello"
"""
STRICT = ("-W", "error", "-X", "dev")


def run_python(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, as an author's is, that sees the PDK and takes every warning for an error."""
    return subprocess.run(
        [sys.executable, *STRICT, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PDK), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def run_pytest(folder: Path, text: str, *arguments: str, **environment: str) -> str:
    (folder / "test_echo.py").write_text(dedent(text))
    done = run_python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, **environment)
    return done.stdout + done.stderr


def test_the_designs_test_runs_as_printed_and_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    (tmp_path / "echo.wasm").write_bytes(echo())
    output = run_pytest(tmp_path, AS_PRINTED, TMPDIR=str(temporary))
    assert re.fullmatch(r"\.\s+\[100%\]\n1 passed in [\d.]+s\n", output), output
    assert list(temporary.iterdir()) == []


def test_the_designs_test_runs_on_a_python_plugin_in_one_module(tmp_path: Path) -> None:
    source = read_plugin(EXAMPLE)
    made = standalone(
        bundled.RUNTIMES["python"].read_bytes(),
        name=source.manifest.name,
        modules=source.modules,
        functions=["handle_event"],
        host_functions=host_functions_for(source.manifest.capability_set),
        manifest=(EXAMPLE / "plugin.yaml").read_text(),
    )
    (tmp_path / "echo.wasm").write_bytes(made)
    output = run_pytest(tmp_path, AS_PRINTED)
    assert "1 passed" in output, output


def test_pytest_has_a_fixture_that_makes_and_closes_harnesses(tmp_path: Path) -> None:
    test = f"""
        import threading

        def test_two(plugin_harness):
            one, two = plugin_harness({str(EXAMPLE)!r}), plugin_harness({str(EXAMPLE)!r}, capabilities=[])
            assert one.deliver_event({{"type": "say", "payload": {{"message": "x"}}}}).emitted_events
            assert two.deliver_event({{"type": "say", "payload": {{"message": "x"}}}}, check=False).denied
            assert [thread.name for thread in threading.enumerate()].count("plugin test harness") == 2

        def test_they_are_closed():
            assert "plugin test harness" not in [thread.name for thread in threading.enumerate()]
        """
    output = run_pytest(tmp_path, test, "-p", "holomush_pdk.testing")
    assert "2 passed" in output, output


def test_the_fixture_is_offered_by_the_pdk() -> None:
    project = tomllib.loads((PDK / "pyproject.toml").read_text())["project"]
    assert project["entry-points"] == {"pytest11": {"holomush": "holomush_pdk.testing"}}
    assert [requirement.partition(">")[0] for requirement in project["optional-dependencies"]["testing"]] == ["holomush", "pytest"]


def test_a_failing_plugin_is_shown_as_a_failed_assertion(tmp_path: Path) -> None:
    write_plugin(tmp_path, "tester", "", "def handle_event(event):\n    raise ValueError('it is broken')\n")
    test = """
        from holomush_pdk.testing import PluginTestHarness

        def test_it():
            PluginTestHarness("tester").deliver_event({"type": "say"})
        """
    output = run_pytest(tmp_path, test, "--tb=line")
    assert "1 failed" in output, output
    assert "PluginFailed: tester, handle_event: Traceback (most recent call last):" in output


@pytest.mark.parametrize(
    "ending",
    [
        "",
        "harness.close()\nassert not running()\nharness.close()",
        "del harness\nassert not running()",
        "again = PluginTestHarness(sys.argv[1])",
    ],
)
def test_no_harness_is_left_behind_at_the_end_of_the_process(tmp_path: Path, ending: str) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    script = (
        "import sys, threading\nfrom holomush_pdk.testing import PluginTestHarness\n"
        "def running():\n    return [thread for thread in threading.enumerate() if thread.name == 'plugin test harness']\n"
        f"harness = PluginTestHarness(sys.argv[1])\nassert len(running()) == 1\n{ending}\n"
    )
    done = run_python(tmp_path, "-c", script, str(EXAMPLE), TMPDIR=str(temporary))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(temporary.iterdir()) == []


def test_without_the_server_one_line_says_what_is_missing(tmp_path: Path) -> None:
    script = (
        "from holomush_pdk.testing import FakeServer\n"
        "try:\n    from holomush_pdk.testing import PluginTestHarness\nexcept ImportError as error:\n    print(error)\n"
    )
    done = run_python(tmp_path, "-S", "-c", script)  # without what is installed
    assert done.stderr == ""
    assert done.stdout == "PluginTestHarness runs plugins on the real server: install the package holomush, too\n"


def test_the_pdk_offers_all_that_the_server_has_for_tests() -> None:
    tree = ast.parse((PDK / "holomush_pdk" / "testing.py").read_text())
    (offered,) = [
        ast.literal_eval(statement.value)
        for statement in tree.body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name) and statement.targets[0].id == "__all__"
    ]
    assert sorted(offered) == sorted([*testing.__all__, "FakeServer"])
