// Where the service asks who is there: a token, once, for a session.
import { html, useState } from "../html.js";
import { call } from "../api.js";
import { ask, state } from "../state.js";

export function Login() {
  const [token, set] = useState("");
  const [said, tell] = useState("");
  const send = async (event) => {
    event.preventDefault();
    try {
      await call("POST", "/session", { headers: { Authorization: `Bearer ${token.trim()}` } });
      set("");
      tell("");
      await ask();
      state.live.hurry();
    } catch (error) {
      tell(error.status === 401 ? "The service does not know this token, or it has expired." : error.message);
    }
  };
  return html`<main class="login"><h1>Visor</h1><form onSubmit=${send}><label class="field">Token
    <input type="password" autocomplete="current-password" value=${token} onInput=${(e) => set(e.target.value)} placeholder="vsr_…" required /></label>
    <p class="verdict bad" role="alert">${said}</p><button type="submit" class="primary">Log in</button>
    <p class="empty">An administrator makes one: <code>visor token create --role viewer --name you</code></p></form></main>`;
}
