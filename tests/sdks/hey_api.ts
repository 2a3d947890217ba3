// A client that @hey-api/openapi-ts made, against a running service.
import { client } from "./hey/client.gen.js";
import { listAppEvents, registerApp } from "./hey/index.js";
import type { Event } from "./hey/index.js";

function check(holds: boolean, said: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(said));
}

client.setConfig({ baseUrl: process.argv[2]! });

const body = { name: "hey", repo_url: "https://git.example.com/h.git", stack: "lenny" };
const made = await registerApp({ body });
check(made.data?.name === "hey", made.error);
const again = await registerApp({ body });
check(again.error?.code === "already-exists", again.data);

const page = await listAppEvents({ path: { app: "hey" }, query: { rev: "0" } });
const events: Event[] = page.data?.items ?? [];
const [event] = events;
check(event?.type === "app-register", events);
// Narrowed by its type: `object` is an app.
check(event.object.repo_url === body.repo_url, event);
