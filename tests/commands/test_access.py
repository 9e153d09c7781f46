"""The ladder of access."""

import pytest

from holomush.commands.access import Access, AccessError


def test_each_rung_is_above_the_last() -> None:
    assert Access.GUEST < Access.PLAYER < Access.BUILDER < Access.ADMIN


@pytest.mark.parametrize("access", Access)
def test_parse(access: Access) -> None:
    assert Access.parse(access.name.lower()) is access
    assert Access.parse(f" {access.name.title()} ") is access


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(AccessError, match=r'^access "wizard" is unknown; use one of guest, player, builder, admin$'):
        Access.parse("wizard")
