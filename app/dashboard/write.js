// A change: what it would do, the same as a curl line, and what came of it.
import { Problem, call, curl, onceKey } from "./api.js";
import { Copy, Dialog } from "./parts.js";
import { html, useEffect, useState } from "./html.js";
import { here, redraw, state } from "./state.js";

let asked = null;

/** Ask before a change: {title, verb, method, path, body, headers, query, fields, detail, danger, done, stale}. `body` may
 *  be made of the fields' values. `planned` draws what a dry run says; with `whole` that is a plan, and just what was shown
 *  is done or nothing; `conflicts` says in the dialog's words what stands against it. `tried` is a body to try instead, where the real one is nobody's business before it is sent. */
export function ask(change) {
  asked = { ...change, place: here() };
  redraw();
}

export function Asked() {
  if (asked && asked.place !== here()) asked = null; // somebody has gone back to another page
  return asked && html`<${Write} key=${asked} change=${asked} close=${() => { asked = null; redraw(); }} />`;
}

const UNKNOWN = "The service does not answer. Whether the change was made is not known: look before you try again.";

/** Why it would not be done, or was not: all conflicts, one by one. */
function Refusal({ error, words = (detail) => detail }) {
  if (!(error instanceof Problem)) return UNKNOWN;
  const { conflicts = [], errors = [] } = error.said;
  if (errors.length) return html`${errors.map((one) => html`<span class="conflict">${[one.loc?.slice(1).join("."), one.msg ?? one.detail].filter(Boolean).join(": ")}</span>`)}`;
  if (conflicts.length < 2) return error.message;
  return html`${conflicts.length} things stand against it:<ul class="conflicts">${conflicts.map((one) => html`<li><span class="ref">${one.path}</span>: ${words(one.detail)}</li>`)}</ul>`;
}

const initial = ({ fields = [] }) => Object.fromEntries(fields.map((f) => [f.name, f.value ?? (f.type === "checkbox" ? false : "")]));

function Input({ field, value, put, first }) {
  if (field.type === "checkbox") return html`<label class="check"><input type="checkbox" checked=${value} onChange=${(e) => put(e.target.checked)} /> ${field.label}</label>`;
  return html`<label class="field">${field.label}
    <input type=${field.type || "text"} min=${field.min} max=${field.max} value=${value} required=${!field.optional} autocomplete=${field.type === "password" ? "new-password" : "off"} autofocus=${first}
      onInput=${(e) => put(e.target.value)} /></label>`;
}

function Write({ change, close }) {
  const [values, set] = useState(() => initial(change));
  const [why, setWhy] = useState("");
  const [tried, setTried] = useState(null);
  const [busy, setBusy] = useState(false);
  const [looks, look] = useState(0);
  const [once] = useState(onceKey);
  const bodyOf = (from) => (typeof from === "function" ? from(values) : from);
  const plan = change.whole && tried?.plan?.plan;
  const body = bodyOf(change.body);
  const path = bodyOf(change.path);
  const headers = { ...change.headers, ...(why.trim() && { "Visor-Reason": encodeURIComponent(why.trim()) }) };
  const what = { body, headers, query: change.query };
  const text = JSON.stringify([path, change.tried ? null : body, headers, change.query]);
  const ready = (change.fields || []).every(({ name, type, optional, check }) => optional || type === "checkbox" || (values[name] !== "" && (!check || check(values[name]))));
  useEffect(() => {
    // What the service would say, before it is asked to do it.
    if (!ready) return undefined;
    let over = false;
    const timer = setTimeout(async () => {
      try {
        const trial = { ...what, body: change.tried ?? body, query: { ...change.query, dry_run: "true" } };
        const { body: found } = await call(change.method, path, trial);
        if (!over) setTried({ plan: found });
      } catch (error) {
        if (!over) setTried({ error });
      }
    }, 150);
    return () => { over = true; clearTimeout(timer); };
  }, [text, ready, looks]);
  const send = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const sent = plan ? { ...body, plan } : body;
      const key = change.method === "POST" ? { "Idempotency-Key": once } : {};
      const answer = await call(change.method, path, { ...what, body: sent, headers: { ...headers, ...key } });
      if (change.done) change.done(answer);
      close();
    } catch (error) {
      setTried({ error, done: true });
      setBusy(false);
    }
  };
  const stale = tried?.error?.code === "rev-mismatch";
  // A plan that changes nothing is not worth a commit.
  const idle = change.whole && tried?.plan?.changes.length === 0;
  const blocked = stale || idle || (change.whole && !plan);
  return html`<${Dialog} title=${change.title} close=${close}>
    <form onSubmit=${send}>
      ${(change.fields || []).map((field, at) => html`<${Input} key=${field.name} first=${at === 0} field=${field} value=${values[field.name]} put=${(value) => set({ ...values, [field.name]: value })} />`)}
      ${change.detail}${change.planned && tried?.plan && change.planned(tried.plan)}
      <label class="field">Reason, for the log (may be empty)<input maxlength="256" value=${why} onInput=${(e) => setWhy(e.target.value)} autocomplete="off" /></label>
      <details open><summary>The same from a terminal</summary><${Copy} text=${curl(change.method, path, { ...what, token: state.self.id !== null, body: change.told ? change.told : plan ? { ...body, plan } : body })} /></details>
      <div class=${`verdict ${tried?.error ? "bad" : ""}`} role="status">
        ${tried === null ? " " : tried.error ? html`<${Refusal} error=${tried.error} words=${change.conflicts} />` : idle ? " " : "The service would take it."}
      </div>
      <div class="actions">
        ${stale && change.stale && html`<button type="button" onClick=${() => { close(); change.stale(); }}>Look at what has changed</button>`}
        ${stale && change.whole && html`<button type="button" onClick=${() => { setTried(null); look(looks + 1); }}>Look again</button>`}
        <button type="button" class="plain" onClick=${close}>Cancel</button>
        <button type="submit" class=${change.danger ? "danger" : "primary"} disabled=${busy || !ready || blocked}>${change.verb || "Do it"}</button>
      </div>
    </form>
  </${Dialog}>`;
}
