"""The guest module `extism`: the interface of Extism's Python PDK, for plugins written against it.

A plugin that needs nothing beyond events and commands is shorter with holomush_pdk alone. What differs from Extism's
own: `import_fn` binds the HoloMUSH server's functions only, since WebAssembly cannot add imports to a runtime that is
already built; `log` writes to the server's log; `Http` is not available.
"""

from __future__ import annotations

import builtins
import dataclasses
import json
import typing
from collections.abc import Callable
from enum import Enum
from typing import Any

import _holomush

__all__ = [
    "Codec",
    "Config",
    "Http",
    "HttpRequest",
    "HttpResponse",
    "Json",
    "JsonObject",
    "LogLevel",
    "MemoryHandle",
    "Var",
    "import_fn",
    "input",
    "input_bytes",
    "input_json",
    "input_str",
    "log",
    "memory",
    "output",
    "output_bytes",
    "output_json",
    "output_str",
    "plugin_fn",
    "shared_fn",
]

# name -> function, of everything marked with plugin_fn or shared_fn. Read by the runtime.
_exports: dict[str, Callable[..., Any]] = {}


# ---- Values ----------------------------------------------------------------------------------------------------------


class Codec:
    """A value that knows how to become bytes and back. Subclasses define `encode` and `decode`."""

    value: Any

    def __init__(self, value: Any) -> None:
        self.value = value

    def get(self) -> Any:
        return self.value

    def encode(self) -> bytes:
        raise NotImplementedError(f"{type(self).__name__} does not define encode()")

    @classmethod
    def decode(cls, data: bytes) -> Any:
        raise NotImplementedError(f"{cls.__name__} does not define decode()")


class Json(Codec):
    """Any JSON value, as `Json(value)`; or, as the base of a dataclass, an object with the dataclass's fields."""

    def encode(self) -> bytes:
        return _to_json(self).encode()

    @classmethod
    def decode(cls, data: bytes) -> Any:
        value = json.loads(data)
        if dataclasses.is_dataclass(cls):
            if not isinstance(value, dict):
                raise TypeError(f"{cls.__name__} wants a JSON object, and this is {_json_name(value)}")
            return cls(**value)
        return cls(value)


class JsonObject(Json):
    """A JSON object whose keys are attributes: `JsonObject(name="Ada").name`."""

    def __init__(self, **fields: Any) -> None:
        vars(self).update(fields)

    def get(self) -> Any:
        return vars(self)

    @classmethod
    def decode(cls, data: bytes) -> Any:
        value = json.loads(data)
        if not isinstance(value, dict):
            raise TypeError(f"{cls.__name__} wants a JSON object, and this is {_json_name(value)}")
        return cls(**value)


def _json_name(value: object) -> str:
    return f"a {type(value).__name__}"


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Codec):
        return value.get()
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _to_json(value: object) -> str:
    return json.dumps(value, default=_plain)


# ---- Input and output ------------------------------------------------------------------------------------------------


def input_bytes() -> bytes:
    return _holomush.input()


def input_str() -> str:
    return _holomush.input().decode()


def input_json(t: Any = None) -> Any:
    """The input as JSON; given a dataclass or a Json class, as an object of it."""
    value = json.loads(_holomush.input())
    if t is None or t is Any:
        return value
    if isinstance(t, type) and issubclass(t, Json):
        return t.decode(_holomush.input())
    if isinstance(t, type) and (dataclasses.is_dataclass(t) or issubclass(t, Enum)):
        return t(**value) if isinstance(value, dict) else t(value)
    if isinstance(t, type) and not isinstance(value, t):
        raise TypeError(f"the input is {_json_name(value)}, not {t.__name__}")
    return value


def input(t: Any = None) -> Any:  # noqa: A001 - Extism's name for it
    """The input as `t`: str, bytes, a Codec class, or anything that input_json takes. None without a `t`."""
    if t is None:
        return None
    if t is str:
        return input_str()
    if t is bytes:
        return input_bytes()
    if isinstance(t, type) and issubclass(t, Codec) and not issubclass(t, Json):
        return t.decode(input_bytes())
    return input_json(t)


def output_bytes(result: bytes) -> None:
    _holomush.output(bytes(result))


def output_str(result: str) -> None:
    _holomush.output(result)


def output_json(x: Any) -> None:
    _holomush.output(_to_json(x))


def output(x: Any = None) -> None:
    """Text and bytes as they are, a Codec encoded, anything else as JSON; None leaves the output alone."""
    if x is None:
        return
    if isinstance(x, (str, bytes)):
        _holomush.output(x)
    elif isinstance(x, Codec):
        _holomush.output(x.encode())
    elif isinstance(x, Enum):
        output(x.value)
    else:
        output_json(x)


# ---- Functions -------------------------------------------------------------------------------------------------------


def plugin_fn(func: Callable[[], Any]) -> Callable[[], Any]:
    """Makes a function without parameters one that the server can call; as a decorator or as an ordinary call."""
    _exports[func.__name__] = func
    return func


def shared_fn(func: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a function that other WebAssembly modules would call.

    A HoloMUSH plugin is linked with no others, so the function simply stays what it is.
    """
    return func


def import_fn(module: str, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Binds a function of the server; the decorated function gives parameters' number and the type of the result.

    Arguments are str, bytes, a MemoryHandle or a Codec; anything else is sent as JSON. The result type is `str`,
    `bytes`, a Json class or `dict` (the envelope, decoded); without one the result is dropped.

    Raises LookupError while the plugin loads if the server has no such function.
    """
    known = _holomush.HOST_FUNCTIONS
    if module != "extism:host/user" or name not in known:
        raise LookupError(
            f"there is no function {name!r} in {module!r} to import; in 'extism:host/user' there are: " + ", ".join(sorted(known))
        )
    parameters, _answers = known[name]
    target = getattr(_holomush, name)

    def bind(func: Callable[..., Any]) -> Callable[..., Any]:
        code = getattr(func, "__code__", None)
        if code is not None and code.co_argcount != parameters:
            raise TypeError(f"{name} takes {parameters} parameters, and {func.__name__} declares {code.co_argcount}")
        result = typing.get_type_hints(func).get("return")

        def imported(*args: Any) -> Any:
            answer = target(*map(_as_text, args))
            return None if answer is None else _from_text(result, answer)

        imported.__name__ = func.__name__
        imported.__doc__ = func.__doc__
        return imported

    return bind


def _as_text(value: Any) -> str | bytes:
    if isinstance(value, (str, bytes)):
        return value
    if isinstance(value, MemoryHandle):
        return memory.bytes(value)
    if isinstance(value, Codec):
        return value.encode()
    return _to_json(value)


def _from_text(t: Any, text: str) -> Any:
    if t is None or t is type(None):
        return None
    if t is str:
        return text
    if t is bytes:
        return text.encode()
    if isinstance(t, type) and issubclass(t, Codec):
        return t.decode(text.encode())
    return json.loads(text)


# ---- Around the plugin -----------------------------------------------------------------------------------------------


class Config:
    """The plugin's settings, from its manifest. A key that is not there is None."""

    @staticmethod
    def get_str(key: str) -> str | None:
        # Extism itself does not tell a missing key from an empty value.
        return _holomush.config_get(key) or None

    get = get_str

    @staticmethod
    def get_json(key: str) -> Any:
        text = Config.get_str(key)
        return None if text is None else json.loads(text)


class Var:
    """Values that stay from one call to the next, as long as the instance lives. (So do module variables.)"""

    @staticmethod
    def get_bytes(key: str) -> bytes | None:
        return _holomush.var_get(key)

    @staticmethod
    def get_str(key: str) -> str | None:
        value = _holomush.var_get(key)
        return None if value is None else value.decode()

    @staticmethod
    def get_json(key: str) -> Any:
        value = _holomush.var_get(key)
        return None if value is None else json.loads(value)

    @staticmethod
    def set(key: str, value: bytes | str | None) -> None:
        """None removes the variable; to Extism an empty value is the same."""
        _holomush.var_set(key, value)

    set_bytes = set_str = set  # noqa: A003

    @staticmethod
    def set_json(key: str, value: Any) -> None:
        _holomush.var_set(key, _to_json(value))

    @staticmethod
    def remove(key: str) -> None:
        _holomush.var_set(key, None)


class LogLevel(Enum):
    Trace = "trace"
    Debug = "debug"
    Info = "info"
    Warn = "warn"
    Error = "error"


def log(level: LogLevel, msg: Any) -> None:
    """Writes to the server's log; what is neither str nor bytes is written as JSON."""
    if isinstance(msg, bytes):
        msg = msg.decode("utf-8", "replace")
    elif not isinstance(msg, str):
        msg = _to_json(msg)
    # The server knows four levels.
    _holomush.holomush_log("debug" if level is LogLevel.Trace else level.value, msg)


class MemoryHandle:
    """A block of Extism's memory."""

    def __init__(self, offset: int, length: int) -> None:
        self.offset = offset
        self.length = length


class memory:  # noqa: N801 - Extism's name for it
    """Blocks of Extism's memory. Needed by no plugin that uses the functions above."""

    @staticmethod
    def alloc(data: builtins.bytes) -> MemoryHandle:
        return MemoryHandle(_holomush.memory_alloc(data), len(data))

    @staticmethod
    def find(offs: int) -> MemoryHandle | None:
        length = _holomush.memory_length(offs) if offs else 0
        return MemoryHandle(offs, length) if length else None

    @staticmethod
    def bytes(mem: MemoryHandle) -> builtins.bytes:
        return _holomush.memory_load(mem.offset)

    @staticmethod
    def string(mem: MemoryHandle) -> str:
        return _holomush.memory_load(mem.offset).decode()

    @staticmethod
    def free(mem: MemoryHandle) -> None:
        _holomush.memory_free(mem.offset)


class HttpRequest:
    def __init__(self, url: str, method: str | None = None, headers: dict[str, str] | None = None) -> None:
        self.url = url
        self.method = method
        self.headers = headers


class HttpResponse:
    """Never made: see Http."""


class Http:
    @staticmethod
    def request(*_args: Any, **_kwargs: Any) -> HttpResponse:
        raise RuntimeError("extism.Http is not available: the server lets no plugin open connections of its own")
