/** What a player chooses for this browser. Owns the dialog, the values and how they show on the page's root element. */

const DEFAULTS = { theme: "auto", size: "medium", font: "mono", echo: true, announce: true, screenReader: false };

/** @typedef {typeof DEFAULTS} Values */

/** The settings and their dialog. */
export class Settings {
  #memory;
  #dialog = document.querySelector("#settings");
  #form = document.querySelector("#settings-form");
  #values;
  #onChange;

  /**
   * @param {import("./memory.js").Memory} memory of this browser
   * @param {(values: Values) => void} onChange called after each change
   */
  constructor(memory, onChange) {
    this.#memory = memory;
    this.#onChange = onChange;
    const kept = memory.get("settings") ?? {};
    this.#values = { ...DEFAULTS };
    for (const [name, standard] of Object.entries(DEFAULTS)) {
      const field = this.#form.elements[name];
      const value = typeof kept[name] === typeof standard ? kept[name] : standard;
      if (field.type === "checkbox") field.checked = value;
      else field.value = value;
      if (field.type !== "checkbox" && !field.value) field.value = standard; // kept by a page that had other choices
    }
    this.#read();
    this.#show();
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#show());
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("change", () => {
      this.#read();
      this.#show();
      this.#memory.set("settings", this.#values);
      this.#onChange(this.#values);
    });
    document.querySelector("#settings-open").addEventListener("click", () => this.#dialog.showModal());
    document.querySelector("#settings-close").addEventListener("click", () => this.#dialog.close());
  }

  /** @returns {Values} */
  get values() {
    return this.#values;
  }

  #read() {
    for (const name of Object.keys(DEFAULTS)) {
      const field = this.#form.elements[name];
      this.#values[name] = field.type === "checkbox" ? field.checked : field.value;
    }
  }

  #show() {
    const root = document.documentElement;
    for (const name of ["theme", "size", "font"]) root.dataset[name] = this.#values[name];
    const page = getComputedStyle(root).backgroundColor;
    document.querySelector('meta[name="theme-color"]').content = page; // the browser's own bars
  }
}
