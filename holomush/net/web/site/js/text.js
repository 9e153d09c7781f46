/**
 * Text from the game as nodes of the page: spans with colours and styles, and links. Owns the rule that text is only ever
 * text: nothing here parses HTML, and an address becomes a link only if it is http or https.
 */

const NAMES = new Set(
  ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"].flatMap((name) => [name, `bright-${name}`]),
);
const STYLES = ["bold", "dim", "italic", "underline", "reverse"];
const HEX = /^#[0-9a-f]{6}$/i;
// Luminances. Letters no brighter, or no darker, have a contrast of 4.5 on every ground that style.css has for their theme; black
// and white have it on either side of the middle.
const DARK_INK = 0.13;
const LIGHT_INK = 0.35;
const MIDDLE = 0.18;
const ADDRESS = /https?:\/\/[^\s<>"“”]+/gi;

/**
 * @typedef {object} Style
 * @property {boolean} [bold]
 * @property {boolean} [dim]
 * @property {boolean} [italic]
 * @property {boolean} [underline]
 * @property {boolean} [reverse]
 * @property {string} [color] a name or #rrggbb
 * @property {string} [background] a name or #rrggbb
 */

/**
 * The nodes that show a text.
 * @param {string} text
 * @param {[string, Style][]} [spans] the same text in pieces, with their styles
 * @returns {DocumentFragment}
 */
export function render(text, spans) {
  const fragment = document.createDocumentFragment();
  for (const [piece, style] of spans ?? [[text, {}]]) {
    const parent = styled(style ?? {});
    linkify(parent ?? fragment, String(piece));
    if (parent) fragment.append(parent);
  }
  return fragment;
}

/** An element for a style, or null if it is plain. */
function styled(style) {
  const span = document.createElement("span");
  for (const name of STYLES) if (style[name]) span.classList.add(name);
  paint(span, "fg", style.color);
  paint(span, "bg", style.background);
  if (!span.classList.length) return null;
  span.classList.add("styled");
  return span;
}

/** Colours letters or ground: by a class, and by properties besides if the colour is given in numbers. */
function paint(span, kind, colour) {
  const name = colour === "grey" ? "bright-black" : colour;
  if (NAMES.has(name)) span.classList.add(`${kind}-${name}`);
  if (!HEX.test(colour ?? "")) return;
  span.classList.add(`${kind}-rgb`);
  const light = linear(colour);
  const bright = luminance(light);
  if (kind === "bg") {
    span.style.setProperty("--ground", colour);
    span.classList.add(bright > MIDDLE ? "on-light" : "on-dark"); // for letters, whatever the theme
    return;
  }
  // Authors try their colours in one theme; the same hue can be read in the other.
  const darker = light.map((part) => (part * DARK_INK) / bright);
  const lighter = light.map((part) => part + ((1 - part) * (LIGHT_INK - bright)) / (1 - bright));
  span.style.setProperty("--ink-on-light", bright > DARK_INK ? css(darker) : colour);
  span.style.setProperty("--ink-on-dark", bright < LIGHT_INK ? css(lighter) : colour);
}

/** #rrggbb as amounts of light, 0 to 1. */
function linear(hex) {
  const parts = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
  return parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
}

function luminance([red, green, blue]) {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function css(light) {
  return `color(srgb-linear ${light.map((part) => part.toFixed(4)).join(" ")})`;
}

/** Appends text to a node, with links for the addresses in it. */
function linkify(parent, text) {
  let shown = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = withoutPunctuation(match[0]);
    if (!URL.canParse(address)) continue;
    const link = document.createElement("a");
    link.href = address;
    link.rel = "noopener noreferrer nofollow";
    link.target = "_blank";
    link.textContent = address;
    parent.append(text.slice(shown, match.index), link);
    shown = match.index + address.length;
  }
  parent.append(text.slice(shown));
}

/** What ends a sentence around an address is no part of it, nor is a bracket that was opened before it. */
function withoutPunctuation(address) {
  let end = address.length;
  for (;;) {
    const last = address[end - 1];
    const opened = { ")": "(", "]": "[", "}": "{" }[last];
    const inside = address.slice(0, end - 1);
    const unopened = opened && count(inside, opened) <= count(inside, last);
    if (!unopened && !".,;:!?'’*_~".includes(last)) return inside + last;
    end -= 1;
  }
}

function count(text, character) {
  return text.split(character).length - 1;
}
