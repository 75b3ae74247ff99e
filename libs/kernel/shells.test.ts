import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatShells, InvalidShells, parseShells, SHELLS_MAX, shellsInWords } from './shells.js';

describe('shells', () => {
  it.each([
    ['10', 1000n],
    ['10.5', 1050n],
    ['10.50', 1050n],
    [10.5, 1050n],
    [0.1, 10n],
    ['0', 0n],
    [-0, 0n],
    ['0.01', 1n],
    [1.15, 115n],
    [9_999_999_999_999.99, 999_999_999_999_999n],
    ['10000000000000', SHELLS_MAX],
  ])('reads %j', (value, cents) => {
    expect(parseShells(value)).toBe(cents);
  });

  it.each([
    '',
    ' ',
    '1.',
    '.5',
    '1.234',
    '1,5',
    '1e2',
    '+1',
    '0x1',
    '١',
    '-1',
    -0.5,
    1e21,
    1e-7,
    NaN,
    Infinity,
    0.1 + 0.2,
    '10000000000000.01',
    null,
    undefined,
    {},
    [],
    true,
    10n,
  ])('refuses %s', (value) => {
    expect(() => parseShells(value)).toThrow(InvalidShells);
  });

  it.each([
    [5000n, '50'],
    [1050n, '10.5'],
    [1n, '0.01'],
    [10n, '0.1'],
    [0n, '0'],
    [-300n, '-3'],
    [-5n, '-0.05'],
  ])('writes %s', (cents, text) => {
    expect(formatShells(cents)).toBe(text);
  });

  it('reads back every amount it writes, as text and as a number', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, SHELLS_MAX), (cents) => {
        expect(parseShells(formatShells(cents))).toBe(cents);
        expect(parseShells(Number(formatShells(cents)))).toBe(cents);
      }),
    );
  });
});

it.each([
  [100n, '1 shell'],
  [0n, '0 shells'],
  [1n, '0.01 shells'],
  [1050n, '10.5 shells'],
])('says %s hundredths as %s', (cents, words) => {
  expect(shellsInWords(cents)).toBe(words);
});
