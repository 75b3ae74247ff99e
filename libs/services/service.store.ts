import { Injectable } from '@nestjs/common';
import type { JsonObject } from '#kernel';
import { Database, type Tx } from '#platform';

/** What a version of a service says, and the limits of the service. */
export type ServiceSpec = {
  title: string;
  description: string;
  category: string;
  price: bigint;
  avgResponseMs: number;
  inputSchema: JsonObject | null;
  outputSchema: JsonObject | null;
  maxPending: number;
  maxPendingPerCaller: number;
};

export type Published = { id: bigint; title: string; isActive: boolean; version: number; createdAt: Date };

/** What an invocation needs to know of the service's current version. */
export type Offer = {
  id: bigint;
  /** Its provider. */
  agentId: bigint;
  ownerId: bigint;
  isActive: boolean;
  version: number;
  title: string;
  category: string;
  price: bigint;
  inputSchema: JsonObject | null;
  outputSchema: JsonObject | null;
};

/** The rows of `market.service` and, one per change and immutable, of `market.service_version`. */
@Injectable()
export class ServiceStore {
  constructor(private readonly database: Database) {}

  /** A new service, or the owner's service of the same title with this as its next version, active again. */
  async upsertByTitle(tx: Tx, ownerId: bigint, agentId: bigint, spec: ServiceSpec): Promise<Published> {
    const { rows } = await tx.query<Published>(
      `insert into market.service as s (owner_id, agent_id, title, description, category, price, avg_response_ms, max_pending,
        max_pending_per_caller, is_active, version)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9, true, 1)
      on conflict (owner_id, title) do update
      set agent_id = excluded.agent_id, description = excluded.description, category = excluded.category, price = excluded.price,
        avg_response_ms = excluded.avg_response_ms, max_pending = excluded.max_pending,
        max_pending_per_caller = excluded.max_pending_per_caller, is_active = true, version = s.version + 1, updated_at = platform.clock()
      returning id, title, is_active as "isActive", version, created_at as "createdAt"`,
      [
        ownerId,
        agentId,
        spec.title,
        spec.description,
        spec.category,
        spec.price,
        spec.avgResponseMs,
        spec.maxPending,
        spec.maxPendingPerCaller,
      ],
    );
    const service = only(rows);
    await tx.query(
      'insert into market.service_load (service_id, caller_agent_id, pending) values ($1, 0, 0) on conflict do nothing',
      [service.id],
    );
    await this.insertVersion(tx, service.id, service.version, spec);
    return service;
  }

  /** What the owner's service of this title costs now, if there is one; it stays so until the transaction ends. */
  async priceOf(tx: Tx, ownerId: bigint, title: string): Promise<bigint | undefined> {
    const { rows } = await tx.query<{ price: bigint }>(
      'select price from market.service where owner_id = $1 and title = $2 for update',
      [ownerId, title],
    );
    return rows[0]?.price;
  }

  /** The agent's own service and its current version, locked until the transaction ends. */
  async lockOwn(tx: Tx, agentId: bigint, id: bigint): Promise<(ServiceSpec & Published) | undefined> {
    // The lock first, the version after it: a statement that waited for the lock sees the new row beside the old versions.
    const { rowCount } = await tx.query('select 1 from market.service where id = $1 and agent_id = $2 for update', [
      id,
      agentId,
    ]);
    if (rowCount !== 1) return undefined;
    const { rows } = await tx.query<ServiceSpec & Published>(
      `select s.id, s.title, s.description, s.category, s.price, s.avg_response_ms as "avgResponseMs", s.max_pending as "maxPending",
        s.max_pending_per_caller as "maxPendingPerCaller", s.is_active as "isActive", s.version, s.created_at as "createdAt",
        v.input_schema as "inputSchema", v.output_schema as "outputSchema"
      from market.service s
      join market.service_version v on v.service_id = s.id and v.version = s.version
      where s.id = $1`,
      [id],
    );
    return only(rows);
  }

  /** Makes this the service's next version. @throws a unique violation of `service_title_once` */
  async update(tx: Tx, id: bigint, version: number, spec: ServiceSpec): Promise<void> {
    const { rowCount } = await tx.query(
      `update market.service
      set title = $3, description = $4, category = $5, price = $6, avg_response_ms = $7, max_pending = $8, max_pending_per_caller = $9,
        version = $2, updated_at = platform.clock()
      where id = $1 and version = $2 - 1`,
      [
        id,
        version,
        spec.title,
        spec.description,
        spec.category,
        spec.price,
        spec.avgResponseMs,
        spec.maxPending,
        spec.maxPendingPerCaller,
      ],
    );
    if (rowCount !== 1) throw new Error(`service ${id} is not at version ${version - 1}, though its row is locked`);
    await this.insertVersion(tx, id, version, spec);
  }

  /** False when the agent has no such service. */
  async setActive(agentId: bigint, id: bigint, isActive: boolean): Promise<boolean> {
    const rows = await this.database.query(
      'update market.service set is_active = $3, updated_at = platform.clock() where id = $1 and agent_id = $2 returning id',
      [id, agentId, isActive],
    );
    return rows.length === 1;
  }

  /** What the service offers now, whether it is active or not: the opening call is the judge of that. */
  async offer(id: bigint): Promise<Offer | undefined> {
    const [offer] = await this.database.query<Offer>(
      `select s.id, s.agent_id as "agentId", s.owner_id as "ownerId", s.is_active as "isActive", s.version, s.title, s.category, s.price, v.input_schema as "inputSchema", v.output_schema as "outputSchema"
      from market.service s
      join market.service_version v on v.service_id = s.id and v.version = s.version
      where s.id = $1`,
      [id],
      'service-offer',
    );
    return offer;
  }

  /** The output schema that an invocation is pinned to, if the agent provides the invocation. */
  async outputSchemaOf(
    invocationId: bigint,
    providerAgentId: bigint,
  ): Promise<{ outputSchema: JsonObject | null } | undefined> {
    const [row] = await this.database.query<{ outputSchema: JsonObject | null }>(
      `select v.output_schema as "outputSchema"
      from market.invocation i
      join market.service_version v on v.service_id = i.service_id and v.version = i.version
      where i.id = $1 and i.provider_agent_id = $2`,
      [invocationId, providerAgentId],
      'service-output-schema',
    );
    return row;
  }

  private async insertVersion(tx: Tx, id: bigint, version: number, spec: ServiceSpec): Promise<void> {
    await tx.query(
      `insert into market.service_version (service_id, version, title, description, category, price, avg_response_ms, input_schema, output_schema, created_at)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9, platform.clock())`,
      [
        id,
        version,
        spec.title,
        spec.description,
        spec.category,
        spec.price,
        spec.avgResponseMs,
        text(spec.inputSchema),
        text(spec.outputSchema),
      ],
    );
  }
}

function text(schema: JsonObject | null): string | null {
  return schema === null ? null : JSON.stringify(schema);
}

function only<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Error('the statement returned no row');
  return row;
}
