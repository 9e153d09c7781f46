"""Where compiled modules are kept: the first folder that can be written, named in a file that Extism can read."""

import tomllib
from pathlib import Path

import pytest

from holomush.plugins.guests.compile_cache import VARIABLE, default_folders, use_compile_cache

DATA = Path("data")


@pytest.mark.parametrize(
    ("environ", "folders"),
    [
        ({}, ["data/cache"]),
        ({"HOME": "/home/ada"}, ["/home/ada/.cache/holomush", "data/cache"]),
        ({"HOME": "/home/ada", "XDG_CACHE_HOME": "/cache"}, ["/cache/holomush", "data/cache"]),
        ({"HOME": "/home/ada", "XDG_CACHE_HOME": "/cache", "HOLOMUSH_CACHE": "/own"}, ["/own", "data/cache"]),
        ({"HOME": "/home/ada", "XDG_CACHE_HOME": ""}, ["/home/ada/.cache/holomush", "data/cache"]),
        ({"XDG_CACHE_HOME": "/cache", "HOLOMUSH_CACHE": ""}, ["/cache/holomush", "data/cache"]),
        ({"HOME": ""}, ["data/cache"]),
    ],
)
def test_folders_to_try(environ: dict[str, str], folders: list[str]) -> None:
    assert default_folders(environ, DATA) == [Path(folder) for folder in folders]


def setting(environ: dict[str, str]) -> Path:
    """The folder that Extism is told of."""
    with Path(environ[VARIABLE]).open("rb") as file:
        return Path(tomllib.load(file)["cache"]["directory"])


def test_the_first_folder_that_can_be_written(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    (tmp_path / "file").write_text("in the way")
    folders = [tmp_path / "file" / "below", tmp_path / "good", tmp_path / "other"]
    assert use_compile_cache(folders, environ) == tmp_path / "good"
    assert setting(environ) == tmp_path / "good" / "compiled"
    assert setting(environ).is_dir()
    assert not (tmp_path / "other").exists()


def test_a_folder_is_used_again(tmp_path: Path) -> None:
    for _ in range(2):
        environ: dict[str, str] = {}
        assert use_compile_cache([tmp_path], environ) == tmp_path


def test_a_relative_folder_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ: dict[str, str] = {}
    use_compile_cache([Path("cache")], environ)
    assert Path(environ[VARIABLE]).is_absolute()
    assert setting(environ) == tmp_path / "cache" / "compiled"


@pytest.mark.parametrize(
    "name", ["plain", "two words", 'quote"d', "back\\slash", "\u4e16\u754c", "\U0001f30d", "new\nline", "del\x7f"]
)
def test_any_folder_name_can_be_read_back(tmp_path: Path, name: str) -> None:
    environ: dict[str, str] = {}
    assert use_compile_cache([tmp_path / name], environ) == tmp_path / name
    assert setting(environ) == tmp_path / name / "compiled"


def test_a_folder_whose_name_is_not_utf8_is_passed_over(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    assert use_compile_cache([tmp_path / "caf\udce9", tmp_path / "good"], environ) == tmp_path / "good"
    assert setting(environ) == tmp_path / "good" / "compiled"


def test_without_a_folder_nothing_is_cached(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folders in ([], [tmp_path / "file"], [Path("/proc/self/cache")]):
        environ: dict[str, str] = {}
        assert use_compile_cache(folders, environ) is None
        assert environ == {VARIABLE: ""}


@pytest.mark.parametrize("own", ["", "/etc/extism.toml"])
def test_an_operators_own_setting_is_left_alone(tmp_path: Path, own: str) -> None:
    environ = {VARIABLE: own}
    assert use_compile_cache([tmp_path / "cache"], environ) is None
    assert environ == {VARIABLE: own}
    assert not (tmp_path / "cache").exists()
