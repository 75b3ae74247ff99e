import { describe, expect, it } from 'vitest';
import { Slots } from './slots.js';

describe('slots', () => {
  it('lets only so many in, in order', async () => {
    const slots = new Slots(2);
    const order: number[] = [];
    await slots.take();
    await slots.take();
    const waiting = [1, 2].map((number) => slots.take().then(() => order.push(number)));
    await Promise.resolve();
    expect(order).toEqual([]);
    slots.free();
    slots.free();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2]);
    slots.free();
    slots.free();
    await slots.take();
  });
});
