import { describe, expect, it } from 'vitest';
import { UpgradeTurns } from './upgrade-turns.js';

const times = (count: number, take: () => boolean): number =>
  Array.from({ length: count }, take).filter((isTaken) => isTaken).length;

describe('the turns of a second', () => {
  it('are as many as there are, whoever takes them', () => {
    const turns = new UpgradeTurns(100);
    let key = 0;
    expect(times(150, () => turns.take(String((key += 1)), 1_000))).toBe(100);
  });

  it('go to one key by half, and by half of the rest to a second', () => {
    const turns = new UpgradeTurns(100);
    expect(times(1_000, () => turns.take('flood', 1_000))).toBe(50);
    expect(times(1_000, () => turns.take('another', 1_999))).toBe(25);
    expect(turns.take('single', 1_999)).toBe(true);
  });

  it('begin anew with the next second', () => {
    const turns = new UpgradeTurns(2);
    expect(times(3, () => turns.take('a', 1_999))).toBe(1);
    expect(turns.take('a', 2_000)).toBe(true);
  });
});
