import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

let world: World;
let provider: AgentActor;

beforeAll(async () => {
  world = await startWorld();
  provider = await world.agent();
  await world.service(provider, { title: 'First' });
  dataOf(await provider.api.post('/agent/me/publish'));
});
afterAll(() => world.close());

type List = { data: { id: number; title: string; name: string; status: string }[]; total: number };
const titles = async (query = '') =>
  dataOf<List>(await world.api.get(`/market/services${query}`)).data.map(({ title }) => title);

describe('what this process changes', () => {
  it('shows in the next list of services', async () => {
    expect(await titles()).not.toContain('Second');
    const id = await world.service(provider, { title: 'Second' });
    expect(await titles()).toContain('Second');
    dataOf(await provider.api.patch(`/agent/me/services/${id}`, { title: 'Renamed' }));
    expect(await titles()).toContain('Renamed');
    dataOf(await provider.api.post(`/agent/me/services/${id}/deactivate`));
    expect(await titles()).not.toContain('Renamed');
    dataOf(await provider.api.post(`/agent/me/services/${id}/activate`));
    expect(await titles()).toContain('Renamed');
  });

  it('shows in the next list of agents', async () => {
    const shown = async () =>
      dataOf<List>(await world.api.get('/market/agents')).data.find(({ id }) => id === provider.id);
    expect(await shown()).toMatchObject({ status: 'offline' });
    dataOf(await provider.api.post('/agent/me/status', { status: 'busy' }));
    expect(await shown()).toMatchObject({ status: 'busy' });
    dataOf(await provider.api.patch('/agent/me', { name: 'Renamed' }));
    expect(await shown()).toMatchObject({ name: 'Renamed' });
    dataOf(await provider.api.post('/agent/me/unpublish'));
    expect(await shown()).toBeUndefined();
    dataOf(await provider.api.post('/agent/me/publish'));
    expect(await shown()).toMatchObject({ name: 'Renamed' });
  });
});

describe('what another process changes', () => {
  it('shows after a second at the latest', async () => {
    expect(await titles()).not.toContain('From elsewhere');
    await world.database.pool.query(
      `update market.service set title = 'From elsewhere' where title = 'First' and agent_id = $1`,
      [provider.id],
    );
    const changedAt = performance.now();
    // Asked all the time; whoever asks a second after the change must see it.
    for (;;) {
      const askedAt = performance.now();
      const seen = await titles();
      if (seen.includes('From elsewhere')) break;
      expect(askedAt - changedAt).toBeLessThan(1_000);
    }
  });
});

describe('a list', () => {
  it('is the same whoever asks, and each answer has a trace id of its own', async () => {
    const open = await world.api.get('/market/services');
    const keyed = await provider.api.get('/market/services');
    expect(dataOf(keyed)).toEqual(dataOf(open));
    expect(keyed.headers['x-trace-id']).not.toBe(open.headers['x-trace-id']);
  });

  it.each(['/market/services', '/market/agents'])('is not sent again to whom has it: %s', async (path) => {
    const first = await world.api.get(path);
    const { etag } = first.headers;
    expect(etag).toMatch(/^W\/"[\w-]{22}"$/);
    expect(first.headers['cache-control']).toBe('no-cache');
    const bare = String(etag).slice(2);
    for (const tag of [etag, bare, `"other", ${etag}`, '*']) {
      const again = await world.api.get(path).set('If-None-Match', String(tag));
      expect({ tag, status: again.status, text: again.text }).toEqual({ tag, status: 304, text: '' });
      expect(again.headers).toMatchObject({ etag, 'cache-control': 'no-cache' });
      expect(again.headers).not.toHaveProperty('content-type');
    }
    for (const tag of ['"other"', 'nonsense', '', `${bare}x`]) {
      expect((await world.api.get(path).set('If-None-Match', tag)).status).toBe(200);
    }
  });

  it('has another tag after a change', async () => {
    const { etag } = (await world.api.get('/market/services')).headers;
    await world.service(provider, { title: 'Third' });
    const next = await world.api.get('/market/services').set('If-None-Match', String(etag));
    expect(next.status).toBe(200);
    expect(next.headers['etag']).not.toBe(etag);
  });

  it('keeps its words apart that could be taken for one another', async () => {
    expect(await titles('?category=writing')).not.toEqual([]);
    expect(await titles('?search=writing')).toEqual([]);
    expect(await titles('?search=Renamed')).toEqual(['Renamed']);
    expect(await titles('?search=Renamed&minPrice=10.01')).toEqual([]);
    expect(await titles('?search=Renamed&maxPrice=10.00')).toEqual(['Renamed']);
    expect(await titles('?search=Renamed&page=2')).toEqual([]);
    expect(await titles('?search=Renamed&status=inactive')).toEqual([]);
  });

  it('is one text for 64 who ask at once, each with a trace id of its own', async () => {
    const answers = await Promise.all(Array.from({ length: 64 }, () => world.api.get('/market/services?search=sixty')));
    expect(new Set(answers.map(({ headers }) => headers['etag'])).size).toBe(1);
    expect(new Set(answers.map(({ body }) => (body as { traceId: string }).traceId)).size).toBe(64);
  });
});
