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
  Character, Command, Content, EmitEvent, Entity, Exit, GameObject, HttpResponse, Location, Place, Record, Session, Topic,
} from "./types";
import "./runtime";

export { HostError } from "./host";
export * from "./types";

/** Emits an event now. (Events in a Response are emitted when the handler has returned.) */
export function emitEvent<T>(stream: string, type: string, payload: T): void {
  answerOrNull(host.host_emit_event(giveJson(EmitEvent.of(stream, type, payload))));
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

/** What the character with the id `near` can mean by `name`; empty if there is nothing, several if it is unclear. */
export function find(name: string, near: string, kinds: string[] = ["character", "object", "exit"]): Entity[] {
  return answer<Entity[]>(host.host_find(giveJson(new Record().put("name", name).put("near", near).put("kinds", kinds))));
}

/** Makes a location; returns it. */
export function createLocation(name: string, description: string = "", owner_id: string | null = null): Location {
  const fields = new Record().put("name", name).put("description", description).put("owner_id", owner_id);
  return answer<Location>(host.host_create_location(giveJson(fields)));
}

/** Makes an exit from one location to another; returns it. */
export function createExit(name: string, source_id: string, destination_id: string, aliases: string[] = [], lock: string = ""): Exit {
  const fields = new Record().put("name", name).put("source_id", source_id).put("destination_id", destination_id);
  return answer<Exit>(host.host_create_exit(giveJson(fields.put("aliases", aliases).put("lock", lock))));
}

/** Makes an object in a place; returns it. */
export function createObject(name: string, place: Place, description: string = "", owner_id: string | null = null): GameObject {
  const fields = new Record().put("name", name).put("description", description).put("owner_id", owner_id).put("place", place.record);
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

/** Changes `name`, `description` or `owner_id` of an object; returns it. */
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

/** Figures about the server: `version`, `uptime_seconds`, `sessions` and how much there is of everything. */
export function serverStats(): Record {
  return answer<Record>(host.host_server_stats());
}

/** Stops the server in good order, after telling everybody the reason. */
export function serverShutdown(reason: string = ""): void {
  answerOrNull(host.host_server_shutdown(give(reason)));
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
