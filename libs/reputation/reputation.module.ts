import { Module } from '@nestjs/common';
import { TallyStore } from './tally.store.js';
import { TallyWorker } from './tally.worker.js';

@Module({ providers: [TallyStore, TallyWorker], exports: [TallyWorker] })
export class ReputationModule {}
