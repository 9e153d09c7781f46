"""What admins run the game with. Each group of commands is a module; here is what comes in, and wall."""

from bans import handle_ban, handle_bans, handle_unban
from countdown import handle_shutdown, handle_shutdown_cancel, handle_shutdown_status, ring
from figures import handle_plugin_list, handle_plugin_off, handle_plugin_on, handle_stats
from holomush_pdk import Event, Invocation, emit_event
from motd import greet, handle_motd, handle_motd_clear, handle_motd_set
from players import handle_account, handle_boot, handle_newpassword, handle_role, handle_role_grant, handle_role_revoke

__all__ = [
    "handle_account",
    "handle_ban",
    "handle_bans",
    "handle_boot",
    "handle_event",
    "handle_motd",
    "handle_motd_clear",
    "handle_motd_set",
    "handle_newpassword",
    "handle_plugin_list",
    "handle_plugin_off",
    "handle_plugin_on",
    "handle_role",
    "handle_role_grant",
    "handle_role_revoke",
    "handle_shutdown",
    "handle_shutdown_cancel",
    "handle_shutdown_status",
    "handle_stats",
    "handle_unban",
    "handle_wall",
]


def handle_event(event: Event):
    if event.type == "timer":
        ring(event)
    else:
        greet(event)


def handle_wall(inv: Invocation):
    message = inv.args.get("message")
    if not message:
        return "Shout what?"
    if message[0] in ":;" and len(message) > 1:
        space = " " if message[0] == ":" else ""
        emit_event("global", "wall-pose", {"action": message[1:].strip(), "space": space})
    else:
        emit_event("global", "wall", {"message": message})
