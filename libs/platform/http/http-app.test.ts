import { connect, type AddressInfo } from 'node:net';
import { Body, Controller, Get, HttpException, Injectable, Module, Param, Post, Query } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import fc from 'fast-check';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLog } from '../log.js';
import { currentTraceId } from '../trace.js';
import {
  Alias,
  createHttpApp,
  HEALTH_CHECKS,
  HealthController,
  IdParam,
  IsCategory,
  IsFlag,
  IsId,
  IsInstant,
  IsInteger,
  IsJsonObject,
  IsShells,
  IsText,
  IsTextList,
  KeepEmpty,
  Limit,
  Nested,
  NoFields,
  Optional,
  OptionalShells,
  Page,
  RawAnswer,
  requireSomeField,
} from './index.js';
import { IsIn, IsOptional } from 'class-validator';

class WishDto {
  @IsInteger(0, 100) @Optional() salary?: number;
  @IsTextList(3, 10) @Optional() tasks?: string[];
}

class ThingDto {
  @IsText(1, 5) title: string = '';
  @IsShells({ positive: true }) price: bigint = 0n;
  @OptionalShells() maxPrice?: bigint;
  @IsCategory() @Optional() category?: string;
  @IsJsonObject() @Optional() @Alias('input_schema') inputSchema?: object;
  @IsText(0, 10) @Optional() @KeepEmpty() note?: string;
  @Nested(() => WishDto) @Optional() wish?: WishDto;
  @IsId() @Optional() serviceId?: bigint;
  @IsInstant() @Optional() expiresAt?: Date;
  @IsIn(['a', 'b']) @IsOptional() letter?: string;
}

class ListDto {
  @Page() page: number = 0;
  @Limit(20, 100) limit: number = 0;
  @IsText(1, 20) @Optional() search?: string;
  @IsFlag() @Optional() open?: boolean;
  @IsShells() @Optional() minPrice?: bigint;
}

class ChangeDto {
  @IsText(1, 5) @Optional() title?: string;
}

@Injectable()
@Controller('things')
class ThingController {
  @Post()
  make(@Body() body: ThingDto) {
    return {
      ...body,
      price: body.price.toString(),
      traceInHandler: currentTraceId(),
      maxPrice: body.maxPrice?.toString() ?? null,
      serviceId: body.serviceId?.toString() ?? null,
      isDto: body instanceof ThingDto && (body.wish === undefined || body.wish instanceof WishDto),
    };
  }

  @Post('change')
  change(@Body() body: ChangeDto) {
    requireSomeField(body);
    return body;
  }

  @Post('bare')
  bare(@Body() body: NoFields) {
    return { keys: Object.keys(body) };
  }

  @Get()
  list(@Query() query: ListDto) {
    return { ...query, minPrice: query.minPrice?.toString() };
  }

  @Get('nothing')
  nothing() {
    return undefined;
  }

  @Get('csv')
  csv() {
    return new RawAnswer('text/csv; charset=utf-8', 'a,b\n');
  }

  @Get('teapot')
  teapot() {
    throw new HttpException('short and stout', 418);
  }

  @Get('bug')
  bug() {
    throw new Error('secret of the house');
  }

  @Get('gone/:code')
  gone(@Param('code') code: string) {
    throw Object.assign(new Error('terminating connection'), { code });
  }

  @Get(':id')
  one(@Param('id', IdParam) id: bigint) {
    return { id: Number(id) };
  }
}

let databaseIsThere = true;
const checks = [
  { name: 'database', check: () => (databaseIsThere ? Promise.resolve() : Promise.reject(new Error('down'))) },
  { name: 'queue', check: () => Promise.resolve() },
];

@Module({ controllers: [ThingController, HealthController], providers: [{ provide: HEALTH_CHECKS, useValue: checks }] })
class SmallModule {}

let app: NestFastifyApplication;
let lines: string[] = [];
let port = 0;

beforeAll(async () => {
  const log = createLog('debug', { write: (line: string) => void lines.push(line) });
  app = await createHttpApp(SmallModule, { log });
  await app.listen(0, '127.0.0.1');
  port = (app.getHttpServer().address() as AddressInfo).port;
});

afterAll(async () => {
  await app.close();
});

const http = () => request(`http://127.0.0.1:${port}`);

type RawOptions = { more?: Buffer; at?: number; end?: boolean };

/** Sends bytes as they are and returns everything the server says until it closes or falls silent. */
function raw(bytes: string | Buffer, { more, at = port, end = false }: RawOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(at, '127.0.0.1');
    let answer = '';
    socket.setTimeout(1_500, () => socket.destroy());
    socket.on('data', (chunk) => (answer += chunk.toString('utf8')));
    socket.on('close', () => resolve(answer));
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)));
    socket.write(bytes);
    if (more !== undefined) socket.write(more);
    if (end) socket.end();
  });
}

function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
}

function bodyOf(answer: string): { error: { code: string }; traceId: string; status: number; success: boolean } {
  return JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as never;
}

const postText = (text: string | Buffer) =>
  http()
    .post('/things')
    .set('content-type', 'application/json')
    .send(text as string);

const fieldsOf = (response: request.Response): string[] =>
  (response.body.errors as { field: string }[]).map((error) => error.field);

const GOOD = { title: 'x', price: '10.50' };

describe('an answer', () => {
  it('is the success envelope with 200, also for a POST', async () => {
    const response = await http().post('/things').send(GOOD);
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(response.body).toMatchObject({ success: true, data: { title: 'x', price: '1050', isDto: true } });
    expect(response.body.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(response.headers['x-trace-id']).toBe(response.body.traceId);
    expect(response.body.data.traceInHandler).toBe(response.body.traceId);
    expect(response.headers['x-content-type-options']).toBe('nosniff');
  });

  it('is data null when the handler returns nothing', async () => {
    const response = await http().get('/things/nothing');
    expect(response.body).toMatchObject({ success: true, data: null });
  });

  it('goes out as it is when the handler says so', async () => {
    const response = await http().get('/things/csv');
    expect(response.headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(response.text).toBe('a,b\n');
  });

  it('takes over a well-formed trace id and no other', async () => {
    const id = '4bf92f3577b34da6a3ce929d0e0e4736';
    const taken = await http().get('/things/1').set('traceparent', `00-${id}-00f067aa0ba902b7-01`);
    expect(taken.body.traceId).toBe(id);
    for (const wrong of [
      `00-${id}-00f067aa0ba902b7`,
      `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
      'x"y',
      `ff-${id}-00f067aa0ba902b7-01`,
    ]) {
      const other = await http().get('/things/1').set('traceparent', wrong);
      expect(other.body.traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(other.body.traceId).not.toBe(id);
    }
  });
});

describe('a refusal', () => {
  it('serves the envelope and RFC 9457 in one body', async () => {
    const response = await http().post('/things?x=1').send({ price: 'a', extra: 1 });
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
    lines = [];
    const response = await http().get('/things/bug');
    expect(response.status).toBe(500);
    expect(response.body.error.code).toBe('INTERNAL');
    expect(response.text).not.toContain('secret of the house');
    const logged = lines.find((line) => line.includes('secret of the house'));
    expect(logged).toContain(response.body.traceId);
  });

  it.each(['08006', '57P01', '53300', 'ECONNREFUSED'])(
    'is 503 with Retry-After when the database is away (%s)',
    async (code) => {
      const response = await http().get(`/things/gone/${code}`);
      expect(response.status).toBe(503);
      expect(response.body.error.code).toBe('UNAVAILABLE');
      expect(response.headers['retry-after']).toBe('2');
    },
  );

  it('keeps the class of a foreign HttpException', async () => {
    expect((await http().get('/things/teapot')).status).toBe(400);
  });
});

describe('a body', () => {
  it('is refused when brackets nest without end', async () => {
    for (const text of ['['.repeat(80_000), '{"a":'.repeat(16_000), `{"title":${'['.repeat(40)}${']'.repeat(40)}}`]) {
      const response = await postText(text);
      expect(response.status).toBe(400);
      expect(response.body.error.code).toBe('MALFORMED_JSON');
    }
  });

  it('is refused over 256 KiB, with a length or in chunks', async () => {
    const large = JSON.stringify({ title: 'x'.repeat(257 * 1024) });
    const response = await postText(large);
    expect(response.status).toBe(413);
    expect(response.body.error.code).toBe('BODY_TOO_LARGE');
    const chunk = Buffer.alloc(300_000, 0x61);
    const head = `POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n`;
    const framed = Buffer.concat([
      Buffer.from(`${chunk.length.toString(16)}\r\n`),
      chunk,
      Buffer.from('\r\n0\r\n\r\n'),
    ]);
    const answer = await raw(head, { more: framed });
    expect(statusOf(answer)).toBe(413);
    expect(bodyOf(answer).error.code).toBe('BODY_TOO_LARGE');
  });

  it('of many megabytes is answered and not cut off', async () => {
    const response = await fetch(`http://127.0.0.1:${port}/things`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: Buffer.alloc(8_000_000, 0x20),
    });
    expect(response.status).toBe(413);
  });

  it('of exactly the limit is read', async () => {
    const frame = JSON.stringify({ ...GOOD, inputSchema: { a: '' } }).length;
    const text = JSON.stringify({ ...GOOD, inputSchema: { a: 'x'.repeat(256 * 1024 - frame) } });
    expect((await postText(text)).status).toBe(200);
    expect((await postText(`${text} `)).status).toBe(413);
  });

  it.each([
    ['{"inputSchema":{"n":1e400}}', 'inputSchema.n'],
    ['{"inputSchema":{"n":[1,-9007199254740993]}}', 'inputSchema.n[1]'],
    ['{"inputSchema":{"s":"a\\u0000b"}}', 'inputSchema.s'],
    ['{"inputSchema":{"s":"\\ud800"}}', 'inputSchema.s'],
    ['{"inputSchema":{"\\udc00":1}}', 'inputSchema.\ufffd'],
    ['{"inputSchema":{"__proto__":{}}}', 'inputSchema.__proto__'],
  ])('holding %s is refused by path', async (text, field) => {
    const response = await postText(text);
    expect(response.status).toBe(400);
    expect(response.body.error.code).toBe('VALIDATION_FAILED');
    expect(fieldsOf(response)).toEqual([field]);
  });

  it('must be UTF-8 JSON', async () => {
    for (const text of ['{', '{"a":1}}', "{'a':1}", 'NaN', '{"title":"\u0001"}']) {
      const response = await postText(text);
      expect(response.status).toBe(400);
      expect(response.body.error.code).toBe('MALFORMED_JSON');
    }
    const bytes = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    const head = `POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${bytes.length}\r\nconnection: close\r\n\r\n`;
    const answer = await raw(Buffer.concat([Buffer.from(head), bytes]));
    expect(bodyOf(answer)).toMatchObject({ status: 400, error: { code: 'MALFORMED_JSON' } });
    expect((await postText('\ufeff{"title":"x","price":1}')).status).toBe(200);
  });

  it('must be an object', async () => {
    for (const text of ['[]', '"x"', '1', 'null', 'true']) {
      const response = await postText(text);
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
      const response = await http().post('/things').set('content-type', type).send(JSON.stringify(GOOD));
      expect(response.status, type).toBe(415);
      expect(response.body.error.code).toBe('UNSUPPORTED_MEDIA_TYPE');
    }
    const body = JSON.stringify(GOOD);
    const answer = await raw(
      `POST /things HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    );
    expect(statusOf(answer)).toBe(415);
    expect(
      (await http().post('/things').set('content-type', 'Application/JSON; charset="UTF-8"').send(body)).status,
    ).toBe(200);
  });

  it('may be absent or empty where no field is required', async () => {
    expect((await http().post('/things/bare')).status).toBe(200);
    expect((await http().post('/things/bare').set('content-type', 'application/json')).status).toBe(200);
    const refused = await http().post('/things/bare').send({ x: 1 });
    expect(fieldsOf(refused)).toEqual(['x']);
  });
});

describe('a field', () => {
  it('is named with all the others that are wrong, with its path', async () => {
    const response = await http()
      .post('/things')
      .send({
        title: '',
        price: 0,
        maxPrice: '-1',
        category: 'cooking',
        inputSchema: [],
        note: 'x'.repeat(11),
        wish: { salary: '5', tasks: ['a', '', 3], more: 1 },
        serviceId: '7',
        expiresAt: '2030-02-31T00:00:00Z',
        letter: 'c',
        hasOwnProperty: 1,
        constructor: 1,
      });
    expect(response.status).toBe(400);
    expect(fieldsOf(response).sort()).toEqual(
      [
        'title',
        'price',
        'maxPrice',
        'category',
        'inputSchema',
        'note',
        'wish.salary',
        'wish.tasks[1]',
        'wish.tasks[2]',
        'wish.more',
        'serviceId',
        'expiresAt',
        'letter',
        'hasOwnProperty',
        'constructor',
      ].sort(),
    );
  });

  it('with an empty text or null counts as absent, unless it keeps it', async () => {
    const response = await http()
      .post('/things')
      .send({ ...GOOD, category: '', maxPrice: '', wish: null, letter: '', note: '' });
    expect(response.status).toBe(200);
    expect(response.body.data).toMatchObject({ note: '', maxPrice: null });
    expect(response.body.data).not.toHaveProperty('category');
  });

  it.each([
    ['10', '1000'],
    [10.5, '1050'],
    ['0.01', '1'],
    [0.1, '10'],
    [10_000_000_000_000, '1000000000000000'],
  ])('takes the money %s', async (price, cents) => {
    const response = await http()
      .post('/things')
      .send({ ...GOOD, price });
    expect(response.body.data.price).toBe(cents);
  });

  it.each([
    '1.005',
    1.005,
    -1,
    '-0.01',
    '0',
    0,
    '1e3',
    '',
    ' 1',
    '٣',
    10_000_000_000_001,
    '9'.repeat(40),
    true,
    {},
    [],
  ])('refuses the money %j', async (price) => {
    const response = await http()
      .post('/things')
      .send({ ...GOOD, price });
    expect(response.status).toBe(400);
    expect(fieldsOf(response)).toEqual(['price']);
  });

  it.each([0, '0', '', '0.00', null])('takes %j for no optional money', async (maxPrice) => {
    const response = await http()
      .post('/things')
      .send({ ...GOOD, maxPrice });
    expect(response.body.data.maxPrice).toBeNull();
  });

  it('counts characters as people do', async () => {
    expect(
      (
        await http()
          .post('/things')
          .send({ ...GOOD, title: '😀😀😀😀😀' })
      ).status,
    ).toBe(200);
    expect(
      (
        await http()
          .post('/things')
          .send({ ...GOOD, title: '😀😀😀😀😀😀' })
      ).status,
    ).toBe(400);
    expect(
      (
        await http()
          .post('/things')
          .send({ ...GOOD, title: '   ' })
      ).status,
    ).toBe(400);
  });

  it('has one value, whatever spelling it is sent in', async () => {
    const snake = await http()
      .post('/things')
      .send({ ...GOOD, input_schema: { type: 'object' } });
    expect(snake.body.data.inputSchema).toEqual({ type: 'object' });
    const both = await http()
      .post('/things')
      .send({ ...GOOD, input_schema: {}, inputSchema: {} });
    expect(fieldsOf(both)).toEqual(['inputSchema']);
  });

  it('of free JSON passes untouched, also with names that trouble libraries', async () => {
    const inputSchema = { constructor: { prototype: 1 }, then: 'x', toString: null, deep: [{ constructor: 2 }], e: '' };
    const response = await http()
      .post('/things')
      .send({ ...GOOD, inputSchema });
    expect(response.status).toBe(200);
    expect(response.body.data.inputSchema).toEqual(inputSchema);
  });

  it('is an exact id up to 2^53-1', async () => {
    const response = await postText('{"title":"x","price":1,"serviceId":9007199254740991}');
    expect(response.body.data.serviceId).toBe('9007199254740991');
    for (const id of ['0', '-1', '1.5', '9007199254740992', '"1"', 'true']) {
      expect((await postText(`{"title":"x","price":1,"serviceId":${id}}`)).status, id).toBe(400);
    }
  });

  it('is missing from an update that changes nothing', async () => {
    expect((await http().post('/things/change').send({})).status).toBe(400);
    expect((await http().post('/things/change').send({ title: '' })).status).toBe(400);
    expect((await http().post('/things/change').send({ title: 'x' })).status).toBe(200);
  });
});

describe('a query', () => {
  it('has defaults, clamps the limit and ignores what it does not know', async () => {
    expect((await http().get('/things')).body.data).toEqual({ page: 1, limit: 20 });
    const response = await http().get(
      '/things?page=3&limit=100000000000000000000&unknown=1&search=&open=true&minPrice=1.5',
    );
    expect(response.body.data).toEqual({ page: 3, limit: 100, open: true, minPrice: '150' });
  });

  it.each([
    'page=0',
    'page=-1',
    'page=1.5',
    'page=x',
    'page=1e3',
    'limit=0',
    'limit=-5',
    'limit=ten',
    'open=1',
    'minPrice=x',
    'page=%2B1',
    'page=99999999999999999999',
  ])('is refused for %s', async (query) => {
    const response = await http().get(`/things?${query}`);
    expect(response.status).toBe(400);
    expect(fieldsOf(response)).toEqual([query.split('=')[0]]);
  });

  it('names doubled parameters, also unknown ones', async () => {
    const response = await http().get('/things?page=1&page=2&x=1&x=1');
    expect(response.status).toBe(400);
    expect(fieldsOf(response)).toEqual(['page', 'x']);
  });
});

describe('a path', () => {
  it.each(['0', '-1', 'abc', '1.0', '01', '9007199254740992', '9'.repeat(2_000), '%F0%9F%98%80', '1%20', '+1'])(
    'with the id %s leads nowhere',
    async (id) => {
      const response = await http().get(`/things/${id}`);
      expect(response.status).toBe(404);
      expect(response.body.error.code).toBe('NOT_FOUND');
    },
  );

  it('is 404 when unknown and 405 with Allow when known by other methods', async () => {
    const unknown = await http().post('/nowhere').set('content-type', 'text/plain').send('x');
    expect(unknown.status).toBe(404);
    expect(unknown.headers['x-trace-id']).toBe(unknown.body.traceId);
    const response = await http().post('/things/csv').send({});
    expect(response.status).toBe(405);
    expect(response.body.error.code).toBe('METHOD_NOT_ALLOWED');
    expect(response.headers['allow']).toBe('GET, HEAD, OPTIONS');
    expect((await http().delete('/things')).headers['allow']).toBe('GET, HEAD, OPTIONS, POST');
    expect((await http().get('/things/')).status).toBe(404);
  });

  it('answers HEAD like GET without a body, and OPTIONS with what it takes', async () => {
    const head = await http().head('/things/1');
    expect(head.status).toBe(200);
    expect(Number(head.headers['content-length'])).toBeGreaterThan(20);
    expect(head.text ?? '').toBe('');
    expect((await http().head('/things/x')).status).toBe(404);
    const options = await http().options('/things');
    expect(options.status).toBe(204);
    expect(options.headers['allow']).toBe('GET, HEAD, OPTIONS, POST');
    expect((await http().options('/nowhere')).status).toBe(404);
  });
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
    const answer = await raw(bytes);
    expect(statusOf(answer)).toBe(status);
    if (status !== 200) expect(bodyOf(answer)).toMatchObject({ success: false, status });
    expect(answer.toLowerCase()).toContain(`x-trace-id: ${bodyOf(answer).traceId}`);
  });
});

describe('a request that does not arrive in time', () => {
  it.each([
    'GET /things HTTP/1.1\r\nhost: x\r\nx-slow: ',
    'POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{',
  ])('gets 408', async (start) => {
    const impatient = await createHttpApp(SmallModule, { log: createLog('silent'), requestTimeoutMs: 200 });
    await impatient.listen(0, '127.0.0.1');
    const answer = await raw(start, { at: (impatient.getHttpServer().address() as AddressInfo).port });
    await impatient.close();
    expect(bodyOf(answer)).toMatchObject({ status: 408, error: { code: 'REQUEST_TIMEOUT' } });
  });
});

describe('a client that leaves in the middle of its body', () => {
  it('is not logged as a failure of ours', async () => {
    lines = [];
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(
          'POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"a"',
        );
        setTimeout(() => socket.resetAndDestroy(), 30);
      });
      socket.on('close', () => setTimeout(resolve, 50));
    });
    expect(lines.filter((line) => /"level":"(warn|error)"/.test(line))).toEqual([]);
    expect((await http().get('/things/1')).status).toBe(200);
  });
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
        isEnvelope(await app.inject({ method: 'POST', url: '/things', headers, payload }));
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
            const answer = await raw(`GET ${target} HTTP/1.1\r\n${host}\r\n\r\n`);
            isEnvelope({ statusCode: statusOf(answer), body: JSON.stringify(bodyOf(answer)) });
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
        const answer = await raw(Buffer.concat([Buffer.from(start), Buffer.from(bytes), Buffer.from('\r\n\r\n')]), {
          end: true,
        });
        if (answer !== '') expect(statusOf(answer)).toBeLessThan(500);
      }),
      { numRuns: 100 },
    );
    expect((await http().get('/things/1')).status).toBe(200);
  });
});

describe('health', () => {
  it('is the process at /healthz and what it needs at /readyz', async () => {
    expect((await http().get('/healthz')).body.data.status).toBe('ok');
    expect((await http().get('/readyz')).body.data).toEqual({ status: 'ok', checks: { database: 'ok', queue: 'ok' } });
    databaseIsThere = false;
    const response = await http().get('/readyz');
    databaseIsThere = true;
    expect(response.status).toBe(503);
    expect(response.body.error.details).toEqual({ checks: { database: 'failed', queue: 'ok' } });
  });
});

describe('the access log', () => {
  it('has one line per request with the route and not the address', async () => {
    lines = [];
    const response = await http().get('/things/42?api_key=hidden');
    await new Promise((resolve) => setTimeout(resolve, 20));
    const access = lines
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
    expect(lines.join('')).not.toContain('hidden');
  });
});
