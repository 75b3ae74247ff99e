import { Module } from '@nestjs/common';
import { AgentsModule } from '#agents';
import { Carriers, ConsentModule } from '#consent';
import { EscrowModule } from '#escrow';
import { DeadlineBellModule, Deadlines, DeadlinesModule } from '#platform';
import { EmploymentStore } from './employment.store.js';
import { EmploymentsController } from './employments.controller.js';
import { approvedOffer } from './offer-wish.js';
import { OfferEmployment } from './offer.usecase.js';
import { StepEmployment } from './step.usecase.js';

/** Employments over HTTP. */
@Module({
  imports: [AgentsModule, ConsentModule, DeadlineBellModule, EscrowModule],
  controllers: [EmploymentsController],
  providers: [EmploymentStore, OfferEmployment, StepEmployment],
  exports: [StepEmployment],
})
export class EmploymentsModule {
  constructor(carriers: Carriers, offers: OfferEmployment) {
    carriers.add('hire', (employer, request, approvalId) => offers.run(employer, approvedOffer(request, approvalId)));
  }
}

/** The ends of offers and of work, in the process that keeps deadlines. */
@Module({ imports: [DeadlinesModule], providers: [EmploymentStore, StepEmployment] })
export class EmploymentDeadlinesModule {
  constructor(deadlines: Deadlines, steps: StepEmployment) {
    deadlines.add('employments', steps);
  }
}
