"""What the builds of the shared runtimes have in common: the cache, the tools they need, the snapshot, where the result goes.

Every input of a runtime goes into a hash, and the result is kept under it in
${HOLOMUSH_CACHE:-${XDG_CACHE_HOME:-~/.cache}/holomush}/runtimes:

    <hash>/<name>.wasm         finished runtimes
    wizer/<hash>/              the snapshot tool, as npm installed it
    lock                       one build at a time

Each build keeps there, too, what takes it long (see its build.py). Needs nothing but the standard library.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HEADERS = (HERE / "extism.h", HERE / "host_functions.def")

WIZER_FLAGS = ("--allow-wasi", "--inherit-env=false", "--inherit-stdio=true", "-f", "wizer-initialize")
WIZER_PINS = (HERE / "package.json", HERE / "package-lock.json")
WIZER_PACKAGES = {"nodejs": "node", "npm": "npm"}
"""Debian packages that ``install_wizer`` needs, as ``require_packages`` takes them."""
MAX_SNAPSHOT_PAGES = 256  # of 64 KiB: above 16 MiB the engine copies an instance's memory instead of mapping it


@dataclass(frozen=True)
class Runtime:
    """One runtime. It is made from ``settings`` and ``sources`` alone; ``build(cache, scratch)`` gives the finished module."""

    name: str
    settings: tuple[str, ...]
    sources: tuple[Path, ...]
    build: Callable[[Path, Path], Path]

    def key(self) -> str:
        """The hash of everything that can change the result."""
        shared = [HERE / "building.py", *HEADERS, *WIZER_PINS]
        own = [file for place in self.sources for file in (source_files(place) if place.is_dir() else [place])]
        return digest((*self.settings, *WIZER_FLAGS), [*shared, *own])


class BuildError(Exception):
    """Something that whoever runs the build has to put right; the text says what."""


def say(message: str) -> None:
    sys.stderr.write(f"build-runtimes: {message}\n")


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None, log: Path | None = None, check: bool = True) -> None:
    """Runs a command; what it prints goes to `log` and is shown only if it fails."""
    log = log or cwd / "command.log"
    with log.open("ab") as output:
        done = subprocess.run(  # noqa: S603 - the commands are this file's own
            [str(part) for part in command],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if check and done.returncode:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:])
        raise BuildError(f"{Path(str(command[0])).name} failed with status {done.returncode}:\n{tail}")


# ---- The cache -------------------------------------------------------------------------------------------------------


def make(runtime: Runtime) -> None:
    """Puts a runtime where the server looks for it: from the cache, or built. Raises ``BuildError``."""
    cache = cache_folder()
    key = runtime.key()
    finished = cache / key / f"{runtime.name}.wasm"
    target = ROOT / "holomush" / "runtimes" / finished.name
    if finished.is_file():
        install(finished, target)
        say(f"{target.relative_to(ROOT)} from the cache ({key})")
        return
    with locked(cache):
        if not finished.is_file():
            with tempfile.TemporaryDirectory(prefix="build-", dir=cache) as folder:
                scratch = Path(folder)
                built = runtime.build(cache, scratch)
                if runtime.key() != key:
                    raise BuildError("a source file changed while the runtime was being built: start again")
                made = scratch / "finished"
                made.mkdir()
                built.rename(made / finished.name)
                publish(made, finished.parent)
        install(finished, target)
    say(f"{target.relative_to(ROOT)} built ({key}, {target.stat().st_size / 1e6:.1f} MB)")


def cache_folder() -> Path:
    configured = os.environ.get("HOLOMUSH_CACHE")
    if configured:
        return Path(configured).absolute() / "runtimes"
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "holomush" / "runtimes"


def digest(texts: Iterable[str], files: Iterable[Path] = ()) -> str:
    """A hash of settings and of files, with their places in the tree."""
    total = hashlib.sha256()
    for text in texts:
        total.update(f"{len(text)}:{text}\n".encode())
    for file in sorted(files):
        content = file.read_bytes()
        total.update(f"{file.relative_to(ROOT).as_posix()}:{len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()[:32]


def source_files(folder: Path) -> list[Path]:
    return [
        file
        for file in folder.rglob("*")
        if file.is_file() and not any(part in {"__pycache__", "node_modules"} for part in file.parts)
    ]


def publish(made: Path, place: Path) -> None:
    """Puts a finished folder under its hash, all at once."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():  # a leftover that lacks what the caller looked for
        shutil.rmtree(place)
    made.rename(place)


def install(runtime: Path, target: Path) -> None:
    """Copies the runtime to where the server looks for it; a reader sees the old one or the new one, nothing between."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as output, runtime.open("rb") as content:
            shutil.copyfileobj(content, output)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def locked(cache: Path) -> Iterator[None]:
    """One build at a time in a cache; a second one waits, and then finds what it needs."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another build is under way; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# ---- What has to be installed ----------------------------------------------------------------------------------------


def missing_packages(needed: Mapping[str, str]) -> list[str]:
    def there(sign: str) -> bool:
        return Path(sign).exists() if sign.startswith("/") else shutil.which(sign) is not None

    return [package for package, sign in needed.items() if not there(sign)]


def require_packages(needed: Mapping[str, str], scratch: Path) -> None:
    """``needed``: Debian package -> what shows that it is there: a program, or a file. Installs what is missing if it may."""
    missing = missing_packages(needed)
    if not missing:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"installing {', '.join(missing)}")
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", cwd=scratch, env=env, check=False)
        run(*command, cwd=scratch, env=env)
        missing = missing_packages(needed)
        if not missing:
            return
    signs = ", ".join(f"{package} ({needed[package]})" for package in missing)
    raise BuildError(f"not installed: {signs}\nOn Debian 12: apt-get update && {' '.join(command)}")


def sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


# ---- Building --------------------------------------------------------------------------------------------------------


def build_environment(scratch: Path) -> dict[str, str]:
    """Nothing of the caller's: CFLAGS, PYTHONPATH and the like would change what is built."""
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(scratch),
        "LC_ALL": "C.UTF-8",
        "SOURCE_DATE_EPOCH": "1700000000",  # the date that CPython's banner gets
        "PYTHONHASHSEED": "0",
        "PKG_CONFIG_PATH": "",
        "PKG_CONFIG_LIBDIR": "/nonexistent",
    }


def install_wizer(cache: Path, scratch: Path) -> Path:
    """The snapshot tool; its version and content are pinned by package-lock.json."""
    place = cache / "wizer" / digest([platform.machine()], WIZER_PINS)
    program = place / "node_modules" / ".bin" / "wizer"
    if program.exists():
        return program
    say("installing wizer")
    made = scratch / "wizer"
    made.mkdir()
    for file in WIZER_PINS:
        shutil.copy(file, made)
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=made)
    publish(made, place)
    return program


def snapshot(wizer: Path, linked: Path, name: str) -> Path:
    """Runs a linked module's wizer-initialize and gives the module that starts with the memory it left."""
    scratch = linked.parent
    made = scratch / name
    env = {**os.environ, **build_environment(scratch)}
    run(wizer, *WIZER_FLAGS, linked, "-o", made, cwd=scratch, env=env)
    pages = initial_memory(made.read_bytes())
    if pages > MAX_SNAPSHOT_PAGES:
        raise BuildError(f"the snapshot needs {pages} pages of memory; above {MAX_SNAPSHOT_PAGES} every instance copies it")
    return made


def initial_memory(module: bytes) -> int:
    """The initial size, in pages, of a WebAssembly module's memory."""

    def leb(at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = module[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if not byte & 0x80:
                return value, at

    at = 8
    while at < len(module):
        section = module[at]
        size, at = leb(at + 1)
        if section == 5:  # memory: a count, then flags and the initial size of the first
            return leb(at + 2)[0]
        at += size
    raise BuildError("the linked module has no memory")
