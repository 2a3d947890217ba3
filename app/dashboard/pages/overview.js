// What somebody should look at, then all apps.
import { html } from "../html.js";
import { A, Bar, Empty, Kept, Of, Table } from "../parts.js";
import { count, needs, summary } from "../registry.js";
import { ago, byName, number } from "../format.js";
import { appsOf } from "../history.js";
import { changedAt, now, shown, state } from "../state.js";

const MOST = 12;
const KINDS = { failed: "failed", pending: "waits", below: "below target", silent: "lost" };

function Needs({ registry, moment }) {
  const found = needs(registry, moment);
  if (!found.length) return html`<section><h2>Needs you</h2><p class="well">Nothing. All that is to run runs.</p></section>`;
  return html`<section><h2>Needs you <small>${number(found.length)}</small></h2>
    <ul class="needs">${found.slice(0, MOST).map((one) => html`<li class=${one.kind}>
      <span class="tag">${KINDS[one.kind]}</span><${A} to=${one.href.slice(1)}>${one.title}</${A}> <span>${one.text}</span></li>`)}</ul>
    ${found.length > MOST && html`<p class="more">and ${count(found.length - MOST, "more app")}: they stand first in the list below</p>`}
  </section>`;
}

/** The newest commit of each app, among those that are known. */
function lastChanges() {
  const { commits } = state.history;
  const { rev } = state.place;
  const key = `${commits.length} ${commits.at(-1)?.rev} ${rev}`;
  if (lastChanges.key !== key) {
    const found = new Map();
    for (const commit of commits) {
      if (rev !== null && commit.rev > rev) break;
      for (const app of appsOf(commit)) found.set(app, commit);
    }
    Object.assign(lastChanges, { key, found });
  }
  return lastChanges.found;
}

function Row({ of, last, moment }) {
  const { app, counts, target, name } = of;
  const changed = last?.at ?? changedAt(app);
  return html`<tr><th scope="row"><${A} to=${`/apps/${encodeURIComponent(name)}`}>${name}</${A}></th>
    <td class="ref minor">${app.head ?? "–"}</td>
    <td class="wide"><${Bar} counts=${counts} target=${target} /></td>
    <td class="number"><${Of} counts=${counts} target=${target} /></td>
    <td class="number ${counts.failed ? "bad" : ""}">${counts.failed || ""}</td>
    <td class="when minor">${ago(changed, moment)}</td><td class="minor">${last?.actor ?? ""}</td></tr>`;
}

export function Overview() {
  const registry = shown();
  const moment = now();
  const { apps, hosts } = summary(registry);
  const last = lastChanges();
  const order = registry.derived("order of apps", () => {
    const worst = new Set(needs(registry, moment).map((one) => one.title.split(" ")[0]));
    return [...apps.values()].sort((a, b) => worst.has(b.name) - worst.has(a.name) || byName(a.name, b.name));
  });
  const minute = Math.floor(moment / 60e3);
  return html`<${Needs} registry=${registry} moment=${moment} />
  <section><h2>Apps <small>${count(apps.size, "app")}, ${count(registry.kinds.instance.size, "instance")}, ${count(hosts.size, "host")}</small></h2>
    ${apps.size === 0 ? html`<${Empty}>No app is registered. <code>POST /apps</code> registers one; <code>visor demo</code> shows a whole platform.</${Empty}>` : html`
    <${Table} label="Apps" columns=${["App", { name: "Head", class: "minor" }, { name: "Instances", class: "wide" }, { name: "Run / target", class: "number" }, { name: "Failed", class: "number" }, { name: "Changed", class: "minor" }, { name: "By", class: "minor" }]}>
      ${order.map((of) => html`<${Kept} key=${of.name} mark=${`${of.app.rev} ${Object.values(of.counts)} ${of.target} ${last.get(of.name)?.rev} ${minute} ${state.place.rev}`}
        draw=${() => html`<${Row} of=${of} last=${last.get(of.name)} moment=${moment} />`} />`)}
    </${Table}>`}
  </section>`;
}
