/**
 * The scrollback. Owns the log element: each message is one child, appended once; the oldest go when there are too many lines;
 * it stays at the bottom unless the reader has scrolled up. Knows no protocol.
 *
 * For screen readers the log is a live region. Replays, echoes and what is put back after a reload are inside elements with
 * aria-live="off", so that only what happens now is read aloud.
 */

import { render } from "./text.js";

const MAX_LINES = 5000;
const MAX_KEPT = 300; // messages that outlive a reload
const MAX_KEPT_CHARACTERS = 200_000;

/** @typedef {{text: string, spans?: [string, object][], kind?: "echo"|"divider"}} Entry */

/** The log and the button that leads back to its end. */
export class Output {
  #log;
  #newer;
  #shown = []; // {node, lines}, oldest first
  #lines = 0;
  #waiting = []; // {node, parent, lines}: appended with the next frame
  #kept = []; // entries, for the next page
  #scheduled = false;
  #atBottom = true;
  #unseen = 0;
  #quiet = null; // the element of a replay that is going on

  /**
   * @param {HTMLElement} log
   * @param {HTMLButtonElement} newer
   */
  constructor(log, newer) {
    this.#log = log;
    this.#newer = newer;
    log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    newer.addEventListener("click", () => {
      this.toBottom();
      log.focus({ preventScroll: true });
    });
    new ResizeObserver(() => this.settle()).observe(log);
    // A hidden page gets no frames: what waits is shown at once, so that it does not pile up.
    document.addEventListener("visibilitychange", () => this.#flush());
  }

  /** @param {Entry} entry one message; its lines are parted by \n */
  add(entry) {
    const node = document.createElement("div");
    node.className = `message ${entry.kind ?? ""}`.trim();
    if (entry.kind === "echo") node.setAttribute("aria-live", "off");
    node.append(render(entry.text, entry.spans));
    if (!entry.text) node.append(document.createElement("br")); // an empty line has a height, and is copied
    this.#waiting.push({ node, parent: this.#quiet ?? this.#log, lines: entry.text.split("\n").length });
    if (this.#waiting.length > MAX_LINES) this.#waiting.shift();
    this.#kept.push(entry);
    if (this.#kept.length > 2 * MAX_KEPT) this.#kept = this.#kept.slice(-MAX_KEPT);
    this.#schedule();
  }

  /** What comes until `endQuiet` is shown, but not read aloud. */
  beginQuiet() {
    this.#quiet = document.createElement("div");
    this.#quiet.setAttribute("aria-live", "off");
    this.#waiting.push({ node: this.#quiet, parent: this.#log, lines: 0 });
  }

  /** What comes from now on is read aloud again. */
  endQuiet() {
    this.#quiet = null;
  }

  /** Forgets everything. */
  clear() {
    this.#shown = [];
    this.#waiting = [];
    this.#kept = [];
    this.#lines = 0;
    this.#log.replaceChildren();
    if (this.#quiet) this.beginQuiet();
    this.#seen();
  }

  /** Goes to the newest line. */
  toBottom() {
    this.#atBottom = true;
    this.settle();
    this.#seen();
  }

  /** The layout has changed: whoever was at the bottom still is. */
  settle() {
    if (this.#atBottom) this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** @param {-1|1} direction one screen up or down */
  page(direction) {
    this.#log.scrollBy({ top: direction * this.#log.clientHeight * 0.9, behavior: "instant" });
  }

  /** @param {boolean} on whether new lines are read aloud */
  set announcing(on) {
    this.#log.setAttribute("aria-live", on ? "polite" : "off");
  }

  /** @returns {Entry[]} the newest entries, for `restore` on the next page */
  get kept() {
    let room = MAX_KEPT_CHARACTERS;
    const newest = this.#kept.slice(-MAX_KEPT).reverse();
    return newest.filter((entry) => (room -= entry.text.length) > 0).reverse();
  }

  /** @param {unknown} entries what `kept` was on the page before */
  restore(entries) {
    if (!Array.isArray(entries)) return;
    this.beginQuiet();
    for (const entry of entries) this.add(entry);
    this.endQuiet();
  }

  /** @returns {{columns: number, rows: number}} how many characters fit */
  measure() {
    const style = getComputedStyle(this.#log);
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = style.font;
    const width = this.#log.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight);
    const height = this.#log.clientHeight;
    return {
      columns: Math.max(1, Math.floor(width / pen.measureText("0").width)),
      rows: Math.max(1, Math.floor(height / Number.parseFloat(style.lineHeight))),
    };
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (document.hidden) setTimeout(() => this.#flush(), 200);
    else requestAnimationFrame(() => this.#flush());
  }

  #flush() {
    this.#scheduled = false;
    const batch = this.#waiting;
    if (!batch.length) return;
    this.#waiting = [];
    for (const item of batch) {
      item.parent.append(item.node);
      if (!item.lines) continue; // only the frame of a replay
      this.#shown.push(item);
      this.#lines += item.lines;
      if (!this.#atBottom) this.#unseen += item.lines;
    }
    this.#trim();
    this.settle();
    this.#showNewer();
  }

  /** Removes the oldest lines; a reader who has scrolled up goes on reading at the same place. */
  #trim() {
    if (this.#lines <= MAX_LINES) return;
    const before = this.#log.scrollHeight;
    let gone = 0;
    while (this.#lines > MAX_LINES && gone < this.#shown.length - 1) {
      const { node, parent, lines } = this.#shown[gone++];
      node.remove();
      if (parent !== this.#log && parent !== this.#quiet && !parent.hasChildNodes()) parent.remove();
      this.#lines -= lines;
    }
    this.#shown.splice(0, gone);
    if (!this.#atBottom) this.#log.scrollTop -= before - this.#log.scrollHeight;
  }

  #scrolled() {
    this.#atBottom = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 8;
    if (this.#atBottom) this.#seen();
  }

  #seen() {
    this.#unseen = 0;
    this.#showNewer();
  }

  #showNewer() {
    this.#newer.hidden = this.#unseen === 0;
    this.#newer.textContent = this.#unseen === 1 ? "1 new line" : `${this.#unseen} new lines`;
  }
}
