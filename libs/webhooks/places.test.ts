import { describe, expect, it } from 'vitest';
import { Places } from './places.js';

describe('places', () => {
  it('are given as long as there are any', () => {
    const places = new Places(100, () => undefined);
    expect([places.take(60), places.take(60), places.take(1)]).toEqual([60, 40, 0]);
    expect(places.isFull).toBe(true);
    places.give(10);
    expect([places.isFull, places.take(60)]).toEqual([false, 10]);
  });

  it('wake who got fewer than were wanted: at once when many are free or all, a little later for a few', () => {
    const woken: number[] = [];
    const places = new Places(100, (inMs) => woken.push(inMs));
    places.take(100);
    places.give(100);
    expect(woken).toEqual([]);
    places.take(101);
    for (const free of [1, 62, 1, 1]) places.give(free);
    expect(woken).toEqual([5, 5, 0]);
    places.take(100);
    places.give(35);
    expect(woken).toEqual([5, 5, 0, 5]);
    places.take(0);
    for (let n = 0; n < 2; n += 1) places.give(0);
    expect(woken).toEqual([5, 5, 0, 5]);
  });
});
