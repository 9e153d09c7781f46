"""Builds holomush/runtimes/javascript.wasm: QuickJS-ng with the plugin shim, booted and snapshotted.

The engine's source is the sdist of the PyPI package quickjs-ng, the compiler zig from the PyPI package ziglang: pip fetches
both by name, and their checksums are below. In the cache (see building.py) are, beside the finished runtime:

    quickjs/<hash>/            the engine compiled (a minute), without shim, boot file and PDK
    zig/<version>-<machine>/   the compiler, and what it has compiled of its own libc
    source/                    the verified sdist

so that a change of the boot file or the PDK costs seconds. The same inputs give the same bytes.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import building
from building import BuildError, Runtime, build_environment, digest, publish, run, say, sha256

HERE = Path(__file__).resolve().parent
PDK = building.ROOT / "pdk" / "javascript" / "index.js"

QUICKJS_VERSION = "0.17.0.2"
QUICKJS_SHA256 = "43d2e48272208721a7aaea8e3f02d4b9318f12ef20cc4f5421b59d9a470706ef"
ZIG_VERSION = "0.17.1"
ZIG_SHA256 = {
    "x86_64": "ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54",
    "aarch64": "b7c5f02fccd40f89b999ee16a1f5ddced56e6182370f8affe494bcf8a28cf07e",
}

# The one line of the engine that is changed, in next_token: see PARSER_MARGIN in frames.h.
PARSER_CHECK = "int next_token(JSParseState *s)\n{", "js_check_stack_overflow(s->ctx->rt, 1000)"
PARSER_CHECK_MADE = "js_check_stack_overflow(s->ctx->rt, PARSER_MARGIN)"

SOURCES = ("quickjs.c", "libregexp.c", "libunicode.c", "dtoa.c")
FLAGS = ("-target", "wasm32-wasi", "-O2", "-DNDEBUG", "-fno-sanitize=undefined", "-fwrapv", "-funsigned-char")
ENGINE_FLAGS = ("-std=gnu11", "-D_GNU_SOURCE", "-DQUICKJS_NG_BUILD", "-Wno-everything")
SHIM_FLAGS = ("-std=gnu23", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-c23-extensions", "-Werror")
LINK_FLAGS = (
    "-target",
    "wasm32-wasi",
    "-mexec-model=reactor",
    "-s",
    # zig puts the C stack first, so that an overflow leaves the memory and traps instead of overwriting data.
    "-Wl,-z,stack-size=524288",
    # What the snapshot needs, with a little to spare.
    "-Wl,--initial-memory=1572864",
    # Below the server's limit of 64 MiB; see also memory.h.
    "-Wl,--max-memory=50331648",
)

# Whatever of this differs can change the compiled engine, or the finished runtime.
ENGINE_INPUTS = (
    QUICKJS_VERSION,
    QUICKJS_SHA256,
    ZIG_VERSION,
    *ZIG_SHA256.values(),
    *PARSER_CHECK,
    PARSER_CHECK_MADE,
    *SOURCES,
    *FLAGS,
    *ENGINE_FLAGS,
)
RUNTIME_INPUTS = (*SHIM_FLAGS, *LINK_FLAGS)


# ---- From the package registry ---------------------------------------------------------------------------------------


def interpreter_with_pip() -> str:
    own = building.ROOT / ".venv" / "bin" / "python"
    for python in (sys.executable, str(own)):
        if Path(python).is_file():
            asked = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False)  # noqa: S603
            if asked.returncode == 0:
                return python
    raise BuildError(f"neither {sys.executable} nor {own} has pip, which fetches QuickJS and zig: apt-get install python3-pip")


def pip(*arguments: str | Path, pinned: str, checksums: list[str], scratch: Path) -> None:
    """Runs pip for one package; it compares the checksums before it looks into what it got."""
    wanted = scratch / "requirements.txt"
    wanted.write_text(" ".join([pinned, *(f"--hash=sha256:{checksum}" for checksum in checksums)]) + "\n", encoding="utf-8")
    command = (interpreter_with_pip(), "-m", "pip", "--disable-pip-version-check", *arguments)
    run(*command, "--no-deps", "--require-hashes", "-r", wanted, cwd=scratch)


def engine_source(cache: Path, scratch: Path) -> Path:
    """The unpacked folder of the engine's C source."""
    kept = cache / "source" / f"quickjs_ng-{QUICKJS_VERSION}.tar.gz"
    if not (kept.is_file() and sha256(kept) == QUICKJS_SHA256):
        say("fetching the source of QuickJS")
        pinned = f"quickjs-ng=={QUICKJS_VERSION}"
        pip("download", "--no-binary", ":all:", "-d", scratch, pinned=pinned, checksums=[QUICKJS_SHA256], scratch=scratch)
        kept.parent.mkdir(parents=True, exist_ok=True)
        (scratch / kept.name).replace(kept)
    with tarfile.open(kept) as archive:
        archive.extractall(scratch)  # noqa: S202 - its hash has been verified
    source = scratch / f"quickjs_ng-{QUICKJS_VERSION}" / "upstream-quickjs"
    engine = source / "quickjs.c"
    function, check = PARSER_CHECK
    before, found, rest = engine.read_text(encoding="utf-8").partition(function)
    if not found or check not in rest[:400]:
        raise BuildError(f"{engine.name} is not as expected: next_token does not begin with {check}")
    engine.write_text(before + found + rest.replace(check, PARSER_CHECK_MADE, 1), encoding="utf-8")
    return source


def install_zig(cache: Path, scratch: Path) -> Path:
    """The compiler."""
    place = cache / "zig" / f"{ZIG_VERSION}-{platform.machine()}"
    program = place / "ziglang" / "zig"
    if program.exists():
        return program
    if platform.machine() not in ZIG_SHA256:
        raise BuildError(f"no compiler for {platform.machine()}: zig is pinned for {' and '.join(ZIG_SHA256)}")
    say("installing zig")
    made = scratch / "zig"
    pinned = f"ziglang=={ZIG_VERSION}"
    checksums = list(ZIG_SHA256.values())
    pip("install", "--only-binary", ":all:", "--target", made, pinned=pinned, checksums=checksums, scratch=scratch)
    publish(made, place)
    return program


# ---- Building --------------------------------------------------------------------------------------------------------


def compiler_environment(zig: Path, scratch: Path) -> dict[str, str]:
    # Beside the compiler: what it compiles of its libc (half a minute) is for every build.
    kept = zig.parents[1] / "cache"
    return build_environment(scratch) | {"ZIG_GLOBAL_CACHE_DIR": str(kept), "ZIG_LOCAL_CACHE_DIR": str(kept)}


def build_engine(cache: Path, zig: Path, scratch: Path) -> Path:
    """The engine's object files and its header. Needs a minute, so it is cached on its own."""
    place = cache / "quickjs" / digest(ENGINE_INPUTS, [HERE / "frames.h"])
    if (place / "quickjs.h").is_file():
        return place
    source = engine_source(cache, scratch)
    say("compiling QuickJS (takes a minute)")
    made = scratch / "quickjs"
    made.mkdir()
    env = compiler_environment(zig, scratch)
    flags = (*FLAGS, *ENGINE_FLAGS, "-include", str(HERE / "frames.h"))

    def compile_file(name: str) -> None:
        log = scratch / f"{name}.log"
        run(zig, "cc", *flags, "-c", name, "-o", made / f"{name}.o", cwd=source, env=env, log=log)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_file, SOURCES))
    shutil.copy(source / "quickjs.h", made)
    publish(made, place)
    return place


def build(cache: Path, scratch: Path) -> Path:
    """The finished runtime, in the scratch folder."""
    building.require_packages(building.WIZER_PACKAGES, scratch)
    zig = install_zig(cache, scratch)
    engine = build_engine(cache, zig, scratch)
    wizer = building.install_wizer(cache, scratch)
    env = compiler_environment(zig, scratch)
    include = ("-isystem", engine, "-I", building.HERE, f"--embed-dir={HERE}", f"--embed-dir={PDK.parent}")
    for name in ("shim", "memory"):
        source = HERE / f"{name}.c"
        run(zig, "cc", *FLAGS, *SHIM_FLAGS, *include, "-c", source, "-o", f"{name}.o", cwd=scratch, env=env)
    # The shim goes first: its stand-ins have to be there before the linker looks for them in libc.
    objects: tuple[str | Path, ...] = ("shim.o", "memory.o", *(engine / f"{name}.o" for name in SOURCES))
    run(zig, "cc", *LINK_FLAGS, *objects, "-lm", "-o", "linked.wasm", cwd=scratch, env=env)
    return building.snapshot(wizer, scratch / "linked.wasm", "javascript.wasm")


RUNTIME = Runtime(name="javascript", settings=(*ENGINE_INPUTS, *RUNTIME_INPUTS), sources=(HERE, PDK), build=build)
