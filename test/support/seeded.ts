/** Numbers that look random and are the same for the same seed (mulberry32): from 0 to below 1. */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Sizes of calls as a lane may draw them: often one, often few, now and then as many as there are. */
export function randomBatches(seed: number): () => number {
  const random = seeded(seed);
  return () => {
    const many = random();
    if (many < 0.3) return 1;
    return 1 + Math.floor(random() * (many < 0.8 ? 8 : 128));
  };
}
