import extism
from holomush_pdk import Event, emit_event

def handle_event():
    event = Event.from_input()

    if event.type != "say" or event.actor_kind == "plugin":
        return

    emit_event(
        stream=event.stream,
        type="say",
        payload={"message": f"Echo: {event.payload['message']}"}
    )

extism.plugin_fn(handle_event)
