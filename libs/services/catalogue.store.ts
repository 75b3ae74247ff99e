import { Injectable } from '@nestjs/common';
import { CATEGORIES, type JsonObject } from '#kernel';
import { Database } from '#platform';
import type { SortBy } from './services.dto.js';

/** A service with its provider and its figures, as lists and pages show it. */
export type Listing = {
  id: bigint;
  agentId: bigint;
  agentName: string;
  title: string;
  description: string;
  category: string;
  price: bigint;
  avgResponseMs: number;
  maxPending: number;
  maxPendingPerCaller: number;
  isActive: boolean;
  version: number;
  createdAt: Date;
  inputSchema: JsonObject | null;
  outputSchema: JsonObject | null;
  pending: number;
  completed: bigint;
  failed: bigint;
  timedOut: bigint;
  cancelled: bigint;
  earned: bigint;
  stars: bigint;
  reviews: bigint;
};

export type ListingFilter = {
  agentId?: bigint;
  search?: string | undefined;
  category?: string | undefined;
  isActive?: boolean | undefined;
  minPrice?: bigint | undefined;
  maxPrice?: bigint | undefined;
  sortBy: SortBy;
};

export type RecentCall = { id: bigint; createdAt: Date; status: string; settledAt: Date | null; price: bigint };

const LISTED = `s.id, s.agent_id as "agentId", a.name as "agentName", s.title, s.description, s.category, s.price,
    s.avg_response_ms as "avgResponseMs", s.max_pending as "maxPending", s.max_pending_per_caller as "maxPendingPerCaller",
    s.is_active as "isActive", s.version, s.created_at as "createdAt", v.input_schema as "inputSchema", v.output_schema as "outputSchema",
    coalesce(l.pending, 0) as pending, coalesce(t.completed, 0) as completed, coalesce(t.failed, 0) as failed,
    coalesce(t.timed_out, 0) as "timedOut", coalesce(t.cancelled, 0) as cancelled, coalesce(t.earned, 0) as earned,
    coalesce(t.stars, 0) as stars, coalesce(t.reviews, 0) as reviews`;

const BESIDE = `join market.agent a on a.id = s.agent_id
  join market.service_version v on v.service_id = s.id and v.version = s.version
  left join market.service_stats t on t.service_id = s.id
  left join market.service_load l on l.service_id = s.id and l.caller_agent_id = 0`;

const WHERE = `($1::bigint is null or s.agent_id = $1)
  and ($2::text is null or s.title ilike '%' || $2 || '%' or s.description ilike '%' || $2 || '%')
  and ($3::text is null or s.category = $3) and ($4::boolean is null or s.is_active = $4)
  and ($5::bigint is null or s.price >= $5) and ($6::bigint is null or s.price <= $6)`;

const ORDER: Record<SortBy, string> = {
  time: 's.id desc',
  // One index, read from either end, serves both.
  price: 's.price, s.id',
  price_desc: 's.price desc, s.id desc',
  rating: '(case when t.reviews > 0 then t.stars::float8 / t.reviews else 0 end) desc, s.id desc',
  calls: 'coalesce(t.completed + t.failed + t.timed_out + t.cancelled, 0) desc, s.id desc',
};

/** Lists count so far and no further. */
const COUNT_MAX = 10_000;

/** Services as people look for them: read only. */
@Injectable()
export class CatalogueStore {
  constructor(private readonly database: Database) {}

  async list(filter: ListingFilter, page: number, limit: number): Promise<{ listings: Listing[]; total: number }> {
    const search = filter.search?.replace(/[\\%_]/g, (character) => `\\${character}`);
    const order = ORDER[filter.sortBy];
    const values = [filter.agentId, search, filter.category, filter.isActive, filter.minPrice, filter.maxPrice];
    const [listings, [count]] = await Promise.all([
      // Which rows the page has is found first, so that what stands beside them is read for these alone.
      this.database.query<Listing>(
        `select ${LISTED}
        from (
          select s.id
          from market.service s
          left join market.service_stats t on t.service_id = s.id
          where ${WHERE}
          order by ${order}
          limit $7 offset $8
        ) p
        join market.service s on s.id = p.id
        ${BESIDE}
        order by ${order}`,
        [...values, limit, (page - 1) * limit],
      ),
      this.database.query<{ total: bigint }>(
        `select count(*) as total from (select 1 from market.service s where ${WHERE} limit ${COUNT_MAX}) c`,
        values,
      ),
    ]);
    return { listings, total: Number(count?.total ?? 0) };
  }

  async find(id: bigint): Promise<Listing | undefined> {
    const [listing] = await this.database.query<Listing>(
      `select ${LISTED} from market.service s ${BESIDE} where s.id = $1`,
      [id],
    );
    return listing;
  }

  /** The categories that have an active service. */
  async categories(): Promise<string[]> {
    const rows = await this.database.query<{ category: string }>(
      `select c as category
      from unnest($1::text[]) c
      where exists (select 1 from market.service s where s.category = c and s.is_active)
      order by c`,
      [CATEGORIES],
      'catalogue-categories',
    );
    return rows.map(({ category }) => category);
  }

  /** The newest invocations of a service, as its provider sees them. */
  async recentCalls(providerAgentId: bigint, serviceId: bigint, limit: number): Promise<RecentCall[]> {
    return this.database.prisma.invocation.findMany({
      where: { providerAgentId, serviceId },
      orderBy: { id: 'desc' },
      take: limit,
      select: { id: true, createdAt: true, status: true, settledAt: true, price: true },
    });
  }
}
