import type { Response } from 'supertest';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLog, openPlatform, type Platform } from '#platform';
import { startApi, type Api as Server } from '../../apps/api/api.js';
import { api, type Api } from '../support/api.js';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

/* The same chat from two processes at once. The invariants are held at the end of the file. */

const EMPLOYMENTS = '/agent/me/employments';
const ROUNDS = 10;

type Message = { id: number; content: string; messageId: string; readAt?: string };
type AgentEvent = { eventType: string; data: { id: number; lastReadMessageId: number } };

let world: World;
let platform: Platform;
let server: Server;
let employer: AgentActor;
let employee: AgentActor;
let elsewhere: { employer: Api; employee: Api };

beforeAll(async () => {
  world = await startWorld();
  platform = openPlatform(world.database.config(), createLog('silent'));
  server = await startApi(platform);
});
beforeEach(async () => {
  [employer, employee] = [await world.agent(), await world.agent()];
  await world.fund(employer.owner, '10000');
  const at = api(server.url);
  elsewhere = { employer: at.as(employer.key), employee: at.as(employee.key) };
});
afterEach(async () => {
  const { rows } = await world.database.pool.query<{ deadlocks: bigint }>(
    'select deadlocks from pg_stat_database where datname = current_database()',
  );
  expect(rows[0]?.deadlocks).toBe(0n);
});
afterAll(async () => {
  await server.close();
  await platform.close();
  await world.close();
});

async function active(): Promise<number> {
  const offer = { employeeAgentId: employee.id, salary: '1' };
  const { id } = dataOf<{ id: number }>(await employer.api.post(EMPLOYMENTS, offer));
  dataOf(await employee.api.post(`${EMPLOYMENTS}/${id}/accept`));
  return id;
}

const say = (by: Api, id: number, body: object): Promise<Response> =>
  by.post(`${EMPLOYMENTS}/${id}/messages`, body).then();
const read = (by: Api, id: number, lastReadMessageId: number): Promise<Response> =>
  by.post(`${EMPLOYMENTS}/${id}/messages/read`, { lastReadMessageId }).then();
const history = async (id: number): Promise<Message[]> =>
  dataOf<{ messages: Message[] }>(await employer.api.get(`${EMPLOYMENTS}/${id}/messages?limit=100`)).messages.reverse();
const eventsOf = async (actor: AgentActor, type: string): Promise<AgentEvent[]> =>
  dataOf<{ events: AgentEvent[] }>(await actor.api.get(`/agent/me/events?types=${type}&limit=100`)).events;

function atOnce<T>(times: number, work: (n: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: times }, (_, n) => work(n)));
}

describe('at the same moment', () => {
  it('the same message ten times is one message, one event, and ten times the same answer', async () => {
    const id = await active();
    const answers = await atOnce(10, (n) =>
      say(n % 2 === 0 ? employer.api : elsewhere.employer, id, { content: 'Hello', messageId: 'hello' }),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(dataOf(answer)))).size).toBe(1);
    expect(answers.filter(({ headers }) => headers['idempotent-replayed'] === 'true')).toHaveLength(9);
    expect(await history(id)).toHaveLength(1);
    expect(await eventsOf(employee, 'chat.message')).toHaveLength(1);
  });

  it('two messages under one name: one is sent, in one employment or in two', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [id, other] = [await active(), await active()];
      const messageId = `round ${round}`;
      const answers = await Promise.all([
        say(employer.api, id, { content: 'a', messageId }),
        say(elsewhere.employer, round % 2 === 0 ? id : other, { content: 'b', messageId }),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
      expect([...(await history(id)), ...(await history(other))]).toHaveLength(1);
    }
  });

  it('a message and the end: it was said before the end, or is refused; nothing is added afterwards', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const id = await active();
      const saying = atOnce(16, (n) =>
        say(n % 2 === 0 ? elsewhere.employee : elsewhere.employer, id, { content: `${n}` }),
      );
      const [atTheEnd, answers] = await Promise.all([
        employer.api.post(`${EMPLOYMENTS}/${id}/terminate`).then(async (ended) => {
          dataOf(ended);
          return (await history(id)).map(({ content }) => content);
        }),
        saying,
      ]);
      for (const { status } of answers) expect([200, 409]).toContain(status);
      const sent = answers.filter(({ status }) => status === 200).map((answer) => dataOf<Message>(answer).content);
      expect((await history(id)).map(({ content }) => content)).toEqual(atTheEnd);
      expect([...atTheEnd].sort()).toEqual(sent.sort());
      expect((await say(employer.api, id, { content: 'late' })).status).toBe(409);
    }
  });

  it('what both say has the order of its numbers for each of them', async () => {
    const id = await active();
    const answers = await atOnce(40, (n) => {
      const by =
        n % 4 < 2
          ? { here: employer.api, there: elsewhere.employer }
          : { here: employee.api, there: elsewhere.employee };
      return say(n % 2 === 0 ? by.here : by.there, id, { content: `${n}` });
    });
    for (const answer of answers) dataOf(answer);
    const ids = (await history(id)).map((message) => message.id);
    expect(ids).toHaveLength(40);
    for (const actor of [employer, employee]) {
      const heard = (await eventsOf(actor, 'chat.message')).map(({ data }) => data.id);
      expect(heard).toHaveLength(20);
      // Who reads up to one of them has been told of all before it.
      expect(heard).toEqual([...heard].sort((a, b) => a - b));
    }
  });

  it('many readings move the place forward once to each message, and it ends at the last', async () => {
    const id = await active();
    const sent: Message[] = [];
    for (let n = 0; n < 8; n += 1) sent.push(dataOf<Message>(await say(employer.api, id, { content: `${n}` })));
    const answers = await atOnce(32, (n) =>
      read(n % 2 === 0 ? employee.api : elsewhere.employee, id, sent[(n * 5) % 8]?.id ?? 0),
    );
    for (const answer of answers) dataOf(answer);
    const receipts = (await eventsOf(employer, 'chat.read')).map(({ data }) => data.lastReadMessageId);
    expect(receipts.length).toBeGreaterThan(0);
    expect(receipts).toEqual([...new Set(receipts)].sort((a, b) => a - b));
    expect(receipts.at(-1)).toBe(sent.at(-1)?.id);
    expect(dataOf(await read(employee.api, id, sent[0]?.id ?? 0))).toMatchObject({
      unreadCount: 0,
      lastReadMessageId: sent.at(-1)?.id,
    });
    expect((await history(id)).filter(({ readAt }) => readAt === undefined)).toEqual([]);
  });

  it('no more than 60 of a hundred messages of a minute are sent', async () => {
    const id = await active();
    const answers = await atOnce(100, (n) =>
      say(n % 2 === 0 ? employer.api : elsewhere.employer, id, { content: `${n}` }),
    );
    const sent = answers.filter(({ status }) => status === 200);
    for (const { status } of answers) expect([200, 429, 503]).toContain(status);
    expect(sent.length).toBeLessThanOrEqual(60);
    expect(await history(id)).toHaveLength(sent.length);
  });
});
