//! What a plugin gets and returns. Everything is as the server shows it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

/// A JSON object, for example a row of a table.
pub type Map = serde_json::Map<String, Value>;

/// Something that has happened. `timestamp` is in milliseconds since 1970.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Event {
    pub id: String,
    pub stream: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub timestamp: i64,
    pub actor_kind: String,
    pub actor_id: String,
    pub actor_name: String,
    pub payload: Value,
}

/// A command that somebody has typed: `args` holds what the command's pattern matched, `raw` is the whole line.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Invocation {
    pub command: String,
    pub handler: String,
    pub args: BTreeMap<String, String>,
    pub raw: String,
    pub actor: Character,
    pub location: Location,
    pub session: Connection,
    pub timestamp: i64,
}

impl Invocation {
    /// What the pattern matched for `<name>`; empty if that was left out.
    pub fn arg(&self, name: &str) -> &str {
        self.args.get(name).map_or("", String::as_str)
    }
}

/// What a command came through. `connected_at` is in milliseconds since 1970, `width` in columns.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Connection {
    pub id: String,
    pub connected_at: i64,
    pub access: String,
    pub width: u32,
    pub screen_reader: bool,
}

/// An event to be emitted with a handler's answer.
#[derive(Clone, Debug, Serialize)]
pub struct EmitEvent {
    pub stream: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub payload: Value,
}

/// A handler's whole answer. A handler may also return text, lines or nothing: all of them turn into this.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Response {
    /// For the player.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    pub events: Vec<EmitEvent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handled: Option<bool>,
}

impl From<()> for Response {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl From<&str> for Response {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<String> for Response {
    fn from(text: String) -> Self {
        Self { output: Some(text), ..Self::default() }
    }
}

impl From<Vec<String>> for Response {
    fn from(lines: Vec<String>) -> Self {
        lines.join("\n").into()
    }
}

/// Where an object is to be: lying in a location, carried by a character, or inside another object.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place<'a> {
    Location(&'a str),
    Character(&'a str),
    Container(&'a str),
}

/// Which rows of a table: `filter` gives columns and what they must equal, or `{">=": 5, "<": 10}`; `order` gives columns,
/// with `-` before those that go downwards.
#[derive(Clone, Debug, Serialize)]
pub struct Select<'a> {
    #[serde(rename = "where")]
    pub filter: Value,
    pub order: &'a [&'a str],
    pub limit: u32,
    pub offset: u32,
}

impl Default for Select<'_> {
    fn default() -> Self {
        Self { filter: Value::Object(Map::new()), order: &[], limit: 100, offset: 0 }
    }
}

/// The answer of a web server; names of headers are in lower case.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct HttpResponse {
    pub status: u16,
    pub url: String,
    pub headers: BTreeMap<String, String>,
    pub body: Bytes,
}

/// Bytes, mostly of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    /// As text, with U+FFFD in place of what is not UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

// As they cross over: text, or base64 of what is none.
impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => text.serialize(out),
            Err(_) => json!({"base64": BASE64_STANDARD.encode(&self.0)}).serialize(out),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        match Value::deserialize(input)? {
            Value::String(text) => Ok(Self(text.into_bytes())),
            other => BASE64_STANDARD.decode(other["base64"].as_str().unwrap_or_default()).map(Self).map_err(D::Error::custom),
        }
    }
}

/// Somebody in play. `connected_at` is in milliseconds since 1970. `addresses` are there only for a plugin with the capability
/// session:addresses.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Session {
    pub character_id: String,
    pub character_name: String,
    pub access: String,
    pub connected_at: i64,
    pub idle_seconds: i64,
    pub connections: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub attributes: Map,
}

/// The account of a player. Times are in milliseconds since 1970. `ban` is the reason why the player is not let in.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Account {
    pub name: String,
    pub role: String,
    pub created_at: i64,
    pub last_login_at: Option<i64>,
    pub characters: Vec<AccountCharacter>,
    pub preferences: Map,
    pub ban: Option<String>,
}

/// One of a player's characters.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct AccountCharacter {
    pub id: String,
    pub name: String,
    pub connected: bool,
}

/// Those who are not let in.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Bans {
    pub addresses: Vec<AddressBan>,
    pub accounts: Vec<AccountBan>,
}

/// The ban of an IP address or network. `created_at` is in milliseconds since 1970.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct AddressBan {
    pub address: String,
    pub reason: String,
    pub created_at: i64,
}

/// The ban of a player.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct AccountBan {
    pub name: String,
    pub reason: String,
}

/// A plugin, as the operator sees it. `needed_by` names those that depend on it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Plugin {
    pub name: String,
    pub version: String,
    pub description: String,
    pub language: String,
    pub enabled: bool,
    pub paused_seconds: f64,
    pub calls: i64,
    pub failures: i64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub memory_bytes: i64,
    pub instances: i64,
    pub needed_by: Vec<String>,
}

/// A file of the server with a world, and how much of everything is in it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct WorldFile {
    pub path: String,
    pub locations: u64,
    pub exits: u64,
    pub objects: u64,
    pub characters: u64,
}

/// What came of reading a [`WorldFile`].
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct WorldImport {
    #[serde(flatten)]
    pub file: WorldFile,
    pub created: u64,
    pub updated: u64,
    pub warnings: Vec<String>,
}

/// A command, for help. `words` is what a line begins with, `prefix` one character that may stand for it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Command {
    pub plugin: String,
    pub plugin_description: String,
    pub name: String,
    pub words: String,
    pub usage: String,
    pub description: String,
    pub aliases: Vec<String>,
    pub prefix: Option<String>,
    pub access: String,
}

/// A help topic; its text is what [`read_topic`](crate::read_topic) gives.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Topic {
    pub plugin: String,
    pub topic: String,
    pub title: String,
}

/// What a name can mean; `rest` is what else the server shows of it, by its kind.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Found {
    pub kind: String,
    pub id: String,
    pub name: String,
    #[serde(flatten)]
    pub rest: Map,
}

/// A place. Its contents are there only if it was asked for by [`query_location`](crate::query_location).
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Location {
    pub kind: String,
    pub id: String,
    pub name: String,
    pub description: String,
    pub owner_id: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub attributes: Map,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub characters: Option<Vec<Character>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<Vec<Object>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exits: Option<Vec<Exit>>,
}

/// A way out.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Exit {
    pub kind: String,
    pub id: String,
    pub name: String,
    pub aliases: Vec<String>,
    pub source_id: String,
    pub destination_id: String,
    pub lock: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub attributes: Map,
}

/// A thing: one of `location_id`, `character_id` and `container_id` says where it is. What a `lock` means is for plugins to say.
/// `objects` are there only if it was asked for by [`query_object`](crate::query_object).
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Object {
    pub kind: String,
    pub id: String,
    pub name: String,
    pub description: String,
    pub owner_id: Option<String>,
    pub lock: String,
    pub location_id: Option<String>,
    pub character_id: Option<String>,
    pub container_id: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub attributes: Map,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<Vec<Object>>,
}

/// Somebody. `connected` says whether somebody plays it right now; `objects` are there only if it was asked for by
/// [`query_character`](crate::query_character).
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Character {
    pub kind: String,
    pub id: String,
    pub name: String,
    pub description: String,
    pub location_id: String,
    pub connected: bool,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub attributes: Map,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<Vec<Object>>,
}
