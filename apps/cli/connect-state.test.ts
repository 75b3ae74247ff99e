import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConnectLock } from './connect-lock.js';
import { ConnectState, statePath } from './connect-state.js';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'c4c-state-'));
  path = statePath(folder, { endpoint: 'http://x', key: 'k', consumer: 'connect', target: 'http://y?secret=1' });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the state', () => {
  it('is known to the next run, and belongs to its owner only', async () => {
    const state = new ConnectState(path);
    state.finished('evt_1');
    await state.save();
    expect(new ConnectState(path).hasFinished('evt_1')).toBe(true);
    expect(statSync(path).mode & 0o077).toBe(0);
    expect(readFileSync(path, 'utf8') + path).not.toMatch(/secret|http/);
  });

  it('is another one for each of what makes a copy', () => {
    const same = { endpoint: 'a', key: 'b', consumer: 'c', target: 'd' };
    const paths = Object.keys(same).map((name) => statePath(folder, { ...same, [name]: 'other' }));
    expect(new Set([...paths, statePath(folder, same)]).size).toBe(5);
  });

  it('writes once for all who say something while it writes, and leaves no drafts', async () => {
    const state = new ConnectState(path);
    const saves = Array.from({ length: 200 }, (_, n) => {
      state.finished(`evt_${n}`);
      return state.save();
    });
    await Promise.all(saves);
    const again = new ConnectState(path);
    expect(Array.from({ length: 200 }, (_, n) => again.hasFinished(`evt_${n}`))).not.toContain(false);
    expect(readdirSync(dirname(path))).toHaveLength(1);
  });

  it('remembers the newest 10,000', () => {
    const state = new ConnectState(path);
    for (let n = 0; n <= 10_000; n += 1) state.finished(`evt_${n}`);
    expect([state.hasFinished('evt_0'), state.hasFinished('evt_1'), state.hasFinished('evt_10000')]).toEqual([
      false,
      true,
      true,
    ]);
  });

  it('is not written over the copy that took the place', async () => {
    const state = new ConnectState(path, () => false);
    await expect(state.save()).rejects.toMatchObject({ code: 'CONNECTED_ELSEWHERE', exitCode: 5 });
    expect(existsSync(path)).toBe(false);
  });

  it('says what to do when the file is damaged', () => {
    new ConnectState(path);
    writeFileSync(path, '{"finished":[');
    expect(() => new ConnectState(path)).toThrow(/Remove it/);
  });
});

describe('the lock', () => {
  it('keeps a second copy out, and is gone with the first', () => {
    const lock = ConnectLock.take(path);
    expect(() => ConnectLock.take(path)).toThrow(new RegExp(`Process ${process.pid} already`));
    lock.free();
    expect(existsSync(path)).toBe(false);
    ConnectLock.take(path).free();
  });

  it('is taken over from a process that is no more', async () => {
    const child = spawn('true');
    await new Promise((resolve) => child.once('exit', resolve));
    leave({ pid: child.pid, started: '1' });
    const lock = ConnectLock.take(path);
    expect(lock.isMine).toBe(true);
  });

  it('is taken over when another process has got the number since', () => {
    leave({ pid: process.pid, started: 'another time' });
    expect(ConnectLock.take(path).isMine).toBe(true);
  });

  it.each(['', '{', '{"pid":"x"}', 'null'])('is taken over when it reads %j', (text) => {
    leave(text);
    expect(ConnectLock.take(path).isMine).toBe(true);
  });

  it('is not freed by a copy that has lost it', () => {
    const lost = ConnectLock.take(path);
    leave({ pid: 1, started: 'x' });
    lost.free();
    expect([lost.isMine, existsSync(path)]).toEqual([false, true]);
  });

  it('leaves nothing else behind', () => {
    leave({ pid: process.pid, started: 'another time' });
    ConnectLock.take(path);
    expect(readdirSync(dirname(path))).toHaveLength(1);
  });

  function leave(content: unknown): void {
    // The folder is made by whoever comes first.
    new ConnectState(`${path}.other`);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  }
});
