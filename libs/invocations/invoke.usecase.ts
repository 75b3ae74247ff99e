import { Injectable } from '@nestjs/common';
import {
  assertNever,
  canonicalJson,
  fingerprint,
  formatShells,
  type FieldError,
  type JsonObject,
  type Problem,
} from '#kernel';
import { ReachabilityStore } from '#agents';
import { escrowProblems, JournalStore, keyReused } from '#escrow';
import { ownerProblems, unauthenticated, type AgentPrincipal } from '#owners';
import { Bus, DeadlineBell, isLockTimeout, isNotSent, notFound } from '#platform';
import { OfferCache, overloaded, SchemaPoolBusy, Schemas, type Offer } from '#services';
import { invocationProblems } from './invocations.problems.js';
import { PinnedSchemas } from './pinned-schemas.js';
import { OpenStore, type OpenVerdict } from './open.store.js';

export type InvokeWish = {
  serviceId: bigint;
  input: JsonObject | undefined;
  maxPrice: bigint | undefined;
  key: string | undefined;
  /** Refuse when nothing would reach the provider now. */
  requireReachable?: boolean | undefined;
  /** The W3C trace context that the request came with. */
  traceparent?: string | undefined;
  /** False as soon as nobody waits for the answer: then nothing is held. */
  isWanted?: () => boolean;
};

/** What the first answer to an invoke says; a repetition with the same key says the same. */
export type Opened = {
  invocationId: bigint;
  serviceId: bigint;
  version: number;
  price: bigint;
  createdAt: Date;
  deadlineAt: Date;
  isReplay: boolean;
};

// A provider that updates its service again and again does not hold a caller here.
const VERSION_TRIES = 5;
const BUSY_RETRY_S = 1;
// A provider that restarts is back within seconds.
const UNREACHABLE_RETRY_S = 5;

/** One invocation, from the wish to the hold: schema, price, funds, load and key are checked before anything is held. */
@Injectable()
export class Invoke {
  constructor(
    private readonly offers: OfferCache,
    private readonly schemas: Schemas,
    private readonly store: OpenStore,
    private readonly pinned: PinnedSchemas,
    private readonly journal: JournalStore,
    private readonly reachability: ReachabilityStore,
    private readonly bus: Bus,
    private readonly bell: DeadlineBell,
  ) {}

  /** @throws {Problem} NOT_FOUND, INPUT_INVALID, PROVIDER_UNREACHABLE, PRICE_ABOVE_MAXIMUM, INSUFFICIENT_FUNDS, SERVICE_INACTIVE, PROVIDER_FROZEN, AGENT_FROZEN,
   *  OWN_SERVICE, SERVICE_BUSY, UNAUTHENTICATED (the key has ended meanwhile), IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS, OVERLOADED */
  async run(caller: AgentPrincipal, wish: InvokeWish): Promise<Opened> {
    let offer = await this.offers.get(wish.serviceId);
    for (let tries = 0; tries < VERSION_TRIES; tries += 1) {
      // Not known here, or not yet: only the database may say that there is none.
      if (offer === undefined) throw notFound();
      const { offer: current, errors } = await this.fitting(caller, offer, wish.input);
      if (errors.length > 0) return this.repeated(caller, current, wish, inputInvalid(current, errors));
      offer = current;
      if (wish.requireReachable === true && !(await this.isReachable(offer)))
        return this.repeated(caller, offer, wish, unreachable(offer));
      const result = await this.open(caller, offer, wish);
      if (result.verdict !== 'stale_version') return this.opened(caller, offer, wish, result);
      offer = await this.offers.refresh(wish.serviceId);
    }
    throw overloaded(new Error('the service changed with every try'));
  }

  /** The offer that counts, and where the input misses its schema. A copy in memory may be old, so a refusal is checked
   *  against the newest version. */
  private async fitting(
    { ownerId }: AgentPrincipal,
    offer: Offer,
    input: JsonObject | undefined,
  ): Promise<{ offer: Offer; errors: FieldError[] }> {
    const errors = await this.inputErrors(ownerId, offer, input);
    if (errors.length === 0) return { offer, errors };
    const newest = await this.offers.refresh(offer.id);
    if (newest === undefined || newest.version === offer.version) return { offer, errors };
    return { offer: newest, errors: await this.inputErrors(ownerId, newest, input) };
  }

  private async isReachable({ agentId }: Offer): Promise<boolean> {
    return (await this.reachability.reachable([agentId])).has(agentId);
  }

  /** The first answer to a request that was fine when it was made: the schema may have changed since, or the provider be gone.
   *  @throws {Problem} the refusal when this repeats nothing */
  private async repeated(caller: AgentPrincipal, offer: Offer, wish: InvokeWish, refusal: Problem): Promise<Opened> {
    if (wish.key !== undefined) {
      // No service has a version 0: this finds what the key stands for and can open nothing.
      const result = await this.open(caller, { ...offer, version: 0 }, wish);
      if (result.verdict === 'replay' || result.verdict === 'key_reused')
        return this.opened(caller, offer, wish, result);
    }
    throw refusal;
  }

  private async inputErrors(ownerId: bigint, offer: Offer, input: JsonObject | undefined): Promise<FieldError[]> {
    try {
      return await this.schemas.validate(offer.inputSchema, null, input, 'input', `owner ${ownerId}`);
    } catch (error) {
      if (error instanceof SchemaPoolBusy) throw overloaded(error);
      throw error;
    }
  }

  private async open(
    caller: AgentPrincipal,
    { version }: Offer,
    { serviceId, input, maxPrice, key, traceparent, isWanted }: InvokeWish,
  ): Promise<OpenVerdict> {
    const item = {
      callerAgentId: caller.agentId,
      callerOwnerId: caller.ownerId,
      keyId: caller.keyId,
      serviceId,
      version,
      maxPrice,
      input: input === undefined ? null : JSON.stringify(input),
      key,
      fingerprint: key === undefined ? undefined : fingerprint(['invoke', serviceId, canonicalJson(input), maxPrice]),
      traceparent,
    };
    try {
      return await this.store.open(item, isWanted);
    } catch (error) {
      if (isNotSent(error)) throw overloaded(error);
      if (isLockTimeout(error)) throw stillRunning(key, error);
      throw error;
    }
  }

  private async opened(caller: AgentPrincipal, offer: Offer, wish: InvokeWish, result: OpenVerdict): Promise<Opened> {
    const { verdict, invocationId, price, createdAt, deadlineAt, providerAgentId } = result;
    switch (verdict) {
      case 'opened':
        // Hints after the commit: whoever misses them finds the event and the deadline by looking.
        if (providerAgentId !== null) {
          this.pinned.remember(invocationId, offer);
          this.bus.publish('agent-event', { agentId: String(providerAgentId) });
        }
        this.bell.ring(deadlineAt);
        return {
          invocationId,
          serviceId: wish.serviceId,
          version: offer.version,
          price: price ?? 0n,
          createdAt,
          deadlineAt,
          isReplay: false,
        };
      case 'replay':
        return {
          invocationId,
          serviceId: wish.serviceId,
          version: offer.version,
          price: price ?? 0n,
          createdAt,
          deadlineAt,
          isReplay: true,
        };
      case 'insufficient_funds': {
        const { available } = await this.journal.balance(caller.ownerId);
        throw escrowProblems.INSUFFICIENT_FUNDS(
          `The service costs ${formatShells(price ?? 0n)}, the wallet has ${formatShells(available)}`,
          {
            details: { price: formatShells(price ?? 0n), available: formatShells(available) },
          },
        );
      }
      case 'key_reused':
        throw keyReused(wish.key ?? '');
      case 'key_ended':
        throw unauthenticated('agent');
      case 'service_not_found':
        throw notFound();
      case 'service_inactive':
        throw invocationProblems.SERVICE_INACTIVE(
          `"${offer.title}" takes no invocations at the moment; its provider has deactivated it`,
        );
      case 'provider_frozen':
        throw invocationProblems.PROVIDER_FROZEN(`The provider of "${offer.title}" is frozen by its owner`);
      case 'caller_frozen':
        throw ownerProblems.AGENT_FROZEN('The owner has frozen this agent: it spends nothing until it is unfrozen');
      case 'own_service':
        throw invocationProblems.OWN_SERVICE(`"${offer.title}" is this agent's own service`);
      case 'price_above_maximum':
        throw invocationProblems.PRICE_ABOVE_MAXIMUM(
          `The service costs ${formatShells(price ?? 0n)}, more than the maximum of ${formatShells(wish.maxPrice ?? 0n)}`,
          {
            details: { price: formatShells(price ?? 0n), maxPrice: formatShells(wish.maxPrice ?? 0n) },
          },
        );
      case 'busy':
        throw busy(`"${offer.title}" has as many pending invocations as it takes`);
      case 'busy_with_caller':
        throw busy(`"${offer.title}" takes no more pending invocations of one caller`);
      case 'again':
      case 'stale_version':
        throw new Error(`the verdict ${verdict} is handled before`);
      default:
        return assertNever(verdict);
    }
  }
}

function inputInvalid({ title, version }: Offer, errors: FieldError[]): Problem {
  return invocationProblems.INPUT_INVALID(
    `The input does not fit the input schema of "${title}", version ${version}; nothing is held`,
    { errors },
  );
}

function unreachable({ title }: Offer): Problem {
  return invocationProblems.PROVIDER_UNREACHABLE(
    `The provider of "${title}" has no socket, no working webhook, and has not asked for work within a minute; nothing is held`,
    { retryAfterS: UNREACHABLE_RETRY_S },
  );
}

function busy(detail: string): Problem {
  return invocationProblems.SERVICE_BUSY(`${detail}; repeat the request when some have ended`, {
    retryAfterS: BUSY_RETRY_S,
  });
}

/** The wallet's lock did not come in time: another request of this owner, likely the first one with this key, holds it. */
function stillRunning(key: string | undefined, cause: unknown): Error {
  if (key === undefined) return overloaded(cause);
  return escrowProblems.IDEMPOTENCY_IN_PROGRESS(
    `The first request with the key "${key}" is still running; repeat it in a moment`,
    { retryAfterS: 1, cause },
  );
}
