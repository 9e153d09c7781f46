"""The Python half of the runtime: loads a plugin's source and makes the calls into it.

shim.c calls `load`, `call` and `describe`. This module also decides what a plugin finds around it: which imports are
refused and why, where `print` goes, which built-in functions say that they cannot work here. All of it runs once, at
build time, and is part of the snapshot; only `load` and later happen in an instance.
"""

from __future__ import annotations

import _thread
import builtins
import gc
import importlib
import inspect
import io
import json
import os
import random
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType, TracebackType
from typing import Any, NoReturn

import _holomush
import extism
import holomush_pdk

# How deep calls may nest. Calls between Python functions alone could go deeper, but each one that passes through C
# (sorted with a key, __getattr__, repr) takes up to 1.6 KiB of the engine's stack of 512 KiB, whose end is a trap and
# the loss of the instance. Measured over 60 kinds of recursion: 300 never traps, 320 does.
RECURSION_LIMIT = 256
MAX_LINE = 4096  # bytes of one printed line
MAX_ERROR = 32 * 1024  # characters of one traceback

# ---- What cannot work in a plugin ------------------------------------------------------------------------------------

_FILES = "a plugin has no files: it sees the world through the functions of holomush_pdk"
_PROCESSES = "a plugin cannot start another program: it runs alone in its sandbox"
_THREADS = "a plugin cannot start a thread: it does one thing for each call and answers"
_NETWORK = "a plugin has no network of its own"
_TERMINAL = "a plugin has no terminal: what it has to say is what its function returns, or an event"
_WAITING = "a plugin is called, answers and is done: there is nothing that it could wait for"
_NATIVE = "a plugin runs in a sandbox, in which no native code can be loaded"

_FILE_CALLS = """
chdir chmod getcwd getcwdb link listdir lstat mkdir open readlink remove rename replace rmdir scandir stat symlink
truncate unlink utime
""".split()  # noqa: SIM905 - words without quotes are easier to read

_REFUSED_IMPORTS = {
    name: reason
    for reason, names in {
        _FILES: "dbm fcntl mmap shelve sqlite3 zipfile tarfile",
        _PROCESSES: "_posixsubprocess concurrent multiprocessing pty subprocess",
        _NETWORK: "_socket asynchat asyncore ftplib http imaplib nntplib poplib select selectors smtplib socket"
        " socketserver ssl telnetlib urllib.request xmlrpc",
        _TERMINAL: "bdb code curses getpass pdb readline termios tkinter tty turtle webbrowser",
        _WAITING: "asyncio signal",
        _NATIVE: "_ctypes cffi ctypes",
    }.items()
    for name in names.split()
}


def _refusal(error: type[BaseException], sentence: str) -> Callable[..., NoReturn]:
    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        raise error(sentence)

    return refuse


def _set_recursion_limit(limit: int) -> None:
    """Stands in for sys.setrecursionlimit: the stack is as big as it is."""
    if limit > RECURSION_LIMIT:
        raise ValueError(f"a plugin's calls can be nested at most {RECURSION_LIMIT} deep: turn the recursion into a loop")
    _original_set_recursion_limit(limit)


_original_set_recursion_limit = sys.setrecursionlimit


def _shadow_what_cannot_work() -> None:
    no_files = _refusal(PermissionError, _FILES)
    no_processes = _refusal(RuntimeError, _PROCESSES)
    no_threads = _refusal(RuntimeError, _THREADS)
    io.open = builtins.open = no_files
    posix = sys.modules["posix"]
    for name in _FILE_CALLS:
        for module in (os, posix):
            if hasattr(module, name):
                setattr(module, name, no_files)
    for name in ("fork", "popen", "posix_spawn", "system"):
        setattr(os, name, no_processes)
    # These would end the instance without an answer.
    no_exit = _refusal(RuntimeError, "a plugin cannot end the process: return from the function instead")
    for name in ("_exit", "abort"):
        for module in (os, posix):
            setattr(module, name, no_exit)
    time.sleep = _refusal(
        RuntimeError,
        "a plugin cannot sleep: it would hold up its own players; answer now, and do the rest later, with set_timer",
    )
    threading.Thread.start = no_threads
    threading.Condition.wait = _refusal(RuntimeError, "a plugin cannot wait: it has one thread, so nothing would wake it up")
    _thread.start_new_thread = _thread.start_new = no_threads
    builtins.input = _refusal(RuntimeError, "a plugin cannot wait for typing: a command gets the player's words as its invocation")
    sys.breakpointhook = _refusal(RuntimeError, _TERMINAL)
    sys.setrecursionlimit = _set_recursion_limit
    _set_recursion_limit(RECURSION_LIMIT)


class _Refusals:
    """Last on sys.meta_path: says why a module of the standard library is not there."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        reason = _REFUSED_IMPORTS.get(name)
        if reason is not None:
            raise ImportError(f"{name} is not available: {reason}", name=name)
        if name in sys.stdlib_module_names:
            raise ModuleNotFoundError(
                f"No module named {name!r}: this part of the standard library is not shipped with the plugin runtime",
                name=name,
            )


# ---- print -----------------------------------------------------------------------------------------------------------


class _LineLog(io.TextIOBase):
    """A standard stream whose lines go to the server's log."""

    encoding = "utf-8"

    def __init__(self, level: str) -> None:
        self._level = level
        self.rest = ""  # of a line that has not ended yet

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if "\n" in text:
            first, *middle, last = text.split("\n")
            self._log(self.rest + first)
            for line in middle:
                self._log(line)
            self.rest = last
        else:
            self.rest += text
        if len(self.rest) > MAX_LINE:  # what is more than can be logged need not be kept either
            self.rest = self.rest[:MAX_LINE]
        return len(text)

    def end_line(self) -> None:
        """Logs what has been written since the last newline."""
        line, self.rest = self.rest, ""
        if line:
            self._log(line)

    def _log(self, line: str) -> None:
        encoded = line[:MAX_LINE].encode("utf-8", "backslashreplace")
        _holomush.holomush_log(self._level, encoded[:MAX_LINE].decode("utf-8", "ignore"))


_stdout = _LineLog("info")
_stderr = _LineLog("warn")


def _end_lines() -> None:
    if _stdout.rest:
        _stdout.end_line()
    if _stderr.rest:
        _stderr.end_line()


# ---- Loading ---------------------------------------------------------------------------------------------------------


class _PluginFiles:
    """Finds and loads the modules of the plugin itself; first on sys.meta_path."""

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}  # by dotted name, packages without their ".__init__"
        self.packages: set[str] = set()

    def add(self, modules: dict[str, str]) -> None:
        reserved = sys.stdlib_module_names | {"_holomush", "extism", "holomush_boot", "holomush_pdk"}
        for dotted, source in modules.items():
            name = dotted.removesuffix(".__init__")
            if name.partition(".")[0] in reserved:
                raise ImportError(
                    f"{self.file_name(dotted)} has the name of a module that is already there: call it something else"
                )
            self.sources[name] = source
            if name != dotted:
                self.packages.add(name)
            # A folder is a package, with or without an __init__.py.
            parent = name.rpartition(".")[0]
            while parent:
                self.packages.add(parent)
                parent = parent.rpartition(".")[0]
        for package in self.packages:
            self.sources.setdefault(package, "")

    def file_name(self, name: str) -> str:
        path = name.replace(".", "/")
        return f"{path}/__init__.py" if name in self.packages else f"{path}.py"

    # The protocol of sys.meta_path finders and of loaders.

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        if name not in self.sources:
            return None
        is_package = name in self.packages
        spec = ModuleSpec(name, self, origin=self.file_name(name), is_package=is_package)
        spec.has_location = True  # so that the module gets __file__
        return spec

    def create_module(self, _spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102 - this is what the sandbox is for

    def get_code(self, name: str) -> CodeType:
        # optimize=0: the interpreter runs as with -OO for the sake of its own library, but a plugin keeps its asserts.
        return compile(self.sources[name], self.file_name(name), "exec", dont_inherit=True, optimize=0)

    def get_source(self, name: str) -> str:
        """For tracebacks (linecache) and inspect.getsource."""
        return self.sources[name]

    def is_package(self, name: str) -> bool:
        return name in self.packages


_files = _PluginFiles()
_handlers: dict[str, tuple[Callable[..., Any], Callable[[], Any] | None]] = {}


def load() -> str:
    """Runs the plugin that the input describes; returns the JSON list of the functions that it has."""
    random.seed()  # the snapshot's state is the same in every instance
    request = json.loads(_holomush.input())
    if "functions" in request:
        _leave_out(_holomush.HOST_FUNCTIONS.keys() - request["functions"])
    _files.add(request["modules"])
    try:
        plugin = importlib.import_module("plugin")
    finally:
        _end_lines()
    # What the plugin has made so far stays: the collector need not look at it again in every call.
    gc.collect()
    gc.freeze()
    names = {name for name, value in vars(plugin).items() if not name.startswith("_") and _is_function(value)}
    return json.dumps({"functions": sorted(names | extism._exports.keys())})


def _leave_out(names: Iterable[str]) -> None:
    """A module that holds its plugin itself imports only what the manifest asks for; calling one of the others would trap."""
    for name in names:
        setattr(_holomush, name, _holomush.log if name == "holomush_log" else _refuser(name))


def _refuser(name: str) -> Callable[..., str]:
    message = f"this module was built without {name}: add its capability to capabilities in plugin.yaml and build it again"
    envelope = json.dumps({"ok": False, "error": {"code": "capability_denied", "message": message}})
    return lambda *_texts: envelope


def _is_function(value: object) -> bool:
    # typing's special forms (Optional, Any) can be called as far as callable() knows.
    return callable(value) and not isinstance(value, type) and type(value).__module__ != "typing"


# ---- Calling ---------------------------------------------------------------------------------------------------------


def call(name: str) -> str | None:
    """Calls a function of the plugin with what the input holds; returns its output, None if there is none to set."""
    try:
        handler = _handlers.get(name)
        if handler is None:
            handler = _handlers[name] = _prepare(name)
        function, make_argument = handler
        result = function() if make_argument is None else function(make_argument())
        return None if result is None else _as_output(name, result)
    finally:
        if _stdout.rest or _stderr.rest:
            _end_lines()


def _prepare(name: str) -> tuple[Callable[..., Any], Callable[[], Any] | None]:
    """The function of that name and what makes its argument (None: it takes none). Once a name, not once a call."""
    function = extism._exports.get(name)
    if function is not None:
        return function, None
    function = getattr(sys.modules["plugin"], name, None)
    if not _is_function(function):
        raise LookupError(f"the plugin has no function {name!r}")
    if not _takes_argument(name, function):
        return function, None
    if name == "handle_event":
        return function, holomush_pdk.Event.from_input
    if name == "init":
        return function, _nothing
    return function, holomush_pdk.Invocation.from_input


def _nothing() -> None:
    return None


def _takes_argument(name: str, function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a function written in C that does not say
        return True
    needed = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if len(needed) > 1 or any(p.kind is p.KEYWORD_ONLY for p in needed):
        wanted = ", ".join(p.name for p in needed)
        raise TypeError(f"{name}({wanted}) cannot be called by the server: a handler takes one argument or none")
    return any(p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD) for p in parameters)


def _plain(value: object) -> object:
    """What json does not know: the values of holomush_pdk, anywhere in a result."""
    if isinstance(value, (holomush_pdk.EmitEvent, holomush_pdk.Response)):
        return value.to_dict()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_encode = json.JSONEncoder(allow_nan=False, default=_plain).encode


def _as_output(name: str, result: object) -> str | None:
    if isinstance(result, (dict, holomush_pdk.Response)):
        value: object = result
    elif isinstance(result, str) or (isinstance(result, list) and all(isinstance(line, str) for line in result)):
        value = {"output": result}
    elif isinstance(result, int) and not isinstance(result, bool) and name in extism._exports:
        # Extism's own convention: a plugin_fn may return a code, and 0 means that all is well.
        if result:
            raise RuntimeError(f"{name} returned {result}, which means that it failed")
        return None
    else:
        raise TypeError(f"{name} returned {_article(result)}; a handler returns None, a str, a list of str, a dict or a Response")
    try:
        return _encode(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"what {name} returned cannot be sent as JSON: {error}") from None


def _article(value: object) -> str:
    name = type(value).__name__
    if isinstance(value, list):
        name = "list with something other than str in it"
    return f"an {name}" if name[:1] in "aeiou" else f"a {name}"


# ---- Errors ----------------------------------------------------------------------------------------------------------

_HIDDEN_FILES = frozenset(
    {"<frozen holomush_boot>", "<frozen importlib>", "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>"}
)


def describe(error: BaseException) -> str:
    """The traceback as the plugin's author should read it: beginning in plugin.py, without the runtime's frames."""
    _tidy(error, set())
    text = "".join(traceback.format_exception(error)).rstrip("\n")
    if len(text) > MAX_ERROR:
        half = MAX_ERROR // 2
        text = f"{text[:half]}\n  [... {len(text) - MAX_ERROR} characters left out ...]\n{text[-half:]}"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _tidy(error: BaseException | None, seen: set[int]) -> None:
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error.__traceback__ = _own_frames(error.__traceback__)
        if isinstance(error, SyntaxError) and error.text is None and error.filename and error.lineno:
            _add_source_line(error)
        for inner in getattr(error, "exceptions", ()):  # an exception group
            if isinstance(inner, BaseException):
                _tidy(inner, seen)
        _tidy(error.__cause__, seen)
        error = error.__context__


def _own_frames(entry: TracebackType | None) -> TracebackType | None:
    kept = []
    while entry is not None:
        if entry.tb_frame.f_code.co_filename not in _HIDDEN_FILES:
            kept.append(entry)
        entry = entry.tb_next
    below: TracebackType | None = None
    for entry in reversed(kept):
        entry.tb_next = below
        below = entry
    return below


def _add_source_line(error: SyntaxError) -> None:
    """Errors that the compiler finds after parsing come without the line, because it looks for a file."""
    for name, source in _files.sources.items():
        if _files.file_name(name) == error.filename:
            lines = source.splitlines()
            if 0 < (error.lineno or 0) <= len(lines):
                error.text = lines[error.lineno - 1]


# ---- The snapshot ----------------------------------------------------------------------------------------------------

# Imported here so that no plugin waits for them; everything else in stdlib.txt is imported when asked for.
_WARM = """
abc base64 bisect calendar collections collections.abc contextlib copy csv dataclasses datetime decimal enum fractions
functools graphlib hashlib heapq holomush_pdk.locks holomush_pdk.markup holomush_pdk.matching html inspect io itertools json
linecache logging math operator pprint random re secrets statistics string struct textwrap time traceback types typing
urllib.parse uuid warnings weakref
""".split()  # noqa: SIM905


def _prepare_snapshot() -> None:
    # zoneinfo asks sysconfig where time zones are, and that reads the build's own settings, of which there are none.
    settings = ModuleType(sysconfig._get_sysconfigdata_name())
    settings.build_time_vars = {"TZPATH": ""}
    sys.modules[settings.__name__] = settings
    for name in _WARM:
        importlib.import_module(name)

    # The path-based finder has nowhere to look and would only ask the operating system in vain.
    finders = [finder for finder in sys.meta_path if getattr(finder, "__name__", "") != "PathFinder"]
    sys.meta_path[:] = [_files, *finders, _Refusals()]
    _shadow_what_cannot_work()
    sys.stdin = None
    sys.stdout = sys.__stdout__ = _stdout
    sys.stderr = sys.__stderr__ = _stderr
    gc.collect()
    gc.freeze()


_prepare_snapshot()
