"""What builders do to the world. This module only lists the handlers; each is in the module of its subject."""

from describing import handle_and, handle_chown, handle_describe, handle_lock, handle_name, handle_set, handle_unlock
from destroying import handle_destroy
from examining import handle_examine, handle_find
from making import (
    handle_create,
    handle_dig,
    handle_dig_equals,
    handle_link,
    handle_open,
    handle_open_equals,
    handle_unlink,
)
from moving import handle_teleport
from undoing import handle_undo
from worlds import handle_export, handle_import

__all__ = [
    "handle_and",
    "handle_chown",
    "handle_create",
    "handle_describe",
    "handle_destroy",
    "handle_dig",
    "handle_dig_equals",
    "handle_examine",
    "handle_export",
    "handle_find",
    "handle_import",
    "handle_link",
    "handle_lock",
    "handle_name",
    "handle_open",
    "handle_open_equals",
    "handle_set",
    "handle_teleport",
    "handle_undo",
    "handle_unlink",
    "handle_unlock",
]
