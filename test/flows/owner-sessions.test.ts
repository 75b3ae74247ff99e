import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { Fleet, send, type FleetAgent } from '../support/fleet.js';
import type { AppProcess } from '../support/processes.js';

// A second is promised. Without Redis nobody tells the other process, so it has to find out by itself.
const ENDS_WITHIN_MS = 1_000;
const ASKED_EVERY_MS = 25;
const PASSWORD = 'correct horse battery';

let database: TestDatabase;
let fleet: Fleet;
let one: AppProcess;
let other: AppProcess;
let owner: FleetAgent;

beforeAll(async () => {
  database = await createTestDatabase();
  fleet = await Fleet.on(database);
  [one, other] = await Promise.all([fleet.start('api'), fleet.start('api')]);
  owner = await fleet.agent(one);
  const login = await send(one, owner.ownerKey, 'POST', '/owner/login', { login: 'ada', password: PASSWORD });
  expect(login.status).toBe(200);
});
afterAll(async () => {
  await fleet.end();
  await database.drop();
});

const signIn = (process: AppProcess, password = PASSWORD) =>
  send<{ token: string; id: number }>(process, '', 'POST', '/sessions', { login: 'ada', password });
/** Uses the session all the time until it is refused. Answers after how many milliseconds that was. */
async function untilRefused(process: AppProcess, token: string): Promise<number> {
  const startedAt = performance.now();
  while ((await send(process, token, 'GET', '/owner')).status !== 401) {
    if (performance.now() - startedAt > 10 * ENDS_WITHIN_MS) throw new Error('is never refused');
    await sleep(ASKED_EVERY_MS);
  }
  return performance.now() - startedAt;
}

it('ends a session in every process within a second of signing out in one', async () => {
  const { data } = await signIn(one);
  expect((await send(other, data.token, 'GET', '/owner')).status).toBe(200);
  expect((await send(one, data.token, 'DELETE', '/owner/sessions/current')).status).toBe(200);
  expect(await untilRefused(other, data.token)).toBeLessThan(ENDS_WITHIN_MS);
});

it('ends the sessions of all processes within a second of another password', async () => {
  const [{ data: mine }, { data: others }] = [await signIn(one), await signIn(other)];
  expect((await send(other, others.token, 'GET', '/owner')).status).toBe(200);
  const change = { current: PASSWORD, new: 'another horse battery' };
  expect((await send(one, mine.token, 'POST', '/owner/password', change)).status).toBe(200);
  expect(await untilRefused(other, others.token)).toBeLessThan(ENDS_WITHIN_MS);
  expect((await send(other, mine.token, 'GET', '/owner')).status).toBe(200);
  expect((await signIn(other)).code).toBe('LOGIN_FAILED');
});

it('counts wrong passwords of all processes together', async () => {
  const tries = { login: 'guessed', password: 'x' };
  for (let tried = 0; tried < 10; tried += 1) {
    const { code } = await send(tried % 2 === 0 ? one : other, '', 'POST', '/sessions', tries);
    expect(code).toBe('LOGIN_FAILED');
  }
  for (const process of [one, other]) {
    expect((await send(process, '', 'POST', '/sessions', tries)).code).toBe('RATE_LIMITED');
  }
});
