import { parentPort } from 'node:worker_threads';
import type { FieldError, Json } from '#kernel';
import { compileSchema, type Validator } from './schema-compiler.js';
import { fieldErrors, notChecked } from './schema-errors.js';
import type { RuleError } from './schema-limits.js';
import { schemaErrors } from './schema-rules.js';

// The body of a worker thread: schema-pool.ts starts it and ends it when it takes too long. It runs from dist/ and, in
// tests, straight from this file: Node strips the types by itself, so this module and all it imports keep to syntax
// that can be stripped (no enums, no parameter properties) and take nothing but types from other libs.

/** What the pool asks for. Values travel as JSON text: that is cheaper than a structured clone of many small objects. */
export type ThreadRequest =
  | { kind: 'check'; schema: string }
  | { kind: 'validate'; hash: string; schema: string; value: string; root: string; find: 'all' | 'first' };

/** `compiled` is a stage of a validation: from there on the time for the value itself is counted. */
export type ThreadAnswer =
  | { kind: 'ready'; cpuMs: number }
  | { kind: 'compiled'; cpuMs: number }
  | { kind: 'checked'; errors: RuleError[]; cpuMs: number }
  | { kind: 'validated'; errors: FieldError[]; cpuMs: number };

const CACHED_MAX = 64;
const cache = new Map<string, Validator>();

if (parentPort !== null) {
  const port = parentPort;
  port.on('message', (request: ThreadRequest) => {
    if (request.kind === 'check') port.postMessage(check(parse(request.schema)));
    else for (const answer of validate(request)) port.postMessage(answer);
  });
  port.postMessage({ kind: 'ready', cpuMs: cpuMs() } satisfies ThreadAnswer);
}

function check(schema: Json): ThreadAnswer {
  const errors = schemaErrors(schema);
  if (errors.length === 0) errors.push(...compileErrors(schema));
  return { kind: 'checked', errors, cpuMs: cpuMs() };
}

function compileErrors(schema: Json): RuleError[] {
  try {
    compileSchema(schema, 'all');
    return [];
  } catch (error) {
    return [{ pointer: '#', message: `cannot be compiled: ${messageOf(error)}` }];
  }
}

function* validate(request: ThreadRequest & { kind: 'validate' }): Generator<ThreadAnswer> {
  const { root } = request;
  try {
    const validator = validatorOf(request);
    yield { kind: 'compiled', cpuMs: cpuMs() };
    const value = parse(request.value);
    yield { kind: 'validated', errors: fieldErrors(validator(value), value, root), cpuMs: cpuMs() };
  } catch (error) {
    yield { kind: 'validated', errors: notChecked(error, root), cpuMs: cpuMs() };
  }
}

function validatorOf({ hash, schema, find }: ThreadRequest & { kind: 'validate' }): Validator {
  const key = `${find}:${hash}`;
  const validate = cache.get(key) ?? compileSchema(parse(schema), find);
  cache.delete(key);
  cache.set(key, validate);
  for (const oldest of cache.keys()) {
    if (cache.size <= CACHED_MAX) break;
    cache.delete(oldest);
  }
  return validate;
}

function parse(text: string): Json {
  // Written by the pool with JSON.stringify from a Json, so nothing else can be in it.
  return JSON.parse(text) as Json;
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 200);
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
