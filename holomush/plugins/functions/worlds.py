"""The host functions that write the world to a file in the data folder, and read one: whole worlds, for backups and for building.

Both wait for the disk and look at everything there is, so they never run in the quick lane; meanwhile the guest's clock stands
still.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from holomush.clock import now
from holomush.plugins.calls import Call
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.functions.views import View
from holomush.plugins.schema.declared import Schema
from holomush.plugins.schema.values import check_value
from holomush.structuring import StructureError
from holomush.world.exporting import export_entities
from holomush.world.importing import CheckAttribute, stage_world
from holomush.world.model import Entity, Kind
from holomush.world.worldfile import WorldFileError, parse_world, read_file, write_file, write_world

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_COUNTED = {"locations": Kind.LOCATION, "exits": Kind.EXIT, "objects": Kind.OBJECT, "characters": Kind.CHARACTER}


def export_world(call: Call, name: str) -> View:
    """Write the world, as the call sees it, to a file; gives where it is and how much is in it."""
    call.require("world:export")
    path = _path(call, name)
    call.must_be_patient()
    with call.standing_clock():
        export = export_entities(_everything(call), call.surroundings.start())
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, write_world(export.file))
        except OSError as exc:
            raise HostCallError("unavailable", f"{path.parent}: the folder cannot be made: {exc.strerror}") from exc
        except WorldFileError as exc:
            raise HostCallError("unavailable", str(exc)) from exc
    return {"path": str(path), **export.counts()}


def import_world(call: Call, name: str) -> View:
    """Stage everything that is in a file; gives how much that is, and what is not as the file says."""
    call.require("world:import")
    path = _path(call, name)
    call.must_be_patient()
    if not path.is_file():
        raise HostCallError("not_found", f"there is no file {path.name} in {path.parent}")
    with call.standing_clock():
        try:
            imported = stage_world(
                parse_world(read_file(path), path.name),
                call.attempt.transaction,
                path.name,
                now=now(),
                check_attribute=attribute_check(_schemas(call)),
            )
        except StructureError as exc:
            raise HostCallError("invalid_argument", str(exc)) from exc
    return {
        "path": str(path),
        **{key: imported.counts.get(kind, 0) for key, kind in _COUNTED.items()},
        "created": imported.created,
        "updated": imported.updated,
        "warnings": list(imported.warnings),
    }


def attribute_check(schemas: Mapping[str, Schema]) -> CheckAttribute:
    """Holds attributes against what their plugins declare; those of plugins without a schema are kept as they are."""
    declared = {
        (plugin, Kind(kind), attribute.name): attribute
        for plugin, schema in schemas.items()
        for kind, attributes in schema.attributes.by_kind().items()
        for attribute in attributes
    }

    def check(plugin: str, kind: Kind, name: str, value: Any) -> Any:
        if plugin not in schemas:
            return value
        attribute = declared.get((plugin, kind, name))
        if attribute is None:
            raise ValueError(f"must be an attribute that {plugin} declares for {kind}s")
        return check_value(attribute.type, value)

    return check


def _everything(call: Call) -> list[Entity]:
    """All there is at one moment, and what the call itself has changed. Nothing that it read earlier: that may not fit in."""
    transaction = call.attempt.transaction
    entities: dict[str, Entity | None] = {entity.id: entity for entity in transaction.world.entities()}
    entities.update(transaction.changes)
    return [entity for entity in entities.values() if entity is not None]


def _path(call: Call, name: str) -> Path:
    if call.surroundings.worlds is None or call.is_loading:
        raise HostCallError("unavailable", "there is no folder for files of worlds here")
    if not _NAME.fullmatch(name):
        raise HostCallError(
            "invalid_argument", "name: must be up to 64 lower-case letters, digits and hyphens, with no hyphen first"
        )
    return call.surroundings.worlds / f"{name}.yaml"


def _schemas(call: Call) -> Mapping[str, Schema]:
    """What plugins declare, as it is recorded on disk."""
    schemas = {}
    if call.storage.reader is not None:
        for plugin, text in call.storage.reader.fetch("SELECT plugin, schema FROM plugin_schemas", (), call.must_stop):
            with suppress(ValueError):  # one that only a newer HoloMUSH can read
                schemas[plugin] = Schema.from_json(json.loads(text))
    return schemas
