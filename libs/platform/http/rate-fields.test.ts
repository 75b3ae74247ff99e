import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RateLimits } from '#platform';
import { EdgeApp, rawStatus } from '../../../test/support/edge-app.js';

const ADDRESS_LINES = [/\r\nratelimit-policy: "address";q=100;w=60\r\n/i, /\r\nratelimit: "address";r=100;t=1\r\n/i];

let edge: EdgeApp;

beforeAll(async () => {
  const rates = { key: 1_000, owner: 3_000, keyless: 0, wrongKeys: 100 };
  edge = await EdgeApp.start({ limits: new RateLimits({ rates, trustProxy: undefined }) });
});
afterAll(() => edge.close());

const plain = (line: string, body = '') => `${line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${body}\r\n`;

describe('the limits of its address', () => {
  it.each([
    ['a success', plain('GET /things/1'), 200],
    ['an answer to HEAD', plain('HEAD /things/1'), 200],
    ['an answer without the envelope', plain('GET /things/csv'), 200],
    ['an answer to OPTIONS', plain('OPTIONS /things'), 204],
    ['a wrong query', plain('GET /things?limit=x'), 400],
    ['a doubled parameter', plain('GET /things?limit=1&limit=2'), 400],
    ['a broken escape', plain('GET /things/%zz'), 400],
    ['a missing thing', plain('GET /things/x'), 404],
    ['an unknown path', plain('GET /nowhere'), 404],
    ['a wrong method', plain('DELETE /things'), 405],
    [
      'a body that is too large',
      plain('POST /things', 'content-type: application/json\r\ncontent-length: 999999\r\n'),
      413,
    ],
    ['a wrong media type', plain('POST /things', 'content-type: text/plain\r\ncontent-length: 1\r\n\r\nx'), 415],
    ['a bug', plain('GET /things/bug'), 500],
    ['a database that is away', plain('GET /things/gone/57P01'), 503],
    ['a request that is not one', 'hello\r\n\r\n', 400],
    ['a header that is too long', plain('GET /things', `x-a: ${'a'.repeat(20_000)}\r\n`), 431],
  ])('stand on %s', async (_what, bytes, status) => {
    const answer = await edge.raw(bytes);
    expect(rawStatus(answer)).toBe(status);
    for (const line of ADDRESS_LINES) expect(answer).toMatch(line);
  });
});
