"""Plugins that their authors got wrong: the exact lines that each of them reads, and a server that holds all of them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from support.game import BUNDLED_COMMANDS, running_server
from support.plugins import write_plugin

from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.roster.manifest import read_manifest
from holomush.plugins.roster.source import SOURCE_LIMIT, read_plugin
from holomush.structuring import FILE_LIMIT, StructureError

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))
"""Manifests; the comments that each begins with are the lines expected."""
EXPECT = b"# expect: "
MANIFEST = "name: broken\nversion: 1.0.0\n"
LOOK = f"{MANIFEST}commands: [{{name: look, pattern: look, handler: handle_look}}]\n"

NOT_THE_MANIFEST: dict[str, tuple[dict[str, bytes], list[str]]] = {
    "no code": (
        {"plugin.yaml": MANIFEST.encode()},
        ["{folder}: holds no plugin.py, plugin.js or plugin.wasm: a plugin is a plugin.yaml and one of them"],
    ),
    "two sorts of code": (
        {"plugin.yaml": MANIFEST.encode(), "plugin.py": b"", "plugin.wasm": b"\0asm\1\0\0\0"},
        ["{folder}: holds plugin.py and plugin.wasm: it must be one of them"],
    ),
    "code that is not UTF-8": (
        {"plugin.yaml": MANIFEST.encode(), "plugin.py": "GREETING = 'Grüße'\n".encode("latin-1")},
        ["{folder}/plugin.py: is not UTF-8 text"],
    ),
    "a module that is not UTF-8": (
        {"plugin.yaml": MANIFEST.encode(), "plugin.py": b"", "words.py": b"\xff"},
        ["{folder}/words.py: is not UTF-8 text"],
    ),
    "too much code": (
        {"plugin.yaml": MANIFEST.encode(), "plugin.py": b"#" * (SOURCE_LIMIT + 1)},
        [f"{{folder}}: holds more than {SOURCE_LIMIT} bytes of source"],
    ),
    "a manifest too big": (
        {"plugin.yaml": MANIFEST.encode() + b"#" * FILE_LIMIT, "plugin.py": b""},
        [f"{{folder}}/plugin.yaml: must be at most {FILE_LIMIT:,} bytes, not more"],
    ),
    "a bad manifest and no code": (
        {"plugin.yaml": b"name: broken\n"},
        [
            "{folder}/plugin.yaml: version: the key 'version' is missing",
            "{folder}: holds no plugin.py, plugin.js or plugin.wasm: a plugin is a plugin.yaml and one of them",
        ],
    ),
}
NOT_LOADABLE: dict[str, tuple[dict[str, bytes], str]] = {
    "syntax error": (
        {"plugin.yaml": MANIFEST.encode(), "plugin.py": b"def handle_look(inv)\n    return 1\n"},
        "it raised an error: SyntaxError: expected ':'",
    ),
    "error while importing": (
        {"plugin.yaml": MANIFEST.encode(), "plugin.py": b"import extism_of_my_own\n"},
        "it raised an error: ModuleNotFoundError: No module named 'extism_of_my_own'",
    ),
    "handler missing": (
        {"plugin.yaml": LOOK.encode(), "plugin.py": b"def handle_lok(inv):\n    return 1\n"},
        "commands[0].handler: plugin.py has no function handle_look",
    ),
    "event handler missing": (
        {"plugin.yaml": f"{MANIFEST}subscribes: [{{type: say}}]\n".encode(), "plugin.py": b""},
        "subscribes: plugin.py has no function handle_event",
    ),
    "not WebAssembly": (
        {"plugin.yaml": LOOK.encode(), "plugin.wasm": b"def handle_look(inv):\n    return 1\n"},
        r"plugin.wasm: is no WebAssembly module: it does not begin with \0asm and version 1",
    ),
    "WebAssembly without the handler": (
        {"plugin.yaml": LOOK.encode(), "plugin.wasm": b"\0asm\1\0\0\0"},
        "commands[0].handler: plugin.wasm has no function handle_look",
    ),
}


def expected(manifest: Path) -> list[str]:
    lines = manifest.read_bytes().splitlines()
    return [line.removeprefix(EXPECT).decode() for line in lines if line.startswith(EXPECT)]


def write_broken(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_there_are_enough_of_them() -> None:
    assert len(BROKEN) >= 45
    assert [manifest.name for manifest in BROKEN if not expected(manifest)] == []


@pytest.mark.parametrize("manifest", BROKEN, ids=lambda path: path.stem)
def test_a_broken_manifest_gives_exactly_its_lines(tmp_path: Path, manifest: Path) -> None:
    (tmp_path / "plugin.yaml").write_bytes(manifest.read_bytes())
    with pytest.raises(StructureError) as caught:
        read_manifest(tmp_path)
    assert list(caught.value.problems) == [f"{tmp_path / 'plugin.yaml'}: {line}" for line in expected(manifest)]


@pytest.mark.parametrize("what", NOT_THE_MANIFEST)
def test_a_broken_folder_gives_exactly_its_lines(tmp_path: Path, what: str) -> None:
    files, lines = NOT_THE_MANIFEST[what]
    folder = write_broken(tmp_path / "broken", files)
    with pytest.raises(StructureError) as caught:
        read_plugin(folder)
    assert list(caught.value.problems) == [line.format(folder=folder) for line in lines]


async def test_a_server_with_all_of_them_runs_the_good_one(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "plugins"
    told: set[str] = set()
    for manifest in BROKEN:
        path = write_broken(folder / manifest.stem, {"plugin.yaml": manifest.read_bytes(), "plugin.py": b""})
        told |= {f"plugin {manifest.stem} is left out: {path / 'plugin.yaml'}: {line}" for line in expected(manifest)}
    for what, (files, lines) in NOT_THE_MANIFEST.items():
        name = what.lower().replace(" ", "-")
        path = write_broken(folder / name, files)
        told |= {f"plugin {name} is left out: {line.format(folder=path)}" for line in lines}
    for what, (files, line) in NOT_LOADABLE.items():
        name = what.lower().replace(" ", "-")
        own = files["plugin.yaml"].replace(b"name: broken", f"name: {name}".encode())
        write_broken(folder / name, {**files, "plugin.yaml": own})
        told.add(f"plugin {name} is left out: {line}")
    write_plugin(folder, "good", "commands: [{name: fine, pattern: fine, handler: fine}]", "def fine(inv): return 'All is well.'\n")
    async with running_server(data, runtime, folder) as server:
        assert [plugin.name for plugin in server.running.host.plugins] == [
            "good",
            *BUNDLED_COMMANDS,
            "echo",
        ]
        alice = await server.create("Alice")
        assert await alice.do("fine") == "All is well.\n"
        assert await alice.do("say still here") == 'You say, "still here"\n'
    logged = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert sorted(line for line in logged if " is left out: " in line) == sorted(told)
