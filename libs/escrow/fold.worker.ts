import { Injectable } from '@nestjs/common';
import { Metrics, RepeatedJob } from '#platform';
import { JournalStore } from './journal.store.js';

const EVERY_MS = 1_000;
const ACCOUNTS_MAX = 100;
const CREDITS_COUNTED_MAX = 10_000;

/** Folds credits into their wallets, one account a transaction, so that balances stay cheap to read. */
@Injectable()
export class FoldWorker {
  constructor(
    private readonly journal: JournalStore,
    metrics: Metrics,
  ) {
    metrics.sample(
      'c4c_unfolded_credits',
      `Credits that are not folded into their wallet yet, at most ${CREDITS_COUNTED_MAX}.`,
      () => journal.unfolded(CREDITS_COUNTED_MAX),
    );
  }

  job(): RepeatedJob {
    return new RepeatedJob('fold', EVERY_MS, () => this.run());
  }

  /** One account's failure does not stop the others; it is told when they are done. */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (const account of await this.journal.accountsToFold(ACCOUNTS_MAX)) {
      await this.journal.fold(account).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} accounts could not be folded`);
  }
}
