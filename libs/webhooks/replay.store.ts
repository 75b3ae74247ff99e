import { Injectable } from '@nestjs/common';
import { Database, type Tx } from '#platform';

export type ReplayRow = {
  id: bigint;
  endpointId: bigint;
  kind: 'one' | 'range' | 'failed';
  after: bigint;
  through: bigint;
  status: 'pending' | 'done';
  made: number;
  createdAt: Date;
  endedAt: Date | null;
};

const REPLAY = `r.id, r.endpoint_id as "endpointId", r.kind, r.after, r.through, r.status, r.made, r.created_at as "createdAt",
  r.ended_at as "endedAt"`;

/** Replays: a key of an endpoint names one until it is purged, C4C_EVENT_DAYS after its end. */
@Injectable()
export class ReplayStore {
  constructor(private readonly database: Database) {}

  /** The replay under this key: the new one, or the one that was there before, which may be of another request. */
  async create(
    tx: Tx,
    wish: {
      endpointId: bigint;
      key: string;
      kind: ReplayRow['kind'];
      after: bigint;
      through: bigint;
      askedThrough?: bigint | undefined;
    },
  ): Promise<{ replay: ReplayRow; isNew: boolean; isSame: boolean }> {
    const { endpointId, key, kind, after, through, askedThrough } = wish;
    const inserted = await tx.query<ReplayRow>(
      `insert into market.webhook_replay as r (endpoint_id, idempotency_key, kind, after, through, asked_through, position, status,
        ended_at, made)
      values ($1, $2, $3, $4, $5, $6, case when $3 = 'one' then $5::bigint else $4::bigint end, case when $3 = 'one' then 'done' else 'pending' end,
        case when $3 = 'one' then platform.clock() end, case when $3 = 'one' then 1 else 0 end)
      on conflict (endpoint_id, idempotency_key) do nothing
      returning ${REPLAY}`,
      [endpointId, key, kind, after, through, askedThrough],
    );
    const [made] = inserted.rows;
    if (made !== undefined) return { replay: made, isNew: true, isSame: true };
    const { rows } = await tx.query<ReplayRow & { isSame: boolean }>(
      `select ${REPLAY}, (r.kind, r.after, r.asked_through) is not distinct from ($3::text, $4::bigint, $5::bigint) as "isSame"
      from market.webhook_replay r where r.endpoint_id = $1 and r.idempotency_key = $2`,
      [endpointId, key, kind, after, askedThrough],
    );
    const [known] = rows;
    if (known === undefined) throw new Error('the replay that was there is gone');
    const { isSame, ...replay } = known;
    return { replay, isNew: false, isSame };
  }

  /** Makes those who begin replays of one endpoint come one after another, so that they can be counted. */
  async lock(tx: Tx, endpointId: bigint): Promise<void> {
    await tx.query('select 1 from market.webhook_endpoint where id = $1 for no key update', [endpointId]);
  }

  async countPendingOf(tx: Tx, endpointId: bigint): Promise<number> {
    const { rows } = await tx.query<{ count: number }>(
      `select count(*)::integer as count from market.webhook_replay where endpoint_id = $1 and status = 'pending'`,
      [endpointId],
    );
    return rows[0]?.count ?? 0;
  }

  /** One delivery once more; answers its id. */
  async again(tx: Tx, deliveryId: bigint, replayId: bigint): Promise<bigint> {
    const { rows } = await tx.query<{ id: bigint }>(
      `insert into market.delivery (endpoint_id, agent_id, seq, event_id, event_created_at, type, invocation_id, class, run_at, expires_at,
        replay_of, replay_id, created_at)
      select o.endpoint_id, o.agent_id, o.seq, o.event_id, o.event_created_at, o.type, o.invocation_id, o.class, now.at, o.expires_at,
        o.id, $2, now.at
      from market.delivery o, (select platform.clock() as at) now
      where o.id = $1
      returning id`,
      [deliveryId, replayId],
    );
    const id = rows[0]?.id;
    if (id === undefined) throw new Error(`there is no delivery ${deliveryId}`);
    return id;
  }

  /** The delivery that the replay of one made. */
  async deliveryOf(tx: Tx, endpointId: bigint, replayId: bigint, replayOf: bigint): Promise<bigint | undefined> {
    const { rows } = await tx.query<{ id: bigint }>(
      `select id from market.delivery where endpoint_id = $1 and replay_id = $2 and replay_of = $3 and id > $3 order by id limit 1`,
      [endpointId, replayId, replayOf],
    );
    return rows[0]?.id;
  }

  async find(endpointId: bigint, id: bigint): Promise<ReplayRow | undefined> {
    const [row] = await this.database.query<ReplayRow>(
      `select ${REPLAY} from market.webhook_replay r where r.endpoint_id = $1 and r.id = $2`,
      [endpointId, id],
    );
    return row;
  }

  async list(endpointId: bigint, limit: number): Promise<ReplayRow[]> {
    return this.database.query<ReplayRow>(
      `select ${REPLAY} from market.webhook_replay r where r.endpoint_id = $1 order by r.id desc limit $2`,
      [endpointId, limit],
    );
  }

  /** Up to where "all that failed" and "from here on" go. */
  async ends(endpointId: bigint, agentId: bigint): Promise<{ lastFailed: bigint; head: bigint }> {
    const [row] = await this.database.query<{ lastFailed: bigint; head: bigint }>(
      `select coalesce((select id from market.delivery where endpoint_id = $1 and status = 'failed' order by id desc limit 1), 0) as "lastFailed",
        coalesce((select next_seq - 1 from market.agent_stream where agent_id = $2), 0) as head`,
      [endpointId, agentId],
    );
    return row ?? { lastFailed: 0n, head: 0n };
  }

  /** Goes on with one replay; answers whether there was one. */
  async step(workTypes: readonly string[], limit: number): Promise<boolean> {
    const [row] = await this.database.query<{ stepped: boolean }>(
      'select market.webhook_replay_step($1, $2) as stepped',
      [workTypes, limit],
      'webhook-replay-step',
    );
    return row?.stepped ?? false;
  }

  /** How many are not done; counts up to `most`. */
  async countPending(most: number): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      `select count(*)::integer as count from (select from market.webhook_replay where status = 'pending' limit $1) r`,
      [most],
    );
    return row?.count ?? 0;
  }
}
