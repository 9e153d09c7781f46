"""Outside data (YAML files) as attrs classes, strictly: every slip is reported with the path of its key.

Used for the configuration, plugin manifests and the starter world. Knows none of them.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import attrs
import cattrs
import yaml
from cattrs.cols import mapping_structure_factory
from cattrs.gen import make_dict_structure_fn

from holomush.errors import HolomushError

T = TypeVar("T")

# libyaml's parser where the wheel has it: ten times faster, and a hundred manifests are read at every start.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class StructureError(HolomushError):
    """A file is not what it should be. ``problems`` has one line each, ``source: path.of.key: what is wrong``."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def read_yaml(path: Path) -> object:
    """What a YAML file holds. Raises ``StructureError`` if it cannot be read or parsed."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - both are safe loaders
    except OSError as exc:
        raise StructureError([f"{path}: cannot be read: {exc.strerror}"]) from exc
    except UnicodeDecodeError as exc:
        raise StructureError([f"{path}: is not UTF-8 text"]) from exc
    except Exception as exc:
        # Besides its own errors, PyYAML lets out what Python raises for the likes of 2024-13-45 and `!!int ""`.
        raise StructureError([f"{path}: is not valid YAML: {' '.join(str(exc).split())}"]) from exc


def structure(data: object, cls: type[T], source: str) -> T:
    """``data`` (as parsed from YAML) as an instance of ``cls``, strictly. Raises ``StructureError`` naming every wrong key."""
    try:
        return _CONVERTER.structure(data, cls)
    except Exception as exc:
        problems = cattrs.transform_error(exc, path="", format_exception=_describe)
        raise StructureError([f"{source}: {_tidy(problem)}" for problem in problems]) from exc


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)

    def strict(value: object, cls: type[Any]) -> Any:
        # YAML has types of its own: "5" for 5, or yes for "yes", is a slip of the author's, not a conversion of ours.
        if cls is float and type(value) is int:
            return float(value)
        if type(value) is not cls:
            raise TypeError(f"must be {_NAMES[cls]}, not {value!r}")
        return value

    for primitive in _NAMES:
        converter.register_structure_hook(primitive, strict)
    converter.register_structure_hook(Path, lambda value, _: Path(strict(value, str)).expanduser())
    # Any text would do for a sequence of texts: `aliases: emote` would be five aliases of one letter.
    converter.register_structure_hook_factory(_is_generic(tuple), lambda cls: _list_only(cls, converter))
    converter.register_structure_hook_factory(
        _is_generic(dict), lambda cls: _mapping_only(cls, mapping_structure_factory(cls, converter))
    )
    converter.register_structure_hook_factory(
        attrs.has, lambda cls: _mapping_only(cls, make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True))
    )
    return converter


def _is_generic(origin: type[Any]) -> Callable[[Any], bool]:
    def is_generic(cls: Any) -> bool:
        return get_origin(cls) is origin

    return is_generic


def _list_only(cls: type[Any], converter: cattrs.Converter) -> Any:
    listed = types.GenericAlias(list, (get_args(cls)[0],))
    build = converter.get_structure_hook(listed)

    def structure_list(value: object, _: type[Any]) -> Any:
        if not isinstance(value, list):
            raise TypeError(f"must be a list, not {value!r}")
        return tuple(build(value, listed))

    return structure_list


def _mapping_only(cls: type[Any], build: Any) -> Any:
    def structure_mapping(value: object, _: type[Any]) -> Any:
        if not isinstance(value, dict):
            raise TypeError(f"must be a mapping of keys to values, not {value!r}")
        return build(value, cls)

    return structure_mapping


def _describe(exc: BaseException, _: type | None) -> str:
    match exc:
        case cattrs.errors.ForbiddenExtraKeysError():
            known = ", ".join(attribute.name for attribute in attrs.fields(exc.cl))
            return f"unknown key {', '.join(sorted(map(repr, exc.extra_fields)))}; known are {known}"
        case KeyError():
            return f"the key {exc} is missing"
        case _:
            # attrs' validators put the attribute and the value behind the sentence.
            text = str(exc.args[0] if exc.args else exc)
            return " ".join(text.split())


def _tidy(problem: str) -> str:
    """cattrs says "what @ .path"; people look for the path first."""
    what, _, path = problem.rpartition(" @ ")
    path = path.removeprefix(".")
    return f"{path}: {what}" if path else what


_NAMES: dict[type, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_CONVERTER = _make_converter()
