import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EdgeApp, fieldsOf, GOOD, rawBody, rawStatus } from '../../../test/support/edge-app.js';

let edge: EdgeApp;

beforeAll(async () => {
  edge = await EdgeApp.start();
});

afterAll(async () => {
  await edge.close();
});

describe('a body', () => {
  it('is refused when brackets nest without end', async () => {
    for (const text of ['['.repeat(80_000), '{"a":'.repeat(16_000), `{"title":${'['.repeat(40)}${']'.repeat(40)}}`]) {
      const response = await edge.postText(text);
      expect(response.status).toBe(400);
      expect(response.body.error.code).toBe('MALFORMED_JSON');
    }
  });

  it('is refused over 256 KiB, with a length or in chunks', async () => {
    const large = JSON.stringify({ title: 'x'.repeat(257 * 1024) });
    const response = await edge.postText(large);
    expect(response.status).toBe(413);
    expect(response.body.error.code).toBe('BODY_TOO_LARGE');
    const chunk = Buffer.alloc(300_000, 0x61);
    const head = `POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n`;
    const framed = Buffer.concat([
      Buffer.from(`${chunk.length.toString(16)}\r\n`),
      chunk,
      Buffer.from('\r\n0\r\n\r\n'),
    ]);
    const answer = await edge.raw(head, { more: framed });
    expect(rawStatus(answer)).toBe(413);
    expect(rawBody(answer).error.code).toBe('BODY_TOO_LARGE');
  });

  it('of many megabytes is answered and not cut off', async () => {
    const response = await fetch(`http://127.0.0.1:${edge.port}/things`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: Buffer.alloc(8_000_000, 0x20),
    });
    expect(response.status).toBe(413);
  });

  it('of exactly the limit is read', async () => {
    const frame = JSON.stringify({ ...GOOD, inputSchema: { a: '' } }).length;
    const text = JSON.stringify({ ...GOOD, inputSchema: { a: 'x'.repeat(256 * 1024 - frame) } });
    expect((await edge.postText(text)).status).toBe(200);
    expect((await edge.postText(`${text} `)).status).toBe(413);
  });

  it.each([
    ['{"inputSchema":{"n":1e400}}', 'inputSchema.n'],
    ['{"inputSchema":{"n":[1,-9007199254740993]}}', 'inputSchema.n[1]'],
    ['{"inputSchema":{"s":"a\\u0000b"}}', 'inputSchema.s'],
    ['{"inputSchema":{"s":"\\ud800"}}', 'inputSchema.s'],
    ['{"inputSchema":{"\\udc00":1}}', 'inputSchema.\ufffd'],
    ['{"inputSchema":{"__proto__":{}}}', 'inputSchema.__proto__'],
  ])('holding %s is refused by path', async (text, field) => {
    const response = await edge.postText(text);
    expect(response.status).toBe(400);
    expect(response.body.error.code).toBe('VALIDATION_FAILED');
    expect(fieldsOf(response)).toEqual([field]);
  });

  it('must be UTF-8 JSON', async () => {
    for (const text of ['{', '{"a":1}}', "{'a':1}", 'NaN', '{"title":"\u0001"}']) {
      const response = await edge.postText(text);
      expect(response.status).toBe(400);
      expect(response.body.error.code).toBe('MALFORMED_JSON');
    }
    const bytes = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    const head = `POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${bytes.length}\r\nconnection: close\r\n\r\n`;
    const answer = await edge.raw(Buffer.concat([Buffer.from(head), bytes]));
    expect(rawBody(answer)).toMatchObject({ status: 400, error: { code: 'MALFORMED_JSON' } });
    expect((await edge.postText('\ufeff{"title":"x","price":1}')).status).toBe(200);
  });

  it('must be an object', async () => {
    for (const text of ['[]', '"x"', '1', 'null', 'true']) {
      const response = await edge.postText(text);
      expect(response.status).toBe(400);
      expect(response.body.error.code).toBe('VALIDATION_FAILED');
    }
  });

  it('must be declared as JSON', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=utf-16',
      'nonsense',
      'application/jsonx',
      'multipart/form-data; boundary=x',
    ]) {
      const response = await edge.http().post('/things').set('content-type', type).send(JSON.stringify(GOOD));
      expect(response.status, type).toBe(415);
      expect(response.body.error.code).toBe('UNSUPPORTED_MEDIA_TYPE');
    }
    const body = JSON.stringify(GOOD);
    const answer = await edge.raw(
      `POST /things HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    );
    expect(rawStatus(answer)).toBe(415);
    expect(
      (await edge.http().post('/things').set('content-type', 'Application/JSON; charset="UTF-8"').send(body)).status,
    ).toBe(200);
  });

  it('must not be compressed', async () => {
    const response = await edge.http().post('/things').set('content-encoding', 'gzip').send(GOOD);
    expect(response.status).toBe(415);
  });

  it('may be absent or empty where no field is required', async () => {
    expect((await edge.http().post('/things/bare')).status).toBe(200);
    expect((await edge.http().post('/things/bare').set('content-type', 'application/json')).status).toBe(200);
    const refused = await edge.http().post('/things/bare').send({ x: 1 });
    expect(fieldsOf(refused)).toEqual(['x']);
  });
});
