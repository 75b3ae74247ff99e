import { describe, expect, it } from 'vitest';
import { idOf, listOf, repeated, wholeNumber } from './command.js';

describe('arguments', () => {
  it.each(['1', '9007199254740991'])('takes %s for an id', (text) => {
    expect(idOf(text, 'a service')).toBe(Number(text));
  });

  it.each([undefined, '', '0', '-1', '1.5', '1e3', '0x10', '9007199254740992', 'seven', '../me'])(
    'refuses %j',
    (text) => {
      expect(() => idOf(text, 'a service')).toThrow('is not the id of a service');
    },
  );

  it('takes whole numbers within limits', () => {
    const percent = wholeNumber(0, 100);
    expect(percent('0')).toBe(0);
    expect(percent('100')).toBe(100);
    for (const text of ['101', '-1', '1.5', '', 'x']) expect(() => percent(text)).toThrow('from 0 to 100');
  });

  it('collects lists and repetitions', () => {
    expect(listOf('c, d,', ['a'])).toEqual(['a', 'c', 'd']);
    expect(repeated('b,c', ['a'])).toEqual(['a', 'b,c']);
  });
});
