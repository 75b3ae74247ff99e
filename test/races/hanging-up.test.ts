import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Metrics } from '#platform';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

const INVOCATIONS = '/agent/me/service-invocations';
const INPUT = { text: 'one two' };
const DONE = { status: 'completed', output: { words: 2 } };

let world: World;
let provider: AgentActor;
let caller: AgentActor;
/** They keep a lane busy each: one wallet and one service for each, so that neither waits for the other's locks. */
let dawdlers: { caller: AgentActor; slowService: number }[];
let service: number;

beforeAll(async () => {
  world = await startWorld();
  provider = await world.agent();
  caller = await world.agent();
  dawdlers = [];
  for (const title of ['slow', 'slow too']) {
    const slowService = await world.service(provider, { title, price: '1', avgResponseMs: 60_000 });
    dawdlers.push({ caller: await world.agent(), slowService });
  }
  for (const { owner } of [caller, ...dawdlers.map((dawdler) => dawdler.caller)]) await world.fund(owner, '1000');
  service = await world.service(provider, { title: 'quick', price: '1', avgResponseMs: 60_000 });
  // What touches an invocation of such a service keeps its lane busy for a while.
  await world.database.pool.query(`
    create function public.dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(1.5); return new; end $$;
    create trigger dawdle before insert or update on market.invocation for each row
    when (new.service_id in (${dawdlers.map(({ slowService }) => slowService).join(', ')})) execute function public.dawdle()`);
});
beforeEach(async () => {
  await figures();
});
afterAll(() => world.close());

it('an invoke whose caller hangs up before its turn holds nothing', async () => {
  const busy = dawdlers.map((dawdler) => invoke(dawdler.caller, dawdler.slowService));
  await laneStands('invocation-open', { depth: 0, taken: 2 });
  const before = await wallet();
  const gone = await sendRaw(caller.key, INVOCATIONS, { serviceId: service, input: INPUT });
  await laneStands('invocation-open', { depth: 1 });
  gone.destroy();
  await Promise.all(busy);
  await laneStands('invocation-open', { depth: 0, cancelled: 1 });
  expect(dataOf(await caller.api.get(`${INVOCATIONS}?serviceId=${service}`))).toMatchObject({ total: 0 });
  expect(await wallet()).toEqual(before);
});

it('a result whose provider hangs up before its turn is taken all the same: the work is done', async () => {
  const slow = await Promise.all(dawdlers.map((dawdler) => invoke(dawdler.caller, dawdler.slowService)));
  const id = await invoke(caller, service);
  const busy = slow.map((one) =>
    provider.api.post(`${INVOCATIONS}/${one}/submit`, DONE).then((answer) => answer.status),
  );
  await laneStands('invocation-close', { depth: 0, taken: 2 });
  const gone = await sendRaw(provider.key, `${INVOCATIONS}/${id}/submit`, DONE);
  await laneStands('invocation-close', { depth: 1 });
  gone.destroy();
  expect(await Promise.all(busy)).toEqual([200, 200]);
  await laneStands('invocation-close', { depth: 0, committed: 3, cancelled: 0 });
  expect(dataOf(await caller.api.get(`${INVOCATIONS}/${id}`))).toMatchObject({ status: 'completed' });
});

async function invoke(actor: AgentActor, serviceId: number): Promise<number> {
  return dataOf<{ invocationId: number }>(await actor.api.post(INVOCATIONS, { serviceId, input: INPUT })).invocationId;
}

async function wallet(): Promise<object> {
  return dataOf(await caller.owner.api.get('/owner/wallet'));
}

/** A request on a socket of its own, sent and not waited for. */
async function sendRaw(key: string, path: string, body: object): Promise<Socket> {
  const { hostname, port } = new URL(world.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const text = JSON.stringify(body);
  socket.write(
    `POST /openapi/v1${path} HTTP/1.1\r\nhost: x\r\nx-api-key: ${key}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  return socket;
}

type Stand = { depth?: number; taken?: number; committed?: number; cancelled?: number };

let base: Record<string, number> = {};

async function figures(): Promise<Record<string, number>> {
  const lines = (await world.app.get(Metrics).text()).split('\n').filter((line) => line.startsWith('c4c_lane_'));
  base = Object.fromEntries(lines.map((line) => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])]));
  return base;
}

/** Waits until the lane's figures, counted from the start of the test, are these. */
async function laneStands(lane: string, wanted: Stand): Promise<void> {
  const start = base;
  await expect
    .poll(
      async () => {
        const now = await figures();
        base = start;
        const since = (name: string): number => (now[name] ?? 0) - (start[name] ?? 0);
        const stand: Stand = {
          depth: now[`c4c_lane_depth{lane="${lane}"}`] ?? 0,
          taken: since(`c4c_lane_wait_seconds_count{lane="${lane}"}`),
          committed: since(`c4c_lane_batch_items_sum{lane="${lane}"}`),
          cancelled: since(`c4c_lane_refused_total{lane="${lane}",reason="cancelled"}`),
        };
        return Object.fromEntries(Object.keys(wanted).map((key) => [key, stand[key as keyof Stand]]));
      },
      { timeout: 10_000, interval: 20 },
    )
    .toEqual(wanted);
}
