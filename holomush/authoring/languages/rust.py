"""Rust: which compiler can make WebAssembly here, its standard library where it has to be built, and what cargo says.

Owns one folder below ``cache_folder()`` for each compiler: the standard library for WebAssembly, if the compiler came without it,
and what cargo has compiled, which all plugins share. A lock keeps two builds apart.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from holomush.authoring.toolchain import BuildError, ToolchainMissing, cache_folder, run

TARGET = "wasm32-unknown-unknown"

_PACKAGES = ("rustc-web", "cargo-web", "rust-web-src", "ca-certificates")
_APT = f"apt-get install --no-install-recommends {' '.join(_PACKAGES)}"
_RUSTUP = f"rustup target add {TARGET}"
_LINES = re.compile(r"^error(?:\[\w+\])?: (?P<message>.+)\n(?: *\|\n)* *--> (?P<place>\S+)", re.MULTILINE)
_FIRST = re.compile(r"^error(?:\[\w+\])?: (?P<message>.+)", re.MULTILINE)
_NO_NETWORK = re.compile(
    r"network (?:error|failure)|could not resolve host|failed to connect|--offline was specified|without `--offline`", re.IGNORECASE
)
# What cargo says to those who want to see it work.
_NOISE = re.compile(
    r'\{"reason":|error: could not compile `|error: aborting due to |warning: build failed, |warning: `.*` \(.*\) generated |'
    r"For more information about |Some errors have detailed explanations: | +(?:Updating|Locking|Download\w+|Compiling|Blocking) "
)
_STANDARD = """
[package]
name = "standard"
edition = "2021"
[lib]
path = "lib.rs"
[profile.release]
opt-level = "s"
[workspace]
"""


@attrs.frozen
class _Compiler:
    """A cargo and a rustc that fit together. With ``source``, its standard library for WebAssembly has to be built from that."""

    cargo: Path
    rustc: Path
    release: str
    about: str
    """All that rustc says of itself: other versions, other text."""
    source: Path | None = None
    linker: Path | None = None

    @property
    def folder(self) -> Path:
        """Where everything is kept that this compiler has made."""
        return cache_folder() / f"rust-{self.release}-{hashlib.sha256(self.about.encode()).hexdigest()[:12]}"


@attrs.frozen
class Rust:
    """Rust, by the cargo on the PATH or by that of Debian's packages for browsers. ``system`` is where packages are installed."""

    system: Path = Path("/usr")

    name = "rust"
    sign = "Cargo.toml"

    def check(self) -> str:
        """As ``Language.check``."""
        compiler = self._compiler()
        return f"Rust {compiler.release} ({compiler.rustc})"

    def install(self) -> None:
        """As ``Language.install``; as root on Debian from apt. Builds the standard library, once for each compiler: a minute."""
        try:
            compiler = self._compiler()
        except ToolchainMissing as missing:
            self._install_packages(missing)
            compiler = self._compiler()
        with _locked(compiler.folder):
            try:
                _sysroot(compiler)
            except BuildError as exc:
                raise ToolchainMissing(f"{exc}: {_last_line(exc.report)}") from exc

    def build(self, folder: Path, output: Path) -> None:
        """As ``Language.build``. The first build of all compiles what plugins have in common, which may take two minutes."""
        compiler = self._compiler()
        flags = [f"--remap-path-prefix={_cargo_home() / 'registry' / 'src'}=registry"]
        with _locked(compiler.folder):
            if sysroot := _sysroot(compiler):
                flags += [f"--sysroot={sysroot}", f"-Clinker={compiler.linker}"]
            try:
                module = _Cargo(compiler, folder.resolve(), _environment(compiler, flags)).build()
            except BuildError as exc:
                raise _explained(exc) from exc
            _put(module, output)

    def _compiler(self) -> _Compiler:
        cargo, rustc = shutil.which("cargo"), shutil.which("rustc")
        if cargo and rustc and _has_target(rustc):
            return _described(Path(cargo), Path(rustc))
        return self._packaged()

    def _packaged(self) -> _Compiler:
        cargo, rustc, rust = self.system / "bin" / "cargo", self.system / "bin" / "rustc", self.system / "lib/rustlib/src/rust"
        if not (cargo.is_file() and rustc.is_file() and (rust / "library" / "std").is_dir()):
            raise ToolchainMissing(f"no Rust here can make WebAssembly: run `{_RUSTUP}` or, as root on Debian 12, `{_APT}`")
        compiler = _described(cargo, rustc)
        version = rust / "src" / "version"
        source = version.read_text().strip() if version.is_file() else "unknown"
        if source != compiler.release:
            raise ToolchainMissing(f"{rustc} is {compiler.release}, but its source in {rust} is {source}: run `{_APT}`")
        llvm = _llvm(compiler)
        linker = self.system / "bin" / f"wasm-ld-{llvm}"
        if not linker.exists():
            raise ToolchainMissing(f"Rust's linker {linker} is missing: run `apt-get install lld-{llvm}` as root")
        return attrs.evolve(compiler, source=rust / "library", linker=linker)

    def _install_packages(self, missing: ToolchainMissing) -> None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise missing
        _apt("update")
        _apt("install", *_PACKAGES)
        # The linker of the same LLVM: an older one may not read what this compiler writes.
        _apt("install", f"lld-{_llvm(_described(self.system / 'bin' / 'cargo', self.system / 'bin' / 'rustc'))}")


@attrs.frozen
class _Cargo:
    """Cargo in the folder of one plugin, for the one who holds the lock."""

    compiler: _Compiler
    folder: Path
    environment: Mapping[str, str]

    def build(self) -> Path:
        """The module, in a place where the next build will overwrite it."""
        target = self.compiler.folder / "target"
        place: list[str | Path] = ["--release", "--target", TARGET, "--target-dir", target]
        # Cargo knows crates in folders by their names and by when they were changed. What it made of another plugin's crate it
        # would give for this one's: so only what comes from the registry is kept from plugin to plugin.
        mark, own = target / "made-for", f"{self.folder} {(self.folder / 'Cargo.toml').stat().st_ctime_ns}"
        if not (mark.is_file() and mark.read_text() == own):
            mark.unlink(missing_ok=True)
            printed = self._run("metadata", "--format-version", "1", "--filter-platform", TARGET).splitlines()
            found = json.loads(next(line for line in printed if line.startswith("{")))  # there may be warnings around it
            crates: list[str | Path] = [package["id"] for package in found["packages"] if package["source"] is None]
            self._run("clean", *place, *(part for crate in crates for part in ("--package", crate)))
            target.mkdir(exist_ok=True)
            mark.write_text(own)
        return self._module(self._run("build", *place, "--lib", "--message-format", "json-render-diagnostics"))

    def _run(self, verb: str, *options: str | Path) -> str:
        locked = ["--locked"] if (self.folder / "Cargo.lock").is_file() else []
        command = [self.compiler.cargo, verb, "--quiet", "--manifest-path", self.folder / "Cargo.toml", *locked, *options]
        return run(command, cwd=self.folder, env=self.environment)

    def _module(self, printed: str) -> Path:
        for line in printed.splitlines():
            if line.startswith('{"reason":"compiler-artifact"'):
                made = json.loads(line)
                if Path(made["manifest_path"]).parent.samefile(self.folder) and "cdylib" in made["target"]["kind"]:
                    return next(Path(name) for name in made["filenames"] if name.endswith(".wasm"))
        raise BuildError('it makes no module: Cargo.toml must have crate-type = ["cdylib"] below [lib]')


def _has_target(rustc: str) -> bool:
    folder = _ask(rustc, "--print", "target-libdir", "--target", TARGET).strip()
    return bool(folder) and any(Path(folder).glob("libstd-*.rlib"))


def _described(cargo: Path, rustc: Path) -> _Compiler:
    about = _ask(rustc, "-vV")
    release = re.search(r"^release: (\S+)$", about, re.MULTILINE)
    if release is None:
        raise ToolchainMissing(f"{rustc} does not say its version: run `{_RUSTUP}` or, as root on Debian 12, `{_APT}`")
    return _Compiler(cargo, rustc, release[1], about)


def _llvm(compiler: _Compiler) -> str:
    version = re.search(r"^LLVM version: (\d+)", compiler.about, re.MULTILINE)
    return version[1] if version else ""


def _ask(*command: str | Path) -> str:
    """What a tool says; nothing if it fails, as rustup's does where no toolchain is installed."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def _apt(verb: str, *packages: str) -> None:
    # Never at the price of what the machine has: these packages exclude Debian's other rustc.
    options = ["-y", "--no-install-recommends", "--no-remove"] if packages else []
    try:
        run(["apt-get", verb, "-q", *options, *packages], cwd=Path("/"), env={"DEBIAN_FRONTEND": "noninteractive"})
    except BuildError as exc:
        raise ToolchainMissing(
            f"apt-get {' '.join((verb, *packages))} failed: {_last_line(exc.report)}; or run `{_RUSTUP}`"
        ) from exc


def _last_line(report: str) -> str:
    return report.strip().rpartition("\n")[2] or "it gave no reason"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # goes with the file, and with the process
        yield


def _sysroot(compiler: _Compiler) -> Path | None:
    """The folder with the standard library, if it is not rustc's own. Built if need be, for the one who holds the lock."""
    if compiler.source is None:
        return None
    sysroot = compiler.folder / "sysroot"
    if sysroot.is_dir():
        return sysroot
    with tempfile.TemporaryDirectory(dir=compiler.folder) as scratch:
        work = Path(scratch)
        (work / "lib.rs").write_text("#![no_std]\n")
        (work / "Cargo.toml").write_text(_STANDARD)
        # What std itself is made from comes with its source; nothing is downloaded.
        vendored = ['source.crates-io.replace-with="vendored"', f'source.vendored.directory="{compiler.source / "vendor"}"']
        command: list[str | Path] = [compiler.cargo, "build", "--release", "--offline", "--quiet", "-Zbuild-std=std,panic_abort"]
        command += ["--target", TARGET, "--target-dir", work / "target", "--config", vendored[0], "--config", vendored[1]]
        # With bitcode, so that a plugin's lto reaches into it.
        flags = ["-Cembed-bitcode=yes", f"--remap-path-prefix={compiler.source}=library"]
        try:
            run(command, cwd=work, env={**_environment(compiler, flags), "RUSTC_BOOTSTRAP": "1"})
        except BuildError as exc:
            raise BuildError("Rust's standard library could not be built for WebAssembly", exc.report) from exc
        made = work / "sysroot"
        libraries = made / "lib" / "rustlib" / TARGET / "lib"
        libraries.mkdir(parents=True)
        for library in (work / "target" / TARGET / "release" / "deps").glob("*.rlib"):
            library.rename(libraries / library.name)
        made.rename(sysroot)
    return sysroot


def _environment(compiler: _Compiler, flags: Sequence[str]) -> dict[str, str]:
    """What stands above the caller's own settings: a plugin is built the same everywhere."""
    return {
        "RUSTC": str(compiler.rustc),
        "RUSTC_WRAPPER": "",
        "RUSTC_WORKSPACE_WRAPPER": "",
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags),
        "CARGO_TERM_COLOR": "never",
    }


def _cargo_home() -> Path:
    return Path(os.environ.get("CARGO_HOME") or "~/.cargo").expanduser().absolute()


def _explained(error: BuildError) -> BuildError:
    lines = [line.rstrip() for line in error.report.splitlines() if not _NOISE.match(line)]
    report = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    if found := _LINES.search(report):
        return BuildError(f"it does not compile: {found['place']}: {found['message']}", report)
    if _NO_NETWORK.search(report):
        return BuildError("the crates that it is made of cannot be had: the package registry is out of reach", report)
    if "--locked" in report:
        return BuildError("its Cargo.lock does not fit its Cargo.toml: run `cargo update --workspace`", report)
    first = _FIRST.search(report)
    return BuildError(f"it cannot be built: {first['message']}" if first else str(error), report)


def _put(module: Path, output: Path) -> None:
    """Nobody sees half of it."""
    beside = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        shutil.copyfile(module, beside)
        beside.replace(output)
    finally:
        beside.unlink(missing_ok=True)
