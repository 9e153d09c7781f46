"""Repeats what is said."""

from holomush_pdk import Event, emit_event


def handle_event(event: Event) -> None:
    # A plugin hears its own events, too: without this line it would answer itself.
    if event.type != "say" or event.actor_kind == "plugin":
        return
    emit_event(stream=event.stream, type="say", payload={"message": f"Echo: {event.payload['message']}"})
