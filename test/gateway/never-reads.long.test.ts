import { describe } from 'vitest';
import { bearsWhoNeverReads } from './never-reads.js';

describe('clients that never read cost little memory, nobody time, and themselves nothing', () => {
  bearsWhoNeverReads({ events: 10_000, inputBytes: 4_096, growthMaxBytes: 16 * 1_048_576 });
});
