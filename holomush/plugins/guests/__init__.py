"""Instances of plugins inside WebAssembly: what they are made from, how they are called, interrupted and kept from harm."""
