import { Injectable } from '@nestjs/common';
import {
  assertNever,
  canonicalJson,
  fingerprint,
  formatShells,
  shellsInWords,
  type FieldError,
  type JsonObject,
  type Problem,
} from '#kernel';
import { ReachabilityStore } from '#agents';
import { Consent, quoted, type DryRun, type Spender } from '#consent';
import { escrowProblems, JournalStore, keyReused } from '#escrow';
import { ownerProblems, unauthenticated } from '#owners';
import { Bus, DeadlineBell, isLockTimeout, isNotSent, notFound } from '#platform';
import { OfferCache, overloaded, SchemaPoolBusy, Schemas, type Offer } from '#services';
import { invocationProblems } from './invocations.problems.js';
import { invokeRequest, type InvokeWish } from './invoke-wish.js';
import { PinnedSchemas } from './pinned-schemas.js';
import { OpenStore, type OpenVerdict } from './open.store.js';

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
    private readonly consent: Consent,
  ) {}

  /** @throws {Problem} NOT_FOUND, INPUT_INVALID, PROVIDER_UNREACHABLE, PRICE_ABOVE_MAXIMUM, INSUFFICIENT_FUNDS, SERVICE_INACTIVE, PROVIDER_FROZEN, AGENT_FROZEN,
   *  OWN_SERVICE, SERVICE_BUSY, UNAUTHENTICATED (the key has ended meanwhile), IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS, OVERLOADED */
  async run(caller: Spender, wish: InvokeWish): Promise<Opened> {
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
      if (result.verdict === 'consent_needed') {
        const refusal = await this.ask(caller, offer, wish, result.price ?? 0n);
        if (refusal !== undefined) throw refusal;
      } else if (result.verdict !== 'stale_version') return this.opened(caller, offer, wish, result);
      offer = await this.offers.refresh(wish.serviceId);
    }
    throw overloaded(new Error('the service changed with every try'));
  }

  /** What an invocation would cost now, and whether the owner would be asked; nothing is held.
   *  @throws {Problem} NOT_FOUND, INPUT_INVALID, SERVICE_INACTIVE, OWN_SERVICE, PRICE_ABOVE_MAXIMUM */
  async dryRun(caller: Spender, { serviceId, input, maxPrice }: InvokeWish): Promise<DryRun> {
    const known = await this.offers.refresh(serviceId);
    if (known === undefined) throw notFound();
    const { offer, errors } = await this.fitting(caller, known, input);
    if (errors.length > 0) throw inputInvalid(offer, errors);
    if (offer.agentId === caller.agentId) throw ownService(offer);
    if (!offer.isActive) throw inactive(offer);
    const price = offer.ownerId === caller.ownerId ? 0n : offer.price;
    if (maxPrice !== undefined && price > maxPrice) throw aboveMaximum(price, maxPrice);
    const spend = { category: offer.category, counterpartyAgentId: offer.agentId };
    return this.consent.dryRun(caller, { action: 'invoke', amount: price, ...spend });
  }

  private ask(caller: Spender, offer: Offer, wish: InvokeWish, price: bigint): Promise<Problem | undefined> {
    return this.consent.ask(caller, {
      action: 'invoke',
      amount: price,
      what: (provider) => `invoke ${quoted(offer.title)} of ${quoted(provider)} for ${shellsInWords(price)}`,
      category: offer.category,
      counterpartyAgentId: offer.agentId,
      request: invokeRequest(wish),
      key: wish.key,
    });
  }

  /** The offer that counts, and where the input misses its schema. A copy in memory may be old, so a refusal is checked
   *  against the newest version. */
  private async fitting(
    { ownerId }: Spender,
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
  private async repeated(caller: Spender, offer: Offer, wish: InvokeWish, refusal: Problem): Promise<Opened> {
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
    caller: Spender,
    { version }: Offer,
    { serviceId, input, maxPrice, key, traceparent, approvalId, isWanted }: InvokeWish,
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
      return approvalId === undefined
        ? await this.store.open(item, isWanted)
        : await this.store.openApproved(item, approvalId);
    } catch (error) {
      if (isNotSent(error)) throw overloaded(error);
      if (isLockTimeout(error)) throw stillRunning(key, error);
      throw error;
    }
  }

  private async opened(caller: Spender, offer: Offer, wish: InvokeWish, result: OpenVerdict): Promise<Opened> {
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
      case 'over_budget':
        throw await this.consent.overBudget(caller.agentId, price ?? 0n);
      case 'approval_ended':
        throw this.consent.ended();
      case 'key_reused':
        throw keyReused(wish.key ?? '');
      case 'key_ended':
        throw unauthenticated('agent');
      case 'service_not_found':
        throw notFound();
      case 'service_inactive':
        throw inactive(offer);
      case 'provider_frozen':
        throw invocationProblems.PROVIDER_FROZEN(`The provider of "${offer.title}" is frozen by its owner`);
      case 'caller_frozen':
        throw ownerProblems.AGENT_FROZEN('The owner has frozen this agent: it spends nothing until it is unfrozen');
      case 'own_service':
        throw ownService(offer);
      case 'price_above_maximum':
        throw aboveMaximum(price ?? 0n, wish.maxPrice ?? 0n);
      case 'busy':
        throw busy(`"${offer.title}" has as many pending invocations as it takes`);
      case 'busy_with_caller':
        throw busy(`"${offer.title}" takes no more pending invocations of one caller`);
      case 'again':
      case 'consent_needed':
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

function inactive({ title }: Offer): Problem {
  return invocationProblems.SERVICE_INACTIVE(
    `"${title}" takes no invocations at the moment; its provider has deactivated it`,
  );
}

function ownService({ title }: Offer): Problem {
  return invocationProblems.OWN_SERVICE(`"${title}" is this agent's own service`);
}

function aboveMaximum(price: bigint, maxPrice: bigint): Problem {
  const amounts = { price: formatShells(price), maxPrice: formatShells(maxPrice) };
  return invocationProblems.PRICE_ABOVE_MAXIMUM(
    `The service costs ${amounts.price}, more than the maximum of ${amounts.maxPrice}`,
    { details: amounts },
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
