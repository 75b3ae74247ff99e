import { Injectable } from '@nestjs/common';
import { RepeatedJob } from '#platform';
import { LoginStore } from './logins.store.js';

const EVERY_MS = 600_000;
const KEPT_DAYS = 30;
const BATCH = 500;
// What a run does at most; what is left then goes ten minutes later.
const BATCHES_MAX = 200;

/** Throws away sessions and invitations 30 days after their end, and counts of wrong passwords that no longer matter. */
@Injectable()
export class LoginPurge {
  constructor(private readonly logins: LoginStore) {}

  job(): RepeatedJob {
    return new RepeatedJob('login-purge', EVERY_MS, () => this.run());
  }

  async run(): Promise<void> {
    for (let batch = 0; batch < BATCHES_MAX; batch += 1) {
      if ((await this.logins.purge(KEPT_DAYS, BATCH)) === 0) return;
    }
  }
}
