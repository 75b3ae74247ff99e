import { Bus, createLog, openPlatform, type Bell, type Egress, type Platform } from '#platform';
import { EventViews } from '#events';
import { InvocationFrames, Marks } from '#invocations';
import { InvocationStore } from '../../libs/invocations/invocation.store.js';
import { MarksStore } from '../../libs/invocations/marks.store.js';
import { DeliveryBodies } from '../../libs/webhooks/delivery-bodies.js';
import { DeliveryStore } from '../../libs/webhooks/delivery.store.js';
import { EndpointHealthStore } from '../../libs/webhooks/endpoint-health.store.js';
import { EndpointStore } from '../../libs/webhooks/endpoint.store.js';
import { NoticeStore } from '../../libs/webhooks/notice.store.js';
import { Notices } from '../../libs/webhooks/notices.js';
import { RateStore } from '../../libs/webhooks/rate.store.js';
import { ReplayStore } from '../../libs/webhooks/replay.store.js';
import { SecretBox } from '../../libs/webhooks/secret-box.js';
import { SenderMetrics } from '../../libs/webhooks/sender.metrics.js';
import { Sender } from '../../libs/webhooks/sender.js';
import { newSecret } from '../../libs/webhooks/signing.js';
import { Ledger } from '../ledger/ledger.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

export type Delivered = {
  id: bigint;
  endpointId: bigint;
  seq: bigint;
  type: string;
  status: string;
  attempt: number;
  body: Buffer | null;
  tries: { attempt: number; status: number | null; reason: string | null; total: number; response: string | null }[];
};

/** What a worker process makes of its platform, with hints from this bus. */
export function senderOn(
  { database, config, egress, log, metrics }: Platform,
  bus: Bus,
  { bell, pollMs }: { bell?: Bell | undefined; pollMs?: number | undefined } = {},
): Sender {
  const [deliveries, health] = [new DeliveryStore(database), new EndpointHealthStore(database)];
  const views = new EventViews();
  views.add(new InvocationFrames(new InvocationStore(database)));
  views.add(new Notices(new NoticeStore(database)));
  const parts = {
    deliveries,
    health,
    rates: new RateStore(database),
    bodies: new DeliveryBodies(views),
    marks: new Marks(new MarksStore(database), bus),
    endpoints: new EndpointStore(database, new SecretBox(config)),
    metrics: new SenderMetrics(metrics, deliveries, health, new ReplayStore(database)),
    egress,
    bus,
    log,
    bell,
  };
  return new Sender(parts, pollMs);
}

/** A market with people, endpoints and senders, and no process around them. */
export class Stage {
  readonly ledger: Ledger;
  readonly deliveries: DeliveryStore;
  readonly endpoints: EndpointStore;
  private readonly senders: Sender[] = [];
  private readonly buses: Bus[] = [];

  private constructor(
    readonly database: TestDatabase,
    readonly platform: Platform,
    private readonly people: { owner: bigint; caller: bigint; provider: bigint; service: bigint },
  ) {
    this.ledger = new Ledger(database.pool);
    this.deliveries = new DeliveryStore(platform.database);
    this.endpoints = new EndpointStore(platform.database, new SecretBox(platform.config));
  }

  /** `egress` stands for the one that the configuration would make. */
  static async start({ egress }: { egress?: Egress } = {}): Promise<Stage> {
    const database = await createTestDatabase();
    const config = database.config({ C4C_EGRESS_ALLOW: '127.0.0.0/8' });
    const platform = openPlatform(config, createLog('silent'), egress === undefined ? {} : { egress });
    const ledger = new Ledger(database.pool);
    const owner = await ledger.owner(100_000_000n);
    const payee = await ledger.owner();
    const [caller, provider] = [await ledger.agent(owner), await ledger.agent(payee)];
    const service = await ledger.service(provider, payee, { maxPending: 1_000_000, maxPendingPerCaller: 1_000_000 });
    return new Stage(database, platform, { owner, caller, provider, service });
  }

  get provider(): bigint {
    return this.people.provider;
  }

  get caller(): bigint {
    return this.people.caller;
  }

  /** Another provider with a service of its own, or with one for each of these promises. */
  async otherProvider(...promisesMs: number[]): Promise<{ provider: bigint; service: bigint; services: bigint[] }> {
    const payee = await this.ledger.owner();
    const provider = await this.ledger.agent(payee);
    const services: bigint[] = [];
    for (const avgResponseMs of promisesMs.length === 0 ? [60_000] : promisesMs) {
      const wish = { maxPending: 1_000_000, maxPendingPerCaller: 1_000_000, avgResponseMs };
      services.push(await this.ledger.service(provider, payee, wish));
    }
    return { provider, service: services[0] ?? 0n, services };
  }

  /** A sender like that of another process; `hint` reaches all of them. */
  sender({ bell, pollMs }: { bell?: Bell; pollMs?: number } = {}): Sender {
    const bus = new Bus();
    this.buses.push(bus);
    const sender = senderOn(this.platform, bus, { bell, pollMs });
    this.senders.push(sender);
    return sender;
  }

  /** Tells the senders what the bus would. */
  hint(agentId: bigint): void {
    for (const bus of this.buses) bus.publish('agent-event', { agentId: String(agentId) });
  }

  /** An active endpoint of the provider, or of another agent. */
  async endpoint(
    url: string,
    { agentId = this.provider, types = null as string[] | null, rate = 1_000 } = {},
  ): Promise<bigint> {
    return this.platform.database.inTransaction(async (tx) => {
      await this.endpoints.lockCount(tx, agentId);
      const id = await this.endpoints.insert(tx, agentId, url, { eventTypes: types, ratePerSecond: rate });
      await this.endpoints.addSecret(tx, id, newSecret());
      await tx.query(
        `update market.webhook_endpoint set state = 'active', verified_at = platform.clock() where id = $1`,
        [id],
      );
      return id;
    });
  }

  /** Another secret for the endpoint; the old ones sign as well for so many seconds. */
  async rotate(endpointId: bigint, overlapS: number): Promise<string> {
    const secret = newSecret();
    await this.platform.database.inTransaction(async (tx) => {
      await this.endpoints.endSecrets(tx, endpointId, overlapS);
      await this.endpoints.addSecret(tx, endpointId, secret);
    });
    return secret;
  }

  async secrets(endpointId: bigint): Promise<string[]> {
    return (await this.endpoints.liveSecrets([endpointId])).get(endpointId) ?? [];
  }

  async endpointRow(id: bigint): Promise<{ state: string; failures: number; opened: number; disabledAt: Date | null }> {
    const { rows } = await this.database.pool.query<{
      state: string;
      failures: number;
      opened: number;
      disabledAt: Date | null;
    }>(
      `select state, consecutive_failures as failures, breaker_opened as opened, disabled_at as "disabledAt"
      from market.webhook_endpoint where id = $1`,
      [id],
    );
    if (rows[0] === undefined) throw new Error(`there is no endpoint ${id}`);
    return rows[0];
  }

  async set(endpointId: bigint, change: string): Promise<void> {
    await this.database.pool.query(`update market.webhook_endpoint set ${change} where id = $1`, [endpointId]);
  }

  /** Opens an invocation; its announcement is in the provider's stream. */
  async invoke(service = this.people.service): Promise<bigint> {
    const { owner, caller } = this.people;
    const id = await this.ledger.nextId('market.invocation_id');
    const holdId = await this.ledger.nextHoldId();
    const [opened] = await this.ledger.open([
      { id, holdId, caller, owner, service, version: 1, maxPrice: null, key: null, print: '' },
    ]);
    if (opened?.verdict !== 'opened') throw new Error(`not opened: ${opened?.verdict ?? ''}`);
    return id;
  }

  async submit(id: bigint, provider = this.provider): Promise<void> {
    const [closed] = await this.ledger.close([{ id, action: 'complete', actor: provider, print: String(id) }]);
    if (closed?.verdict !== 'closed') throw new Error(`not closed: ${closed?.verdict ?? ''}`);
  }

  async rows(endpointId: bigint): Promise<Delivered[]> {
    const { rows } = await this.database.pool.query<Delivered>(
      `select d.id, d.endpoint_id as "endpointId", d.seq, d.type, d.status, d.attempt, d.body,
        coalesce((select json_agg(json_build_object('attempt', a.attempt, 'status', a.status_code, 'reason', a.reason, 'total', a.total_ms,
          'response', a.response) order by a.attempt) from market.delivery_attempt a where a.delivery_id = d.id), '[]') as tries
      from market.delivery d where d.endpoint_id = $1 order by d.id`,
      [endpointId],
    );
    return rows;
  }

  /** Waits until all deliveries of the endpoint have ended, at most 20 s. */
  async settled(endpointId: bigint, count: number): Promise<Delivered[]> {
    for (const until = Date.now() + 20_000; Date.now() < until;) {
      const rows = await this.rows(endpointId);
      if (rows.length === count && rows.every(({ status }) => status !== 'pending')) return rows;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(
      `not settled: ${JSON.stringify((await this.rows(endpointId)).map(({ status, tries }) => [status, tries]))}`,
    );
  }

  async end(): Promise<void> {
    await Promise.all(this.senders.map((sender) => sender.stop()));
    await this.platform.close();
    await this.database.drop();
  }
}
