/** The plugin that calls every function of the server: what it is asked for, and how it answers, is the same in every language. */

import { JSON } from "json-as";
import {
  Account, Bans, Content, EmitEvent, Event, HostError, HttpResponse, Invocation, Place, Plugin, Record, Response, Session,
  WorldFile, WorldImport, addCharacter, banAddress, bootSession,
  cancelTimer, config, createCharacter, createExit, createLocation, createObject, destroyCharacter, destroyExit, destroyLocation,
  destroyObject, disablePlugin, emitEvent, enablePlugin, exportWorld, find, httpGet, httpPost, importWorld, kvDelete, kvGet, kvList,
  kvSet, kvSetBytes, listBans, listCommands, listEvents, listListeners, listPlugins, listSessions, listTopics, listen, log,
  moveCharacter, moveObject, queryAccount, queryCharacter, queryExit, queryLocation, queryObject, readTopic, serverShutdown,
  serverStats, setAttributes, setTimer, switchCharacter, tableDelete, tableGet, tableInsert, tableSelect, tableUpdate, unbanAddress,
  unlisten, updateAccount, updateCharacter, updateExit, updateLocation, updateObject,
} from "holomush-pdk-as";
import * as base64 from "holomush-pdk-as/assembly/base64";

export function handle_event(): i32 {
  const event = Event.fromInput();
  if (event.type == "fail") throw new Error("it is broken");
  const payload = new Record()
    .put("id", event.id)
    .put("stream", event.stream)
    .put("type", event.type)
    .put("timestamp", event.timestamp)
    .put("actor_kind", event.actor_kind)
    .put("actor_id", event.actor_id)
    .put("actor_name", event.actor_name)
    .put("payload", event.payload);
  emitEvent(event.stream, "mirrored", payload);
  return 0;
}

export function mirror(): i32 {
  const inv = Invocation.fromInput();
  const shown = new Record()
    .put("command", inv.command)
    .put("handler", inv.handler)
    .put("args", inv.args)
    .put("raw", inv.raw)
    .put("actor", inv.actor)
    .put("location", inv.location)
    .put("session", connection(inv.session))
    .put("timestamp", inv.timestamp);
  return new Response().say(JSON.stringify(shown)).send();
}

function connection(session: Session): Record {
  return new Record()
    .put("id", session.id)
    .put("connected_at", session.connected_at)
    .put("access", session.access)
    .put("width", session.width)
    .put("screen_reader", session.screen_reader);
}

export function speak(): i32 {
  const inv = Invocation.fromInput();
  const form = inv.args.text("form");
  if (form == "text") return new Response().say("one line").send();
  if (form == "lines") return new Response().say("one").say("two").send();
  if (form == "events") {
    const spoken = EmitEvent.of("location:" + inv.location.id, "spoken", new Record().put("n", 1));
    return new Response().say("done").emit(spoken).send();
  }
  if (form == "unhandled") return new Response().unhandled().send();
  if (form == "error") throw new Error("it went wrong");
  if (form == "fail") assert(form == "well", "it is broken");
  if (form == "deep") return deeper(1) > 0 ? 0 : 1;
  return 0;
}

function deeper(depth: i32): i32 {
  return deeper(depth + 1) + depth;
}

export function ask(): i32 {
  const inv = Invocation.fromInput();
  const error = HostError.catchNext();
  const answer = asked(inv.args.text("function"), JSON.parse<Record>(inv.args.text("with")));
  return new Response().say(error.refused ? `refused: ${error.code}: ${error.message}` : answer).send();
}

/** The answer of a function as JSON text. */
function asked(name: string, args: Record): string {
  const id = args.text("id");
  const key = args.text("key");
  const table = args.text("table");
  if (name == "emit_event") {
    emitEvent(args.text("stream"), args.text("type"), args.record("payload"));
    return "null";
  }
  if (name == "list_events") {
    const stream = args.text("stream");
    return JSON.stringify(args.has("limit") ? listEvents(stream, <i32>args.integer("limit")) : listEvents(stream));
  }
  if (name == "unlisten") return unlisten(args.text("stream"), args.text("character_id")).toString();
  if (name == "list_listeners") return JSON.stringify(listListeners(args.text("stream")));
  if (name == "cancel_timer") return cancelTimer(args.text("name")).toString();
  if (name == "query_location") return JSON.stringify(queryLocation(id));
  if (name == "query_exit") return JSON.stringify(queryExit(id));
  if (name == "query_object") return JSON.stringify(queryObject(id));
  if (name == "query_character") return JSON.stringify(queryCharacter(id));
  if (name == "find") {
    if (args.size == 1) return JSON.stringify(find(args.text("name")));
    if (!args.has("kinds")) return JSON.stringify(find(args.text("name"), args.text("near")));
    return JSON.stringify(find(args.text("name"), args.textOrNull("near"), args.read<string[]>("kinds")));
  }
  if (name == "create_location") {
    if (args.size == 1) return JSON.stringify(createLocation(args.text("name")));
    const newId = args.textOrNull("id");
    return JSON.stringify(createLocation(args.text("name"), args.text("description"), args.textOrNull("owner_id"), newId));
  }
  if (name == "create_exit") {
    const from = args.text("source_id");
    const to = args.text("destination_id");
    if (args.size == 3) return JSON.stringify(createExit(args.text("name"), from, to));
    const aliases = args.readOrEmpty<string[]>("aliases");
    return JSON.stringify(createExit(args.text("name"), from, to, aliases, args.text("lock"), args.textOrNull("id")));
  }
  if (name == "create_object") {
    const place = placeIn(args);
    if (args.size == 2) return JSON.stringify(createObject(args.text("name"), place));
    const owner = args.textOrNull("owner_id");
    const description = args.text("description");
    return JSON.stringify(createObject(args.text("name"), place, description, owner, args.text("lock"), args.textOrNull("id")));
  }
  if (name == "create_character") {
    if (!args.has("description")) return JSON.stringify(createCharacter(args.text("name"), args.text("location_id")));
    return JSON.stringify(createCharacter(args.text("name"), args.text("location_id"), args.text("description")));
  }
  if (name == "update_location") return JSON.stringify(updateLocation(id, args.record("changes")));
  if (name == "update_exit") return JSON.stringify(updateExit(id, args.record("changes")));
  if (name == "update_object") return JSON.stringify(updateObject(id, args.record("changes")));
  if (name == "update_character") return JSON.stringify(updateCharacter(id, args.record("changes")));
  if (name == "kv_get") return shown(kvGet(key));
  if (name == "kv_delete") return kvDelete(key).toString();
  if (name == "kv_list") return JSON.stringify(args.has("prefix") ? kvList(args.text("prefix")) : kvList());
  if (name == "set_attributes") return JSON.stringify(setAttributes(id, args.record("values")));
  if (name == "table_insert") return JSON.stringify(tableInsert(table, args.record("row")));
  if (name == "table_get") {
    const row = tableGet(table, args.get("key"));
    return row ? JSON.stringify(row) : "null";
  }
  if (name == "table_select") {
    if (args.size == 1) return JSON.stringify(tableSelect(table));
    const limit = args.has("limit") ? <i32>args.integer("limit") : 100;
    const order = args.readOrEmpty<string[]>("order");
    return JSON.stringify(tableSelect(table, args.record("where"), order, limit, <i32>args.integer("offset")));
  }
  if (name == "table_update") return JSON.stringify(tableUpdate(table, args.get("key"), args.record("changes")));
  if (name == "table_delete") return tableDelete(table, args.get("key")).toString();
  if (name == "http_get") return response(httpGet(args.text("url")));
  if (name == "http_post") return response(httpPost(args.text("url"), args.text("body")));
  if (name == "list_sessions") return JSON.stringify(listSessions().map<Record>((each) => inPlay(each)));
  const character = args.text("character_id");
  if (name == "list_commands") return JSON.stringify(listCommands(character));
  if (name == "list_topics") return JSON.stringify(args.has("words") ? listTopics(character, args.text("words")) : listTopics(character));
  if (name == "read_topic") return JSON.stringify(readTopic(character, args.text("plugin"), args.text("topic")));
  if (name == "query_account") return JSON.stringify(account(queryAccount(character)));
  if (name == "update_account") return JSON.stringify(account(updateAccount(character, args.record("changes"))));
  if (name == "add_character") return JSON.stringify(addCharacter(character, args.text("name")));
  if (name == "unban_address") return unbanAddress(args.text("address")).toString();
  if (name == "list_bans") return JSON.stringify(bans(listBans()));
  if (name == "list_plugins") return JSON.stringify(listPlugins().map<Record>((each) => plugin(each)));
  if (name == "export_world") return JSON.stringify(world(exportWorld(args.text("name"))));
  if (name == "import_world") return JSON.stringify(imported(importWorld(args.text("name"))));
  if (name == "server_stats") return JSON.stringify(serverStats());
  if (name == "config") return JSON.stringify(config(key));
  quietly(name, id, key, args);
  return "null";
}

// What these give is put together again from its properties, so that each of them is read.

function inPlay(session: Session): Record {
  const made = new Record()
    .put("character_id", session.character_id)
    .put("character_name", session.character_name)
    .put("access", session.access)
    .put("connected_at", session.connected_at)
    .put("idle_seconds", session.idle_seconds)
    .put("connections", session.connections);
  if (session.has("addresses")) made.put("addresses", session.addresses);
  return session.has("attributes") ? made.put("attributes", session.attributes) : made;
}

function account(given: Account): Record {
  const made = new Record()
    .put("name", given.name)
    .put("role", given.role)
    .put("created_at", given.created_at)
    .put("preferences", given.preferences)
    .put("ban", given.ban);
  const characters: Record[] = [];
  for (let i = 0; i < given.characters.length; i++) {
    const each = given.characters[i];
    characters.push(new Record().put("id", each.id).put("name", each.name).put("connected", each.connected));
  }
  made.put("characters", characters);
  return given.last_login_at ? made.put("last_login_at", given.last_login_at) : made.put<string | null>("last_login_at", null);
}

function bans(given: Bans): Record {
  const addresses: Record[] = [];
  const accounts: Record[] = [];
  for (let i = 0; i < given.addresses.length; i++) {
    const ban = given.addresses[i];
    addresses.push(new Record().put("address", ban.address).put("reason", ban.reason).put("created_at", ban.created_at));
  }
  for (let i = 0; i < given.accounts.length; i++) {
    const ban = given.accounts[i];
    accounts.push(new Record().put("name", ban.name).put("reason", ban.reason));
  }
  return new Record().put("addresses", addresses).put("accounts", accounts);
}

function plugin(given: Plugin): Record {
  return new Record()
    .put("name", given.name)
    .put("version", given.version)
    .put("description", given.description)
    .put("language", given.language)
    .put("enabled", given.enabled)
    .put("paused_seconds", given.paused_seconds)
    .put("calls", given.calls)
    .put("failures", given.failures)
    .put("p50_ms", given.p50_ms)
    .put("p95_ms", given.p95_ms)
    .put("memory_bytes", given.memory_bytes)
    .put("instances", given.instances)
    .put("needed_by", given.needed_by);
}

function world(given: WorldFile): Record {
  return new Record()
    .put("path", given.path)
    .put("locations", given.locations)
    .put("exits", given.exits)
    .put("objects", given.objects)
    .put("characters", given.characters);
}

function imported(given: WorldImport): Record {
  return world(given).put("created", given.created).put("updated", given.updated).put("warnings", given.warnings);
}

/** The functions that answer nothing. */
function quietly(name: string, id: string, key: string, args: Record): void {
  const reason = args.text("reason");
  if (name == "listen") listen(args.text("stream"), args.text("character_id"));
  else if (name == "set_timer") setTimer(args.text("name"), <i32>args.integer("seconds"), args.record("payload"));
  else if (name == "switch_character") switchCharacter(args.text("session_id"), args.text("character_id"));
  else if (name == "ban_address") banAddress(args.text("address"), reason);
  else if (name == "enable_plugin") enablePlugin(args.text("name"));
  else if (name == "disable_plugin") disablePlugin(args.text("name"));
  else if (name == "move_object") moveObject(id, placeIn(args));
  else if (name == "move_character") moveCharacter(id, args.text("location_id"));
  else if (name == "destroy_location") destroyLocation(id);
  else if (name == "destroy_exit") destroyExit(id);
  else if (name == "destroy_object") destroyObject(id);
  else if (name == "destroy_character") destroyCharacter(id);
  else if (name == "kv_set") keep(key, args);
  else if (name == "boot_session") bootSession(args.text("character_id"), reason);
  else if (name == "server_shutdown") serverShutdown(reason);
  else if (name == "log") {
    if (args.has("level")) log(args.text("message"), args.text("level"));
    else log(args.text("message"));
  } else throw new Error(`there is no function ${name}`);
}

function keep(key: string, args: Record): void {
  const value = args.text("value");
  if (args.get("value").toString().startsWith('"')) kvSet(key, value);
  else kvSetBytes(key, base64.decode(args.record("value").text("base64")));
}

function placeIn(args: Record): Place {
  const found: Place[] = [];
  if (args.has("location")) found.push(Place.location(args.text("location")));
  if (args.has("character")) found.push(Place.character(args.text("character")));
  if (args.has("container")) found.push(Place.container(args.text("container")));
  if (found.length != 1) throw new Error("exactly one of location, character and container");
  return found[0];
}

function shown(content: Content | null): string {
  if (!content) return "null";
  if (content.isText) return JSON.stringify(content.toString());
  return JSON.stringify(new Record().put("base64", base64.encode(content.bytes)));
}

function response(answer: HttpResponse): string {
  answer.set("body", new JSON.Raw(shown(answer.body)));
  return JSON.stringify(answer);
}
