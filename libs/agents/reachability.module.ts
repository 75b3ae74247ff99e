import { Module } from '@nestjs/common';
import { Polls } from './polls.js';
import { ReachabilityStore } from './reachability.store.js';

/** Whom work can reach: asked by the market and by invokes, told by whoever serves polls. */
@Module({ providers: [Polls, ReachabilityStore], exports: [Polls, ReachabilityStore] })
export class ReachabilityModule {}
