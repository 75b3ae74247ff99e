import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type OwnerActor, type World } from '../support/world.js';

let world: World;
let owner: OwnerActor;

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  owner = await world.owner();
});
afterAll(() => world.close());

type Key = { id: number; key: string; name: string };
const newKey = async (body: object = {}): Promise<Key> => dataOf<Key>(await owner.api.post('/owner/keys', body));
const works = async (key: string): Promise<boolean> => (await world.api.as(key).get('/owner')).status === 200;
const listed = async (): Promise<Key[]> => dataOf<{ keys: Key[] }>(await owner.api.get('/owner/keys')).keys;

describe("an owner's own key", () => {
  it('works at once, ends at its time, and is shown once', async () => {
    const expiresAt = world.timeIn(3_600_000);
    const { key, id } = await newKey({ name: 'laptop', expiresAt });
    expect(await works(key)).toBe(true);
    expect((await listed()).at(-1)).toMatchObject({ id, name: 'laptop', expiresAt });
    expect(JSON.stringify(await listed())).not.toContain(key);
    await world.passTime(3_600_001);
    await world.keysAreReadAgain();
    expectProblem(await world.api.as(key).get('/owner'), 401, 'UNAUTHENTICATED');
  });

  it('ends when it is revoked, once', async () => {
    const { key, id } = await newKey();
    expect(await works(key)).toBe(true);
    dataOf(await owner.api.delete(`/owner/keys/${id}`));
    expect(await works(key)).toBe(false);
    await world.nothingHappens(async () => {
      expectProblem(await owner.api.delete(`/owner/keys/${id}`), 404, 'NOT_FOUND');
    });
  });

  it('is rotated once, with an overlap or without', async () => {
    const old = await newKey({ name: 'server' });
    const rotated = dataOf<{ key: Key; replaces: { id: number } }>(
      await owner.api.post(`/owner/keys/${old.id}/rotate`, { overlapSeconds: 60 }),
    );
    expect(rotated).toMatchObject({ key: { name: 'server' }, replaces: { id: old.id } });
    expect([await works(old.key), await works(rotated.key.key)]).toEqual([true, true]);
    expectProblem(await owner.api.post(`/owner/keys/${old.id}/rotate`), 404, 'NOT_FOUND');
    dataOf(await owner.api.post(`/owner/keys/${rotated.key.id}/rotate`, { overlapSeconds: 0 }));
    expect(await works(rotated.key.key)).toBe(false);
    await world.passTime(60_001);
    await world.keysAreReadAgain();
    expect(await works(old.key)).toBe(false);
  });

  it('cannot be the last one to go, also when two are revoked at once', async () => {
    const [first] = await listed();
    await world.nothingHappens(async () => {
      expectProblem(await owner.api.delete(`/owner/keys/${first?.id ?? 0}`), 409, 'LAST_KEY');
    });
    const { id } = await newKey();
    const answers = await Promise.all([first?.id ?? 0, id].map((one) => owner.api.delete(`/owner/keys/${one}`)));
    // The second may come with a key that is not one any more.
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect([401, 409]).toContain(statuses.find((status) => status !== 200));
  });

  it('is one of twenty at most, also when many are made at once', async () => {
    const answers = await Promise.all(Array.from({ length: 25 }, () => owner.api.post('/owner/keys', {})));
    const codes = answers.map(({ status }) => status);
    expect(codes.filter((status) => status === 200)).toHaveLength(19);
    expect(codes.filter((status) => status === 409)).toHaveLength(6);
  });

  it('of another owner does not exist', async () => {
    const stranger = await world.owner();
    const { id } = await newKey();
    const agent = await world.agent(owner);
    const ofAgent = dataOf<{ keys: Key[] }>(await owner.api.get(`/owner/agents/${agent.id}/keys`)).keys[0]?.id ?? 0;
    await world.nothingHappens(async () => {
      expectProblem(await stranger.api.delete(`/owner/keys/${id}`), 404, 'NOT_FOUND');
      expectProblem(await stranger.api.post(`/owner/keys/${id}/rotate`), 404, 'NOT_FOUND');
      // Nor is a key of an agent one of the owner's own.
      expectProblem(await owner.api.delete(`/owner/keys/${ofAgent}`), 404, 'NOT_FOUND');
      expectProblem(await owner.api.post(`/owner/keys/${ofAgent}/rotate`), 404, 'NOT_FOUND');
    });
  });

  it.each([
    [{ name: '', expiresAt: 'soon' }, ['expiresAt']],
    [{ name: 'x'.repeat(101), scopes: ['read'] }, ['name', 'scopes']],
    [{ expiresAt: '2001-01-01T00:00:00Z' }, ['expiresAt']],
  ])('is not made from %j', async (body, fields) => {
    await world.nothingHappens(async () => {
      expectProblem(await owner.api.post('/owner/keys', body), 400, 'VALIDATION_FAILED', fields);
    });
  });
});
