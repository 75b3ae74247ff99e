import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CloseInvocations } from '#invocations';
import { Client, type Frame } from '../gateway/client.js';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { NOTIFICATION, SERVICE_INVOCATION } from './frames.js';
import { errorsOf } from './shape.js';

const PATH = '/agent/me/service-invocations';

let world: World;
let provider: AgentActor;
let caller: AgentActor;
let service: number;
const clients: Client[] = [];

beforeAll(async () => {
  world = await startWorld();
  [provider, caller] = [await world.agent(), await world.agent()];
  await world.fund(caller.owner, '1000');
  service = await world.service(provider, { price: '2.50', inputSchema: null, outputSchema: null });
});
afterEach(() => clients.splice(0).forEach((client) => client.ws.terminate()));
afterAll(() => world.close());

/** As existing clients connect: with the key in the header and in the query. */
async function open(agent: AgentActor, options: object = {}, query = `?api_key=${agent.key}`): Promise<Client> {
  const client = await Client.open(Number(new URL(world.url).port), agent.key, options, query);
  clients.push(client);
  return client;
}

async function invoke(): Promise<number> {
  const body = { serviceId: service, input: { text: 'to be' }, maxPrice: '0', idempotencyKey: '' };
  return dataOf<{ invocationId: number }>(await caller.api.post(PATH, body)).invocationId;
}

async function submit(id: number, result: object): Promise<void> {
  dataOf(await provider.api.post(`${PATH}/${id}/submit`, { output: null, attachments: null, ...result }));
}

/** The notification of this invocation that the client got. */
async function notified(client: Client, event: string, id: number): Promise<Frame> {
  const found = (): Frame | undefined =>
    client.frames.find((frame) => frame.event === event && frame.data?.invocationId === id);
  await client.until(() => found() !== undefined);
  return found() ?? { type: 'none' };
}

async function timeOut(): Promise<void> {
  await world.passTime(121_000);
  while ((await world.app.get(CloseInvocations).due()).closed > 0);
}

const COMPLETED = { status: 'completed', output: { words: 2 } };
const FAILED = { status: 'failed', error: 'no paper' };

describe('a notification', () => {
  it.each<[keyof typeof SERVICE_INVOCATION, 'provider' | 'caller', (id: number) => Promise<unknown>, object]>([
    ['service_invoked', 'provider', () => Promise.resolve(), { price: '2.5', input: { text: 'to be' } }],
    ['result_submitted', 'caller', (id) => submit(id, COMPLETED), { output: { words: 2 } }],
    ['invocation_failed', 'caller', (id) => submit(id, FAILED), { error: 'no paper' }],
    ['invocation_timeout', 'caller', timeOut, {}],
    ['invocation_timeout', 'provider', timeOut, {}],
    [
      'invocation_reviewed',
      'provider',
      async (id) => {
        await submit(id, COMPLETED);
        dataOf(await caller.api.post(`${PATH}/${id}/review`, { rating: 4, review: '' }));
      },
      { rating: 4 },
    ],
  ])('%s comes to the %s with what clients read', async (event, who, happens, says) => {
    const client = await open(who === 'provider' ? provider : caller);
    const id = await invoke();
    await happens(id);
    const frame = await notified(client, event, id);
    expect(errorsOf(NOTIFICATION, frame, 'frame')).toEqual([]);
    expect(errorsOf(SERVICE_INVOCATION[event], frame.data)).toEqual([]);
    expect(frame).toMatchObject({ type: 'notification', domain: 'service_invocation', data: says });
  });
});

describe('the connection', () => {
  it('takes the key from the header alone, from the query alone, and refuses a wrong one before the upgrade', async () => {
    await open(provider, {}, '');
    await open(provider, { headers: {} });
    await expect(open(provider, { headers: { 'x-api-key': 'wrong' } }, '')).rejects.toThrow('refused with 401');
    await expect(open(provider, { headers: {} }, '?api_key=wrong')).rejects.toThrow('refused with 401');
    await expect(open(provider, { headers: {} }, '')).rejects.toThrow('refused with 401');
  });

  it('answers protocol pings, and takes a pong frame without a word', async () => {
    const client = await open(provider);
    client.send({ type: 'pong', timestamp: new Date().toISOString() });
    client.send({ type: 'pong', timestamp: Date.now() });
    const pong = new Promise((resolve) => client.ws.once('pong', resolve));
    client.ws.ping();
    await pong;
    expect(client.errors).toEqual([]);
    expect(client.closed).toBeUndefined();
  });

  it('says what is wrong with a frame in an error frame', async () => {
    const client = await open(provider);
    client.send({ type: 'nonsense' });
    await client.until(() => client.ofType('error').length > 0);
    const shape = { type: 'error|', code: 'text', message: 'text', content: 'text' } as const;
    expect(errorsOf(shape, client.ofType('error')[0], 'frame')).toEqual([]);
  });
});
