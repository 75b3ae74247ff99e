/** Whose item it is: items of one turn keep their order, turns alternate. Most often an owner's id. */
export type Turn = bigint;

/**
 * A bounded queue that serves its turns one item each, round after round, so that the one who queued a thousand things
 * delays the one who queued a single thing by one item and not by a thousand. When it is full the longest line
 * gives up its newest item (longest queue drop: B. Suter et al., "Design considerations for supporting TCP with per-flow
 * queueing", INFOCOM 1998), so that a flood cannot keep the others out either.
 */
export class FairQueue<T> {
  /** What has come since something was last taken. The tables that a map outgrows lead on to newer ones and are collected late, with
   *  all that stood in them, so a map is kept for a backlog only. */
  private fresh: { turn: Turn; item: T }[] = [];
  /** The backlog, in the order in which its lines are served next; a line is never empty. */
  private backlog: Map<Turn, T[]> | undefined;
  private count = 0;

  constructor(private readonly max: number) {}

  get size(): number {
    return this.count;
  }

  /** Queues the item. Returns what was given up for it: the newest of the longest line, or the item itself; undefined while
   *  there is room. */
  push(turn: Turn, item: T): T | undefined {
    if (this.count < this.max) {
      this.count += 1;
      this.fresh.push({ turn, item });
      return undefined;
    }
    const lines = this.allLines();
    this.backlog = lines;
    const given = this.cutLongest(lines, (lines.get(turn)?.length ?? 0) + 1);
    if (given === undefined) return item;
    // A place is free now.
    this.push(turn, item);
    return given;
  }

  /** The next items, at most `max`. */
  take(max: number): T[] {
    const taken: T[] = [];
    const lines = this.allLines();
    // A line that is set again goes to the end of the map, where this loop meets it in the next round.
    for (const [turn, line] of lines) {
      if (taken.length >= max) break;
      const item = line.shift();
      if (item !== undefined) taken.push(item);
      lines.delete(turn);
      if (line.length > 0) lines.set(turn, line);
    }
    this.count -= taken.length;
    this.backlog = lines.size === 0 ? undefined : lines;
    return taken;
  }

  /** The backlog, and at its end what has come since. */
  private allLines(): Map<Turn, T[]> {
    const lines = this.backlog ?? new Map<Turn, T[]>();
    for (const { turn, item } of this.fresh) {
      const line = lines.get(turn);
      if (line === undefined) lines.set(turn, [item]);
      else line.push(item);
    }
    this.fresh = [];
    return lines;
  }

  /** Takes the newest item out of the longest line, if that one is longer than `length`. */
  private cutLongest(lines: ReadonlyMap<Turn, T[]>, length: number): T | undefined {
    let longest: T[] | undefined;
    for (const line of lines.values()) {
      if (line.length > (longest?.length ?? length)) longest = line;
    }
    const cut = longest?.pop();
    if (cut !== undefined) this.count -= 1;
    return cut;
  }
}
