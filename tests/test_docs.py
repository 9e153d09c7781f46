"""docs/ and the README are true: their plugins run and show what they say, and their tables name everything there is."""

from __future__ import annotations

import ast
import gc
import inspect
import logging
import re
import shlex
import shutil
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import click
import pytest
import trio
import yaml
from click.testing import CliRunner
from support.game import PATIENCE, Player, running_server
from support.plugins import write_plugin
from support.websocket import websockets

from holomush.cli import main
from holomush.config import Config, PluginsConfig, Rate, load_config
from holomush.net.web import clients, requests
from holomush.plugins.functions.refusal import CODES
from holomush.plugins.functions.table import HOST_FUNCTIONS, HostFunction
from holomush.plugins.guests.guest import SourceRuntime
from holomush.plugins.roster.capabilities import KNOWN
from holomush.plugins.roster.manifest import Command, Manifest, ManifestLimits, Rendering, Subscription, read_manifest
from holomush.plugins.schema.changes import Migration, Step
from holomush.plugins.schema.declared import Attribute, Attributes, Column, Schema, Table
from holomush.plugins.schema.steps import convertible
from holomush.plugins.schema.values import TYPES
from holomush.sessions.client import Farewell
from holomush.testing import run_transcripts

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
TESTING = GUIDE[GUIDE.index("## Testing a plugin") :]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
WEBSOCKET = (ROOT / "docs" / "websocket.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PDK_README = (ROOT / "pdk" / "python" / "README.md").read_text(encoding="utf-8")

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PLUGIN_FILE = re.compile(r"`plugins/([a-z-]+)/([\w./]+)`")
_STEP = re.compile(r"(\w+) (types|sees): (.*)")
_PATH = re.compile(r"`((?:holomush|pdk|scripts|tests|docs|data)/[\w./-]*)`")
_PDK_CALL = re.compile(r"`(\w+)\(([\w, *]*)\)`")
_AMOUNT = re.compile(r"(\d[\d,]*)(?: (KiB|MiB))?")
_UNITS = {"": 1, "KiB": 1024, "MiB": 1024 * 1024}

_TYPES = {
    "str": "text",
    "str | None": "text",
    "int": "whole number",
    "int | None": "whole number",
    "bool": "true or false",
    "tuple[str, ...]": "list of text",
    "tuple[Command, ...]": "list",
    "tuple[Subscription, ...]": "list",
    "tuple[Attribute, ...]": "list",
    "tuple[Column, ...]": "list",
    "tuple[Table, ...]": "list",
    "tuple[Migration, ...]": "list",
    "tuple[Step, ...]": "list",
    "dict[str, Rendering]": "mapping of event types",
    "dict[str, str]": "mapping of text to text",
    "ManifestLimits": "mapping",
    "Attributes": "mapping",
    "Schema": "mapping",
    "Any": "a value of the type",
}
"""How the guide says the types of the manifest's classes."""


@attrs.frozen
class Block:
    """A fenced block of a document, and the paragraph before it."""

    language: str
    text: str
    lead: str


@attrs.frozen
class Example:
    """A plugin that the guide prints whole: its files, what players type and see, and what the log says then."""

    name: str
    files: dict[str, str]
    steps: list[tuple[str, str, str]]
    log: str


def read_blocks(document: str) -> list[Block]:
    """All fenced blocks, in order."""
    blocks, end = [], 0
    for match in _FENCE.finditer(document):
        blocks.append(Block(match[1], match[2], document[end : match.start()].strip().rpartition("\n\n")[2]))
        end = match.end()
    return blocks


def read_examples(document: str) -> Iterator[Example]:
    """Each begins with a paragraph that names its files. As many blocks hold them; then text and log say what happens."""
    blocks = read_blocks(document)
    for start, block in enumerate(blocks):
        named = _PLUGIN_FILE.findall(block.lead)
        if not named:
            continue
        end = start + len(named)
        (name,) = {plugin for plugin, _ in named}
        files = {file: shown.text for (_, file), shown in zip(named, blocks[start:end], strict=True)}
        happens = []
        for after in blocks[end:]:
            if after.language == "sh":  # run by a test of its own
                continue
            if after.language not in ("text", "log"):
                break
            happens.append(after)
        transcript = "".join(each.text for each in happens if each.language == "text")
        steps = []
        for line in transcript.splitlines():
            step = _STEP.fullmatch(line)
            assert step is not None, f"neither typed nor seen: {line}"
            steps.append((step[1], step[2], step[3]))
        yield Example(name, files, steps, "".join(each.text for each in happens if each.language == "log"))


def read_table(document: str, heading: str) -> list[dict[str, str]]:
    """The rows of the first table after a heading, by column."""
    _, found, section = document.partition(f"\n{heading}\n")
    assert found, f"there is no heading {heading}"
    section = section.partition("\n#")[0]
    rows = [
        [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
        for line in section[section.index("\n|") + 1 :].partition("\n\n")[0].splitlines()
    ]
    columns, _, *cells = rows
    return [dict(zip(columns, row, strict=True)) for row in cells]


def parameters(function: ast.FunctionDef) -> list[str]:
    """The names of a function's parameters, with ``**`` before the one that takes all keywords."""
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return [*names, f"**{function.args.kwarg.arg}"] if function.args.kwarg else names


def settings(values: Any) -> dict[str, Any]:
    """Every setting below an attrs instance, by its path. A rate is one setting."""
    found: dict[str, Any] = {}
    for field in attrs.fields(type(values)):
        value = getattr(values, field.name)
        if attrs.has(type(value)) and not isinstance(value, Rate):
            found |= {f"{field.name}.{path}": below for path, below in settings(value).items()}
        else:
            found[field.name] = value
    return found


EXAMPLES = list(read_examples(GUIDE))
PDK = {
    function.name: parameters(function)
    for function in ast.parse((ROOT / "pdk" / "python" / "holomush_pdk" / "__init__.py").read_text(encoding="utf-8")).body
    if isinstance(function, ast.FunctionDef) and not function.name.startswith("_")
}
"""The functions of holomush_pdk and their parameters."""
SETTINGS = settings(Config())


def test_every_manifest_of_the_guide_is_one_of_a_plugin_that_is_run() -> None:
    run = {text for example in EXAMPLES for text in example.files.values()}
    (transcripts,) = [block.text for block in read_blocks(TESTING) if block.language == "yaml"]
    assert [b.text for b in read_blocks(GUIDE) if b.language == "yaml" and b.text not in (*run, transcripts)] == []
    for example in EXAMPLES:
        assert example.steps
        assert "plugin.yaml" in example.files
        assert len(example.files.keys() & {"plugin.py", "plugin.js"}) == 1


def test_every_block_of_the_guide_is_of_a_kind_that_is_run() -> None:
    languages = {block.language for block in read_blocks(GUIDE)}
    assert languages == {"yaml", "python", "js", "go", "rust", "ts", "sh", "text", "log"}
    run = {text for example in EXAMPLES for text in example.files.values()}
    assert [block.text for block in read_blocks(GUIDE) if block.language == "js" and block.text not in run] == []
    testing = read_blocks(TESTING)
    assert [b.text for b in read_blocks(GUIDE) if b.language == "python" and b.text not in run and b not in testing] == []


@pytest.mark.parametrize("block", [b for b in read_blocks(GUIDE) if b.language in ("go", "rust", "ts")], ids=lambda b: b.language)
def test_what_has_to_be_compiled_is_an_example_that_the_tests_compile(block: Block) -> None:
    (path,) = _PATH.findall(block.lead)
    assert path.startswith("pdk/")
    assert "/examples/echo/" in path
    assert block.text == (ROOT / path).read_text(encoding="utf-8")


def test_the_commands_of_the_guide_work(tmp_path: Path) -> None:
    (greeter,) = [example for example in EXAMPLES if example.name == "greeter"]
    told = []
    for block in (block for block in read_blocks(GUIDE) if block.language == "sh"):
        for line in block.text.splitlines():
            python, *arguments = shlex.split(line)
            assert python == "python"
            done = subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, ""), line
            told.append(done.stdout)
        for file, text in greeter.files.items():
            (tmp_path / "plugins" / "greeter" / file).write_text(text, encoding="utf-8")
    made, echo, greets, checked, built = told
    assert "Made plugins/greeter." in made
    assert echo.endswith("3 tests, 0 failed\n")
    assert greets == "ok: greets everybody, or somebody\n1 test, 0 failed\n"
    assert "It would be loaded" in checked
    assert built.startswith("built plugins/greeter/greeter.wasm: ")


def test_the_tests_of_the_guide_pass(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pdk" / "python" / "examples" / "echo", tmp_path / "echo")
    assert CliRunner().invoke(main, ["plugin", "build", str(tmp_path / "echo"), "-o", str(tmp_path / "echo.wasm")]).exit_code == 0
    tests = [block.text for block in read_blocks(TESTING) if block.language == "python"]
    (tmp_path / "test_guide.py").write_text("\n".join(tests), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "test_guide.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_the_transcripts_of_the_guide_pass(tmp_path: Path) -> None:
    names: dict[str, str] = {}
    _, weather = (block.text for block in read_blocks(TESTING) if block.language == "python")
    exec(weather, names)
    (transcripts,) = [block.text for block in read_blocks(TESTING) if block.language == "yaml"]
    for file, text in {"plugin.py": names["PLUGIN"], "plugin.yaml": names["MANIFEST"], "tests.yaml": transcripts}.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    outcomes = run_transcripts(tmp_path)
    assert [str(outcome) for outcome in outcomes] == ["ok: a forecast", "ok: the server is slow"]


@pytest.mark.parametrize("block", [block for block in read_blocks(GUIDE) if block.language == "python"], ids=lambda b: b.text[:40])
def test_python_in_the_guide_is_python(block: Block) -> None:
    compile(block.text, "docs/plugins.md", "exec")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
async def test_a_plugin_of_the_guide_does_what_it_says(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture, example: Example
) -> None:
    folder = tmp_path / "plugins" / example.name
    folder.mkdir(parents=True)
    for file, text in example.files.items():
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(text, encoding="utf-8")
    manifest = read_manifest(folder)
    granted = PluginsConfig(grants={manifest.name: manifest.capabilities})  # as an operator does who has looked at it
    async with running_server(data, runtime, folder.parent, plugins=granted) as server:
        assert [record.getMessage() for record in caplog.records] == []  # loaded without a complaint
        players: dict[str, Player] = {}
        for name in sorted({who for who, _, _ in example.steps}):
            newcomer = await server.create(name)
            for player in players.values():
                assert await player.read_until("\n") == f"{name} has connected.\n"
            players[name] = newcomer
        for who, does, text in example.steps:
            if does == "types":
                await players[who].type(text)
            else:
                assert await players[who].read_until("\n") == f"{text}\n"
        for player in players.values():
            assert await player.do("") == ""  # and nothing more
    assert example.log in "".join(f"{r.levelname} {r.name}: {r.getMessage()}\n" for r in caplog.records)
    assert bool(example.log) == any(record.levelno >= logging.WARNING for record in caplog.records)


async def test_programs_are_told_of_the_package_of_the_guide(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    (example,) = [example for example in EXAMPLES if example.name == "vitals"]
    path = write_plugin(tmp_path / "plugins", "vitals", "", example.files["plugin.py"])
    (path / "plugin.yaml").write_text(example.files["plugin.yaml"], encoding="utf-8")
    (promised,) = re.findall(r"`(Char\.Vitals \{.*?\})`", GUIDE)
    async with running_server(data, runtime, path.parent) as server:
        alice, bob = await server.create("Alice"), await server.create("Bob")
        await alice.read_until("Bob has connected.\n")
        for player in (alice, bob):
            await player.send(b"\xff\xfd\xc9")  # DO GMCP
        await alice.type("exercise")
        await alice.read_bytes_until(b"You are out of breath.\r\n")
        await alice.read_bytes_until(b"\xff\xfa\xc9" + promised.encode() + b"\xff\xf0")
        assert "Vitals" not in await bob.do("")


@pytest.mark.parametrize(
    ("heading", "cls"),
    [
        ("### The whole file", Manifest),
        ("### Each of `commands`", Command),
        ("### Each of `subscribes`", Subscription),
        ("### Each of `renders`", Rendering),
        ("### In `limits`", ManifestLimits),
        ("### In `schema`", Schema),
        ("### In `schema.attributes`", Attributes),
        ("### Each attribute", Attribute),
        ("### Each of `schema.tables`", Table),
        ("### Each of a table's `columns`", Column),
        ("### Each of `migrations`", Migration),
    ],
)
def test_the_guide_names_every_key_of_the_manifest(heading: str, cls: type[attrs.AttrsInstance]) -> None:
    rows = [(row["key"], row["type"], row["default"]) for row in read_table(GUIDE, heading)]
    # attrs' own types are texts or classes, depending on whether a manifest has been read yet.
    types = inspect.get_annotations(cls)
    assert rows == [(f"`{field.name}`", _TYPES[types[field.name]], _default(field)) for field in attrs.fields(cls)]


def _default(field: attrs.Attribute[object]) -> str:
    match field.default:
        case attrs.NOTHING:
            return "required"
        case bool() as flag:
            return f"`{str(flag).lower()}`"
        case int() | str() as value if value:
            return f"`{value}`"
        case _:
            return "none"


def test_the_guide_names_every_step_and_its_keys() -> None:
    rows = [(row["step"], row["its keys"]) for row in read_table(GUIDE, "### Each of `steps`")]
    steps = {name: typing.get_args(optional)[0] for name, optional in typing.get_type_hints(Step).items()}
    assert rows == [(f"`{name}`", _quoted([field.name for field in attrs.fields(step)])) for name, step in steps.items()]


def test_the_guide_names_every_type_and_what_it_can_become() -> None:
    assert [row["type"] for row in read_table(GUIDE, "### Types")] == [f"`{name}`" for name in TYPES]
    _, _, section = GUIDE.partition("\nOnly what loses nothing is converted:\n")
    rows = read_table(f"\n# Conversions\n{section}", "# Conversions")
    said = {(row["from"].strip("`"), end.strip("`")) for row in rows for end in row["to"].split(", ")}
    assert said == {(start, end) for start in TYPES for end in TYPES if convertible(start, end)}


def test_the_guide_names_every_host_function() -> None:
    rows = read_table(GUIDE, "## Host functions")
    assert list(rows[0]) == ["function", "parameters", "capability", "what it does"]
    assert [(row["function"], row["parameters"], row["capability"]) for row in rows] == [_host_function(f) for f in HOST_FUNCTIONS]


def _host_function(function: HostFunction) -> tuple[str, str, str]:
    return (
        f"`{function.name}`",
        _quoted(function.parameters) or "none",
        f"`{function.capability}`" if function.capability else "none",
    )


def _quoted(names: typing.Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


@pytest.mark.parametrize("row", read_table(GUIDE, "## Host functions"), ids=lambda row: row["function"])
def test_the_python_of_a_host_function_is_that_of_the_pdk(row: dict[str, str]) -> None:
    call = _PDK_CALL.match(row["what it does"])
    assert call is not None
    assert call[1] == row["function"].strip("`").removeprefix("holomush_")
    assert [name for name in call[2].split(", ") if name] == PDK[call[1]]


def test_the_readme_of_the_pdk_names_every_function() -> None:
    assert [name for name in PDK if f"`{name}`" not in PDK_README] == []


def test_the_guide_names_every_error_code() -> None:
    assert [row["code"] for row in read_table(GUIDE, "### The envelope and its errors")] == [f"`{code}`" for code in CODES]


def test_the_guide_names_every_limit_of_the_operator_and_its_default() -> None:
    rows = {row["setting of the operator"].strip("`"): row["how much"] for row in read_table(GUIDE, "## Limits")}
    rows.pop("")  # what the operator cannot set
    others = ("plugins.folders", "plugins.grants", "plugins.http.local_hosts")
    limits = {path: value for path, value in SETTINGS.items() if path.startswith("plugins.") and path not in others}
    assert rows.keys() == limits.keys()
    for path, value in limits.items():
        said = {float(number.replace(",", "")) * _UNITS[unit] for number, unit in _AMOUNT.findall(rows[path])}
        unit = _UNITS["MiB"] if path.endswith("_mb") else 1
        assert said == ({value.per_second, value.burst} if isinstance(value, Rate) else {value * unit}), path


def test_the_readme_names_every_setting_and_its_default(tmp_path: Path) -> None:
    (shown,) = [block.text for block in read_blocks(README) if block.language == "yaml"]
    path = tmp_path / "config.yaml"
    path.write_text(shown, encoding="utf-8")
    assert load_config(path) == Config()
    assert set(_paths(yaml.safe_load(shown))) == SETTINGS.keys()


def _paths(value: dict[str, Any]) -> Iterator[str]:
    for key, below in value.items():
        if isinstance(below, dict) and below and below.keys() != {field.name for field in attrs.fields(Rate)}:
            yield from (f"{key}.{path}" for path in _paths(below))
        else:
            yield key


def test_the_readme_names_every_command_and_option() -> None:
    said = set(re.findall(r"`([^`\n]+)`", README)) | set(README.split())
    assert [words for words in _commands(main, "") if f"python -m holomush {words}" not in README] == []
    assert [option for option in _options(main) if option not in said] == []


def _commands(group: click.Group, before: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, f"{name} ")
        elif before:  # "serve" may be left out
            yield f"{before}{name}"


def _options(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield parameter.opts[0]
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        yield from _options(below)


def test_the_guide_names_every_capability() -> None:
    assert [row["capability"].strip("`") for row in read_table(GUIDE, "### Capabilities")] == list(KNOWN)


_WRONG = {
    "`handlr:` in the first command": "commands: [{name: greet, pattern: greet, handlr: handle_greet}]",
    "no `version`": "name: greeter",
    "no such function": "commands: [{name: greet, pattern: greet, handler: handle_greet}]",
    "`capabilities: [read:location]`": "capabilities: [read:location]",
    "`schema:` and no `db:migrate`": "schema: {attributes: {character: [{name: health, type: integer}]}}",
    "a table without a key": "schema: {tables: [{name: fights, columns: [{name: damage, type: integer}]}]}",
    "`depends: [economy >= 1.2]`, and no such plugin": "depends: [economy >= 1.2]",
    "`after: [echo]` and `before: [echo]`": "after: [echo]\nbefore: [echo]",
    "`migrations` above the plugin's version": "migrations: [{version: 2.0.0}]",
    "`capabilities: [kv:read, write:objects]`, not approved of": "capabilities: [kv:read, write:objects]",
    "an exception on import": "",
}
"""For each row of the guide's table of mistakes, a manifest (without name and version, but for one) that makes it."""


@pytest.mark.parametrize("row", read_table(GUIDE, "## When something goes wrong"), ids=lambda row: row["what was wrong"])
async def test_the_log_says_what_was_wrong(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture, row: dict[str, str]
) -> None:
    manifest = _WRONG[row["what was wrong"]]
    source = "" if manifest else "1 / 0\n"
    path = write_plugin(tmp_path / "plugins", "greeter", manifest, source)
    if manifest.startswith("name:"):
        (path / "plugin.yaml").write_text(manifest)
    async with running_server(data, runtime, path.parent):
        pass
    said = [r.getMessage() for r in caplog.records if r.getMessage().startswith("plugin greeter ")]
    expected = row["the log says"]
    shown = expected.strip("`").split("...")[0] if expected.startswith("`") else "ZeroDivisionError: division by zero"
    assert any(shown in line for line in said)


def test_the_hazards_are_all_answered() -> None:
    rows = read_table(ARCHITECTURE, "## Extism hazards and what is done about each")
    assert [row["no."] for row in rows] == [str(number) for number in range(1, 14)]
    assert all(row["what the code does"] for row in rows)


@pytest.mark.parametrize("name", ["net", "plugins"])
def test_every_module_of_a_large_room_is_in_its_description(name: str) -> None:
    room = ROOT / "holomush" / name
    said = {
        ("" if row["folder"] == "itself" else row["folder"].strip("`"), module)
        for row in read_table(ARCHITECTURE, f"### Inside `holomush/{name}/`")
        for module in row["modules"].replace("`", "").split(", ")
    }
    modules = {(path.parent.name if path.parent != room else "", path.stem) for path in room.rglob("*.py")}
    assert said == {(folder, module) for folder, module in modules if module != "__init__"}


def test_the_guide_to_websockets_names_every_subprotocol() -> None:
    rows = [re.findall(r"`([^`]+)`", row["subprotocol"]) for row in read_table(f"\n{WEBSOCKET}", "# Playing over a websocket")]
    assert [name for names in rows for name in names] == list(clients.SUBPROTOCOLS)


def test_the_guide_to_websockets_names_every_message() -> None:
    source = inspect.getsource(clients)
    sent = set(re.findall(r"""_say\(\s*"(\w+)"|"type": "(\w+)\"""", source))
    assert {row["type"].strip("`") for row in read_table(WEBSOCKET, "### The server says")} == {a or b for a, b in sent}
    assert {row["type"].strip("`") for row in read_table(WEBSOCKET, "### The client says")} == set(requests._READERS)


async def test_the_guide_to_websockets_names_every_key(data: Path, runtime: SourceRuntime) -> None:
    """Of all messages of a play; what is only there at times (``spans``, ``replayed``) is said, too."""
    said = {
        row["type"].strip("`"): set(re.findall(r"`(\w+)`", re.sub(r"\{.*?\}", "", row["keys"])))
        for row in read_table(WEBSOCKET, "### The server says")
    }
    async with running_server(data, runtime) as server, websockets(server) as web:
        socket = await web.dial()
        await socket.say("connect", name="Nobody", password="password")
        await socket.say("line", text="connect Nobody")
        await socket.until("prompt", secret=True)
        await socket.line("password")
        await socket.say("create", name="Alice", password="password")
        playing = await socket.until("playing")
        await socket.do("say [red]hello[/]")
        await socket.say("dance")
        await socket.till_quiet()
        bob = await server.create("Bob")
        await socket.until("event")
        again = await web.dial()
        await again.until("hello")
        await again.say("resume", token=playing["token"], after=0)
        await again.until("replay_end")
        await again.line("QUIT")
        await again.to_end()
        await bob.hang_up()
        seen = [*socket.seen, *again.seen]
    optional = {"spans", "replayed"}
    assert {message["type"] for message in seen} == said.keys()
    for message in seen:
        keys = message.keys() - {"type"}
        assert said[message["type"]] - optional <= keys <= said[message["type"]], message


def test_the_guide_to_websockets_names_every_goodbye() -> None:
    rows = read_table(WEBSOCKET, "### Coming back")
    assert {row["`reason` of a `goodbye`"].strip("`") for row in rows} == {farewell.value for farewell in Farewell}


# trio-websocket 0.12 leaves the socket of a client that was hung up on to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_the_client_of_the_guide_greets_and_comes_back(data: Path, runtime: SourceRuntime) -> None:
    (code,) = [block.text for block in read_blocks(WEBSOCKET) if block.language == "python"]
    names: dict[str, Any] = {"__name__": "greeter"}
    exec(compile(code, "docs/websocket.md", "exec"), names)
    names["PAUSE"] = 0
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    url = f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}/ws"
    async with running_server(data, runtime, web_listeners=listeners) as server:
        game = server.running.game
        alice, greeter = await server.create("Alice"), await server.create("Greeter")
        await greeter.type("QUIT")
        await greeter.read_to_end()
        await alice.read_until("Greeter has disconnected.\n")
        with trio.fail_after(PATIENCE):
            async with trio.open_nursery() as nursery:
                player = names["Greeter"]("Greeter", "password")
                nursery.start_soon(names["play"], url, player)
                await alice.read_until("Greeter has connected.\n")
                await server.create("Bob")
                await alice.read_until('Greeter says, "Welcome, Bob!"\n')
                [lost] = [one for one in server.running.connections if one.kind == "websocket"]
                lost.close(Farewell.GONE)
                await alice.read_until("Greeter has disconnected.\n")
                await alice.read_until("Greeter has connected.\n")
                await server.create("Carol")
                await alice.read_until('Greeter says, "Welcome, Carol!"\n')
                assert dict(game.logins.read())["accepted"] == 5  # who comes back does not log in
                [here] = [one for one in server.running.connections if one.kind == "websocket"]
                here.close(Farewell.BOOTED)  # and it does not come again
    gc.collect()  # as long as the warning is overlooked


DOCUMENTS = pytest.mark.parametrize(
    "document", [GUIDE, ARCHITECTURE, WEBSOCKET, README, PDK_README], ids=["plugins", "architecture", "websocket", "README", "PDK"]
)


@DOCUMENTS
def test_tables_have_as_many_cells_in_every_row(document: str) -> None:
    prose = _FENCE.sub("", document)
    for table in re.findall(r"(?:^\|.*\|$\n)+", prose, re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1, table
    assert re.findall(r"^\|.*[^|\n]$", prose, re.MULTILINE) == []


def test_links_in_the_guide_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", GUIDE), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert [link for link in re.findall(r"\]\(#([^)]*)\)", GUIDE) if link not in anchors] == []


def test_links_between_the_documents_lead_somewhere() -> None:
    for name, document in (("docs/plugins.md", GUIDE), ("docs/architecture.md", ARCHITECTURE), ("docs/websocket.md", WEBSOCKET)):
        for link, anchor in re.findall(r"\]\(([\w.]+\.md)(?:#([\w-]+))?\)", document):
            target = ROOT / "docs" / link
            assert target.is_file(), (name, link)
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in {"", *anchors}, (name, link, anchor)
    for link in re.findall(r"\]\(([^):#]+)\)", README):
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("document", [GUIDE, ARCHITECTURE], ids=["plugins.md", "architecture.md"])
def test_files_that_the_documents_name_are_there(document: str) -> None:
    named = set(_PATH.findall(document))
    assert named
    # Made by the build, or by a server that runs.
    made = {"holomush/runtimes/python.wasm", "holomush/runtimes/javascript.wasm", "data/holomush.db"}
    assert [path for path in sorted(named - made) if not (ROOT / path).exists()] == []
