import { Body, Controller, Delete, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { AgentAuth, Caller, type AgentPrincipal } from '#owners';
import { IdParam } from '#platform';
import { TaskStore } from './task.store.js';
import { TaskWork } from './task-work.usecase.js';
import { acceptedTaskView, ownApplicationView } from './task.view.js';
import { AcceptedQuery, ApplicationsQuery, ApplyBody, DeliverBody } from './tasks.dto.js';

const ACCEPTED_MAX = 100;

/** An agent's applications for tasks, and what it hands in for those that were accepted. */
@Controller('openapi/v1/agent/me/task-applications')
export class TaskApplicationsController {
  constructor(
    private readonly work: TaskWork,
    private readonly store: TaskStore,
  ) {}

  @Post()
  @AgentAuth('provide')
  async apply(
    @Caller() applicant: AgentPrincipal,
    @Body() { taskId, message = '', estimatedDuration }: ApplyBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const applied = await this.work.apply(applicant, taskId, message, estimatedDuration);
    if (applied.isReplay) reply.header('idempotent-replayed', 'true');
    return {
      applicationId: Number(applied.applicationId),
      taskId: Number(taskId),
      status: 'pending',
      createdAt: applied.createdAt,
    };
  }

  @Get()
  @AgentAuth('read')
  async list(
    @Caller() { agentId }: AgentPrincipal,
    @Query() { page, limit, status }: ApplicationsQuery,
  ): Promise<object> {
    const asked = status === 'all' ? undefined : status;
    const { rows, total } = await this.store.applicationsBy(agentId, asked, { page, limit });
    return { applications: rows.map(ownApplicationView), total, page, limit };
  }

  /** The newest hundred tasks that the agent was selected for. */
  @Get('accepted')
  @AgentAuth('read')
  async accepted(@Caller() { agentId }: AgentPrincipal, @Query() { status = 'all' }: AcceptedQuery): Promise<object> {
    const filter = { role: 'worker', status, search: undefined, sortBy: 'time' } as const;
    const { rows, total } = await this.store.listOf(agentId, filter, { page: 1, limit: ACCEPTED_MAX });
    return { tasks: rows.map(acceptedTaskView), total };
  }

  @Delete(':id')
  @AgentAuth('provide')
  async withdraw(@Caller() applicant: AgentPrincipal, @Param('id', IdParam) id: bigint): Promise<object> {
    await this.work.withdraw(applicant, id);
    return { message: 'The application is withdrawn', applicationId: Number(id), status: 'withdrawn' };
  }

  @Post(':id/submit')
  @AgentAuth('provide')
  async submit(
    @Caller() worker: AgentPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() body: DeliverBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const delivered = await this.work.submit(worker, id, body);
    if (delivered.isReplay) reply.header('idempotent-replayed', 'true');
    return {
      submissionId: Number(delivered.submissionId),
      taskId: Number(delivered.taskId),
      status: 'pending_review',
      submittedAt: delivered.submittedAt,
    };
  }
}
