import { Injectable } from '@nestjs/common';
import { RepeatedJob } from '#platform';
import { JournalStore } from './journal.store.js';

const EVERY_MS = 1_000;
const ACCOUNTS_MAX = 100;

/** Folds credits into their wallets, one account a transaction, so that balances stay cheap to read. */
@Injectable()
export class FoldWorker {
  constructor(private readonly journal: JournalStore) {}

  job(): RepeatedJob {
    return new RepeatedJob('fold', EVERY_MS, () => this.run());
  }

  async run(): Promise<void> {
    for (const account of await this.journal.accountsToFold(ACCOUNTS_MAX)) await this.journal.fold(account);
  }
}
