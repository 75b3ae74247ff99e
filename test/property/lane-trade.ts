import fc from 'fast-check';
import { expect } from 'vitest';
import { Database, isConnectionLoss, Lanes, Metrics } from '#platform';
import { CloseStore, type CloseItem } from '../../libs/invocations/close.store.js';
import { OpenStore } from '../../libs/invocations/open.store.js';
import { Ledger, sha256 } from '../ledger/ledger.js';
import { expectInvariants, type TestDatabase } from '../support/database.js';
import type { PostgresProxy } from '../support/postgres-proxy.js';
import { randomBatches } from '../support/seeded.js';
import { LOSSES, STATES, TABLES, type Fault, type Faults } from './faults.js';
import { explained, type Deed } from './linear.js';
import { TradeModel, type ModelAction } from './trade-model.js';

// As in trade.ts: the seconds that a run takes decide nothing.
const RESPONSE_MS = 60_000;
const JUMP_MS = 50_000;
const CLIENTS_MAX = 32;

type Step =
  | {
      do: 'invoke';
      agent: number;
      service: number;
      maxPrice: bigint | null;
      key: string | null;
      print: string;
      isPoisoned: boolean;
    }
  | { do: 'close'; pick: number; action: ModelAction; isStranger: boolean; print: string; isPoisoned: boolean }
  | { do: 'acknowledge'; pick: number }
  | { do: 'fold'; owner: number }
  | { do: 'deposit'; owner: number; amount: bigint };

/** What happens at once: each client does its steps one after the other, all clients at the same time. */
export type Scene = { clients: Step[][]; fault: Fault; jump: number; price: bigint };
/** Something whose answer never came: it may have taken effect, and is found by what it carries. */
type Unknown = { caller: bigint; marker: string; id: bigint | undefined };
/** What was said, and what that may have made of the model. */
type Answered = { said: string; outcomes: (model: TradeModel) => TradeModel[] };
export type Play = { seed: number; connections: number; scenes: Scene[] };

const seldom = fc.integer({ min: 0, max: 19 }).map((n) => n === 0);
const price = fc.constantFrom(1n, 7n, 10n, 55n);
const print = fc.constantFrom('x', 'y');
const index = fc.nat({ max: 1_000 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constant('invoke' as const),
      agent: fc.nat({ max: 3 }),
      service: fc.nat({ max: 2 }),
      maxPrice: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: price }),
      key: fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')),
      print,
      isPoisoned: seldom,
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constant('close' as const),
      pick: index,
      action: fc.constantFrom<ModelAction>('complete', 'complete', 'fail', 'cancel', 'expire'),
      isStranger: seldom,
      print,
      isPoisoned: seldom,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('acknowledge' as const), pick: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fold' as const), owner: fc.nat({ max: 2 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('deposit' as const),
      owner: fc.nat({ max: 2 }),
      amount: fc.constantFrom(1n, 15n),
    }),
  },
);
const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Fault>({ kind: 'none' }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('raise' as const),
      table: fc.constantFrom(...TABLES),
      every: fc.integer({ min: 2, max: 12 }),
      state: fc.constantFrom(...STATES),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Fault>({ kind: 'kill' }) },
  { weight: 2, arbitrary: fc.constantFrom(...LOSSES) },
);
export const plays = (faults: fc.Arbitrary<Fault> = fc.constant<Fault>({ kind: 'none' })): fc.Arbitrary<Play> =>
  fc.record({
    seed: fc.integer(),
    connections: fc.integer({ min: 1, max: 3 }),
    scenes: fc.array(
      fc.record({
        clients: fc.array(fc.array(step, { minLength: 1, maxLength: 4, size: 'max' }), {
          minLength: 8,
          maxLength: CLIENTS_MAX,
          size: 'max',
        }),
        fault: faults,
        jump: fc.constantFrom(0, 0, 1, 3),
        price,
      }),
      { minLength: 2, maxLength: 4, size: 'max' },
    ),
  });
export const anyFault = fault;

/** A small market, the server's own two lanes to it with sizes of calls drawn at random, and the model beside them. */
export class LaneTrade {
  private model = new TradeModel();
  private readonly ledger: Ledger;
  private readonly metrics = new Metrics();
  private readonly doors: Database;
  private readonly opens: OpenStore;
  private readonly closes: CloseStore;
  private owners: bigint[] = [];
  private agents: { id: bigint; owner: bigint; keyId: bigint }[] = [];
  private services: bigint[] = [];
  /** Invocations as they became known. */
  private readonly parties = new Map<bigint, { caller: bigint; provider: bigint }>();
  private readonly unknown: Unknown[] = [];
  private fault: Fault = { kind: 'none' };
  private moments = 0;
  /** How often each verdict and each failure came: a test looks whether what it meant to provoke did happen. */
  readonly said = new Map<string, number>();

  private constructor(
    private readonly database: TestDatabase,
    proxy: PostgresProxy,
    private readonly faults: Faults,
    { seed, connections }: Play,
  ) {
    this.ledger = new Ledger(database.pool);
    const config = database.config({ DATABASE_DIRECT_URL: proxy.url(database.appUrl) });
    this.doors = new Database(config.database);
    const lanes = new Lanes(this.doors, this.metrics, { connections, helpAfterMs: 0, batchMax: randomBatches(seed) });
    this.opens = new OpenStore(this.doors, lanes, config);
    this.closes = new CloseStore(this.doors, lanes);
  }

  static async act(database: TestDatabase, proxy: PostgresProxy, faults: Faults, play: Play): Promise<LaneTrade> {
    const trade = new LaneTrade(database, proxy, faults, play);
    try {
      await trade.people();
      for (const scene of play.scenes) await trade.scene(scene);
      await trade.end();
    } finally {
      await Promise.all([trade.opens.onModuleDestroy(), trade.closes.onModuleDestroy()]);
      await trade.doors.close();
    }
    return trade;
  }

  /** Three owners; the first has two agents, so that one can buy from the other. Two of the three services take little. */
  private async people(): Promise<void> {
    this.owners = [await this.ledger.owner(), await this.ledger.owner(), await this.ledger.owner()];
    const [a, b, c] = this.owners as [bigint, bigint, bigint];
    for (const owner of [a, a, b, c]) {
      const id = await this.ledger.agent(owner);
      const keyId = await this.ledger.one<bigint>(
        `insert into market.api_key (kind, owner_id, agent_id, hash, hint, scopes)
        values ('agent', $1, $2, sha256(gen_random_uuid()::text::bytea), 'test', '{}') returning id`,
        [owner, id],
      );
      this.agents.push({ id, owner, keyId });
    }
    for (const [seller, maxPending, maxPendingPerCaller] of [
      [1, 1_000, 100],
      [2, 3, 2],
      [3, 1_000, 4],
    ] as const) {
      const { id: agent, owner } = this.agent(seller);
      const limits = { avgResponseMs: RESPONSE_MS, maxPending, maxPendingPerCaller };
      const service = await this.ledger.service(agent, owner, { price: 10n, ...limits });
      this.services.push(service);
      this.model.services.set(service, { agent, owner, category: 'writing', price: 10n, version: 1, ...limits });
    }
    for (const owner of this.owners) [this.model = this.model] = (await this.deposit(owner, 20n)).outcomes(this.model);
  }

  private async scene({ clients, fault, jump, price: next }: Scene): Promise<void> {
    this.fault = fault;
    await this.faults.begin(fault);
    const deeds = (await Promise.all(clients.map((steps) => this.client(steps)))).flat();
    await this.faults.end();
    await this.findUnknown();
    const there = await this.there();
    this.model = explained(this.model, deeds, printOf, (model) => this.shown(model) === there);
    await this.database.advanceClock(jump * JUMP_MS);
    this.model.nowMs += jump * JUMP_MS;
    const [service = 0n] = this.services;
    await this.ledger.reprice(service, next);
    const changed = this.model.services.get(service);
    if (changed !== undefined) Object.assign(changed, { price: next, version: changed.version + 1 });
  }

  private async client(steps: readonly Step[]): Promise<Deed<TradeModel>[]> {
    const deeds: Deed<TradeModel>[] = [];
    for (const one of steps) {
      const sentAt = ++this.moments;
      const { said, outcomes } = await this.take(one);
      const name = `${JSON.stringify(one, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}: ${said}`;
      deeds.push({ name, sentAt, answeredAt: ++this.moments, outcomes });
    }
    return deeds;
  }

  /** Does it, and answers what that may have made of the model. */
  private async take(one: Step): Promise<Answered> {
    switch (one.do) {
      case 'invoke':
        return this.invoke(one);
      case 'close':
        return this.close(one);
      case 'acknowledge': {
        const id = this.pick(one.pick);
        const provider = this.parties.get(id)?.provider ?? 0n;
        await this.database.pool.query('select market.invocation_acknowledge($1, $2)', [id, provider]);
        return { said: `#${id}`, outcomes: changed((model) => model.acknowledge(id)) };
      }
      case 'fold':
        await this.ledger.fold(this.owners[one.owner] ?? 0n);
        return { said: '', outcomes: (model) => [model] };
      case 'deposit':
        return this.deposit(this.owners[one.owner] ?? 0n, one.amount);
    }
  }

  private async invoke({
    agent,
    service,
    maxPrice,
    key,
    print: text,
    isPoisoned,
  }: Step & { do: 'invoke' }): Promise<Answered> {
    const { id: caller, owner, keyId } = this.agent(agent);
    const serviceId = this.services[service] ?? 0n;
    const version = this.model.services.get(serviceId)?.version ?? 0;
    const marker = `${isPoisoned ? 'poison' : 'item'} ${this.moments}`;
    const wish = { id: 0n, caller, owner, service: serviceId, version, maxPrice, key, print: text };
    try {
      const {
        verdict,
        invocationId,
        price: paid,
      } = await this.opens.open({
        callerAgentId: caller,
        callerOwnerId: owner,
        keyId,
        serviceId,
        version,
        maxPrice: maxPrice ?? undefined,
        input: JSON.stringify({ marker }),
        key: key ?? undefined,
        fingerprint: key === null ? undefined : sha256(text),
      });
      this.count(verdict);
      if (verdict === 'opened') this.know(invocationId, caller, serviceId);
      // Two limits at once: which one is named depends on the way the call went.
      const said = verdict.replace('busy_with_caller', 'busy');
      const outcomes = (model: TradeModel): TradeModel[] => {
        const next = model.copy();
        if (next.open({ ...wish, id: verdict === 'opened' ? invocationId : 0n }) !== said) return [];
        if (verdict === 'replay') return equal(next.boughtBy(caller, key), invocationId, paid) ? [model] : [];
        if (verdict !== 'opened') return [model];
        return isPoisoned || next.invocations.get(invocationId)?.price !== paid ? [] : [next];
      };
      return { said: `${said} #${invocationId}`, outcomes };
    } catch (error) {
      if (this.isRolledBack(error, isPoisoned)) return NOTHING;
      const unknown: Unknown = { caller, marker, id: undefined };
      this.unknown.push(unknown);
      const outcomes = (model: TradeModel): TradeModel[] => {
        const { id } = unknown;
        if (id === undefined) return [model];
        const next = model.copy();
        return next.open({ ...wish, id }) === 'opened' ? [next] : [];
      };
      return { said: 'nobody knows', outcomes };
    }
  }

  private async close({
    pick,
    action,
    isStranger,
    print: text,
    isPoisoned,
  }: Step & { do: 'close' }): Promise<Answered> {
    const id = this.pick(pick);
    const parties = this.parties.get(id);
    const actor =
      action === 'expire'
        ? null
        : isStranger
          ? 0n
          : ((action === 'cancel' ? parties?.caller : parties?.provider) ?? 0n);
    const isSubmit = action === 'complete' || action === 'fail';
    const item: CloseItem = {
      id,
      action,
      actorAgentId: actor ?? undefined,
      keyId: undefined,
      output: action === 'complete' ? JSON.stringify({ marker: isPoisoned ? 'poison' : '' }) : undefined,
      attachments: undefined,
      error: action === 'fail' ? 'could not' : undefined,
      fingerprint: isSubmit ? sha256(text) : undefined,
    };
    const apply = (model: TradeModel): string => model.close(id, action, actor, text);
    try {
      const { verdict } = await this.closes.close(item, this.agents.find((one) => one.id === actor)?.owner ?? 0n);
      this.count(verdict);
      // A call whose answer was lost is sent again, and what took effect the first time answers like a repetition.
      const timesMax = this.fault.kind === 'kill' || this.fault.kind === 'lose' ? 2 : 1;
      const outcomes = (model: TradeModel): TradeModel[] => {
        const next = model.copy();
        for (let times = 1; times <= timesMax; times += 1) {
          if (apply(next) === verdict) return [isSame(next, model, id) ? model : next];
        }
        return [];
      };
      return { said: `${verdict} #${id}`, outcomes };
    } catch (error) {
      if (this.isRolledBack(error, isPoisoned && action === 'complete')) return NOTHING;
      const outcomes = (model: TradeModel): TradeModel[] => {
        const next = model.copy();
        apply(next);
        return isSame(next, model, id) ? [model] : [model, next];
      };
      return { said: `nobody knows #${id}`, outcomes };
    }
  }

  private async deposit(owner: bigint, amount: bigint): Promise<Answered> {
    const { verdict, transferId } = await this.ledger.deposit(owner, amount);
    expect(verdict).toBe('done');
    return { said: verdict, outcomes: changed((model) => model.deposit(transferId ?? 0n, owner, amount)) };
  }

  /** True when the database said no and so nothing happened; false when the connection broke. Everything else is a bug. */
  private isRolledBack(error: unknown, isPoisoned: boolean): boolean {
    const said = error instanceof Error ? error.message : String(error);
    this.count(said);
    if (isPoisoned && said === 'poisoned') return true;
    if (this.fault.kind === 'raise' && said === 'struck') return true;
    if (this.fault.kind === 'kill' && isConnectionLoss(error)) return false;
    throw error;
  }

  private count(what: string): void {
    this.said.set(what, (this.said.get(what) ?? 0) + 1);
  }

  private async findUnknown(): Promise<void> {
    if (this.unknown.length === 0) return;
    // What was cut off may still be working on its last call.
    const busy = `select count(*) from pg_stat_activity
      where datname = current_database() and application_name = 'c4c-lane' and state = 'active'`;
    while ((await this.ledger.one<bigint>(busy)) > 0n);
    for (const one of this.unknown.splice(0)) {
      const { rows } = await this.database.pool.query<{ id: bigint; service: bigint }>(
        `select id, service_id as service from market.invocation where caller_agent_id = $1 and input ->> 'marker' = $2`,
        [one.caller, one.marker],
      );
      expect(rows.length).toBeLessThanOrEqual(1);
      one.id = rows[0]?.id;
      if (rows[0] !== undefined) this.know(rows[0].id, one.caller, rows[0].service);
    }
  }

  /** The wallets and all invocations there are, so that one too many shows as well as one too few. */
  private async there(): Promise<string> {
    const wallets = await Promise.all(this.owners.map((owner) => this.ledger.balance(owner)));
    const { rows } = await this.database.pool.query<{ id: bigint; status: string }>(
      'select id, status from market.invocation where caller_agent_id = any ($1)',
      [this.agents.map(({ id }) => id)],
    );
    return textOf(wallets, rows);
  }

  private shown(model: TradeModel): string {
    const states = [...model.invocations].map(([id, { status }]) => ({ id, status }));
    return textOf(
      this.owners.map((owner) => model.wallet(owner)),
      states,
    );
  }

  /** It always ends: past every deadline nothing is pending, nothing is held, and all invariants hold. */
  private async end(): Promise<void> {
    await this.database.advanceClock(2 * RESPONSE_MS + JUMP_MS);
    this.model.nowMs += 2 * RESPONSE_MS + JUMP_MS;
    for (const [id, { status }] of this.model.invocations) {
      if (status !== 'pending') continue;
      const [closed] = await this.ledger.close([{ id, action: 'expire', actor: null, print: null }]);
      expect(closed?.verdict).toBe(this.model.close(id, 'expire', null, null));
    }
    expect(this.shown(this.model)).toBe(await this.there());
    while ((await this.ledger.tally()) > 0);
    for (const owner of this.owners) expect((await this.ledger.balance(owner)).held).toBe(0n);
    await expectInvariants(this.database);
  }

  private know(id: bigint, caller: bigint, service: bigint): void {
    this.parties.set(id, { caller, provider: this.model.services.get(service)?.agent ?? 0n });
  }

  private agent(place: number): { id: bigint; owner: bigint; keyId: bigint } {
    const agent = this.agents[place];
    if (agent === undefined) throw new Error(`there is no agent ${place}`);
    return agent;
  }

  private pick(place: number): bigint {
    const ids = [...this.parties.keys()];
    return ids[place % Math.max(ids.length, 1)] ?? 0n;
  }
}

/** It failed, and left nothing behind. */
const NOTHING: Answered = { said: 'rolled back', outcomes: (model) => [model] };

function changed(change: (model: TradeModel) => void): Answered['outcomes'] {
  return (model) => {
    const next = model.copy();
    change(next);
    return [next];
  };
}

function isSame(one: TradeModel, other: TradeModel, id: bigint): boolean {
  return one.invocations.get(id)?.status === other.invocations.get(id)?.status;
}

function equal(bought: { id: bigint; price: bigint } | undefined, id: bigint, price: bigint | null): boolean {
  return bought !== undefined && bought.id === id && bought.price === price;
}

function textOf(
  wallets: readonly { available: bigint; held: bigint }[],
  states: readonly { id: bigint; status: string }[],
): string {
  const money = wallets.map(({ available, held }) => `${available} ${held}`);
  return [...money, ...states.map(({ id, status }) => `${id} ${status}`).sort()].join();
}

function printOf(model: TradeModel): string {
  const wallets = [...model.wallets].map(([id, { available, held }]) => `${id} ${available} ${held}`);
  const states = [...model.invocations].map(([id, one]) => `${id} ${one.status} ${one.isAcknowledged} ${one.print}`);
  return [...wallets, ...states].sort().join();
}
