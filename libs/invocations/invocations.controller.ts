import { Body, Controller, Get, Headers, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import { Polls } from '#agents';
import { dryRunView } from '#consent';
import { AgentAuth, Caller, type AgentPrincipal } from '#owners';
import {
  IdParam,
  idempotencyKeyOf,
  isConnected,
  NoFields,
  notFound,
  preferredWaitS,
  requireSomeField,
  traceparentFrom,
  waitOutside,
} from '#platform';
import { CloseInvocations } from './close.usecase.js';
import { InvocationStore, type InvocationDetail } from './invocation.store.js';
import { detailView, receiptView, rowView, timelineView } from './invocation.view.js';
import { InvocationsQuery, InvokeBody, ProgressBody, ReviewBody, SubmitBody } from './invocations.dto.js';
import { Invoke } from './invoke.usecase.js';
import { Marks } from './marks.usecase.js';
import { SettledWaiters } from './settled-waiters.js';
import { resultOf } from './submission.js';

/** An agent's invocations, as caller and as provider. */
@Controller('openapi/v1/agent/me/service-invocations')
export class InvocationsController {
  constructor(
    private readonly invoke: Invoke,
    private readonly closer: CloseInvocations,
    private readonly marks: Marks,
    private readonly store: InvocationStore,
    private readonly waiters: SettledWaiters,
    private readonly polls: Polls,
  ) {}

  /** With `Prefer: wait=N` the finished invocation is the answer, if it finishes in time. */
  @Post()
  @AgentAuth('invoke')
  async open(
    @Caller() caller: AgentPrincipal,
    @Body() body: InvokeBody,
    @Headers() headers: IncomingHttpHeaders,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { serviceId, input, maxPrice } = body;
    const key = idempotencyKeyOf(headers, body);
    if (body.dryRun === true) return dryRunView(await this.invoke.dryRun(caller, { serviceId, input, maxPrice, key }));
    const opened = await this.invoke.run(caller, {
      serviceId,
      input,
      maxPrice,
      key,
      requireReachable: body.requireReachable,
      traceparent: traceparentFrom(headers['traceparent']),
      isWanted: isConnected(request),
    });
    if (opened.isReplay) reply.header('idempotent-replayed', 'true');
    const waitS = preferredWaitS(headers);
    if (waitS === 0) return receiptView(opened);
    waitOutside(request);
    const isSettled = await this.waiters.settledWithin(caller.agentId, opened.invocationId, waitS);
    if (isSettled !== undefined) reply.header('preference-applied', `wait=${waitS}`);
    return isSettled ? detailView(await this.own(caller, opened.invocationId), caller.agentId) : receiptView(opened);
  }

  /** A provider who lists what is pending asks for work. */
  @Get()
  @AgentAuth('read')
  async list(@Caller() caller: AgentPrincipal, @Query() { page, limit, ...filter }: InvocationsQuery): Promise<object> {
    const { agentId } = caller;
    if (filter.role === 'provider' && filter.status === 'pending') this.polls.note(caller);
    const { rows, total } = await this.store.list(agentId, filter, page, limit);
    return { invocations: rows.map((row) => rowView(row, agentId)), total, page, limit };
  }

  /** A provider who reads a pending invocation has acknowledged it. */
  @Get(':id')
  @AgentAuth('read')
  async show(@Caller() caller: AgentPrincipal, @Param('id', IdParam) id: bigint): Promise<object> {
    const found = await this.own(caller, id);
    const isNews =
      found.providerAgentId === caller.agentId && found.status === 'pending' && found.acknowledgedAt === null;
    if (!isNews) return detailView(found, caller.agentId);
    await this.marks.acknowledgeByReading(caller.agentId, id);
    return detailView(await this.own(caller, id), caller.agentId);
  }

  @Get(':id/timeline')
  @AgentAuth('read')
  async timeline(@Caller() caller: AgentPrincipal, @Param('id', IdParam) id: bigint): Promise<object> {
    const found = await this.own(caller, id);
    const [settlement, notes] = await Promise.all([
      found.holdId === null ? null : this.store.settlementOf(found.holdId),
      this.store.progressOf(id),
    ]);
    return timelineView(found, settlement, notes);
  }

  @Post(':id/submit')
  @AgentAuth('provide')
  async submit(
    @Caller() provider: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() body: SubmitBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const closed = await this.closer.submit(provider, id, resultOf(body));
    if (closed.isReplay) reply.header('idempotent-replayed', 'true');
    return { invocationId: Number(id), status: closed.status, completedAt: closed.settledAt };
  }

  @Post(':id/cancel')
  @AgentAuth('invoke')
  async cancel(
    @Caller() caller: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() _body: NoFields,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { status, settledAt } = await this.closer.cancel(caller, id, isConnected(request));
    return { invocationId: Number(id), status, phase: 'cancelled', completedAt: settledAt };
  }

  @Post(':id/ack')
  @AgentAuth('provide')
  async acknowledge(
    @Caller() { agentId }: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() _body: NoFields,
  ): Promise<object> {
    const acknowledgedAt = await this.marks.acknowledge(agentId, id);
    return { invocationId: Number(id), status: 'pending', phase: 'acknowledged', acknowledgedAt };
  }

  @Post(':id/progress')
  @AgentAuth('provide')
  async progress(
    @Caller() { agentId }: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() { percent, note }: ProgressBody,
  ): Promise<object> {
    await this.marks.progress(agentId, id, percent, note);
    return {
      invocationId: Number(id),
      status: 'pending',
      phase: 'acknowledged',
      percent,
      ...(note === undefined ? {} : { note }),
    };
  }

  @Post(':id/review')
  @AgentAuth('invoke')
  async review(
    @Caller() { agentId }: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() body: ReviewBody,
  ): Promise<object> {
    requireSomeField(body);
    await this.marks.review(agentId, id, body.rating, body.review);
    return { invocationId: Number(id), message: 'Thank you for the review' };
  }

  /** @throws {Problem} NOT_FOUND unless the agent is a party */
  private async own({ agentId }: AgentPrincipal, id: bigint): Promise<InvocationDetail> {
    const found = await this.store.findFor(agentId, id);
    if (found === undefined) throw notFound();
    return found;
  }
}
