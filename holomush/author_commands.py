"""``python -m holomush plugin new``, ``build``, ``test`` and ``toolchains``: what an author does, with no server running."""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

import click

from holomush.authoring.build import compile_plugin, compiler_of, embed, is_stale, reason_of
from holomush.authoring.languages import COMPILED
from holomush.authoring.scaffold import LANGUAGES, scaffold
from holomush.authoring.toolchain import BuildError, Language
from holomush.errors import HolomushError
from holomush.options import errors_as_lines, unlogged
from holomush.plugins.guests.compile_cache import default_folders, use_compile_cache
from holomush.plugins.roster.manifest import FILE_NAME
from holomush.plugins.roster.source import WASM_NAME, read_plugin
from holomush.testing import PluginFailed, PluginTestHarness, run_transcripts
from holomush.testing import transcripts as transcript_files

_FOLDER = click.Path(path_type=Path)


@click.command("new")
@click.argument("name")
@click.option("--lang", type=click.Choice(LANGUAGES), default="python", show_default=True, help="The language to write it in.")
@click.option("--in", "parent", type=_FOLDER, default=Path(), help="Folder to make it in.  [default: the current one]")
def new_command(name: str, lang: str, parent: Path) -> None:
    """Make the folder NAME with a plugin to begin with: it echoes what is said."""
    with errors_as_lines():
        folder = scaffold(name, lang, parent)
        click.echo(f"Made {folder}.")
        built = "" if compiler_of(folder) is None else "build it and "
        click.echo(f"Next: python -m holomush plugin test {shlex.quote(str(folder))}    ({built}run {transcript_files.FILE_NAME})")


@click.command("build")
@click.argument("folder", type=_FOLDER)
@click.option("--output", "-o", type=_FOLDER, help="The file to make.  [default: in FOLDER, see above]")
def build_command(folder: Path, output: Path | None) -> None:
    """Make one WebAssembly module of the plugin in FOLDER.

    Go, Rust and AssemblyScript are compiled to plugin.wasm, which the server loads. Python and JavaScript need no building for the
    server; of them it makes NAME.wasm, which runs by itself in any Extism host.
    """
    with errors_as_lines(), unlogged(), _reports(folder):
        use_compile_cache(default_folders(os.environ, Path(gettempdir())))
        _require_plugin(folder)
        compiler = compiler_of(folder)
        if compiler is not None:
            _compile(compiler, folder, output or folder / WASM_NAME)
            return
        source = read_plugin(folder)
        if source.wasm is not None:
            raise HolomushError(f"{folder}: {WASM_NAME} is there, and nothing that it could be built from")
        output = output or folder / f"{source.manifest.name}.wasm"
        started = time.monotonic()
        with PluginTestHarness(folder) as harness:
            embed(source, harness.functions, output)
        _tell_built(output, started)


@click.command("test")
@click.argument("folder", type=_FOLDER)
def test_command(folder: Path) -> None:
    """Run the tests of the plugin in FOLDER: tests.yaml, and its test_*.py files if pytest is installed.

    What has to be compiled is built first, if its source is newer than plugin.wasm.
    """
    with errors_as_lines(), unlogged(), _reports(folder):
        use_compile_cache(default_folders(os.environ, Path(gettempdir())))
        _require_plugin(folder)
        compiler = compiler_of(folder)
        if compiler is not None and is_stale(folder):
            _compile(compiler, folder, folder / WASM_NAME)
        read_plugin(folder)  # to tell all that is wrong with its files before anything is run
        failed = not _run_transcripts(folder)
        failed |= not _run_pytest(folder)
    if failed:
        sys.exit(1)


@click.command("toolchains")
@click.option("--install", is_flag=True, help="Fetch what is missing from package registries and, as root on Debian, its packages.")
@click.option("--require", is_flag=True, help="Fail if any is missing.")
def toolchains_command(*, install: bool, require: bool) -> None:
    """Say which of the languages that have to be compiled can be built on this machine. Python and JavaScript always can."""
    missing = False
    for language in COMPILED:
        try:
            if install:
                language.install()
            click.echo(f"{language.name}: {language.check()}")
        except (HolomushError, OSError) as exc:  # the latter on the way to install it
            missing = True
            click.echo(f"{language.name}: missing: {reason_of(exc) if isinstance(exc, OSError) else exc}")
    if missing and require:
        sys.exit(1)


AUTHOR_COMMANDS = (new_command, build_command, test_command, toolchains_command)
"""What the group ``plugin`` gets from here."""


def _require_plugin(folder: Path) -> None:
    if not folder.is_dir():
        raise HolomushError(f"{folder}: there is no such folder")
    if not (folder / FILE_NAME).is_file():
        raise HolomushError(f"{folder}: holds no {FILE_NAME}, so it is no plugin")


def _compile(compiler: Language, folder: Path, output: Path) -> None:
    started = time.monotonic()
    compile_plugin(compiler, folder, output)
    _tell_built(output, started)


def _tell_built(output: Path, started: float) -> None:
    size = output.stat().st_size
    shown = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
    click.echo(f"built {output}: {shown}, {time.monotonic() - started:.1f} s")


def _run_transcripts(folder: Path) -> bool:
    if not (folder / transcript_files.FILE_NAME).is_file():
        with PluginTestHarness(folder):
            click.echo(f"It loads. There is no {transcript_files.FILE_NAME} to run.")
        return True
    outcomes = run_transcripts(folder)
    for outcome in outcomes:
        click.echo(str(outcome))
    failures = sum(not outcome.passed for outcome in outcomes)
    click.echo(f"{len(outcomes)} test{'' if len(outcomes) == 1 else 's'}, {failures} failed")
    return not failures


def _run_pytest(folder: Path) -> bool:
    if not any(folder.glob("test_*.py")) and not any(folder.glob("tests/test_*.py")):
        return True
    if importlib.util.find_spec("pytest") is None:
        click.echo("The tests in test_*.py are not run: pytest is not installed.", err=True)
        return False
    sys.stdout.flush()
    # In the folder, so that a test can name the plugin as "." and find its own files.
    command = [sys.executable, "-m", "pytest", "--rootdir", ".", "."]
    return subprocess.run(command, cwd=folder, check=False).returncode == 0  # noqa: S603 - the author's own tests


@contextmanager
def _reports(folder: Path) -> Iterator[None]:
    """What compilers and plugins say is more than a line, and in the author's words: it comes before the line."""
    try:
        yield
    except BuildError as exc:
        if exc.report.strip() not in str(exc):  # a report of one line is all in there
            click.echo(exc.report.rstrip(), err=True)
        raise
    except PluginFailed as exc:
        report = str(exc)
        if "\n" not in report:
            raise
        click.echo(report, err=True)
        raise HolomushError(f"{folder}: it cannot be loaded") from exc
