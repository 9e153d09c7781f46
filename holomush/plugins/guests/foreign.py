"""Plugins that come as ``plugin.wasm``, in any language and from anybody: made harmless, compiled and run.

Nothing of such a module runs unless it is called: ``wasm`` takes away what would run by itself. It reaches Extism and the host
through the ``guard`` only. Each has compiled modules of its own, so that interrupting it disturbs no other plugin.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import attrs
import extism
from extism.extism import CompiledPlugin

from holomush.plugins.calls import Call
from holomush.plugins.functions.table import HOST_FUNCTIONS
from holomush.plugins.guests.guard import GUARD, forms, guard_text, host_functions_of, source_of, void_name
from holomush.plugins.guests.guest import Guest, GuestError, GuestFailedError, GuestInterruptedError, bind
from holomush.plugins.guests.wasm import NOTHING, RESERVED, Signature, neutral, parse, without_startup
from holomush.plugins.limits import PAGE

_CODE = Signature((), ("i32",))
_MIB_PAGES = 16
_AFTERMATH = 1.0
"""Seconds after an interrupt in which a guest may still be stopped by it."""


@attrs.frozen(kw_only=True)
class ForeignModule:
    """A module that was found harmless. ``wasm`` is not the author's file but what is made of it."""

    wasm: bytes
    guard: str
    """The module that it imports from, as text."""
    host_functions: frozenset[str]
    """What the guard takes from the host for it, by the guard's names for them."""
    startup: tuple[str, ...]
    """Exports to call before any other, in order."""
    functions: frozenset[str]
    """Exports that can be called: without parameters, and with a code (0 is success) or nothing as result."""
    pages: int
    """Of 64 KiB, that its memory begins with."""


def prepare(data: bytes) -> ForeignModule:
    """Check and rewrite a module. Takes about 0.1 s for 1 MiB. Raises ``WasmError``."""
    module = parse(data)
    sources = [source_of(wanted) for wanted in module.imports]
    wasm, startup = without_startup(module, sources)
    names = (name for name in module.exported(NOTHING, _CODE) if "\0" not in name)
    return ForeignModule(
        wasm=wasm,
        guard=guard_text(sources),
        host_functions=host_functions_of(sources),
        startup=startup,
        functions=frozenset(name for name in names if not neutral(name).startswith(RESERVED)),
        pages=module.memory.least if module.memory else 0,
    )


class ForeignProgram:
    """A module with its memory limit in ``pages``. Compiled at most twice: for the quick lane, and for worker threads."""

    def __init__(self, module: ForeignModule, pages: int) -> None:
        self._module = module
        self._pages = pages
        self._compiled: dict[bool, CompiledPlugin] = {}
        self._interrupts = _Interrupts()
        self._lock = threading.Lock()

    def instantiate(self, config: Mapping[str, str], *, patient: bool) -> ForeignGuest:
        """As ``Program.instantiate``."""
        with self._lock:
            if patient not in self._compiled:
                self._compiled[patient] = self._compile()
            compiled = self._compiled[patient]
        return ForeignGuest(compiled, config, self._module, self._interrupts)

    def isolate(self) -> None:
        """Nothing to do: no other plugin shares what this one runs on."""

    def _compile(self) -> CompiledPlugin:
        module = self._module
        if module.pages > self._pages:
            raise GuestError(f"its memory begins with {module.pages / _MIB_PAGES:g} MiB: it may have {self._pages / _MIB_PAGES:g}")
        manifest = {
            "wasm": [{"name": GUARD, "data": module.guard.encode()}, {"name": "main", "data": module.wasm}],
            # Extism counts what is added later, but asks for room for the first pages too.
            "memory": {"max_pages": max(module.pages, self._pages - module.pages)},
        }
        functions = [function for name, function in _FORMS.items() if name in module.host_functions]
        try:
            return CompiledPlugin(manifest, wasi=True, functions=functions)
        except extism.Error as exc:
            raise GuestError(f"it cannot be compiled: {str(exc).strip().splitlines()[-1]}") from exc


@attrs.define
class _Interrupts:
    """When an instance of a program was interrupted last, as ``time.monotonic()``."""

    last: float | None = None


class ForeignGuest(Guest):
    """An instance of a foreign module. Not for two threads at once, nor for use after any call has raised."""

    def __init__(self, compiled: CompiledPlugin, config: Mapping[str, str], module: ForeignModule, interrupts: _Interrupts) -> None:
        super().__init__(compiled, config)
        self._module = module
        self._interrupts = interrupts

    def load(self, name: str, modules: Mapping[str, str], call: Call) -> frozenset[str]:  # noqa: ARG002 - its source is compiled
        """Run what the module does at its start, each step under the call's limit. Returns the names of its functions."""
        for export in self._module.startup:
            self._call(export, b"", call)
        return self._module.functions

    def call(self, function: str, data: bytes, call: Call) -> bytes:
        """Call an export with JSON and get JSON, or nothing, back. Raises ``GuestError``."""
        if function not in self._module.functions:
            raise GuestError(f"it has no function {function}")
        return self._call(function, data, call)

    def memory(self) -> int:
        """What it began with: a stranger's module does not tell how much more it has asked for."""
        return self._module.pages * PAGE

    def cancel(self) -> None:
        """As ``Guest.cancel``."""
        self._interrupts.last = time.monotonic()
        super().cancel()

    def _call(self, export: str, data: bytes, call: Call) -> bytes:
        try:
            return super()._call(export, data, call)
        except GuestInterruptedError as exc:
            last = self._interrupts.last
            if last is None or time.monotonic() - last > _AFTERMATH:
                # It has set that error itself: nobody need run it again.
                raise GuestFailedError("timeout") from exc
            raise


_FORMS: dict[str, extism.Function] = {
    name: bind(function, void_name=name if name == void_name(function) else None)
    for function in HOST_FUNCTIONS
    for name in forms(function)
}
