import { createHash } from 'node:crypto';
import { canonicalJson, Recent, type FieldError, type Json } from '#kernel';
import { compileSchema, type Validator } from './schema-compiler.js';
import { fieldErrors, notChecked } from './schema-errors.js';
import { fitsMainThread, planOf, type Plan } from './schema-plan.js';
import { SchemaPool } from './schema-pool.js';
import type { RuleError } from './schema-limits.js';
import { boundsErrors } from './schema-rules.js';
import type { JobResult } from './schema-worker.js';

/** The gate for published schemas and for the values that must fit them. No schema and no value can hold it up. */
export class SchemaGuard {
  private readonly pool: SchemaPool;
  private readonly known = new Recent<string, KnownSchema>(KNOWN_MAX);
  private readonly hashes = new WeakMap<object, string>();

  constructor(options: { threads?: number } = {}) {
    this.pool = new SchemaPool(options.threads ?? 2);
  }

  /** What keeps a schema from being published: fields are JSON pointers after the root, `inputSchema#/properties/a`.
   *  `turn` says on whose behalf: in the threads everybody has the same share.
   *  @throws {SchemaPoolBusy} */
  async check(schema: Json | null | undefined, root = 'schema', turn = 'check'): Promise<FieldError[]> {
    if (schema === null || schema === undefined) return [];
    const bounds = boundsErrors(schema);
    if (bounds.length > 0) return bounds.map((error) => ruleError(error, root));
    const result = await this.pool.run({ kind: 'check', schema: JSON.stringify(schema) }, turn);
    if (result.kind === 'exceeded') {
      return [
        { field: root, message: `takes too much ${result.limit} to compile; make it simpler`, code: 'TOO_COMPLEX' },
      ];
    }
    return result.kind === 'checked' ? result.errors.map((error) => ruleError(error, root)) : result.errors;
  }

  /** What is wrong with a value, one entry per field, at most 50; fields are written `input.items[3].name`. The schema
   *  is one that `check` has accepted, `hash` its `schemaHash` when it is known. A small value of a simple schema is
   *  answered at once, everything else by a thread within 50 ms of its time, in the turn of whom it is for (of the schema
   *  when nobody is named). An absent value counts as null.
   *  @throws {SchemaPoolBusy} */
  validate(
    schema: Json | null,
    hash: string | null,
    value: Json | undefined,
    root = 'input',
    turn?: string,
  ): FieldError[] | Promise<FieldError[]> {
    if (schema === null) return [];
    const key = hash ?? this.rememberedHash(schema);
    const known = this.remember(key, schema);
    const subject = value ?? null;
    if (fitsMainThread(known.plan, subject)) return this.validateHere(known, schema, subject, root);
    return this.validateInThread(key, schema, subject, root, turn ?? key);
  }

  /** SHA-256 in hex of the schema's canonical JSON: the same for schemas that differ in blanks or member order only. */
  schemaHash(schema: Json): string {
    return createHash('sha256').update(canonicalJson(schema)).digest('hex');
  }

  /** Checks that wait for a thread. */
  get depth(): number {
    return this.pool.depth;
  }

  /** Ends the threads; a validation under way is rejected. */
  close(): Promise<void> {
    return this.pool.close();
  }

  /** A schema that stays in memory is hashed once: hashing costs as much as a whole small validation. */
  private rememberedHash(schema: Json): string {
    if (typeof schema !== 'object' || schema === null) return this.schemaHash(schema);
    const known = this.hashes.get(schema) ?? this.schemaHash(schema);
    this.hashes.set(schema, known);
    return known;
  }

  private remember(key: string, schema: Json): KnownSchema {
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const made: KnownSchema = { plan: planOf(schema), validator: undefined };
    this.known.set(key, made);
    return made;
  }

  private validateHere(known: KnownSchema, schema: Json, value: Json, root: string): FieldError[] {
    try {
      known.validator ??= compileSchema(schema, 'all');
      return fieldErrors(known.validator(value), value, root);
    } catch (error) {
      return notChecked(error, root);
    }
  }

  private async validateInThread(
    hash: string,
    schema: Json,
    value: Json,
    root: string,
    turn: string,
  ): Promise<FieldError[]> {
    const request = {
      kind: 'validate',
      hash,
      schema: JSON.stringify(schema),
      value: JSON.stringify(value),
      root,
    } as const;
    const result = await this.pool.run({ ...request, find: 'all' }, turn);
    if (result.kind !== 'exceeded') return validated(result);
    // A value with very many errors takes long because of them; the first one alone is found quickly.
    const first = validated(await this.pool.run({ ...request, find: 'first' }, turn));
    if (first.length > 0) return first;
    const message = `took too much ${result.limit} to check against the schema; send a smaller value or simplify the schema`;
    return [{ field: root, message, code: 'VALIDATION_TOO_SLOW' }];
  }
}

function validated(result: JobResult): FieldError[] {
  return result.kind === 'validated' ? result.errors : [];
}

interface KnownSchema {
  plan: Plan;
  validator: Validator | undefined;
}

// About 50 KB each at most.
const KNOWN_MAX = 500;

function ruleError({ pointer, message }: RuleError, root: string): FieldError {
  return { field: `${root}${pointer === '#' ? '' : pointer}`, message, code: 'SCHEMA_NOT_ALLOWED' };
}
