import { Injectable } from '@nestjs/common';
import { Database, type Tx } from '#platform';
import { SecretBox } from './secret-box.js';

export type EndpointState = 'unverified' | 'active' | 'paused' | 'failing' | 'disabled';

/** A secret as it is shown: when it came and when it ends, never itself. */
export type SecretNote = { id: number; createdAt: string; expiresAt: string | null };

export type Endpoint = {
  id: bigint;
  agentId: bigint;
  ownerId: bigint;
  url: string;
  description: string;
  /** Null: every type. */
  eventTypes: string[] | null;
  state: EndpointState;
  ratePerSecond: number;
  consecutiveFailures: number;
  firstFailureAt: Date | null;
  breakerUntil: Date | null;
  disabledAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
  /** Those that sign, the newest first. */
  secrets: SecretNote[];
};

/** What is undefined stays, or is as the table says when the endpoint is new. `eventTypes` null: every type. */
export type EndpointWish = {
  url?: string | undefined;
  description?: string | undefined;
  eventTypes?: readonly string[] | null | undefined;
  ratePerSecond?: number | undefined;
};

// The rest ends when it is looked at.
const CANCELLED_AT_ONCE_MAX = 10_000;

const ENDPOINT = `e.id, e.agent_id as "agentId",
  (select a.owner_id from market.agent a where a.id = e.agent_id) as "ownerId", e.url, e.description, e.event_types as "eventTypes", e.state,
  e.rate_per_second as "ratePerSecond", e.consecutive_failures as "consecutiveFailures", e.first_failure_at as "firstFailureAt",
  e.breaker_until as "breakerUntil", e.disabled_at as "disabledAt", e.created_at as "createdAt", e.updated_at as "updatedAt",
  coalesce((
    select json_agg(json_build_object('id', s.id, 'createdAt', s.created_at, 'expiresAt', s.expires_at) order by s.id desc)
    from market.webhook_secret s
    where s.endpoint_id = e.id and (s.expires_at is null or s.expires_at > platform.clock())
  ), '[]') as secrets`;

/** The rows of `market.webhook_endpoint` and `market.webhook_secret`, as their agents handle them. */
@Injectable()
export class EndpointStore {
  constructor(
    private readonly database: Database,
    private readonly box: SecretBox,
  ) {}

  async list(agentId: bigint): Promise<Endpoint[]> {
    return this.database.query<Endpoint>(
      `select ${ENDPOINT} from market.webhook_endpoint e where e.agent_id = $1 and e.deleted_at is null order by e.id`,
      [agentId],
    );
  }

  async find(agentId: bigint, id: bigint): Promise<Endpoint | undefined> {
    const [endpoint] = await this.database.query<Endpoint>(
      `select ${ENDPOINT} from market.webhook_endpoint e where e.id = $2 and e.agent_id = $1 and e.deleted_at is null`,
      [agentId, id],
    );
    return endpoint;
  }

  /** The secrets that sign for these endpoints now, each list with the newest first. One that cannot be opened (C4C_SECRET is another
   *  since) is left out: it must not hold up other endpoints. */
  async liveSecrets(endpointIds: readonly bigint[]): Promise<Map<bigint, string[]>> {
    const rows = await this.database.query<{ endpointId: bigint; secret: Buffer }>(
      `select endpoint_id as "endpointId", secret from market.webhook_secret
      where endpoint_id = any ($1::bigint[]) and (expires_at is null or expires_at > platform.clock())
      order by id desc`,
      [endpointIds],
      'webhook-live-secrets',
    );
    const secrets = new Map<bigint, string[]>(endpointIds.map((id) => [id, []]));
    for (const { endpointId, secret } of rows) {
      const opened = this.box.tryOpen(secret, endpointId);
      if (opened !== undefined) secrets.get(endpointId)?.push(opened);
    }
    return secrets;
  }

  /**
   * Locks the agent's endpoints against new ones until the transaction ends, and answers how many there are. The agent's cursor
   * through the log comes with this: deliveries begin with what happens from now on.
   */
  async lockCount(tx: Tx, agentId: bigint): Promise<number> {
    await tx.query(
      `insert into market.webhook_cursor (agent_id, through_seq)
      select agent_id, next_seq - 1 from market.agent_stream where agent_id = $1
      on conflict (agent_id) do nothing`,
      [agentId],
    );
    await tx.query('select 1 from market.webhook_cursor where agent_id = $1 for update', [agentId]);
    const { rows } = await tx.query<{ count: bigint }>(
      'select count(*) from market.webhook_endpoint where agent_id = $1 and deleted_at is null',
      [agentId],
    );
    return Number(rows[0]?.count ?? 0);
  }

  async insert(tx: Tx, agentId: bigint, url: string, wish: EndpointWish): Promise<bigint> {
    const { rows } = await tx.query<{ id: bigint }>(
      `insert into market.webhook_endpoint (agent_id, url, description, event_types, rate_per_second)
      values ($1, $2, coalesce($3, ''), $4, coalesce($5, 100))
      returning id`,
      [agentId, url, wish.description, wish.eventTypes, wish.ratePerSecond],
    );
    const id = rows[0]?.id;
    if (id === undefined) throw new Error('insert returned no row');
    return id;
  }

  /** Changes what is given; another address has to be verified anew, and until then deliveries wait. False when there is no such endpoint. */
  async update(agentId: bigint, id: bigint, wish: EndpointWish): Promise<boolean> {
    const rows = await this.database.query(
      `update market.webhook_endpoint e set
        url = coalesce($3::text, e.url),
        description = coalesce($4, e.description),
        event_types = case when $5 then $6::text[] else e.event_types end,
        rate_per_second = coalesce($7, e.rate_per_second),
        state = case when $3 <> e.url then 'unverified' else e.state end,
        consecutive_failures = case when $3 <> e.url then 0 else e.consecutive_failures end,
        first_failure_at = case when $3 <> e.url then null else e.first_failure_at end,
        breaker_until = case when $3 <> e.url then null else e.breaker_until end,
        breaker_opened = case when $3 <> e.url then 0 else e.breaker_opened end,
        disabled_at = case when $3 <> e.url then null else e.disabled_at end,
        updated_at = platform.clock()
      where e.id = $2 and e.agent_id = $1 and e.deleted_at is null
      returning e.id`,
      [agentId, id, wish.url, wish.description, wish.eventTypes !== undefined, wish.eventTypes, wish.ratePerSecond],
    );
    return rows.length === 1;
  }

  /** The endpoint is gone, and so are its secrets and what was on its way to it. False when there is no such endpoint. */
  async delete(agentId: bigint, id: bigint): Promise<boolean> {
    return this.database.inTransaction(async (tx) => {
      const { rowCount } = await tx.query(
        `update market.webhook_endpoint set deleted_at = platform.clock(), updated_at = platform.clock()
        where id = $2 and agent_id = $1 and deleted_at is null`,
        [agentId, id],
      );
      if (rowCount !== 1) return false;
      await this.endSecrets(tx, id, 0);
      // A try under way finds no row to complete. Nobody is waited for: what a try writes down just now, what is being made from the log
      // and what is beyond the bound ends when it is looked at.
      await tx.query(
        `with waiting as (
          select id from market.delivery where endpoint_id = $1 and status = 'pending' limit $2 for update skip locked)
        update market.delivery d set status = 'cancelled', ended_at = platform.clock(), claim_id = null, body = null
        from waiting w where d.id = w.id`,
        [id, CANCELLED_AT_ONCE_MAX],
      );
      return true;
    });
  }

  /** Pauses an endpoint that is sent to. False when there is none in such a state. */
  async pause(agentId: bigint, id: bigint): Promise<boolean> {
    const rows = await this.database.query(
      `update market.webhook_endpoint set state = 'paused', updated_at = platform.clock()
      where id = $2 and agent_id = $1 and deleted_at is null and state in ('active', 'failing')
      returning id`,
      [agentId, id],
    );
    return rows.length === 1;
  }

  /** Has a paused endpoint go on as it was. False when there is none in this state. */
  async unpause(agentId: bigint, id: bigint): Promise<boolean> {
    const rows = await this.database.query(
      `update market.webhook_endpoint
      set state = case when consecutive_failures >= 5 then 'failing' else 'active' end, updated_at = platform.clock()
      where id = $2 and agent_id = $1 and deleted_at is null and state = 'paused'
      returning id`,
      [agentId, id],
    );
    return rows.length === 1;
  }

  /** The address has answered the challenge. False when the endpoint is gone or has another address by now. */
  async activate(agentId: bigint, id: bigint, url: string): Promise<boolean> {
    const rows = await this.database.query(
      `update market.webhook_endpoint
      set state = case when state = 'paused' then state else 'active' end, consecutive_failures = 0, first_failure_at = null,
        breaker_until = null, breaker_opened = 0, disabled_at = null, verified_at = platform.clock(), updated_at = platform.clock()
      where id = $2 and agent_id = $1 and url = $3 and deleted_at is null
      returning id`,
      [agentId, id, url],
    );
    return rows.length === 1;
  }

  /** How much is left of so many milliseconds since the endpoint was disabled; 0 when it is not. */
  async coolDownLeftMs(id: bigint, coolDownMs: number): Promise<number> {
    const [row] = await this.database.query<{ left: number }>(
      `select greatest(0, $2 - extract(epoch from platform.clock() - disabled_at) * 1000)::float8 as left
      from market.webhook_endpoint where id = $1 and disabled_at is not null`,
      [id, coolDownMs],
    );
    return row?.left ?? 0;
  }

  /** Locks the endpoint until the transaction ends, and answers how many secrets sign. Undefined when there is no such endpoint. */
  async lockSecrets(tx: Tx, agentId: bigint, id: bigint): Promise<number | undefined> {
    const { rowCount } = await tx.query(
      'select 1 from market.webhook_endpoint where id = $2 and agent_id = $1 and deleted_at is null for update',
      [agentId, id],
    );
    if (rowCount !== 1) return undefined;
    const { rows } = await tx.query<{ count: bigint }>(
      `select count(*) from market.webhook_secret
      where endpoint_id = $1 and (expires_at is null or expires_at > platform.clock())`,
      [id],
    );
    return Number(rows[0]?.count ?? 0);
  }

  /** Has every secret of the endpoint end so soon, if it does not end before. Answers when the last one does. */
  async endSecrets(tx: Tx, id: bigint, overlapS: number): Promise<Date | undefined> {
    const { rows } = await tx.query<{ expiresAt: Date | null }>(
      `with ended as (
        update market.webhook_secret s
        set expires_at = least(s.expires_at, now.at + $2 * interval '1 second')
        from (select platform.clock() as at) now
        where s.endpoint_id = $1 and (s.expires_at is null or s.expires_at > now.at)
        returning s.expires_at
      )
      select max(expires_at) as "expiresAt" from ended`,
      [id, overlapS],
    );
    return rows[0]?.expiresAt ?? undefined;
  }

  /** The endpoint's own secret, after `endSecrets` or for a new endpoint. */
  async addSecret(tx: Tx, id: bigint, secret: string): Promise<void> {
    await tx.query('insert into market.webhook_secret (endpoint_id, secret) values ($1, $2)', [
      id,
      this.box.seal(secret, id),
    ]);
  }
}
