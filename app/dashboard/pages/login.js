// Where the service asks who is there: a token, once, for a session.
import { html, useState } from "../html.js";
import { call } from "../api.js";
import { ask, leave, state } from "../state.js";

export function Login() {
  const [token, set] = useState("");
  const [said, tell] = useState("");
  const [busy, hold] = useState(false);
  const refused = state.live.status === "refused";
  const send = async (event) => {
    event.preventDefault();
    hold(true);
    try {
      await call("POST", "/session", { headers: { Authorization: `Bearer ${token.trim()}` } });
      set("");
      tell("");
      await ask();
      state.live.again();
    } catch (error) {
      tell(error.status === 401 ? "The service does not know this token, or it has expired." : error.message);
    }
    hold(false);
  };
  return html`<main class="login"><h1>Visor</h1>
    ${refused && html`<p class="notice" role="status">${state.self.name ? `The token ${state.self.name}` : "This token"} may not read what runs here. <button type="button" onClick=${leave}>Log out</button></p>`}
    <form onSubmit=${send}><label class="field">Token
    <input type="password" autocomplete="current-password" value=${token} onInput=${(e) => set(e.target.value)} placeholder="vsr_…" required /></label>
    <p class="verdict bad" role="alert">${said}</p><button type="submit" class="primary" disabled=${busy}>Log in</button>
    <p class="empty">An administrator makes one: <code>visor token create --role viewer --name you</code></p></form></main>`;
}
