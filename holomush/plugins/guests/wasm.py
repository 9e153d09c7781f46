"""Core WebAssembly binaries: read as far as a loader needs, and written anew with other imports and without start-up code.

Only bytes here: which imports a plugin may have is decided in ``guard``, and whether the code is valid by Extism's compiler.
What this reads strictly it writes anew, so that the compiler cannot read it differently; the rest stays as it was, in its order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import attrs

from holomush.plugins.guests.binary import Reader, WasmError, write_number, write_text

MAX_BYTES = 32 * 1024 * 1024
MAX_FUNCTION_BYTES = 1024 * 1024
"""Compiling one function takes time and memory by its size: 2 s and 300 MiB for this much, at the worst."""
MAX_TABLES = 16
MAX_TABLE_ELEMENTS = 100_000
"""Elements of one table. Extism bounds memories and not tables, and a table takes 8 bytes for each element."""
RESERVED = "holomush:"
"""What the names of exports begin with that only ``without_startup`` makes."""
STARTUP_NAMES = ("_initialize", "__wasm_call_ctors", "hs_init", "_start")
"""Exports that Extism or its linker run by themselves while a plugin is constructed, where nothing can stop them."""

T = TypeVar("T")

_HEADER = b"\0asm\1\0\0\0"
_COMPONENT = b"\0asm\x0d\0\1\0"
_TYPES, _IMPORTS, _FUNCTIONS, _TABLES, _MEMORIES, _EXPORTS, _START, _CODE, _TAGS = 1, 2, 3, 4, 5, 7, 8, 10, 13
_FUNCTION = 0
_KINDS = ("function", "table", "memory", "global", "tag")
_VALUES = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128", 0x70: "funcref", 0x6F: "externref"}
_FUNCTION_TYPE = 0x60
_MOST_PAGES = 65536


@attrs.frozen
class Signature:
    """The type of a function, as names of value types: ``i32``, ``i64`` and so on."""

    parameters: tuple[str, ...]
    results: tuple[str, ...]

    def __str__(self) -> str:
        return f"({', '.join(self.parameters)}) -> ({', '.join(self.results)})"


@attrs.frozen
class Import:
    """A function that the module imports."""

    module: str
    name: str
    signature: Signature
    type_index: int

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@attrs.frozen
class Export:
    """A name for a function, table, memory or global. ``kind`` is the binary format's number for it."""

    name: str
    kind: int
    index: int


@attrs.frozen
class Limits:
    """How much a table (elements) or a memory (pages of 64 KiB) has at first, and at most."""

    least: int
    most: int | None


@attrs.frozen(kw_only=True)
class Module:
    """What was read of a module. ``sections`` are all of them as (number, bytes), in their order."""

    sections: tuple[tuple[int, bytes], ...]
    imports: tuple[Import, ...]
    exports: tuple[Export, ...]
    functions: tuple[Signature, ...]
    """Every function by its index, imported ones first."""
    tables: tuple[tuple[int, Limits], ...]
    """The type of the elements, as the format's number, and how many."""
    memory: Limits | None
    start: int | None

    def exported(self, *signatures: Signature) -> frozenset[str]:
        """The names of exported functions of one of these types."""
        return frozenset(
            export.name for export in self.exports if export.kind == _FUNCTION and self.functions[export.index] in signatures
        )


NOTHING = Signature((), ())


def parse(data: bytes) -> Module:
    """Read a module. Raises ``WasmError``."""
    _check_header(data)
    sections = tuple(_sections(data))
    found = {number: body for number, body in sections if number}
    if len(found) != sum(1 for number, _ in sections if number):
        raise WasmError("is no valid WebAssembly: it has a section twice")
    if _TAGS in found:
        raise WasmError("uses WebAssembly exceptions, which plugins do not have: compile it without them")
    types = _vector(found, _TYPES, _type)
    imports = _vector(found, _IMPORTS, lambda reader: _import(reader, types))
    own = _vector(found, _FUNCTIONS, lambda reader: _item(types, reader.number(), "type"))
    functions = (*(imported.signature for imported in imports), *own)
    _vector(found, _CODE, _body)
    memories = _vector(found, _MEMORIES, _limits)
    if len(memories) > 1:
        raise WasmError(f"has {len(memories)} memories: a plugin has one")
    return Module(
        sections=sections,
        imports=imports,
        exports=_exports(found, functions),
        functions=functions,
        tables=_tables(found),
        memory=memories[0] if memories else None,
        start=_start(found, functions),
    )


def without_startup(module: Module, imports: Sequence[tuple[str, str]]) -> tuple[bytes, tuple[str, ...]]:
    """The module with each import taken from where ``imports`` says, as (module, name), and with nothing that runs by itself.

    Also returns the names of the exports to call before any other, in order. Tables get a maximum.
    """
    exports = [attrs.evolve(export, name=neutral(export.name)) for export in module.exports]
    calls = []
    if module.start is not None:
        exports.append(Export(RESERVED + "start", _FUNCTION, module.start))
        calls.append(RESERVED + "start")
    runnable = module.exported(NOTHING)
    # A reactor's _initialize calls its constructors itself.
    first = [name for name in STARTUP_NAMES[:2] if name in runnable][:1]
    calls += [neutral(name) for name in (*first, *STARTUP_NAMES[2:3]) if name in runnable]
    written = {
        _IMPORTS: lambda: _write(_linked(old, *new) for old, new in zip(module.imports, imports, strict=True)),
        _TABLES: lambda: _write(bytes([kind]) + _written_limits(_bounded(limits)) for kind, limits in module.tables),
        _MEMORIES: lambda: _write(_written_limits(_roomy(limits)) for limits in [module.memory] if limits),
        _EXPORTS: lambda: _write(write_text(export.name) + bytes([export.kind]) + write_number(export.index) for export in exports),
    }
    has_exports = any(number == _EXPORTS for number, _ in module.sections)
    out = bytearray(_HEADER)
    for number, body in module.sections:
        if number == _START and has_exports:
            continue
        target = _EXPORTS if number == _START else number  # its place is the next one after that of the exports
        content = written[target]() if target in written else body
        out += bytes([target]) + write_number(len(content)) + content
    return bytes(out), tuple(calls)


def neutral(name: str) -> str:
    """The name under which an export is found after ``without_startup``."""
    return RESERVED + name if name in STARTUP_NAMES else name


def _check_header(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise WasmError(f"has {len(data)} bytes: a module may have {MAX_BYTES}")
    if data[:8] == _COMPONENT:
        raise WasmError("is a WebAssembly component: build a core module (wasm32-wasip1 or wasm32-unknown-unknown)")
    if data.lstrip()[:1] in (b"(", b";"):
        raise WasmError("is WebAssembly text: it must be binary, as wat2wasm makes it")
    if data[:8] != _HEADER:
        raise WasmError("is no WebAssembly module: it does not begin with \\0asm and version 1")


def _sections(data: bytes) -> Iterator[tuple[int, bytes]]:
    reader = Reader(data)
    reader.take(len(_HEADER))
    while not reader.at_end():
        number = reader.byte()
        if number > _TAGS:
            raise WasmError(f"is no valid WebAssembly: there is no section {number}")
        yield number, reader.take(reader.number())


def _vector(found: dict[int, bytes], section: int, read: Callable[[Reader], T]) -> tuple[T, ...]:
    if section not in found:
        return ()
    reader = Reader(found[section])
    items = tuple(read(reader) for _ in range(reader.number()))
    if not reader.at_end():
        raise WasmError(f"is no valid WebAssembly: section {section} is longer than what is in it")
    return items


def _values(reader: Reader) -> tuple[str, ...]:
    codes = reader.take(reader.number())
    if unknown := set(codes) - _VALUES.keys():
        raise WasmError(f"uses the value type 0x{min(unknown):02x}, which plugins do not have: compile it without proposals")
    return tuple(_VALUES[code] for code in codes)


def _limits(reader: Reader) -> Limits:
    flags = reader.byte()
    if flags > 1:
        raise WasmError("has a memory or table that is shared or has 64-bit addresses, which plugins do not have")
    return Limits(reader.number(), reader.number() if flags else None)


def _type(reader: Reader) -> Signature:
    if reader.byte() != _FUNCTION_TYPE:
        raise WasmError("uses types of garbage-collected WebAssembly, which plugins do not have: compile it without them")
    return Signature(_values(reader), _values(reader))


def _import(reader: Reader, types: Sequence[Signature]) -> Import:
    module, name, kind = reader.text(), reader.text(), reader.byte()
    if kind != _FUNCTION:
        what = _KINDS[kind] if kind < len(_KINDS) else "thing of unknown kind"
        raise WasmError(f"imports the {what} {module}.{name}: a plugin may import functions only".replace("\n", " "))
    index = reader.number()
    return Import(module, name, _item(types, index, "type"), index)


def _item(items: Sequence[T], index: int, what: str) -> T:
    if index >= len(items):
        raise WasmError(f"is no valid WebAssembly: there is no {what} {index}")
    return items[index]


def _body(reader: Reader) -> None:
    size = reader.number()
    if size > MAX_FUNCTION_BYTES:
        raise WasmError(f"has a function of {size} bytes: it may have {MAX_FUNCTION_BYTES}")
    reader.take(size)


def _exports(found: dict[int, bytes], functions: Sequence[Signature]) -> tuple[Export, ...]:
    exports = _vector(found, _EXPORTS, lambda reader: Export(reader.text(), reader.byte(), reader.number()))
    names: set[str] = set()
    for export in exports:
        if export.name in names:
            raise WasmError(f"is no valid WebAssembly: it exports {export.name!r} twice")
        names.add(export.name)
        if export.name.startswith(RESERVED):
            raise WasmError(f"exports {export.name!r}: names that begin with {RESERVED} are the server's")
        if export.kind == _FUNCTION:
            signature = _item(functions, export.index, "function")
            if export.name in STARTUP_NAMES and signature != NOTHING:
                raise WasmError(f"exports {export.name} as {signature}: it must be {NOTHING}")
    return exports


def _tables(found: dict[int, bytes]) -> tuple[tuple[int, Limits], ...]:
    def read(reader: Reader) -> tuple[int, Limits]:
        kind = reader.byte()
        if _VALUES.get(kind) not in ("funcref", "externref"):
            raise WasmError(f"has a table of the type 0x{kind:02x}, which plugins do not have: compile it without proposals")
        limits = _limits(reader)
        if limits.least > MAX_TABLE_ELEMENTS:
            raise WasmError(f"has a table of {limits.least} elements: it may have {MAX_TABLE_ELEMENTS}")
        return kind, limits

    tables = _vector(found, _TABLES, read)
    if len(tables) > MAX_TABLES:
        raise WasmError(f"has {len(tables)} tables: it may have {MAX_TABLES}")
    return tables


def _start(found: dict[int, bytes], functions: Sequence[Signature]) -> int | None:
    if _START not in found:
        return None
    index = Reader(found[_START]).number()
    if _item(functions, index, "function") != NOTHING:
        raise WasmError("is no valid WebAssembly: its start function takes or returns something")
    return index


def _bounded(limits: Limits) -> Limits:
    return Limits(limits.least, MAX_TABLE_ELEMENTS if limits.most is None else min(limits.most, MAX_TABLE_ELEMENTS))


def _roomy(limits: Limits) -> Limits:
    # Extism lets a memory grow to less than its maximum, and does not even begin one that is as large as that.
    return limits if limits.most is None else Limits(limits.least, min(limits.most + 1, _MOST_PAGES))


def _write(items: Iterator[bytes]) -> bytes:
    written = list(items)
    return write_number(len(written)) + b"".join(written)


def _linked(imported: Import, module: str, name: str) -> bytes:
    return write_text(module) + write_text(name) + bytes([_FUNCTION]) + write_number(imported.type_index)


def _written_limits(limits: Limits) -> bytes:
    least = write_number(limits.least)
    return b"\0" + least if limits.most is None else b"\1" + least + write_number(limits.most)
