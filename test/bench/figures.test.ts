import { describe, expect, it } from 'vitest';
import { boundRow, ratioRow, shownRow, skippedRow, verdictOf } from './figures.js';
import { flatRow, flatSkippedRow, peakRow } from './memory.js';
import { comparisonRows, needsHttp, PARTS, partsFrom, phasesOf } from './parts.js';
import { percentile, type LoadResult } from './plan.js';
import { rateRow, type Rounds } from './rounds.js';
import { tableOf } from './table.js';

const aSecond = (value: number): { value: number; unit: string } => ({ value, unit: '/s' });
const result = (perSecond: number): LoadResult => ({
  perSecond,
  p50Ms: 1,
  p99Ms: 2,
  failures: 0,
  firstFailure: undefined,
});

describe('a row of the table', () => {
  it.each([
    [0.85, { atLeast: 0.85 }, 'pass'],
    [0.849, { atLeast: 0.85 }, 'fail'],
    [4, { atMost: 4 }, 'pass'],
    [4.01, { atMost: 4 }, 'fail'],
    [Number.NaN, { atLeast: 0 }, 'fail'],
    [Number.NaN, { atMost: 4 }, 'fail'],
    [Infinity, { atLeast: 12 }, 'fail'],
  ] as const)('%s against %o is a %s', (judged, must, verdict) => {
    expect(verdictOf(judged, must)).toBe(verdict);
  });

  it('judges the ratio that it is given, before the quotient of its two figures', () => {
    const row = { what: 'a ÷ b', figure: aSecond(900), reference: aSecond(1_000), must: { atLeast: 0.95 } };
    expect(ratioRow(row)).toMatchObject({ ratio: 0.9, verdict: 'fail' });
    expect(ratioRow({ ...row, ratio: 0.96 })).toMatchObject({ ratio: 0.96, verdict: 'pass' });
  });

  it('fails a ratio to a reference that never answered', () => {
    const row = { what: 'a ÷ b', figure: aSecond(900), reference: aSecond(0), must: { atLeast: 12 } };
    expect(ratioRow(row).verdict).toBe('fail');
  });
});

describe('the ratio of two phases', () => {
  it("is the middle of the rounds' own ratios, so one disturbed round does not decide", () => {
    const rounds: Rounds = new Map([
      ['a', [100, 10, 300].map(result)],
      ['b', [100, 100, 100].map(result)],
    ]);
    expect(rateRow(rounds, { above: 'a', below: 'b', must: { atLeast: 1 } })).toMatchObject({
      ratio: 1,
      figure: { value: 100 },
      verdict: 'pass',
    });
  });

  it('is skipped with its reason where pgbench is missing, and only there', () => {
    const rounds: Rounds = new Map([
      ['invoke', [result(1_200)]],
      ['invoke, the conventional way', [result(100)]],
    ]);
    const rows = comparisonRows(new Set(['invoke', 'conventional']), rounds, false);
    expect(rows.map(({ verdict }) => verdict)).toEqual(['skipped', 'pass']);
    expect(rows[0]?.note).toContain('pgbench');
  });
});

describe('--only', () => {
  it('runs each phase once, however many rows want it', () => {
    expect([...phasesOf(partsFrom('invoke, conventional'), true)]).toEqual([
      'invoke',
      'direct invoke',
      'invoke, the conventional way',
    ]);
    expect(phasesOf(partsFrom('latency'), true).size).toBe(0);
  });

  it('starts the common API only for parts that use it', () => {
    expect(needsHttp(partsFrom('sockets, storm, webhooks, dead-endpoint, ledger, growth, crash'))).toBe(false);
    expect(needsHttp(partsFrom('frames'))).toBe(true);
    expect(needsHttp(partsFrom('ledger, log'))).toBe(true);
  });

  it('means everything when it is absent, and names what it knows when it is misspelt', () => {
    expect([...partsFrom(undefined)]).toEqual(PARTS);
    expect(() => partsFrom('invok')).toThrow(/--only knows invoke, .*not "invok"/);
  });
});

describe('percentiles', () => {
  it('take the value below which the share lies', () => {
    const hundred = Array.from({ length: 100 }, (_, n) => n + 1);
    expect(percentile(hundred, 0.5)).toBe(51);
    expect(percentile(hundred, 0.99)).toBe(100);
    expect(percentile([7], 0.99)).toBe(7);
    expect(percentile([], 0.5)).toBeNaN();
  });
});

describe('memory', () => {
  const MB = 2 ** 20;
  const samples = (rssAt: (minute: number) => number): { atMs: number; rss: number; heapUsed: number }[] =>
    Array.from({ length: 100 }, (_, n) => ({
      atMs: n * 6_000,
      rss: rssAt(Math.floor(n / 10)) * MB,
      heapUsed: 50 * MB,
    }));

  it('is judged by its highest sample', () => {
    expect(peakRow(samples((minute) => (minute === 5 ? 401 : 300)))).toMatchObject({
      figure: { value: 401, unit: 'MB' },
      verdict: 'fail',
    });
    expect(peakRow([]).verdict).toBe('fail');
  });

  it('is flat when the last minute is as the second, whatever the first was', () => {
    expect(
      flatRow(
        samples((minute) => (minute === 0 ? 100 : 300)),
        0,
        600_000,
      ),
    ).toMatchObject({
      figure: { value: 0 },
      verdict: 'pass',
    });
    expect(
      flatRow(
        samples((minute) => 300 + 3 * minute),
        0,
        600_000,
      ).verdict,
    ).toBe('fail');
  });
});

describe('the printed table', () => {
  it('shows figure, reference, ratio, must and verdict, and says below what needs a word', () => {
    const text = tableOf([
      ratioRow({ what: 'a ÷ b', figure: aSecond(12_345), reference: aSecond(1_000), must: { atLeast: 12 } }),
      boundRow({ what: 'lost', figure: { value: 0, unit: '' }, must: { atMost: 0 } }),
      boundRow({ what: 'bytes', figure: { value: 512.25, unit: 'B' }, must: { atMost: 600 } }),
      shownRow({ what: 'told', figure: { value: 1.5, unit: 'ms' } }),
      skippedRow({ what: 'not here', must: { atLeast: 1 }, reason: 'there is no pgbench here' }),
      flatSkippedRow('takes ten minutes'),
    ]);
    expect(text.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['figure', 'reference', 'ratio', 'must', 'verdict'],
      ['a ÷ b', '12,345/s', '1,000/s', '12.35', '>= 12', 'pass'],
      ['lost', '0', '<= 0', 'pass'],
      ['bytes', '512 B', '<= 600 B', 'pass'],
      ['told', '1.50 ms', 'shown'],
      ['not here', '>= 1', 'skipped'],
      ['growth of that memory over ten minutes at peak, in %', '<= 5', 'skipped'],
      ['not here: there is no pgbench here'],
      ['growth of that memory over ten minutes at peak, in %: takes ten minutes'],
    ]);
  });
});
