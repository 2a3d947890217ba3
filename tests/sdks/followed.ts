// What docs/sdks.md follows events with, as it stands there: see tests/docs/following.py.
import { follow } from "./follow.js";

const stop = new AbortController();
let services = new Set<string>();
let begins = 0;
await follow(process.argv[2]!, "", {
  signal: stop.signal,
  pause: 20,
  begin() {
    services = new Set();
    begins += 1;
  },
  take(message) {
    const name = "service" in message && typeof message.service === "string" ? message.service : "";
    if (message.type === "snapshot" || message.type === "service-register") services.add(name);
    if (message.type === "service-unregister") services.delete(name);
    console.log(JSON.stringify({ services: [...services].sort(), begins }));
    if (name === "zz") stop.abort();
  },
});
