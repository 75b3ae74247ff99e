import { describe, expect, it } from 'vitest';
import { FairQueue } from './fair-queue.js';

function queueOf(max: number, ...items: [turn: bigint, item: string][]): FairQueue<string> {
  const queue = new FairQueue<string>(max);
  for (const [turn, item] of items) expect(queue.push(turn, item)).toBeUndefined();
  return queue;
}

describe('a fair queue', () => {
  it('keeps the order of one turn', () => {
    const queue = queueOf(9, [1n, 'a'], [1n, 'b'], [1n, 'c']);
    expect(queue.take(2)).toEqual(['a', 'b']);
    expect(queue.take(2)).toEqual(['c']);
    expect(queue.take(2)).toEqual([]);
  });

  it('serves each turn once a round, whoever queued more', () => {
    const queue = queueOf(9, [1n, 'a1'], [1n, 'a2'], [1n, 'a3'], [1n, 'a4'], [2n, 'b1'], [3n, 'c1'], [3n, 'c2']);
    expect(queue.take(9)).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3', 'a4']);
  });

  it('goes on with the turn after the last one that was served', () => {
    const queue = queueOf(9, [1n, 'a1'], [1n, 'a2'], [2n, 'b1'], [2n, 'b2'], [3n, 'c1']);
    expect(queue.take(2)).toEqual(['a1', 'b1']);
    expect(queue.take(3)).toEqual(['c1', 'a2', 'b2']);
  });

  it('serves a newcomer in the round that runs', () => {
    const queue = queueOf(9, [1n, 'a1'], [1n, 'a2'], [1n, 'a3']);
    expect(queue.take(1)).toEqual(['a1']);
    queue.push(2n, 'b1');
    expect(queue.take(2)).toEqual(['a2', 'b1']);
  });

  it('refuses the one who fills it', () => {
    const queue = queueOf(2, [1n, 'a1'], [1n, 'a2']);
    expect(queue.push(1n, 'a3')).toBe('a3');
    expect(queue.size).toBe(2);
  });

  it('lets the longest line give up its newest item for a shorter one', () => {
    const queue = queueOf(4, [1n, 'a1'], [1n, 'a2'], [1n, 'a3'], [2n, 'b1']);
    expect(queue.push(3n, 'c1')).toBe('a3');
    expect(queue.size).toBe(4);
    expect(queue.take(9)).toEqual(['a1', 'b1', 'c1', 'a2']);
  });

  it('gives up nothing for a line that would be as long', () => {
    const queue = queueOf(4, [1n, 'a1'], [1n, 'a2'], [2n, 'b1'], [2n, 'b2']);
    expect(queue.push(2n, 'b3')).toBe('b3');
    expect(queue.push(3n, 'c1')).toBe('a2');
    expect(queue.push(3n, 'c2')).toBe('c2');
  });

  it('counts what it holds through any course of events', () => {
    const queue = new FairQueue<number>(50);
    let held = 0;
    for (let n = 0; n < 10_000; n += 1) {
      if (n % 7 === 6) held -= queue.take(n % 11).length;
      else if (queue.push(BigInt((n * n) % 13), n) === undefined) held += 1;
      expect(queue.size).toBe(held);
    }
    expect(queue.take(100).length).toBe(held);
  });
});
