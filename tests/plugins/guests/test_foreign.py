"""Modules of strangers, good and hostile, in the real Extism. What could end the process is tried in one of its own, too."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.wat import BLOCK
from wasmtime import wat2wasm

from holomush.plugins.functions.table import HOST_FUNCTIONS
from holomush.plugins.guests.binary import WasmError
from holomush.plugins.guests.foreign import ForeignGuest, ForeignProgram, prepare
from holomush.plugins.guests.guard import MAX_BLOCKS
from holomush.plugins.guests.guest import (
    GuestError,
    GuestFailedError,
    GuestInterruptedError,
    GuestOutOfMemoryError,
    GuestRefusedError,
    GuestTooLongError,
    GuestTrappedError,
)
from plugins.rooms import make_call

PAGES = 1024
IMPORTS = (
    """
(import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
(import "extism:host/env" "free" (func $free (param i64)))
(import "extism:host/env" "length" (func $length (param i64) (result i64)))
(import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
(import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
(import "extism:host/env" "load_u8" (func $load_u8 (param i64) (result i32)))
(import "extism:host/env" "load_u64" (func $load_u64 (param i64) (result i64)))
(import "extism:host/env" "input_length" (func $input_length (result i64)))
(import "extism:host/env" "input_offset" (func $input_offset (result i64)))
(import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
(import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
(import "extism:host/env" "error_set" (func $error_set (param i64)))
(import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
(import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
(import "extism:host/env" "var_set" (func $var_set (param i64 i64)))
(import "extism:host/env" "log_info" (func $log_info (param i64)))
(import "extism:host/user" "holomush_query_object" (func $query (param i64) (result i64)))
(import "extism:host/user" "holomush_emit_event" (func $emit (param i64) (result i64)))
(import "extism:host/user" "holomush_emit_event" (func $emit_void (param i64)))
(import "extism:host/user" "holomush_log" (func $log (param i64 i64)))
(import "extism:host/user" "holomush_server_stats" (func $stats (result i64)))
(memory (export "memory") 1)
"""
    + BLOCK
)
EVENT = json.dumps({"stream": "global", "type": "say", "payload": {}})


def wasm(text: str) -> bytes:
    return bytes(wat2wasm(text))


def guest_of(text: str, *, pages: int = PAGES) -> ForeignGuest:
    return ForeignProgram(prepare(wasm(text)), pages).instantiate({"colour": "green"}, patient=False)


def handler(body: str, extra: str = "") -> str:
    """A module whose one function ``f`` does this with the local ``$o``."""
    return f'(module {IMPORTS} {extra} (func (export "f") (result i32) (local $o i64) (local $i i64) {body} (i32.const 0)))'


def quoted(text: str) -> str:
    return "".join(f"\\{byte:02x}" for byte in text.encode())


def run(body: str, extra: str = "", data: bytes = b"{}", *capabilities: str) -> bytes:
    return guest_of(handler(body, extra)).call("f", data, make_call(*capabilities))


# What a well-behaved guest does.

POLITE = handler(
    f"""
    (local.set $o (call $query (call $block (i32.const 0) (i32.const 4))))
    (drop (call $emit (call $block (i32.const 16) (i32.const {len(EVENT)}))))
    (call $free (local.get $o))
    (local.set $o (call $alloc (call $input_length)))
    (loop $next
      (call $store_u8 (i64.add (local.get $o) (local.get $i)) (call $input_load_u8 (local.get $i)))
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br_if $next (i64.lt_u (local.get $i) (call $input_length))))
    (call $output_set (local.get $o) (call $input_length))""",
    f'(data (i32.const 0) "lamp") (data (i32.const 16) "{quoted(EVENT)}")',
)


def test_a_guest_reads_its_input_calls_the_host_and_answers() -> None:
    guest = guest_of(POLITE)
    call = make_call("emit:*", "read:objects")
    assert guest.load("tester", {}, call) == {"f"}
    assert guest.call("f", b'{"a": 1}', call) == b'{"a": 1}'
    assert [event.stream for event in call.attempt.transaction.events] == ["global"]


def test_a_thousand_calls_take_no_more_memory() -> None:
    guest = guest_of(POLITE)
    sizes = []
    for count in range(1, 1001):
        data = b'{"a": %d}' % count
        assert guest.call("f", data, make_call("emit:*", "read:objects")) == data
        if count in (500, 1000):
            sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert sizes[1] - sizes[0] < 1024  # KiB


def test_the_answer_of_the_host_can_be_read() -> None:
    answer = run(
        "(call $show (call $query (call $block (i32.const 0) (i32.const 4))))", '(data (i32.const 0) "lamp")', b"{}", "read:objects"
    )
    assert json.loads(answer)["value"]["name"] == "lamp"


def test_a_host_function_without_parameters() -> None:
    assert json.loads(run("(call $show (call $stats))"))["error"]["code"] == "capability_denied"


def test_config_and_variables() -> None:
    extra = '(data (i32.const 0) "colour")'
    assert run("(call $show (call $config_get (call $block (i32.const 0) (i32.const 6))))", extra) == b"green"
    body = """(call $var_set (call $block (i32.const 0) (i32.const 6)) (call $block (i32.const 0) (i32.const 3)))
        (call $show (call $var_get (call $block (i32.const 0) (i32.const 6))))"""
    assert run(body, extra) == b"col"


def test_no_output_is_nothing_to_say() -> None:
    assert run("") == b""
    assert run("(call $output_set (i64.const 0) (i64.const 0))") == b""


def test_a_call_does_not_show_the_output_of_the_one_before() -> None:
    guest = guest_of(
        handler(
            "(if (i64.gt_u (call $input_length) (i64.const 0)) (then (call $show (call $block (i32.const 0) (i32.const 2)))))",
            '(data (i32.const 0) "hi")',
        )
    )
    assert guest.call("f", b"{}", make_call()) == b"hi"
    assert guest.call("f", b"", make_call()) == b""


def test_its_functions_are_the_exports_that_can_be_called() -> None:
    text = """(module (func (export "a") (result i32) (i32.const 0)) (func (export "b")) (func (export "c") (param i32))
      (func (export "d") (result i64) (i64.const 0)) (func (export "_initialize"))
      (func (export "_start")) (memory (export "memory") 1))"""
    guest = guest_of(text)
    assert guest.load("tester", {}, make_call()) == {"a", "b"}
    for name in ("c", "_start", "_initialize", "holomush:_initialize", "nothing"):
        with pytest.raises(GuestError, match="it has no function"):
            guest.call(name, b"", make_call())


def test_error_set_is_the_report_of_a_failure() -> None:
    extra = '(data (i32.const 0) "no such door")'
    with pytest.raises(GuestFailedError) as caught:
        run("(call $error_set (call $block (i32.const 0) (i32.const 12))) (return (i32.const 1))", extra)
    assert caught.value.report == "no such door"
    with pytest.raises(GuestFailedError):
        run("(return (i32.const 7))")


def test_a_guest_cannot_ask_to_be_run_again() -> None:
    extra = '(data (i32.const 0) "timeout")'
    with pytest.raises(GuestFailedError):
        run("(call $error_set (call $block (i32.const 0) (i32.const 7))) (return (i32.const 1))", extra)


@pytest.mark.parametrize(
    ("name", "level"), [("trace", "DEBUG"), ("debug", "DEBUG"), ("info", "INFO"), ("warn", "WARNING"), ("error", "ERROR")]
)
def test_the_log_of_extism_is_the_plugins(caplog: pytest.LogCaptureFixture, name: str, level: str) -> None:
    caplog.set_level("DEBUG", "holomush.plugin.tester")
    module = f"""(module
      (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
      (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
      (import "extism:host/env" "get_log_level" (func $level (result i32)))
      (import "extism:host/env" "log_{name}" (func $log (param i64)))
      (func (export "f") (result i32) (local $o i64)
        (if (i32.gt_s (call $level) (i32.const 0)) (then (return (i32.const 1)))) ;; a level that nobody reads
        (local.set $o (call $alloc (i64.const 2)))
        (call $store_u8 (local.get $o) (i32.const 104))
        (call $store_u8 (i64.add (local.get $o) (i64.const 1)) (i32.const 105))
        (call $log (local.get $o))
        (call $log (local.get $o))
        (i32.const 0)))"""
    guest_of(module).call("f", b"", make_call())
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [(level, "hi"), (level, "hi")]


def test_a_forged_address_is_not_logged() -> None:
    with pytest.raises(GuestTrappedError):
        run("(call $log_info (i64.const 8))")


def test_an_error_that_was_set_explains_a_crash() -> None:
    extra = '(data (i32.const 0) "main.ts:7: no such door")'
    with pytest.raises(GuestFailedError) as caught:
        run("(call $error_set (call $block (i32.const 0) (i32.const 23))) (unreachable)", extra)
    assert caught.value.report == "main.ts:7: no such door"


# Both forms of functions that give nothing back.


def test_the_form_without_result_takes_effect() -> None:
    call = make_call("emit:*")
    guest = guest_of(
        handler(
            f"(call $emit_void (call $block (i32.const 0) (i32.const {len(EVENT)})))", f'(data (i32.const 0) "{quoted(EVENT)}")'
        )
    )
    assert guest.call("f", b"{}", call) == b""
    assert len(call.attempt.transaction.events) == 1


def test_an_error_in_the_form_without_result_fails_the_call() -> None:
    body = f"(call $emit_void (call $block (i32.const 0) (i32.const {len(EVENT)})))"
    with pytest.raises(
        GuestRefusedError, match="holomush_emit_event failed: capability_denied: the plugin has no capability emit:global"
    ):
        run(body, f'(data (i32.const 0) "{quoted(EVENT)}")')


def test_an_error_in_the_form_with_result_is_an_envelope() -> None:
    body = f"(call $show (call $emit (call $block (i32.const 0) (i32.const {len(EVENT)}))))"
    assert json.loads(run(body, f'(data (i32.const 0) "{quoted(EVENT)}")'))["error"]["code"] == "capability_denied"


# Imports.


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ('"wasi_snapshot_preview1" "sock_open" (func)', "imports wasi_snapshot_preview1.sock_open, which plugins do not have"),
        ('"wasi_unstable" "fd_write" (func)', "imports wasi_unstable.fd_write, which plugins do not have: a plugin may import"),
        ('"extism:host/user" "holomush_sql" (func)', "imports extism:host/user.holomush_sql, which plugins do not have"),
        ('"extism:host/env" "reset" (func)', "imports extism:host/env.reset, which plugins do not have"),
        ('"extism:host/env" "input_set" (func (param i64 i64))', "imports extism:host/env.input_set, which plugins do not have"),
        ('"extism:host/env" "http_request" (func (param i64 i64) (result i64))', "do not have: call holomush_http_get"),
        ('"holomush:guard" "alloc" (func (param i64) (result i64))', "imports holomush:guard.alloc, which plugins do not have"),
        ('"main" "f" (func)', "imports main.f, which plugins do not have"),
        ('"env" "\\0a\\1b[2J" (func)', r"imports env.\?\?\[2J, which"),
        ('"extism:host/env" "alloc" (func (param i32) (result i32))', r"alloc as \(i32\) -> \(i32\): it is \(i64\) -> \(i64\)"),
        ('"wasi_snapshot_preview1" "poll_oneoff" (func)', r"poll_oneoff as \(\) -> \(\): it is \(i32, i32, i32, i32\) -> \(i32\)"),
        (
            '"extism:host/user" "holomush_emit_event" (func (param i32))',
            r"emit_event as \(i32\) -> \(\): it is \(i64\) -> \(i64\) or \(i64\) -> \(\)",
        ),
        ('"extism:host/user" "holomush_query_object" (func (param i64))', r"object as \(i64\) -> \(\): it is \(i64\) -> \(i64\)"),
    ],
)
def test_imports_that_are_refused(declared: str, message: str) -> None:
    with pytest.raises(WasmError, match=message) as caught:
        prepare(wasm(f"(module (import {declared}))"))
    assert str(caught.value).isprintable()


def test_every_function_that_may_be_imported_exists() -> None:
    found = []
    for function in HOST_FUNCTIONS:
        parameters = "(param i64)" * len(function.parameters)
        if function.returns:
            found.append(f'(import "extism:host/user" "{function.name}" (func {parameters} (result i64)))')
        if function.void:
            found.append(f'(import "extism:host/user" "{function.name}" (func {parameters}))')
    guest = guest_of(f'(module {"".join(found)} {wasi_imports()} (memory (export "memory") 1) (func (export "f")))')
    assert guest.call("f", b"", make_call()) == b""


def wasi_imports() -> str:
    ints = {1: "fd_close fd_datasync fd_sync proc_raise", 2: "args_get args_sizes_get clock_res_get environ_get environ_sizes_get"}
    ints[2] += " fd_fdstat_get fd_fdstat_set_flags fd_filestat_get fd_prestat_get fd_renumber fd_tell random_get sock_shutdown"
    ints[3] = "fd_prestat_dir_name path_create_directory path_remove_directory path_unlink_file sock_accept"
    ints[4] = "fd_read fd_write poll_oneoff"
    ints[5] = "path_filestat_get path_symlink sock_send"
    ints[6] = "path_readlink path_rename sock_recv"
    ints[7] = "path_link"
    types = {name: "i32 " * count for count, names in ints.items() for name in names.split()}
    types |= {"clock_time_get": "i32 i64 i32", "fd_advise": "i32 i64 i64 i32", "fd_allocate": "i32 i64 i64", "sched_yield": ""}
    types |= {"fd_fdstat_set_rights": "i32 i64 i64", "fd_filestat_set_size": "i32 i64", "fd_seek": "i32 i64 i32 i32"}
    types |= {"fd_filestat_set_times": "i32 i64 i64 i32", "path_filestat_set_times": "i32 i32 i32 i32 i64 i64 i32"}
    types |= dict.fromkeys(("fd_pread", "fd_pwrite", "fd_readdir"), "i32 i32 i32 i64 i32")
    types["path_open"] = "i32 i32 i32 i32 i32 i64 i64 i32 i32"
    lines = [f'(import "wasi_snapshot_preview1" "{n}" (func (param {p}) (result i32)))' for n, p in types.items()]
    return "".join(lines) + '(import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))'


# Start-up code.


@pytest.mark.parametrize("how", ["(start $s)", '(export "_initialize" (func $s))', '(export "__wasm_call_ctors" (func $s))'])
def test_startup_runs_when_it_is_loaded_and_may_call_the_host(how: str) -> None:
    text = f"""(module {IMPORTS} (global $ran (mut i32) (i32.const 1)) {how} (data (i32.const 0) "colour")
      (func $s (drop (call $config_get (call $block (i32.const 0) (i32.const 6))))
        (call $log_info (call $block (i32.const 0) (i32.const 6)))
        (drop (call $query (call $block (i32.const 0) (i32.const 6)))) (global.set $ran (i32.const 0)))
      (func (export "f") (result i32) (global.get $ran)))"""
    guest = guest_of(text)
    guest.load("tester", {}, make_call())
    assert guest.call("f", b"", make_call()) == b""


def test_startup_that_traps() -> None:
    guest = guest_of("(module (func $s (unreachable)) (start $s))")
    with pytest.raises(GuestTrappedError):
        guest.load("tester", {}, make_call())


@pytest.mark.parametrize("how", ["(start $s)", '(export "_initialize" (func $s))'])
def test_startup_that_loops_can_be_interrupted(how: str) -> None:
    guest = guest_of(f"(module (func $s (loop $l (br $l))) {how})")
    with interrupting(guest), pytest.raises(GuestInterruptedError):
        guest.load("tester", {}, make_call())


class interrupting:  # noqa: N801 - reads as what it does
    """While inside, the guest is cancelled over and over, as the deadlines do."""

    def __init__(self, guest: ForeignGuest) -> None:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._cancel, args=[guest])

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _cancel(self, guest: ForeignGuest) -> None:
        while not self._done.wait(0.01):
            guest.cancel()


def test_an_endless_loop_can_be_interrupted() -> None:
    guest = guest_of(handler("(loop $l (br $l))"))
    with interrupting(guest), pytest.raises(GuestInterruptedError):
        guest.call("f", b"", make_call())


def test_sleeping_returns_at_once() -> None:
    text = """(module (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1) (data (i32.const 16) "\\01") (data (i32.const 24) "\\00\\58\\47\\f8\\0d")
      (func (export "f") (result i32)
        (i32.ne (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)) (i32.const 52))))"""
    begun = time.monotonic()
    assert guest_of(text).call("f", b"", make_call()) == b""
    assert time.monotonic() - begun < 5


def test_ending_the_process_ends_the_call() -> None:
    text = """(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (func (export "f") (call $exit (i32.const 0))))"""
    with pytest.raises(GuestTrappedError):
        guest_of(text).call("f", b"", make_call())


# Too much of everything.


def test_too_much_memory() -> None:
    body = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))"
    with pytest.raises(GuestOutOfMemoryError):
        run(body)
    with pytest.raises(GuestOutOfMemoryError):
        run("(loop $l (br_if $l (i64.ne (call $alloc (i64.const 1000000)) (i64.const 0))))")


def test_a_table_stops_growing() -> None:
    grow = "(table.grow (ref.null func) (i32.const 200000))"
    text = f'(module (table 1 funcref) (func (export "f") (result i32) (i32.ne (i32.const -1) {grow})))'
    assert guest_of(text).call("f", b"", make_call()) == b""


def test_memory_that_begins_beyond_the_limit() -> None:
    with pytest.raises(GuestError, match="its memory begins with 65 MiB: it may have 64"):
        guest_of('(module (memory 1040) (func (export "f")))')


@pytest.mark.parametrize("memory", ["1 1", "1024 1024", "600"])
def test_memory_within_the_limit(memory: str) -> None:
    assert guest_of(f'(module (memory {memory}) (func (export "f")))').call("f", b"", make_call()) == b""


def test_too_much_output() -> None:
    with pytest.raises(GuestTooLongError):
        run("(call $show (call $alloc (i64.const 10000000)))")


def test_endless_recursion() -> None:
    with pytest.raises(GuestTrappedError):
        run("(call $again)", "(func $again (call $again) (call $again))")


def test_code_that_is_not_valid() -> None:
    data = wasm('(module (func (export "f") (result i32) (i32.const 0)))')
    with pytest.raises(GuestError, match="it cannot be compiled: "):
        ForeignProgram(prepare(data.replace(b"\x41\0\x0b", b"\x42\0\x0b")), PAGES).instantiate({}, patient=False)


# Forged addresses: each of these ends the process, or could, if it gets as far as Extism.

ALLOCATE = "(local.set $o (call $alloc (i64.const 16)))"
LENGTHEN = "(call $store_u64 (i64.sub (local.get $o) (i64.const 8)) (i64.const 0x7000000070000000))"
COUNT = "(local.set $i (i64.add (local.get $i) (i64.const 1))) (br_if $l (i64.lt_u (local.get $i) (i64.const {0})))"
FORGERIES = {
    "the length of a block, then a parameter": f"{ALLOCATE} {LENGTHEN} (drop (call $query (local.get $o)))",
    "the length of a block, then an error": f"{ALLOCATE} {LENGTHEN} (call $error_set (local.get $o))",
    "the length of a block, then a key": f"{ALLOCATE} {LENGTHEN} (drop (call $config_get (local.get $o)))",
    "the state of a block": f"{ALLOCATE} (call $store_u8 (i64.sub (local.get $o) (i64.const 12)) (i32.const 2))",
    "across the end of a block": f"{ALLOCATE} (call $store_u64 (i64.add (local.get $o) (i64.const 9)) (i64.const 0))",
    "right after a block": f"{ALLOCATE} (call $store_u8 (i64.add (local.get $o) (i64.const 16)) (i32.const 1))",
    "the root": "(call $store_u64 (i64.const 57) (i64.const 0x70000000))",
    "the first byte": "(call $store_u8 (i64.const 0) (i32.const 1))",
    "output of others": "(call $output_set (i64.const 100) (i64.const 10))",
    "output beyond a block": f"{ALLOCATE} (call $output_set (local.get $o) (i64.const 17))",
    "output that wraps around": f"{ALLOCATE} (call $output_set (local.get $o) (i64.const -1))",
    "a parameter inside a block": f"{ALLOCATE} (drop (call $query (i64.add (local.get $o) (i64.const 1))))",
    "a parameter with a bit too many": f"{ALLOCATE} (drop (call $query (i64.add (local.get $o) (i64.const 0x100000000))))",
    "a negative parameter": "(drop (call $query (i64.const -77)))",
    "the second parameter": f"{ALLOCATE} (call $log (local.get $o) (i64.const 12345))",
    "a variable": f"{ALLOCATE} (call $var_set (local.get $o) (i64.const 99))",
    "a log line": "(call $log_info (i64.const 99))",
    "a freed parameter": f"{ALLOCATE} (call $free (local.get $o)) (drop (call $query (local.get $o)))",
    "a freed block": f"{ALLOCATE} (call $free (local.get $o)) (call $store_u8 (local.get $o) (i32.const 1))",
    "too many blocks": "(loop $l (drop (call $alloc (i64.const 1))) (br $l))",
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_address_traps(name: str) -> None:
    with pytest.raises(GuestTrappedError):
        run(FORGERIES[name])


def test_forgeries_do_not_end_the_process() -> None:
    """All of them once more, together, in a process whose end does not take the tests along."""
    tests = Path(__file__).resolve().parents[2]
    selected = "forged or startup or sleeping or too_much or recursion"
    command = [
        sys.executable,
        "-m",
        "pytest",
        __file__,
        "-q",
        "-k",
        f"({selected}) and not end_the_process",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(command, cwd=tests.parent, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_freeing_twice_and_freeing_what_is_not_there_does_nothing() -> None:
    body = (
        f"{ALLOCATE} (call $free (local.get $o)) (call $free (local.get $o)) (call $free (i64.const 7)) (call $free (i64.const -1))"
    )
    assert run(body) == b""
    assert run(f"{ALLOCATE} (call $free (local.get $o)) (return (i32.wrap_i64 (call $length (local.get $o))))") == b""


def test_a_length_beyond_32_bits_gives_no_block() -> None:
    for length in ("0x100000008", "0x8000000000000000", "-1", "0x80000000"):
        assert run(f"(return (i32.wrap_i64 (call $alloc (i64.const {length}))))") == b""


def test_as_many_blocks_as_there_may_be() -> None:
    # The input's is among them.
    assert run(f"(loop $l {ALLOCATE} {COUNT.format(MAX_BLOCKS - 1)})") == b""
    with pytest.raises(GuestTrappedError):
        run(f"(loop $l {ALLOCATE} {COUNT.format(MAX_BLOCKS)})")
    assert run(f"(loop $l {ALLOCATE} (call $free (local.get $o)) {COUNT.format(MAX_BLOCKS * 2)})") == b""


KEEPING = """(global $kept (mut i64) (i64.const 0))
  (func (export "keep") (result i32) (global.set $kept (call $alloc (i64.const 1000))) (i32.const 0))"""


@pytest.mark.parametrize(
    "use",
    [
        "(call $store_u8 (global.get $kept) (i32.const 1))",
        "(drop (call $query (global.get $kept)))",
        "(call $output_set (global.get $kept) (i64.const 1000))",
        "(call $error_set (global.get $kept))",
    ],
)
@pytest.mark.parametrize("size", [0, 2])
def test_a_forged_address_of_an_earlier_call_traps(use: str, size: int) -> None:
    guest = guest_of(handler(use, KEEPING))
    assert guest.call("keep", b"", make_call()) == b""
    with pytest.raises(GuestTrappedError):
        guest.call("f", b" " * size, make_call())


@pytest.mark.parametrize("size", [40, 96, 500, 5000])
def test_blocks_are_forgotten_when_input_takes_their_place(size: int) -> None:
    guest = guest_of(handler("(return (i32.wrap_i64 (call $length (global.get $kept))))", KEEPING))
    assert guest.call("keep", b"", make_call()) == b""
    assert guest.call("f", "é".encode() * size, make_call()) == b""


ANY = guest_of(
    f"""(module {IMPORTS}
      (func $number (param $at i64) (result i64) (local $n i64) (local $i i64)
        (loop $next
          (local.set $n (i64.or (i64.shl (local.get $n) (i64.const 4))
            (i64.and (i64.extend_i32_u (call $input_load_u8 (i64.add (local.get $at) (local.get $i)))) (i64.const 15))))
          (local.set $i (i64.add (local.get $i) (i64.const 1)))
          (br_if $next (i64.lt_u (local.get $i) (i64.const 16))))
        (local.get $n))
      (func (export "store") (call $store_u64 (call $number (i64.const 0)) (i64.const -1)))
      (func (export "output") (call $output_set (call $number (i64.const 0)) (call $number (i64.const 16))))
      (func (export "error") (call $error_set (call $number (i64.const 0))))
      (func (export "ask") (drop (call $query (call $number (i64.const 0)))))
      (func (export "load") (drop (call $load_u64 (call $number (i64.const 0))))
        (drop (call $load_u8 (call $number (i64.const 0))))))"""
)


@given(
    name=st.sampled_from(["store", "output", "error", "ask", "load"]),
    numbers=st.tuples(*[st.integers(0, 2**64 - 1) | st.integers(0, 300) | st.integers(2**32 - 9, 2**32 + 300)] * 2),
)
@settings(max_examples=300, deadline=None)
def test_random_addresses_trap_or_do_no_harm(name: str, numbers: tuple[int, int]) -> None:
    # Letters from @ to O carry four bits each, as text.
    data = bytes(0x40 | (number >> shift) & 15 for number in numbers for shift in range(60, -4, -4))
    try:
        output: Any = ANY.call(name, data, make_call("read:objects"))
    except GuestError:
        return
    assert output in data
