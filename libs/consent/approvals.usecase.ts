import { randomBytes } from 'node:crypto';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Problem } from '#kernel';
import { Bus, InjectConfig, InjectLog, notFound, RepeatedJob, type Config, type Log } from '#platform';
import { hashKey } from '#owners';
import { ApprovalStore, type Approval } from './approval.store.js';
import { Carriers } from './carriers.js';
import { consentProblems } from './consent.problems.js';

const SWEEP_EVERY_MS = 2_000;
// Whoever decided carries it out at once; after so long somebody else does.
const LEFT_AFTER_MS = 5_000;
const SWEEP_MAX = 100;
const LINK_BYTES = 32;

export type Decision = { isApproved: boolean; words?: string | undefined; by: string };

/** What owners decide, and what becomes of it. */
@Injectable()
export class Approvals implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly sweep = new RepeatedJob('approvals', SWEEP_EVERY_MS, () => this.finish());

  constructor(
    private readonly store: ApprovalStore,
    private readonly carriers: Carriers,
    private readonly bus: Bus,
    @InjectConfig() private readonly config: Config,
    @InjectLog() private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.sweep.start(this.log);
  }

  async onModuleDestroy(): Promise<void> {
    await this.sweep.stop();
  }

  /** Decides once, and carries out what is approved. The same decision again answers the same.
   *  @throws {Problem} NOT_FOUND, APPROVAL_EXPIRED, APPROVAL_DECIDED */
  async decide(ownerId: bigint, id: bigint, decision: Decision): Promise<Approval> {
    const words = decision.words;
    const { verdict, state } = await this.store.decide(ownerId, id, { ...decision, words });
    switch (verdict) {
      case 'not_found':
        throw notFound();
      case 'expired':
        throw consentProblems.APPROVAL_EXPIRED('Nobody decided in time, so it was denied; the agent may ask again');
      case 'already_decided':
        throw consentProblems.APPROVAL_DECIDED(`The approval is ${String(state)} already; nothing has changed`, {
          details: { status: state },
        });
      case 'decided':
      case 'replay':
        if (state === 'approved') await this.carryOut(await this.found(id));
        return this.told(await this.found(id));
    }
  }

  /** A new one-time link to decide on a pending approval with; the one before it opens nothing any more. Whoever has it decides.
   *  @throws {Problem} NOT_FOUND, APPROVAL_DECIDED */
  async link(ownerId: bigint, id: bigint): Promise<string> {
    const token = randomBytes(LINK_BYTES).toString('base64url');
    if (await this.store.link(ownerId, id, hashKey(token, this.config.secret))) return token;
    const found = await this.store.find(id);
    if (found?.ownerId !== ownerId) throw notFound();
    throw consentProblems.APPROVAL_DECIDED(`The approval is ${found.state}; there is nothing to decide any more`, {
      details: { status: found.state },
    });
  }

  /** What a link opens, as long as nobody has decided. */
  async behind(token: string): Promise<Approval | undefined> {
    const found = await this.store.findByLink(hashKey(token, this.config.secret));
    return found?.state === 'pending' ? found : undefined;
  }

  /** Ends what nobody decided, and carries out what somebody left. */
  private async finish(): Promise<void> {
    while ((await this.store.expire(SWEEP_MAX)) === SWEEP_MAX);
    for (const approval of await this.store.unfinished(LEFT_AFTER_MS, SWEEP_MAX)) await this.carryOut(approval);
  }

  /** Does what is approved. What may go well later is left to the sweep, until the approval would have expired. */
  private async carryOut(approval: Approval): Promise<void> {
    const { id, agentId, ownerId, action, request } = approval;
    try {
      await this.carriers.of(action)({ agentId, ownerId, keyId: undefined }, request, id);
      // It was done before, by the agent's own request with the same key, when the policy let it pass: this has nothing to do any more.
      if ((await this.store.find(id))?.state === 'approved') {
        const ended = consentProblems.APPROVAL_ENDED('The agent has done it already, with the same idempotency key');
        await this.store.fail(id, { code: ended.code, message: ended.detail }, false);
      }
    } catch (error) {
      if (!(error instanceof Problem)) {
        this.log.error(
          { err: error, approvalId: String(id) },
          'an approved request was not carried out; it is tried again',
        );
        return;
      }
      // Another process was quicker: it has ended as that one says.
      if (error.code === 'APPROVAL_ENDED' && (await this.store.find(id))?.state !== 'approved') return;
      await this.store.fail(id, { code: error.code, message: error.detail }, error.kind.retry === 'later');
    }
  }

  /** A hint after the commit: an agent that misses it finds the event by looking. */
  private told(approval: Approval): Approval {
    this.bus.publish('agent-event', { agentId: String(approval.agentId) });
    return approval;
  }

  private async found(id: bigint): Promise<Approval> {
    const approval = await this.store.find(id);
    if (approval === undefined) throw new Error(`approval ${id} is gone`);
    return approval;
  }
}
