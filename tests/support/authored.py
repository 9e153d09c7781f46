"""Plugins as authors make them, in every language: what ``plugin new`` gives, with a command that fails, built once."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest

from holomush.authoring.build import compile_plugin, compiler_of
from holomush.authoring.languages import COMPILED
from holomush.authoring.scaffold import scaffold
from holomush.plugins.roster.source import WASM_NAME
from support.toolchains import require


@attrs.frozen
class Writing:
    """How a language is written: where the echo plugin's program is, and a handler ``burst`` that fails at ``fault``."""

    file: str
    burst: str
    fault: str
    message: str
    """What the language says of it, in its last line."""
    place: str
    """How its report names the fault, with the number of the line in place of ``{line}``."""
    exported: tuple[str, str] = ("", "")
    """What to replace for a further handler."""

    def fault_in(self, folder: Path) -> str:
        """The fault of ``burst`` as the report of the plugin in ``folder`` names it."""
        return self.place.format(line=line_of(folder / self.file, self.fault))


WRITINGS: Mapping[str, Writing] = {
    "python": Writing(
        "plugin.py",
        "\n\ndef burst() -> str:\n    words: list[str] = []\n    return len(words) + 'words'\n",
        "return len(words)",
        "TypeError: unsupported operand type(s) for +: 'int' and 'str'",
        'File "plugin.py", line {line}, in burst',
    ),
    "javascript": Writing(
        "plugin.js",
        "\nexport function burst() {\n  const words = [];\n  return words[3].length;\n}\n",
        "return words[3]",
        "TypeError: cannot read property 'length' of undefined",
        "at burst (plugin.js:{line}:",
    ),
    "go": Writing(
        "main.go",
        "\n//go:wasmexport burst\nfunc burst() int32 {\n"
        "\treturn holomush.OnCommand(func(holomush.Invocation) (holomush.Response, error) {\n"
        "\t\tvar words []string\n\t\treturn holomush.Text(words[3]), nil\n\t})\n}\n",
        "return holomush.Text(words",
        "panic: runtime error: index out of range [3] with length 0",
        "main.go:{line}: ",
    ),
    "rust": Writing(
        "src/lib.rs",
        "\nfn burst(_: holomush_pdk::Invocation) -> Result<holomush_pdk::Response> {\n"
        "    let words: Vec<String> = Vec::new();\n    Ok(words[3].clone().into())\n}\n",
        "Ok(words[3]",
        "index out of bounds: the len is 0 but the index is 3",
        "src/lib.rs:{line}:",
        ("export!(handle_event)", "export!(handle_event, burst)"),
    ),
    "assemblyscript": Writing(
        "assembly/index.ts",
        "\nexport function burst(): i32 {\n  const words = new Array<string>();\n"
        "  return new Response().say(words[3]).send();\n}\n",
        "return new Response().say(words",
        "Index out of range",
        "assembly/index.ts:{line}:",
        ("Record, emitEvent", "Record, Response, emitEvent"),
    ),
}
"""The five languages, by the name that ``--lang`` takes."""


def line_of(file: Path, text: str) -> int:
    """The number of the one line of a file that has this text."""
    (found,) = (number for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1) if text in line)
    return found


def need(language: str) -> None:
    """Go on only if plugins in this language can be built here."""
    for compiler in COMPILED:
        if compiler.name == language:
            require(compiler)


def write_bursting(language: str, parent: Path) -> Path:
    """What ``plugin new`` gives, named ``loud-LANGUAGE``, with the command ``burst-LANGUAGE`` for ``burst``. Not built."""
    writing = WRITINGS[language]
    folder = scaffold(f"loud-{language}", language, parent)
    program, manifest = folder / writing.file, folder / "plugin.yaml"
    program.write_text(program.read_text().replace(*writing.exported) + writing.burst)
    command = f"burst-{language}"
    manifest.write_text(f"{manifest.read_text()}commands:\n  - {{name: {command}, pattern: {command}, handler: burst}}\n")
    return folder


def bursting(language: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of ``write_bursting``, built; the same one in every test. Only ``copy_of`` may be changed."""
    need(language)
    parent = tmp_path_factory.getbasetemp() / "authored"
    folder = parent / f"loud-{language}"
    if not folder.exists():
        write_bursting(language, parent)
        compiler = compiler_of(folder)
        if compiler is not None:
            compile_plugin(compiler, folder, folder / WASM_NAME)
    return folder


def copy_of(folder: Path, target: Path) -> Path:
    """A copy to change, with its times; the packages that were fetched for it are shared."""
    fetched = "node_modules"
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns(fetched))
    if (folder / fetched).is_dir():
        (target / fetched).symlink_to(folder / fetched)
    return target
