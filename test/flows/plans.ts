import { expect } from 'vitest';
import { Ledger, type OpenItem } from '../ledger/ledger.js';
import type { TestDatabase } from '../support/database.js';
import { fillMarket, type Bulk } from '../support/bulk.js';
import { Fleet, invoke, send, submit, want, type FleetShop } from '../support/fleet.js';
import { watchPlans, type Plan, type PlanLog } from '../support/plans.js';
import type { AppProcess } from '../support/processes.js';
import { Client } from '../gateway/client.js';
import { testPool } from '../support/pool.js';

/** What every row of a call that opens or closes is found by: keys. */
export const KEYS = [
  ...['agent_pkey', 'agent_stream_pkey', 'api_key_pkey', 'credit_by_account', 'fee_rate_pkey', 'hold_pkey'],
  ...['hold_settles_once', 'idempotency_pkey', 'invocation_pkey', 'service_load_pkey', 'service_pkey'],
  ...['service_version_pkey', 'spend_total_pkey', 'spender_pkey', 'wallet_pkey'],
];

/** A market full of data, an api on it, and the plans of whatever that asks of the database. */
export type PlannedMarket = { fleet: Fleet; api: AppProcess; shop: FleetShop; plans: PlanLog };

export async function startPlannedMarket(database: TestDatabase, bulk: Omit<Bulk, 'heavy'>): Promise<PlannedMarket> {
  const fleet = await Fleet.on(database);
  const seeding = await fleet.start('api');
  const shop = await fleet.shop(seeding, {
    avgResponseMs: 3_600_000,
    maxPending: 1_000_000,
    maxPendingPerCaller: 1_000_000,
  });
  await seeding.stop();
  await fillMarket(database.pool, { ...bulk, heavy: shop }, { pendingForMs: 7_200_000 });
  const plans = await watchPlans(database);
  return { fleet, api: await fleet.start('api'), shop, plans };
}

/** Lives alone and many at once, so that both branches of the functions are met, and cancellations. */
export async function trade({ api, shop }: PlannedMarket): Promise<void> {
  const opened = await want(invoke(api, shop, { key: 'alone' }));
  await want(submit(api, shop, opened.invocationId));
  await want(invoke(api, shop, { key: 'alone' }));
  const many = await Promise.all(Array.from({ length: 40 }, (_, n) => want(invoke(api, shop, { key: `many ${n}` }))));
  const path = (id: number): string => `/agent/me/service-invocations/${id}/cancel`;
  await Promise.all(
    many.map(({ invocationId: id }, n) =>
      n % 4 === 0 ? want(send(api, shop.caller.key, 'POST', path(id))) : want(submit(api, shop, id)),
    ),
  );
}

const CONNECTS = 8;

/** A provider comes and is told what is pending, so often that the statement's plan is one that stays. */
export async function connect({ api, shop }: PlannedMarket): Promise<void> {
  for (let n = 0; n < CONNECTS; n += 1) {
    const client = await Client.open(Number(new URL(api.url).port), shop.provider.key);
    await client.until(() => client.invoked.length >= 400, 60_000);
    await client.leave();
  }
}

/** A worker starts, refunds some invocations whose deadline has passed, and does all else that it does at its start. */
export async function sweep(database: TestDatabase, { fleet, api }: PlannedMarket): Promise<void> {
  const shop = await fleet.shop(api, { avgResponseMs: 500 });
  const awaited = want(invoke(api, shop, { wait: 20 }));
  await want(invoke(api, shop));
  await database.advanceClock(2_000);
  const worker = await fleet.start('worker');
  expect((await awaited).status).toBe('timeout');
  await worker.stop();
}

/** Lives through the functions themselves, from one connection: two at once, so that the lists are met, then one alone; every ending. */
export async function tradeInFunctions({ pool, appUrl }: TestDatabase): Promise<void> {
  const app = testPool({ connectionString: appUrl, max: 1 });
  try {
    const [people, trade] = [new Ledger(pool), new Ledger(app)];
    const [payer, payee] = [await people.owner(1_000n), await people.owner()];
    const [caller, provider] = [await people.agent(payer), await people.agent(payee)];
    const [callerKey, providerKey] = [await people.key(caller, payer), await people.key(provider, payee)];
    const services = [await people.service(provider, payee), await people.service(provider, payee)];
    const itemOf = async (service: bigint): Promise<OpenItem> => {
      const [id, holdId] = [await people.nextId('market.invocation_id'), await people.nextHoldId()];
      const asked = { service, version: 1, maxPrice: null, key: crypto.randomUUID(), print: 'asked' };
      return { id, holdId, caller, owner: payer, keyId: callerKey, ...asked };
    };
    for (const called of [services, services, services.slice(1)])
      for (const action of ['complete', 'fail', 'cancel'] as const) {
        const items = await Promise.all(called.map(itemOf));
        const actor =
          action === 'cancel' ? { actor: caller, keyId: callerKey } : { actor: provider, keyId: providerKey };
        const ends = items.map(({ id }) => ({ id, action, print: 'done', ...actor }));
        expect(verdicts(await trade.open(items))).toEqual(called.map(() => 'opened'));
        expect(verdicts(await trade.open(items))).toEqual(called.map(() => 'replay'));
        expect(verdicts(await trade.close(ends))).toEqual(called.map(() => 'closed'));
        expect(verdicts(await trade.close(ends))).toEqual(called.map(() => 'replay'));
      }
  } finally {
    await app.end();
  }
}

const verdicts = (answers: readonly { verdict: string }[]): string[] => answers.map(({ verdict }) => verdict);

/** What grows with the market. */
const LARGE = new Set([
  ...[
    'invocation',
    'invocation_progress',
    'review',
    'agent_event',
    'agent_stream',
    'agent',
    'agent_stats',
    'owner',
    'api_key',
  ],
  ...['service', 'service_version', 'service_load', 'service_stats'],
  ...['hold', 'settlement', 'transfer', 'idempotency', 'outcome', 'account', 'wallet', 'month_opening'],
]);

/** One row a category. */
const SMALL = new Set(['fee_rate']);

/** Plans that read a table which grows from its first row to its last; in an empty partition there is nothing to be read. */
export function wholeReadings(plans: readonly Plan[], rowsMin = 0): string[] {
  return plans.flatMap(({ text, readings }) =>
    readings
      .filter(({ node, table, rows }) => node === 'Seq Scan' && LARGE.has(table) && rows >= rowsMin)
      .map(({ table }) => `${table}: ${text.replaceAll(/\s+/g, ' ').slice(0, 300)}`),
  );
}

/** Indexes that were read from their first entry to their last. */
export function wholeIndexes(plans: readonly Plan[]): string[] {
  const found = plans.flatMap(({ text, readings }) =>
    readings
      .filter(({ table, index, isByCondition }) => index !== undefined && !isByCondition && !SMALL.has(table))
      .map(({ index }) => `${index}: ${text.replaceAll(/\s+/g, ' ').slice(0, 300)}`),
  );
  return [...new Set(found)].sort();
}

export function indexesRead(plans: readonly Plan[]): string[] {
  return [...new Set(plans.flatMap(({ readings }) => readings.flatMap(({ index }) => index ?? [])))].sort();
}

/** The plans of the statements that stand in the functions of the ledger and the market. */
export async function plansInFunctions({ pool }: TestDatabase, plans: readonly Plan[]): Promise<Plan[]> {
  const { rows } = await pool.query<{ source: string }>(
    `select string_agg(prosrc, E'\n') as source from pg_proc where pronamespace in ('ledger'::regnamespace, 'market'::regnamespace)`,
  );
  // PL/pgSQL cuts out of a statement where its result goes.
  const source = dense((rows[0]?.source ?? '').replaceAll(/\binto\s+(?:strict\s+)?v_\w+(?:\s*,\s*v_\w+)*/g, ''));
  return plans.filter(({ text }) => source.includes(dense(text)));
}

function dense(text: string): string {
  return text.replaceAll(/\s/g, '');
}

/** Indexes that answered alone: what was asked for stands in them, and no row's page was looked at. */
export function indexesReadAlone(plans: readonly Plan[]): string[] {
  const alone = plans.flatMap(({ readings }) =>
    readings.flatMap(({ node, index, fetches }) =>
      node === 'Index Only Scan' && fetches === 0 && index !== undefined ? [index] : [],
    ),
  );
  return [...new Set(alone)].sort();
}

/** How a table was read, each way once; `!` where an index was read from its first entry to its last. */
export function tableReadings(plans: readonly Plan[], name: string): string[] {
  const found = plans.flatMap(({ readings }) => readings.filter(({ table }) => table === name));
  return [
    ...new Set(found.map(({ node, index = '', isByCondition }) => `${node} ${index}${isByCondition ? '' : '!'}`)),
  ].sort();
}
