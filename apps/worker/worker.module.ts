import { Module, type DynamicModule } from '@nestjs/common';
import { EscrowModule } from '#escrow';
import { EventsModule } from '#events';
import { DeadlinesModule } from '#invocations';
import { OwnersModule } from '#owners';
import { PlatformModule, type Platform } from '#platform';
import { ReputationModule } from '#reputation';
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
        EventsModule,
        EscrowModule,
        ReputationModule,
        DeadlinesModule,
        WebhookSenderModule,
      ],
    };
  }
}
