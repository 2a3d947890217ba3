// An app's variables: many are edited, and changed in one commit that fails where somebody else was first.
import { html, useEffect, useRef, useState } from "../html.js";
import { Empty, handKeyboardTo } from "../parts.js";
import { byName } from "../format.js";
import { ask } from "../write.js";
import { redraw, state, writable } from "../state.js";

const NAME = "[A-Za-z0-9_.\\-]{1,256}";

/** What is to be said of each variable that differs: [key, before, after]; undefined where it is not there. */
export function differences(before, after) {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort(byName);
  return keys.filter((key) => before[key] !== after[key]).map((key) => [key, before[key], after[key]]);
}

export function Variables({ app, path }) {
  const [edit, set] = useState(null);
  const button = useRef(null);
  const edited = useRef(false);
  useEffect(() => {
    // Whoever goes by keyboard is back where they began.
    if (edited.current && edit === null) handKeyboardTo(() => button.current);
    edited.current = edit !== null;
  }, [edit]);
  const keys = Object.keys(app.env).sort(byName);
  if (edit && writable(app.name)) return html`<${Editing} app=${app} path=${path} edit=${edit} set=${set} />`;
  return html`<section><h2>Variables <small>${keys.length}</small>
    ${writable(app.name) && html`<button type="button" ref=${button} onClick=${() => set({ base: app.env, rev: app.rev, vars: { ...app.env }, added: [] })}>Edit<span class="hidden"> variables</span></button>`}</h2>
    ${keys.length === 0 ? html`<${Empty}>There are none.</${Empty}>` : html`<dl class="vars">${keys.map((key) => html`<div key=${key}><dt>${key}</dt><dd>${app.env[key]}</dd></div>`)}</dl>`}
  </section>`;
}

export function Changes({ changes }) {
  return html`<ul class="diff">${changes.map(([key, before, after]) => html`<li>
    ${before === undefined ? html`<span class="ins">+ ${key}=${after}</span>` : after === undefined ? html`<span class="del">− ${key}=${before}</span>`
      : html`<span>${key}: <span class="del">${before}</span> → <span class="ins">${after}</span></span>`}</li>`)}</ul>`;
}

function Editing({ app, path, edit, set }) {
  const form = useRef(null);
  useEffect(() => form.current.querySelector(edit.added.length ? ".row:last-child input" : "input, button")?.focus(), [edit.added.length]);
  const put = (key, value) => set({ ...edit, vars: { ...edit.vars, [key]: value } });
  const drop = (key) => {
    const vars = { ...edit.vars };
    delete vars[key];
    set({ ...edit, vars });
  };
  const restore = (key) => put(key, edit.base[key]);
  const added = edit.added.map((one, at) => ({ ...one, at }));
  const change = (at, one) => set({ ...edit, added: edit.added.map((old, i) => (i === at ? { ...old, ...one } : old)) });
  const wanted = { ...edit.vars };
  for (const one of edit.added) if (one.key) wanted[one.key] = one.value;
  const changes = differences(edit.base, wanted);
  const moved = app.rev !== edit.rev ? differences(edit.base, app.env) : [];
  const fresh = () => {
    // Keep what was edited here, on top of what is there now.
    const vars = { ...app.env };
    for (const [key, , after] of differences(edit.base, edit.vars)) {
      if (after === undefined) delete vars[key];
      else vars[key] = after;
    }
    set({ ...edit, base: app.env, rev: app.rev, vars });
  };
  const review = (event) => {
    event.preventDefault();
    const body = Object.fromEntries(changes.map(([key, , after]) => [key, after ?? null]));
    ask({
      title: `Change ${changes.length === 1 ? "a variable" : `${changes.length} variables`} of ${app.name}`,
      verb: "Change",
      method: "PATCH",
      path: `${path}/env`,
      body,
      headers: { "If-Match": `"${edit.rev}"` },
      detail: html`<${Changes} changes=${changes} />`,
      done: () => set(null),
      stale: () => redraw(),
    });
  };
  const keys = [...new Set([...Object.keys(edit.base), ...Object.keys(edit.vars)])].sort(byName);
  return html`<section><form ref=${form} onSubmit=${review}><h2>Variables <small>edited from rev ${edit.rev}</small></h2>
    ${moved.length > 0 && html`<div class="notice" role="alert"><p>Somebody has changed them meanwhile:</p><${Changes} changes=${moved} />
      <button type="button" onClick=${fresh}>Keep my edits on top of that</button></div>`}
    <div class="editing">
      ${keys.map((key) => html`<div class="row" key=${key}><label for=${`v-${key}`}>${key}</label>
        ${key in edit.vars ? html`<input id=${`v-${key}`} value=${edit.vars[key]} onInput=${(e) => put(key, e.target.value)} /><button type="button" class="plain" onClick=${() => drop(key)}>Remove<span class="hidden"> ${key}</span></button>`
          : html`<span class="del" id=${`v-${key}`}>removed</span><button type="button" class="plain" onClick=${() => restore(key)}>Keep<span class="hidden"> ${key}</span></button>`}</div>`)}
      ${added.map((one) => html`<div class="row" key=${`new ${one.at}`}><input aria-label="Name of the new variable" placeholder="NAME" pattern=${NAME} value=${one.key} onInput=${(e) => change(one.at, { key: e.target.value })} />
        <input aria-label="Value of the new variable" placeholder="value" value=${one.value} onInput=${(e) => change(one.at, { value: e.target.value })} /><span></span></div>`)}
    </div>
    <div class="actions"><button type="button" onClick=${() => set({ ...edit, added: [...edit.added, { key: "", value: "" }] })}>Add a variable</button>
      <button type="button" class="plain" onClick=${() => set(null)}>Cancel</button>
      <button type="submit" class="primary" disabled=${changes.length === 0}>Review ${changes.length || "no"} change${changes.length === 1 ? "" : "s"}</button></div>
  </form></section>`;
}
