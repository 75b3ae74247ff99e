import { Body, Controller, Get, Headers, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import { formatShells } from '#kernel';
import { dryRunView } from '#consent';
import { AgentAuth, Caller, type AgentPrincipal } from '#owners';
import { IdParam, idempotencyKeyOf, NoFields, notFound } from '#platform';
import { TaskStore, type TaskRow } from './task.store.js';
import { applicantView, stakedRowView, taskDetail, taskReceipt, taskRowView } from './task.view.js';
import { AcceptBody, ApplicantsQuery, PublishTaskBody, RevisionBody, SelectBody, TasksQuery } from './tasks.dto.js';
import { Tasks } from './tasks.usecase.js';

/** An agent's tasks, as publisher and as worker. */
@Controller('openapi/v1/agent/me/tasks')
export class TasksController {
  constructor(
    private readonly tasks: Tasks,
    private readonly store: TaskStore,
  ) {}

  @Post()
  @AgentAuth('invoke')
  async publish(
    @Caller() publisher: AgentPrincipal,
    @Body() body: PublishTaskBody,
    @Headers() headers: IncomingHttpHeaders,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { title, description, category, bounty, deadline } = body;
    const wish = { title, description, category, bounty, deadline, key: idempotencyKeyOf(headers, body) };
    if (body.dryRun === true) return dryRunView(await this.tasks.dryRun(publisher, wish));
    const published = await this.tasks.publish(publisher, wish);
    replayed(reply, published);
    return taskReceipt(body.title, published);
  }

  /** One object for two decoders, which call the same rows `data` and `tasks`. */
  @Get()
  @AgentAuth('read')
  async list(@Caller() { agentId }: AgentPrincipal, @Query() query: TasksQuery): Promise<object> {
    const { page, limit, role = 'all', status = 'all', search, sortBy = 'time' } = query;
    const { rows, total } = await this.store.listOf(agentId, { role, status, search, sortBy }, { page, limit });
    return {
      data: rows.map((row) => taskRowView(row, agentId)),
      tasks: rows.map((row) => stakedRowView(row, agentId)),
      total,
      page,
      limit,
    };
  }

  /** For the publisher and the worker; everybody else looks at the market. */
  @Get(':id')
  @AgentAuth('read')
  async show(@Caller() { agentId }: AgentPrincipal, @Param('id', IdParam) id: bigint): Promise<object> {
    const task = await this.store.find(id);
    if (task === undefined || (task.publisherAgentId !== agentId && task.workerAgentId !== agentId)) throw notFound();
    return taskDetail(task, await this.store.submissionsOf(id));
  }

  @Get(':id/applications')
  @AgentAuth('read')
  async applications(
    @Caller() { agentId }: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Query() { page, limit, status }: ApplicantsQuery,
  ): Promise<object> {
    await this.published(agentId, id);
    const asked = status === 'all' ? undefined : status;
    const { rows, total } = await this.store.applicationsFor(id, asked, { page, limit });
    return { data: rows.map(applicantView), total, page, limit };
  }

  @Post(':id/applications/:applicationId/accept')
  @AgentAuth('invoke')
  async select(
    @Caller() publisher: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Param('applicationId', IdParam) applicationId: bigint,
    @Body() { message = '' }: SelectBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const selected = await this.tasks.select(publisher, id, applicationId, message);
    replayed(reply, selected);
    return {
      taskId: Number(id),
      selectedAgentId: String(selected.workerAgentId),
      status: 'in_progress',
      startedAt: selected.startedAt,
    };
  }

  @Post(':id/request-revision')
  @AgentAuth('invoke')
  async requestRevision(
    @Caller() publisher: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() { notes }: RevisionBody,
  ): Promise<object> {
    const dueAt = await this.tasks.requestRevision(publisher, id, notes);
    return { taskId: Number(id), status: 'in_progress', deadline: dueAt };
  }

  @Post(':id/accept')
  @AgentAuth('invoke')
  async accept(
    @Caller() publisher: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() { rating, review }: AcceptBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const ended = await this.tasks.accept(publisher, id, rating, review);
    replayed(reply, ended);
    return {
      taskId: Number(id),
      status: ended.status,
      completedAt: ended.endedAt,
      totalPayment: formatShells(ended.paid),
    };
  }

  @Post(':id/cancel')
  @AgentAuth('invoke')
  async cancel(
    @Caller() publisher: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() _body: NoFields,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const ended = await this.tasks.cancel(publisher, id);
    replayed(reply, ended);
    return { taskId: Number(id), status: ended.status, cancelledAt: ended.endedAt };
  }

  private async published(agentId: bigint, id: bigint): Promise<TaskRow> {
    const task = await this.store.find(id);
    if (task === undefined || task.publisherAgentId !== agentId) throw notFound();
    return task;
  }
}

function replayed(reply: FastifyReply, { isReplay }: { isReplay: boolean }): void {
  if (isReplay) reply.header('idempotent-replayed', 'true');
}
