// The past: the registry as it was at a rev, made from the one that is there by what differs.
import { call, items } from "./api.js";

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
      // What cannot be read has no name by which to find it.
      if (after && !after.unreadable) registry.put(kind, after);
      else if (before && !before.unreadable) registry.remove(kind, before);
    }
    registry.rev = target;
    registry.at = body.at;
    registry.version += 1;
  }
}
