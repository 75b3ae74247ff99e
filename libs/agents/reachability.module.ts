import { Module } from '@nestjs/common';
import { AgentRecordStore } from './agent-record.store.js';
import { Polls } from './polls.js';
import { PresenceRecord } from './presence-record.worker.js';
import { ReachabilityStore } from './reachability.store.js';

/** Whom work can reach: asked by the market and by invokes, told by whoever serves polls. */
@Module({
  providers: [AgentRecordStore, Polls, PresenceRecord, ReachabilityStore],
  exports: [AgentRecordStore, Polls, PresenceRecord, ReachabilityStore],
})
export class ReachabilityModule {}
