import { describe, expect, it } from 'vitest';
import { AnswerCache, type AnswerCacheLimits } from './answer-cache.js';
import type { FinishedAnswer } from './envelope.js';

/** A cache with a clock that the test moves, and loads that the test ends. */
function cacheWith(limits: AnswerCacheLimits = {}) {
  let nowMs = 0;
  const asked: string[] = [];
  const cache = new AnswerCache({ now: () => nowMs, ...limits });
  return {
    cache,
    asked,
    pass: (ms: number) => (nowMs += ms),
    /** What is answered for the key, when each load answers how many there were. */
    read: async (key: string) =>
      dataOf(await cache.get(key, () => Promise.resolve(`${key} ${asked.push(key)}`), somebody)),
    /** A load that ends when it is told. */
    held: (key: string, client = somebody) => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const answer = cache.get(
        key,
        () => {
          asked.push(key);
          return promise;
        },
        client,
      );
      answer.catch(() => undefined);
      return { answer, resolve, reject };
    },
  };
}

let clients = 0;
/** Another one each time. */
const somebody = () => `client ${clients++}`;
const dataOf = (answer: FinishedAnswer) => (JSON.parse(answer.bodyFor('').toString()) as { data: string }).data;
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('an answer', () => {
  it('is kept for its life, counted from when it was asked for, and no longer', async () => {
    const { cache, asked, pass, read } = cacheWith();
    const { promise, resolve } = Promise.withResolvers<string>();
    const first = cache.get('a', () => promise, somebody);
    await settled();
    pass(600);
    resolve('slow');
    expect(dataOf(await first)).toBe('slow');
    pass(399);
    expect(await read('a')).toBe('slow');
    pass(1);
    expect(await read('a')).toBe('a 1');
    expect(asked).toEqual(['a']);
  });

  it('is loaded once for 64 who ask at once', async () => {
    const { asked, read } = cacheWith();
    expect(new Set(await Promise.all(Array.from({ length: 64 }, () => read('a'))))).toEqual(new Set(['a 1']));
    expect(asked).toEqual(['a']);
  });

  it('that could not be loaded is not kept, and everybody who waited hears why', async () => {
    const { asked, held, read } = cacheWith();
    const first = held('a');
    const second = held('a');
    first.reject(new Error('the database is away'));
    await expect(first.answer).rejects.toThrow('the database is away');
    await expect(second.answer).rejects.toThrow('the database is away');
    expect(await read('a')).toBe('a 2');
    expect(asked).toEqual(['a', 'a']);
  });
});

describe('forgetting', () => {
  it('makes the next one ask again', async () => {
    const { cache, read } = cacheWith();
    await read('a');
    cache.forget();
    expect(await read('a')).toBe('a 2');
    expect(await read('a')).toBe('a 2');
  });

  it('also concerns a load that is under way: it may have read before the change', async () => {
    const { cache, held, read } = cacheWith();
    const old = held('a');
    await settled();
    cache.forget();
    expect(await read('a')).toBe('a 2');
    old.resolve('old');
    expect(dataOf(await old.answer)).toBe('old');
    expect(await read('a')).toBe('a 2');
  });

  it('takes effect so often in a second, then answers grow old by themselves', async () => {
    const { cache, asked, pass, read } = cacheWith({ forgetsMax: 3 });
    for (let n = 0; n < 10; n++) {
      await read('a');
      cache.forget();
    }
    expect(asked).toHaveLength(4);
    pass(1_000);
    await read('a');
    cache.forget();
    await read('a');
    expect(asked).toHaveLength(6);
  });

  it('what is not there costs nothing', async () => {
    const { cache, read } = cacheWith({ forgetsMax: 1 });
    for (let n = 0; n < 10; n++) cache.forget();
    await read('a');
    cache.forget();
    expect(await read('a')).toBe('a 2');
  });
});

describe('a flood of keys that nobody asked for before', () => {
  it('takes no more room than there is, and leaves what is asked for again', async () => {
    const { asked, cache, read } = cacheWith({ entriesMax: 100, bytesMax: 1_000_000 });
    await read('popular');
    await read('popular');
    for (let n = 0; n < 1_000; n++) await read(`strange ${n}`);
    expect(cache.size.entries).toBeLessThanOrEqual(100);
    await read('popular');
    expect(asked.filter((key) => key === 'popular')).toHaveLength(1);
  });

  it('is bounded in bytes too, and a huge answer is not kept at all', async () => {
    const { asked, cache, read } = cacheWith({ bytesMax: 320_000 });
    const big = (size: number) => () => Promise.resolve(`${asked.push('big')}${'x'.repeat(size)}`);
    for (let n = 0; n < 100; n++) await cache.get(`k ${n}`, big(18_000), somebody);
    expect(cache.size.bytes).toBeLessThanOrEqual(160_000);
    expect(cache.size.entries).toBeGreaterThan(4);
    await read('small');
    await cache.get('huge', big(21_000), somebody);
    await cache.get('huge', big(21_000), somebody);
    expect(asked.filter((key) => key === 'big')).toHaveLength(102);
    await read('small');
    expect(asked.filter((key) => key === 'small')).toHaveLength(1);
  });

  it('loads a few at once, lets a few wait and refuses the others; what is asked for again goes first', async () => {
    const { asked, held, pass, read } = cacheWith({ loadsMax: 1, waitingMax: 2 });
    await read('popular');
    pass(1_000);
    const first = held('strange 1');
    const second = held('strange 2');
    const third = held('strange 3');
    await expect(held('strange 4').answer).rejects.toMatchObject({ kind: { code: 'OVERLOADED' }, retryAfterS: 1 });
    // Not refused: it takes the place of the last one that waits.
    const popular = held('popular');
    await expect(third.answer).rejects.toMatchObject({ kind: { code: 'OVERLOADED' } });
    first.resolve('');
    await first.answer;
    await settled();
    expect(asked).toEqual(['popular', 'strange 1', 'popular']);
    popular.resolve('');
    await popular.answer;
    second.resolve('');
    await second.answer;
    expect(asked).toEqual(['popular', 'strange 1', 'popular', 'strange 2']);
    // The place that was refused came free again.
    expect(await read('strange 5')).toBe('strange 5 5');
  });

  it('leaves places to others, however many different things one client asks for', async () => {
    const { held, read } = cacheWith({ loadsMax: 2, waitingMax: 8 });
    const flood = Array.from({ length: 20 }, (_, n) => held(`flood ${n}`, () => 'flooder'));
    const other = held('other', () => 'other');
    for (const { resolve } of [...flood, other]) resolve('');
    const ends = await Promise.allSettled(flood.map(({ answer }) => answer));
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    expect(ends[5]).toMatchObject({ reason: { kind: { code: 'OVERLOADED' } } });
    expect(dataOf(await other.answer)).toBe('');
    expect(await read('afterwards')).toMatch('afterwards');
  });
});
