"""From a plugin's folder to one module: when it is built, what is in it, and where it runs."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import extism
import pytest
from extism.extism import CompiledPlugin
from support.authored import WRITINGS, bursting, copy_of

from holomush.authoring.build import compile_plugin, compiler_of, embed, is_stale, write
from holomush.authoring.scaffold import LANGUAGES, scaffold
from holomush.authoring.standalone import manifest_of
from holomush.authoring.toolchain import BuildError
from holomush.plugins.functions.table import NAMESPACE
from holomush.plugins.roster.source import read_plugin
from holomush.testing import PluginTestHarness

EVENT = {
    "id": "01H",
    "stream": "location:square",
    "type": "say",
    "timestamp": 7,
    "actor_kind": "character",
    "actor_id": "alice",
    "actor_name": "Alice",
    "payload": {"message": "grüß <&> 🐉"},
}
ECHO = {"stream": "location:square", "type": "say", "payload": {"message": "Echo: grüß <&> 🐉"}}
LATER = 10**9
"""Nanoseconds."""


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    """Each of the five, in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def module(language: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``plugin build`` makes of the plugin of ``bursting``, in a folder of its own under another name."""
    folder = bursting(language, tmp_path_factory)
    made = tmp_path_factory.mktemp("module") / "anything.wasm"
    if compiler_of(folder) is not None:
        made.write_bytes((folder / "plugin.wasm").read_bytes())
    else:
        with PluginTestHarness(folder) as harness:
            embed(read_plugin(folder), harness.functions, made)
    return made


# ---- What a folder is, and when it is built --------------------------------------------------------------------------


def test_the_compiler_of_a_folder(language: str, tmp_path: Path) -> None:
    compiler = compiler_of(scaffold("garden", language, tmp_path))
    assert (None if compiler is None else compiler.name) == (None if language in ("python", "javascript") else language)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a module and everything else that may be beside it, all older."""
    folder = tmp_path / "garden"
    for name in (
        *("plugin.yaml", "tests.yaml", "README.md", "test_garden.py", "go.mod", "main.go", "build/more.go", "pdk/go.mod"),
        *("node_modules/package/index.js", "tests/__pycache__/test.pyc", ".git/index", "target/release/made.d", "other.wasm"),
        *("target/CACHEDIR.TAG", "words/list.txt"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    (folder / "plugin.wasm").write_text("")
    newest = max(path.stat().st_mtime_ns for path in folder.rglob("*"))
    os.utime(folder / "plugin.wasm", ns=(newest, newest))
    return folder


def touch(path: Path) -> None:
    later = path.stat().st_mtime_ns + LATER
    os.utime(path, ns=(later, later))


def test_without_a_module_it_is_built(folder: Path) -> None:
    assert not is_stale(folder)
    (folder / "plugin.wasm").unlink()
    assert is_stale(folder)


@pytest.mark.parametrize("name", ["plugin.yaml", "go.mod", "main.go", "build/more.go", "pdk/go.mod", "words/list.txt"])
def test_it_is_built_if_this_is_newer(folder: Path, name: str) -> None:
    touch(folder / name)
    assert is_stale(folder)


@pytest.mark.parametrize(
    "name",
    [
        *("tests.yaml", "README.md", "test_garden.py", "node_modules/package/index.js", "tests/__pycache__/test.pyc", ".git/index"),
        *("target/release/made.d", "other.wasm", "target", "plugin.wasm"),
    ],
)
def test_it_is_not_built_if_this_is_newer(folder: Path, name: str) -> None:
    touch(folder / name)
    assert not is_stale(folder)


@attrs.frozen
class Slow:
    """A compiler that makes ``module``, and in whose time ``meanwhile`` happens."""

    module: bytes
    meanwhile: Callable[[], None]
    name: str = "slow"
    sign: str = "go.mod"

    def check(self) -> str:
        """As ``Language.check``."""
        return "1"

    def install(self) -> None:
        """As ``Language.install``."""

    def build(self, folder: Path, output: Path) -> None:
        """As ``Language.build``."""
        self.meanwhile()
        output.write_bytes(self.module)


@pytest.fixture
def loud(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plugin in Go, built: the author's to change."""
    return copy_of(bursting("go", tmp_path_factory), tmp_path / "loud")


def test_what_is_saved_while_it_is_compiled_is_newer(loud: Path) -> None:
    module = (loud / "plugin.wasm").read_bytes()

    def save() -> None:
        now = time.time_ns()  # finer than what the kernel would write
        os.utime(loud / "main.go", ns=(now, now))

    compile_plugin(Slow(module, save), loud, loud / "plugin.wasm")
    assert is_stale(loud)
    compile_plugin(Slow(module, lambda: None), loud, loud / "plugin.wasm")
    assert not is_stale(loud)


def test_two_builds_of_a_folder_come_one_after_the_other(loud: Path) -> None:
    done: list[str] = []
    slow = Slow((loud / "plugin.wasm").read_bytes(), lambda: done.append("built"))
    other = os.open(loud, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    builder = threading.Thread(target=compile_plugin, args=(slow, loud, loud / "plugin.wasm"))
    builder.start()
    done.append("let go")
    os.close(other)
    builder.join()
    assert done == ["let go", "built"]


# ---- What is in a module, and where it runs --------------------------------------------------------------------------


def test_the_manifest_is_inside(module: Path, language: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert manifest_of(module.read_bytes()) == (bursting(language, tmp_path_factory) / "plugin.yaml").read_text()


def test_a_mark_at_the_beginning_of_a_manifest_is_not_inside(tmp_path: Path) -> None:
    folder = scaffold("garden", "python", tmp_path)
    text = (folder / "plugin.yaml").read_text()
    (folder / "plugin.yaml").write_text(text, encoding="utf-8-sig")
    embed(read_plugin(folder), ["handle_event"], tmp_path / "garden.wasm")
    assert manifest_of((tmp_path / "garden.wasm").read_bytes()) == text


def test_it_runs_in_an_extism_host_that_only_knows_how_to_emit(module: Path, language: str) -> None:
    emitted: list[Any] = []
    signature = ([extism.ValType.I64], [extism.ValType.I64])

    @extism.host_fn(name="holomush_emit_event", namespace=NAMESPACE, signature=signature)  # type: ignore[untyped-decorator]
    def emit_event(current: Any, params: list[Any], results: list[Any], *_: object) -> None:
        emitted.append(json.loads(current.input_string(params[0])))
        current.return_string(results[0], '{"ok": true, "value": null}')

    functions = [emit_event]
    plugin = extism.Plugin(CompiledPlugin({"wasm": [{"data": module.read_bytes()}]}, wasi=True, functions=functions))
    for changes in ({}, {"type": "pose"}, {"actor_kind": "plugin"}, {}):
        answer = bytes(plugin.call("handle_event", json.dumps({**EVENT, **changes})))
        assert json.loads(answer or "{}") in ({}, {"events": []})
    assert emitted == [ECHO, ECHO]
    with pytest.raises(extism.Error) as caught:
        plugin.call("burst", json.dumps({"command": "burst", "handler": "burst", "args": {}, "raw": "burst", "timestamp": 1}))
    assert WRITINGS[language].message in str(caught.value)


def test_it_runs_in_the_harness_by_itself(module: Path, language: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with PluginTestHarness(module) as harness:
        assert harness.manifest.name == f"loud-{language}"
        result = harness.deliver_event(EVENT)
        assert [{key: event[key] for key in ECHO} for event in result.emitted_events] == [ECHO]
        error = harness.run_command(f"burst-{language}", check=False).error
    assert error is not None
    assert WRITINGS[language].fault_in(bursting(language, tmp_path_factory)) in error
    assert WRITINGS[language].message in error


# ---- What goes wrong -------------------------------------------------------------------------------------------------


def failure(work: Callable[[], None]) -> str:
    with pytest.raises(BuildError) as caught:
        work()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_a_place_to_work_in(loud: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = compiler_of(loud)
    assert compiler is not None
    before = (loud / "plugin.wasm").read_bytes()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    told = failure(lambda: compile_plugin(compiler, loud, loud / "plugin.wasm"))
    assert told.startswith(f"{loud}: cannot be built: {tmp_path}/nowhere/holomush-build-")
    assert told.endswith(": No such file or directory")
    assert (loud / "plugin.wasm").read_bytes() == before


def test_a_module_takes_the_place_of_another_at_once(tmp_path: Path) -> None:
    output = tmp_path / "plugin.wasm"
    write(output, b"old")
    with output.open("rb") as reader:
        write(output, b"new")
        assert reader.read() == b"old"
    assert output.read_bytes() == b"new"
    assert output.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["plugin.wasm"]


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert failure(lambda: write(tmp_path / "folder", b"new")) == f"{tmp_path}/folder: cannot be written: Is a directory"
    assert failure(lambda: write(tmp_path / "no" / "x.wasm", b"")).endswith(
        "/no/x.wasm: cannot be written: No such file or directory"
    )
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


def test_a_module_beside_the_source_it_was_made_from(tmp_path: Path) -> None:
    source = read_plugin(scaffold("garden", "javascript", tmp_path))
    output = tmp_path / "garden" / ".." / "garden" / "plugin.wasm"
    told = failure(lambda: embed(source, ["handle_event"], output))
    assert told == f"{output}: cannot be beside plugin.js: say another place with --output"
    assert not output.exists()
