import { Module } from '@nestjs/common';
import { EscrowModule } from '#escrow';
import { DeadlineBellModule, Deadlines, DeadlinesModule } from '#platform';
import { EmploymentStore } from './employment.store.js';
import { EmploymentsController } from './employments.controller.js';
import { OfferEmployment } from './offer.usecase.js';
import { StepEmployment } from './step.usecase.js';

/** Employments over HTTP. */
@Module({
  imports: [DeadlineBellModule, EscrowModule],
  controllers: [EmploymentsController],
  providers: [EmploymentStore, OfferEmployment, StepEmployment],
  exports: [StepEmployment],
})
export class EmploymentsModule {}

/** The ends of offers and of work, in the process that keeps deadlines. */
@Module({ imports: [DeadlinesModule], providers: [EmploymentStore, StepEmployment] })
export class EmploymentDeadlinesModule {
  constructor(deadlines: Deadlines, steps: StepEmployment) {
    deadlines.add('employments', steps);
  }
}
