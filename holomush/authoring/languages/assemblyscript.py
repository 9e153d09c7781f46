"""AssemblyScript: built with Node and the compiler that the plugin's own package-lock.json pins."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

import attrs

from holomush.authoring.toolchain import BuildError, ToolchainMissing, run

_NODE = 18
"""The oldest major version of Node that the compiler runs on; Debian 12 has it."""
_HOW = f"install Node.js {_NODE} or newer with npm (on Debian: apt-get install nodejs npm)"
_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
_COMPILER = Path("node_modules", "assemblyscript", "bin", "asc.js")
_COMPILE = ("node", "--enable-source-maps", _COMPILER, "--target", "release", "--noColors")
"""With source maps, which the compiler would otherwise start a second Node to get."""
_INSTALLED = Path("node_modules", ".package-lock.json")
"""What npm writes last, so that it tells when an installation was completed."""
_NPM_ERROR = re.compile(r"npm (?:ERR!|error) (?!A complete log|/|\s*$)(?P<text>.+)")
_NPM_USAGE = "Clean install a project"
"""With this line npm begins to explain itself, at length."""
_STACK = re.compile(r"^ +at ")
"""A line of the compiler's own stack."""
_PLACE = re.compile(r"^ +└─ in (?P<file>.+)\((?P<line>\d+),(?P<column>\d+)\)$")


@attrs.frozen
class AssemblyScript:
    """AssemblyScript on Node: npm fetches the compiler and the PDK, ``asc`` compiles by the plugin's asconfig.json."""

    name: str = "assemblyscript"
    sign: str = "asconfig.json"

    def check(self) -> str:
        """As ``Language.check``: the versions of Node and npm. The compiler's is in each plugin's package-lock.json."""
        versions = {tool: _version(tool) for tool in ("node", "npm")}
        if _major(versions["node"]) < _NODE:
            raise ToolchainMissing(f"AssemblyScript: Node.js {versions['node']} is too old: {_HOW}")
        return ", ".join(f"{tool} {version}" for tool, version in versions.items())

    def install(self) -> None:
        """As ``Language.install``: from Debian, as root."""
        try:
            self.check()
        except ToolchainMissing as exc:
            if shutil.which("apt-get") is None or os.geteuid() != 0:
                raise ToolchainMissing(f"{exc}; it can be fetched from here on Debian and as root only") from exc
        else:
            return
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        try:
            run(["apt-get", "update", "-q"], cwd=Path("/"), env=quiet)
            run(["apt-get", "install", "-q", "-y", "--no-install-recommends", "nodejs", "npm"], cwd=Path("/"), env=quiet)
        except BuildError as exc:
            raise ToolchainMissing(f"AssemblyScript: {exc}: {_last_line(exc.report)}") from exc
        self.check()

    def build(self, folder: Path, output: Path) -> None:
        """As ``Language.build``. The plugin's packages are fetched if they are missing, or older than its package-lock.json."""
        self.check()
        folder, output = folder.absolute(), output.absolute()
        if not _is_installed(folder):
            _fetch_packages(folder)
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".build-", dir=output.parent) as scratch:
            made = Path(scratch, "plugin.wasm")
            try:
                run([*_COMPILE, "--config", self.sign, "--outFile", made], cwd=folder)
            except BuildError as exc:
                raise _compile_error(exc) from exc
            if not made.is_file():
                raise BuildError(f"{self.sign}: nothing was compiled: entries must name the plugin's file, assembly/index.ts")
            made.replace(output)


def _version(tool: str) -> str:
    if shutil.which(tool) is None:
        raise ToolchainMissing(f"AssemblyScript: there is no {tool} on PATH: {_HOW}")
    try:
        said = run([tool, "--version"], cwd=Path("/"))
    except BuildError as exc:
        raise ToolchainMissing(f"AssemblyScript: {exc}: {_HOW}") from exc
    # npm may warn about the user's settings before it answers.
    return _last_line(said).removeprefix("v")


def _major(version: str) -> int:
    digits = version.partition(".")[0]
    return int(digits) if digits.isdecimal() else 0


def _is_installed(folder: Path) -> bool:
    lock, installed = folder / "package-lock.json", folder / _INSTALLED
    if not lock.is_file():
        raise BuildError("package-lock.json is missing: run npm install in the plugin's folder, once, and keep what it makes")
    if not (installed.is_file() and (folder / _COMPILER).is_file()):
        return False
    return installed.stat().st_mtime_ns >= lock.stat().st_mtime_ns


def _fetch_packages(folder: Path) -> None:
    try:
        run(["npm", *_INSTALL], cwd=folder)
    except BuildError as exc:
        told = (_NPM_ERROR.match(line) for line in exc.report.partition(_NPM_USAGE)[0].splitlines())
        report = "\n".join(match["text"] for match in told if match)
        raise BuildError("npm could not fetch the packages in package-lock.json", report or exc.report) from exc
    if not (folder / _COMPILER).is_file():
        raise BuildError("package.json: devDependencies must have assemblyscript, the compiler")


def _compile_error(error: BuildError) -> BuildError:
    """The compiler's messages with ``file:line:column:`` before them, each above the line of source that it means."""
    report: list[str] = []
    for block in re.split(r"\n{2,}", error.report.strip()):
        head, *below = block.splitlines()
        kind, _, message = head.partition(" ")
        if kind == "WARNING" or (kind == "FAILURE" and report):
            continue  # the failure only counts the errors, unless it is the one error that there is
        places = [f"{match['file']}:{match['line']}:{match['column']}: " for line in below if (match := _PLACE.match(line))]
        source = [line for line in below if not _PLACE.match(line) and not _STACK.match(line)]
        report += ["".join(places[:1]) + message, *source]
    return BuildError(f"it does not compile: {report[0]}" if report else str(error), "\n".join(report))


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]
