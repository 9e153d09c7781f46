"""One running instance of a plugin inside WebAssembly, and the compiled module it shares with others.

Everything that touches the Extism SDK is here, but for what only modules of strangers need (``foreign``). One thread at a time uses
an instance, be it a worker thread or, in the quick lane, Trio's own. Every way a call can end is one of the errors below: the
caller throws the instance away after any of them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import extism
from extism.extism import CompiledPlugin

from holomush.errors import HolomushError
from holomush.plugins.calls import Call
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.functions.table import HOST_FUNCTIONS, NAMESPACE, HostFunction, answer, refuse
from holomush.plugins.limits import PAGE
from holomush.plugins.roster.source import SourceLanguage


class GuestError(HolomushError):
    """A call into a plugin failed. ``str()`` says how in a few words; nothing of the call may take effect."""


class HostFaultError(GuestError):
    """A host function failed in a way that is not the plugin's to handle; ``__cause__`` is what it raised."""

    def __init__(self, doom: BaseException) -> None:
        super().__init__(f"a host function failed: {doom}")
        self.__cause__ = doom


class GuestFailedError(GuestError):
    """The plugin's own code raised. ``report`` is its traceback, in the author's files and lines."""

    def __init__(self, report: str) -> None:
        super().__init__("it raised an error: " + (report.strip().rpartition("\n")[2] or "with no text"))
        self.report = report


class GuestOverdueError(GuestError):
    """The call ran past its deadline and was interrupted."""


class GuestCancelledError(GuestError):
    """The call was stopped before its deadline, because the server stops. No fault of the plugin's."""


class GuestOutOfMemoryError(GuestError):
    """The instance wanted more memory than it may have."""


class GuestTrappedError(GuestError):
    """WebAssembly stopped the guest: a crash inside the sandbox."""


class GuestRefusedError(GuestError):
    """A host function refused what the plugin asked, and the plugin called it in the form that cannot tell it so."""

    def __init__(self, function: str, code: str, message: str) -> None:
        super().__init__(f"{function} failed: {code}: {message}")


class GuestInputError(GuestError):
    """What the plugin was to be given is more than it takes. It was not called."""


class GuestOutputError(GuestError):
    """The plugin gave back what it must not: too much, or not what the ABI says."""


class GuestTooLongError(GuestOutputError):
    """The plugin gave back more than it may."""


class GuestInterruptedError(GuestError):
    """The call was stopped because of another one: Extism interrupts all guests that share a compiled module. Run it again."""


STOPPED = (GuestOverdueError, GuestTrappedError, GuestOutOfMemoryError)
"""What a plugin does that has to be stopped. An error that its own code raises is only that."""


def printable(text: str) -> str:
    """Text of a plugin's without what a terminal would obey; its line ends stay."""
    return "".join(char if char.isprintable() or char in "\n\t" else "?" for char in text)


def report_of(error: GuestError) -> str:
    """All that is known of a failure, for the log: the traceback in the author's own lines if there is one."""
    return printable(error.report.rstrip() if isinstance(error, GuestFailedError) else str(error))


class Program(Protocol):
    """What the instances of one plugin are made from."""

    def instantiate(self, config: Mapping[str, str], *, patient: bool) -> Guest:
        """An instance, not loaded yet; a patient one is not disturbed when others are interrupted in the quick lane.

        For a worker thread: the first one of each kind may have to be compiled. Raises ``GuestError``.
        """

    def isolate(self) -> None:
        """The plugin runs past its deadline again and again: further patient instances must not disturb those of other plugins."""


class SourceRuntime:
    """The compiled modules that run plugins which are source: two for each language and memory limit in use.

    Compiling takes 60 to 90 ms from Extism's disk cache and 2 s without, and 24 MiB; plugins share it, at 1.5 MiB for each.
    Interrupting one guest interrupts all of its module, so those that run for long have another module than the quick ones.
    """

    def __init__(self, modules: Mapping[str, Path]) -> None:
        """``modules`` has the interpreter of each language."""
        self._modules = modules
        self._compiled: dict[tuple[SourceLanguage, int, bool], CompiledPlugin] = {}
        self._lock = threading.Lock()

    def shared(self, language: SourceLanguage, pages: int, *, patient: bool = False) -> CompiledPlugin:
        """The module with room for ``pages`` of 64 KiB, compiled on first use. For a worker thread: it may take seconds."""
        key = (language, pages, patient)
        with self._lock:
            if key not in self._compiled:
                self._compiled[key] = self.own(language, pages)
            return self._compiled[key]

    def own(self, language: SourceLanguage, pages: int) -> CompiledPlugin:
        """A module that nobody else uses, so that interrupting its guest disturbs nobody. For a worker thread."""
        wasm = self._modules[language]
        if not wasm.is_file():
            raise GuestError(f"{wasm} is missing: run scripts/build-runtimes")
        manifest = {"wasm": [{"path": str(wasm)}], "memory": {"max_pages": pages}}
        try:
            # No timeout_ms: Extism cannot tell its timeout from a cancel, and it would be the same for all who share this.
            return CompiledPlugin(manifest, wasi=True, functions=_FUNCTIONS)
        except extism.Error as exc:
            raise GuestError(f"the runtime {wasm.name} cannot be compiled: {exc}") from exc


class SourceProgram:
    """A plugin that is source, with its memory limit in ``pages``, on the runtime that all of its language share."""

    def __init__(self, runtime: SourceRuntime, language: SourceLanguage, pages: int) -> None:
        self._runtime = runtime
        self._language = language
        self._pages = pages
        self._isolated = False
        self._own: CompiledPlugin | None = None

    def instantiate(self, config: Mapping[str, str], *, patient: bool) -> Guest:
        """As ``Program.instantiate``."""
        if not (patient and self._isolated):
            return Guest(self._runtime.shared(self._language, self._pages, patient=patient), config)
        if self._own is None:
            self._own = self._runtime.own(self._language, self._pages)
        return Guest(self._own, config)

    def isolate(self) -> None:
        """As ``Program.isolate``."""
        self._isolated = True


class Guest:
    """An instance. Not for two threads at once, nor for use after any call has raised."""

    def __init__(self, compiled: CompiledPlugin, config: Mapping[str, str]) -> None:
        try:
            self._plugin = extism.Plugin(compiled, config=dict(config), functions=_FUNCTIONS)
        except extism.Error as exc:
            raise GuestTrappedError(f"it cannot be started: {exc}") from exc
        self._cancel_handle = self._plugin.cancel_handle()

    def load(self, name: str, modules: Mapping[str, str], call: Call) -> frozenset[str]:
        """Run the plugin's source. Returns the names of the functions it offers. Raises ``GuestError``."""
        source = json.dumps({"plugin": name, "modules": dict(modules)}).encode()
        reply = self._call("hm_load", source, call)
        return _functions(reply)

    def call(self, function: str, data: bytes, call: Call) -> bytes:
        """Call a function of the plugin with JSON and get JSON, or nothing, back. Raises ``GuestError``."""
        return self._call("hm_call", b"%s\n%s" % (function.encode(), data), call)

    def memory(self) -> int:
        """Bytes of the plugin's own memory in this instance; most are shared with others until they are written to."""
        return int(bytes(self._plugin.call("hm_pages", b""))) * PAGE

    def cancel(self) -> None:
        """Interrupt the running call, and with it all guests of the same module. From any thread, while a call runs."""
        self._cancel_handle.cancel()

    def _call(self, export: str, data: bytes, call: Call) -> bytes:
        call.start_clock()
        try:
            output: bytes = self._plugin.call(export, data, _bounded(call.limits.message_bytes), host_context=call)
        except (extism.Error, UnicodeDecodeError) as exc:  # the SDK decodes a guest's error text, which may be any bytes
            error = _reason(str(exc)[: call.limits.message_bytes], call)
            raise error from (error.__cause__ or exc)
        finally:
            call.deadline = None
        if call.doom is not None:
            raise _doom(call.doom)
        return output


def _functions(reply: bytes) -> frozenset[str]:
    """What a runtime says of a plugin. A plugin has changed what the runtime is made of if it is nonsense."""
    try:
        names = json.loads(reply)["functions"]
    except (ValueError, LookupError, TypeError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise GuestOutputError("its list of functions makes no sense")
    return frozenset(names)


_TRAPPED = "error while executing at wasm backtrace"
# An interrupt that comes while Extism itself works in the guest's memory, before and after the plugin's own code, ends in one of
# these. A Python plugin's own errors begin with the word Traceback, or with a file name.
_INTERRUPTED_BETWEEN = ("unable to clear error message", "unable to reset plugin", "unable to load error message")


def _bounded(limit: int) -> Any:
    def read(buffer: Any) -> bytes:
        if len(buffer) > limit:
            raise GuestTooLongError(f"its output is larger than {limit} bytes")
        return bytes(buffer)

    return read


def _reason(text: str, call: Call) -> GuestError:
    # One that comes while Extism looks up a setting looks like a crash.
    if text == "timeout" or text.startswith(_INTERRUPTED_BETWEEN) or (call.must_stop() and text.startswith(_TRAPPED)):
        # Before the doom: an interrupt also ends what a host function does in the guest's memory, and dooms the call so.
        if call.overdue:
            late = f"it ran longer than {call.limits.timeout:g} seconds"
            return GuestCancelledError("it was stopped together with the server") if call.cancelled else GuestOverdueError(late)
        return GuestInterruptedError("it was interrupted")
    if call.doom is not None:
        return _doom(call.doom)
    if text == "oom" or text.rstrip().endswith("MemoryError"):
        return GuestOutOfMemoryError(f"it used more than {call.limits.memory_mb} MiB of memory")
    if text.startswith(_TRAPPED):
        return GuestTrappedError("it crashed inside its sandbox")
    return GuestFailedError(text)


def _doom(doom: BaseException) -> GuestError:
    return doom if isinstance(doom, GuestRefusedError) else HostFaultError(doom)


def bind(function: HostFunction, *, void_name: str | None = None) -> extism.Function:
    """The SDK's form of a host function. The SDK keeps a list of these for the life of the process, so: once, at import.

    With ``void_name`` it is the form without a result, under that name: an error that it cannot hand back dooms the call.
    """
    inputs = [extism.ValType.I64] * len(function.parameters)
    outputs = [extism.ValType.I64] if function.returns and void_name is None else []

    @extism.host_fn(name=void_name or function.name, namespace=NAMESPACE, signature=(inputs, outputs))  # type: ignore[untyped-decorator]
    def host_function(current: Any, params: list[Any], results: list[Any], *_: object) -> None:
        # An exception here would be printed and swallowed by the SDK, with the guest none the wiser: so none may leave.
        call: Call = current.host_context()
        if results:
            results[0].value = 0
        try:
            arguments = [_text(current, param, call.limits.message_bytes) for param in params]
        except HostCallError as exc:
            reply = refuse(function, exc)
        except ValueError as exc:
            call.doom = exc
            return
        else:
            reply = answer(function, call, arguments)
        if reply is not None and void_name is not None:
            call.doom = call.doom or _refusal(function, reply)
        elif reply is not None:
            memory = current.alloc(len(reply))
            if not memory.offset:
                # Extism's way to say that there is no room. The SDK would write there all the same, past what the guest has.
                call.doom = MemoryError("the plugin has no memory left for the result")
                return
            current.memory(memory)[:] = reply
            results[0].value = memory.offset

    return host_function


def _refusal(function: HostFunction, envelope: bytes) -> GuestRefusedError | None:
    reply = json.loads(envelope)
    return None if reply["ok"] else GuestRefusedError(function.name, reply["error"]["code"], reply["error"]["message"])


def _text(current: Any, param: Any, limit: int) -> str:
    """A text argument. Raises ``HostCallError`` for one that is too long, ``ValueError`` for one that no sound guest could give."""
    if param.value < 0:
        raise ValueError("a host function was given an address outside the guest's memory")
    memory = current.memory_at_offset(param)
    if memory.length > limit:
        raise HostCallError("too_large", f"an argument may have {limit} bytes")
    return bytes(current.memory(memory)).decode()


_FUNCTIONS = [bind(function) for function in HOST_FUNCTIONS]
