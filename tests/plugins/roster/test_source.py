"""Plugin folders: which are found, which stands in for which, and what of them is read."""

from pathlib import Path

import pytest
from support.plugins import write_plugin

from holomush import bundled
from holomush.plugins.roster.source import (
    MODULE_LIMIT,
    SOURCE_LIMIT,
    TOPIC_COUNT,
    TOPIC_LIMIT,
    TOPICS_LIMIT,
    SourceLanguage,
    find_plugins,
    read_plugin,
)
from holomush.structuring import StructureError


def problem(folder: Path) -> str:
    with pytest.raises(StructureError) as caught:
        read_plugin(folder)
    (line,) = caught.value.problems
    return line


def test_folders_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    for folder, name in ((first, "cat"), (first, "ant"), (second, "bee")):
        write_plugin(folder, name, "", "")
    assert list(find_plugins([first, second])) == [first / "ant", second / "bee", first / "cat"]
    assert list(find_plugins([second, first])) == [first / "ant", second / "bee", first / "cat"]


def test_a_later_folder_stands_in_for_an_earlier_of_the_same_name(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    write_plugin(first, "echo", "", "")
    write_plugin(second, "echo", "", "")
    assert list(find_plugins([first, second])) == [second / "echo"]
    assert list(find_plugins([second, first])) == [first / "echo"]


def test_only_folders_with_a_manifest_are_plugins(tmp_path: Path) -> None:
    write_plugin(tmp_path, "echo", "", "")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "plugin.py").write_text("")
    (tmp_path / "plugin.yaml").write_text("name: top\nversion: 1.0.0\n")
    write_plugin(tmp_path / "deep", "down", "", "")
    assert list(find_plugins([tmp_path, tmp_path / "missing", tmp_path / "plugin.yaml"])) == [tmp_path / "echo"]
    assert list(find_plugins([])) == []


def test_the_bundled_plugins_are_found() -> None:
    assert {"echo", "holomush-communication", "holomush-navigation"} <= {path.name for path in find_plugins([bundled.PLUGINS])}


def test_modules_by_their_dotted_names(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "echo", "", "import words\n", words="HELLO = 'hello'\n")
    (folder / "pkg" / "inner").mkdir(parents=True)
    (folder / "pkg" / "__init__.py").write_text("# package\n")
    (folder / "pkg" / "inner" / "deep.py").write_text("# deep\n")
    source = read_plugin(folder)
    assert source.folder == folder
    assert source.manifest.name == "echo"
    assert source.modules == {
        "plugin": "import words\n",
        "words": "HELLO = 'hello'\n",
        "pkg.__init__": "# package\n",
        "pkg.inner.deep": "# deep\n",
    }


def test_what_is_no_module_is_left_alone(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "echo", "", "")
    for name in ("tests/test_echo.py", "not-a-module.py", ".venv/lib/site.py", "data/words.txt", "2nd.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"\xff")
    assert set(read_plugin(folder).modules) == {"plugin"}


def test_a_byte_order_mark_is_no_part_of_the_source(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "echo", "", "")
    (folder / "plugin.py").write_bytes(b"\xef\xbb\xbfx = '\xc3\xa9'\n")
    assert read_plugin(folder).modules == {"plugin": "x = '\u00e9'\n"}


def test_a_manifest_may_begin_with_one_too(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "echo", "", "")
    (folder / "plugin.yaml").write_bytes(b"\xef\xbb\xbfname: echo\nversion: 1.0.0\n")
    assert read_plugin(folder).manifest.name == "echo"


def test_a_source_file_that_is_not_utf8(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "echo", "", "")
    (folder / "helper.py").write_bytes(b"# caf\xe9\n")
    assert problem(folder) == f"{folder / 'helper.py'}: is not UTF-8 text"


def test_a_folder_without_source(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "echo", "", "")
    (folder / "plugin.py").unlink()
    missing = f"{folder}: holds no plugin.py, plugin.js or plugin.wasm: a plugin is a plugin.yaml and one of them"
    assert problem(folder) == missing
    (folder / "plugin.py").mkdir()
    assert problem(folder) == missing


@pytest.mark.parametrize("name", ["go.mod", "Cargo.toml", "asconfig.json"])
def test_a_folder_that_is_not_built_yet(tmp_path: Path, name: str) -> None:
    folder = write_plugin(tmp_path, "echo", "", "")
    (folder / "plugin.py").rename(folder / name)
    assert problem(folder) == f"{folder}: holds no plugin.wasm yet: python -m holomush plugin build {folder}"


def test_a_source_file_that_cannot_be_read(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "echo", "", "")
    (folder / "gone.py").symlink_to(tmp_path / "nowhere")
    assert problem(folder) == f"{folder / 'gone.py'}: cannot be read: No such file or directory"


def test_source_has_a_limit(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "echo", "", "#" * (SOURCE_LIMIT - 10), more="#" * 10)
    assert len(read_plugin(folder).modules) == 2
    (folder / "more.py").write_text("#" * 11)
    assert problem(folder) == f"{folder}: holds more than {SOURCE_LIMIT} bytes of source"


def test_the_limit_is_of_bytes(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "echo", "", "")
    (folder / "plugin.py").write_text("#" + "\u4e16" * (SOURCE_LIMIT // 3), encoding="utf-8")
    assert len(read_plugin(folder).modules["plugin"]) < SOURCE_LIMIT // 2
    (folder / "plugin.py").write_text("##" + "\u4e16" * (SOURCE_LIMIT // 3), encoding="utf-8")
    assert "holds more than" in problem(folder)


def test_a_broken_manifest_does_not_hide_what_else_is_wrong(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "echo", "colour: red\n", "")
    (folder / "plugin.py").unlink()
    with pytest.raises(StructureError) as caught:
        read_plugin(folder)
    manifest, source = caught.value.problems
    assert "unknown key 'colour'" in manifest
    assert source.startswith(f"{folder}: holds no plugin.py, ")


# ---- JavaScript ------------------------------------------------------------------------------------------------------


def test_a_plugin_in_javascript(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "echo", "", "")
    (folder / "plugin.py").unlink()
    left_alone = ("node_modules/x/index.js", "lib/node_modules/y.js", "tests/plugin.js", ".git/hook.js")
    for name in ("plugin.js", "lib/words-of.js", *left_alone):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"// {name}")
    source = read_plugin(folder)
    assert (source.language, source.main, source.wasm) == (SourceLanguage.JAVASCRIPT, "plugin.js", None)
    assert source.modules == {"plugin": "// plugin.js", "lib/words-of": "// lib/words-of.js"}


def test_two_languages_at_once(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "echo", "", "")
    (folder / "plugin.js").write_text("")
    assert problem(folder) == f"{folder}: holds plugin.py and plugin.js: it must be one of them"


# ---- A plugin that is a module ---------------------------------------------------------------------------------------


def write_module(tmp_path: Path, data: bytes) -> Path:
    folder = write_plugin(tmp_path, "echo", "", "")
    (folder / "plugin.py").unlink()
    (folder / "plugin.wasm").write_bytes(data)
    return folder


def test_a_module_is_read_as_it_is(tmp_path: Path) -> None:
    source = read_plugin(write_module(tmp_path, b"\0asm and anything"))
    assert (source.wasm, source.modules, source.manifest.name) == (b"\0asm and anything", {}, "echo")


def test_beside_a_module_source_is_no_business_of_ours(tmp_path: Path) -> None:
    folder = write_module(tmp_path, b"\0asm")
    (folder / "build.py").write_bytes(b"\xff")
    assert read_plugin(folder).modules == {}


def test_a_plugin_is_a_module_or_source_but_not_both(tmp_path: Path) -> None:
    folder = write_module(tmp_path, b"\0asm")
    (folder / "plugin.py").write_text("")
    assert problem(folder) == f"{folder}: holds plugin.py and plugin.wasm: it must be one of them"


def test_a_module_has_a_limit(tmp_path: Path) -> None:
    folder = write_module(tmp_path, b"x" * MODULE_LIMIT)
    assert len(read_plugin(folder).wasm or b"") == MODULE_LIMIT
    with (folder / "plugin.wasm").open("ab") as file:
        file.write(b"x")
    assert problem(folder) == f"{folder / 'plugin.wasm'}: is larger than {MODULE_LIMIT} bytes"


# ---- Help topics -----------------------------------------------------------------------------------------------------


def with_help(folder: Path, **files: bytes) -> Path:
    """A plugin with files in ``help``; ``__`` in their names is a dot."""
    plugin = write_plugin(folder, "guide", "", "")
    (plugin / "help").mkdir()
    for name, data in files.items():
        (plugin / "help" / name.replace("__", ".")).write_bytes(data)
    return plugin


def test_help_topics_are_read_with_the_plugin(tmp_path: Path) -> None:
    plugin = with_help(tmp_path, b__txt=b"\xef\xbb\xbf\r\nOne\r\n\r\n  Two\r\n\r\n", a2__md="# \u00dc\n".encode(), __hidden=b"\xff")
    source = read_plugin(plugin)
    assert list(source.topics.items()) == [("a2", "# \u00dc"), ("b", "One\n\n  Two")]
    assert source.modules.keys() == {"plugin"}


def test_a_module_can_have_help_topics_too(tmp_path: Path) -> None:
    plugin = with_help(tmp_path, a__txt=b"A")
    (plugin / "plugin.py").rename(plugin / "plugin.wasm")
    assert read_plugin(plugin).topics == {"a": "A"}


def test_a_plugin_without_help_has_no_topics(tmp_path: Path) -> None:
    assert read_plugin(write_plugin(tmp_path, "echo", "", "")).topics == {}
    plugin = write_plugin(tmp_path, "file", "", "")
    (plugin / "help").write_text("not a folder")
    assert read_plugin(plugin).topics == {}


@pytest.mark.parametrize(
    "name", ["Rules.txt", "rules", "rules.rst", "my rules.txt", "rules-.md", "r\u00fcles.txt", f"{'x' * 65}.txt"]
)
def test_what_is_no_help_topic(tmp_path: Path, name: str) -> None:
    plugin = with_help(tmp_path, fine__txt=b"Fine.")
    path = plugin / "help" / name
    path.write_text("x")
    assert problem(plugin) == f"{path}: is no help topic: small letters, digits and hyphens, at most 64, and then .txt or .md"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"caf\xe9", "is not UTF-8 text"),
        (b"x" * (TOPIC_LIMIT + 1), f"is larger than {TOPIC_LIMIT} bytes"),
    ],
)
def test_a_help_topic_that_is_refused(tmp_path: Path, data: bytes, told: str) -> None:
    plugin = with_help(tmp_path, rules__txt=data)
    assert problem(plugin) == f"{plugin / 'help' / 'rules.txt'}: {told}"


def test_a_help_topic_that_cannot_be_read(tmp_path: Path) -> None:
    plugin = with_help(tmp_path)
    (plugin / "help" / "rules.txt").mkdir()
    assert problem(plugin) == f"{plugin / 'help' / 'rules.txt'}: cannot be read: Is a directory"


def test_every_problem_of_help_topics_is_told(tmp_path: Path) -> None:
    plugin = with_help(tmp_path, a__md=b"A", a__txt=b"A", B__txt=b"B", c__txt=b"")
    (plugin / "plugin.py").unlink()
    with pytest.raises(StructureError) as caught:
        read_plugin(plugin)
    assert [line.removeprefix(str(plugin)).partition(":")[0] for line in caught.value.problems] == [
        "/help/B.txt",
        "/help/a.txt",
        "/help/c.txt",
        "",
    ]
    assert "a.txt: there is another file for the topic a" in str(caught.value)


def test_how_much_help_a_plugin_may_have(tmp_path: Path) -> None:
    most = TOPICS_LIMIT // TOPIC_LIMIT
    plugin = with_help(tmp_path, **{f"t{number}__txt": b"x" * TOPIC_LIMIT for number in range(most)})
    assert len(read_plugin(plugin).topics) == most
    (plugin / "help" / "more.txt").write_text("x")
    assert problem(plugin) == f"{plugin / 'help'}: holds more than {TOPICS_LIMIT} bytes"


def test_how_many_help_topics_a_plugin_may_have(tmp_path: Path) -> None:
    plugin = with_help(tmp_path, **{f"t{number}__txt": b"x" for number in range(TOPIC_COUNT)})
    assert len(read_plugin(plugin).topics) == TOPIC_COUNT
    (plugin / "help" / "more.txt").write_text("x")
    assert problem(plugin) == f"{plugin / 'help'}: holds 101 topics; 100 are allowed"
