"""Self-contained modules of source plugins: made from the real runtimes, and run in plain Extism and in the server's host."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import extism
import pytest
import wasmtime
from extism.extism import CompiledPlugin
from hypothesis import given, settings
from hypothesis import strategies as st
from plugins.rooms import make_call, open_rig

from holomush import bundled
from holomush.authoring.standalone import (
    MANIFEST_SECTION,
    MAX_MANIFEST,
    MAX_SECTIONS,
    MAX_SOURCE,
    host_functions_for,
    manifest_of,
    standalone,
)
from holomush.authoring.toolchain import BuildError
from holomush.plugins.functions.table import HOST_FUNCTIONS, NAMESPACE
from holomush.plugins.guests.binary import WasmError, write_number, write_text
from holomush.plugins.guests.compile_cache import default_folders, use_compile_cache
from holomush.plugins.guests.foreign import ForeignGuest, ForeignProgram, prepare
from holomush.plugins.guests.guard import KERNEL
from holomush.plugins.guests.guest import GuestFailedError, SourceRuntime
from holomush.plugins.guests.wasm import Module, Signature, parse
from holomush.plugins.reply import Reply
from holomush.plugins.roster.capabilities import CapabilitySet

PAGES = 1024
CODE = Signature((), ("i32",))
MANIFEST = """\
name: everyday
version: 1.0.0
description: Größe 🎲
capabilities: ["emit:*"]
commands:
  - {name: greet, pattern: greet <name>, handler: greet}
"""
EVENT = {
    "id": "01H",
    "stream": "location:square",
    "type": "say",
    "timestamp": 7,
    "actor_kind": "character",
    "actor_id": "alice",
    "actor_name": "Alice",
    "payload": {"message": "grüß 🎲"},
}
ECHO = {"stream": "location:square", "type": "say", "payload": {"message": "Echo: grüß 🎲"}}
BIG = 900_000
"""Characters of source in the big plugin."""
TIMEOUT_MS = 60_000

# Functions that the manifest of every plugin here names.
EVERYDAY = ("handle_event", "greet", "count", "nothing", "broken", "denied", "chatter", "grab")
MODEST = ("init", "recall", "size", "hog")


@attrs.frozen(kw_only=True)
class Language:
    """What the tests need to know of a language: its runtime, and the same plugins written in it."""

    name: str
    runtime: Path
    everyday: Mapping[str, str]
    """Several modules, and folders of them; exports ``EVERYDAY``, and has a function ``hidden``. ``grab`` says whether it could
    have ``size`` bytes of memory in one piece."""
    broken_at: tuple[str, ...]
    """What the error of ``broken`` says: file, line and message."""
    modest: Mapping[str, str]
    """Needs nothing of the server; exports ``MODEST``. ``init`` remembers a word, and ``recall`` gives it back and prints it;
    ``size`` gives the length of a text in the source, which is ``BIG``; ``hog`` takes memory until there is none and gives how many
    MiB that was. While it is loaded it fails if its setting ``mood`` is ``failing``, and never ends if that is ``endless``."""
    failing_at: tuple[str, ...]
    """What the error of that failure says."""


_EVERYDAY = """\
from holomush_pdk import HostError, emit_event, kv_get, log
from rooms.names import greeting
import helpers

calls = 0

def handle_event(event):
    if event.type != "say" or event.actor_kind == "plugin":
        return
    emit_event(event.stream, "say", {"message": "Echo: " + event.payload["message"]})

def greet(invocation):
    return greeting(invocation.args.name)

def count(invocation):
    global calls
    calls += 1
    return str(calls)

def nothing(invocation):
    pass

def broken(invocation):
    helpers.fail()

def denied(invocation):
    try:
        kv_get("key")
    except HostError as error:
        return [error.code, error.message]

def chatter(invocation):
    print("first")
    print()
    log("careful", "WARN")
    log("worse", "error")
    log("detail", "debug")

def grab(invocation):
    try:
        return "yes" if bytearray(int(invocation.args.size)) else "nothing"
    except MemoryError:
        return "no"

def hidden(invocation):
    return "nobody can call this"
"""

_MODEST = f"""\
import helpers

TEXT = "{"ä" * BIG}"
word = ""

def init():
    global word
    word = "ready"

def recall(invocation):
    print("asked")
    return word

def size(invocation):
    return str(len(TEXT))

def hog(invocation):
    kept = []
    try:
        while True:
            kept.append(bytearray(700_000))
    except MemoryError:
        count = len(kept)
        kept.clear()
        return str(count * 700_000 // 2**20)
"""

_MOODY = """\
from holomush_pdk import config
if config("mood") == "failing":
    raise LookupError("not today")
endless = config("mood") == "endless"
while endless:
    pass
"""

PYTHON = Language(
    name="python",
    runtime=bundled.RUNTIMES["python"],
    everyday={
        "plugin": _EVERYDAY,
        "helpers": "\n\ndef fail():\n    raise ValueError('it is broken: ü')\n",
        "rooms.__init__": "HELLO = 'Grüß Gott'\n",
        "rooms.names": "from rooms import HELLO\n\ndef greeting(name):\n    return f'{HELLO}, {name} 🎲'\n",
    },
    broken_at=('File "helpers.py", line 4, in fail', "ValueError: it is broken: ü"),
    modest={"plugin": _MODEST, "helpers": _MOODY},
    failing_at=('File "plugin.py", line 1', 'File "helpers.py", line 3', "LookupError: not today"),
)

_EVERYDAY_JS = """\
import { HostError, emitEvent, kvGet, log } from "holomush-pdk";
import { greeting } from "./rooms/names.js";
import * as helpers from "./helpers.js";

let calls = 0;

export function handle_event(event) {
  if (event.type !== "say" || event.actor_kind === "plugin") return;
  emitEvent({ stream: event.stream, type: "say", payload: { message: "Echo: " + event.payload.message } });
}

export const greet = ({ args }) => greeting(args.name);
export const count = () => String(++calls);
export function nothing() {}
export const broken = () => helpers.fail();

export function denied() {
  try {
    kvGet("key");
  } catch (error) {
    if (error instanceof HostError) return [error.code, error.message];
  }
}

export function chatter() {
  console.log("first");
  console.log();
  log("careful", "WARN");
  log("worse", "error");
  log("detail", "debug");
}

export function grab({ args }) {
  try {
    return new Uint8Array(Number(args.size)).length > 0 ? "yes" : "nothing";
  } catch {
    return "no";
  }
}

export const hidden = () => "nobody can call this";
"""

_MODEST_JS = f"""\
import "./helpers.js";

const TEXT = "{"ä" * BIG}";
let word = "";

export function init() {{
  word = "ready";
}}

export function recall() {{
  console.log("asked");
  return word;
}}

export const size = () => String(TEXT.length);

export function hog() {{
  const kept = [];
  try {{
    for (;;) kept.push(new Uint8Array(700_000));
  }} catch {{
    const count = kept.length;
    kept.length = 0;
    return String(Math.floor((count * 700_000) / 2 ** 20));
  }}
}}
"""

_MOODY_JS = """\
import { config } from "holomush-pdk";
if (config("mood") === "failing") throw new RangeError("not today");
const endless = config("mood") === "endless";
while (endless);
"""

JAVASCRIPT = Language(
    name="javascript",
    runtime=bundled.RUNTIMES["javascript"],
    everyday={
        "plugin": _EVERYDAY_JS,
        "helpers": "\n\nexport function fail() {\n  throw new Error('it is broken: ü');\n}\n",
        "rooms/hello": "export const HELLO = 'Grüß Gott';\n",
        "rooms/names": "import { HELLO } from './hello.js';\nexport const greeting = (name) => `${HELLO}, ${name} 🎲`;\n",
    },
    broken_at=("    at fail (helpers.js:4:13)\n    at broken (plugin.js:", "Error: it is broken: ü"),
    modest={"plugin": _MODEST_JS, "helpers": _MOODY_JS},
    failing_at=("(helpers.js:2:", "RangeError: not today"),
)

LANGUAGES = (PYTHON, JAVASCRIPT)


class Making:
    """Makes and compiles modules, each once: compiling takes seconds."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.runtime = language.runtime.read_bytes()
        self._made: dict[str, bytes] = {}
        self._compiled: dict[tuple[bytes, int], CompiledPlugin] = {}
        self.emitted: list[dict[str, Any]] = []
        # Extism holds them by reference only.
        self.functions = [self._emit_event()]

    def make(self, modules: Mapping[str, str], functions: Iterable[str], capabilities: Iterable[str] = ()) -> bytes:
        return standalone(
            self.runtime,
            name="everyday",
            modules=modules,
            functions=functions,
            host_functions=host_functions_for(CapabilitySet.parse(capabilities)),
            manifest=MANIFEST,
        )

    def everyday(self) -> bytes:
        if "everyday" not in self._made:
            self._made["everyday"] = self.make(self.language.everyday, EVERYDAY, ["emit:*"])
        return self._made["everyday"]

    def modest(self) -> bytes:
        if "modest" not in self._made:
            self._made["modest"] = self.make(self.language.modest, MODEST)
        return self._made["modest"]

    def instance(self) -> extism.Plugin:
        """The everyday plugin in an Extism host that has nothing of the server but ``holomush_emit_event``."""
        return extism.Plugin(self._compile(self.everyday(), TIMEOUT_MS, self.functions))

    def modest_instance(self, mood: str = "", timeout_ms: int = TIMEOUT_MS) -> extism.Plugin:
        """The modest plugin in an Extism host that has nothing of the server."""
        return extism.Plugin(self._compile(self.modest(), timeout_ms, []), config={"mood": mood}, functions=[])

    def _compile(self, wasm: bytes, timeout_ms: int, functions: list[Any]) -> CompiledPlugin:
        key = (wasm, timeout_ms)
        if key not in self._compiled:
            manifest = {"wasm": [{"data": wasm}], "timeout_ms": timeout_ms}
            self._compiled[key] = CompiledPlugin(manifest, wasi=True, functions=functions)
        return self._compiled[key]

    def _emit_event(self) -> Any:
        signature = ([extism.ValType.I64], [extism.ValType.I64])

        @extism.host_fn(name="holomush_emit_event", namespace=NAMESPACE, signature=signature)  # type: ignore[untyped-decorator]
        def emit_event(current: Any, params: list[Any], results: list[Any], *_: object) -> None:
            self.emitted.append(json.loads(current.input_string(params[0])))
            current.return_string(results[0], '{"ok": true, "value": null}')

        return emit_event


@pytest.fixture(scope="module", params=LANGUAGES, ids=lambda language: language.name)
def shared_making(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Making:
    use_compile_cache(default_folders(os.environ, tmp_path_factory.mktemp("data")))
    return Making(request.param)


@pytest.fixture
def making(shared_making: Making) -> Making:
    shared_making.emitted.clear()
    return shared_making


def ask(plugin: extism.Plugin, function: str, args: Mapping[str, str] | None = None) -> Any:
    """A command's answer, decoded; None for no output."""
    invocation = {"command": function, "handler": function, "args": dict(args or {}), "raw": function, "timestamp": 1}
    answer = bytes(plugin.call(function, json.dumps(invocation)))
    return json.loads(answer) if answer else None


def error_of(plugin: extism.Plugin, function: str) -> str:
    with pytest.raises(extism.Error) as caught:
        ask(plugin, function)
    return str(caught.value)


# ---- In any Extism host ----------------------------------------------------------------------------------------------


def test_an_event_is_echoed(making: Making) -> None:
    plugin = making.instance()
    assert bytes(plugin.call("handle_event", json.dumps(EVENT))) == b""
    assert making.emitted == [ECHO]
    assert bytes(plugin.call("handle_event", json.dumps({**EVENT, "type": "pose"}))) == b""
    assert bytes(plugin.call("handle_event", json.dumps({**EVENT, "actor_kind": "plugin"}))) == b""
    assert making.emitted == [ECHO]


def test_modules_and_packages_and_unicode(making: Making) -> None:
    assert ask(making.instance(), "greet", {"name": "Jürgen 漢"}) == {"output": "Grüß Gott, Jürgen 漢 🎲"}


def test_instances_keep_their_own_state_from_call_to_call(making: Making) -> None:
    one, other = making.instance(), making.instance()
    answers = [ask(plugin, "count") for plugin in (one, one, other, one)]
    assert answers == [{"output": number} for number in ("1", "2", "1", "3")]


def test_no_output(making: Making) -> None:
    assert ask(making.instance(), "nothing") is None


def test_an_error_names_file_and_line_and_leaves_the_instance_whole(making: Making) -> None:
    plugin = making.instance()
    text = error_of(plugin, "broken")
    assert [part for part in making.language.broken_at if part not in text] == []
    assert error_of(plugin, "broken") == text
    assert ask(plugin, "count") == {"output": "1"}


def test_only_the_functions_asked_for_are_exported(making: Making) -> None:
    plugin = making.instance()
    assert [name for name in (*EVERYDAY, "hidden") if plugin.function_exists(name)] == list(EVERYDAY)
    exports = {export.name for export in parse(making.everyday()).exports}
    assert exports == {"memory", *EVERYDAY}


def test_a_function_beyond_the_capabilities_is_refused_by_the_module_itself(making: Making) -> None:
    assert ask(making.instance(), "denied") == {
        "output": [
            "capability_denied",
            "this module was built without holomush_kv_get: add its capability to capabilities in plugin.yaml and build it again",
        ]
    }


def test_what_is_logged_does_no_harm_where_nobody_reads_it(making: Making) -> None:
    assert ask(making.instance(), "chatter") is None


def test_a_host_without_any_function_of_the_server_runs_a_plugin_that_needs_none(making: Making) -> None:
    plugin = making.modest_instance()
    assert ask(plugin, "recall") == {"output": ""}
    assert bytes(plugin.call("init", "")) == b""
    assert ask(plugin, "recall") == {"output": "ready"}


def test_a_host_that_has_more_than_is_needed_is_no_hindrance(making: Making) -> None:
    manifest = {"wasm": [{"data": making.modest()}]}
    plugin = extism.Plugin(manifest, wasi=True, functions=making.functions)
    assert ask(plugin, "recall") == {"output": ""}


def test_what_fails_while_it_is_loaded_fails_in_every_call(making: Making) -> None:
    plugin = making.modest_instance("failing")
    text = error_of(plugin, "recall")
    assert [part for part in making.language.failing_at if part not in text] == []
    assert [error_of(plugin, "recall"), error_of(plugin, "size")] == [text, text]
    assert error_of(making.modest_instance("failing"), "size") == text
    assert ask(making.modest_instance(), "size") == {"output": str(BIG)}


def test_what_was_stopped_while_it_was_loaded_says_so_in_later_calls(making: Making) -> None:
    plugin = making.modest_instance("endless", timeout_ms=1000)
    assert error_of(plugin, "recall") == "timeout"
    assert error_of(plugin, "recall") == "the plugin was stopped while it was being loaded"


def test_much_source_and_all_of_the_memory(making: Making) -> None:
    plugin = making.modest_instance()
    assert ask(plugin, "size") == {"output": str(BIG)}
    taken = [int(ask(plugin, "hog")["output"]) for _ in range(3)]
    assert min(taken) >= 16
    # Nothing is lost for good when there is none left.
    assert taken[1] == taken[2]
    assert ask(plugin, "size") == {"output": str(BIG)}


def test_a_piece_of_memory_that_just_does_not_fit_is_refused_and_nothing_is_lost(making: Making) -> None:
    # malloc cannot make its first heap larger, because the source lies behind it. It takes what seems missing, sees that this is
    # not enough by itself, and has to give it back when there is no more.
    def grab(plugin: extism.Plugin, size: int) -> str:
        return str(ask(plugin, "grab", {"size": str(size)})["output"])

    fits, too_much = 16 * 2**20, 64 * 2**20
    while too_much - fits > 16_384:
        size = (fits + too_much) // 2
        if grab(making.instance(), size) == "yes":
            fits = size
        else:
            too_much = size
    for step in range(24):
        plugin = making.instance()
        assert grab(plugin, too_much + step * 16_384) == "no"
        assert grab(plugin, fits - 2**20) == "yes"


# ---- In the server ---------------------------------------------------------------------------------------------------


def foreign(wasm: bytes) -> ForeignGuest:
    return ForeignProgram(prepare(wasm), PAGES).instantiate({}, patient=False)


def test_the_server_runs_it_as_a_module_of_a_stranger(making: Making, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "holomush.plugin.tester")
    guest = foreign(making.everyday())
    call = make_call("emit:*", "kv:read")
    assert guest.load("everyday", {}, call) == set(EVERYDAY)
    assert guest.call("handle_event", json.dumps({**EVENT, "stream": "location:square"}).encode(), call) == b""
    (event,) = call.attempt.transaction.events
    assert {"stream": event.stream, "type": event.type, "payload": event.payload} == ECHO
    assert guest.call("nothing", b"{}", call) == b""
    assert guest.call("chatter", b"{}", call) == b""
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "first"),
        ("WARNING", "careful"),
        ("ERROR", "worse"),
        ("DEBUG", "detail"),
    ]
    with pytest.raises(GuestFailedError) as caught:
        guest.call("broken", b"{}", call)
    assert [part for part in making.language.broken_at if part not in caught.value.report] == []


async def test_the_server_loads_it_from_a_folder(making: Making, tmp_path: Path) -> None:
    folder = tmp_path / "everyday"
    folder.mkdir()
    wasm = making.everyday()
    (folder / "plugin.wasm").write_bytes(wasm)
    (folder / "plugin.yaml").write_text(manifest_of(wasm) or "")
    async with open_rig(tmp_path, SourceRuntime(bundled.RUNTIMES)) as rig:
        plugin = await rig.load_folder(folder)
        assert plugin.functions == set(EVERYDAY)
        assert await rig.call("greet", {"name": "Bob"}, name="everyday") == Reply("Grüß Gott, Bob 🎲")


# ---- What is made ----------------------------------------------------------------------------------------------------


HELP = {"list_commands", "list_topics", "read_topic"}


def user_imports(wasm: bytes) -> set[str]:
    return {wanted.name for wanted in parse(wasm).imports if wanted.module == NAMESPACE}


@pytest.mark.parametrize(
    ("capabilities", "functions"),
    [
        ([], set()),
        (["emit:location:*"], {"emit_event"}),
        (["emit:*", "kv:read"], {"emit_event", "kv_get", "kv_list"}),
        (["read:objects"], {"query_object", "find"}),
        (["read:commands"], HELP),
        (["read:*"], {"query_location", "query_exit", "query_object", "query_character", "find"} | HELP),
        (["http:get:api.example.com"], {"http_get"}),
        (["http:*"], {"http_get", "http_post"}),
        (["http:post:*", "server:stats"], {"http_post", "server_stats"}),
        (["*"], {function.name.removeprefix("holomush_") for function in HOST_FUNCTIONS} - {"log"}),
    ],
)
def test_only_what_the_capabilities_reach_is_imported(making: Making, capabilities: list[str], functions: set[str]) -> None:
    wanted = {f"holomush_{name}" for name in functions}
    assert host_functions_for(CapabilitySet.parse(capabilities)) == wanted
    made = making.make(making.language.everyday, EVERYDAY, capabilities)
    assert user_imports(made) == wanted
    # Had the code a direct call to an import that is replaced, it would not be valid any more.
    wasmtime.Module.validate(wasmtime.Engine(), made)


def test_the_log_of_the_server_can_be_kept(making: Making) -> None:
    made = standalone(making.runtime, name="x", modules={}, functions=["f"], host_functions=["holomush_log"], manifest="")
    assert user_imports(made) == {"holomush_log"}


def test_the_manifest_is_in_it(making: Making) -> None:
    assert manifest_of(making.everyday()) == MANIFEST
    assert manifest_of(making.runtime) is None


def test_the_same_input_gives_the_same_bytes(making: Making) -> None:
    first, second = (making.make(making.language.everyday, EVERYDAY, ["kv:read", "emit:*"]) for _ in range(2))
    assert first == second


def sections(module: Module) -> dict[int, bytes]:
    return {number: body for number, body in module.sections if number}


CHANGED = {1, 2, 3, 5, 7, 10, 11, 12}


def check(runtime: bytes, made: bytes, names: list[str]) -> None:
    """That a module is valid and sound, and that it is the runtime but for what has to differ."""
    wasmtime.Module.validate(wasmtime.Engine(), made)
    old, new = parse(runtime), parse(made)
    assert [number for number, _ in new.sections] == [*(number for number, _ in old.sections), 0]
    before, after = sections(old), sections(new)
    assert {number for number in before if before[number] != after[number]} <= CHANGED
    for number in (1, 3, 10, 11):  # vectors with more at their end; their counts are at most five bytes long
        assert before[number][5:] in after[number][: len(before[number]) + 5]
    assert [export.name for export in new.exports] == [e.name for e in old.exports if not e.name.startswith("hm_")] + names
    assert set(names) <= new.exported(CODE)
    assert [str(wanted) for wanted in new.imports if wanted.module != NAMESPACE] == [
        str(wanted) if wanted.module != NAMESPACE else f"{KERNEL}.load_u8"
        for wanted in old.imports
        if wanted.module != NAMESPACE or str(wanted) not in {str(kept) for kept in new.imports}
    ]
    assert prepare(made).functions >= set(names)


NAMES = st.lists(st.from_regex(r"f_[a-zA-Z0-9_$é]{0,40}", fullmatch=True), unique=True, max_size=6)


def sources_up_to(size: int) -> st.SearchStrategy[dict[str, str]]:
    """Modules of any text, or of much."""
    much = st.integers(0, size).map(lambda count: "x = 1 # " + "ö" * count)
    return st.dictionaries(st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8})?", fullmatch=True), st.text(max_size=300) | much, max_size=3)


@settings(max_examples=8, deadline=None)
@given(sources=sources_up_to(300_000), names=NAMES)
def test_a_runtime_keeps_all_that_need_not_change(shared_making: Making, sources: dict[str, str], names: list[str]) -> None:
    made = shared_making.make(sources, names, ["kv:read"])
    check(shared_making.runtime, made, names)


# A runtime of a few lines, which answers with its arguments: the rest of the tests need nothing of an interpreter.
TINY = bytes(
    wasmtime.wat2wasm(
        """
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/user" "holomush_kv_get" (func $kv_get (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/user" "holomush_kv_set" (func $kv_set (param i64 i64) (result i64)))
  (import "extism:host/user" "holomush_log" (func $log (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (memory (export "memory") 1 100)
  (table 3 funcref)
  (elem (i32.const 0) $kv_get $kv_set $log)
  (data (i32.const 16) "what was there")
  (data $passive "makes a section that counts the segments")
  (func (export "hm_load") (result i32) (data.drop $passive) (i32.const 0))
  (func (export "hm_call") (result i32) (i32.const 0))
  (func (export "hm_serve") (param $name i32) (param $long i32) (param $source i32) (param $size i32) (result i32)
    (local $out i64) (local $at i32)
    (local.set $out (call $alloc (i64.extend_i32_u (i32.add (local.get $long) (local.get $size)))))
    (call $copy (local.get $out) (local.get $name) (local.get $long))
    (call $copy (i64.add (local.get $out) (i64.extend_i32_u (local.get $long))) (local.get $source) (local.get $size))
    (call $output_set (local.get $out) (i64.extend_i32_u (i32.add (local.get $long) (local.get $size))))
    (i32.const 0))
  (func $copy (param $to i64) (param $from i32) (param $size i32) (local $at i32)
    (loop $next
      (call $store_u8 (i64.add (local.get $to) (i64.extend_i32_u (local.get $at)))
        (i32.load8_u (i32.add (local.get $from) (local.get $at))))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $size))))))
"""
    )
)


def tiny(
    modules: Mapping[str, str] | None = None, functions: Iterable[str] = ("f",), host: Iterable[str] = (), manifest: str = ""
) -> bytes:
    modules = {"plugin": ""} if modules is None else modules
    return standalone(TINY, name="p", modules=modules, functions=functions, host_functions=frozenset(host), manifest=manifest)


@settings(max_examples=60, deadline=None)
@given(
    sources=sources_up_to(12_000),  # as much as an answer may hold, and pages enough
    names=NAMES,
    host=st.sets(st.sampled_from(["holomush_kv_get", "holomush_kv_set"])),
    manifest=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_every_export_gives_its_name_and_the_source(
    sources: dict[str, str], names: list[str], host: set[str], manifest: str
) -> None:
    made = tiny(sources, names, host, manifest)
    check(TINY, made, names)
    assert user_imports(made) == host
    assert manifest_of(made) == manifest
    guest = foreign(made)
    for name in names:
        answer = guest.call(name, b"", make_call()).decode()
        assert answer.startswith(name)
        assert json.loads(answer.removeprefix(name)) == {"plugin": "p", "modules": sources, "functions": sorted(host)}


def test_a_segment_counter_counts_the_new_segment() -> None:
    assert (sections(parse(TINY))[12], sections(parse(tiny()))[12]) == (b"\2", b"\3")


def test_a_name_is_exported_once() -> None:
    assert [export.name for export in parse(tiny(functions=["b", "a", "b"])).exports] == ["memory", "b", "a"]


def test_memory_grows_by_what_the_source_needs() -> None:
    begin, page = 65536, 65536
    empty = len(json.dumps({"plugin": "p", "modules": {"plugin": ""}, "functions": []})) + len("f")
    exact = tiny({"plugin": "x" * (page - empty)})
    more = tiny({"plugin": "x" * (page - empty + 1)})
    assert [module.memory.least for module in (parse(exact), parse(more)) if module.memory] == [2, 3]
    assert begin == page


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: tiny(functions=["memory"]),
            "the function 'memory' cannot be exported: every module has that name for itself; give it another",
        ),
        (
            lambda: tiny(functions=["_start"]),
            "the function '_start' cannot be exported: every module has that name for itself; give it another",
        ),
        (
            lambda: tiny(functions=["holomush:x"]),
            "the function 'holomush:x' cannot be exported: every module has that name for itself; give it another",
        ),
        (lambda: tiny(functions=[""]), "the function '' cannot be exported: a name is 1 to 255 bytes of printable text"),
        (lambda: tiny(functions=["a\0b"]), r"the function 'a\x00b' cannot be exported: a name is 1 to 255 bytes of printable text"),
        (
            lambda: tiny(functions=["é" * 128]),
            f"the function '{'é' * 80}' cannot be exported: a name is 1 to 255 bytes of printable text",
        ),
        (lambda: tiny(host=["holomush_fly"]), "the runtime does not know holomush_fly: run scripts/build-runtimes"),
        (lambda: tiny(manifest="x" * (MAX_MANIFEST + 1)), "the manifest has 1048577 bytes: it may have 1048576"),
        (
            lambda: tiny({"plugin": "x" * MAX_SOURCE}),
            "its source has 8388667 bytes as JSON: it may have 8388608",
        ),
        (
            lambda: tiny({"plugin": "x" * 7_000_000}),
            "its source has 7000059 bytes as JSON: the runtime has room for 6488064",
        ),
        (
            lambda: standalone(b"\0asm", name="p", modules={}, functions=[], host_functions=[], manifest=""),
            "the runtime is no WebAssembly module: it does not begin with \\0asm and version 1: run scripts/build-runtimes",
        ),
        (
            lambda: standalone(
                bytes(wasmtime.wat2wasm("(module (memory 1))")),
                name="p",
                modules={},
                functions=[],
                host_functions=[],
                manifest="",
            ),
            "the runtime exports no hm_serve: run scripts/build-runtimes",
        ),
    ],
)
def test_what_cannot_be_made_is_one_clear_line(make: Callable[[], bytes], message: str) -> None:
    with pytest.raises(BuildError) as caught:
        make()
    assert str(caught.value) == message


# ---- Manifests in modules of strangers -------------------------------------------------------------------------------

HEADER = b"\0asm\1\0\0\0"


def custom(name: str, content: bytes) -> bytes:
    body = write_text(name) + content
    return b"\0" + write_number(len(body)) + body


def test_a_module_without_a_manifest() -> None:
    assert manifest_of(HEADER) is None
    assert manifest_of(HEADER + custom("name", b"") + custom(MANIFEST_SECTION + "2", b"x")) is None


@pytest.mark.parametrize(
    ("wasm", "message"),
    [
        (b"", "is no WebAssembly module: it does not begin with \\0asm and version 1"),
        (b"\0asm\x0d\0\1\0", "is no WebAssembly module: it does not begin with \\0asm and version 1"),
        (HEADER + b"\0", "is no valid WebAssembly: it ends too early"),
        (HEADER + b"\0\xff\xff\xff\xff\x0f", "is no valid WebAssembly: it ends too early"),
        (HEADER + b"\0\xff\xff\xff\xff\xff", "is no valid WebAssembly: a number has more than 32 bits"),
        (HEADER + 2 * custom(MANIFEST_SECTION, b"x"), "has 2 sections holomush:manifest: it may have one"),
        (HEADER + custom(MANIFEST_SECTION, b"\xff"), "has a manifest that is not UTF-8"),
        (
            HEADER + custom(MANIFEST_SECTION, b"x" * (MAX_MANIFEST + 1)),
            "has a manifest of 1048577 bytes: it may have 1048576",
        ),
        (HEADER + b"\0\0" * (MAX_SECTIONS + 1), "has more than 1000 sections"),
        (HEADER + bytes(32 * 1024 * 1024), "has 33554440 bytes: a module may have 33554432"),
    ],
    ids=range(10),
)
def test_a_module_that_is_none_or_whose_manifest_is_not_sound(wasm: bytes, message: str) -> None:
    with pytest.raises(WasmError) as caught:
        manifest_of(wasm)
    assert str(caught.value) == message


def test_as_many_sections_as_there_may_be() -> None:
    assert manifest_of(HEADER + b"\0\0" * (MAX_SECTIONS - 1) + custom(MANIFEST_SECTION, b"m")) == "m"


def checked_manifest(wasm: bytes) -> str | None:
    """The manifest, if that can be said; any error but the one that there may be ends the test."""
    try:
        return manifest_of(wasm)
    except WasmError:
        return None


@given(garbage=st.binary(max_size=200), begin=st.sampled_from([b"", HEADER, HEADER + custom(MANIFEST_SECTION, b"m")]))
def test_garbage_gives_nothing_else_than_what_was_there(garbage: bytes, begin: bytes) -> None:
    assert checked_manifest(begin + garbage) in {None, "m"}


@given(at=st.integers(0, 2000), byte=st.integers(0, 255))
def test_a_wrong_byte_does_no_harm(at: int, byte: int) -> None:
    made = bytearray(tiny(manifest="name: x\n"))
    made[at % (len(made) - len("name: x\n"))] = byte
    assert checked_manifest(bytes(made)) in {None, "name: x\n"}
