"""Every PDK does the same: the cases in cases.yaml, on the echo example and a plugin that calls everything, in five languages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.toolchains import require

from holomush.authoring.build import compile_plugin, compiler_of
from holomush.authoring.scaffold import LANGUAGES
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.functions.table import HOST_FUNCTIONS
from holomush.testing import PluginTestHarness, run_transcripts

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CASES: dict[str, Any] = yaml.safe_load((HERE / "cases.yaml").read_text(encoding="utf-8"))
CALLS: list[dict[str, Any]] = CASES["calls"]
FIRST = [next(case for case in CALLS if case["function"] == name) for name in dict.fromkeys(case["function"] for case in CALLS)]
TROUBLE = HostCallError("conflict", 'somebody was "faster" \\ \u00fc\U0001f409\nand that is that')

Folders = Callable[[Path], Path]


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    """Each of the five, in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def built(language: str, tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """From a plugin's folder in the tree to one that can be loaded."""

    def prepare(folder: Path) -> Path:
        compiler = compiler_of(folder)
        if compiler is None:
            return folder
        require(compiler)
        made = tmp_path_factory.mktemp(language) / folder.name
        made.mkdir()
        compile_plugin(compiler, folder, made / "plugin.wasm")
        for name in ("plugin.yaml", "tests.yaml"):
            if (folder / name).is_file():
                shutil.copy(folder / name, made)
        return made

    return prepare


@pytest.fixture(scope="module")
def everything(language: str, built: Folders) -> Iterator[PluginTestHarness]:
    """The plugin that calls everything; one instance for all cases, as in a server."""
    with PluginTestHarness(built(HERE / "plugins" / language)) as harness:
        harness.world.ensure_location("square")
        yield harness


def ask(harness: PluginTestHarness, case: dict[str, Any], answer: Any) -> tuple[str, list[tuple[Any, ...]]]:
    """The plugin's output, and what the server was asked."""
    function = case["function"]
    if function != "config":
        harness.mock(function, answer)
    result = harness.call("ask", {"args": {"function": function, "with": json.dumps(case["with"], ensure_ascii=False)}})
    assert result.output is not None
    return result.output, [(call.name, *call.args) for call in result.host_calls]


def as_wanted(wanted: Any, sent: Any) -> Any:
    """JSON that travels as text, as what it says."""
    return json.loads(sent) if isinstance(sent, str) and not isinstance(wanted, str) else sent


def case_id(case: dict[str, Any]) -> str:
    """What a case is called in the list of tests."""
    return f"{case['function']}-{CALLS.index(case)}"


@pytest.mark.parametrize("case", CALLS, ids=case_id)
def test_a_call_arrives_and_its_answer_comes_back(everything: PluginTestHarness, case: dict[str, Any]) -> None:
    answer = case.get("answer")
    output, calls = ask(everything, case, answer)
    assert json.loads(output) == case.get("output", answer)
    if case["function"] == "config":
        assert calls == []
        return
    ((name, *sent),) = calls
    assert name == f"holomush_{case['function']}"
    assert len(sent) == len(case["sent"])
    assert [as_wanted(wanted, given) for wanted, given in zip(case["sent"], sent, strict=True)] == case["sent"]


@pytest.mark.parametrize("case", [case for case in FIRST if case["function"] not in ("log", "config")], ids=case_id)
def test_a_refusal_comes_back_as_an_error(everything: PluginTestHarness, case: dict[str, Any]) -> None:
    output, _ = ask(everything, case, TROUBLE)
    assert output == f"refused: {TROUBLE.code}: {TROUBLE}"


def test_every_function_has_a_case() -> None:
    assert {f"holomush_{case['function']}" for case in CALLS} - {"holomush_config"} == {row.name for row in HOST_FUNCTIONS}


def test_an_invocation_comes_in_complete(everything: PluginTestHarness) -> None:
    result = everything.call("mirror", CASES["invocation"])
    assert json.loads(result.output or "") == CASES["invocation"]


def test_an_event_comes_in_complete(everything: PluginTestHarness) -> None:
    event = CASES["event"]
    everything.mock("emit_event", None)
    result = everything.deliver_event(event)
    (call,) = result.host_calls
    assert call.args == ({"stream": event["stream"], "type": "mirrored", "payload": event},)


@pytest.mark.parametrize("form", CASES["answers"])
def test_an_answer_goes_out_complete(everything: PluginTestHarness, form: str) -> None:
    wanted = CASES["answers"][form] or {}
    result = everything.call("speak", {"args": {"form": form}, "location": CASES["invocation"]["location"]})
    assert result.lines == ([wanted["output"]] if isinstance(wanted.get("output"), str) else wanted.get("output", []))
    assert result.handled == wanted.get("handled")
    emitted = [{key: event[key] for key in ("stream", "type", "payload")} for event in result.emitted_events]
    assert emitted == wanted.get("events", [])


@pytest.mark.parametrize(("form", "text"), [("error", "it went wrong"), ("fail", "")], ids=["an ordinary error", "a crash"])
def test_a_failure_names_the_authors_file_and_line(everything: PluginTestHarness, language: str, form: str, text: str) -> None:
    result = everything.call("speak", {"args": {"form": form}}, check=False)
    assert result.error is not None
    assert text in result.error
    assert f"{SOURCES[language].rpartition('/')[2]}" in result.error
    line = next(int(word) for word in _numbers_after(result.error, SOURCES[language].rpartition("/")[2]))
    assert 0 < line <= len((HERE / "plugins" / language / SOURCES[language]).read_text(encoding="utf-8").splitlines())
    assert everything.call("speak", {"args": {"form": "text"}}).output == "one line"


def test_a_failing_event_handler_says_what_is_broken(everything: PluginTestHarness, language: str) -> None:
    result = everything.deliver_event({"type": "fail"}, check=False)
    assert result.error is not None
    assert "it is broken" in result.error
    assert SOURCES[language].rpartition("/")[2] in result.error


def test_endless_recursion_ends_in_an_error(everything: PluginTestHarness) -> None:
    assert everything.call("speak", {"args": {"form": "deep"}}, check=False).error is not None
    assert everything.call("speak", {"args": {"form": "text"}}).output == "one line"


def test_the_echo_example_passes_its_own_tests(language: str, built: Folders) -> None:
    outcomes = run_transcripts(built(ROOT / "pdk" / language / "examples" / "echo"))
    assert [str(outcome) for outcome in outcomes if not outcome.passed] == []
    assert len(outcomes) == 3


@pytest.mark.parametrize("file", ["plugin.yaml", "tests.yaml"])
def test_all_echoes_are_the_same_plugin(file: str) -> None:
    texts = {(ROOT / "pdk" / name / "examples" / "echo" / file).read_text(encoding="utf-8") for name in LANGUAGES}
    assert len(texts) == 1


SOURCES = {
    "python": "plugin.py",
    "javascript": "plugin.js",
    "go": "main.go",
    "rust": "src/lib.rs",
    "assemblyscript": "assembly/index.ts",
}
"""Where the author's code is."""


def _numbers_after(report: str, file: str) -> Iterator[str]:
    """The line numbers that a report gives for a file: ``file:12`` or ``file", line 12``."""
    for part in report.split(file)[1:]:
        digits = part.lstrip('":, line')
        number = digits[: len(digits) - len(digits.lstrip("0123456789"))]
        if number:
            yield number
