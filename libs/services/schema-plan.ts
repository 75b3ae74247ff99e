import type { Json } from '#kernel';
import { isJsonObject } from './schema-json.js';
import { MAIN_THREAD_LIMITS as MAIN } from './schema-limits.js';
import { expansion, refTarget, subschemas } from './schema-refs.js';

/** What checking a value against an accepted schema costs: `steps` for each node of the value, `patterns` for each character. */
export interface Plan {
  isSimple: boolean;
  steps: number;
  patterns: number;
}

/** Judges a schema once, before any value is seen. Only simple schemas are ever compiled or run on the main thread. */
export function planOf(schema: Json): Plan {
  const plan: Plan = { isSimple: expansion(schema).nodes <= MAIN.expandedNodes, steps: 1, patterns: 0 };
  if (plan.isSimple) weigh(schema, schema, false, plan);
  plan.isSimple &&= plan.steps <= MAIN.steps && plan.patterns <= MAIN.patterns;
  return plan;
}

/** Whether this value may be checked on the main thread; looks at no more of the value than the limits allow. */
export function fitsMainThread(plan: Plan, value: Json): boolean {
  if (!plan.isSimple) return false;
  const nodesMax = MAIN.steps / plan.steps;
  const charsMax = Math.min(MAIN.chars, MAIN.patternSteps / plan.patterns);
  let nodes = 0;
  let chars = 0;
  const open: Json[] = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    nodes += 1;
    if (typeof next === 'string') chars += next.length;
    else if (Array.isArray(next)) {
      if (nodes + open.length + next.length > nodesMax) return false;
      open.push(...next);
    } else if (isJsonObject(next)) {
      for (const name of Object.keys(next)) {
        chars += name.length;
        open.push(next[name] ?? null);
        if (nodes + open.length > nodesMax) return false;
      }
    }
    if (nodes > nodesMax || chars > charsMax) return false;
  }
  return true;
}

// Words that cost more than their share of nodes, or that make Ajv try alternatives and throw away what it found.
const HEAVY = [
  'uniqueItems',
  'oneOf',
  'contains',
  'if',
  'dependentSchemas',
  'unevaluatedItems',
  'unevaluatedProperties',
];

function weigh(root: Json, schema: Json, isInAnyOf: boolean, plan: Plan): void {
  plan.steps += 1;
  if (!isJsonObject(schema) || !plan.isSimple) return;
  const hasAnyOf = 'anyOf' in schema;
  if (HEAVY.some((word) => word in schema) || (hasAnyOf && isInAnyOf)) plan.isSimple = false;
  plan.steps += listLength(schema['required']) + listsLength(schema['dependentRequired']);
  if (listsLength(schema['enum']) > 0 || isComposite(schema['const'])) plan.steps += MAIN.expandedNodes;
  for (const source of patternsOf(schema)) {
    plan.patterns += 1;
    plan.isSimple &&= isSmallPattern(source);
  }
  for (const part of subschemas(schema)) weigh(root, part, isInAnyOf || hasAnyOf, plan);
  const target = typeof schema['$ref'] === 'string' ? refTarget(root, schema['$ref']) : undefined;
  if (target !== undefined) weigh(root, target.schema, isInAnyOf || hasAnyOf, plan);
}

function patternsOf(schema: { [word: string]: Json }): string[] {
  const own = typeof schema['pattern'] === 'string' ? [schema['pattern']] : [];
  const ofNames = isJsonObject(schema['patternProperties']) ? Object.keys(schema['patternProperties']) : [];
  return [...own, ...ofNames];
}

/** Small enough to be compiled and run here: its repetitions, written out, stay few. */
function isSmallPattern(source: string): boolean {
  if (source.length > MAIN.patternChars) return false;
  const counts = source.match(/\d+(?=\s*[,}])/g) ?? [];
  return counts.reduce((product, count) => product * Math.max(1, Number(count)), 1) <= MAIN.patternRepeats;
}

function listLength(value: Json | undefined): number {
  return Array.isArray(value) ? value.length : 0;
}

function listsLength(value: Json | undefined): number {
  if (Array.isArray(value)) return value.filter(isComposite).length;
  return isJsonObject(value) ? Object.values(value).reduce<number>((sum, list) => sum + listLength(list), 0) : 0;
}

function isComposite(value: Json | undefined): boolean {
  return typeof value === 'object' && value !== null;
}
