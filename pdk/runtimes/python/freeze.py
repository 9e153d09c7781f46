"""Compiles Python modules into the table that the interpreter imports frozen modules from.

    python3.11 freeze.py LIB STDLIB_TXT OUTPUT_DIR FILE_OR_PACKAGE...

Writes OUTPUT_DIR/frozen.bin (the marshalled code, end to end) and OUTPUT_DIR/frozen.c (the table, which embeds it).
LIB is CPython's Lib folder and STDLIB_TXT the list of what to take from it; every FILE or PACKAGE folder after that
is taken whole, under its own name. Has to run on the CPython version that the table is for.
"""

from __future__ import annotations

import marshal
import sys
from pathlib import Path

# Without docstrings and asserts: 0.9 MB less. Plugins are compiled at run time, with both.
OPTIMIZE = 2


def package_modules(name: str, folder: Path) -> dict[str, Path]:
    """Every module of a package, its own __init__ under the package's name."""
    found = {}
    for file in folder.rglob("*.py"):
        if file.name == "testing.py":  # of holomush_pdk: for tests in ordinary Python
            continue
        parts = file.relative_to(folder).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        found[".".join((name, *parts))] = file
    return found


def stdlib_modules(lib: Path, wanted: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for line in wanted.read_text(encoding="utf-8").splitlines():
        name = line.strip()
        if not name or name.startswith("#"):
            continue
        folder = lib.joinpath(*name.removesuffix(".*").split("."))
        if name.endswith(".*"):
            found |= package_modules(name.removesuffix(".*"), folder)
        elif (folder / "__init__.py").is_file():
            found[name] = folder / "__init__.py"
        elif folder.with_suffix(".py").is_file():
            found[name] = folder.with_suffix(".py")
        else:
            raise SystemExit(f"{wanted}: there is no module {name} in {lib}")
    return found


def main() -> None:
    lib, wanted, output = (Path(argument) for argument in sys.argv[1:4])
    modules = stdlib_modules(lib, wanted)
    for argument in sys.argv[4:]:
        path = Path(argument)
        if path.is_dir():
            modules |= package_modules(path.name, path)
        else:
            modules[path.stem] = path

    blob = bytearray()
    rows = []
    for name, path in sorted(modules.items()):
        code = compile(path.read_bytes(), f"<frozen {name}>", "exec", dont_inherit=True, optimize=OPTIMIZE)
        marshalled = marshal.dumps(code)
        is_package = int(path.name == "__init__.py")
        rows.append(f'    {{"{name}", blob + {len(blob)}, {len(marshalled)}, {is_package}, NULL}},')
        blob += marshalled

    (output / "frozen.bin").write_bytes(blob)
    (output / "frozen.c").write_text(
        "\n".join(
            (
                "/* Made by freeze.py. */",
                "#include <Python.h>",
                'static const unsigned char blob[] = {\n#embed "frozen.bin"\n};',
                "const struct _frozen holomush_frozen[] = {",
                *rows,
                "    {NULL, NULL, 0, 0, NULL},",
                "};",
                "",
            )
        ),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
