/** The title of the page: who plays where, and how much is unread while the page is hidden. Owns document.title. */

/** Counts what was not seen. */
export class Attention {
  #names = [];
  #unread = 0;

  constructor() {
    document.addEventListener("visibilitychange", () => {
      this.#unread = 0;
      this.#show();
    });
  }

  /** @param {string[]} names the character, if any, and the game */
  set names(names) {
    this.#names = names;
    this.#show();
  }

  /** Something came. */
  count() {
    if (!document.hidden) return;
    this.#unread += 1;
    this.#show();
  }

  #show() {
    document.title = (this.#unread ? `(${this.#unread}) ` : "") + this.#names.join(" - ");
  }
}
