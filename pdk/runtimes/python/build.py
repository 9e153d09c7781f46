"""Builds holomush/runtimes/python.wasm: CPython 3.11 with the plugin shim, booted and snapshotted.

The source is the distribution's own python3.11 tarball, the compiler its clang; nothing is patched. In the cache
(see building.py) are, beside the finished runtime:

    libpython/<hash>/          the interpreter as a library (80 s to build), without shim, boot module and PDK
    source/                    the verified tarball

so that a change of the boot module or the PDK costs seconds. The same inputs give the same bytes.

Environment: PYTHON_SOURCE names a tarball to use instead of fetching one.
"""

from __future__ import annotations

import os
import platform
import shutil
import tarfile
from pathlib import Path

import building
from building import BuildError, Runtime, build_environment, digest, publish, run, say, sha256

HERE = Path(__file__).resolve().parent
PDK = building.ROOT / "pdk" / "python" / "holomush_pdk"

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

# Whatever of this differs can change the library, or the finished runtime.
LIBRARY_INPUTS = (PYTHON_VERSION, TARBALL_SHA256, LLVM, *CONFIGURE, *LIBRARY_FLAGS)
RUNTIME_INPUTS = (*SHIM_FLAGS, *LINK_FLAGS, *LIBRARIES)

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
    **building.WIZER_PACKAGES,
}


# ---- CPython's source ------------------------------------------------------------------------------------------------


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
    include = ("-isystem", library / "include", "-I", building.HERE)
    # Where the cache and the tree are must not show in the result.
    mapped = (f"-ffile-prefix-map={library}=libpython", f"-ffile-prefix-map={HERE}=.", f"-ffile-prefix-map={scratch}=.")
    run(*cc, *SHIM_FLAGS, *mapped, *include, "-c", HERE / "shim.c", "-o", "shim.o", cwd=scratch, env=env)
    # No -O here: it would make clang run wasm-opt if the machine has one, and the result depend on that.
    archives = (library / "libpython.a", library / "libmpdec.a")
    run(*cc, *LINK_FLAGS, "shim.o", "frozen.o", *archives, *LIBRARIES, "-o", "linked.wasm", cwd=scratch, env=env)
    return building.snapshot(wizer, scratch / "linked.wasm", "python.wasm")


def build(cache: Path, scratch: Path) -> Path:
    """The finished runtime, in the scratch folder."""
    building.require_packages(NEEDED, scratch)
    library = build_library(cache, scratch)
    wizer = building.install_wizer(cache, scratch)
    return build_runtime(library, wizer, scratch)


RUNTIME = Runtime(name="python", settings=(*LIBRARY_INPUTS, *RUNTIME_INPUTS), sources=(HERE, PDK), build=build)
