"""What a plugin may do: what is bundled, granted or approved, what waits for the operator, and the file that remembers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holomush.plugins.roster.approvals import FILE_NAME, Approval, ApprovalError, Grant, approve, decide, forget, read_approvals
from holomush.plugins.roster.capabilities import NOTHING, CapabilityError, CapabilitySet
from holomush.plugins.roster.manifest import Manifest
from holomush.structuring import StructureError

HARMLESS = ("emit:location:*", "read:*", "kv:read", "kv:write")
REACHING = ("http:get:api.example.com", "write:objects", "db:migrate", "session:read", "server:stats")


def manifest(*capabilities: str, name: str = "tester", version: str = "1.0.0") -> Manifest:
    return Manifest(name=name, version=version, capabilities=capabilities)


def decided(
    *capabilities: str, bundled: bool = False, grants: tuple[str, ...] | None = None, approved: tuple[str, ...] | None = None
) -> Grant:
    return decide(
        manifest(*capabilities),
        bundled=bundled,
        grants={} if grants is None else {"tester": grants, "other": ("*",)},
        approvals={"other": Approval(version="1.0.0", capabilities=("*",))}
        | ({} if approved is None else {"tester": Approval(version="0.1.0", capabilities=approved)}),
    )


def texts(capabilities: CapabilitySet) -> tuple[str, ...]:
    return tuple(capability.text for capability in capabilities.held)


# ---- Deciding --------------------------------------------------------------------------------------------------------


def test_a_bundled_plugin_gets_what_it_asks_for() -> None:
    grant = decided(*HARMLESS, *REACHING, bundled=True)
    assert texts(grant.granted) == (*HARMLESS, *REACHING)
    assert (grant.waiting, grant.withheld) == (NOTHING, NOTHING)


def test_what_is_harmless_needs_no_approval() -> None:
    grant = decided(*HARMLESS)
    assert texts(grant.granted) == HARMLESS
    assert (grant.waiting, grant.withheld) == (NOTHING, NOTHING)


@pytest.mark.parametrize("capability", [*REACHING, "http:*", "http:post:*", "write:*", "session:*", "server:shutdown", "*"])
def test_what_reaches_out_waits_for_the_operator(capability: str) -> None:
    assert texts(decided(*HARMLESS, capability).waiting) == (capability,)


def test_once_approved_it_waits_no_more() -> None:
    grant = decided(*HARMLESS, *REACHING, approved=(*HARMLESS, *REACHING))
    assert texts(grant.granted) == (*HARMLESS, *REACHING)
    assert grant.waiting == NOTHING


def test_who_asks_for_more_later_waits_for_that_again() -> None:
    assert texts(decided("write:objects", "write:characters", approved=("write:objects",)).waiting) == ("write:characters",)


def test_more_that_is_harmless_may_come_later() -> None:
    assert decided("write:objects", "read:objects", "emit:global", approved=("write:objects",)).waiting == NOTHING


def test_who_asks_for_less_later_gets_no_more_than_that() -> None:
    grant = decided("write:objects", approved=("write:*", "http:*"))
    assert (texts(grant.granted), grant.waiting) == (("write:objects",), NOTHING)


@pytest.mark.parametrize(
    ("asked", "approved", "waits"),
    [
        ("write:objects", "write:*", False),
        ("write:*", "write:objects", True),
        ("http:get:api.example.com", "http:get:*", False),
        ("http:get:api.example.com", "http:post:*", True),
        ("http:get:api.example.com", "http:get:api.example.org", True),
        ("http:get:*", "http:*", False),
        ("http:*", "http:get:*", True),
        ("*", "*", False),
        ("session:boot", "*", False),
    ],
)
def test_patterns_cover_what_is_narrower(asked: str, approved: str, waits: bool) -> None:  # noqa: FBT001
    assert bool(decided(asked, approved=(approved,)).waiting.held) is waits


def test_grants_of_the_configuration_need_no_approval_and_hold_for_bundled_plugins_too() -> None:
    for bundled in (False, True):
        grant = decided("read:objects", "write:objects", "http:get:x.org", bundled=bundled, grants=("read:*", "write:objects"))
        assert texts(grant.granted) == ("read:*", "write:objects")
        assert grant.waiting == NOTHING
        assert texts(grant.withheld) == ("http:get:x.org",)


def test_an_empty_grant_withholds_everything_even_what_was_approved() -> None:
    grant = decided("read:objects", "write:objects", grants=(), approved=("write:objects",))
    assert (grant.granted, grant.waiting) == (NOTHING, NOTHING)
    assert texts(grant.withheld) == ("read:objects", "write:objects")


def test_a_bad_grant_is_named() -> None:
    with pytest.raises(CapabilityError, match=r"^plugins\.grants\.tester: 'write:everything' is not a capability; there are "):
        decided("read:objects", grants=("read:*", "write:everything"))


def test_a_bad_grant_for_another_plugin_is_not_this_ones_business() -> None:
    grant = decide(manifest("read:objects"), bundled=False, grants={"other": ("nonsense",)}, approvals={})
    assert texts(grant.granted) == ("read:objects",)


# ---- The file --------------------------------------------------------------------------------------------------------


def test_without_a_file_nothing_is_approved(tmp_path: Path) -> None:
    assert read_approvals(tmp_path) == {}
    assert not forget(tmp_path, "tester")
    assert list(tmp_path.iterdir()) == []


def test_an_approval_is_kept_and_can_be_taken_back(tmp_path: Path) -> None:
    approve(tmp_path, manifest("write:*", "read:objects", version="2.0.1"))
    approve(tmp_path, manifest(name="another"))
    assert read_approvals(tmp_path) == {
        "another": Approval(version="1.0.0", capabilities=()),
        "tester": Approval(version="2.0.1", capabilities=("write:*", "read:objects")),
    }
    assert forget(tmp_path, "tester")
    assert not forget(tmp_path, "tester")
    assert list(read_approvals(tmp_path)) == ["another"]
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_later_approval_takes_the_place_of_the_earlier(tmp_path: Path) -> None:
    approve(tmp_path, manifest("write:objects", "http:*"))
    approve(tmp_path, manifest("write:objects", version="1.1.0"))
    assert read_approvals(tmp_path) == {"tester": Approval(version="1.1.0", capabilities=("write:objects",))}


def test_the_file_tells_a_reader_what_it_is(tmp_path: Path) -> None:
    approve(tmp_path, manifest("write:objects"))
    assert (tmp_path / FILE_NAME).read_text() == (
        "# What was approved with: python -m holomush plugin approve NAME\n"
        "approved:\n  tester:\n    version: 1.0.0\n    capabilities:\n    - write:objects\n"
    )


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}\n", "approved: {}\n"])
def test_an_empty_file_approves_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    assert read_approvals(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("approved: [", "is not valid YAML"),
        ("- a\n", "must be"),
        ("approve: {}\n", "unknown key 'approve'"),
        ("approved: {tester: {version: 1.0.0}}\n", "approved['tester']"),
        ("approved: {tester: {version: 1.0.0, capabilities: write}}\n", "approved['tester'].capabilities: must be a list"),
        ("approved: {tester: {version: 1.0.0, capabilities: [], more: 1}}\n", "approved['tester']: unknown key 'more'"),
    ],
)
def test_a_broken_file_is_named_and_never_written_over(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(text)
    with pytest.raises(StructureError) as caught:
        read_approvals(tmp_path)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}: ")
    assert complaint in problem
    for change in (lambda: approve(tmp_path, manifest()), lambda: forget(tmp_path, "tester")):
        with pytest.raises(StructureError):
            change()
    assert path.read_text() == text


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ApprovalError) as caught:
        approve(tmp_path / "gone", manifest())
    assert str(caught.value) == f"{tmp_path / 'gone' / FILE_NAME}: cannot be written: No such file or directory"


CAPABILITIES = st.lists(st.sampled_from([*HARMLESS, *REACHING, "*", "http:*", "write:*"]), unique=True).map(tuple)


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,9}){0,2}", fullmatch=True), CAPABILITIES, max_size=4))
def test_whatever_is_approved_is_read_again_and_enough(
    tmp_path_factory: pytest.TempPathFactory, asked: dict[str, tuple[str, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("data")
    manifests = [manifest(*capabilities, name=name) for name, capabilities in asked.items()]
    for one in manifests:
        approve(folder, one)
    approvals = read_approvals(folder)
    assert {name: approval.capabilities for name, approval in approvals.items()} == asked
    for one in manifests:
        assert decide(one, bundled=False, grants={}, approvals=approvals).waiting == NOTHING
