import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { Json } from '#kernel';
import { compileSchema } from './schema-compiler.js';
import { SchemaGuard } from './schema-guard.js';
import { schemaErrors } from './schema-rules.js';

const guard = new SchemaGuard();
afterAll(() => guard.close());

const NAMES = ['a', 'b', 'c/d', 'e~f', '', '0', 'toString', 'constructor', 'valueOf', '$ref', '$id', "it's", '"]);('];
const name = fc.constantFrom(...NAMES);
const plainName = fc.constantFrom('a', 'b', 'toString');

const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.constantFrom<Json>(null, true, false, 0, -1, 1, 2, 1.5, 1e300, '', 'a', 'aaaa!', '2025-01-01', 'é😀'),
    fc.array(tie('json'), { maxLength: 4 }),
    fc.dictionary(name, tie('json'), { maxKeys: 4, noNullPrototype: true }) as fc.Arbitrary<Json>,
  ),
}));

const count = fc.constantFrom<Json>(0, 1, 2, 3);
const limit = fc.constantFrom<Json>(-1, 0, 1, 1.5, 1e308);
const type = fc.constantFrom<Json>('string', 'number', 'integer', 'object', 'array', 'null', 'boolean', [
  'object',
  'array',
]);
const nameLists = fc.uniqueArray(name, { maxLength: 3 });

function schemaOf(part: fc.Arbitrary<Json>): fc.Arbitrary<Json> {
  const parts = fc.array(part, { minLength: 1, maxLength: 3 });
  const map = fc.dictionary(name, part, { maxKeys: 3, noNullPrototype: true }) as fc.Arbitrary<Json>;
  const words: Record<string, fc.Arbitrary<Json>> = {
    type,
    enum: fc.array(json, { minLength: 1, maxLength: 3 }),
    const: json,
    ...group(['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'], count),
    ...group(['minContains', 'maxContains'], count),
    ...group(['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'], limit),
    multipleOf: fc.constantFrom<Json>(1, 2, 0.5),
    required: nameLists,
    dependentRequired: fc.dictionary(plainName, nameLists, { maxKeys: 2, noNullPrototype: true }),
    pattern: fc.constantFrom<Json>('^a', '(a+)+$', '[^a]', '\\d'),
    patternProperties: fc.dictionary(fc.constantFrom('^a', '.', 't$'), part, {
      maxKeys: 2,
      noNullPrototype: true,
    }),
    uniqueItems: fc.boolean(),
    ...group(['properties', 'dependentSchemas'], map),
    ...group(['allOf', 'anyOf', 'oneOf', 'prefixItems'], parts),
    ...group(['not', 'if', 'then', 'else', 'items', 'contains', 'additionalProperties', 'propertyNames'], part),
    ...group(['unevaluatedItems', 'unevaluatedProperties'], part),
    title: fc.constantFrom<Json>('x'),
    default: json,
    'x-note': json,
    $ref: fc.constantFrom<Json>('#/$defs/a', '#/$defs/c~1d', '#/$defs/e~0f', '#/$defs/toString'),
  };
  return fc.uniqueArray(fc.constantFrom(...Object.keys(words)), { maxLength: 4 }).chain(
    (chosen) =>
      fc.record(Object.fromEntries(chosen.map((word) => [word, words[word] ?? json])), {
        noNullPrototype: true,
      }) as fc.Arbitrary<Json>,
  );
}

function group(words: string[], value: fc.Arbitrary<Json>): Record<string, fc.Arbitrary<Json>> {
  return Object.fromEntries(words.map((word) => [word, value]));
}

const leaf = fc.oneof(fc.boolean(), schemaOf(fc.boolean()));
const branch = schemaOf(schemaOf(leaf));
const $defs = fc.dictionary(name, leaf, { maxKeys: 4, noNullPrototype: true }) as fc.Arbitrary<Json>;
const schema = fc
  .tuple(branch, $defs)
  .map(([root, definitions]): Json => ({ ...(root as object), $defs: definitions }));
const accepted = schema.filter((candidate) => schemaErrors(candidate).length === 0);

describe('every schema that the rules accept', { timeout: 60_000 }, () => {
  it('is right by the meta-schema of 2020-12', () => {
    const meta = new Ajv2020({ strict: false });
    fc.assert(
      fc.property(accepted, (candidate) => meta.validateSchema(candidate as object) === true),
      { numRuns: 80 },
    );
  });

  it('judges values as an ordinary Ajv does, and its first error is one of all', () => {
    fc.assert(
      fc.property(accepted, fc.array(json, { minLength: 1, maxLength: 6 }), (candidate, values) => {
        const plain = new Ajv2020({ strict: false, allErrors: true, ownProperties: true, multipleOfPrecision: 8 });
        const isRight = verdict(() => plain.compile(candidate as object));
        fc.pre(isRight !== 'throws');
        const [all, first] = [compileSchema(candidate, 'all'), compileSchema(candidate, 'first')];
        for (const value of values) {
          const expected = verdict(() => isRight(value) === true);
          if (expected === 'throws') continue;
          expect(all(value).length === 0).toBe(expected);
          if (first(value).length > 0) expect(expected).toBe(false);
        }
      }),
      { numRuns: 80 },
    );
  });

  it('answers any value with at most 50 errors, never throws and never blocks', async () => {
    await fc.assert(
      fc.asyncProperty(accepted, json, async (candidate, value) => {
        expect(await guard.check(candidate)).toEqual([]);
        const startedAt = process.cpuUsage();
        const answer = guard.validate(candidate, null, value);
        const used = process.cpuUsage(startedAt);
        // The promise is 50 ms; the process's time includes that of its threads and of the compiler's helpers.
        expect((used.user + used.system) / 1_000).toBeLessThan(250);
        const errors = await answer;
        expect(errors.length).toBeLessThanOrEqual(50);
        expect(errors.every((error) => error.field.startsWith('input') && error.code !== 'NOT_CHECKED')).toBe(true);
      }),
      { numRuns: 80 },
    );
  });
});

it('no JSON at all makes the check of a schema throw', { timeout: 60_000 }, async () => {
  const words = fc.constantFrom('type', 'items', '$ref', '$defs', 'required', 'pattern', 'enum', 'properties', 'allOf');
  const anyJson = fc.dictionary(words, fc.oneof(json, fc.dictionary(words, json)), { noNullPrototype: true });
  await fc.assert(
    fc.asyncProperty(anyJson as fc.Arbitrary<Json>, async (candidate) => {
      const errors = await guard.check(candidate);
      expect(errors.length).toBeLessThanOrEqual(50);
      expect(errors.length === 0).toBe(schemaErrors(candidate).length === 0);
    }),
    { numRuns: 100 },
  );
});

// The ordinary Ajv does at times: it reads the name of a definition as its $id, and calls a value's `valueOf` member.
function verdict<T>(judge: () => T): T | 'throws' {
  try {
    return judge();
  } catch {
    return 'throws';
  }
}
