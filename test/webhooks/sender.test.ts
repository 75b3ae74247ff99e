import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectInvariants } from '../support/database.js';
import { Hook, mostInASecond, type Hit } from './hook.js';
import { Stage } from './stage.js';

let stage: Stage;
const hooks: Hook[] = [];
beforeEach(async () => {
  stage = await Stage.start();
});
afterEach(async () => {
  await expectInvariants(stage.database);
  await stage.end();
  await Promise.all(hooks.splice(0).map((hook) => hook.stop()));
});

async function hook(...args: Parameters<typeof Hook.start>): Promise<Hook> {
  const one = await Hook.start(...args);
  hooks.push(one);
  return one;
}

function verified(secret: string, { bytes, headers }: Hit): boolean {
  try {
    new Webhook(secret).verify(bytes, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}

describe('an event', () => {
  it('becomes one delivery for each endpoint that asks for it, and arrives signed', async () => {
    const [all, some, none] = [await hook(), await hook(), await hook()];
    const endpoint = await stage.endpoint(all.url);
    const wantsReviews = await stage.endpoint(none.url, { types: ['review.created'] });
    const wantsInvokes = await stage.endpoint(some.url, { types: ['invocation.invoked'] });
    stage.sender().start();
    const id = await stage.invoke();
    stage.hint(stage.provider);
    const [row] = await stage.settled(endpoint, 1);
    await stage.settled(wantsInvokes, 1);
    expect(await stage.rows(wantsReviews)).toEqual([]);
    expect(row).toMatchObject({ status: 'delivered', attempt: 1, body: null, tries: [{ attempt: 1, status: 204 }] });
    const [hit] = all.hits;
    expect(hit?.body).toMatchObject({
      type: 'service_invocation',
      eventType: 'invocation.invoked',
      invocationId: Number(id),
      id: hit?.headers['webhook-id'],
      attempt: 1,
      class: 'work',
    });
    expect(hit?.headers).toMatchObject({
      'content-type': 'application/json',
      'x-c4c-event': 'invocation.invoked',
      'x-c4c-attempt': '1',
      'x-c4c-deadline': hit?.body['deadlineAt'],
    });
    const [secret = ''] = await stage.secrets(endpoint);
    expect(hit && verified(secret, hit)).toBe(true);
  });

  it('of an invocation with a long input says where that is', async () => {
    const receiver = await hook();
    const endpoint = await stage.endpoint(receiver.url);
    const id = await stage.invoke();
    await stage.database.pool.query(
      `update market.invocation set input = json_build_object('text', repeat('x', 100000)) where id = $1`,
      [id],
    );
    stage.sender().start();
    await stage.settled(endpoint, 1);
    const [hit] = receiver.hits;
    const inputUrl = `/openapi/v1/agent/me/service-invocations/${id}`;
    expect(hit?.body).toMatchObject({ type: 'service_invocation', inputUrl, data: { inputUrl } });
    expect(hit?.bytes.length).toBeLessThan(2_000);
    const [secret = ''] = await stage.secrets(endpoint);
    expect(hit && verified(secret, hit)).toBe(true);
  });

  it('of an invocation is acknowledged by the 2xx', async () => {
    const endpoint = await stage.endpoint((await hook()).url);
    stage.sender().start();
    const id = await stage.invoke();
    await stage.settled(endpoint, 1);
    await expect
      .poll(() => stage.ledger.one('select acknowledged_at is not null from market.invocation where id = $1', [id]))
      .toBe(true);
    expect(await stage.ledger.one('select hand_over_channel from market.invocation where id = $1', [id])).toBe(
      'webhook',
    );
  });

  it('is delivered once by several senders, also without any hint', async () => {
    const receiver = await hook();
    const endpoint = await stage.endpoint(receiver.url);
    for (let n = 0; n < 3; n += 1) stage.sender().start();
    for (let n = 0; n < 60; n += 1) await stage.submit(await stage.invoke());
    for (let n = 0; n < 60; n += 1) await stage.invoke();
    const rows = await stage.settled(endpoint, 120);
    expect(new Set(rows.map(({ seq }) => seq)).size).toBe(120);
    // Those that were over before their announcement could go out are not announced.
    const delivered = rows.filter(({ status }) => status === 'delivered');
    expect(delivered.length).toBeGreaterThanOrEqual(60);
    expect(new Set(rows.map(({ status }) => status)).isSubsetOf(new Set(['delivered', 'superseded']))).toBe(true);
    expect(receiver.hits.length).toBe(delivered.length);
    expect(receiver.ids.size).toBe(delivered.length);
  });

  it('that happened before the endpoint was made is not for it', async () => {
    await stage.invoke();
    const receiver = await hook();
    await stage.endpoint(receiver.url);
    await stage.invoke();
    const late = await hook();
    const second = await stage.endpoint(late.url);
    const last = await stage.invoke();
    stage.sender().start();
    await late.until(1);
    await receiver.until(2);
    expect((await stage.settled(second, 1))[0]?.status).toBe('delivered');
    expect(late.hits[0]?.body['invocationId']).toBe(Number(last));
  });
});

describe('work', () => {
  it('is tried again after 0.25, 0.5 and 1 s, with the same id and another attempt', async () => {
    const receiver = await hook((response) => response.writeHead(receiver.hits.length < 4 ? 500 : 200).end('as it is'));
    const endpoint = await stage.endpoint(receiver.url);
    stage.sender().start();
    await stage.invoke();
    const [row] = await stage.settled(endpoint, 1);
    expect(row).toMatchObject({ status: 'delivered', attempt: 4 });
    expect(row?.tries.map(({ status, response }) => [status, response])).toEqual([
      ...Array.from({ length: 3 }, () => [500, 'as it is']),
      [200, 'as it is'],
    ]);
    expect(receiver.ids.size).toBe(1);
    expect(receiver.hits.map(({ body }) => body['attempt'])).toEqual([1, 2, 3, 4]);
    expect(receiver.hits.map(({ headers }) => headers['x-c4c-attempt'])).toEqual(['1', '2', '3', '4']);
    const waits = receiver.hits.slice(1).map(({ atMs }, n) => atMs - (receiver.hits[n]?.atMs ?? 0));
    for (const [n, waitMs] of [250, 500, 1_000].entries()) {
      expect(waits[n]).toBeGreaterThanOrEqual(waitMs * 0.8);
      expect(waits[n]).toBeLessThan(waitMs * 1.2 + 400);
    }
    await expect.poll(() => stage.endpointRow(endpoint)).toMatchObject({ state: 'active', failures: 0 });
  });

  it('that has ended meanwhile is superseded', async () => {
    const receiver = await hook((response) => response.writeHead(503).end());
    const endpoint = await stage.endpoint(receiver.url);
    stage.sender().start();
    const id = await stage.invoke();
    await receiver.until(1);
    await stage.submit(id);
    const [row] = await stage.settled(endpoint, 1);
    expect(row?.status).toBe('superseded');
    expect(receiver.hits.length).toBeLessThanOrEqual(2);
  });

  it('that its provider has by another channel is superseded', async () => {
    const receiver = await hook((response) => response.writeHead(503).end());
    const endpoint = await stage.endpoint(receiver.url);
    const id = await stage.invoke();
    await stage.database.pool.query('select market.invocation_handed_over($1, $2, $3)', [[id], [0], 'socket']);
    await stage.database.pool.query('select market.invocations_acknowledge($1)', [[id]]);
    stage.sender().start();
    expect((await stage.settled(endpoint, 1))[0]).toMatchObject({ status: 'superseded', attempt: 0, tries: [] });
  });

  it('expires with its deadline, and no try outlives half of what is left', async () => {
    const { provider, service } = await stage.otherProvider(1_000);
    const receiver = await hook(() => undefined);
    const endpoint = await stage.endpoint(receiver.url, { agentId: provider });
    stage.sender().start();
    await stage.invoke(service);
    const [row] = await stage.settled(endpoint, 1);
    expect(row?.status).toBe('expired');
    expect(row?.tries.length).toBeGreaterThanOrEqual(1);
    expect(row?.tries[0]).toMatchObject({ status: null, reason: 'timeout' });
    expect(row?.tries[0]?.total).toBeLessThan(1_300);
    await stage.database.advanceClock(10_000);
    await stage.ledger.close(
      (
        await stage.database.pool.query<{ id: bigint }>(`select id from market.invocation where status = 'pending'`)
      ).rows.map(({ id }) => ({ id, action: 'expire' as const, actor: null, print: null })),
    );
  });
});

describe('what only tells', () => {
  const failing = async (answer: Parameters<typeof Hook.start>[0]): Promise<[Hook, bigint]> => {
    const receiver = await hook(answer);
    const endpoint = await stage.endpoint(receiver.url, { agentId: stage.caller });
    stage.sender().start();
    await stage.submit(await stage.invoke());
    return [receiver, endpoint];
  };
  const pending = (endpoint: bigint): Promise<{ status: string; inS: number } | undefined> =>
    stage.ledger.one(
      `select json_build_object('status', status, 'inS', extract(epoch from run_at - platform.clock())) from market.delivery
      where endpoint_id = $1 and claim_id is null and attempt > 0`,
      [endpoint],
    );

  it('is tried again after 5 s', async () => {
    const [receiver, endpoint] = await failing((response) => response.writeHead(500).end());
    await receiver.until(1);
    await expect.poll(() => pending(endpoint)).toMatchObject({ status: 'pending' });
    const { inS } = (await pending(endpoint)) ?? { inS: 0 };
    expect(inS).toBeGreaterThan(2);
    expect(inS).toBeLessThan(6.1);
    expect((await stage.rows(endpoint))[0]?.body).toEqual(receiver.hits[0]?.bytes);
    // What is sent again is what was sent, whatever can be read by then.
    await stage.database.pool.query(
      `update market.invocation set input = '{"other": true}', output = '{"other": true}'`,
    );
    await stage.database.advanceClock(6_100);
    await receiver.until(2);
    expect(receiver.ids.size).toBe(1);
    expect(receiver.hits[1]?.body).toEqual({ ...receiver.hits[0]?.body, attempt: 2 });
  });

  it('waits as long as Retry-After says', async () => {
    const [receiver, endpoint] = await failing((response) => response.writeHead(429, { 'retry-after': '120' }).end());
    await receiver.until(1);
    await expect.poll(() => pending(endpoint)).toMatchObject({ status: 'pending' });
    const { inS } = (await pending(endpoint)) ?? { inS: 0 };
    expect(inS).toBeGreaterThan(115);
    expect(inS).toBeLessThanOrEqual(120);
  });

  it('fails after ten tries over three days, and makes the endpoint failing with a notice', async () => {
    const [receiver, endpoint] = await failing((response) => response.writeHead(500).end());
    for (let tries = 1; tries < 10; tries += 1) {
      await receiver.until(tries);
      await expect.poll(async () => (await stage.rows(endpoint))[0]?.tries.length).toBe(tries);
      // A breaker that opens after the clock has moved would be open for longer than this waits.
      await expect.poll(async () => (await stage.endpointRow(endpoint)).failures).toBe(tries);
      // The longest wait and an open breaker.
      await stage.database.advanceClock(24 * 1.2 * 3_600_000 + 301_000);
    }
    const [row] = await stage.settled(endpoint, 1);
    expect(row).toMatchObject({ status: 'failed', attempt: 10, body: null });
    expect(row?.tries.length).toBe(10);
    await expect.poll(async () => (await stage.endpointRow(endpoint)).state).toBe('disabled');
    const { disabledAt } = await stage.endpointRow(endpoint);
    // The clock has passed more than five days.
    expect(disabledAt).not.toBeNull();
    const { rows: notices } = await stage.database.pool.query(
      `select e.type, n.reason, n.endpoint_id as "endpointId" from market.webhook_notice n
      join market.agent_event e on e.agent_id = n.agent_id and e.seq = n.seq order by n.seq`,
    );
    expect(notices).toEqual([
      { type: 'endpoint.failing', reason: 'failed_in_a_row', endpointId: endpoint },
      { type: 'endpoint.disabled', reason: 'failed_for_days', endpointId: endpoint },
    ]);
  });

  it('does not follow a redirect', async () => {
    const elsewhere = await hook();
    const [receiver, endpoint] = await failing((response) =>
      response.writeHead(302, { location: elsewhere.url }).end(),
    );
    await receiver.until(1);
    await expect.poll(async () => (await stage.rows(endpoint))[0]?.tries).toMatchObject([{ status: 302 }]);
    expect(elsewhere.hits).toEqual([]);
    expect((await stage.rows(endpoint))[0]?.status).toBe('pending');
  });

  it('disables an endpoint that is gone at once, with a notice', async () => {
    const [, endpoint] = await failing((response) => response.writeHead(410).end());
    expect((await stage.settled(endpoint, 1))[0]).toMatchObject({ status: 'failed', attempt: 1 });
    await expect.poll(async () => (await stage.endpointRow(endpoint)).state).toBe('disabled');
    expect(
      await stage.ledger.one(
        `select e.type from market.agent_event e join market.webhook_notice n using (agent_id, seq) where n.reason = 'gone'`,
      ),
    ).toBe('endpoint.disabled');
  });

  it('that is gone at its old address says nothing about the new one', async () => {
    const answered = Promise.withResolvers<void>();
    const old = await hook((response) => void answered.promise.then(() => response.writeHead(410).end()));
    const endpoint = await stage.endpoint(old.url);
    const sender = stage.sender();
    sender.start();
    await stage.invoke();
    await old.until(1);
    const url = (await hook()).url;
    expect(await stage.endpoints.update(stage.provider, endpoint, { url })).toBe(true);
    expect(await stage.endpoints.activate(stage.provider, endpoint, url)).toBe(true);
    answered.resolve();
    expect((await stage.settled(endpoint, 1))[0]?.tries).toMatchObject([{ status: 410 }]);
    // Then all that follows from the try is written down.
    await sender.stop();
    expect(await stage.endpointRow(endpoint)).toEqual({ state: 'active', failures: 0, opened: 0, disabledAt: null });
    expect(await stage.ledger.one('select count(*)::integer from market.webhook_notice')).toBe(0);
  });

  it.each([
    ['resets', (_response, _hit, request) => request.socket.resetAndDestroy(), 'reset'],
    ['answers without end', (response) => void response.write(Buffer.alloc(100_000)), 'too-large'],
    [
      'drips',
      (response, _hit, request) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write('.'), 200);
        request.socket.once('close', () => clearInterval(timer));
      },
      'timeout',
    ],
  ] as [string, Parameters<typeof Hook.start>[0], string][])(
    'is tried again when the receiver %s',
    async (_what, answer, reason) => {
      const [, endpoint] = await failing(answer);
      await expect
        .poll(async () => (await stage.rows(endpoint))[0]?.tries, { timeout: 15_000 })
        .toMatchObject([{ status: null, reason }]);
      const [row] = await stage.rows(endpoint);
      expect(row?.tries[0]?.total).toBeLessThan(10_500);
    },
  );
});

describe('an endpoint', () => {
  /** A paused one, for which three deliveries wait. */
  async function threeWaiting(): Promise<{ receiver: Hook; endpoint: bigint }> {
    const receiver = await hook();
    const endpoint = await stage.endpoint(receiver.url);
    await stage.set(endpoint, `state = 'paused'`);
    stage.sender().start();
    for (let n = 0; n < 3; n += 1) await stage.invoke();
    // The sender has looked at each, and will again only after a while.
    const waiting = 'select from market.delivery where endpoint_id = $1 and run_at > platform.clock()';
    await expect.poll(async () => (await stage.database.pool.query(waiting, [endpoint])).rowCount).toBe(3);
    return { receiver, endpoint };
  }

  it('that is deleted in the middle of retries gets no more', async () => {
    const receiver = await hook((response) => response.writeHead(500).end());
    const endpoint = await stage.endpoint(receiver.url);
    stage.sender().start();
    await stage.invoke();
    await receiver.until(2);
    await stage.set(endpoint, 'deleted_at = platform.clock()');
    expect((await stage.settled(endpoint, 1))[0]?.status).toBe('cancelled');
    expect(receiver.hits.length).toBeLessThanOrEqual(3);
  });

  it('is deleted without waiting for what writes to one of its deliveries; that one ends when it is looked at', async () => {
    const { receiver, endpoint } = await threeWaiting();
    const writer = await stage.database.pool.connect();
    try {
      await writer.query('begin');
      await writer.query('select from market.delivery where id = $1 for update', [(await stage.rows(endpoint))[1]?.id]);
      expect(await stage.endpoints.delete(stage.provider, endpoint)).toBe(true);
      const statuses = (await stage.rows(endpoint)).map(({ status }) => status);
      expect(statuses).toEqual(['cancelled', 'pending', 'cancelled']);
    } finally {
      await writer.query('rollback');
      writer.release();
    }
    await stage.deliveries.wake(endpoint);
    const ended = await stage.settled(endpoint, 3);
    expect(ended.map(({ status }) => status)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    expect(receiver.hits).toHaveLength(0);
  });

  it('whose secret is rotated in the middle of retries is signed for with both, and then with the new one alone', async () => {
    const receiver = await hook((response) => response.writeHead(500).end());
    const endpoint = await stage.endpoint(receiver.url);
    const [old = ''] = await stage.secrets(endpoint);
    stage.sender().start();
    await stage.invoke();
    await receiver.until(1);
    const fresh = await stage.rotate(endpoint, 600);
    const rotatedAt = receiver.hits.length;
    await receiver.until(rotatedAt + 2);
    const during = receiver.hits.at(-1);
    expect(during && [verified(old, during), verified(fresh, during)]).toEqual([true, true]);
    await stage.rotate(endpoint, 0);
    const [newest = ''] = await stage.secrets(endpoint);
    const replacedAt = receiver.hits.length;
    await receiver.until(replacedAt + 2);
    const after = receiver.hits.at(-1);
    expect(after && [old, fresh, newest].map((secret) => verified(secret, after))).toEqual([false, false, true]);
    await stage.set(endpoint, 'deleted_at = platform.clock()');
    await stage.settled(endpoint, 1);
  });

  it('that is paused gets everything when it goes on', async () => {
    const { receiver, endpoint } = await threeWaiting();
    await stage.set(endpoint, `state = 'active'`);
    await stage.deliveries.wake(endpoint);
    await stage.settled(endpoint, 3);
    expect(receiver.ids.size).toBe(3);
  });

  it('is left alone after five failures in a row, then asked with one try, and works again', async () => {
    const receiver = await hook((response) => response.writeHead(500).end());
    const endpoint = await stage.endpoint(receiver.url, { agentId: stage.caller });
    for (let n = 0; n < 20; n += 1) await stage.submit(await stage.invoke());
    stage.sender().start();
    await expect.poll(async () => (await stage.endpointRow(endpoint)).opened).toBe(1);
    // What was under way when it opened has been counted too.
    await expect
      .poll(async () => {
        const tries = (await stage.rows(endpoint)).reduce((sum, row) => sum + row.tries.length, 0);
        return tries === receiver.hits.length && (await stage.endpointRow(endpoint)).failures === tries;
      })
      .toBe(true);
    receiver.answer = (response) => response.writeHead(200).end();
    await stage.database.advanceClock(10_000);
    await expect.poll(async () => (await stage.rows(endpoint)).every(({ attempt }) => attempt <= 1)).toBe(true);
    await stage.database.advanceClock(22_000);
    await stage.settled(endpoint, 20);
    expect(receiver.ids.size).toBe(20);
    await expect.poll(() => stage.endpointRow(endpoint)).toMatchObject({ state: 'active', failures: 0, opened: 0 });
  });

  it('gets no more than its rate in any second', async () => {
    const receiver = await hook();
    const endpoint = await stage.endpoint(receiver.url, { rate: 10 });
    for (let n = 0; n < 30; n += 1) await stage.invoke();
    stage.sender().start();
    await stage.settled(endpoint, 30);
    expect(mostInASecond(receiver.hits)).toBeLessThanOrEqual(11);
  });
});

it('a claim that nobody completes is taken up when its lease has ended, and its late holder changes nothing', async () => {
  const receiver = await hook();
  const endpoint = await stage.endpoint(receiver.url);
  await stage.invoke();
  await stage.deliveries.fanOut([stage.provider], ['invocation.invoked'], 50);
  const late = await stage.deliveries.claim(10, (due) =>
    Promise.resolve(due.map(() => ({ do: 'send' as const, leaseMs: 500 }))),
  );
  expect(late.read).toBe(1);
  const again = await stage.deliveries.claim(10, () => Promise.reject(new Error('nothing is due')));
  expect(again.read).toBe(0);
  stage.sender().start();
  const [row] = await stage.settled(endpoint, 1);
  expect(row).toMatchObject({ status: 'delivered', attempt: 2, tries: [{ attempt: 2 }] });
  expect(receiver.hits[0]?.body).toMatchObject({ type: 'service_invocation', attempt: 2 });
  const timings = { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null, totalMs: 1 };
  const written = await stage.deliveries.complete([
    {
      id: row?.id ?? 0n,
      claimId: late.claimId,
      agoMs: 0,
      statusCode: 500,
      reason: null,
      detail: null,
      timings,
      response: '',
      next: { status: 'failed' },
      body: null,
    },
  ]);
  expect(written).toEqual([]);
  expect(await stage.rows(endpoint)).toEqual([row]);
});
