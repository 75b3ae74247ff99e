import { describe, expect, it } from 'vitest';
import { Turnstile, TurnstileFull } from './turnstile.js';

const entered = async (turnstile: Turnstile, isWanted?: () => boolean): Promise<string> =>
  turnstile.enter(false, isWanted).then(
    () => 'in',
    (error: unknown) => (error instanceof TurnstileFull ? 'full' : 'broken'),
  );

describe('a turn', () => {
  it('comes when somebody leaves, in the order of asking', async () => {
    const turnstile = new Turnstile({ workingMax: 1, waitingMax: 2, waitMaxMs: 60_000 });
    await turnstile.enter(false);
    const order: string[] = [];
    const [first, second] = ['first', 'second'].map(async (name) => {
      await turnstile.enter(false);
      order.push(name);
    });
    expect(turnstile.waitingCount).toBe(2);
    turnstile.leave();
    await first;
    turnstile.leave();
    await second;
    turnstile.leave();
    expect([order, turnstile.isIdle]).toEqual([['first', 'second'], true]);
  });

  it('is refused to whoever has waited for too long, and leaves no trace', async () => {
    const turnstile = new Turnstile({ workingMax: 1, waitingMax: 2, waitMaxMs: 20 });
    await turnstile.enter(false);
    expect(await entered(turnstile)).toBe('full');
    expect(turnstile.waitingCount).toBe(0);
    turnstile.leave();
    expect(turnstile.isIdle).toBe(true);
  });

  it('passes over whoever does not want it any more', async () => {
    const turnstile = new Turnstile({ workingMax: 1, waitingMax: 2 });
    await turnstile.enter(false);
    let isThere = true;
    const gone = entered(turnstile, () => isThere);
    const next = entered(turnstile);
    isThere = false;
    turnstile.leave();
    expect([await gone, await next]).toEqual(['full', 'in']);
  });

  it('is not kept from others by whoever does not want it any more', async () => {
    const turnstile = new Turnstile({ workingMax: 1, waitingMax: 1 });
    await turnstile.enter(false);
    let isThere = true;
    const gone = entered(turnstile, () => isThere);
    expect(await entered(turnstile)).toBe('full');
    isThere = false;
    const next = entered(turnstile);
    turnstile.leave();
    expect([await gone, await next]).toEqual(['full', 'in']);
  });
});
