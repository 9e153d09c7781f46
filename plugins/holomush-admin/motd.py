"""The message of the day, which everybody reads on coming in."""

from holomush_pdk import Event, Invocation, emit_event, kv_delete, kv_get, kv_set

KEY = "motd"


def greet(event: Event):
    """Somebody has come into play."""
    text = kv_get(KEY)
    if text:
        emit_event(f"character:{event.actor_id}", "motd", {"text": text})


def handle_motd():
    return kv_get(KEY) or "There is no message of the day."


def handle_motd_set(inv: Invocation):
    text = inv.args.text
    if text == "=":  # as MUSH players clear things
        return handle_motd_clear()
    kv_set(KEY, text)
    return ["The message of the day is now:", text]


def handle_motd_clear():
    return "The message of the day is gone." if kv_delete(KEY) else "There is no message of the day."
