import { emitEvent } from "holomush-pdk";

/** @param {import("holomush-pdk").Event} event */
export function handle_event(event) {
  if (event.type !== "say" || event.actor_kind === "plugin") return; // its own echoes are said by a plugin

  emitEvent({
    stream: event.stream,
    type: "say",
    payload: { message: `Echo: ${event.payload.message}` },
  });
}
