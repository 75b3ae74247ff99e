import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, RepeatedJob, type Config } from '#platform';
import { PurgeStore } from './purge.store.js';

const EVERY_MS = 600_000;
const BATCH = 500;
// What a run does at most; what is left then goes ten minutes later.
const BATCHES_MAX = 200;

/** Throws away what nobody can see any more C4C_EVENT_DAYS after its end: deleted endpoints, ended secrets and replays. */
@Injectable()
export class PurgeWorker {
  constructor(
    private readonly store: PurgeStore,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  job(): RepeatedJob {
    return new RepeatedJob('webhook-purge', EVERY_MS, () => this.run());
  }

  async run(): Promise<void> {
    for (let batch = 0; batch < BATCHES_MAX; batch += 1) {
      if ((await this.store.purge(this.config.eventDays, BATCH)) === 0) return;
    }
  }
}
