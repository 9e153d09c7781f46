"""Plugins for tests, written as text into a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent


def write_plugin(folder: Path, name: str, manifest: str, source: str, **modules: str) -> Path:
    """A plugin folder ``folder/name``. ``manifest`` lacks name and version; ``modules`` are further Python files."""
    path = folder / name
    path.mkdir(parents=True)
    (path / "plugin.yaml").write_text(f"name: {name}\nversion: 1.0.0\n{dedent(manifest)}")
    sources: Mapping[str, str] = {"plugin": source, **modules}
    for module, text in sources.items():
        (path / f"{module}.py").write_text(dedent(text))
    return path
