// What differs between two moments.
import { html, useEffect, useState } from "../html.js";
import { call } from "../api.js";
import { Empty } from "../parts.js";
import { clock, number } from "../format.js";
import { link, state } from "../state.js";

const short = (value) => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));

function Field({ field }) {
  const name = field.path.replace(/^\//, "").replaceAll("/", ".");
  const gone = !("after" in field);
  const fresh = !("before" in field);
  return html`<li>${name}: ${!fresh && html`<span class="del">${short(field.before)}</span>`}${!fresh && !gone && " → "}${!gone && html`<span class="ins">${short(field.after)}</span>`}</li>`;
}

const SIGN = { create: "+", update: "~", delete: "−", replace: "±" };

/** Objects that differ, as a diff or a plan has them. */
export const Objects = ({ items }) => html`<ul class="diff objects">${items.map((item) => html`<li class=${item.action}><p><b aria-label=${item.action}>${SIGN[item.action]}</b> <span class="ref">${item.path}</span>
    ${item.by && html`<small>rev ${number(item.by.rev)}, ${clock(item.by.at)}, ${item.by.actor}${item.by.reason ? `: ${item.by.reason}` : ""}</small>`}</p>
    ${item.action === "update" && html`<ul>${item.fields.map((field) => html`<${Field} field=${field} />`)}</ul>`}</li>`)}</ul>`;

export function Diff() {
  const { params, rev } = state.place;
  const from = Number(params.get("from"));
  const [include, setInclude] = useState("declared");
  const [said, set] = useState(null);
  const to = rev ?? state.live.registry.rev;
  useEffect(() => {
    let over = false;
    call("GET", "/diff", { query: { from, to, include, limit: 200 } }).then(
      ({ body }) => !over && set({ body }),
      (error) => !over && set({ error }),
    );
    return () => { over = true; };
  }, [from, to, include]);
  const time = (at) => state.history.of(at)?.at;
  return html`<h1>From rev ${number(from)} to ${number(to)}</h1>
    <p class="legend"><span>${clock(time(from))} → ${clock(time(to))}</span> <label>Show <select value=${include} onChange=${(e) => setInclude(e.target.value)}><option value="declared">what was declared</option><option value="all">instances too</option></select></label>
      <a href=${link("/diff", from, { from: to })}>the other way round</a></p>
    ${said === null ? html`<p class="empty">Looking…</p>` : said.error ? html`<p class="notice bad" role="alert">${said.error.message}</p>`
      : said.body.items.length === 0 ? html`<${Empty}>Nothing differs${include === "declared" ? ", but for instances" : ""}.</${Empty}>`
      : html`<${Objects} items=${said.body.items} />
        ${said.body.next && html`<p class="more">There is more: <code>GET /diff?from=${from}&to=${to}</code> has it all.</p>`}`}`;
}
