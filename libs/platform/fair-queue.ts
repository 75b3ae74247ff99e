/** Whose item it is: items of one turn keep their order, turns alternate. Most often an owner's id. */
export type Turn = bigint;

/**
 * A bounded queue that serves its turns one item each, round after round, so that the one who queued a thousand things
 * delays the one who queued a single thing by one item and not by a thousand. When it is full the longest line
 * gives up its newest item (longest queue drop: B. Suter et al., "Design considerations for supporting TCP with per-flow
 * queueing", INFOCOM 1998), so that a flood cannot keep the others out either.
 */
export class FairQueue<T> {
  /** In the order in which they are served next; a line is never empty. */
  private readonly lines = new Map<Turn, T[]>();
  private count = 0;

  constructor(private readonly max: number) {}

  get size(): number {
    return this.count;
  }

  /** Queues the item. Returns what was given up for it: the newest of the longest line, or the item itself; undefined while
   *  there is room. */
  push(turn: Turn, item: T): T | undefined {
    const line = this.lines.get(turn);
    if (this.count < this.max) {
      this.count += 1;
      if (line === undefined) this.lines.set(turn, [item]);
      else line.push(item);
      return undefined;
    }
    const given = this.cutLongest((line?.length ?? 0) + 1);
    if (given === undefined) return item;
    // A place is free now.
    this.push(turn, item);
    return given;
  }

  /** The next items, at most `max`. */
  take(max: number): T[] {
    const taken: T[] = [];
    // A line that is set again goes to the end of the map, where this loop meets it in the next round.
    for (const [turn, line] of this.lines) {
      if (taken.length >= max) break;
      const item = line.shift();
      if (item !== undefined) taken.push(item);
      this.lines.delete(turn);
      if (line.length > 0) this.lines.set(turn, line);
    }
    this.count -= taken.length;
    return taken;
  }

  /** Takes the newest item out of the longest line, if that one is longer than `length`. */
  private cutLongest(length: number): T | undefined {
    let longest: T[] | undefined;
    for (const line of this.lines.values()) {
      if (line.length > (longest?.length ?? length)) longest = line;
    }
    const cut = longest?.pop();
    if (cut !== undefined) this.count -= 1;
    return cut;
  }
}
