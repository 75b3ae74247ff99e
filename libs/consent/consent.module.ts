import { Module } from '@nestjs/common';
import { AgentStore } from '#agents';
import { EscrowModule } from '#escrow';
import { ApprovalLinkController } from './approval-link.controller.js';
import { ApprovalStore } from './approval.store.js';
import { AgentApprovalsController, OwnerApprovalsController } from './approvals.controller.js';
import { Approvals } from './approvals.usecase.js';
import { BudgetController } from './budget.controller.js';
import { Carriers } from './carriers.js';
import { Consent } from './consent.usecase.js';
import { OwnerConsentController } from './owner-consent.controller.js';
import { SpendingStore } from './spending.store.js';

/** What owners allow: for every lib that spends or publishes for an agent. */
@Module({
  imports: [EscrowModule],
  providers: [AgentStore, SpendingStore, ApprovalStore, Carriers, Consent],
  exports: [SpendingStore, ApprovalStore, Carriers, Consent],
})
export class ConsentModule {}

/** Budgets, policies and decisions over HTTP, and what becomes of decisions: in a process where every action has its carrier. */
@Module({
  imports: [ConsentModule, EscrowModule],
  controllers: [
    BudgetController,
    OwnerConsentController,
    OwnerApprovalsController,
    AgentApprovalsController,
    ApprovalLinkController,
  ],
  providers: [Approvals],
})
export class ApprovalsModule {}
