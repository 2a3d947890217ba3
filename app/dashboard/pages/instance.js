// One instance: its life as a line, who held it, and what can be done.
import { html, useEffect, useRef, useState } from "../html.js";
import { Problem, call } from "../api.js";
import { A, Empty, Status, Table } from "../parts.js";
import { clock, duration } from "../format.js";
import { grouped } from "../history.js";
import { whole } from "../registry.js";
import { told } from "../told.js";
import { ask } from "../write.js";
import { losable, now, redraw, shown, state, writable } from "../state.js";

/** The parts of its life: what it was, from when to when. */
export function life(instance, moment) {
  const points = [["pending", instance.registered_at], ["claimed", instance.claimed_at], ["running", instance.started_at], ["stopping", instance.stopped_at]].filter(([, at]) => at);
  const end = instance.ended_at ? Date.parse(instance.ended_at) : moment;
  return points.map(([status, at], i) => {
    const from = Date.parse(at);
    const to = i + 1 < points.length ? Date.parse(points[i + 1][1]) : end;
    return { status, from, to: Math.max(from, to) };
  });
}

function Line({ instance }) {
  const parts = life(instance, now());
  const all = Math.max(1, parts.at(-1).to - parts[0].from);
  return html`<ol class="life">${parts.map((part) => html`<li class=${part.status} style=${{ flexGrow: Math.max(0.06, (part.to - part.from) / all) }}>
    <b>${part.status}</b><span>${duration(part.to - part.from)}</span><time>${clock(part.from, false)}</time></li>`)}
    ${instance.ended_at && html`<li class=${`end ${instance.status}`}><b>${instance.status}</b><time>${clock(instance.ended_at, false)}</time></li>`}</ol>`;
}

function Done({ id }) {
  const [ended, set] = useState(undefined);
  useEffect(() => {
    call("GET", `/instances/${id}`).then(() => set(null), (error) => set(error.said?.ended ?? null));
  }, [id]);
  if (ended === undefined) return html`<p class="empty">Looking…</p>`;
  if (ended === null) return html`<${Empty}>There is no instance ${id} at this moment.</${Empty}>`;
  return html`<p class="notice">It was unregistered ${clock(ended.at)}${ended.client ? ` by ${ended.client}` : ""}; it had ${ended.status}${ended.reason ? `: ${ended.reason}` : ""}. Its life is in the past: go back in time below.</p>`;
}

function Events({ id, created, rev }) {
  const [commits, set] = useState(null);
  useEffect(() => {
    let over = false;
    call("GET", "/events/list", { query: { instance: id, rev: Math.max(state.history.oldest, created - 1), limit: 200 } }).then(
      ({ body }) => !over && set(grouped(body.items)),
      () => !over && set([]),
    );
    return () => { over = true; };
  }, [id, rev]);
  const known = (commits || []).filter((commit) => state.place.rev === null || commit.rev <= state.place.rev);
  if (!known.length) return null;
  return html`<section><h2>What happened</h2><${Table} label="What happened" columns=${["When", { name: "Rev", class: "number" }, "By", "What"]}>
    ${known.toReversed().map((commit) => html`<tr key=${commit.rev}><td class="when">${clock(commit.at)}</td><td class="number"><a href=${`#/instances/${id}?rev=${commit.rev}`}>${commit.rev}</a></td><td>${commit.actor}</td><td>${told(commit)}</td></tr>`)}</${Table}></section>`;
}

const MOST = 300;
const PAUSE = 3000; // ms, before it is asked for again
const read = new Map(); // id and rev -> all of an instance; a version of one never changes

/** All of an instance: as it is here, or as the service says; null while that is asked, an error where it is not to be had. */
function useWhole(instance) {
  const [tries, again] = useState(0);
  const failed = useRef(null);
  const key = instance && `${instance.id} ${instance.rev}`;
  const here = !instance || whole(instance) ? instance : read.get(key) ?? null;
  useEffect(() => {
    if (!instance || here) return undefined;
    let over = false;
    let timer = null;
    const next = () => over || again((times) => times + 1);
    const query = state.place.rev === null ? {} : { rev: state.place.rev };
    call("GET", `/instances/${instance.id}`, { query }).then(
      ({ body }) => {
        failed.current = null;
        // Changed since: the stream is about to bring all of it. In the past it is what was shown, under whichever rev.
        if (body.rev !== instance.rev && state.place.rev === null) return;
        if (read.size >= MOST) read.delete(read.keys().next().value);
        read.set(key, body);
        next();
      },
      (error) => {
        failed.current = error;
        redraw();
        timer = setTimeout(next, PAUSE);
      },
    );
    return () => { over = true; clearTimeout(timer); };
  }, [key, here === null, state.live.status, tries]);
  return here ?? failed.current;
}

export function InstancePage({ id }) {
  const known = shown().get("instance", Number(id));
  const instance = useWhole(known);
  if (!known) return html`<h1>Instance ${id}</h1><${Done} id=${id} />`;
  if (instance === null) return html`<h1>Instance ${id} <${Status} status=${known.status} /></h1><p class="empty" role="status">Looking…</p>`;
  if (instance instanceof Error) return html`<h1>Instance ${id} <${Status} status=${known.status} /></h1><p class="notice bad" role="alert">The rest of it cannot be shown now: ${instance instanceof Problem ? instance.message : "the service does not answer."}</p>`;
  const path = `/instances/${instance.id}`;
  const may = writable(instance.app);
  const fixed = { client: state.self.id === null ? "dashboard" : state.self.name };
  const why = [{ name: "reason", label: "Why" }];
  const stop = () => ask({ title: `Stop instance ${id}`, verb: "Stop", danger: true, method: "POST", path: `${path}/stop`, detail: html`<p>Its host is asked to end it. The scale's target stays: the same scale again starts another.</p>` });
  const lost = () => ask({ title: `Say that instance ${id} is lost`, verb: "It is lost", danger: true, method: "POST", path: `${path}/lost`, fields: why, body: (v) => ({ ...fixed, reason: v.reason }) });
  const lock = () => ask({ title: `Lock instance ${id}`, verb: "Lock", method: "PUT", path: `${path}/lock`, fields: why, body: (v) => ({ ...fixed, reason: v.reason }) });
  const unlock = () => ask({ title: `Unlock instance ${id}`, verb: "Unlock", method: "DELETE", path: `${path}/lock` });
  const unregister = () => ask({ title: `Unregister instance ${id}`, verb: "Unregister", danger: true, method: "DELETE", path, query: fixed });
  const active = ["running", "claimed"].includes(instance.status);
  const final = ["exited", "failed", "lost"].includes(instance.status);
  return html`<h1>Instance ${instance.id} <${Status} status=${instance.status} /></h1>
    <${Line} instance=${instance} />
    ${instance.reason && html`<p class="notice">${instance.reason}${instance.lost_by ? ` (${instance.lost_by})` : ""}</p>`}
    ${(may || losable(instance)) && html`<div class="actions">${may && active && html`<button type="button" onClick=${stop}>Stop</button>`}
      ${instance.status !== "exited" && instance.status !== "lost" && html`<button type="button" onClick=${lost}>Lost</button>`}
      ${may && (instance.lock ? html`<button type="button" onClick=${unlock}>Unlock</button>` : !final && html`<button type="button" onClick=${lock}>Lock</button>`)}
      ${may && final && html`<button type="button" onClick=${unregister}>Unregister</button>`}</div>`}
    <dl class="facts"><div><dt>App</dt><dd><${A} to=${`/apps/${encodeURIComponent(instance.app)}`}>${instance.app}</${A}></dd></div><div><dt>Proctype</dt><dd>${instance.proctype}</dd></div>
      <div><dt>Revision</dt><dd class="ref">${instance.revision}</dd></div><div><dt>Env set</dt><dd class="ref">${instance.env ?? "none"}</dd></div>
      <div><dt>Host</dt><dd>${instance.host ? html`<${A} to=${`/hosts/${encodeURIComponent(instance.host)}`}>${instance.host}</${A}>` : "none"}</dd></div>
      <div><dt>Address</dt><dd class="ref">${instance.hostname ? html`${instance.hostname}<wbr />:${instance.port}` : "none"}</dd></div>
      <div><dt>Telemetry</dt><dd>${instance.tele_port ?? "none"}</dd></div><div><dt>Restarts</dt><dd>${instance.restarts.fail} failed, ${instance.restarts.oom} out of memory</dd></div>
      ${instance.lock && html`<div><dt>Locked by</dt><dd>${instance.lock.client}: ${instance.lock.reason}</dd></div>`}</dl>
    <section><h2>Claims <small>${instance.claims.length}</small></h2>${instance.claims.length === 0 ? html`<${Empty}>Nobody has claimed it.</${Empty}>` : html`<${Table} label="Claims" columns=${["When", "Host", "Given back because"]}>
      ${instance.claims.map((claim) => html`<tr><td class="when">${clock(claim.at)}</td><td>${claim.host}</td><td>${claim.error ?? ""}</td></tr>`)}</${Table}>`}</section>
    <${Events} id=${instance.id} created=${instance.created_rev} rev=${instance.rev} />`;
}
