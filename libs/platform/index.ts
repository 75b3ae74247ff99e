export { Bell } from './bell.js';
export { bucketEndMs, bucketOfJob } from './bell-bucket.js';
export { Bus, type BusChannel, type BusMessages } from './bus.js';
export { ConfigError, loadConfig, type Config } from './config.js';
export { Database, type Row, type Tx } from './database.js';
export * from './deadlines/index.js';
export { Egress, type EgressRequest, type EgressResult, type EgressTimings } from './egress/index.js';
export * from './http/index.js';
export { IdSource } from './id-source.js';
export {
  isLockTimeout,
  isNotSent,
  Lane,
  LaneClosed,
  LaneFull,
  LaneUnwanted,
  type LaneFunction,
  type LaneLimits,
} from './lane.js';
export { Lanes } from './lanes.js';
export { createLog, nestLogger, type Log, type LogLevel } from './log.js';
export {
  CONFIG,
  InjectConfig,
  InjectLog,
  LOG,
  openPlatform,
  PlatformModule,
  type Platform,
} from './platform.module.js';
export { countLookUps } from './cache-metrics.js';
export { type Series } from './histogram.js';
export { Metrics, type LaneObserver } from './metrics.js';
export { damped } from './damped.js';
export { DelayQueue, QueueFactory, QueueWorker, type JobHandler, type QueueOptions } from './queue.js';
export { migrateQueue } from './queue-migrate.js';
export { Partitions } from './partitions.js';
export { rateLimitProblems, RateLimits, type RateFields, type RateNote } from './rate-limit/index.js';
export { connectRedis, type RedisRole } from './redis.js';
export { requireRealClock } from './real-clock.js';
export { RepeatedJob } from './repeated-job.js';
export { runUntilSignal } from './run-until-signal.js';
export { isConnectionLoss, isUniqueViolation, sqlState } from './sql-state.js';
export { SharedPlaces } from './shared-places.js';
export { currentTraceId, newTraceId, traceparentFrom, withTrace } from './trace.js';
export { type Snapshot, type SnapshotLimits } from './snapshots.js';
export { Turnstile, TurnstileFull } from './turnstile.js';
export { within } from './within.js';
export { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.js';
export { migrate, migrationChecksums } from './migrate.js';
export { packageRoot } from './package-root.js';
export { StartError } from './start-error.js';
