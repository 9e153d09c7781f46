/**
 * What a HoloMUSH plugin written in AssemblyScript works with: the values it gets and returns, and the server's functions.
 *
 * A function that the server refuses throws, which ends the call with "code: message". To go on instead, ask for the error
 * before: `const error = HostError.catchNext(); const place = queryLocation(id); if (error.refused) ...`.
 */

import { Config } from "@extism/as-pdk";
import { JSON } from "json-as";
import * as base64 from "./base64";
import * as host from "./host";
import { answer, answerFlag, answerOrNull, answerText, give, giveJson, write } from "./host";
import {
  Account, Bans, Character, Command, Content, EmitEvent, Entity, Event, Exit, GameObject, HttpResponse, Location, Place, Plugin,
  Record, Session, Topic, WorldFile, WorldImport,
} from "./types";
import "./runtime";

export { HostError } from "./host";
export * from "./types";

/** Emits an event now. (Events in a Response are emitted when the handler has returned.) */
export function emitEvent<T>(stream: string, type: string, payload: T): void {
  answerOrNull(host.host_emit_event(giveJson(EmitEvent.of(stream, type, payload))));
}

/** The last events of a stream (100 at most), oldest first. */
export function listEvents(stream: string, limit: i32 = 20): Event[] {
  return answer<Event[]>(host.host_list_events(give(stream), giveJson(limit)));
}

/** From now on a character hears a `channel:` stream, until `unlisten`. */
export function listen(stream: string, character_id: string): void {
  answerOrNull(host.host_listen(give(stream), give(character_id)));
}

/** A character no longer hears a `channel:` stream; false if it did not. */
export function unlisten(stream: string, character_id: string): bool {
  return answerFlag(host.host_unlisten(give(stream), give(character_id)));
}

/** The ids of the characters who hear a `channel:` stream. */
export function listListeners(stream: string): string[] {
  return answer<string[]>(host.host_list_listeners(give(stream)));
}

/**
 * After so many seconds the event `timer` comes, with `name` and `payload`, on the stream `plugin:` and the plugin's name; after a
 * restart of the server, too. A timer of the same name is replaced.
 */
export function setTimer<T>(name: string, seconds: i32, payload: T): void {
  answerOrNull(host.host_set_timer(give(name), giveJson(seconds), giveJson(payload)));
}

/** Takes a timer back; false if there was none. */
export function cancelTimer(name: string): bool {
  return answerFlag(host.host_cancel_timer(give(name)));
}

/** The location with that id, with what is in it. */
export function queryLocation(id: string): Location {
  return answer<Location>(host.host_query_location(give(id)));
}

/** The exit with that id. */
export function queryExit(id: string): Exit {
  return answer<Exit>(host.host_query_exit(give(id)));
}

/** The object with that id, with what is inside it. */
export function queryObject(id: string): GameObject {
  return answer<GameObject>(host.host_query_object(give(id)));
}

/** The character with that id, with what it carries. */
export function queryCharacter(id: string): Character {
  return answer<Character>(host.host_query_character(give(id)));
}

/**
 * What the character with the id `near` can mean by `name`; empty if there is nothing, several if it is unclear. Without `near` the
 * whole world is searched.
 */
export function find(name: string, near: string | null = null, kinds: string[] = ["character", "object", "exit"]): Entity[] {
  return answer<Entity[]>(host.host_find(giveJson(new Record().put("name", name).put("near", near).put("kinds", kinds))));
}

/** Makes a location; returns it. Without `id`, a new ULID, one is made up. */
export function createLocation(
  name: string, description: string = "", owner_id: string | null = null, id: string | null = null,
): Location {
  const fields = new Record().put("name", name).put("description", description).put("owner_id", owner_id);
  if (id) fields.put("id", id);
  return answer<Location>(host.host_create_location(giveJson(fields)));
}

/** Makes an exit from one location to another; returns it. Without `id`, a new ULID, one is made up. */
export function createExit(
  name: string, source_id: string, destination_id: string, aliases: string[] = [], lock: string = "", id: string | null = null,
): Exit {
  const fields = new Record().put("name", name).put("source_id", source_id).put("destination_id", destination_id);
  fields.put("aliases", aliases).put("lock", lock);
  if (id) fields.put("id", id);
  return answer<Exit>(host.host_create_exit(giveJson(fields)));
}

/** Makes an object in a place; returns it. Without `id`, a new ULID, one is made up. */
export function createObject(
  name: string, place: Place, description: string = "", owner_id: string | null = null, lock: string = "", id: string | null = null,
): GameObject {
  const fields = new Record().put("name", name).put("description", description).put("owner_id", owner_id).put("place", place.record);
  if (lock != "") fields.put("lock", lock);
  if (id) fields.put("id", id);
  return answer<GameObject>(host.host_create_object(giveJson(fields)));
}

/** Makes a character of the game's own, which nobody can log in as; returns it. */
export function createCharacter(name: string, location_id: string, description: string = ""): Character {
  const fields = new Record().put("name", name).put("location_id", location_id).put("description", description);
  return answer<Character>(host.host_create_character(giveJson(fields)));
}

/** Changes `name`, `description` or `owner_id` of a location; returns it. */
export function updateLocation<T>(id: string, changes: T): Location {
  return answer<Location>(host.host_update_location(give(id), giveJson(changes)));
}

/** Changes `name`, `aliases`, `source_id`, `destination_id` or `lock` of an exit; returns it. */
export function updateExit<T>(id: string, changes: T): Exit {
  return answer<Exit>(host.host_update_exit(give(id), giveJson(changes)));
}

/** Changes `name`, `description`, `owner_id` or `lock` of an object; returns it. */
export function updateObject<T>(id: string, changes: T): GameObject {
  return answer<GameObject>(host.host_update_object(give(id), giveJson(changes)));
}

/** Changes `description` of a character, or `name` of one of the game's own; returns it. */
export function updateCharacter<T>(id: string, changes: T): Character {
  return answer<Character>(host.host_update_character(give(id), giveJson(changes)));
}

/** Puts an object into a place. */
export function moveObject(id: string, place: Place): void {
  answerOrNull(host.host_move_object(give(id), giveJson(place.record)));
}

/** Puts a character into a location. */
export function moveCharacter(id: string, location_id: string): void {
  answerOrNull(host.host_move_character(give(id), give(location_id)));
}

/** Destroys a location that is empty and that no exit leads to. */
export function destroyLocation(id: string): void {
  answerOrNull(host.host_destroy_location(give(id)));
}

/** Destroys an exit. */
export function destroyExit(id: string): void {
  answerOrNull(host.host_destroy_exit(give(id)));
}

/** Destroys an object that holds nothing. */
export function destroyObject(id: string): void {
  answerOrNull(host.host_destroy_object(give(id)));
}

/** Destroys a character that carries nothing and that nobody plays. */
export function destroyCharacter(id: string): void {
  answerOrNull(host.host_destroy_character(give(id)));
}

/** What the plugin keeps under a key, or null. `toString()` gives it as text. */
export function kvGet(key: string): Content | null {
  const value = answerOrNull(host.host_kv_get(give(key)));
  return value ? Content.from(value) : null;
}

/** Keeps text under a key, for good. */
export function kvSet(key: string, value: string): void {
  if (value.startsWith('{"base64"')) return keep(key, new Record().put("base64", base64.encode(host.utf8(value))));
  answerOrNull(host.host_kv_set(give(key), give(value)));
}

/** Keeps bytes under a key, for good. */
export function kvSetBytes(key: string, value: Uint8Array): void {
  const text = String.UTF8.decodeUnsafe(value.dataStart, value.length);
  const again = host.utf8(text);
  const isText = again.length == value.length && memory.compare(again.dataStart, value.dataStart, value.length) == 0;
  if (isText) kvSet(key, text);
  else keep(key, new Record().put("base64", base64.encode(value)));
}

function keep(key: string, packed: Record): void {
  answerOrNull(host.host_kv_set(give(key), giveJson(packed)));
}

/** Forgets a key; false if there was none. */
export function kvDelete(key: string): bool {
  return answerFlag(host.host_kv_delete(give(key)));
}

/** The plugin's keys that begin so, sorted. */
export function kvList(prefix: string = ""): string[] {
  return answer<string[]>(host.host_kv_list(give(prefix)));
}

/** Notes attributes of the plugin's schema on anything in the world; null takes one back to its default. Returns all of its own there. */
export function setAttributes<T>(id: string, values: T): Record {
  return answer<Record>(host.host_set_attributes(give(id), giveJson(values)));
}

/** Adds a row to a table of the plugin's schema; returns it whole. A ULID key that is left out is made up. */
export function tableInsert<T>(table: string, row: T): Record {
  return answer<Record>(host.host_table_insert(give(table), giveJson(row)));
}

/** The row with that key (a Record for a key of several columns), or null. */
export function tableGet<T>(table: string, key: T): Record | null {
  const row = answerOrNull(host.host_table_get(give(table), giveJson(key)));
  return row ? JSON.parse<Record>(row.toString()) : null;
}

/**
 * Rows of a table. `where` gives columns and what they must equal, or `{">=": 5, "<": 10}`; `order` columns, with `-` before
 * those that go downwards.
 */
export function tableSelect(table: string, where: Record = new Record(), order: string[] = [], limit: i32 = 100, offset: i32 = 0): Record[] {
  const query = new Record().put("where", where).put("order", order).put("limit", limit).put("offset", offset);
  return answer<Record[]>(host.host_table_select(give(table), giveJson(query)));
}

/** Changes columns of the row with that key; returns it whole. */
export function tableUpdate<K, T>(table: string, key: K, changes: T): Record {
  return answer<Record>(host.host_table_update(give(table), giveJson(key), giveJson(changes)));
}

/** Removes the row with that key; false if there was none. */
export function tableDelete<T>(table: string, key: T): bool {
  return answerFlag(host.host_table_delete(give(table), giveJson(key)));
}

/** Asks a web server. */
export function httpGet(url: string): HttpResponse {
  return answer<HttpResponse>(host.host_http_get(give(url)));
}

/** Sends a body to a web server. */
export function httpPost(url: string, body: string): HttpResponse {
  return answer<HttpResponse>(host.host_http_post(give(url), give(body)));
}

/** Everybody in play. */
export function listSessions(): Session[] {
  return answer<Session[]>(host.host_list_sessions());
}

/** Hangs up on everybody who plays a character, after telling them the reason. */
export function bootSession(character_id: string, reason: string = ""): void {
  answerOrNull(host.host_boot_session(give(character_id), give(reason)));
}

/** The connection with that id (`inv.session.id`) goes on as another character of the same player. */
export function switchCharacter(session_id: string, character_id: string): void {
  answerOrNull(host.host_switch_character(give(session_id), give(character_id)));
}

/** The account of the player whom a character belongs to. */
export function queryAccount(character_id: string): Account {
  return answer<Account>(host.host_query_account(give(character_id)));
}

/**
 * Changes `role`, `password`, `preferences` or `ban` of the player whom a character belongs to; returns the account. Of the
 * preferences those change that are named, and null takes one back to its default. The ban is a reason, or null to let the player
 * in again.
 */
export function updateAccount<T>(character_id: string, changes: T): Account {
  return answer<Account>(host.host_update_account(give(character_id), giveJson(changes)));
}

/** Makes one more character for the player whom a character belongs to, where new ones begin; returns it. */
export function addCharacter(character_id: string, name: string): Character {
  return answer<Character>(host.host_add_character(give(character_id), give(name)));
}

/** Lets nobody in from an IP address, or from a network such as 192.0.2.0/24. */
export function banAddress(address: string, reason: string = ""): void {
  answerOrNull(host.host_ban_address(give(address), give(reason)));
}

/** Takes a ban of an address or network back; false if there was none. */
export function unbanAddress(address: string): bool {
  return answerFlag(host.host_unban_address(give(address)));
}

/** Those who are not let in. */
export function listBans(): Bans {
  return answer<Bans>(host.host_list_bans());
}

/** The commands that whoever plays a character may use, of all plugins. */
export function listCommands(character_id: string): Command[] {
  return answer<Command[]>(host.host_list_commands(give(character_id)));
}

/** The help topics that whoever plays a character may read; with `words` those in which all of them occur. */
export function listTopics(character_id: string, words: string = ""): Topic[] {
  return answer<Topic[]>(host.host_list_topics(give(character_id), give(words)));
}

/** The text of a plugin's help topic, for whoever plays a character. */
export function readTopic(character_id: string, plugin: string, topic: string): string {
  return answerText(host.host_read_topic(give(character_id), give(plugin), give(topic)));
}

/** Figures about the server: `version`, `uptime_seconds`, `sessions`, `commands`, `events_per_second` and how much there is. */
export function serverStats(): Record {
  return answer<Record>(host.host_server_stats());
}

/** Stops the server in good order, after telling everybody the reason. */
export function serverShutdown(reason: string = ""): void {
  answerOrNull(host.host_server_shutdown(give(reason)));
}

/** All plugins in load order. */
export function listPlugins(): Plugin[] {
  return answer<Plugin[]>(host.host_list_plugins());
}

/** Switches a plugin on. */
export function enablePlugin(name: string): void {
  answerOrNull(host.host_enable_plugin(give(name)));
}

/** Switches a plugin off, over a restart too. One that others depend on stays on. */
export function disablePlugin(name: string): void {
  answerOrNull(host.host_disable_plugin(give(name)));
}

/** Writes the world into a file of the server. */
export function exportWorld(name: string): WorldFile {
  return answer<WorldFile>(host.host_export_world(give(name)));
}

/** Reads a file that `exportWorld` has written. */
export function importWorld(name: string): WorldImport {
  return answer<WorldImport>(host.host_import_world(give(name)));
}

/** Writes a line to the server's log; levels are debug, info, warn and error. */
export function log(message: string, level: string = "info"): void {
  write(level, message);
}

/** A setting from the plugin's manifest; the default if it is missing or empty. */
export function config(key: string, fallback: string = ""): string {
  const value = Config.get(key);
  return value ? value : fallback;
}
