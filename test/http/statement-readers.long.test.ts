import { once } from 'node:events';
import { get, type ClientRequest, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { figuresOf } from '../support/figures.js';
import { deposited, parseCsv } from '../support/statement.js';
import { startWorld, type OwnerActor, type World } from '../support/world.js';

// More than the buffers between the database and a client that does not read.
const LINES = 60_000;
const STATEMENTS = '/openapi/v1/owner/wallet/statements/:month';

/** An owner with so many deposits of a hundredth that its reader is never through at once. */
async function richOwner(world: World): Promise<OwnerActor> {
  const owner = await world.owner();
  await deposited(world, owner, LINES);
  return owner;
}

const month = (): string => new Date().toISOString().slice(0, 7);
const ask = (world: World, owner: OwnerActor): ClientRequest => {
  const url = `${world.url}/openapi/v1/owner/wallet/statements/${month()}?format=csv`;
  const request = get(url, { headers: { 'x-api-key': owner.key }, agent: false });
  request.on('error', () => undefined);
  return request;
};
/** An answer that has begun and that nobody reads. */
const unread = async (request: ClientRequest): Promise<IncomingMessage> => {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
};
const page = (owner: OwnerActor): ReturnType<OwnerActor['api']['get']> =>
  owner.api.get(`/owner/wallet/statements/${month()}`);
const figures = async (world: World): Promise<Map<string, number>> =>
  figuresOf((await world.admin.get('//metrics')).text);

describe('readers that take their time', () => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld({
      snapshotLimits: { connectionsMax: 2, waitMaxMs: 300, lifeMs: 5_000, behindMaxMs: 60_000 },
    });
  });
  afterAll(() => world.close());

  it('are cut off visibly when it is over; others are told to come back meanwhile, and find room then', async () => {
    const slow = [await richOwner(world), await richOwner(world)];
    const other = await world.owner();
    const answers = await Promise.all(slow.map((owner) => unread(ask(world, owner))));
    const refused = await page(other);
    expectProblem(refused, 503, 'OVERLOADED');
    expect(refused.headers['retry-after']).toBe('2');
    expect((await figures(world)).get('c4c_pool_connections{pool="snapshots",state="busy"}')).toBe(2);

    await expect.poll(async () => (await page(other)).status, { timeout: 15_000 }).toBe(200);
    for (const answer of answers) {
      let taken = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (taken += chunk));
      await expect(once(answer, 'end')).rejects.toThrow('aborted');
      expect(taken).toContain(',opening,');
      expect(taken).not.toContain(',closing,');
    }
    // Their turns are over as well.
    const [owner = other] = slow;
    const whole = parseCsv(await text(await unread(ask(world, owner))));
    expect([whole.length, whole.at(-1)?.['kind']]).toEqual([LINES + 2, 'closing']);
    expect((await figures(world)).get('c4c_pool_waiting{pool="snapshots"}')).toBe(0);
  });
});

describe('readers that fall behind', () => {
  let world: World;
  let slow: OwnerActor[];
  const opened: IncomingMessage[] = [];

  beforeAll(async () => {
    world = await startWorld({ snapshotLimits: { connectionsMax: 2, waitMaxMs: 15_000 } });
    slow = [await richOwner(world), await richOwner(world)];
  });
  afterEach(async () => {
    for (const answer of opened.splice(0)) answer.destroy();
    await expect.poll(busy).toBe(0);
  });
  afterAll(() => world.close());

  const busy = async (): Promise<number | undefined> =>
    (await figures(world)).get('c4c_pool_connections{pool="snapshots",state="busy"}');

  /** Takes the beginning, and the rest when it is told to; tells the end of it. */
  const stalled = async (owner: OwnerActor): Promise<() => Promise<string>> => {
    const answer = await unread(ask(world, owner));
    opened.push(answer);
    let taken = '';
    const ended = new Promise<void>((resolve, reject) => answer.once('end', resolve).once('error', reject));
    ended.catch(() => undefined);
    return async () => {
      answer.on('data', (chunk: Buffer) => (taken = (taken + chunk.toString()).slice(-1_000)));
      await ended;
      return taken;
    };
  };

  it('make room for whoever waits, the slowest first, and their answers break off', async () => {
    const answers = await Promise.all(slow.map(stalled));
    // A reader may take a minute; nobody waits for as long as that.
    dataOf(await page(await world.owner()));
    await expect.poll(busy).toBe(1);
    const ends = await Promise.allSettled(answers.map((rest) => rest()));
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('are left alone while nobody waits', async () => {
    const [one, other] = slow;
    if (one === undefined || other === undefined) throw new Error('there are two');
    const rest = await stalled(one);
    const sinceMs = performance.now();
    // There is a connection for these, so nobody waits for the slow one's.
    while (performance.now() - sinceMs < 2_500) dataOf(await page(other));
    expect(await rest()).toContain(',closing,');
  });

  it('keep nobody from reading a whole statement at once', async () => {
    const [one, other] = slow;
    if (one === undefined || other === undefined) throw new Error('there are two');
    await stalled(one);
    const whole = text(await unread(ask(world, other)));
    const third = page(await world.owner());
    expect(parseCsv(await whole).at(-1)?.['kind']).toBe('closing');
    dataOf(await third);
  });
});

describe('the other statements of an owner', () => {
  let world: World;
  let owner: OwnerActor;

  beforeAll(async () => {
    world = await startWorld();
    owner = await richOwner(world);
  });
  afterAll(() => world.close());

  it('wait 5 s for a slow one and no longer, without a place among the requests', async () => {
    const slow = ask(world, owner);
    await unread(slow);
    const refused = Promise.resolve(page(owner));
    await expect.poll(async () => (await figures(world)).get('c4c_http_requests_in_flight')).toBe(3);
    expect((await figures(world)).get('c4c_http_admitted')).toBe(0);
    const answer = await refused;
    expectProblem(answer, 503, 'OVERLOADED');
    expect(answer.headers['retry-after']).toBe('2');
    slow.destroy();
    await expect.poll(async () => (await page(owner)).status).toBe(200);
  });

  it('have their turn at once when the database has ended a silent one', async () => {
    const slow = await unread(ask(world, owner));
    const ending = `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and usename = 'c4c_app' and state = 'idle in transaction'`;
    await expect.poll(async () => (await world.database.pool.query(ending)).rowCount).toBe(1);
    dataOf(await page(owner));
    await expect(text(slow)).rejects.toThrow();
  });

  it('do not wait behind those whose clients have left', async () => {
    const slow = ask(world, owner);
    await unread(slow);
    const left = Array.from({ length: 4 }, () => ask(world, owner));
    await expect.poll(async () => (await figures(world)).get('c4c_http_requests_in_flight')).toBe(6);
    const aborted = `c4c_http_requests_total{method="GET",route="${STATEMENTS}",status="aborted"}`;
    const before = (await figures(world)).get(aborted) ?? 0;
    for (const request of left) request.destroy();
    await expect.poll(async () => (await figures(world)).get(aborted)).toBe(before + 4);
    const answer = Promise.resolve(page(owner));
    await expect.poll(async () => (await figures(world)).get('c4c_http_requests_in_flight')).not.toBe(2);
    slow.destroy();
    dataOf(await answer);
  });
});
