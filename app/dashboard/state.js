// What the page shows: which page, of which moment, by which registry.
import { actAs, call } from "./api.js";
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

const NOBODY = { id: null, name: "", grants: [] };
const history = new History(redraw);
// With a fresh snapshot it may be somebody else who looks: another tab has logged out and in.
const live = new Live(history, redraw, (again) => (again || state.self === NOBODY) && ask());

export const state = {
  live,
  history,
  past: new Past(live, history, redraw),
  playing: false,
  self: NOBODY,
  place: read(),
};

function read() {
  const [path, query] = location.hash.replace(/^#/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  const params = new URLSearchParams(query || "");
  const rev = /^\d{1,16}$/.test(params.get("rev") || "") ? Number(params.get("rev")) : null;
  return { parts, params, rev };
}

/** The address of a page, at the moment that is shown. */
export function link(path, rev = state.place.rev, more = null) {
  if (more === null) return rev === null ? `#${path}` : `#${path}?rev=${rev}`;
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
  if ((rev === null) !== (state.place.rev === null)) window.history.pushState(null, "", url);
  else window.history.replaceState(null, "", url);
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

/** When the newest commit was made, as far as that is known: a snapshot does not tell. */
export const presentAt = () => state.live.registry.at ?? state.history.of(state.live.registry.rev)?.at;

/** The time of the moment that is shown, for *3 min ago*. */
export const now = () => (state.place.rev === null ? Date.now() : Date.parse(state.past.registry?.at || new Date().toISOString()));

/** When an object was changed last; null where that is not known: the past is made of what differs, and what was
 *  changed and changed back does not. */
export const changedAt = (object) => (Date.parse(object.updated_at) <= now() + 1000 ? object.updated_at : null);

/** Change what the address says beside the page and the moment; an empty value goes. Leaves no trail. */
export function reviewed(changes) {
  const more = { ...Object.fromEntries(state.place.params), ...changes };
  delete more.rev;
  for (const [name, value] of Object.entries(more)) if (value === "" || value === null) delete more[name];
  window.history.replaceState(null, "", link(here(), state.place.rev, more));
  arrive();
}

const EVERYWHERE = new Set(["operator", "admin"]);
const READERS = new Set(["operator", "admin", "auditor"]);
const fits = (pattern, name) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name);
const own = ({ role, apps }, app) => role === "deployer" && apps?.some((one) => fits(one, app));
const granted = (may) => state.self.grants.some(may);

/** Whether the page offers changes at all: not in the past, and not by what is no longer true. */
const offering = () => state.place.rev === null && state.live.status === "live";

// What the token's grants allow. The service decides all the same: app/http/access_table.py has the whole of it.

/** Whether the page offers to change an app and what is the app's. */
export const writable = (app) => offering() && granted((one) => EVERYWHERE.has(one.role) || own(one, app));

/** Whether it offers to say that an instance is lost: its host may, too. */
export const losable = ({ app, host }) => writable(app) || (offering() && host && granted((one) => one.role === "host" && one.hosts.some((pattern) => fits(pattern, host))));

const UNDONE = new Set(["app", "rev", "env", "proc", "service", "endpoint", "scale"]);
const PATHS = /^\/(apps\/[^/]+(\/(revisions|envs|proctypes)\/.*)?|services\/.*)$/;

/** Whether it offers to undo a commit: one that changed what was declared, and nothing that is another's. */
export function undoable({ events, changes, apps }) {
  if (!offering()) return false;
  const some = events.length ? events.some(({ type }) => UNDONE.has(type.slice(0, type.indexOf("-")))) : changes?.some(({ path }) => PATHS.test(path));
  const services = () => granted((one) => EVERYWHERE.has(one.role) || one.role === "registrar");
  return some && (apps.size ? [...apps].every(writable) : services());
}

export const maySee = {
  all: () => granted((one) => READERS.has(one.role)),
  services: () => granted((one) => one.role === "registrar"), // where it sees nothing else
  platform: () => granted((one) => READERS.has(one.role) || one.role === "host"),
};

/** Ask who looks at the page, and what they may do. */
export async function ask() {
  try {
    state.self = (await call("GET", "/tokens/self")).body;
  } catch {
    state.self = NOBODY;
  }
  actAs(state.self.id === null && state.self.name === "anonymous" ? "dashboard" : null);
  redraw();
}

/** End the session: the browser forgets who this is. */
export async function leave() {
  await call("DELETE", "/session");
  state.live.again();
  state.self = NOBODY;
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
