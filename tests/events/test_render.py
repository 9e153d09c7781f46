"""What each viewer sees of an event."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.events.event import ActorKind, Event
from holomush.events.render import TEXT_LIMIT, Renderer, Role, Template, TemplateError, Templates, viewer_role
from holomush.text.markup import strip


def happened(
    payload: dict[str, Any],
    event_type: str = "say",
    stream: str = "location:1",
    actor_kind: ActorKind = ActorKind.CHARACTER,
    actor_name: str = "Bob",
) -> Event:
    return Event("01H", stream, event_type, 0, actor_kind, "01BOB", actor_name, payload)


@pytest.mark.parametrize(
    ("template", "payload", "expected"),
    [
        ('{actor} says, "{message}"', {"message": "hi"}, 'Bob says, "hi"'),
        ("{message}", {"message": "{actor} {{"}, "{actor} {{"),
        ("{{{message}}} {{x}}", {"message": "hi"}, "{hi} {x}"),
        ("[{gone}{null}]", {"null": None}, "[[]"),
        ("{n} {f} {yes} {list}", {"n": 3, "f": 1.5, "yes": True, "list": ["é", 1]}, '3 1.5 true ["é", 1]'),
        ("{actor}", {"actor": "Wizard"}, "Bob"),
        ("a\nb", {}, "a\nb"),
        ("{m}", {"m": "a\x1b[31m\tb\r\nc\x00\x9b\u2028d\ud83d"}, "a[31m b\ncd"),
        ("", {}, ""),
        ("{a}{b}", {"a": 1, "b": 2}, "12"),
    ],
)
def test_templates(template: str, payload: dict[str, Any], expected: str) -> None:
    assert Template.parse(template).render(happened(payload)) == expected


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{actor", 'a lone "{"'),
        ("actor}", 'a lone "}"'),
        ("{", 'a lone "{"'),
        ("{}", '"{}" is no placeholder'),
        ("{a.b}", '"{a.b}" is no placeholder'),
        ("{a[0]}", "is no placeholder"),
        ("{a!r}", "is no placeholder"),
        ("{a:>10}", "is no placeholder"),
        ("{ a }", "is no placeholder"),
        ("\x1b[31m", "has control characters"),
    ],
)
def test_bad_templates(template: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template.parse(template)
    assert message in str(caught.value)
    with pytest.raises(TemplateError, match=r"^target: template "):
        Templates.parse(target=template)


RENDERER = Renderer(
    {
        "say": Templates.parse(actor='You say, "{message}"', others='{actor} says, "{message}"'),
        "whisper": Templates.parse(actor="You whisper.", target="{actor} whispers.", others=""),
        "secret": Templates.parse(actor="Only you."),
        "empty": Templates.parse(others="{message}"),
    }
)


@pytest.mark.parametrize(
    ("event_type", "role", "payload", "expected"),
    [
        ("say", Role.ACTOR, {"message": "hi"}, 'You say, "hi"'),
        ("say", Role.OTHERS, {"message": "hi"}, 'Bob says, "hi"'),
        ("say", Role.TARGET, {"message": "hi"}, 'Bob says, "hi"'),
        ("say", Role.OTHERS, {"message": "hi", "text": "not this"}, 'Bob says, "hi"'),
        ("whisper", Role.ACTOR, {}, "You whisper."),
        ("whisper", Role.TARGET, {}, "Bob whispers."),
        ("whisper", Role.OTHERS, {"text": "not this"}, None),
        ("secret", Role.ACTOR, {}, "Only you."),
        ("secret", Role.OTHERS, {}, None),
        ("empty", Role.OTHERS, {}, None),
        ("rain", Role.OTHERS, {"text": "Rain\nfalls.\x1b"}, "Rain\nfalls."),
        ("rain", Role.OTHERS, {"text": ""}, None),
        ("rain", Role.OTHERS, {"text": 1}, None),
        ("rain", Role.OTHERS, {}, None),
    ],
)
def test_who_sees_what(event_type: str, role: Role, payload: dict[str, Any], expected: str | None) -> None:
    assert RENDERER.text(happened(payload, event_type), role) == expected


@pytest.mark.parametrize(
    ("stream", "actor_kind", "character_id", "role"),
    [
        ("location:1", ActorKind.CHARACTER, "01BOB", Role.ACTOR),
        ("character:01BOB", ActorKind.CHARACTER, "01BOB", Role.ACTOR),
        ("character:01ANN", ActorKind.CHARACTER, "01ANN", Role.TARGET),
        ("character:01ANN", ActorKind.CHARACTER, "01CAT", Role.OTHERS),
        ("location:1", ActorKind.CHARACTER, "01ANN", Role.OTHERS),
        ("location:1", ActorKind.PLUGIN, "01BOB", Role.OTHERS),
        ("character:01BOB", ActorKind.SYSTEM, "01BOB", Role.TARGET),
    ],
)
def test_viewer_role(stream: str, actor_kind: ActorKind, character_id: str, role: Role) -> None:
    assert viewer_role(happened({}, stream=stream, actor_kind=actor_kind), character_id) is role


@pytest.mark.parametrize(
    ("target_id", "character_id", "role"),
    [
        ("01ANN", "01ANN", Role.TARGET),
        ("01ANN", "01CAT", Role.OTHERS),
        ("01BOB", "01BOB", Role.ACTOR),
        (None, "01ANN", Role.OTHERS),
        (["01ANN"], "01ANN", Role.OTHERS),
    ],
)
def test_whom_something_is_done_to_before_others(target_id: Any, character_id: str, role: Role) -> None:
    assert viewer_role(happened({"target_id": target_id}, stream="location:1"), character_id) is role


@pytest.mark.parametrize("character", ["x", "é", "☃", "😀", "\x07x"])
@pytest.mark.parametrize("value", [str, lambda text: [text]])
def test_a_text_is_cut_at_the_limit_between_characters(character: str, value: Any) -> None:
    event = happened({"m": value(character * 50_000), "text": character * 50_000}, "huge")
    for text in (Template.parse("{m}{m}").render(event), RENDERER.text(event, Role.OTHERS)):
        assert text is not None
        assert TEXT_LIMIT / 2 - 4 < len(text.encode()) <= TEXT_LIMIT


@given(st.text())
def test_any_literal_text_can_be_written(text: str) -> None:
    escaped = text.replace("{", "{{").replace("}", "}}")
    try:
        template = Template.parse(escaped)
    except TemplateError as error:
        assert "control characters" in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert template.render(happened({})) == text


@pytest.mark.parametrize(
    ("template", "payload", "expected"),
    [
        ("[yellow]{actor}[/] waves.", {}, "[yellow]Bob[/] waves."),
        ("[red]{m}!", {"m": "[bold]a"}, "[red][bold]a[/]!"),
        ("[red]{m}!", {"m": "a[/]b[/all]c"}, "[red]abc!"),
        ("{m}d] {n}", {"m": "[re", "n": "[bold"}, "[[red] [[bold"),
        ("[{m}] {n}", {"m": "red", "n": "hi"}, "[[red] hi"),
        ("[re{m}] [[{n}]", {"m": "d", "n": "ok"}, "[[red] [[ok]"),
        ("[{m}]", {"m": "[red]x"}, "[[[red]x[/]]"),
        ("{m}", {"m": "[red]a\nb"}, "[red]a[/]\nb"),
        ("{m}", {"m": "[re\x1bd]a"}, "[red]a[/]"),
        ("{list}", {"list": ["[red]", 1]}, '["[red]", 1][/]'),
    ],
)
def test_markup_of_values_stays_in_them(template: str, payload: dict[str, Any], expected: str) -> None:
    assert Template.parse(template).render(happened(payload)) == expected


def test_a_text_without_a_template_may_have_markup() -> None:
    assert RENDERER.text(happened({"text": "[blue]Rain[/]\n[grey]falls."}, "rain"), Role.OTHERS) == "[blue]Rain[/]\n[grey]falls."


@pytest.mark.parametrize("before", range(20))
def test_a_text_is_never_cut_within_a_tag(before: int) -> None:
    text = "x" * before + "[on-bright-magenta]" * 1000
    for shown in (
        Template.parse("{m}").render(happened({"m": text})),
        RENDERER.text(happened({"text": text}, "huge"), Role.OTHERS),
        Template.parse("{m}" * 2).render(happened({"m": text[: before + 19 * 600]})),
    ):
        assert shown is not None
        assert TEXT_LIMIT - 20 < len(shown) <= TEXT_LIMIT
        assert strip(shown) in ("x" * before, "x" * before * 2)


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())


@given(st.dictionaries(st.sampled_from(["message", "text", "actor"]), VALUES), st.sampled_from(Role), st.text())
def test_any_payload_renders_to_clean_text(payload: dict[str, Any], role: Role, name: str) -> None:
    for event_type in ("say", "whisper", "secret", "empty", "rain"):
        text = RENDERER.text(happened(payload, event_type, actor_name=name), role)
        if text is not None:
            assert text
            text.encode()  # no halves of characters
            assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text.replace("\n", ""))
