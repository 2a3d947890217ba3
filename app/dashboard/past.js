// The past: the registry as it was at a rev. Made from the one that is there along the commits between, where these are
// loaded; else by what differs, as the service says.
import { call, items } from "./api.js";
import { kindOf } from "./registry.js";

export class Past {
  constructor(live, history, changed) {
    this.live = live;
    this.history = history;
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
      return;
    }
    this.history.fill();
    if (this.moving) return;
    if (this.registry && this.walk(this.registry, rev)) this.problem = null;
    else this.move();
  }

  async move() {
    this.moving = true;
    while (this.wanted !== null && this.wanted !== this.registry?.rev) {
      const target = this.wanted;
      try {
        const from = this.registry || (await this.live.whole());
        if (!this.walk(from, target)) await this.step(from, target);
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

  /** Take a registry to a rev along the commits that are known; false where these do not reach from here to there. */
  walk(registry, target) {
    const { history } = this;
    if (!history.reaches(target) || !history.reaches(registry.rev) || target > this.live.registry.rev) return false;
    const { commits } = history;
    let place = history.count("rev", registry.rev);
    const goal = history.count("rev", target);
    for (; place < goal; place += 1) for (const event of commits[place].events) registry.turn(event);
    for (; place > goal; place -= 1) for (const event of commits[place - 1].events.toReversed()) registry.turn(event, true);
    registry.rev = target;
    registry.at = commits[goal - 1]?.at ?? registry.began ?? null;
    registry.version += 1;
    return true;
  }

  async step(registry, target) {
    const { history } = this;
    // As near as the known commits lead; what differs from there is less.
    if (history.reaches(registry.rev) && target < history.from) this.walk(registry, history.from);
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
