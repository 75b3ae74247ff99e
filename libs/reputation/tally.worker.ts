import { Injectable } from '@nestjs/common';
import { RepeatedJob } from '#platform';
import { TallyStore } from './tally.store.js';

const EVERY_MS = 200;
const BATCH = 500;

/** Brings what has ended and what was reviewed into the figures that the market shows, a moment after it happened. */
@Injectable()
export class TallyWorker {
  constructor(private readonly store: TallyStore) {}

  job(): RepeatedJob {
    return new RepeatedJob('tally', EVERY_MS, () => this.run());
  }

  /** Tallies until nothing is queued. */
  async run(): Promise<number> {
    let tallied = 0;
    for (;;) {
      const batch = await this.store.tally(BATCH);
      tallied += batch;
      if (batch < BATCH) return tallied;
    }
  }
}
