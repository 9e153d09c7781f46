"""Testing a plugin's functions in ordinary Python, without a server.

    from holomush_pdk.testing import FakeServer

    def test_greeting() -> None:
        with FakeServer(input={"actor": {"name": "Ada"}}, config={"greeting": "Hi"}) as server:
            assert plugin.greet(Invocation.from_input()) == "Hi, Ada."
        assert server.calls == [("holomush_log", "info", "greeted")]

Not part of the runtime: a plugin cannot import it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import holomush_pdk


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
