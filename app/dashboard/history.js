// Commits: those that came since the page was opened, and those before, as far as they were loaded. Each event knows
// its object before it, so that the registry can be taken back and forth along them.
import { call, items } from "./api.js";
import { keyOf, kindOf } from "./registry.js";

const FIRST = 300;
const MORE = 1000;
const PAGES = 8; // of a thousand events
const MOST = 40000; // events that are loaded unasked; each is a kilobyte or two
const KEPT = 60000; // and that are kept of those that come: a page may be open for weeks

export class History {
  constructor(changed) {
    this.changed = changed;
    this.reset(0);
  }

  /** Begin anew: what was before `rev` is not known. */
  reset(rev) {
    this.commits = []; // oldest first: {rev, at, time, actor, reason, sort, apps, events}
    this.from = rev; // the rev after which they are all here
    this.oldest = 0;
    this.begun = false;
    this.loading = null;
    this.filling = false;
    this.events = 0;
    this.version = (this.version ?? 0) + 1;
    this.epoch = this.version;
    this.of_apps = new Map(); // app -> the commits that changed it
    this.unexplained = 0;
  }

  /** An event of the stream. */
  take(event) {
    if (event.rev <= this.from) return;
    const last = this.commits.at(-1);
    this.events += 1;
    this.version += 1;
    if (last && last.rev === event.rev) {
      last.events.push(event);
      this.describe(last);
      return;
    }
    const [commit] = grouped([event]);
    commit.time = Math.max(commit.time, last?.time ?? 0);
    this.commits.push(commit);
    this.describe(commit);
    this.unexplained += 1;
    if (this.events > KEPT) this.forget();
  }

  /** Let the oldest go, many at a time. */
  forget() {
    let dropped = 0;
    while (this.events > MOST && dropped < this.commits.length - 1) this.events -= this.commits[dropped++].events.length;
    this.from = this.commits[dropped - 1].rev;
    this.index(this.commits.slice(dropped));
  }

  /** Have these commits, and no others. */
  index(commits) {
    this.commits = commits;
    this.of_apps = new Map();
    for (const commit of commits) this.describe(commit);
    this.version += 1;
  }

  describe(commit) {
    commit.sort = sort(commit);
    commit.apps = new Set(commit.events.map((event) => event.app).filter(Boolean));
    if (!CHANGED.has(commit.sort)) return;
    for (const app of commit.apps) {
      const own = this.of_apps.get(app);
      if (!own) this.of_apps.set(app, [commit]);
      else if (own.at(-1) !== commit) own.push(commit);
    }
  }

  /** Have the newest commits loaded, once. */
  begin() {
    if (this.begun) return;
    this.begun = true;
    this.more(FIRST);
  }

  get complete() {
    return this.begun && this.from <= this.oldest;
  }

  /** Load what was before. */
  more(count = MORE) {
    this.begun = true;
    this.loading ??= this.load(count)
      .then(() => true, () => false)
      .finally(() => {
        this.loading = null;
        this.changed();
      });
    return this.loading;
  }

  /** Load all there is, up to a bound: who drags along the axis goes anywhere. */
  async fill() {
    if (this.filling) return;
    this.filling = true;
    while (!this.complete && this.events < MOST && (await this.more()));
    this.filling = false;
  }

  async load(count) {
    const { epoch, from: upto } = this;
    const { body } = await call("GET", "/commits", { query: { to: upto, limit: count, include: "all" } });
    this.oldest = body.oldest_rev;
    const start = body.next === null || !body.items.length ? this.oldest : body.items.at(-1).rev - 1;
    const found = upto > start ? await between(start, upto) : [];
    if (found === null) return count > 1 ? this.load(Math.ceil(count / 4)) : undefined;
    const commits = grouped(found);
    await knowBefore(found, start, upto);
    if (this.from !== upto || epoch !== this.epoch) return undefined; // begun anew meanwhile
    tell(commits, body.items);
    this.from = start;
    this.events += found.length;
    this.index([...commits, ...this.commits]);
    return undefined;
  }

  /** Have it said why the commits were made that came by the stream, which does not tell. */
  async explain() {
    if (!this.unexplained || this.explaining) return;
    this.explaining = true;
    this.unexplained = 0;
    const from = Math.max(this.from, (this.commits.find((one) => one.reason === undefined)?.rev ?? 1) - 1);
    const said = await call("GET", "/commits", { query: { from, limit: 1000, include: "all" } }).catch(() => ({ body: { items: [] } }));
    for (const commit of tell(this.commits.slice(this.count("rev", from)), said.body.items)) commit.sort = sort(commit);
    this.version += 1;
    this.changed();
    setTimeout(() => { this.explaining = false; this.changed(); }, 3000);
  }

  /** How many of some commits have a value of at most this much. */
  count(key, value, commits = this.commits) {
    let low = 0;
    let high = commits.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (commits[middle][key] <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The newest commit at or before a time; null where none is known. */
  at(time) {
    return this.commits[this.count("time", time) - 1] ?? null;
  }

  before(rev) {
    return this.commits[this.count("rev", rev - 1) - 1] ?? null;
  }

  after(rev) {
    return this.commits[this.count("rev", rev)] ?? null;
  }

  of(rev) {
    return this.commits[this.count("rev", rev) - 1] ?? null;
  }

  /** The newest commit that changed an app at a rev (null: at all): what its instances do by themselves is none. */
  last(app, rev) {
    const own = this.of_apps.get(app);
    return (own && (rev === null ? own.at(-1) : own[this.count("rev", rev, own) - 1])) ?? null;
  }

  /** Whether the registry can be taken from the present to a rev along the commits that are here. */
  reaches(rev) {
    return rev >= this.from;
  }
}

/** The events after one rev, up to another; null where these are too many for one go. */
async function between(from, upto) {
  const found = [];
  let place = from;
  for (let page = 0; page < PAGES; page += 1) {
    const { body } = await call("GET", "/events/list", { query: { rev: place, limit: 1000 } });
    for (const event of body.items) if (event.rev <= upto) found.push(event);
    if (body.items.length < 1000 || body.items.at(-1).rev > upto) return found;
    place = body.next;
  }
  return null;
}

/** Give each event its object before it: what the event before has made of it, or what it was at the start. */
async function knowBefore(events, from, upto) {
  const known = new Map();
  const open = [];
  for (const event of events) {
    const kind = kindOf(event.type);
    if (!kind || !event.object) continue;
    const key = `${kind} ${keyOf(kind, event.object)}`;
    if (known.has(key)) event.before = known.get(key);
    else if (event.type.endsWith("-register")) event.before = null;
    else if (event.type.endsWith("-unregister")) event.before = event.object;
    else open.push([key, event]);
    known.set(key, event.type.endsWith("-unregister") ? null : event.object);
  }
  if (!open.length) return;
  const old = new Map();
  for (const { kind, before, after } of await items("/diff", { from: upto, to: from, include: "all", limit: 1000 })) {
    const one = after ?? before;
    if (!one.unreadable && keyOf(kind, one) !== undefined) old.set(`${kind} ${keyOf(kind, one)}`, after);
  }
  // What was changed and changed back is as it was.
  for (const [key, event] of open) event.before = old.has(key) ? old.get(key) : known.get(key);
}

/** Have commits know why and by which request they were made, which events do not tell. */
function tell(commits, listed) {
  const known = new Map(listed.map((one) => [one.rev, one]));
  for (const commit of commits) {
    commit.reason = known.get(commit.rev)?.reason ?? commit.reason ?? null;
    commit.request = known.get(commit.rev)?.request;
  }
  return commits;
}

/** Events by commit. Times only grow, as far as the axis is concerned. */
export function grouped(events) {
  const commits = [];
  for (const event of events) {
    const last = commits.at(-1);
    if (last && last.rev === event.rev) last.events.push(event);
    else commits.push({ rev: event.rev, at: event.at, time: Math.max(Date.parse(event.at), last?.time ?? 0), actor: event.actor, reason: undefined, events: [event] });
  }
  return commits;
}

const CHANGED = new Set(["change", "deploy", "revert"]);
const CHANGES = new Set(["scale-update", "app-update", "rev-update", "rev-register"]);

/** What a commit is, for its mark on the axis: failure, revert, deploy (another head), change, other. */
function sort({ events, request }) {
  let found = "other";
  for (const { type, before, object } of events) {
    if (type === "instance-fail" || type === "instance-lost") return "failure";
    if (type === "app-update" && before && before.head !== object.head) found = "deploy";
    else if (found === "other" && CHANGES.has(type)) found = "change";
  }
  return /^POST \/(revert|commits\/\d+\/undo)/.test(request ?? "") ? "revert" : found;
}
