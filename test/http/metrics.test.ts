import { readFileSync } from 'node:fs';
import { Agent, request as send } from 'node:http';
import { join } from 'node:path';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLog, Metrics, openPlatform, type Platform } from '#platform';
import { serveMetrics, type MetricsServer } from '../../apps/worker/metrics-server.js';
import { startMarket } from '../../apps/standalone/market.js';
import { startWorker, type Worker } from '../../apps/worker/worker.js';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { raw } from '../gateway/client.js';
import { figuresOf } from '../support/figures.js';
import { Fleet } from '../support/fleet.js';
import { noRedis, startTestRedis, type TestRedis } from '../support/redis.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

const TOKEN = 'a-token-for-scrapers-of-32-characters';
const WRONG = 'a-token-for-scrapers-of-32-character5';
const TEXT = 'text/plain; version=0.0.4; charset=utf-8';
const INVOCATIONS = '/agent/me/service-invocations';

const startedAtMs = performance.now();
let world: World;
let provider: AgentActor;
let caller: AgentActor;
let serviceId: number;

beforeAll(async () => {
  world = await startWorld({ env: { C4C_METRICS_TOKEN: TOKEN } });
  provider = await world.agent();
  caller = await world.agent();
  await world.fund(caller.owner, '1000');
  serviceId = await world.service(provider);
});
afterAll(() => world.close());

describe('GET /metrics', () => {
  it('is open to an administrator, by either header', async () => {
    const answer = await world.admin.get('//metrics');
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe(TEXT);
    expect(figuresOf(answer.text).size).toBeGreaterThan(50);
    expect((await bearer(world.adminKey)).status).toBe(200);
  });

  it('is open to the token', async () => {
    expect((await bearer(TOKEN)).status).toBe(200);
    expect((await world.api.get('//metrics').set('Authorization', `bearer ${TOKEN}`)).status).toBe(200);
  });

  it('answers HEAD with no body', async () => {
    const answer = await request(world.url).head('/metrics').set('Authorization', `Bearer ${TOKEN}`);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe(TEXT);
    expect(Number(answer.headers['content-length'])).toBeGreaterThan(1_000);
    expect(answer.text ?? '').toBe('');
    expect((await request(world.url).head('/metrics')).status).toBe(401);
  });

  it.each([
    ['nothing', {}],
    ['a wrong token', { Authorization: `Bearer ${WRONG}` }],
    ['a part of the token', { Authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ['the token and more', { Authorization: `Bearer ${TOKEN}x` }],
    ['the token by another scheme', { Authorization: `Basic ${TOKEN}` }],
    ['the token as a key', { 'X-API-Key': TOKEN }],
    ['no token at all', { Authorization: 'Bearer ' }],
  ])('is closed to %s', async (_what, headers) => {
    const answer = await world.api.get('//metrics').set(headers);
    expectProblem(answer, 401, 'UNAUTHENTICATED');
    expect(answer.body.detail).toContain('C4C_METRICS_TOKEN');
  });

  it('is closed to the keys of agents and owners', async () => {
    expectProblem(await provider.api.get('//metrics'), 401, 'UNAUTHENTICATED');
    expectProblem(await provider.owner.api.get('//metrics'), 401, 'UNAUTHENTICATED');
    expectProblem(await bearer(provider.key), 401, 'UNAUTHENTICATED');
  });

  it('takes no other method', async () => {
    const answer = await world.admin.post('//metrics', {});
    expectProblem(answer, 405, 'METHOD_NOT_ALLOWED');
    expect(answer.headers['allow']).toBe('GET, HEAD, OPTIONS');
  });
});

describe('the figures', () => {
  it('move by exactly what was asked, and with it the lanes', async () => {
    const before = await scrape();
    const ids: number[] = [];
    for (let nth = 0; nth < 3; nth += 1)
      ids.push(Number(dataOf(await caller.api.post(INVOCATIONS, wish()))['invocationId']));
    expectProblem(await caller.api.post(INVOCATIONS, { ...wish(), input: {} }), 400, 'INPUT_INVALID');
    await Promise.all(Array.from({ length: 20 }, () => caller.api.post(INVOCATIONS, wish()).then(dataOf)));
    dataOf(await provider.api.post(`${INVOCATIONS}/${ids[0]}/submit`, { status: 'completed', output: { words: 1 } }));
    const moved = difference(before, await scrape());

    const route = 'route="/openapi/v1/agent/me/service-invocations"';
    expect(moved[`c4c_http_requests_total{method="POST",${route},status="200"}`]).toBe(23);
    expect(moved[`c4c_http_requests_total{method="POST",${route},status="400"}`]).toBe(1);
    expect(moved[`c4c_http_request_duration_seconds_count{method="POST",${route}}`]).toBe(24);
    expect(moved[`c4c_http_request_duration_seconds_bucket{le="60",method="POST",${route}}`]).toBe(24);
    // One scrape before, and the one before itself.
    expect(moved['c4c_http_requests_total{method="GET",route="/metrics",status="200"}']).toBe(1);
    expect(moved['c4c_lane_wait_seconds_count{lane="invocation-open"}']).toBe(23);
    expect(moved['c4c_lane_batch_items_sum{lane="invocation-open"}']).toBe(23);
    expect(moved['c4c_lane_wait_seconds_count{lane="invocation-close"}']).toBe(1);
    expect(moved['c4c_lane_commit_seconds_count{lane="invocation-close"}']).toBe(1);
    expect(moved['c4c_lane_commit_seconds_count{lane="invocation-open"}']).toBe(
      moved['c4c_lane_batch_items_count{lane="invocation-open"}'],
    );
    expect(moved['c4c_cache_lookups_total{cache="offers",result="miss"}'] ?? 0).toBeLessThanOrEqual(1);
    expect(moved['c4c_cache_lookups_total{cache="offers",result="hit"}']).toBeGreaterThanOrEqual(23);
  });

  it('grow by one series for a thousand unknown paths', async () => {
    await scrape();
    const before = await scrape();
    const agent = new Agent({ keepAlive: true, maxSockets: 10 });
    const paths = Array.from({ length: 1_000 }, (_, nth) => `/no/${nth}/such`);
    const statuses = await Promise.all(paths.map((path) => statusOf('GET', path, agent)));
    expect(new Set(statuses)).toEqual(new Set([404]));
    for (const method of ['PROPFIND', 'LOCK', 'REPORT']) expect(await statusOf(method, '/no/such', agent)).toBe(404);
    agent.destroy();
    const after = await scrape();
    const added = [...after.keys()].filter((series) => !before.has(series) && series.startsWith('c4c_http_requests'));
    expect(added).toEqual([
      'c4c_http_requests_total{method="GET",route="unmatched",status="404"}',
      'c4c_http_requests_total{method="other",route="unmatched",status="404"}',
    ]);
    expect(after.get('c4c_http_requests_total{method="GET",route="unmatched",status="404"}')).toBe(1_000);
  });

  it('count a request in flight until its client leaves', async () => {
    const waiting = send(`${world.url}/openapi/v1${INVOCATIONS}`, {
      method: 'POST',
      headers: { 'X-API-Key': caller.key, 'Content-Type': 'application/json', Prefer: 'wait=50' },
    });
    const left = new Promise((resolve) => waiting.once('error', resolve));
    waiting.end(JSON.stringify(wish()));
    await until(async () => (await scrape()).get('c4c_http_requests_in_flight') === 2);
    waiting.destroy(new Error('the client leaves'));
    await left;
    const aborted = `c4c_http_requests_total{method="POST",route="/openapi/v1${INVOCATIONS}",status="aborted"}`;
    await until(async () => (await scrape()).get(aborted) === 1);
    expect((await scrape()).get('c4c_http_requests_in_flight')).toBe(1);
  });

  it('tell of the pools', async () => {
    const figures = await scrape();
    expect(figures.get('c4c_pool_connections{pool="app",state="idle"}')).toBeGreaterThan(0);
    expect(figures.get('c4c_pool_waiting{pool="app"}')).toBe(0);
    expect(figures.get('c4c_pool_connections{pool="treasury",state="idle"}')).toBe(1);
    expect(figures.get('c4c_pool_connections{pool="snapshots",state="busy"}')).toBe(0);
    expect(figures.get('c4c_pool_waiting{pool="snapshots"}')).toBe(0);
  });
});

describe.skipIf(noRedis)('a worker', () => {
  let redis: TestRedis;
  let platform: Platform;
  let worker: Worker;
  let server: MetricsServer;

  beforeAll(async () => {
    redis = await startTestRedis();
    const env = { C4C_METRICS_TOKEN: TOKEN, C4C_METRICS_PORT: '0', REDIS_URL: redis.url };
    platform = openPlatform(world.database.config(env));
    worker = await startWorker(platform);
    const serving = await serveMetrics(platform, worker);
    if (serving === undefined) throw new Error('the worker serves no metrics');
    server = serving;
  });
  afterAll(async () => {
    await server.close();
    await worker.close();
    await platform.close();
    await redis.stop();
  });

  it('serves its own figures at /metrics and nothing else', async () => {
    const answer = await asked('/metrics', { headers: { Authorization: `Bearer ${TOKEN}` } });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, TEXT]);
    expect(figuresOf(await answer.text()).has('c4c_deadlines_overdue')).toBe(true);
    expect((await asked('/metrics', { headers: { 'X-API-Key': world.adminKey } })).status).toBe(200);
    expect((await asked('/metrics')).status).toBe(401);
    expect((await asked('/metrics', { headers: { Authorization: `Bearer ${WRONG}` } })).status).toBe(401);
    expect((await asked('/', { headers: { Authorization: `Bearer ${TOKEN}` } })).status).toBe(404);
    const posted = await asked('/metrics', { method: 'POST', headers: { Authorization: `Bearer ${TOKEN}` } });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(await posted.json()).toMatchObject({ success: false, error: { code: 'METHOD_NOT_ALLOWED' } });
  });

  it('names the limits on every answer', async () => {
    const ADDRESS = '"address";q=1000000;w=60';
    const answers = [
      await asked('/metrics', { headers: { Authorization: `Bearer ${TOKEN}` } }),
      await asked('/metrics', { headers: { Authorization: `Bearer ${WRONG}` } }),
      await asked('/'),
      await asked('/metrics', { method: 'POST' }),
    ];
    expect(answers.map(({ status, headers }) => [status, headers.get('ratelimit-policy')])).toEqual(
      [200, 401, 404, 405].map((status) => [status, ADDRESS]),
    );
    for (const { headers } of answers) expect(headers.get('ratelimit')).toMatch(/^"address";r=\d+;t=\d+$/);
    const byKey = await asked('/metrics', { headers: { 'X-API-Key': world.adminKey } });
    expect([byKey.status, byKey.headers.get('ratelimit-policy')]).toEqual([200, '"key";q=1000000;w=1']);
    const broken = await raw(Number(new URL(server.url).port), 'FOO /metrics HTTP/1.1\r\nhost: x\r\n\r\n');
    expect(broken).toMatch(/^HTTP\/1\.1 400 .*\r\nratelimit-policy: "address".*"MALFORMED_REQUEST"/s);
  });

  it('counts what it refunds for deadlines, and how late', async () => {
    for (let nth = 0; nth < 4; nth += 1) dataOf(await caller.api.post(INVOCATIONS, wish()));
    const pending = await pendingInvocations();
    expect(pending).toBeGreaterThanOrEqual(4);
    await world.passTime(200_000);
    await until(async () => (await pendingInvocations()) === 0);
    await until(async () => (await figures()).get('c4c_deadline_refunds_total') === pending);
    const after = await figures();
    expect(after.get('c4c_deadline_lateness_seconds_count')).toBe(pending);
    // Deadlines are two minutes after the invoke, and 200 s have passed beside those that this file takes.
    const latest = 80 + (performance.now() - startedAtMs) / 1_000;
    expect(after.get('c4c_deadline_lateness_seconds_sum')).toBeGreaterThan(80 * pending);
    expect(after.get('c4c_deadline_lateness_seconds_sum')).toBeLessThan(latest * pending);
    expect(after.get('c4c_redis_connected{connection="publisher"}')).toBe(1);
  });

  it('and the API tell of every figure in docs/operations.md, and of no other', () => {
    const served = new Set([...world.app.get(Metrics).names(), ...platform.metrics.names()]);
    expect([...served].sort()).toEqual(documented());
  });

  const asked = (path: string, init: RequestInit = {}): Promise<Response> => fetch(`${server.url}${path}`, init);
  const figures = async (): Promise<Map<string, number>> => figuresOf(await platform.metrics.text());
});

it('a worker process shows its figures where its log says, and stops at once', async () => {
  const fleet = await Fleet.on(world.database);
  const worker = await fleet.start('worker', { C4C_METRICS_PORT: '0', C4C_METRICS_TOKEN: TOKEN });
  try {
    const url = /"metricsUrl":"(?<url>[^"]+)"/.exec(worker.lines.join('\n'))?.groups?.['url'] ?? '';
    const answer = await fetch(`${url}/metrics`, { headers: { Authorization: `Bearer ${TOKEN}` } });
    const figures = figuresOf(await answer.text());
    expect(figures.get('c4c_lane_depth{lane="invocation-close"}')).toBe(0);
    expect(figures.get('c4c_deadlines_overdue')).toBe(0);
    // The connection is still open, kept by who asked.
    await worker.stop();
    expect(worker.errors).toEqual([]);
  } finally {
    await fleet.end();
  }
});

it('the launcher shows API and workers in one scrape, each figure once', async () => {
  const config = world.database.config({ C4C_METRICS_TOKEN: TOKEN });
  const market = await startMarket(config, createLog('silent'));
  try {
    const answer = await request(market.url).get('/metrics').set('Authorization', `Bearer ${TOKEN}`);
    const figures = figuresOf(answer.text);
    expect(figures.get('c4c_ws_sockets')).toBe(0);
    expect(figures.has('c4c_outcome_queue_depth')).toBe(true);
    expect(figures.get('c4c_lane_depth{lane="invocation-close"}')).toBe(0);
  } finally {
    await market.close();
  }
});

function bearer(token: string): request.Test {
  return world.api.get('//metrics').set('Authorization', `Bearer ${token}`);
}

function statusOf(method: string, path: string, agent: Agent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asking = send(`${world.url}${path}`, { method, agent }, (answer) => {
      answer.resume();
      answer.once('end', () => resolve(answer.statusCode));
    });
    asking.once('error', reject);
    asking.end();
  });
}

async function scrape(): Promise<Map<string, number>> {
  return figuresOf((await world.admin.get('//metrics')).text);
}

function wish(): object {
  return { serviceId, input: { text: 'a few words' } };
}

function difference(before: Map<string, number>, after: Map<string, number>): Record<string, number> {
  return Object.fromEntries([...after].map(([series, value]) => [series, value - (before.get(series) ?? 0)]));
}

async function pendingInvocations(): Promise<number> {
  const { rows } = await world.database.pool.query<{ pending: number }>(
    `select count(*)::integer as pending from market.invocation where status = 'pending'`,
  );
  return rows[0]?.pending ?? Number.NaN;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end;) if (await isSo()) return;
  throw new Error('it did not happen within 10 s');
}

/** The names in the first column of the table of metrics. */
function documented(): string[] {
  const page = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
  const section = /^## Metrics\n(?<text>[\s\S]+?)(?=^## )/m.exec(page)?.groups?.['text'] ?? '';
  return [...section.matchAll(/^\| `(?<name>[a-z0-9_]+)`/gm)].map((row) => row.groups?.['name'] ?? '').sort();
}
