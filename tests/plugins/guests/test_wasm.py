"""Reading and rewriting WebAssembly binaries: what is found, what is refused, and that no bytes make it do anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasmtime import Engine, Module, wat2wasm

from holomush.plugins.guests.binary import WasmError
from holomush.plugins.guests.wasm import (
    MAX_BYTES,
    MAX_FUNCTION_BYTES,
    MAX_TABLE_ELEMENTS,
    NOTHING,
    Limits,
    Signature,
    neutral,
    parse,
    without_startup,
)

EVERYTHING = """(module
  (type (func (param i32 i64 f32 f64) (result i32)))
  (import "here" "first" (func (param i64) (result i64)))
  (import "there" "second" (func))
  (table 3 funcref)
  (memory (export "memory") 2 5)
  (global (export "g") i32 (i32.const 7))
  (func $a (export "handle") (result i32) (i32.const 0))
  (func $b (export "_initialize"))
  (func $c)
  (start $c)
  (elem (i32.const 0) $a)
  (data (i32.const 8) "hello"))"""
HEADER = b"\0asm\1\0\0\0"


def wasm(text: str) -> bytes:
    return bytes(wat2wasm(text))


def rewritten(text: str) -> tuple[bytes, tuple[str, ...]]:
    module = parse(wasm(text))
    return without_startup(module, [(imported.module, imported.name) for imported in module.imports])


def exports(data: bytes) -> list[str]:
    return [export.name for export in Module(Engine(), data).exports]


def test_what_a_module_has_is_found() -> None:
    module = parse(wasm(EVERYTHING))
    assert [str(imported) for imported in module.imports] == ["here.first", "there.second"]
    assert [imported.signature for imported in module.imports] == [Signature(("i64",), ("i64",)), NOTHING]
    assert [export.name for export in module.exports] == ["memory", "g", "handle", "_initialize"]
    assert module.memory == Limits(2, 5)
    assert module.start == 4
    assert module.exported(Signature((), ("i32",))) == {"handle"}


def test_nothing_runs_by_itself_after_rewriting() -> None:
    data, startup = rewritten(EVERYTHING)
    assert startup == ("holomush:start", "holomush:_initialize")
    assert exports(data) == ["memory", "g", "handle", "holomush:_initialize", "holomush:start"]
    assert parse_again(data) is None


def parse_again(data: bytes) -> int | None:
    """The start function of what was written; its exports are reserved names, so they are renamed for this."""
    return parse(data.replace(b"holomush:", b"holomusx:")).start


@pytest.mark.parametrize(
    ("body", "startup"),
    [
        ("", ()),
        ("(func $s) (start $s)", ("holomush:start",)),
        ('(func (export "__wasm_call_ctors"))', ("holomush:__wasm_call_ctors",)),
        ('(func (export "__wasm_call_ctors")) (func (export "_initialize"))', ("holomush:_initialize",)),
        ('(func (export "hs_init")) (func (export "_initialize"))', ("holomush:_initialize", "holomush:hs_init")),
        ('(func (export "_start"))', ()),
    ],
)
def test_startup_is_called_in_order_and_a_program_never(body: str, startup: tuple[str, ...]) -> None:
    data, calls = rewritten(f"(module {body})")
    assert calls == startup
    assert set(calls) <= set(exports(data))
    assert not {"_start", "_initialize", "__wasm_call_ctors", "hs_init"} & set(exports(data))


def test_imports_are_taken_from_elsewhere() -> None:
    module = parse(wasm(EVERYTHING))
    data, _ = without_startup(module, [("a", "b"), ("c", "d")])
    assert [(i.module, i.name) for i in Module(Engine(), data).imports] == [("a", "b"), ("c", "d")]


def test_what_need_not_change_stays_as_it_is_and_where_it_is() -> None:
    custom = b"\0\x05\4note"
    data = HEADER + custom + wasm(EVERYTHING)[8:] + custom
    module = parse(data)
    out, _ = without_startup(module, [("here", "first"), ("there", "second")])
    again = parse(out.replace(b"holomush:", b"holomusx:"))
    assert [number for number, _ in again.sections] == [number for number, _ in module.sections if number != 8]
    untouched = {0, 1, 3, 6, 9, 10, 11}
    assert [s for s in again.sections if s[0] in untouched] == [s for s in module.sections if s[0] in untouched]


def test_a_table_gets_a_maximum() -> None:
    data, _ = rewritten("(module (table 1 funcref) (table 2 5 externref) (table 0 9000000 funcref))")
    assert [limits for _, limits in parse(data).tables] == [
        Limits(1, MAX_TABLE_ELEMENTS),
        Limits(2, 5),
        Limits(0, MAX_TABLE_ELEMENTS),
    ]


def sized(count: int) -> bytes:
    body = b"\0" + b"\1" * (count - 2) + b"\x0b"
    code = b"\1" + leb(len(body)) + body
    return HEADER + b"\1\4\1\x60\0\0" + b"\3\2\1\0" + b"\x0a" + leb(len(code)) + code


def leb(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + leb(value >> 7)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is no WebAssembly module"),
        (b"\x7fELF", "is no WebAssembly module"),
        (b"\0asm\2\0\0\0", "is no WebAssembly module"),
        (b"\0asm\x0d\0\1\0", "is a WebAssembly component"),
        (b"(module)", "is WebAssembly text"),
        (b"\n ;; (module)", "is WebAssembly text"),
        (b"\0" * (MAX_BYTES + 1), "a module may have"),
        (sized(MAX_FUNCTION_BYTES + 1), "has a function of 1048577 bytes"),
        (HEADER + b"\1", "ends too early"),
        (HEADER + b"\1\5\1", "ends too early"),
        (HEADER + b"\1\x80\x80\x80\x80\x80\0", "more than 32 bits"),
        (HEADER + b"\1\xff\xff\xff\xff\x7f", "more than 32 bits"),
        (HEADER + b"\1\1\0\1\1\0", "a section twice"),
        (HEADER + b"\x20\0", "no section 32"),
        (HEADER + b"\1\2\0\0", "longer than what is in it"),
        (HEADER + b"\3\2\1\7", "no type 7"),
        (HEADER + b"\7\5\1\1a\0\1", "no function 1"),
        (HEADER + b"\7\5\1\1\xff\0\1", "not UTF-8"),
        (HEADER + b"\x08\1\4", "no function 4"),
        (wasm("(module (type (array i8)))"), "garbage-collected"),
        (wasm("(module (tag))"), "exceptions"),
        (wasm("(module (memory 1) (memory 1))"), "has 2 memories"),
        (wasm("(module (memory i64 1))"), "64-bit"),
        (wasm("(module (memory 1 2 shared))"), "shared"),
        (wasm("(module (table 100001 funcref))"), "has a table of 100001 elements"),
        (wasm("(module" + "(table 1 funcref)" * 17 + ")"), "has 17 tables"),
        (wasm('(module (import "env" "memory" (memory 1)))'), "imports the memory env.memory"),
        (wasm('(module (import "env" "t" (table 1 funcref)))'), "imports the table env.t"),
        (wasm('(module (import "env" "g" (global i32)))'), "imports the global env.g"),
        (wasm('(module (func (export "holomush:x")))'), "exports 'holomush:x'"),
        (wasm('(module (func (export "_initialize") (param i32)))'), "exports _initialize as"),
        (wasm('(module (func (export "hs_init") (param i32 i32)))'), "exports hs_init as"),
    ],
)
def test_what_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(WasmError, match=message) as caught:
        parse(data)
    assert "\n" not in str(caught.value)


def load(data: bytes) -> None:
    module = parse(data)
    out, _ = without_startup(module, [(imported.module, imported.name) for imported in module.imports])
    assert out.startswith(HEADER)


@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    for candidate in (data, HEADER + data):
        try:
            load(candidate)
        except WasmError:
            continue


@given(st.data())
def test_mutated_modules_raise_nothing_else(data: st.DataObject) -> None:
    changed = bytearray(wasm(EVERYTHING))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(8, len(changed) - 1))
        changed[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        load(bytes(changed))
    except WasmError:
        return


@given(st.integers(0, len(wasm(EVERYTHING)) - 1))
def test_a_module_cut_short_is_never_read_as_whole(length: int) -> None:
    whole = parse(wasm(EVERYTHING))
    try:
        cut = parse(wasm(EVERYTHING)[:length])
    except WasmError:
        return
    assert cut.sections == whole.sections[: len(cut.sections)]


def test_neutral_names() -> None:
    assert neutral("_initialize") == "holomush:_initialize"
    assert neutral("handle_event") == "handle_event"
