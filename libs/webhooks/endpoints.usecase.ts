import { Injectable } from '@nestjs/common';
import { Database, Egress, notFound, rateLimitProblems, validationFailed, type EgressResult } from '#platform';
import { DeliveryStore } from './delivery.store.js';
import { EndpointProbe } from './endpoint-probe.js';
import { EndpointStore, type Endpoint, type EndpointWish } from './endpoint.store.js';
import { newSecret } from './signing.js';
import { webhookProblems } from './webhooks.problems.js';

const ENDPOINTS_MAX = 5;
const SECRETS_MAX = 5;
const OVERLAP_DEFAULT_S = 86_400;

/** So long after it was disabled an endpoint is left alone. */
const COOL_DOWN_MS = 60_000;

/** What an agent does with its webhook endpoints. */
@Injectable()
export class Endpoints {
  constructor(
    private readonly database: Database,
    private readonly store: EndpointStore,
    private readonly deliveries: DeliveryStore,
    private readonly probe: EndpointProbe,
    private readonly egress: Egress,
  ) {}

  /** A new endpoint, to be verified, with its secret. @throws {Problem} VALIDATION_FAILED, WEBHOOK_LIMIT */
  async create(agentId: bigint, url: string, wish: EndpointWish): Promise<{ endpoint: Endpoint; secret: string }> {
    const href = this.goodUrl(url);
    const secret = newSecret();
    const id = await this.database.inTransaction(async (tx) => {
      if ((await this.store.lockCount(tx, agentId)) >= ENDPOINTS_MAX) {
        throw webhookProblems.WEBHOOK_LIMIT(`An agent may have ${ENDPOINTS_MAX} webhook endpoints; delete one first`);
      }
      const created = await this.store.insert(tx, agentId, href, wish);
      await this.store.addSecret(tx, created, secret);
      return created;
    });
    return { endpoint: await this.show(agentId, id), secret };
  }

  /** @throws {Problem} NOT_FOUND */
  async show(agentId: bigint, id: bigint): Promise<Endpoint> {
    const endpoint = await this.store.find(agentId, id);
    if (endpoint === undefined) throw notFound();
    return endpoint;
  }

  /** @throws {Problem} VALIDATION_FAILED, NOT_FOUND */
  async update(agentId: bigint, id: bigint, wish: EndpointWish): Promise<Endpoint> {
    const url = wish.url === undefined ? undefined : this.goodUrl(wish.url);
    if (!(await this.store.update(agentId, id, { ...wish, url }))) throw notFound();
    return this.show(agentId, id);
  }

  /** @throws {Problem} NOT_FOUND, also for one that is deleted already */
  async delete(agentId: bigint, id: bigint): Promise<void> {
    if (!(await this.store.delete(agentId, id))) throw notFound();
  }

  /** Activates the endpoint if it answers the challenge; one that is paused stays so.
   *  @throws {Problem} NOT_FOUND, WEBHOOK_NOT_VERIFIED, WEBHOOK_SECRET_LOST, RATE_LIMITED */
  async verify(agentId: bigint, id: bigint): Promise<Endpoint> {
    const endpoint = await this.show(agentId, id);
    const leftMs = await this.store.coolDownLeftMs(id, COOL_DOWN_MS);
    if (leftMs > 0) {
      throw rateLimitProblems.RATE_LIMITED('The endpoint was disabled a moment ago; it is called again in a minute', {
        retryAfterS: Math.ceil(leftMs / 1_000),
      });
    }
    const complaint = await this.probe.challenge(endpoint);
    if (complaint !== undefined) throw webhookProblems.WEBHOOK_NOT_VERIFIED(complaint);
    if (await this.store.activate(agentId, id, endpoint.url)) {
      await this.deliveries.wake(id);
      return this.show(agentId, id);
    }
    // Deleted meanwhile, or another address by now.
    await this.show(agentId, id);
    throw webhookProblems.WEBHOOK_NOT_VERIFIED('The URL was changed meanwhile; verify the new one');
  }

  /** Sends a `ping` at once.
   *  @throws {Problem} NOT_FOUND, WEBHOOK_STATE (before it is verified), WEBHOOK_SECRET_LOST, RATE_LIMITED */
  async test(agentId: bigint, id: bigint): Promise<EgressResult> {
    const endpoint = await this.show(agentId, id);
    if (endpoint.state === 'unverified') throw wrongState(endpoint, 'it is tested once it is verified');
    return this.probe.ping(endpoint);
  }

  /** Twice is no mistake. @throws {Problem} NOT_FOUND, WEBHOOK_STATE */
  async pause(agentId: bigint, id: bigint): Promise<Endpoint> {
    const isPaused = await this.store.pause(agentId, id);
    const endpoint = await this.show(agentId, id);
    if (isPaused || endpoint.state === 'paused') return endpoint;
    throw wrongState(endpoint, 'nothing is sent to it, so there is nothing to pause');
  }

  /** Goes on with a paused endpoint, and verifies one that was disabled. Twice is no mistake.
   *  @throws {Problem} NOT_FOUND, WEBHOOK_STATE, WEBHOOK_NOT_VERIFIED, WEBHOOK_SECRET_LOST, RATE_LIMITED */
  async resume(agentId: bigint, id: bigint): Promise<Endpoint> {
    if (await this.store.unpause(agentId, id)) await this.deliveries.wake(id);
    const endpoint = await this.show(agentId, id);
    if (endpoint.state === 'disabled') return this.verify(agentId, id);
    if (endpoint.state === 'unverified') throw wrongState(endpoint, 'verify it instead');
    return endpoint;
  }

  /** A new secret; those before it sign too until the overlap ends. 0 ends them at once.
   *  @throws {Problem} NOT_FOUND, WEBHOOK_SECRET_LIMIT */
  async rotateSecret(
    agentId: bigint,
    id: bigint,
    overlapS = OVERLAP_DEFAULT_S,
  ): Promise<{ secret: string; previousUntil: Date | undefined }> {
    const secret = newSecret();
    return this.database.inTransaction(async (tx) => {
      const secrets = await this.store.lockSecrets(tx, agentId, id);
      if (secrets === undefined) throw notFound();
      if (secrets >= SECRETS_MAX && overlapS > 0) {
        throw webhookProblems.WEBHOOK_SECRET_LIMIT(
          `${SECRETS_MAX} secrets sign already; wait until one has ended, or end them with overlapSeconds 0`,
        );
      }
      const previousUntil = await this.store.endSecrets(tx, id, overlapS);
      await this.store.addSecret(tx, id, secret);
      return { secret, previousUntil };
    });
  }

  /** The address as it will be called: one text for all its spellings, so that nobody is shown another than is called.
   *  @throws {Problem} VALIDATION_FAILED */
  private goodUrl(url: string): string {
    const message = this.egress.check(url);
    if (message !== undefined) throw validationFailed([{ field: 'url', message, code: 'invalid' }]);
    return new URL(url).href;
  }
}

function wrongState({ state }: Endpoint, why: string): Error {
  return webhookProblems.WEBHOOK_STATE(`The endpoint is ${state}: ${why}`, { details: { state } });
}
