"""A server as an operator starts it: ``python -m holomush serve`` in a process of its own, on loopback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import attrs
from support.game import ADMIN_PASSWORD, PATIENCE

from holomush.sessions.entrance import ADMIN_PASSWORD_VARIABLE

_READY = re.compile(r"HoloMUSH ready: telnet 127\.0\.0\.1:(?P<telnet>\d+), web 127\.0\.0\.1:(?P<web>\d+), ")


@attrs.frozen
class GameServer:
    """Where a server listens, on 127.0.0.1."""

    telnet: int
    web: int

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://127.0.0.1:{self.web}/"


@contextmanager
def serving(folder: Path, *, telnet: int = 0, web: int = 0) -> Iterator[GameServer]:
    """A server with its data in ``folder``, for as long as the context lasts. Port 0 is a free one.

    It must stop by itself when it is asked to, and must have written nothing of an error into its log.
    """
    command = [sys.executable, "-m", "holomush", "serve", "--data", str(folder / "data")]
    command += ["--telnet", f"127.0.0.1:{telnet}", "--web", f"127.0.0.1:{web}"]
    log = folder / "server.log"
    with (
        log.open("w+b") as errors,
        subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, ADMIN_PASSWORD_VARIABLE: ADMIN_PASSWORD},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield _until_ready(process, log)
            process.terminate()
            assert process.wait(PATIENCE) == 0, log.read_text()
        finally:
            process.kill()  # nothing happens to one that has ended
    unwell = [line for line in log.read_text().splitlines() if " ERROR " in line or line.startswith("Traceback")]
    assert unwell == [], log.read_text()


def _until_ready(process: subprocess.Popen[str], log: Path) -> GameServer:
    assert process.stdout is not None
    late = Timer(2 * PATIENCE, process.kill)
    late.start()
    try:
        line = process.stdout.readline()
    finally:
        late.cancel()
        late.join()
    found = _READY.match(line)
    assert found is not None, f"{line!r}\n{log.read_text()}"
    return GameServer(int(found["telnet"]), int(found["web"]))
