"""The configuration: its defaults, a file over them, and errors that name the key. README.md shows the defaults as they are."""

import re
from pathlib import Path

import pytest

from holomush.config import (
    Config,
    GameConfig,
    LimitsConfig,
    PluginsConfig,
    Rate,
    SessionsConfig,
    TelemetryConfig,
    TelnetConfig,
    TlsConfig,
    WebConfig,
    load_config,
)
from holomush.structuring import StructureError

README = Path(__file__).resolve().parents[1] / "README.md"


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "holomush.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


@pytest.mark.parametrize("text", ["", "# nothing set\n", "{}", "telnet: {}\nplugins: {}\n"])
def test_what_is_not_set_has_its_default(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text) == Config()


def test_the_readme_shows_every_setting_with_its_default(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert load(tmp_path, block) == Config()
    for cls in (Config, GameConfig, TelnetConfig, WebConfig, LimitsConfig, SessionsConfig, PluginsConfig, TelemetryConfig):
        for attribute in cls.__attrs_attrs__:
            assert re.search(rf"^ *{attribute.name}:", block, re.MULTILINE), attribute.name


def test_every_setting_can_be_set(tmp_path: Path) -> None:
    text = """
    data: /srv/mush
    game: {name: Example, mssp: {CONTACT: me@example.org}}
    telnet:
      {host: "::", port: 0, line_limit: 100, outbox_limit: 1000, keepalive: 0, compression: false,
       tls: {host: "::", port: 1, certificate: ~/a.pem, key: /b.pem}}
    web:
      {enabled: false, host: "::", port: 2, certificate: a.pem, key: b.pem, origins: ["*"], message_limit: 100, who: true,
       metrics: [192.0.2.0/24]}
    limits:
      {connections: 1, per_address: 2, arrivals: {per_second: 3, burst: 4}, commands: {per_second: 0.5, burst: 6},
       proxies: [192.0.2.1, "2001:db8::/32"]}
    sessions:
      {guests: 0, characters: 1, first_command: "", replay_limit: 5, login_timeout: 10, idle_timeout: 20, resume_grace: 0,
       shutdown_grace: 0.5}
    plugins:
      {folders: [a, ~/b], timeout: 1, memory_mb: 32, message_limit: 1000, events_per_call: 3, host_calls_per_call: 4, instances: 1}
    telemetry: {exporter: console}
    """
    assert load(tmp_path, text) == Config(
        data=Path("/srv/mush"),
        game=GameConfig(name="Example", mssp={"CONTACT": "me@example.org"}),
        telnet=TelnetConfig(
            host="::",
            port=0,
            line_limit=100,
            outbox_limit=1000,
            keepalive=0.0,
            compression=False,
            tls=TlsConfig(host="::", port=1, certificate=Path.home() / "a.pem", key=Path("/b.pem")),
        ),
        web=WebConfig(
            enabled=False,
            host="::",
            port=2,
            certificate=Path("a.pem"),
            key=Path("b.pem"),
            origins=("*",),
            message_limit=100,
            who=True,
            metrics=("192.0.2.0/24",),
        ),
        limits=LimitsConfig(
            connections=1,
            per_address=2,
            arrivals=Rate(per_second=3.0, burst=4),
            commands=Rate(per_second=0.5, burst=6),
            proxies=("192.0.2.1", "2001:db8::/32"),
        ),
        sessions=SessionsConfig(
            guests=0,
            characters=1,
            first_command="",
            replay_limit=5,
            login_timeout=10.0,
            idle_timeout=20.0,
            resume_grace=0.0,
            shutdown_grace=0.5,
        ),
        plugins=PluginsConfig(
            folders=(Path("a"), Path.home() / "b"),
            timeout=1.0,
            memory_mb=32,
            message_limit=1000,
            events_per_call=3,
            host_calls_per_call=4,
            instances=1,
        ),
        telemetry=TelemetryConfig(exporter="console"),
    )


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("prot: 1", ["unknown key 'prot'; known are data, game, telnet, web, limits, sessions, plugins, telemetry"]),
        (
            "telnet: {prot: 1}",
            ["telnet: unknown key 'prot'; known are host, port, line_limit, outbox_limit, keepalive, compression, tls"],
        ),
        ("web: {origins: https://example.org}", ["web.origins: must be a list, not 'https://example.org'"]),
        ("web: {who: 1}", ["web.who: must be true or false, not 1"]),
        ("web: {certificate: 1, key: 2}", ["web.certificate: must be text, not 1", "web.key: must be text, not 2"]),
        ("game: {mssp: {PORT: 1}}", ["game.mssp['PORT']: must be text, not 1"]),
        ("telnet: {port: '4201'}", ["telnet.port: must be a whole number, not '4201'"]),
        ("telnet: {port: yes}", ["telnet.port: must be a whole number, not True"]),
        ("telnet: {host: 127}", ["telnet.host: must be text, not 127"]),
        ("telnet:", ["telnet: must be a mapping of keys to values, not None"]),
        ("data: [a]", ["data: must be text, not ['a']"]),
        ("plugins: {folders: mine}", ["plugins.folders: must be a list, not 'mine'"]),
        ("plugins: {folders: [a, 1]}", ["plugins.folders[1]: must be text, not 1"]),
        ("plugins: {timeout: 5s}", ["plugins.timeout: must be a number, not '5s'"]),
        ("sessions: {first_command: null}", ["sessions.first_command: must be text, not None"]),
        ("- data", ["must be a mapping of keys to values, not ['data']"]),
        ("just text", ["must be a mapping of keys to values, not 'just text'"]),
        (
            "telnet: {port: x}\nplugins: {timeout: y, instances: 1.5}\nsessions: {guests: z}",
            [
                "telnet.port: must be a whole number, not 'x'",
                "sessions.guests: must be a whole number, not 'z'",
                "plugins.timeout: must be a number, not 'y'",
                "plugins.instances: must be a whole number, not 1.5",
            ],
        ),
    ],
)
def test_a_slip_is_told_with_its_path(tmp_path: Path, text: str, problems: list[str]) -> None:
    with pytest.raises(StructureError) as caught:
        load(tmp_path, text)
    assert list(caught.value.problems) == [f"{tmp_path / 'holomush.yaml'}: {problem}" for problem in problems]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("telnet: {port: -1}", "telnet.port: must be 0 to 65535, not -1"),
        ("telnet: {port: 65536}", "telnet.port: must be 0 to 65535, not 65536"),
        ("telnet: {line_limit: 0}", "telnet.line_limit: must be above 0, not 0"),
        ("telnet: {outbox_limit: 0}", "telnet.outbox_limit: must be above 0, not 0"),
        ("telnet: {keepalive: -1}", "telnet.keepalive: must be 0 or more, not -1.0"),
        ("telnet: {tls: {port: 65536}}", "telnet.tls.port: must be 0 to 65535, not 65536"),
        ("telnet: {tls: {certificate: a.pem}}", "telnet.tls: certificate and key go together: give both, or none"),
        ("web: {key: b.pem}", "web: certificate and key go together: give both, or none"),
        ("web: {port: -1}", "web.port: must be 0 to 65535, not -1"),
        ("web: {message_limit: 0}", "web.message_limit: must be above 0, not 0"),
        ("web: {metrics: [here]}", "web.metrics: must be addresses or networks such as 192.0.2.0/24, not 'here'"),
        ("limits: {connections: 0}", "limits.connections: must be above 0, not 0"),
        ("limits: {per_address: 0}", "limits.per_address: must be above 0, not 0"),
        ("limits: {arrivals: {per_second: 0, burst: 1}}", "limits.arrivals.per_second: must be above 0, not 0.0"),
        ("limits: {commands: {per_second: 1, burst: 0}}", "limits.commands.burst: must be above 0, not 0"),
        (
            "limits: {proxies: [192.0.2.0/24, 192.0.2.1/24]}",
            "limits.proxies: must be addresses or networks such as 192.0.2.0/24, not '192.0.2.1/24'",
        ),
        ("sessions: {characters: 0}", "sessions.characters: must be 1 or more, not 0"),
        ("sessions: {idle_timeout: -1}", "sessions.idle_timeout: must be 0 or more, not -1.0"),
        ("sessions: {resume_grace: -1}", "sessions.resume_grace: must be 0 or more, not -1.0"),
        ("sessions: {guests: -1}", "sessions.guests: must be 0 or more, not -1"),
        ("sessions: {replay_limit: -1}", "sessions.replay_limit: must be 0 or more, not -1"),
        ("sessions: {login_timeout: 0}", "sessions.login_timeout: must be above 0, not 0.0"),
        ("sessions: {shutdown_grace: -0.5}", "sessions.shutdown_grace: must be 0 or more, not -0.5"),
        ("plugins: {timeout: 0}", "plugins.timeout: must be above 0, not 0.0"),
        ("plugins: {timeout: .inf}", "plugins.timeout: must be a number, not inf"),
        ("plugins: {timeout: .nan}", "plugins.timeout: must be a number, not nan"),
        ("plugins: {memory_mb: 15}", "plugins.memory_mb: must be 16 or more, not 15"),
        ("plugins: {message_limit: 0}", "plugins.message_limit: must be above 0, not 0"),
        ("plugins: {events_per_call: -1}", "plugins.events_per_call: must be 0 or more, not -1"),
        ("plugins: {host_calls_per_call: -1}", "plugins.host_calls_per_call: must be 0 or more, not -1"),
        ("plugins: {instances: 0}", "plugins.instances: must be above 0, not 0"),
        ("plugins: {command_events: {per_second: 0, burst: 1}}", "plugins.command_events.per_second: must be above 0, not 0.0"),
        ("plugins: {answer_events: {per_second: 1, burst: 0}}", "plugins.answer_events.burst: must be above 0, not 0"),
        ("plugins: {log_lines: {per_second: 1}}", "plugins.log_lines.burst: the key 'burst' is missing"),
        ("plugins: {http: {timeout: -1}}", "plugins.http.timeout: must be above 0, not -1.0"),
        ("plugins: {http: {response_limit: 0}}", "plugins.http.response_limit: must be above 0, not 0"),
        ("plugins: {http: {per_minute: 0}}", "plugins.http.per_minute: must be above 0, not 0"),
        ("plugins: {kv: {value_limit: 0}}", "plugins.kv.value_limit: must be above 0, not 0"),
        ("plugins: {kv: {keys: 0}}", "plugins.kv.keys: must be above 0, not 0"),
        ("plugins: {kv: {total_limit: 0}}", "plugins.kv.total_limit: must be above 0, not 0"),
        ("plugins: {tables: {rows: 0}}", "plugins.tables.rows: must be above 0, not 0"),
        ("plugins: {tables: {row_limit: 0}}", "plugins.tables.row_limit: must be above 0, not 0"),
        ("plugins: {pauses: {failures: 0}}", "plugins.pauses.failures: must be above 0, not 0"),
        ("plugins: {pauses: {shortest: 0}}", "plugins.pauses.shortest: must be above 0, not 0.0"),
        ("plugins: {pauses: {longest: 0}}", "plugins.pauses.longest: must be above 0, not 0.0"),
        ("plugins: {grants: {echo: emit}}", "plugins.grants['echo']: must be a list, not 'emit'"),
        ("plugins: {grants: {echo: [1]}}", "plugins.grants['echo'][0]: must be text, not 1"),
        ("telemetry: {exporter: carrier-pigeon}", "telemetry.exporter: must be none, console or otlp, not 'carrier-pigeon'"),
        ("telnet: {port: 1, host: a, port: 2}", "line 1: the key 'port' is there already, in line 1"),
    ],
)
def test_a_value_out_of_its_range(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(StructureError) as caught:
        load(tmp_path, text)
    assert list(caught.value.problems) == [f"{tmp_path / 'holomush.yaml'}: {problem}"]


def test_the_ends_of_the_ranges_can_be_had(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        telnet: {port: 65535, line_limit: 1, outbox_limit: 1}
        sessions: {guests: 0, replay_limit: 0, login_timeout: 0.1, shutdown_grace: 0}
        plugins: {timeout: 0.1, memory_mb: 16, message_limit: 1, events_per_call: 0, host_calls_per_call: 0, instances: 1}
        """,
    )
    assert (config.telnet.port, config.sessions.shutdown_grace, config.plugins.memory_mb) == (65535, 0.0, 16)


def test_slips_of_all_kinds_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(StructureError) as caught:
        load(tmp_path, "telnet: {port: 70000, line_limit: x}\nplugins: {memory_mb: 1, http: {timeout: 0, tiemout: 1}}\n")
    assert [problem.partition(": ")[2] for problem in caught.value.problems] == [
        "telnet.port: must be 0 to 65535, not 70000",
        "telnet.line_limit: must be a whole number, not 'x'",
        "plugins.memory_mb: must be 16 or more, not 1",
        "plugins.http.timeout: must be above 0, not 0.0",
        "plugins.http: unknown key 'tiemout'; known are timeout, response_limit, per_minute, local_hosts",
    ]


def test_a_file_that_is_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match=r"holomush\.yaml: is not valid YAML: while parsing .*line 1"):
        load(tmp_path, "telnet: {port: 1")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match="cannot be read: No such file or directory"):
        load_config(tmp_path / "missing.yaml")
    with pytest.raises(StructureError, match="cannot be read: Is a directory"):
        load_config(tmp_path)
