// What a commit did, in words.

const TIMES = new Set(["rev", "created_rev", "created_at", "updated_at", "env", "secrets"]);
const prints = (secrets) => Object.fromEntries(Object.entries(secrets ?? {}).map(([name, one]) => [`secret ${name}`, one.fingerprint]));
const said = (value) => (value === undefined ? "nothing" : String(value ?? "none"));

/** What a change of an app has changed, field by field. */
function changes({ before, object }) {
  return [...fields(before, object, TIMES), ...fields(before.env, object.env, new Set()), ...fields(prints(before.secrets), prints(object.secrets), new Set())];
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
  if (!events.length) return "";
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
    case "app": {
      const made = what === "update" && event.before ? changes(event) : [];
      return made.length ? `app ${o.name}: ${made.join(", ")}` : `app ${o.name} ${done}`;
    }
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

const DONE = { create: "registered", update: "changed", delete: "removed", replace: "removed and registered anew" };

/** The same of a commit as a list of commits has it: by the paths that it changed. */
export function listed({ changes: made, total, request }) {
  if (!total) return request;
  const [{ path, action }] = made;
  return `${path} ${DONE[action] ?? action}${total > 1 ? ` and ${total - 1} more` : ""}`;
}
