"""Plugins in AssemblyScript: built from the example with the real compiler, run in the real host, and failing as authors fail."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from plugins.rooms import Rig, open_rig
from support.toolchains import require

from holomush.authoring.languages.assemblyscript import AssemblyScript
from holomush.authoring.toolchain import BuildError, Language, ToolchainMissing
from holomush.events.event import EmittedEvent
from holomush.plugins.functions.table import NAMESPACE
from holomush.plugins.guests.foreign import prepare
from holomush.plugins.guests.guard import KERNEL
from holomush.plugins.guests.guest import GuestError, GuestFailedError, GuestTrappedError, SourceRuntime
from holomush.plugins.guests.wasm import parse
from holomush.plugins.reply import NOTHING, Reply, encode_input

ROOT = Path(__file__).parents[2]
PDK = ROOT / "pdk" / "assemblyscript"
ECHO = PDK / "examples" / "echo"

EVENT = {
    "id": "01H",
    "stream": "location:square",
    "type": "say",
    "timestamp": 7,
    "actor_kind": "character",
    "actor_id": "alice",
    "actor_name": "Alice",
    "payload": {"message": 'grüß 🎲 "\\'},
}

TRIAL = """\
import { JSON } from "json-as";
import {
  HostError, Invocation, Record, Response, config, kvGet, kvSet, kvSetBytes, log, queryCharacter, queryLocation,
} from "holomush-pdk-as";

@json
class Score {
  points: i64 = 9007199254740993;
  by: string = "Ann";
}

class Base { constructor(readonly n: i32) {} }
class Derived extends Base {
  constructor() {
    super(1);
    if (this.n > 0)
      throw new Error("built badly");
  }
}

function say(line: string): i32 {
  return new Response().say(line).send();
}

export function thrown(): i32 {
  throw new Error("it went wrong");
}
export function asserted(): i32 {
  assert(config("greeting") == "Bye", "it is broken");
  return 0;
}
export function ranged(): i32 {
  const words = ["one"];
  const index = words.length + 4;
  return say(words[index]);
}
export function null_cast(): i32 {
  return say(kvGet("nothing")!.toString());
}
export function missing(): i32 {
  return say(Invocation.fromInput().args.read<string>("nobody"));
}
export function refused(): i32 {
  log("before");
  return say(queryLocation("nowhere").name);
}
export function caught(): i32 {
  const error = HostError.catchNext();
  const place = queryLocation("nowhere");
  return say(`${error.refused} ${error.code} ${error.message} ${place.size}`);
}
export function again(): i32 {
  const first = HostError.catchNext();
  const alice = queryCharacter("alice");
  assert(!first.refused && alice.name == "Alice" && alice.objects[0].name == "hat");
  return say(queryLocation("nowhere").name);
}
export function deep(): i32 {
  return deeper(1);
}
function deeper(depth: i32): i32 {
  return deeper(depth + 1) + depth;
}
export function told(): i32 {
  console.log("from console");
  console.warn("careful");
  trace("numbers", 2, 1, 2.5);
  log("plain");
  log("bad", "error");
  for (let i = 0; i < 3000; i++) log("much", "debug");
  return 0;
}
export function random(): i32 {
  return say(Math.random().toString());
}
export function dice(): i32 {
  return say(new Derived().n.toString());
}
export function bytes(): i32 {
  const raw = new Uint8Array(3);
  raw[0] = 0xff;
  raw[1] = 7;
  kvSetBytes("raw", raw);
  kvSetBytes("text", Uint8Array.wrap(String.UTF8.encode("grüß")));
  kvSet("packed", '{"base64": 1}');
  const kept = kvGet("raw")!;
  const text = kvGet("text")!;
  return new Response()
    .say(`${kept.isText} ${kept.bytes}`)
    .say(`${text.isText} ${text}`)
    .say(kvGet("packed")!.toString())
    .say(kvGet("nothing") ? "something" : "nothing")
    .send();
}
export function whole(): i32 {
  return say(JSON.stringify(Invocation.fromInput().args));
}
export function numbers(): i32 {
  const args = Invocation.fromInput().args;
  const none = args.textOrNull("none");
  return say(`${args.integer("big")} ${args.number("half")} ${args.flag("yes")} ${none == null} ${args.text("half")}`);
}
export function scores(): i32 {
  const score = new Record().put("score", new Score()).read<Score>("score");
  return say(`${score.by} ${JSON.stringify(score)}`);
}
export function branches(): i32 {
  const words = new Array<string>();
  let last = "";
  if (words.length) last = words[1];
  else if (!words.length)
    last = words[2];
  return say(last);
}
"""


HANDLERS = re.findall(r"export function (\w+)", TRIAL)


def place(text: str) -> str:
    """Where the text is in the file that ``TRIAL`` becomes, as file, line and column."""
    before = TRIAL[: TRIAL.index(text)]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return f"assembly/trial.ts:{line}:{column}"


@pytest.fixture(scope="session")
def language() -> Language:
    """AssemblyScript, if it can be built here."""
    found = AssemblyScript()
    require(found)
    return found


@pytest.fixture(scope="session")
def author(language: Language, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An author's folder with the example in it, with the PDK beside the source as ``plugin new`` puts it."""
    folder = tmp_path_factory.mktemp("author") / "echo"
    without = shutil.ignore_patterns("node_modules", "examples", "plugin.wasm")
    shutil.copytree(ECHO, folder, ignore=without)
    shutil.copytree(PDK, folder / "pdk", ignore=without)
    for name in ("package.json", "package-lock.json"):
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace('"file:../.."', '"file:./pdk"').replace('"../.."', '"pdk"'))
    return folder


@pytest.fixture(scope="session")
def built(language: Language, author: Path) -> Path:
    """The folder of the echo plugin after a build, with many more functions from a second file of source."""
    (author / "assembly" / "trial.ts").write_text(TRIAL)
    with (author / "assembly" / "index.ts").open("a") as index:
        index.write('export * from "./trial";\n')
    manifest = author / "plugin.yaml"
    asked = "".join(f"  - {capability}\n" for capability in ("read:locations", "read:characters", "kv:*"))
    commands = "".join(f"  - {{name: {name}, pattern: {name}, handler: {name}}}\n" for name in HANDLERS)
    text = manifest.read_text().replace("capabilities:\n", f"capabilities:\n{asked}")
    manifest.write_text(f"{text}config: {{greeting: Hello}}\ncommands:\n{commands}")
    language.build(author, author / "plugin.wasm")
    return author


@attrs.frozen
class Stage:
    """The built plugin in a running host."""

    rig: Rig

    async def event(self, **changes: Any) -> list[EmittedEvent]:
        """What it emits on an event."""
        attempt = self.rig.host.begin("echo")
        data = encode_input({**EVENT, **changes})
        await self.rig.host.call("echo", "handle_event", data, attempt, event_type="say", event_stream="location:square")
        return list(attempt.transaction.events)

    async def command(self, name: str, **args: Any) -> Reply:
        """What a command of it answers."""
        return await self.rig.call(name, args, name="echo")

    async def failing(self, name: str, **args: Any) -> GuestError:
        """The error that a command of it ends in."""
        with pytest.raises(GuestError) as caught:
            await self.command(name, **args)
        return caught.value

    async def report(self, name: str) -> str:
        """What its author reads of an error of a command."""
        error = await self.failing(name)
        assert isinstance(error, GuestFailedError)
        return error.report


@pytest.fixture
async def stage(built: Path, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_rig(tmp_path / "rig", SourceRuntime({})) as rig:
        await rig.load_folder(built)
        yield Stage(rig)


# ---- The toolchain ---------------------------------------------------------------------------------------------------


Fake = Callable[[str, str], None]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Puts a program that prints a text onto a PATH where nothing else is but a shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(name: str, text: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\nprintf '%s\\n' '{text}'\n")
        (folder / name).chmod(0o755)

    return make


def test_the_version_of_the_toolchain(fake: Fake) -> None:
    fake("node", "v18.20.4")
    fake("npm", 'npm warn Unknown user config "nodedir"\n9.2.0')
    assert AssemblyScript().check() == "node 18.20.4, npm 9.2.0"


def test_without_node(fake: Fake) -> None:
    fake("npm", "9.2.0")
    with pytest.raises(ToolchainMissing) as caught:
        AssemblyScript().check()
    how = "install Node.js 18 or newer with npm (on Debian: apt-get install nodejs npm)"
    assert str(caught.value) == f"AssemblyScript: there is no node on PATH: {how}"


def test_without_npm(fake: Fake) -> None:
    fake("node", "v20.1.0")
    with pytest.raises(ToolchainMissing, match=r"^AssemblyScript: there is no npm on PATH: install Node.js 18 or newer"):
        AssemblyScript().check()


@pytest.mark.parametrize("version", ["v16.9.1", "v0.12.0", "surprise"])
def test_a_node_that_is_too_old(fake: Fake, version: str) -> None:
    fake("node", version)
    fake("npm", "8.0.0")
    with pytest.raises(ToolchainMissing) as caught:
        AssemblyScript().check()
    assert str(caught.value).startswith(f"AssemblyScript: Node.js {version.removeprefix('v')} is too old: install Node.js 18")


def test_installing_where_everything_is_there(fake: Fake) -> None:
    fake("node", "v18.20.4")
    fake("npm", "9.2.0")
    AssemblyScript().install()


def test_installing_where_there_is_no_package_manager(fake: Fake) -> None:
    fake("npm", "9.2.0")
    with pytest.raises(ToolchainMissing, match=r"; it can be fetched from here on Debian and as root only$"):
        AssemblyScript().install()


def test_a_build_without_the_toolchain(fake: Fake, tmp_path: Path) -> None:
    fake("npm", "9.2.0")
    with pytest.raises(ToolchainMissing):
        AssemblyScript().build(tmp_path, tmp_path / "plugin.wasm")


# ---- Building --------------------------------------------------------------------------------------------------------


def test_a_module_imports_only_what_plugins_have(built: Path) -> None:
    module = (built / "plugin.wasm").read_bytes()
    assert {wanted.module for wanted in parse(module).imports} == {KERNEL, NAMESPACE}
    assert prepare(module).functions == {"handle_event", *HANDLERS}


def test_a_build_leaves_only_its_result(built: Path) -> None:
    found = {path.name for path in built.iterdir()}
    assert found == {path.name for path in ECHO.iterdir()} - {"build"} | {"pdk", "node_modules", "plugin.wasm"}


@pytest.fixture
def spoil(built: Path) -> Iterator[Callable[[str], BuildError]]:
    """Builds the plugin with a line added to its source; it must fail and leave the module of the last build alone."""
    trial = built / "assembly" / "trial.ts"

    def build(line: str) -> BuildError:
        trial.write_text(f"{TRIAL}{line}\n")
        before = (built / "plugin.wasm").read_bytes()
        with pytest.raises(BuildError) as caught:
            AssemblyScript().build(built, built / "plugin.wasm")
        assert (built / "plugin.wasm").read_bytes() == before
        return caught.value

    yield build
    trial.write_text(TRIAL)


def test_errors_of_type(spoil: Callable[[str], BuildError]) -> None:
    error = spoil('export function extra(): i32 { nope(); return "text"; }')
    line = TRIAL.count("\n") + 1
    nope = f"assembly/trial.ts:{line}:32: TS2304: Cannot find name 'nope'."
    text = f"assembly/trial.ts:{line}:47: TS2322: Type '~lib/string/String' is not assignable to type 'i32'."
    assert str(error) == f"it does not compile: {nope}"
    shown = error.report.splitlines()
    assert [shown[0], *(told for told in shown if told.startswith("assembly"))] == [nope, nope, text]
    assert f' {line} │ export function extra(): i32 {{ nope(); return "text"; }}' in shown
    assert "\x1b" not in error.report


def test_an_error_of_syntax(spoil: Callable[[str], BuildError]) -> None:
    error = spoil("export function extra(): i32 { return 1 + ; }")
    line = TRIAL.count("\n") + 1
    assert str(error) == f"it does not compile: assembly/trial.ts:{line}:43: TS1109: Expression expected."


def test_an_error_that_has_no_place(spoil: Callable[[str], BuildError]) -> None:
    error = spoil("class Plain {}\n@json class Holder { held: Plain = new Plain(); }")
    assert "Plain is missing an @json" in str(error)
    assert "\n    at " not in error.report


def test_a_folder_without_its_lock_file(language: Language, tmp_path: Path) -> None:
    shutil.copytree(ECHO, tmp_path / "echo", ignore=shutil.ignore_patterns("node_modules", "package-lock.json"))
    with pytest.raises(BuildError, match=r"^package-lock.json is missing: run npm install in the plugin's folder, once"):
        language.build(tmp_path / "echo", tmp_path / "plugin.wasm")


def test_packages_that_do_not_fit_the_lock_file(language: Language, tmp_path: Path) -> None:
    # With the PDK that it names by path: some versions of npm look for that before anything else.
    shutil.copytree(PDK, tmp_path / "pdk", ignore=shutil.ignore_patterns("node_modules"))
    folder = tmp_path / "pdk" / "examples" / "echo"
    package = json.loads((folder / "package.json").read_text())
    package["dependencies"]["json-as"] = "1.5.0"
    (folder / "package.json").write_text(json.dumps(package))
    with pytest.raises(BuildError) as caught:
        language.build(folder, tmp_path / "plugin.wasm")
    assert str(caught.value) == "npm could not fetch the packages in package-lock.json"
    assert "json-as@1.5.0" in caught.value.report
    assert "npm" not in caught.value.report.split("json-as@1.5.0")[0].replace("`npm ci`", "").replace("`npm install`", "").split()
    assert "--" not in caught.value.report
    assert not (tmp_path / "plugin.wasm").exists()


def test_no_registry_is_named(language: Language) -> None:
    for path in (ECHO, ROOT / "tests" / "conformance" / "plugins" / "assemblyscript"):
        packages = json.loads((path / "package-lock.json").read_text())["packages"]
        assert all("resolved" not in package or package.get("link") for package in packages.values())


# ---- Running ---------------------------------------------------------------------------------------------------------


async def test_what_is_said_is_echoed(stage: Stage) -> None:
    emitted = await stage.event()
    assert [(event.stream, event.type, event.payload) for event in emitted] == [
        ("location:square", "say", {"message": 'Echo: grüß 🎲 "\\'}),
    ]


@pytest.mark.parametrize("changes", [{"type": "pose"}, {"actor_kind": "plugin"}])
async def test_what_is_not_echoed(stage: Stage, changes: dict[str, str]) -> None:
    assert await stage.event(**changes) == []


@pytest.mark.parametrize(
    ("command", "statement", "message"),
    [
        ("thrown", 'throw new Error("it went wrong")', "it went wrong"),
        ("asserted", "assert(config", "it is broken"),
        ("null_cast", 'kvGet("nothing")!', "Unexpected 'null' (not assigned or failed cast)"),
        ("dice", 'throw new Error("built badly")', "built badly"),
        ("missing", "return say(Invocation", 'there is no "nobody" here, only: '),
        ("refused", "return say(queryLocation", "not_found: there is no location with the id 'nowhere'"),
    ],
)
async def test_failures_in_the_authors_own_lines(stage: Stage, command: str, statement: str, message: str) -> None:
    assert await stage.report(command) == f"{place(statement)}: {message}"


@pytest.mark.parametrize(("command", "statement"), [("ranged", "return say(words[index])"), ("branches", "last = words[2]")])
async def test_failures_in_the_standard_library(stage: Stage, command: str, statement: str) -> None:
    assert (await stage.report(command)).startswith(f"{place(statement)}: Index out of range (~lib/array.ts:")


async def test_a_refusal_that_is_caught(stage: Stage) -> None:
    assert (await stage.command("caught")).output == "true not_found there is no location with the id 'nowhere' 0"


async def test_a_refusal_is_caught_once(stage: Stage) -> None:
    assert "not_found" in await stage.report("again")


async def test_endless_recursion_ends(stage: Stage) -> None:
    assert isinstance(await stage.failing("deep"), GuestTrappedError)
    assert len(await stage.event()) == 1


async def test_the_log(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert await stage.command("told") == NOTHING
    told = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "holomush.plugin.echo"]
    assert told[:6] == [
        ("INFO", "from console"),
        ("WARNING", "careful"),
        ("DEBUG", "numbers 1.0 2.5"),
        ("INFO", "plain"),
        ("ERROR", "bad"),
        ("DEBUG", "much"),
    ]


async def test_randomness(stage: Stage) -> None:
    drawn = (await stage.command("random", salt="a")).output
    assert drawn is not None
    assert 0 <= float(drawn) < 1


async def test_text_and_bytes(stage: Stage) -> None:
    assert (await stage.command("bytes")).output == "\n".join(["false 255,7,0", "true grüß", '{"base64": 1}', "nothing"])


async def test_values_stay_complete(stage: Stage) -> None:
    args = {"big": 9007199254740993, "deep": {"list": [1, {"a": '}"]'}, None, 1.5]}, "é\n": True, "none": None, "empty": {}}
    output = (await stage.command("whole", **args)).output
    assert output is not None
    assert json.loads(output) == args


async def test_reading_values(stage: Stage) -> None:
    output = (await stage.command("numbers", big=9007199254740993, half=0.5, yes=True, none=None)).output
    assert output == "9007199254740993 0.5 true true 0.5"


async def test_classes_of_the_author(stage: Stage) -> None:
    assert (await stage.command("scores")).output == 'Ann {"points":9007199254740993,"by":"Ann"}'
