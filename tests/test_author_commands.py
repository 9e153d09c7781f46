"""``python -m holomush plugin new|test|build|toolchains``: what an author reads, word for word, and what is made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner
from support.authored import WRITINGS, bursting, copy_of, line_of, need
from support.toolchains import require

from holomush.authoring.languages import COMPILED
from holomush.authoring.languages.rust import Rust
from holomush.authoring.scaffold import LANGUAGES, scaffold
from holomush.authoring.toolchain import ToolchainMissing
from holomush.cli import main
from holomush.testing import PluginTestHarness

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 600
PASSED = "ok: echoes what is said\nok: does not answer itself\nok: leaves everything else alone\n3 tests, 0 failed\n"
COMPILE = ("go", "rust", "assemblyscript")
UNUSUAL = {"python": "no", "javascript": "null", "go": "sort", "rust": "bytes", "assemblyscript": "assemblyscript"}
"""Names of plugins that mean something else to their languages."""
MISTAKES = {
    "go, syntax": ("return nil\n", "return nil)\n", "14: syntax error: unexpected ) at end of statement"),
    "go, type": (
        '"Echo: " + message',
        "1 + message",
        "72: invalid operation: 1 + message (mismatched types untyped int and string)",
    ),
    "rust, syntax": ('["message"].as_str()', '["message".as_str()', "32: mismatched closing delimiter: `}`"),
    "rust, type": ('.stream, "say"', ".stream, 7", "31: mismatched types"),
    "assemblyscript, syntax": ('text("message")', 'text("message"', "38: TS1005: ')' expected."),
    "assemblyscript, type": (
        "const message =",
        "const message: i32 =",
        "24: TS2322: Type '~lib/string/String' is not assignable to type 'i32'.",
    ),
}
"""What is replaced by what, and what is said of it behind the file and the line."""


@attrs.frozen
class Said:
    """How a command ended: its exit code, and what it wrote where."""

    code: int
    output: str
    errors: str = ""


def run(*options: str) -> Said:
    """``holomush plugin`` with these options, in this process."""
    result = CliRunner().invoke(main, ["plugin", *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


def run_alone(*options: str) -> Said:
    """The same in a process of its own, whose log goes where it goes for an author."""
    return ended(start(*options))


def start(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "holomush", "plugin", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def ended(process: subprocess.Popen[str]) -> Said:
    output, errors = process.communicate(timeout=PATIENCE)
    return Said(process.returncode, output, errors)


def built(path: Path | str) -> str:
    """A pattern for the line about a module that was built."""
    return rf"built {re.escape(str(path))}: [0-9.]+ [kM]B, [0-9.]+ s\n"


@pytest.fixture(autouse=True)
def _desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An author's folder to work in."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    """Each of the five that can be built here, in turn."""
    need(request.param)
    return str(request.param)


@pytest.fixture
def loud(language: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plugin with a command that fails, built: the author's to change."""
    return copy_of(bursting(language, tmp_path_factory), tmp_path / "loud")


@pytest.fixture
def echo() -> Path:
    """The echo plugin in Python, in the folder ``echo``."""
    return scaffold("echo", "python", Path())


# ---- new -------------------------------------------------------------------------------------------------------------


def test_from_new_to_a_plugin_that_the_server_would_load(language: str) -> None:
    name = UNUSUAL[language]
    after = "build it and run tests.yaml" if language in COMPILE else "run tests.yaml"
    assert run("new", name, "--lang", language, "--in", "made here") == Said(
        0,
        f"Made made here/{name}.\nNext: python -m holomush plugin test 'made here/{name}'    ({after})\n",
    )
    shutil.move("made here", "moved")
    folder = Path("moved", name)
    said = run_alone("test", str(folder))
    assert (said.code, said.errors) == (0, "")
    line = built(folder / "plugin.wasm") if language in COMPILE else ""
    assert re.fullmatch(line + re.escape(PASSED), said.output)
    assert run_alone("test", str(folder)) == Said(0, PASSED)
    said = run("check", str(folder))
    assert (said.code, said.errors) == (0, "")
    assert said.output.startswith(f"{name} 1.0.0 in {folder.resolve()}\n")
    assert "\nIt would be loaded, as number " in said.output


def test_python_is_what_is_made_if_nothing_is_said() -> None:
    assert run("new", "greeter") == Said(0, "Made greeter.\nNext: python -m holomush plugin test greeter    (run tests.yaml)\n")
    assert Path("greeter", "plugin.py").is_file()


def test_a_folder_that_is_there_is_refused_in_one_line() -> None:
    run("new", "greeter")
    assert run("new", "greeter", "--lang", "rust") == Said(
        1, "", "holomush: greeter is there already: choose another name, or move it away\n"
    )


def test_a_language_that_nobody_knows() -> None:
    said = run("new", "greeter", "--lang", "cobol")
    assert (said.code, said.output) == (2, "")
    assert "'cobol' is not one of 'python', 'javascript', 'go', 'rust', 'assemblyscript'" in said.errors


# ---- test ------------------------------------------------------------------------------------------------------------


def test_what_fails_is_shown_with_what_was_expected(echo: Path) -> None:
    (echo / "tests.yaml").write_text(
        """\
- test: shouts
  steps:
    - {event: {type: say, payload: {message: hello}}, emits: [{type: say, payload: {message: "Echo: HELLO"}}]}
- test: is silent
  steps:
    - {event: {type: pose}}
"""
    )
    assert run_alone("test", "echo") == Said(
        1,
        """\
FAILED: shouts
  step 1, event say: emits
    expected: {"type": "say", "payload": {"message": "Echo: HELLO"}}
    got:      {"type": "say", "payload": {"message": "Echo: hello"}}
ok: is silent
2 tests, 1 failed
""",
    )


def test_an_expected_failure_is_no_noise(loud: Path, language: str) -> None:
    message = WRITINGS[language].message
    (loud / "tests.yaml").write_text(f"- test: bursts\n  steps:\n    - {{command: burst-{language}, error: {message!r}}}\n")
    assert run_alone("test", str(loud)) == Said(0, "ok: bursts\n1 test, 0 failed\n")


def test_a_failure_at_run_time_has_its_file_and_line(loud: Path, language: str) -> None:
    (loud / "tests.yaml").write_text(f"- test: bursts\n  steps:\n    - {{command: burst-{language}}}\n")
    said = run_alone("test", str(loud))
    assert (said.code, said.errors) == (1, "")
    assert said.output.startswith(f"FAILED: bursts\n  step 1, command burst-{language}: loud-{language}, burst: ")
    assert WRITINGS[language].fault_in(loud) in said.output
    assert WRITINGS[language].message in said.output
    assert said.output.endswith("\n1 test, 1 failed\n")
    assert "Traceback" not in said.output or language == "python"
    assert "holomush/" not in said.output


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_does_not_compile_has_its_file_and_line(
    mistake: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    language, kind = mistake.split(", ")
    command = "test" if kind == "syntax" else "build"
    old, new, message = MISTAKES[mistake]
    folder = copy_of(bursting(language, tmp_path_factory), tmp_path / "loud")
    file = folder / WRITINGS[language].file
    file.write_text(file.read_text().replace(old, new, 1))
    before, there = (folder / "plugin.wasm").read_bytes(), sorted(folder.iterdir())
    said = run_alone(command, "loud")
    assert (said.code, said.output) == (1, "")
    place = f"{WRITINGS[language].file}:{line_of(file, new.strip())}:{message}"
    assert said.errors.splitlines()[-1] == f"holomush: loud: it does not compile: {place}"
    assert said.errors.count("holomush: ") == 1
    assert str(tmp_path) not in said.errors
    assert sorted(folder.iterdir()) == there
    assert (folder / "plugin.wasm").read_bytes() == before


@pytest.mark.parametrize("command", ["test", "build"])
@pytest.mark.parametrize(
    ("language", "added", "report"),
    [
        (
            "python",
            "def (\n",
            'broken cannot be loaded:\n  File "plugin.py", line 11\n    def (\n        ^\nSyntaxError: invalid syntax\n',
        ),
        ("javascript", "function (\n", "broken cannot be loaded:\n    at plugin.js:13:10\nSyntaxError: function name expected\n"),
    ],
)
def test_a_mistake_of_syntax_in_a_language_that_is_not_compiled(command: str, language: str, added: str, report: str) -> None:
    folder = scaffold("broken", language, Path())
    with (folder / WRITINGS[language].file).open("a") as file:
        file.write(added)
    before = sorted(folder.iterdir())
    assert run_alone(command, "broken") == Said(1, "", f"{report}holomush: broken: it cannot be loaded\n")
    assert sorted(folder.iterdir()) == before


def test_a_handler_that_is_not_there_is_one_line(echo: Path) -> None:
    with (echo / "plugin.yaml").open("a") as file:
        file.write("commands: [{name: shout, pattern: shout, handler: shout}]\n")
    for command in ("test", "build"):
        said = run_alone(command, "echo")
        assert (said.code, said.output) == (1, "")
        (line,) = said.errors.splitlines()
        assert line.startswith("holomush: echo cannot be loaded: ")
        assert "shout" in line


def test_a_handler_that_is_not_exported(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    loud = copy_of(bursting("go", tmp_path_factory), tmp_path / "loud")
    with (loud / "plugin.yaml").open("a") as file:
        file.write("  - {name: shout, pattern: shout, handler: shout}\n")
    before = (loud / "plugin.wasm").read_bytes()
    assert run_alone("test", "loud") == Said(
        1,
        "",
        "commands[1].handler: it exports no function shout\nholomush: loud: what was built lacks what plugin.yaml names\n",
    )
    assert (loud / "plugin.wasm").read_bytes() == before


def test_what_is_newer_than_the_module_is_compiled_again(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    need("go")
    folder = copy_of(bursting("go", tmp_path_factory), tmp_path / "loud")
    assert run("test", "loud") == Said(0, PASSED)
    program = folder / "main.go"
    program.write_text(program.read_text().replace("Echo: ", "Reply: "))
    said = run("test", "loud")
    assert said.code == 1
    assert re.match(built("loud/plugin.wasm"), said.output)
    assert '\n    got:      {"type": "say", "payload": {"message": "Reply: hello"}}\n' in said.output
    assert "built" not in run("test", "loud").output


def test_a_folder_without_tests_is_only_loaded(echo: Path) -> None:
    (echo / "tests.yaml").unlink()
    assert run_alone("test", "echo") == Said(0, "It loads. There is no tests.yaml to run.\n")


def test_all_that_is_wrong_with_the_tests_is_told(echo: Path) -> None:
    (echo / "tests.yaml").write_text("- test: 1\n  steps: []\n- tist: b\n  steps: [{event: {}}]\n")
    known = "known are test, steps, access, session, config, world, kv, mocks, http"
    assert run_alone("test", "echo") == Said(
        1,
        "",
        f"""\
holomush: echo/tests.yaml: [0].test: must be text, not 1
holomush: echo/tests.yaml: [0].steps: must have at least one entry
holomush: echo/tests.yaml: [1].test: the key 'test' is missing
holomush: echo/tests.yaml: [1].steps[0].event.type: the key 'type' is missing
holomush: echo/tests.yaml: [1]: unknown key 'tist'; {known}
""",
    )


@pytest.mark.parametrize("command", ["test", "build"])
@pytest.mark.parametrize("sign", ["", "go.mod"])
def test_all_that_is_wrong_with_the_manifest_is_told(echo: Path, command: str, sign: str) -> None:
    if sign:
        need("go")
        (echo / "plugin.py").rename(echo / sign)
    (echo / "plugin.yaml").write_text("name: echo\nversion: 1\ncolour: red\n")
    said = run_alone(command, "echo")
    assert (said.code, said.output) == (1, "")
    first, second = said.errors.splitlines()
    assert first == "holomush: echo/plugin.yaml: version: must be text, not 1"
    assert second.startswith("holomush: echo/plugin.yaml: unknown key 'colour'; known are name, version, ")


@pytest.mark.parametrize("command", ["test", "build"])
def test_what_is_no_plugin(command: str, echo: Path) -> None:
    assert run_alone(command, "nowhere") == Said(1, "", "holomush: nowhere: there is no such folder\n")
    assert run_alone(command, "echo/plugin.py") == Said(1, "", "holomush: echo/plugin.py: there is no such folder\n")
    (echo / "plugin.yaml").unlink()
    assert run_alone(command, "echo") == Said(1, "", "holomush: echo: holds no plugin.yaml, so it is no plugin\n")


@pytest.mark.parametrize("command", ["test", "build"])
def test_a_folder_without_a_program(command: str, echo: Path) -> None:
    (echo / "plugin.py").unlink()
    assert run_alone(command, "echo") == Said(
        1,
        "",
        "holomush: echo: holds no plugin.py, plugin.js or plugin.wasm: a plugin is a plugin.yaml and one of them\n",
    )


def test_tests_in_python_are_run_too(echo: Path) -> None:
    (echo / "test_echo.py").write_text(
        """\
from pathlib import Path


def test_echo(plugin_harness):
    result = plugin_harness(Path(__file__).parent).deliver_event({"type": "say", "payload": {"message": "hello"}})
    assert [event["payload"] for event in result.emitted_events] == [{"message": "Echo: hello"}]
"""
    )
    said = run_alone("test", "echo")
    assert (said.code, said.errors) == (0, "")
    assert said.output.startswith(f"{PASSED}=")
    assert " 1 passed in " in said.output
    (echo / "tests").mkdir()
    (echo / "tests" / "test_more.py").write_text("def test_more():\n    assert 1 + 1 == 3\n")
    said = run_alone("test", "echo")
    assert (said.code, said.errors) == (1, "")
    assert said.output.startswith(f"{PASSED}=")
    assert "test_more.py:2: AssertionError\n" in said.output
    assert " 1 failed, 1 passed in " in said.output


# ---- build -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_a_module_made_of_source(language: str) -> None:
    scaffold("parrot", language, Path())
    said = run_alone("build", "parrot")
    assert (said.code, said.errors) == (0, "")
    assert re.fullmatch(built("parrot/parrot.wasm"), said.output)
    # The folder stays the plugin that it was.
    assert run("test", "parrot") == Said(0, PASSED)
    with PluginTestHarness("parrot/parrot.wasm") as harness:
        assert harness.manifest.name == "parrot"
        result = harness.deliver_event({"type": "say", "payload": {"message": "hello"}})
        assert [event["payload"] for event in result.emitted_events] == [{"message": "Echo: hello"}]


def test_a_module_in_another_place(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    scaffold("parrot", "python", Path())
    copy_of(bursting("go", tmp_path_factory), tmp_path / "loud")
    made = []
    for folder, option in (("parrot", "-o"), ("loud", "--output")):
        before = sorted(Path(folder).iterdir())
        said = run("build", folder, option, f"my-{folder}.wasm")
        assert (said.code, said.errors) == (0, "")
        assert re.fullmatch(built(f"my-{folder}.wasm"), said.output)
        assert sorted(Path(folder).iterdir()) == before
        made.append(f"my-{folder}.wasm")
        assert sorted(path.name for path in Path().glob("*")) == sorted(["parrot", "loud", *made])
    with PluginTestHarness("my-loud.wasm") as harness:
        assert harness.manifest.name == "loud-go"


def test_a_module_that_cannot_be_written(echo: Path) -> None:
    (echo / "taken.wasm").mkdir()
    assert run_alone("build", "echo", "-o", "echo/taken.wasm") == Said(
        1, "", "holomush: echo/taken.wasm: cannot be written: Is a directory\n"
    )
    assert run_alone("build", "echo", "-o", "nowhere/echo.wasm") == Said(
        1, "", "holomush: nowhere/echo.wasm: cannot be written: No such file or directory\n"
    )
    assert sorted(path.name for path in echo.iterdir()) == ["plugin.py", "plugin.yaml", "taken.wasm", "tests.yaml"]


def test_a_plugin_named_plugin_stays_one() -> None:
    scaffold("plugin", "python", Path())
    assert run_alone("build", "plugin") == Said(
        1, "", "holomush: plugin/plugin.wasm: cannot be beside plugin.py: say another place with --output\n"
    )
    assert run("build", "plugin", "-o", "plugin.wasm").code == 0
    assert run("test", "plugin") == Said(0, PASSED)


def test_a_module_that_came_from_elsewhere_cannot_be_built(echo: Path) -> None:
    assert run("build", "echo").code == 0
    (echo / "plugin.py").unlink()
    (echo / "echo.wasm").rename(echo / "plugin.wasm")
    assert run_alone("build", "echo") == Said(
        1, "", "holomush: echo: plugin.wasm is there, and nothing that it could be built from\n"
    )
    assert run_alone("test", "echo") == Said(0, PASSED)


@pytest.mark.parametrize("language", ["python", "go", "assemblyscript"])
def test_two_builds_at_once(language: str) -> None:
    need(language)
    folder = scaffold("parrot", language, Path())
    before = {path.name for path in folder.iterdir()}
    both = [start("build", "parrot"), start("build", "parrot")]
    for said in map(ended, both):
        assert (said.code, said.errors) == (0, "")
    made = {path.name for path in folder.iterdir()} - before - {"node_modules"}
    assert made == {"plugin.wasm" if language in COMPILE else "parrot.wasm"}
    assert run("test", "parrot") == Said(0, PASSED)


# ---- toolchains ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("--require",), ("--install",), ("--install", "--require")])
def test_what_can_be_compiled_here(options: tuple[str, ...]) -> None:
    for compiler in COMPILED:
        require(compiler)
    expected = "".join(f"{compiler.name}: {compiler.check()}\n" for compiler in COMPILED)
    assert [line.partition(":")[0] for line in expected.splitlines()] == ["go", "rust", "assemblyscript"]
    assert run_alone("toolchains", *options) == Said(0, expected)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A machine with nothing on its PATH. What is said of it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOLOMUSH_CACHE", str(tmp_path / "cache"))
    try:
        rust = Rust().check()
    except ToolchainMissing as exc:
        rust = f"missing: {exc}"
    return f"""\
go: missing: Go plugins need Go 1.24 or newer, and there is none on PATH
rust: {rust}
assemblyscript: missing: AssemblyScript: there is no node on PATH: install Node.js 18 or newer with npm \
(on Debian: apt-get install nodejs npm)
"""


def test_what_is_missing_is_told(bare: str) -> None:
    assert run_alone("toolchains") == Said(0, bare)
    assert run_alone("toolchains", "--require") == Said(1, bare)
    assert not Path("cache").exists()


def test_a_place_where_nothing_can_be_installed(bare: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOLOMUSH_CACHE", str(tmp_path / "file"))
    said = run_alone("toolchains", "--install", "--require")
    assert (said.code, said.errors) == (1, "")
    assert said.output.startswith(f"go: missing: {tmp_path}/file/toolchains: Not a directory\nrust: ")


@pytest.mark.parametrize("command", ["test", "build"])
def test_a_plugin_whose_compiler_is_missing(bare: str, command: str) -> None:
    scaffold("parrot", "go", Path())
    assert run_alone(command, "parrot") == Said(1, "", "holomush: Go plugins need Go 1.24 or newer, and there is none on PATH\n")


def test_a_place_where_nothing_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("rust")
    scaffold("parrot", "rust", Path())
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOLOMUSH_CACHE", str(tmp_path / "file"))
    said = run_alone("build", "parrot")
    assert (said.code, said.output) == (1, "")
    (line,) = said.errors.splitlines()
    assert line.startswith(f"holomush: parrot: cannot be built: {tmp_path}/file/toolchains")
    assert line.endswith(": Not a directory")
