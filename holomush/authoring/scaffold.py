"""``plugin new``: a plugin to begin with, made from the echo example of its language's PDK."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from holomush import bundled
from holomush.authoring.languages import COMPILED
from holomush.errors import HolomushError
from holomush.plugins.roster.requirements import LONGEST_NAME, PLUGIN_NAME
from holomush.plugins.roster.source import SourceLanguage
from holomush.structuring import shown

LANGUAGES = (*(language.value for language in SourceLanguage), *(language.name for language in COMPILED))
"""What ``--lang`` takes: the folders below ``pdk/``."""

_PDK_FOLDER = "pdk"
"""Where a plugin that is compiled keeps its copy of the PDK, so that its folder can be built anywhere."""
_MADE = shutil.ignore_patterns("node_modules", "target", "build", "examples", "__pycache__", "*.wasm", ".*_cache")
_EXAMPLE = "echo"
# Where the files of the example give their own name.
_IN_MANIFEST = re.compile(rf"^(name: ){_EXAMPLE}$", re.MULTILINE)
_IN_CARGO = re.compile(rf'^(name = "){_EXAMPLE}(?=")', re.MULTILINE)
_IN_OTHERS = re.compile(rf'^(\s*"name": "|module (?:holomush/)?){_EXAMPLE}\b', re.MULTILINE)
_PDK_PATH = re.compile(r"(?P<quote>\"?)\.\./\.\.(?=[\"'\s]|$)", re.MULTILINE)


def scaffold(name: str, language: str, parent: Path) -> Path:
    """Make the folder ``parent/name`` with a plugin that echoes what is said. Raises ``HolomushError``."""
    if PLUGIN_NAME.fullmatch(name) is None or len(name) > LONGEST_NAME:
        raise HolomushError(
            f"{shown(name)} cannot be a plugin's name: it must be lower-case words joined by hyphens, such as garden-gate, "
            f"with {LONGEST_NAME} characters or less"
        )
    folder = parent / name
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise HolomushError(f"{parent}: the folder cannot be made: {exc.strerror}") from exc
    if os.path.lexists(folder):
        raise HolomushError(f"{folder} is there already: choose another name, or move it away")
    try:
        # All at once, or not at all.
        with TemporaryDirectory(prefix=".new-", dir=parent) as scratch:
            made = Path(scratch) / name
            _fill(made, name, language)
            made.rename(folder)
    except OSError as exc:
        raise HolomushError(f"{folder} cannot be made: {exc.strerror}") from exc
    return folder


def _fill(folder: Path, name: str, language: str) -> None:
    pdk = bundled.PDK / language
    _copy(pdk / "examples" / _EXAMPLE, folder)
    crate = _crate(name, folder / "Cargo.lock")
    for path in _files(folder):
        text = path.read_text(encoding="utf-8")
        text = _IN_MANIFEST.sub(rf"\g<1>{_as_yaml(name)}", text)
        text = _IN_CARGO.sub(rf"\g<1>{crate}", text)
        text = _IN_OTHERS.sub(rf"\g<1>{name}", text)
        path.write_text(_PDK_PATH.sub(_own_pdk, text), encoding="utf-8")
    if language not in tuple(SourceLanguage):
        _copy(pdk, folder / _PDK_FOLDER)


def _copy(source: Path, target: Path) -> None:
    """The files without their modes: HoloMUSH may be installed where nobody may write, and this is the author's own."""
    for path in _files(source):
        copied = target / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)


def _files(folder: Path) -> Iterator[Path]:
    """All that was written by hand below a folder. Raises ``OSError``."""

    def fail(error: OSError) -> None:
        raise error

    for root, folders, files in os.walk(folder, onerror=fail):
        made = _MADE(root, [*folders, *files])
        folders[:] = [name for name in folders if name not in made]
        yield from (Path(root) / name for name in files if name not in made)


def _as_yaml(name: str) -> str:
    """The name as text in YAML, where words such as ``no`` and ``null`` are none."""
    return name if yaml.safe_load(name) == name else f'"{name}"'


def _crate(name: str, lock: Path) -> str:
    """What a plugin in Rust is called as a crate: no two of those that it is made from may have one name."""
    if not lock.is_file():
        return name
    taken = {package["name"] for package in tomllib.loads(lock.read_text(encoding="utf-8"))["package"]} - {_EXAMPLE}
    return f"{name}-plugin" if name in taken else name


def _own_pdk(found: re.Match[str]) -> str:
    # A lock file of npm names the folder by itself, in the shortest way.
    return f'"{_PDK_FOLDER}' if found["quote"] else f"./{_PDK_FOLDER}"
