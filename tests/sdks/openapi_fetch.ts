// Types that openapi-typescript made, with openapi-fetch, against a running service.
import createClient from "openapi-fetch";
import type { components, paths } from "./visor.js";

function check(holds: boolean, said: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(said));
}

const client = createClient<paths>({ baseUrl: process.argv[2]! });

const body = { name: "fetch", repo_url: "https://git.example.com/f.git", stack: "lenny" };
const made = await client.POST("/apps", { body });
check(made.data?.name === "fetch", made.error);
const again = await client.POST("/apps", { body });
check(again.error?.code === "already-exists", again.data);

let rev = "0";
const seen: components["schemas"]["Event"][] = [];
for (;;) {
  const page = await client.GET("/apps/{app}/events/list", {
    params: { path: { app: "fetch" }, query: { rev, limit: 1, type: ["app-*"] } },
  });
  check(page.data !== undefined, page.error);
  if (page.data.items.length === 0) break;
  seen.push(...page.data.items);
  rev = page.data.next;
}
const [event] = seen;
check(seen.length === 1 && event?.type === "app-register", seen);
check("app" in event && event.app === "fetch", event);

// The stream, past the client: its type is a string, and it does not end.
const stop = new AbortController();
const stream = await client.GET("/events", { params: { query: { rev } }, parseAs: "stream", signal: stop.signal });
check(stream.response.headers.get("content-type")!.startsWith("text/event-stream"), stream.error);
const first = await stream.data!.getReader().read();
check(new TextDecoder().decode(first.value).includes(`id: ${rev}`), first);
stop.abort();
