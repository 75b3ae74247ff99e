import { Controller, Get } from '@nestjs/common';
import { formatShells } from '#kernel';
import { JournalStore } from '#escrow';
import { AgentAuth, Caller, type AgentPrincipal } from '#owners';
import { budgetView } from './consent.view.js';
import { SpendingStore } from './spending.store.js';

/** An agent's own budget, by its key. */
@Controller('openapi/v1/agent/me/budget')
export class BudgetController {
  constructor(
    private readonly spending: SpendingStore,
    private readonly journal: JournalStore,
  ) {}

  @Get()
  @AgentAuth('read')
  async budget(@Caller() { agentId, ownerId }: AgentPrincipal): Promise<object> {
    const { available } = await this.journal.balance(ownerId);
    return { ...budgetView(await this.spending.budget(agentId)), ownerAvailable: formatShells(available) };
  }
}
