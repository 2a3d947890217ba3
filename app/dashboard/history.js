// Commits: those before the page was opened, as far as they were asked for, and those that came since.
import { call } from "./api.js";

const ENOUGH = 300;
const PAGES = 4;

export class History {
  constructor(live, changed) {
    this.live = live;
    this.changed = changed;
    this.older = []; // commits, oldest first
    this.from = null; // the rev after which they are all here
    this.oldest = 0;
    this.loading = null;
    this.made = { length: -1, commits: [] };
  }

  /** All that is known, oldest first: {rev, at, actor, events}. */
  get commits() {
    const { recent } = this.live;
    const key = `${this.older.length} ${recent.length} ${recent.at(-1)?.rev}`;
    if (this.made.key !== key) {
      const last = this.older.at(-1)?.rev ?? 0;
      const commits = [...this.older, ...grouped(recent.filter((event) => event.rev > last))];
      compare(commits);
      this.made = { key, commits };
    }
    return this.made.commits;
  }

  /** Have the newest commits loaded, once. */
  begin() {
    if (this.from === null && this.loading === null && this.live.complete) this.more();
  }

  get complete() {
    return this.from !== null && this.from <= this.oldest;
  }

  /** Load what was before. */
  more() {
    this.loading ??= this.load()
      .catch(() => {})
      .finally(() => {
        this.loading = null;
        this.changed();
      });
    return this.loading;
  }

  async load() {
    const { body } = await call("GET", "/rev");
    this.oldest = body.oldest_rev;
    const upto = this.from ?? body.rev;
    // Revs may be far apart (on etcd): go back until there is enough.
    for (let span = 250; ; span *= 4) {
      const from = Math.max(this.oldest, upto - span);
      const found = await between(from, upto);
      if (found.length >= ENOUGH || from === this.oldest || span > 1e15) {
        this.older = [...(await explained(grouped(found))), ...this.older];
        this.from = from;
        return;
      }
    }
  }

  /** The newest commit at or before a time; null where none is known. */
  at(time) {
    const { commits } = this;
    let low = 0;
    let high = commits.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (commits[middle].time <= time) low = middle + 1;
      else high = middle;
    }
    return low ? commits[low - 1] : null;
  }

  before(rev) {
    return this.commits.findLast((commit) => commit.rev < rev) ?? null;
  }

  after(rev) {
    return this.commits.find((commit) => commit.rev > rev) ?? null;
  }

  of(rev) {
    return this.commits.findLast((commit) => commit.rev <= rev) ?? null;
  }
}

async function between(from, upto) {
  const found = [];
  let place = from;
  for (let page = 0; page < PAGES; page += 1) {
    const { body } = await call("GET", "/events/list", { query: { rev: place, limit: 1000 } });
    found.push(...body.items.filter((event) => event.rev <= upto));
    if (body.items.length < 1000 || body.items.at(-1).rev >= upto) break;
    place = body.next;
  }
  return found;
}

/** The commits with why they were made, where somebody has said so; events do not tell. */
async function explained(commits) {
  if (!commits.length) return commits;
  const span = { from: Math.max(0, commits[0].rev - 1), to: commits.at(-1).rev, limit: 1000 };
  const said = await call("GET", "/commits", { query: span }).catch(() => ({ body: { items: [] } }));
  const reasons = new Map(said.body.items.map((one) => [one.rev, one.reason]));
  for (const commit of commits) commit.reason = reasons.get(commit.rev) ?? undefined;
  return commits;
}

/** Events by commit. Times only grow, as far as the axis is concerned. */
export function grouped(events) {
  const commits = [];
  for (const event of events) {
    const last = commits.at(-1);
    if (last && last.rev === event.rev) last.events.push(event);
    else commits.push({ rev: event.rev, at: event.at, time: Date.parse(event.at), actor: event.actor, reason: event.reason, events: [event] });
  }
  for (let i = 1; i < commits.length; i += 1) commits[i].time = Math.max(commits[i].time, commits[i - 1].time);
  return commits;
}

const TIMES = new Set(["rev", "created_rev", "created_at", "updated_at", "env", "secrets"]);
const prints = (secrets) => Object.fromEntries(Object.entries(secrets ?? {}).map(([name, one]) => [`secret ${name}`, one.fingerprint]));
const said = (value) => (value === undefined ? "nothing" : String(value ?? "none"));

/** Say of each change of an app what it changed, where the app's state before is known. */
function compare(commits) {
  const known = new Map();
  for (const commit of commits) {
    for (const event of commit.events) {
      if (event.app === undefined || !event.type.startsWith("app-")) continue;
      const before = known.get(event.app);
      known.set(event.app, event.object);
      if (event.type !== "app-update" || !before || event.changes) continue;
      event.changes = [...fields(before, event.object, TIMES), ...fields(before.env, event.object.env, new Set()), ...fields(prints(before.secrets), prints(event.object.secrets), new Set())];
    }
  }
}

function fields(before, after, without) {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => !without.has(name));
  return names
    .filter((name) => before[name] !== after[name])
    .map((name) => `${name} ${said(before[name])} → ${said(after[name])}`);
}

const WORDS = {
  "instance-register": "registered", "instance-claim": "claimed", "instance-unclaim": "given back", "instance-start": "started",
  "instance-stop": "told to stop", "instance-exit": "exited", "instance-fail": "failed", "instance-lost": "lost",
  "instance-restart": "restarted", "instance-lock": "locked", "instance-unlock": "unlocked", "instance-unregister": "unregistered",
};

/** What a commit did, in one line. */
export function told(commit) {
  const { events } = commit;
  const scale = events.find((event) => event.type === "scale-update");
  if (scale) {
    const { app, proctype, revision, target } = scale.object;
    const was = scale.previous ? scale.previous.target : 0;
    return `${app} ${proctype} ${revision}: scaled ${was} → ${target}`;
  }
  const first = events[0];
  const more = events.length > 1 ? ` and ${events.length - 1} more` : "";
  return one(first) + more;
}

function one(event) {
  const o = event.object || {};
  const word = WORDS[event.type];
  if (word) return `instance ${o.id} of ${o.app} ${o.proctype} ${word}${event.type === "instance-fail" && o.reason ? `: ${o.reason}` : ""}`;
  const [kind] = event.type.split("-");
  const what = event.type.slice(kind.length + 1);
  const done = { register: "registered", unregister: "unregistered", update: "changed" }[what] || what;
  switch (kind) {
    case "app": return event.changes?.length ? `app ${o.name}: ${event.changes.join(", ")}` : `app ${o.name} ${done}`;
    case "rev": return `revision ${o.ref} of ${o.app} ${what === "update" ? o.state : done}`;
    case "env": return `env set ${o.ref} of ${o.app} ${done}`;
    case "proc": return `proctype ${o.name} of ${o.app} ${done}`;
    case "service": return `service ${o.name} ${done}`;
    case "endpoint": return `endpoint ${o.id} of ${o.service} ${done}`;
    case "runner": return `runner ${o.addr} ${done}`;
    case "member": return `${o.kind} ${o.addr} ${done}`;
    default: return event.type;
  }
}

/** What a commit is, for its mark on the axis. */
export function sort(commit) {
  const types = new Set(commit.events.map((event) => event.type));
  if (types.has("instance-fail") || types.has("instance-lost")) return "failure";
  if (types.has("scale-update") || types.has("app-update") || types.has("rev-update") || types.has("rev-register")) return "change";
  return "other";
}

export const appsOf = (commit) => new Set(commit.events.map((event) => event.app).filter(Boolean));
