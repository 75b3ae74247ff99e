import { Injectable } from '@nestjs/common';
import { Bus, notFound } from '#platform';
import { invocationProblems } from './invocations.problems.js';
import { MarksStore, type AcknowledgeVerdict, type HandedOver } from './marks.store.js';

/** What the parties say of an invocation besides its end: it arrived, it goes on, it was good. */
@Injectable()
export class Marks {
  constructor(
    private readonly store: MarksStore,
    private readonly bus: Bus,
  ) {}

  /** Notifications went out over a channel; also of what has ended since. The first hand-over of each counts. */
  async handedOver(handed: readonly HandedOver[], channel: 'socket' | 'webhook' | 'poll' = 'socket'): Promise<void> {
    await this.store.handedOver(handed, channel);
  }

  /** Their provider surely has them: its socket still answers. What is not pending any more is left alone. */
  async acknowledgeAll(invocationIds: readonly bigint[]): Promise<void> {
    await this.store.acknowledgeAll(invocationIds);
  }

  /** Both in one: they went out over a channel, and their provider has them. */
  async taken(handed: readonly HandedOver[], channel: 'socket' | 'webhook'): Promise<void> {
    await this.store.taken(handed, channel);
  }

  /** From now on the caller may not cancel. Acknowledging twice is no mistake.
   *  @throws {Problem} NOT_FOUND, ALREADY_SETTLED, DEADLINE_PASSED */
  async acknowledge(agentId: bigint, invocationId: bigint): Promise<Date> {
    const { verdict, acknowledgedAt } = await this.store.acknowledge(invocationId, agentId);
    requireAcknowledged(invocationId, verdict);
    if (acknowledgedAt === null) throw new Error(`invocation ${invocationId} was acknowledged at no time`);
    return acknowledgedAt;
  }

  /** Acknowledges if the agent provides it and it is pending; otherwise nothing. For reads, which never fail on this. */
  async acknowledgeByReading(agentId: bigint, invocationId: bigint): Promise<void> {
    await this.store.acknowledge(invocationId, agentId);
  }

  /** @throws {Problem} NOT_FOUND, ALREADY_SETTLED, DEADLINE_PASSED, PROGRESS_LIMIT */
  async progress(agentId: bigint, invocationId: bigint, percent: number, note = ''): Promise<void> {
    const { verdict } = await this.store.progress(invocationId, agentId, percent, note);
    if (verdict === 'too_many') throw invocationProblems.PROGRESS_LIMIT('An invocation takes 1,000 notes of progress');
    requireAcknowledged(invocationId, verdict);
  }

  /** The caller's review of what is completed, once.
   *  @throws {Problem} NOT_FOUND, NOT_COMPLETED, ALREADY_REVIEWED */
  async review(
    agentId: bigint,
    invocationId: bigint,
    rating: number | undefined,
    review: string | undefined,
  ): Promise<void> {
    const { verdict, providerAgentId } = await this.store.review(invocationId, agentId, rating, review);
    switch (verdict) {
      case 'not_found':
        throw notFound();
      case 'not_completed':
        throw invocationProblems.NOT_COMPLETED(`Invocation ${invocationId} is not completed`);
      case 'already_reviewed':
        throw invocationProblems.ALREADY_REVIEWED(`Invocation ${invocationId} has its review already`);
      case 'reviewed':
        if (providerAgentId !== null) this.bus.publish('agent-event', { agentId: String(providerAgentId) });
    }
  }
}

function requireAcknowledged(invocationId: bigint, verdict: AcknowledgeVerdict['verdict']): void {
  switch (verdict) {
    case 'acknowledged':
      return;
    case 'not_found':
      throw notFound();
    case 'already_settled':
      throw invocationProblems.ALREADY_SETTLED(`Invocation ${invocationId} has ended`);
    case 'deadline_passed':
      throw invocationProblems.DEADLINE_PASSED(`The deadline of invocation ${invocationId} has passed`);
  }
}
