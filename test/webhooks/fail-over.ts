import { EndpointStore } from '../../libs/webhooks/endpoint.store.js';
import { SecretBox } from '../../libs/webhooks/secret-box.js';
import type { Sender } from '../../libs/webhooks/sender.js';
import { newSecret } from '../../libs/webhooks/signing.js';
import { Market, type Shop } from '../gateway/market.js';
import { Hook } from './hook.js';
import { senderOn } from './stage.js';

/** What became of an invocation's way to a hook. */
export type Way = {
  status: string | undefined;
  /** From the invoke to the webhook's arrival; undefined when none came. */
  afterMs: number | undefined;
};

/** A market with sockets, and a sender of webhooks beside it. */
export class FailOver {
  readonly market: Market;
  private readonly hooks: Hook[] = [];

  private constructor(
    market: Market,
    private readonly sender: Sender,
  ) {
    this.market = market;
  }

  static async start(): Promise<FailOver> {
    const market = await Market.start({ C4C_EGRESS_ALLOW: '127.0.0.0/8' });
    const { platform } = market.node;
    const sender = senderOn(platform, platform.bus);
    sender.start();
    return new FailOver(market, sender);
  }

  /** A shop whose provider has a webhook too. */
  async shop(avgResponseMs = 60_000, types?: string[]): Promise<{ shop: Shop; hook: Hook }> {
    const shop = await this.market.shop();
    if (avgResponseMs !== 60_000) await this.market.promise(shop, avgResponseMs);
    return { shop, hook: await this.hookFor(shop, types) };
  }

  async hookFor(shop: Shop, eventTypes?: string[]): Promise<Hook> {
    const hook = await Hook.start();
    this.hooks.push(hook);
    const { database, config } = this.market.node.platform;
    const endpoints = new EndpointStore(database, new SecretBox(config));
    await database.inTransaction(async (tx) => {
      await endpoints.lockCount(tx, BigInt(shop.provider.id));
      const id = await endpoints.insert(tx, BigInt(shop.provider.id), hook.url, { ratePerSecond: 1_000, eventTypes });
      await endpoints.addSecret(tx, id, newSecret());
      await tx.query(`update market.webhook_endpoint set state = 'active' where id = $1`, [id]);
    });
    return hook;
  }

  /** What the database knows of the agent's sockets, as soon as it is this; at most 12 s. */
  async presence(agentId: number, states: string[]): Promise<void> {
    let known: string[] = [];
    for (const until = Date.now() + 12_000; Date.now() < until;) {
      const { rows } = await this.market.database.pool.query<{ state: string }>(
        'select state from market.agent_presence where agent_id = $1 order by state',
        [agentId],
      );
      known = rows.map(({ state }) => state);
      if (known.join() === states.join()) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`agent ${agentId} is ${known.join()}, not ${states.join()}`);
  }

  /** Waits until the invocation's one delivery has ended. */
  async way(invocationId: number, hook: Hook): Promise<Way> {
    for (const until = Date.now() + 15_000; Date.now() < until;) {
      const { rows } = await this.market.database.pool.query<{ status: string | null; createdAt: Date }>(
        `select d.status, i.created_at as "createdAt"
        from market.invocation i
        left join market.delivery d on d.invocation_id = i.id and d.class = 'work'
        where i.id = $1`,
        [invocationId],
      );
      const [row] = rows;
      if (row !== undefined && row.status !== null && row.status !== 'pending') {
        const hit = hook.hits.find(({ body }) => body['invocationId'] === invocationId);
        return { status: row.status, afterMs: hit && hit.atMs - row.createdAt.getTime() };
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`the delivery of invocation ${invocationId} has not ended`);
  }

  async end(): Promise<void> {
    await this.sender.stop();
    await this.market.close();
    await Promise.all(this.hooks.map((hook) => hook.stop()));
  }
}
