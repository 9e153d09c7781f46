"""The server as an operator starts it, in a process of its own: where it listens, what it uses, and whether it ended well."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import attrs
import yaml

from benchmarks import report
from holomush.sessions.entrance import ADMIN_PASSWORD_VARIABLE
from holomush.startup import DATABASE

STOPPING = 60.0
"""Seconds that the server may take to stop."""

_READY = re.compile(r"HoloMUSH ready: telnet 127\.0\.0\.1:(\d+), web 127\.0\.0\.1:(\d+), ")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@attrs.frozen
class GameServer:
    """Use ``running``. ``telnet`` and ``web`` are ports of 127.0.0.1."""

    process: subprocess.Popen[str]
    telnet: int
    web: int
    data: Path
    log_file: Path

    @property
    def memory(self) -> float:
        """MiB that are resident. Cheap to ask, unlike ``report.resident_memory``, which stops the process for a moment."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * _PAGE / 2**20

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far."""
        return report.cpu_seconds(self.process.pid)

    def stop(self) -> int:
        """SIGTERM; returns the exit status. Raises ``subprocess.TimeoutExpired``."""
        self.process.terminate()
        return self.process.wait(STOPPING)

    def complaints(self) -> list[str]:
        """The lines of the log that tell of an error."""
        lines = self.log_file.read_text(errors="replace").splitlines()
        return [line for line in lines if " ERROR " in line or " CRITICAL " in line or "Traceback" in line]

    def damage(self) -> list[str]:
        """What SQLite finds wrong with the database of a server that has stopped."""
        with closing(sqlite3.connect(self.data / DATABASE)) as database:
            return [row[0] for row in database.execute("PRAGMA integrity_check") if row[0] != "ok"]


@contextmanager
def running(folder: Path, config: Mapping[str, Any], password: str) -> Iterator[GameServer]:
    """A server with its data in ``folder`` and this admin's password, which is killed on leaving if it has not ended by then."""
    folder.mkdir(exist_ok=True)
    config_file, log_file = folder / "holomush.yaml", folder / "server.log"
    config_file.write_text(yaml.safe_dump(dict(config)))
    command = [sys.executable, "-m", "holomush", "serve", "--config", str(config_file), "--data-dir", str(folder)]
    command += ["--telnet", "127.0.0.1:0", "--web", "127.0.0.1:0"]
    environment = {**os.environ, ADMIN_PASSWORD_VARIABLE: password}
    with (
        log_file.open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment) as process,
    ):
        try:
            assert process.stdout is not None
            ready = _READY.match(process.stdout.readline())
            if ready is None:
                raise RuntimeError(f"the server did not start: {log_file.read_text()}")
            yield GameServer(process, int(ready[1]), int(ready[2]), folder, log_file)
        finally:
            process.kill()
