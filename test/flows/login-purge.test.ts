import { afterAll, beforeAll, expect, it } from 'vitest';
import { LoginPurge } from '#owners';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type World } from '../support/world.js';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const DAY_MS = 86_400_000;
const PASSWORD = 'correct horse battery';
const rows = async (): Promise<unknown> => {
  const { rows: found } = await world.database.pool.query<Record<string, unknown>>(
    `select (select count(*)::integer from market.api_key where kind = 'session') as sessions,
      (select count(*)::integer from market.invitation) as links,
      (select count(*)::integer from market.login_attempt) as attempts,
      (select count(*)::integer from market.api_key where kind <> 'session') as keys`,
  );
  return found[0];
};

it('throws away sessions and links 30 days after their end, old counts of wrong passwords, and nothing else', async () => {
  const owner = await world.owner();
  dataOf(await owner.api.post('/owner/login', { login: 'ada', password: PASSWORD }));
  dataOf(await world.api.post('/sessions', { login: 'ada', password: PASSWORD }));
  dataOf(await world.admin.post('/admin/invitations', {}));
  await world.api.post('/sessions', { login: 'nobody', password: PASSWORD });
  const all = { sessions: 1, links: 1, attempts: 1, keys: 2 };
  expect(await rows()).toEqual(all);
  const purge = world.app.get(LoginPurge);
  await purge.run();
  expect(await rows()).toEqual(all);
  await world.passTime(30 * DAY_MS);
  await purge.run();
  expect(await rows()).toEqual({ ...all, attempts: 0 });
  await world.passTime(DAY_MS + 60_000);
  await purge.run();
  expect(await rows()).toEqual({ sessions: 0, links: 0, attempts: 0, keys: 2 });
});
