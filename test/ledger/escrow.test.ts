import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Ledger, type HoldItem, type SettleItem } from './ledger.js';

const MAX = 1_000_000_000_000_000n;
const LONG_AGO = new Date('2001-01-01T00:00:00Z');
const IN_AGES = new Date('2090-01-01T00:00:00Z');

let database: TestDatabase;
let ledger: Ledger;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = new Ledger(database.pool);
});
afterEach(() => expectEscrowInvariants());
afterAll(() => database.drop());

/** These holds belong to no invocation, so the invariants that tell of invocations see nothing of them. */
const expectEscrowInvariants = (): Promise<void> => expectInvariants(database);

async function held(
  amount: bigint,
  { feeBps = 0, payee }: { feeBps?: number; payee?: bigint | null } = {},
): Promise<{ id: bigint; payer: bigint; payee: bigint }> {
  const [payer, other] = [await ledger.owner(amount), await ledger.owner()];
  const id = await ledger.nextHoldId();
  const item = { id, payer, payee: payee === undefined ? other : payee, amount, feeBps };
  expect(await ledger.hold([item])).toEqual(['held']);
  return { id, payer, payee: other };
}

const settle = (holdId: bigint, part: bigint, rest: Partial<SettleItem> = {}): Promise<string[]> =>
  ledger.settle([{ holdId, outcome: 'released', part, notBefore: null, notAfter: null, ...rest }]);

describe('escrow_hold', () => {
  it('moves the amount from available to held, down to exactly nothing', async () => {
    const payer = await ledger.owner(100n);
    const payee = await ledger.owner();
    const item = async (amount: bigint): Promise<HoldItem> => ({
      id: await ledger.nextHoldId(),
      payer,
      payee,
      amount,
      feeBps: 0,
    });
    expect(await ledger.hold([await item(101n)])).toEqual(['insufficient_funds']);
    expect(await ledger.hold([await item(99n)])).toEqual(['held']);
    expect(await ledger.hold([await item(2n)])).toEqual(['insufficient_funds']);
    expect(await ledger.hold([await item(1n)])).toEqual(['held']);
    expect(await ledger.balance(payer)).toEqual({ available: 0n, held: 100n });
  });

  it('judges a payer who cannot pay for all item by item, and a refused amount does not count', async () => {
    const [poor, rich, payee] = [await ledger.owner(100n), await ledger.owner(1_000n), await ledger.owner()];
    const wishes: [bigint, bigint][] = [
      [poor, 60n],
      [rich, 60n],
      [poor, 50n],
      [poor, 30n],
      [rich, 940n],
      [poor, 11n],
      [poor, 10n],
      [rich, 1n],
    ];
    const items: HoldItem[] = [];
    for (const [payer, amount] of wishes)
      items.push({ id: await ledger.nextHoldId(), payer, payee, amount, feeBps: 0 });
    expect(await ledger.hold(items)).toEqual([
      'held',
      'held',
      'insufficient_funds',
      'held',
      'held',
      'insufficient_funds',
      'held',
      'insufficient_funds',
    ]);
    expect(await ledger.balance(poor)).toEqual({ available: 0n, held: 100n });
    expect(await ledger.balance(rich)).toEqual({ available: 0n, held: 1_000n });
  });

  it.each([1, 2])('spends what has arrived and is not folded yet, with %i item(s) a call', async (count) => {
    const payer = await ledger.owner();
    for (const amount of [3n, 4n, 5n]) await ledger.deposit(payer, amount);
    const items: HoldItem[] = [];
    for (let n = 0; n < count; n += 1)
      items.push({
        id: await ledger.nextHoldId(),
        payer,
        payee: null,
        amount: 12n / BigInt(count),
        feeBps: 0,
      });
    expect(await ledger.hold(items)).toEqual(items.map(() => 'held'));
    expect(await ledger.balance(payer)).toEqual({ available: 0n, held: 12n });
  });

  it('holds nothing of an account that has no wallet', async () => {
    const item = async (): Promise<HoldItem> => ({
      id: await ledger.nextHoldId(),
      payer: -2n,
      payee: null,
      amount: 1n,
      feeBps: 0,
    });
    expect(await ledger.hold([await item()])).toEqual(['insufficient_funds']);
    expect(await ledger.hold([await item(), await item()])).toEqual(['insufficient_funds', 'insufficient_funds']);
  });

  it.each([1, 2])('raises for an id that exists, and %i item(s) change nothing', async (count) => {
    const { id } = await held(5n);
    const payer = await ledger.owner(100n);
    const before = await ledger.contents();
    const items: HoldItem[] = [{ id, payer, payee: null, amount: 1n, feeBps: 0 }];
    if (count === 2) items.push({ id: await ledger.nextHoldId(), payer, payee: null, amount: 1n, feeBps: 0 });
    await expect(ledger.hold(items)).rejects.toMatchObject({ code: '23505' });
    expect(await ledger.contents()).toEqual(before);
  });

  it('takes amounts up to 10^15 exactly, and no other', async () => {
    const payer = await ledger.owner();
    for (let n = 0; n < 11; n += 1) await ledger.deposit(payer, MAX);
    const amounts = [1n, 2n, MAX - 1n, MAX];
    for (const amount of amounts) {
      const id = await ledger.nextHoldId();
      expect(await ledger.hold([{ id, payer, payee: null, amount, feeBps: 0 }])).toEqual(['held']);
    }
    const before = await ledger.contents();
    for (const amount of [0n, -1n, MAX + 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n]) {
      const id = await ledger.nextHoldId();
      const refused = await ledger.hold([{ id, payer, payee: null, amount, feeBps: 0 }]).then(
        ([verdict]) => verdict,
        (error: { code?: string }) => error.code,
      );
      expect(['23514', 'insufficient_funds'], String(amount)).toContain(refused);
    }
    expect(await ledger.contents()).toEqual(before);
    expect(await ledger.balance(payer)).toEqual({ available: 9n * MAX - 2n, held: 2n * MAX + 2n });
  });
});

describe('escrow_settle', () => {
  it('pays the payee and takes the fee out of it, rounded down', async () => {
    const cases: [amount: bigint, feeBps: number, fee: bigint][] = [
      [1n, 9_999, 0n],
      [1n, 10_000, 1n],
      [10n, 0, 0n],
      [99n, 100, 0n],
      [100n, 100, 1n],
      [199n, 250, 4n],
      [12_345n, 333, 411n],
      [MAX, 1, MAX / 10_000n],
      [MAX, 9_999, (MAX * 9_999n) / 10_000n],
      [MAX - 1n, 9_999, ((MAX - 1n) * 9_999n) / 10_000n],
    ];
    for (const [amount, feeBps, fee] of cases) {
      const { id, payer, payee } = await held(amount, { feeBps });
      expect(await settle(id, amount)).toEqual(['settled']);
      expect(await ledger.balance(payer)).toEqual({ available: 0n, held: 0n });
      expect(await ledger.balance(payee), `${amount} at ${feeBps}`).toEqual({ available: amount - fee, held: 0n });
    }
  });

  it('pays a part, with the fee of the part, and returns the rest', async () => {
    const { id, payer, payee } = await held(1_000n, { feeBps: 250 });
    expect(await settle(id, 399n, { outcome: 'arbitrated' })).toEqual(['settled']);
    expect(await ledger.balance(payer)).toEqual({ available: 601n, held: 0n });
    expect(await ledger.balance(payee)).toEqual({ available: 390n, held: 0n });
  });

  it('pays whom the settlement names where the hold names nobody, alone and among others', async () => {
    for (const others of [0, 1]) {
      const { id, payer, payee } = await held(1_000n, { feeBps: 100, payee: null });
      const more = await Promise.all(Array.from({ length: others }, () => held(10n)));
      const item = { outcome: 'released', notBefore: null, notAfter: null } as const;
      const items = [
        { ...item, holdId: id, part: 1_000n, payee },
        ...more.map((one) => ({ ...item, holdId: one.id, part: 10n, payee })),
      ];
      expect(await ledger.settle(items)).toEqual(items.map(() => 'settled'));
      expect(await ledger.balance(payer)).toEqual({ available: 0n, held: 0n });
      // A hold that names its payee pays nobody else.
      expect(await ledger.balance(payee)).toEqual({ available: 990n, held: 0n });
      for (const one of more) expect(await ledger.balance(one.payee)).toEqual({ available: 10n, held: 0n });
    }
  });

  it('returns everything when the payee that the settlement names is the payer, and pays nobody without a name', async () => {
    const own = await held(70n, { payee: null });
    expect(await settle(own.id, 70n, { payee: own.payer })).toEqual(['settled']);
    expect(await ledger.balance(own.payer)).toEqual({ available: 70n, held: 0n });
    const nobodys = await held(70n, { payee: null });
    const before = await ledger.contents();
    await expect(settle(nobodys.id, 70n)).rejects.toThrow('pays nobody');
    expect(await ledger.contents()).toEqual(before);
    expect(await settle(nobodys.id, 0n, { outcome: 'refunded' })).toEqual(['settled']);
  });

  it('returns everything to a payer who is the payee', async () => {
    const payer = await ledger.owner(50n);
    const ids = [await ledger.nextHoldId(), await ledger.nextHoldId(), await ledger.nextHoldId()];
    await ledger.hold(ids.map((id) => ({ id, payer, payee: payer, amount: 10n, feeBps: 500 })));
    const items = ids.map((holdId) => ({
      holdId,
      outcome: 'released' as const,
      part: 10n,
      notBefore: null,
      notAfter: null,
    }));
    expect(await ledger.settle(items.slice(0, 1))).toEqual(['settled']);
    expect(await ledger.settle(items)).toEqual(['already_settled', 'settled', 'settled']);
    expect(await ledger.balance(payer)).toEqual({ available: 50n, held: 0n });
  });

  it('settles a hold once, whatever is asked afterwards', async () => {
    const { id, payer, payee } = await held(10n);
    expect(await settle(id, 10n)).toEqual(['settled']);
    for (const outcome of ['released', 'refunded', 'timed_out', 'arbitrated'] as const) {
      expect(await settle(id, 0n, { outcome })).toEqual(['already_settled']);
    }
    expect(await ledger.balance(payer)).toEqual({ available: 0n, held: 0n });
    expect(await ledger.balance(payee)).toEqual({ available: 10n, held: 0n });
  });

  it('knows nothing of a hold that there is not', async () => {
    expect(await settle(MAX, 0n)).toEqual(['not_found']);
  });

  it('settles inside the timer and never outside of it', async () => {
    const { id } = await held(10n);
    const before = await ledger.contents();
    expect(await settle(id, 10n, { notBefore: IN_AGES })).toEqual(['too_early']);
    expect(await settle(id, 10n, { notAfter: LONG_AGO })).toEqual(['too_late']);
    expect(await ledger.contents()).toEqual(before);
    expect(await settle(id, 10n, { notBefore: LONG_AGO, notAfter: IN_AGES })).toEqual(['settled']);
  });

  it('gives the instant itself to the timer that ends then', async () => {
    const { id } = await held(10n);
    const now = new Date('2030-01-01T00:00:00Z');
    const at = (notBefore: Date | null, notAfter: Date | null): Promise<string[]> =>
      ledger.one(
        `select ledger.escrow_settle(array [$1::bigint], array ['refunded'], array [0::bigint], array ['test'],
          array [$2::timestamptz], array [$3::timestamptz], $4)`,
        [id, notBefore, notAfter, now],
      );
    expect(await at(null, now)).toEqual(['too_late']);
    expect(await at(now, null)).toEqual(['settled']);
  });

  it('lets a later item of a call settle what an earlier one asked for out of time', async () => {
    const { id } = await held(10n);
    const item = (rest: Partial<SettleItem>): SettleItem => ({
      holdId: id,
      outcome: 'refunded',
      part: 0n,
      notBefore: null,
      notAfter: null,
      ...rest,
    });
    const items = [item({ notBefore: IN_AGES }), item({}), item({ notAfter: LONG_AGO }), item({})];
    expect(await ledger.settle(items)).toEqual(['too_early', 'settled', 'too_late', 'already_settled']);
  });

  it('raises for a part above the amount, and nothing changes', async () => {
    const { id } = await held(10n);
    const before = await ledger.contents();
    for (const part of [11n, -1n]) await expect(settle(id, part)).rejects.toMatchObject({ code: '23514' });
    expect(await ledger.contents()).toEqual(before);
  });

  it('raises for a payment to nobody', async () => {
    const { id } = await held(10n, { payee: null });
    await expect(settle(id, 1n)).rejects.toMatchObject({ code: '23514' });
    expect(await settle(id, 0n)).toEqual(['settled']);
  });
});

describe('many items in one call', () => {
  const holds = fc.array(
    fc.record({
      payer: fc.nat(2),
      payee: fc.option(fc.nat(2), { nil: null }),
      amount: fc.oneof(fc.bigInt(1n, 40n), fc.constantFrom(1n, 100n, 101n)),
      feeBps: fc.constantFrom(0, 1, 250, 3_333, 10_000),
    }),
    { minLength: 1, maxLength: 12 },
  );
  const settlements = fc.array(
    fc.record({
      hold: fc.nat(13),
      outcome: fc.constantFrom('released', 'refunded', 'timed_out', 'arbitrated' as const),
      percent: fc.bigInt(0n, 100n),
      notBefore: fc.constantFrom(null, null, LONG_AGO, IN_AGES),
      notAfter: fc.constantFrom(null, null, LONG_AGO, IN_AGES),
    }),
    { minLength: 1, maxLength: 16 },
  );
  const funds = fc.tuple(fc.bigInt(0n, 120n), fc.bigInt(0n, 120n), fc.bigInt(0n, 120n));

  it('get the verdicts and leave the balances that they would one by one', async () => {
    await fc.assert(
      fc.asyncProperty(funds, holds, settlements, async (money, wishes, ends) => {
        const play = async (isBatched: boolean): Promise<unknown> => {
          const owners: bigint[] = [];
          for (const amount of money) owners.push(await ledger.owner(amount));
          const items: HoldItem[] = [];
          for (const { payer, payee, ...rest } of wishes) {
            const payeeAccount = payee === null ? null : at(owners, payee);
            items.push({ id: await ledger.nextHoldId(), payer: at(owners, payer), payee: payeeAccount, ...rest });
          }
          const heldVerdicts = await all(isBatched, items, (some) => ledger.hold(some));
          const settles = ends.map(({ hold, percent, ...rest }): SettleItem => {
            const target = items[hold];
            const part = target === undefined || target.payee === null ? 0n : (target.amount * percent) / 100n;
            return { holdId: target?.id ?? MAX, part, ...rest };
          });
          const settledVerdicts = await all(isBatched, settles, (some) => ledger.settle(some));
          const balances = [];
          for (const owner of owners) balances.push(await ledger.balance(owner));
          return { heldVerdicts, settledVerdicts, balances };
        };
        expect(await play(true)).toEqual(await play(false));
      }),
      { numRuns: 60 },
    );
  });

  async function all<I>(
    isBatched: boolean,
    items: readonly I[],
    send: (some: readonly I[]) => Promise<string[]>,
  ): Promise<string[]> {
    if (isBatched) return send(items);
    const verdicts: string[] = [];
    for (const item of items) verdicts.push(...(await send([item])));
    return verdicts;
  }

  function at<T>(list: readonly T[], index: number): T {
    const value = list[index];
    if (value === undefined) throw new Error(`nothing at ${index}`);
    return value;
  }
});
