// Calls every function of the server, in the way that is natural in this language. The cases are in tests/conformance.
import * as pdk from "holomush-pdk";

const base64 = (bytes) => ({ base64: btoa(String.fromCharCode(...bytes)) });
const bytes = (value) => (typeof value === "string" ? value : Uint8Array.from(atob(value.base64), (char) => char.charCodeAt(0)));
const plain = (value) => (value instanceof Uint8Array ? base64(value) : value);
const response = (answer) => ({ ...answer, body: plain(answer.body) });

const FUNCTIONS = {
  emit_event: (event) => pdk.emitEvent(event),
  list_events: ({ stream, limit }) => pdk.listEvents(stream, limit),
  listen: ({ stream, character_id }) => pdk.listen(stream, character_id),
  unlisten: ({ stream, character_id }) => pdk.unlisten(stream, character_id),
  list_listeners: ({ stream }) => pdk.listListeners(stream),
  set_timer: ({ name, seconds, payload }) => pdk.setTimer(name, seconds, payload),
  cancel_timer: ({ name }) => pdk.cancelTimer(name),
  query_location: ({ id }) => pdk.queryLocation(id),
  query_exit: ({ id }) => pdk.queryExit(id),
  query_object: ({ id }) => pdk.queryObject(id),
  query_character: ({ id }) => pdk.queryCharacter(id),
  find: ({ name, ...options }) => pdk.find(name, options),
  create_location: ({ name, ...options }) => pdk.createLocation(name, options),
  create_exit: ({ name, ...options }) => pdk.createExit(name, options),
  create_object: ({ name, ...options }) => pdk.createObject(name, options),
  create_character: ({ name, ...options }) => pdk.createCharacter(name, options),
  update_location: ({ id, changes }) => pdk.updateLocation(id, changes),
  update_exit: ({ id, changes }) => pdk.updateExit(id, changes),
  update_object: ({ id, changes }) => pdk.updateObject(id, changes),
  update_character: ({ id, changes }) => pdk.updateCharacter(id, changes),
  move_object: ({ id, ...place }) => pdk.moveObject(id, place),
  move_character: ({ id, location_id }) => pdk.moveCharacter(id, location_id),
  destroy_location: ({ id }) => pdk.destroyLocation(id),
  destroy_exit: ({ id }) => pdk.destroyExit(id),
  destroy_object: ({ id }) => pdk.destroyObject(id),
  destroy_character: ({ id }) => pdk.destroyCharacter(id),
  kv_get: ({ key }) => plain(pdk.kvGet(key)),
  kv_set: ({ key, value }) => pdk.kvSet(key, bytes(value)),
  kv_delete: ({ key }) => pdk.kvDelete(key),
  kv_list: ({ prefix }) => pdk.kvList(prefix),
  set_attributes: ({ id, values }) => pdk.setAttributes(id, values),
  table_insert: ({ table, row }) => pdk.tableInsert(table, row),
  table_get: ({ table, key }) => pdk.tableGet(table, key),
  table_select: ({ table, ...query }) => pdk.tableSelect(table, query),
  table_update: ({ table, key, changes }) => pdk.tableUpdate(table, key, changes),
  table_delete: ({ table, key }) => pdk.tableDelete(table, key),
  http_get: ({ url }) => response(pdk.httpGet(url)),
  http_post: ({ url, body }) => response(pdk.httpPost(url, body)),
  list_sessions: () => pdk.listSessions(),
  boot_session: ({ character_id, reason }) => pdk.bootSession(character_id, reason),
  switch_character: ({ session_id, character_id }) => pdk.switchCharacter(session_id, character_id),
  query_account: ({ character_id }) => pdk.queryAccount(character_id),
  update_account: ({ character_id, changes }) => pdk.updateAccount(character_id, changes),
  add_character: ({ character_id, name }) => pdk.addCharacter(character_id, name),
  ban_address: ({ address, reason }) => pdk.banAddress(address, reason),
  unban_address: ({ address }) => pdk.unbanAddress(address),
  list_bans: () => pdk.listBans(),
  list_commands: ({ character_id }) => pdk.listCommands(character_id),
  list_topics: ({ character_id, words }) => pdk.listTopics(character_id, words),
  read_topic: ({ character_id, plugin, topic }) => pdk.readTopic(character_id, plugin, topic),
  server_stats: () => pdk.serverStats(),
  server_shutdown: ({ reason }) => pdk.serverShutdown(reason),
  list_plugins: () => pdk.listPlugins(),
  enable_plugin: ({ name }) => pdk.enablePlugin(name),
  disable_plugin: ({ name }) => pdk.disablePlugin(name),
  export_world: ({ name }) => pdk.exportWorld(name),
  import_world: ({ name }) => pdk.importWorld(name),
  log: ({ message, level }) => pdk.log(message, level),
  config: ({ key }) => pdk.config(key),
};

export function ask(inv) {
  try {
    const result = FUNCTIONS[inv.args.function](JSON.parse(inv.args.with));
    return JSON.stringify(result ?? null);
  } catch (error) {
    if (error instanceof pdk.HostError) return `refused: ${error.code}: ${error.message}`;
    throw error;
  }
}

export function mirror({ command, handler, args, raw, actor, location, session, timestamp }) {
  return JSON.stringify({ command, handler, args, raw, actor, location, session, timestamp });
}

export function handle_event(event) {
  if (event.type === "fail") throw new Error("it is broken");
  const { id, stream, type, timestamp, actor_kind, actor_id, actor_name, payload } = event;
  pdk.emitEvent({
    stream,
    type: "mirrored",
    payload: { id, stream, type, timestamp, actor_kind, actor_id, actor_name, payload },
  });
}

const deep = () => deep() + 1;

const FORMS = {
  text: () => "one line",
  lines: () => ["one", "two"],
  nothing: () => undefined,
  events: (inv) => ({ output: "done", events: [{ stream: `location:${inv.location.id}`, type: "spoken", payload: { n: 1 } }] }),
  unhandled: () => ({ handled: false }),
  error: async () => {
    throw new Error("it went wrong");
  },
  fail: () => {
    throw new Error("it is broken");
  },
  deep,
};

export const speak = (inv) => FORMS[inv.args.form](inv);
