/** What was sent before, for this tab. Owns the list, and the place in it while walking through it. */

const MAX_ENTRIES = 200;

/** The lines that were sent, newest last. */
export class History {
  #memory;
  #entries;
  #at; // index of what is shown; the length while nothing is
  #draft = "";

  /** @param {import("./memory.js").Memory} memory */
  constructor(memory) {
    this.#memory = memory;
    const kept = memory.get("history");
    this.#entries = Array.isArray(kept) ? kept.filter((entry) => typeof entry === "string").slice(-MAX_ENTRIES) : [];
    this.#at = this.#entries.length;
  }

  /** @param {string} text what was sent; the same again, and nothing, are not kept */
  add(text) {
    if (text.trim() && text !== this.#entries.at(-1)) this.#entries.push(text);
    this.#entries = this.#entries.slice(-MAX_ENTRIES);
    this.#memory.set("history", this.#entries);
    this.rewind();
  }

  /** Back to the new end, where one types. */
  rewind() {
    this.#at = this.#entries.length;
  }

  /**
   * One step towards older (-1) or newer (1) entries. What was being typed waits at the new end.
   * @param {-1|1} direction
   * @param {string} current what is in the input
   * @returns {string|null} what to show; null at either end
   */
  step(direction, current) {
    const next = this.#at + direction;
    if (next < 0 || next > this.#entries.length) return null;
    if (this.#at === this.#entries.length) this.#draft = current;
    this.#at = next;
    return this.#entries[next] ?? this.#draft;
  }

  /** @returns {string|null} the entry that is shown, null if none is */
  get shown() {
    return this.#entries[this.#at] ?? null;
  }
}
