import { describe } from 'vitest';
import { connectSurvives } from './connect-faults.js';

describe('c4c connect survives', () => {
  connectSurvives({
    frozen: { ms: 2_000, invocations: 100 },
    down: { ms: 3_000, invocations: 40 },
    killed: { times: 4, invocations: 60 },
    limitMs: 20_000,
  });
});
