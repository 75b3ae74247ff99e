import { describe } from 'vitest';
import { randomBatches } from '../support/seeded.js';
import { raceInvocations } from './invocation-races.js';

const seed = Date.now() | 0;

describe(`with calls cut at random, seed ${seed}`, () => {
  raceInvocations({ batchMax: randomBatches(seed) });
});
