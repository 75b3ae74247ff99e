import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, fingerprint } from './canonical-json.js';
import type { Json } from './json.js';

describe('canonicalJson', () => {
  it('does not depend on the order of keys or on blanks', () => {
    expect(canonicalJson({ b: 1, a: [{ d: null, c: 'x' }] })).toBe('{"a":[{"c":"x","d":null}],"b":1}');
    expect(canonicalJson(JSON.parse('{ "2": 1, "10": 2 }') as Json)).toBe('{"10":2,"2":1}');
  });

  it('means the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = JSON.parse(JSON.stringify(value)) as Json;
        expect(JSON.parse(canonicalJson(json))).toEqual(json);
      }),
    );
  });
});

describe('fingerprint', () => {
  it('keeps parts apart', () => {
    const prints = [
      ['ab', 'c'],
      ['a', 'bc'],
      ['abc'],
      ['abc', ''],
      ['abc', undefined],
      ['', 'abc'],
      ['1:a'],
      ['a', '1:b'],
      ['a1:b'],
    ];
    expect(new Set(prints.map((parts) => fingerprint(parts).toString('hex'))).size).toBe(prints.length);
  });

  it('has 32 bytes and is the same each time', () => {
    expect(fingerprint(['invoke', 5n, undefined])).toHaveLength(32);
    expect(fingerprint(['invoke', 5n]).equals(fingerprint(['invoke', 5n]))).toBe(true);
  });
});
