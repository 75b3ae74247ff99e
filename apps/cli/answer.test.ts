import { describe, expect, it } from 'vitest';
import { duration, listLines, named, rating, rowOf, rowsOf, shells, textOf, time } from './answer.js';

describe('what the API said, for people', () => {
  it.each([
    ['1', '1 shell'],
    ['2.50', '2.5 shells'],
    [10, '10 shells'],
    ['-3.25', '-3.25 shells'],
    ['', undefined],
    [null, undefined],
  ])('writes the amount %j as %j', (amount, text) => {
    expect(shells(amount)).toBe(text);
  });

  it.each([
    [800, '800 ms'],
    [2_500, '2.5 s'],
    [90_000, '1.5 min'],
    [7_200_000, '2 h'],
    [null, undefined],
  ])('writes the duration %j as %j', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  it('writes times, ratings and names', () => {
    expect(time('2026-01-05T10:00:02.500Z')).toBe('2026-01-05 10:00:02Z');
    expect(time('soon')).toBe('soon');
    expect(rating(4.4444)).toBe('4.4');
    expect(rating(0)).toBeUndefined();
    expect(named({ title: 'Words', id: 7 }, 'title', 'id')).toBe('Words (7)');
    expect(named({ id: 7 }, 'title', 'id')).toBe('7');
  });

  it('takes whatever comes without failing', () => {
    expect(rowOf([1])).toEqual({});
    expect(rowsOf({ list: 'x' }, 'list')).toEqual([]);
    expect(textOf(null, 'x')).toBeUndefined();
  });

  it('says where in a list one is', () => {
    const shape = [{ title: 'ID', value: (row: Readonly<Record<string, unknown>>) => row['id'] }];
    const last = (data: object, rows: object[]): string | undefined => listLines(shape, rows.map(rowOf), data).at(-1);
    expect(last({ total: 21, page: 2, limit: 9 }, [{ id: 1 }])).toBe('Page 2 of 3, 21 in all.');
    expect(last({ total: 1, page: 1, limit: 9 }, [{ id: 1 }])).toBe('1 in all.');
    expect(last({ total: 5, page: 9, limit: 9 }, [])).toBe('None on this page, 5 in all.');
    expect(last({ total: 0 }, [])).toBe('None.');
    expect(last({}, [{ id: 1 }])).toBe('1 in all.');
  });
});
