// Commits: who changed what, and when; those of one person in one minute stand together.
import { html, useState } from "../html.js";
import { Empty } from "../parts.js";
import { clock, number } from "../format.js";
import { sort, told } from "../history.js";
import { here, link, redraw, state } from "../state.js";
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

/** Take an app back to how it was at a rev: code and configuration together; instances live on. */
function back(path, rev) {
  const planned = (plan) => (plan.changes.length ? html`<${Objects} items=${plan.changes} />` : html`<p class="empty">It is as it was: nothing would change.</p>`);
  ask({ title: `Take ${path} back to rev ${rev}`, verb: "Take it back", method: "POST", path: "/revert", body: { path, to_rev: rev }, planned });
}

function One({ commit, path, revert }) {
  return html`<li class=${sort(commit)}><time>${clock(commit.at, false)}</time> <a class="rev" href=${link(path, commit.rev)} title="Show this moment">${number(commit.rev)}</a>
    <span class="told">${told(commit)}</span>${commit.reason && html`<q>${commit.reason}</q>`}
    <a class="small" href=${link("/diff", commit.rev, { from: Math.max(0, commit.rev - 1) })}>diff<span class="hidden"> of rev ${commit.rev}</span></a>
    ${revert && html`<button type="button" class="plain small" aria-label=${`back to here, rev ${commit.rev}`} onClick=${() => back(revert, commit.rev)}>back to here</button>`}</li>`;
}

function Group({ group, path, revert }) {
  const [open, set] = useState(false);
  const { commits, actor } = group;
  const few = commits.length <= 3 || open;
  return html`<li class="fold"><p><b>${actor}</b> <time>${clock(commits[0].at).slice(0, 16)}</time>${commits.length > 1 && html` <small>${commits.length} commits</small>`}</p>
    <ul>${(few ? commits : commits.slice(0, 2)).map((commit) => html`<${One} key=${commit.rev} commit=${commit} path=${path} revert=${revert} />`)}
    ${!few && html`<li class="rest"><button type="button" class="plain" onClick=${() => set(true)}>and ${commits.length - 2} more</button></li>`}</ul></li>`;
}

export function Commits({ filter, of, back = here(), revert = null }) {
  const [length, set] = useState(PAGE);
  state.history.begin();
  const { rev } = state.place;
  const known = state.history.commits.filter((commit) => (rev === null || commit.rev <= rev) && filter(commit)).reverse();
  const more = known.length > length;
  return html`${known.length === 0 && html`<${Empty}>No commit of ${of} is known${state.history.complete ? "" : " so far"}.</${Empty}>`}
    <ul class="commits">${folded(known.slice(0, length)).map((group) => html`<${Group} key=${`${group.commits[0].rev}`} group=${group} path=${back} revert=${revert} />`)}</ul>
    <div class="actions">${more && html`<button type="button" onClick=${() => set(length + PAGE)}>Show more</button>`}
      ${!more && !state.history.complete && html`<button type="button" disabled=${!!state.history.loading} onClick=${() => { state.history.more(); redraw(); }}>Load older ones</button>`}</div>`;
}

const KINDS = { all: () => true, changes: (c) => sort(c) === "change", failures: (c) => sort(c) === "failure" };

export function Log() {
  const [filters, set] = useState({ kind: "all", actor: "", text: "" });
  const actors = [...new Set(state.history.commits.map((commit) => commit.actor))].sort();
  const filter = (commit) => KINDS[filters.kind](commit) && (!filters.actor || commit.actor === filters.actor)
    && (!filters.text || told(commit).toLowerCase().includes(filters.text.toLowerCase()));
  return html`<h1>Log</h1><div class="legend">
    <label>What <select value=${filters.kind} onChange=${(e) => set({ ...filters, kind: e.target.value })}>${Object.keys(KINDS).map((kind) => html`<option value=${kind}>${kind}</option>`)}</select></label>
    <label>By <select value=${filters.actor} onChange=${(e) => set({ ...filters, actor: e.target.value })}><option value="">anybody</option>${actors.map((actor) => html`<option value=${actor}>${actor}</option>`)}</select></label>
    <label>With <input value=${filters.text} placeholder="words" onInput=${(e) => set({ ...filters, text: e.target.value })} /></label></div>
    <${Commits} filter=${filter} of="this kind" back="/log" />`;
}
