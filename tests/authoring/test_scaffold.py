"""``plugin new``: the files that an author gets, and what happens if they cannot be made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from holomush import bundled
from holomush.authoring.scaffold import LANGUAGES, scaffold
from holomush.errors import HolomushError
from holomush.plugins.roster.manifest import read_manifest
from holomush.testing.transcripts import read_transcripts

ROOT = Path(__file__).parents[2]
COMPILED = ("go", "rust", "assemblyscript")
FILES = {
    "python": {"plugin.py", "plugin.yaml", "tests.yaml"},
    "javascript": {"plugin.js", "plugin.yaml", "tests.yaml"},
    "go": {"go.mod", "go.sum", "main.go", ".gitignore", "pdk", "plugin.yaml", "tests.yaml"},
    "rust": {"Cargo.toml", "Cargo.lock", "src", ".gitignore", "pdk", "plugin.yaml", "tests.yaml"},
    "assemblyscript": {
        *("asconfig.json", "assembly", "package.json", "package-lock.json", ".gitignore", "pdk", "plugin.yaml", "tests.yaml"),
    },
}


def refusal(name: str, language: str, parent: Path) -> str:
    with pytest.raises(HolomushError) as caught:
        scaffold(name, language, parent)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_each_language_has_its_files() -> None:
    assert set(FILES) == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_folder_with_a_plugin_of_that_name(language: str, tmp_path: Path) -> None:
    folder = scaffold("garden-gate", language, tmp_path / "my" / "plugins")
    assert folder == tmp_path / "my" / "plugins" / "garden-gate"
    assert {path.name for path in folder.iterdir()} == FILES[language]
    assert [path.name for path in folder.parent.iterdir()] == ["garden-gate"]
    manifest = read_manifest(folder)
    assert (manifest.name, manifest.version) == ("garden-gate", "1.0.0")
    assert len(read_transcripts(folder)) == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_a_build_made_is_copied(language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pdk = tmp_path / "pdk"
    for place in (language, f"{language}/examples/echo"):
        shutil.copytree(
            bundled.PDK / place,
            pdk / place,
            ignore=shutil.ignore_patterns("node_modules", "target", "build", "*.wasm", "__pycache__", ".*_cache"),
            dirs_exist_ok=True,
        )
    monkeypatch.setattr(bundled, "PDK", pdk)
    fresh = listing(scaffold("clean", language, tmp_path))
    for folder in (pdk / language, pdk / language / "examples" / "echo"):
        (folder / "plugin.wasm").write_bytes(b"\0asm")
        for made in ("node_modules", "target", "build", "__pycache__", ".mypy_cache"):
            (folder / made).mkdir()
            (folder / made / "made.txt").write_text("echo")
    assert listing(scaffold("littered", language, tmp_path)) == fresh


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("language", COMPILED)
def test_the_copy_of_the_pdk_is_the_pdk(language: str, tmp_path: Path) -> None:
    folder = scaffold("own", language, tmp_path)
    copied = [path for path in (folder / "pdk").rglob("*") if path.is_file()]
    assert copied
    for path in copied:
        assert path.read_bytes() == (bundled.PDK / language / path.relative_to(folder / "pdk")).read_bytes()
    assert not (folder / "pdk" / "examples").exists()
    own = [path for path in folder.rglob("*") if path.is_file() and path not in copied]
    assert not [path for path in own if "../.." in path.read_text()]


@pytest.mark.parametrize("language", COMPILED)
def test_the_files_are_the_authors_to_change(language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pdk = tmp_path / "pdk"
    shutil.copytree(bundled.PDK / language, pdk / language, ignore=shutil.ignore_patterns("node_modules"))
    for path in pdk.rglob("*"):
        if path.is_file():
            path.chmod(0o444)
    monkeypatch.setattr(bundled, "PDK", pdk)
    folder = scaffold("own", language, tmp_path)
    assert {oct(path.stat().st_mode & 0o777) for path in folder.rglob("*") if path.is_file()} == {oct(0o666 & ~umask())}


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("name", ["no", "yes", "on", "off", "true", "null"])
def test_a_name_that_is_another_word_in_yaml(name: str, tmp_path: Path) -> None:
    folder = scaffold(name, "python", tmp_path)
    assert read_manifest(folder).name == name
    assert yaml.safe_load((folder / "plugin.yaml").read_text())["name"] == name


@pytest.mark.parametrize(
    ("name", "crate"),
    [
        ("garden", "garden"),
        ("echo", "echo"),
        ("holomush-pdk", "holomush-pdk-plugin"),
        ("serde", "serde-plugin"),
        ("bytes", "bytes-plugin"),
    ],
)
def test_a_crate_has_a_name_of_its_own(name: str, crate: str, tmp_path: Path) -> None:
    folder = scaffold(name, "rust", tmp_path)
    assert tomllib.loads((folder / "Cargo.toml").read_text())["package"]["name"] == crate
    packages = [package["name"] for package in tomllib.loads((folder / "Cargo.lock").read_text())["package"]]
    assert packages.count(crate) == 1
    assert read_manifest(folder).name == name


@pytest.mark.parametrize("name", ["", "Garden", "garden_gate", "garden gate", "-garden", "4you", "a/b", "..", "gärten", "a\nb"])
def test_a_name_that_no_plugin_may_have(name: str, tmp_path: Path) -> None:
    assert refusal(name, "python", tmp_path / "plugins") == (
        f"{name!r} cannot be a plugin's name: it must be lower-case words joined by hyphens, such as garden-gate, "
        "with 64 characters or less"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    assert scaffold("a" * 64, "python", tmp_path).is_dir()
    assert refusal("b" * 65, "python", tmp_path).endswith("with 64 characters or less")
    assert len(refusal("c" * 5000, "python", tmp_path)) < 300


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_name_that_is_taken(language: str, tmp_path: Path) -> None:
    scaffold("garden", "python", tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "gone").symlink_to("nowhere")
    before = listing(tmp_path)
    for name in ("garden", "file", "gone"):
        assert refusal(name, language, tmp_path) == f"{tmp_path}/{name} is there already: choose another name, or move it away"
    assert listing(tmp_path) == before
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("parent", "why"), [("file", "File exists"), ("file/below", "Not a directory"), ("x" * 300, "File name too long")]
)
def test_a_place_where_nothing_can_be_made(parent: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert refusal("garden", "go", tmp_path / parent) == f"{tmp_path}/{parent}: the folder cannot be made: {why}"
    assert listing(tmp_path) == ["file"]


@pytest.mark.parametrize("language", COMPILED)
def test_a_disk_that_is_full_leaves_nothing(language: str, tmp_path: Path) -> None:
    # No file may have more than 512 bytes: some of the plugin's are made, and then it fails.
    limited = ["/bin/sh", "-c", 'ulimit -f 1; exec "$@"', "sh"]
    said = subprocess.run(
        [*limited, sys.executable, "-m", "holomush", "plugin", "new", "big", "--lang", language],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stdout, said.stderr) == (1, "", "holomush: big cannot be made: File too large\n")
    assert listing(tmp_path) == []


def test_an_installation_without_its_pdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "PDK", tmp_path / "nowhere")
    assert refusal("garden", "go", tmp_path) == f"{tmp_path}/garden cannot be made: No such file or directory"
    assert listing(tmp_path) == []
