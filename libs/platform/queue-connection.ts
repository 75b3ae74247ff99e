import { createPostgresBackend, Queue, Worker, type Processor } from 'bullmq';
import { connectRedis } from './redis.js';

export type QueueOptions = {
  /** With it the queues are kept in Redis; without it in PostgreSQL, over the direct connection. */
  redisUrl?: string | undefined;
  directUrl: string;
  onError: (error: Error) => void;
};

/** What the rest of the platform uses of BullMQ's queue, the same on both backends. */
type BullQueue = Pick<Queue, 'add' | 'getJob' | 'waitUntilReady' | 'close' | 'disconnect'>;
type BullWorker = Pick<Worker, 'waitUntilReady' | 'close' | 'disconnect' | 'isRunning'>;

/** `tried` resolves when the first attempt to connect has ended, well or not. */
export type OpenQueue = { queue: BullQueue; tried: Promise<void>; isUp: () => boolean; drop: () => void };
export type OpenWorker = { worker: BullWorker; isUp: () => boolean; drop: () => void };

export const QUEUE_SCHEMA = 'bullmq';

// The braces make all keys of all queues hash to one slot, which a Redis Cluster asks of BullMQ.
const REDIS_PREFIX = '{c4c}';

/** Opens the producing side of one queue. Nothing is waited for; `drop` cuts the connection without a goodbye. */
export function openQueue(name: string, options: QueueOptions): OpenQueue {
  if (options.redisUrl !== undefined) {
    const redis = connectRedis(options.redisUrl, 'producer', options.onError);
    const queue = new Queue(name, {
      connection: redis,
      prefix: REDIS_PREFIX,
      // Without the version check nothing is sent at the start, so a start beside a dying Redis cannot spoil the queue.
      skipVersionCheck: true,
      streams: EVENTS,
    });
    queue.on('error', options.onError);
    const tried = new Promise<void>((resolve) => redis.once('ready', resolve).once('close', resolve));
    return { queue, tried, isUp: () => redis.status === 'ready', drop: () => redis.disconnect() };
  }
  const queue = new Queue(
    name,
    { connection: postgresConnection(options.directUrl, 'c4c queue', 1), streams: EVENTS },
    createPostgresBackend,
  );
  queue.on('error', options.onError);
  return { queue, tried: Promise.resolve(), isUp: () => true, drop: () => undefined };
}

/** Opens the consuming side of one queue; it begins to work at once. */
export function openWorker(name: string, options: QueueOptions, processor: Processor): OpenWorker {
  if (options.redisUrl !== undefined) {
    const redis = connectRedis(options.redisUrl, 'worker', options.onError);
    const worker = new Worker(name, processor, { ...WORKER, connection: redis, prefix: REDIS_PREFIX });
    worker.on('error', options.onError);
    return { worker, isUp: () => redis.status === 'ready', drop: () => redis.disconnect() };
  }
  const worker = new Worker(
    name,
    processor,
    { ...WORKER, connection: postgresConnection(options.directUrl, 'c4c worker', 2) },
    createPostgresBackend,
  );
  worker.on('error', options.onError);
  return { worker, isUp: () => true, drop: () => undefined };
}

// Nobody reads BullMQ's own event stream here; it is kept short.
const EVENTS = { events: { maxLen: 100 } };

const WORKER = {
  concurrency: 2,
  // A job whose worker died is taken up again within seconds; handlers run twice without harm.
  lockDuration: 10_000,
  stalledInterval: 5_000,
  maxStalledCount: 10,
  removeOnComplete: { count: 0 },
  removeOnFail: { count: 0 },
};

function postgresConnection(url: string, applicationName: string, max: number): PostgresConnection {
  return {
    connectionString: url,
    schema: QUEUE_SCHEMA,
    max,
    application_name: applicationName,
    connectionTimeoutMillis: 3_000,
    query_timeout: 10_000,
    keepAlive: true,
    // Losing a bell in a crash costs lateness only, so its commits need not wait for the disk.
    options: '-c synchronous_commit=off',
  };
}

type PostgresConnection = Record<string, string | number | boolean> & { schema: string };
