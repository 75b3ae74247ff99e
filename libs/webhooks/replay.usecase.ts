import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { keyReused } from '#escrow';
import { Database, notFound, validationFailed } from '#platform';
import { deliveryProblems } from './deliveries.problems.js';
import { DeliveryLog, type DeliveryRow } from './delivery-log.store.js';
import type { Endpoint } from './endpoint.store.js';
import { ReplayStore, type ReplayRow } from './replay.store.js';
import { webhookProblems } from './webhooks.problems.js';

export type ReplayWish = { kind: 'range' | 'failed'; after?: number | undefined; through?: number | undefined };

/** What one endpoint may have waiting for the worker. */
const PENDING_MAX = 10;

/** Sends once more what an endpoint has had, or should have had. A key names one replay: the same again changes nothing. */
@Injectable()
export class Replays {
  constructor(
    private readonly database: Database,
    private readonly store: ReplayStore,
    private readonly log: DeliveryLog,
  ) {}

  /** @throws {Problem} NOT_FOUND, WEBHOOK_STATE, DELIVERY_PENDING, IDEMPOTENCY_KEY_REUSED */
  async one(endpoint: Endpoint, deliveryId: bigint, key: string = randomUUID()): Promise<DeliveryRow> {
    requireSendable(endpoint);
    const original = await this.log.find(endpoint.id, deliveryId);
    if (original === undefined) throw notFound();
    if (original.status === 'pending') {
      throw deliveryProblems.DELIVERY_PENDING(`Delivery ${deliveryId} is still being tried; it needs no replay`);
    }
    const id = await this.database.inTransaction(async (tx) => {
      const wish = { endpointId: endpoint.id, key, kind: 'one' as const, after: deliveryId, through: deliveryId };
      const { replay, isNew, isSame } = await this.store.create(tx, wish);
      if (isNew) return this.store.again(tx, deliveryId, replay.id);
      if (!isSame) throw keyReused(key);
      return this.store.deliveryOf(tx, endpoint.id, replay.id, deliveryId);
    });
    const made = id === undefined ? undefined : await this.log.find(endpoint.id, id);
    if (made === undefined) throw notFound();
    return made;
  }

  /** Of the events after one number up to another, or of all that failed; a worker makes the deliveries.
   *  @throws {Problem} VALIDATION_FAILED, WEBHOOK_STATE, WEBHOOK_REPLAY_LIMIT, IDEMPOTENCY_KEY_REUSED */
  async many(endpoint: Endpoint, { kind, after, through }: ReplayWish, key: string = randomUUID()): Promise<ReplayRow> {
    requireSendable(endpoint);
    const { lastFailed, head } = await this.store.ends(endpoint.id, endpoint.agentId);
    if (kind === 'range' && after === undefined) {
      throw validationFailed([{ field: 'after', message: 'is required for a range', code: 'required' }]);
    }
    if (kind === 'failed' && (after !== undefined || through !== undefined)) {
      const field = after === undefined ? 'through' : 'after';
      throw validationFailed([{ field, message: 'belongs to a range', code: 'invalid' }]);
    }
    if (after !== undefined && through !== undefined && through <= after) {
      throw validationFailed([{ field: 'through', message: 'must be more than after', code: 'range' }]);
    }
    const from = BigInt(after ?? 0);
    if (from > head) {
      const message = `must be a number that the agent's stream has reached; its newest event is ${head}`;
      throw validationFailed([{ field: 'after', message, code: 'range' }]);
    }
    const asked = through === undefined ? undefined : BigInt(through);
    // Never beyond what has happened: a replay tells nothing in advance.
    const last = kind === 'failed' ? lastFailed : asked === undefined || asked > head ? head : asked;
    const wish = { endpointId: endpoint.id, key, kind, after: from, through: last, askedThrough: asked };
    return this.database.inTransaction(async (tx) => {
      await this.store.lock(tx, endpoint.id);
      const { replay, isNew, isSame } = await this.store.create(tx, wish);
      if (!isSame) throw keyReused(key);
      // The new one counts too; it goes when this is thrown.
      if (isNew && (await this.store.countPendingOf(tx, endpoint.id)) > PENDING_MAX) {
        throw deliveryProblems.WEBHOOK_REPLAY_LIMIT(
          `${PENDING_MAX} replays of the endpoint are pending; wait until one is done`,
        );
      }
      return replay;
    });
  }

  /** @throws {Problem} NOT_FOUND */
  async show(endpointId: bigint, id: bigint): Promise<ReplayRow> {
    const replay = await this.store.find(endpointId, id);
    if (replay === undefined) throw notFound();
    return replay;
  }
}

function requireSendable({ state }: Endpoint): void {
  if (state !== 'unverified' && state !== 'disabled') return;
  throw webhookProblems.WEBHOOK_STATE(`The endpoint is ${state}, and nothing is sent to it; verify it first`, {
    details: { state },
  });
}
