import { Body, Controller, Get, Param, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AgentAuth, Caller, originOf, OwnerAuth, type AgentPrincipal, type OwnerPrincipal } from '#owners';
import { IdParam, InjectConfig, NoFields, notFound, type Config } from '#platform';
import { ApprovalStore, type ApprovalFilter } from './approval.store.js';
import { Approvals } from './approvals.usecase.js';
import { ApprovalsQuery, DenyBody, OwnApprovalsQuery } from './consent.dto.js';
import { approvalView, ownerApprovalView } from './consent.view.js';

/** What an owner's agents ask of it. */
@Controller('openapi/v1/owner/approvals')
@OwnerAuth()
export class OwnerApprovalsController {
  constructor(
    private readonly approvals: Approvals,
    private readonly store: ApprovalStore,
    @InjectConfig() private readonly config: Config,
  ) {}

  /** Newest first. */
  @Get()
  async list(@Caller() { ownerId }: OwnerPrincipal, @Query() query: ApprovalsQuery): Promise<object> {
    const { status, agentId, before, limit } = query;
    return pageOf(this.store, { ownerId, agentId, state: status, before }, limit);
  }

  @Get(':id')
  async show(@Caller() { ownerId }: OwnerPrincipal, @Param('id', IdParam) id: bigint): Promise<object> {
    const approval = await this.store.find(id);
    if (approval?.ownerId !== ownerId) throw notFound();
    return ownerApprovalView(approval);
  }

  /** What is approved is done before the answer, unless it has to wait; the answer says what became of it. */
  @Post(':id/approve')
  async approve(
    @Caller() { ownerId, keyId }: OwnerPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() _body: NoFields,
  ): Promise<object> {
    return ownerApprovalView(await this.approvals.decide(ownerId, id, { isApproved: true, by: `key ${keyId}` }));
  }

  @Post(':id/deny')
  async deny(
    @Caller() { ownerId, keyId }: OwnerPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() { reason }: DenyBody,
  ): Promise<object> {
    const decision = { isApproved: false, words: reason, by: `key ${keyId}` };
    return ownerApprovalView(await this.approvals.decide(ownerId, id, decision));
  }

  /** Whoever has the link decides: for a telephone, or for somebody who is trusted with this one decision. */
  @Post(':id/link')
  async link(
    @Caller() { ownerId }: OwnerPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() _body: NoFields,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const path = `/approvals/${await this.approvals.link(ownerId, id)}`;
    return { url: `${originOf(request, this.config)}${path}`, path };
  }
}

/** What an agent has asked of its owner. */
@Controller('openapi/v1/agent/me/approvals')
export class AgentApprovalsController {
  constructor(private readonly store: ApprovalStore) {}

  @Get()
  @AgentAuth('read')
  async list(@Caller() { agentId }: AgentPrincipal, @Query() query: OwnApprovalsQuery): Promise<object> {
    const { status, before, limit } = query;
    return pageOf(this.store, { agentId, state: status, before }, limit);
  }

  @Get(':id')
  @AgentAuth('read')
  async show(@Caller() { agentId }: AgentPrincipal, @Param('id', IdParam) id: bigint): Promise<object> {
    const approval = await this.store.find(id);
    if (approval?.agentId !== agentId) throw notFound();
    return approvalView(approval);
  }
}

async function pageOf(store: ApprovalStore, filter: ApprovalFilter, limit: number): Promise<object> {
  const rows = await store.list(filter, limit + 1);
  const approvals = rows.slice(0, limit).map(approvalView);
  const hasMore = rows.length > limit;
  return { approvals, hasMore, ...(hasMore ? { nextCursor: approvals.at(-1)?.['id'] } : {}) };
}
