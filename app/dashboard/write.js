// A change: what it would do, the same as a curl line, and what came of it.
import { Problem, call, curl } from "./api.js";
import { Copy, Dialog } from "./parts.js";
import { html, useEffect, useState } from "./html.js";
import { redraw } from "./state.js";

let asked = null;

/** Ask before a change: {title, method, path, body, headers, query, detail, danger, done, stale}. */
export function ask(change) {
  asked = change;
  redraw();
}

export function Asked() {
  return asked && html`<${Write} key=${asked} change=${asked} close=${() => { asked = null; redraw(); }} />`;
}

const said = (error) => (error instanceof Problem ? error.message : "The service does not answer. Whether the change was made is not known: look before you try again.");

function Write({ change, close }) {
  const [values, set] = useState(() => Object.fromEntries((change.fields || []).map((f) => [f.name, f.value ?? ""])));
  const [tried, setTried] = useState(null);
  const [busy, setBusy] = useState(false);
  const body = typeof change.body === "function" ? change.body(values) : change.body;
  const what = { body, headers: change.headers, query: change.query };
  const text = JSON.stringify(what);
  const ready = (change.fields || []).every((field) => field.optional || values[field.name] !== "");
  useEffect(() => {
    // What the service would say, before it is asked to do it.
    if (!ready) return undefined;
    let over = false;
    const timer = setTimeout(async () => {
      try {
        const { body: plan } = await call(change.method, change.path, { ...what, query: { ...change.query, dry_run: "true" } });
        if (!over) setTried({ ok: true, plan });
      } catch (error) {
        if (!over) setTried({ error });
      }
    }, 150);
    return () => { over = true; clearTimeout(timer); };
  }, [text, ready]);
  const send = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const answer = await call(change.method, change.path, what);
      if (change.done) change.done(answer);
      close();
    } catch (error) {
      setTried({ error, done: true });
      setBusy(false);
    }
  };
  const stale = tried?.error?.code === "rev-mismatch";
  return html`<${Dialog} title=${change.title} close=${close}>
    <form onSubmit=${send}>
      ${(change.fields || []).map((field) => html`<label class="field">${field.label}
        <input type=${field.type || "text"} min=${field.min} max=${field.max} value=${values[field.name]} required=${!field.optional}
          onInput=${(e) => set({ ...values, [field.name]: e.target.value })} /></label>`)}
      ${change.detail}${change.planned && tried?.plan && change.planned(tried.plan)}
      <details open><summary>The same from a terminal</summary><${Copy} text=${curl(change.method, change.path, what)} /></details>
      <p class=${`verdict ${tried?.error ? "bad" : ""}`} role="status">
        ${tried === null ? " " : tried.error ? said(tried.error) : "The service would take it."}
      </p>
      <div class="actions">
        ${stale && change.stale && html`<button type="button" onClick=${() => { close(); change.stale(); }}>Look at what has changed</button>`}
        <button type="button" class="plain" onClick=${close}>Cancel</button>
        <button type="submit" class=${change.danger ? "danger" : "primary"} disabled=${busy || !ready || stale}>${change.verb || "Do it"}</button>
      </div>
    </form>
  </${Dialog}>`;
}
