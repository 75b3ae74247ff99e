import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, RepeatedJob, type Config } from '#platform';
import { EraseStore } from './erase.store.js';

const EVERY_MS = 60_000;
const BATCH = 500;
// What a run does at most; a backlog, as after the setting was changed, goes on a minute later.
const BATCHES_MAX = 200;

/** Erases the payloads of invocations that ended C4C_PAYLOAD_DAYS ago, a few at a time; 0 keeps them for ever. */
@Injectable()
export class EraseWorker {
  constructor(
    private readonly store: EraseStore,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  job(): RepeatedJob {
    return new RepeatedJob('erase', EVERY_MS, () => this.run());
  }

  async run(): Promise<void> {
    const { payloadDays } = this.config;
    if (payloadDays === 0) return;
    for (let batch = 0; batch < BATCHES_MAX; batch += 1) {
      if ((await this.store.erase(payloadDays, BATCH)) < BATCH) return;
    }
  }
}
