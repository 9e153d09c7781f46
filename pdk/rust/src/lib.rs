//! What a HoloMUSH plugin written in Rust works with: the values it gets and returns, and the server's functions.
//!
//! Every function of the server gives an [`Error`] when the server refuses: its `code` is one of capability_denied,
//! invalid_argument, not_found, conflict, rate_limited, too_large, timeout and unavailable.

mod errors;
#[doc(hidden)]
pub mod glue;
mod values;

use base64::prelude::{BASE64_STANDARD, Engine};
pub use errors::{Error, Result};
use serde::Serialize;
pub use serde_json::{self, Value, json};
pub use values::*;

/// The kinds that [`find`] mostly looks for.
pub const NEARBY: &[&str] = &["character", "object", "exit"];

// In braces: the texts that the server's function of the same name is given.
glue::server! {
    /// Emits an event now. (Events in a [`Response`] are emitted when the handler has returned.)
    pub fn emit_event(stream: &str, kind: &str, payload: impl Serialize) -> () {
        json!({"stream": stream, "type": kind, "payload": payload})
    }
    /// The last events of a stream, 100 at most, oldest first.
    pub fn list_events(stream: &str, limit: u32) -> Vec<Event> { stream, limit }
    /// From now on a character hears a `channel:` stream, until [`unlisten`].
    pub fn listen(stream: &str, character_id: &str) -> () { stream, character_id }
    /// A character no longer hears a `channel:` stream; false if it did not.
    pub fn unlisten(stream: &str, character_id: &str) -> bool { stream, character_id }
    /// The ids of the characters who hear a `channel:` stream.
    pub fn list_listeners(stream: &str) -> Vec<String> { stream }
    /// After so many seconds the event `timer` comes, with `name` and `payload`, on the stream `plugin:` and the plugin's
    /// name; after a restart of the server, too. A timer of the same name is replaced.
    pub fn set_timer(name: &str, seconds: u32, payload: impl Serialize) -> () { name, seconds, json!(payload) }
    /// Takes a timer back; false if there was none.
    pub fn cancel_timer(name: &str) -> bool { name }
    /// The location with that id, with everything in it.
    pub fn query_location(id: &str) -> Location { id }
    /// The exit with that id.
    pub fn query_exit(id: &str) -> Exit { id }
    /// The object with that id, with what is inside it.
    pub fn query_object(id: &str) -> Object { id }
    /// The character with that id, with what it carries.
    pub fn query_character(id: &str) -> Character { id }
    /// What the character with the id `near` can mean by `name`; empty if there is nothing, several if it is unclear.
    /// Without `near` the whole world is searched.
    pub fn find(name: &str, near: Option<&str>, kinds: &[&str]) -> Vec<Found> {
        json!({"name": name, "near": near, "kinds": kinds})
    }
    /// Makes a location; returns it. Without an `id`, a new ULID, one is made up.
    pub fn create_location(name: &str, description: &str, owner_id: Option<&str>, id: Option<&str>) -> Location {
        with(json!({"name": name, "description": description, "owner_id": owner_id}), "id", id)
    }
    /// Makes an exit from one location to another; returns it. Without an `id`, a new ULID, one is made up.
    pub fn create_exit(
        name: &str, source_id: &str, destination_id: &str, aliases: &[&str], lock: &str, id: Option<&str>
    ) -> Exit {
        with(
            json!({"name": name, "source_id": source_id, "destination_id": destination_id, "aliases": aliases, "lock": lock}),
            "id", id
        )
    }
    /// Makes an object in a place; returns it. Without an `id`, a new ULID, one is made up.
    pub fn create_object(
        name: &str, place: Place, description: &str, owner_id: Option<&str>, lock: &str, id: Option<&str>
    ) -> Object {
        with(
            with(json!({"name": name, "description": description, "owner_id": owner_id, "place": place}), "id", id),
            "lock", Some(lock).filter(|lock| !lock.is_empty())
        )
    }
    /// Makes a character of the game's own, which nobody can log in as; returns it.
    pub fn create_character(name: &str, location_id: &str, description: &str) -> Character {
        json!({"name": name, "location_id": location_id, "description": description})
    }
    /// Changes `name`, `description` or `owner_id` of a location; returns it.
    pub fn update_location(id: &str, changes: impl Serialize) -> Location { id, json!(changes) }
    /// Changes `name`, `aliases`, `source_id`, `destination_id` or `lock` of an exit; returns it.
    pub fn update_exit(id: &str, changes: impl Serialize) -> Exit { id, json!(changes) }
    /// Changes `name`, `description`, `owner_id` or `lock` of an object; returns it.
    pub fn update_object(id: &str, changes: impl Serialize) -> Object { id, json!(changes) }
    /// Changes `description` of a character, or `name` of one of the game's own; returns it.
    pub fn update_character(id: &str, changes: impl Serialize) -> Character { id, json!(changes) }
    /// Puts an object into a place.
    pub fn move_object(id: &str, place: Place) -> () { id, json!(place) }
    /// Puts a character into a location.
    pub fn move_character(id: &str, location_id: &str) -> () { id, location_id }
    /// Destroys a location that is empty and that no exit leads to.
    pub fn destroy_location(id: &str) -> () { id }
    /// Destroys an exit.
    pub fn destroy_exit(id: &str) -> () { id }
    /// Destroys an object that holds nothing.
    pub fn destroy_object(id: &str) -> () { id }
    /// Destroys a character that carries nothing and that nobody plays.
    pub fn destroy_character(id: &str) -> () { id }
    /// What the plugin keeps under a key.
    pub fn kv_get(key: &str) -> Option<Bytes> { key }
    /// Keeps text or bytes under a key, for good.
    pub fn kv_set(key: &str, value: impl AsRef<[u8]>) -> () { key, stored(value.as_ref()) }
    /// Forgets a key; false if there was none.
    pub fn kv_delete(key: &str) -> bool { key }
    /// The plugin's keys that begin so, sorted.
    pub fn kv_list(prefix: &str) -> Vec<String> { prefix }
    /// Notes attributes of the plugin's schema on a location, exit, object or character; null takes one back to its
    /// default. Returns all of the plugin's attributes there.
    pub fn set_attributes(id: &str, values: impl Serialize) -> Map { id, json!(values) }
    /// Adds a row to a table of the plugin's schema; returns it whole. A ULID key that is left out is made up.
    pub fn table_insert(table: &str, row: impl Serialize) -> Map { table, json!(row) }
    /// The row with that key (an object for a key of several columns).
    pub fn table_get(table: &str, key: impl Serialize) -> Option<Map> { table, json!(key) }
    /// Rows of a table: `Select { order: &["-score"], ..Select::default() }`.
    pub fn table_select(table: &str, query: Select) -> Vec<Map> { table, json!(query) }
    /// Changes columns of the row with that key; returns it whole.
    pub fn table_update(table: &str, key: impl Serialize, changes: impl Serialize) -> Map { table, json!(key), json!(changes) }
    /// Removes the row with that key; false if there was none.
    pub fn table_delete(table: &str, key: impl Serialize) -> bool { table, json!(key) }
    /// Asks a web server.
    pub fn http_get(url: &str) -> HttpResponse { url }
    /// Sends a body to a web server.
    pub fn http_post(url: &str, body: &str) -> HttpResponse { url, body }
    /// Everybody in play.
    pub fn list_sessions() -> Vec<Session> {}
    /// Hangs up on everybody who plays a character, after telling them the reason.
    pub fn boot_session(character_id: &str, reason: &str) -> () { character_id, reason }
    /// The connection with that id (`inv.session.id`) goes on as another character of the same player.
    pub fn switch_character(session_id: &str, character_id: &str) -> () { session_id, character_id }
    /// The account of the player whom a character belongs to.
    pub fn query_account(character_id: &str) -> Account { character_id }
    /// Changes `role`, `password`, `preferences` or `ban` of the player whom a character belongs to; returns the account.
    /// Of the preferences those change that are named, and null takes one back to its default. The ban is a reason, or null
    /// to let the player in again.
    pub fn update_account(character_id: &str, changes: impl Serialize) -> Account { character_id, json!(changes) }
    /// Makes one more character for the player whom a character belongs to, where new ones begin; returns it.
    pub fn add_character(character_id: &str, name: &str) -> Character { character_id, name }
    /// Lets nobody in from an IP address, or from a network such as 192.0.2.0/24.
    pub fn ban_address(address: &str, reason: &str) -> () { address, reason }
    /// Takes a ban of an address or network back; false if there was none.
    pub fn unban_address(address: &str) -> bool { address }
    /// Those who are not let in.
    pub fn list_bans() -> Bans {}
    /// The commands that whoever plays a character may use, of all plugins.
    pub fn list_commands(character_id: &str) -> Vec<Command> { character_id }
    /// The help topics that whoever plays a character may read; unless `words` is empty, those in which all of them occur.
    pub fn list_topics(character_id: &str, words: &str) -> Vec<Topic> { character_id, words }
    /// The text of a plugin's help topic, for whoever plays a character.
    pub fn read_topic(character_id: &str, plugin: &str, topic: &str) -> String { character_id, plugin, topic }
    /// Figures about the server: `version`, `uptime_seconds`, `sessions`, `commands`, `events_per_second` and how much there is.
    pub fn server_stats() -> Map {}
    /// Stops the server in good order, after telling everybody the reason.
    pub fn server_shutdown(reason: &str) -> () { reason }
    /// All plugins in load order.
    pub fn list_plugins() -> Vec<Plugin> {}
    /// Switches a plugin on.
    pub fn enable_plugin(name: &str) -> () { name }
    /// Switches a plugin off, over a restart too. One that others depend on stays on.
    pub fn disable_plugin(name: &str) -> () { name }
    /// Writes the world into a file of the server.
    pub fn export_world(name: &str) -> WorldFile { name }
    /// Reads a file that [`export_world`] has written.
    pub fn import_world(name: &str) -> WorldImport { name }
}

/// Writes a line to the server's log; levels are debug, info, warn and error.
pub fn log(message: &str, level: &str) {
    glue::log(level, message);
}

/// A setting from the plugin's manifest; empty if it is missing.
pub fn config(key: &str) -> String {
    extism_pdk::config::get(key).ok().flatten().unwrap_or_default()
}

// An optional field is there only if it is given: the server makes up the others.
fn with(mut fields: Value, name: &str, value: Option<&str>) -> Value {
    if let Some(value) = value {
        fields[name] = json!(value);
    }
    fields
}

// Text goes as it is, unless it looks like the form that other bytes go in.
fn stored(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) if !text.starts_with("{\"base64\"") => text.to_owned(),
        _ => json!({"base64": BASE64_STANDARD.encode(value)}).to_string(),
    }
}
