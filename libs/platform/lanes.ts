import type { Database, Row } from './database.js';
import { Lane, type LaneFunction, type LaneLimits } from './lane.js';
import type { Metrics } from './metrics.js';

/** Opens a process's lanes: each gets the limits and the metrics that all of them share. */
export class Lanes {
  constructor(
    private readonly database: Database,
    private readonly metrics: Metrics,
    private readonly limits: LaneLimits = {},
  ) {}

  /** Whoever opens a lane closes it. */
  open<Item, Verdict extends Row>(fn: LaneFunction<Item, Verdict>): Lane<Item, Verdict> {
    return new Lane(this.database, fn, this.limits, (depth) => this.metrics.lane(fn.name, depth));
  }
}
