"""The shape of the code: which room may import which, which modules are pure, and where the awkward libraries live.

Owns the tables below and nothing else. The walk reads the sources with ``ast`` and imports none of them, so it also
judges a tree in which modules are still missing. A new room or top-level module fails until it has a line in ARROWS.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from attrs import frozen

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "holomush"

# What any module but those of the innermost rooms may lean on.
COMMON = frozenset({"clock", "errors", "config", "rates", "structuring", "telemetry"})

# Who may import what, without the leading ``holomush.``. The line with the longest matching name judges a module, which
# may always import its own room. A name allows all that is below it, and "*" everything but the TOP.
ARROWS: Mapping[str, frozenset[str]] = {
    # net → sessions → dispatch → {commands, plugins, world, events, database}
    "net": COMMON | {"sessions", "events", "text"},
    "sessions": COMMON | {"dispatch", "auth", "events", "world", "database", "commands.access", "text"},
    "dispatch": COMMON | {"commands", "plugins", "world", "events", "database", "text"},
    "plugins": COMMON | {"auth", "commands", "world", "events", "database", "text"},
    # Rooms that stand on their own.
    "auth": frozenset({"clock", "database", "world.names", "commands.access", "errors"}),
    "world": frozenset({"events", "errors", "structuring", "text"}),
    "world.rows": frozenset({"database.records", "database.store", "errors"}),  # only it knows that there is a database
    "events": frozenset({"errors", "text"}),
    "text": frozenset({"errors"}),
    "commands": frozenset({"errors"}),
    "database": frozenset({"clock", "errors"}),
    # Single modules, and folders of data.
    "clock": frozenset(),
    "errors": frozenset(),
    "structuring": frozenset({"errors"}),
    "config": frozenset({"errors", "structuring"}),
    "rates": frozenset({"config"}),
    "telemetry": frozenset({"errors", "config"}),
    "bundled": frozenset(),
    "runtimes": frozenset(),
    "options": frozenset({"bundled", "config", "errors"}),
    # What authors work with; the testing room puts a small server together.
    "authoring": frozenset({"plugins", "bundled", "errors", "structuring"}),
    "testing": frozenset({"*", "startup"}),
    # The top, which puts everything together. Nobody else may import it.
    "startup": frozenset({"*"}),
    "wiring": frozenset({"*"}),
    "server": frozenset({"*", "startup", "wiring"}),
    "plugin_commands": frozenset({"*", "startup"}),
    "world_commands": frozenset({"*", "startup"}),
    "author_commands": frozenset({"*"}),
    "cli": frozenset({"*", "server", "plugin_commands", "world_commands", "author_commands"}),
    "__main__": frozenset({"*", "server", "cli"}),
}
TOP = frozenset({"startup", "wiring", "server", "plugin_commands", "world_commands", "author_commands", "cli", "__main__"})

# Modules that compute and nothing else, and what they may not touch, be it through another module of ours.
PURE = (
    "net.limits",
    "net.telnet",
    "rates",
    "text",
    "commands",
    "events",
    "world.model",
    "world.names",
    "config",
    "errors",
    "structuring",
)
PURE_IN_PLUGINS = (
    "plugins.limits",
    "plugins.pauses",
    "plugins.functions.refusal",
    "plugins.guests.wasm",
    "plugins.roster.capabilities",
    "plugins.roster.loadorder",
    "plugins.roster.manifest",
    "plugins.roster.requirements",
    "plugins.schema.changes",
    "plugins.schema.declared",
    "plugins.schema.sql",
    "plugins.schema.steps",
)
NOT_PURE = frozenset({"events.bus"})
IMPURE_LIBRARIES = frozenset({"trio", "trio_websocket", "sqlite3", "aiosqlite", "asyncio", "extism", "extism_sys"})

# The one room that may import a library.
LIVES_IN = {
    "asyncio": "database",
    "aiosqlite": "database",
    "extism": "plugins",
    "extism_sys": "plugins",
    "argon2": "auth",
    "prometheus_client": "telemetry",
    "wcwidth": "text",
    "confusable_homoglyphs": "world",
}


@frozen
class Import:
    """One imported module, by its full name, as written in line ``line``."""

    target: str
    line: int
    in_function: bool


@frozen
class Module:
    """A parsed source file. ``name`` is the module's full name, a package's without ``__init__``."""

    name: str
    path: str
    tree: ast.Module
    imports: tuple[Import, ...]


def read_modules(root: Path) -> list[Module]:
    """Every module of the package below ``root``. A syntax error is raised with the file's name."""
    files = sorted((root / PACKAGE).rglob("*.py"))
    sources = {str(file.relative_to(root)): file.read_text(encoding="utf-8") for file in files}
    return parse_modules(sources)


def parse_modules(sources: Mapping[str, str]) -> list[Module]:
    """Modules from ``{path relative to the repository: source text}``."""
    names = {path: path.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for path in sources}
    # What the tables name is a module even while it is missing.
    known = frozenset(names.values()) | {f"{PACKAGE}.{name}" for name in frozenset(ARROWS).union(*ARROWS.values())}
    modules = []
    for path, text in sources.items():
        tree = ast.parse(text, filename=path)
        package = names[path] if path.endswith("/__init__.py") else names[path].rpartition(".")[0]
        modules.append(Module(names[path], path, tree, tuple(_imports(tree, package, known, in_function=False))))
    return modules


def _imports(node: ast.AST, package: str, known: frozenset[str], *, in_function: bool) -> Iterator[Import]:
    """All imports below ``node``, those under ``if TYPE_CHECKING`` included: an arrow is an arrow."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, in_function)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                parents = package.split(".")
                base = ".".join([*parents[: len(parents) - child.level + 1], *([base] if base else [])])
            for alias in child.names:
                # ``from room import module`` and ``from module import name`` look alike; the tree tells them apart.
                whole = f"{base}.{alias.name}"
                yield Import(whole if whole in known else base, child.lineno, in_function)
        else:
            inside = in_function or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
            yield from _imports(child, package, known, in_function=inside)


def find_problems(modules: list[Module]) -> list[str]:
    """``path:line: broken rule`` for everything that is wrong, in the order of the files."""
    by_name = {module.name: module for module in modules}
    problems = []
    for module in modules:
        # An empty __init__.py only makes a folder a package.
        if not ast.get_docstring(module.tree) and not (module.path.endswith("/__init__.py") and not module.tree.body):
            problems.append(f"{module.path}:1: a module begins with a docstring that says what it owns")
        if module.name != PACKAGE and _longest(_short(module.name), ARROWS) is None:
            problems.append(f"{module.path}:1: {_short(module.name)} is in no line of ARROWS in tests/test_architecture.py")
            continue
        for imported in module.imports:
            problems += [f"{module.path}:{imported.line}: {rule}" for rule in _broken_rules(module, imported, by_name)]
    # Several names out of one module are one import.
    return list(dict.fromkeys(problems))


def _broken_rules(module: Module, imported: Import, by_name: Mapping[str, Module]) -> Iterator[str]:
    short, target, library = _short(module.name), imported.target, imported.target.partition(".")[0]
    if library == PACKAGE:
        if imported.in_function:
            yield f"{target} is imported inside a function; imports of ours stand at the top"
        if not _may_import(short, _short(target)):
            yield f"{short or PACKAGE} may not import {_short(target)}"
    home = LIVES_IN.get(library)
    if home is not None and not _is_below(short, home):
        yield f"{library} may be imported only inside {PACKAGE}/{home}"
    if _is_pure(short):
        way = _way_to_impurity(target, by_name, set())
        if way:
            yield f"{short} is pure, so it may not import {' → '.join(way)}"


def _may_import(importer: str, target: str) -> bool:
    if not target:  # The package itself, for its version.
        return True
    line = _longest(importer, ARROWS)
    if line is None:  # The package's own __init__: whatever it imported, everything would.
        return False
    if _is_below(target, importer.partition(".")[0]):
        return True
    if "*" in ARROWS[line] and target.partition(".")[0] not in TOP:
        return True
    return _longest(target, ARROWS[line]) is not None


def _is_pure(short: str) -> bool:
    return _longest(short, (*PURE, *PURE_IN_PLUGINS)) is not None and _longest(short, NOT_PURE) is None


def _way_to_impurity(target: str, by_name: Mapping[str, Module], seen: set[str]) -> tuple[str, ...]:
    """A chain of imports from ``target`` to a library that no pure module may touch; empty if there is none."""
    if target.partition(".")[0] in IMPURE_LIBRARIES:
        return (target,)
    if target in by_name and target not in seen:
        seen.add(target)
        for imported in by_name[target].imports:
            rest = _way_to_impurity(imported.target, by_name, seen)
            if rest:
                return (target, *rest)
    return ()


def _short(name: str) -> str:
    """A full module name without ``holomush.``; the package itself is the empty name."""
    return name.removeprefix(PACKAGE).removeprefix(".")


def _is_below(name: str, parent: str) -> bool:
    return name == parent or name.startswith(f"{parent}.")


def _longest(name: str, parents: Mapping[str, object] | frozenset[str] | tuple[str, ...]) -> str | None:
    """The longest of ``parents`` that ``name`` is or is below of."""
    return max((parent for parent in parents if _is_below(name, parent)), key=len, default=None)


def test_the_code_keeps_its_shape() -> None:
    problems = find_problems(read_modules(ROOT))
    assert not problems, "\n" + "\n".join(problems)


def test_every_line_of_the_tables_means_something() -> None:
    allowed = frozenset().union(*ARROWS.values()) - {"*"}
    for name in (*allowed, *PURE, *PURE_IN_PLUGINS, *NOT_PURE, *LIVES_IN.values()):
        assert _longest(name, ARROWS), name


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("net/web.py", "from holomush.dispatch import Dispatch", "net.web may not import dispatch"),
        ("sessions/outbox.py", "import holomush.net.telnet", "sessions.outbox may not import net.telnet"),
        ("sessions/outbox.py", "from holomush.commands import router", "may not import commands.router"),
        ("sessions/outbox.py", "from holomush.plugins.host import Host", "may not import plugins.host"),
        ("dispatch.py", "from holomush.sessions import session", "dispatch may not import sessions"),
        ("plugins/host.py", "from holomush.dispatch.lines import Lines", "plugins.host may not import dispatch.lines"),
        ("plugins/host.py", "from .. import dispatch", "plugins.host may not import dispatch"),
        ("auth/accounts.py", "from ..world.model import Character", "auth.accounts may not import world.model"),
        ("world/state.py", "from holomush.database.store import Store", "world.state may not import database.store"),
        ("events/event.py", "from holomush.config import Config", "events.event may not import config"),
        ("database/store.py", "from holomush.events.event import Event", "database.store may not import events.event"),
        ("errors.py", "from holomush import config", "errors may not import config"),
        ("telemetry.py", "from holomush.server import serve", "telemetry may not import server"),
        ("server.py", "from holomush.cli import main", "server may not import cli"),
        ("__init__.py", "from holomush.errors import HolomushError", "holomush may not import errors"),
        ("net/telnet.py", "import trio", "net.telnet is pure, so it may not import trio"),
        ("commands/__init__.py", "import sqlite3", "commands is pure, so it may not import sqlite3"),
        ("events/event.py", "from .bus import Bus", "may not import holomush.events.bus → trio"),
        ("plugins/limits.py", "import extism", "plugins.limits is pure, so it may not import extism"),
        ("server.py", "import asyncio.subprocess", "asyncio may be imported only inside holomush/database"),
        ("world/rows.py", "from aiosqlite import Row", "aiosqlite may be imported only inside holomush/database"),
        ("dispatch.py", "import extism", "extism may be imported only inside holomush/plugins"),
        ("cli.py", "from argon2 import PasswordHasher", "argon2 may be imported only inside holomush/auth"),
        (
            "cli.py",
            "def f():\n    if 1:\n        import holomush.server",
            "holomush.server is imported inside a function",
        ),
        ("cli.py", "class A:\n    async def f(self):\n        from . import server", "is imported inside a function"),
        (
            "dispatch.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from holomush import net",
            "import net",
        ),
        ("mailer.py", "import trio", "mailer is in no line of ARROWS"),
    ],
)
def test_a_bad_import_is_named(path: str, source: str, complaint: str) -> None:
    bus = {"holomush/events/bus.py": '"""The bus."""\nimport trio\n', "holomush/commands/router.py": '"""Routes."""\n'}
    (problem,) = find_problems(parse_modules(bus | {f"holomush/{path}": f'"""A module."""\n{source}\n'}))
    line = 1 if "ARROWS" in complaint else source.count("\n") + 2
    assert problem.startswith(f"holomush/{path}:{line}: ")
    assert complaint in problem


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("net/listener.py", "import trio\nfrom holomush.sessions.session import Session\nfrom . import telnet"),
        ("sessions/login.py", "from holomush.commands.access import Access\nfrom holomush.auth import accounts"),
        ("dispatch.py", "from holomush import __version__, events\nfrom holomush.plugins.host import Host"),
        ("world/rows.py", "from holomush.database.store import Store"),
        ("server.py", "import holomush.net.listener\nfrom holomush.dispatch import Dispatch"),
        ("__main__.py", "from holomush.cli import main"),
        ("cli.py", "from holomush.server import serve\ndef f():\n    import json"),
        ("database/loop.py", "import asyncio, aiosqlite"),
        ("events/bus.py", "import trio"),
    ],
)
def test_a_good_import_passes(path: str, source: str) -> None:
    assert find_problems(parse_modules({f"holomush/{path}": f'"""A module."""\n{source}\n'})) == []


def test_a_module_needs_a_docstring_but_an_empty_package_file_does_not() -> None:
    problems = find_problems(parse_modules({"holomush/net/__init__.py": "", "holomush/net/a.py": "", "holomush/cli.py": "x = 1"}))
    assert [problem.partition(":1: ")[0] for problem in problems] == ["holomush/net/a.py", "holomush/cli.py"]
