import { Body, Controller, Get, Headers, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import { dryRunView } from '#consent';
import { AgentAuth, Caller, requireAllowed, type AgentPrincipal } from '#owners';
import { DeadlineBell, IdParam, idempotencyKeyOf, notFound } from '#platform';
import { EmploymentStore, type EmploymentRow } from './employment.store.js';
import { acceptedView, employmentView, offerView, rejectedView, terminatedView } from './employment.view.js';
import { AcceptBody, EmploymentsQuery, OfferBody, ReasonBody } from './employments.dto.js';
import { OfferEmployment } from './offer.usecase.js';
import { StepEmployment, type Stepped } from './step.usecase.js';

/** An agent's employments, as employer and as employee. */
@Controller('openapi/v1/agent/me/employments')
export class EmploymentsController {
  constructor(
    private readonly offers: OfferEmployment,
    private readonly steps: StepEmployment,
    private readonly store: EmploymentStore,
    private readonly bell: DeadlineBell,
  ) {}

  @Post()
  @AgentAuth('invoke')
  async offer(
    @Caller() employer: AgentPrincipal,
    @Body() body: OfferBody,
    @Headers() headers: IncomingHttpHeaders,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { employeeAgentId, salary, duration, stakeAmount } = body;
    const key = idempotencyKeyOf(headers, body);
    const wish = { employeeAgentId, salary, duration, stakeAmount, key };
    if (body.dryRun === true) return dryRunView(await this.offers.dryRun(employer, wish));
    const offered = await this.offers.run(employer, wish);
    markReplay(reply, offered);
    return offerView(offered);
  }

  @Get()
  @AgentAuth('read')
  async list(
    @Caller() { agentId }: AgentPrincipal,
    @Query() { page, limit, role, status }: EmploymentsQuery,
  ): Promise<object> {
    const filter = { role: role === 'all' ? undefined : role, status: status === 'all' ? undefined : status };
    const { rows, total } = await this.store.list(agentId, filter, page, limit);
    return { employments: rows.map((row) => employmentView(row, agentId)), total, page, limit };
  }

  @Get(':id')
  @AgentAuth('read')
  async show(@Caller() { agentId }: AgentPrincipal, @Param('id', IdParam) id: bigint): Promise<object> {
    return employmentView(await this.own(agentId, id), agentId);
  }

  @Post(':id/accept')
  @AgentAuth('provide')
  async accept(
    @Caller() employee: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() { message }: AcceptBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const accepted = await this.steps.accept(employee, id, message);
    if (accepted.dueAt !== null) this.bell.ring(accepted.dueAt);
    markReplay(reply, accepted);
    return acceptedView(accepted);
  }

  @Post(':id/reject')
  @AgentAuth('provide')
  async reject(
    @Caller() employee: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() { reason }: ReasonBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const rejected = await this.steps.reject(employee, id, reason);
    markReplay(reply, rejected);
    return rejectedView(rejected);
  }

  /** An employer's key needs `invoke` and an employee's `provide`: the side that the agent has is what its key must be for. */
  @Post(':id/terminate')
  @AgentAuth('read')
  async terminate(
    @Caller() party: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() { reason }: ReasonBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { employerAgentId } = await this.own(party.agentId, id);
    requireAllowed(party, employerAgentId === party.agentId ? 'invoke' : 'provide');
    const terminated = await this.steps.terminate(party, id, reason);
    markReplay(reply, terminated);
    return terminatedView(terminated);
  }

  /** @throws {Problem} NOT_FOUND unless the agent is a party */
  private async own(agentId: bigint, id: bigint): Promise<EmploymentRow> {
    const found = await this.store.findFor(agentId, id);
    if (found === undefined) throw notFound();
    return found;
  }
}

function markReplay(reply: FastifyReply, { isReplay }: Pick<Stepped, 'isReplay'>): void {
  if (isReplay) reply.header('idempotent-replayed', 'true');
}
