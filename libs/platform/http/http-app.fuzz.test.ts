import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EdgeApp, rawBody, rawStatus } from '../../../test/support/edge-app.js';

let edge: EdgeApp;

beforeAll(async () => {
  edge = await EdgeApp.start();
});

afterAll(async () => {
  await edge.close();
});

describe('whatever is sent', () => {
  const names = fc.constantFrom(
    'title',
    'price',
    'maxPrice',
    'wish',
    'serviceId',
    'inputSchema',
    'input_schema',
    'expiresAt',
    'letter',
    'note',
    'constructor',
    'toString',
    'then',
    '__proto__',
    'length',
    '',
  );
  const values = fc.oneof(
    fc.jsonValue(),
    fc.bigInt().map(String),
    fc.double(),
    fc.constantFrom('\u0000', '\ud800', '1e999', '', null),
  );
  const isEnvelope = (response: { statusCode: number; body: string }): void => {
    expect(response.statusCode).toBeLessThan(500);
    const body = JSON.parse(response.body) as { success: boolean; traceId: string };
    expect(body.success).toBe(response.statusCode === 200);
    expect(body.traceId).toMatch(/^[0-9a-f]{32}$/);
  };

  it('as a body never makes a 5xx', async () => {
    const bodies = fc.oneof(
      fc
        .array(fc.tuple(names, values), { maxLength: 8 })
        .map(
          (members) =>
            `{${members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`,
        ),
      fc.jsonValue().map((value) => JSON.stringify(value)),
      fc.string(),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    );
    await fc.assert(
      fc.asyncProperty(bodies, async (payload) => {
        const headers = { 'content-type': 'application/json' };
        isEnvelope(await edge.app.inject({ method: 'POST', url: '/things', headers, payload }));
      }),
      { numRuns: 500 },
    );
  });

  it('as a path and query never makes a 5xx', async () => {
    const part = fc.oneof(
      fc.webQueryParameters(),
      fc.string().map(encodeURIComponent),
      fc.stringMatching(/^[%a-f0-9&=?#;+.]{0,20}$/),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('page', 'limit', 'search', 'open', 'minPrice', '__proto__', ''),
        part,
        part,
        async (name, value, id) => {
          const host = 'host: x\r\nconnection: close';
          for (const target of [`/things?${name}=${value}`, `/things/${id}`]) {
            const answer = await edge.raw(`GET ${target} HTTP/1.1\r\n${host}\r\n\r\n`);
            isEnvelope({ statusCode: rawStatus(answer), body: JSON.stringify(rawBody(answer)) });
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('as bytes never makes a 5xx or a crash', async () => {
    const starts = fc.constantFrom(
      '',
      'GET /things HTTP/1.1\r\n',
      'POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n',
    );
    await fc.assert(
      fc.asyncProperty(starts, fc.uint8Array({ minLength: 9, maxLength: 60 }), async (start, bytes) => {
        const answer = await edge.raw(
          Buffer.concat([Buffer.from(start), Buffer.from(bytes), Buffer.from('\r\n\r\n')]),
          {
            end: true,
          },
        );
        if (answer !== '') expect(rawStatus(answer)).toBeLessThan(500);
      }),
      { numRuns: 100 },
    );
    expect((await edge.http().get('/things/1')).status).toBe(200);
  });
});
