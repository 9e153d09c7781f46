/** What plugins get from the server and give to it. */

import { Host } from "@extism/as-pdk";
import { JSON } from "json-as";
import * as base64 from "./base64";
import { input, utf8 } from "./host";

/** A JSON object: its values as JSON text, complete whatever they are, and readers for the common types. */
export class Record extends Map<string, JSON.Raw> {
  /** A text; the fallback if it is missing or null, and the JSON itself if it is no text. */
  text(key: string, fallback: string = ""): string {
    const json = this.has(key) ? this.get(key).toString() : "null";
    return json.startsWith('"') ? JSON.parse<string>(json) : json == "null" ? fallback : json;
  }

  /** A text, or null if it is missing or null. */
  textOrNull(key: string): string | null {
    return this.has(key) && this.get(key).toString() != "null" ? this.text(key) : null;
  }

  /** A whole number; 0 if it is missing. */
  integer(key: string): i64 {
    return I64.parseInt(this.text(key, "0"));
  }

  /** A number; 0 if it is missing. */
  number(key: string): f64 {
    return F64.parseFloat(this.text(key, "0"));
  }

  /** Whether it is true. */
  flag(key: string): bool {
    return this.has(key) && this.get(key).toString() == "true";
  }

  /** A JSON object; an empty one if it is missing or null. */
  record(key: string): Record {
    return this.readOrEmpty<Record>(key);
  }

  /** A value as any type that json-as reads: `read<string[]>("aliases")`. Throws if it is missing. */
  read<T>(key: string): T {
    if (!this.has(key)) throw new Error(`there is no "${key}" here, only: ${this.keys().join(", ")}`);
    return JSON.parse<T>(this.get(key).toString());
  }

  /** As `read`, for lists and records: empty if it is missing or null. */
  readOrEmpty<T>(key: string): T {
    return this.textOrNull(key) == null ? instantiate<T>() : this.read<T>(key);
  }

  /** Sets a value of any type that json-as writes; returns this record. */
  put<T>(key: string, value: T): Record {
    this.set(key, new JSON.Raw(JSON.stringify<T>(value)));
    return this;
  }
}

/** Anything in the world; `attributes` are those of plugins' schemas. */
export class Entity extends Record {
  get kind(): string { return this.text("kind"); }
  get id(): string { return this.text("id"); }
  get name(): string { return this.text("name"); }
  get description(): string { return this.text("description"); }
  get attributes(): Record { return this.record("attributes"); }
  /** What it holds or carries, if it was asked for by `queryLocation`, `queryObject` or `queryCharacter`. */
  get objects(): GameObject[] { return this.readOrEmpty<GameObject[]>("objects"); }
}

export class Location extends Entity {
  get owner_id(): string | null { return this.textOrNull("owner_id"); }
  get characters(): Character[] { return this.readOrEmpty<Character[]>("characters"); }
  get exits(): Exit[] { return this.readOrEmpty<Exit[]>("exits"); }
}

export class Exit extends Entity {
  get aliases(): string[] { return this.readOrEmpty<string[]>("aliases"); }
  get source_id(): string { return this.text("source_id"); }
  get destination_id(): string { return this.text("destination_id"); }
  get lock(): string { return this.text("lock"); }
}

/** A thing. One of the three places is an id, two are null. What a `lock` means is for plugins to say. */
export class GameObject extends Entity {
  get owner_id(): string | null { return this.textOrNull("owner_id"); }
  get lock(): string { return this.text("lock"); }
  get location_id(): string | null { return this.textOrNull("location_id"); }
  get character_id(): string | null { return this.textOrNull("character_id"); }
  get container_id(): string | null { return this.textOrNull("container_id"); }
}

export class Character extends Entity {
  get location_id(): string { return this.text("location_id"); }
  get connected(): bool { return this.flag("connected"); }
}

/**
 * Somebody in play, as `listSessions` has it, with `addresses` if the plugin has the capability session:addresses. An invocation's
 * has `id`, `connected_at`, `access`, `width` (columns) and `screen_reader` only. Times are milliseconds since 1970.
 */
export class Session extends Record {
  get id(): string { return this.text("id"); }
  get access(): string { return this.text("access"); }
  get width(): i64 { return this.integer("width"); }
  get screen_reader(): bool { return this.flag("screen_reader"); }
  get addresses(): string[] { return this.readOrEmpty<string[]>("addresses"); }
  get character_id(): string { return this.text("character_id"); }
  get character_name(): string { return this.text("character_name"); }
  get connected_at(): i64 { return this.integer("connected_at"); }
  get idle_seconds(): i64 { return this.integer("idle_seconds"); }
  get connections(): i64 { return this.integer("connections"); }
  get attributes(): Record { return this.record("attributes"); }
}

/** The account of a player. `ban` is the reason why the player is not let in. Times are milliseconds since 1970. */
export class Account extends Record {
  get name(): string { return this.text("name"); }
  get role(): string { return this.text("role"); }
  get created_at(): i64 { return this.integer("created_at"); }
  /** 0 if there was none. */
  get last_login_at(): i64 { return this.integer("last_login_at"); }
  /** With `id`, `name` and `connected` only. */
  get characters(): Character[] { return this.readOrEmpty<Character[]>("characters"); }
  get preferences(): Record { return this.record("preferences"); }
  get ban(): string | null { return this.textOrNull("ban"); }
}

/** Those who are not let in. */
export class Bans extends Record {
  get addresses(): AddressBan[] { return this.readOrEmpty<AddressBan[]>("addresses"); }
  get accounts(): AccountBan[] { return this.readOrEmpty<AccountBan[]>("accounts"); }
}

/** The ban of an IP address or network. `created_at` is in milliseconds since 1970. */
export class AddressBan extends Record {
  get address(): string { return this.text("address"); }
  get reason(): string { return this.text("reason"); }
  get created_at(): i64 { return this.integer("created_at"); }
}

/** The ban of a player. */
export class AccountBan extends Record {
  get name(): string { return this.text("name"); }
  get reason(): string { return this.text("reason"); }
}

/** A plugin, as the operator sees it. `needed_by` names those that depend on it. */
export class Plugin extends Record {
  get name(): string { return this.text("name"); }
  get version(): string { return this.text("version"); }
  get description(): string { return this.text("description"); }
  get language(): string { return this.text("language"); }
  get enabled(): bool { return this.flag("enabled"); }
  get paused_seconds(): f64 { return this.number("paused_seconds"); }
  get calls(): i64 { return this.integer("calls"); }
  get failures(): i64 { return this.integer("failures"); }
  get p50_ms(): f64 { return this.number("p50_ms"); }
  get p95_ms(): f64 { return this.number("p95_ms"); }
  get memory_bytes(): i64 { return this.integer("memory_bytes"); }
  get instances(): i64 { return this.integer("instances"); }
  get needed_by(): string[] { return this.readOrEmpty<string[]>("needed_by"); }
}

/** A file of the server with a world, and how much of everything is in it. */
export class WorldFile extends Record {
  get path(): string { return this.text("path"); }
  get locations(): i64 { return this.integer("locations"); }
  get exits(): i64 { return this.integer("exits"); }
  get objects(): i64 { return this.integer("objects"); }
  get characters(): i64 { return this.integer("characters"); }
}

/** What came of reading one. */
export class WorldImport extends WorldFile {
  get created(): i64 { return this.integer("created"); }
  get updated(): i64 { return this.integer("updated"); }
  get warnings(): string[] { return this.readOrEmpty<string[]>("warnings"); }
}

/** A command, for help. `words` is what a line begins with, `prefix` one character that may stand for it. */
export class Command extends Record {
  get plugin(): string { return this.text("plugin"); }
  get plugin_description(): string { return this.text("plugin_description"); }
  get name(): string { return this.text("name"); }
  get words(): string { return this.text("words"); }
  get usage(): string { return this.text("usage"); }
  get description(): string { return this.text("description"); }
  get aliases(): string[] { return this.readOrEmpty<string[]>("aliases"); }
  get prefix(): string | null { return this.textOrNull("prefix"); }
  get access(): string { return this.text("access"); }
}

/** A help topic; its text is what `readTopic` gives. */
export class Topic extends Record {
  get plugin(): string { return this.text("plugin"); }
  get topic(): string { return this.text("topic"); }
  get title(): string { return this.text("title"); }
}

/** Something that has happened. `timestamp` is in milliseconds since 1970. */
export class Event extends Record {
  /** The event that this call is about. */
  static fromInput(): Event { return JSON.parse<Event>(input()); }
  get id(): string { return this.text("id"); }
  get stream(): string { return this.text("stream"); }
  get type(): string { return this.text("type"); }
  get timestamp(): i64 { return this.integer("timestamp"); }
  get actor_kind(): string { return this.text("actor_kind", "system"); }
  get actor_id(): string { return this.text("actor_id"); }
  get actor_name(): string { return this.text("actor_name"); }
  get payload(): Record { return this.record("payload"); }
}

/** A command that somebody has typed: `args` is what its pattern matched, `raw` the whole line, `actor` who typed it, and where. */
export class Invocation extends Record {
  /** The command that this call is about. */
  static fromInput(): Invocation { return JSON.parse<Invocation>(input()); }
  get command(): string { return this.text("command"); }
  get handler(): string { return this.text("handler"); }
  get args(): Record { return this.record("args"); }
  get raw(): string { return this.text("raw"); }
  get actor(): Character { return this.readOrEmpty<Character>("actor"); }
  get location(): Location { return this.readOrEmpty<Location>("location"); }
  get session(): Session { return this.readOrEmpty<Session>("session"); }
  get timestamp(): i64 { return this.integer("timestamp"); }
}

/** An event to be emitted. The payload is a Record or any class with `@json`. */
export class EmitEvent extends Record {
  static of<T>(stream: string, type: string, payload: T): EmitEvent {
    const event = new EmitEvent();
    event.put("stream", stream).put("type", type).put("payload", payload);
    return event;
  }
}

/** A handler's whole answer: `return new Response().say("Done.").send();` */
export class Response {
  output: string[] = [];
  events: EmitEvent[] = [];
  private handled: bool = true;

  /** Adds a line for the player. */
  say(line: string): this {
    this.output.push(line);
    return this;
  }

  /** Adds an event, to be emitted when the handler has returned. */
  emit(event: EmitEvent): this {
    this.events.push(event);
    return this;
  }

  /** Leaves the command to others. */
  unhandled(): this {
    this.handled = false;
    return this;
  }

  /** Gives the answer to the server; returns the export's code for success. */
  send(): i32 {
    const answer = new Record().put("events", this.events);
    if (this.output.length) answer.put("output", this.output);
    if (!this.handled) answer.put("handled", false);
    Host.output(utf8(JSON.stringify(answer)));
    return 0;
  }
}

/** Where an object is: exactly one of three. */
export class Place {
  private constructor(readonly kind: string, readonly id: string) {}

  /** Lying in a location. */
  static location(id: string): Place { return new Place("location", id); }
  /** Carried by a character. */
  static character(id: string): Place { return new Place("character", id); }
  /** Inside another object. */
  static container(id: string): Place { return new Place("container", id); }

  /** As the server wants it. */
  get record(): Record { return new Record().put(this.kind, this.id); }
}

/** What is kept or fetched: text, or bytes if it is not UTF-8. */
export class Content {
  constructor(readonly bytes: Uint8Array = new Uint8Array(0), readonly isText: bool = true) {}

  /** From the server's JSON: a text, or `{"base64": ...}`. */
  static from(json: JSON.Raw): Content {
    const text = json.toString();
    if (text.startsWith('"')) return new Content(utf8(JSON.parse<string>(text)));
    return new Content(base64.decode(JSON.parse<Record>(text).text("base64")), false);
  }

  /** As text, whatever it is. */
  toString(): string { return String.UTF8.decode(this.bytes.buffer); }
}

/** What a web server has answered. */
export class HttpResponse extends Record {
  get status(): i64 { return this.integer("status"); }
  get url(): string { return this.text("url"); }
  get headers(): Record { return this.record("headers"); }
  get body(): Content { return this.has("body") ? Content.from(this.get("body")) : new Content(); }
}
