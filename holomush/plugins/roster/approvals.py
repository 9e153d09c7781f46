"""What the operator lets each plugin do: grants in the configuration, approvals on file, and what waits for one.

Approvals are a file beside the database, because they are given while the server has the database to itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import attrs
import yaml

from holomush.errors import HolomushError
from holomush.plugins.roster.capabilities import NOTHING, CapabilityError, CapabilitySet
from holomush.plugins.roster.manifest import Manifest
from holomush.structuring import read_yaml, structure

FILE_NAME = "approvals.yaml"

_HEAD = "# What was approved with: python -m holomush plugin approve NAME\n"


class ApprovalError(HolomushError):
    """An approval cannot be kept."""


@attrs.frozen(kw_only=True)
class Approval:
    """What was approved of a plugin: exactly these capabilities, as its manifest of that version asked for them."""

    version: str
    capabilities: tuple[str, ...]

    @classmethod
    def of(cls, manifest: Manifest) -> Approval:
        """An approval of all that ``manifest`` asks for."""
        return cls(version=manifest.version, capabilities=manifest.capabilities)


@attrs.frozen(kw_only=True)
class _File:
    approved: dict[str, Approval] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Grant:
    """What a plugin may do. While ``waiting`` is not empty it is not to be loaded."""

    granted: CapabilitySet
    waiting: CapabilitySet = NOTHING
    """What it asks for that an operator must approve first."""
    withheld: CapabilitySet = NOTHING
    """What it asks for that the configuration does not grant."""


def decide(manifest: Manifest, *, bundled: bool, grants: Mapping[str, tuple[str, ...]], approvals: Mapping[str, Approval]) -> Grant:
    """What the plugin may do. Raises ``CapabilityError`` for a bad grant or approval."""
    asked = manifest.capability_set
    if manifest.name in grants:
        try:
            granted = CapabilitySet.parse(grants[manifest.name])
        except CapabilityError as exc:
            raise CapabilityError(f"plugins.grants.{manifest.name}: {exc}") from exc
        return Grant(granted=granted, withheld=granted.missing_from(asked))
    if bundled:
        return Grant(granted=asked)
    approval = approvals.get(manifest.name)
    try:
        approved = CapabilitySet.parse(approval.capabilities) if approval is not None else NOTHING
    except CapabilityError as exc:
        raise CapabilityError(f"{FILE_NAME}: approved.{manifest.name}: {exc}") from exc
    return Grant(granted=asked, waiting=approved.missing_from(asked.reaching))


def read_approvals(data: Path) -> Mapping[str, Approval]:
    """The approvals kept in the folder ``data``, by plugin. Raises ``StructureError``."""
    path = data / FILE_NAME
    if not path.exists():
        return {}
    return structure(read_yaml(path) or {}, _File, str(path)).approved


def approve(data: Path, manifest: Manifest) -> None:
    """Keep an approval of all that ``manifest`` asks for. Raises ``StructureError`` and ``ApprovalError``."""
    _write(data, {**read_approvals(data), manifest.name: Approval.of(manifest)})


def forget(data: Path, name: str) -> bool:
    """Take an approval back; False if there was none. Raises ``StructureError`` and ``ApprovalError``."""
    approvals = dict(read_approvals(data))
    if approvals.pop(name, None) is None:
        return False
    _write(data, approvals)
    return True


def _write(data: Path, approvals: Mapping[str, Approval]) -> None:
    shown = {name: {"version": a.version, "capabilities": list(a.capabilities)} for name, a in sorted(approvals.items())}
    path = data / FILE_NAME
    part = data / f"{FILE_NAME}.part"
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(_HEAD + yaml.safe_dump({"approved": shown}, sort_keys=False))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as exc:
        raise ApprovalError(f"{path}: cannot be written: {exc.strerror}") from exc
