// What somebody should look at, then all apps.
import { html } from "../html.js";
import { A, Bar, Empty, Kept, Of, Table } from "../parts.js";
import { count, needs, summary } from "../registry.js";
import { ago, byName, number } from "../format.js";
import { changedAt, maySee, now, redraw, shown, state } from "../state.js";

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

function Row({ of, last, since }) {
  const { app, counts, target, name } = of;
  return html`<tr><th scope="row"><${A} to=${`/apps/${encodeURIComponent(name)}`}>${name}</${A}></th>
    <td class="ref minor">${app.head ?? "–"}</td>
    <td class="wide"><${Bar} counts=${counts} target=${target} /></td>
    <td class="number"><${Of} counts=${counts} target=${target} /></td>
    <td class="number ${counts.failed ? "bad" : ""}">${counts.failed || ""}</td>
    <td class="when minor">${since}</td><td class="minor">${last?.actor ?? ""}</td></tr>`;
}

const FIRST = 40; // rows: more than a screen has
let all = false;

/** What is on the screen is drawn first, and the rest right after it: hundreds of rows take longer than all before them. */
function drawAll() {
  requestAnimationFrame(() => setTimeout(() => {
    all = true;
    redraw();
  }));
}

let kept = { text: null, names: [] };

/** The apps in the order of their names, which costs more than to see that the names are the same. */
function named(apps) {
  const text = [...apps.keys()].join();
  if (kept.text !== text) kept = { text, names: [...apps.keys()].sort(byName) };
  return kept.names.map((name) => apps.get(name));
}

export function Overview() {
  const registry = shown();
  const moment = now();
  const { apps, hosts } = summary(registry);
  const order = registry.derived("order of apps", () => {
    const worst = new Set(needs(registry, moment).map((one) => one.title.split(" ")[0]));
    const sorted = named(apps);
    return worst.size ? [...sorted.filter((of) => worst.has(of.name)), ...sorted.filter((of) => !worst.has(of.name))] : sorted;
  });
  if (!all && order.length > FIRST) drawAll();
  const lastOf = (name) => state.history.last(name, state.place.rev);
  return html`<${Needs} registry=${registry} moment=${moment} />
  <section><h2>Apps <small>${count(apps.size, "app")}, ${count(registry.kinds.instance.size, "instance")}, ${count(hosts.size, "host")}</small></h2>
    ${apps.size === 0 && !maySee.all() ? html`<${Empty}>Your token shows no app.</${Empty}>` : apps.size === 0 ? html`<${Empty}>No app is registered. <code>POST /apps</code> registers one; <code>visor demo</code> shows a whole platform.</${Empty}>` : html`
    <${Table} label="Apps" kind="apps" columns=${[{ name: "App", class: "name" }, { name: "Head", class: "head minor" }, { name: "Instances", class: "wide" }, { name: "Run / target", class: "number" }, { name: "Failed", class: "number" }, { name: "Changed", class: "since minor" }, { name: "By", class: "by minor" }]}>
      ${(all ? order : order.slice(0, FIRST)).map((of) => {
        const last = lastOf(of.name);
        const since = ago(last?.at ?? changedAt(of.app), moment);
        return html`<${Kept} key=${of.name} mark=${`${of.app.head} ${Object.values(of.counts)} ${of.target} ${last?.rev} ${since}`}
          draw=${() => html`<${Row} of=${of} last=${last} since=${since} />`} />`;
      })}
    </${Table}>`}
  </section>`;
}
