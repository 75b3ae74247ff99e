import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EdgeApp, fieldsOf, GOOD } from '../../../test/support/edge-app.js';

let edge: EdgeApp;

beforeAll(async () => {
  edge = await EdgeApp.start();
});

afterAll(async () => {
  await edge.close();
});

describe('a field', () => {
  it('is named with all the others that are wrong, with its path', async () => {
    const response = await edge
      .http()
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
    const response = await edge
      .http()
      .post('/things')
      .send({ ...GOOD, category: '', story: '', maxPrice: '', wish: null, letter: '', note: '' });
    expect(response.status).toBe(200);
    expect(response.body.data).toMatchObject({ note: '', maxPrice: null });
    expect(response.body.data).not.toHaveProperty('category');
    expect(response.body.data).not.toHaveProperty('story');
  });

  it.each([
    ['10', '1000'],
    [10.5, '1050'],
    ['0.01', '1'],
    [0.1, '10'],
    [10_000_000_000_000, '1000000000000000'],
  ])('takes the money %s', async (price, cents) => {
    const response = await edge
      .http()
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
    const response = await edge
      .http()
      .post('/things')
      .send({ ...GOOD, price });
    expect(response.status).toBe(400);
    expect(fieldsOf(response)).toEqual(['price']);
  });

  it.each([0, '0', '', '0.00', null])('takes %j for no optional money', async (maxPrice) => {
    const response = await edge
      .http()
      .post('/things')
      .send({ ...GOOD, maxPrice });
    expect(response.body.data.maxPrice).toBeNull();
  });

  it('counts characters as people do', async () => {
    expect(
      (
        await edge
          .http()
          .post('/things')
          .send({ ...GOOD, title: '😀😀😀😀😀' })
      ).status,
    ).toBe(200);
    expect(
      (
        await edge
          .http()
          .post('/things')
          .send({ ...GOOD, title: '😀😀😀😀😀😀' })
      ).status,
    ).toBe(400);
    expect(
      (
        await edge
          .http()
          .post('/things')
          .send({ ...GOOD, title: '   ' })
      ).status,
    ).toBe(400);
  });

  it('has one value, whatever spelling it is sent in', async () => {
    const snake = await edge
      .http()
      .post('/things')
      .send({ ...GOOD, input_schema: { type: 'object' } });
    expect(snake.body.data.inputSchema).toEqual({ type: 'object' });
    const both = await edge
      .http()
      .post('/things')
      .send({ ...GOOD, input_schema: {}, inputSchema: {} });
    expect(fieldsOf(both)).toEqual(['inputSchema']);
  });

  it('of free JSON passes untouched, also with names that trouble libraries', async () => {
    const inputSchema = { constructor: { prototype: 1 }, then: 'x', toString: null, deep: [{ constructor: 2 }], e: '' };
    const response = await edge
      .http()
      .post('/things')
      .send({ ...GOOD, inputSchema });
    expect(response.status).toBe(200);
    expect(response.body.data.inputSchema).toEqual(inputSchema);
  });

  it('is an exact id up to 2^53-1', async () => {
    const response = await edge.postText('{"title":"x","price":1,"serviceId":9007199254740991}');
    expect(response.body.data.serviceId).toBe('9007199254740991');
    for (const id of ['0', '-1', '1.5', '9007199254740992', '"1"', 'true']) {
      expect((await edge.postText(`{"title":"x","price":1,"serviceId":${id}}`)).status, id).toBe(400);
    }
  });

  it('is missing from an update that changes nothing', async () => {
    expect((await edge.http().post('/things/change').send({})).status).toBe(400);
    expect((await edge.http().post('/things/change').send({ title: '' })).status).toBe(400);
    expect((await edge.http().post('/things/change').send({ title: 'x' })).status).toBe(200);
  });
});

describe('a query', () => {
  it('has defaults, clamps the limit and ignores what it does not know', async () => {
    expect((await edge.http().get('/things')).body.data).toEqual({ page: 1, limit: 20 });
    const response = await edge
      .http()
      .get('/things?page=3&limit=100000000000000000000&unknown=1&search=&open=true&minPrice=1.5');
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
    const response = await edge.http().get(`/things?${query}`);
    expect(response.status).toBe(400);
    expect(fieldsOf(response)).toEqual([query.split('=')[0]]);
  });

  it('names doubled parameters, also unknown ones', async () => {
    const response = await edge.http().get('/things?page=1&page=2&x=1&x=1');
    expect(response.status).toBe(400);
    expect(fieldsOf(response)).toEqual(['page', 'x']);
  });
});
