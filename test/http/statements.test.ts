import { once } from 'node:events';
import { get } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { cents, deposited, linesOf, parseCsv, sumsOf, type Statement } from '../support/statement.js';
import { startWorld, type AgentActor, type OwnerActor, type World } from '../support/world.js';

const MARGIN_MS = 6 * 60_000;

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const statement = async (owner: OwnerActor, month: string, query = ''): Promise<Statement> =>
  dataOf<Statement>(await owner.api.get(`/owner/wallet/statements/${month}${query}`));
const csv = async (owner: OwnerActor, month: string): Promise<string> => {
  const answer = await owner.api.get(`/owner/wallet/statements/${month}?format=csv`);
  expect(answer.status).toBe(200);
  return answer.text;
};
const now = async (): Promise<Date> => {
  const { rows } = await world.database.pool.query<{ now: Date }>('select platform.clock() as now');
  return rows[0]?.now ?? new Date(Number.NaN);
};
const thisMonth = async (): Promise<string> => (await now()).toISOString().slice(0, 7);
const monthAfter = (name: string): string => {
  const [year = 0, month = 0] = name.split('-').map(Number);
  return new Date(Date.UTC(year, month, 1)).toISOString().slice(0, 7);
};
/** Moves the clock so many milliseconds beyond the end of the month. */
const endMonth = async (beyondMs: number): Promise<string> => {
  const at = await now();
  const end = Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1);
  await world.passTime(end - at.getTime() + beyondMs);
  return at.toISOString().slice(0, 7);
};
const invoke = async (caller: AgentActor, serviceId: number): Promise<number> =>
  dataOf<{ invocationId: number }>(
    await caller.api.post('/agent/me/service-invocations', { serviceId, input: { text: 'a' } }),
  ).invocationId;
const complete = async (provider: AgentActor, id: number): Promise<void> => {
  const body = { status: 'completed', output: { words: 1 } };
  dataOf(await provider.api.post(`/agent/me/service-invocations/${id}/submit`, body));
};
const fail = async (provider: AgentActor, id: number): Promise<void> => {
  dataOf(await provider.api.post(`/agent/me/service-invocations/${id}/submit`, { status: 'failed', error: 'no' }));
};

describe('a statement of the running month', () => {
  it('is empty and not final for a new owner', async () => {
    const owner = await world.owner();
    const month = await thisMonth();
    const zero = { available: '0', held: '0', total: '0' };
    expect(await statement(owner, month)).toMatchObject({
      ownerId: owner.id,
      month,
      unit: 'shells',
      isFinal: false,
      opening: zero,
      closing: zero,
      totals: [],
      lines: [],
      hasMore: false,
    });
  });

  it('shows both sides of what was paid, and closes with the wallet', async () => {
    const [provider, caller] = [await world.agent(), await world.agent()];
    await world.fund(caller.owner, '100');
    dataOf(await world.admin.put('/admin/fees/writing', { basisPoints: 1_000 }));
    const service = await world.service(provider, { price: '10' });
    const [good, bad, open] = [
      await invoke(caller, service),
      await invoke(caller, service),
      await invoke(caller, service),
    ];
    await complete(provider, good);
    await fail(provider, bad);
    const month = await thisMonth();
    const paid = await statement(caller.owner, month);
    expect(paid.lines.map(({ kind, available, held }) => `${kind} ${available} ${held}`)).toEqual([
      'deposit 100 0',
      'hold -10 10',
      'hold -10 10',
      'hold -10 10',
      'release 0 -10',
      'refund 10 -10',
    ]);
    expect(paid.lines[4]).toMatchObject({
      agentId: caller.id,
      counterpartyAgentId: provider.id,
      invocationId: good,
      balance: { available: '70', held: '20', total: '90' },
    });
    expect(paid.closing).toEqual({ available: '80', held: '10', total: '90' });
    expect(dataOf(await caller.owner.api.get('/owner/wallet'))).toEqual({ available: '80', held: '10' });
    const earned = await statement(provider.owner, month);
    expect(earned.totals).toEqual([{ kind: 'income', lines: 1, available: '9', held: '0', fee: '1' }]);
    expect(earned.lines).toMatchObject([{ agentId: provider.id, counterpartyAgentId: caller.id, fee: '1' }]);
    await complete(provider, open);
    dataOf(await world.admin.put('/admin/fees/writing', { basisPoints: 0 }));
  });

  it('leaves out what agents of one owner do for each other', async () => {
    const provider = await world.agent();
    const caller = await world.agent(provider.owner);
    await complete(provider, await invoke(caller, await world.service(provider)));
    expect((await statement(provider.owner, await thisMonth())).lines).toEqual([]);
  });

  it('is nobody else’s', async () => {
    const [owner, other] = [await world.owner(), await world.owner()];
    await world.fund(owner, '10');
    expect((await statement(other, await thisMonth())).lines).toEqual([]);
    const path = `/owner/wallet/statements/${await thisMonth()}`;
    expectProblem(await world.api.get(path), 401, 'UNAUTHENTICATED');
    expectProblem(await (await world.agent(owner)).api.get(path), 401, 'UNAUTHENTICATED');
  });
});

describe('months', () => {
  it.each(['2026-13', '2026-00', '26-1', '2026-1', '9999-99', '2026-10-01', '202610', 'now', '2026-1０', '-2026-10'])(
    'refuses %s',
    async (month) => {
      const owner = await world.owner();
      const answer = await owner.api.get(`/owner/wallet/statements/${encodeURIComponent(month)}`);
      expectProblem(answer, 400, 'VALIDATION_FAILED', ['month']);
    },
  );

  it('has none before the wallet and none that has not begun', async () => {
    const owner = await world.owner();
    for (const month of ['0000-01', '0001-01', '1970-01', '2020-02', monthAfter(await thisMonth()), '9999-12']) {
      for (const format of ['json', 'csv']) {
        const answer = await owner.api.get(`/owner/wallet/statements/${month}?format=${format}`);
        expectProblem(answer, 404, 'NOT_FOUND');
      }
    }
  });

  it.each(['after=x', 'after=MTIz', 'limit=0', 'limit=x', 'format=pdf'])('refuses ?%s', async (query) => {
    const owner = await world.owner();
    const answer = await owner.api.get(`/owner/wallet/statements/${await thisMonth()}?${query}`);
    expectProblem(answer, 400, 'VALIDATION_FAILED', [query.split('=')[0] ?? '']);
  });
});

describe('CSV', () => {
  it('says the same as JSON, whatever people wrote', async () => {
    const owner = await world.owner();
    const texts = ['=1+1', '+x', '-2', '@cmd', '\ttab', 'a,b', 'say "no"', 'two\nlines', 'cr\r\nlf', 'ü 🐚', "'quoted"];
    for (const [n, reference] of texts.entries()) {
      const body = { ownerId: owner.id, amount: '1.5', reference, idempotencyKey: `csv ${owner.id} ${n}` };
      const { transferId } = dataOf(await world.admin.post('/admin/deposits', body));
      if (n === 0) {
        const undo = { transferId, reason: '=cmd|x!A1', idempotencyKey: `undo ${owner.id}` };
        dataOf(await world.admin.post('/admin/reversals', undo));
      }
    }
    const month = await thisMonth();
    const asked = await owner.api.get(`/owner/wallet/statements/${month}`).set('Accept', 'text/csv');
    expect(asked.headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(asked.headers['content-disposition']).toBe(
      `attachment; filename="statement-${owner.id}-${month}-not-final.csv"`,
    );
    const json = await statement(owner, month);
    const rows = parseCsv(asked.text);
    expect(rows.at(0)).toMatchObject({ kind: 'opening', balanceAvailable: json.opening.available });
    expect(rows.at(-1)).toMatchObject({ kind: 'closing', balanceAvailable: '15', balanceHeld: '0', memo: 'not final' });
    expect(rows.slice(1, -1)).toEqual(linesOf(json));
    expect(asked.text).toContain(`,'=1+1,`);
    expect(asked.text).toContain(`,"'\ttab",`.replaceAll('"', ''));
    expect(asked.text).toContain(`"say ""no"""`);
    // An amount stays a number.
    expect(asked.text).toContain('reversal_');
    expect(asked.text).toContain(',-1.5,0,');
    expect(asked.text.endsWith('\r\n')).toBe(true);
  });

  it.each(['text/csv;q=0', 'text/csv-schema'])('is not what `Accept: %s` asks for', async (accept) => {
    const owner = await world.owner();
    const answer = await owner.api.get(`/owner/wallet/statements/${await thisMonth()}`).set('Accept', accept);
    expect(answer.headers['content-type']).toContain('application/json');
  });

  it('is chosen by `format` before `Accept`', async () => {
    const owner = await world.owner();
    const path = `/owner/wallet/statements/${await thisMonth()}`;
    const json = await owner.api.get(`${path}?format=json`).set('Accept', 'text/csv');
    expect(json.headers['content-type']).toContain('application/json');
    expect(await csv(owner, await thisMonth())).toMatch(/^at,kind,id,/);
  });

  it('is read one at a time by an owner, and by others meanwhile', async () => {
    const [owner, other] = [await world.owner(), await world.owner()];
    await deposited(world, owner, 60_000);
    const url = `${world.url}/openapi/v1/owner/wallet/statements/${await thisMonth()}?format=csv`;
    // Five that do not read on: one is being read, four wait for it.
    const requests = Array.from({ length: 5 }, () => get(url, { headers: { 'x-api-key': owner.key } }));
    for (const request of requests) request.on('error', () => undefined);
    await Promise.any(requests.map(async (request) => once(request, 'response')));
    await expect
      .poll(async () => (await owner.api.get(`/owner/wallet/statements/${await thisMonth()}`)).status)
      .toBe(503);
    const refused = await owner.api.get(`/owner/wallet/statements/${await thisMonth()}`);
    expectProblem(refused, 503, 'OVERLOADED');
    expect(refused.headers['retry-after']).toBe('2');
    expect(parseCsv(await csv(other, await thisMonth()))).toHaveLength(2);
    for (const request of requests) request.destroy();
    await expect
      .poll(async () => (await owner.api.get(`/owner/wallet/statements/${await thisMonth()}`)).status)
      .toBe(200);
  });

  it('ends its reading when the client goes away', async () => {
    const owner = await world.owner();
    await deposited(world, owner, 60_000);
    const url = `${world.url}/openapi/v1/owner/wallet/statements/${await thisMonth()}?format=csv`;
    // More of them than there are connections for it, one after the other.
    for (let n = 0; n < 7; n += 1) {
      await new Promise<void>((resolve, reject) => {
        const request = get(url, { headers: { 'x-api-key': owner.key } }, (response) => {
          response.once('data', () => {
            response.destroy();
            resolve();
          });
        });
        request.on('error', reject);
      });
    }
    const rows = parseCsv(await csv(owner, await thisMonth()));
    expect(rows).toHaveLength(60_002);
    expect(rows.at(-1)).toMatchObject({ balanceAvailable: '600' });
  });
});

describe('the chain of months', () => {
  it('counts a late end in its own month, opens each month with what the last one closed with, and never changes a final one', async () => {
    const [provider, caller] = [await world.agent(), await world.agent()];
    const { owner } = caller;
    await world.fund(owner, '100');
    const service = await world.service(provider, { price: '10', avgResponseMs: 86_400_000 });
    const [early, late] = [await invoke(caller, service), await invoke(caller, service)];
    await complete(provider, early);
    const running = await statement(owner, await thisMonth());
    const first = await endMonth(-3_600_000);
    const across = await invoke(caller, service);
    await world.passTime(3_600_000 + 1_000);
    expect(running.isFinal).toBe(false);

    // Over, and still not final: somebody who took the time before may yet commit.
    const over = await statement(owner, first);
    expect(over).toMatchObject({ isFinal: false, asOf: over.to, closing: { available: '70', held: '20' } });
    const second = monthAfter(first);
    expect((await statement(owner, second)).opening).toEqual(over.closing);
    await complete(provider, across);

    await world.passTime(MARGIN_MS);
    const final = await statement(owner, first);
    expect(final).toMatchObject({ isFinal: true, asOf: final.to, closing: over.closing, lines: over.lines });
    const finalCsv = await csv(owner, first);
    await world.fund(owner, '5');
    const unended = await statement(owner, second);
    expect(unended.opening).toEqual(final.closing);
    // The other one fell due in the first month, while nobody looked: it ends when somebody does.
    expect(unended.closing).toEqual({ available: '75', held: '10', total: '85' });
    expect(await statement(owner, first)).toEqual(final);
    expect(await csv(owner, first)).toBe(finalCsv);

    const cancelled = await caller.api.post(`/agent/me/service-invocations/${late}/cancel`, {});
    expectProblem(cancelled, 409, 'DEADLINE_PASSED');

    // Months in which nothing happened, and of which nobody asked, are passed over one by one.
    await endMonth(MARGIN_MS);
    await endMonth(MARGIN_MS);
    const third = await endMonth(MARGIN_MS);
    const last = await statement(owner, third);
    expect(last.isFinal).toBe(true);
    expect(last.opening).toEqual(last.closing);
    const { rows } = await world.database.pool.query(
      'select count(*)::integer as n from ledger.month_opening where account_id = $1',
      [owner.id],
    );
    expect(rows).toEqual([{ n: 4 }]);
    expect(sumsOf(final)).toEqual({ available: cents(final.closing.available), held: cents(final.closing.held) });
  });

  it('is not final while a clock that was set back says that the month goes on', async () => {
    const owner = await world.owner();
    await world.fund(owner, '3');
    const before = await now();
    const month = await endMonth(MARGIN_MS);
    expect(await statement(owner, month)).toMatchObject({ isFinal: true });
    const aheadMs = (await now()).getTime() - before.getTime();
    await world.passTime(-aheadMs);
    const again = await statement(owner, month);
    expect(again).toMatchObject({ isFinal: false, closing: { available: '3' } });
    expect(new Date(again.asOf).getTime()).toBeLessThanOrEqual((await now()).getTime());
    expect(parseCsv(await csv(owner, month)).at(-1)).toMatchObject({ memo: 'not final' });
    await world.passTime(aheadMs);
    expect(await statement(owner, month)).toMatchObject({ isFinal: true, asOf: again.to });
  });

  it('pages through a final month: every line once, balances going on', async () => {
    const owner = await world.owner();
    for (let n = 1; n <= 7; n += 1) await world.fund(owner, String(n));
    const month = await endMonth(MARGIN_MS);
    const whole = await statement(owner, month);
    const lines: Statement['lines'] = [];
    let page = await statement(owner, month, '?limit=3');
    for (;;) {
      lines.push(...page.lines);
      expect(page.closing).toEqual(whole.closing);
      if (page.nextCursor === undefined) break;
      page = await statement(owner, month, `?limit=3&after=${page.nextCursor}`);
    }
    expect(lines).toEqual(whole.lines);
    expect(page.hasMore).toBe(false);
  });
});

it('is exact within itself while money moves', async () => {
  const [provider, caller] = [await world.agent(), await world.agent()];
  await world.fund(caller.owner, '1000');
  const service = await world.service(provider, { price: '1' });
  let isDone = false;
  const lives = Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let n = 0; n < 12; n += 1) {
        const id = await invoke(caller, service);
        await (n % 3 === 0 ? fail(provider, id) : complete(provider, id));
      }
    }),
  ).finally(() => (isDone = true));
  const month = await thisMonth();
  let looks = 0;
  while (!isDone) {
    for (const owner of [caller.owner, provider.owner]) {
      const seen = await statement(owner, month, '?limit=1000');
      expect(sumsOf(seen)).toEqual({ available: cents(seen.closing.available), held: cents(seen.closing.held) });
      const rows = parseCsv(await csv(owner, month));
      const closing = rows.at(-1);
      const before = rows.at(-2);
      expect([before?.['balanceAvailable'], before?.['balanceHeld']]).toEqual([
        closing?.['balanceAvailable'],
        closing?.['balanceHeld'],
      ]);
    }
    looks += 1;
  }
  await lives;
  expect(looks).toBeGreaterThan(2);
  const [paid, earned] = [await statement(caller.owner, month), await statement(provider.owner, month)];
  expect(paid.closing).toEqual({ available: '936', held: '0', total: '936' });
  expect(earned.closing.available).toBe('64');
});
