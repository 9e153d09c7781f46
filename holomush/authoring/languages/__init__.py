"""The languages that are compiled to ``plugin.wasm``, one module each."""

from __future__ import annotations

from holomush.authoring.languages.assemblyscript import AssemblyScript
from holomush.authoring.languages.go import Go
from holomush.authoring.languages.rust import Rust
from holomush.authoring.toolchain import Language

COMPILED: tuple[Language, ...] = (Go(), Rust(), AssemblyScript())
