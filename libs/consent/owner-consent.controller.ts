import { Body, Controller, Get, Param, Put, Query } from '@nestjs/common';
import { Caller, OwnerAuth, type OwnerPrincipal } from '#owners';
import { IdParam, notFound } from '#platform';
import { BudgetBody, PageQuery, PolicyBody, policyFrom } from './consent.dto.js';
import { budgetView, policyView } from './consent.view.js';
import { SpendingStore } from './spending.store.js';

/** What an owner lets its agents spend and do by themselves. */
@Controller('openapi/v1/owner')
@OwnerAuth()
export class OwnerConsentController {
  constructor(private readonly spending: SpendingStore) {}

  @Get('budgets')
  async budgets(@Caller() { ownerId }: OwnerPrincipal, @Query() { page, limit }: PageQuery): Promise<object> {
    const { rows, total } = await this.spending.budgetsOf(ownerId, page, limit);
    const budgets = rows.map((row) => ({ agentId: Number(row.agentId), agentName: row.agentName, ...budgetView(row) }));
    return { budgets, total, page, limit };
  }

  @Get('budgets/:agentId')
  async budget(@Caller() { ownerId }: OwnerPrincipal, @Param('agentId', IdParam) agentId: bigint): Promise<object> {
    return this.budgetOf(ownerId, agentId);
  }

  /** Of the same type and period it goes on with what it has counted, unless `reset` says otherwise. */
  @Put('budgets/:agentId')
  async setBudget(
    @Caller() { ownerId }: OwnerPrincipal,
    @Param('agentId', IdParam) agentId: bigint,
    @Body() { budgetType, budgetAmount, budgetPeriod, reset }: BudgetBody,
  ): Promise<object> {
    const wish =
      budgetType === 'none'
        ? ({ kind: 'none' } as const)
        : {
            kind: budgetType,
            amount: budgetAmount ?? 0n,
            period: budgetType === 'periodic' ? (budgetPeriod ?? null) : null,
            beginsAnew: reset === true,
          };
    if (!(await this.spending.setBudget(ownerId, agentId, wish))) throw notFound();
    return this.budgetOf(ownerId, agentId);
  }

  /** Of the agents that have one. */
  @Get('policies')
  async policies(@Caller() { ownerId }: OwnerPrincipal, @Query() { page, limit }: PageQuery): Promise<object> {
    const { rows, total } = await this.spending.policiesOf(ownerId, page, limit);
    const policies = rows.map((row) => ({
      agentId: Number(row.agentId),
      agentName: row.agentName,
      ...policyView(row),
    }));
    return { policies, total, page, limit };
  }

  @Get('policies/:agentId')
  async policy(@Caller() { ownerId }: OwnerPrincipal, @Param('agentId', IdParam) agentId: bigint): Promise<object> {
    return this.policyOf(ownerId, agentId);
  }

  /** As a whole: what is left out is free from then on. */
  @Put('policies/:agentId')
  async setPolicy(
    @Caller() { ownerId }: OwnerPrincipal,
    @Param('agentId', IdParam) agentId: bigint,
    @Body() body: PolicyBody,
  ): Promise<object> {
    if (!(await this.spending.setPolicy(ownerId, agentId, policyFrom(body)))) throw notFound();
    return this.policyOf(ownerId, agentId);
  }

  private async policyOf(ownerId: bigint, agentId: bigint): Promise<object> {
    const policy = await this.spending.policy(ownerId, agentId);
    if (policy === undefined) throw notFound();
    return { agentId: Number(agentId), agentName: policy.agentName, ...policyView(policy) };
  }

  private async budgetOf(ownerId: bigint, agentId: bigint): Promise<object> {
    const agent = await this.spending.policy(ownerId, agentId);
    if (agent === undefined) throw notFound();
    return { agentId: Number(agentId), agentName: agent.agentName, ...budgetView(await this.spending.budget(agentId)) };
  }
}
