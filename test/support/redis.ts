import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.js';
import { removeFolder, temporaryFolder } from './leftovers.js';

/** A Redis of one test file. */
export type TestRedis = {
  url: string;
  /** Unique; for keys and queues where the server is shared (REDIS_URL). */
  prefix: string;
  /** Undefined with REDIS_URL: that server is not ours to kill or flush. */
  process?: ChildProcess;
  /** Kills the server (nothing is kept) and starts it again on the same port; only without REDIS_URL. */
  restart(): Promise<void>;
  /** Everything in it is gone at once; only without REDIS_URL. */
  flush(): Promise<void>;
  stop(): Promise<void>;
};

/** Why tests that need Redis cannot run here, or undefined when they can. Use it as `describe.skipIf(noRedis)`. */
export const noRedis: string | undefined =
  (process.env['REDIS_URL'] ?? '') !== '' || hasRedisServer()
    ? undefined
    : 'no Redis: REDIS_URL is not set and there is no redis-server on PATH';
/** Why tests that kill, stop or flush their Redis cannot run here, or undefined when they can. */
export const redisNotOurs: string | undefined =
  noRedis ?? ((process.env['REDIS_URL'] ?? '') === '' ? undefined : 'REDIS_URL is not ours to flush or to stop');
if (noRedis !== undefined) console.warn(`Skipped: ${noRedis}`);

const START_WITHIN_MS = 10_000;

/** The server of REDIS_URL with a prefix of our own, or a new redis-server on a free port. Stop it in `afterAll`. */
export async function startTestRedis(): Promise<TestRedis> {
  const prefix = `t${randomBytes(6).toString('hex')}`;
  const given = process.env['REDIS_URL'] ?? '';
  if (given !== '') {
    return {
      url: given,
      prefix,
      restart: () => Promise.reject(new Error('REDIS_URL is not ours to restart')),
      flush: () => Promise.reject(new Error('REDIS_URL is not ours to flush')),
      stop: () => Promise.resolve(),
    };
  }
  const folder = temporaryFolder();
  const port = await freePort();
  const redis: TestRedis = {
    url: `redis://127.0.0.1:${String(port)}`,
    prefix,
    restart: async () => {
      await kill(redis.process);
      redis.process = await launch(port, folder);
    },
    flush: async () => {
      const client = new Redis({ port, host: '127.0.0.1' });
      await client.flushall();
      client.disconnect();
    },
    stop: async () => {
      await kill(redis.process);
      await removeFolder(folder);
    },
  };
  redis.process = await launch(port, folder);
  return redis;
}

async function launch(port: number, folder: string): Promise<ChildProcess> {
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const child = spawn(
    'redis-server',
    [...flags, '--pidfile', join(folder, 'redis.pid'), '--maxmemory-policy', 'noeviction'],
    { stdio: 'ignore' },
  );
  process.once('exit', () => child.kill('SIGKILL'));
  const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined);
  try {
    for (const until = Date.now() + START_WITHIN_MS; Date.now() < until && child.exitCode === null; await sleep(20)) {
      const isUp = await client.connect().then(
        () => true,
        () => false,
      );
      if (isUp) return child;
    }
  } finally {
    client.disconnect();
  }
  child.kill('SIGKILL');
  throw new Error(`redis-server did not start on port ${String(port)}`);
}

async function kill(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

function hasRedisServer(): boolean {
  return spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;
}
