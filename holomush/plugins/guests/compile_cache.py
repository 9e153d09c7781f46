"""Where Extism keeps compiled WebAssembly between starts. Without it each start compiles CPython anew, for two seconds.

Extism's own choice of folder makes every compilation fail where it cannot be written, as in a container without a home. So a
writable one is chosen here, and named in the environment before the first module is compiled.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, MutableMapping
from pathlib import Path

VARIABLE = "EXTISM_CACHE_CONFIG"
_SETTINGS = "extism-cache.toml"


def default_folders(environ: MutableMapping[str, str], data: Path) -> list[Path]:
    """Folders to try: the user's cache, then the server's data."""
    if own := environ.get("HOLOMUSH_CACHE"):
        folders = [Path(own)]
    elif shared := environ.get("XDG_CACHE_HOME"):
        folders = [Path(shared) / "holomush"]
    elif home := environ.get("HOME"):
        folders = [Path(home) / ".cache" / "holomush"]
    else:
        folders = []
    return [*folders, data / "cache"]


def use_compile_cache(folders: Iterable[Path], environ: MutableMapping[str, str] = os.environ) -> Path | None:
    """Make Extism use the first writable one of ``folders``; returns it. An operator's own setting is left alone.

    Without a writable one nothing is cached, which costs two seconds a start and nothing else.
    """
    if VARIABLE in environ:
        return None
    for folder in folders:
        compiled = folder.absolute() / "compiled"
        settings = folder.absolute() / _SETTINGS
        try:
            compiled.mkdir(parents=True, exist_ok=True)
            # JSON's quoting of a path is TOML's too, but for \u escapes of what lies beyond 16 bits, and the DEL character.
            quoted = json.dumps(str(compiled), ensure_ascii=False).replace("\x7f", "\\u007f")
            settings.write_text(f"[cache]\ndirectory = {quoted}\n", encoding="utf-8")
        except (OSError, UnicodeEncodeError):  # the latter: a path that is not UTF-8 cannot be named in TOML
            continue
        if os.access(compiled, os.W_OK):
            environ[VARIABLE] = str(settings)
            return folder
    environ[VARIABLE] = ""
    return None
