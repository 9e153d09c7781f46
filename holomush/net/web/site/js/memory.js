/**
 * What the browser keeps for us: values as JSON in localStorage or sessionStorage. Owns what happens when it keeps nothing
 * (private windows, full storage): everything still works, for as long as the page is open.
 */

/** Values under one prefix in one of the browser's storages. */
export class Memory {
  #storage;
  #prefix;

  /**
   * @param {"localStorage"|"sessionStorage"} kind for this browser, or for this tab alone
   * @param {string} prefix begins every key
   */
  constructor(kind, prefix) {
    this.#prefix = prefix;
    try {
      this.#storage = window[kind];
    } catch {
      this.#storage = null; // forbidden by the browser's settings
    }
  }

  /**
   * @param {string} key
   * @returns {unknown} what was kept, or null
   */
  get(key) {
    try {
      return JSON.parse(this.#storage?.getItem(this.#prefix + key) ?? "null");
    } catch {
      return null; // not ours, or broken
    }
  }

  /**
   * @param {string} key
   * @param {unknown} value null forgets it
   */
  set(key, value) {
    try {
      if (value === null) this.#storage?.removeItem(this.#prefix + key);
      else this.#storage?.setItem(this.#prefix + key, JSON.stringify(value));
    } catch {
      // Full: it is gone with the page, as in a browser that keeps nothing.
    }
  }
}
