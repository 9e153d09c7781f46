/** Puts the page together: what each message of the game means for which part of the page. Owns who one plays. */

import { Attention } from "./attention.js";
import { Connection } from "./connection.js";
import { Input } from "./input.js";
import { Login } from "./login.js";
import { Memory } from "./memory.js";
import { Output } from "./output.js";
import { Panels } from "./panels.js";
import { Settings } from "./settings.js";
import { Status } from "./status.js";
import { isOwnTab } from "./tab.js";

const LOST = "Connection lost.";
const NO_CONNECTION = "There is no connection. What you typed is kept.";
const RESIZE_SETTLES = 250; // ms

const $ = (selector) => document.querySelector(selector);

const browserMemory = new Memory("localStorage", "holomush.");
const tabMemory = new Memory("sessionStorage", "holomush.");
let game = "HoloMUSH";
let character = null; // {id, name} of whom one plays
let why = LOST; // there is no connection
let sentWindow = ""; // the last `window` message
let replay = null; // {count, missed, open} while what was missed comes

const settings = new Settings(browserMemory, settingsChanged); // first of all: it says how the page looks
if (!(await isOwnTab(tabMemory))) for (const key of ["token", "after", "log"]) tabMemory.set(key, null);

const output = new Output($("#log"), $("#newer"));
const attention = new Attention();
const status = new Status(() => {
  connection.hurry();
  if (character) input.focus(); // the button goes away
});
const login = new Login($("#login"), (message) => {
  status.show("");
  connection.enter(message);
});
const panels = new Panels({
  onExit: (name) => sendLines([name], false),
  onName: (name) => input.insert(name),
});
const input = new Input($("#command"), tabMemory, {
  onSend: sendLines,
  isSecret,
  onNotice: (text) => status.show(text),
  onCompletion: (text) => status.announce(text),
  onPage: (direction) => output.page(direction),
  onClear: () => output.clear(),
});
const connection = new Connection(socketAddress(), tabMemory, { onMessage: read, onState: connectionChanged });

/** `ws` beside this page, whatever the host, the port and the folder. */
function socketAddress() {
  const url = new URL("ws", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

/** What to do with each type of message. */
const readers = {
  hello(message) {
    game = message.game;
    $("#game").textContent = game;
    login.guests = message.guests;
    showNames();
    if (connection.canResume || login.shown) return; // it comes back by itself, or begins where it was
    output.add({ text: message.text });
    leave();
  },
  text: say,
  event(message) {
    if (message.text === null) return;
    if (replay && message.replayed) openReplay();
    say(message);
  },
  replay(message) {
    replay = { ...message, open: false };
  },
  replay_end() {
    if (replay?.open) {
      output.add({ text: "now", kind: "divider" });
      output.endQuiet();
      status.announce(`${missed(replay)}.`);
    }
    replay = null;
  },
  playing(message) {
    const came = character === null;
    character = message.character;
    input.completer.know({ commands: message.commands });
    input.askSecret(null);
    login.hide();
    showNames();
    status.show("");
    if (message.resumed) status.announce(`Connected again as ${character.name}.`);
    if (came) input.focus();
  },
  place(message) {
    panels.show(message, character?.id);
    const names = (entities) => entities.map((entity) => entity.name);
    input.completer.know({
      people: names(message.people),
      exits: message.exits.flatMap((exit) => [exit.name, ...exit.aliases]),
      things: names(message.things),
    });
  },
  prompt(message) {
    input.askSecret(message.secret ? (message.text ?? "") : null);
  },
  refused(message) {
    leave();
    login.refuse(message.text);
  },
  error(message) {
    login.ready();
    status.show(message.text);
  },
  goodbye(message) {
    why = message.text.trim() || LOST;
    say(message);
  },
};

function read(message) {
  if (Object.hasOwn(readers, message.type)) readers[message.type](message);
}

/** Something to read. */
function say({ text, spans, replayed }) {
  output.add({ text, spans });
  if (!replayed) attention.count();
}

/** What was missed stands between two quiet lines, which are there only if there is something to read. */
function openReplay() {
  if (replay.open) return;
  replay.open = true;
  output.beginQuiet();
  output.add({ text: missed(replay), kind: "divider" });
}

function missed({ count, missed: all }) {
  const events = all === 1 ? "1 event" : `${all} events`;
  return `You missed ${events}${all > count ? `; the last ${count} follow` : ""}`;
}

/** Sends lines, echoed. Returns false, and says so, if there is no connection. */
function sendLines(lines, secret) {
  for (const text of lines) {
    if (!connection.send({ type: "line", text })) {
      why = NO_CONNECTION;
      status.remark(why);
      if (connection.state === "closed") connection.open();
      return false;
    }
    if (settings.values.echo && text && !secret) output.add({ text: isSecret(text) ? masked(text) : text, kind: "echo" });
  }
  status.show("");
  output.toBottom();
  return true;
}

/** Whether a password is typed into an ordinary line. */
function isSecret(text) {
  return (character ? /^\s*\S*password\b/im : /^\s*(connect|create)\b/im).test(text);
}

/** The command of a secret line, without what follows. */
function masked(text) {
  return `${text.trim().split(/\s/, 1)[0]} …`;
}

/** Nobody is played any more, or not yet. */
function leave() {
  character = null;
  input.askSecret(null);
  input.completer.know({ commands: [], people: [], exits: [], things: [] });
  panels.hide();
  login.show();
  if (!input.isTyping) login.focus(); // a sentence does not go on in the name
  showNames();
}

function showNames() {
  $("#character").hidden = character === null;
  $("#character").textContent = character?.name ?? "";
  input.hint = character ? "" : "Or type here: WHO, HELP";
  attention.names = character ? [character.name, game] : [game];
}

function connectionChanged(state) {
  document.documentElement.dataset.connection = state.name;
  switch (state.name) {
    case "connecting":
      status.connecting();
      break;
    case "open":
      why = LOST;
      status.show("");
      sendWindow(true);
      break;
    case "waiting":
      if (replay?.open) output.endQuiet();
      replay = null;
      login.ready();
      input.askSecret(null);
      status.countDown(why, state.seconds);
      break;
    case "closed":
      leave();
      status.show("You are not connected. Come in again whenever you like.");
      break;
  }
}

function settingsChanged(values) {
  output.announcing = values.announce;
  output.settle();
  sendWindow();
}

/** Tells the game what fits on the screen, if that has changed or the connection is new. */
function sendWindow(always = false) {
  const message = { type: "window", ...output.measure(), screen_reader: settings.values.screenReader };
  if (!always && JSON.stringify(message) === sentWindow) return;
  if (connection.send(message)) sentWindow = JSON.stringify(message);
}

let resizing = 0;
new ResizeObserver(() => {
  clearTimeout(resizing);
  resizing = setTimeout(sendWindow, RESIZE_SETTLES);
}).observe($("#log"));

// Where the keyboard of a phone lies over the page instead of making it smaller, the page ends above the keyboard.
window.visualViewport?.addEventListener("resize", ({ target: { height, scale } }) => {
  document.documentElement.style.setProperty("--height", `${Math.round(height * scale)}px`); // zooming in is no keyboard
});

// Whoever types while reading wants to say something.
$("#log").addEventListener("keydown", (event) => {
  if (event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey) input.focus();
});

// A reload shows what was there before; what was missed meanwhile follows.
window.addEventListener("pagehide", () => tabMemory.set("log", connection.canResume ? output.kept : null));
if (connection.canResume) output.restore(tabMemory.get("log"));

output.announcing = settings.values.announce;
connection.open();
