// An app's secrets: which there are, and since when. Their values are written here and never shown.
import { html } from "../html.js";
import { Table } from "../parts.js";
import { byName, number } from "../format.js";
import { ask } from "../write.js";
import { link, writable } from "../state.js";

const NAME = /^[A-Za-z0-9_.-]{1,256}$/;

function set(app, path, key) {
  const named = key !== undefined;
  ask({
    title: named ? `Set the secret ${key} of ${app.name}` : `Set a secret of ${app.name}`,
    verb: "Set", method: "PUT",
    path: named ? `${path}/secrets/${encodeURIComponent(key)}` : (values) => `${path}/secrets/${encodeURIComponent(values.key || "NAME")}`,
    fields: [...(named ? [] : [{ name: "key", label: "Name", check: (text) => NAME.test(text) }]), { name: "value", label: "Value", type: "password" }],
    body: (values) => ({ value: values.value }),
    // What is being typed is sent once, when it is meant; and it stands in no line that somebody copies.
    tried: { value: "-" }, told: "@secret.json",
    detail: html`<p class="empty">The value is sealed by the service and shown to nobody; the process gets it. For the terminal: <code>secret.json</code> has <code>${'{"value": "…"}'}</code>.</p>`,
    headers: named ? { "If-Match": `"${app.rev}"` } : { "If-None-Match": "*" },
  });
}

const unset = (app, path, key) => ask({
  title: `Remove the secret ${key} of ${app.name}`, verb: "Remove", danger: true, method: "DELETE",
  path: `${path}/secrets/${encodeURIComponent(key)}`, headers: { "If-Match": `"${app.rev}"` },
  detail: html`<p>What runs keeps what it was given; what starts from now on does not get it.</p>`,
});

export function Secrets({ app, path }) {
  const keys = Object.keys(app.secrets ?? {}).sort(byName);
  const may = writable(app.name);
  if (!keys.length && !may) return null;
  return html`<section><h2>Secrets <small>${keys.length}</small>${may && html`<button type="button" onClick=${() => set(app, path)}>Set a secret</button>`}</h2>
    ${keys.length === 0 ? html`<p class="empty">There are none. A secret is a variable whose value nobody is shown.</p>`
      : html`<${Table} label="Secrets" columns=${["Name", "Fingerprint", { name: "Set at rev", class: "number" }, { name: html`<span class="hidden">What can be done</span>` }]}>
      ${keys.map((key) => html`<tr key=${key}><th scope="row" class="ref">${key}</th><td class="ref">${app.secrets[key].fingerprint}</td><td class="number"><a href=${link(path, app.secrets[key].rev)}>${number(app.secrets[key].rev)}</a></td>
        <td class="actions">${may && html`<button type="button" onClick=${() => set(app, path, key)}>Change<span class="hidden"> ${key}</span></button><button type="button" onClick=${() => unset(app, path, key)}>Remove<span class="hidden"> ${key}</span></button>`}</td></tr>`)}</${Table}>`}
  </section>`;
}
