"""The configuration: its defaults, a file over them, and errors that name the key. README.md shows the defaults as they are."""

import re
from pathlib import Path

import pytest

from holomush.config import Config, PluginsConfig, SessionsConfig, TelemetryConfig, TelnetConfig, load_config
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
    for cls in (Config, TelnetConfig, SessionsConfig, PluginsConfig, TelemetryConfig):
        for attribute in cls.__attrs_attrs__:
            assert re.search(rf"^ *{attribute.name}:", block, re.MULTILINE), attribute.name


def test_every_setting_can_be_set(tmp_path: Path) -> None:
    text = """
    data: /srv/mush
    telnet: {host: "::", port: 0, line_limit: 100, outbox_limit: 1000}
    sessions: {guests: 0, first_command: "", replay_limit: 5, login_timeout: 10, shutdown_grace: 0.5}
    plugins:
      {folders: [a, ~/b], timeout: 1, memory_mb: 32, message_limit: 1000, events_per_call: 3, host_calls_per_call: 4, instances: 1}
    telemetry: {exporter: console}
    """
    assert load(tmp_path, text) == Config(
        data=Path("/srv/mush"),
        telnet=TelnetConfig(host="::", port=0, line_limit=100, outbox_limit=1000),
        sessions=SessionsConfig(guests=0, first_command="", replay_limit=5, login_timeout=10.0, shutdown_grace=0.5),
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
        ("prot: 1", ["unknown key 'prot'; known are data, telnet, sessions, plugins, telemetry"]),
        ("telnet: {prot: 1}", ["telnet: unknown key 'prot'; known are host, port, line_limit, outbox_limit"]),
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


def test_an_exporter_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match=r"telemetry: .*exporter.*none.*console.*otlp") as caught:
        load(tmp_path, "telemetry: {exporter: carrier-pigeon}")
    assert len(caught.value.problems) == 1


def test_a_file_that_is_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match=r"holomush\.yaml: is not valid YAML: .*line 1"):
        load(tmp_path, "telnet: {port: 1")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match="cannot be read: No such file or directory"):
        load_config(tmp_path / "missing.yaml")
    with pytest.raises(StructureError, match="cannot be read: Is a directory"):
        load_config(tmp_path)
