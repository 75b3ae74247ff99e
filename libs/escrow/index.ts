export { EscrowModule } from './escrow.module.js';
export { escrowProblems, keyReused } from './escrow.problems.js';
export { FoldWorker } from './fold.worker.js';
export { JournalStore } from './journal.store.js';
export { Treasury } from './treasury.usecase.js';
