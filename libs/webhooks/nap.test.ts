import { describe, expect, it } from 'vitest';
import { Nap } from './nap.js';

const took = async (nap: Nap): Promise<number> => {
  const beganMs = performance.now();
  await nap.take();
  return performance.now() - beganMs;
};

describe('a nap', () => {
  it('ends when it was planned to, never before', async () => {
    const nap = new Nap();
    nap.plan(30);
    expect(await took(nap)).toBeGreaterThanOrEqual(29);
  });

  it('is over at once when somebody woke it before it was taken', async () => {
    const nap = new Nap();
    nap.plan(60_000);
    nap.endIn(0);
    expect(await took(nap)).toBeLessThan(1_000);
  });

  it('is made shorter while it is taken, and not longer', async () => {
    const nap = new Nap();
    nap.plan(60_000);
    const taken = took(nap);
    nap.endIn(20);
    nap.endIn(50_000);
    expect(await taken).toBeLessThan(5_000);
    expect(await taken).toBeGreaterThanOrEqual(19);
  });

  it('forgets at the next plan what the last one was told', async () => {
    const nap = new Nap();
    nap.plan(60_000);
    nap.endIn(0);
    nap.plan(20);
    expect(await took(nap)).toBeGreaterThanOrEqual(19);
  });
});
