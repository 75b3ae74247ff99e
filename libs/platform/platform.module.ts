import { Inject, Module, type DynamicModule } from '@nestjs/common';
import { Bus } from './bus.js';
import type { Config } from './config.js';
import { Database } from './database.js';
import type { Log } from './log.js';

const CONFIG = Symbol('CONFIG');
const LOG = Symbol('LOG');

/** The configuration that the process read at start. */
export const InjectConfig = (): ParameterDecorator & PropertyDecorator => Inject(CONFIG);

export const InjectLog = (): ParameterDecorator & PropertyDecorator => Inject(LOG);

export type PlatformParts = { config: Config; log: Log; database: Database; bus: Bus };

/** What every lib stands on, made before Nest starts and closed after it stopped. */
@Module({})
export class PlatformModule {
  static with({ config, log, database, bus }: PlatformParts): DynamicModule {
    const providers = [
      { provide: CONFIG, useValue: config },
      { provide: LOG, useValue: log },
      { provide: Database, useValue: database },
      { provide: Bus, useValue: bus },
    ];
    return { module: PlatformModule, global: true, providers, exports: providers };
  }
}
