"""The JavaScript runtime and holomush-pdk, by running plugins on them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from extism import Plugin
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wasmtime import Engine, Module

from .conftest import JAVASCRIPT_RUNTIME, SILENCE, Guest, Host, Refusal, Runtime

EVENT = {
    "id": "01JD0000000000000000000000",
    "stream": "location:01JD0000000000000000000001",
    "type": "say",
    "timestamp": 1_700_000_000_123,
    "actor_kind": "character",
    "actor_id": "01JD0000000000000000000002",
    "actor_name": "Ada",
    "payload": {"message": "hello"},
}

ALIVE = "\nexport const alive = () => 'yes';\n"


@pytest.fixture(scope="session")
def shared_runtime() -> Runtime:
    return Runtime(JAVASCRIPT_RUNTIME)


@pytest.fixture
def runtime(shared_runtime: Runtime) -> Iterator[Runtime]:
    shared_runtime.host.reset()
    yield shared_runtime
    shared_runtime.host.reset()


def last_line(error: str) -> str:
    return error.rstrip().splitlines()[-1]


def js(value: object) -> str:
    return json.dumps(value)


# ---- Calls -----------------------------------------------------------------------------------------------------------


def test_a_handler_gets_its_input_decoded(runtime: Runtime) -> None:
    guest = runtime.load("export const handle_event = (event) => event;")

    assert guest.functions == ["handle_event"]
    assert guest.call("handle_event", EVENT) == EVENT


def test_init_gets_null(runtime: Runtime) -> None:
    guest = runtime.load("export const init = (x) => String(x);")

    assert guest.call("init") == {"output": "null"}


def test_module_state_lasts_from_call_to_call_and_is_the_instances_own(runtime: Runtime) -> None:
    source = "let n = 0; export const count = () => String(++n);"
    first, second = runtime.load(source), runtime.load(source)

    assert [first.call("count")["output"] for _ in range(3)] == ["1", "2", "3"]
    assert second.call("count") == {"output": "1"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("undefined", None),
        ("null", None),
        ("'text'", {"output": "text"}),
        ("''", {"output": ""}),
        ("['one', 'two']", {"output": ["one", "two"]}),
        ("[]", {"output": []}),
        ("({output: 'x', events: [], handled: false})", {"output": "x", "events": [], "handled": False}),
        ("Object.create(null)", {}),
        ("new (class { output = 'own' })()", {"output": "own"}),
        ("Promise.resolve('later')", {"output": "later"}),
        ("Promise.resolve(undefined)", None),
    ],
)
def test_what_a_handler_may_return(runtime: Runtime, expression: str, expected: object) -> None:
    guest = runtime.load(f"export const f = () => {expression};")

    assert guest.call("f") == expected


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("5", "5"),
        ("true", "true"),
        ("1n", "1n"),
        ("() => 1", "[function without a name]"),
        ("Symbol('s')", "Symbol(s)"),
        ("new Map()", "Map(0) {}"),
        ("new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("['a', 1]", "a list with something other than strings in it"),
    ],
)
def test_anything_else_is_refused(runtime: Runtime, expression: str, shown: str) -> None:
    guest = runtime.load(f"export const f = () => {expression};")

    forms = "a handler returns nothing, a string, a list of strings or an object {output, events, handled}"
    assert guest.error("f") == f"TypeError: f returned {shown}; {forms}"


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("({a: 1n})", "TypeError: BigInt are forbidden in JSON.stringify"),
        ("(() => { const o = {}; o.o = o; return o; })()", "TypeError: circular reference"),
    ],
)
def test_what_is_not_json_is_refused(runtime: Runtime, expression: str, reason: str) -> None:
    guest = runtime.load(f"export const f = () => {expression};")

    assert guest.error("f") == f"TypeError: what f returned cannot be sent as JSON: {reason}"


def test_functions_lists_what_can_be_called(runtime: Runtime) -> None:
    guest = runtime.load(
        "export { shared } from './helpers.js';\nexport const x = 1;\nexport class A {}\nfunction hidden() {}\n"
        "export function b() {}\nexport const a = () => 1;\nexport async function c() {}\n",
        helpers="export function shared() {}\n",
    )

    assert sorted(guest.functions) == ["a", "b", "c", "shared"]


@pytest.mark.parametrize(
    "forgery",
    [
        "JSON.stringify = () => 'nonsense';",
        "JSON.stringify = () => '{\"functions\": 5}';",
        "Object.prototype.toJSON = Array.prototype.toJSON = () => 5;",
        "Object.keys = () => ['ghost']; Array.prototype.filter = () => [[]];",
        "RegExp.prototype.exec = Function.prototype.toString = Function.prototype.call = () => { throw 1; };",
        "Object.defineProperty(Array, Symbol.species, { value: Object });",
    ],
)
def test_the_list_of_functions_is_true_whatever_a_plugin_makes_of_the_language(runtime: Runtime, forgery: str) -> None:
    guest = runtime.load(f"{forgery}\nexport const f = () => 1;\nexport class A {{}}\nexport const classy = classy => 1;")

    assert guest.functions == ["classy", "f"]


def test_a_function_that_is_not_there_is_an_error_without_consequences(runtime: Runtime) -> None:
    guest = runtime.load("export const x = 1;" + ALIVE)

    assert guest.error("g") == "ReferenceError: plugin.js exports no function 'g'"
    assert guest.error("x") == "ReferenceError: plugin.js exports no function 'x'"
    assert guest.error("g" * 1000) == f"ReferenceError: plugin.js exports no function '{'g' * 100}'"
    assert guest.call("alive") == {"output": "yes"}


def test_calls_in_the_wrong_order_are_refused(runtime: Runtime) -> None:
    guest = runtime.load("")

    with pytest.raises(Exception, match="a function's name, a newline"):
        guest._plugin.call("hm_call", "no newline")
    with pytest.raises(Exception, match="already has a plugin"):
        guest._plugin.call("hm_load", "{}")
    with pytest.raises(Exception, match="no plugin has been loaded: hm_load comes first"):
        Plugin(runtime._compiled).call("hm_call", "f\n")


# ---- Promises --------------------------------------------------------------------------------------------------------


def test_a_call_ends_when_its_promises_are_settled(runtime: Runtime, host: Host) -> None:
    guest = runtime.load(
        """
import { log } from "holomush-pdk";
export async function f() {
  queueMicrotask(() => log("job"));
  const all = await Promise.all([1, Promise.resolve(2), (async () => { await null; return 3; })()]);
  for await (const n of [4, Promise.resolve(5)]) all.push(n);
  return all.join(" ");
}
export function left() { Promise.resolve().then(() => log("left")); return "now"; }
"""
    )

    assert guest.call("f") == {"output": "1 2 3 4 5"}
    assert guest.call("left") == {"output": "now"}
    assert host.logged() == [("info", "job"), ("info", "left")]


def test_a_rejection_is_the_calls_error(runtime: Runtime, host: Host) -> None:
    guest = runtime.load("export async function f() {\n  await null;\n  throw new TypeError('later');\n}" + ALIVE)

    assert guest.error("f") == "    at f (plugin.js:3:13)\nTypeError: later"
    assert host.calls == []
    assert guest.call("alive") == {"output": "yes"}


def test_a_promise_that_never_settles_is_an_error(runtime: Runtime) -> None:
    guest = runtime.load("export const f = () => new Promise(() => {});" + ALIVE)

    assert guest.error("f") == "Error: f waits for a promise that nothing will ever settle"
    assert guest.call("alive") == {"output": "yes"}
    assert runtime.load_error({"plugin": "await new Promise(() => {});"}) == (
        "Error: plugin.js waits for a promise that nothing will ever settle"
    )


def test_rejections_that_nobody_handles_are_logged(runtime: Runtime, host: Host) -> None:
    guest = runtime.load(
        """export function f() {
  Promise.reject(new Error("nobody"));
  Promise.reject(new Error("somebody")).catch(() => {});
  const late = Promise.reject(new Error("late"));
  queueMicrotask(() => late.catch(() => {}));
  queueMicrotask(() => { throw new Error("job"); });
  return "ok";
}"""
    )

    assert guest.call("f") == {"output": "ok"}
    assert host.logged() == [
        ("warn", "unhandled rejection of a promise:"),
        ("warn", "    at f (plugin.js:2:22)"),
        ("warn", "Error: nobody"),
        ("warn", "unhandled rejection of a promise:"),
        ("warn", "    at <anonymous> (plugin.js:6:36)"),
        ("warn", "Error: job"),
    ]


def test_of_many_rejections_only_some_are_logged(runtime: Runtime, host: Host) -> None:
    guest = runtime.load("export function f() { for (let n = 0; n < 50_000; n++) Promise.reject(n); return 'ok'; }")

    assert guest.call("f") == {"output": "ok"}
    assert len(host.logged()) == 21
    assert host.logged()[-1] == ("warn", "unhandled rejections of 49990 more promises")


def test_a_plugin_may_wait_while_it_loads(runtime: Runtime) -> None:
    guest = runtime.load("const x = await Promise.resolve('waited');\nexport const f = () => x;")

    assert guest.call("f") == {"output": "waited"}
    assert runtime.load_error({"plugin": "\nawait Promise.reject(new Error('no'));"}) == (
        "    at <anonymous> (plugin.js:2:26)\nError: no"
    )


# ---- Text ------------------------------------------------------------------------------------------------------------

json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-(2.0**53), 2.0**53) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@pytest.fixture
def mirror(runtime: Runtime) -> Guest:
    return runtime.load("export const f = (inv) => ({ args: inv.args, raw: inv.raw });")


@given(args=st.dictionaries(st.text().filter(lambda key: key != "__proto__"), json_values), raw=st.text())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_comes_back_as_it_went_in(mirror: Guest, args: dict[str, Any], raw: str) -> None:
    assert mirror.call("f", {"args": args, "raw": raw}) == {"args": args, "raw": raw}


@pytest.fixture
def asker(runtime: Runtime) -> Guest:
    return runtime.load("import { queryObject } from 'holomush-pdk'; export const f = ({ raw }) => ({ o: queryObject(raw) });")


@given(sent=st.text(), answered=json_values)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_crosses_to_the_server_and_any_value_comes_back(asker: Guest, sent: str, answered: object) -> None:
    asker.host.reset()
    asker.host.answers["holomush_query_object"] = answered

    assert asker.call("f", {"raw": sent}) == {"o": answered}
    assert asker.host.calls == [("holomush_query_object", sent)]


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 1023, 1024, 1025, 70_000])
def test_text_of_any_length_comes_through(runtime: Runtime, asker: Guest, host: Host, length: int) -> None:
    text = "ü" * length
    host.answers["holomush_query_object"] = {"name": text}

    assert asker.call("f", {"raw": text}) == {"o": {"name": text}}
    assert host.calls == [("holomush_query_object", text)]


def test_half_a_surrogate_pair_becomes_the_replacement_character(runtime: Runtime, host: Host) -> None:
    guest = runtime.load(
        "import { log } from 'holomush-pdk';\n"
        "export function f() { log('a\\ud800b\\udfffü\\ud83d\\ude00\\ud83d'); throw new Error('\\udfff'); }\n"
        "export const g = () => '\\ud800';"
    )

    assert last_line(guest.error("f")) == "Error: \ufffd"
    assert host.logged() == [("info", "a\ufffdb\ufffdü😀\ufffd")]
    assert guest.raw("g") == '{"output":"\\ud800"}'


# ---- console ---------------------------------------------------------------------------------------------------------


def test_console_writes_to_the_log_line_by_line(runtime: Runtime, host: Host) -> None:
    guest = runtime.load(
        """
console.log("loading");
export function f() {
  console.log("one", 2, "three");
  console.info("two\\nlines");
  console.debug("d"); console.warn("w"); console.error("e");
  console.log();
}
export const long = () => { console.log("é".repeat(5000)); console.log("x".repeat(5000)); console.log("€".repeat(2000)); };
"""
    )
    assert host.logged() == [("info", "loading")]
    host.reset()

    guest.call("f")
    levels = [
        ("info", "one 2 three"),
        ("info", "two"),
        ("info", "lines"),
        ("debug", "d"),
        ("warn", "w"),
        ("error", "e"),
        ("info", ""),
    ]
    assert host.logged() == levels

    host.reset()
    guest.call("long")
    assert host.logged() == [("info", "é" * 2048), ("info", "x" * 4096), ("info", "€" * 1365)]


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("{a: 1, 'b c': [1, 'x', null, undefined]}", '{ a: 1, "b c": [1, "x", null, undefined] }'),
        ("[1n, -0, NaN, Symbol('s'), true]", "[1n, -0, NaN, Symbol(s), true]"),
        ("new Map([[{k: 1}, new Set([1, 'a'])]])", 'Map(1) { { k: 1 } => Set(2) { 1, "a" } }'),
        ("new (class Point { x = 1 })()", "Point { x: 1 }"),
        ("[function f() {}, class A {}, () => 1]", "[[function f], [class A], [function without a name]]"),
        ("new Uint8Array([1, 2])", "Uint8Array(2) [1, 2]"),
        ("[new Date(0), /a/g, Promise.resolve(1)]", "[1970-01-01T00:00:00.000Z, /a/g, [promise]]"),
        ("{a: {b: {c: {d: {e: 1}}}}}", "{ a: { b: { c: { d: {...} } } } }"),
        ("(() => { const o = {n: 1}; o.self = o; return o; })()", "{ n: 1, self: [circular] }"),
        ("{get x() { throw new Error('never'); }}", "{ x: [getter] }"),
        ("new Proxy({}, {ownKeys() { throw new Error('mine'); }})", "[cannot be shown: Error: mine]"),
        ("Array(150).fill(0)", "[" + "0, " * 100 + "... 50 more]"),
    ],
)
def test_console_shows_values_as_a_person_reads_them(runtime: Runtime, host: Host, expression: str, shown: str) -> None:
    guest = runtime.load(f"export function f() {{ console.log({expression}); }}")

    guest.call("f")

    assert host.logged() == [("info", shown)]


def test_console_shows_only_so_much_of_a_value(runtime: Runtime, host: Host) -> None:
    guest = runtime.load(
        "export const f = () => { let x = 1; for (let n = 0; n < 4; n++) x = Array(100).fill(x); console.log(x, [1]); };"
    )

    guest.call("f")

    [(level, line)] = host.logged()
    assert (level, len(line), line[:12]) == ("info", 4096, "[[[[1, 1, 1,")


def test_console_shows_errors_with_their_stack(runtime: Runtime, host: Host) -> None:
    guest = runtime.load("export function f() {\n  console.error('oh:', new Error('no'));\n}")

    guest.call("f")

    assert host.logged() == [("error", "oh:     at f (plugin.js:2:28)"), ("error", "Error: no")]


# ---- Errors ----------------------------------------------------------------------------------------------------------


def test_an_error_shows_the_plugins_own_files_lines_and_columns(runtime: Runtime) -> None:
    guest = runtime.load_modules(
        {
            "plugin": "import { first } from './lib/util.js';\n\nexport function f() {\n  return [1].map(() => first({}));\n}\n",
            "lib/util": "export function first(x) {\n  return x.y.z;\n}\n",
        }
    )

    assert guest.error("f") == (
        "    at first (lib/util.js:2:10)\n"
        "    at <anonymous> (plugin.js:4:24)\n"
        "    at f (plugin.js:4:14)\n"
        "TypeError: cannot read property 'z' of undefined"
    )


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        ({"plugin": "let x = 1;\nfunction f({) {}"}, "    at plugin.js:2:13\nSyntaxError: invalid property name"),
        (
            {"plugin": "import './lib/a.js';", "lib/a": "\n\nlet a = ;"},
            "    at lib/a.js:3:9\nSyntaxError: unexpected token in expression: ';'",
        ),
        (
            {"plugin": "\nimport { emitEvnt } from 'holomush-pdk';"},
            "    at plugin.js:2:10\nSyntaxError: Could not find export 'emitEvnt' in module 'holomush-pdk'",
        ),
        (
            {"plugin": "import './b.js';", "b": "import {\n  one,\n  two\n} from './c.js';", "c": "export const one = 1;"},
            "    at b.js:3:3\nSyntaxError: Could not find export 'two' in module 'c.js'",
        ),
        ({"plugin": "\n\nthrow new Error('top');"}, "    at <anonymous> (plugin.js:3:11)\nError: top"),
        ({"plugin": "nothing.here;"}, "    at <anonymous> (plugin.js:1:1)\nReferenceError: nothing is not defined"),
    ],
)
def test_errors_while_loading(runtime: Runtime, modules: dict[str, str], expected: str) -> None:
    assert runtime.load_error(modules) == expected


@pytest.mark.parametrize(
    ("thrown", "expected"),
    [
        ("'timeout'", 'Uncaught "timeout" (throw an Error instead: it knows its line)'),
        ("{ a: 1 }", "Uncaught { a: 1 } (throw an Error instead: it knows its line)"),
        ("null", "Uncaught null (throw an Error instead: it knows its line)"),
        ("undefined", "Uncaught undefined (throw an Error instead: it knows its line)"),
        ("new (class Mine extends Error { name = 'Mine' })('m')", "Mine: m"),
        ("Object.assign(new Error('x'), { toString() { throw 1; } })", "an error that cannot be shown as text"),
        ("Object.defineProperty(new Error('x'), 'stack', { value: undefined })", "Error: x"),
    ],
)
def test_whatever_is_thrown_is_reported_and_survived(runtime: Runtime, thrown: str, expected: str) -> None:
    guest = runtime.load(f"export function f() {{ throw {thrown}; }}" + ALIVE)

    assert last_line(guest.error("f")) == expected
    assert guest.call("alive") == {"output": "yes"}


def test_causes_and_parts_of_an_error_are_shown(runtime: Runtime) -> None:
    guest = runtime.load(
        "export function f() {\n  try {\n    null.x;\n  } catch (cause) {\n    throw new Error('outer', { cause });\n  }\n}\n"
        "export const g = () => Promise.any([Promise.reject(new Error('one')), Promise.reject(new Error('two'))]);\n"
    )

    assert guest.error("f") == (
        "    at f (plugin.js:3:5)\n"
        "TypeError: cannot read property 'x' of null\n"
        "which caused:\n"
        "    at f (plugin.js:5:15)\n"
        "Error: outer"
    )
    assert [line for line in guest.error("g").splitlines() if not line.startswith(" ")][:2] == ["Error: one", "Error: two"]


def test_a_huge_error_is_shortened(runtime: Runtime) -> None:
    error = runtime.load("export function f() { throw new Error('x'.repeat(1_000_000)); }").error("f")

    place, message = error.splitlines()
    assert place == "    at f (plugin.js:1:42)"
    assert message == f"Error: {'x' * (8 * 1024 - 7)} [... 991815 characters left out]"


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("timeout", "Error: timeout"),
        ("oom", "Error: oom"),
        ("unable to reset plugin", "Error: unable to reset plugin"),
        ("error while executing at wasm backtrace", "Error: error while executing at wasm backtrace"),
        ("timeout\0more", "Error: timeout\\0more"),
        ("", "Error: "),
        ("[timeout]", "[timeout]"),
    ],
)
def test_no_error_reads_like_one_of_extisms_own(runtime: Runtime, said: str, text: str) -> None:
    thrown = f"throw Object.assign(new Error(), {{ stack: '', toString: () => {js(said)} }});"
    tricked = f"Array.prototype.join = () => {js(said)}; throw new Error('no');"
    guest = runtime.load(f"export function f() {{ {thrown} }}\nexport function g() {{ {tricked} }}")

    assert runtime.load_error({"plugin": thrown}) == text
    assert guest.error("f") == text
    assert guest.error("g") == text


def test_an_error_that_cannot_be_described_is_not_one_of_memory(runtime: Runtime) -> None:
    guest = runtime.load("export function f() { Array.prototype.join = () => 5; throw new Error('no'); }")

    assert guest.error("f") == "Error: an error that cannot be shown"


def test_an_error_whose_properties_throw_is_shown_without_them(runtime: Runtime) -> None:
    guest = runtime.load(
        """export function f() {
  const error = new AggregateError([], "no");
  for (const name of ["cause", "errors"]) Object.defineProperty(error, name, { get() { throw error; } });
  throw error;
}"""
    )

    assert guest.error("f") == "    at f (plugin.js:2:21)\nAggregateError: no"


def test_of_many_causes_and_parts_only_some_are_shown(runtime: Runtime) -> None:
    guest = runtime.load(
        """
export function causes() { let e; for (let n = 0; n < 50_000; n++) e = new Error(`e${n}`, { cause: e }); throw e; }
export function parts() { throw new AggregateError(Array.from({ length: 50_000 }, (_, n) => new Error(`e${n}`)), "all"); }
export class Fresh extends Error { get cause() { return new Fresh("fresh"); } }
export function fresh() { throw new Fresh("first"); }
export function own() { const e = new Error("own"); e.cause = e; throw e; }
"""
    )

    def messages(function: str) -> list[str]:
        return [line for line in guest.error(function).splitlines() if not line.startswith(" ") and line != "which caused:"]

    assert messages("causes") == ["[... 1 more left out ...]", *(f"Error: e{n}" for n in range(49_980, 50_000))]
    assert messages("parts") == [
        *(f"Error: e{n}" for n in range(19)),
        "[... 49981 more left out ...]",
        "AggregateError: all",
    ]
    assert messages("fresh") == ["[... 1 more left out ...]", *["Error: fresh"] * 19, "Error: first"]
    assert messages("own") == ["Error: own"]


# ---- Memory and recursion --------------------------------------------------------------------------------------------


def test_running_out_of_memory_can_be_caught(runtime: Runtime) -> None:
    guest = runtime.load(
        """
export function fill() { const kept = []; for (;;) kept.push(new Uint8Array(1_000_000)); }
export function objects() { const kept = []; for (;;) kept.push({ n: kept.length }); }
export function one() { new Uint8Array(100_000_000); }
export function forgetful() { "\\ufdfa".repeat(1_000_000).normalize("NFKD"); } // the engine throws nothing
export function careful() { try { fill(); } catch (error) { return String(error); } }
"""
        + ALIVE
    )

    assert guest.error("fill") == "    at fill (plugin.js:2:66)\nMemoryError"
    assert last_line(guest.error("objects")) == "MemoryError"
    assert last_line(guest.error("one")) == "MemoryError"
    assert last_line(guest.error("forgetful")) == "MemoryError"
    assert guest.call("careful") == {"output": "InternalError: out of memory"}
    assert guest.call("alive") == {"output": "yes"}


def test_memory_that_stays_full_still_gives_a_clean_error(runtime: Runtime) -> None:
    guest = runtime.load("const kept = []; export function fill() { for (;;) kept.push(`${kept.length} and more`); }")

    assert [last_line(guest.error("fill")) for _ in range(3)] == ["MemoryError"] * 3


def test_nearly_all_of_the_memory_can_be_used(runtime: Runtime) -> None:
    guest = runtime.load(
        """
export function f() { const kept = []; for (let i = 0; i < 44; i++) kept.push(new Uint8Array(1_000_000)); return "44 MB"; }
export function growing() { const list = []; while (list.length < 3_000_000) list.push(list.length); return "24 MB in one"; }
"""
    )

    for _ in range(3):  # and is given back
        assert guest.call("f") == {"output": "44 MB"}
        assert guest.call("growing") == {"output": "24 MB in one"}


def test_circles_are_collected(runtime: Runtime) -> None:
    guest = runtime.load(
        """
const circle = (n) => { const one = { n, text: `${n} and more`, f: () => one }; one.one = [one]; };
export function f() { for (let n = 0; n < 20; n++) circle(n); }
export function room() { const kept = []; try { for (;;) kept.push(new Uint8Array(100_000)); } catch { return `${kept.length}`; } }
export function full() {
  const kept = Array.from({ length: 200_000 }, (_, n) => ({ n, list: [n] })); // 32 MB, and 60 MB of circles
  for (let n = 0; n < 150_000; n++) circle(n);
  return String(kept.length);
}
"""
    )

    for _ in range(20_000):
        guest.raw("f")
    assert int(guest.call("room")["output"]) > 450
    assert guest.call("full") == {"output": "200000"}


def test_memory_that_moves_about_keeps_its_content(runtime: Runtime) -> None:
    guest = runtime.load(
        """
export function f() {
  const kept = new Map();
  for (let step = 0; step < 4_000; step++) {
    const slot = Math.floor(Math.random() * 200);
    const old = kept.get(slot);
    if (old && !old.every((n, index) => n === slot + index)) return "lost";
    const size = Math.floor(Math.random() ** 8 * 20_000);
    if (old && step % 3 === 0) { for (let i = old.length; i < size; i++) old.push(slot + i); }
    else if (step % 7 === 0) kept.delete(slot);
    else kept.set(slot, Array.from({ length: size }, (_, index) => slot + index));
  }
  return "kept";
}
"""
    )

    assert guest.call("f") == {"output": "kept"}


NEST = "let x = {}; for (let i = 0; i < 100_000; i++) x = "
RECURSIONS = {
    "a function": "function f() { return f() + 1; }",
    "a constructor": "class A { constructor() { new A(); } } const f = () => new A();",
    "a getter": "const o = { get x() { return this.x; } }; const f = () => o.x;",
    "a setter": "const o = { set x(v) { this.x = v; } }; const f = () => { o.x = 1; };",
    "toString": "const o = { toString() { return '' + this; } }; const f = () => '' + o;",
    "Symbol.toPrimitive": "const o = { [Symbol.toPrimitive]() { return `${this}`; } }; const f = () => '' + o;",
    "Symbol.hasInstance": "class A { static [Symbol.hasInstance]() { return 1 instanceof A; } } const f = () => ({}) instanceof A;",
    "toString of a list": f"const f = () => {{ {NEST}[x]; return '' + x; }};",
    "a proxy that asks itself": "const p = new Proxy({}, { get: (t, k, r) => r[k] }); const f = () => p.x;",
    "proxies of proxies, get": f"const f = () => {{ {NEST}new Proxy(x, {{}}); return x.y; }};",
    "proxies of proxies, has": f"const f = () => {{ {NEST}new Proxy(x, {{}}); return 'y' in x; }};",
    "proxies of proxies, keys": f"const f = () => {{ {NEST}new Proxy(x, {{}}); return Object.keys(x); }};",
    "proxies of proxies, prototype": f"const f = () => {{ {NEST}new Proxy(x, {{}}); return Object.getPrototypeOf(x); }};",
    "sort": "const f = () => [2, 1].sort(f);",
    "map": "const f = () => [1].map(f);",
    "replace": "const f = () => 'a'.replace(/a/, f);",
    "Reflect.apply": "const f = () => Reflect.apply(f, null, []);",
    "spread": "const f = (...a) => f(...a, 1);",
    "an iterator": "const o = { [Symbol.iterator]() { return [...this]; } }; const f = () => [...o];",
    "generators": "function* g() { yield* g(); } const f = () => [...g()];",
    "an async function": "async function f() { return await f(); }",
    "JSON.parse": "const f = () => JSON.parse('['.repeat(100_000));",
    "JSON.stringify": f"const f = () => {{ {NEST}{{ x }}; JSON.stringify(x); }};",
    "the answer": f"const f = () => {{ {NEST}{{ x }}; return x; }};",
    "toJSON": "const f = () => JSON.stringify({ toJSON: f });",
    "structuredClone": f"const f = () => {{ {NEST}[x]; structuredClone(x); }};",
    "flat": "const f = () => { let x = []; for (let i = 0; i < 100_000; i++) x = [x]; x.flat(Infinity); };",
    "eval": "const f = () => eval('f()');",
    "brackets in source": "const f = () => eval('['.repeat(100_000));",
    "blocks in source": "const f = () => eval('{'.repeat(100_000));",
    "templates in source": "const f = () => eval('`${'.repeat(100_000));",
    "powers in source": "const f = () => eval('2**'.repeat(100_000) + '1');",
    "classes in source": "const f = () => eval('(class { a = '.repeat(100_000));",
}


@pytest.mark.parametrize("kind", RECURSIONS)
def test_endless_recursion_is_an_error(runtime: Runtime, kind: str) -> None:
    guest = runtime.load(
        f"{RECURSIONS[kind]}\nexport {{ f }};\nexport function caught() {{ try {{ f(); }} catch {{ return 'c'; }} }}" + ALIVE
    )

    assert last_line(guest.error("f")).endswith("RangeError: Maximum call stack size exceeded")
    assert guest.call("alive") == {"output": "yes"}


MANY = "Array(60_000).fill(1)"
NAMES = ", ".join(f"n{number}" for number in range(60_000))


@pytest.mark.parametrize(
    "source",
    [
        f"const f = () => Math.max.bind(null, ...{MANY})(...{MANY});",
        f"const g = () => Math.max.bind(null, ...{MANY}); const f = () => g().bind(null, ...{MANY})();",
        f"function g({NAMES}) {{}} const f = () => g();",
        f"function g() {{ var {NAMES}; }} const f = () => g();",
    ],
    ids=["bound arguments", "arguments bound twice", "parameters", "variables"],
)
def test_what_is_too_large_for_the_stack_at_once_is_an_error(runtime: Runtime, source: str) -> None:
    # The engine subtracts it from an address near 0.
    guest = runtime.load(f"{source}\nexport {{ f }};" + ALIVE)

    assert last_line(guest.error("f")) == "RangeError: Maximum call stack size exceeded"
    assert guest.call("alive") == {"output": "yes"}


@pytest.mark.parametrize("pattern", ["'(?:'.repeat(50_000)", "'(?=a'.repeat(5000) + ')'.repeat(5000)", "'['.repeat(50_000)"])
def test_deep_regular_expressions_are_an_error(runtime: Runtime, pattern: str) -> None:
    flags = "'v'" if "'['" in pattern else "''"
    guest = runtime.load(f"export const f = () => new RegExp({pattern}, {flags});" + ALIVE)

    assert last_line(guest.error("f")) == "SyntaxError: stack overflow"
    assert guest.call("alive") == {"output": "yes"}


def test_ordinary_depths_work(runtime: Runtime) -> None:
    guest = runtime.load(
        "const down = (n) => (n === 0 ? 0 : 1 + down(n - 1));\nexport const f = () => String(down(200));\n"
        "export function json() {\n  let x = 1;\n  for (let i = 0; i < 100; i++) x = [x];\n"
        "  return { x: JSON.parse(JSON.stringify(x)) };\n}\n"
        f"export function source(v) {{ if (v) return '0';{' else if (v) return 0;' * 200} return 'end'; }}\n"
        f"export const brackets = () => {'(' * 60}'deep'{')' * 60};\n"
    )

    assert guest.call("f") == {"output": "200"}
    assert guest.raw("json").count("[") == 100
    assert guest.call("source") == {"output": "end"}
    assert guest.call("brackets") == {"output": "deep"}


# ---- Modules ---------------------------------------------------------------------------------------------------------


def test_files_of_the_plugin_can_be_imported(runtime: Runtime) -> None:
    guest = runtime.load_modules(
        {
            "plugin": "import { a } from './lib/a.js';\nimport * as b from './lib/deep/b';\nimport c from './c.js';\n"
            "export const f = async () => [a, b.name, b.parent(), c, (await import('./lib/a.js')).a];\n",
            "lib/a": "export const a = 'a';",
            "lib/deep/b": "import { a } from '../a.js';\nexport const name = 'b';\nexport const parent = () => a.toUpperCase();",
            "c": "export default 'c';",
        }
    )

    assert guest.call("f") == {"output": ["a", "b", "A", "c", "a"]}


def test_modules_may_import_each_other(runtime: Runtime) -> None:
    guest = runtime.load(
        "import { b } from './b.js';\nexport const a = () => 'a';\nexport const f = () => b();",
        b="import { a } from './plugin.js';\nexport const b = () => a() + 'b';",
    )

    assert guest.call("f") == {"output": "ab"}


@pytest.mark.parametrize(
    "specifier", ["fs", "std", "os", "qjs:std", "node:fs", "./nothing.js", "../plugin.js", "/plugin.js", "plugin.js"]
)
def test_nothing_else_can_be_imported(runtime: Runtime, specifier: str) -> None:
    reason = f'cannot import "{specifier}": a plugin can import "holomush-pdk" and its own files, which are "./plugin.js"'

    assert runtime.load_error({"plugin": f"const a = 1;\nimport '{specifier}';"}) == (
        f"    at plugin.js:2:8\nReferenceError: {reason}"
    )
    guest = runtime.load(f"export const f = () => import('{specifier}');")
    assert last_line(guest.error("f")) == f"ReferenceError: {reason}"


# ---- What there is around a plugin -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("use", "name"),
    [
        ("setTimeout(() => 1, 5)", "setTimeout"),
        ("setInterval(() => 1, 5)", "setInterval"),
        ("fetch('x')", "fetch"),
        ("new XMLHttpRequest()", "XMLHttpRequest"),
        ("new WebSocket('x')", "WebSocket"),
        ("require('fs')", "require"),
        ("process.env", "process"),
        ("new Worker('x')", "Worker"),
        ("localStorage.getItem('x')", "localStorage"),
    ],
)
def test_what_cannot_work_says_why(runtime: Runtime, use: str, name: str) -> None:
    guest = runtime.load(f"export function f() {{\n  {use};\n}}\nexport const kind = () => typeof {name};")

    place, message = guest.error("f").splitlines()

    assert place.startswith("    at f (plugin.js:2:")
    assert message.startswith(f"ReferenceError: {name} does not exist in a plugin: ")
    assert guest.call("kind") == {"output": "undefined"}  # so that libraries can ask


def test_instances_do_not_share_their_randomness(runtime: Runtime) -> None:
    source = "export const f = () => [1, 2, 3].map(() => String(Math.random()));"
    first, second = runtime.load(source), runtime.load(source)

    answers = first.call("f")["output"] + second.call("f")["output"] + first.call("f")["output"]

    assert len(set(answers)) == 9
    assert all(0 <= float(answer) < 1 for answer in answers)


def test_clocks_are_the_real_ones(runtime: Runtime) -> None:
    guest = runtime.load(
        "export const f = () => ({ date: Date.now(), elapsed: performance.now(), offset: new Date().getTimezoneOffset() });"
    )

    before = time.time()
    answer = guest.call("f")

    assert before - 1 < answer["date"] / 1000 < time.time() + 1
    assert 0 <= answer["elapsed"] < 60_000
    assert answer["offset"] == 0


def test_text_and_bytes(runtime: Runtime) -> None:
    guest = runtime.load(
        """
const decode = (bytes, options) => new TextDecoder("utf-8", options).decode(new Uint8Array(bytes));
export const f = () => ({
  encoded: [...new TextEncoder().encode("aü€😀\\ud800")],
  decoded: decode([0xef, 0xbb, 0xbf, 0x61, 0xc3, 0xbc, 0xff]),
  bom: decode([0xef, 0xbb, 0xbf, 0x61], { ignoreBOM: true }),
  part: new TextDecoder().decode(new Uint8Array([97, 98, 99]).subarray(1)),
  base64: [btoa("\\xff\\0a"), atob("/wBh")],
});
export const fatal = () => decode([0xff], { fatal: true });
export const latin = () => new TextDecoder("latin1");
"""
    )

    assert guest.call("f") == {
        "encoded": list("aü€😀\ufffd".encode()),
        "decoded": "aü\ufffd",
        "bom": "\ufeffa",
        "part": "bc",
        "base64": ["/wBh", "\xff\0a"],
    }
    assert last_line(guest.error("fatal")) == "TypeError: the data is not valid UTF-8"
    assert last_line(guest.error("latin")) == "RangeError: TextDecoder knows utf-8 only, not latin1"


def test_structured_clone(runtime: Runtime) -> None:
    guest = runtime.load(
        """
export function f() {
  const value = { date: new Date(5), map: new Map([[1, { a: [1, undefined] }]]), set: new Set(["x"]), re: /a/gi };
  value.bytes = new Uint16Array([1, 2]);
  value.self = value;
  const copy = structuredClone(value);
  return [copy !== value, copy.self === copy, copy.date.getTime(), copy.map.get(1).a.length, copy.map.get(1) !== value.map.get(1),
    copy.set.has("x"), copy.bytes.join(), copy.bytes.buffer !== value.bytes.buffer, String(copy.re)].map(String);
}
export const g = () => structuredClone({ f() {} });
export const errors = () =>
  ["RangeError", "Function", "none"].map((name) => String(structuredClone(Object.assign(new Error("m"), { name }))));
"""
    )
    assert guest.call("errors") == {"output": ["RangeError: m", "Error: m", "Error: m"]}

    assert guest.call("f") == {"output": ["true", "true", "5", "2", "true", "true", "1,2", "true", "/a/gi"]}
    assert last_line(guest.error("g")) == "TypeError: structuredClone cannot copy a function"


def test_the_language_is_there(runtime: Runtime) -> None:
    guest = runtime.load(
        r"""
class Counter {
  #n = 0;
  static made = 0;
  static { Counter.made = 1; }
  get n() { return this.#n; }
  add() { this.#n += Counter.made; return this; }
  has(other) { return #n in other; }
}
export function f() {
  const c = new Counter().add();
  const { a, ...rest } = { a: 1, b: 2, c: 3 };
  return [c.n, c.has(c), Object.keys(rest).join(), a ?? 0, null?.x ?? "nullish", [3, 1, 2].toSorted().join(),
    [1, 2, 3].findLast((x) => x < 3),
    "a-b".replaceAll("-", "+"), /(?<y>\d{4})/.exec("in 2024").groups.y, /\p{Lu}/u.test("Ä"), 2n ** 64n, "é".normalize("NFD").length,
    Object.groupBy([1, 2, 3], (n) => (n % 2 ? "odd" : "even")).odd.length,
    [1, [2, [3]]].flat(Infinity).length, "x".at(-1), 1_000].map(String);
}
"""
    )

    assert guest.call("f") == {
        "output": [
            "1",
            "true",
            "b,c",
            "1",
            "nullish",
            "1,2,3",
            "2",
            "a+b",
            "2024",
            "true",
            "18446744073709551616",
            "2",
            "2",
            "3",
            "x",
            "1000",
        ]
    }


# ---- The server's functions ------------------------------------------------------------------------------------------

CALLS = [
    ("emitEvent({ stream: 's', type: 't', payload: { a: 1 } })", "emit_event", [{"stream": "s", "type": "t", "payload": {"a": 1}}]),
    ("emitEvent({ stream: 's', type: 't' })", "emit_event", [{"stream": "s", "type": "t", "payload": {}}]),
    ("listEvents('s')", "list_events", ["s", "20"]),
    ("listEvents('s', 100)", "list_events", ["s", "100"]),
    ("listen('s', 'c')", "listen", ["s", "c"]),
    ("unlisten('s', 'c')", "unlisten", ["s", "c"]),
    ("listListeners('s')", "list_listeners", ["s"]),
    ("setTimer('n', 5)", "set_timer", ["n", "5", {}]),
    ("setTimer('n', 5, { a: 1 })", "set_timer", ["n", "5", {"a": 1}]),
    ("cancelTimer('n')", "cancel_timer", ["n"]),
    ("queryLocation('l1')", "query_location", ["l1"]),
    ("queryExit('e1')", "query_exit", ["e1"]),
    ("queryObject('o1')", "query_object", ["o1"]),
    ("queryCharacter('c1')", "query_character", ["c1"]),
    ("find('x', { near: 'c' })", "find", [{"name": "x", "near": "c", "kinds": ["character", "object", "exit"]}]),
    ("find('x', { near: 'c', kinds: 'exit' })", "find", [{"name": "x", "near": "c", "kinds": ["exit"]}]),
    ("find('x', { near: 'c', kinds: new Set(['exit']) })", "find", [{"name": "x", "near": "c", "kinds": ["exit"]}]),
    ("find('x')", "find", [{"name": "x", "near": None, "kinds": ["character", "object", "exit"]}]),
    ("find('x', { near: null, kinds: 'exit' })", "find", [{"name": "x", "near": None, "kinds": ["exit"]}]),
    ("createLocation('n')", "create_location", [{"name": "n", "description": "", "owner_id": None}]),
    ("createLocation('n', { id: 'I' })", "create_location", [{"name": "n", "description": "", "owner_id": None, "id": "I"}]),
    ("createLocation('n', { id: null })", "create_location", [{"name": "n", "description": "", "owner_id": None}]),
    (
        "createLocation('n', { description: 'd', owner_id: 'c' })",
        "create_location",
        [{"name": "n", "description": "d", "owner_id": "c"}],
    ),
    (
        "createExit('n', { source_id: 'a', destination_id: 'b' })",
        "create_exit",
        [{"name": "n", "source_id": "a", "destination_id": "b", "aliases": [], "lock": ""}],
    ),
    (
        "createExit('n', { source_id: 'a', destination_id: 'b', aliases: ['x'], lock: 'k' })",
        "create_exit",
        [{"name": "n", "source_id": "a", "destination_id": "b", "aliases": ["x"], "lock": "k"}],
    ),
    (
        "createExit('n', { source_id: 'a', destination_id: 'b', id: 'I' })",
        "create_exit",
        [{"name": "n", "source_id": "a", "destination_id": "b", "aliases": [], "lock": "", "id": "I"}],
    ),
    (
        "createObject('n', { location: 'l', lock: '', id: null })",
        "create_object",
        [{"name": "n", "description": "", "owner_id": None, "place": {"location": "l"}}],
    ),
    (
        "createObject('n', { location: 'l', lock: 'k', id: 'I' })",
        "create_object",
        [{"name": "n", "description": "", "owner_id": None, "place": {"location": "l"}, "lock": "k", "id": "I"}],
    ),
    (
        "createObject('n', { container: 'o', description: 'd' })",
        "create_object",
        [{"name": "n", "description": "d", "owner_id": None, "place": {"container": "o"}}],
    ),
    ("createCharacter('n', { location_id: 'l' })", "create_character", [{"name": "n", "location_id": "l", "description": ""}]),
    ("updateLocation('i', { name: 'n' })", "update_location", ["i", {"name": "n"}]),
    ("updateExit('i', { lock: 'n' })", "update_exit", ["i", {"lock": "n"}]),
    ("updateObject('i', { owner_id: null })", "update_object", ["i", {"owner_id": None}]),
    ("updateCharacter('i', { description: 'n' })", "update_character", ["i", {"description": "n"}]),
    ("moveObject('o', { location: 'l' })", "move_object", ["o", {"location": "l"}]),
    ("moveObject('o', { character: 'c', container: null })", "move_object", ["o", {"character": "c"}]),
    ("moveCharacter('c', 'l')", "move_character", ["c", "l"]),
    ("destroyLocation('i')", "destroy_location", ["i"]),
    ("destroyExit('i')", "destroy_exit", ["i"]),
    ("destroyObject('i')", "destroy_object", ["i"]),
    ("destroyCharacter('i')", "destroy_character", ["i"]),
    ("kvGet('k')", "kv_get", ["k"]),
    ("kvSet('k', 'v')", "kv_set", ["k", "v"]),
    ("kvSet('k', new Uint8Array([255, 0]))", "kv_set", ["k", {"base64": "/wA="}]),
    ("kvSet('k', new TextEncoder().encode('ü'))", "kv_set", ["k", "ü"]),
    ("kvDelete('k')", "kv_delete", ["k"]),
    ("kvList()", "kv_list", [""]),
    ("kvList('p')", "kv_list", ["p"]),
    ("setAttributes('i', { a: 1 })", "set_attributes", ["i", {"a": 1}]),
    ("tableInsert('t', { a: 1 })", "table_insert", ["t", {"a": 1}]),
    ("tableGet('t', { a: 1, b: 'x' })", "table_get", ["t", {"a": 1, "b": "x"}]),
    ("tableSelect('t')", "table_select", ["t", {"where": {}, "order": [], "limit": 100, "offset": 0}]),
    (
        "tableSelect('t', { where: { n: { '>': 1 } }, order: '-n', limit: 5, offset: 2 })",
        "table_select",
        ["t", {"where": {"n": {">": 1}}, "order": ["-n"], "limit": 5, "offset": 2}],
    ),
    ("tableUpdate('t', { k: 1 }, { a: 2 })", "table_update", ["t", {"k": 1}, {"a": 2}]),
    ("tableDelete('t', { k: 1 })", "table_delete", ["t", {"k": 1}]),
    ("listSessions()", "list_sessions", []),
    ("bootSession('c')", "boot_session", ["c", ""]),
    ("bootSession('c', 'why')", "boot_session", ["c", "why"]),
    ("switchCharacter('s', 'c')", "switch_character", ["s", "c"]),
    ("queryAccount('c')", "query_account", ["c"]),
    ("updateAccount('c', { ban: null })", "update_account", ["c", {"ban": None}]),
    ("addCharacter('c', 'n')", "add_character", ["c", "n"]),
    ("banAddress('a')", "ban_address", ["a", ""]),
    ("banAddress('a', 'why')", "ban_address", ["a", "why"]),
    ("unbanAddress('a')", "unban_address", ["a"]),
    ("listBans()", "list_bans", []),
    ("listCommands('c')", "list_commands", ["c"]),
    ("listTopics('c')", "list_topics", ["c", ""]),
    ("listTopics('c', 'two words')", "list_topics", ["c", "two words"]),
    ("readTopic('c', 'p', 't')", "read_topic", ["c", "p", "t"]),
    ("serverStats()", "server_stats", []),
    ("serverShutdown()", "server_shutdown", [""]),
    ("serverShutdown('why')", "server_shutdown", ["why"]),
    ("listPlugins()", "list_plugins", []),
    ("enablePlugin('n')", "enable_plugin", ["n"]),
    ("disablePlugin('n')", "disable_plugin", ["n"]),
    ("exportWorld('n')", "export_world", ["n"]),
    ("importWorld('n')", "import_world", ["n"]),
    ("log('m')", "log", ["info", "m"]),
    ("log(5, 'error')", "log", ["error", "5"]),
]
SILENT = (
    *("emit_event", "listen", "set_timer", "move_", "destroy_", "kv_set", "boot_session", "switch_", "ban_address"),
    *("server_shutdown", "enable_plugin", "disable_plugin", "log"),
)


@pytest.mark.parametrize(("call", "name", "arguments"), CALLS)
def test_every_function_sends_what_the_server_expects(
    runtime: Runtime, host: Host, call: str, name: str, arguments: list[object]
) -> None:
    guest = runtime.load(f"import * as pdk from 'holomush-pdk';\nexport const f = () => ({{ answer: pdk.{call} }});")
    host.answers[f"holomush_{name}"] = "the answer"

    assert guest.call("f") == ({} if name.startswith(SILENT) else {"answer": "the answer"})

    [(called, *texts)] = host.calls
    assert called == f"holomush_{name}"
    assert [
        json.loads(text) if isinstance(wanted, dict) else text for text, wanted in zip(texts, arguments, strict=True)
    ] == arguments


def test_every_function_of_the_server_has_its_call(host: Host, runtime: Runtime) -> None:
    offered = {function.name.removeprefix("holomush_") for function in host.functions()}

    assert {name for _, name, _ in CALLS} | {"http_get", "http_post"} == offered


def test_keys_and_bodies_may_be_bytes(runtime: Runtime, host: Host) -> None:
    guest = runtime.load(
        """
import { kvGet, httpGet, httpPost } from "holomush-pdk";
const show = (value) => (value instanceof Uint8Array ? [...value].join() : value);
export const f = () => [show(kvGet("k", "fallback"))];
export const get = () => { const { body, ...rest } = httpGet("u"); return { ...rest, body: show(body) }; };
export const post = () => show(httpPost("u", "b").body);
"""
    )
    for kept, seen in [("text", "text"), ({"base64": "/wA="}, "255,0"), (None, "fallback"), ("", "")]:
        host.answers["holomush_kv_get"] = kept
        assert guest.call("f") == {"output": [seen]}
    answer = {"status": 200, "url": "u", "headers": {"a": "b"}, "body": {"base64": "gA=="}}
    host.answers |= {"holomush_http_get": answer, "holomush_http_post": {**answer, "body": "text"}}
    host.calls.clear()

    assert guest.call("get") == {**answer, "body": "128"}
    assert guest.call("post") == {"output": "text"}
    assert host.calls == [("holomush_http_get", "u"), ("holomush_http_post", "u", "b")]


@pytest.fixture
def keeper(runtime: Runtime) -> Guest:
    return runtime.load(
        "import { kvSet } from 'holomush-pdk';\n"
        "export const text = ({ value }) => kvSet('k', value);\n"
        "export const bytes = ({ value }) => kvSet('k', Uint8Array.from(value));\n"
    )


@given(value=st.binary() | st.text().map(str.encode) | st.just(b'{"base64": 1}'))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_kept_as_they_are(keeper: Guest, value: bytes) -> None:
    keeper.host.reset()

    keeper.call("bytes", {"value": list(value)})

    [(_, _, sent)] = keeper.host.calls
    assert (base64.b64decode(json.loads(sent)["base64"]) if sent.startswith('{"base64"') else sent.encode()) == value


def test_text_that_looks_like_bytes_is_kept_as_bytes(keeper: Guest, host: Host) -> None:
    keeper.call("text", {"value": '{"base64": "ü"}'})

    encoded = base64.b64encode('{"base64": "ü"}'.encode()).decode()
    assert host.calls == [("holomush_kv_set", "k", f'{{"base64":"{encoded}"}}')]


def test_an_error_of_the_server_is_a_host_error(runtime: Runtime, host: Host) -> None:
    guest = runtime.load(
        """import { HostError, queryObject } from "holomush-pdk";
export function f() {
  queryObject("o1");
}
export function g() {
  try { queryObject("o1"); } catch (error) { return [error.code, error.message, error.name, String(error instanceof HostError)]; }
}"""
    )
    host.answers["holomush_query_object"] = Refusal("capability_denied", "the plugin may not read objects")

    assert guest.error("f") == "    at f (plugin.js:3:3)\nHostError: capability_denied: the plugin may not read objects"
    assert guest.call("g") == {"output": ["capability_denied", "the plugin may not read objects", "HostError", "true"]}


def test_a_call_that_the_server_gives_up_is_a_host_error(runtime: Runtime, host: Host) -> None:
    guest = runtime.load("import { queryObject } from 'holomush-pdk';\nexport const f = () => queryObject('o1');")
    host.answers["holomush_query_object"] = SILENCE

    assert last_line(guest.error("f")) == "HostError: unavailable: the server has given up holomush_query_object"


@pytest.mark.parametrize("call", ["moveObject('o')", "moveObject('o', {})", "moveObject('o', { location: 'l', character: 'c' })"])
def test_an_object_goes_to_exactly_one_place(runtime: Runtime, host: Host, call: str) -> None:
    guest = runtime.load(f"import * as pdk from 'holomush-pdk';\nexport const f = () => pdk.{call};")

    assert last_line(guest.error("f")) == "TypeError: moveObject wants exactly one of location, character and container"
    assert host.calls == []


def test_what_is_no_text_is_refused_before_the_server_is_asked(runtime: Runtime, host: Host) -> None:
    guest = runtime.load("import { queryObject } from 'holomush-pdk';\nexport function f(inv) {\n  queryObject(inv.nothing);\n}")

    assert guest.error("f", {}) == (
        "    at f (plugin.js:3:15)\nTypeError: holomush_query_object takes texts, and argument 1 is none"
    )
    assert host.calls == []


def test_configuration(shared_runtime: Runtime) -> None:
    compiled = shared_runtime.compile(config={"greeting": "Grüß dich", "empty": ""})
    source = (
        "import { config } from 'holomush-pdk';\n"
        "export const f = () => [config('greeting'), config('missing'), config('missing', 'x'), config('empty', 'y'), config('')];"
    )
    guest = shared_runtime.load_modules({"plugin": source}, compiled)

    assert guest.call("f") == {"output": ["Grüß dich", "", "x", "y", ""]}


# ---- The module ------------------------------------------------------------------------------------------------------


def test_the_runtime_imports_nothing_that_could_block_or_look_around() -> None:
    module = Module.from_file(Engine(), str(JAVASCRIPT_RUNTIME))

    assert sorted(str(item.name) for item in module.imports if item.module == "wasi_snapshot_preview1") == [
        "clock_time_get",
        "fd_close",
        "fd_fdstat_get",
        "fd_seek",
        "fd_write",
        "random_get",
    ]
    assert sorted(item.name for item in module.exports) == ["hm_call", "hm_load", "hm_pages", "hm_serve", "memory"]
