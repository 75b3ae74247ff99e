import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ApiClient, retryAfterMs, retryDelayMs } from './api-client.js';
import { ApiError, CliError } from './cli-error.js';

const opened: (() => void)[] = [];
afterEach(() => opened.splice(0).forEach((close) => close()));

/** A server that answers with the given handlers, one a request. */
async function serve(...handlers: ((request: IncomingMessage, response: ServerResponse) => void)[]): Promise<string> {
  const server = createServer((request, response) => {
    const handler = handlers.length > 1 ? handlers.shift() : handlers[0];
    request.resume().on('end', () => handler?.(request, response));
  }).listen(0, '127.0.0.1');
  opened.push(() => server.close().closeAllConnections());
  await new Promise((done) => server.once('listening', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const ok = (_: IncomingMessage, response: ServerResponse): void => {
  response.end('{"success":true,"data":{"id":1},"traceId":"trace-0001"}');
};
const refuse =
  (status: number, code: string, headers = {}) =>
  (_: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(status, headers).end(JSON.stringify({ success: false, error: { code, message: 'No.' } }));
  };
const drop = (request: IncomingMessage): void => void request.socket.destroy();

const says =
  (text: string) =>
  (_: IncomingMessage, response: ServerResponse): void =>
    void response.end(text);
const endless = (_: IncomingMessage, response: ServerResponse): void => {
  const more = (): void => {
    while (response.write('x'.repeat(65_536)));
  };
  response.on('drain', more);
  more();
};

describe('the API client', () => {
  it('sends the key and gives the data', async () => {
    let seen: IncomingMessage['headers'] = {};
    const endpoint = await serve((request, response) => {
      seen = request.headers;
      ok(request, response);
    });
    await expect(new ApiClient(endpoint, 'key-1', 'test').data({ path: '/x' })).resolves.toEqual({ id: 1 });
    expect(seen['x-api-key']).toBe('key-1');
  });

  it('throws what the API refused, as it said it', async () => {
    const endpoint = await serve(refuse(409, 'OWN_SERVICE'));
    const error: unknown = await new ApiClient(endpoint, undefined, 'test')
      .data({ path: '/x' })
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: 'OWN_SERVICE', exitCode: 5 });
  });

  it('repeats only what may be repeated, after a lost connection and after 503', async () => {
    const notes: string[] = [];
    const endpoint = await serve(drop, refuse(503, 'OVERLOADED', { 'retry-after': '0' }), ok);
    const client = new ApiClient(endpoint, undefined, 'test', (note) => notes.push(note.reason));
    await expect(client.data({ path: '/x', retries: 5 })).resolves.toEqual({ id: 1 });
    expect(notes).toHaveLength(2);

    const once = await serve(drop, ok);
    await expect(new ApiClient(once, undefined, 'test').data({ path: '/x' })).rejects.toMatchObject({ exitCode: 10 });
  });

  it('repeats whatever was refused for coming too often, as late as it is asked to', async () => {
    const delays: number[] = [];
    const endpoint = await serve(refuse(429, 'RATE_LIMITED', { 'retry-after': '1' }), ok);
    const client = new ApiClient(endpoint, undefined, 'test', ({ delayMs }) => delays.push(delayMs));
    await expect(client.data({ path: '/x', method: 'POST' })).resolves.toEqual({ id: 1 });
    expect(delays).toHaveLength(1);
    expect(delays[0]).toBeGreaterThanOrEqual(1_000);

    const busy = await serve(refuse(429, 'SERVICE_BUSY', { 'retry-after': '0' }), ok);
    await expect(new ApiClient(busy, undefined, 'test').data({ path: '/x' })).rejects.toMatchObject({ exitCode: 9 });
    const long = await serve(refuse(429, 'RATE_LIMITED', { 'retry-after': '60' }), ok);
    await expect(new ApiClient(long, undefined, 'test').data({ path: '/x' })).rejects.toMatchObject({ exitCode: 9 });
  });

  it('bounds the time of an answer that goes on', async () => {
    const endpoint = await serve((_, response) => void response.write('{'));
    const client = new ApiClient(endpoint, undefined, 'test');
    await expect(client.data({ path: '/x', timeoutMs: 200 })).rejects.toMatchObject({ exitCode: 10 });
  });

  it('does not take its own errors for those of the network', async () => {
    const notes: string[] = [];
    const client = new ApiClient('http://127.0.0.1:1023', undefined, 'test', (note) => notes.push(note.reason));
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    const request = { method: 'POST', path: '/x', body: circle, retries: 5 } as const;
    await expect(client.data(request)).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
    expect(notes).toEqual([]);
  });

  it.each([
    [(_: IncomingMessage, response: ServerResponse) => void response.end('<html>'), 'BAD_ANSWER', 1],
    [(_: IncomingMessage, response: ServerResponse) => void response.writeHead(502).end('x'), 'UNAVAILABLE', 10],
    [
      (_: IncomingMessage, response: ServerResponse) => void response.writeHead(302, { location: 'http://a' }).end(),
      'BAD_ANSWER',
      1,
    ],
    [endless, 'BAD_ANSWER', 1],
    [says('{"success":true,"data":null}'), 'BAD_ANSWER', 1],
    [says('{"success":true}'), 'BAD_ANSWER', 1],
    [says('{"success":false}'), 'BAD_ANSWER', 1],
    [says('{"success":false,"error":{"code":7,"message":{}}}'), 'BAD_ANSWER', 1],
    [says('null'), 'BAD_ANSWER', 1],
  ])('names an answer that is not the API’s', async (handler, code, exitCode) => {
    const endpoint = await serve(handler);
    await expect(new ApiClient(endpoint, undefined, 'test').data({ path: '/x' })).rejects.toMatchObject({
      code,
      exitCode,
    });
  });
});

describe('when to try again', () => {
  const refusal = (status: number, code: string, after?: number): ApiError =>
    new ApiError(status, { success: false, error: { code, message: 'No.' } }, after);

  it('waits as long as it is asked to, and longer each time', () => {
    expect(retryDelayMs(refusal(429, 'SERVICE_BUSY', 2_000), 0, () => 0)).toBe(2_000);
    expect(retryDelayMs(refusal(503, 'OVERLOADED'), 0, () => 0.999)).toBe(250);
    expect(retryDelayMs(refusal(503, 'OVERLOADED'), 20, () => 0.9999)).toBe(4_000);
    expect(retryDelayMs(refusal(409, 'IDEMPOTENCY_IN_PROGRESS'), 0, () => 0)).toBe(0);
  });

  it('does not wait for what will not change, nor too long', () => {
    expect(retryDelayMs(refusal(409, 'OWN_SERVICE'), 0)).toBeUndefined();
    expect(retryDelayMs(refusal(429, 'SERVICE_BUSY', 60_000), 0)).toBeUndefined();
    expect(retryDelayMs(new CliError('BAD_ANSWER', 'x', 1), 0)).toBeUndefined();
    expect(retryDelayMs(new Error('bug'), 0)).toBeUndefined();
  });

  it('reads Retry-After as seconds and as a date', () => {
    expect(retryAfterMs(new Headers({ 'retry-after': '3' }))).toBe(3_000);
    expect(retryAfterMs(new Headers({ 'retry-after': 'Thu, 01 Jan 1970 00:00:05 GMT' }), 1_000)).toBe(4_000);
    expect(retryAfterMs(new Headers({ 'retry-after': 'soon' }))).toBeUndefined();
    expect(retryAfterMs(new Headers())).toBeUndefined();
  });
});
