/**
 * What a HoloMUSH plugin written in JavaScript works with: the server's functions. index.d.ts says what they take and give.
 *
 * Inside the server this file is part of the runtime, so a plugin just imports it. Anywhere else its functions need a stand-in:
 * `globalThis[Symbol.for("holomush")]`, an object whose methods are the server's functions and answer with envelopes.
 */

const HOST = Symbol.for("holomush");

/** The server refused a call, or could not answer it. `code` is capability_denied, invalid_argument, not_found, ... */
export class HostError extends Error {
  name = "HostError";

  constructor(code, message) {
    super(message);
    this.code = code;
  }

  toString() {
    return `${this.name}: ${this.code}: ${this.message}`;
  }
}

function host(name) {
  const server = globalThis[HOST];
  if (server === undefined) throw new Error(`${name} needs the HoloMUSH server, and this code is running outside of it`);
  return server[name];
}

function call(name, ...texts) {
  const envelope = host(name)(...texts);
  if (envelope === undefined) throw new HostError("unavailable", `the server has given up ${name}`);
  if (envelope.ok) return envelope.value;
  throw new HostError(envelope.error.code, envelope.error.message);
}

const json = JSON.stringify;
const list = (value) => (typeof value === "string" ? [value] : [...value]);
const bytes = (value) => (typeof value === "string" ? value : Uint8Array.from(atob(value.base64), (char) => char.charCodeAt(0)));

function place(name, { location, character, container } = {}) {
  const places = Object.entries({ location, character, container }).filter(([, id]) => id !== undefined && id !== null);
  if (places.length !== 1) throw new TypeError(`${name} wants exactly one of location, character and container`);
  return Object.fromEntries(places);
}

/** A key's value as it crosses to the server: text as it is, anything that is not UTF-8 in base64. */
function stored(value) {
  let text = value;
  if (typeof value !== "string") {
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
    } catch {
      text = undefined;
    }
  }
  if (text !== undefined && !text.startsWith('{"base64"')) return text;
  const raw = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return json({ base64: btoa(Array.from(raw, (byte) => String.fromCharCode(byte)).join("")) });
}

export function emitEvent({ stream, type, payload = {} }) {
  call("holomush_emit_event", json({ stream, type, payload }));
}
export const listEvents = (stream, limit = 20) => call("holomush_list_events", stream, json(limit));
export const listen = (stream, characterId) => void call("holomush_listen", stream, characterId);
export const unlisten = (stream, characterId) => call("holomush_unlisten", stream, characterId);
export const listListeners = (stream) => call("holomush_list_listeners", stream);
export const setTimer = (name, seconds, payload = {}) => void call("holomush_set_timer", name, json(seconds), json(payload));
export const cancelTimer = (name) => call("holomush_cancel_timer", name);

export const queryLocation = (id) => call("holomush_query_location", id);
export const queryExit = (id) => call("holomush_query_exit", id);
export const queryObject = (id) => call("holomush_query_object", id);
export const queryCharacter = (id) => call("holomush_query_character", id);

export const find = (name, { near = null, kinds = ["character", "object", "exit"] } = {}) =>
  call("holomush_find", json({ name, near, kinds: list(kinds) }));

// JSON leaves out what is undefined: the server makes up an id that is not given.
export const createLocation = (name, { description = "", owner_id = null, id } = {}) =>
  call("holomush_create_location", json({ name, description, owner_id, id: id ?? undefined }));
export const createExit = (name, { source_id, destination_id, aliases = [], lock = "", id }) =>
  call("holomush_create_exit", json({ name, source_id, destination_id, aliases: [...aliases], lock, id: id ?? undefined }));
export function createObject(name, { description = "", owner_id = null, lock, id, ...where } = {}) {
  const fields = { name, description, owner_id, place: place("createObject", where), lock: lock || undefined, id: id ?? undefined };
  return call("holomush_create_object", json(fields));
}
export const createCharacter = (name, { location_id, description = "" }) =>
  call("holomush_create_character", json({ name, location_id, description }));

export const updateLocation = (id, changes) => call("holomush_update_location", id, json(changes));
export const updateExit = (id, changes) => call("holomush_update_exit", id, json(changes));
export const updateObject = (id, changes) => call("holomush_update_object", id, json(changes));
export const updateCharacter = (id, changes) => call("holomush_update_character", id, json(changes));

export const moveObject = (id, where) => void call("holomush_move_object", id, json(place("moveObject", where)));
export const moveCharacter = (id, locationId) => void call("holomush_move_character", id, locationId);

export const destroyLocation = (id) => void call("holomush_destroy_location", id);
export const destroyExit = (id) => void call("holomush_destroy_exit", id);
export const destroyObject = (id) => void call("holomush_destroy_object", id);
export const destroyCharacter = (id) => void call("holomush_destroy_character", id);

export function kvGet(key, fallback = null) {
  const value = call("holomush_kv_get", key);
  return value === null ? fallback : bytes(value);
}
export const kvSet = (key, value) => void call("holomush_kv_set", key, stored(value));
export const kvDelete = (key) => call("holomush_kv_delete", key);
export const kvList = (prefix = "") => call("holomush_kv_list", prefix);

export const setAttributes = (id, values) => call("holomush_set_attributes", id, json(values));
export const tableInsert = (table, row = {}) => call("holomush_table_insert", table, json(row));
export const tableGet = (table, key) => call("holomush_table_get", table, json(key));
export const tableSelect = (table, { where = {}, order = [], limit = 100, offset = 0 } = {}) =>
  call("holomush_table_select", table, json({ where, order: list(order), limit, offset }));
export const tableUpdate = (table, key, changes) => call("holomush_table_update", table, json(key), json(changes));
export const tableDelete = (table, key) => call("holomush_table_delete", table, json(key));

const response = (answer) => ({ ...answer, body: bytes(answer.body) });
export const httpGet = (url) => response(call("holomush_http_get", url));
export const httpPost = (url, body) => response(call("holomush_http_post", url, body));

export const listSessions = () => call("holomush_list_sessions");
export const bootSession = (characterId, reason = "") => void call("holomush_boot_session", characterId, reason);
export const switchCharacter = (sessionId, characterId) => void call("holomush_switch_character", sessionId, characterId);

export const queryAccount = (characterId) => call("holomush_query_account", characterId);
export const updateAccount = (characterId, changes) => call("holomush_update_account", characterId, json(changes));
export const addCharacter = (characterId, name) => call("holomush_add_character", characterId, name);
export const banAddress = (address, reason = "") => void call("holomush_ban_address", address, reason);
export const unbanAddress = (address) => call("holomush_unban_address", address);
export const listBans = () => call("holomush_list_bans");

export const listCommands = (characterId) => call("holomush_list_commands", characterId);
export const listTopics = (characterId, words = "") => call("holomush_list_topics", characterId, words);
export const readTopic = (characterId, plugin, topic) => call("holomush_read_topic", characterId, plugin, topic);
export const serverStats = () => call("holomush_server_stats");
export const serverShutdown = (reason = "") => void call("holomush_server_shutdown", reason);
export const listPlugins = () => call("holomush_list_plugins");
export const enablePlugin = (name) => void call("holomush_enable_plugin", name);
export const disablePlugin = (name) => void call("holomush_disable_plugin", name);
export const exportWorld = (name) => call("holomush_export_world", name);
export const importWorld = (name) => call("holomush_import_world", name);

export const log = (message, level = "info") => host("holomush_log")(level, String(message));
export const config = (key, fallback = "") => host("config_get")(key) || fallback;
