import { Module } from '@nestjs/common';
import { FoldWorker } from './fold.worker.js';
import { JournalStore } from './journal.store.js';
import { StatementController } from './statement.controller.js';
import { StatementStore } from './statement.store.js';
import { Statements } from './statement.usecase.js';
import { TreasuryController } from './treasury.controller.js';
import { TreasuryStore } from './treasury.store.js';
import { Treasury } from './treasury.usecase.js';
import { WalletController } from './wallet.controller.js';

@Module({
  controllers: [WalletController, StatementController, TreasuryController],
  providers: [FoldWorker, JournalStore, Statements, StatementStore, Treasury, TreasuryStore],
  exports: [FoldWorker, JournalStore, Treasury],
})
export class EscrowModule {}
