"""What a harness can be given: a folder, or one file, with a manifest from wherever there is one."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from support.plugins import write_plugin
from support.wat import BLOCK
from wasmtime import wat2wasm

from holomush.authoring.standalone import MANIFEST_SECTION
from holomush.plugins.guests.binary import write_number, write_text
from holomush.testing import HarnessError, PluginFailed, PluginTestHarness

SOURCE = """
from holomush_pdk import config

def greet(inv):
    return f"{config('greeting') or 'Hello'}, {inv.args.get('who', 'you')}."
"""
JAVASCRIPT = """
import { config } from "holomush-pdk";

export function greet(inv) {
  return `${config("greeting") ?? "Hello"}, ${inv.args.who ?? "you"}.`;
}

export function fail() {
  throw new Error("it is broken");
}
"""
MANIFEST = "config: {greeting: Hi}\ncommands: [{name: greet, pattern: greet <who>, handler: greet}]"
EVENT = '{"stream": "location:1", "type": "say", "payload": {"message": "Echo: hello"}}'
ECHO = f"""(module
(import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
(import "extism:host/env" "length" (func $length (param i64) (result i64)))
(import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
(import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
(import "extism:host/env" "error_set" (func $error_set (param i64)))
(import "extism:host/user" "holomush_emit_event" (func $emit (param i64) (result i64)))
(memory (export "memory") 1)
(data (i32.const 0) "{EVENT.replace('"', chr(92) + "22")}")
(data (i32.const 512) "main.go:23: panic: it is broken")
{BLOCK}
(func (export "handle_event") (result i32) (drop (call $emit (call $block (i32.const 0) (i32.const {len(EVENT)})))) (i32.const 0))
(func (export "fail") (result i32) (call $error_set (call $block (i32.const 512) (i32.const 31))) (i32.const 1))
(func (export "crash") (result i32) (unreachable)))"""
"""A guest in WebAssembly, as other languages make them, that always gives the same answer."""


def section(name: str, text: str) -> bytes:
    body = write_text(name) + text.encode()
    return b"\0" + write_number(len(body)) + body


def echo(*sections: bytes) -> bytes:
    return b"".join((bytes(wat2wasm(ECHO)), *sections))


@pytest.mark.parametrize("name", ["tester", "tester/plugin.py"])
def test_a_folder_and_its_own_file_are_the_same_plugin(tmp_path: Path, name: str) -> None:
    write_plugin(tmp_path, "tester", MANIFEST, "from helper import greet", helper=SOURCE)
    (tmp_path / "tester" / "plugin.wasm.bak").write_bytes(b"")
    with PluginTestHarness(tmp_path / name) as harness:
        assert harness.run_command("greet Bob").output == "Hi, Bob."
        assert (harness.manifest.name, harness.manifest.capabilities) == ("tester", ())


def test_a_build_in_another_language_beside_the_given_file_does_not_matter(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "tester", "config: {greeting: Hi}", SOURCE)
    (folder / "plugin.wasm").write_bytes(echo())
    with PluginTestHarness(folder / "plugin.py") as harness:
        assert harness.call("greet", {}).output == "Hi, you."
    with PluginTestHarness(folder / "plugin.wasm", capabilities=["emit:*"]) as harness:
        assert harness.manifest.config == {"greeting": "Hi"}
        assert harness.call("crash", check=False).error == "tester, crash: it crashed inside its sandbox"
    with pytest.raises(PluginFailed, match=r"holds plugin.py and plugin.wasm: it must be one of them"):
        PluginTestHarness(folder)


def test_a_file_by_itself_may_do_everything(tmp_path: Path) -> None:
    (tmp_path / "My Greeter_2.py").write_text(dedent(SOURCE))
    with PluginTestHarness(tmp_path / "My Greeter_2.py") as harness:
        assert (harness.manifest.name, harness.manifest.capabilities) == ("my-greeter-2", ("*",))
        assert harness.call("greet", {}).output == "Hello, you."
        with pytest.raises(AssertionError, match=r"plugin.yaml lists no commands; call.. calls a function by its name"):
            harness.run_command("greet Bob")


@pytest.mark.parametrize("name", ["tester", "tester/plugin.js", "tester/tester.js"])
def test_javascript_is_a_plugin_as_it_stands(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "tester"
    folder.mkdir()
    (folder / "plugin.yaml").write_text(f"name: tester\nversion: 1.0.0\n{MANIFEST}\n")
    for file in ("plugin.js", "tester.js"):
        (folder / file).write_text(JAVASCRIPT)
    with PluginTestHarness(tmp_path / name) as harness:
        assert harness.run_command("greet Bob").output == "Hi, Bob."
        error = harness.call("fail", {}, check=False).error
        assert error is not None
        assert error.startswith("tester, fail: ")
        assert "plugin.js:9" in error
        assert "it is broken" in error


def test_a_manifest_beside_a_file_counts_if_it_has_its_name(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "greeter", MANIFEST, "")
    for name in ("greeter", "other"):
        (folder / f"{name}.py").write_text(dedent(SOURCE))
    with PluginTestHarness(folder / "greeter.py") as harness:
        assert harness.run_command("greet Bob").output == "Hi, Bob."
    with PluginTestHarness(folder / "other.py") as harness:
        assert harness.call("greet", {}).output == "Hello, you."


def test_a_module_of_another_language_is_a_plugin_as_well(tmp_path: Path) -> None:
    (tmp_path / "echo.wasm").write_bytes(echo())
    with PluginTestHarness(str(tmp_path / "echo.wasm"), capabilities=["emit:location:*"]) as harness:
        (event,) = harness.deliver_event({"type": "say", "stream": "location:1"}).emitted_events
        assert (event["type"], event["payload"]) == ("say", {"message": "Echo: hello"})
        assert harness.call("fail", check=False).error == "echo, fail: main.go:23: panic: it is broken"
        assert harness.call("crash", check=False).error == "echo, crash: it crashed inside its sandbox"
        assert harness.deliver_event({"type": "say", "stream": "location:1"}).emitted_events
        harness.mock("emit_event", None)
        assert harness.deliver_event({"type": "say", "stream": "location:1"}).emitted_events == []


def test_a_manifest_inside_a_module_is_its_own(tmp_path: Path) -> None:
    inside = section(MANIFEST_SECTION, "name: inner\nversion: 2.0.0\n")
    (tmp_path / "echo.wasm").write_bytes(echo(inside))
    with PluginTestHarness(tmp_path / "echo.wasm") as harness:
        assert (harness.manifest.name, harness.manifest.version) == ("inner", "2.0.0")
        assert [denial.capability for denial in harness.call("handle_event", check=False).denied] == ["emit:location:1"]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("echo.wasm", b"\0asm\1\0\0\0\1\1", "{path}: "),
        ("echo.wasm", b"nothing", "{path}: "),
        (
            "echo.wasm",
            b"\0asm\1\0\0\0" + section(MANIFEST_SECTION, "name: inner"),
            "{path}, its plugin.yaml: version: the key 'version' is missing",
        ),
        ("echo.py", b"\xff", "{path}: is not UTF-8 text"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_by_its_own_name(tmp_path: Path, name: str, content: bytes, complaint: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PluginFailed) as caught:
        PluginTestHarness(tmp_path / name)
    assert str(caught.value).startswith(complaint.format(path=tmp_path / name, folder=tmp_path))


def test_what_is_no_plugin_is_told(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"gone\.py: there is no such file or folder$"):
        PluginTestHarness(tmp_path / "gone.py")
    (tmp_path / "echo.rs").write_text("")
    with pytest.raises(
        HarnessError, match=r"echo\.rs: a plugin is a folder with a plugin\.yaml, or a file that ends in one of \.py, "
    ):
        PluginTestHarness(tmp_path / "echo.rs")
    with pytest.raises(PluginFailed, match=r"plugin\.yaml: cannot be read: "):
        PluginTestHarness(tmp_path)
