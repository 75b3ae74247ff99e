import { Injectable } from '@nestjs/common';
import { assertNever, canonicalJson, fingerprint, type JsonObject } from '#kernel';
import { unauthenticated, type AgentPrincipal } from '#owners';
import { Bus, isLockTimeout, isNotSent, notFound } from '#platform';
import { overloaded, SchemaPoolBusy, Schemas } from '#services';
import { CloseStore, type CloseItem, type CloseVerdict } from './close.store.js';
import { DeadlineMetrics } from './deadline.metrics.js';
import type { InvocationStatus } from './invocation.js';
import { invocationProblems } from './invocations.problems.js';
import { PinnedSchemas } from './pinned-schemas.js';

export type Result =
  | { status: 'completed'; output: JsonObject | undefined; attachments: string[] | undefined }
  | { status: 'failed'; output: JsonObject | undefined; attachments: string[] | undefined; error: string };

export type Closed = { invocationId: bigint; status: InvocationStatus; settledAt: Date; isReplay: boolean };

const DUE_BATCH = 500;
// The platform's refunds take turns with the owners' requests. No owner has this id.
const PLATFORM_TURN = 0n;

/** The ends of an invocation: a result, a failure, a cancellation, a deadline. All pass through one function, and the first wins. */
@Injectable()
export class CloseInvocations {
  constructor(
    private readonly store: CloseStore,
    private readonly pinned: PinnedSchemas,
    private readonly schemas: Schemas,
    private readonly bus: Bus,
    private readonly metrics: DeadlineMetrics,
  ) {}

  /** The provider's result or failure. The same one again gets the first answer. It counts even when the provider has hung up:
   *  the work is done and wants to be paid.
   *  @throws {Problem} UNAUTHENTICATED (the key has ended meanwhile), NOT_FOUND, OUTPUT_INVALID (the deadline runs on), ALREADY_SETTLED, DEADLINE_PASSED, OVERLOADED */
  async submit(provider: AgentPrincipal, id: bigint, result: Result): Promise<Closed> {
    const { agentId, ownerId, keyId } = provider;
    if (result.status === 'completed') await this.requireFitting(provider, id, result.output);
    const { status, output, attachments } = result;
    return this.answer(
      id,
      await this.close(
        {
          id,
          action: status === 'completed' ? 'complete' : 'fail',
          actorAgentId: agentId,
          keyId,
          output: output === undefined ? undefined : JSON.stringify(output),
          attachments: attachments === undefined ? undefined : JSON.stringify(attachments),
          error: result.status === 'failed' ? result.error : undefined,
          fingerprint: fingerprint(['submit', status, canonicalJson(output), canonicalJson(attachments ?? [])]),
        },
        ownerId,
      ),
    );
  }

  /** The caller changes its mind before the provider has acknowledged.
   *  @throws {Problem} UNAUTHENTICATED (the key has ended meanwhile), NOT_FOUND, ALREADY_ACKNOWLEDGED, ALREADY_SETTLED, DEADLINE_PASSED, OVERLOADED */
  async cancel({ agentId, ownerId, keyId }: AgentPrincipal, id: bigint, isWanted?: () => boolean): Promise<Closed> {
    const item = { ...NOTHING, id, action: 'cancel' as const, actorAgentId: agentId, keyId };
    return this.answer(id, await this.close(item, ownerId, isWanted));
  }

  /** Refunds what is past its deadline, up to 500 invocations. */
  async due(): Promise<{ closed: number }> {
    const due = await this.store.due(DUE_BATCH);
    const closed = await Promise.all(due.map(({ id, deadlineAt }) => this.expire(id, deadlineAt)));
    return { closed: closed.filter(Boolean).length };
  }

  private async expire(id: bigint, deadlineAt: Date): Promise<boolean> {
    const item = { ...NOTHING, id, action: 'expire' as const, actorAgentId: undefined, keyId: undefined };
    const { verdict, settledAt } = await this.close(item, PLATFORM_TURN);
    if (verdict !== 'closed') return false;
    if (settledAt !== null) this.metrics.refunded(deadlineAt, settledAt);
    return true;
  }

  private async requireFitting(
    { agentId, ownerId }: AgentPrincipal,
    id: bigint,
    output: JsonObject | undefined,
  ): Promise<void> {
    const pinned = await this.pinned.of(id, agentId);
    if (pinned === undefined) throw notFound();
    let errors;
    try {
      errors = await this.schemas.validate(pinned.outputSchema, null, output, 'output', `owner ${ownerId}`);
    } catch (error) {
      if (error instanceof SchemaPoolBusy) throw overloaded(error);
      throw error;
    }
    // What has ended or is late is told so by the closing call: no correction would help.
    if (errors.length > 0 && (await this.store.isOpen(id))) {
      throw invocationProblems.OUTPUT_INVALID(
        'The output does not fit the output schema; correct it and submit again before the deadline',
        { errors },
      );
    }
  }

  private async close(item: CloseItem, turn: bigint, isWanted?: () => boolean): Promise<CloseVerdict> {
    let result: CloseVerdict;
    try {
      result = await this.store.close(item, turn, isWanted);
    } catch (error) {
      if (isNotSent(error) || isLockTimeout(error)) throw overloaded(error);
      throw error;
    }
    // A late submit may itself have refunded the caller, so that verdict too may have made events.
    if (result.verdict === 'closed' || result.verdict === 'deadline_passed') {
      for (const agentId of [result.callerAgentId, result.providerAgentId]) {
        if (agentId !== null) this.bus.publish('agent-event', { agentId: String(agentId) });
      }
    }
    return result;
  }

  private answer(id: bigint, { verdict, status, settledAt }: CloseVerdict): Closed {
    switch (verdict) {
      case 'closed':
      case 'replay':
        if (status === null || settledAt === null) throw new Error(`invocation ${id} was closed and has no end`);
        return { invocationId: id, status, settledAt, isReplay: verdict === 'replay' };
      case 'key_ended':
        throw unauthenticated('agent');
      case 'not_found':
        throw notFound();
      case 'deadline_passed':
        throw invocationProblems.DEADLINE_PASSED(
          `The deadline of invocation ${id} has passed and its price has gone back to the caller`,
        );
      case 'already_settled':
        throw invocationProblems.ALREADY_SETTLED(
          `Invocation ${id} has ended as ${status ?? 'settled'}; it takes no other end`,
          {
            details: { status, settledAt: settledAt?.toISOString() ?? null },
          },
        );
      case 'already_acknowledged':
        throw invocationProblems.ALREADY_ACKNOWLEDGED(
          `The provider has acknowledged invocation ${id}; it ends by a result, a failure or its deadline`,
        );
      case 'not_due':
      case 'again':
        throw new Error(`the verdict ${verdict} does not belong here`);
      default:
        return assertNever(verdict);
    }
  }
}

const NOTHING = { output: undefined, attachments: undefined, error: undefined, fingerprint: undefined };
