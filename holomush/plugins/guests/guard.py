"""The guard: a small WebAssembly module that stands between a stranger's module and the functions of Extism and of the host.

Extism's functions trust what they are given. One ``store_u64`` anywhere rewrites the headers that say how long a block of its
memory is, and the host reads and writes by those. So every function that takes an address is imported from the guard, which
remembers the blocks that the running call has got and traps on any other. This module owns what may be imported, and from where.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holomush.plugins.functions.table import HOST_FUNCTIONS, NAMESPACE, HostFunction
from holomush.plugins.guests.binary import WasmError
from holomush.plugins.guests.wasm import Import, Signature

KERNEL = "extism:host/env"
WASI = "wasi_snapshot_preview1"
GUARD = "holomush:guard"
"""The name of the guard among the modules of a plugin."""
MAX_BLOCKS = 4096
"""Blocks of Extism's memory that one call may have at a time: as many as the guard's one page of memory has room for."""

# Parameters and results: i for i32, I for i64.
_KERNEL_GUARDED = {
    "alloc": "I:I",
    "free": "I:",
    "length": "I:I",
    "length_unsafe": "I:I",
    "store_u8": "Ii:",
    "store_u64": "II:",
    "output_set": "II:",
    "error_set": "I:",
    "config_get": "I:I",
    "var_get": "I:I",
    "var_set": "II:",
    "get_log_level": ":i",
}
# Extism's own log has no reader here: what is written to it goes to the plugin's, at these levels.
_LOGS = {"log_trace": "debug", "log_debug": "debug", "log_info": "info", "log_warn": "warn", "log_error": "error"}
_KERNEL_GUARDED |= dict.fromkeys(_LOGS, "I:")
# These read, and at worst trap.
_KERNEL_OPEN = {
    "load_u8": "I:i",
    "load_u64": "I:I",
    "input_load_u8": "I:i",
    "input_load_u64": "I:I",
    "input_length": ":I",
    "input_offset": ":I",
}
# Extism's poll_oneoff sleeps past every limit, and its proc_exit leaves an instance behind that was stopped half-way.
_WASI_GUARDED = {"poll_oneoff": "iiii:i", "proc_exit": "i:"}
# With no folders, arguments, environment or output given, these answer that there are none.
_WASI_OPEN = {
    "args_get": "ii:i",
    "args_sizes_get": "ii:i",
    "clock_res_get": "ii:i",
    "clock_time_get": "iIi:i",
    "environ_get": "ii:i",
    "environ_sizes_get": "ii:i",
    "fd_advise": "iIIi:i",
    "fd_allocate": "iII:i",
    "fd_close": "i:i",
    "fd_datasync": "i:i",
    "fd_fdstat_get": "ii:i",
    "fd_fdstat_set_flags": "ii:i",
    "fd_fdstat_set_rights": "iII:i",
    "fd_filestat_get": "ii:i",
    "fd_filestat_set_size": "iI:i",
    "fd_filestat_set_times": "iIIi:i",
    "fd_pread": "iiiIi:i",
    "fd_prestat_dir_name": "iii:i",
    "fd_prestat_get": "ii:i",
    "fd_pwrite": "iiiIi:i",
    "fd_read": "iiii:i",
    "fd_readdir": "iiiIi:i",
    "fd_renumber": "ii:i",
    "fd_seek": "iIii:i",
    "fd_sync": "i:i",
    "fd_tell": "ii:i",
    "fd_write": "iiii:i",
    "path_create_directory": "iii:i",
    "path_filestat_get": "iiiii:i",
    "path_filestat_set_times": "iiiiIIi:i",
    "path_link": "iiiiiii:i",
    "path_open": "iiiiiIIii:i",
    "path_readlink": "iiiiii:i",
    "path_remove_directory": "iii:i",
    "path_rename": "iiiiii:i",
    "path_symlink": "iiiii:i",
    "path_unlink_file": "iii:i",
    "proc_raise": "i:i",
    "random_get": "ii:i",
    "sched_yield": ":i",
    "sock_accept": "iii:i",
    "sock_recv": "iiiiii:i",
    "sock_send": "iiiii:i",
    "sock_shutdown": "ii:i",
}
_TABLES = {KERNEL: (_KERNEL_GUARDED, _KERNEL_OPEN), WASI: (_WASI_GUARDED, _WASI_OPEN)}
_HINTS = {
    "http_request": ": call holomush_http_get",
    "http_status_code": ": call holomush_http_get",
    "http_headers": ": call holomush_http_get",
}
_WHERE = f"a plugin may import functions of {NAMESPACE}, {KERNEL} and {WASI}"
_HOST_FUNCTIONS = {function.name: function for function in HOST_FUNCTIONS}
_LOG = "holomush_log:void"


def forms(function: HostFunction) -> dict[str, Signature]:
    """The types with which a function may be imported, by the name that the guard exports it under."""
    parameters = ("i64",) * len(function.parameters)
    found = {function.name: Signature(parameters, ("i64",))} if function.returns else {}
    if function.void:
        found[void_name(function)] = Signature(parameters, ())
    return found


def void_name(function: HostFunction) -> str:
    """The name of the form without a result, between the guard and the host."""
    return function.name + ":void"


def source_of(wanted: Import) -> tuple[str, str]:
    """The module and name from which an import is to be taken instead. Raises ``WasmError`` for one that plugins do not have."""
    guarded, unguarded = _TABLES.get(wanted.module, ({}, {}))
    if code := guarded.get(wanted.name) or unguarded.get(wanted.name):
        _require(wanted, [_signature(code)])
        return (GUARD, wanted.name) if wanted.name in guarded else (wanted.module, wanted.name)
    if wanted.module == NAMESPACE and wanted.name in _HOST_FUNCTIONS:
        found = forms(_HOST_FUNCTIONS[wanted.name])
        _require(wanted, found.values())
        return GUARD, next(name for name, signature in found.items() if signature == wanted.signature)
    known = wanted.module in (*_TABLES, NAMESPACE)
    hint = _HINTS.get(wanted.name, "") if known else f": {_WHERE}"
    raise WasmError(_line(f"imports {wanted}, which plugins do not have{hint}"))


def host_functions_of(imports: Iterable[tuple[str, str]]) -> frozenset[str]:
    """What the guard for a module with these imports (as ``source_of`` gives them) takes from the host, by its names for them."""
    names = {name for module, name in imports if module == GUARD}
    wanted = {name for function in HOST_FUNCTIONS for name in forms(function) if name in names}
    return frozenset(wanted | {_LOG}) if names & _LOGS.keys() else frozenset(wanted)


def guard_text(imports: Sequence[tuple[str, str]]) -> str:
    """The guard for a module with these imports (as ``source_of`` gives them), in WebAssembly text."""
    names = {name for module, name in imports if module == GUARD}
    wanted = host_functions_of(imports)
    offered = [(name, signature) for function in HOST_FUNCTIONS for name, signature in forms(function).items() if name in wanted]
    parts = [_host_import(name, signature) for name, signature in offered]
    parts.append(_BODY)
    parts += [_host_wrapper(name, signature) for name, signature in offered]
    logs = [_log_wrapper(name, level) for name, level in _LOGS.items() if name in names]
    if logs:
        parts += [_SAY, *logs]
    return "(module\n" + "\n".join(parts) + ")"


def _require(wanted: Import, signatures: Iterable[Signature]) -> None:
    allowed = list(signatures)
    if wanted.signature not in allowed:
        right = " or ".join(str(signature) for signature in allowed)
        raise WasmError(_line(f"imports {wanted} as {wanted.signature}: it is {right}"))


def _line(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:300]


def _signature(code: str) -> Signature:
    parameters, _, results = code.partition(":")
    names = {"i": "i32", "I": "i64"}
    return Signature(tuple(names[letter] for letter in parameters), tuple(names[letter] for letter in results))


def _written(signature: Signature) -> str:
    return "".join(f" (param {name})" for name in signature.parameters) + "".join(f" (result {name})" for name in signature.results)


def _host_import(name: str, signature: Signature) -> str:
    return f'(import "{NAMESPACE}" "{name}" (func $host.{name}{_written(signature)}))'


def _host_wrapper(name: str, signature: Signature) -> str:
    arguments = [f"(local.get {index})" for index in range(len(signature.parameters))]
    checks = " ".join(f"(call $check {argument})" for argument in arguments)
    made = f"(call $host.{name} {' '.join(arguments)})"
    answer = f"(call $given {made})" if signature.results else made
    return f'(func (export "{name}"){_written(signature)} (call $renew) {checks} {answer})'


def _log_wrapper(name: str, level: str) -> str:
    word = int.from_bytes(level.encode(), "little")
    return f'(func (export "{name}") (param i64) (call $say (i64.const {word}) (i64.const {len(level)}) (local.get 0)))'


_BODY = f"""
(import "{KERNEL}" "alloc" (func $alloc (param i64) (result i64)))
(import "{KERNEL}" "free" (func $free (param i64)))
(import "{KERNEL}" "length" (func $length (param i64) (result i64)))
(import "{KERNEL}" "load_u64" (func $load_u64 (param i64) (result i64)))
(import "{KERNEL}" "store_u8" (func $store_u8 (param i64 i32)))
(import "{KERNEL}" "store_u64" (func $store_u64 (param i64 i64)))
(import "{KERNEL}" "input_offset" (func $input_offset (result i64)))
(import "{KERNEL}" "input_length" (func $input_length (result i64)))
(import "{KERNEL}" "output_set" (func $output_set (param i64 i64)))
(import "{KERNEL}" "error_set" (func $error_set (param i64)))
(import "{KERNEL}" "config_get" (func $config_get (param i64) (result i64)))
(import "{KERNEL}" "var_get" (func $var_get (param i64) (result i64)))
(import "{KERNEL}" "var_set" (func $var_set (param i64 i64)))

;; The blocks: 16 bytes for each, its offset and its length.
(memory 1 2)
(global $end (mut i32) (i32.const 0))
(global $last (mut i32) (i32.const 0))
(global $mark (mut i64) (i64.const 0))

;; Extism erases its memory before each call. A mark that is gone tells that the blocks are those of an earlier one. Input cannot
;; look like the mark: it is UTF-8, which has no byte 255.
(func $renew
  (if (i64.eq (call $load_u64 (global.get $mark)) (i64.const -1)) (then (return)))
  (global.set $end (i32.const 0))
  (global.set $last (i32.const 0))
  (global.set $mark (call $alloc (i64.const 8)))
  (if (i64.eqz (global.get $mark)) (then (unreachable)))
  (call $store_u64 (global.get $mark) (i64.const -1))
  (call $add (call $input_offset) (call $input_length)))

(func $add (param $offset i64) (param $length i64)
  (if (i64.eqz (local.get $offset)) (then (return)))
  (if (i32.ge_u (global.get $end) (i32.const {MAX_BLOCKS * 16})) (then (unreachable)))
  (global.set $last (global.get $end))
  (i64.store (global.get $end) (local.get $offset))
  (i64.store offset=8 (global.get $end) (local.get $length))
  (global.set $end (i32.add (global.get $end) (i32.const 16))))

;; What a function of the host has answered.
(func $given (param $offset i64) (result i64)
  (call $add (local.get $offset) (call $length (local.get $offset)))
  (local.get $offset))

;; Where the block that begins at the offset is written down, or -1.
(func $find (param $offset i64) (result i32) (local $at i32)
  (local.set $at (global.get $end))
  (loop $next
    (if (i32.eqz (local.get $at)) (then (return (i32.const -1))))
    (local.set $at (i32.sub (local.get $at) (i32.const 16)))
    (br_if $next (i64.ne (i64.load (local.get $at)) (local.get $offset))))
  (local.get $at))

(func $check (param $offset i64)
  (if (i64.eqz (local.get $offset)) (then (return)))
  (if (i32.lt_s (call $find (local.get $offset)) (i32.const 0)) (then (unreachable))))

(func $holds (param $at i32) (param $offset i64) (param $size i64) (result i32)
  (i32.and
    (i64.ge_u (i64.load offset=8 (local.get $at)) (local.get $size))
    (i64.le_u
      (i64.sub (local.get $offset) (i64.load (local.get $at)))
      (i64.sub (i64.load offset=8 (local.get $at)) (local.get $size)))))

;; Traps unless one block has all of these bytes. Tries the one of the last time first.
(func $within (param $offset i64) (param $size i64) (local $at i32)
  (call $renew)
  (if (i32.lt_u (global.get $last) (global.get $end))
    (then (if (call $holds (global.get $last) (local.get $offset) (local.get $size)) (then (return)))))
  (local.set $at (global.get $end))
  (loop $next
    (if (i32.eqz (local.get $at)) (then (unreachable)))
    (local.set $at (i32.sub (local.get $at) (i32.const 16)))
    (br_if $next (i32.eqz (call $holds (local.get $at) (local.get $offset) (local.get $size)))))
  (global.set $last (local.get $at)))

;; Extism counts in 32 bits and would give a few bytes for a length beyond them.
(func (export "alloc") (param $length i64) (result i64) (local $offset i64)
  (call $renew)
  (if (i64.ge_u (local.get $length) (i64.const 0x80000000)) (then (return (i64.const 0))))
  (local.set $offset (call $alloc (local.get $length)))
  (call $add (local.get $offset) (local.get $length))
  (local.get $offset))

;; What is no block is left alone, as Extism does.
(func (export "free") (param $offset i64) (local $at i32)
  (call $renew)
  (local.set $at (call $find (local.get $offset)))
  (if (i32.lt_s (local.get $at) (i32.const 0)) (then (return)))
  (global.set $end (i32.sub (global.get $end) (i32.const 16)))
  (i64.store (local.get $at) (i64.load (global.get $end)))
  (i64.store offset=8 (local.get $at) (i64.load offset=8 (global.get $end)))
  (call $free (local.get $offset)))

(func $length_of (export "length") (export "length_unsafe") (param $offset i64) (result i64) (local $at i32)
  (call $renew)
  (local.set $at (call $find (local.get $offset)))
  (if (i32.lt_s (local.get $at) (i32.const 0)) (then (return (i64.const 0))))
  (i64.load offset=8 (local.get $at)))

(func (export "store_u8") (param $offset i64) (param $value i32)
  (call $within (local.get $offset) (i64.const 1))
  (call $store_u8 (local.get $offset) (local.get $value)))

(func (export "store_u64") (param $offset i64) (param $value i64)
  (call $within (local.get $offset) (i64.const 8))
  (call $store_u64 (local.get $offset) (local.get $value)))

(func (export "output_set") (param $offset i64) (param $length i64)
  (call $renew)
  (if (i64.eqz (local.get $length)) (then (call $output_set (global.get $mark) (i64.const 0)) (return)))
  (call $within (local.get $offset) (local.get $length))
  (call $output_set (local.get $offset) (local.get $length)))

(func (export "var_set") (param i64 i64)
  (call $renew) (call $check (local.get 0)) (call $check (local.get 1)) (call $var_set (local.get 0) (local.get 1)))
(func (export "config_get") (param i64) (result i64)
  (call $renew) (call $check (local.get 0)) (call $given (call $config_get (local.get 0))))
(func (export "var_get") (param i64) (result i64)
  (call $renew) (call $check (local.get 0)) (call $given (call $var_get (local.get 0))))
(func (export "error_set") (param i64) (call $renew) (call $check (local.get 0)) (call $error_set (local.get 0)))

(func (export "get_log_level") (result i32) (i32.const 0))

(func (export "poll_oneoff") (param i32 i32 i32 i32) (result i32) (i32.const 52))
(func (export "proc_exit") (param i32) (unreachable))
"""

_SAY = f"""
;; To the plugin's log. The level is text in a number, its first letter lowest.
(func $say (param $level i64) (param $length i64) (param $text i64) (local $word i64) (local $at i64)
  (call $renew)
  (call $check (local.get $text))
  (local.set $word (call $alloc (local.get $length)))
  (if (i64.eqz (local.get $word)) (then (return)))
  (loop $next
    (call $store_u8
      (i64.add (local.get $word) (local.get $at))
      (i32.and (i32.wrap_i64 (i64.shr_u (local.get $level) (i64.shl (local.get $at) (i64.const 3)))) (i32.const 255)))
    (br_if $next (i64.lt_u (local.tee $at (i64.add (local.get $at) (i64.const 1))) (local.get $length))))
  (call $host.{_LOG} (local.get $word) (local.get $text))
  (call $free (local.get $word)))
"""
