"""``python -m holomush`` as a process: its one ready line, its signals, its errors, and what a kill leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import trustme
from support.plugins import write_plugin

from holomush import bundled

ROOT = Path(__file__).resolve().parents[1]
READY = re.compile(
    r"HoloMUSH ready: telnet 127\.0\.0\.1:(?P<telnet>\d+), (?:telnet-tls 127\.0\.0\.1:(?P<tls>\d+), )?"
    r"(?:web 127\.0\.0\.1:(?P<web>\d+), )?(?P<plugins>\d+) plugins, \d+\.\d s\n"
)
PATIENCE = 60
FAST_TYPISTS = "limits: {commands: {per_second: 100000, burst: 100000}}\n"


FREE_PORTS = ("--telnet", "127.0.0.1:0", "--web", "127.0.0.1:0")
"""Later options of the same name win."""


def command(data: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "holomush", "--data", str(data), *options]


def environment() -> dict[str, str]:
    """This process's, with the source tree to import from and a known admin password."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "HOLOMUSH_ADMIN_PASSWORD": "the admin's own"}


class Process:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str], ports: Mapping[str, int]) -> None:
        self.process = process
        self.ports = ports
        """As the ready line tells them: telnet, tls, web."""

    @property
    def port(self) -> int:
        """That of telnet."""
        return self.ports["telnet"]

    def wait(self) -> tuple[int, str, str]:
        """Exit code, the rest of standard output, and standard error."""
        output, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, output, errors


@contextmanager
def started(data: Path, *options: str, plugins: int = len(bundled.PLUGIN_NAMES)) -> Iterator[Process]:
    """A server on free ports, ready, with so many plugins; killed at the end if it still runs."""
    process = subprocess.Popen(
        command(data, *FREE_PORTS, *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=data.parent,
    )
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = READY.fullmatch(line)
        if match is None or int(match["plugins"]) != plugins:
            process.kill()
            pytest.fail(f"not ready: {line!r} {process.communicate()[1]}")
        yield Process(process, {kind: int(port) for kind, port in match.groupdict().items() if kind != "plugins" and port})
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


class Client:
    """A telnet client on a plain socket, or over TLS."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket = plain if tls is None else tls.wrap_socket(plain, server_hostname="localhost")
        self.seen = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def type(self, line: str) -> None:
        self._socket.sendall(f"{line}\r\n".encode())

    def read_until(self, text: str) -> str:
        wanted = text.encode()
        while wanted not in self.seen:
            data = self._socket.recv(65536)
            if not data:
                pytest.fail(f"hung up before {text!r}: {self.seen[-500:]!r}")
            self.seen += data
        return self.seen.decode(errors="replace")

    def read_to_end(self) -> str:
        """Everything up to the end, however it comes."""
        try:
            while data := self._socket.recv(65536):
                self.seen += data
        except ConnectionError:
            pass
        return self.seen.decode(errors="replace")


def plugin_command(data: Path, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    """``python -m holomush plugin NAME ...``, in the folder where the server runs."""
    arguments = [sys.executable, "-m", "holomush", "plugin", name, *options]
    return subprocess.run(
        arguments, capture_output=True, text=True, env=environment(), cwd=data.parent, timeout=PATIENCE, check=False
    )


def refused(data: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """A server that does not start."""
    return subprocess.run(
        command(data, *FREE_PORTS, *options),
        capture_output=True,
        text=True,
        env=environment(),
        cwd=data.parent,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_in_good_order(data: Path, signal_: signal.Signals) -> None:
    with started(data) as server, Client(server.port) as alice, Client(server.port) as newcomer:
        alice.type("create Alice password")
        alice.read_until("Obvious exits:")
        alice.type("say hello")
        alice.read_until('You say, "hello"')
        newcomer.read_until("HELP")
        server.process.send_signal(signal_)
        for client in (alice, newcomer):
            assert client.read_to_end().endswith("The server is shutting down. Goodbye.\r\n")
        code, output, errors = server.wait()
    assert (code, output) == (0, "")
    assert "Traceback" not in errors
    with closing(sqlite3.connect(data / "holomush.db")) as database:
        assert database.execute("SELECT type FROM events ORDER BY sequence").fetchall() == [("connect",), ("say",), ("disconnect",)]


def get(server: Process, path: str) -> str:
    """The body of what the web port answers; it must be status 200."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.ports['web']}{path}", timeout=PATIENCE) as answer:
        assert answer.status == 200
        text: str = answer.read().decode()
    return text


def test_the_page_and_the_health_are_at_the_port_of_the_ready_line(data: Path) -> None:
    with started(data) as server:
        assert server.ports.keys() == {"telnet", "web"}
        assert get(server, "/").startswith("<!doctype html>")
        assert get(server, "/healthz") == "ok\n"
        assert "holomush" in get(server, "/metrics")


def test_without_the_web_the_ready_line_does_not_name_it(data: Path) -> None:
    (data.parent / "config.yaml").write_text("web: {enabled: false}\n")
    with started(data, "--web", "off") as server, Client(server.port) as alice:
        assert server.ports.keys() == {"telnet"}
        alice.read_until("HELP")
    # The option wins over the file, both ways.
    with started(data, "--config", "config.yaml") as server:
        assert get(server, "/healthz") == "ok\n"


def test_telnet_over_tls_has_a_port_of_its_own(data: Path) -> None:
    authority = trustme.CA()
    pair = authority.issue_cert("localhost")
    pair.cert_chain_pems[0].write_to_path(data.parent / "certificate.pem")
    pair.private_key_pem.write_to_path(data.parent / "key.pem")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    files = ("--certificate", "certificate.pem", "--key", "key.pem")
    with (
        started(data, "--telnet-tls", "127.0.0.1:0", *files) as server,
        Client(server.ports["tls"], trusting) as alice,
        Client(server.port) as bob,
    ):
        assert server.ports.keys() == {"telnet", "tls", "web"}
        for client, name in ((alice, "Alice"), (bob, "Bob")):
            client.type(f"create {name} password")
            client.read_until("Obvious exits:")
        bob.type("say hello")
        alice.read_until('Bob says, "hello"\r\n')


def test_a_chosen_admin_password_is_not_shown(data: Path) -> None:
    with started(data) as server:
        server.process.send_signal(signal.SIGTERM)
        code, _, errors = server.wait()
    assert code == 0
    assert "password" not in errors


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--config", "missing.yaml"], r"missing\.yaml: cannot be read: No such file or directory"),
        (["--config", "config.yaml"], r"config\.yaml: telnet: unknown key 'prot'; known are .*port.*"),
        (["--plugin-dir", "missing"], r"plugins: missing: there is no such folder"),
        (["--telnet", "192.0.2.1:0"], r"cannot listen on 192\.0\.2\.1:0: .*"),
        (["--telnet", "no.such.host.invalid:0"], r"cannot listen on no\.such\.host\.invalid:0: .*"),
        (["--web", "192.0.2.1:0"], r"cannot listen on 192\.0\.2\.1:0: .*"),
        (["--telnet-tls", "127.0.0.1:0"], r"--telnet-tls needs --certificate and --key"),
        (
            ["--telnet-tls", "127.0.0.1:0", "--certificate", "a.pem"],
            r"telnet over TLS needs both a certificate and its key: give --certificate and --key",
        ),
        (
            ["--telnet-tls", "127.0.0.1:0", "--certificate", "missing.pem", "--key", "missing-too.pem"],
            r"cannot read missing\.pem: No such file or directory",
        ),
        (
            ["--telnet-tls", "127.0.0.1:0", "--certificate", "config.yaml", "--key", "config.yaml"],
            r"config\.yaml is not a certificate in PEM form",
        ),
    ],
)
def test_a_mistake_of_the_operator_is_one_line(data: Path, options: list[str], said: str) -> None:
    (data.parent / "config.yaml").write_text("telnet:\n  prot: 4000\n")
    result = refused(data, *options)
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(f"holomush: {said}\n", result.stderr), result.stderr


def test_data_that_is_a_file_is_one_line(data: Path) -> None:
    (data / "file").write_text("")
    result = refused(data / "file")
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch("holomush: data: .*/file: the folder cannot be made: .*\n", result.stderr), result.stderr


@pytest.mark.parametrize("option", ["--telnet", "--web"])
def test_a_port_in_use_is_one_line(data: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = refused(data, option, f"127.0.0.1:{port}")
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(f"holomush: cannot listen on 127.0.0.1:{port}: Address already in use\n", result.stderr), result.stderr


def test_data_in_use_is_one_line(data: Path) -> None:
    with started(data):
        result = refused(data)
    assert (result.returncode, result.stdout) == (1, "")
    [line] = [line for line in result.stderr.splitlines() if line.startswith("holomush: ")]
    assert line.endswith("holomush.db: another server is using it")
    assert "Traceback" not in result.stderr


KEEPER = """
capabilities: [db:migrate]
priority: 1
schema: {attributes: {character: [{name: visits, type: integer, default: 0}]}}
commands: [{name: visit, pattern: visit, handler: visit}]
"""
KEEPER_SOURCE = """
from holomush_pdk import set_attributes

def visit(inv):
    visits = inv.actor.attributes.visits + 1
    set_attributes(inv.actor.id, visits=visits)
    return f"Visit {visits}."
"""


def test_a_plugin_from_its_arrival_to_its_removal(data: Path) -> None:
    """Dropped into ./plugins, approved and used; its data taken away when the server is down, and not before."""
    folder = write_plugin(data.parent / "plugins", "keeper", KEEPER, KEEPER_SOURCE)
    drop = ("keeper", "--data", "--data-dir", "data")
    with started(data) as server:
        server.process.send_signal(signal.SIGTERM)
        _, _, errors = server.wait()
    assert "plugin keeper waits for approval: it asks for db:migrate; look at it, then: " in errors
    assert plugin_command(data, "check", "plugins/keeper").returncode == 0
    assert plugin_command(data, "approve", "keeper").stdout.startswith("Approved of keeper 1.0.0, from the next start ")
    with started(data, plugins=len(bundled.PLUGIN_NAMES) + 1) as server, Client(server.port) as alice:
        alice.type("create Alice password")
        alice.read_until("Obvious exits:")
        for visit in ("visit", "visit"):
            alice.type(visit)
        alice.read_until("Visit 2.\r\n")
        result = plugin_command(data, "remove", *drop)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == f"holomush: cannot open the database {data / 'holomush.db'}: another server is using it\n"
        alice.type("visit")
        alice.read_until("Visit 3.\r\n")
    # It was killed; what it told of is there, and can be removed all the same.
    result = plugin_command(data, "remove", *drop)
    assert (result.returncode, result.stderr) == (0, "")
    backup = data / "holomush.db.before-removing-keeper.bak"
    assert result.stdout == (
        f"Everything that keeper kept is gone from the database. A copy from before: {backup}\n"
        "The approval of keeper is forgotten.\n"
    )
    for path, values in ((backup, [("3",)]), (data / "holomush.db", [])):
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("SELECT value FROM attributes").fetchall() == values
    assert folder.is_dir()


def test_a_broken_plugin_keeps_nobody_from_starting(data: Path) -> None:
    folder = write_plugin(data.parent / "plugins", "broken", "commands: [{name: x, pattern: x, handler: 'x y'}]", "")
    with started(data) as server:
        server.process.send_signal(signal.SIGTERM)
        code, _, errors = server.wait()
    assert code == 0
    path = folder / "plugin.yaml"
    assert f"plugin broken is left out: {path}: commands[0].handler: must be a function name, not 'x y'\n" in errors
    assert "Traceback" not in errors


def test_a_broken_approvals_file_is_one_line(data: Path) -> None:
    (data / "approvals.yaml").write_text("approved: [keeper]\n")
    result = refused(data)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == (
        f"holomush: {data}/approvals.yaml: approved: must be a mapping of keys to values, not ['keeper']"
    )
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--telnet", "4201"],
        ["--telnet", "127.0.0.1:66000"],
        ["--web", "4280"],
        ["--web", "on"],
        ["--telnet", "off"],
        ["--colour"],
        ["serve", "extra"],
        ["dance"],
    ],
)
def test_wrong_usage_is_explained(data: Path, options: list[str]) -> None:
    result = refused(data, *options)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: ")
    assert "Error: " in result.stderr
    assert "Traceback" not in result.stderr


ROUNDS = 3
TALKERS = 4


def test_what_anybody_saw_survives_a_kill(data: Path) -> None:
    """Three times: several players talk without a pause, and the server is killed while they do."""
    (data.parent / "fast.yaml").write_text(FAST_TYPISTS)
    for number in range(ROUNDS):
        with started(data, "--config", "fast.yaml") as server:
            clients = [Client(server.port) for _ in range(TALKERS)]
            if number == 0:
                with Client(server.port) as absent:  # goes away and has something to miss later
                    absent.type("create Absent password")
                    absent.read_until("Obvious exits:")
                    absent.type("QUIT")
                    absent.read_to_end()
            for index, client in enumerate(clients):
                client.type(f"{'create' if number == 0 else 'connect'} Talker{index} password")
                client.read_until("Obvious exits:")
            threads = [threading.Thread(target=talk, args=(client, f"{number}-{i}")) for i, client in enumerate(clients)]
            for thread in threads:
                thread.start()
            clients[0].read_until(f"{number}-0-40")  # they are well under way
            server.process.kill()
            for thread in threads:
                thread.join(PATIENCE)
            seen = {text for client in clients for text in re.findall(r'says?, "(\d+-\d-\d+)"\r\n', client.read_to_end())}
            for client in clients:
                client.__exit__()
        with closing(sqlite3.connect(data / "holomush.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            payloads = database.execute("SELECT payload FROM events WHERE type = 'say'").fetchall()
        stored = {json.loads(payload)["message"] for (payload,) in payloads}
        assert len(seen) >= 40
        assert seen <= stored
    with started(data) as server, Client(server.port) as absent:
        absent.type("connect Absent password")
        text = absent.read_until("--- end of replay ---")
        assert "--- 50 missed events ---\r\n" in text
        spoken = re.findall(rf'Talker(\d) says, "{ROUNDS - 1}-(\d)-(\d+)"\r\n', text)
        assert len(spoken) > 0
        for talker in range(TALKERS):  # each one's lines in order and without a gap
            numbers = [int(n) for who, same, n in spoken if who == same == str(talker)]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True


def talk(client: Client, name: str) -> None:
    """Say numbered lines until the server is gone."""
    try:
        for number in range(100_000):
            client.type(f"say {name}-{number}")
    except OSError:
        return
