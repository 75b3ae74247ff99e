import type { Json, JsonObject } from '#kernel';
import { isJsonObject } from './schema-json.js';
import { SCHEMA_LIMITS } from './schema-limits.js';
import type { RuleError } from './schema-limits.js';

/** The definition a `$ref` names and its key (`$defs/name`), or undefined when it is none of the root schema's own. */
export function refTarget(root: Json, ref: string): { key: string; schema: Json } | undefined {
  const [, section, encoded] = /^#\/(\$defs|definitions)\/([^/]{1,300})$/.exec(ref) ?? [];
  if (section === undefined || encoded === undefined || !isJsonObject(root)) return undefined;
  const name = decodePointerPart(encoded);
  const definitions = root[section];
  if (name === undefined || !isJsonObject(definitions) || !Object.hasOwn(definitions, name)) return undefined;
  const schema = definitions[name];
  return schema === undefined ? undefined : { key: `${section}/${name}`, schema };
}

/** The schemas directly within a schema, each once. `$defs` are left out: they count where a `$ref` names them. */
export function subschemas(schema: JsonObject): Json[] {
  return Object.entries(schema).flatMap(([word, value]) => {
    if (SCHEMA_IN.one.has(word)) return [value];
    if (SCHEMA_IN.list.has(word) && Array.isArray(value)) return [...value];
    if (SCHEMA_IN.map.has(word) && isJsonObject(value)) return Object.values(value);
    return [];
  });
}

/** What checking one value node costs at most: the schema with every `$ref` replaced by its target. */
export interface Expansion {
  nodes: number;
  depth: number;
}

/** Refuses definitions that lead back to themselves and those that multiply beyond the bound. */
export function expansionErrors(root: Json): RuleError[] {
  const sizes = new Map<string, Expansion | 'open'>();
  const start: [string, Json][] = [['#', root]];
  for (const section of ['$defs', 'definitions']) {
    const definitions = isJsonObject(root) ? root[section] : undefined;
    if (!isJsonObject(definitions)) continue;
    for (const [name, schema] of Object.entries(definitions)) start.push([`#/${section}/${name}`, schema]);
  }
  for (const [pointer, schema] of start) {
    const size = expand(root, schema, sizes);
    if (size === 'recursive') return [{ pointer, message: 'must not lead back to itself through $ref' }];
    if (size.nodes > SCHEMA_LIMITS.expandedNodes) {
      return [
        { pointer, message: `must have at most ${SCHEMA_LIMITS.expandedNodes} schemas once each $ref is followed` },
      ];
    }
    if (size.depth > SCHEMA_LIMITS.expandedDepth) {
      return [
        { pointer, message: `must be nested at most ${SCHEMA_LIMITS.expandedDepth} deep once each $ref is followed` },
      ];
    }
  }
  return [];
}

/** The expansion of an accepted schema. */
export function expansion(root: Json): Expansion {
  const size = expand(root, root, new Map());
  if (size === 'recursive') throw new Error('The schema leads back to itself');
  return size;
}

// Each definition is measured once and remembered, so this is linear in the text while the sum may be astronomical.
function expand(root: Json, schema: Json, sizes: Map<string, Expansion | 'open'>): Expansion | 'recursive' {
  const size = { nodes: 1, depth: 1 };
  if (!isJsonObject(schema)) return size;
  const parts = subschemas(schema).map((part) => () => expand(root, part, sizes));
  const target = typeof schema['$ref'] === 'string' ? refTarget(root, schema['$ref']) : undefined;
  if (target !== undefined) parts.push(() => expandDefinition(root, target, sizes));
  for (const part of parts) {
    const partSize = part();
    if (partSize === 'recursive') return partSize;
    size.nodes += partSize.nodes;
    size.depth = Math.max(size.depth, partSize.depth + 1);
  }
  return size;
}

function expandDefinition(
  root: Json,
  target: { key: string; schema: Json },
  sizes: Map<string, Expansion | 'open'>,
): Expansion | 'recursive' {
  const known = sizes.get(target.key);
  if (known === 'open') return 'recursive';
  if (known !== undefined) return known;
  sizes.set(target.key, 'open');
  const size = expand(root, target.schema, sizes);
  if (size !== 'recursive') sizes.set(target.key, size);
  return size;
}

/** Words whose value is one schema, a list of schemas, a map of schemas. */
export const SCHEMA_IN = {
  one: new Set([
    ...['not', 'if', 'then', 'else', 'items', 'contains', 'additionalProperties', 'propertyNames'],
    ...['unevaluatedItems', 'unevaluatedProperties'],
  ]),
  list: new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']),
  map: new Set(['properties', 'patternProperties', 'dependentSchemas']),
};

function decodePointerPart(part: string): string | undefined {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return undefined;
  }
}
