import { afterAll, beforeAll, expect, it } from 'vitest';
import { Database } from '#platform';
import { EndpointStore } from '../../libs/webhooks/endpoint.store.js';
import { SecretBox } from '../../libs/webhooks/secret-box.js';
import { newSecret } from '../../libs/webhooks/signing.js';
import { Client } from '../gateway/client.js';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { EventStreamClient } from '../support/event-stream.js';
import { Fleet, send, want, type FleetAgent } from '../support/fleet.js';
import type { AppProcess } from '../support/processes.js';
import { Hook } from '../webhooks/hook.js';

/* One message and one read receipt over every channel, through processes of their own. */

type Event = { id: string; eventType: string; seq: number; data: Record<string, unknown> };

let database: TestDatabase;
let doors: Database;
let fleet: Fleet;
let api: AppProcess;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  doors = new Database(database.config().database);
  fleet = await Fleet.on(database, { C4C_EGRESS_ALLOW: '127.0.0.0/8' });
  api = await fleet.start('api');
});
afterAll(async () => {
  await expectInvariants(database);
  for (const end of ends.splice(0)) await end();
  await fleet.end();
  await doors.close();
  await database.drop();
});

async function hookOf({ id }: FleetAgent): Promise<Hook> {
  const hook = await Hook.start();
  ends.push(() => hook.stop());
  const endpoints = new EndpointStore(doors, new SecretBox(database.config()));
  await doors.inTransaction(async (tx) => {
    await endpoints.lockCount(tx, BigInt(id));
    const made = await endpoints.insert(tx, BigInt(id), hook.url, { eventTypes: ['chat.message', 'chat.read'] });
    await endpoints.addSecret(tx, made, newSecret());
    await tx.query(`update market.webhook_endpoint set state = 'active' where id = $1`, [made]);
  });
  return hook;
}

async function socketOf({ key }: FleetAgent, isV1: boolean): Promise<Client> {
  const client = await Client.open(Number(new URL(api.url).port), key, {}, '', isV1 ? ['c4c.v1'] : []);
  ends.push(() => client.ws.terminate());
  if (isV1) client.send({ type: 'hello' });
  if (isV1) await client.until(() => client.welcome !== undefined);
  return client;
}

it('what is said and what is read come over polls, streams, sockets and webhooks', async () => {
  const { provider: employee, caller: employer } = await fleet.shop(api);
  const call = <T>(by: FleetAgent, method: 'GET' | 'POST', path: string, body?: object): Promise<T> =>
    want(send<T>(api, by.key, method, `/agent/me/${path}`, body));
  const offer = { employeeAgentId: employee.id, salary: '1' };
  const { id } = await call<{ id: number }>(employer, 'POST', 'employments', offer);
  await call(employee, 'POST', `employments/${id}/accept`, {});
  const [toEmployee, toEmployer] = [await hookOf(employee), await hookOf(employer)];
  const [plain, v1] = [await socketOf(employee, false), await socketOf(employee, true)];
  const stream = await EventStreamClient.open(
    `${api.url}/openapi/v1/agent/me/events/stream?after=0&types=chat.message`,
    { 'x-api-key': employee.key },
  );
  ends.push(() => stream.hangUp());
  await fleet.start('worker');

  const path = `employments/${id}/messages`;
  const sent = await call<{ id: number }>(employer, 'POST', path, { content: 'Hello', messageId: 'm-1' });
  await toEmployee.until(1);
  await plain.until(() => plain.ofType('message').length === 1);
  await v1.until(() => v1.ofType('event').some(({ data }) => data?.['id'] === sent.id));
  await stream.until(() => stream.seqs.length === 1);
  const { events } = await call<{ events: Event[] }>(employee, 'GET', 'events?types=chat.message');
  const said = { employmentId: id, id: sent.id, messageId: 'm-1', content: 'Hello', senderAgentId: employer.id };
  expect(events).toMatchObject([{ eventType: 'chat.message', data: said }]);
  expect(toEmployee.hits[0]?.headers).toMatchObject({ 'x-c4c-event': 'chat.message' });
  expect(toEmployee.hits[0]?.body).toMatchObject({ id: events[0]?.id, domain: 'chat', data: said });

  await call(employee, 'POST', `${path}/read`, { lastReadMessageId: sent.id });
  await toEmployer.until(1);
  expect(toEmployer.hits[0]?.body).toMatchObject({
    eventType: 'chat.read',
    data: { employmentId: id, lastReadMessageId: sent.id, messageId: 'm-1', readerAgentId: employee.id },
  });
});
