/**
 * What Tab makes of the word before the caret. Owns the choice of candidates and the cycle through them; touches no element.
 *
 * Names fit as the game itself reads them: from their beginning, or from the beginning of a word in them.
 */

const BOUNDARY = /[\s"':;,=(/\\]/;

/**
 * @typedef {object} Names
 * @property {string[]} commands
 * @property {string[]} people
 * @property {string[]} exits
 * @property {string[]} things
 */

/**
 * @typedef {object} Completion
 * @property {string} text the whole line
 * @property {number} caret
 * @property {string} candidate what was put in
 * @property {number} number which one it is, from 1
 * @property {number} count how many there are
 */

/** Completes, and goes through the candidates when asked again. */
export class Completer {
  #names = { commands: [], people: [], exits: [], things: [] };
  #cycle = null; // {before, after, candidates, at}

  /** @param {Partial<Names>} names those that changed */
  know(names) {
    this.#names = { ...this.#names, ...names };
  }

  /** What is typed has changed: the next Tab begins anew. */
  reset() {
    this.#cycle = null;
  }

  /**
   * @param {string} text
   * @param {number} caret
   * @param {-1|1} direction
   * @returns {Completion|null} null if there is nothing to complete
   */
  next(text, caret, direction) {
    if (this.#cycle) {
      if (this.#cycle.candidates.length < 2) return null; // done: Tab moves on
      const { candidates, at } = this.#cycle;
      this.#cycle.at = (at + direction + candidates.length) % candidates.length;
      return this.#shown();
    }
    if (direction < 0) return null; // Shift+Tab begins nothing
    this.#cycle = this.#begin(text, caret);
    return this.#cycle && this.#shown();
  }

  #begin(text, caret) {
    const typed = text.slice(0, caret);
    for (const start of wordStarts(typed)) {
      const word = typed.slice(start).toLowerCase();
      if (!word.trim()) continue;
      const candidates = start === 0 ? this.#first(word) : this.#later(word);
      const fresh = candidates.filter((candidate) => candidate !== typed.slice(start));
      if (fresh.length) return { before: text.slice(0, start), after: text.slice(caret), candidates: fresh, at: 0 };
    }
    return null;
  }

  #first(word) {
    const sign = /^[@+]/.exec(word)?.[0] ?? "";
    const commands = this.#names.commands.flatMap((name) => (name.startsWith(sign) ? [name] : [sign + name]));
    const names = sign ? [] : this.#names.exits;
    return unique([...names, ...commands.sort()].filter((name) => name.toLowerCase().startsWith(word)));
  }

  #later(word) {
    const { people, exits, things, commands } = this.#names;
    const names = [...people, ...things, ...exits];
    const fits = (name) => name.toLowerCase().startsWith(word);
    const fitsInside = (name) => name.toLowerCase().includes(` ${word}`);
    // Commands come last: "help di".
    return unique([...names.filter(fits), ...names.filter(fitsInside), ...commands.filter(fits).sort()]);
  }

  #shown() {
    const { before, after, candidates, at } = this.#cycle;
    const done = before + candidates[at];
    return { text: done + after, caret: done.length, candidate: candidates[at], number: at + 1, count: candidates.length };
  }
}

/** Where words begin, the earliest first: names may have spaces, so the longest piece that fits a name wins. */
function wordStarts(typed) {
  const starts = [];
  for (let at = Math.max(0, typed.length - 80); at < typed.length; at += 1) {
    if ((at === 0 || BOUNDARY.test(typed[at - 1])) && !BOUNDARY.test(typed[at])) starts.push(at);
  }
  return starts;
}

function unique(names) {
  return [...new Set(names)];
}
