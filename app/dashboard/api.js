// Calls of the service that serves this page, under whatever prefix it is seen.

export const BASE = new URL("../", import.meta.url).href;

/** A refusal: problem+json, or what a proxy said instead. */
export class Problem extends Error {
  constructor(status, said) {
    super(said.detail || said.title || `The answer was ${status}.`);
    this.status = status;
    this.code = said.code || "";
    this.said = said;
  }
}

const WRITES = { "Content-Type": "application/json", "Visor-Csrf": "1" };

/** As whom changes are made where nobody has a token; with one, its name is who did it, and null is right. */
export function actAs(name) {
  if (name === null) delete WRITES["Visor-Actor"];
  else WRITES["Visor-Actor"] = name;
}

/** A key that makes a POST safe to send twice. */
export const onceKey = () => `ui-${[...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("")}`;

/** The answer to a call: its body, and the rev that it is of. Throws Problem, and TypeError where nobody answers. */
export async function call(method, path, { body, headers = {}, query = {}, signal } = {}) {
  const url = new URL(path.replace(/^\//, ""), BASE);
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) url.searchParams.append(name, one);
  }
  const more = method === "GET" ? {} : method === "PATCH" ? { ...WRITES, "Content-Type": "application/merge-patch+json" } : WRITES;
  const answer = await fetch(url, {
    method,
    headers: { ...more, ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal,
  });
  const text = await answer.text();
  let said = {};
  try {
    said = text ? JSON.parse(text) : {};
  } catch {
    said = { detail: `The answer was ${answer.status}, and not from Visor.` };
  }
  if (!answer.ok) throw new Problem(answer.status, said);
  return { body: said, rev: Number(answer.headers.get("Visor-Rev")) };
}

/** All items of a list, page after page of one snapshot. */
export async function items(path, query = {}, signal = undefined) {
  const found = [];
  let cursor = null;
  do {
    const page = await call("GET", path, { query: cursor ? { ...query, cursor } : query, signal });
    for (const item of page.body.items) found.push(item);
    cursor = page.body.next;
  } while (cursor);
  return found;
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** The same call for a terminal, which has the token in VISOR_TOKEN where one is needed. A body that is text stands as it is. */
export function curl(method, path, { body, headers = {}, query = {}, token = false } = {}) {
  const url = new URL(path.replace(/^\//, ""), BASE);
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value);
  const parts = ["curl"];
  if (method !== "POST" || body === undefined) parts.push(`-X ${method}`);
  parts.push(quoted(url.href));
  if (token) parts.push('-H "Authorization: Bearer $VISOR_TOKEN"');
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (typeof body === "string") parts.push(`--json ${body}`);
  else if (body !== undefined) parts.push(`--json ${quoted(JSON.stringify(body))}`);
  return parts.join(" \\\n  ");
}
