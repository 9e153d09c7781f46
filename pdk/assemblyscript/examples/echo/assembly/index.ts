import { Event, Record, emitEvent } from "holomush-pdk-as";

/** Says again what has been said. */
export function handle_event(): i32 {
  const event = Event.fromInput();
  // What a plugin says is left alone, so that no two plugins echo each other for ever.
  if (event.type != "say" || event.actor_kind == "plugin") return 0;
  const message = event.payload.text("message");
  emitEvent(event.stream, "say", new Record().put("message", "Echo: " + message));
  return 0;
}
