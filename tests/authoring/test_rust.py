"""Rust plugins: which compiler is used, what it builds, what it says of mistakes, and how a plugin fails in the real host."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest
from plugins.rooms import open_rig
from support.toolchains import require

from holomush.authoring.languages.rust import Rust
from holomush.authoring.toolchain import BuildError, ToolchainMissing
from holomush.plugins.functions.table import NAMESPACE
from holomush.plugins.guests.compile_cache import default_folders, use_compile_cache
from holomush.plugins.guests.foreign import prepare
from holomush.plugins.guests.guard import KERNEL
from holomush.plugins.guests.guest import (
    GuestError,
    GuestFailedError,
    GuestOutOfMemoryError,
    GuestTrappedError,
    SourceRuntime,
    report_of,
)
from holomush.plugins.guests.wasm import parse

ROOT = Path(__file__).parents[2]
PDK = ROOT / "pdk" / "rust"
ECHO = PDK / "examples" / "echo"
APT = "apt-get install --no-install-recommends rustc-web cargo-web rust-web-src ca-certificates"

# ---- Which compiler --------------------------------------------------------------------------------------------------


@attrs.frozen
class Machine:
    """A machine with only what a test puts there: ``path`` is all of its PATH, ``rust`` looks for packages in ``system``."""

    path: Path
    system: Path

    @property
    def rust(self) -> Rust:
        return Rust(self.system)

    def missing(self) -> str:
        with pytest.raises(ToolchainMissing) as caught:
            self.rust.check()
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def put_rust(self, folder: Path, release: str, libraries: Path | None = None) -> None:
        """A cargo, and a rustc of that release and LLVM 22; ``libraries`` is where it says that its targets are."""
        put_program(folder / "cargo", "exit 1")
        where = f"echo {libraries}" if libraries else "exit 1"
        about = f"printf 'rustc {release}\\nrelease: {release}\\nLLVM version: 22.1.8\\n'"
        put_program(folder / "rustc", f'case "$1" in --print) {where} ;; -vV) {about} ;; *) exit 1 ;; esac')

    def put_packages(self, source: str | None = "1.96.0", linker: str | None = "wasm-ld-22") -> None:
        """Debian's rustc 1.96.0 with the source and the linker of these names."""
        self.put_rust(self.system / "bin", "1.96.0")
        if source is not None:
            rust = self.system / "lib" / "rustlib" / "src" / "rust"
            (rust / "library" / "std").mkdir(parents=True)
            (rust / "src").mkdir()
            (rust / "src" / "version").write_text(f"{source}\n")
        if linker is not None:
            put_program(self.system / "bin" / linker, "exit 1")


def put_program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine without any Rust."""
    made = Machine(tmp_path / "path", tmp_path / "system")
    made.path.mkdir()
    monkeypatch.setenv("PATH", str(made.path))
    monkeypatch.setenv("HOLOMUSH_CACHE", str(tmp_path / "cache"))
    return made


NO_RUST = f"no Rust here can make WebAssembly: run `rustup target add wasm32-unknown-unknown` or, as root on Debian 12, `{APT}`"


def test_no_rust_is_missing(machine: Machine) -> None:
    assert machine.missing() == NO_RUST


def test_a_rust_on_the_path_is_used_if_it_has_the_target(machine: Machine, tmp_path: Path) -> None:
    libraries = tmp_path / "target"
    machine.put_packages()
    machine.put_rust(machine.path, "1.90.0", libraries)
    assert machine.rust.check() == f"Rust 1.96.0 ({machine.system}/bin/rustc)"
    libraries.mkdir()
    assert machine.rust.check() == f"Rust 1.96.0 ({machine.system}/bin/rustc)"
    (libraries / "libstd-0123.rlib").touch()
    assert machine.rust.check() == f"Rust 1.90.0 ({machine.path}/rustc)"


def test_a_rust_without_the_target_is_missing(machine: Machine) -> None:
    machine.put_rust(machine.path, "1.95.0")
    assert machine.missing() == NO_RUST


def test_packages_without_their_source_are_missing(machine: Machine) -> None:
    machine.put_packages(source=None)
    assert machine.missing() == NO_RUST


def test_a_source_of_another_version_is_missing(machine: Machine) -> None:
    machine.put_packages(source="1.85.0")
    rustc, source = machine.system / "bin" / "rustc", machine.system / "lib/rustlib/src/rust"
    assert machine.missing() == f"{rustc} is 1.96.0, but its source in {source} is 1.85.0: run `{APT}`"


def test_a_linker_of_another_llvm_is_missing(machine: Machine) -> None:
    machine.put_packages(linker="wasm-ld-19")
    linker = machine.system / "bin" / "wasm-ld-22"
    assert machine.missing() == f"Rust's linker {linker} is missing: run `apt-get install lld-22` as root"


def test_a_rust_that_does_not_say_its_version_is_missing(machine: Machine) -> None:
    machine.put_packages()
    put_program(machine.system / "bin" / "rustc", "exit 1")
    assert machine.missing().startswith(f"{machine.system}/bin/rustc does not say its version: run `rustup")


def test_nothing_is_installed_without_apt(machine: Machine) -> None:
    with pytest.raises(ToolchainMissing) as caught:
        machine.rust.install()
    assert str(caught.value) == NO_RUST


def test_nothing_is_installed_by_others_than_root(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    put_program(machine.path / "apt-get", "exit 0")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ToolchainMissing) as caught:
        machine.rust.install()
    assert str(caught.value) == NO_RUST


def test_packages_that_cannot_be_had_are_one_line(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    put_program(machine.path / "apt-get", '[ "$1" = update ] || { echo "E: Unable to locate package rustc-web"; exit 100; }')
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ToolchainMissing) as caught:
        machine.rust.install()
    assert str(caught.value) == (
        "apt-get install rustc-web cargo-web rust-web-src ca-certificates failed: E: Unable to locate package rustc-web; "
        "or run `rustup target add wasm32-unknown-unknown`"
    )


def test_packages_are_installed_with_the_linker_that_fits(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What apt-get is asked for; a standard library that cannot be built from it is one line too."""
    machine.put_packages()
    machine.system.rename(tmp_path / "packages")
    put_program(
        machine.path / "apt-get",
        f'echo "$@" >> {tmp_path}/asked; case "$*" in *rustc-web*) /bin/mv {tmp_path}/packages {machine.system} ;; esac',
    )
    put_program(tmp_path / "packages" / "bin" / "cargo", "echo 'error: no std today'; exit 101")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ToolchainMissing) as caught:
        machine.rust.install()
    assert str(caught.value) == "Rust's standard library could not be built for WebAssembly: error: no std today"
    assert (tmp_path / "asked").read_text().splitlines() == [
        "update -q",
        "install -q -y --no-install-recommends --no-remove rustc-web cargo-web rust-web-src ca-certificates",
        "install -q -y --no-install-recommends --no-remove lld-22",
    ]


# ---- Building --------------------------------------------------------------------------------------------------------


def copy_of(plugin: Path, target: Path) -> Path:
    """A plugin to be built elsewhere."""
    shutil.copytree(plugin, target, ignore=shutil.ignore_patterns("target", "plugin.wasm"))
    manifest = target / "Cargo.toml"
    manifest.write_text(manifest.read_text().replace('"../.."', json.dumps(str(PDK))))
    return target


def put_crate(folder: Path, source: str, *, kind: str = "cdylib") -> Path:
    """A plugin that is made from nothing but its source. All of them have the same name, and a manifest that cargo warns of."""
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(
        f'[package]\nname = "same"\nedition = "2024"\n[lib]\ncrate-type = ["{kind}"]\nnonsense = 1\n[workspace]\n'
    )
    (folder / "src" / "lib.rs").write_text(source)
    return folder


@pytest.fixture(scope="session")
def rust() -> Rust:
    require(Rust())
    return Rust()


@pytest.fixture(scope="session")
def echo(rust: Rust, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The echo plugin, built."""
    plugin = copy_of(ECHO, tmp_path_factory.mktemp("rust") / "echo")
    rust.build(plugin, plugin / "plugin.wasm")
    return plugin


@pytest.fixture
def broken(rust: Rust, tmp_path: Path) -> Callable[[str, str], BuildError]:
    """What building the echo plugin comes to with one text in its files replaced."""
    plugin = copy_of(ECHO, tmp_path / "echo")

    def build(old: str, new: str) -> BuildError:
        for path in (plugin / "src" / "lib.rs", plugin / "Cargo.toml"):
            path.write_text(path.read_text().replace(old, new))
        (plugin / "plugin.wasm").write_bytes(b"as before")
        before = sorted(path.name for path in plugin.iterdir())
        with pytest.raises(BuildError) as caught:
            rust.build(plugin, plugin / "plugin.wasm")
        assert sorted(path.name for path in plugin.iterdir()) == before
        assert (plugin / "plugin.wasm").read_bytes() == b"as before"
        assert "\n" not in str(caught.value)
        return caught.value

    return build


def place_of(source: str, text: str) -> str:
    """Where this text is, as Rust writes it. It must be there once."""
    ((line, found),) = ((n, line) for n, line in enumerate(source.splitlines(), 1) if text in line)
    return f"src/lib.rs:{line}:{found.index(text) + 1}"


def test_the_echo_plugin_imports_what_it_uses_and_no_more(echo: Path) -> None:
    data = (echo / "plugin.wasm").read_bytes()
    imports = {(wanted.module, wanted.name) for wanted in parse(data).imports}
    assert {name for module, name in imports if module == NAMESPACE} == {"holomush_emit_event"}
    assert {name for module, name in imports if module == KERNEL} == {
        *("alloc", "error_set", "input_length", "input_load_u64", "input_load_u8"),
        *("length", "load_u64", "load_u8", "output_set", "store_u64", "store_u8"),
    }
    assert {module for module, _ in imports} == {NAMESPACE, KERNEL}
    assert prepare(data).functions == {"handle_event"}
    assert len(data) < 120_000


def test_a_build_leaves_nothing_but_its_output(echo: Path) -> None:
    kept = {path.name for path in ECHO.iterdir()} - {"target"}
    assert {path.name for path in echo.iterdir()} == kept | {"plugin.wasm"}
    assert (echo / "Cargo.lock").read_text() == (ECHO / "Cargo.lock").read_text()


def test_a_module_does_not_tell_where_the_crates_were(echo: Path) -> None:
    data = (echo / "plugin.wasm").read_bytes()
    assert b"serde_json-1" in data
    assert b"/registry/src/" not in data
    assert b"/rustlib/" not in data


def test_two_builds_at_once_get_their_own_modules(rust: Rust, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSTFLAGS", "--the-author-has-settings-of-his-own")
    names = ("one", "two", "three")
    for name in names:
        put_crate(tmp_path / name, f'#[unsafe(no_mangle)]\npub extern "C" fn {name}() -> i32 {{ 0 }}\n')
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda name: rust.build(tmp_path / name, tmp_path / name / "plugin.wasm"), names))
    for name in names:
        assert prepare((tmp_path / name / "plugin.wasm").read_bytes()).functions == {name}


def test_a_crate_that_makes_no_module_is_told_so(rust: Rust, tmp_path: Path) -> None:
    with pytest.raises(BuildError) as caught:
        rust.build(put_crate(tmp_path / "same", "", kind="rlib"), tmp_path / "out.wasm")
    assert str(caught.value) == 'it makes no module: Cargo.toml must have crate-type = ["cdylib"] below [lib]'


def test_a_type_error_has_file_and_line(broken: Callable[[str, str], BuildError]) -> None:
    error = broken('"say", json!', "5, json!")
    place = place_of((ECHO / "src" / "lib.rs").read_text(), '"say", json!')
    assert str(error) == f"it does not compile: {place}: mismatched types"
    lines = error.report.splitlines()
    assert lines[:2] == ["error[E0308]: mismatched types", f"  --> {place}"]
    assert not [line for line in lines if line.startswith(("{", "error: could not", "   Compiling", "warning:"))]


def test_a_syntax_error_has_file_and_line(broken: Callable[[str, str], BuildError]) -> None:
    error = broken("return Ok(());", "return Ok(()")
    place = place_of((ECHO / "src" / "lib.rs").read_text(), "(());")
    assert str(error) == f"it does not compile: {place}: mismatched closing delimiter: `}}`"
    assert error.report.splitlines()[1].strip() == f"--> {place}"


def test_a_plugin_that_has_changed_is_built_anew(rust: Rust, tmp_path: Path) -> None:
    plugin, output = tmp_path / "same", tmp_path / "out.wasm"
    for name in ("before", "after"):
        source = f'#[unsafe(no_mangle)]\npub extern "C" fn {name}() -> i32 {{ 0 }}\n'
        if name == "before":
            put_crate(plugin, source)
        else:
            (plugin / "src" / "lib.rs").write_text(source)
        rust.build(plugin, output)
        assert prepare(output.read_bytes()).functions == {name}


def test_crates_that_cannot_be_had_are_one_line(
    broken: Callable[[str, str], BuildError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARGO_HOME", str(tmp_path / "nothing-downloaded"))
    monkeypatch.setenv("CARGO_HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("CARGO_NET_RETRY", "0")
    error = broken("never there", "")
    assert str(error) == "the crates that it is made of cannot be had: the package registry is out of reach"


def test_a_lock_file_that_does_not_fit_is_one_line(broken: Callable[[str, str], BuildError]) -> None:
    error = broken("[dependencies]", '[dependencies]\nserde = "1"')
    assert str(error) == "its Cargo.lock does not fit its Cargo.toml: run `cargo update --workspace`"


def test_a_broken_cargo_toml_is_one_line(broken: Callable[[str, str], BuildError]) -> None:
    error = broken("[dependencies]", "dependencies]")
    line = (ECHO / "Cargo.toml").read_text().splitlines().index("[dependencies]") + 1
    assert str(error) == f"it does not compile: Cargo.toml:{line}:13: key with no value, expected `=`"


# ---- Running, in the real host ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def no_runtime(tmp_path_factory: pytest.TempPathFactory) -> SourceRuntime:
    """A Rust plugin brings all that it runs on."""
    use_compile_cache(default_folders(os.environ, tmp_path_factory.mktemp("data")))
    return SourceRuntime({})


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
    changes: Mapping[str, str], expected: object, echo: Path, tmp_path: Path, no_runtime: SourceRuntime
) -> None:
    event = {**SAY, "payload": {"message": "grüß <&> 🐉"}, **changes}
    async with open_rig(tmp_path / "rig", no_runtime) as rig:
        await rig.load_folder(echo)
        attempt = rig.host.begin("echo")
        data = json.dumps(event).encode()
        await rig.host.call("echo", "handle_event", data, attempt, event_type="say", event_stream="location:square")
        assert [(emitted.stream, emitted.type, emitted.payload) for emitted in attempt.transaction.events] == expected


FAULTS = """
use holomush_pdk::*;

export!(init, panic, index, unwrap, text, option, number, code, refused, own, deep, grow, numbers, started);

static STARTED: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(0);

fn init(_: ()) -> Result<()> {
    STARTED.fetch_add(7, std::sync::atomic::Ordering::Relaxed);
    Ok(())
}
fn started(_: Invocation) -> Result<String> {
    Ok(STARTED.load(std::sync::atomic::Ordering::Relaxed).to_string())
}
fn panic(_: Invocation) -> Result<()> {
    panic!("it is {}", "broken")
}
fn index(inv: Invocation) -> Result<String> {
    let list = [1, 2, 3];
    Ok(list[inv.args.len() + 3].to_string())
}
fn unwrap(inv: Invocation) -> Result<&'static str> {
    inv.args.get("nothing").unwrap();
    Ok("fine")
}
fn text(_: Invocation) -> Result<()> {
    Err("it went wrong")?
}
fn option(inv: Invocation) -> Result<Vec<String>> {
    Ok(vec![inv.args.get("nothing").ok_or("there is no such thing")?.clone()])
}
fn number(inv: Invocation) -> Result<String> {
    let number: i32 = inv.arg("number").parse()?;
    Ok(number.to_string())
}
fn refused(_: Invocation) -> Result<()> {
    destroy_location("nowhere")
}
fn code(_: Invocation) -> Result<String> {
    let error = query_location("nowhere").unwrap_err();
    Ok(format!("{} / {} / {error}", error.code, error.message))
}
fn own(_: Invocation) -> Result<()> {
    Err(Error::new(format_args!("{} goes", "anything")))
}
fn endless(n: u64) -> u64 {
    1 + std::hint::black_box(endless(std::hint::black_box(n + 1)))
}
fn deep(_: Invocation) -> Result<String> {
    Ok(endless(1).to_string())
}
fn grow(_: Invocation) -> Result<String> {
    let mut kept = vec![];
    loop {
        kept.push(vec![1u8; 1 << 20]);
        std::hint::black_box(&kept);
    }
}
fn numbers(inv: Invocation) -> Result<String> {
    let value: Value = serde_json::from_str(inv.arg("text"))?;
    Ok(value.to_string())
}
"""


@pytest.fixture(scope="session")
def faults(rust: Rust, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plugin with many ways to fail."""
    plugin = copy_of(ECHO, tmp_path_factory.mktemp("rust") / "faults")
    (plugin / "src" / "lib.rs").write_text(FAULTS)
    (plugin / "plugin.yaml").write_text(
        "name: faults\nversion: 1.0.0\ndescription: Fails.\ncapabilities: [read:locations, write:locations]\n"
    )
    rust.build(plugin, plugin / "plugin.wasm")
    return plugin


@pytest.mark.parametrize(
    ("function", "where", "why"),
    [
        ("panic", "panic!(", "it is broken"),
        ("index", "list[", "index out of bounds: the len is 3 but the index is 3"),
        ("unwrap", "unwrap();", "called `Option::unwrap()` on a `None` value"),
        ("text", 'Err("it went wrong")', "it went wrong"),
        ("option", 'inv.args.get("nothing").ok_or', "there is no such thing"),
        ("number", 'inv.arg("number")', "cannot parse integer from empty string"),
        ("refused", 'destroy_location("nowhere")', "not_found: there is no location with the id 'nowhere'"),
        ("own", "Error::new(", "anything goes"),
    ],
)
async def test_a_failure_has_the_authors_file_and_line(
    function: str, where: str, why: str, faults: Path, tmp_path: Path, no_runtime: SourceRuntime
) -> None:
    async with open_rig(tmp_path / "rig", no_runtime) as rig:
        await rig.load_folder(faults)
        with pytest.raises(GuestFailedError) as caught:
            await rig.call(function, name="faults")
        place, _, told = report_of(caught.value).partition(": ")
        assert told == why
        assert place.rpartition(":")[0] == place_of(FAULTS, where).rpartition(":")[0]
        # The next one is not harmed.
        assert (await rig.call("started", name="faults")).output == "7"


@pytest.mark.parametrize(("function", "kind"), [("deep", GuestTrappedError), ("grow", GuestOutOfMemoryError)])
async def test_what_cannot_be_told_is_a_crash(
    function: str, kind: type[GuestError], faults: Path, tmp_path: Path, no_runtime: SourceRuntime
) -> None:
    async with open_rig(tmp_path / "rig", no_runtime) as rig:
        await rig.load_folder(faults)
        with pytest.raises(kind):
            await rig.call(function, name="faults")
        assert (await rig.call("started", name="faults")).output == "7"


async def test_a_refusal_has_its_code(faults: Path, tmp_path: Path, no_runtime: SourceRuntime) -> None:
    async with open_rig(tmp_path / "rig", no_runtime) as rig:
        await rig.load_folder(faults)
        why = "there is no location with the id 'nowhere'"
        assert (await rig.call("code", name="faults")).output == f"not_found / {why} / not_found: {why}"


async def test_numbers_keep_every_digit(faults: Path, tmp_path: Path, no_runtime: SourceRuntime) -> None:
    text = '{"big":9007199254740993,"huge":18446744073709551615,"share":0.1,"small":-9223372036854775808,"whole":2.0}'
    async with open_rig(tmp_path / "rig", no_runtime) as rig:
        await rig.load_folder(faults)
        assert (await rig.call("numbers", {"text": text}, name="faults")).output == text
