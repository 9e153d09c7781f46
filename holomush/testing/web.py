"""The web as a test has it: answers that were laid out beforehand, and nothing else."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from holomush.plugins.functions.addresses import Target
from holomush.plugins.functions.refusal import HostCallError
from holomush.testing.watch import as_refusal


class Request(NamedTuple):
    """What a plugin has sent. ``body`` is empty for GET."""

    method: str
    url: str
    body: str


class CannedWeb:
    """Answers by method and URL; the last one laid out for a URL holds."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        """All that were made and allowed."""
        self.unanswered: list[Request] = []
        """Those for which there was no answer, since ``begin``."""
        self._answers: dict[tuple[str, str], dict[str, Any] | Exception] = {}

    def get(
        self,
        url: str,
        *,
        status: int = 200,
        body: Any = "",
        headers: Mapping[str, str] | None = None,
        error: Exception | None = None,
    ) -> None:
        """Answer a GET of ``url``. ``body`` is text, bytes, or what becomes JSON; with ``error``, a ``HostError``, it fails."""
        self._lay_out("GET", url, status, body, headers, error)

    def post(
        self,
        url: str,
        *,
        status: int = 200,
        body: Any = "",
        headers: Mapping[str, str] | None = None,
        error: Exception | None = None,
    ) -> None:
        """Answer a POST to ``url``, as ``get``."""
        self._lay_out("POST", url, status, body, headers, error)

    def begin(self) -> None:
        """Another call of the plugin comes."""
        self.unanswered = []

    async def fetch(self, method: Literal["GET", "POST"], url: str, body: str, require: Callable[[str], None]) -> dict[str, Any]:
        """As ``Fetch``: what the server would refuse is refused."""
        target = Target.parse(url, ())
        require(f"http:{method.lower()}:{target.domain}")
        request = Request(method, _address(target), body)
        self.requests.append(request)
        answer = self._answers.get((method, request.url))
        if answer is None:
            self.unanswered.append(request)
            raise HostCallError("unavailable", f"the test has no answer to {method} {request.url}")
        if isinstance(answer, Exception):
            raise as_refusal(answer) or answer
        return {**answer, "url": str(target.url)}

    def _lay_out(
        self, method: str, url: str, status: int, body: Any, headers: Mapping[str, str] | None, error: Exception | None
    ) -> None:
        target = Target.parse(url, ())
        shown = {name.lower(): value for name, value in (headers or {}).items()}
        if isinstance(body, bytes):
            try:
                body = body.decode()
            except UnicodeDecodeError:
                body = {"base64": base64.b64encode(body).decode("ascii")}
        elif not isinstance(body, str):
            body = json.dumps(body)
            shown.setdefault("content-type", "application/json")
        self._answers[method, _address(target)] = error or {"status": status, "headers": shown, "body": body}


def _address(target: Target) -> str:
    """One spelling for each URL."""
    return f"https://{target.domain}{target.url.raw_path.decode()}"


def advice(request: Request) -> str:
    """What to say when a request had no answer."""
    how = f'harness.http.{request.method.lower()}("{request.url}", body=...)'
    return f"the test has no answer to {request.method} {request.url}: {how}"
