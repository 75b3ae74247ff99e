import { randomBytes } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { expect } from 'vitest';
import { formatApiKey, secretFrom } from '#kernel';
import { StepEmployment } from '#employments';
import { CloseInvocations } from '#invocations';
import { Owners } from '#owners';
import { Tasks } from '#tasks';
import { createLog, openPlatform, type LaneLimits, type SnapshotLimits } from '#platform';
import { startApi } from '../../apps/api/api.js';
import { api, type Api } from './api.js';
import { createTestDatabase, expectInvariants, type TestDatabase } from './database.js';
import { dataOf } from './expect-problem.js';

export type OwnerActor = { id: number; key: string; api: Api };
export type AgentActor = {
  id: number;
  key: string;
  api: Api;
  owner: OwnerActor;
  /** Another key of the agent. */
  newKey(wish?: object): Promise<string>;
};

/** A running market with a database of its own, and the people in it. */
export type World = {
  url: string;
  app: NestFastifyApplication;
  database: TestDatabase;
  /** Without a key. */
  api: Api;
  admin: Api;
  adminKey: string;
  owner(): Promise<OwnerActor>;
  agent(owner?: OwnerActor): Promise<AgentActor>;
  /** Deposits so many shells. */
  fund(owner: OwnerActor, amount: string): Promise<void>;
  /** Publishes a service that counts words, changed by `change`; answers its id. */
  service(provider: AgentActor, change?: object): Promise<number>;
  /** The id of a pending invocation that the provider has not ended yet, as soon as there is one. */
  nextInvocationOf(provider: AgentActor): Promise<number>;
  /** Moves the database's clock. */
  passTime(ms: number): Promise<void>;
  /** So many milliseconds from now by the database's clock, as RFC 3339 text. */
  timeIn(ms: number): string;
  /** Waits until no key is answered from memory any more. */
  keysAreReadAgain(): Promise<void>;
  /** Runs `work` and holds that every table reads afterwards as before, byte for byte. */
  nothingHappens(work: () => Promise<unknown>): Promise<void>;
  /** Stops it and holds that the ledger's invariants are true and no request failed unexpectedly. */
  close(): Promise<void>;
};

type WorldOptions = {
  env?: Record<string, string>;
  /** How its lanes cut what comes at once. */
  laneLimits?: LaneLimits;
  /** How many read at length at a time, and how long. */
  snapshotLimits?: Partial<SnapshotLimits>;
  /** The clock of the rate limits, in milliseconds. */
  monotonicNow?: () => number;
};

export async function startWorld({ env = {}, ...parts }: WorldOptions = {}): Promise<World> {
  const database = await createTestDatabase();
  const adminKey = formatApiKey('admin', secretFrom(randomBytes));
  const unexpected: string[] = [];
  const log = createLog('error', { write: (line) => void unexpected.push(line) });
  const platform = openPlatform(database.config({ C4C_ADMIN_KEY: adminKey, ...env }), log, parts);
  const server = await startApi(platform);
  await server.app.get(Owners).ensureAdminKey(() => undefined);
  const open = api(server.url);
  const admin = open.as(adminKey);
  let made = 0;
  let passedMs = 0;

  const owner = async (): Promise<OwnerActor> => {
    const body = { name: `Owner ${++made}` };
    const { owner: row, key } = dataOf<{ owner: { id: number }; key: { key: string } }>(
      await admin.post('/admin/owners', body),
    );
    return { id: row.id, key: key.key, api: open.as(key.key) };
  };

  return {
    url: server.url,
    app: server.app,
    database,
    api: open,
    admin,
    adminKey,
    owner,
    async agent(of) {
      const its = of ?? (await owner());
      const { agent, key } = dataOf<{ agent: { id: number }; key: { key: string } }>(
        await its.api.post('/owner/agents', { name: `Agent ${++made}`, category: 'writing' }),
      );
      const newKey = async (wish: object = {}): Promise<string> =>
        dataOf<{ key: string }>(await its.api.post(`/owner/agents/${agent.id}/keys`, wish)).key;
      return { id: agent.id, key: key.key, api: open.as(key.key), owner: its, newKey };
    },
    async fund({ id }, amount) {
      const body = { ownerId: id, amount, reference: 'test', idempotencyKey: `fund ${++made}` };
      dataOf(await admin.post('/admin/deposits', body));
    },
    async service(provider, change = {}) {
      const body = { ...WORD_COUNTER, ...change };
      return dataOf<{ id: number }>(await provider.api.post('/agent/me/services', body)).id;
    },
    async nextInvocationOf(provider) {
      const deadline = Date.now() + 5_000;
      while (Date.now() < deadline) {
        const { rows } = await database.pool.query<{ id: bigint }>(
          `select id from market.invocation where provider_agent_id = $1 and status = 'pending' limit 1`,
          [provider.id],
        );
        if (rows[0] !== undefined) return Number(rows[0].id);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error(`agent ${provider.id} has got no invocation within 5 s`);
    },
    async passTime(ms) {
      passedMs += ms;
      await database.advanceClock(ms);
    },
    timeIn: (ms) => new Date(Date.now() + passedMs + ms).toISOString(),
    keysAreReadAgain: () => new Promise((resolve) => setTimeout(resolve, KEYS_LIVE_MS)),
    async nothingHappens(work) {
      const before = await contents(database);
      await work();
      expect(await contents(database)).toEqual(before);
    },
    async close() {
      try {
        // There is no worker here: what is past its deadline is closed now, as its sweep would.
        for (const trade of [server.app.get(CloseInvocations), server.app.get(Tasks), server.app.get(StepEmployment)]) {
          while ((await trade.due()).closed > 0);
        }
        await server.close();
        await platform.close();
        expect(unexpected.map((line) => line.slice(0, 2_000))).toEqual([]);
        await expectInvariants(database);
      } finally {
        await database.drop();
      }
    },
  };
}

const WORD_COUNTER = {
  title: 'Word counter',
  description: 'Counts the words of a text.',
  category: 'writing',
  price: '10',
  avgResponseMs: 60_000,
  inputSchema: {
    type: 'object',
    required: ['text'],
    properties: { text: { type: 'string' } },
    additionalProperties: false,
  },
  outputSchema: {
    type: 'object',
    required: ['words'],
    properties: { words: { type: 'integer' } },
    additionalProperties: false,
  },
};

// A key is answered from memory for half a second at most.
const KEYS_LIVE_MS = 600;

/** A print of every row of every table that requests write. When somebody was last seen is no change. */
async function contents({ pool }: TestDatabase): Promise<Record<string, string>> {
  const { rows: tables } = await pool.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('ledger', 'market') and c.relkind in ('r', 'p') and not c.relispartition
    order by 1`,
  );
  const prints = tables.map(
    ({ name }) =>
      `select '${name}' as name, count(*) || ' rows ' || coalesce(md5(string_agg(row, ',' order by row)), '') as print
      from (select (to_jsonb(t) - 'last_active_at' - 'last_used_at')::text as row from ${SEEN_AS[name] ?? name} t) r`,
  );
  const { rows } = await pool.query<{ name: string; print: string }>(prints.join(' union all '));
  return Object.fromEntries(rows.map(({ name, print }) => [name, print]));
}

// A refusal may fold credits into the wallet, which moves nothing, and may leave a count of zero behind. When an agent asked for work
// last, and that a process is there, is written whatever happens.
const SEEN_AS: Record<string, string> = {
  'ledger.wallet': '(select account_id, available, held from ledger.balance)',
  'ledger.credit': '(select account_id, available from ledger.balance)',
  // A session ends later with each use.
  'market.api_key': `(select id, kind, owner_id, agent_id, name, hash, hint, scopes, revoked_at, replaced_by, created_at,
    case when kind <> 'session' then expires_at end as expires_at from market.api_key)`,
  'market.agent_hour': '(select agent_id from market.agent_hour where false)',
  'market.agent_poll': '(select agent_id from market.agent_poll where false)',
  'market.gateway_node': '(select node from market.gateway_node)',
  'market.service_load': '(select * from market.service_load where pending > 0)',
};
