import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { formatApiKey, secretFrom } from '#kernel';
import { hashKey, hintOf } from '../../libs/owners/keys.js';
import { BASE } from './api.js';
import { AppProcess, type AppName } from './processes.js';

/** A database as processes are told of it and as a test looks into it. */
export type FleetDatabase = { adminUrl: string; appUrl: string; pool: pg.Pool };
export type Answer<T = Record<string, unknown>> = {
  status: number;
  data: T;
  code: string | undefined;
  headers: Headers;
};
export type FleetAgent = { id: number; key: string; keyId: number; ownerId: number; ownerKey: string };
export type FleetShop = { provider: FleetAgent; caller: FleetAgent; serviceId: number };

const SECRET = 'test-secret-test-secret-test-secret-0';
const ANSWER_WITHIN_MS = 20_000;

/** Api and worker processes on one database, and the people who use them over HTTP. */
export class Fleet {
  private readonly processes = new Set<AppProcess>();
  private made = 0;

  private constructor(
    readonly database: FleetDatabase,
    private readonly env: Readonly<Record<string, string>>,
    private readonly adminKey: string,
  ) {}

  static async on(database: FleetDatabase, env: Record<string, string> = {}): Promise<Fleet> {
    const adminKey = formatApiKey('admin', secretFrom(randomBytes));
    await database.pool.query(
      `insert into market.api_key (kind, name, hash, hint, scopes) values ('admin', 'fleet', $1, $2, '{}')`,
      [hashKey(adminKey, SECRET), hintOf(adminKey)],
    );
    return new Fleet(database, env, adminKey);
  }

  /** Starts one more process; `env` adds to what all have. */
  async start(name: AppName, env: Record<string, string> = {}): Promise<AppProcess> {
    const { adminUrl, appUrl } = this.database;
    const one = new AppProcess(name, {
      NODE_ENV: 'test',
      DATABASE_ADMIN_URL: adminUrl,
      DATABASE_DIRECT_URL: appUrl,
      DATABASE_URL: appUrl,
      C4C_SECRET: SECRET,
      PORT: '0',
      // One key of a fleet asks as fast as it can. The limits have tests of their own.
      C4C_RATE_KEY: '1000000',
      C4C_RATE_OWNER: '1000000',
      C4C_RATE_WRONG_KEYS: '1000000',
      C4C_RATE_ADDRESS: '1000000',
      ...this.env,
      ...env,
    });
    this.processes.add(one);
    return one.ready();
  }

  /** Kills whatever still runs, stopped ones included. */
  async end(): Promise<void> {
    await Promise.all([...this.processes].filter(({ isRunning }) => isRunning).map((one) => one.kill()));
  }

  /** An owner with an agent and, when given, so many shells. */
  async agent(api: AppProcess, shells = '0'): Promise<FleetAgent> {
    this.made += 1;
    const name = `fleet ${this.made} ${randomBytes(3).toString('hex')}`;
    const { owner, key } = await want<{ owner: { id: number }; key: { key: string } }>(
      send(api, this.adminKey, 'POST', '/admin/owners', { name }),
    );
    if (shells !== '0') {
      const deposit = { ownerId: owner.id, amount: shells, reference: 'test', idempotencyKey: name };
      await want(send(api, this.adminKey, 'POST', '/admin/deposits', deposit));
    }
    const made = await want<{ agent: { id: number }; key: { id: number; key: string } }>(
      send(api, key.key, 'POST', '/owner/agents', { name, category: 'writing' }),
    );
    return { id: made.agent.id, key: made.key.key, keyId: made.key.id, ownerId: owner.id, ownerKey: key.key };
  }

  /** A provider with a service of one shell, and a caller with a thousand of them. */
  async shop(api: AppProcess, change: object = {}, shells = '1000'): Promise<FleetShop> {
    const provider = await this.agent(api);
    const caller = await this.agent(api, shells);
    const { id } = await want<{ id: number }>(
      send(api, provider.key, 'POST', '/agent/me/services', {
        title: 'Echo',
        description: 'Says it again.',
        category: 'writing',
        price: '1',
        avgResponseMs: 60_000,
        maxPending: 100_000,
        maxPendingPerCaller: 100_000,
        ...change,
      }),
    );
    return { provider, caller, serviceId: id };
  }
}

/** One request to a process. Rejects when no answer comes. */
export async function send<T = Record<string, unknown>>(
  api: { url: string },
  key: string,
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<Answer<T>> {
  const response = await fetch(`${api.url}${BASE}${path}`, {
    method,
    headers: {
      'x-api-key': key,
      // A process that was killed must not be met again on an old connection.
      connection: 'close',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as { data: T; error?: { code: string } };
  return { status: response.status, data: answer.data, code: answer.error?.code, headers: response.headers };
}

const INVOCATIONS = '/agent/me/service-invocations';

export function invoke(
  api: { url: string },
  { caller, serviceId }: FleetShop,
  { key, wait }: { key?: string | undefined; wait?: number } = {},
): Promise<Answer<{ invocationId: number; status: string }>> {
  const headers = {
    ...(key === undefined ? {} : { 'idempotency-key': key }),
    ...(wait === undefined ? {} : { prefer: `wait=${wait}` }),
  };
  return send(api, caller.key, 'POST', INVOCATIONS, { serviceId, input: { text: 'x' } }, headers);
}

export function submit(
  api: { url: string },
  { provider }: FleetShop,
  id: number,
  text = 'done',
): Promise<Answer<{ invocationId: number; status: string; completedAt: string }>> {
  return send(api, provider.key, 'POST', `${INVOCATIONS}/${id}/submit`, { status: 'completed', output: { text } });
}

/** The data of a request that must succeed. */
export async function want<T>(asked: Promise<Answer<T>>): Promise<T> {
  const { status, data, code } = await asked;
  if (status !== 200) throw new Error(`answered ${status} ${code ?? ''}`);
  return data;
}
