import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Response } from 'supertest';
import { openPlatform, type LaneLimits, type Platform } from '#platform';
import { startApi, type Api as Server } from '../../apps/api/api.js';
import { expectInvariants } from '../support/database.js';
import { api } from '../support/api.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

const INVOCATIONS = '/agent/me/service-invocations';
const PRICE = 10;
const AT_ONCE = 50;

let world: World;
let second: Server;
let platform: Platform;
let provider: AgentActor;

/** The races, with lanes that cut what comes at once in this way. */
export function raceInvocations(laneLimits: LaneLimits): void {
  beforeAll(async () => {
    world = await startWorld({ laneLimits });
    provider = await world.agent();
    // Another process's worth of lanes and caches, on the same database.
    platform = openPlatform(world.database.config(), undefined, { laneLimits });
    second = await startApi(platform);
  });

  afterAll(async () => {
    await second.close();
    await platform.close();
    await world.close();
  });

  afterEach(async () => {
    await expectInvariants(world.database);
    const { rows } = await world.database.pool.query<{ deadlocks: bigint }>(
      'select deadlocks from pg_stat_database where datname = current_database()',
    );
    expect(rows[0]?.deadlocks).toBe(0n);
  });

  describe('at the same moment', () => {
    it('50 invokes with money for one open one', async () => {
      const [service, caller] = await market(PRICE);
      const answers = await atOnce(AT_ONCE, () => caller.api.post(INVOCATIONS, order(service)));
      expect(statuses(answers)).toEqual({ 200: 1, 402: AT_ONCE - 1 });
      expect(await walletOf(caller)).toEqual({ available: '0', held: String(PRICE) });
    });

    it('32 callers of one wallet drain it to exactly 0', async () => {
      const [service, caller] = await market(PRICE * 100, { maxPendingPerCaller: 1_000 });
      let opened = 0;
      await atOnce(32, async () => {
        for (;;) {
          const { status } = await caller.api.post(INVOCATIONS, order(service));
          if (status === 402) return;
          expect(status).toBe(200);
          opened += 1;
        }
      });
      expect(opened).toBe(100);
      expect(await walletOf(caller)).toEqual({ available: '0', held: String(PRICE * 100) });
    });

    it('the same key 50 times is one invocation and one hold, in two processes', async () => {
      const [service, caller] = await market(PRICE * AT_ONCE);
      const elsewhere = api(second.url).as(caller.key);
      const body = { ...order(service), idempotencyKey: 'once' };
      const answers = await atOnce(AT_ONCE, (n) => (n % 2 === 0 ? caller.api : elsewhere).post(INVOCATIONS, body));
      expect(statuses(answers)).toEqual({ 200: AT_ONCE });
      expect(new Set(answers.map(({ body: answer }) => JSON.stringify((answer as { data: unknown }).data))).size).toBe(
        1,
      );
      expect(answers.filter(({ headers }) => headers['idempotent-replayed'] === 'true')).toHaveLength(AT_ONCE - 1);
      expect(await walletOf(caller)).toEqual({ available: String(PRICE * (AT_ONCE - 1)), held: String(PRICE) });
    });

    it('one key with two different requests belongs to one of them', async () => {
      const [service, caller] = await market(PRICE * 100);
      for (let round = 0; round < 10; round += 1) {
        const answers = await atOnce(10, (n) =>
          caller.api.post(INVOCATIONS, { ...order(service, n % 2 === 0 ? 'a' : 'b'), idempotencyKey: `two ${round}` }),
        );
        expect(statuses(answers)).toEqual({ 200: 5, 422: 5 });
      }
      expect((await walletOf(caller)).held).toBe(String(PRICE * 10));
    });

    it('50 invokes of a service that takes 5 open 5', async () => {
      const [service, caller] = await market(PRICE * 100, { maxPending: 5 });
      const answers = await atOnce(AT_ONCE, () => caller.api.post(INVOCATIONS, order(service)));
      expect(statuses(answers)).toEqual({ 200: 5, 429: AT_ONCE - 5 });
    });

    it('two different results: one is taken, the other is told so', async () => {
      const [service, caller] = await market(PRICE * 30);
      for (let round = 0; round < 30; round += 1) {
        const id = await opened(caller, service);
        const answers = await atOnce(6, (n) => submit(id, { words: n % 2 }));
        // Three of each: those that say what was taken get the first answer.
        expect(statuses(answers)).toEqual({ 200: 3, 409: 3 });
      }
      expect((await walletOf(caller)).held).toBe('0');
    });

    it('a cancellation and an acknowledgement: either the caller has its money back or the provider has the work', async () => {
      const [service, caller] = await market(PRICE * 40);
      const won = { cancel: 0, ack: 0 };
      for (let round = 0; round < 40; round += 1) {
        const id = await opened(caller, service);
        const [cancelled, acknowledged] = await Promise.all([
          caller.api.post(`${INVOCATIONS}/${id}/cancel`),
          provider.api.post(`${INVOCATIONS}/${id}/ack`),
        ]);
        expect([cancelled.status, acknowledged.status].sort()).toEqual([200, 409]);
        won[cancelled.status === 200 ? 'cancel' : 'ack'] += 1;
        expect((await walletOf(caller)).held).toBe(String(PRICE * won.ack));
      }
      expect(won.cancel + won.ack).toBe(40);
    });

    it('a result and the deadline: one of them moves the money, and the answer says which', async () => {
      const [service, caller] = await market(PRICE * 200, { avgResponseMs: 30_000, maxPendingPerCaller: 200 });
      const ids = await Promise.all(Array.from({ length: 100 }, () => opened(caller, service)));
      await world.passTime(59_000);
      const late = world.passTime(1_500);
      const answers = await Promise.all(ids.flatMap((id) => [submit(id, { words: 1 }), expire(id)]));
      await late;
      const submitted = answers.filter((answer) => typeof answer === 'object');
      expect(submitted.every(({ status }) => status === 200 || status === 409)).toBe(true);
      await Promise.all(ids.map(expire));
      const paid = submitted.filter(({ status }) => status === 200).length;
      expect(await walletOf(caller)).toEqual({ available: String(PRICE * (200 - paid)), held: '0' });
    });

    it('an invoke and a new price: the price is that of the version, and never above the maximum', async () => {
      const [service, caller] = await market(100_000, { maxPendingPerCaller: 1_000 });
      let isOver = false;
      const repricing = (async () => {
        for (let price = 10; !isOver; price = (price % 30) + 10) {
          expect((await provider.api.patch(`/agent/me/services/${service}`, { price: String(price) })).status).toBe(
            200,
          );
        }
      })();
      const answers = await atOnce(20, async () => {
        const found: Response[] = [];
        for (let n = 0; n < 10; n += 1)
          found.push(await caller.api.post(INVOCATIONS, { ...order(service), maxPrice: '20' }));
        return found;
      });
      isOver = true;
      await repricing;
      const all = answers.flat();
      expect(all.every(({ status }) => status === 200 || status === 409 || status === 503)).toBe(true);
      expect(all.some(({ status }) => status === 200)).toBe(true);
      const { rows } = await world.database.pool.query<{ wrong: bigint }>(
        `select count(*) as wrong from market.invocation i
      join market.service_version v on v.service_id = i.service_id and v.version = i.version
      where i.service_id = $1 and (i.price <> v.price or i.price > 2000)`,
        [service],
      );
      expect(rows[0]?.wrong).toBe(0n);
    });

    it('40 updates of one service: each makes a version, none is lost', async () => {
      const [service] = await market(PRICE);
      const answers = await atOnce(40, (n) =>
        provider.api.patch(`/agent/me/services/${service}`, { description: `change ${n}` }),
      );
      expect(statuses(answers)).toEqual({ 200: 40 });
      const versions = answers.map(({ body }) => (body as { data: { version: number } }).data.version);
      expect(versions.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, n) => n + 2));
    });

    it('100 requests that wait for one invocation, as many as a caller may have, hear of its end together', async () => {
      const [service, caller] = await market(PRICE);
      const body = { ...order(service), idempotencyKey: 'waited for' };
      const id = ((await caller.api.post(INVOCATIONS, body)).body as { data: { invocationId: number } }).data
        .invocationId;
      const waiting = atOnce(100, () => caller.api.post(INVOCATIONS, body).set('Prefer', 'wait=30'));
      await submit(id, { words: 2 });
      const answers = await waiting;
      expect(statuses(answers)).toEqual({ 200: 100 });
      for (const { body: answer } of answers) expect(answer).toMatchObject({ data: { status: 'completed' } });
    });

    it('a freeze and invokes: what is answered after the freeze holds nothing', async () => {
      const [service, caller] = await market(PRICE * 500, { maxPendingPerCaller: 1_000 });
      const frozen = caller.owner.api.post(`/owner/agents/${caller.id}/freeze`).then(() => walletOf(caller));
      const answers = await atOnce(60, () => caller.api.post(INVOCATIONS, order(service)));
      expect(answers.every(({ status }) => status === 200 || status === 403)).toBe(true);
      const opened = answers.filter(({ status }) => status === 200).length;
      await frozen;
      expect((await walletOf(caller)).held).toBe(String(PRICE * opened));
      expect((await caller.api.post(INVOCATIONS, order(service))).status).toBe(403);
    });

    it('a deactivation and invokes: what is sent after the answer opens nothing, and what was opened before ends', async () => {
      for (let round = 0; round < 5; round += 1) {
        const [service, caller] = await market(PRICE * 100);
        const deactivated = Promise.resolve(provider.api.post(`/agent/me/services/${service}/deactivate`));
        const answers = await atOnce(AT_ONCE, () => caller.api.post(INVOCATIONS, order(service)));
        expect((await deactivated).status).toBe(200);
        expect(answers.every(({ status }) => status === 200 || status === 409)).toBe(true);
        expect((await caller.api.post(INVOCATIONS, order(service))).status).toBe(409);
        const ids = answers.flatMap(({ status, body }) =>
          status === 200 ? [(body as { data: { invocationId: number } }).data.invocationId] : [],
        );
        expect((await walletOf(caller)).held).toBe(String(PRICE * ids.length));
        for (const answer of await Promise.all(ids.map((id) => submit(id, { words: 1 }))))
          expect(answer.status).toBe(200);
        expect(await walletOf(caller)).toEqual({ available: String(PRICE * (100 - ids.length)), held: '0' });
      }
    });

    it('a revoked key and invokes with it: what is sent after the answer gets in nowhere in that process', async () => {
      const [service, caller] = await market(PRICE * 1_000, { maxPendingPerCaller: 1_000 });
      const hurried = world.api.as(await caller.newKey());
      const listed = await caller.owner.api.get(`/owner/agents/${caller.id}/keys`);
      const keyId = (listed.body as { data: { keys: { id: number }[] } }).data.keys.at(-1)?.id;
      let isRevoked = false;
      const revoked = Promise.resolve(caller.owner.api.delete(`/owner/agents/${caller.id}/keys/${keyId}`)).then(
        ({ status }) => {
          isRevoked = true;
          return status;
        },
      );
      await atOnce(10, async () => {
        for (;;) {
          const wasRevoked = isRevoked;
          const { status } = await hurried.post(INVOCATIONS, order(service));
          expect(status === 401 || (status === 200 && !wasRevoked), `${status}, revoked: ${wasRevoked}`).toBe(true);
          if (wasRevoked) return;
        }
      });
      expect(await revoked).toBe(200);
    });

    it('a revoked key and money: not even a process that remembers the key moves any with it', async () => {
      const [service, caller] = await market(PRICE * 2);
      const id = await opened(caller, service);
      for (const [actor, path, body] of [
        [caller, INVOCATIONS, order(service)],
        [provider, `${INVOCATIONS}/${id}/submit`, { status: 'completed', output: { words: 1 } }],
        [caller, `${INVOCATIONS}/${id}/cancel`, {}],
      ] as const) {
        const elsewhere = api(second.url).as(await actor.newKey());
        const listed = await actor.owner.api.get(`/owner/agents/${actor.id}/keys`);
        const keyId = (listed.body as { data: { keys: { id: number }[] } }).data.keys.at(-1)?.id;
        expect((await elsewhere.get('/agent/me')).status).toBe(200);
        await actor.owner.api.delete(`/owner/agents/${actor.id}/keys/${keyId}`).expect(200);
        await world.nothingHappens(async () => {
          expect((await elsewhere.post(path, body)).status).toBe(401);
        });
      }
      await submit(id, { words: 1 });
      expect(await walletOf(caller)).toEqual({ available: String(PRICE), held: '0' });
    });

    it('a revoked key and requests: within a second nobody gets in with it, in any process', async () => {
      const [, caller] = await market(PRICE);
      const key = await caller.newKey();
      const elsewhere = api(second.url).as(key);
      expect((await elsewhere.get('/agent/me')).status).toBe(200);
      const keys = (await caller.owner.api.get(`/owner/agents/${caller.id}/keys`)).body as {
        data: { keys: { id: number }[] };
      };
      await caller.owner.api.delete(`/owner/agents/${caller.id}/keys/${keys.data.keys.at(-1)?.id}`).expect(200);
      const revokedAt = Date.now();
      while ((await elsewhere.get('/agent/me')).status === 200) expect(Date.now() - revokedAt).toBeLessThan(1_000);
      expect((await world.api.as(key).get('/agent/me')).status).toBe(401);
    });

    it('what a provider earns and spends: folding loses nothing', async () => {
      const [service, caller] = await market(PRICE * 60);
      const ids = await Promise.all(Array.from({ length: 60 }, () => opened(caller, service)));
      const seller = await world.agent();
      const other = await world.service(seller, { title: `Spend ${made++}`, price: '1' });
      const before = await walletOf(provider);
      const spending = atOnce(4, async () => {
        for (let n = 0; n < 20; n += 1) await provider.api.post(INVOCATIONS, order(other));
      });
      const folding = (async () => {
        for (let n = 0; n < 50; n += 1) await world.database.pool.query('select ledger.fold($1)', [provider.owner.id]);
      })();
      await Promise.all([...ids.map((id) => submit(id, { words: 1 })), spending, folding]);
      const { rows } = await world.database.pool.query<{ spent: bigint }>(
        'select count(*) as spent from market.invocation where service_id = $1',
        [other],
      );
      expect(Number((await walletOf(provider)).available)).toBe(
        Number(before.available) + PRICE * 60 - Number(rows[0]?.spent),
      );
    });
  });
}

let made = 0;

/** A service of the provider's and a caller with so many shells. */
async function market(shells: number, change: object = {}): Promise<[number, AgentActor]> {
  const caller = await world.agent();
  await world.fund(caller.owner, String(shells));
  const service = await world.service(provider, { title: `Race ${made++}`, price: String(PRICE), ...change });
  return [service, caller];
}

function order(serviceId: number, text = 'a b'): object {
  return { serviceId, input: { text } };
}

async function opened(caller: AgentActor, service: number): Promise<number> {
  const { body } = await caller.api.post(INVOCATIONS, order(service)).expect(200);
  return (body as { data: { invocationId: number } }).data.invocationId;
}

function submit(id: number, output: object): Promise<Response> {
  return Promise.resolve(provider.api.post(`${INVOCATIONS}/${id}/submit`, { status: 'completed', output }));
}

/** What the deadline's worker does, without its timing. */
async function expire(id: number): Promise<string> {
  const { rows } = await world.database.pool.query<{ verdict: string }>(
    `select verdict from market.invocation_close(array [$1::bigint], array ['expire'], array [null::bigint], array [null::json], array [null::json], array [null], array [null::bytea])`,
    [id],
  );
  return rows[0]?.verdict ?? '';
}

async function walletOf({ owner }: AgentActor): Promise<{ available: string; held: string }> {
  return ((await owner.api.get('/owner/wallet').expect(200)).body as { data: { available: string; held: string } })
    .data;
}

function atOnce<T>(times: number, work: (n: number) => PromiseLike<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: times }, (_, n) => work(n)));
}

function statuses(answers: readonly Response[]): Record<number, number> {
  const counted: Record<number, number> = {};
  for (const { status } of answers) counted[status] = (counted[status] ?? 0) + 1;
  return counted;
}
