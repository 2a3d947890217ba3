// Services, the platform's own parts, and the store.
import { html, useEffect, useState } from "../html.js";
import { BASE, call } from "../api.js";
import { A, Empty, Table } from "../parts.js";
import { count } from "../registry.js";
import { ago, byName, clock, number } from "../format.js";
import { maySee, now, shown, state } from "../state.js";

function byService(endpoints) {
  const groups = new Map();
  for (const one of endpoints) groups.get(one.service)?.push(one) ?? groups.set(one.service, [one]);
  return groups;
}

export function Services({ registry = shown() }) {
  const services = registry.all("service").sort((a, b) => byName(a.name, b.name));
  const endpoints = registry.derived("endpoints", () => byService(registry.all("endpoint")));
  return html`<h1>Services <small>${services.length}</small></h1>
    ${services.length === 0 && html`<${Empty}>No service is registered. <code>POST /services</code> registers one.</${Empty}>`}
    ${services.map((service) => {
      const own = endpoints.get(service.name) || [];
      return html`<section key=${service.name}><h2>${service.name} <small>${count(own.length, "endpoint")}</small></h2>${own.length > 0 && html`<${Table} label=${`Endpoints of ${service.name}`} columns=${["Address", { name: "IP", class: "minor" }, { name: "Port", class: "number" }, { name: "Priority", class: "number" }, { name: "Weight", class: "number" }, "Since"]}>
        ${own.map((one) => html`<tr key=${one.id}><th scope="row" class="ref">${one.addr}</th><td class="ref minor">${one.ip}</td><td class="number">${one.port}</td><td class="number">${one.priority}</td><td class="number">${one.weight}</td><td class="when">${ago(one.created_at, now())}</td></tr>`)}</${Table}>`}</section>`;
    })}`;
}

const KINDS = { pms: "Process managers", proxies: "Proxies", loggers: "Loggers" };

export function Members() {
  const registry = shown();
  const members = registry.all("member");
  const runners = registry.all("runner").sort((a, b) => byName(a.addr, b.addr));
  if (!maySee.platform()) return html`<h1>Members</h1><${Empty}>Your token does not show the platform's own parts.</${Empty}>`;
  return html`<h1>Members</h1>${Object.entries(KINDS).map(([kind, title]) => {
    const own = members.filter((one) => one.kind === kind).sort((a, b) => byName(a.addr, b.addr));
    return html`<section key=${kind}><h2>${title} <small>${own.length}</small></h2>${own.length === 0 ? html`<${Empty}>None is registered.</${Empty}>` : html`<${Table} label=${title} columns=${["Address", "Version", "Lives by", "Since"]}>
      ${own.map((one) => html`<tr key=${one.addr}><th scope="row" class="ref">${one.addr}</th><td>${one.version ?? ""}</td><td>${one.ttl ? `a lease of ${one.ttl} s` : ""}</td><td class="when">${ago(one.created_at, now())}</td></tr>`)}</${Table}>`}</section>`;
  })}
  <section><h2>Runners <small>${runners.length}</small></h2>${runners.length === 0 ? html`<${Empty}>None is registered.</${Empty}>` : html`<${Table} label="Runners" columns=${["Address", "Host", { name: "Instance", class: "number" }]}>
    ${runners.map((one) => html`<tr key=${one.addr}><th scope="row" class="ref">${one.addr}</th><td>${one.host}</td><td class="number"><${A} to=${`/instances/${one.instance_id}`}>${one.instance_id}</${A}></td></tr>`)}</${Table}>`}</section>`;
}

function figures(text) {
  const found = {};
  for (const line of text.split("\n")) {
    const match = /^(visor_[a-z_]+)(?:\{([^}]*)\})? ([0-9.e+-]+)$/.exec(line);
    if (match) found[match[1]] = match[2]?.includes("version") ? match[2].replace(/.*version="([^"]*)".*/, "$1") : Number(match[3]);
  }
  return found;
}

const size = (bytes) => (bytes === undefined ? "–" : bytes < 1e6 ? `${number(Math.round(bytes / 1e3))} KB` : `${number(Math.round(bytes / 1e5) / 10)} MB`);

/** What the service says of itself, asked every few seconds. Of the present, whatever moment is shown. */
function useFigures() {
  const [said, set] = useState(null);
  useEffect(() => {
    const look = async () => {
      const [rev, schema, text, ready] = await Promise.all([
        call("GET", "/rev").catch(() => null),
        call("GET", "/schema").catch(() => null),
        fetch(new URL("metrics", BASE)).then((answer) => (answer.ok ? answer.text() : "")).catch(() => ""),
        fetch(new URL("readyz", BASE)).then((answer) => answer.json()).catch(() => ({ detail: "It does not answer." })),
      ]);
      set({ rev: rev?.body, schema: schema?.body, figures: figures(text), ready, allowed: text !== "" });
    };
    look();
    const timer = setInterval(look, 5000);
    return () => clearInterval(timer);
  }, []);
  return said;
}

export function Store() {
  const said = useFigures();
  if (!said) return html`<h1>Store</h1><p class="empty" role="status">Looking…</p>`;
  const f = said.figures;
  const fact = (name, value) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  const figure = (name) => (f[name] === undefined ? "–" : number(f[name]));
  return html`<h1>Store${state.place.rev !== null && html` <small>as it is now, not at rev ${number(state.place.rev)}</small>`}</h1><dl class="facts">
    ${fact("State", said.ready.status === "ok" ? "ready" : said.ready.detail)}
    ${fact("Rev", said.rev ? number(said.rev.rev) : "–")}${fact("Last commit", said.rev?.at ? clock(said.rev.at) : "–")}
    ${fact("Oldest rev", said.rev ? number(said.rev.oldest_rev) : "–")}${fact("Schema", said.schema ? said.schema.version : "–")}
    ${said.allowed && html`${fact("Revs that can be read", figure("visor_store_history_revs"))}
    ${fact("History kept", size(f.visor_store_history_bytes))}${fact("In memory", size(f.visor_store_held_bytes))}${fact("Keys", figure("visor_store_keys"))}
    ${fact("Subscribers", figure("visor_subscribers"))}${fact("Requests waiting", figure("visor_http_requests_waiting"))}
    ${fact("Unreadable keys", figure("visor_store_unreadable"))}${fact("Version", f.visor_build_info ?? "–")}`}</dl>
    ${said.allowed ? html`<p><a href=${new URL("docs", BASE).href}>The API</a> · <a href=${new URL("metrics", BASE).href}>Metrics</a> · <a href=${new URL("problems", BASE).href}>What errors mean</a></p>`
      : maySee.all() ? html`<p class="notice bad" role="status">The service's figures do not come.</p>`
      : html`<p class="empty">Size, subscribers and version are shown to operators, auditors and admins. <a href=${new URL("problems", BASE).href}>What errors mean</a></p>`}`;
}
