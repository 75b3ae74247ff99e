/**
 * Remembers what was used last, in constant time: at least half as many entries as it may have, and at most so many. A `Map` that is
 * kept full by deleting its first key looks past all keys that were deleted before, thousands of them at each turn.
 */
export class Recent<K, V> {
  private young = new Map<K, V>();
  private old = new Map<K, V>();
  private readonly half: number;

  /** @param max entries; 2 at least */
  constructor(max: number) {
    this.half = Math.floor(max / 2);
  }

  /** Whoever is asked for is remembered for longer. */
  get(key: K): V | undefined {
    const known = this.young.get(key);
    if (known !== undefined) return known;
    const older = this.old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: K, value: V): void {
    this.young.set(key, value);
    if (this.young.size < this.half) return;
    this.old = this.young;
    this.young = new Map();
  }
}
