// A map of the hosts: a box a host, a cell an instance.
import { html, useState } from "../html.js";
import { A, Empty, Kept, Status, Table } from "../parts.js";
import { ACTIVE, STATUSES, count, summary } from "../registry.js";
import { ago, byName } from "../format.js";
import { now, shown } from "../state.js";

const COLOURS = 8;

function colour(revision) {
  let sum = 0;
  for (const char of revision) sum = (sum * 31 + char.codePointAt(0)) >>> 0;
  return `r${sum % COLOURS}`;
}

const LISTED = 8;

/** Which colour is which revision: of those that most instances have. */
function Legend({ registry }) {
  const found = registry.derived("revisions of hosts", () => {
    const counts = new Map();
    for (const { host, revision, status } of registry.kinds.instance.values()) if (host && status !== "exited") counts.set(revision, (counts.get(revision) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1] || byName(a[0], b[0]));
  });
  return html`${found.slice(0, LISTED).map(([revision, amount]) => html`<span class=${`status ${colour(revision)}`} key=${revision}><i aria-hidden="true"></i><span class="ref">${revision}</span> ${amount}</span>`)}
    ${found.length > LISTED && html`<small>and ${found.length - LISTED} more</small>`}`;
}

function Box({ host, by }) {
  const there = host.instances.filter((one) => ACTIVE.has(one.status) || one.status !== "exited");
  const text = STATUSES.filter((status) => host.counts[status]).map((status) => `${host.counts[status]} ${status}`).join(", ");
  return html`<li class="box"><${A} to=${`/hosts/${encodeURIComponent(host.name)}`}><b>${host.name}</b> <span class="hidden">${text}</span></${A}>
    <span class="cells" aria-hidden="true">${there.map((one) => html`<i class=${by === "status" ? one.status : colour(one.revision)} title=${`${one.id} ${one.app} ${one.proctype} ${one.revision}: ${one.status}`}></i>`)}</span></li>`;
}

export function Hosts() {
  const [by, set] = useState("status");
  const registry = shown();
  const hosts = [...summary(registry).hosts.values()].sort((a, b) => byName(a.name, b.name));
  const waiting = registry.derived("waiting", () => registry.all("instance").filter((one) => one.status === "pending").length);
  return html`<h1>Hosts <small>${count(hosts.length, "host")}${waiting ? `, ${count(waiting, "instance")} without one` : ""}</small></h1>
    <div class="legend"><label>Colour by <select value=${by} onChange=${(e) => set(e.target.value)}><option value="status">status</option><option value="revision">revision</option></select></label>
      ${by === "status" && STATUSES.map((status) => html`<${Status} status=${status} />`)}${by === "revision" && html`<${Legend} registry=${registry} />`}</div>
    ${hosts.length === 0 ? html`<${Empty}>No host holds an instance. One is shown here from the first instance that it claims.</${Empty}>` : html`<ul class="map">
      ${hosts.map((host) => html`<${Kept} key=${host.name} mark=${`${by} ${host.instances.map((one) => `${one.id}${one.status}`).join()}`} draw=${() => html`<${Box} host=${host} by=${by} />`} />`)}</ul>`}`;
}

export function Host({ name }) {
  const host = summary(shown()).hosts.get(name);
  return html`<h1>${name}</h1>${!host ? html`<${Empty}>It holds no instance at this moment.</${Empty}>` : html`
    <${Table} label="Instances" columns=${[{ name: "Instance", class: "number" }, "App", "Proctype", "Revision", "Status", { name: "Port", class: "minor number" }, { name: "Since", class: "minor" }]}>
      ${[...host.instances].sort((a, b) => b.id - a.id).map((one) => html`<tr key=${one.id}><th scope="row" class="number"><${A} to=${`/instances/${one.id}`}>${one.id}</${A}></th>
        <td><${A} to=${`/apps/${encodeURIComponent(one.app)}`}>${one.app}</${A}></td><td>${one.proctype}</td><td class="ref">${one.revision}</td><td><${Status} status=${one.status} /></td><td class="number minor">${one.port ?? ""}</td><td class="when minor">${ago(one.updated_at, now())}</td></tr>`)}
    </${Table}>`}`;
}
