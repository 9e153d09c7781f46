/**
 * What AssemblyScript itself calls, and would otherwise import from a browser: for a failure, for output and for randomness.
 * `options.json` puts these functions in place.
 */

import { error_set, input_length, input_load_u8 } from "@extism/as-pdk/lib/env";
import { give, write } from "./host";

let atFile: string = "";
let atLine: i32 = 0;
let atColumn: i32 = 0;
let failing: bool = false;

/** Notes where the author's code is; `transform.mjs` puts a call before each of the author's statements. */
// @ts-ignore: decorator
@global @inline
function __holomush_at(file: string, line: i32, column: i32): void {
  atFile = file;
  atLine = line;
  atColumn = column;
}

/** For a `throw` and for failed checks: tells the server why and where, and ends the call. */
export function abort(message: string | null = null, file: string | null = null, line: u32 = 0, column: u32 = 0): void {
  if (failing) unreachable(); // it failed again while it was telling
  failing = true;
  let text = message ? message : "aborted";
  let place = `${file ? file : "?"}:${line}:${column}`;
  if (place.startsWith("~lib/") && atLine) {
    // In a library: the author wants to know which of their own lines asked for it.
    if (!place.startsWith("~lib/holomush-pdk-as/")) text += ` (${place})`;
    place = `${atFile}:${atLine}:${atColumn}`;
  }
  error_set(give(`${place}: ${text}`));
  unreachable();
}

/** What `Math.random` begins with. Each input has an id or a time that no other has. */
export function seed(): f64 {
  let hash: u64 = 0xcbf29ce484222325;
  for (let i: u64 = 0, length = input_length(); i < length; i++) hash = (hash ^ input_load_u8(i)) * 0x100000001b3;
  return reinterpret<f64>(hash);
}

/** Writes to the server's log. */
export namespace console {
  export function debug(message: string = ""): void { write("debug", message); }
  export function log(message: string = ""): void { write("info", message); }
  export function info(message: string = ""): void { write("info", message); }
  export function warn(message: string = ""): void { write("warn", message); }
  export function error(message: string = ""): void { write("error", message); }
}

/** Writes a message and numbers to the server's log. */
export function trace(message: string, n: i32 = 0, a0: f64 = 0, a1: f64 = 0, a2: f64 = 0, a3: f64 = 0, a4: f64 = 0): void {
  const numbers = [a0, a1, a2, a3, a4].slice(0, n);
  write("debug", numbers.length ? message + " " + numbers.join(" ") : message);
}
