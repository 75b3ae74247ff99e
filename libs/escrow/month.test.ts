import { describe, expect, it } from 'vitest';
import { monthAfter, monthAt, monthFrom } from './month.js';

describe('a month', () => {
  it.each([
    ['2026-10', '2026-10-01T00:00:00.000Z', '2026-11-01T00:00:00.000Z'],
    ['2026-12', '2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
    ['2028-02', '2028-02-01T00:00:00.000Z', '2028-03-01T00:00:00.000Z'],
    ['0099-12', '0099-12-01T00:00:00.000Z', '0100-01-01T00:00:00.000Z'],
  ])('%s goes from %s until %s', (name, start, end) => {
    const month = monthFrom(name);
    expect(month).toEqual({ name, start: new Date(start), end: new Date(end) });
  });

  it.each(['2026-13', '2026-00', '26-1', '2026-1', '9999-99', '2026-10-01', '+2026-10', '2026-10 ', '２０２６-10', ''])(
    'is not "%s"',
    (name) => {
      expect(monthFrom(name)).toBeUndefined();
    },
  );

  it('holds its first instant and not its end', () => {
    expect(monthAt(new Date('2026-10-01T00:00:00.000Z')).name).toBe('2026-10');
    expect(monthAt(new Date('2026-10-31T23:59:59.999Z')).name).toBe('2026-10');
    expect(monthAfter(monthAt(new Date('2026-12-31T23:59:59.999Z'))).name).toBe('2027-01');
  });
});
