import { Module, type DynamicModule } from '@nestjs/common';
import { AgentsModule } from '#agents';
import { ApprovalsModule } from '#consent';
import { ChatModule } from '#chat';
import { EmploymentsModule } from '#employments';
import { EscrowModule } from '#escrow';
import { EventsModule } from '#events';
import { FeedbacksModule } from '#feedbacks';
import { GatewayModule } from '#gateway';
import { InvocationsModule } from '#invocations';
import { OwnersModule } from '#owners';
import {
  Database,
  DeadlineBell,
  DeadlineBellModule,
  DocsModule,
  HEALTH_CHECKS,
  HealthController,
  PlatformModule,
  type HealthCheck,
  type Platform,
} from '#platform';
import { ServicesModule } from '#services';
import { TasksModule } from '#tasks';
import { WebhooksModule } from '#webhooks';

/** Everything that answers over HTTP and WebSocket. */
@Module({})
export class ApiModule {
  /** @param others what else has to be there before it is ready */
  static with(platform: Platform, others: readonly HealthCheck[] = []): DynamicModule {
    return {
      module: ApiModule,
      imports: [
        PlatformModule.with(platform),
        DocsModule,
        DeadlineBellModule,
        OwnersModule,
        AgentsModule,
        EscrowModule,
        ApprovalsModule,
        EventsModule,
        ServicesModule,
        InvocationsModule,
        TasksModule,
        EmploymentsModule,
        ChatModule,
        FeedbacksModule,
        GatewayModule,
        WebhooksModule,
      ],
      controllers: [HealthController],
      providers: [
        {
          provide: HEALTH_CHECKS,
          inject: [Database, DeadlineBell],
          useFactory: (database: Database, bell: DeadlineBell) => [...healthChecks(database, bell), ...others],
        },
      ],
    };
  }
}

function healthChecks(database: Database, bell: DeadlineBell): readonly HealthCheck[] {
  return [
    { name: 'database', check: async () => void (await database.query('select 1')) },
    { name: 'queue', check: () => bell.check() },
  ];
}
