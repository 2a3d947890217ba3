// Commits: who changed what, when and why; those of one person in one minute stand together.
import { html, useEffect, useState } from "../html.js";
import { call } from "../api.js";
import { Empty } from "../parts.js";
import { clock, number } from "../format.js";
import { listed, told } from "../told.js";
import { here, link, maySee, redraw, reviewed, state, undoable } from "../state.js";
import { ask } from "../write.js";
import { Objects } from "./diff.js";

const PAGE = 100;
const minuteOf = (commit) => commit.at.slice(0, 16);

/** Commits of the same actor in the same minute, newest first. */
export function folded(commits) {
  const groups = [];
  for (const commit of commits) {
    const last = groups.at(-1);
    if (last && last.actor === commit.actor && last.minute === minuteOf(commit)) last.commits.push(commit);
    else groups.push({ actor: commit.actor, minute: minuteOf(commit), commits: [commit] });
  }
  return groups;
}

function planned(plan) {
  if (!plan.changes.length) return html`<p class="empty">It is as it was: nothing would change. What was set as a secret is not taken back: its value is kept nowhere else.</p>`;
  const { start, stop } = plan.counts;
  return html`<${Objects} items=${plan.changes} />
    ${(start > 0 || stop > 0) && html`<p class="notice">${start > 0 && `${number(start)} instances would be started. `}${stop > 0 && `${number(stop)} instances would be stopped.`}</p>`}
    ${plan.undoes.length > 1 && html`<p class="empty">This takes back what was changed by the commits ${plan.undoes.map(number).join(", ")}.</p>`}
    ${plan.warnings.map((text) => html`<p class="notice">${text}</p>`)}`;
}

/** Take an app back to how it was at a rev: code and configuration together; instances live on. */
function back(path, rev) {
  ask({
    title: `Take ${path} back to rev ${number(rev)}`, verb: "Take it back", method: "POST", path: "/revert", planned, whole: true,
    conflicts: (detail) => detail.replace("say `delete: true`", "tick the box above"),
    fields: [
      { name: "scale", label: "The counts too: instances are started and stopped", type: "checkbox" },
      { name: "delete", label: "Remove what was registered since", type: "checkbox" },
    ],
    body: (values) => ({ path, to_rev: rev, ...(values.scale && { scale: true }), ...(values.delete && { delete: true }) }),
  });
}

/** Take back what one commit has changed, and nothing that others have changed since. */
function undo(commit) {
  ask({
    title: `Undo rev ${number(commit.rev)}`, verb: "Undo", method: "POST", path: `/commits/${commit.rev}/undo`, planned, whole: true, body: {},
    detail: html`<p class="empty">${commit.actor}, ${clock(commit.at)}: ${commit.summary ?? told(commit)}</p>`,
  });
}

function One({ commit, path, revert }) {
  return html`<li class=${commit.sort}><time>${clock(commit.at, false)}</time> <a class="rev" href=${link(path, commit.rev)} title="Show this moment">${number(commit.rev)}</a>
    <span class="told">${commit.summary ?? told(commit)}${commit.reason && html` <q>${commit.reason}</q>`}</span>
    <span class="acts"><a class="small" href=${link("/diff", commit.rev, { from: Math.max(0, commit.rev - 1) })}>diff<span class="hidden"> of rev ${commit.rev}</span></a>
    ${undoable(commit) && html`<button type="button" class="plain small" aria-label=${`undo rev ${commit.rev}`} onClick=${() => undo(commit)}>undo</button>`}
    ${revert && html`<button type="button" class="plain small" aria-label=${`back to here, rev ${commit.rev}`} onClick=${() => back(revert, commit.rev)}>back to here</button>`}</span></li>`;
}

function Group({ group, path, revert }) {
  const [open, set] = useState(false);
  const { commits, actor } = group;
  const few = commits.length <= 3 || open;
  return html`<li class="fold"><p><b>${actor}</b> <time>${clock(commits[0].at).slice(0, 16)}</time>${commits.length > 1 && html` <small>${commits.length} commits</small>`}</p>
    <ul>${(few ? commits : commits.slice(0, 2)).map((commit) => html`<${One} key=${commit.rev} commit=${commit} path=${path} revert=${revert} />`)}
    ${!few && html`<li class="rest"><button type="button" class="plain" onClick=${() => set(true)}>and ${commits.length - 2} more</button></li>`}</ul></li>`;
}

const Folded = ({ commits, path, revert }) => html`<ul class="commits">${folded(commits).map((group) => html`<${Group} key=${`${group.commits.at(-1).rev}`} group=${group} path=${path} revert=${revert} />`)}</ul>`;

/** The commits of the history that fit, as far as it is loaded; more of it is loaded when somebody asks for it. */
export function Commits({ filter, of, back = here(), revert = null }) {
  const [length, set] = useState(PAGE);
  const { history } = state;
  history.begin();
  history.explain();
  const { rev } = state.place;
  const known = [];
  for (let place = rev === null ? history.commits.length : history.count("rev", rev); place > 0 && known.length <= length; place -= 1) {
    if (filter(history.commits[place - 1])) known.push(history.commits[place - 1]);
  }
  const more = known.length > length;
  return html`${known.length === 0 && html`<${Empty}>${history.loading ? "Looking…" : `No commit of ${of} is known${history.complete ? "" : " so far"}.`}</${Empty}>`}
    <${Folded} commits=${known.slice(0, length)} path=${back} revert=${revert} />
    <div class="actions">${more && html`<button type="button" onClick=${() => set(length + PAGE)}>Show more</button>`}
      ${!more && !history.complete && html`<button type="button" disabled=${!!history.loading} onClick=${() => { history.more(); redraw(); }}>Load older ones</button>`}</div>`;
}

const CHANGES = new Set(["change", "deploy", "revert"]);
const KINDS = {
  everything: () => true, changes: (c) => CHANGES.has(c.sort), deploys: (c) => c.sort === "deploy",
  reverts: (c) => c.sort === "revert", failures: (c) => c.sort === "failure",
};

const time = (local) => new Date(local).toISOString();
const utc = (local) => Number.isFinite(Date.parse(local));

/** What the service is asked for; null where the loaded history will do. */
function asked({ by, path, type, since, until }, rev) {
  const query = {};
  if (by) query.actor = by;
  if (path) query.path = path.startsWith("/") ? path : `/${path}`;
  if (type) query.type = type;
  if (utc(since)) query.from_at = time(since);
  if (utc(until)) query.to_at = time(until);
  if (!Object.keys(query).length) return null;
  // An end by its rev and one by its time are two ways to say the same.
  if (rev !== null && !query.to_at) query.to = rev;
  return { ...query, limit: PAGE };
}

/** A commit of a list: with its events, where these are loaded. */
function commitOf(item) {
  const known = state.history.of(item.rev);
  if (known?.rev === item.rev) return Object.assign(known, { reason: item.reason });
  return { ...item, sort: "other", events: [], apps: new Set(item.changes.map(({ path }) => path.split("/")).filter((parts) => parts[1] === "apps").map((parts) => decodeURIComponent(parts[2]))), summary: listed(item) };
}

/** Commits that the service has looked for. */
function Found({ query, fits }) {
  const [said, set] = useState(null);
  const { rev } = state.place;
  // What happens now is looked for now and then.
  const beat = rev === null ? Math.floor(state.live.registry.rev / 1e15) + state.history.version : 0;
  const text = JSON.stringify(query);
  useEffect(() => {
    let over = false;
    const timer = setTimeout(() => {
      call("GET", "/commits", { query }).then(({ body }) => !over && set({ items: body.items, next: body.next }), (error) => !over && set({ error }));
    }, said ? 400 : 150);
    return () => { over = true; clearTimeout(timer); };
  }, [text, beat]);
  const more = async () => {
    const { body } = await call("GET", "/commits", { query: { ...query, cursor: said.next } });
    set({ items: [...said.items, ...body.items], next: body.next });
  };
  if (said === null) return html`<p class="empty" role="status">Looking…</p>`;
  if (said.error) return html`<p class="notice bad" role="alert">${said.error.said?.errors?.map((one) => `${one.loc?.at(-1)}: ${one.msg ?? one.detail}`).join("; ") || said.error.message}</p>`;
  const commits = said.items.map(commitOf).filter((commit) => (rev === null || commit.rev <= rev) && fits(commit));
  return html`${commits.length === 0 && html`<${Empty}>No commit fits${said.next ? " so far" : ""}.</${Empty}>`}
    <${Folded} commits=${commits} path="/log" revert=${null} />
    ${said.next && html`<div class="actions"><button type="button" onClick=${more}>Show more</button></div>`}`;
}

const TYPES = ["app-*", "app-register", "app-update", "app-unregister", "rev-*", "env-*", "proc-*", "scale-update", "instance-*", "instance-claim", "instance-start", "instance-fail", "instance-lost", "instance-restart", "service-*", "endpoint-*", "member-*", "runner-*"];

export function Log() {
  const { params, rev } = state.place;
  const filters = Object.fromEntries(["what", "by", "path", "type", "since", "until", "words"].map((name) => [name, params.get(name) ?? ""]));
  const set = (name, value) => reviewed({ [name]: value });
  const kind = KINDS[filters.what] ?? KINDS.everything;
  const words = filters.words.toLowerCase();
  const fits = (commit) => kind(commit) && (!words || `${commit.summary ?? told(commit)} ${commit.reason ?? ""}`.toLowerCase().includes(words));
  const query = asked(filters, rev);
  const actors = [...new Set(state.history.commits.map((commit) => commit.actor))].sort();
  const field = (name, label, more) => html`<label>${label} <input value=${filters[name]} onChange=${(e) => set(name, e.target.value)} ...${more} /></label>`;
  const some = Object.values(filters).some(Boolean);
  return html`<h1>Log</h1><form class="filters" role="search" aria-label="Filters of the log" onSubmit=${(e) => e.preventDefault()}>
    <label>What <select value=${filters.what || "everything"} onChange=${(e) => set("what", e.target.value === "everything" ? "" : e.target.value)}>${Object.keys(KINDS).map((name) => html`<option value=${name}>${name}</option>`)}</select></label>
    ${field("by", "By", { list: "actors", placeholder: "anybody" })}<datalist id="actors">${actors.map((actor) => html`<option value=${actor} />`)}</datalist>
    ${field("path", "At", { placeholder: "/apps/name", list: "paths" })}<datalist id="paths">${[...state.live.registry.kinds.app.keys()].map((name) => html`<option value=${`/apps/${name}`} />`)}</datalist>
    <label>Event <select value=${filters.type} onChange=${(e) => set("type", e.target.value)}><option value="">any</option>${TYPES.map((type) => html`<option value=${type}>${type}</option>`)}</select></label>
    ${field("since", "After", { type: "datetime-local", step: 1 })}${field("until", "Up to", { type: "datetime-local", step: 1 })}
    <label>With <input value=${filters.words} placeholder="words" onInput=${(e) => set("words", e.target.value)} /></label>
    ${some && html`<button type="button" class="plain" onClick=${() => reviewed(Object.fromEntries(Object.keys(filters).map((name) => [name, ""])))}>Clear</button>`}</form>
    ${query ? html`<${Found} query=${query} fits=${fits} />` : html`<${Commits} filter=${fits} of="this kind" back="/log" />`}
    ${!maySee.all() && html`<p class="empty">Only what your token may see is listed.</p>`}`;
}
