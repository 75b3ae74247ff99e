import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

let world: World;
let provider: AgentActor;

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  provider = await world.agent();
});
afterAll(() => world.close());

const SERVICE = {
  title: 'Text statistics',
  description: 'Counts words.',
  category: 'writing',
  price: '2.50',
  avgResponseMs: 2_000,
  inputSchema: { type: 'object', required: ['text'], properties: { text: { type: 'string' } } },
  outputSchema: { type: 'object', properties: { words: { type: 'integer' } } },
};
const publish = async (change: object = {}) =>
  dataOf<{ id: number; version: number }>(await provider.api.post('/agent/me/services', { ...SERVICE, ...change }));

describe('publishing', () => {
  it('makes an active service that the market shows with its schemas as text', async () => {
    const { id } = await publish();
    const shown = dataOf(await world.api.get(`/market/services/${id}`));
    expect(shown).toMatchObject({ id, title: SERVICE.title, price: '2.5', priceValue: '2.5', providerId: provider.id });
    expect(JSON.parse(String(shown['inputSchema']))).toEqual(SERVICE.inputSchema);
    expect(JSON.parse(String(shown['outputSchema']))).toEqual(SERVICE.outputSchema);
  });

  it.each([
    ['"10"', '10', '10'],
    ['"10.50"', '10.50', '10.5'],
    ['10.5', 10.5, '10.5'],
    ['0.01', 0.01, '0.01'],
    ['1', 1, '1'],
  ])('takes a price of %s', async (_name, price, shown) => {
    const { id } = await publish({ price });
    expect(dataOf(await world.api.get(`/market/services/${id}`))).toMatchObject({ price: shown });
  });

  it('takes both spellings of the schemas, and null for none', async () => {
    const { inputSchema, outputSchema, ...rest } = SERVICE;
    const answer = await provider.api.post('/agent/me/services', {
      ...rest,
      input_schema: inputSchema,
      output_schema: outputSchema,
    });
    const { id } = dataOf<{ id: number }>(answer);
    expect(dataOf(await world.api.get(`/market/services/${id}`))).toHaveProperty('inputSchema');
    const bare = await publish({ title: 'Bare', inputSchema: null, outputSchema: null });
    expect(dataOf(await world.api.get(`/market/services/${bare.id}`))['inputSchema'] ?? null).toBeNull();
  });

  it('refuses both spellings of one schema at once', async () => {
    const body = { ...SERVICE, input_schema: { type: 'object' } };
    expectProblem(await provider.api.post('/agent/me/services', body), 400, 'VALIDATION_FAILED', ['inputSchema']);
  });

  it('again with the same title updates the service and activates it', async () => {
    const first = await publish();
    await provider.api.post(`/agent/me/services/${first.id}/deactivate`);
    const again = await publish({ price: '9' });
    expect(again).toMatchObject({ id: first.id, version: 2, status: 'active' });
    expect(dataOf(await provider.api.get('/agent/me/services'))).toMatchObject({
      total: 1,
      services: [{ price: '9', status: 'active' }],
    });
  });

  it('names every wrong field at once and stores nothing', async () => {
    await world.nothingHappens(async () => {
      const answer = await provider.api.post('/agent/me/services', {
        title: '',
        category: 'cooking',
        price: '-1',
        avgResponseMs: 0,
        inputSchema: 'text',
        maxPending: 1_000_001,
        maxPendingPerCaller: 0,
        colour: 'red',
      });
      expectProblem(answer, 400, 'VALIDATION_FAILED', [
        'title',
        'description',
        'category',
        'price',
        'avgResponseMs',
        'inputSchema',
        'maxPending',
        'maxPendingPerCaller',
        'colour',
      ]);
    });
  });

  it.each([
    ['a negative price', { price: '-0.01' }, 'price'],
    ['a price of zero', { price: 0 }, 'price'],
    ['a price of "0"', { price: '0.00' }, 'price'],
    ['three fraction digits', { price: '1.005' }, 'price'],
    ['three fraction digits in a number', { price: 1.005 }, 'price'],
    ['an exponent', { price: '1e3' }, 'price'],
    ['a price above the maximum', { price: '10000000000000.01' }, 'price'],
    ['a price that is no number', { price: 'ten' }, 'price'],
    ['a price with blanks', { price: ' 1' }, 'price'],
    ['a price that is true', { price: true }, 'price'],
    ['a fraction of a millisecond', { avgResponseMs: 1.5 }, 'avgResponseMs'],
    ['a promise of more than a day', { avgResponseMs: 86_400_001 }, 'avgResponseMs'],
    ['a promise as text', { avgResponseMs: '1000' }, 'avgResponseMs'],
    ['a title of 201 characters', { title: 'x'.repeat(201) }, 'title'],
    ['a description of 5,001 characters', { description: 'x'.repeat(5_001) }, 'description'],
    ['an unknown category', { category: 'cooking' }, 'category'],
    ['a category in capitals', { category: 'WRITING' }, 'category'],
    ['a schema that is a list', { inputSchema: [] }, 'inputSchema'],
  ])('refuses %s', async (_name, change, field) => {
    await world.nothingHappens(async () => {
      const answer = await provider.api.post('/agent/me/services', { ...SERVICE, ...change });
      expectProblem(answer, 400, 'VALIDATION_FAILED', [field]);
    });
  });

  it.each([
    ['a remote reference', { $ref: 'https://example.com/schema.json' }],
    ['a recursive reference', { $defs: { a: { properties: { a: { $ref: '#/$defs/a' } } } }, $ref: '#/$defs/a' }],
    ['$id', { $id: 'x', type: 'object' }],
    ['$dynamicRef', { $dynamicRef: '#x' }],
    ['a pattern with look-ahead', { properties: { a: { type: 'string', pattern: '(?=a)b' } } }],
    ['a back-reference', { properties: { a: { type: 'string', pattern: '(a)\\1' } } }],
    ['uniqueItems without a limit', { properties: { a: { type: 'array', uniqueItems: true } } }],
    ['a type that does not exist', { type: 'text' }],
    ['more than 32 KB', { description: 'x'.repeat(33_000) }],
    [
      'more than 500 nodes',
      { properties: Object.fromEntries(Array.from({ length: 501 }, (_, n) => [`p${n}`, { type: 'string' }])) },
    ],
    ['17 levels', deep(17)],
  ])('refuses a schema with %s', async (_name, schema) => {
    await world.nothingHappens(async () => {
      const answer = await provider.api.post('/agent/me/services', {
        ...SERVICE,
        inputSchema: schema,
        outputSchema: schema,
      });
      const { errors } = expectProblem(answer, 400, 'SCHEMA_NOT_ALLOWED');
      const fields = (errors ?? []).map(({ field }) => field);
      expect(fields.some((field) => field.startsWith('inputSchema'))).toBe(true);
      expect(fields.some((field) => field.startsWith('outputSchema'))).toBe(true);
    });
  });
});

describe('changing a service', () => {
  it('makes the next version and keeps what is not named', async () => {
    const { id } = await publish();
    const answer = dataOf(await provider.api.patch(`/agent/me/services/${id}`, { price: '3' }));
    expect(answer).toMatchObject({ id, version: 2 });
    expect(dataOf(await world.api.get(`/market/services/${id}`))).toMatchObject({
      price: '3',
      title: SERVICE.title,
      version: 2,
    });
  });

  it('can change every field', async () => {
    const { id } = await publish();
    const change = {
      title: 'Other',
      description: 'Other.',
      price: '4',
      category: 'design',
      avgResponseMs: 5_000,
      inputSchema: { type: 'object' },
      outputSchema: { type: 'object' },
      maxPending: 5,
      maxPendingPerCaller: 2,
    };
    dataOf(await provider.api.patch(`/agent/me/services/${id}`, change));
    const { inputSchema, outputSchema, ...shown } = change;
    expect(dataOf(await provider.api.get(`/services/${id}`))).toMatchObject(shown);
    const market = dataOf(await world.api.get(`/market/services/${id}`));
    expect(JSON.parse(String(market['inputSchema']))).toEqual(inputSchema);
    expect(JSON.parse(String(market['outputSchema']))).toEqual(outputSchema);
  });

  it.each([{}, { title: '' }, { price: '0' }])('refuses an update that changes nothing: %j', async (body) => {
    const { id } = await publish();
    await world.nothingHappens(async () => {
      expectProblem(await provider.api.patch(`/agent/me/services/${id}`, body), 400, 'VALIDATION_FAILED');
    });
  });

  it('names every wrong field at once', async () => {
    const { id } = await publish();
    await world.nothingHappens(async () => {
      const answer = await provider.api.patch(`/agent/me/services/${id}`, {
        price: '-1',
        category: 'x',
        status: 'active',
      });
      expectProblem(answer, 400, 'VALIDATION_FAILED', ['price', 'category', 'status']);
    });
  });

  it('refuses a title that another service of the owner has', async () => {
    await publish();
    const { id } = await publish({ title: 'Second' });
    await world.nothingHappens(async () => {
      expectProblem(await provider.api.patch(`/agent/me/services/${id}`, { title: SERVICE.title }), 409, 'TITLE_TAKEN');
    });
  });

  it('refuses a schema that is not allowed', async () => {
    const { id } = await publish();
    await world.nothingHappens(async () => {
      const answer = await provider.api.patch(`/agent/me/services/${id}`, { outputSchema: { $id: 'x' } });
      expectProblem(answer, 400, 'SCHEMA_NOT_ALLOWED');
    });
  });
});

describe('activating and deactivating', () => {
  it('may be repeated, and shows in the market', async () => {
    const { id } = await publish({ title: `Switched ${provider.id}` });
    for (const [verb, status] of [
      ['deactivate', 'inactive'],
      ['deactivate', 'inactive'],
      ['activate', 'active'],
      ['activate', 'active'],
    ]) {
      expect(dataOf(await provider.api.post(`/agent/me/services/${id}/${verb}`))).toMatchObject({ status });
      expect(dataOf(await world.api.get(`/market/services/${id}`))).toMatchObject({ status });
    }
  });
});

describe("somebody else's service", () => {
  it('does not exist for anybody but its provider', async () => {
    const { id } = await publish();
    const stranger = await world.agent();
    const sibling = await world.agent(provider.owner);
    for (const other of [stranger, sibling]) {
      await world.nothingHappens(async () => {
        expectProblem(await other.api.patch(`/agent/me/services/${id}`, { price: '1' }), 404, 'NOT_FOUND');
        expectProblem(await other.api.post(`/agent/me/services/${id}/activate`), 404, 'NOT_FOUND');
        expectProblem(await other.api.post(`/agent/me/services/${id}/deactivate`), 404, 'NOT_FOUND');
        expectProblem(await other.api.get(`/services/${id}`), 404, 'NOT_FOUND');
      });
    }
  });
});

describe("the provider's lists", () => {
  it('show its own services, as numbers in one and as strings in the other', async () => {
    const { id } = await publish();
    await publish({ title: 'Second', price: '7' });
    const list = dataOf(await provider.api.get('/agent/me/services'));
    expect(list).toMatchObject({
      total: 2,
      services: [{ title: 'Second' }, { id, title: SERVICE.title, completedCount: 0 }],
    });
    const managed = dataOf(await provider.api.get('/services?sortBy=price'));
    expect(managed).toMatchObject({ total: 2 });
    expect((managed['data'] as { id: unknown }[]).map((row) => row.id)).toContain(String(id));
  });

  it('can be filtered, searched and paged', async () => {
    const { id } = await publish();
    await publish({ title: 'Second' });
    await provider.api.post(`/agent/me/services/${id}/deactivate`);
    expect(dataOf(await provider.api.get('/services?status=inactive'))).toMatchObject({
      total: 1,
      data: [{ id: String(id) }],
    });
    expect(dataOf(await provider.api.get('/services?status=active'))).toMatchObject({
      total: 1,
      data: [{ title: 'Second' }],
    });
    expect(dataOf(await provider.api.get('/services?status=all&search=stat'))).toMatchObject({ total: 1 });
    expect(dataOf(await provider.api.get('/services?search='))).toMatchObject({ total: 2 });
    expect(dataOf(await provider.api.get('/services?limit=1&page=2'))).toMatchObject({ total: 2, data: [{}] });
    expect(dataOf(await provider.api.get('/services?limit=5000'))).toMatchObject({ limit: 100 });
  });

  it.each(['status=x', 'sortBy=x', 'page=0', 'page=x', 'limit=0', 'limit=-1', 'page=1&page=2', 'search=a&search=b'])(
    'refuse %s',
    async (query) => {
      expectProblem(await provider.api.get(`/services?${query}`), 400, 'VALIDATION_FAILED', [
        query.split('=')[0] ?? '',
      ]);
    },
  );

  it('ignore query parameters that they do not know', async () => {
    expect(dataOf(await provider.api.get('/services?colour=red'))).toMatchObject({ total: 0 });
  });
});

function deep(levels: number): object {
  let schema: object = { type: 'string' };
  for (let level = 0; level < levels; level++) schema = { items: schema };
  return schema;
}
