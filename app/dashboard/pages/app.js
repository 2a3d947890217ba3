// One app: its processes, variables, revisions and history.
import { html } from "../html.js";
import { A, Bar, Empty, Of, Status, Table } from "../parts.js";
import { ACTIVE, summary } from "../registry.js";
import { ago, byName, clock } from "../format.js";
import { ask } from "../write.js";
import { changedAt, here, maySee, now, shown, state, writable } from "../state.js";
import { Commits } from "./log.js";
import { Secrets } from "./secrets.js";
import { Variables } from "./variables.js";

const MOST = 60;

export function App({ name }) {
  const registry = shown();
  const of = summary(registry).apps.get(name);
  if (!of) return html`<h1>${name}</h1><${Empty}>There is no app ${name} at this moment${maySee.all() ? "" : ", or your token does not show it"}.</${Empty}>`;
  const { app } = of;
  const path = `/apps/${encodeURIComponent(name)}`;
  return html`<h1>${name} <${Bar} counts=${of.counts} target=${of.target} /></h1>
    <dl class="facts"><div><dt>Head</dt><dd class="ref">${app.head ?? "none"}</dd></div><div><dt>Running</dt><dd><${Of} counts=${of.counts} target=${of.target} /></dd></div>
      <div><dt>Stack</dt><dd>${app.stack}</dd></div><div><dt>Deployed as</dt><dd>${app.deploy_type}</dd></div>
      <div><dt>Source</dt><dd class="ref">${app.repo_url}</dd></div><div><dt>Changed</dt><dd title=${clock(changedAt(app))}>${ago(changedAt(app), now())}</dd></div></dl>
    <${Processes} of=${of} path=${path} />
    <${Variables} key=${here()} app=${app} path=${path} />
    <${Secrets} app=${app} path=${path} />
    <${Revisions} registry=${registry} of=${of} path=${path} />
    <${EnvSets} registry=${registry} name=${name} />
    <section><h2>History</h2><${Commits} filter=${(commit) => commit.apps.has(name)} of=${`app ${name}`} back=${path} revert=${writable(name) ? path : null} /></section>`;
}

function scaled(path, proctype, one) {
  const at = `${path}/proctypes/${proctype}/scale`;
  ask({
    title: `Scale ${proctype} at ${one.revision}`,
    verb: "Scale",
    method: "PUT",
    path: at,
    fields: [{ name: "count", label: "Instances", type: "number", min: 0, max: 10000, value: String(one.target ?? one.counts.running) }],
    body: (values) => ({ revision: one.revision, env: one.env || null, count: Number(values.count) }),
  });
}

function Processes({ of, path }) {
  const names = [...of.proctypes.keys()].sort(byName);
  return html`<section><h2>Processes</h2>
    ${names.length === 0 && html`<${Empty}>No process type is registered.</${Empty}>`}
    ${names.map((name) => {
      const { proctype, groups } = of.proctypes.get(name);
      const shownGroups = [...groups.values()].filter((one) => one.target || one.instances.length);
      return html`<article class="proctype" key=${name}><h3>${name} <small>${proctype ? `port ${proctype.port}` : ""}${proctype?.limits?.memory_limit_mb ? `, ${proctype.limits.memory_limit_mb} MiB` : ""}</small></h3>
        ${shownGroups.length === 0 && html`<${Empty}>Nothing runs.</${Empty}>`}
        ${shownGroups.map((one) => html`<div class="group" key=${`${one.revision},${one.env}`}>
          <div class="line"><span class="ref">${one.revision}</span>${one.env && html`<span class="ref">env ${one.env}</span>`}
            <${Bar} counts=${one.counts} target=${one.target} /><${Of} counts=${one.counts} target=${one.target} />
            ${writable(of.name) && html`<button type="button" onClick=${() => scaled(path, name, one)}>Scale<span class="hidden"> ${name} at ${one.revision}</span></button>`}</div>
          <${Instances} instances=${one.instances} />
        </div>`)}
      </article>`;
    })}
  </section>`;
}

const order = (a, b) => ACTIVE.has(b.status) - ACTIVE.has(a.status) || b.id - a.id;

function Instances({ instances }) {
  if (!instances.length) return null;
  const listed = [...instances].sort(order);
  return html`<ul class="instances">${listed.slice(0, MOST).map((one) => html`<li key=${one.id}>
    <${A} to=${`/instances/${one.id}`}>${one.id}</${A}> <${Status} status=${one.status} /> <span class="host">${one.host ?? ""}</span>
    ${one.restarts.fail + one.restarts.oom > 0 && html`<span class="warn" title="restarts">↻ ${one.restarts.fail + one.restarts.oom}</span>`}${one.lock && html`<span class="warn">locked</span>`}</li>`)}
    ${listed.length > MOST && html`<li class="more">and ${listed.length - MOST} more</li>`}</ul>`;
}

function Revisions({ registry, of, path }) {
  const { name, app } = of;
  const own = registry.all("revision").filter((one) => one.app === name).sort((a, b) => b.created_rev - a.created_rev);
  const running = (ref) => of.instances.filter((one) => one.revision === ref && one.status === "running").length;
  const ratify = (one) => ask({
    title: `Ratify ${one.ref}`, verb: "Ratify", method: "POST", path: `${path}/revisions/${one.ref}/ratify`,
    fields: [{ name: "archive_url", label: "Where its archive is (URL)" }], body: (values) => ({ archive_url: values.archive_url }),
  });
  const head = (one) => ask({
    title: `Make ${one.ref} the head of ${name}`, verb: "Make it head", method: "PATCH", path, body: { head: one.ref }, headers: { "If-Match": `"${app.rev}"` },
    detail: html`<p><span class="del">${app.head ?? "none"}</span> → <span class="ins">${one.ref}</span></p>`,
  });
  const start = (one) => {
    const names = [...of.proctypes.keys()].sort(byName);
    ask({
      title: `Scale ${one.ref}`, verb: "Scale", method: "PUT", path: `${path}/proctypes/${names[0]}/scale`,
      fields: [{ name: "count", label: `Instances of ${names[0]}`, type: "number", min: 0, max: 10000, value: "1" }],
      body: (values) => ({ revision: one.ref, env: null, count: Number(values.count) }),
    });
  };
  return html`<section><h2>Revisions <small>${own.length}</small></h2>
    ${own.length === 0 ? html`<${Empty}>None is registered.</${Empty}>` : html`<${Table} label="Revisions" columns=${["Revision", "State", { name: "Run", class: "number" }, { name: "Registered", class: "minor" }, { name: "Archive", class: "minor" }, { name: html`<span class="hidden">What can be done</span>` }]}>
      ${own.map((one) => html`<tr key=${one.ref}><th scope="row" class="ref">${one.ref}${one.ref === app.head && html` <span class="tag">head</span>`}</th><td>${one.state}</td>
        <td class="number">${running(one.ref) || ""}</td><td class="when minor" title=${clock(one.created_at)}>${ago(one.created_at, now())}</td><td class="ref long minor">${one.archive_url ?? ""}</td>
        <td class="actions">${writable(name) && (one.state === "proposed"
          ? html`<button type="button" onClick=${() => ratify(one)}>Ratify<span class="hidden"> ${one.ref}</span></button>`
          : html`${one.ref !== app.head && html`<button type="button" onClick=${() => head(one)}>Make head<span class="hidden"> ${one.ref}</span></button>`}
            ${of.proctypes.size > 0 && !running(one.ref) && html`<button type="button" onClick=${() => start(one)}>Scale<span class="hidden"> ${one.ref}</span></button>`}`)}</td></tr>`)}
    </${Table}>`}</section>`;
}

function EnvSets({ registry, name }) {
  const own = registry.all("envset").filter((one) => one.app === name).sort((a, b) => b.created_rev - a.created_rev);
  if (!own.length) return null;
  return html`<section><h2>Env sets <small>${own.length}</small></h2>${own.map((one) => html`<details key=${one.ref}><summary><span class="ref">${one.ref}</span> <small>${Object.keys(one.vars).length} variables, ${ago(one.created_at, now())}</small></summary>
    <dl class="vars">${Object.entries(one.vars).sort(([a], [b]) => byName(a, b)).map(([key, value]) => html`<div><dt>${key}</dt><dd>${value}</dd></div>`)}</dl></details>`)}</section>`;
}
