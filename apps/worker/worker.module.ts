import { Module, type DynamicModule } from '@nestjs/common';
import { ReachabilityModule } from '#agents';
import { EmploymentDeadlinesModule } from '#employments';
import { EscrowModule } from '#escrow';
import { EventsModule } from '#events';
import { InvocationDeadlinesModule } from '#invocations';
import { OwnersModule } from '#owners';
import { DeadlinesModule, PlatformModule, type Platform } from '#platform';
import { ReputationModule } from '#reputation';
import { TaskDeadlinesModule } from '#tasks';
import { WebhookSenderModule } from '#webhooks';

/** Everything that happens without being asked: deadlines, webhooks, folds, tallies, partitions, the end of payloads. */
@Module({})
export class WorkerModule {
  static with(platform: Platform): DynamicModule {
    return {
      module: WorkerModule,
      imports: [
        PlatformModule.with(platform),
        OwnersModule,
        ReachabilityModule,
        EventsModule,
        EscrowModule,
        ReputationModule,
        DeadlinesModule,
        InvocationDeadlinesModule,
        TaskDeadlinesModule,
        EmploymentDeadlinesModule,
        WebhookSenderModule,
      ],
    };
  }
}
