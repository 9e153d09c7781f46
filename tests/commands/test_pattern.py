"""Command patterns: what they take from a line, what they refuse, and that no line makes them slow."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.commands.pattern import PatternError, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        ("look", "look", {}),
        ("look", "LOOK  ", {}),
        ("look", "look here", None),
        ("look", "lookout", None),
        ("say [<message>]", "say", {}),
        ("say [<message>]", "say  Hello,   World! ", {"message": "Hello,   World!"}),
        ("say [<message>]", 'say "hello"', {"message": "hello"}),
        ("say [<message>]", 'say "hello" and "bye"', {"message": '"hello" and "bye"'}),
        ("say [<message>]", "say 5'10\" = tall", {"message": "5'10\" = tall"}),
        ("say <message>", "say", None),
        ("look [at] [<target>]", "look", {}),
        ("look [at] [<target>]", "look at", {}),
        ("look [at] [<target>]", "look at Bob Smith", {"target": "Bob Smith"}),
        ("look [at] [<target>]", "look attic", {"target": "attic"}),
        ("look [at] [<target>]", "look AT me", {"target": "me"}),
        ("page <who>=<message>", "page bob=hi", {"who": "bob", "message": "hi"}),
        ("page <who>=<message>", "page Bob Smith = hi there", {"who": "Bob Smith", "message": "hi there"}),
        ("page <who>=<message>", "page bob=a=b", {"who": "bob", "message": "a=b"}),
        ("page <who>=<message>", "page bob==hi", {"who": "bob", "message": "=hi"}),
        ("page <who>=<message>", 'page "A = B"="hi there"', {"who": "A = B", "message": "hi there"}),
        ("page <who>=<message>", "page =hi", None),
        ("page <who>=<message>", "page =hi=x", None),
        ("page <who>=<message>", "page bob=", None),
        ("page <who>=<message>", "page bob", None),
        ("page [<who>=]<message>", "page hi there", {"message": "hi there"}),
        ("page [<who>=]<message>", "page bob=hi", {"who": "bob", "message": "hi"}),
        ("describe <what>=[<text>]", "describe me=", {"what": "me"}),
        ("describe <what>=[<text>]", "describe me = old ", {"what": "me", "text": "old"}),
        ("dig <exit> to <name> [return <back>]", "dig north to Hall", {"exit": "north", "name": "Hall"}),
        (
            "dig <exit> to <name> [return <back>]",
            'dig north to "Hall of return" return south',
            {"exit": "north", "name": "Hall of return", "back": "south"},
        ),
        ("dig <exit> to <name>", "dig Path to Hell to Hall", {"exit": "Path", "name": "Hell to Hall"}),
        ("dig <exit> to <name>", 'dig "Path to Hell" to Hall', {"exit": "Path to Hell", "name": "Hall"}),
        ("dig <exit> to <name>", "dig to to Hall", None),
        ("@dig <name>[=<exits>]", "@dig Hall=north;n,south;s", {"name": "Hall", "exits": "north;n,south;s"}),
        ("@dig <name>[=<exits>]", "@dig Great Hall", {"name": "Great Hall"}),
        ("give <thing> <who>", "give sword Bob Smith", {"thing": "sword", "who": "Bob Smith"}),
        ("give <thing> <who>", 'give "big  sword" bob', {"thing": "big  sword", "who": "bob"}),
        ("give <thing> <who>", "give a=b bob", {"thing": "a=b", "who": "bob"}),
        ("give <thing> <who>", "give sword", None),
        ("give <thing> [to] [<who>]", "give big sword to bob", {"thing": "big sword", "who": "bob"}),
        ("give <thing> [<count>]", "give sword", {"thing": "sword"}),
        ("set <a> <b>=<c>", "set x y z=1", {"a": "x", "b": "y z", "c": "1"}),
        ("set <a> <b>=<c>", "set = b=c", None),
        ("call <who> now", "call me now or now", {"who": "me now or"}),
        ("call <who> as well <why>", "call me as soon as well because", {"who": "me as soon", "why": "because"}),
        ("find [<a> [by <b>]]", "find x by y", {"a": "x", "b": "y"}),
        ("find [<a> [by <b>]]", "find x", {"a": "x"}),
        ("find [<a> [by <b>]]", "find", {}),
        ("wie heißt <was>", "WIE HEISST das", {"was": "das"}),
        ("say <message>", 'say ""', {"message": ""}),
        ("say <message>", 'say "', {"message": '"'}),
        ("<direction>", "north east", {"direction": "north east"}),
        ("<direction>", "   ", None),
    ],
)
def test_match(pattern: str, line: str, expected: dict[str, str] | None) -> None:
    assert compile_pattern(pattern).match(line) == expected


def test_what_a_pattern_tells_of_itself() -> None:
    pattern = compile_pattern(" Channel create   <name> [as <alias>] ")
    assert pattern.literal == "Channel"
    assert pattern.head == ("Channel", "create")
    assert pattern.names == ("name", "alias")
    assert pattern.usage == "Channel create <name> [as <alias>]"
    assert compile_pattern("<direction>").literal == ""
    assert compile_pattern("[at] <x>").head == ()


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "the pattern is empty"),
        ("say <message", 'a "<" is not closed'),
        ("say message>", 'a ">" closes nothing'),
        ("say <>", '"<>" has no name'),
        ("say < >", '"<>" has no name'),
        ("say <two words>", "<two words> is not a name"),
        ("say <1st>", "<1st> is not a name"),
        ("say <a<b>", "<a<b> is not a name"),
        ("give <x> to <x>", "<x> is there twice"),
        ("give <a><b>", "nothing parts <a> from <b>; put a space or a = between them"),
        ("give<a>", "nothing parts give from <a>"),
        ("give <a>s", "nothing parts <a> from s"),
        ("look [at][<x>]", "nothing parts at from <x>"),
        ("page[<x>]", "nothing parts page from <x>"),
        ("say [<message>", r'a "\[" is not closed'),
        ("say <message>]", r'a "\]" closes nothing'),
        ("say []", r'"\[\]" is empty'),
        ("say [ ]", r'"\[\]" is empty'),
        ("a [b [c [d]]]", "nested three deep; two are allowed"),
        ("a [b] [c] [d] [e] [f] [g] [h]", "more than 6 optional parts"),
        ("a " * 300, "the pattern has 599 characters"),
    ],
)
def test_a_bad_pattern_is_told_what_is_wrong(pattern: str, message: str) -> None:
    with pytest.raises(PatternError, match=message):
        compile_pattern(pattern)


WORD = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8)


@given(WORD, st.lists(st.one_of(WORD.map(lambda word: (word, True)), WORD.map(lambda word: (word, False))), max_size=8))
def test_literals_and_one_word_arguments_come_back(first: str, parts: list[tuple[str, bool]]) -> None:
    pattern, line, expected = [first], [first], {}
    literals = {word.casefold() for word, is_literal in parts if is_literal}
    for index, (word, is_literal) in enumerate(parts):
        if not is_literal and word.casefold() in literals:
            continue  # such a value would have to be quoted
        pattern.append(word if is_literal else f"<a{index}>")
        line.append(word)
        if not is_literal:
            expected[f"a{index}"] = word
    assert compile_pattern(" ".join(pattern)).match("  ".join(line)) == expected


@given(st.text(st.sampled_from('ab<>[]=" ')))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    try:
        pattern = compile_pattern(text)
    except PatternError:
        return
    assert compile_pattern(pattern.usage) == pattern


PATTERNS = [
    "page [<who>=]<message>",
    "dig <exit> to <name> [return <back>] [as <alias>]",
    "a <b> a a a a b <c> [a <d>] [b <e>] [c <f>] [d <g>] [e <h>] [f <i>]",
    "a <b> = = = = <c> [a <d> [a <e>]] [a <f> [a <g>]] [a <h> [a <i>]]",
]


@given(st.sampled_from(PATTERNS), st.text(st.sampled_from('ab=" to')))
def test_any_line_matches_or_not_and_arguments_are_parts_of_it(pattern: str, line: str) -> None:
    compiled = compile_pattern(pattern)
    args = compiled.match("a " + line)
    if args is not None:
        assert set(args) <= set(compiled.names)
        for value in args.values():
            assert value in line
            assert value == value.strip()


@pytest.mark.parametrize("unit", ["a", "a ", "= ", "=", '"', '" ', ' "', "to ", 'a"', '"a "', "a = ", "a a a a ", "é "])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_line_is_slow(pattern: str, unit: str) -> None:
    """Ten times the longest line that telnet lets through; anything but near-linear would take minutes."""
    head = compile_pattern(pattern).literal
    start = time.perf_counter()
    compile_pattern(pattern).match(f"{head} {unit * (80_000 // len(unit))}")
    assert time.perf_counter() - start < 5
