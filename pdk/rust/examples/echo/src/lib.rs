//! Repeats what is said.

use holomush_pdk::{Event, Result, emit_event, export, json};

export!(handle_event);

fn handle_event(event: Event) -> Result<()> {
    if event.kind != "say" || event.actor_kind == "plugin" {
        return Ok(());
    }
    let message = event.payload["message"].as_str().unwrap_or_default();
    emit_event(&event.stream, "say", json!({"message": format!("Echo: {message}")}))
}
