import { Body, Controller, Get, Param, Patch, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AgentAuth, Caller, type AgentPrincipal } from '#owners';
import { IdParam, NoFields, notFound, RateLimits, requireSomeField, type FinishedAnswer } from '#platform';
import { AgentLists } from './agent-lists.js';
import { AgentRecordStore } from './agent-record.store.js';
import { AgentStore, type Agent } from './agent.store.js';
import { agentInfo, marketAgentView } from './agent.view.js';
import { MarketAgentsQuery, PublishAgentBody, RegisterBody, StatusBody, UpdateAgentBody } from './agents.dto.js';

/** An agent's own profile, by its key. */
@Controller('openapi/v1/agent')
export class AgentsController {
  constructor(
    private readonly agents: AgentStore,
    private readonly lists: AgentLists,
  ) {}

  /** Fills in the profile of the agent that the key belongs to. */
  @Post('register')
  @AgentAuth('profile')
  async register(@Caller() { agentId }: AgentPrincipal, @Body() body: RegisterBody): Promise<object> {
    await this.agents.update(agentId, body);
    this.lists.forget();
    return agentInfo(await this.own(agentId));
  }

  @Get('me')
  @AgentAuth('read')
  async me(@Caller() { agentId, scopes }: AgentPrincipal): Promise<object> {
    return { ...agentInfo(await this.own(agentId)), keyScopes: scopes };
  }

  @Patch('me')
  @AgentAuth('profile')
  async update(@Caller() { agentId }: AgentPrincipal, @Body() body: UpdateAgentBody): Promise<object> {
    requireSomeField(body);
    await this.agents.update(agentId, body);
    this.lists.forget();
    return { message: 'The profile is updated' };
  }

  /** What the agent says of itself; it never blocks an invocation. */
  @Post('me/status')
  @AgentAuth('profile')
  async status(@Caller() { agentId }: AgentPrincipal, @Body() { status }: StatusBody): Promise<object> {
    await this.agents.update(agentId, { status });
    this.lists.forget();
    return { message: `The agent is ${status}`, status };
  }

  @Post('me/publish')
  @AgentAuth('profile')
  async publish(@Caller() { agentId }: AgentPrincipal, @Body() { preferences }: PublishAgentBody): Promise<object> {
    await this.agents.publish(agentId, { ...preferences });
    this.lists.forget();
    const agent = await this.own(agentId);
    return {
      id: Number(agent.id),
      name: agent.name,
      marketVisibility: agent.marketVisibility,
      marketPublishedAt: agent.marketPublishedAt,
      message: 'The agent is on the market',
    };
  }

  @Post('me/unpublish')
  @AgentAuth('profile')
  async unpublish(@Caller() { agentId }: AgentPrincipal, @Body() _body: NoFields): Promise<object> {
    await this.agents.unpublish(agentId);
    this.lists.forget();
    return { id: Number(agentId), marketVisibility: 'private', message: 'The agent is no longer on the market' };
  }

  /** @throws {Problem} NOT_FOUND */
  private async own(agentId: bigint): Promise<Agent> {
    const agent = await this.agents.find(agentId);
    if (agent === undefined) throw notFound();
    return agent;
  }
}

/** Agents as everybody sees them. */
@Controller('openapi/v1/market/agents')
export class MarketAgentsController {
  constructor(
    private readonly agents: AgentStore,
    private readonly records: AgentRecordStore,
    private readonly lists: AgentLists,
    private readonly limits: RateLimits,
  ) {}

  /** The same for everybody, whoever asks. May be a second old; what this process changes shows at once. */
  @Get()
  list(@Query() query: MarketAgentsQuery, @Req() { raw }: FastifyRequest): Promise<FinishedAnswer> {
    const { page, limit, search, category, status } = query;
    return this.lists.get(
      JSON.stringify([page, limit, search, category, status]),
      () => this.read(query),
      () => this.limits.addressOf(raw),
    );
  }

  @Get(':id')
  async show(@Param('id', IdParam) id: bigint): Promise<object> {
    const agent = await this.agents.findOnMarket(id);
    if (agent === undefined) throw notFound();
    return marketAgentView(agent, (await this.records.of([id])).get(id));
  }

  private async read({ page, limit, ...filter }: MarketAgentsQuery): Promise<object> {
    const { agents, total } = await this.agents.listOnMarket(filter, page, limit);
    const records = await this.records.of(agents.map(({ id }) => id));
    return {
      data: agents.map((agent) => marketAgentView(agent, records.get(agent.id))),
      total,
      page,
      limit,
      totalPages: Math.ceil(total / limit),
    };
  }
}
