/**
 * Whether this tab is the one that its sessionStorage belongs to. A duplicated tab begins with a copy of it, and would take the
 * other's place in the game; a reloaded one is the same tab. Owns the lock that tells them apart.
 */

const RELOAD_WITHIN = 1000; // ms until the page before a reload has let go for certain

/**
 * @param {import("./memory.js").Memory} memory of this tab
 * @returns {Promise<boolean>} false if another tab that is open has the same memory; this one has a new name then
 */
export async function isOwnTab(memory) {
  const name = memory.get("tab");
  const own = typeof name !== "string" || (await hold(name));
  if (own && name !== null) return true;
  const fresh = Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join("-");
  memory.set("tab", fresh);
  await hold(fresh);
  return own;
}

/** Holds a lock for as long as the page lives. Without locks (no secure context) every tab counts as itself. */
function hold(name) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const forever = () => {
      resolve(true);
      return new Promise(() => {});
    };
    navigator.locks
      .request(`holomush ${name}`, { signal: AbortSignal.timeout(RELOAD_WITHIN) }, forever)
      .catch(() => resolve(false));
  });
}
