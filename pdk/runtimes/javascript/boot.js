/* The JavaScript half of the runtime: which files can be imported, what console writes, how answers and errors read.
 *
 * shim.c calls what this function returns, and gives it the native functions. It runs once, at build time, and is part of
 * the snapshot. A plugin shares its intrinsics with this file; one that breaks them only breaks itself.
 */
(function (native) {
  "use strict";

  const MAX_LINE = 4096; // bytes of one line in the log
  const MAX_ERROR = 32 * 1024; // characters of one error's text
  const MAX_MESSAGE = 8 * 1024; // characters of one message in it
  const MAX_ERRORS = 20; // causes and parts of one error that are shown
  const MAX_WARNINGS = 10; // rejections that one call logs
  const MAX_OBJECTS = 500; // that one value is shown with
  const PDK = "holomush-pdk";

  // The server takes hm_load's answer at its word, so a plugin that replaces parts of the language must have no part in it.
  const { stringify } = JSON;
  const { keys } = Object;
  const sourceOf = Function.prototype.call.bind(Function.prototype.toString);
  const match = Function.prototype.call.bind(RegExp.prototype.exec);

  // ---- What a plugin does not have ---------------------------------------------------------------------------------

  const WAITING = "it is called, answers and is done; for what comes later there is setTimer of holomush-pdk";
  const NETWORK = "it has no network of its own, only httpGet and httpPost of holomush-pdk";
  const MODULES = 'it is an ES module: import what it needs with import { ... } from "holomush-pdk" or from its own files';
  const ABSENT = new Map([
    ["setTimeout", WAITING],
    ["setInterval", WAITING],
    ["setImmediate", WAITING],
    ["clearTimeout", WAITING],
    ["clearInterval", WAITING],
    ["fetch", NETWORK],
    ["XMLHttpRequest", NETWORK],
    ["WebSocket", NETWORK],
    ["EventSource", NETWORK],
    ["require", MODULES],
    ["module", MODULES],
    ["exports", MODULES],
    ["process", "it runs alone in its sandbox; settings come from config of holomush-pdk, and what it prints from console.log"],
    ["Deno", "it runs alone in its sandbox"],
    ["Worker", "it does one thing for each call and answers"],
    ["localStorage", "what it wants to keep goes to kvSet of holomush-pdk"],
    ["sessionStorage", "what it wants to keep goes to kvSet of holomush-pdk"],
    ["window", "there is no browser; globalThis is the global object"],
    ["document", "there is no browser; what it has to say is what its function returns, or an event"],
    ["alert", "there is no browser; what it has to say is what its function returns, or an event"],
    ["Buffer", "bytes are a Uint8Array, and text becomes bytes with TextEncoder"],
  ]);

  // ---- The plugin's files ------------------------------------------------------------------------------------------

  const files = new Map(); // "lib/util.js" -> its source

  /** Takes what hm_load got. A module that holds its plugin itself imports only the functions that the manifest asks for. */
  function begin({ modules, functions }) {
    for (const [name, source] of Object.entries(modules)) files.set(`${name}.js`, source);
    if (functions === undefined) return;
    for (const name of Object.keys(native)) {
      if (!name.startsWith("holomush_") || functions.includes(name)) continue;
      native[name] = name === "holomush_log" ? native.log : refuser(name);
    }
  }

  function refuser(name) {
    const message = `this module was built without ${name}: add its capability to capabilities in plugin.yaml and build it again`;
    return () => ({ ok: false, error: { code: "capability_denied", message } });
  }

  /** The name of the module that `specifier` means in the file `base`. */
  function resolve(base, specifier) {
    if (specifier === PDK) return PDK;
    const name = path(base, specifier);
    if (files.has(name)) return name;
    if (files.has(`${name}.js`)) return `${name}.js`;
    const own = [...files.keys()].map((file) => `"./${file}"`).join(", ");
    const reason = `cannot import "${specifier}": a plugin can import "${PDK}" and its own files, which are ${own}`;
    throw at(new ReferenceError(reason), base, new RegExp(`["'\`]${RegExp.escape(specifier)}["'\`]`));
  }

  function path(base, specifier) {
    if (!/^\.\.?\//.test(specifier)) return undefined;
    const parts = base.split("/").slice(0, -1);
    for (const part of specifier.split("/")) {
      if (part === "..") {
        if (parts.length === 0) return undefined;
        parts.pop();
      } else if (part !== "." && part !== "") {
        parts.push(part);
      }
    }
    return parts.join("/");
  }

  /** Says in an error's stack where in a file something stands, if it does. */
  function at(error, file, pattern) {
    const source = files.get(file) ?? "";
    const found = source.search(pattern);
    if (found >= 0) {
      const lines = source.slice(0, found).split("\n");
      error.stack = `    at ${file}:${lines.length}:${lines.at(-1).length + 1}\n`;
    }
    return error;
  }

  function functions(plugin) {
    const names = keys(plugin);
    let list = "";
    for (let index = 0; index < names.length; index++) {
      const value = plugin[names[index]];
      if (typeof value !== "function" || isClass(value)) continue;
      list += `${list && ","}${stringify(names[index])}`;
    }
    return `{"functions":[${list}]}`;
  }

  const isClass = (value) => match(/^class\b/, sourceOf(value)) !== null;

  // ---- Answers -----------------------------------------------------------------------------------------------------

  const FORMS = "a handler returns nothing, a string, a list of strings or an object {output, events, handled}";

  /** The JSON text of what a handler has returned, when that is not nothing. */
  function answer(name, result) {
    const isList = Array.isArray(result);
    let value = result;
    if (typeof result === "string" || (isList && result.every((line) => typeof line === "string"))) value = { output: result };
    else if (isList) throw new TypeError(`${name} returned a list with something other than strings in it; ${FORMS}`);
    else if (Object.prototype.toString.call(result) !== "[object Object]" || typeof result !== "object")
      throw new TypeError(`${name} returned ${inspect(result, 1)}; ${FORMS}`);
    try {
      return JSON.stringify(value) ?? missing(name);
    } catch (error) {
      if (isOutOfMemory(error)) throw error;
      throw new TypeError(`what ${name} returned cannot be sent as JSON: ${messageOf(error)}`);
    }
  }

  function missing(name) {
    throw new TypeError(`${name} returned an object whose toJSON gives nothing; ${FORMS}`);
  }

  // ---- Errors ------------------------------------------------------------------------------------------------------

  const isOutOfMemory = (error) => error instanceof InternalError && error.message === "out of memory";

  function messageOf(error) {
    try {
      const text = String(error);
      const absent = error instanceof ReferenceError && ABSENT.get(/^(\w+) is not defined$/.exec(error.message)?.[1]);
      if (absent) return `ReferenceError: ${error.message.split(" ")[0]} does not exist in a plugin: ${absent}`;
      if (text.length <= MAX_MESSAGE) return text;
      return `${text.slice(0, MAX_MESSAGE)} [... ${text.length - MAX_MESSAGE} characters left out]`;
    } catch {
      return "an error that cannot be shown as text";
    }
  }

  /** What a property of a plugin's object has; undefined if that cannot be had. */
  function read(object, name) {
    try {
      return object[name];
    } catch {
      return undefined;
    }
  }

  /** The lines of a stack that are in the plugin's own files. */
  function frames(error) {
    let stack;
    try {
      stack = String(error.stack ?? "").slice(0, MAX_ERROR);
    } catch {
      return [];
    }
    const own = stack.split("\n").filter((line) => files.has(/^ +at (?:.* \()?(.+?):\d+:\d+\)?$/.exec(line)?.[1]));
    if (own.length === 0 && error instanceof SyntaxError) return missingExport(error);
    return own;
  }

  /** The engine does not say where an import stands whose name the other module lacks. */
  function missingExport(error) {
    const [, name, module] = /^Could not find export '(.*)' in module '(.*)'$/.exec(error.message) ?? [];
    if (name === undefined) return [];
    const pattern = new RegExp(`(?<=\\b(?:import|export)\\b[^;'"]*)(?<![\\w$])${RegExp.escape(name)}(?![\\w$])(?=[^;'"]*["'])`);
    for (const file of files.keys()) {
      if (file === module) continue;
      const { stack } = at({}, file, pattern);
      if (stack !== undefined) return [stack.trimEnd()];
    }
    return [];
  }

  /** An error as its author should read it: where it was, innermost call first, then what it was. */
  function describe(error, ranOut) {
    const isMemory = isOutOfMemory(error) || (ranOut && error === null); // null: there was no room for an error either
    const all = (isMemory ? [...(error ? frames(error) : []), "MemoryError"] : lines(error, [])).join("\n");
    const text = all.replaceAll("\0", "\\0"); // which would end it, for the host
    if (text.length <= MAX_ERROR) return text;
    const half = MAX_ERROR / 2;
    return `${text.slice(0, half)}\n[... ${text.length - MAX_ERROR} characters left out ...]\n${text.slice(-half)}`;
  }

  function lines(error, seen) {
    if (seen.includes(error)) return [];
    seen.push(error);
    if (!(error instanceof Error)) return [`Uncaught ${inspect(error, 2)} (throw an Error instead: it knows its line)`];
    const cause = read(error, "cause");
    const causes = cause === undefined ? [] : others([cause], seen);
    const before = causes.length === 0 ? [] : [...causes, "which caused:"];
    const parts = error instanceof AggregateError ? others(read(error, "errors"), seen) : [];
    return [...before, ...parts, ...frames(error), messageOf(error)];
  }

  function others(errors, seen) {
    if (!Array.isArray(errors)) return [];
    const room = MAX_ERRORS - seen.length;
    const shown = errors.slice(0, room).flatMap((error) => lines(error, seen));
    return errors.length > room ? [...shown, `[... ${errors.length - room} more left out ...]`] : shown;
  }

  // Rejected promises that nobody has looked at yet.
  const rejected = new Map();

  function track(promise, reason, isHandled) {
    if (isHandled) rejected.delete(promise);
    else rejected.set(promise, reason);
  }

  /** When a call is over: whoever has not looked at a rejection by now never will. `answered` is the call's own promise. */
  function warnOfRejections(answered) {
    rejected.delete(answered);
    for (const reason of [...rejected.values()].slice(0, MAX_WARNINGS))
      write("warn", `unhandled rejection of a promise:\n${describe(reason)}`);
    if (rejected.size > MAX_WARNINGS) write("warn", `unhandled rejections of ${rejected.size - MAX_WARNINGS} more promises`);
    rejected.clear();
  }

  // ---- console -----------------------------------------------------------------------------------------------------

  function write(level, text) {
    for (const line of text.split("\n")) native.holomush_log(level, line.length * 3 > MAX_LINE ? cut(line) : line);
  }

  function cut(line) {
    const start = line.slice(0, MAX_LINE);
    const bytes = native.encode(start);
    return bytes.length > MAX_LINE ? native.decode(bytes.subarray(0, MAX_LINE)).replace(/\ufffd{1,3}$/, "") : start;
  }

  const show = (value) => (typeof value === "string" ? value : inspect(value, 4));
  const writer = (level) => (...values) => write(level, values.map(show).join(" "));

  let objectsLeft = 0;

  /** A value as text that a person can read; `depth` says how many objects deep. */
  function inspect(value, depth, path = []) {
    if (path.length === 0) objectsLeft = MAX_OBJECTS;
    try {
      return typeof value === "object" && value !== null ? inspectObject(value, depth, path) : inspectPlain(value);
    } catch (error) {
      if (isOutOfMemory(error)) throw error;
      return `[cannot be shown: ${messageOf(error)}]`;
    }
  }

  function inspectPlain(value) {
    if (typeof value === "string") return JSON.stringify(value.length > MAX_MESSAGE ? `${value.slice(0, MAX_MESSAGE)}...` : value);
    if (typeof value === "bigint") return `${value}n`;
    if (Object.is(value, -0)) return "-0";
    if (typeof value !== "function") return String(value);
    return `[${isClass(value) ? "class" : "function"} ${value.name || "without a name"}]`;
  }

  function inspectObject(value, depth, path) {
    if (path.includes(value)) return "[circular]";
    if (value instanceof Error) return lines(value, []).join("\n");
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    if (value instanceof RegExp) return String(value);
    if (value instanceof Promise) return "[promise]";
    const kind = value.constructor?.name || Object.prototype.toString.call(value).slice(8, -1);
    if (depth === 0 || objectsLeft === 0) return Array.isArray(value) ? "[...]" : "{...}";
    objectsLeft -= 1;
    const inner = (item) => inspect(item, depth - 1, [...path, value]);
    const some = (items, toText) => {
      const texts = items.slice(0, 100).map(toText);
      return items.length > 100 ? [...texts, `... ${items.length - 100} more`] : texts;
    };
    const block = (open, texts, close) => (texts.length === 0 ? open + close : `${open} ${texts.join(", ")} ${close}`);
    if (Array.isArray(value)) return `[${some(value, inner).join(", ")}]`;
    if (ArrayBuffer.isView(value) && !(value instanceof DataView))
      return `${kind}(${value.length}) [${some([...value], inner).join(", ")}]`;
    if (value instanceof Map)
      return block(`Map(${value.size}) {`, some([...value], ([key, item]) => `${inner(key)} => ${inner(item)}`), "}");
    if (value instanceof Set) return block(`Set(${value.size}) {`, some([...value], inner), "}");
    const member = ([key, { get, set, value: item }]) => {
      const name = /^[\w$]+$/.test(key) ? key : JSON.stringify(key);
      return `${name}: ${get || set ? "[getter]" : inner(item)}`;
    };
    const members = Object.entries(Object.getOwnPropertyDescriptors(value)).filter(([, { enumerable }]) => enumerable);
    return block(kind === "Object" ? "{" : `${kind} {`, some(members, member), "}");
  }

  // ---- What plugins expect beside the language itself --------------------------------------------------------------

  class TextEncoder {
    get encoding() {
      return "utf-8";
    }

    encode(text = "") {
      return native.encode(String(text));
    }
  }

  class TextDecoder {
    #fatal;
    #ignoreBOM;

    constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
      if (!/^\s*utf-?8\s*$/i.test(label)) throw new RangeError(`TextDecoder knows utf-8 only, not ${label}`);
      this.#fatal = fatal;
      this.#ignoreBOM = ignoreBOM;
    }

    get encoding() {
      return "utf-8";
    }

    decode(data = new Uint8Array()) {
      const bytes = ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
      const text = native.decode(bytes);
      if (this.#fatal && !same(native.encode(text), bytes)) throw new TypeError("the data is not valid UTF-8");
      return !this.#ignoreBOM && text.startsWith("\ufeff") ? text.slice(1) : text;
    }
  }

  const ERRORS = [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];

  const same = (one, other) => one.length === other.length && one.every((byte, index) => byte === other[index]);

  function structuredClone(value, seen = new Map()) {
    const kind = typeof value;
    if (kind === "function" || kind === "symbol") throw new TypeError(`structuredClone cannot copy a ${kind}`);
    if (kind !== "object" || value === null) return value;
    if (seen.has(value)) return seen.get(value);
    const kept = (copy) => (seen.set(value, copy), copy);
    const inner = (item) => structuredClone(item, seen);
    if (value instanceof Date) return kept(new Date(value));
    if (value instanceof RegExp) return kept(new RegExp(value));
    if (value instanceof ArrayBuffer) return kept(value.slice());
    if (value instanceof DataView) return kept(new DataView(inner(value.buffer), value.byteOffset, value.byteLength));
    if (ArrayBuffer.isView(value)) return kept(new value.constructor(inner(value.buffer), value.byteOffset, value.length));
    if (value instanceof Map) {
      const copy = kept(new Map());
      for (const [key, item] of value) copy.set(inner(key), inner(item));
      return copy;
    }
    if (value instanceof Set) {
      const copy = kept(new Set());
      for (const item of value) copy.add(inner(item));
      return copy;
    }
    if (value instanceof Error) {
      const copy = kept(new (ERRORS.find((kind) => kind.name === value.name) ?? Error)(value.message));
      copy.stack = value.stack;
      return copy;
    }
    if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef)
      throw new TypeError(`structuredClone cannot copy a ${value.constructor.name}`);
    const copy = kept(Array.isArray(value) ? new Array(value.length) : {});
    for (const key of Object.keys(value)) copy[key] = inner(value[key]);
    return copy;
  }

  const console = {
    log: writer("info"),
    info: writer("info"),
    debug: writer("debug"),
    warn: writer("warn"),
    error: writer("error"),
  };
  const define = (object, name, value) => Object.defineProperty(object, name, { value, writable: true, configurable: true });
  const offered = { console, TextEncoder, TextDecoder, structuredClone: (value) => structuredClone(value) };
  for (const [name, value] of Object.entries(offered)) define(globalThis, name, value);
  define(globalThis, Symbol.for("holomush"), native); // what index.js of the PDK calls
  define(Math, "random", native.random); // the engine's own is seeded once, at build time
  Error.stackTraceLimit = 20;

  return { begin, resolve, source: (name) => files.get(name), functions, answer, describe, track, warnOfRejections };
});
