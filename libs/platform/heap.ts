import { setFlagsFromString } from 'node:v8';

/** V8's settings for a process that serves: `name=value`, or `no-name`. It reads them as it goes, so they need no flag of the process. */
export const HEAP_SETTINGS = [
  // Code that was hot while everything still lived gets its objects from the old generation for ever, and what dies there keeps alive
  // whatever it points to until the next collection of the old generation: of a query that had been answered for long, all rows.
  'no-allocation-site-pretenuring',
  // Left alone V8 let the old generation grow to four times what had lived at its last collection: 192 MB, of which 43 lived.
  'heap-growing-percent=25',
] as const;

/**
 * From now on what dies young is collected young, and the old generation when it has grown by a quarter. The first only helps before
 * there is traffic: what V8 has decided by then stays. Measured in docs/performance.md.
 */
export function tuneHeap(): void {
  for (const setting of HEAP_SETTINGS) setFlagsFromString(`--${setting}`);
}
