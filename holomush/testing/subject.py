"""Which plugin a path means: a folder, or one file with a manifest that is beside it, inside it, or made up."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import yaml

from holomush.authoring.standalone import manifest_of
from holomush.plugins.guests.binary import WasmError
from holomush.plugins.roster.capabilities import CapabilitySet
from holomush.plugins.roster.manifest import FILE_NAME, read_manifest
from holomush.plugins.roster.requirements import LONGEST_NAME
from holomush.plugins.roster.source import WASM_NAME, PluginSource, SourceLanguage, read_modules, read_plugin, read_topics
from holomush.structuring import StructureError
from holomush.testing.failures import HarnessError

_WASM = Path(WASM_NAME).suffix
_NO_WORD = re.compile(r"[^a-z0-9]+")


def read_subject(path: Path, capabilities: Sequence[str] | None, config: Mapping[str, str] | None) -> PluginSource:
    """The plugin at ``path``, with other ``capabilities`` than its manifest asks for, and more ``config``, if they are given.

    Raises ``StructureError`` with all that is wrong with it, ``CapabilityError``, and ``HarnessError`` if there is no such file.
    """
    source = read_plugin(path) if path.is_dir() else _read_file(path)
    manifest = source.manifest
    if capabilities is not None:
        CapabilitySet.parse(capabilities)
        manifest = attrs.evolve(manifest, capabilities=tuple(capabilities))
    return attrs.evolve(source, manifest=attrs.evolve(manifest, config={**manifest.config, **(config or {})}))


def _read_file(path: Path) -> PluginSource:
    if not path.is_file():
        raise HarnessError(f"{path}: there is no such file or folder")
    language = next((language for language in SourceLanguage if language.suffix == path.suffix), None)
    if language is None and path.suffix != _WASM:
        endings = ", ".join((*(known.suffix for known in SourceLanguage), _WASM))
        raise HarnessError(f"{path}: a plugin is a folder with a {FILE_NAME}, or a file that ends in one of {endings}")
    folder, main = path.parent, WASM_NAME if language is None else language.main
    has_manifest = (folder / FILE_NAME).is_file()
    own = path.name == main and has_manifest
    if own and language is not None:
        # With its other files. What else was built in the folder does not matter: this is the file that is meant.
        return PluginSource(
            folder, read_manifest(folder), read_modules(folder, language), language=language, topics=read_topics(folder)
        )
    inside = _manifest_in(path) if path.suffix == _WASM and not own else None
    if inside is not None:
        return _read_alone(path, main, inside, f"{path}, its {FILE_NAME}")
    if has_manifest and (read_manifest(folder).name == path.stem or own):
        beside = folder / FILE_NAME
        return _read_alone(path, main, beside.read_text(encoding="utf-8"), str(beside))
    return _read_alone(path, main, _made_up(path), str(path))


def _read_alone(path: Path, main: str, manifest: str, where: str) -> PluginSource:
    """One file as the plugin of a manifest that stands ``where``."""
    with TemporaryDirectory(prefix="holomush-") as made:
        folder = Path(made)
        shutil.copyfile(path, folder / main)
        (folder / FILE_NAME).write_text(manifest, encoding="utf-8")
        try:
            return attrs.evolve(read_plugin(folder), folder=path.parent)
        except StructureError as exc:
            names = {str(folder / main): str(path), str(folder / FILE_NAME): where}
            raise StructureError([_renamed(problem, names) for problem in exc.problems]) from exc


def _manifest_in(path: Path) -> str | None:
    try:
        return manifest_of(path.read_bytes())
    except WasmError as exc:
        raise StructureError([f"{path}: {exc}"]) from exc


def _made_up(path: Path) -> str:
    name = _NO_WORD.sub("-", path.stem.lower()).strip("-")[:LONGEST_NAME].strip("-") or "plugin"
    return yaml.safe_dump({"name": name, "version": "1.0.0", "capabilities": ["*"]})


def _renamed(problem: str, names: Mapping[str, str]) -> str:
    """A problem with the author's names for the files."""
    for ours, theirs in names.items():
        problem = problem.replace(ours, theirs)
    return problem
