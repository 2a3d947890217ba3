// Types that openapi-typescript made, with openapi-fetch, against a running service: see scripts/sdks.
import createClient from "openapi-fetch";
import { admin, app, check, done, host, hosts, later, pause, refused, running, short, told, url } from "./scenario.js";
import type { components, paths } from "./visor.js";

type Schemas = components["schemas"];
type Event = Schemas["Event"];

const patched = { "Content-Type": "application/merge-patch+json" };
const as = (token: string, baseUrl = url) =>
  createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
const v = as(admin);
const path = { app };

const body = { name: app, repo_url: "https://git.example.com/f.git", stack: "lenny" };
const made = await done(v.POST("/apps", { body }));
check(made.name === app && made.head === null && made.rev !== null, made);
await refused("already-exists", 409, v.POST("/apps", { body }));

const patchEnv = (vars: Record<string, string | null>) =>
  done(v.PATCH("/apps/{app}/env", { params: { path }, body: vars, headers: patched }));
await patchEnv({ cow: "moo", cat: "meow" });
const env = await patchEnv({ cat: null });
check(JSON.stringify(env.vars) === '{"cow":"moo"}', env);

const proposed = await done(v.POST("/apps/{app}/revisions", { params: { path }, body: { ref: "r1" } }));
check(proposed.state === "proposed", proposed);
const accepted = await done(
  v.POST("/apps/{app}/revisions/{ref}/ratify", {
    params: { path: { app, ref: "r1" } },
    body: { archive_url: "https://archive.example.com/r1.img" },
  }),
);
check(accepted.state === "accepted", accepted);
for (const head of ["r1", null]) {
  const now = await done(v.PATCH("/apps/{app}", { params: { path }, body: { head }, headers: patched }));
  check(now.head === head, now);
}

const web = await done(v.POST("/apps/{app}/proctypes", { params: { path }, body: { name: "web" } }));
check(web.port >= 8000, web);
const scaled = await done(
  v.PUT("/apps/{app}/proctypes/{proctype}/scale", {
    params: { path: { app, proctype: "web" } },
    body: { revision: "r1", count: 3 },
  }),
);
check(scaled.started.length === 3, scaled);

const h = as(hosts);
const claimed = await done(h.POST("/instances/claim", { body: { host, app, wait: 5 } }));
check(claimed.status === "claimed" && claimed.host === host && claimed.claim_rev !== null, claimed);
const start = { host, claim_rev: claimed.claim_rev, hostname: "box7", port: 9000 };
const started = await done(
  h.POST("/instances/{id}/start", { params: { path: { id: claimed.id } }, body: start }),
);
check(started.status === running, started);

const then = await done(v.GET("/apps/{app}", { params: { path, query: { rev: made.rev } } }));
check(Object.keys(then.env).length === 0, then);

const tag = (await v.GET("/apps/{app}", { params: { path } })).response.headers.get("ETag")!;
const change = () =>
  v.PATCH("/apps/{app}", {
    params: { path, header: { "If-Match": tag } },
    body: { stack: "squeeze" },
    headers: patched,
  });
check((await done(change())).stack === "squeeze", tag);
check((await refused("rev-mismatch", 412, change())).current_rev! > made.rev, tag);

await refused("invalid-cursor", 400, v.GET("/apps", { params: { query: { cursor: "nothere" } } }));
const future = v.GET("/apps/{app}", { params: { path, query: { rev: 2 ** 40 } } });
check((await refused("rev-in-future", 400, future)).current_rev! > 0, "current_rev");
await refused("unauthenticated", 401, as("nothere").GET("/apps/{app}", { params: { path } }));
await refused("forbidden", 403, h.POST("/apps", { body }));
await refused("not-found", 404, v.GET("/apps/{app}", { params: { path: { app: "nothere" } } }));
await refused(later ? "held" : "in-use", 409, v.DELETE("/apps/{app}", { params: { path } }));
const stop = v.POST("/instances/{id}/stop", { params: { path: { id: scaled.started[2]! } } });
await refused("invalid-state", later ? 425 : 409, stop);
const old = as(admin, short).GET("/apps", { params: { query: { rev: 1 } } });
check((await refused("rev-compacted", 410, old)).oldest_rev! > 1, "oldest_rev");
const large = v.PUT("/apps/{app}/env/{key}", {
  params: { path: { app, key: "large" } },
  body: { value: "x".repeat(2_000_000) },
});
await refused("body-too-large", 413, large);
const invalid = await refused("invalid-request", 422, v.POST("/apps", { body: { ...body, name: "no name" } }));
check(invalid.errors?.[0]?.loc[1] === "name", invalid);

const ids: number[] = [];
let cursor: string | undefined;
do {
  const query = { limit: 1, ...(cursor && { cursor }) };
  const page = await done(v.GET("/apps/{app}/instances", { params: { path, query } }));
  ids.push(...page.items.map((each) => each.id));
  cursor = page.next ?? undefined;
} while (cursor !== undefined);
check(ids.join() === scaled.started.join(), ids);

const seen: Event[] = [];
let rev = `${made.rev - 1}`;
for (;;) {
  const query = { rev, limit: 4 };
  const page = await done(v.GET("/apps/{app}/events/list", { params: { path, query } }));
  rev = page.next;
  if (page.items.length === 0) break;
  seen.push(...page.items);
}
const of =
  <Kind extends Event>(prefix: string) =>
  (event: Event): event is Kind =>
    event.type.startsWith(prefix);
const ofInstance = of<Schemas["InstanceEvent"]>("instance-");
const ofRevision = of<Schemas["RevisionEvent"]>("rev-");
const ofApp = of<Schemas["AppEvent"]>("app-");
told(
  seen.map((event) => {
    if ("quota" in event) return "+"; // of a type that this client does not know
    if (ofInstance(event)) check(event.object.proctype === "web", event);
    if (ofRevision(event)) check(event.object.ref === "r1", event);
    if (ofApp(event)) check(event.object.name === app, event);
    return event.type;
  }),
);

const asked = Date.now();
const [page] = await Promise.all([
  done(v.GET("/apps/{app}/events/list", { params: { path, query: { rev, wait: 30 } } })),
  pause(0.3).then(() =>
    done(v.PUT("/apps/{app}/env/{key}", { params: { path: { app, key: "late" } }, body: { value: "1" } })),
  ),
]);
const last = page.items.at(-1)!;
check(ofApp(last) && last.object.env.late === "1", page);
check(Date.now() - asked < 25_000, "it did not wait for the event, but for the end");

// The stream, past the client: its type is a string, and it does not end.
const ended = new AbortController();
const stream = await v.GET("/events", { params: { query: { rev } }, parseAs: "stream", signal: ended.signal });
check(stream.response.headers.get("content-type")!.startsWith("text/event-stream"), stream.error);
const reader = stream.data!.getReader();
const decoder = new TextDecoder();
let begun = "";
// A part ends where the network has cut it.
while (!begun.includes(`id: ${rev}`)) {
  const part = await reader.read();
  check(!part.done, begun);
  begun += decoder.decode(part.value, { stream: true });
}
ended.abort();
