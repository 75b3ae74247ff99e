import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EdgeApp, fieldsOf, GOOD } from '../../../test/support/edge-app.js';

let edge: EdgeApp;

beforeAll(async () => {
  edge = await EdgeApp.start();
});

afterAll(async () => {
  await edge.close();
});

describe('an answer', () => {
  it('is the success envelope with 200, also for a POST', async () => {
    const response = await edge.http().post('/things').send(GOOD);
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(response.body).toMatchObject({ success: true, data: { title: 'x', price: '1050', isDto: true } });
    expect(response.body.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(response.headers['x-trace-id']).toBe(response.body.traceId);
    expect(response.body.data.traceInHandler).toBe(response.body.traceId);
    expect(response.headers['x-content-type-options']).toBe('nosniff');
  });

  it('is data null when the handler returns nothing', async () => {
    const response = await edge.http().get('/things/nothing');
    expect(response.body).toMatchObject({ success: true, data: null });
  });

  it('goes out as it is when the handler says so', async () => {
    const response = await edge.http().get('/things/csv');
    expect(response.headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(response.text).toBe('a,b\n');
  });

  it('takes over a well-formed trace id and no other', async () => {
    const id = '4bf92f3577b34da6a3ce929d0e0e4736';
    const taken = await edge.http().get('/things/1').set('traceparent', `00-${id}-00f067aa0ba902b7-01`);
    expect(taken.body.traceId).toBe(id);
    for (const wrong of [
      `00-${id}-00f067aa0ba902b7`,
      `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
      'x"y',
      `ff-${id}-00f067aa0ba902b7-01`,
    ]) {
      const other = await edge.http().get('/things/1').set('traceparent', wrong);
      expect(other.body.traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(other.body.traceId).not.toBe(id);
    }
  });
});

describe('a refusal', () => {
  it('serves the envelope and RFC 9457 in one body', async () => {
    const response = await edge.http().post('/things?x=1').send({ price: 'a', extra: 1 });
    expect(response.status).toBe(400);
    expect(response.body).toMatchObject({
      success: false,
      error: { code: 'VALIDATION_FAILED', details: { errors: response.body.errors } },
      type: '/problems/validation-failed',
      status: 400,
      instance: '/things',
    });
    expect(fieldsOf(response)).toEqual(['extra', 'title', 'price']);
  });

  it('tells nothing about an unexpected error, but logs it with the trace id', async () => {
    edge.lines.length = 0;
    const response = await edge.http().get('/things/bug');
    expect(response.status).toBe(500);
    expect(response.body.error.code).toBe('INTERNAL');
    expect(response.text).not.toContain('secret of the house');
    const logged = edge.lines.find((line) => line.includes('secret of the house'));
    expect(logged).toContain(response.body.traceId);
  });

  it.each(['08006', '57P01', '53300', 'ECONNREFUSED'])(
    'is 503 with Retry-After when the database is away (%s)',
    async (code) => {
      const response = await edge.http().get(`/things/gone/${code}`);
      expect(response.status).toBe(503);
      expect(response.body.error.code).toBe('UNAVAILABLE');
      expect(response.headers['retry-after']).toBe('2');
    },
  );

  it('keeps the class of a foreign HttpException', async () => {
    expect((await edge.http().get('/things/teapot')).status).toBe(400);
  });
});

describe('a path', () => {
  it.each(['0', '-1', 'abc', '1.0', '01', '9007199254740992', '9'.repeat(2_000), '%F0%9F%98%80', '1%20', '+1'])(
    'with the id %s leads nowhere',
    async (id) => {
      const response = await edge.http().get(`/things/${id}`);
      expect(response.status).toBe(404);
      expect(response.body.error.code).toBe('NOT_FOUND');
    },
  );

  it('is 404 when unknown and 405 with Allow when known by other methods', async () => {
    const unknown = await edge.http().post('/nowhere').set('content-type', 'text/plain').send('x');
    expect(unknown.status).toBe(404);
    expect(unknown.headers['x-trace-id']).toBe(unknown.body.traceId);
    const response = await edge.http().post('/things/csv').send({});
    expect(response.status).toBe(405);
    expect(response.body.error.code).toBe('METHOD_NOT_ALLOWED');
    expect(response.headers['allow']).toBe('GET, HEAD, OPTIONS');
    expect((await edge.http().delete('/things')).headers['allow']).toBe('GET, HEAD, OPTIONS, POST');
    expect((await edge.http().get('/things/')).status).toBe(404);
  });

  it('answers HEAD like GET without a body, and OPTIONS with what it takes', async () => {
    const head = await edge.http().head('/things/1');
    expect(head.status).toBe(200);
    expect(Number(head.headers['content-length'])).toBeGreaterThan(20);
    expect(head.text ?? '').toBe('');
    expect((await edge.http().head('/things/x')).status).toBe(404);
    const options = await edge.http().options('/things');
    expect(options.status).toBe(204);
    expect(options.headers['allow']).toBe('GET, HEAD, OPTIONS, POST');
    expect((await edge.http().options('/nowhere')).status).toBe(404);
  });
});

describe('health', () => {
  it('is the process at /healthz and what it needs at /readyz', async () => {
    expect((await edge.http().get('/healthz')).body.data.status).toBe('ok');
    expect((await edge.http().get('/readyz')).body.data).toEqual({
      status: 'ok',
      checks: { database: 'ok', queue: 'ok' },
    });
    edge.setDatabase(false);
    const response = await edge.http().get('/readyz');
    edge.setDatabase(true);
    expect(response.status).toBe(503);
    expect(response.body.error.details).toEqual({ checks: { database: 'failed', queue: 'ok' } });
  });
});

describe('the access log', () => {
  it('has one line per request with the route and not the address', async () => {
    edge.lines.length = 0;
    const response = await edge.http().get('/things/42?api_key=hidden');
    await new Promise((resolve) => setTimeout(resolve, 20));
    const access = edge.lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ msg }) => msg === 'request');
    expect(access).toHaveLength(1);
    expect(access[0]).toMatchObject({
      method: 'GET',
      route: '/things/:id',
      status: 200,
      traceId: response.body.traceId,
    });
    expect(typeof access[0]?.['durationMs']).toBe('number');
    expect(edge.lines.join('')).not.toContain('hidden');
  });
});
