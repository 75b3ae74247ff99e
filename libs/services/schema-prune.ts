import type { Json, JsonObject } from '#kernel';
import { isJsonObject } from './schema-json.js';
import { refTarget, SCHEMA_IN } from './schema-refs.js';

/** The schema with nothing but the words that check something. What an engine would make of other words (`$async`,
 *  `id`, a `default` that holds an `$id`) does not matter any more, and each `$ref` says `#/$defs/<number>`. */
export function prune(root: Json): JsonObject | boolean {
  const definitions = new Definitions(root);
  const pruned = pruneSchema(root, definitions);
  if (!isJsonObject(pruned)) return pruned === true;
  return { ...pruned, $defs: definitions.pruned() };
}

class Definitions {
  private readonly keys: string[] = [];
  private readonly schemas: Json[] = [];
  private readonly root: Json;

  constructor(root: Json) {
    this.root = root;
  }

  refTo(ref: string): string {
    const target = refTarget(this.root, ref);
    if (target === undefined) throw new Error(`The schema has no definition ${ref}`);
    let index = this.keys.indexOf(target.key);
    if (index < 0) {
      index = this.keys.push(target.key) - 1;
      this.schemas.push(target.schema);
    }
    return `#/$defs/${index}`;
  }

  pruned(): JsonObject {
    const result: JsonObject = {};
    // Pruning one definition may find further ones; they are appended while the loop runs.
    for (let index = 0; index < this.schemas.length; index += 1) {
      result[String(index)] = pruneSchema(this.schemas[index] ?? true, this);
    }
    return result;
  }
}

function pruneSchema(schema: Json, definitions: Definitions): Json {
  if (!isJsonObject(schema)) return schema;
  const inner = (part: Json): Json => pruneSchema(part, definitions);
  const result: JsonObject = {};
  for (const [word, value] of Object.entries(schema)) {
    if (word === '$ref' && typeof value === 'string') result[word] = definitions.refTo(value);
    else if (PLAIN.has(word)) result[word] = value;
    else if (SCHEMA_IN.one.has(word)) result[word] = inner(value);
    else if (SCHEMA_IN.list.has(word) && Array.isArray(value)) result[word] = value.map(inner);
    else if (SCHEMA_IN.map.has(word) && isJsonObject(value)) {
      result[word] = Object.fromEntries(Object.entries(value).map(([name, part]) => [name, inner(part)]));
    }
  }
  return completed(result);
}

// An `if` alone checks nothing, but what it fits counts as evaluated; Ajv would leave it out.
function completed(schema: JsonObject): JsonObject {
  if ('if' in schema && !('then' in schema)) schema['then'] = true;
  return apart(schema);
}

// Where unevaluatedProperties are about, Ajv 8.20 can throw at a patternProperties beside an anyOf: it notes evaluated
// members in a variable that only one of the branches has set. In a schema of its own the variable is its own.
function apart({ properties, patternProperties, additionalProperties, ...others }: JsonObject): JsonObject {
  const members = {
    ...(properties !== undefined && { properties }),
    ...(patternProperties !== undefined && { patternProperties }),
    ...(additionalProperties !== undefined && { additionalProperties }),
  };
  if (patternProperties === undefined) return { ...others, ...members };
  return { ...others, allOf: [...(Array.isArray(others['allOf']) ? others['allOf'] : []), members] };
}

const PLAIN = new Set([
  ...['type', 'enum', 'const', 'format', 'pattern', 'required', 'dependentRequired', 'uniqueItems', 'multipleOf'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'maxLength', 'minLength'],
  ...['maxItems', 'minItems', 'maxProperties', 'minProperties', 'maxContains', 'minContains'],
]);
