import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '#platform';
import { EndpointStore } from '../../libs/webhooks/endpoint.store.js';
import { SecretBox } from '../../libs/webhooks/secret-box.js';
import { newSecret } from '../../libs/webhooks/signing.js';
import { Client, type Frame } from '../gateway/client.js';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { EventStreamClient } from '../support/event-stream.js';
import { Fleet, invoke, send, want, type FleetAgent, type FleetShop } from '../support/fleet.js';
import type { AppProcess } from '../support/processes.js';
import { Hook } from './hook.js';

type Event = { id: string; seq: number; eventType: string; data: Record<string, unknown> };
type Endpoint = { id: number; hook: Hook };

const EVENTS = '/agent/me/events';

let database: TestDatabase;
let doors: Database;
let fleet: Fleet;
let api: AppProcess;
let shop: FleetShop;
let agent: FleetAgent;
const ends: (() => unknown)[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
  doors = new Database(database.config().database);
  fleet = await Fleet.on(database, { C4C_EGRESS_ALLOW: '127.0.0.0/8' });
  api = await fleet.start('api');
  shop = await fleet.shop(api);
  agent = shop.caller;
});
afterEach(async () => {
  await expectInvariants(database);
  for (const end of ends.splice(0)) await end();
  await fleet.end();
  await doors.close();
  await database.drop();
});

async function endpoint({ types, answer }: { types?: string[]; answer?: Hook['answer'] } = {}): Promise<Endpoint> {
  const hook = await Hook.start(answer);
  ends.push(() => hook.stop());
  const endpoints = new EndpointStore(doors, new SecretBox(database.config()));
  const id = await doors.inTransaction(async (tx) => {
    await endpoints.lockCount(tx, BigInt(agent.id));
    const made = await endpoints.insert(tx, BigInt(agent.id), `${hook.url}?token=secret`, {
      eventTypes: types ?? null,
    });
    await endpoints.addSecret(tx, made, newSecret());
    await tx.query(`update market.webhook_endpoint set state = 'active' where id = $1`, [made]);
    return made;
  });
  return { id: Number(id), hook };
}

/** So many invocations that their provider gives up: each is an event of the agent's that only tells. */
async function news(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const { invocationId } = await want(invoke(api, shop));
    const body = { status: 'failed', error: 'not today' };
    await want(send(api, shop.provider.key, 'POST', `/agent/me/service-invocations/${invocationId}/submit`, body));
  }
}

async function log(query = ''): Promise<Event[]> {
  return (await want(send<{ events: Event[] }>(api, agent.key, 'GET', `${EVENTS}?limit=100${query}`))).events;
}

/** What the tries of a moment said about the endpoint. */
async function tried({ id }: Endpoint, failed: number, { isGone = false, hasSucceeded = false } = {}): Promise<void> {
  await database.pool.query('select market.webhook_endpoint_tried($1, $2, $3, $4, false)', [
    id,
    failed,
    hasSucceeded,
    isGone,
  ]);
}

const notices = (hook: Hook): Record<string, unknown>[] =>
  hook.hits.map(({ body }) => body).filter(({ domain }) => domain === 'webhook_endpoint');
const refused: Hook['answer'] = (response) => response.writeHead(500).end();
const taken: Hook['answer'] = (response) => response.writeHead(204).end();

async function plainSocket(): Promise<Client> {
  const client = await Client.open(Number(new URL(api.url).port), agent.key);
  ends.push(() => client.ws.terminate());
  return client;
}

async function consumer(hello: object): Promise<Client> {
  const client = await Client.open(Number(new URL(api.url).port), agent.key, {}, '', ['c4c.v1']);
  ends.push(() => client.ws.terminate());
  client.send({ type: 'hello', ...hello });
  await client.until(() => client.welcome !== undefined);
  return client;
}

async function stream(): Promise<EventStreamClient> {
  const client = await EventStreamClient.open(`${api.url}/openapi/v1${EVENTS}/stream?after=0`, {
    'x-api-key': agent.key,
  });
  ends.push(() => client.hangUp());
  return client;
}

describe('an endpoint that fails', () => {
  it('is told of once over every other channel of its agent, and never to itself', async () => {
    const dead = await endpoint({ answer: refused });
    const [well, only] = [await endpoint(), await endpoint({ types: ['endpoint.failing'] })];
    const [plain, v1, picky, sse] = [
      await plainSocket(),
      await consumer({ consumer: 'all' }),
      await consumer({ consumer: 'picky', types: ['endpoint.failing'] }),
      await stream(),
    ];
    const worker = await fleet.start('worker');
    await news(5);
    await expect.poll(() => notices(well.hook), { timeout: 10_000 }).toHaveLength(1);
    // Whatever came before this has come when this has.
    await news(1);
    await plain.until(() => plain.frames.length >= 7);
    await v1.until(() => v1.events.length >= 7);
    await sse.until(() => sse.seqs.length >= 7);
    await picky.until(() => picky.events.length >= 1);
    await well.hook.until(7);
    await only.hook.until(1);

    const [notice] = await log('&types=endpoint.failing');
    expect(notice).toEqual({
      type: 'notification',
      domain: 'webhook_endpoint',
      event: 'endpoint_failing',
      timestamp: expect.stringMatching(/Z$/),
      messageId: notice?.id,
      data: {
        endpointId: dead.id,
        url: dead.hook.url,
        state: 'failing',
        reason: 'failed_in_a_row',
        consecutiveFailures: 5,
        failingSince: expect.stringMatching(/Z$/),
      },
      id: expect.stringMatching(/^evt_/),
      seq: 6,
      attempt: 1,
      eventType: 'endpoint.failing',
      class: 'info',
      deadlineAt: null,
      traceparent: null,
    });
    expect((await log()).map(({ eventType }) => eventType)).toEqual([
      ...Array.from({ length: 5 }, () => 'invocation.failed'),
      'endpoint.failing',
      'invocation.failed',
    ]);
    const { type, domain, event, timestamp, messageId, data } = notice as unknown as Frame;
    expect(plain.frames.filter((frame) => frame['domain'] === domain)).toEqual([
      { type, domain, event, timestamp, messageId, data },
    ]);
    expect(v1.events).toEqual(['1.1', '2.1', '3.1', '4.1', '5.1', '6.1', '7.1']);
    expect(v1.ofType('event')[5]).toEqual({ ...notice, type: 'event', redelivered: false });
    expect(picky.events).toEqual(['6.1']);
    expect(sse.seqs).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(sse.blocks.find(({ id }) => id === '6')?.data).toEqual(notice);
    expect(notices(well.hook)).toEqual([{ ...notice, specVersion: '1' }]);
    expect([well.hook.ids.size, only.hook.hits.length]).toEqual([7, 1]);
    expect(only.hook.hits[0]?.headers).toMatchObject({ 'x-c4c-event': 'endpoint.failing', 'webhook-id': notice?.id });
    expect(notices(dead.hook)).toEqual([]);
    expect(JSON.stringify([notice, plain.texts])).not.toContain('secret');
    expect(worker.errors).toEqual([]);
    expect(api.errors).toEqual([]);
  });

  it('is told of when it has recovered, too', async () => {
    const [ill, well] = [await endpoint({ answer: refused }), await endpoint()];
    await fleet.start('worker');
    await news(5);
    await expect.poll(() => notices(well.hook), { timeout: 10_000 }).toHaveLength(1);
    ill.hook.answer = taken;
    await database.pool.query('update market.webhook_endpoint set breaker_until = null where id = $1', [ill.id]);
    await news(1);
    await expect.poll(() => notices(well.hook), { timeout: 10_000 }).toHaveLength(2);
    expect(notices(well.hook)[1]).toMatchObject({
      eventType: 'endpoint.recovered',
      data: { endpointId: ill.id, state: 'active', reason: 'delivered', consecutiveFailures: 5 },
    });
    expect(notices(ill.hook)).toEqual([]);
  });

  it('is told of exactly once when the worker dies as the fifth try is answered', async () => {
    const [well, dying] = [await endpoint(), await endpoint()];
    const first = await fleet.start('worker');
    dying.hook.answer = (response) => {
      if (dying.hook.hits.length === 5) void first.kill();
      response.writeHead(500).end();
    };
    await news(5);
    await dying.hook.until(5);
    dying.hook.answer = refused;
    await expect.poll(() => first.isRunning).toBe(false);
    await fleet.start('worker');
    // What the first had claimed falls due when its claims end.
    await expect.poll(() => notices(well.hook), { timeout: 40_000 }).not.toEqual([]);
    await news(1);
    await expect.poll(() => well.hook.ids.size).toBe(7);
    const told = await log('&types=endpoint.failing,endpoint.disabled,endpoint.recovered');
    expect(told).toMatchObject([{ eventType: 'endpoint.failing', data: { endpointId: dying.id } }]);
    expect(new Set(notices(well.hook).map(({ id }) => id))).toEqual(new Set([told[0]?.id]));
  }, 60_000);
});

describe('a notice', () => {
  it('is written with the change that it tells of, or neither is', async () => {
    const one = await endpoint();
    await database.pool.query(`
      create function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'no notice'; end $$;
      create trigger refuse before insert on market.webhook_notice for each row execute function public.refuse()`);
    await expect(tried(one, 5)).rejects.toThrow('no notice');
    const states = async () => (await want(send(api, agent.key, 'GET', `/agent/me/webhooks/${one.id}`)))['state'];
    expect([await states(), await log()]).toEqual(['active', []]);
    await database.pool.query('drop trigger refuse on market.webhook_notice');
    await tried(one, 5);
    await tried(one, 1);
    expect([await states(), (await log()).length]).toEqual(['failing', 1]);
  });

  it('shows what was, also when the endpoint has another address by now, or is deleted', async () => {
    const one = await endpoint();
    await tried(one, 1, { isGone: true });
    const path = `/agent/me/webhooks/${one.id}`;
    const before = await log();
    expect(before).toMatchObject([
      {
        eventType: 'endpoint.disabled',
        data: { endpointId: one.id, url: one.hook.url, state: 'disabled', reason: 'gone', consecutiveFailures: 1 },
      },
    ]);
    await want(send(api, agent.key, 'PATCH', path, { url: 'http://127.0.0.1:9999/elsewhere' }));
    expect(await log()).toEqual(before);
    await want(send(api, agent.key, 'DELETE', path));
    expect(await log()).toEqual(before);
  });

  it('of before the counts were kept is shown without them', async () => {
    const one = await endpoint();
    await tried(one, 5);
    await database.pool.query(
      'update market.webhook_notice set url = null, consecutive_failures = null, failing_since = null',
    );
    expect((await log())[0]?.data).toEqual({
      endpointId: one.id,
      url: one.hook.url,
      state: 'failing',
      reason: 'failed_in_a_row',
      consecutiveFailures: null,
      failingSince: null,
    });
  });

  it('goes when retention has dropped its event, which is told as a gap', async () => {
    const one = await endpoint();
    await tried(one, 5);
    await tried(one, 0, { hasSucceeded: true });
    await database.pool.query('create table public.dropped (like market.agent_event)');
    await database.pool.query(
      `with gone as (delete from market.agent_event where agent_id = $1 and seq = 1 returning *)
      insert into public.dropped select * from gone`,
      [agent.id],
    );
    await tried(one, 5);
    const { rows } = await database.pool.query('select seq from market.webhook_notice order by seq');
    expect(rows).toEqual([{ seq: 2n }, { seq: 3n }]);
    const page = await want(send(api, agent.key, 'GET', `${EVENTS}?after=0`));
    expect(page).toMatchObject({
      gap: { from: 1, to: 1 },
      events: [{ eventType: 'endpoint.recovered' }, { eventType: 'endpoint.failing' }],
    });
    // The invariants at the end count every event.
    await database.pool.query('insert into market.agent_event select * from public.dropped');
  });
});

it('an event of a kind that this version does not know is passed over by every channel', async () => {
  const well = await endpoint();
  const [plain, v1, sse] = [await plainSocket(), await consumer({ consumer: 'all' }), await stream()];
  await fleet.start('worker');
  await database.pool.query(
    `select market.event_append(array [$1::bigint], array ['session.opened'], array [null::bigint], platform.clock())`,
    [agent.id],
  );
  await news(1);
  await plain.until(() => plain.frames.length >= 1);
  await v1.until(() => v1.events.length >= 1);
  await sse.until(() => sse.seqs.length >= 1);
  await well.hook.until(1);
  expect(plain.frames.map(({ event }) => event)).toEqual(['invocation_failed']);
  expect([v1.events, sse.seqs]).toEqual([['2.1'], [2]]);
  expect((await log()).map(({ seq }) => seq)).toEqual([2]);
  expect(well.hook.hits.map(({ body }) => body['eventType'])).toEqual(['invocation.failed']);
  v1.ack('2.1');
  // Nobody waits for the one that nobody could show.
  await expect
    .poll(
      async () => {
        const { rows } = await database.pool.query('select acked_seq as acked from market.consumer_cursor');
        return rows;
      },
      { timeout: 5_000 },
    )
    .toEqual([{ acked: 2n }]);
});
