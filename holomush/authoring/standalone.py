"""Plugins in Python and JavaScript as one WebAssembly module that any Extism host can run, made without a compiler.

The finished runtime is rewritten. The plugin's source goes into its memory, behind what the interpreter has there. Each function
that the manifest names becomes an export that calls the runtime's ``hm_serve``, which loads the source in an instance's first
call. Functions of the server that the plugin's capabilities do not reach are not imported any more, so that another host need not
have them; calling one is refused, and what would go to the server's log goes to Extism's.

Only bytes here: reading folders and writing files is for the caller.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from holomush.authoring.toolchain import BuildError
from holomush.plugins.functions.table import HOST_FUNCTIONS, NAMESPACE
from holomush.plugins.guests.binary import Reader, WasmError, write_number, write_text
from holomush.plugins.guests.guard import KERNEL
from holomush.plugins.guests.wasm import MAX_BYTES, RESERVED, STARTUP_NAMES, Export, Import, Limits, Module, parse
from holomush.plugins.roster.capabilities import Capability, CapabilitySet

MANIFEST_SECTION = "holomush:manifest"
"""The custom section that holds the text of plugin.yaml."""
MAX_MANIFEST = 1024 * 1024
"""Bytes of that text."""
MAX_SOURCE = 8 * 1024 * 1024
"""Bytes of all source as JSON: what a plugin folder may hold, however much of it has to be escaped."""
MAX_NAME = 255
"""Bytes of an exported function's name."""
MAX_SECTIONS = 1000
"""Sections of a module in which a manifest is looked for."""

_HEADER = b"\0asm\1\0\0\0"
_CUSTOM, _TYPES, _IMPORTS, _FUNCTIONS, _MEMORIES, _EXPORTS, _CODE, _DATA, _DATA_COUNT = 0, 1, 2, 3, 5, 7, 10, 11, 12
_FUNCTION = 0
_PAGE = 65536
_SERVE = "hm_serve"
_LOG = "holomush_log"
_FIND = "read:<kinds>"
_FINDING = ("read:locations", "read:objects", "read:characters")
"""What stands for ``_FIND`` in capabilities; there are others that begin with ``read:``."""
_RUNTIME_PREFIX = "hm_"
"""How the exports begin with which the server drives a runtime."""

# What stands in for an import that is not there: every Extism host has it, it only reads, and no function of the server has its
# type. A call that got past the runtime's own check would trap instead of reaching it.
_STAND_IN = (KERNEL, "load_u8")
_STAND_IN_TYPE = bytes([0x60, 1, 0x7E, 1, 0x7F])  # (i64) -> (i32)
_EXPORT_TYPE = bytes([0x60, 0, 1, 0x7F])  # () -> (i32)
_I32_CONST, _CALL, _END = b"\x41", b"\x10", b"\x0b"


def host_functions_for(capabilities: CapabilitySet) -> frozenset[str]:
    """The functions of the server that a plugin with these capabilities can call with success, by their names.

    Without ``holomush_log``, which needs none: Extism's own log stands in for it, in the server too.
    """
    return frozenset(
        function.name
        for function in HOST_FUNCTIONS
        if function.name != _LOG and any(_reaches(held, function.capability) for held in capabilities.held)
    )


def standalone(
    runtime: bytes,
    *,
    name: str,
    modules: Mapping[str, str],
    functions: Iterable[str],
    host_functions: Collection[str],
    manifest: str,
) -> bytes:
    """The module of a plugin: the runtime of its language with its source in it. Raises ``BuildError``.

    ``modules`` are as the runtime's ``hm_load`` takes them, ``functions`` those of the plugin that a host can call, and
    ``manifest`` is the text of plugin.yaml. Only ``host_functions`` are imported from the server. The same input gives the same
    bytes.
    """
    module = _read_runtime(runtime)
    kept = [export for export in module.exports if not export.name.startswith(_RUNTIME_PREFIX)]
    exported = _checked(functions, kept)
    if unknown := set(host_functions) - {wanted.name for wanted in module.imports if wanted.module == NAMESPACE}:
        raise BuildError(f"the runtime does not know {min(unknown)}: run scripts/build-runtimes")

    source = json.dumps({"plugin": name, "modules": dict(modules), "functions": sorted(host_functions)}).encode()
    if len(source) > MAX_SOURCE:
        raise BuildError(f"its source has {len(source)} bytes as JSON: it may have {MAX_SOURCE}")
    begin, data, memory = _placed(module, source, exported)
    serve = next(export.index for export in module.exports if export.name == _SERVE)
    types = _count(module, _TYPES)
    bodies, at = [], begin + len(source)
    for function in exported:
        length = len(function.encode())
        bodies.append(_body(serve, at, length, begin, len(source)))
        at += length

    bound = [_linked(wanted, types + 1, host_functions) for wanted in module.imports]
    first = len(module.functions)
    exports = [*kept, *(Export(function, _FUNCTION, first + index) for index, function in enumerate(exported))]
    written = {
        _TYPES: _appended(module, _TYPES, [_EXPORT_TYPE, _STAND_IN_TYPE]),
        _IMPORTS: _vector(bound),
        _FUNCTIONS: _appended(module, _FUNCTIONS, [write_number(types)] * len(exported)),
        _MEMORIES: _vector([memory]),
        _EXPORTS: _vector(
            [write_text(export.name) + bytes([export.kind]) + write_number(export.index) for export in exports],
        ),
        _CODE: _appended(module, _CODE, bodies),
        _DATA: _appended(module, _DATA, [data]),
    }
    if any(number == _DATA_COUNT for number, _ in module.sections):
        written[_DATA_COUNT] = write_number(_count(module, _DATA) + 1)
    sections = [(number, written.get(number, body)) for number, body in module.sections]
    made = with_manifest(
        _HEADER + b"".join(bytes([number]) + write_number(len(body)) + body for number, body in sections), manifest
    )
    if len(made) > MAX_BYTES:
        raise BuildError(f"the module has {len(made)} bytes: it may have {MAX_BYTES}")
    return made


def with_manifest(wasm: bytes, manifest: str) -> bytes:
    """A sound module with the text of plugin.yaml inside, as ``manifest_of`` finds it. Raises ``BuildError``."""
    text = manifest.encode()
    if len(text) > MAX_MANIFEST:
        raise BuildError(f"the manifest has {len(text)} bytes: it may have {MAX_MANIFEST}")
    body = write_text(MANIFEST_SECTION) + text
    return wasm + bytes([_CUSTOM]) + write_number(len(body)) + body


def manifest_of(wasm: bytes) -> str | None:
    """The text of plugin.yaml that a module holds, or None. Raises ``WasmError`` if it is no module, or the text not sound.

    For modules of strangers: what is not looked at need not be valid, and the work has a bound.
    """
    if len(wasm) > MAX_BYTES:
        raise WasmError(f"has {len(wasm)} bytes: a module may have {MAX_BYTES}")
    mark = write_text(MANIFEST_SECTION)
    found = [body.removeprefix(mark) for number, body in _sections(wasm) if number == _CUSTOM and body.startswith(mark)]
    if not found:
        return None
    if len(found) > 1:
        raise WasmError(f"has {len(found)} sections {MANIFEST_SECTION}: it may have one")
    if len(found[0]) > MAX_MANIFEST:
        raise WasmError(f"has a manifest of {len(found[0])} bytes: it may have {MAX_MANIFEST}")
    try:
        return found[0].decode()
    except UnicodeDecodeError as exc:
        raise WasmError("has a manifest that is not UTF-8") from exc


def _sections(wasm: bytes) -> Iterator[tuple[int, bytes]]:
    if not wasm.startswith(_HEADER):
        raise WasmError("is no WebAssembly module: it does not begin with \\0asm and version 1")
    reader = Reader(wasm)
    reader.take(len(_HEADER))
    for _ in range(MAX_SECTIONS):
        if reader.at_end():
            return
        yield reader.byte(), reader.take(reader.number())
    if not reader.at_end():
        raise WasmError(f"has more than {MAX_SECTIONS} sections")


def _reaches(held: Capability, row: str) -> bool:
    """Whether a capability allows any call of the function that asks for ``row``, such as ``kv:read`` or ``emit:<stream>``."""
    if row == _FIND:
        return any(held.covers(capability) for capability in _FINDING)
    stem, is_open, _ = row.partition("<")
    return (bool(is_open) and held.text.startswith(stem)) or held.covers(stem)


def _read_runtime(runtime: bytes) -> Module:
    try:
        module = parse(runtime)
    except WasmError as exc:
        raise BuildError(f"the runtime {exc}: run scripts/build-runtimes") from exc
    if not any(export.name == _SERVE for export in module.exports):
        raise BuildError(f"the runtime exports no {_SERVE}: run scripts/build-runtimes")
    return module


def _checked(functions: Iterable[str], kept: Iterable[Export]) -> list[str]:
    """The names, each once, in their order."""
    names = list(dict.fromkeys(functions))
    reserved = {*STARTUP_NAMES, *(export.name for export in kept)}
    for name in names:
        if not name or not name.isprintable() or len(name.encode()) > MAX_NAME:
            raise BuildError(f"the function {name[:80]!r} cannot be exported: a name is 1 to {MAX_NAME} bytes of printable text")
        if name in reserved or name.startswith(RESERVED):
            raise BuildError(f"the function {name!r} cannot be exported: every module has that name for itself; give it another")
    return names


def _placed(module: Module, source: bytes, names: Iterable[str]) -> tuple[int, bytes, bytes]:
    """Where the source begins, the segment with it and the names behind it, and the memory with room for them, both as written."""
    old = module.memory
    if old is None:
        raise BuildError("the runtime has no memory: run scripts/build-runtimes")
    content = source + b"".join(name.encode() for name in names)
    grown = Limits(old.least + -(-len(content) // _PAGE), old.most)
    begin = old.least * _PAGE
    if grown.most is not None and grown.least > grown.most:
        raise BuildError(f"its source has {len(source)} bytes as JSON: the runtime has room for {(grown.most - old.least) * _PAGE}")
    segment = b"\0" + _constant(begin) + _END + write_number(len(content)) + content
    limits = (b"\0" if grown.most is None else b"\1") + write_number(grown.least)
    return begin, segment, limits if grown.most is None else limits + write_number(grown.most)


def _linked(wanted: Import, stand_in_type: int, host_functions: Collection[str]) -> bytes:
    if wanted.module == NAMESPACE and wanted.name not in host_functions:
        (module, name), type_index = _STAND_IN, stand_in_type
    else:
        module, name, type_index = wanted.module, wanted.name, wanted.type_index
    return write_text(module) + write_text(name) + bytes([_FUNCTION]) + write_number(type_index)


def _body(serve: int, *arguments: int) -> bytes:
    code = b"\0" + b"".join(_constant(argument) for argument in arguments) + _CALL + write_number(serve) + _END
    return write_number(len(code)) + code


def _constant(value: int) -> bytes:
    """An i32.const of an address or a length, which is written as a signed number."""
    out = bytearray(_I32_CONST)
    while value >= 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _vector(items: Sequence[bytes]) -> bytes:
    return write_number(len(items)) + b"".join(items)


def _section(module: Module, number: int) -> bytes:
    for found, body in module.sections:
        if found == number:
            return body
    raise BuildError(f"the runtime has no section {number}: run scripts/build-runtimes")


def _count(module: Module, number: int) -> int:
    return Reader(_section(module, number)).number()


def _appended(module: Module, number: int, items: Sequence[bytes]) -> bytes:
    """A section that is a vector, with more at its end."""
    body = _section(module, number)
    width = next(index for index, byte in enumerate(body) if byte < 0x80) + 1  # of its count, which may be padded
    return write_number(_count(module, number) + len(items)) + body[width:] + b"".join(items)
