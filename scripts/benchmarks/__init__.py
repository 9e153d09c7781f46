"""Benchmarks, run by ``scripts/bench``. They measure and print; nothing fails for being slow."""
