// The axis in time at the bottom of every page: bars for commits, marks for failures, and the moment that is shown.
import { html, useEffect, useRef } from "./html.js";
import { clock, number } from "./format.js";
import { sort, told } from "./history.js";
import { BUCKETS, RevAt, Timeline } from "./timeline.js";
import { link, redraw, show, state } from "./state.js";

const WINDOWS = { "15 min": 900e3, "1 h": 3600e3, "1 d": 86400e3, all: Infinity };

const view = { window: "1 d" };
const timeline = new Timeline(redraw);
const revAt = new RevAt((rev) => show(rev));

/** The axis: from when to when. It begins where the history begins. */
export function axis() {
  const { commits } = state.history;
  const end = Math.max(Date.now(), commits.at(-1)?.time ?? 0);
  const known = timeline.begin ?? commits[0]?.time ?? end - 60e3;
  const begin = Math.max(known, end - WINDOWS[view.window]);
  return { begin: Math.min(begin, end - 1000), end };
}

/** One commit back or forth; after the last one, the present. */
export function step(by) {
  const { rev } = state.place;
  const from = rev ?? state.live.registry.rev;
  const to = by < 0 ? state.history.before(from) : state.history.after(from);
  if (to) show(by > 0 && to.rev === state.live.registry.rev ? null : to.rev);
  else if (by > 0) show(null);
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

/** The bars: all that happened, as the service has counted it, and over it what is known to be a change or a failure. */
function buckets({ begin, end }, counted) {
  const made = Array.from({ length: BUCKETS }, () => ({ change: 0, failure: 0, other: 0 }));
  const place = (time) => Math.min(BUCKETS - 1, Math.floor(((time - begin) / (end - begin)) * BUCKETS));
  let known = end;
  for (const commit of state.history.commits) {
    if (commit.time < begin) continue;
    known = Math.min(known, commit.time);
    made[place(commit.time)][sort(commit)] += 1;
  }
  for (const one of counted || []) {
    if (one.total && one.to < known && one.to > begin) made[place((one.from + one.to) / 2)].other += one.total;
  }
  return made;
}

let drawn = { key: null, bars: null };

function bars(range) {
  const counted = timeline.of(WINDOWS[view.window]);
  const { commits } = state.history;
  const key = `${view.window} ${commits.length} ${commits.at(-1)?.rev} ${timeline.asked.at} ${counted?.length} ${Math.floor(range.end / 2000)}`;
  if (drawn.key === key) return drawn.bars;
  const counts = buckets(range, counted);
  const most = Math.max(1, ...counts.map((b) => b.change + b.failure + b.other));
  const rects = [];
  counts.forEach((bucket, at) => {
    let y = 40;
    for (const kind of ["other", "change", "failure"]) {
      if (!bucket[kind]) continue;
      const height = Math.max(3, (bucket[kind] / most) * 36);
      y -= height;
      rects.push(html`<rect class=${kind} x=${at * 5} y=${y} width="4" height=${height} />`);
    }
  });
  drawn = { key, bars: html`<svg viewBox="0 0 1000 40" preserveAspectRatio="none" aria-hidden="true">${rects}</svg>` };
  return drawn.bars;
}

export function Slider() {
  state.history.begin();
  const range = axis();
  const { rev } = state.place;
  const moment = rev === null ? null : state.history.of(rev);
  const time = rev === null ? range.end : Math.min(range.end, Math.max(range.begin, moment?.time ?? Date.parse(state.past.registry?.at || 0)));
  const input = useRef(null);
  useEffect(() => {
    if (input.current && document.activeElement !== input.current) input.current.value = time;
  });
  const drag = (event) => {
    const to = Number(event.target.value);
    if (to >= range.end - (range.end - range.begin) / 500) return show(null);
    const { commits, complete } = state.history;
    const commit = state.history.at(to) ?? commits[0];
    if (commit && (complete || commit !== commits[0])) {
      revAt.stop();
      show(commit.rev);
    } else {
      revAt.ask(Math.max(to, range.begin + 1));
    }
    return undefined;
  };
  const mark = state.place.params.get("from");
  const said = rev === null ? "now" : `rev ${rev}, ${clock(state.past.registry?.at || moment?.at)}`;
  return html`<footer class="slider" aria-label="Time">
    <div class="buttons">
      <button type="button" onClick=${() => step(-1)} title="One commit back (,)" aria-label="One commit back">◂</button>
      <button type="button" onClick=${() => play()} title="Play (space)" aria-label=${state.playing ? "Pause" : "Play"} aria-pressed=${state.playing}>${state.playing ? "❚❚" : "▶"}</button>
      <button type="button" onClick=${() => step(1)} title="One commit forward (.)" aria-label="One commit forward">▸</button>
      <button type="button" class=${rev === null ? "now on" : "now"} onClick=${() => show(null)} title="The present (l)">Live</button>
    </div>
    <div class="axis">
      <div class="track">
        ${bars(range)}
        <input ref=${input} type="range" min=${range.begin} max=${range.end} step="any" aria-label="Moment" aria-valuetext=${said}
          onInput=${drag} onChange=${drag} />
      </div>
      <div class="ends"><span>${clock(range.begin)}</span><span class="moment">${moment ? told(moment) : ""}</span><span>now</span></div>
    </div>
    <div class="buttons">
      <label class="window">Show <select aria-label="Span of the axis" value=${view.window} onChange=${(e) => { view.window = e.target.value; redraw(); }}>
        ${Object.keys(WINDOWS).map((name) => html`<option value=${name}>${name}</option>`)}
      </select></label>
      ${mark === null
        ? html`<a class="button" href=${link("/diff", rev, { from: rev ?? state.live.registry.rev })} title="Mark this moment, then move to another">Compare</a>`
        : html`<a class="button on" href=${link("/", rev)}>From ${number(mark)} ×</a>`}
      ${!state.history.complete && html`<button type="button" onClick=${() => state.history.more()} disabled=${!!state.history.loading}>Older</button>`}
    </div>
  </footer>`;
}
