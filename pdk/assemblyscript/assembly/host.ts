/**
 * The border to the server: its functions as WebAssembly imports, and the envelope that they answer with. Authors work with
 * `index.ts`.
 */

import { Host, Memory } from "@extism/as-pdk";
import { length } from "@extism/as-pdk/lib/env";
import { JSON } from "json-as";
import { Record } from "./types";

@external("extism:host/user", "holomush_emit_event") export declare function host_emit_event(json: u64): u64;
@external("extism:host/user", "holomush_list_events") export declare function host_list_events(stream: u64, limit: u64): u64;
@external("extism:host/user", "holomush_listen") export declare function host_listen(stream: u64, id: u64): u64;
@external("extism:host/user", "holomush_unlisten") export declare function host_unlisten(stream: u64, id: u64): u64;
@external("extism:host/user", "holomush_list_listeners") export declare function host_list_listeners(stream: u64): u64;
@external("extism:host/user", "holomush_set_timer") export declare function host_set_timer(name: u64, seconds: u64, payload: u64): u64;
@external("extism:host/user", "holomush_cancel_timer") export declare function host_cancel_timer(name: u64): u64;
@external("extism:host/user", "holomush_query_location") export declare function host_query_location(id: u64): u64;
@external("extism:host/user", "holomush_query_exit") export declare function host_query_exit(id: u64): u64;
@external("extism:host/user", "holomush_query_object") export declare function host_query_object(id: u64): u64;
@external("extism:host/user", "holomush_query_character") export declare function host_query_character(id: u64): u64;
@external("extism:host/user", "holomush_find") export declare function host_find(json: u64): u64;
@external("extism:host/user", "holomush_create_location") export declare function host_create_location(json: u64): u64;
@external("extism:host/user", "holomush_create_exit") export declare function host_create_exit(json: u64): u64;
@external("extism:host/user", "holomush_create_object") export declare function host_create_object(json: u64): u64;
@external("extism:host/user", "holomush_create_character") export declare function host_create_character(json: u64): u64;
@external("extism:host/user", "holomush_update_location") export declare function host_update_location(id: u64, changes: u64): u64;
@external("extism:host/user", "holomush_update_exit") export declare function host_update_exit(id: u64, changes: u64): u64;
@external("extism:host/user", "holomush_update_object") export declare function host_update_object(id: u64, changes: u64): u64;
@external("extism:host/user", "holomush_update_character") export declare function host_update_character(id: u64, changes: u64): u64;
@external("extism:host/user", "holomush_move_object") export declare function host_move_object(id: u64, place: u64): u64;
@external("extism:host/user", "holomush_move_character") export declare function host_move_character(id: u64, location: u64): u64;
@external("extism:host/user", "holomush_destroy_location") export declare function host_destroy_location(id: u64): u64;
@external("extism:host/user", "holomush_destroy_exit") export declare function host_destroy_exit(id: u64): u64;
@external("extism:host/user", "holomush_destroy_object") export declare function host_destroy_object(id: u64): u64;
@external("extism:host/user", "holomush_destroy_character") export declare function host_destroy_character(id: u64): u64;
@external("extism:host/user", "holomush_kv_get") export declare function host_kv_get(key: u64): u64;
@external("extism:host/user", "holomush_kv_set") export declare function host_kv_set(key: u64, value: u64): u64;
@external("extism:host/user", "holomush_kv_delete") export declare function host_kv_delete(key: u64): u64;
@external("extism:host/user", "holomush_kv_list") export declare function host_kv_list(prefix: u64): u64;
@external("extism:host/user", "holomush_set_attributes") export declare function host_set_attributes(id: u64, values: u64): u64;
@external("extism:host/user", "holomush_table_insert") export declare function host_table_insert(table: u64, row: u64): u64;
@external("extism:host/user", "holomush_table_get") export declare function host_table_get(table: u64, key: u64): u64;
@external("extism:host/user", "holomush_table_select") export declare function host_table_select(table: u64, query: u64): u64;
@external("extism:host/user", "holomush_table_update") export declare function host_table_update(table: u64, key: u64, changes: u64): u64;
@external("extism:host/user", "holomush_table_delete") export declare function host_table_delete(table: u64, key: u64): u64;
@external("extism:host/user", "holomush_http_get") export declare function host_http_get(url: u64): u64;
@external("extism:host/user", "holomush_http_post") export declare function host_http_post(url: u64, body: u64): u64;
@external("extism:host/user", "holomush_list_sessions") export declare function host_list_sessions(): u64;
@external("extism:host/user", "holomush_boot_session") export declare function host_boot_session(id: u64, reason: u64): u64;
@external("extism:host/user", "holomush_query_account") export declare function host_query_account(id: u64): u64;
@external("extism:host/user", "holomush_update_account") export declare function host_update_account(id: u64, changes: u64): u64;
@external("extism:host/user", "holomush_add_character") export declare function host_add_character(id: u64, name: u64): u64;
@external("extism:host/user", "holomush_switch_character") export declare function host_switch_character(session: u64, id: u64): u64;
@external("extism:host/user", "holomush_ban_address") export declare function host_ban_address(address: u64, reason: u64): u64;
@external("extism:host/user", "holomush_unban_address") export declare function host_unban_address(address: u64): u64;
@external("extism:host/user", "holomush_list_bans") export declare function host_list_bans(): u64;
@external("extism:host/user", "holomush_list_commands") export declare function host_list_commands(id: u64): u64;
@external("extism:host/user", "holomush_list_topics") export declare function host_list_topics(id: u64, words: u64): u64;
@external("extism:host/user", "holomush_read_topic") export declare function host_read_topic(id: u64, plugin: u64, topic: u64): u64;
@external("extism:host/user", "holomush_server_stats") export declare function host_server_stats(): u64;
@external("extism:host/user", "holomush_server_shutdown") export declare function host_server_shutdown(reason: u64): u64;
@external("extism:host/user", "holomush_list_plugins") export declare function host_list_plugins(): u64;
@external("extism:host/user", "holomush_enable_plugin") export declare function host_enable_plugin(name: u64): u64;
@external("extism:host/user", "holomush_disable_plugin") export declare function host_disable_plugin(name: u64): u64;
@external("extism:host/user", "holomush_export_world") export declare function host_export_world(name: u64): u64;
@external("extism:host/user", "holomush_import_world") export declare function host_import_world(name: u64): u64;
@external("extism:host/user", "holomush_log") export declare function host_log(level: u64, message: u64): void;

/** Why the server has refused a call. `code` and `message` are empty if it has not. */
export class HostError {
  /** One of capability_denied, invalid_argument, not_found, conflict, rate_limited, too_large, timeout and unavailable. */
  code: string = "";
  message: string = "";

  /** Takes up a refusal of the next function of the server that is called; that returns something empty then, instead of throwing. */
  static catchNext(): HostError {
    const error = new HostError();
    catching = error;
    return error;
  }

  /** Whether the call has been refused. */
  get refused(): bool { return this.code != ""; }
}

let catching: HostError | null = null;
/** What this call is about, as JSON. A refusal that an earlier call of this instance waited for in vain is no longer of interest. */
export function input(): string {
  catching = null;
  return Host.inputString();
}

const given = new Array<u64>();

/** UTF-8; half a surrogate pair, which UTF-8 cannot hold, becomes a replacement character. */
export function utf8(text: string): Uint8Array {
  return Uint8Array.wrap(String.UTF8.encode(text, false, String.UTF8.ErrorMode.REPLACE));
}

/** Text where the server can read it, until the next `settle`. */
export function give(text: string): u64 {
  const bytes = utf8(text);
  const memory = Memory.allocate(bytes.length);
  memory.store(bytes);
  given.push(memory.offset);
  return memory.offset;
}

/** The value as JSON where the server can read it. */
export function giveJson<T>(value: T): u64 {
  return give(JSON.stringify<T>(value));
}

/** Frees what was given: a call of the server's functions is over. */
export function settle(): void {
  while (given.length) new Memory(given.pop(), 0).free();
}

/** The JSON value that an envelope holds; null if the server has refused and the author wants to know why. Else that throws. */
function opened(offset: u64): JSON.Raw | null {
  settle();
  const error = catching;
  catching = null;
  const memory = new Memory(offset, length(offset));
  const envelope = offset ? JSON.parse<Record>(memory.toString()) : new Record();
  memory.free();
  if (envelope.flag("ok")) return envelope.get("value");
  const why = envelope.readOrEmpty<Record>("error");
  const code = why.text("code", "unavailable");
  const message = why.text("message", "the server has given up the call");
  if (!error) throw new Error(code + ": " + message);
  error.code = code;
  error.message = message;
  return null;
}

/** The value that a function of the server has answered; something empty after a refusal. */
export function answer<T>(offset: u64): T {
  const value = opened(offset);
  return value ? JSON.parse<T>(value.toString()) : instantiate<T>();
}

/** As `answer`, for what may be null. */
export function answerOrNull(offset: u64): JSON.Raw | null {
  const value = opened(offset);
  return value && value.toString() != "null" ? value : null;
}

/** As `answer`, for a text. */
export function answerText(offset: u64): string {
  const value = opened(offset);
  return value ? JSON.parse<string>(value.toString()) : "";
}

/** As `answer`, for true and false. */
export function answerFlag(offset: u64): bool {
  const value = opened(offset);
  return value != null && value.toString() == "true";
}

/** Writes a line to the server's log. */
export function write(level: string, message: string): void {
  host_log(give(level), give(message));
  settle();
}
