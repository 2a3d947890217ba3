// How much happened when, over all that is kept: asked of the service, and asked again now and then.
import { call } from "./api.js";

export const BUCKETS = 200;
const FRESH = 10e3;

export class Timeline {
  constructor(changed) {
    this.changed = changed;
    this.begin = null; // of the history
    this.buckets = null; // of the window: {from, to, total}
    this.asked = { span: null, at: 0 };
  }

  /** What is known of the last `span` milliseconds; has it asked for where that is old. */
  of(span) {
    const now = performance.now();
    if (this.asked.span !== span || now - this.asked.at > FRESH) {
      this.asked = { span, at: now };
      this.load(span).catch(() => {});
    }
    return this.buckets;
  }

  async load(span) {
    if (this.begin === null) {
      const { body } = await call("GET", "/timeline", { query: { buckets: 1 } });
      this.begin = body.items.length ? Date.parse(body.items[0].from_at) : null;
    }
    const whole = this.begin === null || Date.now() - span <= this.begin;
    const query = whole ? { buckets: BUCKETS } : { buckets: BUCKETS, from_at: new Date(Date.now() - span).toISOString() };
    const { body } = await call("GET", "/timeline", { query });
    if (this.asked.span !== span) return;
    this.buckets = body.items.map((one) => ({ from: Date.parse(one.from_at), to: Date.parse(one.to_at), total: one.total }));
    this.changed();
  }
}

/** The rev at a time, asked of the service; of many that are asked for in a row only the last is told. */
export class RevAt {
  constructor(tell) {
    this.tell = tell;
    this.wanted = null;
    this.busy = false;
  }

  async ask(time) {
    this.wanted = time;
    if (this.busy) return;
    this.busy = true;
    while (this.wanted !== null) {
      const at = this.wanted;
      this.wanted = null;
      try {
        const { body } = await call("GET", "/rev", { query: { at: new Date(at).toISOString() } });
        if (this.wanted === null) this.tell(body.rev);
      } catch {
        // Before the history, or too new to be settled: the moment stays.
      }
    }
    this.busy = false;
  }

  stop() {
    this.wanted = null;
  }
}
