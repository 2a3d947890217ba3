// What the pages are made of.
import { Component, html, useEffect, useRef, useState } from "./html.js";
import { STATUSES } from "./registry.js";
import { number } from "./format.js";
import { link } from "./state.js";

export const Status = ({ status }) => html`<span class=${`status ${status}`}><i aria-hidden="true"></i>${status}</span>`;

/** Running of target, as a bar by status. */
export function Bar({ counts, target }) {
  const shown = STATUSES.filter((status) => counts[status] && status !== "exited");
  const total = Math.max(target || 0, shown.reduce((sum, status) => sum + counts[status], 0));
  const text = shown.map((status) => `${counts[status]} ${status}`).join(", ") || "nothing runs";
  return html`<span class="bar" role="img" aria-label=${`${text}; target ${target ?? "none"}`} title=${text}>
    ${shown.map((status) => html`<i class=${status} style=${{ width: `${(counts[status] / total) * 100}%` }}></i>`)}
  </span>`;
}

export const Of = ({ counts, target }) =>
  html`<span class="of"><b>${number(counts.running)}</b>${target ? ` / ${number(target)}` : ""}</span>`;

/** Drawn anew only where `key` of its props has changed. */
export class Kept extends Component {
  shouldComponentUpdate(next) {
    return next.mark !== this.props.mark;
  }
  render({ draw }) {
    return draw();
  }
}

export const A = ({ to, children, ...more }) => html`<a href=${link(to)} data-to=${to} ...${more}>${children}</a>`;

// What is drawn is kept while the moment goes on; a link leads to the one that is shown when somebody reaches for it.
for (const reached of ["pointerover", "focusin"]) {
  addEventListener(reached, ({ target }) => {
    const a = target.closest?.("a[data-to]");
    if (a) a.setAttribute("href", link(a.dataset.to));
  });
}

export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;

/** Give the keyboard to what `find` finds, once no dialog has it any more. */
export function handKeyboardTo(find) {
  if (document.querySelector("dialog[open]")) requestAnimationFrame(() => handKeyboardTo(find));
  else find()?.focus();
}

/** A dialog that takes the keyboard, and gives it back when it closes. */
export function Dialog({ title, close, children }) {
  const ref = useRef(null);
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog.open) dialog.showModal();
    return () => dialog.close();
  }, []);
  return html`<dialog ref=${ref} onCancel=${(e) => { e.preventDefault(); close(); }} aria-label=${title}>
    <header><h2>${title}</h2><button type="button" class="plain" aria-label="Close" onClick=${close}>×</button></header>
    ${children}
  </dialog>`;
}

/** Text to take away. */
export function Copy({ text }) {
  const [copied, set] = useState(false);
  const copy = async () => {
    await navigator.clipboard?.writeText(text).catch(() => {});
    set(true);
    setTimeout(() => set(false), 1500);
  };
  return html`<div class="copy"><pre tabindex="0">${text}</pre><button type="button" onClick=${copy}>${copied ? "Copied" : "Copy"}</button></div>`;
}

export function Table({ columns, children, label, kind = "" }) {
  return html`<div class=${`scroll ${kind}`} tabindex="0" role="region" aria-label=${label}><table>
    <thead><tr>${columns.map((c) => (typeof c === "string" ? html`<th scope="col">${c}</th>` : html`<th scope="col" class=${c.class}>${c.name}</th>`))}</tr></thead>
    <tbody>${children}</tbody></table></div>`;
}
