import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { judge } from './judge.js';
import { runPaced } from './open-loop.js';
import type { LoadPlan, Pace } from './plan.js';

const PARTY = { agentId: 1, ownerId: 1, keyId: 1, key: 'c4c_agent_key' };
const PACE: Pace = { perSecond: 200, seed: 3, whenTaken: 'wait', mayRefuse: false };

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

describe('an open loop', () => {
  it('charges a stall to everybody who would have come meanwhile', async () => {
    // The first answer takes 500 ms on the only connection: of a closed loop it would be one slow request.
    let isFirst = true;
    const plan = await planFor((answer) => {
      setTimeout(answer, isFirst ? 500 : 0, 200);
      isFirst = false;
    });
    const result = await runPaced({ ...plan, connections: 1, measureMs: 1_000 }, PACE);
    expect(result.failures).toBe(0);
    expect(result.p50Ms).toBeGreaterThan(50);
    expect(result.p99Ms).toBeGreaterThan(400);
  });

  it('leaves out and counts what has no connection, when told so', async () => {
    const plan = await planFor((answer) => setTimeout(answer, 100, 200));
    const result = await runPaced({ ...plan, connections: 2 }, { ...PACE, whenTaken: 'leave out' });
    expect(result.failures).toBe(0);
    expect(result.leftOutPerSecond).toBeGreaterThan(50);
    expect(result.offeredPerSecond).toBeLessThan(30);
  });

  it('counts refusals apart from what is served, and one without Retry-After as a failure', async () => {
    let asked = 0;
    const plan = await planFor((answer) => {
      asked += 1;
      if (asked === 1) answer(503);
      else if (asked % 2 === 0) answer(200);
      else answer(503, { 'retry-after': '1' });
    });
    const result = await runPaced({ ...plan, connections: 8 }, { ...PACE, mayRefuse: true });
    expect(result.failures).toBe(1);
    expect(result.firstFailure).toContain('without Retry-After');
    expect(result.refusedPerSecond).toBeGreaterThan(10);
    expect(result.perSecond).toBeGreaterThan(10);
  });

  it('goes on with a new connection where the server closed one', async () => {
    const plan = await planFor((answer) => answer(200, { connection: 'close' }));
    const result = await runPaced({ ...plan, connections: 4 }, PACE);
    expect(result.failures).toBe(0);
    expect(result.perSecond).toBeGreaterThan(20);
  });
});

describe('an answer under load', () => {
  const answer = (status: number, head = ''): { status: number; head: string; body: string } => ({
    status,
    head: `HTTP/1.1 ${String(status)} x${head}`,
    body: '',
  });

  it.each([
    [200, '', true, 'served'],
    [429, '\r\nretry-after: 1', true, 'refused'],
    [503, '\r\nRetry-After: 2', true, 'refused'],
    [503, '', true, 'failure'],
    [503, '\r\nretry-after: 1', false, 'failure'],
    [500, '\r\nretry-after: 1', true, 'failure'],
    [402, '', true, 'failure'],
  ])('%i with "%j" (refusals allowed: %s) counts as %s', (status, head, mayRefuse, kind) => {
    expect(judge(answer(status, head), mayRefuse).kind).toBe(kind);
  });
});

type SendAnswer = (status: number, headers?: Record<string, string>) => void;

/** A plan against a small server of our own. */
async function planFor(handle: (answer: SendAnswer) => void): Promise<LoadPlan> {
  const started = createServer((request, response) => {
    request.resume();
    handle((status, headers = {}) => response.writeHead(status, { 'content-length': '2', ...headers }).end('{}'));
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  const { port } = started.address() as AddressInfo;
  return {
    kind: 'get',
    url: `http://127.0.0.1:${String(port)}`,
    market: { callers: [PARTY], providers: [{ ...PARTY, serviceId: 1 }] },
    hotOfTen: 0,
    connections: 1,
    rampMs: 0,
    measureMs: 700,
  };
}
