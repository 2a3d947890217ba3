// What differs between two moments: those of the two handles of the axis.
import { html, useEffect, useRef, useState } from "../html.js";
import { call } from "../api.js";
import { Empty } from "../parts.js";
import { clock, number } from "../format.js";
import { link, presentAt, state } from "../state.js";

/** A value of a field; of a secret, by which value it is told from another. */
const short = (value) => (value === undefined ? "" : typeof value === "string" ? value : value?.fingerprint ? `fingerprint ${value.fingerprint}` : JSON.stringify(value));

function Field({ field }) {
  const name = field.path.replace(/^\//, "").replaceAll("/", ".");
  const gone = !("after" in field);
  const fresh = !("before" in field);
  return html`<li>${name}: ${!fresh && html`<span class="del">${short(field.before)}</span>`}${!fresh && !gone && " → "}${!gone && html`<span class="ins">${short(field.after)}</span>`}</li>`;
}

const SIGN = { create: "+", update: "~", delete: "−", replace: "±" };

/** Objects that differ, as a diff or a plan has them. */
export const Objects = ({ items }) => html`<ul class="diff objects">${items.map((item) => html`<li class=${item.action} key=${item.path}><p><b aria-label=${item.action} role="img">${SIGN[item.action]}</b> <span class="ref">${item.path}</span>
    ${item.by && html`<small>rev ${number(item.by.rev)}, ${clock(item.by.at)}, ${item.by.actor}${item.by.reason ? `: ${item.by.reason}` : ""}</small>`}</p>
    ${item.action === "update" && html`<ul>${item.fields.map((field) => html`<${Field} field=${field} />`)}</ul>`}</li>`)}</ul>`;

const KINDS = { app: "apps", revision: "revisions", envset: "env sets", proctype: "proctypes", scale: "scales", instance: "instances", service: "services", endpoint: "endpoints", runner: "runners", member: "members" };

/** How much differs, in a line: `2 apps changed, 1 revision new`. */
function Counts({ items, more }) {
  const counts = new Map();
  for (const { kind, action } of items) counts.set(`${kind} ${action}`, (counts.get(`${kind} ${action}`) ?? 0) + 1);
  const words = { create: "new", update: "changed", delete: "gone", replace: "made anew" };
  return html`<p class="counts">${[...counts].map(([key, amount]) => {
    const [kind, action] = key.split(" ");
    const named = KINDS[kind] ?? `${kind}s`;
    return `${number(amount)} ${amount === 1 ? named.slice(0, -1) : named} ${words[action] ?? action}`;
  }).join(", ")}${more ? ", and more" : ""}</p>`;
}

/** Asks for one difference at a time; of those that come meanwhile, for the last. */
function useDiff(query) {
  const [said, set] = useState(null);
  const asking = useRef({ busy: false, wanted: null });
  const text = JSON.stringify(query);
  const ask = async () => {
    const one = asking.current;
    if (one.busy) return;
    one.busy = true;
    while (one.wanted) {
      const wanted = one.wanted;
      one.wanted = null;
      const answer = await call("GET", "/diff", { query: wanted }).then(({ body }) => ({ body }), (error) => ({ error }));
      if (!one.over) set({ ...answer, query: wanted });
    }
    one.busy = false;
  };
  useEffect(() => {
    asking.current.wanted = query;
    ask();
  }, [text]);
  useEffect(() => () => { asking.current.over = true; }, []);
  return said;
}

export function Diff() {
  const { params, rev } = state.place;
  const from = Number(params.get("from")) || 0;
  const [include, setInclude] = useState("declared");
  const to = rev ?? state.live.registry.rev;
  const said = useDiff({ from, to, include, limit: 200 });
  const time = (at) => (at === to && rev === null ? presentAt() : state.history.of(at)?.at);
  return html`<h1>From rev ${number(from)} to ${number(to)}</h1>
    <div class="legend"><span>${clock(time(from))} → ${clock(time(to))}</span> <label>Show <select value=${include} onChange=${(e) => setInclude(e.target.value)}><option value="declared">what was declared</option><option value="all">instances too</option></select></label>
      <a href=${link("/diff", from, { from: to })}>the other way round</a></div>
    ${said === null ? html`<p class="empty" role="status">Looking…</p>` : said.error ? html`<p class="notice bad" role="alert">${said.error.message}</p>`
      : said.body.items.length === 0 ? html`<${Empty}>Nothing differs${include === "declared" ? ", but for instances" : ""}.</${Empty}>`
      : html`<${Counts} items=${said.body.items} more=${said.body.next} /><${Objects} items=${said.body.items} />
        ${said.body.next && html`<p class="more">There is more: <code>GET /diff?from=${from}&to=${to}</code> has it all.</p>`}`}`;
}
