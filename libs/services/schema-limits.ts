/** What a published schema may be and what checking one value may cost; docs/schemas.md tells publishers the same. */
export const SCHEMA_LIMITS = {
  bytes: 32 * 1024,
  // Schemas within schemas. JSON itself may nest about twice as deep: `properties` is a level of its own.
  depth: 16,
  jsonDepth: 48,
  nodes: 500,
  // What is left after every $ref is replaced by its target. Work per value grows with this number and not with the
  // text: 16 definitions that each name the next one twice are 65,536 nodes.
  expandedNodes: 2_000,
  expandedDepth: 48,
  patternChars: 256,
  // Instructions of the compiled pattern; matching costs at most this times the length of the text.
  patternProgram: 2_000,
  uniqueItems: 256,
  errors: 50,
} as const;

/** CPU time of a thread, in ms. A thread that needs more is ended and replaced. */
export const THREAD_LIMITS = {
  compileMs: 250,
  validateMs: 50,
  memoryMb: 64,
} as const;

/** The most that may be checked on the main thread; all else goes to a thread. Each stays below 10 ms there once compiled. */
export const MAIN_THREAD_LIMITS = {
  // Compiling this many takes 10 to 20 ms, once per schema.
  expandedNodes: 32,
  // Pairs of schema node and value node.
  steps: 4_000,
  patterns: 8,
  patternChars: 100,
  patternRepeats: 128,
  // Characters times patterns.
  patternSteps: 4_000,
  // Characters of all strings and names together.
  chars: 16 * 1024,
} as const;

/** One thing a published schema may not have, and where: `pointer` is a JSON pointer such as `#/properties/name`. */
export interface RuleError {
  pointer: string;
  message: string;
}
