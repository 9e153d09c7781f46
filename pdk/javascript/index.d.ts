/** The types of holomush-pdk. Values are as the server sends them: plain objects with its own names. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Row = { [column: string]: Json };
export type Kind = "location" | "character" | "object" | "exit";
export type Role = "guest" | "player" | "builder" | "admin";

/** Something that has happened: what `handle_event` gets. `timestamp` is in milliseconds since 1970. */
export interface Event<Payload = { [key: string]: any }> {
  id: string;
  stream: string;
  type: string;
  timestamp: number;
  actor_kind: "character" | "system" | "plugin";
  actor_id: string;
  actor_name: string;
  payload: Payload;
}

/** An event that is to happen. `stream` is location:<id>, character:<id>, channel:<name>, plugin:<name> or global. */
export interface EmitEvent {
  stream: string;
  type: string;
  payload?: { [key: string]: unknown };
}

/** A command that somebody has typed: what its handler gets. `args` is what its pattern matched, `raw` the whole line. */
export interface Invocation<Args = { [name: string]: string }> {
  command: string;
  handler: string;
  args: Args;
  raw: string;
  actor: Character;
  location: Location;
  session: Connection;
  timestamp: number;
}

/** What a command came through. `width` is in columns. */
export interface Connection {
  id: string;
  connected_at: number;
  access: Role;
  width: number;
  screen_reader: boolean;
}

/** A handler's whole answer: text for the player, events to emit when it has returned, and whether it was handled. */
export interface Response {
  output?: string | string[];
  events?: EmitEvent[];
  handled?: boolean;
}

/** What a handler may return, or promise. */
export type Answer = void | null | string | string[] | Response;
export type EventHandler = (event: Event) => Answer | Promise<Answer>;
export type CommandHandler = (invocation: Invocation) => Answer | Promise<Answer>;

interface Entity {
  id: string;
  name: string;
  /** Of the plugin's schema, and of the plugins that it depends on. */
  attributes?: { [name: string]: Json };
}

export interface Location extends Entity {
  kind: "location";
  description: string;
  owner_id: string | null;
}

/** A location with its exits and with everybody and everything in it, in order of arrival. */
export interface FullLocation extends Location {
  characters: Character[];
  objects: GameObject[];
  exits: Exit[];
}

/** `connected` says whether somebody plays it right now. */
export interface Character extends Entity {
  kind: "character";
  description: string;
  location_id: string;
  connected: boolean;
}

export interface FullCharacter extends Character {
  objects: GameObject[];
}

/** Of the three places one is an id, two are null. What a `lock` means is for plugins to say. */
export interface GameObject extends Entity {
  kind: "object";
  description: string;
  owner_id: string | null;
  lock: string;
  location_id: string | null;
  character_id: string | null;
  container_id: string | null;
}

export interface FullGameObject extends GameObject {
  objects: GameObject[];
}

export interface Exit extends Entity {
  kind: "exit";
  aliases: string[];
  source_id: string;
  destination_id: string;
  lock: string;
}

/** Exactly one of the three. */
export type Place =
  | { location: string; character?: undefined; container?: undefined }
  | { character: string; location?: undefined; container?: undefined }
  | { container: string; location?: undefined; character?: undefined };

/** Somebody in play. `addresses` are there only for a plugin with the capability session:addresses. */
export interface Session {
  character_id: string;
  character_name: string;
  access: Role;
  connected_at: number;
  idle_seconds: number;
  connections: number;
  addresses?: string[];
  attributes?: { [name: string]: Json };
}

/** Of those that are missing the defaults apply. */
export interface Preferences {
  colour?: "auto" | "none" | "16" | "256" | "true";
  width?: "auto" | number;
  screen_reader?: "auto" | "on" | "off";
  page_length?: "off" | number;
  charset?: "auto" | "utf-8" | "latin-1" | "ascii";
  prompt?: "off" | "on";
  keepalive?: "on" | "off";
}

/** The account of a player. `ban` is the reason why the player is not let in, or null. */
export interface Account {
  name: string;
  role: Role;
  created_at: number;
  last_login_at: number | null;
  characters: { id: string; name: string; connected: boolean }[];
  preferences: Preferences;
  ban: string | null;
}

/** Those who are not let in. */
export interface Bans {
  addresses: { address: string; reason: string; created_at: number }[];
  accounts: { name: string; reason: string }[];
}

/** A plugin, as the operator sees it. `needed_by` names those that depend on it. */
export interface Plugin {
  name: string;
  version: string;
  description: string;
  language: string;
  enabled: boolean;
  paused_seconds: number;
  calls: number;
  failures: number;
  p50_ms: number;
  p95_ms: number;
  memory_bytes: number;
  instances: number;
  needed_by: string[];
}

/** A file of the server with a world, and how much of everything is in it. */
export interface WorldFile {
  path: string;
  locations: number;
  exits: number;
  objects: number;
  characters: number;
}

/** What came of reading one. */
export interface WorldImport extends WorldFile {
  created: number;
  updated: number;
  warnings: string[];
}

/** A command, for help. `words` is what a line begins with, `prefix` one character that may stand for it. */
export interface Command {
  plugin: string;
  plugin_description: string;
  name: string;
  words: string;
  usage: string;
  description: string;
  aliases: string[];
  prefix: string | null;
  access: Role;
}

/** A help topic; its text is what `readTopic` gives. */
export interface Topic {
  plugin: string;
  topic: string;
  title: string;
}

export interface HttpResponse {
  status: number;
  url: string;
  headers: { [name: string]: string };
  /** Bytes if it is not UTF-8. */
  body: string | Uint8Array;
}

export type ErrorCode =
  | "capability_denied"
  | "invalid_argument"
  | "not_found"
  | "conflict"
  | "rate_limited"
  | "too_large"
  | "timeout"
  | "unavailable";

/** The server refused a call, or could not answer it. */
export class HostError extends Error {
  constructor(code: ErrorCode, message: string);
  readonly code: ErrorCode;
}

/** Emits an event now. (Events in a `Response` are emitted when the handler has returned.) */
export function emitEvent(event: EmitEvent): void;
/** The last events of a stream (20, or a limit of up to 100), oldest first. */
export function listEvents(stream: string, limit?: number): Event[];

/** From now on a character hears a `channel:` stream, until `unlisten`. */
export function listen(stream: string, characterId: string): void;
/** A character no longer hears a `channel:` stream; false if it did not. */
export function unlisten(stream: string, characterId: string): boolean;
/** The ids of the characters who hear a `channel:` stream. */
export function listListeners(stream: string): string[];

/**
 * After so many seconds the event `timer` comes, with `name` and `payload`, on the stream `plugin:` and the plugin's name; after a
 * restart of the server, too. A timer of the same name is replaced.
 */
export function setTimer(name: string, seconds: number, payload?: { [key: string]: unknown }): void;
/** Takes a timer back; false if there was none. */
export function cancelTimer(name: string): boolean;

export function queryLocation(id: string): FullLocation;
export function queryExit(id: string): Exit;
export function queryObject(id: string): FullGameObject;
export function queryCharacter(id: string): FullCharacter;

/**
 * What the character with the id `near` can mean by `name`; empty if there is nothing, several if it is unclear. Without `near` the
 * whole world is searched.
 */
export function find(
  name: string,
  options?: { near?: string | null; kinds?: Kind | Iterable<Kind> },
): (Location | Character | GameObject | Exit)[];

/** An `id` is a new ULID; without it one is made up. */
export function createLocation(
  name: string,
  options?: { description?: string; owner_id?: string | null; id?: string | null },
): Location;
export function createExit(
  name: string,
  options: { source_id: string; destination_id: string; aliases?: Iterable<string>; lock?: string; id?: string | null },
): Exit;
export function createObject(
  name: string,
  options: Place & { description?: string; owner_id?: string | null; lock?: string; id?: string | null },
): GameObject;
/** A character of the game's own, which nobody can log in as. */
export function createCharacter(name: string, options: { location_id: string; description?: string }): Character;

export function updateLocation(id: string, changes: { name?: string; description?: string; owner_id?: string | null }): Location;
export function updateExit(
  id: string,
  changes: { name?: string; aliases?: string[]; source_id?: string; destination_id?: string; lock?: string },
): Exit;
export function updateObject(
  id: string,
  changes: { name?: string; description?: string; owner_id?: string | null; lock?: string },
): GameObject;
/** `name` only of one of the game's own. */
export function updateCharacter(id: string, changes: { name?: string; description?: string }): Character;

/** Puts an object into one place: lying in a location, carried by a character, or inside another object. */
export function moveObject(id: string, place: Place): void;
export function moveCharacter(id: string, locationId: string): void;

/** Destroys a location that is empty and that no exit leads to. */
export function destroyLocation(id: string): void;
export function destroyExit(id: string): void;
/** Destroys an object that holds nothing. */
export function destroyObject(id: string): void;
/** Destroys a character that carries nothing and that nobody plays. */
export function destroyCharacter(id: string): void;

/** What the plugin keeps under a key: text, or bytes if it is not UTF-8; the fallback (null) if there is nothing. */
export function kvGet(key: string): string | Uint8Array | null;
export function kvGet<Fallback>(key: string, fallback: Fallback): string | Uint8Array | Fallback;
/** Keeps text or bytes under a key, for good. */
export function kvSet(key: string, value: string | Uint8Array): void;
/** Forgets a key; false if there was none. */
export function kvDelete(key: string): boolean;
/** The plugin's keys that begin so, sorted. */
export function kvList(prefix?: string): string[];

/** Notes attributes of the plugin's schema; null takes one back to its default. Returns all of the plugin's there. */
export function setAttributes(id: string, values: { [name: string]: Json }): { [name: string]: Json };

/** Adds a row to a table of the plugin's schema; returns it whole. A ULID key that is left out is made up. */
export function tableInsert(table: string, row?: Row): Row;
/** The row with that key (an object for a key of several columns), or null. */
export function tableGet(table: string, key: Json): Row | null;
/**
 * Rows of a table. `where` gives columns and what they must equal, or `{">=": 5, "<": 10}`; `order` columns, with `-` before
 * those that go downwards.
 */
export function tableSelect(
  table: string,
  query?: { where?: Row; order?: string | Iterable<string>; limit?: number; offset?: number },
): Row[];
/** Changes columns of the row with that key; returns it whole. */
export function tableUpdate(table: string, key: Json, changes: Row): Row;
/** Removes the row with that key; false if there was none. */
export function tableDelete(table: string, key: Json): boolean;

export function httpGet(url: string): HttpResponse;
export function httpPost(url: string, body: string): HttpResponse;

/** Everybody in play. */
export function listSessions(): Session[];
/** Hangs up on everybody who plays a character, after telling them the reason. */
export function bootSession(characterId: string, reason?: string): void;
/** The connection with that id (`inv.session.id`) goes on as another character of the same player. */
export function switchCharacter(sessionId: string, characterId: string): void;

/** The account of the player whom a character belongs to. */
export function queryAccount(characterId: string): Account;
/**
 * Changes the account of the player whom a character belongs to; returns it. Of `preferences` those change that are named, and null
 * takes one back to its default. `ban` is a reason, or null to let the player in again.
 */
export function updateAccount(
  characterId: string,
  changes: {
    role?: Role;
    password?: string;
    preferences?: { [Name in keyof Preferences]: Preferences[Name] | null };
    ban?: string | null;
  },
): Account;
/** Makes one more character for the player whom a character belongs to, where new ones begin. */
export function addCharacter(characterId: string, name: string): Character;
/** Lets nobody in from an IP address, or from a network such as 192.0.2.0/24. */
export function banAddress(address: string, reason?: string): void;
/** Takes a ban of an address or network back; false if there was none. */
export function unbanAddress(address: string): boolean;
export function listBans(): Bans;

/** The commands that whoever plays a character may use, of all plugins. */
export function listCommands(characterId: string): Command[];
/** The help topics that whoever plays a character may read; with `words` those in which all of them occur. */
export function listTopics(characterId: string, words?: string): Topic[];
/** The text of a plugin's help topic, for whoever plays a character. */
export function readTopic(characterId: string, plugin: string, topic: string): string;
/** Figures about the server: `version`, `uptime_seconds`, `sessions`, `commands`, `events_per_second` and how much there is. */
export function serverStats(): { version: string; uptime_seconds: number; [figure: string]: Json };
/** Stops the server in good order, after telling everybody the reason. */
export function serverShutdown(reason?: string): void;
/** All plugins in load order. */
export function listPlugins(): Plugin[];
/** Switches a plugin on. */
export function enablePlugin(name: string): void;
/** Switches a plugin off, over a restart too. One that others depend on stays on. */
export function disablePlugin(name: string): void;
/** Writes the world into a file of the server. */
export function exportWorld(name: string): WorldFile;
/** Reads a file that `exportWorld` has written. */
export function importWorld(name: string): WorldImport;

/** Writes a line to the server's log. */
export function log(message: string, level?: "debug" | "info" | "warn" | "error"): void;
/** A setting from the plugin's manifest; the fallback ("") if it is missing or empty. */
export function config(key: string, fallback?: string): string;
