// What a registrar sees: the services that the token is for. The stream of events is not for them, so that they are read
// now and then, and there is no past.
import { html, useEffect, useState } from "../html.js";
import { Problem, items } from "../api.js";
import { clock } from "../format.js";
import { Registry } from "../registry.js";
import { leave, state } from "../state.js";
import { Services } from "./platform.js";

const PAUSE = 10000;

/** A service that was removed since it was listed. */
function gone(error) {
  if (error.status === 404) return [];
  throw error;
}

async function read() {
  const registry = new Registry();
  for (const service of await items("/services")) {
    registry.put("service", service);
    // One after another: of many services, not all at once.
    const own = await items(`/services/${encodeURIComponent(service.name)}/endpoints`).catch(gone);
    for (const endpoint of own) registry.put("endpoint", endpoint);
  }
  registry.at = new Date().toISOString();
  return registry;
}

export function Registrar() {
  const [registry, set] = useState(null);
  const [failed, fail] = useState(null);
  useEffect(() => {
    let over = false;
    let timer = null;
    const look = () => read()
      .then((found) => { if (!over) { set(found); fail(null); } }, (error) => !over && fail(error))
      .finally(() => { if (!over) timer = setTimeout(look, PAUSE); });
    look();
    return () => { over = true; clearTimeout(timer); };
  }, [state.self.id]);
  return html`<div class="frame"><header class="top"><span class="brand">Visor</span>
      <p class="self"><span>${state.self.name}</span> <button type="button" class="plain" onClick=${leave}>Log out</button></p></header>
    ${failed && html`<p class="banner stale" role="status">${failed instanceof Problem ? failed.message : "The service does not answer."} Trying again…</p>`}
    <main id="main" tabindex="-1">${registry ? html`<${Services} registry=${registry} />` : html`<p class="empty" role="status">Looking…</p>`}
    <p class="empty">The token ${state.self.name} shows services and nothing else.${registry && html` This is as it was at ${clock(registry.at)}.`}</p></main></div>`;
}
