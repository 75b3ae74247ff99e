import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ExecTarget, wordsOf } from './connect-exec.js';
import type { Delivery } from './connect-frame.js';

let folder: string;

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'c4c-exec-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function delivery(text: string): Delivery {
  return {
    seq: 1,
    attempt: 1,
    id: 'evt_1',
    event: 'service_invoked',
    type: 'invocation.invoked',
    isWork: true,
    body: { input: { text } },
  };
}

async function resultOf(command: string, { text = 'x', timeoutMs }: { text?: string; timeoutMs?: number } = {}) {
  const outcome = await new ExecTarget(command, Date.now, timeoutMs).hand(delivery(text), 1);
  return outcome.kind === 'taken' ? outcome.result : outcome;
}

/** A process that has ended and that nobody has asked after yet is not running. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z');
}

describe('a command', () => {
  it('gets the event and gives the result', async () => {
    const script = `process.stdin.on("data", (d) => console.log(JSON.stringify({ got: JSON.parse(d).input.text, id: process.env.C4C_EVENT_ID })))`;
    expect(await resultOf(`node -e '${script}'`, { text: 'hello' })).toEqual({
      status: 'completed',
      output: { got: 'hello', id: 'evt_1' },
    });
  });

  it('is not told the key nor the secret of webhooks', async () => {
    vi.stubEnv('C4C_API_TOKEN', 'the key');
    vi.stubEnv('C4C_WEBHOOK_SECRET', 'the secret');
    vi.stubEnv('C4C_OUTPUT', 'json');
    const script = `console.log(JSON.stringify(Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("C4C_")))))`;
    const result = await resultOf(`node -e '${script}'`);
    vi.unstubAllEnvs();
    expect(result).toEqual({
      status: 'completed',
      output: { C4C_OUTPUT: 'json', C4C_EVENT: 'invocation.invoked', C4C_EVENT_ID: 'evt_1', C4C_ATTEMPT: '1' },
    });
  });

  it('fails the invocation when what it prints is no UTF-8', async () => {
    const script = `process.stdout.write(Buffer.from([0x7b,0x22,0x78,0x22,0x3a,0x22,0xff,0x22,0x7d]))`;
    expect(await resultOf(`node -e '${script}'`)).toEqual({
      status: 'failed',
      error: 'what the command printed is no JSON object',
    });
  });

  it('cannot be changed by what an event says', async () => {
    const trap = join(folder, 'trap');
    const text = `'; touch ${trap}; echo "$(touch ${trap})" \`touch ${trap}\` && touch ${trap}`;
    expect(await resultOf('cat', { text })).toEqual({ status: 'completed', output: { input: { text } } });
    expect(existsSync(trap)).toBe(false);
  });

  it('is no shell', async () => {
    const trap = join(folder, 'trap');
    await resultOf(`echo {} ; touch ${trap}`);
    await resultOf(`echo $(touch ${trap})`);
    expect(existsSync(trap)).toBe(false);
  });

  it.each([
    [`sh -c 'echo first >&2; echo "no paper left" >&2; exit 3'`, 'no paper left (it ended with 3)'],
    ['false', 'it ended with 1'],
    [`sh -c 'kill -9 $$'`, 'it was ended by SIGKILL'],
    ['echo hello', 'what the command printed is no JSON object'],
    ['echo [1]', 'what the command printed is no JSON object'],
  ])('that ends like %s has failed', async (command, error) => {
    expect(await resultOf(command)).toEqual({ status: 'failed', error });
  });

  it('may print nothing', async () => {
    expect(await resultOf('true')).toEqual({ status: 'completed' });
  });

  it('is ended with all it started when its time is over', async () => {
    const started = performance.now();
    expect(await resultOf(`sh -c 'sleep 60 & sleep 60'`, { timeoutMs: 200 })).toEqual({
      status: 'failed',
      error: 'it took longer than 0.2 s',
    });
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('that leaves something running has ended, and so has what it left', async () => {
    const mark = join(folder, 'pid');
    const started = performance.now();
    const command = `sh -c 'sleep 60 & echo $! > ${mark}; echo "{\\"done\\":1}"'`;
    expect(await resultOf(command, { timeoutMs: 20_000 })).toEqual({ status: 'completed', output: { done: 1 } });
    expect(performance.now() - started).toBeLessThan(10_000);
    await vi.waitFor(() => expect(isRunning(Number(readFileSync(mark, 'utf8')))).toBe(false), { timeout: 10_000 });
  });

  it('that leaves something outside of its group is not waited for either', async () => {
    const script = `require("child_process").spawn("sleep", ["5"], { detached: true, stdio: "inherit" }).unref(); console.log("{}")`;
    const started = performance.now();
    expect(await resultOf(`node -e '${script}'`)).toEqual({ status: 'completed', output: {} });
    expect(performance.now() - started).toBeLessThan(4_500);
  });

  it('that prints without end is ended', async () => {
    expect(await resultOf('yes')).toEqual({ status: 'failed', error: 'its output is larger than 2.5 MB' });
  });

  it('that is not there may be there later', async () => {
    expect(await resultOf('/nowhere/at-all')).toMatchObject({
      kind: 'again',
      reason: expect.stringContaining('ENOENT'),
    });
  });
});

describe('a command line', () => {
  it.each([
    ['node worker.mjs', ['node', 'worker.mjs']],
    [`sh -c 'a "b" $c'`, ['sh', '-c', 'a "b" $c']],
    [`a "b 'c'" d\\ e ""`, ['a', "b 'c'", 'd e', '']],
    ['  a\t b ', ['a', 'b']],
  ])('%s is %j', (line, words) => expect(wordsOf(line)).toEqual(words));

  it.each(['', '   ', `a 'b`, `""`])('%j is none', (line) => expect(() => wordsOf(line)).toThrow());
});
