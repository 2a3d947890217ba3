// The axis in time at the bottom of every page: bars for commits, marks for failures, and the moment that is shown.
import { html, useEffect, useRef } from "./html.js";
import { call } from "./api.js";
import { clock, number } from "./format.js";
import { BUCKETS, RevAt, Timeline } from "./timeline.js";
import { here, link, redraw, reviewed, show, state } from "./state.js";

const WINDOWS = { "15 min": 900e3, "1 h": 3600e3, "1 d": 86400e3, all: Infinity };

const view = { window: "1 d", back: "/" };
const timeline = new Timeline(redraw);
const revAt = { moment: new RevAt((rev) => show(rev)), from: new RevAt((rev) => reviewed({ from: rev })) };

/** The axis: from when to when. It begins where the history begins. */
export function axis() {
  const { commits } = state.history;
  const end = Math.max(Date.now(), commits.at(-1)?.time ?? 0);
  const known = timeline.begin ?? commits[0]?.time ?? end - 60e3;
  const begin = Math.max(known, end - WINDOWS[view.window]);
  return { begin: Math.min(begin, end - 1000), end };
}

/** One commit back or forth; after the last one, the present. */
export async function step(by) {
  const { rev } = state.place;
  const { history } = state;
  const from = rev ?? state.live.registry.rev;
  if (!history.reaches(from - (by < 0 ? 1 : 0)) || (by < 0 && !history.before(from) && !history.complete)) return far(from, by);
  const to = by < 0 ? history.before(from) : history.after(from);
  if (to) show(by > 0 && to.rev === state.live.registry.rev ? null : to.rev);
  else if (by > 0) show(null);
}

/** The same where the commits are not loaded. */
async function far(from, by) {
  const query = by < 0 ? { to: from - 1, order: "desc" } : { from, order: "asc" };
  const { body } = await call("GET", "/commits", { query: { ...query, limit: 1 } }).catch(() => ({ body: { items: [] } }));
  if (body.items.length) show(body.items[0].rev);
}

let timer = null;

/** Play from the moment that is shown, or from the beginning of the axis, to the present. */
export function play(on = !state.playing) {
  state.playing = on;
  clearInterval(timer);
  if (on) {
    if (state.place.rev === null) {
      const first = state.history.at(axis().begin) || state.history.commits[0];
      if (first) show(first.rev);
    }
    timer = setInterval(() => {
      if (state.past.moving) return;
      const next = state.history.after(state.place.rev ?? Infinity);
      if (next) show(next.rev);
      else {
        play(false);
        show(null);
      }
    }, 200);
  }
  redraw();
}

const KINDS = ["other", "change", "deploy", "revert", "failure"];
const MARKED = ["deploy", "revert", "failure"];

/** The bars: all that happened, as the service has counted it, and over it what is known to be a change or a failure. */
function buckets({ begin, end }, counted) {
  const made = Array.from({ length: BUCKETS }, () => ({ total: 0, change: 0, deploy: 0, revert: 0, failure: 0, other: 0 }));
  const place = (time) => made[Math.max(0, Math.min(BUCKETS - 1, Math.floor(((time - begin) / (end - begin)) * BUCKETS)))];
  const { history } = state;
  let known = end;
  for (let at = history.count("time", begin - 1); at < history.commits.length; at += 1) {
    const commit = history.commits[at];
    known = Math.min(known, commit.time);
    place(commit.time)[commit.sort] += 1;
  }
  for (const one of counted || []) {
    if (one.total && one.to < known && one.to > begin) place((one.from + one.to) / 2).other += one.total;
  }
  for (const one of made) one.total = KINDS.reduce((sum, kind) => sum + one[kind], 0);
  return made;
}

let drawn = { key: null, bars: null };

function bars(range) {
  const counted = timeline.of(WINDOWS[view.window]);
  const key = `${view.window} ${state.history.version} ${timeline.asked.at} ${counted?.length} ${Math.floor(range.end / 2000)}`;
  // While events pour in the bars are drawn a few times a second.
  const at = performance.now();
  if (drawn.key === key) return drawn.bars;
  if (drawn.window === view.window && at - drawn.at < 300) {
    drawn.later ??= setTimeout(redraw, 310);
    return drawn.bars;
  }
  clearTimeout(drawn.later);
  const counts = buckets(range, counted);
  const most = Math.max(1, ...counts.map((b) => b.total));
  const rects = [];
  counts.forEach((bucket, at) => {
    // By the root: one busy minute must not make the rest of a day flat.
    const whole = Math.sqrt(bucket.total / most) * 32;
    let y = 40;
    for (const kind of KINDS) {
      if (!bucket[kind]) continue;
      const height = Math.max(3, (bucket[kind] / bucket.total) * whole);
      y -= height;
      rects.push(html`<rect class=${kind} x=${at * 5} y=${y} width="4" height=${height} />`);
    }
    const marks = MARKED.filter((kind) => bucket[kind]);
    if (marks.length) rects.push(html`<rect class=${`mark ${marks.at(-1)}`} x=${at * 5 - 1} y="0" width="6" height="5" />`);
  });
  drawn = { key, at, window: view.window, bars: html`<svg viewBox="0 0 1000 40" preserveAspectRatio="none" aria-hidden="true">${rects}</svg>` };
  return drawn.bars;
}

/** Find the rev at a place of the axis, and tell it: known at once, or asked of the service. */
function place(to, range, asking, tell) {
  const { commits, complete } = state.history;
  const commit = state.history.at(to) ?? commits[0];
  if (commit && (complete || commit !== commits[0])) {
    asking.stop();
    tell(commit.rev);
  } else {
    asking.ask(Math.max(to, range.begin + 1));
  }
}

/** When a rev came to be, within the axis; for one that is not known, where its handle was let go. */
function timeOf(rev, range, otherwise) {
  const time = state.history.reaches(rev) ? state.history.of(rev)?.time : otherwise;
  return Math.min(range.end, Math.max(range.begin, time || range.begin));
}

/** One end of what is compared, or the moment that is shown: a handle on the axis. */
function Handle({ name, label, said, range, time, moved }) {
  const input = useRef(null);
  useEffect(() => {
    // Whoever holds it has it where they hold it.
    if (input.current && !input.current.matches(":active")) input.current.value = time;
  });
  const drag = (event) => moved(Number(event.target.value));
  return html`<input ref=${input} class=${name} type="range" min=${range.begin} max=${range.end} step="any" aria-label=${label} aria-valuetext=${said}
    onPointerDown=${() => state.history.fill()} onInput=${drag} />`;
}

const MINUTE = 60e3;
const STEPS = [1, 5, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080].map((minutes) => minutes * MINUTE);
const TICKS = 12;

/** Round times along the axis, to find a moment by. Near its ends stand when it begins, and *now*. */
export function ticks({ begin, end }) {
  const span = end - begin;
  const step = STEPS.find((one) => span / one <= TICKS);
  if (!step) return [];
  const zone = new Date(end).getTimezoneOffset() * MINUTE;
  const found = [];
  for (let at = Math.ceil((begin + span * 0.12 - zone) / step) * step + zone; at < end - span * 0.05; at += step) {
    const text = clock(at);
    found.push({ at, text: step < 1440 * MINUTE ? text.slice(11, 16) : text.slice(5, 10) });
  }
  return found;
}

let let_go = 0;
let looked_for = null; // the rev at the second handle, for whose time the commits were loaded; tried once

/** Begin to compare: the moment that is shown, or a while ago, with the present. */
function compared(range) {
  const { rev } = state.place;
  view.back = here();
  const then = state.history.at(range.end - (range.end - range.begin) / 10) ?? state.history.commits[0];
  return link("/diff", null, { from: rev ?? then?.rev ?? state.live.registry.rev });
}

const inWords = (rev, at) => `rev ${number(rev)}, ${clock(at)}`;

function Axis({ range }) {
  const { rev, params } = state.place;
  const mark = params.get("from");
  const moment = rev === null ? null : state.history.of(rev);
  const time = rev === null ? range.end : timeOf(rev, range, Date.parse(state.past.registry?.at || 0));
  const present = range.end - (range.end - range.begin) / 500;
  const drag = (to) => (to >= present ? (revAt.moment.stop(), show(null)) : place(to, range, revAt.moment, show));
  const from = mark === null ? null : Number(mark);
  if (from !== null && !state.history.reaches(from) && looked_for !== from) {
    looked_for = from;
    state.history.fill();
  }
  const fromTime = mark === null ? null : timeOf(from, range, let_go);
  const dragFrom = (to) => {
    let_go = to;
    place(to, range, revAt.from, (found) => reviewed({ from: found }));
  };
  const [left, right] = [time, fromTime ?? time].sort((a, b) => a - b).map((at) => ((at - range.begin) / (range.end - range.begin)) * 1000);
  return html`<div class="axis">
    <div class="track">
      ${bars(range)}
      ${mark !== null && html`<svg class="band" viewBox="0 0 1000 40" preserveAspectRatio="none" aria-hidden="true"><rect x=${left} y="0" width=${right - left} height="40" /></svg>`}
      <${Handle} name="moment" label="Moment" said=${rev === null ? "now" : inWords(rev, state.past.registry?.at || moment?.at)} range=${range} time=${time} moved=${drag} />
      ${mark !== null && html`<${Handle} name="from" label="Compared with" said=${inWords(from, state.history.of(from)?.at)} range=${range} time=${fromTime} moved=${dragFrom} />`}
    </div>
    <div class="ends"><span title=${clock(range.begin)}>${clock(range.begin).slice(5, 16)}</span>${ticks(range).map(({ at, text }) => html`<span class="tick" key=${at} style=${{ left: `${((at - range.begin) / (range.end - range.begin)) * 100}%` }}>${text}</span>`)}<span>now</span></div>
  </div>`;
}

export function Slider() {
  state.history.begin();
  const range = axis();
  const { rev, params } = state.place;
  return html`<footer class="slider" aria-label="Time">
    <div class="buttons">
      <button type="button" onClick=${() => step(-1)} title="One commit back (,)" aria-label="One commit back">◂</button>
      <button type="button" onClick=${() => play()} title="Play (space)" aria-label=${state.playing ? "Pause" : "Play"} aria-pressed=${state.playing}>${state.playing ? "❚❚" : "▶"}</button>
      <button type="button" onClick=${() => step(1)} title="One commit forward (.)" aria-label="One commit forward">▸</button>
      <button type="button" class=${rev === null ? "now on" : "now"} onClick=${() => show(null)} title="The present (l)">Live</button>
    </div>
    <${Axis} range=${range} />
    <div class="buttons">
      <label class="window">Show <select aria-label="Span of the axis" value=${view.window} onChange=${(e) => { view.window = e.target.value; redraw(); }}>
        ${Object.keys(WINDOWS).map((name) => html`<option value=${name}>${name}</option>`)}
      </select></label>
      ${params.get("from") === null
        ? html`<a class="button" href=${compared(range)} title="A second handle: what differs between the two">Compare</a>`
        : html`<a class="button on" href=${link(view.back, rev)} title="Stop comparing">Compare ×</a>`}
    </div>
  </footer>`;
}
