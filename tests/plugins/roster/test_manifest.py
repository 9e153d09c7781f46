"""``plugin.yaml``: every field, and a table of slips with the exact line that the author of each reads."""

import json
from pathlib import Path
from textwrap import dedent

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush import bundled
from holomush.commands.access import Access
from holomush.events.event import ActorKind, Event
from holomush.plugins.roster.manifest import Manifest, ManifestLimits, read_manifest
from holomush.plugins.schema.changes import Migration, Step
from holomush.plugins.schema.declared import Attribute, Schema
from holomush.plugins.schema.steps import DropAttribute, RenameTable
from holomush.structuring import StructureError, structure

WHOLE = """
name: weather-report
version: 1.20.3
description: It rains.
priority: 50
capabilities: ["emit:location:*", read:locations, db:migrate]
depends: [holomush-communication >= 1.0.0, "clock ~= 2.1, != 2.1.7"]
conflicts: [old-weather, weather-forecast < 2]
before: [farming]
after: [holomush-navigation, seasons]
commands:
  - name: forecast
    pattern: "forecast [<day>]"
    handler: handle_forecast
    description: What it will be.
    usage: forecast [<day>]    or    '<day>
    aliases: [fc, weather next]
    prefix: "'"
    access: builder
  - name: anything
    pattern: "<text>"
    handler: handle_anything
    fallback: true
subscribes:
  - {type: say, stream: "location:*", exclusive: true}
  - {type: "*"}
renders:
  rain: {actor: "You rain.", target: "", others: "{actor} rains on {target}."}
  sun: {}
schema:
  attributes:
    location: [{name: rainfall, type: integer, default: 0}]
  tables:
    - {name: readings, columns: [{name: id, type: ulid, primary: true}, {name: amount, type: integer}]}
migrations:
  - version: 1.20.0
    steps:
      - rename_table: {table: measures, to: readings}
      - drop_attribute: {of: location, attribute: sunshine}
limits: {timeout_ms: 200, memory_mb: 32}
config: {mood: grey}
"""
KEYS = (
    "name, version, description, priority, capabilities, depends, conflicts, before, after, commands, subscribes, renders, "
    "schema, migrations, limits, config"
)
COMMAND_KEYS = "name, pattern, handler, description, usage, aliases, prefix, access, fallback"
CAPABILITIES = "read:locations, read:objects, read:characters, read:commands, read:everywhere"
STREAMS = "location:<id>, character:<id>, channel:<name>, plugin:<name> or global"


def read(tmp_path: Path, text: str) -> Manifest:
    (tmp_path / "plugin.yaml").write_text(dedent(text), encoding="utf-8")
    return read_manifest(tmp_path)


def test_every_field(tmp_path: Path) -> None:
    manifest = read(tmp_path, WHOLE)
    assert (manifest.name, manifest.version, manifest.description) == ("weather-report", "1.20.3", "It rains.")
    assert manifest.priority == 50
    assert manifest.capabilities == ("emit:location:*", "read:locations", "db:migrate")
    assert manifest.limits == ManifestLimits(timeout_ms=200, memory_mb=32)
    assert manifest.config == {"mood": "grey"}
    assert [(s.type, s.stream) for s in manifest.subscribes] == [("say", "location:*"), ("*", "*")]
    assert manifest.subscribes[0].stream_pattern().matches("location:01H")
    assert not manifest.subscribes[0].stream_pattern().matches("global")
    assert manifest.subscribes[1].stream_pattern().matches("global")
    assert [s.exclusive for s in manifest.subscribes] == [True, False]
    assert [table.name for table in manifest.schema.tables] == ["readings"]
    assert manifest.schema.attributes.location == (Attribute(name="rainfall", type="integer", default=0),)
    assert manifest.migrations == (
        Migration(
            version="1.20.0",
            steps=(
                Step(rename_table=RenameTable(table="measures", to="readings")),
                Step(drop_attribute=DropAttribute(of="location", attribute="sunshine")),
            ),
        ),
    )
    assert manifest.handlers() == (
        ("commands[0].handler", "handle_forecast"),
        ("commands[1].handler", "handle_anything"),
        ("subscribes", "handle_event"),
    )


def test_what_the_load_order_needs(tmp_path: Path) -> None:
    candidate = read(tmp_path, WHOLE).candidate()
    assert (candidate.name, candidate.version, candidate.priority) == ("weather-report", "1.20.3", 50)
    assert [str(wanted) for wanted in candidate.depends] == ["holomush-communication >= 1.0.0", "clock ~= 2.1, != 2.1.7"]
    assert [str(unwanted) for unwanted in candidate.conflicts] == ["old-weather", "weather-forecast < 2"]
    assert (candidate.before, candidate.after) == (("farming",), ("holomush-navigation", "seasons"))


def test_commands_as_the_router_takes_them(tmp_path: Path) -> None:
    forecast, anything = read(tmp_path, WHOLE).command_specs()
    assert (forecast.plugin, forecast.name, forecast.handler) == ("weather-report", "forecast", "handle_forecast")
    assert forecast.pattern.match("forecast tomorrow") == {"day": "tomorrow"}
    assert (forecast.aliases, forecast.prefix, forecast.access) == (("fc", "weather next"), "'", Access.BUILDER)
    assert (forecast.usage, forecast.description) == ("forecast [<day>]    or    '<day>", "What it will be.")
    assert (forecast.fallback, forecast.priority) == (False, 50)
    assert anything.fallback
    assert anything.usage == "<text>"
    assert (anything.aliases, anything.prefix, anything.access) == ((), None, Access.GUEST)


def test_renders_are_templates(tmp_path: Path) -> None:
    rain = read(tmp_path, WHOLE).renders["rain"].templates()
    event = Event("1", "global", "rain", 0, ActorKind.CHARACTER, "c1", "Alice", {"target": "Bob"})
    assert rain.others is not None
    assert rain.others.render(event) == "Alice rains on Bob."
    assert rain.target is not None
    assert rain.target.text == ""
    assert read(tmp_path, WHOLE).renders["sun"].templates().others is None


def test_name_and_version_are_enough(tmp_path: Path) -> None:
    manifest = read(tmp_path, "name: a\nversion: 0.0.0\n")
    assert manifest == Manifest(name="a", version="0.0.0")
    assert manifest.priority == 100
    assert manifest.handlers() == ()
    assert manifest.command_specs() == ()
    assert (manifest.schema, manifest.migrations) == (Schema(), ())


@pytest.mark.parametrize("folder", sorted(bundled.PLUGINS.glob("*/plugin.yaml")), ids=lambda path: path.parent.name)
def test_the_bundled_ones_load(folder: Path) -> None:
    manifest = read_manifest(folder.parent)
    assert manifest.name == folder.parent.name
    assert manifest.description


@pytest.mark.parametrize("prefix", list("\"':;!.,/\\=-~"))
def test_prefixes_that_can_be_had(tmp_path: Path, prefix: str) -> None:
    text = f"name: a\nversion: 1.0.0\ncommands: [{{name: x, pattern: x, handler: h, prefix: {json.dumps(prefix)}}}]\n"
    assert read(tmp_path, text).command_specs()[0].prefix == prefix


def command(rest: str = "", *, name: str = "x", pattern: str = "x", handler: str = "h") -> str:
    return f"commands: [{{name: {name}, pattern: {pattern}, handler: {handler}{rest}}}]"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        # Names, versions and other plain fields.
        ("name: Weather", ["name: must be lower-case words joined by hyphens, not 'Weather'"]),
        ("name: weather_report", ["name: must be lower-case words joined by hyphens, not 'weather_report'"]),
        ("name: -weather", ["name: must be lower-case words joined by hyphens, not '-weather'"]),
        ("name: 4-seasons", ["name: must be lower-case words joined by hyphens, not '4-seasons'"]),
        ("name: ../echo", ["name: must be lower-case words joined by hyphens, not '../echo'"]),
        (f"name: {'a' * 65}", [f"name: must have 64 characters or less, not 65: '{'a' * 65}'"]),
        ("name: 7", ["name: must be text, not 7"]),
        ("version: 1.0", ["version: must be text, not 1.0"]),
        ("version: '1.0'", ["version: must be three numbers such as 1.0.0, not '1.0'"]),
        ("version: 1.0.0-beta", ["version: must be three numbers such as 1.0.0, not '1.0.0-beta'"]),
        ("description: [a]", ["description: must be text, not ['a']"]),
        ("priority: high", ["priority: must be a whole number, not 'high'"]),
        ("priority: 1.5", ["priority: must be a whole number, not 1.5"]),
        ("colour: red", [f"unknown key 'colour'; known are {KEYS}"]),
        # Capabilities.
        ("capabilities: read:locations", ["capabilities: must be a list, not 'read:locations'"]),
        ("capabilities:", ["capabilities: must be a list, not None"]),
        ("capabilities: [read:locations, 3]", ["capabilities[1]: must be text, not 3"]),
        ("capabilities: [read:everything]", [f"capabilities[0]: 'read:everything' is not a capability; there are {CAPABILITIES}"]),
        (
            "capabilities: ['emit:loc*']",
            ["capabilities[0]: 'emit:loc*': a * stands for whole words: write emit:loc:* or the whole name"],
        ),
        ("capabilities: ['emit:*:x']", ["capabilities[0]: 'emit:*:x': a * can only be the last character"]),
        # Commands.
        ("commands: look", ["commands: must be a list, not 'look'"]),
        ("commands: {look: x}", ["commands: must be a list, not {'look': 'x'}"]),
        ("commands: [look]", ["commands[0]: must be a mapping of keys to values, not 'look'"]),
        (
            "commands: [{}]",
            [
                "commands[0].name: the key 'name' is missing",
                "commands[0].pattern: the key 'pattern' is missing",
                "commands[0].handler: the key 'handler' is missing",
            ],
        ),
        (command(", colour: red"), [f"commands[0]: unknown key 'colour'; known are {COMMAND_KEYS}"]),
        (command(name="''"), ["commands[0].name: must not be empty"]),
        (command(handler="'on look'"), ["commands[0].handler: must be a function name, not 'on look'"]),
        (command(handler="3"), ["commands[0].handler: must be text, not 3"]),
        (
            command(pattern="''"),
            ['commands[0].pattern: the pattern is empty; write at least a word, such as "look"'],
        ),
        (
            command(pattern="'x <who'"),
            ['commands[0].pattern: pattern "x <who": a "<" is not closed; an argument is written <name>'],
        ),
        (command(", aliases: emote"), ["commands[0].aliases: must be a list, not 'emote'"]),
        (command(", aliases: [y, n]") + "\ndescription: 1", ["description: must be text, not 1"]),
        (command(", aliases: [yes]"), ["commands[0].aliases[0]: must be text, not True"]),
        (
            command(", aliases: ['']"),
            ['commands[0].aliases: "" cannot be typed as a command; use a word without ='],
        ),
        (
            command(", aliases: [ok, a=b]"),
            ['commands[0].aliases: "a=b" cannot be typed as a command; use a word without ='],
        ),
        (command(", prefix: '::'"), ["""commands[0].prefix: must be one of " ' : ; ! . , / \\ = - ~ &, not '::'"""]),
        (command(", prefix: a"), ["""commands[0].prefix: must be one of " ' : ; ! . , / \\ = - ~ &, not 'a'"""]),
        (command(", access: god"), ["commands[0].access: must be one of guest player builder admin, not 'god'"]),
        (command(", access: Admin"), ["commands[0].access: must be one of guest player builder admin, not 'Admin'"]),
        (command(", fallback: maybe"), ["commands[0].fallback: must be true or false, not 'maybe'"]),
        (
            "commands: [{name: x, pattern: x, handler: h}, {name: x, pattern: y, handler: h}]",
            ["commands[1].name: 'x' is the name of an earlier command"],
        ),
        # Subscriptions.
        ("subscribes: say", ["subscribes: must be a list, not 'say'"]),
        ("subscribes: [say]", ["subscribes[0]: must be a mapping of keys to values, not 'say'"]),
        ("subscribes: [{stream: '*'}]", ["subscribes[0].type: the key 'type' is missing"]),
        ("subscribes: [{type: say, strem: '*'}]", ["subscribes[0]: unknown key 'strem'; known are type, stream, exclusive"]),
        ("subscribes: [{type: say, stream: here}]", [f'subscribes[0].stream: "here" is no stream; use {STREAMS}']),
        (
            "subscribes: [{type: say, stream: 'room:*'}]",
            [f'subscribes[0].stream: "room:*" is no stream pattern; use *, <kind>:*, <kind>:<start>*, or {STREAMS}'],
        ),
        # Texts.
        ("renders: [say]", ["renders: must be a mapping of keys to values, not ['say']"]),
        ("renders: {say: hello}", ["renders['say']: must be a mapping of keys to values, not 'hello'"]),
        ("renders: {say: {everybody: x}}", ["renders['say']: unknown key 'everybody'; known are actor, target, others, gmcp"]),
        ("renders: {say: {gmcp: vitals}}", ["renders['say'].gmcp: must be a package such as Char.Vitals, not 'vitals'"]),
        ("renders: {Say: {actor: x}}", ["renders: 'Say' is not an event type: small letters first, such as say"]),
        (
            "renders: {say: {others: 'a { b'}}",
            ['renders[\'say\'].others: template "a { b": a lone "{"; for the brace itself write "{{"'],
        ),
        (
            "renders: {say: {others: '{a b}'}}",
            ['renders[\'say\'].others: template "{a b}": "{a b}" is no placeholder; write {key}, a payload key'],
        ),
        # Other plugins.
        ("depends: economy", ["depends: must be a list, not 'economy'"]),
        ("depends: [economy, 3]", ["depends[1]: must be text, not 3"]),
        (
            "depends: [Economy, economy, economy >> 1]",
            [
                "depends[0]: must begin with a plugin's name, lower-case words joined by hyphens, "
                "such as economy or economy >= 1.2, < 2.0.0, not 'Economy'",
                "depends[2]: '>> 1' in 'economy >> 1' is not a range of versions: "
                "write >= > <= < == != or ~= and one to three numbers, such as >= 1.2.0",
            ],
        ),
        ("conflicts: [economy ~= 1]", ["conflicts[0]: '~= 1' in 'economy ~= 1' needs a second number, such as ~= 1.0"]),
        ("before: [a_b]", ["before[0]: must be a plugin's name, lower-case words joined by hyphens, not 'a_b'"]),
        ("after: [b > 1]", ["after[0]: must be a plugin's name, lower-case words joined by hyphens, not 'b > 1'"]),
        ("depends: [a]\nafter: [a]", ["depends: names the plugin itself", "after: names the plugin itself"]),
        ("depends: [b]\nbefore: [b]", ["before: b is in depends or after, too"]),
        ("depends: [b > 1]\nconflicts: [b < 2]", ["conflicts: b is in depends, too"]),
        ("subscribes: [{type: say, exclusive: 1}]", ["subscribes[0].exclusive: must be true or false, not 1"]),
        # What is kept.
        (
            "schema: {tables: [{name: t, columns: [{name: id, type: ulid, primary: true}]}]}",
            ["schema: needs the capability db:migrate: add it to capabilities"],
        ),
        ("schema: []", ["schema: must be a mapping of keys to values, not []"]),
        (
            "schema: {attributes: {exit: [{name: toll, type: integer, default: much}]}}",
            ["schema.attributes.exit[0]: default: must be a whole number, not text, because the type is integer"],
        ),
        ("migrations: [{version: '2', steps: []}]", ["migrations[0].version: must be three numbers such as 1.0.0, not '2'"]),
        (
            "migrations: [{version: 1.0.0, steps: [{}]}]",
            [
                "migrations[0].steps[0]: must have exactly one key, one of rename_table, drop_table, rename_column, "
                "drop_column, convert_column, rename_attribute, drop_attribute, convert_attribute"
            ],
        ),
        # Limits and settings.
        ("limits: 5s", ["limits: must be a mapping of keys to values, not '5s'"]),
        ("limits: {timeout: 5}", ["limits: unknown key 'timeout'; known are timeout_ms, memory_mb"]),
        ("limits: {timeout_ms: 0}", ["limits.timeout_ms: must be 1 or more, not 0"]),
        ("limits: {memory_mb: -1}", ["limits.memory_mb: must be 16 or more, not -1"]),
        ("limits: {memory_mb: 15}", ["limits.memory_mb: must be 16 or more, not 15"]),
        ("limits: {timeout_ms: 1.5}", ["limits.timeout_ms: must be a whole number, not 1.5"]),
        ("config: [a]", ["config: must be a mapping of keys to values, not ['a']"]),
        ("config: {mood: 3}", ["config['mood']: must be text, not 3"]),
        # Several at once.
        (
            "name: 3\npriority: x\ncolour: red\ncommands: [{name: x, pattern: x, handler: 4}]",
            [
                "name: must be text, not 3",
                "priority: must be a whole number, not 'x'",
                "commands[0].handler: must be text, not 4",
                f"unknown key 'colour'; known are {KEYS}",
            ],
        ),
    ],
)
def test_a_slip_is_told_with_the_path_of_its_key(tmp_path: Path, text: str, problems: list[str]) -> None:
    start = "".join(line for line in ("name: a\n", "version: 1.0.0\n") if line.split(":")[0] + ":" not in text.split()[:1])
    with pytest.raises(StructureError) as caught:
        read(tmp_path, start + text)
    assert list(caught.value.problems) == [f"{tmp_path / 'plugin.yaml'}: {problem}" for problem in problems]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must be a mapping of keys to values, not None"),
        ("- name", "must be a mapping of keys to values, not ['name']"),
        ("name: [", "is not valid YAML: "),
        ("name: a\nversion: 2024-13-45", "is not valid YAML: "),
    ],
)
def test_a_file_that_is_no_manifest(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(StructureError) as caught:
        read(tmp_path, text)
    (found,) = caught.value.problems
    assert found.startswith(f"{tmp_path / 'plugin.yaml'}: {problem}")


def test_nothing_given_tells_all_that_is_needed(tmp_path: Path) -> None:
    with pytest.raises(StructureError) as caught:
        read(tmp_path, "{}")
    assert [problem.rpartition("yaml: ")[2] for problem in caught.value.problems] == [
        "name: the key 'name' is missing",
        "version: the key 'version' is missing",
    ]


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match=r"plugin\.yaml: cannot be read: No such file or directory"):
        read_manifest(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "a", "1.0.0", "economy >= 1", "*"]) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ENTRIES = st.lists(
    st.dictionaries(
        st.sampled_from(["name", "pattern", "handler", "aliases", "type", "version", "steps", "prefix"]), JSON, max_size=5
    ),
    max_size=3,
)
TABLES = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["a", "b", "B"]) | JSON},
        optional={
            "columns": st.lists(
                st.dictionaries(st.sampled_from(["name", "type", "primary", "ref", "default"]), JSON, max_size=5), max_size=3
            )
        },
    ),
    max_size=2,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **{attribute.name: JSON | ENTRIES for attribute in attrs.fields(Manifest)},
            "name": st.just("a") | JSON,
            "version": st.just("1.0.0") | JSON,
            "schema": JSON | st.fixed_dictionaries({}, optional={"tables": TABLES, "attributes": JSON}),
        },
    )
)
def test_whatever_it_holds_is_taken_or_refused_in_lines(data: object) -> None:
    problems: tuple[str, ...] = ()
    manifest: Manifest | None = None
    try:
        manifest = structure(data, Manifest, "plugin.yaml")
    except StructureError as exc:
        problems = exc.problems
    assert (manifest is None) == bool(problems)
    assert [problem for problem in problems if not problem.startswith("plugin.yaml: ") or len(problem.splitlines()) != 1] == []
    if manifest is not None:
        assert manifest.candidate().name == manifest.name
        assert len(manifest.handlers()) >= len(manifest.commands)
