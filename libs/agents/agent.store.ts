import { Injectable } from '@nestjs/common';
import type { Json } from '#kernel';
import { Database, type Tx } from '#platform';

export type Agent = {
  id: bigint;
  ownerId: bigint;
  name: string;
  category: string | null;
  description: string;
  capabilities: string[];
  preferences: Json;
  status: string;
  marketVisibility: string;
  marketPublishedAt: Date | null;
  frozenAt: Date | null;
  freezeReason: string | null;
  lastActiveAt: Date;
  createdAt: Date;
  earned: bigint;
  completed: bigint;
  failed: bigint;
  timedOut: bigint;
  responseMs: bigint;
  responses: bigint;
  stars: bigint;
  reviews: bigint;
};

/** What may be changed of an agent; what is undefined stays. */
export type AgentChanges = {
  name?: string | undefined;
  category?: string | undefined;
  description?: string | undefined;
  capabilities?: string[] | undefined;
  preferences?: Json | undefined;
  status?: string | undefined;
};

export type AgentFilter = { search?: string | undefined; category?: string | undefined; status?: string | undefined };

const AGENT = `select a.id, a.owner_id as "ownerId", a.name, a.category, a.description, a.capabilities, a.preferences, a.status,
    a.market_visibility as "marketVisibility", a.market_published_at as "marketPublishedAt", a.frozen_at as "frozenAt",
    a.freeze_reason as "freezeReason",
    greatest(a.last_active_at, (select max(k.last_used_at) from market.api_key k where k.agent_id = a.id)) as "lastActiveAt", a.created_at as "createdAt",
    coalesce(t.earned, 0) as earned, coalesce(t.completed, 0) as completed, coalesce(t.failed, 0) as failed,
    coalesce(t.timed_out, 0) as "timedOut", coalesce(t.response_ms, 0) as "responseMs", coalesce(t.responses, 0) as responses,
    coalesce(t.stars, 0) as stars, coalesce(t.reviews, 0) as reviews
  from market.agent a
  left join market.agent_stats t on t.agent_id = a.id`;

/** Lists count so far and no further. */
const COUNT_MAX = 10_000;

/** The rows of `market.agent`, read together with what reputation has tallied. */
@Injectable()
export class AgentStore {
  constructor(private readonly database: Database) {}

  /** A new agent with its event stream. */
  async insert(
    tx: Tx,
    ownerId: bigint,
    agent: { name: string; category?: string | undefined; description?: string | undefined },
  ): Promise<bigint> {
    const { rows } = await tx.query<{ id: bigint }>(
      `insert into market.agent (owner_id, name, category, description) values ($1, $2, $3, coalesce($4, '')) returning id`,
      [ownerId, agent.name, agent.category, agent.description],
    );
    const id = rows[0]?.id;
    if (id === undefined) throw new Error('insert returned no row');
    await tx.query('insert into market.agent_stream (agent_id) values ($1)', [id]);
    return id;
  }

  async find(id: bigint): Promise<Agent | undefined> {
    const [agent] = await this.database.query<Agent>(`${AGENT} where a.id = $1`, [id], 'agent-find');
    return agent;
  }

  async findOfOwner(ownerId: bigint, id: bigint): Promise<Agent | undefined> {
    const [agent] = await this.database.query<Agent>(`${AGENT} where a.id = $1 and a.owner_id = $2`, [id, ownerId]);
    return agent;
  }

  async listOfOwner(ownerId: bigint, page: number, limit: number): Promise<{ agents: Agent[]; total: number }> {
    const agents = await this.database.query<Agent>(`${AGENT} where a.owner_id = $1 order by a.id limit $2 offset $3`, [
      ownerId,
      limit,
      (page - 1) * limit,
    ]);
    return { agents, total: await this.database.prisma.agent.count({ where: { ownerId }, take: COUNT_MAX }) };
  }

  /** False when the agent does not exist. */
  async update(id: bigint, changes: AgentChanges): Promise<boolean> {
    const rows = await this.database.query(
      `update market.agent
      set name = coalesce($2, name), category = coalesce($3, category), description = coalesce($4, description),
        capabilities = coalesce($5, capabilities), preferences = coalesce($6::json, preferences), status = coalesce($7, status),
        last_active_at = platform.clock()
      where id = $1
      returning id`,
      [
        id,
        changes.name,
        changes.category,
        changes.description,
        changes.capabilities,
        changes.preferences === undefined ? undefined : JSON.stringify(changes.preferences),
        changes.status,
      ],
    );
    return rows.length === 1;
  }

  /** Shows the agent on the market; what it says of its offer joins its preferences. */
  async publish(id: bigint, offer: Json): Promise<void> {
    await this.database.query(
      `update market.agent
      set market_visibility = 'public', market_published_at = coalesce(market_published_at, platform.clock()),
        preferences = (preferences::jsonb || $2::jsonb)::json
      where id = $1`,
      [id, JSON.stringify(offer)],
    );
  }

  async unpublish(id: bigint): Promise<void> {
    await this.database.query(
      `update market.agent set market_visibility = 'private', market_published_at = null where id = $1`,
      [id],
    );
  }

  /** True when this call froze it (and not one before). */
  async freeze(ownerId: bigint, id: bigint, reason: string | undefined): Promise<boolean> {
    const rows = await this.database.query(
      'update market.agent set frozen_at = platform.clock(), freeze_reason = $3 where id = $1 and owner_id = $2 and frozen_at is null returning id',
      [id, ownerId, reason],
    );
    return rows.length === 1;
  }

  async unfreeze(ownerId: bigint, id: bigint): Promise<void> {
    await this.database.query(
      'update market.agent set frozen_at = null, freeze_reason = null where id = $1 and owner_id = $2',
      [id, ownerId],
    );
  }

  /** Locks the agent's row, so that what is counted per agent stays counted until the transaction ends. */
  async lock(tx: Tx, ownerId: bigint, id: bigint): Promise<boolean> {
    const { rowCount } = await tx.query('select 1 from market.agent where id = $1 and owner_id = $2 for update', [
      id,
      ownerId,
    ]);
    return rowCount === 1;
  }

  /** A public agent, or one that offers an active service. */
  async findOnMarket(id: bigint): Promise<Agent | undefined> {
    const [agent] = await this.database.query<Agent>(
      `${AGENT} where a.id = $1
        and (a.market_visibility = 'public' or exists (select 1 from market.service s where s.agent_id = a.id and s.is_active))`,
      [id],
    );
    return agent;
  }

  async listOnMarket(
    { search, category, status }: AgentFilter,
    page: number,
    limit: number,
  ): Promise<{ agents: Agent[]; total: number }> {
    const where = `a.market_visibility = 'public'
      and ($1::text is null or a.name ilike '%' || $1 || '%' or a.description ilike '%' || $1 || '%')
      and ($2::text is null or a.category = $2) and ($3::text is null or a.status = $3)`;
    const values = [search === undefined ? undefined : likeLiteral(search), category, status];
    const agents = await this.database.query<Agent>(`${AGENT} where ${where} order by a.id desc limit $4 offset $5`, [
      ...values,
      limit,
      (page - 1) * limit,
    ]);
    const [count] = await this.database.query<{ total: bigint }>(
      `select count(*) as total from (select 1 from market.agent a where ${where} limit ${COUNT_MAX}) c`,
      values,
    );
    return { agents, total: Number(count?.total ?? 0) };
  }
}

/** The text as itself inside a LIKE pattern. */
function likeLiteral(text: string): string {
  return text.replace(/[\\%_]/g, (character) => `\\${character}`);
}
