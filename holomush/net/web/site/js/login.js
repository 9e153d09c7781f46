/** The form through which one comes in. Owns its fields, its buttons and what it says when one may not. */

/** Name and password, or a look around as a guest. */
export class Login {
  #form;
  #name;
  #password;
  #guest;
  #error;
  #buttons;

  /**
   * @param {HTMLFormElement} form
   * @param {(message: object) => void} onEnter what to say to the game
   */
  constructor(form, onEnter) {
    this.#form = form;
    this.#name = form.querySelector("#login-name");
    this.#password = form.querySelector("#login-password");
    this.#guest = form.querySelector("#login-guest");
    this.#error = form.querySelector("#login-error");
    this.#buttons = form.querySelectorAll("button");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const type = event.submitter?.value === "create" ? "create" : "connect";
      this.#try(onEnter, { type, name: this.#name.value.trim(), password: this.#password.value });
    });
    this.#guest.addEventListener("click", () => this.#try(onEnter, { type: "guest" }));
  }

  /** @param {boolean} guests whether guests may come in */
  set guests(guests) {
    this.#guest.hidden = !guests;
  }

  /** @returns {boolean} whether the form is there */
  get shown() {
    return !this.#form.hidden;
  }

  /** Shows the form. */
  show() {
    this.#form.hidden = false;
    this.ready();
  }

  /** Takes the form away, and forgets the password. */
  hide() {
    this.#form.hidden = true;
    this.#password.value = "";
    this.#say("");
  }

  /** Puts the caret where one types next. */
  focus() {
    (this.#name.value ? this.#password : this.#name).focus();
  }

  /** @param {string} text why one did not come in */
  refuse(text) {
    this.show();
    this.#say(text);
    this.focus();
    if (this.#name.value) this.#password.select(); // it takes the focus along
  }

  /** The buttons can be pressed (again). */
  ready() {
    for (const button of this.#buttons) button.disabled = false;
  }

  #try(onEnter, message) {
    this.#say("");
    for (const button of this.#buttons) button.disabled = true; // one answer at a time
    onEnter(message);
  }

  #say(text) {
    this.#error.textContent = text;
    for (const field of [this.#name, this.#password]) field.setAttribute("aria-invalid", String(text !== ""));
  }
}
