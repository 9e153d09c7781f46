/** What is said beside the log: the connection, errors, summaries for screen readers. Owns the two status regions. */

/** The visible status with its button, and a region that is only read aloud. */
export class Status {
  #status = document.querySelector("#status");
  #retry = document.querySelector("#retry");
  #announcer = document.querySelector("#announcer");
  #said = document.createElement("span");
  #quiet = document.createElement("span");

  /** @param {() => void} onRetry */
  constructor(onRetry) {
    // What changes every second, or with every try, is for the eye only.
    this.#quiet.setAttribute("aria-live", "off");
    this.#status.append(this.#said, this.#quiet);
    this.#retry.addEventListener("click", onRetry);
  }

  /** @param {string} text shown until the next one; an empty one takes it away */
  show(text) {
    this.#retry.hidden = true;
    this.#say(text, "");
  }

  /** The first try is under way, or one more. */
  connecting() {
    this.#retry.hidden = true;
    this.#say(this.#said.textContent, "Connecting …");
  }

  /**
   * The connection is lost, and will be tried again.
   * @param {string} why one sentence
   * @param {number} seconds until then
   */
  countDown(why, seconds) {
    this.#retry.hidden = false;
    this.#say(`${why} `, `Trying again in ${seconds} s.`);
  }

  /** @param {string} text an answer to what the player did; a countdown goes on beside it */
  remark(text) {
    this.#say(`${text} `, this.#quiet.textContent);
  }

  /** @param {string} text read aloud when nothing else is */
  announce(text) {
    this.#announcer.textContent = text;
  }

  #say(text, quietly) {
    if (this.#said.textContent !== text) this.#said.textContent = text; // said once
    this.#quiet.textContent = quietly;
  }
}
