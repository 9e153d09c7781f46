"""The page to play in: a folder of files, read once into memory.

There are no paths to go wrong: what is not in the table does not exist. Changes of the files are seen at the next start.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import attrs

from holomush.errors import HolomushError
from holomush.net.web.http import Answer, Request, line

TOTAL_LIMIT = 33_554_432
"""Bytes of all files together."""

TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
OTHER_TYPE = "application/octet-stream"

# What a Content-Security-Policy can name; it has no form for addresses in brackets. Those get by on 'self'.
_HOST = re.compile(r"(?=.{1,255}\Z)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:\d{1,5})?", re.ASCII)


class PagesError(HolomushError):
    """A folder of pages that cannot be read."""


@attrs.frozen
class _Form:
    """One way to send a file. ``etag`` is strong: no two forms share one."""

    body: bytes
    etag: str
    encoding: str = ""


@attrs.frozen
class _Page:
    content_type: str
    plain: _Form
    packed: _Form | None


class Pages:
    """Pages by their exact paths. ``load`` reads a folder."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """``files`` are contents by path, as in "/js/client.js". "/index.html" is also "/"."""
        self._pages = {path: _page(path, body) for path, body in files.items()}
        if "/index.html" in self._pages:
            self._pages["/"] = self._pages["/index.html"]

    @classmethod
    def load(cls, folder: Path) -> Pages:
        """The files of a folder and those below it. Raises ``PagesError``, also if there is no index.html.

        Names that begin with a dot are left out.
        """
        files: dict[str, bytes] = {}
        left = TOTAL_LIMIT
        try:
            for file in sorted(folder.rglob("*")):
                name = file.relative_to(folder)
                if file.is_file() and not any(part.startswith(".") for part in name.parts):
                    body = file.read_bytes()
                    files[f"/{name.as_posix()}"] = body
                    left -= len(body)
                    if left < 0:
                        raise PagesError(f"the pages in {folder} are more than {TOTAL_LIMIT // 1_048_576} MiB")
        except OSError as exc:
            raise PagesError(f"cannot read the pages: {exc}") from None
        if "/index.html" not in files:
            raise PagesError(f"there is no index.html in {folder}")
        return cls(files)

    def answer(self, request: Request) -> Answer:
        """The page asked for, 304 if the client has it, or 404."""
        page = self._pages.get(request.path)
        if page is None:
            return line(404, "There is no such page.")
        form = page.packed if page.packed and _takes_gzip(request.listed("accept-encoding")) else page.plain
        headers = {
            "ETag": form.etag,
            "Cache-Control": "no-cache",
            "Content-Security-Policy": policy(request.header("host")),
        }
        if page.packed:
            headers["Vary"] = "Accept-Encoding"
        if _has_it(request.listed("if-none-match"), form.etag):
            return Answer(304, headers)
        headers["Content-Type"] = page.content_type
        if form.encoding:
            headers["Content-Encoding"] = form.encoding
        return Answer(200, headers, form.body)


def policy(host: str) -> str:
    """The Content-Security-Policy of a page that was asked for at ``host``.

    The websocket is named as well: not every browser takes it for 'self'.
    """
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; manifest-src 'self'; "
        f"connect-src 'self'{sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    )


def _page(path: str, body: bytes) -> _Page:
    digest = hashlib.sha256(body).hexdigest()[:32]
    packed = gzip.compress(body, mtime=0)
    return _Page(
        TYPES.get(Path(path).suffix.lower(), OTHER_TYPE),
        _Form(body, f'"{digest}"'),
        _Form(packed, f'"{digest}-gzip"', "gzip") if len(packed) < len(body) else None,
    )


def _takes_gzip(codings: list[str]) -> bool:
    weights = {}
    for coding in codings:
        name, _, parameter = coding.lower().partition(";")
        weights[name.strip()] = parameter.strip()
    weight = weights.get("gzip", weights.get("*"))
    return weight is not None and not re.fullmatch(r"q\s*=\s*0(\.0*)?", weight)


def _has_it(known: list[str], etag: str) -> bool:
    return any(tag == "*" or tag.removeprefix("W/") == etag for tag in known)
