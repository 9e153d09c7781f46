"""``plugin build``: from a plugin's folder to one WebAssembly module, by whatever its language needs."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from holomush import bundled
from holomush.authoring.languages import COMPILED
from holomush.authoring.standalone import host_functions_for, standalone, with_manifest
from holomush.authoring.toolchain import BuildError, Language
from holomush.plugins.guests.binary import WasmError
from holomush.plugins.guests.foreign import prepare
from holomush.plugins.roster.manifest import FILE_NAME, read_manifest
from holomush.plugins.roster.source import WASM_NAME, PluginSource

_FETCHED = frozenset({"node_modules", "__pycache__"})
"""Folders that no author writes in."""
_CACHE_TAG = "CACHEDIR.TAG"
"""The file by which cargo and others mark a folder that can be made anew."""
_NO_SOURCE = ("tests.yaml", "test_*.py", "README.md", "*.wasm")


def compiler_of(folder: Path) -> Language | None:
    """The language in which the plugin in ``folder`` is written, if it has to be compiled."""
    return next((language for language in COMPILED if (folder / language.sign).is_file()), None)


def is_stale(folder: Path) -> bool:
    """Whether ``plugin.wasm`` of a plugin that is compiled is missing, or older than what it is made from."""
    module = folder / WASM_NAME
    if not module.is_file():
        return True
    made = module.stat().st_mtime_ns
    return any(path.stat().st_mtime_ns > made for path in _sources(folder))


def compile_plugin(language: Language, folder: Path, output: Path) -> None:
    """Compile the plugin in ``folder`` to the module ``output``, with its manifest inside.

    Raises ``StructureError``, ``ToolchainMissing`` and ``BuildError``; then ``output`` is as it was.
    """
    manifest = read_manifest(folder)
    try:
        text = (folder / FILE_NAME).read_text(encoding="utf-8-sig")
        with _alone_in(folder), tempfile.TemporaryDirectory(prefix="holomush-build-") as scratch:
            started = time.time_ns()
            made = Path(scratch) / WASM_NAME
            language.build(folder.resolve(), made)
            wasm = with_manifest(made.read_bytes(), text)
    except BuildError as exc:
        raise BuildError(f"{folder}: {exc}", exc.report) from exc
    except OSError as exc:
        raise BuildError(f"{folder}: cannot be built: {reason_of(exc)}") from exc
    try:
        functions = prepare(wasm).functions
    except WasmError as exc:
        raise BuildError(f"{folder}: what was built could not be loaded: it {exc}") from exc
    missing = [f"{path}: it exports no function {name}" for path, name in manifest.handlers() if name not in functions]
    if missing:
        raise BuildError(f"{folder}: what was built lacks what {FILE_NAME} names", "\n".join(missing))
    # What is saved while the compiler is at work may not be in the module: it counts as newer.
    write(output, wasm, made=started)


def embed(source: PluginSource, functions: Collection[str], output: Path) -> None:
    """Turn a plugin that is source into the module ``output``, which any Extism host can run.

    ``functions`` are those that the plugin has. Raises ``BuildError``; then ``output`` is as it was.
    """
    manifest = source.manifest
    if output.name == WASM_NAME and output.parent.resolve() == source.folder.resolve():
        # A folder with both would be no plugin any more.
        raise BuildError(f"{output}: cannot be beside {source.main}: say another place with --output")
    named = [*dict.fromkeys(name for _, name in manifest.handlers()), *(["init"] if "init" in functions else [])]
    runtime = bundled.RUNTIMES[source.language]
    try:
        wasm = standalone(
            runtime.read_bytes(),
            name=manifest.name,
            modules=source.modules,
            functions=named,
            host_functions=host_functions_for(manifest.capability_set),
            manifest=(source.folder / FILE_NAME).read_text(encoding="utf-8-sig"),
        )
    except OSError as exc:
        raise BuildError(f"{exc.filename}: cannot be read: {exc.strerror}") from exc
    write(output, wasm)


def write(output: Path, wasm: bytes, *, made: int | None = None) -> None:
    """Put a module where it belongs, all at once, as of the time ``made`` (nanoseconds) or now. Raises ``BuildError``."""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(wasm)
            Path(temporary).chmod(0o644)
            if made is not None:
                os.utime(temporary, ns=(made, made))
            Path(temporary).replace(output)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise BuildError(f"{output}: cannot be written: {exc.strerror}") from exc


def reason_of(error: OSError) -> str:
    """Which file, as far as that is known, and what is wrong."""
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until nobody else builds in the folder: two compilers would fetch packages over one another."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # of the folder itself: there is no file to clear away, and it goes with the process
        yield
    finally:
        os.close(handle)


def _sources(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        if _CACHE_TAG in files:
            folders.clear()
            continue
        folders[:] = [name for name in folders if name not in _FETCHED and not name.startswith(".")]
        yield from (Path(root) / name for name in files if not any(fnmatch(name, pattern) for pattern in _NO_SOURCE))
