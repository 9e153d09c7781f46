/** What is around one: place, exits, people, things. Owns these lists and where they stand on wide and on narrow screens. */

const WIDE = window.matchMedia("(min-width: 56rem)");

/**
 * @typedef {object} Place a `place` message
 * @property {{id: string, name: string}} place
 * @property {{id: string, name: string, aliases: string[]}[]} exits
 * @property {{id: string, name: string, connected: boolean}[]} people
 * @property {{id: string, name: string}[]} things
 */

/** The panels. */
export class Panels {
  #aside = document.querySelector("#surroundings");
  #place = document.querySelector("#place");
  #toggle = document.querySelector("#place-toggle");
  #details = document.querySelector("#place-details");
  #exits = document.querySelector("#exits");
  #onExit;
  #onName;

  /**
   * @param {{onExit: (name: string) => void, onName: (name: string) => void}} callbacks for clicks on an exit, and on a person
   *   or a thing
   */
  constructor({ onExit, onName }) {
    this.#onExit = onExit;
    this.#onName = onName;
    this.#toggle.addEventListener("click", () => this.#open(this.#toggle.getAttribute("aria-expanded") !== "true"));
    WIDE.addEventListener("change", () => this.#arrange());
    this.#arrange();
  }

  /**
   * @param {Place} message
   * @param {string} self id of the character one plays
   */
  show({ place, exits, people, things }, self) {
    this.#aside.hidden = false;
    this.#place.textContent = place.name;
    this.#exits.hidden = exits.length === 0;
    fill("#exits-list", exits, this.#onExit);
    fill("#people", people.filter((person) => person.id !== self), this.#onName);
    fill("#things", things, this.#onName);
    document.querySelector("#people-section").hidden = !people.some((person) => person.id !== self);
    document.querySelector("#things-section").hidden = things.length === 0;
  }

  /** Nobody plays: there is no place. */
  hide() {
    this.#aside.hidden = this.#exits.hidden = true;
  }

  /** Beside the log there is room for all; above it the details open on demand, and the exits are a row above the input. */
  #arrange() {
    document.querySelector(WIDE.matches ? "#exits-beside" : "#exits-above").append(this.#exits);
    this.#open(WIDE.matches);
  }

  #open(open) {
    this.#toggle.setAttribute("aria-expanded", String(open));
    this.#details.hidden = !open;
  }
}

/** Makes a list of buttons. One whose name is still there is kept, and the focus with it. */
function fill(selector, items, onClick) {
  const list = document.querySelector(selector);
  const old = new Map(Array.from(list.children, (item) => [item.dataset.key, item]));
  const rows = items.map((item) => {
    const key = `${item.id} ${item.name} ${item.connected ?? ""}`;
    return old.get(key) ?? row(key, item, onClick);
  });
  const keep = new Set(rows);
  for (const each of old.values()) if (!keep.has(each)) each.remove();
  rows.forEach((each, at) => {
    if (list.children[at] !== each) list.insertBefore(each, list.children[at] ?? null);
  });
}

function row(key, item, onClick) {
  const element = document.createElement("li");
  element.dataset.key = key;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = item.name;
  button.addEventListener("click", () => onClick(item.name));
  element.append(button);
  if (item.connected === false) {
    const note = document.createElement("span");
    note.className = "note";
    note.textContent = "asleep";
    element.append(note);
  }
  return element;
}
