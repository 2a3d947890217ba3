// The stream of events, followed for ever: resumed exactly after a cut, begun again with a fresh snapshot where its
// place is gone. Read by fetch and not by EventSource, which hides what an answer was and gives up at any but 200.

import { INSTANCE_FIELDS } from "./registry.js";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15000;
const SILENCE = 40000; // the service says something every 15 s
const BATCH = 400;

const SNAPSHOT = `events?snapshot=true&instance_rows=${INSTANCE_FIELDS.join()}`;

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Stream {
  /** `tell` is called with {type: "reset"}, {type: "events", events: "{..},{..}"}, {type: "status", ...}: to hand over one
   *  text, and to parse it, costs a third of some hundred. */
  constructor(base, tell) {
    this.base = base;
    this.tell = tell;
    this.place = null;
    this.pause = FIRST_PAUSE;
    this.stopped = false;
    this.anew = false;
    this.outside = null; // login or refused, as long as nobody was let in: a 502 does not change that
  }

  async run() {
    while (!this.stopped) {
      let how = "reconnecting";
      this.anew = false;
      try {
        how = await this.follow();
      } catch {
        // Cut, refused, or nobody there: come again.
      }
      if (this.stopped) return;
      if (this.anew) continue; // it was ended here, and is begun anew at once
      if (how === "login" || how === "refused") this.outside = how;
      else if (this.outside) how = this.outside;
      this.tell({ type: "status", status: how });
      await this.rest();
    }
  }

  /** Wait before the next try: longer each time, and never as long as others do. */
  async rest() {
    const pause = this.pause * (0.5 + Math.random());
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
    await Promise.race([wait(pause), new Promise((resolve) => (this.wake = resolve))]);
  }

  /** Try again at once: somebody has logged in, or looks at the page again. */
  hurry() {
    this.pause = FIRST_PAUSE;
    if (this.wake) this.wake();
  }

  /** Begin anew, as whoever the browser is now. */
  again() {
    this.place = null;
    this.anew = true;
    this.outside = null;
    this.control?.abort();
    this.hurry();
  }

  /** Follow until the stream ends; what the state is then. */
  async follow() {
    const control = (this.control = new AbortController());
    const url = new URL(this.place === null ? SNAPSHOT : "events", this.base);
    const headers = this.place === null ? {} : { "Last-Event-ID": this.place };
    let timer = setTimeout(() => control.abort(), SILENCE);
    try {
      const answer = await fetch(url, { headers, signal: control.signal, cache: "no-store" });
      if (answer.status === 401 || answer.status === 403) {
        this.place = null; // whoever logs in next may see something else
        return answer.status === 401 ? "login" : "refused";
      }
      if (answer.status === 410 || answer.status === 400) {
        this.place = null; // compacted, or another store: begin anew
        this.pause = FIRST_PAUSE;
        return "restarted";
      }
      if (!answer.ok) return "reconnecting";
      this.outside = null;
      if (this.place === null) this.tell({ type: "reset" });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return "reconnecting";
        clearTimeout(timer);
        timer = setTimeout(() => control.abort(), SILENCE);
        const frames = (rest + value).split("\n\n");
        rest = frames.pop();
        if (frames.length && this.take(frames) === "gone") {
          control.abort();
          return "restarted";
        }
      }
    } finally {
      clearTimeout(timer);
    }
  }

  take(frames) {
    let events = [];
    for (const frame of frames) {
      let data = null;
      let name = "message";
      for (const line of frame.split("\n")) {
        if (line.startsWith("data:")) data = line.slice(5).trimStart();
        else if (line.startsWith("event:")) name = line.slice(6).trim();
        else if (line.startsWith("id:")) this.place = line.slice(3).trim();
      }
      if (name === "gone") {
        this.place = null;
        return "gone";
      }
      if (data === null) continue;
      events.push(data);
      if (events.length >= BATCH) {
        this.tell({ type: "events", events: events.join() });
        events = [];
      }
      if (name === "snapshot-end" || name === "bookmark") {
        this.pause = FIRST_PAUSE;
        this.tell({ type: "events", events: events.join() });
        events = [];
        this.tell({ type: "status", status: "live" });
      }
    }
    if (events.length) this.tell({ type: "events", events: events.join() });
    return "on";
  }

  stop() {
    this.stopped = true;
    this.hurry();
  }
}
