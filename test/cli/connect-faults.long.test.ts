import { describe } from 'vitest';
import { connectSurvives } from './connect-faults.js';

describe('c4c connect survives', () => {
  connectSurvives({
    frozen: { ms: 60_000, invocations: 500 },
    down: { ms: 120_000, invocations: 200 },
    killed: { times: 20, invocations: 400 },
    limitMs: 180_000,
  });
});
