import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { Controller, Get, Module, Param, Post, Req } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../log.js';
import { Metrics } from '../metrics.js';
import { Admission, waitOutside } from './admission.js';
import { createHttpApp } from './http-app.js';

describe('admission', () => {
  it('lets one key have as many places as are free, so half of them', () => {
    const admission = new Admission(10);
    expect(entered(admission, 'a', 20)).toBe(5);
    expect(admission.size).toBe(5);
  });

  it('comes to equal shares and a place to spare, however many flood it', () => {
    const admission = new Admission(1_024);
    const floods = Array.from({ length: 30 }, (_, n) => ({ key: `flood ${n}`, inside: 0 }));
    for (let round = 0; round < 100; round += 1) {
      for (const flood of floods) {
        flood.inside += entered(admission, flood.key, 100);
        // A tenth of what is inside is answered meanwhile.
        for (let left = Math.ceil(flood.inside / 10); left > 0; left -= 1, flood.inside -= 1)
          admission.leave(flood.key);
      }
    }
    const shares = floods.map(({ inside }) => inside);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThan(5);
    expect(entered(admission, 'a single one', 1)).toBe(1);
  });

  it('is full when it is full', () => {
    const admission = new Admission(50);
    for (let n = 0; n < 60; n += 1) entered(admission, `key ${n}`, 1);
    expect(admission.size).toBe(50);
    admission.leave('key 7');
    expect(entered(admission, 'another', 2)).toBe(1);
  });

  it('forgets who has left', () => {
    const admission = new Admission(4);
    for (let n = 0; n < 1_000; n += 1) {
      expect(admission.enter('a')).toBe(true);
      admission.leave('a');
    }
    expect(admission.size).toBe(0);
  });
});

// More than the kernel keeps of an answer that nobody reads.
const LARGE = 32 * 2 ** 20;

/** Handlers wait here until they are let go. */
let held: (() => void)[];

@Controller()
class SlowController {
  @Get('openapi/slow')
  async slow(): Promise<string> {
    await new Promise<void>((resolve) => held.push(resolve));
    return 'done';
  }

  @Post('openapi/slow')
  async post(): Promise<string> {
    return this.slow();
  }

  @Get('openapi/waiting/:n')
  async waiting(@Param('n') n: string, @Req() raw: FastifyRequest): Promise<string> {
    waitOutside(raw);
    await new Promise<void>((resolve) => held.push(resolve));
    return n;
  }

  @Get('openapi/large')
  async large(): Promise<string> {
    await new Promise<void>((resolve) => held.push(resolve));
    return 'x'.repeat(LARGE);
  }

  @Get('healthz')
  health(): string {
    return 'well';
  }
}

@Module({ controllers: [SlowController] })
class SlowModule {}

describe('a server with more requests than places', () => {
  let app: NestFastifyApplication;
  let metrics: Metrics;
  let url: string;

  beforeEach(async () => {
    held = [];
    metrics = new Metrics();
    app = await createHttpApp(SlowModule, {
      log: createLog('silent'),
      metrics,
      admission: new Admission(4),
      arriving: new Admission(8),
    });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });
  afterEach(async () => {
    for (const go of held) go();
    await app.close();
  });

  it('turns the next one away, tells it when to come back, and serves the others', async () => {
    const inside = [get('/openapi/slow', 'a'), get('/openapi/slow', 'a')];
    await waitUntilHeld(2);
    const answer = await get('/openapi/slow?secret=1', 'a');
    expect(answer.statusCode).toBe(503);
    expect(answer.headers).toMatchObject({
      'retry-after': '1',
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(JSON.parse(await text(answer))).toMatchObject({
      success: false,
      error: { code: 'OVERLOADED' },
      traceId: answer.headers['x-trace-id'],
      type: '/problems/overloaded',
      status: 503,
      instance: '/openapi/slow',
    });
    const other = get('/openapi/slow', 'b');
    await waitUntilHeld(3);
    for (const go of held) go();
    expect((await Promise.all([...inside, other])).map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
    expect(await metrics.text()).toContain('c4c_http_turned_away_total 1');
  });

  it('holds a refusal back for half a second, so that who does not heed it asks no more often', async () => {
    void get('/openapi/slow', 'a');
    void get('/openapi/slow', 'a');
    await waitUntilHeld(2);
    const sentMs = performance.now();
    await Promise.all(
      Array.from({ length: 20 }, async () => expect((await get('/openapi/slow', 'a')).statusCode).toBe(503)),
    );
    expect(performance.now() - sentMs).toBeGreaterThanOrEqual(490);
  });

  it('throws away the body of whom it turns away, and keeps the connection', async () => {
    void get('/openapi/slow', 'a');
    void get('/openapi/slow', 'a');
    await waitUntilHeld(2);
    const answer = await send('POST', '/openapi/slow', 'a', `{"text":"${'x'.repeat(1_000)}"}`);
    expect(answer.statusCode).toBe(503);
    expect(answer.headers.connection).toBe('keep-alive');
    await text(answer);
  });

  it('keeps nobody out for those who send no body, nor lets those pass it', async () => {
    const sockets = Array.from({ length: 12 }, () => connect(Number(new URL(url).port), '127.0.0.1'));
    for (const [n, socket] of sockets.entries()) {
      socket.write(
        `POST /openapi/slow HTTP/1.1\r\nhost: x\r\nx-api-key: made up ${n}\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n`,
      );
    }
    await expect.poll(() => metrics.text()).toContain('c4c_http_admitted 8');
    await expect.poll(() => metrics.text()).toContain('c4c_http_turned_away_total 4');
    const inside = [get('/openapi/slow', 'a'), send('POST', '/openapi/slow', 'b', '{}')];
    await waitUntilHeld(2);
    for (const go of held) go();
    expect((await Promise.all(inside)).map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    for (const socket of sockets) socket.destroy();
    await expect.poll(() => metrics.text()).toContain('c4c_http_admitted 0');
  });

  it('frees the place of a client that does not read its answer', async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.pause();
    socket.write('GET /openapi/large HTTP/1.1\r\nhost: x\r\nx-api-key: a\r\n\r\n');
    await waitUntilHeld(1);
    expect(await metrics.text()).toContain('c4c_http_admitted 1');
    held[0]?.();
    await expect.poll(() => metrics.text()).toContain('c4c_http_admitted 0');
    expect(socket.bytesRead).toBeLessThan(LARGE);
    socket.destroy();
  });

  it('has one door, however the address is written', async () => {
    for (const key of ['a', 'a', 'b', 'c']) void get('/openapi/slow', key);
    await waitUntilHeld(4);
    for (const path of ['/%6fpenapi/slow', '/elsewhere', '/healthz/']) {
      expect((await get(path, 'd')).statusCode, path).toBe(503);
    }
  });

  it('gives the place of one that waits for an event to another', async () => {
    const waiting = Array.from({ length: 20 }, (_, n) => get(`/openapi/waiting/${n}`, 'a'));
    await waitUntilHeld(20);
    const inside = get('/openapi/slow', 'a');
    await waitUntilHeld(21);
    for (const go of held) go();
    expect((await Promise.all([inside, ...waiting])).every(({ statusCode }) => statusCode === 200)).toBe(true);
    expect(await metrics.text()).toContain('c4c_http_admitted 0');
  });

  it('frees the place of a client that hangs up', async () => {
    const gone = [hangUpAfter('/openapi/slow', 2), hangUpAfter('/openapi/slow', 2)];
    await Promise.all(gone);
    await expect.poll(() => metrics.text()).toContain('c4c_http_admitted 0');
    const next = get('/openapi/slow', 'a');
    await waitUntilHeld(3);
    held[2]?.();
    expect((await next).statusCode).toBe(200);
  });

  it('keeps out nobody who looks whether it is well', async () => {
    for (const key of ['a', 'a', 'b', 'c']) void get('/openapi/slow', key);
    await waitUntilHeld(4);
    expect((await get('/openapi/slow', 'd')).statusCode).toBe(503);
    expect((await get('/healthz', 'd')).statusCode).toBe(200);
  });

  function get(path: string, key: string): Promise<IncomingMessage> {
    return send('GET', path, key);
  }

  async function send(method: string, path: string, key: string, body = ''): Promise<IncomingMessage> {
    const sent = request(`${url}${path}`, {
      method,
      headers: { 'x-api-key': key, 'content-type': 'application/json', connection: 'keep-alive' },
    });
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    if (answer.statusCode === 200) await text(answer);
    return answer;
  }

  async function hangUpAfter(path: string, count: number): Promise<void> {
    const sent = request(`${url}${path}`, { headers: { 'x-api-key': 'a' } });
    sent.on('error', () => undefined);
    sent.end();
    await waitUntilHeld(count);
    sent.destroy();
  }

  async function waitUntilHeld(count: number): Promise<void> {
    await expect.poll(() => held.length, { interval: 5 }).toBe(count);
  }
});

function entered(admission: Admission, key: string, tries: number): number {
  return Array.from({ length: tries }, () => admission.enter(key)).filter(Boolean).length;
}
