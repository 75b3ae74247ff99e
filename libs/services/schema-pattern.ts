import { RE2JS } from 're2js';
import { SCHEMA_LIMITS } from './schema-limits.js';

/** A pattern of a schema as a matcher that needs time linear in the text: V8's own took 20 s on 29 characters. */
export function compilePattern(source: string): Pattern {
  if (source.length > SCHEMA_LIMITS.patternChars) {
    throw new PatternRefused(`must be at most ${SCHEMA_LIMITS.patternChars} characters`);
  }
  // JSON Schema's patterns are ECMAScript's: \u0041, [^] and named groups are translated, the rest is common.
  const compiled = compileRe2(source);
  if (compiled.programSize() > SCHEMA_LIMITS.patternProgram) {
    throw new PatternRefused('is too large once its repetitions are written out; use smaller {n,m} counts');
  }
  // Ajv tells patterns apart by toString().
  return { test: (text) => compiled.test(text), toString: () => source };
}

export interface Pattern {
  test(text: string): boolean;
  toString(): string;
}

/** The pattern cannot be used; the message continues "pattern …". */
export class PatternRefused extends Error {}

function compileRe2(source: string): RE2JS {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(source));
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : 'unreadable';
    throw new PatternRefused(
      `is not a pattern that runs in linear time (no look-around, no back-references): ${reason}`.slice(0, 300),
    );
  }
}
