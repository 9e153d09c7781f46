"""Plugins in JavaScript that mean harm: what they get, what the player reads, and that nothing comes of it.

What host functions refuse is the same for every language: see ``test_hostile``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from game.hostile import (
    EVERYTHING,
    FAILED,
    FOUNTAIN,
    GARDEN,
    GRANTED,
    MANIFEST,
    NONSENSE,
    SCHEMA,
    SHORT,
    SQUARE,
    TOO_LONG,
    TOO_MUCH_MEMORY,
    TOO_MUCH_OUTPUT,
    assert_harmless,
    assert_unknown,
    attacked_server,
    broken,
    everything,
    while_bob_talks,
)
from holomush.config import PluginsConfig
from holomush.plugins.guests.guest import SourceRuntime

PRELUDE = f"""
import * as pdk from "holomush-pdk";

const [SQUARE, GARDEN, FOUNTAIN] = ["{SQUARE}", "{GARDEN}", "{FOUNTAIN}"];

function refused(use) {{
  try {{
    return `done: ${{JSON.stringify(use()) ?? "nothing"}}`;
  }} catch (error) {{
    return error instanceof pdk.HostError ? `${{error.code}}: ${{error.message}}` : String(error);
  }}
}}

function doMuch(inv) {{
  pdk.emitEvent({{ stream: `location:${{inv.location.id}}`, type: "boast", payload: {{ boast: "I did it" }} }});
  pdk.moveCharacter(inv.actor.id, GARDEN);
  pdk.moveObject(FOUNTAIN, {{ character: inv.actor.id }});
  pdk.kvSet("done", "yes");
  pdk.setAttributes(inv.actor.id, {{ mood: "proud" }});
  pdk.tableInsert("notes", {{ text: "done" }});
}}

export const fine = () => "All is well.";
"""


def write_javascript(
    folder: Path,
    body: str,
    *,
    name: str = "hostile",
    manifest: str = MANIFEST + SCHEMA,
    more: str = "",
    capabilities: Sequence[str] = EVERYTHING,
) -> None:
    """A plugin whose command ``attack`` does ``body``; ``more`` is source before it."""
    path = folder / name
    path.mkdir(parents=True)
    (path / "plugin.yaml").write_text(f"name: {name}\nversion: 1.0.0\ncapabilities: {list(capabilities)}\n{manifest}")
    (path / "plugin.js").write_text(f"{PRELUDE}{more}\nexport function attack(inv) {{\n{body.strip()}\n}}\n")


# Guests that have to be stopped, or fail. Each has done much before.

HOARD = "const hoard = []; for (;;) hoard.push([]);"
FLOOD = "const r = new FinalizationRegistry(() => r.register({}, 1)); for (let i = 0; i < 30_000; i++) r.register({ i }, i);"
ENDLESS = {
    "a loop": "for (;;);",
    "a loop that catches everything": "for (;;) { try { for (;;); } catch {} }",
    "a finally that loops": "try { throw new Error(); } finally { for (;;); }",
    "a getter of the answer": "return { get output() { for (;;); } };",
    "toJSON of the answer": "return { toJSON() { for (;;); } };",
    "a proxy as the answer": "return new Proxy({}, { ownKeys() { for (;;); } });",
    "an answer with four billion empty lines": "return new Array(2 ** 32 - 1);",
    "toString": "return `${{ toString() { for (;;); } }}`;",
    "a job": "queueMicrotask(() => { for (;;); });",
    "jobs that queue jobs": "const next = () => queueMicrotask(next); next();",
    "promises without end": "const next = async () => { for (;;) await null; }; return next();",
    "an async generator": """
const all = async function* () { for (;;) yield 1; };
return (async () => { for await (const _ of all()); })();
""",
    "what comes after garbage": FLOOD,
    "a regular expression": "return String(/(a+)+$/.test('a'.repeat(64) + 'b'));",
    "a huge number": "let n = 3n; for (;;) { try { n *= n; } catch { n = 3n; } }",
    "an array of four billion, sorted": "new Array(2 ** 32 - 1).sort();",
    "an array of four billion, joined": "return new Array(2 ** 32 - 1).join('');",
    "an array of four billion, reversed": "new Array(2 ** 32 - 1).reverse();",
    "an import": "return import({ toString() { for (;;); } });",
    "an error's stack": "throw Object.defineProperty(new Error('no'), 'stack', { get() { for (;;); } });",
    "an error's text": "throw Object.assign(new Error('no'), { toString() { for (;;); } });",
    "a proxy that is thrown": "throw new Proxy({}, { getPrototypeOf() { for (;;); } });",
    "what errors are shown with": "Array.prototype.join = () => { for (;;); }; throw new Error('no');",
    "what answers are made with": "JSON.stringify = () => { for (;;); }; return 'x';",
    "what rejections are kept with": "Map.prototype.set = () => { for (;;); }; Promise.reject(1);",
    "a hook for stacks": "Error.prepareStackTrace = () => { for (;;); }; null.x;",
    "a million emits": """
for (;;) refused(() => pdk.emitEvent({ stream: `location:${SQUARE}`, type: "boast", payload: { boast: "again" } }));
""",
    "a million keys": "for (let n = 0; ; n++) refused(() => pdk.kvSet(`key${n}`, 'x'.repeat(100)));",
    "a million log lines": "for (;;) console.log('x'.repeat(100));",
    "a log line of a million lines": "for (;;) console.log('\\n'.repeat(1_000_000));",
}
THROWN = {
    "nothing": "throw undefined;",
    "null": "throw null;",
    "a symbol": "throw Symbol('no');",
    "an object that cannot be shown": "throw { get x() { throw 1; }, toString() { throw 2; } };",
    "an error without text": "throw Object.assign(new Error(), { stack: '', toString: () => '' });",
    "an error whose properties throw": """
const error = new AggregateError([]);
for (const name of ["stack", "cause", "errors", "name"]) Object.defineProperty(error, name, { get() { throw error; } });
throw error;
""",
    "an error of 10 MB": "throw new Error('x'.repeat(10_000_000));",
    "an error of five million lines": "throw new Error('x\\n'.repeat(5_000_000));",
    "100,000 causes": "let e = new Error(); for (let i = 0; i < 100_000; i++) e = new Error('no', { cause: e }); throw e;",
    "a cause that is always new": "class E extends Error { get cause() { return new E(); } } throw new E();",
    "a cause of itself": "const e = new Error('no'); e.cause = e; throw e;",
    "100,000 parts": "throw new AggregateError(Array(100_000).fill().map((_, n) => n));",
    "an error with a zero": "throw new Error('a\\0b');",
    "half a surrogate pair": "throw new Error('\\ud800');",
    # What Extism says of a guest that it has stopped, and what the server would call it again for, or pity it.
    **{
        f"the words {text!r}": f"throw Object.assign(new Error(), {{ stack: '', toString: () => {text!r} }});"
        for text in ("timeout", "timeout\0", "oom", "unable to reset plugin", "error while executing at wasm backtrace")
    },
    "words that boot.js is tricked into": "Array.prototype.join = () => 'timeout'; throw new Error('no');",
}
FAILING = {
    **{f"throws {name}": (body, FAILED) for name, body in THROWN.items()},
    "a promise that nothing settles": ("return new Promise(() => {});", FAILED),
    "an async function that waits for itself": ("const p = (async () => { await null; await p; })(); return p;", FAILED),
    "a rejection": ("return Promise.reject(new Error('no'));", FAILED),
    "a huge power": ("return String(2n ** (10n ** 9n));", FAILED),
    "a huge shift": ("return String(1n << (1n << 40n));", FAILED),
    "a text of a gigabyte": ("return 'x'.repeat(2 ** 30);", FAILED),
    "a text of half a gigabyte": ("return 'x'.repeat(2 ** 29);", TOO_MUCH_MEMORY),
    "texts of texts": ("let s = 'abc'; for (;;) s = s + s;", FAILED),
    "a buffer of 8 GiB": ("new Float64Array(2 ** 30);", FAILED),
    "too many arguments": ("Math.max.apply(null, { length: 2 ** 31 });", FAILED),
    "an array of four billion, filled": ("new Array(2 ** 32 - 1).fill(0);", TOO_MUCH_MEMORY),
    "a hoard of small things": (HOARD, TOO_MUCH_MEMORY),
    "a hoard of bytes": ("const hoard = []; for (;;) hoard.push(new Uint8Array(100_000));", TOO_MUCH_MEMORY),
    "a hoard of shared bytes": ("const hoard = []; for (;;) hoard.push(new SharedArrayBuffer(100_000));", TOO_MUCH_MEMORY),
    "a hoard of texts": ("let s = 'x'.repeat(10_000); const hoard = []; for (;;) hoard.push((s += 'y'));", TOO_MUCH_MEMORY),
    "a hoard of names": ("const hoard = {}; for (let n = 0; ; n++) hoard[`name${n}`] = n;", TOO_MUCH_MEMORY),
    "a hoard later": (f"return (async () => {{ await null; {HOARD} }})();", TOO_MUCH_MEMORY),
    "recursion": ("const f = (x) => f(x) + 1; f(1);", FAILED),
    "recursion that catches errors": (
        "const f = (n) => { try { return f(n + 1); } catch { throw new Error(String(n)); } }; f(0);",
        FAILED,
    ),
    "recursion in proxies": ("const p = new Proxy({}, { get: (t, k, r) => r[k] }); p.x;", FAILED),
    "recursion in jobs": ("const f = async () => { await f(); }; return f();", FAILED),
    "brackets without end": ("JSON.parse('['.repeat(100_000));", FAILED),
    "source without end": ("eval('['.repeat(100_000));", FAILED),
    "an answer nested deep": ("let x = []; for (let i = 0; i < 100_000; i++) x = [x]; return { output: x };", FAILED),
    "a copy nested deep": ("let x = []; for (let i = 0; i < 100_000; i++) x = [x]; structuredClone(x);", FAILED),
    "output of 300 KB": ("return 'x'.repeat(300_000);", TOO_MUCH_OUTPUT),
    "many lines": ("return Array(300_000).fill('x');", TOO_MUCH_OUTPUT),
    "output that is a circle": ("const o = {}; o.output = o; return o;", FAILED),
    "a number": ("return 42;", FAILED),
    "a big number": ("return { output: 42n };", FAILED),
    "a revoked proxy": ("const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy;", FAILED),
    "keys of its own": ("return { output: 'x', sql: 'DROP TABLE players' };", NONSENSE),
    "an answer of its own making": ("JSON.stringify = () => '{\"actor\": 1}'; return 'x';", NONSENSE),
    "an answer that is no JSON": ("JSON.stringify = () => 'x'; return 'x';", NONSENSE),
    "an answer nested deep, of its own making": ("JSON.stringify = () => '['.repeat(100_000); return 'x';", NONSENSE),
    "an answer that toJSON replaces": ("Object.prototype.toJSON = () => 5; return 'x';", NONSENSE),
    "an event with an actor of its own": (
        "return { events: [{ stream: `location:${SQUARE}`, type: 'say', payload: {}, actor_id: 'x' }] };",
        NONSENSE,
    ),
    "65 events": ("return { events: Array(65).fill({ stream: `location:${SQUARE}`, type: 'boast', payload: {} }) };", FAILED),
    "another module": ("return import('./nothing.js');", FAILED),
    "a module of the engine": ("return import('qjs:os');", FAILED),
    "a wait": ("Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0);", FAILED),
    "WebAssembly": ("new WebAssembly.Memory({ initial: 1 });", FAILED),
    "a change of the PDK": ("pdk.log = () => {};", FAILED),
    "the globals gone": ("for (const name of Reflect.ownKeys(globalThis)) delete globalThis[name]; throw 1;", FAILED),
    "the methods gone": (
        "for (const { prototype } of [Array, String, RegExp, Map, Object, Error, Promise])"
        " for (const name of Reflect.ownKeys(prototype)) delete prototype[name];\nnull.x;",
        FAILED,
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_what_does_not_end_is_stopped(data: Path, runtime: SourceRuntime, tmp_path: Path, name: str) -> None:
    write_javascript(tmp_path / "plugins", f"doMuch(inv);\n{ENDLESS[name]}")
    async with attacked_server(data, runtime, tmp_path / "plugins", SHORT) as (server, alice, bob):
        await assert_harmless(server, alice, bob, broken(TOO_LONG), is_long=True)


@pytest.mark.parametrize("name", FAILING)
async def test_what_fails_has_no_effect(data: Path, runtime: SourceRuntime, tmp_path: Path, name: str) -> None:
    body, told = FAILING[name]
    write_javascript(tmp_path / "plugins", f"doMuch(inv);\n{body}")
    async with attacked_server(data, runtime, tmp_path / "plugins") as (server, alice, bob):
        await assert_harmless(server, alice, bob, broken(told))


# What comes to an end, but should not get anywhere. Alice reads what the plugin has to say about it.

ODD = {
    "the server's functions with anything": (
        """
const server = globalThis[Symbol.for("holomush")];
const again = { toString() { server.holomush_query_location(SQUARE); return "info"; } };
const values = [undefined, null, 5, {}, again, new Proxy({}, {}), Symbol("x"), new Uint8Array(3), "", "x"];
let tried = 0;
for (const name of Object.keys(server)) {
  if (name.startsWith("holomush_")) continue;
  for (const one of values) for (const other of values) {
    tried++;
    try { server[name](one, other); } catch (error) { if (!(error instanceof TypeError)) throw error; }
  }
}
for (const value of values.slice(0, -2)) {
  tried++;
  try { server.holomush_query_location(value); tried = NaN; } catch (error) { if (!(error instanceof TypeError)) throw error; }
}
return String(tried);
""",
        "508",
    ),
    "more host calls than a call may make": (
        "let last; for (let i = 0; i < 300; i++) last = refused(() => pdk.queryLocation(SQUARE)); return last;",
        "rate_limited: one call may make 256 host calls",
    ),
    "an argument of 300 KB": (
        "return refused(() => pdk.kvSet('key', 'x'.repeat(300_000)));",
        "too_large: an argument may have 262144 bytes",
    ),
    "an argument of 10 MB": (
        "return refused(() => pdk.queryLocation('x'.repeat(10_000_000)));",
        "too_large: an argument may have 262144 bytes",
    ),
    "an argument of another kind": (
        "return refused(() => pdk.queryLocation({ toString: () => SQUARE }));",
        "TypeError: holomush_query_location takes texts, and argument 1 is none",
    ),
    "half a surrogate pair in a key": (
        "return refused(() => pdk.kvSet('', '\\ud800'));",
        "invalid_argument: a key must have 1 to 256 bytes, not 0",
    ),
    "bytes that are gone": (
        "const bytes = new Uint8Array(9); bytes.buffer.transfer(); return refused(() => pdk.kvSet('', bytes));",
        "TypeError: ArrayBuffer is detached or resized",
    ),
    "a promise of the plugin's own kind": (
        "Promise.prototype.then = () => { throw 1; }; return (async () => { await null; return 'x'; })();",
        "x",
    ),
    "a way through the global object": (
        """
const names = ["std", "os", "bjson", "print", "gc", "Atomics", "WebAssembly", "Worker", "process"];
return names.filter((name) => name in globalThis).join() || "none";
""",
        "none",
    ),
    "import.meta": ("return Object.keys(import.meta).join() || 'nothing';", "nothing"),
    "output with half a surrogate pair": ("return 'a\\ud800b';", "ab"),
    "output with what a terminal obeys": ("return 'a\\0b\\x1b[2Jc';", "ab[2Jc"),
    "a list from a proxy": ("return new Proxy(['x'], {});", "x"),
    "garbage in circles": (
        "for (let i = 0; i < 100_000; i++) { const o = { text: 'x' + i, f: () => o }; o.o = [o]; } return 'swept';",
        "swept",
    ),
}


@pytest.mark.parametrize("name", ODD)
async def test_what_leads_nowhere(data: Path, runtime: SourceRuntime, tmp_path: Path, name: str) -> None:
    body, told = ODD[name]
    write_javascript(tmp_path / "plugins", body)
    async with attacked_server(data, runtime, tmp_path / "plugins") as (server, alice, bob):
        await assert_harmless(server, alice, bob, f"{told}\n")


# Plugins that do it while they are loaded.

CHANGES = "it changes the world or emits events while it is being loaded"
UNSETTLED = "it raised an error: Error: plugin.js waits for a promise that nothing will ever settle"
UNAVAILABLE = "it raised an error: HostError: unavailable: "
LOADING = {
    "a loop": ("for (;;);", "it ran longer than 0.3 seconds"),
    "a loop that waits": ("for (;;) await null;", "it ran longer than 0.3 seconds"),
    "a loop in init": ("export function init() { for (;;); }", "it ran longer than 0.3 seconds"),
    "a loop in init that waits": ("export async function init() { for (;;) await null; }", "it ran longer than 0.3 seconds"),
    "a hoard": (HOARD, "it used more than 64 MiB of memory"),
    "a hoard in init": (f"export function init() {{ {HOARD} }}", "it used more than 64 MiB of memory"),
    "an error": ("throw new Error('no');", "it raised an error: Error: no"),
    "the word of an interruption": (
        "throw Object.assign(new Error(), { stack: '', toString: () => 'timeout' });",
        "it raised an error: Error: timeout",
    ),
    "recursion": ("const f = () => f() + 1; f();", "it raised an error: RangeError: Maximum call stack size exceeded"),
    "a wait for nothing": ("await new Promise(() => {});", UNSETTLED),
    "a circle of waiting": ("await import('./plugin.js');", UNSETTLED),
    "a change": ("pdk.kvSet('a', 'b');", CHANGES),
    "an event": ("pdk.emitEvent({ stream: 'global', type: 'boast' });", CHANGES),
    "an event later": ("queueMicrotask(() => pdk.emitEvent({ stream: 'global', type: 'boast' }));", CHANGES),
    "a shutdown in init": ("export function init() { pdk.serverShutdown('ha'); }", CHANGES),
    "a row": ("pdk.tableInsert('notes', { text: 'x' });", UNAVAILABLE + "tables cannot be used"),
    "a request": ("pdk.httpGet('https://example.com');", UNAVAILABLE + "no request can be made"),
    "a name that is not there": (
        "import { nothing } from 'holomush-pdk';",
        "it raised an error: SyntaxError: Could not find export",
    ),
    "brackets without end": ("[" * 10_000, "it raised an error: RangeError: Maximum call stack size exceeded"),
}


@pytest.mark.parametrize("name", LOADING)
async def test_a_plugin_that_cannot_be_loaded_is_left_out(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    more, reason = LOADING[name]
    write_javascript(tmp_path / "plugins", "", more=more)
    config = SHORT if "loop" in name else GRANTED
    async with attacked_server(data, runtime, tmp_path / "plugins", config) as (server, alice, _):
        [message] = [r.getMessage() for r in caplog.records if r.getMessage().startswith("plugin hostile is left out: ")]
        assert message.startswith(f"plugin hostile is left out: {reason}")
        await assert_unknown(alice, "attack")
        assert await server.running.game.store.fetch("SELECT * FROM kv") == []


# Plugins that replace, while they are loaded, what the list of their functions is made with.

FORGERIES = [
    "JSON.stringify = () => 'x';",
    "JSON.stringify = () => '{\"functions\": 5}';",
    "JSON.stringify = () => '['.repeat(100_000);",
    "JSON.stringify = () => { for (;;); };",
    "Object.prototype.toJSON = Array.prototype.toJSON = String.prototype.toJSON = () => 5;",
    "Object.keys = () => [5]; Array.prototype.filter = Array.prototype.map = () => { throw 1; };",
    "RegExp.prototype.exec = Function.prototype.toString = () => { throw 1; };",
    "Array.prototype[Symbol.iterator] = () => { throw 1; };",
    "Object.defineProperty(Array, Symbol.species, { value: Object });",
    "Function.prototype.call = Function.prototype.bind = Function.prototype.apply = () => 'ghost';",
    "Object.prototype.then = (resolve) => resolve('ghost');",
    "export function then(resolve) { resolve('ghost'); }",
]


@pytest.mark.parametrize("more", FORGERIES)
async def test_the_list_of_functions_cannot_be_forged(data: Path, runtime: SourceRuntime, tmp_path: Path, more: str) -> None:
    write_javascript(tmp_path / "plugins", "", more=more)
    async with attacked_server(data, runtime, tmp_path / "plugins", SHORT) as (server, alice, _):
        [functions] = [plugin.functions for plugin in server.running.host.plugins if plugin.name == "hostile"]
        assert functions - {"then"} == {"attack", "fine"}
        assert await alice.do("say here") == 'You say, "here"\n'


EXPORTS = """
export class Class {}
export function* generator() { for (;;) yield 1; }
export async function* later() {}
export const bound = (function () { return this; }).bind("bound");
export const proxy = new Proxy(() => "x", {});
export const classy = (classy) => classy;
export let changing = () => 1;
export const object = { get attack() { throw 1; } };
changing = 5;
"""


async def test_exports_of_every_kind(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    write_javascript(tmp_path / "plugins", "return 'done';", more=EXPORTS)
    async with attacked_server(data, runtime, tmp_path / "plugins") as (server, alice, bob):
        [functions] = [plugin.functions for plugin in server.running.host.plugins if plugin.name == "hostile"]
        assert functions == {"attack", "fine", "generator", "later", "bound", "proxy", "classy"}
        await assert_harmless(server, alice, bob, "done\n")


# Others who share the compiled module.

KEEPER = "commands: [{name: keep, pattern: keep, handler: attack}]\n"
VANDAL = """
Math.random = () => 4;
Date.now = () => 0;
JSON.stringify = JSON.parse = () => "mine";
Object.prototype.secret = Array.prototype.secret = "mine";
globalThis.secret = "mine";
globalThis[Symbol.for("holomush")].holomush_kv_get = () => ({ ok: true, value: "mine" });
throw new Error("done");
"""
PROBE = """
const random = [Math.random(), Math.random()];
const seen = [globalThis.secret, {}.secret, [].secret, pdk.kvGet("secret")];
seen.push(Date.now() > 1e12, random[0] !== random[1], JSON.parse("[1]")[0]);
return seen.map(String).join();
"""


async def test_nothing_reaches_the_neighbours(data: Path, runtime: SourceRuntime, tmp_path: Path) -> None:
    write_javascript(tmp_path / "plugins", VANDAL)
    write_javascript(tmp_path / "plugins", PROBE, name="keeper", manifest=KEEPER)
    config = PluginsConfig(grants={"hostile": EVERYTHING, "keeper": EVERYTHING})
    async with attacked_server(data, runtime, tmp_path / "plugins", config) as (server, alice, bob):
        clean = "undefined,undefined,undefined,null,true,true,1\n"
        assert await bob.do("keep") == clean
        await assert_harmless(server, alice, bob, broken(FAILED))
        assert await bob.do("keep") == clean


async def test_an_endless_loop_is_not_blamed_on_the_neighbours(
    data: Path, runtime: SourceRuntime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_javascript(tmp_path / "plugins", "for (;;);")
    write_javascript(tmp_path / "plugins", "return 'kept';", name="keeper", manifest=KEEPER)
    config = PluginsConfig(grants={"hostile": EVERYTHING, "keeper": EVERYTHING}, timeout=0.3)
    async with attacked_server(data, runtime, tmp_path / "plugins", config) as (server, alice, bob):
        before = await everything(server)
        for _ in range(3):
            assert (await while_bob_talks(bob, alice, "attack"))[0] == broken(TOO_LONG)
            assert await bob.do("keep") == "kept\n"
        assert await everything(server) == before
        blamed = {r.getMessage().split(",")[0] for r in caplog.records if r.getMessage().startswith("plugin ")}
        assert {name for name in blamed if "keeper" in name} == set()
