// The registry as this page has it: objects by kind and key, and what follows from them.
import { number } from "./format.js";

const KEYS = {
  app: (o) => o.name,
  revision: (o) => `${o.app},${o.ref}`,
  envset: (o) => `${o.app},${o.ref}`,
  proctype: (o) => `${o.app},${o.name}`,
  scale: (o) => `${o.app},${o.proctype},${o.revision},${o.env ?? ""}`,
  instance: (o) => o.id,
  service: (o) => o.name,
  endpoint: (o) => `${o.service},${o.id}`,
  runner: (o) => o.addr,
  member: (o) => `${o.kind},${o.addr}`,
};

// What events call a kind, before the dash.
const OF_EVENT = { rev: "revision", env: "envset", proc: "proctype" };

export const STATUSES = ["running", "stopping", "claimed", "pending", "failed", "lost", "exited"];
export const SCALED = new Set(["pending", "claimed", "running"]);
export const ACTIVE = new Set(["pending", "claimed", "running", "stopping"]);

/** The kind that an event is of; undefined for one that a later Visor sends. */
export function kindOf(type) {
  const word = type.slice(0, type.indexOf("-"));
  const kind = OF_EVENT[word] || word;
  return KEYS[kind] ? kind : undefined;
}

/** What names an object among those of its kind; undefined for a kind that a later Visor has. */
export const keyOf = (kind, object) => KEYS[kind]?.(object);

/** What the pages need of all instances. Of one that is looked at the rest is asked for. */
export const INSTANCE_FIELDS = ["rev", "id", "app", "revision", "proctype", "env", "status", "host", "port", "restarts", "lock", "reason", "updated_at", "ended_at"];

/** Whether all of an instance is here, and not only those fields. */
export const whole = (instance) => instance.claims !== undefined;

/** The objects that an event of a snapshot has: one, or many as rows. */
export function objectsOf({ type, object, fields, rows }) {
  if (type === "snapshot") return [object];
  return rows.map((row) => {
    const made = {};
    for (let at = 0; at < fields.length; at += 1) made[fields[at]] = row[at];
    return made;
  });
}

export const inSnapshot = (event) => event.type === "snapshot" || event.type === "snapshot-rows";

export class Registry {
  constructor(rev = 0) {
    this.rev = rev;
    this.at = null;
    this.version = 0;
    this.kinds = {};
    for (const kind of Object.keys(KEYS)) this.kinds[kind] = new Map();
    this.kept = {};
  }

  copy() {
    const made = new Registry(this.rev);
    made.at = this.at;
    for (const [kind, objects] of Object.entries(this.kinds)) made.kinds[kind] = new Map(objects);
    return made;
  }

  put(kind, object) {
    if (!KEYS[kind]) return;
    this.kinds[kind].set(KEYS[kind](object), object);
    this.version += 1;
  }

  remove(kind, object) {
    if (!KEYS[kind]) return;
    this.kinds[kind].delete(KEYS[kind](object));
    this.version += 1;
  }

  /** An event, or objects of the snapshot that a stream begins with. */
  apply(event) {
    if (inSnapshot(event)) return objectsOf(event).forEach((object) => this.put(event.kind, object));
    if (event.rev > this.rev) this.rev = event.rev;
    if (event.at) this.at = event.at;
    const kind = kindOf(event.type);
    if (!kind || !event.object) return undefined;
    event.before = this.kinds[kind].get(KEYS[kind](event.object)) ?? null;
    return event.type.endsWith("-unregister") ? this.remove(kind, event.object) : this.put(kind, event.object);
  }

  /** Have an event done, or undone, whose object before it is known. */
  turn(event, back = false) {
    const kind = kindOf(event.type);
    if (!kind || !event.object) return;
    const after = event.type.endsWith("-unregister") ? null : event.object;
    const state = back ? event.before : after;
    if (state) this.put(kind, state);
    else this.remove(kind, event.object);
  }

  get(kind, key) {
    return this.kinds[kind].get(key);
  }

  all(kind) {
    return [...this.kinds[kind].values()];
  }

  /** What `make` makes of the registry as it is; made anew when something has changed. */
  derived(name, make) {
    const kept = this.kept[name];
    if (kept && kept.version === this.version) return kept.value;
    const value = make(this);
    this.kept[name] = { version: this.version, value };
    return value;
  }
}

const none = () => Object.fromEntries(STATUSES.map((status) => [status, 0]));

function group(map, key, make) {
  let found = map.get(key);
  if (!found) map.set(key, (found = make()));
  return found;
}

/** Instances by app, proctype and host, counted by status, in one pass. */
export function summary(registry) {
  return registry.derived("summary", () => {
    const apps = new Map();
    const hosts = new Map();
    for (const app of registry.kinds.app.values()) {
      apps.set(app.name, { name: app.name, app, counts: none(), target: 0, proctypes: new Map(), instances: [] });
    }
    for (const proctype of registry.kinds.proctype.values()) {
      const of = apps.get(proctype.app);
      if (of) of.proctypes.set(proctype.name, { proctype, groups: new Map() });
    }
    const groupOf = (of, name, revision, env) => {
      const proctype = group(of.proctypes, name, () => ({ proctype: null, groups: new Map() }));
      const make = () => ({ revision, env, target: null, counts: none(), instances: [] });
      return group(proctype.groups, `${revision},${env ?? ""}`, make);
    };
    for (const scale of registry.kinds.scale.values()) {
      const of = apps.get(scale.app);
      if (!of) continue;
      of.target += scale.target;
      groupOf(of, scale.proctype, scale.revision, scale.env).target = scale.target;
    }
    for (const instance of registry.kinds.instance.values()) {
      const of = apps.get(instance.app);
      if (of) {
        of.counts[instance.status] += 1;
        of.instances.push(instance);
        const one = groupOf(of, instance.proctype, instance.revision, instance.env);
        one.counts[instance.status] += 1;
        one.instances.push(instance);
      }
      if (instance.host) {
        const host = group(hosts, instance.host, () => ({ name: instance.host, counts: none(), instances: [] }));
        host.counts[instance.status] += 1;
        host.instances.push(instance);
      }
    }
    return { apps, hosts };
  });
}

const HOUR = 3600e3;
const LATE = 60e3;

/** What somebody should look at, at a moment: the worst first. */
export function needs(registry, now) {
  const found = [];
  const { apps, hosts } = summary(registry);
  for (const of of apps.values()) {
    for (const [name, proctype] of of.proctypes) {
      for (const one of proctype.groups.values()) tell(found, of, name, one, now);
    }
  }
  for (const host of hosts.values()) {
    const lost = host.instances.filter((i) => i.status === "lost" && now - Date.parse(i.ended_at) < HOUR);
    if (lost.length) {
      found.push({
        kind: "silent",
        href: `#/hosts/${encodeURIComponent(host.name)}`,
        title: host.name,
        text: `${count(lost.length, "instance")} lost in the last hour`,
        weight: 4e6 + lost.length,
      });
    }
  }
  return found.sort((a, b) => b.weight - a.weight);
}

function tell(found, of, name, one, now) {
  const href = `#/apps/${encodeURIComponent(of.name)}`;
  const title = `${of.name} ${name}`;
  const failed = one.instances.filter((i) => i.status === "failed" && now - Date.parse(i.ended_at) < HOUR);
  if (failed.length) {
    const last = failed.reduce((a, b) => (a.ended_at > b.ended_at ? a : b));
    const text = `${failed.length} failed in the last hour: ${last.reason || "no reason given"}`;
    found.push({ kind: "failed", href, title, text, weight: 3e6 + failed.length });
  }
  const late = one.instances.filter((i) => i.status === "pending" && now - Date.parse(i.updated_at) > LATE);
  if (late.length) {
    const text = `${late.length} pending for over 60 s: no host takes ${late.length === 1 ? "it" : "them"}`;
    found.push({ kind: "pending", href, title, text, weight: 2e6 + late.length });
  }
  const missing = (one.target ?? 0) - one.counts.running - one.counts.claimed - one.counts.pending;
  if (missing > 0) {
    const text = `${one.counts.running} of ${one.target} run at ${one.revision}, and nothing is on its way`;
    found.push({ kind: "below", href, title, text, weight: 1e6 + missing });
  }
}

export const count = (amount, word) => `${number(amount)} ${word}${amount === 1 ? "" : "s"}`;
