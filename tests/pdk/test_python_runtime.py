"""The Python runtime and holomush_pdk, by running plugins on them."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import RUNTIME, SILENCE, Guest, Host, Refusal, Runtime

PDK = Path(__file__).parents[2] / "pdk" / "python"

# As the design document prints it.
ECHO = """\
import extism
from holomush_pdk import Event, emit_event

def handle_event():
    event = Event.from_input()

    if event.type != "say" or event.actor_kind == "plugin":
        return

    emit_event(
        stream=event.stream,
        type="say",
        payload={"message": f"Echo: {event.payload['message']}"}
    )

extism.plugin_fn(handle_event)
"""

EVENT = {
    "id": "01JD0000000000000000000000",
    "stream": "location:01JD0000000000000000000001",
    "type": "say",
    "timestamp": 1_700_000_000_123,
    "actor_kind": "character",
    "actor_id": "01JD0000000000000000000002",
    "actor_name": "Ada",
    "payload": {"message": "hello"},
}

INVOCATION = {
    "command": "look",
    "handler": "look",
    "args": {"target": "lamp"},
    "raw": "look lamp",
    "actor": {"id": "c1", "name": "Ada", "home": {"id": "l2"}},
    "location": {"id": "l1", "name": "Hall"},
    "session": {"id": "s1"},
    "timestamp": 5,
}


def last_line(error: str) -> str:
    return error.rstrip().splitlines()[-1]


# ---- Calls -----------------------------------------------------------------------------------------------------------


def test_the_echo_of_the_design_document_runs_as_printed(runtime: Runtime, host: Host) -> None:
    guest = runtime.load(ECHO)

    assert "handle_event" in guest.functions
    assert guest.call("handle_event", EVENT) is None
    assert [(name, json.loads(text)) for name, text in host.calls] == [
        ("holomush_emit_event", {"stream": EVENT["stream"], "type": "say", "payload": {"message": "Echo: hello"}})
    ]


def test_the_echo_leaves_other_events_alone(runtime: Runtime, host: Host) -> None:
    guest = runtime.load(ECHO)

    guest.call("handle_event", {**EVENT, "type": "pose"})
    guest.call("handle_event", {**EVENT, "actor_kind": "plugin"})

    assert host.calls == []


def test_an_event_handler_with_a_parameter_gets_the_event(runtime: Runtime) -> None:
    guest = runtime.load("def handle_event(event): return vars(event) | {'kind': type(event).__name__}")

    assert guest.call("handle_event", {**EVENT, "unknown": 1}) == {**EVENT, "kind": "Event"}


def test_a_command_handler_with_a_parameter_gets_the_invocation(runtime: Runtime) -> None:
    guest = runtime.load(
        "def look(inv):\n"
        "    return [inv.command, inv.handler, inv.args['target'], inv.args.target, inv.raw, inv.actor.name,\n"
        "            inv.actor.home.id, inv.location.name, inv.session['id'], str(inv.timestamp)]\n"
    )

    assert guest.call("look", INVOCATION) == {
        "output": ["look", "look", "lamp", "lamp", "look lamp", "Ada", "l2", "Hall", "s1", "5"]
    }


def test_a_command_handler_without_parameters_reads_its_input_itself(runtime: Runtime) -> None:
    guest = runtime.load(
        """
from holomush_pdk import Invocation
import extism
def look(): return Invocation.from_input().raw
def raw(): return extism.input_str()
"""
    )

    assert guest.call("look", INVOCATION) == {"output": "look lamp"}
    assert guest.call("raw", {"a": "b\n"}) == {"output": '{"a": "b\\n"}'}
    assert guest.call("raw") == {"output": ""}


def test_init_gets_none(runtime: Runtime) -> None:
    guest = runtime.load("def init(x): return repr(x)")

    assert guest.call("init") == {"output": "None"}


def test_module_state_lasts_from_call_to_call(runtime: Runtime) -> None:
    guest = runtime.load("n = 0\ndef count():\n    global n\n    n += 1\n    return str(n)\n")

    assert [guest.call("count")["output"] for _ in range(3)] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("None", None),
        ("'text'", {"output": "text"}),
        ("''", {"output": ""}),
        ("['one', 'two']", {"output": ["one", "two"]}),
        ("{'output': 'x', 'events': []}", {"output": "x", "events": []}),
        ("Response('x')", {"output": "x", "events": []}),
        ("Response(handled=False)", {"events": [], "handled": False}),
        (
            "Response(events=[EmitEvent('global', 'say', {'a': 1})])",
            {"events": [{"stream": "global", "type": "say", "payload": {"a": 1}}]},
        ),
        (
            "{'events': [EmitEvent('global', 'say')]}",
            {"events": [{"stream": "global", "type": "say", "payload": {}}]},
        ),
        ("extism.output_json({'n': 1})", {"n": 1}),
        ("extism.output(Point(1, 2))", {"x": 1, "y": 2}),
    ],
)
def test_what_a_handler_may_return(runtime: Runtime, expression: str, expected: object) -> None:
    guest = runtime.load(
        "import extism\nfrom dataclasses import dataclass\nfrom holomush_pdk import EmitEvent, Response\n"
        "@dataclass\nclass Point(extism.Json):\n    x: int\n    y: int\n"
        f"def f(): return {expression}\n"
    )

    assert guest.call("f") == expected


@pytest.mark.parametrize("expression", ["5", "True", "1.5", "['a', 1]", "object()", "('a',)"])
def test_anything_else_is_refused(runtime: Runtime, expression: str) -> None:
    guest = runtime.load(f"def f(): return {expression}")

    assert "a handler returns None, a str, a list of str, a dict or a Response" in last_line(guest.error("f"))


@pytest.mark.parametrize("expression", ["{'a': {1, 2}}", "{'a': float('nan')}"])
def test_what_is_not_json_is_refused(runtime: Runtime, expression: str) -> None:
    guest = runtime.load(f"def f(): return {expression}")

    assert last_line(guest.error("f")).startswith("TypeError: what f returned cannot be sent as JSON: ")


def test_a_plugin_fn_may_return_a_code(runtime: Runtime) -> None:
    guest = runtime.load(
        """
import extism
@extism.plugin_fn
def fine():
    extism.output_str("{}")
    return 0
@extism.plugin_fn
def failing(): return 3
"""
    )

    assert guest.call("fine") == {}
    assert last_line(guest.error("failing")) == "RuntimeError: failing returned 3, which means that it failed"


def test_functions_lists_what_can_be_called(runtime: Runtime) -> None:
    guest = runtime.load(
        "import json\nfrom typing import Any, Optional\nfrom helpers import shared\nfrom holomush_pdk import Event, log\n"
        "x = 1\nclass A: pass\ndef _private(): pass\ndef b(): pass\ndef a(): pass\nc = lambda: None\n",
        helpers="def shared(): pass\n",
    )

    assert guest.functions == ["a", "b", "c", "log", "shared"]


def test_a_function_that_is_not_there_is_an_error_without_consequences(runtime: Runtime) -> None:
    guest = runtime.load("x = 1\ndef f(): return 'ok'\ndef two(a, b): pass\n")

    assert last_line(guest.error("g")) == "LookupError: the plugin has no function 'g'"
    assert last_line(guest.error("x")) == "LookupError: the plugin has no function 'x'"
    assert "a handler takes one argument or none" in guest.error("two")
    assert guest.call("f") == {"output": "ok"}


def test_a_call_without_a_function_name_is_an_error(runtime: Runtime) -> None:
    guest = runtime.load("")

    with pytest.raises(Exception, match="a function's name, a newline"):
        guest._plugin.call("hm_call", "no newline")


# ---- Text ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mirror(runtime: Runtime) -> Guest:
    return runtime.load("def f(inv): return {'args': inv.args, 'raw': inv.raw}")


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(args=st.dictionaries(st.text(), json_values), raw=st.text())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_comes_back_as_it_went_in(mirror: Guest, args: dict[str, Any], raw: str) -> None:
    assert mirror.call("f", {"args": args, "raw": raw}) == {"args": args, "raw": raw}


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 1023, 1024, 1025, 70_000])
def test_text_of_any_length_comes_through_host_functions(runtime: Runtime, host: Host, length: int) -> None:
    guest = runtime.load(
        "from holomush_pdk import query_object\ndef f(inv): return {'o': query_object(inv.raw), 'n': len(inv.raw)}"
    )
    text = "ü" * length
    host.answers["holomush_query_object"] = {"name": text}

    assert guest.call("f", {"raw": text}) == {"o": {"name": text}, "n": length}
    assert host.calls == [("holomush_query_object", text)]


# ---- Output streams --------------------------------------------------------------------------------------------------


def test_print_goes_to_the_log_line_by_line(runtime: Runtime, host: Host) -> None:
    guest = runtime.load(
        """
import sys
print("loading")
def f():
    print("one")
    print("two\\nthree", end="")
    print("!", file=sys.stderr)
    print(" and a half", end="")
def long(): print("é" * 5000); print("x" * 5000, end="")
def failing():
    print("before", end="")
    raise ValueError
"""
    )
    assert host.logged() == [("info", "loading")]
    host.reset()

    guest.call("f")
    assert host.logged() == [("info", "one"), ("info", "two"), ("warn", "!"), ("info", "three and a half")]

    host.reset()
    guest.call("long")
    assert host.logged() == [("info", "é" * 2048), ("info", "x" * 4096)]

    host.reset()
    guest.error("failing")
    assert host.logged() == [("info", "before")]


def test_logging_and_the_log_functions(runtime: Runtime, host: Host) -> None:
    guest = runtime.load(
        """
import logging, extism, holomush_pdk
def f():
    logging.warning("watch %s", "out")
    holomush_pdk.log("a")
    holomush_pdk.log("b", level="error")
    extism.log(extism.LogLevel.Debug, {"c": 1})
"""
    )

    guest.call("f")

    assert host.logged() == [("warn", "WARNING:root:watch out"), ("info", "a"), ("error", "b"), ("debug", '{"c": 1}')]


# ---- Errors ----------------------------------------------------------------------------------------------------------


def test_a_traceback_begins_in_the_plugin_and_shows_source(runtime: Runtime) -> None:
    guest = runtime.load(
        "import helpers\n\ndef f():\n    return helpers.divide(1)\n",
        helpers="def divide(x):\n    zero = 0\n    return x / zero\n",
    )

    assert guest.error("f") == dedent(
        """\
        Traceback (most recent call last):
          File "plugin.py", line 4, in f
            return helpers.divide(1)
                   ^^^^^^^^^^^^^^^^^
          File "helpers.py", line 3, in divide
            return x / zero
                   ~~^~~~~~
        ZeroDivisionError: division by zero"""
    )


def test_a_syntax_error_shows_file_line_and_caret(runtime: Runtime) -> None:
    assert runtime.load_error({"plugin": "x = 1\ndef f(:\n    pass\n"}) == dedent(
        """\
          File "plugin.py", line 2
            def f(:
                  ^
        SyntaxError: invalid syntax"""
    )


def test_a_syntax_error_in_a_sibling_says_who_imported_it(runtime: Runtime) -> None:
    error = runtime.load_error({"plugin": "import helpers\n", "helpers": "\n\nreturn 5\n"})

    assert 'File "plugin.py", line 1, in <module>\n    import helpers\n' in error
    assert 'File "helpers.py", line 3\n    return 5\n' in error
    assert last_line(error) == "SyntaxError: 'return' outside function"
    assert "frozen" not in error


def test_an_error_while_loading(runtime: Runtime) -> None:
    assert runtime.load_error({"plugin": "import nothing_like_it"}) == dedent(
        """\
        Traceback (most recent call last):
          File "plugin.py", line 1, in <module>
            import nothing_like_it
        ModuleNotFoundError: No module named 'nothing_like_it'"""
    )


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise BaseException('b')", "BaseException: b"),
        ("raise ValueError('\\udcff')", "ValueError: \\udcff"),
        ("raise ExceptionGroup('g', [ValueError('v')])", "    +------------------------------------"),
        ("assert 1 == 2, 'maths'", "AssertionError: maths"),
    ],
)
def test_every_exception_is_reported_and_survived(runtime: Runtime, statement: str, expected: str) -> None:
    guest = runtime.load(f"def f():\n    {statement}\ndef g(): return 'alive'\n")

    assert last_line(guest.error("f")) == expected
    assert guest.call("g") == {"output": "alive"}


def test_an_exception_that_cannot_be_printed(runtime: Runtime) -> None:
    guest = runtime.load("class E(Exception):\n    def __str__(self): raise SystemExit\ndef f(): raise E\n")

    assert "E" in last_line(guest.error("f"))


def test_a_huge_error_is_shortened(runtime: Runtime) -> None:
    guest = runtime.load("def f(): raise ValueError('x' * 1_000_000)")

    error = guest.error("f")

    assert len(error) < 40_000
    assert "characters left out" in error


def test_running_out_of_memory_can_be_caught(runtime: Runtime) -> None:
    guest = runtime.load(
        """
def fill():
    kept = []
    while True:
        kept.append(bytearray(1_000_000))
def one(): bytearray(100_000_000)
def careful():
    try:
        fill()
    except MemoryError:
        return "caught"
"""
    )

    assert last_line(guest.error("fill")) == "MemoryError"
    assert last_line(guest.error("one")) == "MemoryError"
    assert guest.call("careful") == {"output": "caught"}


def test_memory_that_stays_full_still_gives_a_clean_error(runtime: Runtime) -> None:
    guest = runtime.load("kept = []\ndef fill():\n    while True: kept.append(str(len(kept)))\n")

    assert last_line(guest.error("fill")) == "MemoryError"


RECURSIONS = {
    "a function": "def f(): f()",
    "repr": "def f():\n    x = []\n    for _ in range(100_000): x = [x]\n    repr(x)",
    "json.dumps": "import json\ndef f():\n    x = {}\n    for _ in range(100_000): x = {'a': x}\n    json.dumps(x)",
    "json.loads": "import json\ndef f(): json.loads('[' * 100_000)",
    "ast": "import ast\ndef f(): ast.parse('+'.join(['1'] * 50_000))",
    "__getattr__": "class A:\n    def __getattr__(self, n): return getattr(self, n)\ndef f(): A().x",
    "__radd__": "class A:\n    def __radd__(self, other): return sum([self])\ndef f(): sum([A()])",
    "sorted": "def f(x=0): return sorted([1, 2], key=f)",
    "map": "def f(x=0): return list(map(f, [1]))",
    "__init__": "class A:\n    def __init__(self): A()\ndef f(): A()",
    "generators": "def g(): yield from g()\ndef f(): list(g())",
    "deepcopy": "import copy\ndef f():\n    x = []\n    for _ in range(5000): x = [x]\n    copy.deepcopy(x)",
}


@pytest.mark.parametrize("kind", RECURSIONS)
def test_endless_recursion_is_an_exception(runtime: Runtime, kind: str) -> None:
    guest = runtime.load(f"import extism\n{RECURSIONS[kind]}\ndef alive(): return 'yes'\nextism.plugin_fn(f)\n")

    assert last_line(guest.error("f")).startswith("RecursionError: maximum recursion depth exceeded")
    assert guest.call("alive") == {"output": "yes"}


# ---- Modules ---------------------------------------------------------------------------------------------------------


def test_siblings_and_packages(runtime: Runtime) -> None:
    guest = runtime.load_modules(
        {
            "plugin": "import helpers\nfrom pkg import sub, NAME\nfrom pkg.deep.down import here\n"
            "def f(): return [helpers.x, NAME, sub.up(), here, sub.__file__, helpers.__doc__, __name__, __file__]\n",
            "helpers": '"""Docs are kept."""\nx = "helper"\n',
            "pkg.__init__": 'NAME = "package"\n',
            "pkg.sub": "from . import NAME\ndef up(): return NAME.upper()\n",
            "pkg.deep.down": "here = __name__\n",
        }
    )

    assert guest.call("f") == {
        "output": [
            "helper",
            "package",
            "PACKAGE",
            "pkg.deep.down",
            "pkg/sub.py",
            "Docs are kept.",
            "plugin",
            "plugin.py",
        ]
    }


@pytest.mark.parametrize("name", ["random", "holomush_pdk", "extism", "json.encoder"])
def test_a_module_cannot_take_a_name_that_is_there_already(runtime: Runtime, name: str) -> None:
    error = runtime.load_error({"plugin": "", name: ""})

    assert last_line(error).endswith("has the name of a module that is already there: call it something else")


def test_ordinary_modules_can_be_imported(runtime: Runtime) -> None:
    names = (
        "array ast base64 bisect calendar cmath collections configparser contextlib contextvars copy csv dataclasses"
        " datetime decimal difflib enum fnmatch fractions functools graphlib hashlib heapq hmac html inspect io ipaddress"
        " itertools json logging math numbers operator pathlib pickle pprint queue random re secrets shlex statistics"
        " string struct textwrap threading time tomllib typing unicodedata urllib.parse uuid weakref zoneinfo"
    )
    guest = runtime.load(
        f"import importlib\ndef f():\n    for name in {names.split()!r}: importlib.import_module(name)\n"
        "def g():\n    import unicodedata, decimal, zoneinfo, datetime, pathlib\n"
        "    return [unicodedata.normalize('NFC', 'e\\u0301'), str(decimal.Decimal(1) / 8),\n"
        "            str(pathlib.PurePosixPath('a') / 'b'), str(datetime.datetime(2024, 2, 29))]\n"
    )

    assert guest.call("f") is None
    assert guest.call("g") == {"output": ["é", "0.125", "a/b", "2024-02-29 00:00:00"]}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import time; time.sleep(1)", "RuntimeError: a plugin cannot sleep: it would hold up its own players"),
        ("import threading; threading.Thread(target=f).start()", "RuntimeError: a plugin cannot start a thread"),
        ("import _thread; _thread.start_new_thread(f, ())", "RuntimeError: a plugin cannot start a thread"),
        ("import threading; threading.Event().wait()", "RuntimeError: a plugin cannot wait: it has one thread"),
        ("import queue; queue.Queue().get()", "RuntimeError: a plugin cannot wait: it has one thread"),
        ("import socket", "ImportError: socket is not available: a plugin has no network"),
        ("import urllib.request", "ImportError: urllib.request is not available: a plugin has no network"),
        ("import subprocess", "ImportError: subprocess is not available: a plugin cannot start another program"),
        ("import os; os.system('ls')", "RuntimeError: a plugin cannot start another program"),
        ("import os; os._exit(1)", "RuntimeError: a plugin cannot end the process"),
        ("import asyncio", "ImportError: asyncio is not available: a plugin is called, answers and is done"),
        ("import ctypes", "ImportError: ctypes is not available: a plugin runs in a sandbox"),
        ("import unittest", "ModuleNotFoundError: No module named 'unittest': this part of the standard library is not"),
        ("open('x')", "PermissionError: a plugin has no files"),
        ("import os; os.listdir('.')", "PermissionError: a plugin has no files"),
        ("import pathlib; pathlib.Path('x').write_text('')", "PermissionError: a plugin has no files"),
        ("input()", "RuntimeError: a plugin cannot wait for typing"),
        ("breakpoint()", "RuntimeError: a plugin has no terminal"),
        ("import sys; sys.setrecursionlimit(10_000)", "ValueError: a plugin's calls can be nested at most"),
        ("import extism; extism.Http.request('x')", "RuntimeError: extism.Http is not available"),
    ],
)
def test_what_cannot_work_says_why(runtime: Runtime, statement: str, expected: str) -> None:
    guest = runtime.load(f"def f():\n    {statement}\n")

    error = guest.error("f")

    assert last_line(error).startswith(expected)
    assert "holomush_boot" not in error


def test_instances_do_not_share_their_randomness_or_a_frozen_clock(runtime: Runtime) -> None:
    source = """
import os, random, secrets, time, uuid
def f(): return [str(random.random()), str(uuid.uuid4()), secrets.token_hex(), os.urandom(8).hex()]
def g(): return str(time.time())
"""
    first, second = runtime.load(source), runtime.load(source)

    answers = first.call("f")["output"] + second.call("f")["output"] + first.call("f")["output"]

    assert len(set(answers)) == len(answers)
    assert float(first.call("g")["output"]) > 1_700_000_001


def test_the_runtime_imports_nothing_that_could_block() -> None:
    assert b"poll_oneoff" not in RUNTIME.read_bytes()


def test_a_second_load_is_refused(runtime: Runtime) -> None:
    guest = runtime.load("")

    with pytest.raises(Exception, match="already has a plugin"):
        guest._plugin.call("hm_load", "{}")


# ---- The server's functions -------------------------------------------------------------------------------------------


def test_every_function_sends_what_the_server_expects(runtime: Runtime, host: Host) -> None:
    guest = runtime.load(
        """
from holomush_pdk import *
def f():
    place = query_location("l1")
    found = find("lamp", near="c1", kinds=["object"])
    move_character("c1", "l2")
    move_object("o1", location="l1")
    move_object("o1", character="c1")
    move_object("o1", container="o2")
    find("x", near="c1")
    return [place.name, found[0].id, query_character("c1").name]
"""
    )
    host.answers["holomush_query_location"] = {"name": "Hall"}
    host.answers["holomush_query_character"] = {"name": "Ada"}
    host.answers["holomush_find"] = [{"id": "o1"}]

    assert guest.call("f") == {"output": ["Hall", "o1", "Ada"]}
    assert host.calls == [
        ("holomush_query_location", "l1"),
        ("holomush_find", '{"name": "lamp", "near": "c1", "kinds": ["object"]}'),
        ("holomush_move_character", "c1", "l2"),
        ("holomush_move_object", "o1", '{"location": "l1"}'),
        ("holomush_move_object", "o1", '{"character": "c1"}'),
        ("holomush_move_object", "o1", '{"container": "o2"}'),
        ("holomush_find", '{"name": "x", "near": "c1", "kinds": ["character", "object", "exit"]}'),
        ("holomush_query_character", "c1"),
    ]


def test_the_modules_that_need_no_server_can_be_imported(runtime: Runtime, host: Host) -> None:
    guest = runtime.load(
        """
from holomush_pdk.locks import BadLock, check, passes
from holomush_pdk.matching import fitting, name_key, the, which_one, without_article
from holomush_pdk import query_character
def lock(inv):
    try: check(inv.raw)
    except BadLock as error: return str(error)
    return str(passes(inv.raw, {name_key("Brass KEY")}))
def pick(inv):
    found = fitting(query_character("c1").objects, inv.raw)
    return the(found[0]) if len(found) == 1 else which_one(found) if found else without_article(inv.raw)
"""
    )
    host.answers["holomush_query_character"] = {"objects": [{"name": "lamp"}, {"name": "coin"}, {"name": "Coin"}]}

    assert guest.call("lock", {"raw": "!Bob & (brass key | Alice)"}) == {"output": "True"}
    assert guest.call("lock", {"raw": "brass key & Alice"}) == {"output": "False"}
    assert guest.call("lock", {"raw": "brass key &"}) == {"output": "a name is missing"}
    assert guest.call("pick", {"raw": '"LAMP"'}) == {"output": "the lamp"}
    assert guest.call("pick", {"raw": "coin"}) == {"output": "Which one: 1.coin, 2.Coin?"}
    assert guest.call("pick", {"raw": "the 2.coin"}) == {"output": "Coin"}
    assert guest.call("pick", {"raw": "the sword"}) == {"output": "sword"}


def test_an_error_of_the_server_is_a_host_error(runtime: Runtime, host: Host) -> None:
    guest = runtime.load(
        """
from holomush_pdk import HostError, query_object
def f(): query_object("o1")
def g():
    try: query_object("o1")
    except HostError as error: return [error.code, error.message]
"""
    )
    host.answers["holomush_query_object"] = Refusal("capability_denied", "the plugin may not read objects")

    assert last_line(guest.error("f")) == ("holomush_pdk.HostError: capability_denied: the plugin may not read objects")
    assert guest.call("g") == {"output": ["capability_denied", "the plugin may not read objects"]}


def test_a_call_that_the_server_gives_up_is_a_host_error(runtime: Runtime, host: Host) -> None:
    guest = runtime.load("from holomush_pdk import query_object\ndef f(): query_object('o1')")
    host.answers["holomush_query_object"] = SILENCE

    assert last_line(guest.error("f")) == ("holomush_pdk.HostError: unavailable: the server has given up holomush_query_object")


def test_move_object_wants_exactly_one_place(runtime: Runtime, host: Host) -> None:
    guest = runtime.load("from holomush_pdk import move_object\ndef f(): move_object('o')\ndef g(): move_object('o', 'l', 'c')\n")

    assert "exactly one of location, character and container" in guest.error("f")
    assert "exactly one of location, character and container" in guest.error("g")
    assert host.calls == []


def test_a_record_says_what_it_has(runtime: Runtime) -> None:
    guest = runtime.load("def f(inv): return inv.actor.shoes")

    assert last_line(guest.error("f", INVOCATION)) == "AttributeError: there is no 'shoes' here, only: id, name, home"


def test_import_fn_binds_functions_of_the_server(runtime: Runtime, host: Host) -> None:
    guest = runtime.load(
        """
import extism
@extism.import_fn("extism:host/user", "holomush_query_object")
def as_text(id: str) -> str: ...
@extism.import_fn("extism:host/user", "holomush_query_object")
def as_json(id: str) -> extism.Json: ...
@extism.import_fn("extism:host/user", "holomush_log")
def log(level: str, message: str): ...
def f():
    log("info", "hi")
    return [as_text("o1"), as_json("o2").value["value"]["name"]]
"""
    )
    host.answers["holomush_query_object"] = {"name": "lamp"}

    assert guest.call("f") == {"output": ['{"ok": true, "value": {"name": "lamp"}}', "lamp"]}
    assert host.calls[0] == ("holomush_log", "info", "hi")


@pytest.mark.parametrize(("module", "name"), [("extism:host/user", "other"), ("example", "holomush_log")])
def test_import_fn_of_anything_else_fails_while_loading(runtime: Runtime, module: str, name: str) -> None:
    error = runtime.load_error({"plugin": f"import extism\n@extism.import_fn({module!r}, {name!r})\ndef f(): ...\n"})

    assert last_line(error).startswith(f"LookupError: there is no function {name!r} in {module!r} to import")


def test_variables(runtime: Runtime) -> None:
    guest = runtime.load(
        """
from extism import Var
def f():
    before = Var.get_str("n")
    Var.set("n", "ü")
    Var.set("b", b"\\xff\\x00")
    Var.set_json("j", {"a": [1]})
    return {"before": before, "n": Var.get_str("n"), "b": list(Var.get_bytes("b")), "j": Var.get_json("j")}
def g():
    n = Var.get_str("n")
    Var.remove("n")
    return {"n": n, "after": Var.get_str("n")}
"""
    )

    assert guest.call("f") == {"before": None, "n": "ü", "b": [255, 0], "j": {"a": [1]}}
    assert guest.call("g") == {"n": "ü", "after": None}


def test_configuration(shared_runtime: Runtime) -> None:
    compiled = shared_runtime.compile(config={"greeting": "Grüß dich", "limits": "[1, 2]"})
    guest = shared_runtime.load_modules(
        {
            "plugin": """
from extism import Config
from holomush_pdk import config
def f():
    return {
        "greeting": config("greeting"), "missing": config("missing"), "default": config("missing", "x"),
        "extism": [Config.get_str("greeting"), Config.get_str("missing"), Config.get_json("limits")],
    }
"""
        },
        compiled,
    )

    assert guest.call("f") == {
        "greeting": "Grüß dich",
        "missing": "",
        "default": "x",
        "extism": ["Grüß dich", None, [1, 2]],
    }


def test_extism_input_and_memory(runtime: Runtime) -> None:
    guest = runtime.load(
        """
import extism
from dataclasses import dataclass
@dataclass
class Count(extism.Json):
    count: int
@extism.plugin_fn
def f():
    count = extism.input(Count)
    block = extism.memory.alloc(b"bytes")
    found = extism.memory.find(block.offset)
    text = extism.memory.string(found)
    extism.memory.free(block)
    extism.output({"count": count.count, "raw": extism.input_json(), "str": extism.input(str), "text": text})
@extism.shared_fn
def shared(x): return x
"""
    )

    assert guest.call("f", {"count": 3}) == {"count": 3, "raw": {"count": 3}, "str": '{"count": 3}', "text": "bytes"}


# ---- Outside the server ----------------------------------------------------------------------------------------------


def test_the_pdk_can_be_imported_outside_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PDK)
    monkeypatch.delitem(sys.modules, "holomush_pdk", raising=False)
    pdk: Any = importlib.import_module("holomush_pdk")
    monkeypatch.delitem(sys.modules, "holomush_pdk")

    assert pdk.Response("x").to_dict() == {"output": "x", "events": []}
    assert pdk.Record(a={"b": 1}).a.b == 1
    with pytest.raises(RuntimeError, match="needs the HoloMUSH server"):
        pdk.emit_event(stream="global", type="say", payload={})
    with pytest.raises(RuntimeError, match="needs the HoloMUSH server"):
        pdk.Event.from_input()


def test_a_plugin_can_be_tested_outside_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PDK)
    for name in ("holomush_pdk", "holomush_pdk.testing"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    pdk: Any = importlib.import_module("holomush_pdk")
    testing: Any = importlib.import_module("holomush_pdk.testing")
    for name in ("holomush_pdk", "holomush_pdk.testing"):
        monkeypatch.delitem(sys.modules, name)
    answers = {"holomush_query_character": {"name": "Ada"}, "holomush_find": pdk.HostError("timeout", "too slow")}

    with testing.FakeServer(input=EVENT, answers=answers, config={"a": "b"}) as server:
        assert pdk.Event.from_input().actor_name == "Ada"
        assert pdk.query_character("c1").name == "Ada"
        assert pdk.config("a") == "b"
        pdk.emit_event(stream="global", type="say", payload={})
        with pytest.raises(pdk.HostError, match="timeout: too slow"):
            pdk.find("lamp", near="c1")

    assert [call[0] for call in server.calls] == [
        "holomush_query_character",
        "holomush_emit_event",
        "holomush_find",
    ]
    with pytest.raises(RuntimeError, match="needs the HoloMUSH server"):
        pdk.config("a")
