// What a registrar sees: the services that the token is for. The stream of events is not for them, so that they are read
// now and then, and there is no past. The endpoints of each service are a list of their own: only those that are shown are
// read, and only while somebody looks.
import { html, useEffect, useState } from "../html.js";
import { Problem, items } from "../api.js";
import { byName, clock, number } from "../format.js";
import { Registry, count } from "../registry.js";
import { leave, state } from "../state.js";
import { Services } from "./platform.js";

const PAUSE = 10000;
const MOST = 50; // services that are shown, and as many more whenever somebody asks

/** A service that was removed since it was listed. */
function gone(error) {
  if (error.status === 404) return [];
  throw error;
}

/** The first services by their names, and how many there are. */
async function read(most) {
  const registry = new Registry();
  const services = await items("/services");
  for (const service of services.sort((a, b) => byName(a.name, b.name)).slice(0, most)) {
    registry.put("service", service);
    // One after another: of many services, not all at once.
    const own = await items(`/services/${encodeURIComponent(service.name)}/endpoints`).catch(gone);
    for (const endpoint of own) registry.put("endpoint", endpoint);
  }
  registry.at = new Date().toISOString();
  registry.total = services.length;
  return registry;
}

export function Registrar() {
  const [registry, set] = useState(null);
  const [failed, fail] = useState(null);
  const [most, more] = useState(MOST);
  useEffect(() => {
    let over = false;
    let timer = null;
    const seen = () => new Promise((resolve) => (document.hidden ? addEventListener("visibilitychange", resolve, { once: true }) : resolve()));
    const look = () => seen().then(() => read(most))
      .then((found) => { if (!over) { set(found); fail(null); } }, (error) => !over && fail(error))
      .finally(() => { if (!over) timer = setTimeout(look, PAUSE); });
    look();
    return () => { over = true; clearTimeout(timer); };
  }, [state.self.id, most]);
  return html`<div class="frame"><header class="top"><span class="brand">Visor</span>
      <p class="self"><span>${state.self.name}</span> <button type="button" class="plain" onClick=${leave}>Log out</button></p></header>
    ${failed && html`<p class="banner stale" role="status">${failed instanceof Problem ? failed.message : "The service does not answer."} Trying again…</p>`}
    <main id="main" tabindex="-1">${registry ? html`<${Services} registry=${registry} />
      ${registry.total > most && html`<p class="more">${number(most)} of ${count(registry.total, "service")} are shown. <button type="button" onClick=${() => more(most + MOST)}>Show more</button></p>`}` : html`<p class="empty" role="status">Looking…</p>`}
    <p class="empty">The token ${state.self.name} shows services and nothing else.${registry && html` This is as it was at ${clock(registry.at)}.`}</p></main></div>`;
}
