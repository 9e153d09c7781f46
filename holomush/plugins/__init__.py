"""The plugin host: what a plugin may be, may do, and how it is run inside WebAssembly."""
