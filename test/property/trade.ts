import fc from 'fast-check';
import { expect } from 'vitest';
import { expectInvariants, type TestDatabase } from '../support/database.js';
import { Ledger, type CloseItem, type OpenItem } from '../ledger/ledger.js';
import { TradeModel, type ModelAction } from './trade-model.js';

// Deadlines are two minutes and the clock jumps by multiples of 50 s, so that the seconds a run takes decide nothing.
const RESPONSE_MS = 60_000;
const JUMP_MS = 50_000;
// The category whose fee changes; the hold keeps the rate of its day.
const TAXED = 'design';

type Invoke = {
  agent: number;
  service: number;
  maxPrice: bigint | null;
  key: string | null;
  print: string;
  isStale: boolean;
};
type Close = { pick: number; action: ModelAction; isStranger: boolean; print: string };
type Command =
  | { do: 'deposit'; owner: number; amount: bigint }
  | { do: 'reverse'; pick: number }
  | { do: 'invoke'; items: Invoke[] }
  | { do: 'close'; items: Close[] }
  | { do: 'acknowledge'; pick: number }
  | { do: 'jump'; steps: number }
  | { do: 'due' }
  | { do: 'fold'; owner: number }
  | { do: 'review'; pick: number; isStranger: boolean; stars: number }
  | { do: 'fee'; basisPoints: number }
  | { do: 'reprice'; service: number; price: bigint }
  | { do: 'tally' };

const index = fc.nat({ max: 1_000 });
const seldom = fc.integer({ min: 0, max: 9 }).map((n) => n === 0);
const price = fc.constantFrom(1n, 7n, 10n, 55n);
const invoke = fc.record({
  agent: fc.nat({ max: 3 }),
  service: fc.nat({ max: 2 }),
  maxPrice: fc.option(price),
  key: fc.option(fc.constantFrom('a', 'b', 'c', 'd')),
  print: fc.constantFrom('x', 'y'),
  isStale: seldom,
});
const close = fc.record({
  pick: index,
  action: fc.constantFrom<ModelAction>('complete', 'complete', 'fail', 'cancel', 'expire'),
  isStranger: seldom,
  print: fc.constantFrom('x', 'y'),
});
/** A call as the lane makes it: mostly a few items, now and then many. */
const some = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.oneof(
    { weight: 19, arbitrary: fc.array(item, { minLength: 1, maxLength: 12, size: 'max' }) },
    { weight: 1, arbitrary: fc.array(item, { minLength: 30, maxLength: 64, size: 'max' }) },
  );
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('deposit' as const),
      owner: fc.nat({ max: 2 }),
      amount: fc.constantFrom(1n, 20n, 100n, 10n ** 15n),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reverse' as const), pick: index }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('invoke' as const),
      items: some(invoke),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('close' as const),
      items: some(close),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('acknowledge' as const), pick: index }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('jump' as const), steps: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('due' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fold' as const), owner: fc.nat({ max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reprice' as const), service: fc.nat({ max: 2 }), price }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('review' as const),
      pick: index,
      isStranger: seldom,
      stars: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('fee' as const), basisPoints: fc.constantFrom(0, 1, 2_500, 9_999, 10_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('tally' as const) }) },
);
export const commands = (max: number): fc.Arbitrary<Command[]> =>
  fc.array(command, { minLength: 1, maxLength: max, size: 'max' });

/** A small market in the database and its model beside it; every command is done in both and compared. */
export class Trade {
  private readonly model = new TradeModel();
  private readonly ledger: Ledger;
  private owners: bigint[] = [];
  private agents: { id: bigint; owner: bigint }[] = [];
  private services: bigint[] = [];
  private readonly transfers: bigint[] = [];

  private constructor(private readonly database: TestDatabase) {
    this.ledger = new Ledger(database.pool);
  }

  static async start(database: TestDatabase): Promise<Trade> {
    const trade = new Trade(database);
    await trade.people();
    return trade;
  }

  async run(all: readonly Command[]): Promise<void> {
    for (const one of all) {
      await this.take(one);
      await this.compare();
    }
    await this.end();
  }

  /** Three owners; the first has two agents, so that one can buy from the other. Two agents sell, one of them takes little. */
  private async people(): Promise<void> {
    this.owners = [await this.ledger.owner(), await this.ledger.owner(), await this.ledger.owner()];
    const [a, b, c] = this.owners as [bigint, bigint, bigint];
    for (const owner of [a, a, b, c]) this.agents.push({ id: await this.ledger.agent(owner), owner });
    await this.fee(2_500);
    for (const [seller, maxPending, maxPendingPerCaller, category] of [
      [1, 1_000, 100, 'writing'],
      [2, 3, 2, TAXED],
      [3, 1_000, 4, TAXED],
    ] as const) {
      const { id, owner } = this.agent(seller);
      const service = await this.ledger.service(id, owner, {
        price: 10n,
        category,
        avgResponseMs: RESPONSE_MS,
        maxPending,
        maxPendingPerCaller,
      });
      this.services.push(service);
      this.model.services.set(service, {
        agent: id,
        owner,
        category,
        price: 10n,
        version: 1,
        avgResponseMs: RESPONSE_MS,
        maxPending,
        maxPendingPerCaller,
      });
    }
  }

  private async take(one: Command): Promise<void> {
    switch (one.do) {
      case 'deposit': {
        const owner = this.owners[one.owner] ?? 0n;
        const { verdict, transferId } = await this.ledger.deposit(owner, one.amount);
        expect(verdict).toBe('done');
        this.model.deposit(transferId ?? 0n, owner, one.amount);
        this.transfers.push(transferId ?? 0n);
        return;
      }
      case 'reverse': {
        const transfer = this.transfers[one.pick % this.transfers.length] ?? 0n;
        expect((await this.ledger.reverse(transfer)).verdict).toBe(this.model.reverse(transfer));
        return;
      }
      case 'invoke':
        return this.invoke(one.items);
      case 'close':
        return this.close(one.items);
      case 'acknowledge': {
        const id = this.pick(one.pick);
        const provider = this.model.invocations.get(id)?.provider ?? 0n;
        await this.database.pool.query('select market.invocation_acknowledge($1, $2)', [id, provider]);
        this.model.acknowledge(id);
        return;
      }
      case 'jump':
        await this.database.advanceClock(one.steps * JUMP_MS);
        this.model.nowMs += one.steps * JUMP_MS;
        return;
      case 'due':
        return this.due();
      case 'fold':
        await this.ledger.fold(this.owners[one.owner] ?? 0n);
        return;
      case 'reprice': {
        const service = this.services[one.service] ?? 0n;
        await this.ledger.reprice(service, one.price);
        const known = this.model.services.get(service);
        if (known !== undefined) Object.assign(known, { price: one.price, version: known.version + 1 });
        return;
      }
      case 'review': {
        const id = this.pick(one.pick);
        const caller = one.isStranger ? 0n : (this.model.invocations.get(id)?.caller ?? 0n);
        const verdict = await this.ledger.one<string>(
          'select verdict from market.invocation_review($1, $2, $3, null)',
          [id, caller, one.stars],
        );
        expect(verdict).toBe(this.model.review(id, caller, one.stars));
        return;
      }
      case 'fee':
        return this.fee(one.basisPoints);
      case 'tally':
        await this.ledger.tally();
    }
  }

  private async invoke(wishes: readonly Invoke[]): Promise<void> {
    const items: OpenItem[] = [];
    for (const { agent, service, maxPrice, key, print, isStale } of wishes) {
      const { id: caller, owner } = this.agent(agent);
      const serviceId = this.services[service] ?? 0n;
      const version = (this.model.services.get(serviceId)?.version ?? 0) - (isStale ? 1 : 0);
      items.push({
        id: await this.ledger.nextId('market.invocation_id'),
        holdId: await this.ledger.nextHoldId(),
        caller,
        owner,
        service: serviceId,
        version,
        maxPrice,
        key,
        print,
      });
    }
    const { verdicts, again } = await this.ledger.inLane((some: readonly OpenItem[]) => this.ledger.open(some), items);
    for (const place of inOrder(items.length, again)) {
      const item = items[place];
      if (item === undefined) continue;
      // Two limits at once: which one is named depends on the way the call went.
      expect(verdicts[place]?.verdict.replace('busy_with_caller', 'busy'), `invoke ${place}`).toBe(
        this.model.open(item),
      );
      if (verdicts[place]?.verdict !== 'replay') continue;
      const { invocationId: id, price } = verdicts[place];
      expect({ id, price }).toEqual(this.model.boughtBy(item.caller, item.key));
    }
  }

  private async close(wishes: readonly Close[]): Promise<void> {
    const items: CloseItem[] = wishes.map(({ pick, action, isStranger, print }) => {
      const id = this.pick(pick);
      const found = this.model.invocations.get(id);
      const actor =
        action === 'expire' ? null : isStranger ? 0n : ((action === 'cancel' ? found?.caller : found?.provider) ?? 0n);
      return { id, action, actor, print };
    });
    const { verdicts, again } = await this.ledger.inLane(
      (some: readonly CloseItem[]) => this.ledger.close(some),
      items,
    );
    for (const place of inOrder(items.length, again)) {
      const item = items[place];
      if (item === undefined) continue;
      expect(verdicts[place]?.verdict, `close ${place}`).toBe(
        this.model.close(item.id, item.action, item.actor, item.print),
      );
    }
  }

  private async fee(basisPoints: number): Promise<void> {
    await this.ledger.feeRate(TAXED, basisPoints);
    this.model.fees.set(TAXED, BigInt(basisPoints));
  }

  private async due(): Promise<void> {
    for (let ids = await this.ledger.due(); ids.length > 0; ids = await this.ledger.due()) {
      const items = ids.map((id) => ({ id, action: 'expire' as const, actor: null, print: null }));
      expect((await this.ledger.close(items)).map(({ verdict }) => verdict)).toEqual(ids.map(() => 'closed'));
      for (const id of ids) expect(this.model.close(id, 'expire', null, null)).toBe('closed');
    }
  }

  private async compare(): Promise<void> {
    for (const owner of this.owners) expect(await this.ledger.balance(owner)).toEqual(this.model.wallet(owner));
  }

  /** It always ends: past every deadline nothing is pending, nothing is held, and all invariants hold. */
  private async end(): Promise<void> {
    await this.database.advanceClock(2 * RESPONSE_MS + JUMP_MS);
    this.model.nowMs += 2 * RESPONSE_MS + JUMP_MS;
    await this.due();
    await this.compare();
    while ((await this.ledger.tally()) > 0);
    for (const service of this.services) expect(await this.figures(service)).toEqual(this.model.figures(service));
    const { rows } = await this.database.pool.query<{ id: bigint; status: string }>(
      'select id, status from market.invocation where id = any ($1)',
      [[...this.model.invocations.keys()]],
    );
    expect(new Map(rows.map(({ id, status }) => [id, status]))).toEqual(
      new Map([...this.model.invocations].map(([id, { status }]) => [id, status])),
    );
    expect(rows.some(({ status }) => status === 'pending')).toBe(false);
    for (const owner of this.owners) expect((await this.ledger.balance(owner)).held).toBe(0n);
    await expectInvariants(this.database);
  }

  private async figures(service: bigint): Promise<Record<string, bigint>> {
    const { rows } = await this.database.pool.query<Record<string, bigint>>(
      'select completed, failed, timed_out, cancelled, earned, stars, reviews from market.service_stats where service_id = $1',
      [service],
    );
    const nothing = { completed: 0n, failed: 0n, timed_out: 0n, cancelled: 0n, earned: 0n, stars: 0n, reviews: 0n };
    return rows[0] ?? nothing;
  }

  private agent(place: number): { id: bigint; owner: bigint } {
    const agent = this.agents[place];
    if (agent === undefined) throw new Error(`there is no agent ${place}`);
    return agent;
  }

  private pick(place: number): bigint {
    const ids = [...this.model.invocations.keys()];
    return ids[place % Math.max(ids.length, 1)] ?? 0n;
  }
}

/** Places in the order in which they took effect: those that were sent again come last. */
function inOrder(length: number, again: readonly number[]): number[] {
  const places = Array.from({ length }, (_, place) => place);
  return [...places.filter((place) => !again.includes(place)), ...again];
}
