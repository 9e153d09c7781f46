"""Testing plugins: the real plugin on the real host, and a stand-in for the server for functions by themselves.

    from holomush_pdk.testing import PluginTestHarness

    def test_echo_responds_to_say():
        harness = PluginTestHarness("echo.wasm")
        result = harness.deliver_event({"type": "say", "payload": {"message": "hello"}})
        assert result.emitted_events[0]["payload"]["message"] == "Echo: hello"

The harness is part of the server (`holomush.testing`), which must be installed; pytest offers it as the fixture `plugin_harness`.
`FakeServer` needs nothing, and runs a plugin's functions in the Python that the test runs in:

    from holomush_pdk.testing import FakeServer

    def test_greeting() -> None:
        with FakeServer(input={"actor": {"name": "Ada"}}, config={"greeting": "Hi"}) as server:
            assert plugin.greet(Invocation.from_input()) == "Hi, Ada."
        assert server.calls == [("holomush_log", "info", "greeted")]

Not part of the runtime: a plugin cannot import it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any

import holomush_pdk

if TYPE_CHECKING:
    from holomush.testing import (
        CapabilityDenied,
        Denial,
        HarnessError,
        HostCall,
        LogLine,
        NoSuchCommand,
        Outcome,
        PluginFailed,
        PluginTestHarness,
        Result,
        Span,
        UnexpectedRequest,
        run_transcripts,
    )

__all__ = [
    "CapabilityDenied",
    "Denial",
    "FakeServer",
    "HarnessError",
    "HostCall",
    "LogLine",
    "NoSuchCommand",
    "Outcome",
    "PluginFailed",
    "PluginTestHarness",
    "Result",
    "Span",
    "UnexpectedRequest",
    "run_transcripts",
]


def __getattr__(name: str) -> Any:
    # Looked up when it is wanted: FakeServer does without the server, and pytest imports this module at every start.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module("holomush.testing"), name)
    except ModuleNotFoundError as exc:
        if exc.name != "holomush":
            raise
        raise ImportError(f"{name} runs plugins on the real server: install the package holomush, too") from None


class FakeServer:
    """Stands in for the server while the `with` block runs.

    `input` is the call's JSON input. `answers` gives what each function returns, by its name in the plugin ABI
    ("holomush_find"); a HostError is raised instead, and a function without an answer returns None.
    `calls` lists the calls that were made: the function's name, then its texts as the server would get them.
    """

    def __init__(
        self,
        *,
        input: Mapping[str, Any] | None = None,  # noqa: A002 - the ABI's word
        answers: Mapping[str, Any] | None = None,
        config: Mapping[str, str] | None = None,
    ) -> None:
        self.calls: list[tuple[str, ...]] = []
        self._input = b"" if input is None else json.dumps(input).encode()
        self._answers = dict(answers or {})
        self._config = dict(config or {})
        self._before: Any = None

    def __enter__(self) -> FakeServer:
        self._before, holomush_pdk._host = holomush_pdk._host, self
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        holomush_pdk._host = self._before

    # The part of the module _holomush that holomush_pdk uses.

    def input(self) -> bytes:
        return self._input

    def config_get(self, key: str) -> str | None:
        return self._config.get(key)

    def __getattr__(self, name: str) -> Callable[..., str]:
        if not name.startswith("holomush_"):
            raise AttributeError(name)

        def call(*texts: str) -> str:
            self.calls.append((name, *texts))
            answer = self._answers.get(name)
            if isinstance(answer, holomush_pdk.HostError):
                return json.dumps({"ok": False, "error": {"code": answer.code, "message": answer.message}})
            return json.dumps({"ok": True, "value": answer})

        return call


try:
    import pytest
except ModuleNotFoundError:
    pass  # tests can be run without it
else:

    @pytest.fixture
    def plugin_harness() -> Iterator[Callable[..., PluginTestHarness]]:
        """Makes harnesses, with the arguments of `PluginTestHarness`, and closes them when the test has ended."""
        make: Callable[..., PluginTestHarness] = __getattr__("PluginTestHarness")
        with ExitStack() as closing:
            yield lambda *arguments, **keywords: closing.enter_context(make(*arguments, **keywords))
