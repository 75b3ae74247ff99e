import { Body, Controller, Get, Param, Patch, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ReachabilityStore } from '#agents';
import { AgentAuth, Caller, type AgentPrincipal } from '#owners';
import { IdParam, NoFields, notFound, RateLimits, requireSomeField, type FinishedAnswer } from '#platform';
import { CatalogueStore, type Listing } from './catalogue.store.js';
import { Publish } from './publish.usecase.js';
import { managedServiceDetail, managedServiceView, marketServiceView, publishedServiceView } from './service.view.js';
import { ServiceLists } from './service-lists.js';
import { MarketServicesQuery, OwnServicesQuery, PublishBody, UpdateServiceBody } from './services.dto.js';

const RECENT_CALLS = 20;

/** A provider's own services, by its key. */
@Controller('openapi/v1')
export class ServicesController {
  constructor(
    private readonly publisher: Publish,
    private readonly catalogue: CatalogueStore,
  ) {}

  @Post('agent/me/services')
  @AgentAuth('services')
  async publish(@Caller() agent: AgentPrincipal, @Body() body: PublishBody): Promise<object> {
    const { id, title, version, createdAt } = await this.publisher.publish(agent, body);
    return { id: Number(id), title, status: 'active', createdAt, version };
  }

  @Get('agent/me/services')
  @AgentAuth('read')
  async list(@Caller() { agentId }: AgentPrincipal, @Query() query: OwnServicesQuery): Promise<object> {
    const { listings, ...paging } = await this.own(agentId, query);
    return { services: listings.map(publishedServiceView), ...paging };
  }

  @Patch('agent/me/services/:id')
  @AgentAuth('services')
  async update(
    @Caller() agent: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() body: UpdateServiceBody,
  ): Promise<object> {
    requireSomeField(body);
    const { version } = await this.publisher.update(agent, id, body);
    return { message: `The service is updated; version ${version} counts from now on`, id: Number(id), version };
  }

  @Post('agent/me/services/:id/activate')
  @AgentAuth('services')
  async activate(
    @Caller() { agentId }: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() _body: NoFields,
  ): Promise<object> {
    await this.publisher.setActive(agentId, id, true);
    return { message: 'The service is active', status: 'active', id: Number(id) };
  }

  /** Open invocations run to their end. */
  @Post('agent/me/services/:id/deactivate')
  @AgentAuth('services')
  async deactivate(
    @Caller() { agentId }: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() _body: NoFields,
  ): Promise<object> {
    await this.publisher.setActive(agentId, id, false);
    return {
      message: 'The service is inactive; open invocations run to their end',
      status: 'inactive',
      id: Number(id),
    };
  }

  @Get('services')
  @AgentAuth('read')
  async manage(@Caller() { agentId }: AgentPrincipal, @Query() query: OwnServicesQuery): Promise<object> {
    const { listings, ...paging } = await this.own(agentId, query);
    return { data: listings.map(managedServiceView), ...paging };
  }

  @Get('services/:id')
  @AgentAuth('read')
  async show(@Caller() { agentId }: AgentPrincipal, @Param('id', IdParam) id: bigint): Promise<object> {
    const listing = await this.catalogue.find(id);
    if (listing === undefined || listing.agentId !== agentId) throw notFound();
    return managedServiceDetail(listing, await this.catalogue.recentCalls(agentId, id, RECENT_CALLS));
  }

  private async own(
    agentId: bigint,
    { page, limit, search, status, sortBy = 'time' }: OwnServicesQuery,
  ): Promise<{ listings: Listing[]; total: number; page: number; limit: number }> {
    const filter = { agentId, search, isActive: isActive(status), sortBy };
    return { ...(await this.catalogue.list(filter, page, limit)), page, limit };
  }
}

/** Services as everybody sees them. */
@Controller('openapi/v1/market/services')
export class MarketServicesController {
  constructor(
    private readonly catalogue: CatalogueStore,
    private readonly lists: ServiceLists,
    private readonly reachability: ReachabilityStore,
    private readonly limits: RateLimits,
  ) {}

  /** The same for everybody, whoever asks. May be a second old; what this process changes shows at once. */
  @Get()
  list(@Query() query: MarketServicesQuery, @Req() { raw }: FastifyRequest): Promise<FinishedAnswer> {
    return this.lists.get(
      listKey(query),
      () => this.read(query),
      () => this.limits.addressOf(raw),
    );
  }

  @Get(':id')
  async show(@Param('id', IdParam) id: bigint): Promise<object> {
    const listing = await this.catalogue.find(id);
    if (listing === undefined) throw notFound();
    return marketServiceView(listing, await this.reachability.reachable([listing.agentId]));
  }

  private async read({
    page,
    limit,
    status = 'active',
    sortBy = 'time',
    ...filter
  }: MarketServicesQuery): Promise<object> {
    const [{ listings, total }, categories] = await Promise.all([
      this.catalogue.list({ ...filter, isActive: isActive(status), sortBy }, page, limit),
      this.catalogue.categories(),
    ]);
    const reachable = await this.reachability.reachable(listings.map(({ agentId }) => agentId));
    return {
      data: listings.map((listing) => marketServiceView(listing, reachable)),
      total,
      page,
      limit,
      totalPages: Math.ceil(total / limit),
      categories,
    };
  }
}

/** One text for all queries that mean the same. */
function listKey({
  page,
  limit,
  search,
  category,
  status = 'active',
  minPrice,
  maxPrice,
  sortBy = 'time',
}: MarketServicesQuery): string {
  return JSON.stringify([page, limit, search, category, status, minPrice?.toString(), maxPrice?.toString(), sortBy]);
}

function isActive(status: 'all' | 'active' | 'inactive' | undefined): boolean | undefined {
  return status === undefined || status === 'all' ? undefined : status === 'active';
}
