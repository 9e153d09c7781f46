"""Builds holomush/runtimes/python.wasm: CPython 3.11 with the plugin shim, booted and snapshotted.

    scripts/build-runtimes            builds it, or takes it from the cache if nothing has changed

The source is the distribution's own python3.11 tarball, the compiler its clang; nothing is patched. Every input goes
into a hash, and the result is kept under it in ${HOLOMUSH_CACHE:-${XDG_CACHE_HOME:-~/.cache}/holomush}/runtimes:

    <hash>/python.wasm         finished runtimes
    libpython/<hash>/          the interpreter as a library (80 s to build), without shim, boot module and PDK
    wizer/<hash>/              the snapshot tool, as npm installed it
    source/                    the verified tarball

so that a change of the boot module or the PDK costs seconds. The same inputs give the same bytes.

Environment: PYTHON_SOURCE names a tarball to use instead of fetching one. Needs nothing but the standard library.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
PDK = ROOT / "pdk" / "python" / "holomush_pdk"
TARGET = ROOT / "holomush" / "runtimes" / "python.wasm"

PYTHON_VERSION = "3.11.2"
TARBALL_SHA256 = "2411c74bda5bbcfcddaf4531f66d1adc73f247f529aee981b029513aefdbf849"
LLVM = "19"

CONFIGURE = (
    "--host=wasm32-unknown-wasi",
    "--disable-test-modules",
    "--with-pymalloc",
    "--without-doc-strings",
    "--enable-big-digits=30",
    "--prefix=/usr",
)
LIBRARY_FLAGS = ("-DNDEBUG", "-fwrapv", "-O3", "-Wall", "-Wno-int-conversion", "-mbulk-memory")
SHIM_FLAGS = ("-DNDEBUG", "-O2", "-fwrapv", "-mbulk-memory", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror")
LINK_FLAGS = (
    "-mexec-model=reactor",
    # The C stack lies first, so that an overflow leaves the memory and traps instead of overwriting data.
    "-Wl,--stack-first",
    "-Wl,-z,stack-size=1048576",
    # What the snapshot needs, with a little to spare. Above 16 MiB the engine copies it instead of mapping it.
    "-Wl,--initial-memory=12582912",
    # Below the server's limit of 64 MiB; see also sbrk in shim.c.
    "-Wl,--max-memory=50331648",
    "-Wl,--strip-all",
    "-Wl,--gc-sections",
)
LIBRARIES = ("-lm", "-lwasi-emulated-signal", "-lwasi-emulated-getpid", "-lwasi-emulated-process-clocks")
WIZER_FLAGS = ("--allow-wasi", "--inherit-env=false", "--inherit-stdio=true", "-f", "wizer-initialize")
MAX_SNAPSHOT_PAGES = 256  # of 64 KiB: 16 MiB

# Whatever of this differs can change the library, or the finished runtime.
LIBRARY_INPUTS = (PYTHON_VERSION, TARBALL_SHA256, LLVM, *CONFIGURE, *LIBRARY_FLAGS)
RUNTIME_INPUTS = (*SHIM_FLAGS, *LINK_FLAGS, *LIBRARIES, *WIZER_FLAGS)

# Debian package -> what shows that it is there: a program, or a file.
NEEDED = {
    f"clang-{LLVM}": f"clang-{LLVM}",
    f"lld-{LLVM}": f"wasm-ld-{LLVM}",
    f"llvm-{LLVM}": f"llvm-ar-{LLVM}",
    "wasi-libc": "/usr/lib/wasm32-wasi/libc.a",
    f"libclang-rt-{LLVM}-dev-wasm32": f"/usr/lib/llvm-{LLVM}/lib/clang/{LLVM}/lib/wasi/libclang_rt.builtins-wasm32.a",
    "python3.11": "/usr/bin/python3.11",
    "make": "make",
    "dpkg-dev": "dpkg-source",
    "xz-utils": "xz",
    "nodejs": "node",
    "npm": "npm",
}


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


def install(runtime: Path) -> None:
    """Copies the runtime to where the server looks for it; a reader sees the old one or the new one, nothing between."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".python.wasm.", dir=TARGET.parent)
    try:
        with os.fdopen(handle, "wb") as output, runtime.open("rb") as content:
            shutil.copyfileobj(content, output)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(TARGET)
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


def missing_packages() -> list[str]:
    def there(sign: str) -> bool:
        return Path(sign).exists() if sign.startswith("/") else shutil.which(sign) is not None

    return [package for package, sign in NEEDED.items() if not there(sign)]


def require_packages(scratch: Path) -> None:
    missing = missing_packages()
    if not missing:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"installing {', '.join(missing)}")
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", cwd=scratch, env=env, check=False)
        run(*command, cwd=scratch, env=env)
        missing = missing_packages()
        if not missing:
            return
    signs = ", ".join(f"{package} ({NEEDED[package]})" for package in missing)
    raise BuildError(f"not installed: {signs}\nOn Debian 12: apt-get update && {' '.join(command)}")


# ---- CPython's source ------------------------------------------------------------------------------------------------


def sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def verified(file: Path, name: str) -> Path:
    found = sha256(file)
    if found != TARBALL_SHA256:
        raise BuildError(f"{name} is not the source of Python {PYTHON_VERSION}: its sha256 is {found}, expected {TARBALL_SHA256}")
    return file


def python_source(cache: Path, scratch: Path) -> Path:
    """The tarball: PYTHON_SOURCE, an earlier download, or the distribution's."""
    given = os.environ.get("PYTHON_SOURCE")
    if given:
        if not Path(given).is_file():
            raise BuildError(f"PYTHON_SOURCE={given}: there is no such file")
        return verified(Path(given).absolute(), f"PYTHON_SOURCE={given}")
    kept = cache / "source" / f"Python-{PYTHON_VERSION}.tar.gz"
    if kept.is_file() and sha256(kept) == TARBALL_SHA256:
        return kept
    if not shutil.which("apt-get"):
        raise BuildError(
            f"no apt-get to fetch the source with: set PYTHON_SOURCE to the Python-{PYTHON_VERSION} tarball"
            f" (.tar.gz, sha256 {TARBALL_SHA256})"
        )
    fetched = verified(fetch_source(scratch), "what apt-get source python3.11 gave")
    kept.parent.mkdir(parents=True, exist_ok=True)
    fetched.replace(kept)
    return kept


def fetch_source(scratch: Path) -> Path:
    """Downloads the tarball with apt, from the machine's own mirrors, without touching the machine's lists."""
    folder = scratch / "apt"
    (folder / "lists").mkdir(parents=True)
    (folder / "cache").mkdir()
    stanzas = source_stanzas(Path("/etc/apt"), codename())
    if not stanzas:
        raise BuildError(
            "apt's sources name no Debian archive to fetch the source of python3.11 from:"
            f" set PYTHON_SOURCE to the Python-{PYTHON_VERSION} tarball (.tar.gz, sha256 {TARBALL_SHA256})"
        )
    sources = folder / "source.sources"
    sources.write_text("\n".join(stanzas), encoding="utf-8")
    settings = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "",
    }
    options = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
    say("fetching the source of python3.11")
    # One mirror without sources does no harm if another has them; `source` fails if none has.
    run("apt-get", *options, "update", cwd=folder, check=False)
    run("apt-get", *options, "source", "--tar-only", "--download-only", "python3.11", cwd=folder)
    found = sorted(folder.glob("python3.11_*.orig.tar.*"))
    if not found:
        raise BuildError("apt-get source python3.11 left no python3.11_*.orig.tar.gz behind")
    return found[0]


def codename() -> str:
    try:
        release = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return ""
    for line in release.splitlines():
        key, _, value = line.partition("=")
        if key == "VERSION_CODENAME":
            return value.strip().strip('"')
    return ""


def source_stanzas(apt: Path, release: str) -> list[str]:
    """deb822 stanzas for the sources of what the machine's own lists give as binaries.

    Only those of the distribution itself: component main, and a suite of this release. Options such as Signed-By are
    kept, since the mirror may need them.
    """
    suites = {base + tail for base in (release, "oldstable", "stable") for tail in ("", "-updates", "-security", "/updates")}
    stanzas = []
    lists = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))]
    for file in lists:
        if file.is_file():
            stanzas += [s for line in read(file).splitlines() if (s := one_line_stanza(line))]
    for file in sorted((apt / "sources.list.d").glob("*.sources")):
        stanzas += deb822_stanzas(read(file))
    derived = []
    for stanza in stanzas:
        mine = [suite for suite in stanza.get("suites", "").split() if suite in suites]
        enabled = stanza.get("enabled", "yes").strip().lower() not in {"no", "false", "0"}
        is_binary = "deb" in stanza.get("types", "").split()
        if not (mine and enabled and is_binary and "main" in stanza.get("components", "").split()):
            continue
        kept = {**stanza, "types": "deb-src", "suites": " ".join(mine), "components": "main"}
        kept.pop("architectures", None)
        text = "".join(f"{key}: {value}\n" for key, value in kept.items())
        if text not in derived:
            derived.append(text)
    return derived


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def deb822_stanzas(text: str) -> list[dict[str, str]]:
    stanzas: list[dict[str, str]] = [{}]
    key = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if not line.strip():
            stanzas.append({})
        elif line[0].isspace():  # more of the same field, as a key written out in Signed-By
            stanzas[-1][key] = stanzas[-1].get(key, "") + "\n" + line
        else:
            key, _, value = line.partition(":")
            key = key.strip().lower()
            stanzas[-1][key] = value.strip()
    return [stanza for stanza in stanzas if stanza]


def one_line_stanza(line: str) -> dict[str, str] | None:
    """A line of a .list file, `deb [option=value ...] address suite component...`, as the fields of a stanza."""
    words = line.partition("#")[0].split()
    if not words or words[0] != "deb":
        return None
    words = words[1:]
    stanza: dict[str, str] = {}
    if words and words[0].startswith("["):
        end = next((i for i, word in enumerate(words) if word.endswith("]")), len(words) - 1)
        for option in " ".join(words[: end + 1]).strip("[] ").split():
            key, _, value = option.partition("=")
            if key in {"signed-by", "trusted", "allow-insecure", "check-valid-until", "check-date"}:
                stanza[key] = value
        words = words[end + 1 :]
    if len(words) < 3:
        return None
    return {**stanza, "types": "deb", "uris": words[0], "suites": words[1], "components": " ".join(words[2:])}


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


def compiler(scratch: Path) -> list[str]:
    """clang for WASI. Debian's wasi-libc is not laid out as clang expects, hence a sysroot of links."""
    sysroot = scratch / "sysroot"
    for kind in ("include", "lib"):
        (sysroot / kind).mkdir(parents=True, exist_ok=True)
        link = sysroot / kind / "wasm32-wasi"
        if not link.is_symlink():
            link.symlink_to(f"/usr/{kind}/wasm32-wasi")
    return [f"clang-{LLVM}", "--target=wasm32-wasi", f"--sysroot={sysroot}"]


def build_library(cache: Path, scratch: Path) -> Path:
    """libpython, its headers and its standard library. Needs 80 s, so it is cached on its own."""
    place = cache / "libpython" / digest(LIBRARY_INPUTS, [HERE / "config.site"])
    if (place / "libpython.a").is_file():
        return place
    tarball = python_source(cache, scratch)
    say("building libpython (takes a minute or two)")
    with tarfile.open(tarball) as archive:
        archive.extractall(scratch)  # noqa: S202 - its hash has been verified
    source = scratch / f"Python-{PYTHON_VERSION}"
    site = scratch / "config.site"
    site.write_bytes((source / "Tools/wasm/config.site-wasm32-wasi").read_bytes() + (HERE / "config.site").read_bytes())

    build = scratch / "build"
    build.mkdir()
    cc = " ".join(compiler(scratch))
    env = build_environment(scratch) | {
        "CONFIG_SITE": str(site),
        "CC": cc,
        "CPP": cc.replace(f"clang-{LLVM}", f"clang-cpp-{LLVM}", 1),
        "AR": f"llvm-ar-{LLVM}",
        "RANLIB": f"llvm-ranlib-{LLVM}",
        "LDSHARED": f"wasm-ld-{LLVM}",
    }
    run(
        f"../{source.name}/configure",
        "-C",
        *CONFIGURE,
        f"--build={platform.machine()}-pc-linux-gnu",
        "--with-build-python=/usr/bin/python3.11",
        cwd=build,
        env=env,
    )
    flags = " ".join((*LIBRARY_FLAGS, f"-ffile-prefix-map={scratch}=."))
    run("make", f"-j{os.cpu_count() or 1}", f"OPT={flags}", "libpython3.11.a", cwd=build, env=env)

    made = scratch / "libpython"
    shutil.copytree(source / "Include", made / "include")
    shutil.copytree(source / "Lib", made / "Lib", ignore=shutil.ignore_patterns("test", "tests", "__pycache__"))
    shutil.copy(build / "pyconfig.h", made / "include")
    shutil.copy(build / "libpython3.11.a", made / "libpython.a")
    shutil.copy(build / "Modules/_decimal/libmpdec/libmpdec.a", made)
    publish(made, place)
    return place


def install_wizer(cache: Path, scratch: Path) -> Path:
    """The snapshot tool; its version and content are pinned by package-lock.json."""
    pinned = [HERE / "package.json", HERE / "package-lock.json"]
    place = cache / "wizer" / digest([platform.machine()], pinned)
    program = place / "node_modules" / ".bin" / "wizer"
    if program.exists():
        return program
    say("installing wizer")
    made = scratch / "wizer"
    made.mkdir()
    for file in pinned:
        shutil.copy(file, made)
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=made)
    publish(made, place)
    return program


def build_runtime(library: Path, wizer: Path, scratch: Path) -> Path:
    """Freezes the modules, compiles the shim, links, and takes the snapshot."""
    env = build_environment(scratch)
    cc = compiler(scratch)
    # -S: site would only look for packages of the machine; the code that is frozen must not depend on them.
    run(
        "/usr/bin/python3.11",
        "-S",
        HERE / "freeze.py",
        library / "Lib",
        HERE / "stdlib.txt",
        scratch,
        HERE / "guest" / "holomush_boot.py",
        HERE / "guest" / "extism.py",
        PDK,
        cwd=scratch,
        env=env,
    )
    include = ("-I", library / "include", "-I", library / "include" / "internal")
    run(*cc, "-std=c23", "-Wno-c23-extensions", "-c", *include, "frozen.c", "-o", "frozen.o", cwd=scratch, env=env)
    include = ("-isystem", library / "include", "-I", HERE)
    # Where the cache and the tree are must not show in the result.
    mapped = (f"-ffile-prefix-map={library}=libpython", f"-ffile-prefix-map={HERE}=.", f"-ffile-prefix-map={scratch}=.")
    run(*cc, *SHIM_FLAGS, *mapped, *include, "-c", HERE / "shim.c", "-o", "shim.o", cwd=scratch, env=env)
    # No -O here: it would make clang run wasm-opt if the machine has one, and the result depend on that.
    archives = (library / "libpython.a", library / "libmpdec.a")
    run(*cc, *LINK_FLAGS, "shim.o", "frozen.o", *archives, *LIBRARIES, "-o", "linked.wasm", cwd=scratch, env=env)
    run(wizer, *WIZER_FLAGS, "linked.wasm", "-o", "python.wasm", cwd=scratch, env={**os.environ, **env})
    made = scratch / "python.wasm"
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


def runtime_key() -> str:
    return digest((*LIBRARY_INPUTS, *RUNTIME_INPUTS), [*source_files(HERE), *source_files(PDK)])


def main() -> int:
    cache = cache_folder()
    key = runtime_key()
    finished = cache / key / "python.wasm"
    try:
        if finished.is_file():
            install(finished)
            say(f"{TARGET.relative_to(ROOT)} from the cache ({key})")
            return 0
        with locked(cache):
            if not finished.is_file():
                with tempfile.TemporaryDirectory(prefix="build-", dir=cache) as folder:
                    scratch = Path(folder)
                    require_packages(scratch)
                    library = build_library(cache, scratch)
                    wizer = install_wizer(cache, scratch)
                    runtime = build_runtime(library, wizer, scratch)
                    if runtime_key() != key:
                        raise BuildError("a source file changed while the runtime was being built: start again")
                    made = scratch / "finished"
                    made.mkdir()
                    runtime.rename(made / "python.wasm")
                    publish(made, finished.parent)
            install(finished)
    except BuildError as error:
        say(str(error))
        return 1
    say(f"{TARGET.relative_to(ROOT)} built ({key}, {TARGET.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
