"""The router: which command a line means, to whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.commands.access import Access
from holomush.commands.pattern import compile_pattern
from holomush.commands.router import BadUsage, Matched, Router, Unknown
from holomush.commands.spec import CommandSpec, CommandSpecError


def command(
    pattern: str,
    *aliases: str,
    name: str = "",
    plugin: str = "core",
    prefix: str | None = None,
    access: Access = Access.PLAYER,
    fallback: bool = False,
    priority: int = 100,
) -> CommandSpec:
    return CommandSpec(
        plugin=plugin,
        name=name or pattern.split(maxsplit=1)[0],
        pattern=compile_pattern(pattern),
        handler="handle",
        aliases=aliases,
        prefix=prefix,
        access=access,
        fallback=fallback,
        priority=priority,
    )


LOOK = command("look [at] [<target>]", "l")
SAY = command("say [<message>]", prefix='"')
POSE = command("pose <action>", prefix=":")
SEMIPOSE = command("semipose <action>", prefix=";")
PAGE = command("page <who>=<message>", "p")
REPAGE = command("page <message>")
EMIT = command("emit <text>", "@emit", access=Access.BUILDER)
WHO = command("who", "+who", access=Access.GUEST)
CREATE = command("channel create <name>", "chan", "ccreate", "make channel", name="channel create")
LIST = command("channel list", name="channel list")
MOVE = command("<exit>", name="move", fallback=True)
GO = command("go <exit>", fallback=True)
WALL = command("wall <text>", "@wall", prefix="!", access=Access.ADMIN)
SPECS = [LOOK, SAY, POSE, SEMIPOSE, PAGE, REPAGE, EMIT, WHO, CREATE, LIST, MOVE, GO, WALL]
ROUTER = Router(SPECS)


@pytest.mark.parametrize(
    ("line", "spec", "args"),
    [
        ("look", LOOK, {}),
        ("  LOOK   At Bob ", LOOK, {"target": "Bob"}),
        ("l bob", LOOK, {"target": "bob"}),
        ('"hello there', SAY, {"message": "hello there"}),
        ('"', SAY, {}),
        (':waves to "Bob" = friend', POSE, {"action": 'waves to "Bob" = friend'}),
        (": waves", POSE, {"action": "waves"}),
        (";'s cat purrs", SEMIPOSE, {"action": "'s cat purrs"}),
        ("page Bob Smith=hi", PAGE, {"who": "Bob Smith", "message": "hi"}),
        ("P bob = :waves", PAGE, {"who": "bob", "message": ":waves"}),
        ("page hi again", REPAGE, {"message": "hi again"}),
        ("@emit Rain falls.", EMIT, {"text": "Rain falls."}),
        ("+who", WHO, {}),
        ("channel create Public Talk", CREATE, {"name": "Public Talk"}),
        ("Channel  LIST", LIST, {}),
        ("chan create Public", CREATE, {"name": "Public"}),
        ("ccreate Public", CREATE, {"name": "Public"}),
        ("make channel Public", CREATE, {"name": "Public"}),
        ("go north", GO, {"exit": "north"}),
    ],
)
def test_matched(line: str, spec: CommandSpec, args: dict[str, str]) -> None:
    assert ROUTER.route(line, Access.BUILDER) == Matched(spec, args, line)


@pytest.mark.parametrize(
    ("line", "spec"),
    [
        (":", POSE),
        ("page", PAGE),
        ("p =", PAGE),
        ("page=hi", PAGE),
        ("look=up", LOOK),
        ("channel create", CREATE),
        ("who else", WHO),
    ],
)
def test_bad_usage(line: str, spec: CommandSpec) -> None:
    assert ROUTER.route(line, Access.PLAYER) == BadUsage(spec)


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("", Unknown("", None)),
        (" \t ", Unknown("", None)),
        ("north", Unknown("north", None)),
        ("Lok at bob", Unknown("Lok", "look")),
        ("paeg=hi", Unknown("paeg", "page")),
        ("channel", Unknown("channel", "channel list")),
        ("channel craete x", Unknown("channel", "channel create")),
        ("chanell", Unknown("chanell", "channel create")),
        ("emit x", Unknown("emit", None)),
        ("@wal x", Unknown("@wal", None)),
        ("!hey", Unknown("!hey", None)),
        ("=)", Unknown("=)", None)),
    ],
)
def test_unknown(line: str, unknown: Unknown) -> None:
    assert ROUTER.route(line, Access.PLAYER) == unknown


def test_access_opens_commands_and_suggestions() -> None:
    assert ROUTER.route("@wal x", Access.ADMIN) == Unknown("@wal", "@wall")
    assert ROUTER.route("!hey", Access.ADMIN) == Matched(WALL, {"text": "hey"}, "!hey")
    assert ROUTER.route("look", Access.GUEST) == Unknown("look", None)
    assert [usable.spec for usable in ROUTER.usable(Access.GUEST)] == [WHO]
    assert {usable.spec for usable in ROUTER.usable(Access.ADMIN)} == set(SPECS)


def test_a_command_one_may_not_use_does_not_hide_one_that_one_may() -> None:
    mine, theirs = command("look"), command("look <x>", access=Access.ADMIN)
    router = Router([theirs, mine])
    assert router.route("look", Access.PLAYER) == Matched(mine, {}, "look")
    assert router.route("look up", Access.PLAYER) == BadUsage(mine)
    assert router.route("look up", Access.ADMIN) == Matched(theirs, {"x": "up"}, "look up")


def test_fallbacks() -> None:
    assert ROUTER.fallbacks(Access.PLAYER) == (MOVE, GO)
    assert ROUTER.fallbacks(Access.GUEST) == ()
    assert MOVE.fallback_args("north") == {"exit": "north"}
    assert GO.fallback_args("north") == {"text": "north"}


def test_the_earlier_plugin_wins_and_the_operator_is_told() -> None:
    first = command("look [<x>]", "l", plugin="mine", prefix="+", priority=10)
    second = command("look [at <x>]", "l", plugin="core", prefix="+")
    router = Router([first, second, command("who", "+who", plugin="other")])
    assert router.route("look at it", Access.PLAYER) == Matched(first, {"x": "at it"}, "look at it")
    assert router.warnings == (
        'command "look": plugin mine (priority 10) wins over plugin core (priority 100)',
        'command "l": plugin mine (priority 10) wins over plugin core (priority 100)',
        "prefix '+': plugin mine (priority 10) wins over plugin core (priority 100)",
        "prefix '+' of plugin mine hides command \"+who\" of plugin other",
    )


def test_no_warnings_within_a_plugin_but_for_what_nothing_reaches() -> None:
    assert ROUTER.warnings == ()
    assert Router([command("<x>", name="lost")]).warnings == ('command "lost" of plugin core: its pattern begins with no word',)


def test_the_second_plugin_gets_what_the_first_does_not_match() -> None:
    first, second = command("look", plugin="a"), command("look <x>", plugin="b")
    assert Router([first, second]).route("look up", Access.PLAYER) == Matched(second, {"x": "up"}, "look up")


def test_longer_names_come_first() -> None:
    short, long = command("channel <name>"), command("channel list", name="channel list")
    router = Router([short, long])
    assert router.route("channel list", Access.PLAYER) == Matched(long, {}, "channel list")
    assert router.route("channel listing", Access.PLAYER) == Matched(short, {"name": "listing"}, "channel listing")


def test_a_prefix_with_a_pattern_of_its_own() -> None:
    spec = command("<message>", name="say", prefix='"')
    assert Router([spec]).route('"hi', Access.PLAYER) == Matched(spec, {"message": "hi"}, '"hi')


def test_case_is_folded_as_unicode_does() -> None:
    spec = command("straße <x>")
    assert isinstance(Router([spec]).route("STRASSE 1", Access.PLAYER), Matched)


def test_defaults() -> None:
    spec = CommandSpec(plugin="p", name="look", pattern=compile_pattern("look [<x>]"), handler="h")
    assert (spec.usage, spec.access, spec.aliases, spec.prefix) == ("look [<x>]", Access.PLAYER, (), None)
    assert spec.words == ("look",)


@pytest.mark.parametrize("prefix", ["", "::", "a", "1", " ", "\x1b"])
def test_a_prefix_is_one_punctuation_character(prefix: str) -> None:
    with pytest.raises(CommandSpecError, match="prefix: "):
        command("say <x>", prefix=prefix)


@pytest.mark.parametrize("alias", ["", " ", "a=b"])
def test_an_alias_can_be_typed(alias: str) -> None:
    with pytest.raises(CommandSpecError, match="aliases: "):
        command("say <x>", alias)


WORDS = st.sampled_from(["look", "at", "l", "page", "channel", "create", "@emit", '"', ":", "=", "bob", "🐈", "go", "  "])


@given(st.one_of(st.text(), st.lists(WORDS).map("".join), st.lists(WORDS).map(" ".join)), st.sampled_from(Access))
def test_any_line_has_a_route_and_none_is_above_ones_access(line: str, access: Access) -> None:
    route = ROUTER.route(line, access)
    if isinstance(route, Unknown):
        assert route.word in line
        if route.suggestion is not None:
            assert not isinstance(ROUTER.route(route.suggestion, access), Unknown)
    else:
        assert route.spec in [usable.spec for usable in ROUTER.usable(access)]


def test_a_very_long_word_gets_no_suggestion() -> None:
    word = "look" * 100_000
    assert ROUTER.route(word, Access.PLAYER) == Unknown(word, None)
    assert ROUTER.route(f"channel {word}", Access.PLAYER) == Unknown("channel", "channel list")


def usable(*specs: CommandSpec, access: Access = Access.PLAYER) -> list[tuple[str, str, tuple[str, ...], str | None]]:
    """What help is told of commands: plugin, pattern, aliases and prefix of each."""
    found = Router(specs).usable(access)
    return [(one.spec.plugin, one.spec.pattern.text, one.aliases, one.prefix) for one in found]


def test_what_can_be_used_has_its_aliases_and_prefix() -> None:
    assert usable(LOOK, SAY, CREATE, MOVE) == [
        ("core", "look [at] [<target>]", ("l",), None),
        ("core", "say [<message>]", (), '"'),
        ("core", "channel create <name>", ("chan", "ccreate", "make channel"), None),
        ("core", "<exit>", (), None),
    ]


@pytest.mark.parametrize(
    ("second", "shown"),
    [
        (command("say <text>", "speak", plugin="b"), None),
        (command("say", plugin="b"), None),
        (command("say [<who>=<text>]", plugin="b"), None),
        (command("talk <text>", "say", "speak", prefix='"', plugin="b"), ("b", "talk <text>", ("speak",), None)),
        (command("say", plugin="b", fallback=True), ("b", "say", (), None)),
        (command("<text>", plugin="b", prefix='"'), None),
        (command("<text>", plugin="b", prefix="'"), ("b", "<text>", (), "'")),
        (command("<text>", plugin="b"), None),
    ],
)
def test_what_an_earlier_command_takes_is_not_there(second: CommandSpec, shown: tuple[object, ...] | None) -> None:
    assert usable(SAY, second)[1:] == ([] if shown is None else [shown])


def test_commands_that_share_their_first_word_are_all_there() -> None:
    specs = [command("give <thing>=<who>"), command("give gold <n>", plugin="b"), command("give <x> to <y>", plugin="c")]
    assert [pattern for _, pattern, _, _ in usable(*specs)] == [spec.pattern.text for spec in specs]
    assert [pattern for _, pattern, _, _ in usable(PAGE, REPAGE)] == ["page <who>=<message>", "page <message>"]


def test_a_command_above_ones_access_takes_nothing_from_others() -> None:
    theirs = command("say <text>", plugin="a", access=Access.ADMIN)
    mine = command("say <text>", plugin="b")
    assert usable(theirs, mine) == [("b", "say <text>", (), None)]
    assert usable(theirs, mine, access=Access.ADMIN) == [("a", "say <text>", (), None)]
