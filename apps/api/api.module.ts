import { Module, type DynamicModule } from '@nestjs/common';
import { AgentsModule } from '#agents';
import { EscrowModule } from '#escrow';
import { EventsModule } from '#events';
import { GatewayModule } from '#gateway';
import { DeadlineBell, InvocationsModule } from '#invocations';
import { OwnersModule } from '#owners';
import {
  Database,
  DocsModule,
  HEALTH_CHECKS,
  HealthController,
  PlatformModule,
  type HealthCheck,
  type Platform,
} from '#platform';
import { ServicesModule } from '#services';
import { WebhooksModule } from '#webhooks';

/** Everything that answers over HTTP and WebSocket. */
@Module({})
export class ApiModule {
  static with(platform: Platform): DynamicModule {
    return {
      module: ApiModule,
      imports: [
        PlatformModule.with(platform),
        DocsModule,
        OwnersModule,
        AgentsModule,
        EscrowModule,
        EventsModule,
        ServicesModule,
        InvocationsModule,
        GatewayModule,
        WebhooksModule,
      ],
      controllers: [HealthController],
      providers: [{ provide: HEALTH_CHECKS, inject: [Database, DeadlineBell], useFactory: healthChecks }],
    };
  }
}

function healthChecks(database: Database, bell: DeadlineBell): readonly HealthCheck[] {
  return [
    { name: 'database', check: async () => void (await database.query('select 1')) },
    { name: 'queue', check: () => bell.check() },
  ];
}
