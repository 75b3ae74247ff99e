import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPlatform, type Platform } from '#platform';
import { startWorker, type Worker } from '../../apps/worker/worker.js';
import { Client, type Frame } from '../gateway/client.js';
import { expectInvariants } from '../support/database.js';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

const INVOCATIONS = '/agent/me/service-invocations';
const FEE_BASIS_POINTS = 250;

// One story, told in order: each test goes on where the one before has ended.
describe('the life of a market', () => {
  let world: World;
  let platform: Platform;
  let worker: Worker;
  let provider: AgentActor;
  let caller: AgentActor;
  let providerSocket: Client;
  let callerSocket: Client;
  let serviceId: number;
  let invocationId: number;

  beforeAll(async () => {
    world = await startWorld();
    platform = openPlatform(world.database.config());
    worker = await startWorker(platform);
    provider = await world.agent();
    caller = await world.agent();
    await world.fund(caller.owner, '100');
    dataOf(await world.admin.put('/admin/fees/writing', { basisPoints: FEE_BASIS_POINTS }));
    const port = Number(new URL(world.url).port);
    providerSocket = await Client.open(port, provider.key);
    callerSocket = await Client.open(port, caller.key);
  });
  afterAll(async () => {
    providerSocket.ws.terminate();
    callerSocket.ws.terminate();
    await worker.close();
    await platform.close();
    await world.close();
  });

  it('begins with a service that everybody can find', async () => {
    serviceId = await world.service(provider, { price: '10', avgResponseMs: 30_000 });
    const { data } = dataOf<{ data: object[] }>(await world.api.get('/market/services?search=Word'));
    expect(data).toMatchObject([{ id: serviceId, title: 'Word counter', price: '10', completed: 0, rating: 0 }]);
  });

  it('a paid invocation is done over the socket while its caller waits', async () => {
    const asked = caller.api
      .post(INVOCATIONS, { serviceId, input: { text: 'three short words' }, maxPrice: '10' })
      .set('Prefer', 'wait=20')
      .set('Idempotency-Key', 'the first')
      .then((answer) => answer);
    await providerSocket.until(() => providerSocket.invoked.length === 1);
    const [invited] = eventsOf(providerSocket, 'service_invoked');
    expect(invited?.data).toMatchObject({ serviceId, input: { text: 'three short words' }, price: '10' });
    invocationId = Number(invited?.data?.invocationId);
    expect(await wallet(caller)).toEqual({ available: '90', held: '10' });

    expectProblem(await submit({ words: 'three' }), 400, 'OUTPUT_INVALID', ['output.words']);
    const startedAt = performance.now();
    expect(dataOf(await submit({ words: 3 }))).toMatchObject({ status: 'completed' });
    const answer = await asked;
    // Woken by the event, not by the look that comes every second.
    expect(performance.now() - startedAt).toBeLessThan(900);
    expect(answer.headers['preference-applied']).toBe('wait=20');
    expect(dataOf(answer)).toMatchObject({ id: invocationId, status: 'completed', output: { words: 3 } });
    await callerSocket.until(() => eventsOf(callerSocket, 'result_submitted').length === 1);
    expect(eventsOf(callerSocket, 'result_submitted')[0]?.data).toMatchObject({ invocationId, output: { words: 3 } });
  });

  it('the money has moved once, less the fee', async () => {
    expect(await wallet(caller)).toEqual({ available: '90', held: '0' });
    expect(await wallet(provider)).toEqual({ available: '9.75', held: '0' });
    await expectInvariants(world.database);
  });

  it('its review reaches the provider', async () => {
    dataOf(await caller.api.post(`${INVOCATIONS}/${invocationId}/review`, { rating: 4, review: 'Quick.' }));
    await providerSocket.until(() => eventsOf(providerSocket, 'invocation_reviewed').length === 1);
    expect(eventsOf(providerSocket, 'invocation_reviewed')[0]?.data).toMatchObject({ invocationId, rating: 4 });
    expectProblem(
      await caller.api.post(`${INVOCATIONS}/${invocationId}/review`, { rating: 5 }),
      409,
      'ALREADY_REVIEWED',
    );
  });

  it('and counts on the market and in the profile', async () => {
    await expect
      .poll(async () => dataOf(await world.api.get(`/market/services/${serviceId}`)), { timeout: 5_000, interval: 50 })
      .toMatchObject({ completed: 1, rating: 4 });
    await expect
      .poll(async () => dataOf(await provider.api.get('/agent/me')), { timeout: 5_000, interval: 50 })
      .toMatchObject({ completedTasks: 1, rating: 4, earned: '9.75' });
  });

  it('both read the same timeline', async () => {
    const [its, others] = await Promise.all(
      [caller, provider].map(async ({ api }) => dataOf(await api.get(`${INVOCATIONS}/${invocationId}/timeline`))),
    );
    expect(others).toEqual(its);
    const kinds = (its?.['entries'] as { kind: string }[]).map(({ kind }) => kind);
    expect(kinds.filter((kind) => !['handed_over', 'acknowledged'].includes(kind))).toEqual([
      'invoked',
      'held',
      'completed',
      'released',
      'reviewed',
    ]);
  });

  it('a silence is refunded at its deadline, and both parties hear of it', async () => {
    const { invocationId: silent } = dataOf<{ invocationId: number }>(
      await caller.api.post(INVOCATIONS, { serviceId, input: { text: 'x' } }),
    );
    expect(await wallet(caller)).toEqual({ available: '80', held: '10' });
    await world.passTime(61_000);
    for (const socket of [callerSocket, providerSocket]) {
      await socket.until(() => eventsOf(socket, 'invocation_timeout').length === 1);
      expect(eventsOf(socket, 'invocation_timeout')[0]?.data).toMatchObject({ invocationId: silent });
    }
    expect(await wallet(caller)).toEqual({ available: '90', held: '0' });
    expectProblem(await submit({ words: 1 }, silent), 409, 'DEADLINE_PASSED');
  });

  it('a failure is refunded at once and tells its reason', async () => {
    const { invocationId: failing } = dataOf<{ invocationId: number }>(
      await caller.api.post(INVOCATIONS, { serviceId, input: { text: 'x' } }),
    );
    dataOf(await provider.api.post(`${INVOCATIONS}/${failing}/submit`, { status: 'failed', error: 'no ink' }));
    await callerSocket.until(() => eventsOf(callerSocket, 'invocation_failed').length === 1);
    expect(eventsOf(callerSocket, 'invocation_failed')[0]?.data).toMatchObject({
      invocationId: failing,
      error: 'no ink',
    });
    expect(await wallet(caller)).toEqual({ available: '90', held: '0' });
  });

  it('the journal sums to the wallet, page by page and as CSV', async () => {
    for (const actor of [caller, provider]) {
      const rows = await journal(actor, 2);
      const { available } = await wallet(actor);
      expect(sum(rows.map(({ amount }) => amount))).toBe(cents(available));
      const { text } = await actor.owner.api.get('/owner/wallet/transactions?limit=100').set('Accept', 'text/csv');
      const [head, ...lines] = text.trimEnd().split('\r\n');
      const column = (head ?? '').split(',').indexOf('amount');
      expect(sum(lines.map((line) => line.split(',')[column] ?? ''))).toBe(cents(available));
      expect(lines).toHaveLength(rows.length);
    }
  });

  it('what was earned can be spent', async () => {
    const answering = await world.service(caller, {
      title: 'Answer',
      price: '9.75',
      inputSchema: null,
      outputSchema: null,
    });
    const { invocationId: back } = dataOf<{ invocationId: number }>(
      await provider.api.post(INVOCATIONS, { serviceId: answering, input: {} }),
    );
    expect(await wallet(provider)).toEqual({ available: '0', held: '9.75' });
    dataOf(await caller.api.post(`${INVOCATIONS}/${back}/submit`, { status: 'completed', output: { fine: true } }));
    expect(await wallet(provider)).toEqual({ available: '0', held: '0' });
    expectProblem(await provider.api.post(INVOCATIONS, { serviceId: answering, input: {} }), 402, 'INSUFFICIENT_FUNDS');
  });

  it('a frozen agent is out within a second, and what it holds runs to its end', async () => {
    const { invocationId: open } = dataOf<{ invocationId: number }>(
      await caller.api.post(INVOCATIONS, { serviceId, input: { text: 'x' } }),
    );
    dataOf(await caller.owner.api.post(`/owner/agents/${caller.id}/freeze`, { reason: 'lost its key' }));
    expect(await callerSocket.untilClosed(1_000)).toMatchObject({ code: 4503 });
    expectProblem(await caller.api.get('/agent/me'), 403, 'AGENT_FROZEN');
    expectProblem(await caller.api.post(INVOCATIONS, { serviceId, input: { text: 'x' } }), 403, 'AGENT_FROZEN');
    expect(dataOf(await submit({ words: 1 }, open))).toMatchObject({ status: 'completed' });
    dataOf(await caller.owner.api.post(`/owner/agents/${caller.id}/unfreeze`, {}));
    expect(dataOf(await caller.api.get(`${INVOCATIONS}/${open}`))).toMatchObject({ status: 'completed' });
    await expectInvariants(world.database);
  });

  function submit(output: object, id = invocationId) {
    return provider.api.post(`${INVOCATIONS}/${id}/submit`, { status: 'completed', output });
  }

  async function wallet(actor: AgentActor): Promise<{ available: string; held: string }> {
    return dataOf(await actor.owner.api.get('/owner/wallet'));
  }

  async function journal(actor: AgentActor, limit: number): Promise<{ amount: string }[]> {
    const rows: { amount: string }[] = [];
    let after = '';
    for (let page = 0; page < 50; page += 1) {
      const found = dataOf<{ transactions: { amount: string }[]; nextCursor?: string }>(
        await actor.owner.api.get(`/owner/wallet/transactions?limit=${limit}${after}`),
      );
      rows.push(...found.transactions);
      if (found.nextCursor === undefined) return rows;
      after = `&after=${found.nextCursor}`;
    }
    throw new Error('the journal has no end');
  }
});

function eventsOf(socket: Client, event: string): Frame[] {
  return socket.frames.filter((frame) => frame.event === event);
}

function cents(shells: string): number {
  return Math.round(Number(shells) * 100);
}

function sum(amounts: string[]): number {
  return amounts.reduce((total, amount) => total + cents(amount), 0);
}
