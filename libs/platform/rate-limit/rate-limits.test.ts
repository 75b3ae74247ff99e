import { describe, expect, it } from 'vitest';
import { Problem } from '#kernel';
import { RateLimits, type RateNote } from './rate-limits.js';

type Rates = { key?: number; owner?: number; wrongKeys?: number; keyless?: number };

/** Limits on a clock that stands still until the test moves it. */
function limitsOf(rates: Rates, entriesMax?: number) {
  const clock = { now: 1_000_000 };
  const config = { rates: { key: 0, owner: 0, wrongKeys: 0, keyless: 0, ...rates }, trustProxy: undefined };
  const limits = new RateLimits(config, () => clock.now, entriesMax);
  return { clock, limits };
}

const from = (remoteAddress: string) => ({ socket: { remoteAddress }, headers: {} });

/** What an attempt brings: the fields of the answer, and the refusal. */
function attempt(work: (note: RateNote) => unknown): { limit?: string; policy?: string; problem?: Problem } {
  const note: RateNote = { rateFields: null };
  let problem: Problem | undefined;
  try {
    work(note);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    problem = error;
  }
  return { ...note.rateFields, ...(problem === undefined ? {} : { problem }) };
}

describe('the limits of right keys', () => {
  it('count each key by itself and all keys of an owner together', () => {
    const { limits } = limitsOf({ key: 3, owner: 5 });
    const admit = (keyId: bigint) => attempt((note) => limits.admit(keyId, 9n, note));
    expect([1n, 1n, 1n, 1n].map((id) => admit(id).problem?.code)).toEqual([
      undefined,
      undefined,
      undefined,
      'RATE_LIMITED',
    ]);
    expect([2n, 2n].map((id) => admit(id).problem)).toEqual([undefined, undefined]);
    const refused = admit(2n);
    expect(refused).toMatchObject({ policy: '"key";q=3;w=1, "owner";q=5;w=1', limit: '"owner";r=0;t=1' });
    expect(refused.problem).toMatchObject({ retryAfterS: 1, details: { policy: 'owner', quota: 5, windowS: 1 } });
    expect(attempt((note) => limits.admit(3n, 8n, note)).problem).toBeUndefined();
  });

  it('name the one that is nearest to its end', () => {
    const { limits } = limitsOf({ key: 3, owner: 4 });
    expect(attempt((note) => limits.admit(1n, 9n, note)).limit).toBe('"key";r=2;t=1');
    expect(attempt((note) => limits.admit(2n, 9n, note)).limit).toBe('"key";r=2;t=1');
    expect(attempt((note) => limits.admit(3n, 9n, note)).limit).toBe('"owner";r=1;t=1');
  });

  it('take nothing for a refused request, neither of the key nor of the owner', () => {
    const { limits, clock } = limitsOf({ key: 2, owner: 10 });
    for (let n = 0; n < 50; n += 1) attempt((note) => limits.admit(1n, 9n, note));
    expect(attempt((note) => limits.admit(2n, 9n, note)).limit).toBe('"key";r=1;t=1');
    for (const id of [3n, 4n, 5n]) limits.admit(id, 9n, { rateFields: null });
    expect(attempt((note) => limits.admit(6n, 9n, note)).limit).toBe('"key";r=1;t=1');
    clock.now += 500;
    expect(attempt((note) => limits.admit(1n, 9n, note)).problem).toBeUndefined();
  });

  it("count an administrator's key without an owner", () => {
    const { limits } = limitsOf({ key: 1, owner: 1 });
    expect(attempt((note) => limits.admit(1n, undefined, note))).toEqual({
      policy: '"key";q=1;w=1',
      limit: '"key";r=0;t=1',
    });
    expect(attempt((note) => limits.admit(1n, undefined, note)).problem?.code).toBe('RATE_LIMITED');
  });

  it('say nothing when both are switched off, and only of the other one when one is', () => {
    const off = limitsOf({}).limits;
    expect(attempt((note) => off.admit(1n, 9n, note))).toEqual({});
    expect(off.fieldsFor(from('192.0.2.1'))).toBeNull();
    expect(attempt((note) => off.guess('192.0.2.1', note))).toEqual({});
    const ownerOnly = limitsOf({ owner: 2 }).limits;
    expect(attempt((note) => ownerOnly.admit(1n, 9n, note))).toEqual({
      policy: '"owner";q=2;w=1',
      limit: '"owner";r=1;t=1',
    });
    expect(attempt((note) => ownerOnly.admit(1n, undefined, note))).toEqual({});
  });
});

describe('the limit of wrong keys', () => {
  it('counts a guess before anybody knows its end, and gives it back when it was right', () => {
    const { limits } = limitsOf({ wrongKeys: 2 });
    const note = { rateFields: null };
    const [first] = [limits.guess('a', note), limits.guess('a', note)];
    expect(attempt((n) => limits.guess('a', n))).toMatchObject({
      limit: '"address";r=0;t=30',
      problem: { retryAfterS: 30 },
    });
    first.wasRight();
    expect(attempt((n) => limits.guess('a', n)).problem).toBeUndefined();
    expect(attempt((n) => limits.guess('b', n)).problem).toBeUndefined();
  });

  it('is told to whom has not used it, and telling counts nothing', () => {
    const { limits } = limitsOf({ wrongKeys: 2 });
    for (let n = 0; n < 5; n += 1) {
      expect(limits.fieldsFor(from('192.0.2.1'))).toEqual({ policy: '"address";q=2;w=60', limit: '"address";r=2;t=1' });
    }
    limits.guess(limits.addressOf(from('192.0.2.1')), { rateFields: null });
    expect(limits.fieldsFor(from('192.0.2.1'))?.limit).toBe('"address";r=1;t=30');
    expect(limits.fieldsFor(from('192.0.2.2'))?.limit).toBe('"address";r=2;t=1');
  });

  it('limits the crowd as one when every place is taken', () => {
    const { limits } = limitsOf({ wrongKeys: 3 }, 10);
    for (let n = 0; n < 10; n += 1) limits.guess(`known ${n}`, { rateFields: null });
    const crowd = Array.from({ length: 100 }, (_, n) => attempt((note) => limits.guess(`stranger ${n}`, note)));
    expect(crowd.filter(({ problem }) => problem === undefined)).toHaveLength(3);
    expect(attempt((note) => limits.guess('known 1', note)).problem).toBeUndefined();
  });

  it('keeps who still owes something, and forgets who does not', async () => {
    const { limits, clock } = limitsOf({ wrongKeys: 60 }, 100);
    for (let n = 0; n < 100; n += 1) limits.guess(`${n}`, { rateFields: null });
    for (let n = 0; n < 9; n += 1) limits.guess('7', { rateFields: null });
    await limits.tick();
    expect(limits.tables.map(({ size }) => size)).toEqual([100]);
    clock.now += 2_000;
    await limits.tick();
    expect(limits.tables.map(({ size }) => size)).toEqual([1]);
    clock.now += 8_000;
    await limits.tick();
    await limits.tick();
    expect(limits.tables.map(({ size }) => size)).toEqual([0]);
  });
});

describe('the limit of requests without a key', () => {
  it('counts each address by itself, and gives back what has run off', () => {
    const { limits, clock } = limitsOf({ keyless: 2 });
    const read = (address: string) => attempt((note) => limits.admitKeyless(address, note));
    expect(read('a')).toEqual({ policy: '"keyless";q=2;w=1', limit: '"keyless";r=1;t=1' });
    expect([read('a'), read('a')].map(({ problem }) => problem?.code)).toEqual([undefined, 'RATE_LIMITED']);
    expect(read('a').problem).toMatchObject({ retryAfterS: 1, details: { policy: 'keyless', quota: 2, windowS: 1 } });
    expect(read('b').problem).toBeUndefined();
    clock.now += 500;
    expect([read('a'), read('a')].map(({ problem }) => problem?.code)).toEqual([undefined, 'RATE_LIMITED']);
  });

  it('is no limit of wrong keys, nor the other way round', () => {
    const { limits } = limitsOf({ keyless: 1, wrongKeys: 1 });
    limits.guess('a', { rateFields: null });
    expect(attempt((note) => limits.admitKeyless('a', note)).problem).toBeUndefined();
    expect(attempt((note) => limits.guess('b', note)).problem).toBeUndefined();
  });

  it('says nothing when it is switched off', () => {
    expect(attempt((note) => limitsOf({ wrongKeys: 1 }).limits.admitKeyless('a', note))).toEqual({});
  });
});
