import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client } from '../gateway/client.js';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { EventStreamClient } from '../support/event-stream.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

let world: World;
let provider: AgentActor;
let caller: AgentActor;
let serviceId: number;
const clients: Client[] = [];

const INVOCATIONS = '/agent/me/service-invocations';
const INPUT = { text: 'one two three' };

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  provider = await world.agent();
  caller = await world.agent();
  await world.fund(caller.owner, '100');
  serviceId = await world.service(provider, { price: '10' });
});
afterEach(() => {
  for (const client of clients.splice(0)) client.ws.terminate();
});
afterAll(() => world.close());

type Shown = { id: number; reachability: string };
const shown = async (): Promise<string> =>
  dataOf<Shown>(await world.api.get(`/market/services/${serviceId}`)).reachability;
const listed = async (): Promise<string | undefined> =>
  dataOf<{ data: Shown[] }>(await world.api.get('/market/services?limit=100')).data.find(({ id }) => id === serviceId)
    ?.reachability;
const becomes = (state: string): Promise<void> => expect.poll(shown, { timeout: 10_000 }).toBe(state);
const port = (): number => Number(new URL(world.url).port);

async function open(query = '', key = provider.key): Promise<Client> {
  const client = await Client.open(port(), key, {}, query);
  clients.push(client);
  return client;
}

/** An endpoint of the provider, as it is in the table. */
async function endpoint(change: object = {}): Promise<void> {
  const row = { agent_id: provider.id, url: 'https://example.com/hook', state: 'active', ...change };
  await world.database.pool.query(
    `insert into market.webhook_endpoint (${Object.keys(row).join(', ')})
    values (${Object.keys(row).map((_name, n) => `$${n + 1}`)})`,
    Object.values(row),
  );
}

describe('a service is', () => {
  it('unreachable when its provider has no channel, on its page and in the list', async () => {
    expect([await shown(), await listed()]).toEqual(['unreachable', 'unreachable']);
  });

  it('reachable while its provider has a socket, and until it has gone', async () => {
    const client = await open();
    await becomes('reachable');
    await expect.poll(listed).toBe('reachable');
    client.ws.terminate();
    await becomes('unreachable');
    const modern = await open('?v=1');
    expect(await shown()).toBe('unreachable');
    modern.send({ type: 'hello' });
    await becomes('reachable');
  });

  it('not reachable by a socket that only watches, nor by one for other events', async () => {
    await open('', await provider.newKey({ scopes: ['read'] }));
    const modern = await open('?v=1');
    modern.send({ type: 'hello', types: ['invocation.timeout'] });
    await modern.until(() => modern.welcome !== undefined);
    // The presence of another agent, which entered later, is known: so that of these would be.
    const [other, otherService] = [provider, serviceId];
    provider = await world.agent();
    serviceId = await world.service(provider);
    await open();
    await becomes('reachable');
    [provider, serviceId] = [other, otherService];
    expect(await shown()).toBe('unreachable');
  });

  it.each([
    ['active', {}, 'reachable'],
    ['failing', { state: 'failing' }, 'reachable'],
    ['for work', { event_types: ['invocation.timeout', 'invocation.invoked'] }, 'reachable'],
    ['failing, its breaker about to be tried', { state: 'failing', breaker_until: new Date(0) }, 'reachable'],
    ['failing, its breaker open', { state: 'failing', breaker_until: new Date(Date.now() + 60_000) }, 'unreachable'],
    ['unverified', { state: 'unverified' }, 'unreachable'],
    ['paused', { state: 'paused' }, 'unreachable'],
    ['disabled', { state: 'disabled' }, 'unreachable'],
    ['deleted', { deleted_at: new Date() }, 'unreachable'],
    ['for other events', { event_types: ['invocation.timeout'] }, 'unreachable'],
  ])('judged by an endpoint that is %s', async (_name, change, state) => {
    await endpoint(change);
    expect(await shown()).toBe(state);
  });

  it.each([
    ['its events', '/agent/me/events'],
    ['its events, and waits', '/agent/me/events?wait=1'],
    ['its work', '/agent/me/events?types=invocation.invoked'],
    ['its pending invocations', `${INVOCATIONS}?role=provider&status=pending`],
  ])('reachable for a minute after its provider asked for %s', async (_name, path) => {
    dataOf(await provider.api.get(path));
    await becomes('reachable');
    await world.passTime(61_000);
    expect(await shown()).toBe('unreachable');
  });

  it('reachable while its provider has a stream of events', async () => {
    const headers = { 'x-api-key': provider.key };
    const stream = await EventStreamClient.open(`${world.url}/openapi/v1/agent/me/events/stream`, headers);
    await becomes('reachable');
    await world.passTime(61_000);
    expect(await shown()).toBe('unreachable');
    // It says again that it is there.
    await expect.poll(shown, { timeout: 26_000, interval: 250 }).toBe('reachable');
    stream.hangUp();
  });

  it.each([
    ['other events', '/agent/me/events?types=invocation.completed'],
    ['all its invocations', INVOCATIONS],
    ['what it has invoked itself', `${INVOCATIONS}?role=caller&status=pending`],
  ])('not reachable because its provider asked for %s', async (_name, path) => {
    dataOf(await provider.api.get(path));
    const watcher = world.api.as(await provider.newKey({ scopes: ['read'] }));
    dataOf(await watcher.get('/agent/me/events'));
    // What is asked for later is written by then, and this would be, too.
    dataOf(await caller.api.get('/agent/me/events'));
    const written = (): Promise<boolean> =>
      world.database.pool
        .query('select from market.agent_poll where agent_id = $1', [caller.id])
        .then(({ rowCount }) => rowCount === 1);
    await expect.poll(written, { timeout: 10_000 }).toBe(true);
    expect(await shown()).toBe('unreachable');
  });
});

describe('an invoke with requireReachable', () => {
  const invoke = (body: object = {}) =>
    caller.api.post(INVOCATIONS, { serviceId, input: INPUT, requireReachable: true, ...body });

  it('is refused when nothing would reach the provider, and nothing happens', async () => {
    await world.nothingHappens(async () => {
      for (const body of [{}, { idempotencyKey: 'k' }]) expectProblem(await invoke(body), 409, 'PROVIDER_UNREACHABLE');
    });
  });

  it('is opened when the provider can be reached, also with a key that was refused before', async () => {
    expectProblem(await invoke({ idempotencyKey: 'k' }), 409, 'PROVIDER_UNREACHABLE');
    await endpoint();
    expect(dataOf(await invoke({ idempotencyKey: 'k' }))).toMatchObject({ status: 'pending', price: '10' });
  });

  it('gets its first answer again, also when the provider is gone or it asks for less', async () => {
    await endpoint();
    const first = dataOf(await invoke({ idempotencyKey: 'k' }));
    await world.database.pool.query('delete from market.webhook_endpoint');
    for (const requireReachable of [true, false, undefined]) {
      const again = await invoke({ idempotencyKey: 'k', requireReachable });
      expect(again.headers['idempotent-replayed']).toBe('true');
      expect(dataOf(again)).toEqual(first);
    }
    expectProblem(await invoke({ idempotencyKey: 'k', input: { text: 'x' } }), 422, 'IDEMPOTENCY_KEY_REUSED');
  });

  it('is told first what is wrong with it', async () => {
    expectProblem(await invoke({ input: { text: 5 } }), 400, 'INPUT_INVALID');
    expectProblem(await invoke({ serviceId: 999_999 }), 404, 'NOT_FOUND');
    await world.nothingHappens(async () => {
      for (const requireReachable of ['yes', 1, {}]) {
        expectProblem(await invoke({ requireReachable }), 400, 'VALIDATION_FAILED', ['requireReachable']);
      }
    });
  });

  it.each([false, null, undefined])('does not ask when it is %j', async (requireReachable) => {
    expect(dataOf(await invoke({ requireReachable }))).toMatchObject({ status: 'pending' });
  });
});
