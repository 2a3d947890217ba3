// The frame of every page: where to go, how the connection is, which moment is shown.
import { html, render, useEffect, useRef, useState } from "./html.js";
import { byName, clock, number } from "./format.js";
import { begin, here, leave, link, maySee, presentAt, redraw, show, shown, state } from "./state.js";
import { Slider, play, step } from "./slider.js";
import { told } from "./told.js";
import { Asked } from "./write.js";
import { App } from "./pages/app.js";
import { Diff } from "./pages/diff.js";
import { Host, Hosts } from "./pages/hosts.js";
import { InstancePage } from "./pages/instance.js";
import { Log } from "./pages/log.js";
import { Login } from "./pages/login.js";
import { Overview } from "./pages/overview.js";
import { Members, Services, Store } from "./pages/platform.js";
import { Registrar } from "./pages/registrar.js";

const PAGES = [["/", "Overview"], ["/hosts", "Hosts"], ["/log", "Log"], ["/services", "Services"], ["/members", "Members"], ["/store", "Store"]];
const LIGHTS = { live: "live", connecting: "connecting", reconnecting: "reconnecting", restarted: "restarted", login: "log in", refused: "refused" };

function Page() {
  const [first, second] = state.place.parts;
  switch (first) {
    case undefined: return html`<h1 class="hidden">Overview</h1><${Overview} />`;
    case "apps": return html`<${App} key=${second} name=${second} />`;
    case "hosts": return second ? html`<${Host} name=${second} />` : html`<${Hosts} />`;
    case "instances": return html`<${InstancePage} key=${second} id=${second} />`;
    case "log": return html`<${Log} />`;
    case "services": return html`<${Services} />`;
    case "members": return html`<${Members} />`;
    case "store": return html`<${Store} />`;
    case "diff": return html`<${Diff} />`;
    default: return html`<h1>Not here</h1><p>There is no such page. <a href=${link("/")}>Back to the overview</a>.</p>`;
  }
}

const MOST = 12;

/** Where the words may lead: apps, hosts, revisions, instances. */
function found(text) {
  const words = text.trim().toLowerCase();
  if (!words) return [];
  const registry = shown();
  const hits = [];
  const add = (kind, name, to) => hits.push({ kind, name, to });
  if (/^\d+$/.test(words) && registry.get("instance", Number(words))) add("instance", words, `/instances/${words}`);
  for (const name of registry.kinds.app.keys()) if (name.toLowerCase().includes(words)) add("app", name, `/apps/${encodeURIComponent(name)}`);
  const hosts = new Set();
  for (const one of registry.kinds.instance.values()) if (one.host?.includes(words)) hosts.add(one.host);
  for (const host of hosts) add("host", host, `/hosts/${encodeURIComponent(host)}`);
  for (const one of registry.kinds.revision.values()) if (one.ref.toLowerCase().startsWith(words)) add("revision", `${one.ref} of ${one.app}`, `/apps/${encodeURIComponent(one.app)}`);
  for (const one of registry.kinds.app.values()) for (const key of Object.keys(one.env)) if (key.toLowerCase().startsWith(words)) add("variable", `${key} of ${one.name}`, `/apps/${encodeURIComponent(one.name)}`);
  return hits.sort((a, b) => (a.kind === b.kind ? byName(a.name, b.name) : 0)).slice(0, MOST);
}

function Search() {
  const [text, set] = useState("");
  const hits = found(text);
  const go = (event) => {
    event.preventDefault();
    if (hits[0]) location.hash = link(hits[0].to).slice(1);
    set("");
  };
  return html`<form class="search" role="search" onSubmit=${go}>
    <input id="search" type="search" aria-label="Search apps, hosts, revisions, variables, instances" placeholder="Search  /" value=${text} onInput=${(e) => set(e.target.value)} onKeyDown=${(e) => e.key === "Escape" && set("")} autocomplete="off" />
    ${text && html`<ul>${hits.map((hit) => html`<li><a href=${link(hit.to)} onClick=${() => set("")}><small>${hit.kind}</small> ${hit.name}</a></li>`)}${hits.length === 0 && html`<li class="empty">Nothing of that name.</li>`}</ul>`}
  </form>`;
}

/** Who did what at the moment that is shown, as far as the commits are loaded; one line, whatever it is: the page must not
 *  jump while somebody drags. */
function Made({ rev }) {
  const commit = state.history.reaches(rev - 1) ? state.history.of(rev) : null;
  if (commit?.rev !== rev) return html`<span class="made"></span>`;
  const what = told(commit);
  return html`<span class="made" title=${what}><b>${commit.actor}</b>: ${what}</span>`;
}

const roles = () => state.self.grants.map(({ role, apps, hosts, services }) => `${role}${apps || hosts || services ? ` of ${(apps ?? hosts ?? services).join(", ")}` : ""}`).join("; ");

function Frame() {
  const { live, past, place } = state;
  const main = useRef(null);
  useEffect(() => {
    document.title = `${place.parts.map((part) => part).join(" ") || "Visor"}${place.rev === null ? "" : ` at rev ${place.rev}`} - Visor`;
  }, [here(), place.rev]);
  if (live.status === "refused" && maySee.services()) return html`<${Registrar} />`;
  if (live.status === "login" || live.status === "refused") return html`<${Login} />`;
  if (!live.complete) return html`<main class="starting"><p role="status">${live.status === "connecting" ? "Loading the registry…" : "The service does not answer. Trying again…"}</p></main>`;
  const registry = shown();
  const current = place.parts.length ? `/${place.parts[0]}` : "/";
  const then = place.rev !== null;
  // A moment that is not to be had is not shown as if it were what is there now.
  const lost = then && past.problem && past.registry?.rev !== place.rev;
  return html`<div class=${then ? "frame past" : "frame"}>
    <a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); main.current.focus(); }}>To the content</a>
    <header class="top"><a class="brand" href=${link("/", null)}>Visor</a>
      <nav aria-label="Pages">${PAGES.filter(([path]) => path !== "/members" || maySee.platform()).map(([path, name]) => html`<a href=${link(path)} aria-current=${current === path || (path === "/" && current === "/apps") ? "page" : undefined}>${name}</a>`)}</nav>
      <${Search} />
      <p class=${`light ${live.status}`} role="status"><i aria-hidden="true"></i>${LIGHTS[live.status]}</p>
      <p class="rev" title="The rev that is shown"><b>rev ${number(then ? place.rev : registry.rev)}</b> <time>${clock(then ? registry.at : presentAt())}</time></p>
      ${state.self.name && state.self.name !== "anonymous" && html`<p class="self"><span title=${roles()}>${state.self.name}</span> <button type="button" class="plain" onClick=${leave}>Log out</button></p>`}
    </header>
    ${then && html`<p class="banner" role="status"><span>This is the past${past.moving ? "…" : ""}: rev ${number(place.rev)}, ${clock(past.registry?.at)}. Nothing can be changed here.</span> <${Made} rev=${place.rev} /> <button type="button" onClick=${() => show(null)}>Back to the present</button></p>`}
    ${then && past.problem && html`<p class="notice bad" role="alert">${past.problem.message}</p>`}
    ${!then && live.status !== "live" && html`<p class="banner stale" role="status">The connection is gone: this is what was there at ${clock(presentAt())}. Trying again…</p>`}
    <main id="main" tabindex="-1" ref=${main}>${lost ? html`<h1>This moment is not kept</h1>` : html`<${Page} />`}</main>
    <${Slider} /><${Asked} /></div>`;
}

const ACTS = {
  ",": () => step(-1),
  ".": () => step(1),
  " ": () => play(),
  l: () => { play(false); show(null); },
  "/": () => document.getElementById("search")?.focus(),
};

addEventListener("keydown", (event) => {
  const { tagName, type } = event.target;
  const typing = (tagName === "INPUT" && type !== "range") || tagName === "SELECT" || tagName === "TEXTAREA";
  const presses = event.key === " " && ["BUTTON", "SUMMARY", "A", "INPUT"].includes(tagName);
  if (event.ctrlKey || event.metaKey || event.altKey || typing || presses || document.querySelector("dialog[open]")) return;
  const act = ACTS[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

const root = document.getElementById("visor");
root.textContent = "";
begin(() => {
  render(html`<${Frame} />`, root);
  performance.mark("visor-drawn");
});
setInterval(redraw, 10000);
