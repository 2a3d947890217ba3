// A client that @hey-api/openapi-ts made, against a running service: see scripts/sdks.
import { createClient, createConfig } from "./hey/client/index.js";
import * as visor from "./hey/index.js";
import { admin, app, check, done, host, hosts, later, pause, refused, running, short, told, url } from "./scenario.js";

const as = (token: string, baseUrl = url) => createClient(createConfig({ baseUrl, auth: token }));
const client = as(admin);
const path = { app };

const body = { name: app, repo_url: "https://git.example.com/h.git", stack: "lenny" };
const made = await done(visor.registerApp({ client, body }));
check(made.name === app && made.head === null && made.rev !== null, made);
await refused("already-exists", 409, visor.registerApp({ client, body }));

await done(visor.patchEnv({ client, path, body: { cow: "moo", cat: "meow" } }));
const env = await done(visor.patchEnv({ client, path, body: { cat: null } }));
check(JSON.stringify(env.vars) === '{"cow":"moo"}', env);

const proposed = await done(visor.registerRevision({ client, path, body: { ref: "r1" } }));
check(proposed.state === "proposed", proposed);
const archive = { archive_url: "https://archive.example.com/r1.img" };
const accepted = await done(visor.ratifyRevision({ client, path: { app, ref: "r1" }, body: archive }));
check(accepted.state === "accepted", accepted);
for (const head of ["r1", null]) {
  const now = await done(visor.patchApp({ client, path, body: { head } }));
  check(now.head === head, now);
}

const web = await done(visor.registerProctype({ client, path, body: { name: "web" } }));
check(web.port >= 8000, web);
const target = { revision: "r1", count: 3 };
const scaled = await done(visor.setScale({ client, path: { app, proctype: "web" }, body: target }));
check(scaled.started.length === 3, scaled);

const byHost = as(hosts);
const claimed = await done(visor.claimNext({ client: byHost, body: { host, app, wait: 5 } }));
check(claimed.status === "claimed" && claimed.host === host && claimed.claim_rev !== null, claimed);
const start = { host, claim_rev: claimed.claim_rev, hostname: "box7", port: 9000 };
const started = await done(visor.startInstance({ client: byHost, path: { id: claimed.id }, body: start }));
check(started.status === running, started);

const then = await done(visor.getApp({ client, path, query: { rev: made.rev } }));
check(Object.keys(then.env).length === 0, then);

const tag = (await visor.getApp({ client, path })).response!.headers.get("ETag")!;
const change = () =>
  visor.patchApp({ client, path, headers: { "If-Match": tag }, body: { stack: "squeeze" } });
check((await done(change())).stack === "squeeze", tag);
check((await refused("rev-mismatch", 412, change())).current_rev! > made.rev, tag);

await refused("invalid-cursor", 400, visor.listApps({ client, query: { cursor: "nothere" } }));
const future = await refused("rev-in-future", 400, visor.getApp({ client, path, query: { rev: 2 ** 40 } }));
check(future.current_rev! > 0, future);
await refused("unauthenticated", 401, visor.getApp({ client: as("nothere"), path }));
await refused("forbidden", 403, visor.registerApp({ client: byHost, body }));
await refused("not-found", 404, visor.getApp({ client, path: { app: "nothere" } }));
await refused(later ? "held" : "in-use", 409, visor.unregisterApp({ client, path }));
const stop = visor.stopInstance({ client, path: { id: scaled.started[2]! } });
await refused("invalid-state", later ? 425 : 409, stop);
const old = await refused("rev-compacted", 410, visor.listApps({ client: as(admin, short), query: { rev: 1 } }));
check(old.oldest_rev! > 1, old);
const large = { value: "x".repeat(2_000_000) };
await refused("body-too-large", 413, visor.setEnvVar({ client, path: { app, key: "large" }, body: large }));
const unnamed = { ...body, name: "no name" };
const invalid = await refused("invalid-request", 422, visor.registerApp({ client, body: unnamed }));
check(invalid.errors?.[0]?.loc[1] === "name", invalid);

const ids: number[] = [];
let cursor: string | undefined;
do {
  const query = { limit: 1, ...(cursor && { cursor }) };
  const page = await done(visor.listAppInstances({ client, path, query }));
  ids.push(...page.items.map((each) => each.id));
  cursor = page.next ?? undefined;
} while (cursor !== undefined);
check(ids.join() === scaled.started.join(), ids);

const seen: visor.Event[] = [];
let rev = `${made.rev - 1}`;
for (;;) {
  const page = await done(visor.listAppEvents({ client, path, query: { rev, limit: 4 } }));
  rev = page.next;
  if (page.items.length === 0) break;
  seen.push(...page.items);
}
// Narrowed by its type: `object` is an app, an instance, ..
told(
  seen.map((event) => {
    switch (event.type) {
      case "app-register":
      case "app-update":
        check(event.object.name === app, event);
        return event.type;
      case "scale-update":
        check(event.object.target === 3, event);
        return event.type;
      case "instance-register":
      case "instance-claim":
      case "instance-start":
        check(event.object.proctype === "web", event);
        return event.type;
      case "rev-register":
      case "rev-update":
        check(event.object.ref === "r1", event);
        return event.type;
      case "proc-register":
        return event.type;
      default: // of a type that this client does not know
        check("quota" in event, event);
        return "+";
    }
  }),
);

const asked = Date.now();
const [page] = await Promise.all([
  done(visor.listAppEvents({ client, path, query: { rev, wait: 30 } })),
  pause(0.3).then(() =>
    done(visor.setEnvVar({ client, path: { app, key: "late" }, body: { value: "1" } })),
  ),
]);
const last = page.items.at(-1)!;
check(last.type === "app-update" && last.object.env.late === "1", page);
check(Date.now() - asked < 25_000, "it did not wait for the event, but for the end");
