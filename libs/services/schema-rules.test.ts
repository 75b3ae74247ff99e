import { describe, expect, it } from 'vitest';
import type { Json } from '#kernel';
import { schemaErrors } from './schema-rules.js';

const pointers = (schema: Json): string[] => schemaErrors(schema).map((error) => error.pointer);
const nest = (levels: number): Json => (levels <= 1 ? {} : { properties: { a: nest(levels - 1) } });
const many = (count: number): Json => ({
  properties: Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, { type: 'string' }])),
});
/** JSON.parse makes an own member of that name, as a request's body would. */
const withProto = (text: string): Json => JSON.parse(text.replaceAll('PROTO', '__proto__')) as Json;

describe('a published schema', () => {
  it.each<[string, Json]>([
    ['true', true],
    ['an empty object', {}],
    ['the 2020-12 dialect', { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' }],
    ['annotations and unknown words', { title: 'a', 'x-order': 3, example: { $id: 'x' }, default: { $ref: '#' } }],
    ['references to definitions', { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b~1c' }, 'b/c': {} } }],
    ['the older word definitions', { items: { $ref: '#/definitions/a' }, definitions: { a: { type: 'null' } } }],
    ['members named like words', { properties: { $ref: {}, $id: {}, $data: {}, items: {}, constructor: {} } }],
    ['unique items with a bound', { uniqueItems: true, maxItems: 256 }],
    ['a large exponent of no harm', { maximum: 1e308 }],
    ['sixteen levels', nest(16)],
    ['500 schemas', many(499)],
    ['patterns', { pattern: '^\\p{Lu}[\\w.-]{1,30}\\u00e9$', patternProperties: { '^x-': {} } }],
    ['catastrophic patterns, for they run in linear time', { pattern: '(a+)+$' }],
    ['nullable: false', { nullable: false }],
  ])('may have %s', (_name, schema) => {
    expect(schemaErrors(schema)).toEqual([]);
  });

  it.each<[string, Json, string]>([
    ['text', 'string', '#'],
    ['a list', [], '#'],
    ['a remote reference', { items: { $ref: 'https://example.com/schema.json' } }, '#/items/$ref'],
    ['a reference to a file', { $ref: 'file:///etc/passwd' }, '#/$ref'],
    ['a reference to itself', { properties: { a: { $ref: '#' } } }, '#/properties/a/$ref'],
    [
      'a reference outside definitions',
      { properties: { a: {}, b: { $ref: '#/properties/a' } } },
      '#/properties/b/$ref',
    ],
    ['a reference to nothing', { $ref: '#/$defs/none' }, '#/$ref'],
    ["a reference to an object's own methods", { $ref: '#/$defs/toString', $defs: {} }, '#/$ref'],
    ['a broken escape in a reference', { $ref: '#/$defs/%zz', $defs: {} }, '#/$ref'],
    ['a recursive definition', { $defs: { a: { items: { $ref: '#/$defs/a' } } } }, '#/$defs/a'],
    ['$id', { $id: 'https://example.com/x' }, '#/$id'],
    ['$id inside', { items: { $id: 'x' } }, '#/items/$id'],
    ['$anchor', { $anchor: 'a' }, '#/$anchor'],
    ['$dynamicRef', { $dynamicRef: '#a' }, '#/$dynamicRef'],
    ['$dynamicAnchor', { $dynamicAnchor: 'a' }, '#/$dynamicAnchor'],
    ['$recursiveRef', { $recursiveRef: '#' }, '#/$recursiveRef'],
    ['$vocabulary', { $vocabulary: {} }, '#/$vocabulary'],
    ['$async', { $async: true }, '#/$async'],
    ['$merge', { $merge: {} }, '#/$merge'],
    ['$data as a limit', { maximum: { $data: '1/a' } }, '#/maximum'],
    ['another dialect', { $schema: 'http://json-schema.org/draft-07/schema#' }, '#/$schema'],
    ['seventeen levels', nest(17), `#${'/properties/a'.repeat(16)}`],
    ['501 schemas', many(500), '#'],
    ['33 KB', { description: 'x'.repeat(33 * 1024) }, '#'],
    ['a deep default', { default: JSON.parse('['.repeat(5_000) + ']'.repeat(5_000)) as Json }, '#'],
    ['unique items without a bound', { uniqueItems: true }, '#/uniqueItems'],
    ['unique items with a high bound', { uniqueItems: true, maxItems: 257 }, '#/uniqueItems'],
    ['look-ahead', { pattern: '(?=a)b' }, '#/pattern'],
    ['a back-reference', { pattern: '(a)\\1' }, '#/pattern'],
    ['a broken pattern', { patternProperties: { '(': {} } }, '#/patternProperties/('],
    ['a long pattern', { pattern: 'a'.repeat(257) }, '#/pattern'],
    ['a pattern that unfolds', { pattern: '(\\pL|\\pN){1000}' }, '#/pattern'],
    ['an unknown format', { format: 'evil' }, '#/format'],
    ['the format regex, which would compile on V8', { format: 'regex' }, '#/format'],
    ["a format named like an object's method", { format: 'constructor' }, '#/format'],
    ['a length that is no whole number', { maxLength: 1.5 }, '#/maxLength'],
    ['a length of 1e308', { maxLength: 1e308 }, '#/maxLength'],
    ['a negative length', { minItems: -1 }, '#/minItems'],
    ['a limit beyond all numbers', { minimum: Infinity }, '#/minimum'],
    ['multipleOf 0', { multipleOf: 0 }, '#/multipleOf'],
    ['a type of no kind', { type: 'any' }, '#/type'],
    ['an empty list of types', { type: [] }, '#/type'],
    ['required of a wrong kind', { required: true }, '#/required'],
    ['required twice', { required: ['a', 'a'] }, '#/required'],
    ['no value allowed', { enum: [] }, '#/enum'],
    ['an empty anyOf', { anyOf: [] }, '#/anyOf'],
    ['items as a list', { items: [{}] }, '#/items'],
    ['draft-04 bounds', { exclusiveMinimum: true }, '#/exclusiveMinimum'],
    ['nullable: true', { nullable: true }, '#/nullable'],
    ['dependencies', { dependencies: {} }, '#/dependencies'],
    ['a title of a wrong kind', { title: 1 }, '#/title'],
    ['__proto__ as a property', withProto('{"properties": {"PROTO": {"type": "string"}}}'), '#/properties/__proto__'],
    ['__proto__ as a word', withProto('{"PROTO": {"type": "string"}}'), '#/__proto__'],
    ['__proto__ as required', { required: ['__proto__'] }, '#/required/0'],
    ['__proto__ as a definition', withProto('{"$defs": {"PROTO": {}}}'), '#/$defs/__proto__'],
  ])('may not have %s', (_name, schema, pointer) => {
    expect(pointers(schema)).toContain(pointer);
  });

  it('hears of all its errors at once, each with its pointer', () => {
    const schema = { type: 'text', properties: { 'a/b': { minLength: -1 }, c: { $id: 'x', pattern: '(' } } };
    expect(pointers(schema)).toEqual([
      '#/type',
      '#/properties/a~1b/minLength',
      '#/properties/c/$id',
      '#/properties/c/pattern',
    ]);
  });

  it('hears of 50 errors at most', () => {
    expect(schemaErrors({ allOf: Array.from({ length: 400 }, () => ({ type: 'x' })) })).toHaveLength(50);
  });

  it('may not multiply through its references', () => {
    const names = Array.from({ length: 30 }, (_, i) => `d${i}`);
    const bomb = (word: string): Json => ({
      $ref: '#/$defs/d0',
      $defs: Object.fromEntries(
        names.map((name, i) => [
          name,
          i === 29 ? {} : { [word]: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] },
        ]),
      ),
    });
    for (const word of ['anyOf', 'allOf', 'oneOf', 'prefixItems']) {
      expect(schemaErrors(bomb(word))).toEqual([
        { pointer: '#', message: 'must have at most 2000 schemas once each $ref is followed' },
      ]);
    }
  });

  it('may not grow deep through its references', () => {
    const chain = Object.fromEntries(
      Array.from({ length: 100 }, (_, i) => [`d${i}`, i === 99 ? {} : { not: { $ref: `#/$defs/d${i + 1}` } }]),
    );
    expect(schemaErrors({ $ref: '#/$defs/d0', $defs: chain })).toEqual([
      { pointer: '#', message: 'must be nested at most 48 deep once each $ref is followed' },
    ]);
  });

  it('may not lead back to itself over several definitions', () => {
    const $defs = { a: { not: { $ref: '#/$defs/b' } }, b: { items: { $ref: '#/$defs/c' } }, c: { $ref: '#/$defs/a' } };
    expect(schemaErrors({ $ref: '#/$defs/a', $defs })[0]?.message).toBe('must not lead back to itself through $ref');
  });
});
