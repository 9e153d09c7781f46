"""Pieces of WebAssembly text that guests written in tests share."""

from __future__ import annotations

BLOCK = """
;; A text of the guest's own memory as a block.
(func $block (param $from i32) (param $size i32) (result i64) (local $offset i64) (local $i i32)
  (local.set $offset (call $alloc (i64.extend_i32_u (local.get $size))))
  (loop $next
    (call $store_u8 (i64.add (local.get $offset) (i64.extend_i32_u (local.get $i)))
      (i32.load8_u (i32.add (local.get $from) (local.get $i))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (local.get $size))))
  (local.get $offset))
(func $show (param $offset i64) (call $output_set (local.get $offset) (call $length (local.get $offset))))
"""
"""``$block`` and ``$show``, for a module with a memory that imports ``alloc``, ``store_u8``, ``length`` and ``output_set``."""
