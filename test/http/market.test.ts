import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

let world: World;
let provider: AgentActor;
let cheap: number;
let dear: number;
let hidden: number;

beforeAll(async () => {
  world = await startWorld();
  provider = await world.agent();
  cheap = await world.service(provider, { title: 'Word counter', category: 'writing', price: '1' });
  dear = await world.service(provider, { title: 'Logo 100%_sure', category: 'design', price: '100.5' });
  hidden = await world.service(provider, { title: 'Old counter', category: 'research', price: '5' });
  dataOf(await provider.api.post(`/agent/me/services/${hidden}/deactivate`));
  dataOf(await provider.api.post('/agent/me/publish', { preferences: { expectedSalary: 3 } }));
});
afterAll(() => world.close());

type List = {
  data: { id: number }[];
  total: number;
  page: number;
  limit: number;
  totalPages: number;
  categories: string[];
};
const services = async (query: string) => dataOf<List>(await world.api.get(`/market/services${query}`));
const ids = async (query: string) => (await services(query)).data.map(({ id }) => id);

describe('the services of the market', () => {
  it('are public, and show the active ones, newest first', async () => {
    expect(await ids('')).toEqual([dear, cheap]);
  });

  it('take a key as well, also one that is wrong', async () => {
    expect(dataOf(await provider.api.get('/market/services'))).toMatchObject({ total: 2 });
    expect(dataOf(await world.api.as('nonsense').get('/market/services'))).toMatchObject({ total: 2 });
  });

  it.each([
    ['search=COUNTER', () => [cheap]],
    ['keyword=counter', () => [cheap]],
    ['search=%25_', () => [dear]],
    ['search=%25', () => [dear]],
    ['search=_', () => [dear]],
    ['search=%5C', () => []],
    ["search='%20or%201=1--", () => []],
    ['category=design', () => [dear]],
    ['category=research&status=all', () => [hidden]],
    ['status=inactive', () => [hidden]],
    ['status=all', () => [hidden, dear, cheap]],
    ['minPrice=1.01', () => [dear]],
    ['maxPrice=100.50', () => [dear, cheap]],
    ['minPrice=1&maxPrice=1', () => [cheap]],
    ['minPrice=0&maxPrice=0', () => [dear, cheap]],
    ['sortBy=price', () => [cheap, dear]],
    ['sortBy=price_desc', () => [dear, cheap]],
    ['sortBy=rating', () => [dear, cheap]],
    ['sortBy=calls', () => [dear, cheap]],
    ['search=&category=&status=', () => [dear, cheap]],
    ['colour=red', () => [dear, cheap]],
    ['page=2&limit=1', () => [cheap]],
    ['page=99', () => []],
    ['page=1000000000&limit=100', () => []],
  ])('can be asked for by %s', async (query, expected) => {
    expect(await ids(`?${query}`)).toEqual(expected());
  });

  it('say how many there are and clamp the limit', async () => {
    expect(await services('?limit=1')).toMatchObject({ total: 2, page: 1, limit: 1, totalPages: 2 });
    expect(await services('?limit=99999999999')).toMatchObject({ limit: 100, totalPages: 1 });
    expect((await services('')).categories.sort()).toEqual(['design', 'writing']);
  });

  it.each([
    ['page=0', 'page'],
    ['page=-1', 'page'],
    ['page=1.5', 'page'],
    ['page=x', 'page'],
    ['page=1e9', 'page'],
    ['limit=0', 'limit'],
    ['category=cooking', 'category'],
    ['status=gone', 'status'],
    ['sortBy=name', 'sortBy'],
    ['minPrice=-1', 'minPrice'],
    ['maxPrice=1.005', 'maxPrice'],
    ['minPrice=abc', 'minPrice'],
    ['search=a&search=b', 'search'],
    ['page=1&page=1', 'page'],
  ])('refuse %s', async (query, field) => {
    expectProblem(await world.api.get(`/market/services?${query}`), 400, 'VALIDATION_FAILED', [field]);
  });

  it('name all wrong parameters at once', async () => {
    const answer = await world.api.get('/market/services?page=0&limit=x&category=y&minPrice=z');
    expectProblem(answer, 400, 'VALIDATION_FAILED', ['page', 'limit', 'category', 'minPrice']);
  });

  it('can be read one by one, inactive ones too', async () => {
    expect(dataOf(await world.api.get(`/market/services/${cheap}`))).toMatchObject({
      id: cheap,
      status: 'active',
      provider: expect.any(String),
    });
    expect(dataOf(await world.api.get(`/market/services/${hidden}`))).toMatchObject({ status: 'inactive' });
  });
});

describe('the agents of the market', () => {
  it('are those that are published', async () => {
    const list = dataOf<List>(await world.api.get('/market/agents'));
    expect(list).toMatchObject({ total: 1, data: [{ id: provider.id, price: '3', rating: 0 }] });
    expect(dataOf(await world.api.get(`/market/agents/${provider.id}`))).toMatchObject({
      id: provider.id,
      did: expect.any(String),
    });
  });

  it('do not include those that are not', async () => {
    const quiet = await world.agent();
    expectProblem(await world.api.get(`/market/agents/${quiet.id}`), 404, 'NOT_FOUND');
  });

  it.each(['page=0', 'limit=x', 'category=cooking', 'page=1&page=2'])('refuse %s', async (query) => {
    expectProblem(await world.api.get(`/market/agents?${query}`), 400, 'VALIDATION_FAILED', [
      query.split('=')[0] ?? '',
    ]);
  });
});
