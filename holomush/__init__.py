"""HoloMUSH: a MUSH server whose every command is a sandboxed WebAssembly plugin."""

__version__ = "0.1.0"
