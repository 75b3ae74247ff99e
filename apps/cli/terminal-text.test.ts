import { describe, expect, it } from 'vitest';
import { columns, fit, padEnd, padStart, safeJson, safeLines, safeText } from './terminal-text.js';

describe('text from strangers', () => {
  it.each([
    ['\u001b[31mred\u001b[0m', '\\u001b[31mred\\u001b[0m'],
    ['\u001b]0;owned\u0007', '\\u001b]0;owned\\u0007'],
    ['\u009b31m', '\\u009b31m'],
    ['a\rb\nc\td', 'a b c d'],
    ['abc\u202edcba', 'abc\\u202edcba'],
    ['zero\u200bwidth', 'zero\\u200bwidth'],
    ['贝壳 ok', '贝壳 ok'],
    [12.5, '12.5'],
    [undefined, ''],
    [{ a: 1 }, '{"a":1}'],
  ])('shows %j harmlessly', (raw, shown) => {
    expect(safeText(raw)).toBe(shown);
  });

  it('keeps the lines of a long text', () => {
    expect(safeLines('one\r\ntwo\n\u001bthree')).toEqual(['one', 'two', '\\u001bthree']);
  });

  it('escapes in JSON what a terminal would obey, and keeps the value', () => {
    const value = { text: '\u009b31m \u202e \u007f \u001b[2J', 名: '值' };
    const printed = safeJson(value);
    expect(printed).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
    expect(JSON.parse(printed)).toEqual(value);
  });
});

describe('columns', () => {
  it('counts wide characters twice and marks not at all', () => {
    expect(columns('abc')).toBe(3);
    expect(columns('贝壳')).toBe(4);
    expect(columns('e\u0301')).toBe(1);
  });

  it('pads and cuts by columns', () => {
    expect(padEnd('贝', 4)).toBe('贝  ');
    expect(padStart('7', 3)).toBe('  7');
    expect(fit('贝壳贝壳', 5)).toBe('贝壳…');
    expect(fit('short', 5)).toBe('short');
  });
});
