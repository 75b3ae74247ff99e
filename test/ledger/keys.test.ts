import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Ledger, type CloseItem, type OpenItem } from './ledger.js';

let database: TestDatabase;
let ledger: Ledger;
let owner: bigint;
let caller: bigint;
let provider: bigint;
let seller: bigint;
let service: bigint;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = new Ledger(database.pool);
});
beforeEach(async () => {
  owner = await ledger.owner(1_000n);
  caller = await ledger.agent(owner);
  seller = await ledger.owner();
  provider = await ledger.agent(seller);
  service = await ledger.service(provider, seller);
});
afterEach(() => expectInvariants(database));
afterAll(() => database.drop());

/** Keys that were good when somebody looked and are not any more, by what became of them. */
const ended = (agent: bigint, its: bigint): Record<string, () => Promise<bigint>> => ({
  revoked: () => ledger.key(agent, its, 'revoked_at = platform.clock()'),
  expired: () => ledger.key(agent, its, `expires_at = platform.clock() - interval '1 millisecond'`),
  'of another agent': async () => ledger.key(await ledger.agent(its), its),
  gone: () => Promise.resolve(999_999n),
});

const wish = async (keyId: bigint | undefined, key: string | null = null): Promise<OpenItem> => ({
  id: await ledger.nextId('market.invocation_id'),
  holdId: await ledger.nextHoldId(),
  caller,
  owner,
  service,
  version: 1,
  maxPrice: null,
  key,
  print: 'same',
  ...(keyId === undefined ? {} : { keyId }),
});

const result = (id: bigint, keyId: bigint | undefined): CloseItem => ({
  id,
  action: 'complete',
  actor: provider,
  print: 'result',
  ...(keyId === undefined ? {} : { keyId }),
});

const verdicts = (rows: { verdict: string }[]): string[] => rows.map(({ verdict }) => verdict);

/** Held now, in hundredths. */
async function held(): Promise<bigint> {
  const { rows } = await database.pool.query<{ held: bigint }>('select held from ledger.wallet where account_id = $1', [
    owner,
  ]);
  return rows[0]?.held ?? -1n;
}

describe.each(['revoked', 'expired', 'of another agent', 'gone'])('a key that is %s', (how) => {
  it('opens nothing, alone or among others, and repeats no answer', async () => {
    const good = await ledger.key(caller, owner);
    const bad = await (ended(caller, owner)[how] ?? (() => Promise.reject(new Error(how))))();
    expect(verdicts(await ledger.open([await wish(good, 'once')]))).toEqual(['opened']);
    expect(verdicts(await ledger.open([await wish(bad)]))).toEqual(['key_ended']);
    expect(verdicts(await ledger.open([await wish(bad, 'once')]))).toEqual(['key_ended']);
    const items = [
      await wish(good),
      await wish(bad),
      await wish(undefined),
      await wish(bad, 'once'),
      await wish(good, 'once'),
    ];
    expect(verdicts(await ledger.open(items))).toEqual(['opened', 'key_ended', 'opened', 'key_ended', 'replay']);
    expect(await held()).toBe(30n);
  });

  it('closes nothing, alone or among others', async () => {
    const good = await ledger.key(provider, seller);
    const bad = await (ended(provider, seller)[how] ?? (() => Promise.reject(new Error(how))))();
    const items = [await wish(undefined), await wish(undefined), await wish(undefined)];
    await ledger.open(items);
    const [first, second, third] = items.map(({ id }) => id) as [bigint, bigint, bigint];
    expect(verdicts(await ledger.close([result(first, bad)]))).toEqual(['key_ended']);
    expect(verdicts(await ledger.close([result(first, bad), result(second, good), result(third, undefined)]))).toEqual([
      'key_ended',
      'closed',
      'closed',
    ]);
    // The bad one does not stand in the way of the good one behind it.
    expect(verdicts(await ledger.close([result(first, bad), result(first, good)]))).toEqual(['key_ended', 'again']);
    expect(verdicts(await ledger.close([result(first, good)]))).toEqual(['closed']);
    expect(await held()).toBe(0n);
  });
});

it('a key is good until the instant at which it expires', async () => {
  const key = await ledger.key(caller, owner, `expires_at = platform.clock() + interval '1 minute'`);
  expect(verdicts(await ledger.open([await wish(key)]))).toEqual(['opened']);
  await database.advanceClock(60_000);
  expect(verdicts(await ledger.open([await wish(key)]))).toEqual(['key_ended']);
});
