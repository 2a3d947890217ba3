// The past: the registry as it was at a rev, made from the one that is there by what differs.
import { call, items } from "./api.js";

const OF_DIFF = { env_set: "envset", "env-set": "envset" };

export class Past {
  constructor(live, changed) {
    this.live = live;
    this.changed = changed;
    this.registry = null;
    this.wanted = null;
    this.moving = false;
    this.problem = null;
  }

  /** Show the registry at a rev; null for the present. Of many that are asked for in a row the last counts. */
  go(rev) {
    this.wanted = rev;
    if (rev === null) {
      this.registry = null;
      this.problem = null;
    } else if (!this.moving) {
      this.move();
    }
  }

  async move() {
    this.moving = true;
    while (this.wanted !== null && this.wanted !== this.registry?.rev) {
      const target = this.wanted;
      try {
        const from = this.registry || (await this.live.whole());
        await this.step(from, target);
        if (this.wanted !== null) this.registry = from;
        this.problem = null;
      } catch (error) {
        this.problem = error;
        if (this.wanted === target) break;
      }
      this.changed();
    }
    this.moving = false;
    this.changed();
  }

  async step(registry, target) {
    const between = { from: registry.rev, to: target, include: "all", limit: 1000 };
    const [differ, { body }] = await Promise.all([
      items("/diff", between),
      call("GET", "/rev", { query: { rev: target } }),
    ]);
    for (const { kind, before, after } of differ) {
      const name = OF_DIFF[kind] || kind;
      if (after) registry.put(name, after);
      else if (before) registry.remove(name, before);
    }
    registry.rev = target;
    registry.at = body.at;
    registry.version += 1;
  }
}
