import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '#platform';
import { LogFile } from './log-file.js';

const BYTES_MAX = 20_000;

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'c4c-log-'));
  path = join(folder, 'log', 'c4c.log');
});
afterEach(() => rmSync(folder, { recursive: true }));

const numbersIn = (file: string): number[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { n: number }).n);
const written = async (file: string, n: number): Promise<void> =>
  expect.poll(() => statSync(file, { throwIfNoEntry: false }) !== undefined && numbersIn(file).at(-1) === n).toBe(true);

describe('a log file', () => {
  it('turns over while it is written, keeps one old file, and loses no line at the turn', async () => {
    const file = new LogFile(path, BYTES_MAX);
    const log = createLog('info', file);
    for (let n = 0; n < 3_000; n += 1) {
      log.info({ n }, 'a line of a hundred bytes or so, such as a request leaves behind in the log');
      if (n % 50 === 49) await written(path, n);
    }
    expect(readdirSync(join(folder, 'log')).sort()).toEqual(['c4c.log', 'c4c.log.1']);
    const lines = [...numbersIn(`${path}.1`), ...numbersIn(path)];
    expect(lines).toEqual(Array.from(lines, (_, at) => 3_000 - lines.length + at));
    // A file holds its bound and what waited at the turn, here at most fifty lines.
    for (const one of [path, `${path}.1`]) {
      expect(statSync(one).size).toBeLessThan(BYTES_MAX + 50 * 150);
      expect(statSync(one).mode & 0o777).toBe(0o600);
    }
    expect(statSync(`${path}.1`).size).toBeGreaterThan(BYTES_MAX - 50 * 150);
  });

  it('goes on with the file of the last start, and turns over what that left too large', async () => {
    const first = new LogFile(path, BYTES_MAX);
    createLog('info', first).info({ n: 1 }, 'first');
    await written(path, 1);
    const second = new LogFile(path, BYTES_MAX);
    createLog('info', second).info({ n: 2 }, 'second');
    await written(path, 2);
    expect(numbersIn(path)).toEqual([1, 2]);
    writeFileSync(path, `{"n":3,"text":"${'x'.repeat(BYTES_MAX)}"}\n`);
    const third = new LogFile(path, BYTES_MAX);
    const log = createLog('info', third);
    log.info({ n: 4 }, 'before it is open');
    await written(path, 4);
    log.info({ n: 5 }, 'after');
    await written(path, 5);
    expect(numbersIn(`${path}.1`)).toEqual([3, 4]);
  });

  it('begins a new one when somebody has taken it away', async () => {
    const log = createLog('info', new LogFile(path, 10));
    log.info({ n: 1 }, 'first');
    await written(path, 1);
    rmSync(path);
    log.info({ n: 2 }, 'second');
    await written(path, 2);
    expect(readdirSync(join(folder, 'log'))).toEqual(['c4c.log']);
  });
});
