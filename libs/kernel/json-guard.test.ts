import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedJson, parseGuarded, UnsafeJson } from './json-guard.js';

function pathsOf(text: string): string[] {
  try {
    parseGuarded(text);
  } catch (error) {
    if (error instanceof UnsafeJson) return error.errors.map(({ field }) => field);
    throw error;
  }
  return [];
}

describe('parseGuarded', () => {
  it('reads what JSON.parse reads', () => {
    const isSafe = (value: unknown): boolean => pathsOf(JSON.stringify(value)).length === 0;
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8, noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value);
        if (isSafe(value)) expect(parseGuarded(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ['1e400', ['']],
    ['-1e400', ['']],
    ['[1,9007199254740992]', ['[1]']],
    ['{"a":9007199254740993,"b":-9007199254740993,"c":[1e16,9007199254740991]}', ['a', 'b', 'c[0]']],
    ['9007199254740991.9', ['']],
    ['"\\u0000"', ['']],
    ['"\\\\u0000"', []],
    ['"\\ud800"', ['']],
    ['"\\uDC00\\uD800"', ['']],
    ['"\\ud83d\\ude00"', []],
    ['"\ud800"', ['']],
    ['{"\ud800":1}', ['\ufffd']],
    ['{"a\\u0000":1}', ['a\ufffd']],
    ['{"__proto__":1}', ['__proto__']],
    ['{"\\u005f_proto__":1}', ['__proto__']],
    ['{"__\\u0070roto__":1}', ['__proto__']],
    ['{"__pr\\u006fto__":1}', ['__proto__']],
    ['{"__p\\u0072o\\u0074o__":{"x":1e999}}', ['__proto__', '__proto__.x']],
    ['{"x":"__proto__","constructor":{"prototype":1}}', []],
    ['9007199254740991', []],
    ['-9007199254740991', []],
    ['1e-400', []],
    ['12345678901234.5678', []],
    ['"1e400 99999999999999999999"', []],
    ['{"a\\"":1e400}', ['a"']],
    ['{"a":1,"a":2}', ['a']],
    ['{"a":1,"a":1,"a":1}', ['a', 'a']],
    ['{"a":1,"\\u0061":2}', ['a']],
    ['{"":1,"":2}', ['']],
    ['[{"a":1},{"a":1}]', []],
    ['{"a":{"a":{"a":1}},"b":{"a":[]}}', []],
    ['{"a":":,{}[]","b":"a","c":"a"}', []],
    ['{"a":[0,{"b":{},"c":[[{"d":1},{"d":1 , "d":{}}]],"b":[]}],"a":null}', ['a[1].c[0][1].d', 'a[1].b', 'a']],
    ['{"__proto__":1,"__proto__":2}', ['__proto__']],
    ['{"1":1,"01":2,"1":3}', ['1']],
  ])('names the wrong paths of %j', (text, paths) => {
    expect(pathsOf(text)).toEqual(paths);
  });

  it('finds a doubled name wherever it stands', () => {
    const member = fc.tuple(fc.string(), fc.jsonValue({ maxDepth: 3 }));
    fc.assert(
      fc.property(fc.uniqueArray(member, { selector: ([name]) => name, minLength: 1 }), fc.nat(), (members, at) => {
        const texts = members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
        const again = texts[at % texts.length] ?? '';
        const isSafe = pathsOf(`{${texts.join(',')}}`).length === 0;
        if (isSafe) expect(pathsOf(`{${[...texts, again].join(',')}}`)).toHaveLength(1);
      }),
    );
  });

  it('takes 32 levels and not 33', () => {
    expect(() => parseGuarded('['.repeat(32) + ']'.repeat(32))).not.toThrow();
    expect(() => parseGuarded('['.repeat(33) + ']'.repeat(33))).toThrow(MalformedJson);
    expect(() => parseGuarded('{"a":'.repeat(32) + '1' + '}'.repeat(32))).not.toThrow();
    expect(() => parseGuarded('{"a":'.repeat(33) + '1' + '}'.repeat(33))).toThrow(MalformedJson);
  });

  it('does not count brackets in texts', () => {
    const text = JSON.stringify({ a: '['.repeat(100), 'b{{\\"[': `\\"${'{'.repeat(100)}\\\\`, c: [1] });
    expect(parseGuarded(text)).toEqual(JSON.parse(text));
  });

  it.each([
    '',
    ' ',
    '{',
    '"',
    '"\\',
    '[1,]',
    '{"a":1,}',
    '01',
    '+1',
    '.5',
    'NaN',
    'undefined',
    '1 2',
    ']'.repeat(100),
    '"\n"',
  ])('refuses %j as malformed, without quoting it', (text) => {
    expect(() => parseGuarded(text)).toThrow(MalformedJson);
  });

  it('answers a flood of wrong values with a bounded list', () => {
    expect(pathsOf(`[${'1e400,'.repeat(5_000)}1]`)).toHaveLength(100);
    const [path] = pathsOf(`{"${'k'.repeat(5_000)}":1e400}`);
    expect(path?.length).toBeLessThan(300);
  });

  it('takes linear time for hostile backslashes', () => {
    const text = `"${'\\\\'.repeat(60_000)}${'\\"'.repeat(60_000)}"`;
    const start = performance.now();
    parseGuarded(text);
    expect(performance.now() - start).toBeLessThan(500);
  });
});
