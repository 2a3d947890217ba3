// What the page shows: which page, of which moment, by which registry.
import { call } from "./api.js";
import { History } from "./history.js";
import { Live } from "./live.js";
import { Past } from "./past.js";

let draw = () => {};
let asked = false;

/** Have the page drawn in the next frame, once, however much has changed until then. */
export function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    draw();
  });
}

export const state = {
  live: new Live(redraw),
  past: null,
  history: null,
  playing: false,
  grants: [],
  search: "",
  place: read(),
};
state.past = new Past(state.live, redraw);
state.history = new History(state.live, redraw);

function read() {
  const [path, query] = location.hash.replace(/^#/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  const params = new URLSearchParams(query || "");
  const rev = /^\d{1,16}$/.test(params.get("rev") || "") ? Number(params.get("rev")) : null;
  return { parts, params, rev };
}

/** The address of a page, at the moment that is shown. */
export function link(path, rev = state.place.rev, more = {}) {
  const params = new URLSearchParams(more);
  if (rev !== null) params.set("rev", rev);
  const query = params.toString();
  return `#${path}${query ? `?${query}` : ""}`;
}

export const here = () => `/${state.place.parts.map(encodeURIComponent).join("/")}`;

/** Show another moment of the same page; null for the present. Going about in the past leaves no trail of addresses:
 *  the way back leads to the present. */
export function show(rev) {
  const more = Object.fromEntries(state.place.params);
  delete more.rev;
  const url = link(here(), rev, more);
  if ((rev === null) !== (state.place.rev === null)) history.pushState(null, "", url);
  else history.replaceState(null, "", url);
  arrive();
}

/** Look at the address: the page may be another. */
export function arrive() {
  state.place = read();
  state.past.go(state.place.rev);
  redraw();
}

/** The registry of the moment that is shown. While the past is on its way: what was shown before. */
export const shown = () => (state.place.rev === null ? state.live.registry : state.past.registry || state.live.registry);

/** The time of the moment that is shown, for *3 min ago*. */
export const now = () => (state.place.rev === null ? Date.now() : Date.parse(state.past.registry?.at || new Date().toISOString()));

/** When an object was changed last; null where that is not known: the past is made of what differs, and what was
 *  changed and changed back does not. */
export const changedAt = (object) => (Date.parse(object.updated_at) <= now() + 1000 ? object.updated_at : null);

const EVERYWHERE = new Set(["operator", "admin"]);
const fits = (pattern, name) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name);

/** Whether who looks at the page may change an app, by the grants of their token. */
function granted(app) {
  return state.grants.some(({ role, apps }) => EVERYWHERE.has(role) || (role === "deployer" && apps?.some((one) => fits(one, app))));
}

/** Whether the page offers to change an app: not in the past, not by what is no longer true, and not to those who may
 *  not. The service decides all the same. */
export const writable = (app) => state.place.rev === null && state.live.status === "live" && granted(app);

/** Ask what whoever looks at the page may do. */
export async function ask() {
  try {
    state.grants = (await call("GET", "/tokens/self")).body.grants;
  } catch {
    state.grants = [];
  }
  redraw();
}

export function begin(drawn) {
  draw = drawn;
  addEventListener("hashchange", arrive);
  addEventListener("popstate", arrive);
  state.live.start();
  ask();
  arrive();
}
