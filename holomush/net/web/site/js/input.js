/**
 * The line that one types. Owns the textarea, the password field that stands in for it, and the keys: sending, history,
 * completion, paging the log. Knows no protocol.
 */

import { Completer } from "./completion.js";
import { History } from "./history.js";

const MAX_ROWS = 8;
const MAX_BYTES = 8192; // of one line, as the game takes them

/**
 * @typedef {object} InputCallbacks
 * @property {(lines: string[], secret: boolean) => boolean} onSend false if it could not be sent; it stays in the field then
 * @property {(text: string) => boolean} isSecret whether a text is not to be kept
 * @property {(text: string) => void} onNotice something to tell the player
 * @property {(text: string) => void} onCompletion what Tab has put in
 * @property {(direction: -1|1) => void} onPage
 * @property {() => void} onClear
 */

/** The input line. */
export class Input {
  /** Knows the names that can be completed. */
  completer = new Completer();
  #form;
  #line;
  #secret;
  #secretLabel;
  #history;
  #callbacks;
  #breaking = false; // Shift and Enter: a new line is wanted
  #leaving = false; // Escape was pressed: Tab moves the focus

  /**
   * @param {HTMLFormElement} form
   * @param {import("./memory.js").Memory} memory of this tab
   * @param {InputCallbacks} callbacks
   */
  constructor(form, memory, callbacks) {
    this.#form = form;
    this.#line = form.querySelector("#line");
    this.#secret = form.querySelector("#secret");
    this.#secretLabel = form.querySelector("#secret-label");
    this.#history = new History(memory);
    this.#callbacks = callbacks;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    // On a phone a tap on the button must not close the keyboard.
    form.querySelector("#send").addEventListener("pointerdown", (event) => event.preventDefault());
    this.#line.addEventListener("keydown", (event) => this.#key(event));
    // Keyboards on a screen may say nothing of the Enter key but that it breaks the line.
    this.#line.addEventListener("beforeinput", (event) => {
      if (event.inputType !== "insertLineBreak" || this.#breaking) return;
      event.preventDefault();
      this.#send();
    });
    this.#line.addEventListener("input", () => this.#edited());
    new ResizeObserver(() => this.#grow()).observe(form);
  }

  /** Puts the caret into the input. */
  focus() {
    (this.#secret.hidden ? this.#line : this.#secret).focus();
  }

  /** @returns {boolean} whether somebody is in the middle of a line */
  get isTyping() {
    return document.activeElement === this.#line && this.#line.value !== "";
  }

  /** @param {string} text shown in the field while it is empty */
  set hint(text) {
    this.#line.placeholder = text;
  }

  /** @param {string} text put in at the caret, with spaces around where they are needed */
  insert(text) {
    const line = this.#line;
    const before = line.value.slice(0, line.selectionStart);
    line.setRangeText((/(^|[\s"':;=,])$/.test(before) ? "" : " ") + text, line.selectionStart, line.selectionEnd, "end");
    this.#edited();
    line.focus();
  }

  /**
   * The next line is a secret, or no longer.
   * @param {string|null} prompt what is asked for; null when it is over
   */
  askSecret(prompt) {
    const secret = prompt !== null;
    if (!secret && this.#secret.hidden) return;
    const focused = this.#form.contains(document.activeElement);
    this.#secret.value = "";
    this.#secretLabel.textContent = prompt?.trim() || "Password";
    this.#secret.hidden = this.#secretLabel.hidden = !secret;
    this.#line.hidden = secret;
    if (focused) this.focus();
  }

  #send() {
    const secret = !this.#secret.hidden;
    const field = secret ? this.#secret : this.#line;
    const text = field.value.replace(/\n+$/, "");
    const lines = text.split("\n");
    if (lines.some((line) => new TextEncoder().encode(line).length > MAX_BYTES)) {
      this.#callbacks.onNotice(`A line can have ${MAX_BYTES.toLocaleString("en")} bytes at most. Make it shorter.`);
      return;
    }
    if (!this.#callbacks.onSend(lines, secret)) return;
    if (secret || this.#callbacks.isSecret(text)) this.#history.rewind();
    else this.#history.add(text);
    field.value = "";
    this.#edited();
  }

  #key(event) {
    if (event.isComposing) return; // keys that belong to an input method
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    if (event.key !== "Escape" && event.key !== "Tab" && event.key !== "Shift") this.#leaving = false;
    this.#breaking = event.key === "Enter" && event.shiftKey;
    if (event.key === "Enter" && plain) {
      event.preventDefault();
      this.#send();
    } else if (event.key === "Tab" && !event.ctrlKey && !event.metaKey && !event.altKey) {
      if (this.#complete(event.shiftKey ? -1 : 1)) event.preventDefault();
    } else if (event.key === "Escape") {
      this.#leaving = true;
      this.completer.reset();
      this.#callbacks.onCompletion("");
    } else if (event.key.toLowerCase() === "l" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      event.preventDefault();
      this.#callbacks.onClear();
    } else if ((event.key === "PageUp" || event.key === "PageDown") && plain) {
      event.preventDefault();
      this.#callbacks.onPage(event.key === "PageUp" ? -1 : 1);
    } else if ((event.key === "ArrowUp" || event.key === "ArrowDown") && plain) {
      if (this.#walk(event.key === "ArrowUp" ? -1 : 1)) event.preventDefault();
    }
  }

  /** Walks through the history, if the caret cannot go further that way. Returns whether it has. */
  #walk(direction) {
    const line = this.#line;
    const caret = line.selectionStart;
    if (caret !== line.selectionEnd) return false;
    const beyond = direction < 0 ? line.value.slice(0, caret) : line.value.slice(caret);
    if (beyond.includes("\n")) return false;
    // Of a long line that wraps only its very end counts, for the caret moves within it; not so while walking on.
    const wraps = line.rows > line.value.split("\n").length;
    if (wraps && beyond && line.value !== this.#history.shown) return false;
    const text = this.#history.step(direction, line.value);
    if (text === null) return false;
    line.value = text;
    line.setSelectionRange(text.length, text.length);
    this.#edited();
    return true;
  }

  #complete(direction) {
    const line = this.#line;
    if (this.#leaving || line.selectionStart !== line.selectionEnd) return false;
    const completion = this.completer.next(line.value, line.selectionStart, direction);
    if (!completion) return false;
    line.value = completion.text;
    line.setSelectionRange(completion.caret, completion.caret);
    this.#grow();
    const { candidate, number, count } = completion;
    this.#callbacks.onCompletion(count > 1 ? `${candidate}, ${number} of ${count}` : candidate);
    return true;
  }

  #edited() {
    this.completer.reset();
    this.#callbacks.onCompletion("");
    this.#grow();
  }

  /** As many rows as the text needs. */
  #grow() {
    const line = this.#line;
    if (line.hidden) return;
    line.rows = 1;
    while (line.rows < MAX_ROWS && line.scrollHeight > line.clientHeight + 2) line.rows += 1;
  }
}
