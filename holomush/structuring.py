"""Outside data (YAML files) as attrs classes, strictly: every slip is reported with the path of its key.

Used for the configuration, plugin manifests and the starter world. Knows none of them. Files may come from strangers: what they
can cost is bounded, and a message has one line and shows little of what they wrote.

A class says with attrs validators what a value must be. A validator raises ``ValueError("must be ...")`` or a ``HolomushError``;
the path of the key is put before it. It is also called before there is an instance, with None for it.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args, get_origin

import attrs
import cattrs
import yaml
from cattrs.cols import mapping_structure_factory
from cattrs.gen import make_dict_structure_fn, override
from yaml.composer import Composer

from holomush.errors import HolomushError

FILE_LIMIT = 1_048_576
"""Bytes of a file."""

_SIZE_LIMIT = 4 * FILE_LIMIT
"""Characters of a file's values once its aliases are written out; a value counts as ``_VALUE_SIZE`` and its own."""
_VALUE_SIZE = 32
_DEPTH_LIMIT = 50
_NUMBER_LIMIT = 100
_TAG_LIMIT = 100
_PROBLEM_LIMIT = 100
# Characters of a value in a message, of what PyYAML says, and of what a validator says.
_SHOWN = 100
_SHOWN_OF_YAML = 200
_MESSAGE_LIMIT = 500

_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")

# What Python raises in PyYAML's hands for the likes of 2024-13-45, `!!int ""`, `!!bool perhaps` and `!!timestamp soon`.
_ODD_SCALAR = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError)

T = TypeVar("T")


class StructureError(HolomushError):
    """A file is not what it should be. ``problems`` has one line each, ``source: path.of.key: what is wrong``."""

    def __init__(self, problems: list[str]) -> None:
        # Even the name of a file can have line ends in it.
        self.problems = tuple(" ".join(problem.splitlines()) for problem in problems)
        super().__init__("\n".join(self.problems))


def read_yaml(path: Path) -> object:
    """What a YAML file of at most ``FILE_LIMIT`` bytes holds. Raises ``StructureError`` if it cannot be read or parsed."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_LIMIT + 1)
        if len(content) > FILE_LIMIT:
            raise StructureError([f"{path}: must be at most {FILE_LIMIT:,} bytes, not more"])
        return yaml.load(content.decode("utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader
    except OSError as exc:
        raise StructureError([f"{path}: cannot be read: {exc.strerror}"]) from exc
    except UnicodeDecodeError as exc:
        raise StructureError([f"{path}: is not UTF-8 text"]) from exc
    except _RefusedError as exc:
        raise StructureError(_told(str(path), exc.slips)) from exc
    except yaml.MarkedYAMLError as exc:
        told = ((exc.context, exc.context_mark), (exc.problem, exc.problem_mark))
        what = ", ".join(f"{text} ({_line(mark)})" if mark is not None else text for text, mark in told if text)
        raise StructureError([f"{path}: is not valid YAML: {_one_line(what, _SHOWN_OF_YAML)}"]) from exc
    except (yaml.YAMLError, *_ODD_SCALAR) as exc:
        raise StructureError([f"{path}: is not valid YAML: {_one_line(str(exc), _SHOWN_OF_YAML)}"]) from exc


def structure(data: object, cls: type[T], source: str) -> T:
    """``data`` (as parsed from YAML) as an instance of ``cls``, strictly. Raises ``StructureError`` naming every wrong key."""
    try:
        return _CONVERTER.structure(data, cls)
    except (TypeError, cattrs.BaseValidationError) as exc:
        raise StructureError(_told(source, [f"{path}: {what}" if path else what for path, what in _walk(exc, "")])) from exc


def one_of(*allowed: str) -> Any:
    """A validator for attrs: one of these texts, or None."""

    def check(_: object, __: object, value: str | None) -> None:
        if value is not None and value not in allowed:
            raise ValueError(f"must be one of {' '.join(allowed)}, not {shown(value)}")

    return check


def shown(value: object) -> str:
    """``value`` as a message shows it: its ``repr``, cut at 100 characters."""
    return _cut(repr(value), _SHOWN)


# ---- from text to plain data -----------------------------------------------------------------------------------------


class _RefusedError(yaml.YAMLError):
    """YAML that we do not take. ``slips`` has a line for each reason."""

    def __init__(self, slips: list[str]) -> None:
        super().__init__("; ".join(slips))
        self.slips = slips


class _Loader(Composer, yaml.CSafeLoader):
    """libyaml's parser, ten times as fast as the one in Python, and the composer in Python: libyaml's has no bounds.

    It looks at mappings before merge keys (``<<``) are followed, which legitimately bring keys that are there already.
    """

    def __init__(self, text: str) -> None:
        if text.count("%TAG") > _TAG_LIMIT:  # libyaml compares each of them with all others
            raise _RefusedError([f"has more than {_TAG_LIMIT} %TAG directives"])
        Composer.__init__(self)
        yaml.CSafeLoader.__init__(self, text)
        self._slips: list[str] = []
        self._depth = 0
        self._size = 0
        self._sizes: dict[yaml.Node, int] = {}

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if self._slips:
            raise _RefusedError(self._slips)
        return node

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()
        before = self._size
        self._depth += 1
        if self._depth > _DEPTH_LIMIT:
            self._refuse(event, f"values may be nested {_DEPTH_LIMIT} deep, not deeper")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(event, yaml.AliasEvent):
            if node not in self._sizes:
                self._refuse(event, _cut(f"*{event.anchor}", _SHOWN) + " stands inside of what it stands for")
            self._size += self._sizes[node]
        elif node is not None:
            self._size += _VALUE_SIZE + (len(node.value) if isinstance(node, yaml.ScalarNode) else 0)
            self._sizes[node] = self._size - before
        if self._size > _SIZE_LIMIT:
            self._refuse(event, "from here on it holds too much; aliases count as what they stand for")
        return node

    def compose_scalar_node(self, anchor: dict[Any, yaml.Node]) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        if node.tag in _NUMBERS and len(node.value) > _NUMBER_LIMIT:  # Python would take long over it
            self._slips.append(f"{_line(node.start_mark)}: a number may have {_NUMBER_LIMIT} characters, not more")
        return node

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        mapping = super().compose_mapping_node(anchor)
        first: dict[str, Any] = {}
        for key, _ in mapping.value:
            line = _line(key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                self._slips.append(f"{line}: a key must be text, not a list or a mapping")
            elif key.tag not in (_TEXT, _MERGE):
                self._slips.append(f"{line}: the key {shown(key.value)} must be text: put it in quotes")
            elif key.value in first:
                self._slips.append(f"{line}: the key {shown(key.value)} is there already, in {_line(first[key.value])}")
            else:
                first[key.value] = key.start_mark
        return mapping

    def _refuse(self, event: yaml.Event, what: str) -> NoReturn:
        raise _RefusedError([*self._slips, f"{_line(event.start_mark)}: {what}"])


def _line(mark: Any) -> str:
    return f"line {mark.line + 1}"


# ---- from plain data to classes --------------------------------------------------------------------------------------


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    for primitive in _NAMES:
        converter.register_structure_hook(primitive, _strict)
    converter.register_structure_hook(Path, _path)
    # Any text would do for a sequence of texts: `aliases: emote` would be five aliases of one letter.
    converter.register_structure_hook_factory(_is_generic(tuple), lambda cls: _list_only(cls, converter))
    converter.register_structure_hook_factory(
        _is_generic(dict), lambda cls: _mapping_only(cls, mapping_structure_factory(cls, converter))
    )
    converter.register_structure_hook_factory(attrs.has, lambda cls: _mapping_only(cls, _class_builder(cls, converter)))
    return converter


def _strict(value: object, cls: type[Any]) -> Any:
    # YAML has types of its own: "5" for 5, or yes for "yes", is a slip of the author's, not a conversion of ours.
    if cls is float and type(value) is int:
        return float(value)
    if type(value) is not cls or (type(value) is float and not math.isfinite(value)):
        raise TypeError(f"must be {_NAMES[cls]}, not {shown(value)}")
    return value


def _path(value: object, _: type[Any]) -> Path:
    path = Path(_strict(value, str))
    try:
        return path.expanduser()
    except RuntimeError as exc:
        raise ValueError(f"must not begin with a home folder that is not known, as {shown(value)} does") from exc


def _is_generic(origin: type[Any]) -> Callable[[Any], bool]:
    def is_generic(cls: Any) -> bool:
        return get_origin(cls) is origin

    return is_generic


def _list_only(cls: type[Any], converter: cattrs.Converter) -> Any:
    listed = types.GenericAlias(list, (get_args(cls)[0],))
    build = converter.get_structure_hook(listed)

    def structure_list(value: object, _: type[Any]) -> Any:
        if not isinstance(value, list):
            raise TypeError(f"must be a list, not {shown(value)}")
        return tuple(build(value, listed))

    return structure_list


def _mapping_only(cls: type[Any], build: Any) -> Any:
    def structure_mapping(value: object, _: type[Any]) -> Any:
        if not isinstance(value, dict):
            raise TypeError(f"must be a mapping of keys to values, not {shown(value)}")
        return build(value, cls)

    return structure_mapping


def _class_builder(cls: type[Any], converter: cattrs.Converter) -> Any:
    # attrs would call validators when it makes the instance, and stop at the first that raises.
    attrs.resolve_types(cls)
    hooks: dict[str, Any] = {
        attribute.name: override(struct_hook=_validated(attribute, converter))
        for attribute in attrs.fields(cls)
        if attribute.validator is not None
    }
    return make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True, **hooks)


def _validated(attribute: attrs.Attribute[Any], converter: cattrs.Converter) -> Any:
    def structure_validated(data: object, cls: type[Any]) -> Any:
        value = converter.structure(data, cls)
        if attribute.validator is not None:
            attribute.validator(None, attribute, value)
        return value

    return structure_validated


# ---- messages --------------------------------------------------------------------------------------------------------


def _walk(exc: BaseException, path: str) -> Iterator[tuple[str, str]]:
    """Path and message of every error in cattrs' tree of them."""
    if isinstance(exc, cattrs.IterableValidationError):
        elements, whole = exc.group_exceptions()
        children = [(inner, f"{path}[{shown(note.index)}]") for inner, note in elements]
    elif isinstance(exc, cattrs.ClassValidationError):
        keys, whole = exc.group_exceptions()
        children = [(inner, f"{path}.{note.name}" if path else note.name) for inner, note in keys]
    else:
        yield path, _describe(exc)
        return
    for inner, inner_path in [*children, *((inner, path) for inner in whole)]:
        yield from _walk(inner, inner_path)


def _describe(exc: BaseException) -> str:
    match exc:
        case cattrs.ForbiddenExtraKeysError():
            known = ", ".join(attribute.name for attribute in attrs.fields(exc.cl))
            return f"unknown key {_cut(', '.join(sorted(map(repr, exc.extra_fields))), _SHOWN)}; known are {known}"
        case KeyError():
            return f"the key {exc} is missing"
        case HolomushError():
            return _one_line(str(exc), _MESSAGE_LIMIT)
        case _:
            # The validators of attrs put the attribute and the value behind the sentence.
            return _one_line(str(exc.args[0] if exc.args else exc), _MESSAGE_LIMIT)


def _one_line(text: str, limit: int) -> str:
    return _cut(" ".join(text.split()), limit)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _told(source: str, problems: list[str]) -> list[str]:
    more = len(problems) - _PROBLEM_LIMIT
    lines = problems if more <= 0 else [*problems[:_PROBLEM_LIMIT], f"and {more:,} more"]
    return [f"{source}: {line}" for line in lines]


_NAMES: dict[type, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_CONVERTER = _make_converter()
