import { Inject, Module, type DynamicModule } from '@nestjs/common';
import { Bus } from './bus.js';
import type { Config } from './config.js';
import { watchConnections } from './connection-metrics.js';
import { damped } from './damped.js';
import { Database } from './database.js';
import { Egress } from './egress/index.js';
import { tuneHeap } from './heap.js';
import type { LaneLimits } from './lane.js';
import { Lanes } from './lanes.js';
import { createLog, type Log } from './log.js';
import { Metrics } from './metrics.js';
import { watchProcess } from './process-metrics.js';
import { QueueFactory } from './queue.js';
import { EXCHANGE_EVERY_MS, RateExchange, RateLimits } from './rate-limit/index.js';
import { connectRedis } from './redis.js';
import { SharedPlaces } from './shared-places.js';
import type { SnapshotLimits } from './snapshots.js';

export const CONFIG = Symbol('CONFIG');
export const LOG = Symbol('LOG');

/** The configuration that the process read at start. */
export const InjectConfig = (): ParameterDecorator & PropertyDecorator => Inject(CONFIG);

export const InjectLog = (): ParameterDecorator & PropertyDecorator => Inject(LOG);

/** What every lib stands on: made before Nest starts, closed after it has stopped. */
export type Platform = {
  config: Config;
  log: Log;
  metrics: Metrics;
  database: Database;
  lanes: Lanes;
  bus: Bus;
  queues: QueueFactory;
  limits: RateLimits;
  places: SharedPlaces;
  egress: Egress;
  close(): Promise<void>;
};

type PlatformOptions = {
  laneLimits?: LaneLimits;
  snapshotLimits?: Partial<SnapshotLimits>;
  monotonicNow?: () => number;
  egress?: Egress;
};

/** Whose name leads inside is told to the operator, and not to who gave it. */
function openEgress({ egress }: Config, log: Log): Egress {
  return new Egress(egress, undefined, ({ isForbidden, ...found }) => {
    if (isForbidden) log.warn(found, 'a name that a user gave leads to an address that is not public');
    else log.debug(found, 'a name that a user gave was not resolved');
  });
}

/** Connects a process to what the configuration names. Nothing is waited for; each part connects when it is first used. */
export function openPlatform(
  config: Config,
  log = createLog(config.logLevel),
  { laneLimits, snapshotLimits, monotonicNow, egress = openEgress(config, log) }: PlatformOptions = {},
): Platform {
  tuneHeap();
  const warn = (error: Error): void =>
    log.warn({ err: error }, 'redis or the queue is out of reach; deadlines are kept by the sweep');
  if (!config.database.isSplit) {
    log.warn(
      "one database login serves everything, so the database's own guard of the ledger is off; see docs/operations.md",
    );
  }
  const metrics = new Metrics();
  const endWatch = watchProcess(metrics);
  const database = new Database(config.database, { snapshotLimits });
  const redis =
    config.redisUrl === undefined
      ? undefined
      : {
          publisher: connectRedis(config.redisUrl, 'producer', warn),
          subscriber: connectRedis(config.redisUrl, 'subscriber', warn),
        };
  watchConnections(metrics, database, redis);
  const queues = new QueueFactory({ redisUrl: config.redisUrl, directUrl: config.database.directUrl, onError: warn });
  const limits = new RateLimits(config, monotonicNow);
  const exchange =
    redis &&
    new RateExchange(
      redis.publisher,
      limits.now,
      damped((error) => log.warn({ err: error }, 'rate limits are not shared; this process counts by itself')),
    );
  const places = new SharedPlaces(
    redis?.publisher,
    damped((error) => log.warn({ err: error }, 'sockets are not counted together; this process counts by itself')),
  );
  const ticker = setInterval(() => void limits.tick(exchange), EXCHANGE_EVERY_MS).unref();
  return {
    config,
    log,
    metrics,
    database,
    lanes: new Lanes(database, metrics, laneLimits),
    bus: new Bus(redis),
    queues,
    limits,
    places,
    egress,
    async close() {
      clearInterval(ticker);
      places.close();
      egress.close();
      redis?.publisher.disconnect();
      redis?.subscriber.disconnect();
      await database.close();
      endWatch();
    },
  };
}

@Module({})
export class PlatformModule {
  static with({ config, log, metrics, database, lanes, bus, queues, limits, places, egress }: Platform): DynamicModule {
    const providers = [
      { provide: CONFIG, useValue: config },
      { provide: LOG, useValue: log },
      { provide: Metrics, useValue: metrics },
      { provide: Database, useValue: database },
      { provide: Lanes, useValue: lanes },
      { provide: Bus, useValue: bus },
      { provide: QueueFactory, useValue: queues },
      { provide: RateLimits, useValue: limits },
      { provide: SharedPlaces, useValue: places },
      { provide: Egress, useValue: egress },
    ];
    return { module: PlatformModule, global: true, providers, exports: providers };
  }
}
