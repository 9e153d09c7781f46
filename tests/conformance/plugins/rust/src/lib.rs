//! Calls every function of the server, so that tests can compare the answers of all languages.

use std::hint::black_box;

use holomush_pdk::*;

export!(handle_event, ask, mirror, speak);

fn handle_event(event: Event) -> Result<()> {
    if event.kind == "fail" {
        panic!("it is broken");
    }
    let stream = event.stream.clone();
    emit_event(&stream, "mirrored", event)
}

fn ask(inv: Invocation) -> Result<String> {
    let with = With(serde_json::from_str(inv.arg("with"))?);
    match answer(inv.arg("function"), &with) {
        Ok(value) => Ok(value.to_string()),
        Err(error) if !error.code.is_empty() => Ok(format!("refused: {}: {}", error.code, error.message)),
        Err(error) => Err(error),
    }
}

fn mirror(inv: Invocation) -> Result<String> {
    Ok(json!(inv).to_string())
}

fn speak(inv: Invocation) -> Result<Response> {
    match inv.arg("form") {
        "text" => Ok("one line".into()),
        "lines" => Ok(vec!["one".to_owned(), "two".to_owned()].into()),
        "nothing" => Ok(().into()),
        "events" => Ok(Response {
            output: Some("done".to_owned()),
            events: vec![EmitEvent {
                stream: format!("location:{}", inv.location.id),
                kind: "spoken".to_owned(),
                payload: json!({"n": 1}),
            }],
            handled: None,
        }),
        "unhandled" => Ok(Response { handled: Some(false), ..Response::default() }),
        "error" => Err("it went wrong")?,
        "fail" => panic!("it is broken"),
        "deep" => Ok(deep(1).to_string().into()),
        other => Err(format!("there is no form {other}"))?,
    }
}

/// Never ends. Unseen by the optimizer, which would make a loop of it.
#[allow(unconditional_recursion)]
fn deep(n: u64) -> u64 {
    1 + black_box(deep(black_box(n + 1)))
}

/// The arguments of a call, by name.
struct With(Map);

impl With {
    fn value(&self, key: &str) -> Value {
        self.0.get(key).cloned().unwrap_or_default()
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    fn text(&self, key: &str) -> &str {
        self.get(key).unwrap_or_default()
    }

    fn texts(&self, key: &str) -> Option<Vec<&str>> {
        self.0.get(key)?.as_array()?.iter().map(Value::as_str).collect()
    }

    fn number(&self, key: &str, default: u32) -> Result<u32> {
        self.0.get(key).and_then(Value::as_u64).map_or(Ok(default), |number| Ok(number.try_into()?))
    }

    fn place(&self) -> Result<Place<'_>> {
        match (self.get("location"), self.get("character"), self.get("container")) {
            (Some(id), None, None) => Ok(Place::Location(id)),
            (None, Some(id), None) => Ok(Place::Character(id)),
            (None, None, Some(id)) => Ok(Place::Container(id)),
            _ => Err("exactly one of location, character and container is wanted")?,
        }
    }
}

fn answer(function: &str, with: &With) -> Result<Value> {
    let id = with.text("id");
    let name = with.text("name");
    let key = with.text("key");
    let table = with.text("table");
    let description = with.text("description");
    let stream = with.text("stream");
    let character_id = with.text("character_id");
    Ok(match function {
        "emit_event" => json!(emit_event(stream, with.text("type"), with.value("payload"))?),
        "list_events" => json!(list_events(stream, with.number("limit", 20)?)?),
        "listen" => json!(listen(stream, character_id)?),
        "unlisten" => json!(unlisten(stream, character_id)?),
        "list_listeners" => json!(list_listeners(stream)?),
        "set_timer" => {
            let payload = Some(with.value("payload")).filter(Value::is_object).unwrap_or(json!({}));
            json!(set_timer(name, with.number("seconds", 0)?, payload)?)
        }
        "cancel_timer" => json!(cancel_timer(name)?),
        "query_location" => json!(query_location(id)?),
        "query_exit" => json!(query_exit(id)?),
        "query_object" => json!(query_object(id)?),
        "query_character" => json!(query_character(id)?),
        "find" => json!(find(name, with.get("near"), with.texts("kinds").as_deref().unwrap_or(NEARBY))?),
        "create_location" => json!(create_location(name, description, with.get("owner_id"), with.get("id"))?),
        "create_exit" => {
            let aliases = with.texts("aliases").unwrap_or_default();
            let (source, destination) = (with.text("source_id"), with.text("destination_id"));
            json!(create_exit(name, source, destination, &aliases, with.text("lock"), with.get("id"))?)
        }
        "create_object" => {
            let (owner, lock) = (with.get("owner_id"), with.text("lock"));
            json!(create_object(name, with.place()?, description, owner, lock, with.get("id"))?)
        }
        "create_character" => json!(create_character(name, with.text("location_id"), description)?),
        "update_location" => json!(update_location(id, with.value("changes"))?),
        "update_exit" => json!(update_exit(id, with.value("changes"))?),
        "update_object" => json!(update_object(id, with.value("changes"))?),
        "update_character" => json!(update_character(id, with.value("changes"))?),
        "move_object" => json!(move_object(id, with.place()?)?),
        "move_character" => json!(move_character(id, with.text("location_id"))?),
        "destroy_location" => json!(destroy_location(id)?),
        "destroy_exit" => json!(destroy_exit(id)?),
        "destroy_object" => json!(destroy_object(id)?),
        "destroy_character" => json!(destroy_character(id)?),
        "kv_get" => json!(kv_get(key)?),
        "kv_set" => json!(kv_set(key, serde_json::from_value::<Bytes>(with.value("value"))?)?),
        "kv_delete" => json!(kv_delete(key)?),
        "kv_list" => json!(kv_list(with.text("prefix"))?),
        "set_attributes" => json!(set_attributes(id, with.value("values"))?),
        "table_insert" => json!(table_insert(table, with.value("row"))?),
        "table_get" => json!(table_get(table, with.value("key"))?),
        "table_select" => {
            let order = with.texts("order").unwrap_or_default();
            let mut query = Select { order: &order, offset: with.number("offset", 0)?, ..Select::default() };
            query.limit = with.number("limit", query.limit)?;
            if let filter @ Value::Object(_) = with.value("where") {
                query.filter = filter;
            }
            json!(table_select(table, query)?)
        }
        "table_update" => json!(table_update(table, with.value("key"), with.value("changes"))?),
        "table_delete" => json!(table_delete(table, with.value("key"))?),
        "http_get" => json!(http_get(with.text("url"))?),
        "http_post" => json!(http_post(with.text("url"), with.text("body"))?),
        "list_sessions" => json!(list_sessions()?),
        "boot_session" => json!(boot_session(character_id, with.text("reason"))?),
        "switch_character" => json!(switch_character(with.text("session_id"), character_id)?),
        "query_account" => json!(query_account(character_id)?),
        "update_account" => json!(update_account(character_id, with.value("changes"))?),
        "add_character" => json!(add_character(character_id, name)?),
        "ban_address" => json!(ban_address(with.text("address"), with.text("reason"))?),
        "unban_address" => json!(unban_address(with.text("address"))?),
        "list_bans" => json!(list_bans()?),
        "list_commands" => json!(list_commands(character_id)?),
        "list_topics" => json!(list_topics(character_id, with.text("words"))?),
        "read_topic" => json!(read_topic(character_id, with.text("plugin"), with.text("topic"))?),
        "server_stats" => json!(server_stats()?),
        "server_shutdown" => json!(server_shutdown(with.text("reason"))?),
        "list_plugins" => json!(list_plugins()?),
        "enable_plugin" => json!(enable_plugin(name)?),
        "disable_plugin" => json!(disable_plugin(name)?),
        "export_world" => json!(export_world(name)?),
        "import_world" => json!(import_world(name)?),
        "log" => json!(log(with.text("message"), with.get("level").unwrap_or("info"))),
        "config" => json!(config(key)),
        other => Err(format!("there is no function {other}"))?,
    })
}
