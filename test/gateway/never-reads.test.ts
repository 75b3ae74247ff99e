import { describe } from 'vitest';
import { bearsWhoNeverReads } from './never-reads.js';

describe('clients that never read cost little memory, nobody time, and themselves nothing', () => {
  bearsWhoNeverReads({ events: 1_000, inputBytes: 8_192, growthMaxBytes: 16 * 1_048_576 });
});
