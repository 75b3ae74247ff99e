import { SCHEMA_FORMATS } from './schema-formats.js';
import type { Json, JsonObject } from '#kernel';
import { isJsonObject } from './schema-json.js';
import { SCHEMA_LIMITS } from './schema-limits.js';
import { PatternRefused, compilePattern } from './schema-pattern.js';
import { expansionErrors, refTarget } from './schema-refs.js';
import type { RuleError } from './schema-limits.js';

/** Every rule the schema breaks, at most 50; an empty list means that it is within the allowed subset of 2020-12. */
export function schemaErrors(schema: Json): RuleError[] {
  // These two first, without recursion: nothing after them meets a large or deep text.
  const bounds = boundsErrors(schema);
  if (bounds.length > 0) return bounds;
  const walk = new Walk(schema);
  walk.visit(schema, '#', 1);
  if (walk.nodes > SCHEMA_LIMITS.nodes) {
    walk.errors.unshift({ pointer: '#', message: `must have at most ${SCHEMA_LIMITS.nodes} schemas within it` });
  }
  if (walk.errors.length === 0) walk.errors.push(...expansionErrors(schema));
  return walk.errors.slice(0, SCHEMA_LIMITS.errors);
}

type Rule = (value: Json, pointer: string, walk: Walk, depth: number, owner: JsonObject) => void;

class Walk {
  readonly errors: RuleError[] = [];
  readonly root: Json;
  nodes = 0;

  constructor(root: Json) {
    this.root = root;
  }

  refuse(pointer: string, message: string): void {
    this.errors.push({ pointer, message });
  }

  visit(schema: Json, pointer: string, depth: number): void {
    this.nodes += 1;
    if (this.nodes > SCHEMA_LIMITS.nodes || typeof schema === 'boolean') return;
    if (!isJsonObject(schema)) return this.refuse(pointer, 'must be a schema: an object, true or false');
    if (depth > SCHEMA_LIMITS.depth) {
      return this.refuse(pointer, `is nested deeper than ${SCHEMA_LIMITS.depth} schemas`);
    }
    for (const [name, value] of Object.entries(schema)) {
      const rule = RULES.get(name);
      const at = `${pointer}/${pointerPart(name)}`;
      if (rule !== undefined) rule(value, at, this, depth, schema);
      else if (name.startsWith('$') || name === '__proto__') this.refuse(at, 'is not allowed here');
    }
  }
}

const mustBe =
  (what: string, isRight: (value: Json) => boolean): Rule =>
  (value, pointer, walk) => {
    if (!isRight(value)) walk.refuse(pointer, `must be ${what}`);
  };

const text = mustBe('a string', (value) => typeof value === 'string');
const flag = mustBe('true or false', (value) => typeof value === 'boolean');
const number = mustBe('a finite number', (value) => typeof value === 'number' && Number.isFinite(value));
const count = mustBe(
  'a whole number from 0 to 9007199254740991',
  (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0,
);
const anything: Rule = () => undefined;

const schemaRule: Rule = (value, pointer, walk, depth) => walk.visit(value, pointer, depth + 1);

const schemaList: Rule = (value, pointer, walk, depth) => {
  if (!Array.isArray(value) || value.length === 0) return walk.refuse(pointer, 'must be a list of one or more schemas');
  value.forEach((item, index) => walk.visit(item, `${pointer}/${index}`, depth + 1));
};

const schemaMap: Rule = (value, pointer, walk, depth) => {
  if (!isJsonObject(value)) return walk.refuse(pointer, 'must be an object whose members are schemas');
  for (const [name, schema] of Object.entries(value)) {
    const at = `${pointer}/${pointerPart(name)}`;
    checkName(name, at, walk);
    walk.visit(schema, at, depth + 1);
  }
};

const patternMap: Rule = (value, pointer, walk, depth, owner) => {
  schemaMap(value, pointer, walk, depth, owner);
  if (!isJsonObject(value)) return;
  for (const source of Object.keys(value)) checkPattern(source, `${pointer}/${pointerPart(source)}`, walk);
};

const items: Rule = (value, pointer, walk, depth, owner) => {
  if (Array.isArray(value)) return walk.refuse(pointer, 'must be one schema; for a list of schemas use prefixItems');
  schemaRule(value, pointer, walk, depth, owner);
};

const names: Rule = (value, pointer, walk) => {
  if (!Array.isArray(value) || value.some((name) => typeof name !== 'string') || new Set(value).size < value.length) {
    return walk.refuse(pointer, 'must be a list of different strings');
  }
  value.forEach((name, index) => checkName(name, `${pointer}/${index}`, walk));
};

const namesMap: Rule = (value, pointer, walk, depth, owner) => {
  if (!isJsonObject(value)) return walk.refuse(pointer, 'must be an object whose members are lists of strings');
  for (const [name, list] of Object.entries(value)) {
    const at = `${pointer}/${pointerPart(name)}`;
    checkName(name, at, walk);
    names(list, at, walk, depth, owner);
  }
};

const TYPES = new Set<Json>(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']);

const type: Rule = (value, pointer, walk) => {
  const list = Array.isArray(value) ? value : [value];
  if (list.length === 0 || list.some((name) => !TYPES.has(name)) || new Set(list).size < list.length) {
    walk.refuse(pointer, 'must be one or several different of string, number, integer, boolean, object, array, null');
  }
};

const uniqueItems: Rule = (value, pointer, walk, _depth, owner) => {
  if (typeof value !== 'boolean') return walk.refuse(pointer, 'must be true or false');
  const maxItems = owner['maxItems'];
  if (value && !(typeof maxItems === 'number' && maxItems <= SCHEMA_LIMITS.uniqueItems)) {
    walk.refuse(pointer, `needs maxItems of at most ${SCHEMA_LIMITS.uniqueItems} beside it`);
  }
};

const format: Rule = (value, pointer, walk) => {
  if (typeof value === 'string' && SCHEMA_FORMATS.has(value)) return;
  walk.refuse(pointer, `must be one of ${[...SCHEMA_FORMATS.keys()].join(', ')}`);
};

const pattern: Rule = (value, pointer, walk) => {
  if (typeof value !== 'string') return walk.refuse(pointer, 'must be a string');
  checkPattern(value, pointer, walk);
};

const ref: Rule = (value, pointer, walk) => {
  if (typeof value !== 'string' || refTarget(walk.root, value) === undefined) {
    walk.refuse(pointer, 'must name a definition of this schema, as in "#/$defs/name"');
  }
};

const dialect = mustBe(
  '"https://json-schema.org/draft/2020-12/schema", or absent',
  (value) => typeof value === 'string' && /^https?:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/.test(value),
);

const gone =
  (instead: string): Rule =>
  (_value, pointer, walk) =>
    walk.refuse(pointer, `is not part of JSON Schema 2020-12; use ${instead}`);

// Words that are in no line here are annotations: kept, shown and otherwise ignored, as the standard says. Those with
// a `$` are refused: an engine may give them a meaning ($async, $data, $merge), and so are words that meant a check
// in older drafts, for their author would think that they still do.
const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...each([schemaRule], 'not', 'if', 'then', 'else', 'contains', 'additionalProperties', 'propertyNames'),
  ...each([schemaRule], 'unevaluatedItems', 'unevaluatedProperties'),
  ...each([schemaList], 'allOf', 'anyOf', 'oneOf', 'prefixItems'),
  ...each([schemaMap], 'properties', 'dependentSchemas', '$defs', 'definitions'),
  ...each([count], 'maxLength', 'minLength', 'maxItems', 'minItems', 'maxProperties', 'minProperties'),
  ...each([count], 'maxContains', 'minContains'),
  ...each([number], 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'),
  ...each([text], 'title', 'description', '$comment', 'contentEncoding', 'contentMediaType'),
  ...each([flag], 'deprecated', 'readOnly', 'writeOnly'),
  ...each([anything], 'const', 'default'),
  ['patternProperties', patternMap],
  ['items', items],
  ['required', names],
  ['dependentRequired', namesMap],
  ['type', type],
  ['multipleOf', mustBe('a number above 0', (value) => typeof value === 'number' && value > 0 && value < Infinity)],
  ['uniqueItems', uniqueItems],
  ['enum', mustBe('a list of one or more values', (value) => Array.isArray(value) && value.length > 0)],
  ['format', format],
  ['pattern', pattern],
  ['$ref', ref],
  ['$schema', dialect],
  ['examples', mustBe('a list', (value) => Array.isArray(value))],
  ['nullable', (value, ...rest) => (value === false ? undefined : gone('"type": ["…", "null"]')(value, ...rest))],
  ['dependencies', gone('dependentRequired or dependentSchemas')],
  ['additionalItems', gone('prefixItems with items')],
]);

function each([rule]: [Rule], ...words: string[]): [string, Rule][] {
  return words.map((word) => [word, rule]);
}

function checkName(name: Json, pointer: string, walk: Walk): void {
  // No member of that name can be told from an object's prototype in every engine a schema passes through.
  if (name === '__proto__') walk.refuse(pointer, 'must not be named __proto__');
}

function checkPattern(source: string, pointer: string, walk: Walk): void {
  try {
    compilePattern(source);
  } catch (error) {
    if (!(error instanceof PatternRefused)) throw error;
    walk.refuse(pointer, error.message);
  }
}

/** The rules about size alone, cheap enough for a schema of any kind. */
export function boundsErrors(schema: Json): RuleError[] {
  let level: Json[] = [schema];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > SCHEMA_LIMITS.jsonDepth) return [{ pointer: '#', message: 'is nested too deep' }];
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values<Json>(value) : []));
  }
  if (Buffer.byteLength(JSON.stringify(schema)) <= SCHEMA_LIMITS.bytes) return [];
  return [{ pointer: '#', message: `must be at most ${SCHEMA_LIMITS.bytes} bytes of JSON` }];
}

function pointerPart(name: string): string {
  const part = name.replaceAll('~', '~0').replaceAll('/', '~1');
  return part.length > 100 ? `${part.slice(0, 100)}…` : part;
}
