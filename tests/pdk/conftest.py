"""A small stand-in for the server: real guests on the real runtime, with host functions that record and answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from extism import Plugin, ValType, host_fn
from extism.extism import CompiledPlugin

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "holomush" / "runtimes" / "python.wasm"
JAVASCRIPT_RUNTIME = ROOT / "holomush" / "runtimes" / "javascript.wasm"
DEFINITIONS = ROOT / "pdk" / "runtimes" / "host_functions.def"


SILENCE = object()
"""No envelope at all: what a guest sees when the server has given the call up."""


class Host:
    """What the host functions do: they write down each call and give back the answer that a test has set."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.answers: dict[str, object] = {}

    def reset(self) -> None:
        self.calls.clear()
        self.answers.clear()

    def logged(self) -> list[tuple[str, ...]]:
        return [call[1:] for call in self.calls if call[0] == "holomush_log"]

    def answer(self, *call: str) -> str:
        self.calls.append(call)
        answer = self.answers.get(call[0])
        if answer is SILENCE:
            return ""  # which is the offset 0
        return json.dumps(answer.envelope() if isinstance(answer, Refusal) else {"ok": True, "value": answer})

    def functions(self) -> list[Any]:
        """All that the runtime imports, by its own list of them."""
        rows = re.findall(r"^HOST_FUNCTION\((\w+), (\d), (ENVELOPE|NOTHING)\)$", DEFINITIONS.read_text(), re.MULTILINE)
        return [self._function(name, int(count), returns=result == "ENVELOPE") for name, count, result in rows]

    def _function(self, name: str, count: int, *, returns: bool) -> Any:
        signature = ([ValType.I64] * count, [ValType.I64] if returns else [])

        @host_fn(name=name, namespace="extism:host/user", signature=signature)  # type: ignore[untyped-decorator]
        def function(current: Any, params: list[Any], results: list[Any], *_: object) -> None:
            texts = [current.input_string(param) for param in params]
            if returns:
                current.return_string(results[0], self.answer(name, *texts))
            else:
                self.calls.append((name, *texts))

        return function


class Refusal:
    """An answer that is an error."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message

    def envelope(self) -> dict[str, object]:
        return {"ok": False, "error": {"code": self.code, "message": self.message}}


class Guest:
    """One instance of the runtime with a plugin in it."""

    def __init__(self, compiled: Any, host: Host, modules: dict[str, str]) -> None:
        self.host = host
        self._plugin = Plugin(compiled)
        request = json.dumps({"plugin": "test", "modules": modules})
        self.functions: list[str] = json.loads(bytes(self._plugin.call("hm_load", request)))["functions"]

    def raw(self, function: str, data: str = "") -> str:
        return bytes(self._plugin.call("hm_call", f"{function}\n{data}")).decode()

    def call(self, function: str, data: object = None) -> Any:
        """The function's answer, decoded; None if it had nothing to say."""
        answer = self.raw(function, "" if data is None else json.dumps(data))
        return json.loads(answer) if answer else None

    def error(self, function: str, data: object = None) -> str:
        """The text that a failing call gives."""
        with pytest.raises(Exception) as caught:  # noqa: PT011 - the SDK raises its own kind
            self.call(function, data)
        return str(caught.value)


class Runtime:
    """One of the shared runtimes, compiled, and the host that its guests talk to."""

    def __init__(self, wasm: Path = RUNTIME) -> None:
        if not wasm.is_file():
            pytest.fail(f"{wasm} is missing: run scripts/build-runtimes", pytrace=False)
        self._wasm = wasm
        self.host = Host()
        # Compiled modules hold on to their functions only by reference.
        self._functions = self.host.functions()
        self._compiled = self.compile()

    def compile(self, **manifest: object) -> Any:
        # A module without a way to free it early; Extism frees it with the object.
        return CompiledPlugin(
            {
                "wasm": [{"path": str(self._wasm)}],
                "memory": {"max_pages": 1024},  # 64 MiB, as the server has it
                "timeout_ms": 20_000,
                **manifest,
            },
            wasi=True,
            functions=self._functions,
        )

    def load(self, source: str, /, **modules: str) -> Guest:
        """A guest with that plugin.py or plugin.js; further modules by name."""
        return self.load_modules({"plugin": source, **modules})

    def load_modules(self, modules: dict[str, str], compiled: Any = None) -> Guest:
        return Guest(compiled or self._compiled, self.host, modules)

    def load_error(self, modules: dict[str, str]) -> str:
        with pytest.raises(Exception) as caught:  # noqa: PT011
            self.load_modules(modules)
        return str(caught.value)


@pytest.fixture(scope="session")
def shared_runtime() -> Runtime:
    return Runtime()


@pytest.fixture
def runtime(shared_runtime: Runtime) -> Iterator[Runtime]:
    shared_runtime.host.reset()
    yield shared_runtime
    shared_runtime.host.reset()


@pytest.fixture
def host(runtime: Runtime) -> Host:
    return runtime.host
