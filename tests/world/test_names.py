"""Names: one spelling, one key, and nothing in them that deceives."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.world.names import COMMAND_WORDS, OFFICIAL_WORDS, BadName, check_name, clean_name, name_key

# Mostly what comes near to a name, so that enough of what is made is accepted; plus anything at all.
NAME_LIKE = st.text(
    st.one_of(
        st.characters(categories=["L"]),
        st.characters(max_codepoint=0x17F, categories=["L"]),
        st.characters(categories=["M", "Nd", "Cf", "Zs"]),
        st.sampled_from(" '-.\u2019\u200b\u202e\u0345\u0307\u0131\u0130\u00df\u1e9e"),
    ),
    max_size=26,
)


def is_accepted(name: str) -> bool:
    try:
        check_name(name)
    except BadName:
        return False
    return True


@pytest.mark.parametrize(
    ("typed", "clean"),
    [
        ("Bob", "Bob"),
        ("  Mary \t Ann\u00a0 Smith\r\n", "Mary Ann Smith"),
        ("\uff22\uff4f\uff42", "Bob"),  # full-width letters
        ("O\u2019Brien", "O'Brien"),
        ("Anne\u2011Marie", "Anne-Marie"),
        ("Jose\u0301", "Jos\u00e9"),
        (" ", ""),
    ],
)
def test_clean_name_gives_the_one_spelling(typed: str, clean: str) -> None:
    assert clean_name(typed) == clean


@given(st.one_of(st.text(), NAME_LIKE))
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean_name(text)
    assert clean_name(once) == once


@given(NAME_LIKE.map(clean_name))
def test_the_key_is_the_same_for_every_case(name: str) -> None:
    if is_accepted(name):
        key = name_key(name)
        assert {name_key(other) for other in (name.upper(), name.lower(), name.title(), name.casefold(), key)} == {key}


@given(st.text())
def test_a_key_is_its_own_key(text: str) -> None:
    assert name_key(name_key(text)) == name_key(text)


@given(st.text(st.characters(max_codepoint=127)))
def test_the_short_way_to_a_key_is_the_long_one(text: str) -> None:
    # A letter that is none of ASCII's takes the long way.
    assert name_key(text + "x\u00e9").removesuffix("x\u00e9") == name_key(text + "x").removesuffix("x")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bob", "bOB"),
        (" mary  ann", "Mary Ann"),
        ("Stra\u00dfe", "STRASSE"),
        ("\u039f\u03b4\u03c5\u03c3\u03c3\u03b5\u03cd\u03c2", "\u039f\u0394\u03a5\u03a3\u03a3\u0395\u038e\u03a3"),
        ("\u0130nci", "inci"),
        ("I\u015f\u0131k", "\u0131\u015fIK"),
        ("O\u2019Brien", "o'brien"),
    ],
)
def test_spellings_of_one_name_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


def test_different_names_have_different_keys() -> None:
    assert len({name_key(name) for name in ("Bob", "Bobby", "Bob.", "B ob", "Jos\u00e9", "Jose")}) == 6


@given(NAME_LIKE.map(clean_name))
def test_accepted_names_hold_nothing_unseen(name: str) -> None:
    if is_accepted(name):
        assert name == clean_name(name)
        for char in name:
            # C are the control, zero-width and bidirectional characters, Z the spaces and separators.
            assert char == " " or unicodedata.category(char)[0] not in "CZ"


@pytest.mark.parametrize(
    "name",
    [
        "Bo",
        "Mary Ann O'Brien-Smith",
        "Dr. Who",
        "R2-D2",
        "Jos\u00e9",
        "\u0418\u0432\u0430\u043d",
        "\u4f50\u85e4",
        "\u30b5\u30e9\u30fc",
        "\uc11c\uc5f0",
        "\u0e2a\u0e38\u0e14\u0e32",
        "\u0628\u0650\u0644\u0627\u0644\u0661",
        "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd",
        "x" * 24,
    ],
)
def test_names_people_have_are_accepted(name: str) -> None:
    check_name(clean_name(name))


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("", "2 to 24"),
        ("B", "2 to 24"),
        ("x" * 25, "2 to 24"),
        ("Bob=Mary", "only letters"),
        ("Bob\x1b[31m", "only letters"),
        ("Bob\x00", "only letters"),
        ("Bob\n", "only letters"),
        (" Bob", "only letters"),
        ("Bo  b", "only letters"),
        ("Bo\u200bb", "only letters"),
        ("Bo\u200db", "only letters"),
        ("Bo\u00adb", "only letters"),
        ("\u202eboB", "only letters"),
        ("Bo\ufe0fb", "only letters"),
        ("Bo\u034fb", "only letters"),
        ("\uc11c\u1160\uc5f0", "only letters"),  # a filler that draws nothing
        ("Bob\u20dd", "only letters"),  # an enclosing circle
        ("Bob\u2b50", "only letters"),
        ("Bo\ud800b", "only letters"),
        ("#1", "only letters"),
        ("Bob_", "only letters"),
        ("1Bob", "begins with a letter"),
        ("'Bob", "begins with a letter"),
        ("\u0301Bob", "begins with a letter"),
        ("B\u043eb", "different alphabets"),  # a Cyrillic letter in the middle
        ("Bob\u0661", "different alphabets"),  # an Arabic digit
        ("\u1e05\u0302\u0303\u0304", "marks on one letter"),
    ],
)
def test_bad_names_are_refused_with_one_line(name: str, complaint: str) -> None:
    with pytest.raises(BadName, match=complaint) as caught:
        check_name(name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "name", ["me", "Here", "HOME", "Nothing", "All", "M e", "N.o-one", "System", "admin", "Wizard", "Guest", "guest 12"]
)
def test_reserved_names_are_refused_however_written(name: str) -> None:
    with pytest.raises(BadName, match="reserved"):
        check_name(name)


@pytest.mark.parametrize("name", ["Meg", "Homer", "Allan", "Adminah", "Wizardry"])
def test_names_that_only_begin_like_a_reserved_word_are_accepted(name: str) -> None:
    check_name(name)


def test_the_operator_may_give_out_official_names_but_no_command_words() -> None:
    for word in (*OFFICIAL_WORDS, "Guest7"):
        check_name(word, by_operator=True)
    for word in COMMAND_WORDS:
        with pytest.raises(BadName, match="reserved"):
            check_name(word, by_operator=True)
