// One stream for all tabs of a browser: it allows six connections to an origin on HTTP/1.1.
import { kindOf } from "./registry.js";
import { Stream } from "./stream.js";

const BASE = new URL("../", import.meta.url).href;
const BATCH = 400;

const ports = new Set();
const kept = new Map(); // kind and key -> the JSON of the last event of the object, for tabs that come later
let last = null; // the last event: it has the rev
let status = "connecting";

const path = (kind, o) => [kind, o.app ?? o.service ?? o.kind ?? "", o.proctype ?? "", o.revision ?? "", o.env ?? "", o.id ?? o.ref ?? o.name ?? o.addr ?? ""].join();

function keep(text) {
  const event = JSON.parse(text);
  if (event.type === "snapshot") {
    kept.set(path(event.kind, event.object), text);
    return;
  }
  last = text;
  const kind = kindOf(event.type);
  if (!kind || !event.object) return;
  const as = { type: "snapshot", kind, object: event.object };
  if (event.type.endsWith("-unregister")) kept.delete(path(kind, event.object));
  else kept.set(path(kind, event.object), JSON.stringify(as));
}

const stream = new Stream(BASE, (message) => {
  for (const port of ports) port.postMessage(message);
  if (message.type === "reset") kept.clear();
  else if (message.type === "status") status = message.status;
  else message.events.forEach(keep);
});

self.onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) => {
    if (data === "bye") ports.delete(port);
    else if (data === "hurry") stream.hurry();
  };
  if (ports.size === 0 && kept.size === 0 && last === null) stream.hurry();
  port.postMessage({ type: "reset" });
  const texts = [...kept.values()];
  for (let at = 0; at < texts.length; at += BATCH) {
    port.postMessage({ type: "events", events: texts.slice(at, at + BATCH) });
  }
  if (last !== null) port.postMessage({ type: "events", events: [last] });
  port.postMessage({ type: "status", status });
  ports.add(port);
};

stream.run();
