/**
 * The websocket. Owns when it is opened, closed and opened again: backoff, pings, resuming with the token, and dropping events
 * that were seen before. Knows nothing of the page: it tells of messages and of its state through two callbacks.
 */

const PING_EVERY = 25_000;
const PONG_WITHIN = 10_000;
const LONGEST_WAIT = 30; // seconds
const STEADY_AFTER = 5_000; // a connection that lived this long begins the backoff anew

/**
 * @typedef {object} State
 * @property {"connecting"|"open"|"waiting"|"closed"} name `waiting` tries again by itself, `closed` does not
 * @property {number} [seconds] until the next try, while waiting
 */

/** One place in the game, through as many websockets as it takes. */
export class Connection {
  #url;
  #memory;
  #onMessage;
  #onState;
  #socket = null;
  #state = { name: "closed" };
  #greeted = false;
  #entrance = null; // what to say once the game has said hello
  #farewell = null; // the goodbye of the connection that is about to close
  #token;
  #after;
  #tries = 0;
  #openedAt = 0;
  #heardAt = 0;
  #pings = 0;
  #timers = { ping: 0, pong: 0, countdown: 0 };

  /**
   * @param {URL} url of the websocket
   * @param {import("./memory.js").Memory} memory keeps the token and the last sequence of this tab
   * @param {{onMessage: (message: object) => void, onState: (state: State) => void}} callbacks
   */
  constructor(url, memory, { onMessage, onState }) {
    this.#url = url;
    this.#memory = memory;
    this.#onMessage = onMessage;
    this.#onState = onState;
    this.#token = memory.get("token");
    this.#after = memory.get("after") ?? 0;
    window.addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => !document.hidden && this.hurry());
  }

  /** @returns {State["name"]} */
  get state() {
    return this.#state.name;
  }

  /** @returns {boolean} whether it can come back without a password */
  get canResume() {
    return this.#token !== null;
  }

  /** Opens a websocket, unless there is one. */
  open() {
    if (this.#socket) return;
    this.#stopTimers();
    this.#farewell = null;
    this.#greeted = false;
    this.#openedAt = performance.now();
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    // A socket that was given up may still speak; nobody listens to it any more.
    socket.addEventListener("message", (event) => socket === this.#socket && this.#read(event.data));
    socket.addEventListener("close", () => socket === this.#socket && this.#lost());
    this.#timers.pong = setTimeout(() => this.#lost(), PONG_WITHIN); // for the hello
    this.#tell({ name: "connecting" });
  }

  /**
   * Says something to the game.
   * @param {object} message
   * @returns {boolean} false if there is no connection; nothing is kept then
   */
  send(message) {
    if (!this.#greeted || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /**
   * Comes in: connect, create or guest. Opens a connection first if there is none.
   * @param {object} message
   */
  enter(message) {
    this.#forget();
    if (this.send(message)) return;
    this.#entrance = message;
    this.open();
  }

  /** Tries again now if it waits; if it is open, asks whether it still is. */
  hurry() {
    if (this.#state.name === "waiting") this.open();
    else if (this.#state.name === "open") this.#ping();
  }

  #read(data) {
    this.#heardAt = performance.now();
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // not of this protocol
    }
    if (this.#isNews(message)) this.#onMessage(message);
    if (message.type === "hello") this.#greet();
  }

  /** Keeps what is needed to come back. Returns whether the page is to know of the message. */
  #isNews(message) {
    switch (message.type) {
      case "event":
        if (message.sequence <= this.#after) return false;
        this.#after = message.sequence;
        this.#memory.set("after", this.#after);
        return true;
      case "playing":
        if (!message.resumed) this.#after = 0; // another session counts anew
        this.#token = message.token;
        this.#memory.set("token", this.#token);
        this.#memory.set("after", this.#after);
        return true;
      case "refused":
        if (message.to === "resume") this.#forget();
        return true;
      case "goodbye":
        this.#farewell = message;
        if (!message.resume) this.#forget();
        return true;
      case "pong":
        return false;
      default:
        return true;
    }
  }

  #greet() {
    clearTimeout(this.#timers.pong);
    this.#greeted = true;
    this.#timers.ping = setInterval(() => this.#ping(), PING_EVERY);
    this.#tell({ name: "open" });
    if (this.#entrance) this.send(this.#entrance);
    else if (this.#token !== null) this.send({ type: "resume", token: this.#token, after: this.#after });
    this.#entrance = null;
  }

  #forget() {
    this.#token = null;
    this.#after = 0;
    this.#memory.set("token", null);
    this.#memory.set("after", null);
  }

  #ping() {
    const asked = performance.now();
    if (!this.send({ type: "ping", id: ++this.#pings })) return;
    clearTimeout(this.#timers.pong);
    this.#timers.pong = setTimeout(() => this.#heardAt < asked && this.#lost(), PONG_WITHIN);
  }

  /** The socket is closed, or counts as dead. */
  #lost() {
    const socket = this.#socket;
    this.#socket = null;
    socket.close();
    this.#stopTimers();
    if (performance.now() - this.#openedAt > STEADY_AFTER) this.#tries = 0;
    if (this.#farewell && !this.#farewell.resume) this.#tell({ name: "closed" });
    else this.#wait();
  }

  #wait() {
    const backoff = Math.min(LONGEST_WAIT, 2 ** this.#tries);
    this.#tries += 1;
    let seconds = Math.ceil(backoff * (0.75 + Math.random() / 2)); // not everybody at once after a restart
    this.#tell({ name: "waiting", seconds });
    this.#timers.countdown = setInterval(() => {
      seconds -= 1;
      if (seconds > 0) this.#tell({ name: "waiting", seconds });
      else this.open();
    }, 1000);
  }

  #stopTimers() {
    clearInterval(this.#timers.ping);
    clearTimeout(this.#timers.pong);
    clearInterval(this.#timers.countdown);
  }

  #tell(state) {
    this.#state = state;
    this.#onState(state);
  }
}
