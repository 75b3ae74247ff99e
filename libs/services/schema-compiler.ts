import { Ajv2020, _, type ErrorObject, type KeywordErrorDefinition } from 'ajv/dist/2020.js';
import type { Json } from '#kernel';
import { SCHEMA_FORMATS } from './schema-formats.js';
import { equalityKey } from './schema-json.js';
import { compilePattern } from './schema-pattern.js';
import { prune } from './schema-prune.js';

/** Compiled once, it tells what is wrong with a value: everything, or only the first thing found. */
export type Validator = (value: Json) => ErrorObject[];

/** Compiles a schema that the rules have accepted, with an Ajv of its own: nothing is shared between two schemas. Only
 *  the search for all errors gives a verdict. What the search for the first finds is true, but it overlooks some:
 *  {required: [""]} takes {}, and {prefixItems: [{type: "string"}], contains: {}} takes [] (Ajv 8.20). */
export function compileSchema(schema: Json, find: 'all' | 'first'): Validator {
  const ajv = new Ajv2020({
    allErrors: find === 'all',
    // The rules have judged each word and prune() leaves no other: strict mode would only refuse what is right by the
    // standard but odd, and Ajv's own meta-schemas would only cost their compilation.
    strict: false,
    strictNumbers: true,
    meta: false,
    validateSchema: false,
    addUsedSchema: false,
    // With `required: ["toString"]` a name of Object.prototype is no member.
    ownProperties: true,
    // 19.99 is a multiple of 0.01, although 19.99 / 0.01 is not quite a whole number.
    multipleOfPrecision: 8,
    // A definition stays one function however often it is named, so the code grows with the text only.
    inlineRefs: false,
    logger: false,
    // Ajv's optimiser doubles the time to compile and gains little: V8 optimises what runs often.
    code: { optimize: false, regExp: patternEngine },
  });
  for (const [name, format] of SCHEMA_FORMATS) {
    if (format.type === 'number') ajv.addFormat(name, format);
    else ajv.addFormat(name, format);
  }
  replaceEquality(ajv);
  const pruned = prune(schema);
  // Keeping book of what was evaluated costs time and code, and most schemas do not ask for it.
  ajv.opts.unevaluated = /"unevaluated(?:Items|Properties)"/.test(JSON.stringify(pruned));
  const validate = ajv.compile(pruned);
  return (value) => (validate(value) === true ? [] : [...(validate.errors ?? [])]);
}

// Ajv asks for `code` to print standalone modules, which we do not.
const patternEngine = Object.assign((source: string) => compilePattern(source), { code: 'compilePattern' });

// Ajv's own comparison calls `valueOf` and `toString` members of the value, so {"valueOf": 1} made it throw, and its
// `uniqueItems` compares each pair of items. These three need one pass.
function replaceEquality(ajv: Ajv2020): void {
  for (const word of ['enum', 'const', 'uniqueItems']) ajv.removeKeyword(word);
  ajv.addKeyword({ keyword: 'enum', schemaType: 'array', compile: isOneOf, error: allowedError });
  ajv.addKeyword({ keyword: 'const', compile: (value: Json) => isOneOf([value]), error: allowedError });
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    compile: (isUnique: boolean) => (items: Json[]) => !isUnique || new Set(items.map(itemKey)).size === items.length,
  });
}

// schema-errors.ts writes the message; it needs the values.
const allowedError: KeywordErrorDefinition = {
  message: 'is not allowed',
  params: ({ schemaCode }) => _`{allowed: ${schemaCode}}`,
};

function isOneOf(values: Json[]): (value: Json) => boolean {
  const keys = new Set(values.map(itemKey));
  const hasComposite = values.some((value) => typeof value === 'object' && value !== null);
  return (value) => (typeof value === 'object' && value !== null ? hasComposite : true) && keys.has(itemKey(value));
}

function itemKey(value: Json): string {
  return typeof value === 'string' ? `"${value}` : equalityKey(value);
}
