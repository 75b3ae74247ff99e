import type { Database } from './database.js';

const BLOCK = 64;

/**
 * Draws ids before their rows exist, so that a retry after an unknown commit finds what it made. Takes them from the
 * sequence in blocks, the next one before the last is used up; a restart leaves a gap of at most two blocks.
 */
export class IdSource {
  private readonly ready: bigint[] = [];
  private refill: Promise<void> | undefined;

  /** @param sequence qualified name such as `market.invocation_id` */
  constructor(
    private readonly database: Database,
    private readonly sequence: string,
  ) {}

  /** The next id, if one is here already: most often. */
  nextHere(): bigint | undefined {
    if (this.ready.length <= BLOCK / 2 && this.refill === undefined) {
      this.refill = this.take();
      // The block is fetched in the background; whoever finds the store empty waits for it and hears of a failure.
      this.refill.catch(() => undefined);
    }
    return this.ready.shift();
  }

  async next(): Promise<bigint> {
    for (;;) {
      const id = this.nextHere();
      if (id !== undefined) return id;
      await this.refill;
    }
  }

  private async take(): Promise<void> {
    try {
      const rows = await this.database.query<{ id: bigint }>(
        'select platform.next_id($1::regclass) as id from generate_series(1, $2)',
        [this.sequence, BLOCK],
        'take-ids',
      );
      this.ready.push(...rows.map((row) => row.id));
    } finally {
      this.refill = undefined;
    }
  }
}
