"""Where scripts/build-runtimes puts the WebAssembly modules that run plugins written as source."""
