import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Metrics } from '#platform';
import { EdgeApp, rawBody, rawStatus } from '../../../test/support/edge-app.js';

let edge: EdgeApp;

beforeAll(async () => {
  edge = await EdgeApp.start();
});

afterAll(async () => {
  await edge.close();
});

describe('a request that is hardly one', () => {
  it.each([
    ['malformed percent-encoding', 'GET /things/%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 400],
    ['percent-encoding that is not UTF-8', 'GET /things/%ff HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 400],
    ['U+0000 in the query', 'GET /things?search=%00 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 400],
    ['U+0000 in the path', 'GET /things/%00 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 400],
    ['a header overflow', `GET /things HTTP/1.1\r\nhost: x\r\nx-a: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    ['a URL overflow', `GET /things?${'a'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431],
    ['a wrong content-length', 'POST /things HTTP/1.1\r\nhost: x\r\ncontent-length: abc\r\n\r\n', 400],
    ['two content-lengths', 'POST /things HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx', 400],
    [
      'length and chunks',
      'POST /things HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['no host', 'GET /things HTTP/1.1\r\nconnection: close\r\n\r\n', 400],
    ['noise', 'hello\r\n\r\n', 400],
    ['TLS', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]), 400],
    [
      'a broken chunk',
      'POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
      400,
    ],
    ['an unknown method', 'FROB /things HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['an unusual method', 'PROPFIND /things HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 405],
    ['TRACE', 'TRACE /things HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 405],
    ['an absolute target', 'GET http://other/things/1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 200],
    ['a star', 'OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 404],
    [
      'an unknown expectation',
      'GET /things/1 HTTP/1.1\r\nhost: x\r\nexpect: miracles\r\nconnection: close\r\n\r\n',
      200,
    ],
    ['an Accept-Version', 'GET /things/1 HTTP/1.1\r\nhost: x\r\naccept-version: 9\r\nconnection: close\r\n\r\n', 200],
  ])('such as %s gets the envelope', async (_what, bytes, status) => {
    const answer = await edge.raw(bytes);
    expect(rawStatus(answer)).toBe(status);
    if (status !== 200) expect(rawBody(answer)).toMatchObject({ success: false, status });
    expect(answer.toLowerCase()).toContain(`x-trace-id: ${rawBody(answer).traceId}`);
  });
});

it('is counted by its status when no route ever saw it', async () => {
  const metrics = new Metrics();
  const counting = await EdgeApp.start({ metrics });
  await counting.raw('FOO /things HTTP/1.1\r\nhost: x\r\n\r\n');
  await counting.raw('FOO /things HTTP/1.1\r\nhost: x\r\n\r\n');
  await counting.raw(`GET /things HTTP/1.1\r\nhost: x\r\nx-a: ${'a'.repeat(20_000)}\r\n\r\n`);
  await counting.raw('GET /things/1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  await counting.close();
  const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith('c4c_http_malformed_total'));
  expect(lines).toEqual(['c4c_http_malformed_total{status="400"} 2', 'c4c_http_malformed_total{status="431"} 1']);
});

describe('a request that does not arrive in time', () => {
  it.each([
    'GET /things HTTP/1.1\r\nhost: x\r\nx-slow: ',
    'POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{',
  ])('gets 408', async (start) => {
    const impatient = await EdgeApp.start({ requestTimeoutMs: 200 });
    const answer = await impatient.raw(start);
    await impatient.close();
    expect(rawBody(answer)).toMatchObject({ status: 408, error: { code: 'REQUEST_TIMEOUT' } });
  });
});

describe('a client that leaves in the middle of its body', () => {
  it('is not logged as a failure of ours', async () => {
    edge.lines.length = 0;
    await new Promise<void>((resolve) => {
      const socket = connect(edge.port, '127.0.0.1', () => {
        socket.write(
          'POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"a"',
        );
        setTimeout(() => socket.resetAndDestroy(), 30);
      });
      socket.on('close', () => setTimeout(resolve, 50));
    });
    expect(edge.lines.filter((line) => /"level":"(warn|error)"/.test(line))).toEqual([]);
    expect((await edge.http().get('/things/1')).status).toBe(200);
  });
});

it('stops although a connection is open on which nobody ever asked', async () => {
  const stopping = await EdgeApp.start();
  const silent = connect(stopping.port, '127.0.0.1');
  await once(silent, 'connect');
  // The server has it too.
  expect(rawStatus(await stopping.raw('GET /things/1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'))).toBe(200);
  const ended = once(silent, 'close');
  await stopping.close();
  await ended;
});
