// One stream for all tabs of a browser: it allows six connections to an origin on HTTP/1.1.
import "./format.js"; // registry.js needs it: asked for at once, and not after that has come
import { inSnapshot, keyOf, kindOf, objectsOf } from "./registry.js";
import { Stream } from "./stream.js";

const BASE = new URL("../", import.meta.url).href;
const BATCH = 400;
const LATER = 2000; // ms: who waits for the first page must not wait for what is kept for a second tab

const ports = new Set();
const kept = new Map(); // kind and key -> the object as a snapshot has it, for tabs that come later
let pending = []; // texts of events that are not in there yet
let timer = null;
let last = null; // the last event: it has the rev
let status = "connecting";

function keep(event) {
  if (inSnapshot(event)) {
    const { kind } = event;
    for (const object of objectsOf(event)) {
      const key = keyOf(kind, object);
      if (key !== undefined) kept.set(`${kind} ${key}`, { type: "snapshot", kind, object });
    }
    return;
  }
  last = event;
  const kind = kindOf(event.type);
  if (!kind || !event.object) return;
  const key = `${kind} ${keyOf(kind, event.object)}`;
  if (event.type.endsWith("-unregister")) kept.delete(key);
  else kept.set(key, { type: "snapshot", kind, object: event.object });
}

function keepAll() {
  clearTimeout(timer);
  timer = null;
  const texts = pending;
  pending = [];
  for (const text of texts) JSON.parse(`[${text}]`).forEach(keep);
}

const stream = new Stream(BASE, (message) => {
  for (const port of ports) port.postMessage(message);
  if (message.type === "status") status = message.status;
  else if (message.type === "reset") {
    pending = [];
    kept.clear();
    last = null;
  } else {
    pending.push(message.events);
    timer ??= setTimeout(keepAll, LATER);
  }
});

const textOf = (events) => events.map((event) => JSON.stringify(event)).join();

self.onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) => {
    if (data === "bye") ports.delete(port);
    else if (data === "hurry") stream.hurry();
    else if (data === "again") stream.again();
  };
  keepAll();
  if (ports.size === 0 && kept.size === 0 && last === null) stream.hurry();
  port.postMessage({ type: "reset" });
  const events = [...kept.values()];
  for (let at = 0; at < events.length; at += BATCH) {
    port.postMessage({ type: "events", events: textOf(events.slice(at, at + BATCH)) });
  }
  if (last !== null) port.postMessage({ type: "events", events: textOf([last]) });
  port.postMessage({ type: "status", status });
  ports.add(port);
};

stream.run();
