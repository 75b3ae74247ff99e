import type { Json } from './json.js';

/** What a repetition of the same request would bring. */
export type Retry = 'no' | 'later' | 'after-change';

export type ProblemKind = { code: string; status: number; title: string; retry: Retry; slug: string };

export type FieldError = { field: string; message: string; code?: string };

export type ProblemExtra = { details?: Json; errors?: FieldError[]; retryAfterS?: number; cause?: unknown };

/** An expected "no". Throwing it rolls the transaction back; each transport translates it. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly details?: Json;
  readonly errors?: FieldError[];
  readonly retryAfterS?: number;

  constructor(
    readonly kind: ProblemKind,
    readonly detail: string,
    extra: ProblemExtra = {},
  ) {
    super(`${kind.code}: ${detail}`, extra.cause === undefined ? undefined : { cause: extra.cause });
    if (extra.details !== undefined) this.details = extra.details;
    if (extra.errors !== undefined) this.errors = extra.errors;
    if (extra.retryAfterS !== undefined) this.retryAfterS = extra.retryAfterS;
  }

  get code(): string {
    return this.kind.code;
  }
}

/** Makes the problem with this detail; `kind` is what the code always says. */
export type ProblemFactory = ((detail: string, extra?: ProblemExtra) => Problem) & { readonly kind: ProblemKind };

type Declarations = Record<string, { status: number; title: string; retry: Retry }>;

/**
 * Declares the problems of one lib and enters them into the registry from which the pages under /problems are made.
 * A code belongs to one lib; a second declaration of it throws.
 */
export function defineProblems<const T extends Declarations>(
  declarations: T,
): { readonly [Code in keyof T]: ProblemFactory } {
  const factories: Record<string, ProblemFactory> = {};
  for (const [code, { status, title, retry }] of Object.entries(declarations)) {
    if (!/^[A-Z][A-Z0-9_]*$/.test(code)) throw new Error(`The problem code ${code} is not SCREAMING_SNAKE_CASE`);
    if (registry.has(code)) throw new Error(`The problem ${code} is declared twice`);
    const kind: ProblemKind = Object.freeze({ code, status, title, retry, slug: problemSlug(code) });
    registry.set(code, kind);
    const make = (detail: string, extra?: ProblemExtra): Problem => new Problem(kind, detail, extra);
    factories[code] = Object.assign(make, { kind });
  }
  // The loop above has made exactly one factory for each key of T.
  return factories as { [Code in keyof T]: ProblemFactory };
}

/** All problems declared by the libs that are loaded, by code. */
export function problemKinds(): readonly ProblemKind[] {
  return [...registry.values()].sort((a, b) => (a.code < b.code ? -1 : 1));
}

/** The name of the code's page: INSUFFICIENT_FUNDS has /problems/insufficient-funds. */
export function problemSlug(code: string): string {
  return code.toLowerCase().replaceAll('_', '-');
}

const registry = new Map<string, ProblemKind>();
