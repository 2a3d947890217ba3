// The present: the registry as the stream tells it, and how the connection is.
import { BASE } from "./api.js";
import { early } from "./early.js";
import { Registry } from "./registry.js";
import { Stream } from "./stream.js";

const PATIENCE = 5000; // ms; a worker that is there says something at once

export class Live {
  /** `history` is told of each event that comes; `begun` of each fresh snapshot, and whether there was one before. */
  constructor(history, changed, begun) {
    this.history = history;
    this.changed = changed;
    this.begun = begun;
    this.registry = new Registry();
    this.status = "connecting"; // live, reconnecting, restarted, login
    this.complete = false;
    this.boundary = null;
    this.heard = 0;
    this.own = false; // whether this tab has a stream of its own
  }

  start() {
    const { worker } = early;
    if (worker) {
      worker.port.onmessage = ({ data }) => this.take(data);
      worker.onerror = () => this.alone();
      // One that ended with its last tab, just when this one came, says nothing, and no error either.
      setTimeout(() => this.heard || this.alone(), PATIENCE);
      addEventListener("pagehide", () => worker.port.postMessage("bye"));
      this.hurry = () => worker.port.postMessage("hurry");
      this.again = () => worker.port.postMessage("again");
    } else {
      this.alone();
    }
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  /** A stream of this tab's own, where there is no SharedWorker. */
  alone() {
    if (this.own) return;
    this.own = true;
    if (early.worker) early.worker.port.onmessage = null;
    const stream = new Stream(BASE, (message) => this.take(message));
    this.hurry = () => stream.hurry();
    this.again = () => stream.again();
    stream.run();
  }

  take(message) {
    if (message.type === "reset") {
      this.fresh = new Registry();
    } else if (message.type === "events") {
      for (const event of JSON.parse(`[${message.events}]`)) this.event(event);
    } else {
      if (message.status === "live") this.finish();
      this.status = message.status;
    }
    this.heard = performance.now();
    // While the first snapshot comes in there is nothing new to show.
    if (this.complete || message.type === "status") this.changed();
  }

  event(event) {
    const registry = this.fresh || this.registry;
    if (this.boundary && !this.fresh && event.rev > registry.rev) this.reached(registry);
    registry.apply(event);
    if (!event.object || event.index === undefined || this.fresh) return;
    this.history.take(event);
  }

  /** The snapshot is whole: show it instead of what was before. */
  finish() {
    if (!this.fresh) return;
    this.registry = this.fresh;
    this.fresh = null;
    this.begun(this.complete);
    this.complete = true;
    this.history.reset(this.registry.rev);
  }

  /** A copy of the registry that is whole at its rev: between two commits. */
  whole() {
    return new Promise((resolve) => {
      this.boundary = resolve;
      const look = () => {
        if (this.boundary !== resolve) return;
        // What belongs to one commit comes at once.
        if (performance.now() - this.heard > 100 && !this.fresh) this.reached(this.registry);
        else setTimeout(look, 20);
      };
      look();
    });
  }

  reached(registry) {
    const tell = this.boundary;
    this.boundary = null;
    tell(registry.copy());
  }
}
