import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from './plan.js';

const BLOCK = Buffer.alloc(8_192);
const FILE_BLOCKS = 2_048;
// About as often as a lane commits at half of its peak.
const PAUSE_MS = 1;

/** The 99th percentile, in ms, of 8 kB written and flushed with nothing else going on: no durable answer can be quicker. */
export async function flushP99Ms(forMs: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'c4c-disk-'));
  const file = await open(join(folder, 'blocks'), 'w+');
  const tookMs: number[] = [];
  try {
    await file.write(Buffer.alloc(FILE_BLOCKS * BLOCK.length));
    await file.sync();
    const endMs = performance.now() + forMs;
    for (let block = 0; performance.now() < endMs; block = (block + 1) % FILE_BLOCKS) {
      const startMs = performance.now();
      await file.write(BLOCK, 0, BLOCK.length, block * BLOCK.length);
      await file.datasync();
      tookMs.push(performance.now() - startMs);
      await sleep(PAUSE_MS);
    }
  } finally {
    await file.close();
    await rm(folder, { recursive: true, force: true });
  }
  return percentile(
    tookMs.sort((a, b) => a - b),
    0.99,
  );
}
