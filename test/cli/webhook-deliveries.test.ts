import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLog, openPlatform, type Platform } from '#platform';
import { startWorker, type Worker } from '../../apps/worker/worker.js';
import { dataOf } from '../support/expect-problem.js';
import { startReceiver, type Answer, type Receiver } from '../support/webhook-receiver.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { Cli, refusalOf } from './cli.js';

type Delivery = { id: number; seq: number; status: string; attempts: number; replayOf: number | null };
type Page = { deliveries: Delivery[]; nextBefore: number | null };
type Replay = { id: number; kind: string; status: string; made: number };

let world: World;
let cli: Cli;
let platform: Platform;
let worker: Worker;
let receiver: Receiver;
let answer: () => Answer;
let agent: AgentActor;
let invocation: number;
let endpoint: string;

beforeAll(async () => {
  const env = { C4C_EGRESS_ALLOW: '127.0.0.2' };
  world = await startWorld({ env });
  platform = openPlatform(world.database.config(env), createLog('silent'));
  worker = await startWorker(platform);
  cli = new Cli({ C4C_API_ENDPOINT: world.url });
  receiver = await startReceiver();
  receiver.answer = ({ body }) => {
    const { challenge } = JSON.parse(body) as { challenge?: string };
    return challenge === undefined ? answer() : { body: challenge };
  };
});
beforeEach(async () => {
  answer = () => ({ status: 200, body: 'thanks' });
  agent = await world.agent();
  const caller = await world.agent();
  await world.fund(caller.owner, '10');
  const serviceId = await world.service(agent, { price: '1' });
  const body = { serviceId, input: { text: 'x' } };
  invocation = dataOf<{ invocationId: number }>(
    await caller.api.post('/agent/me/service-invocations', body),
  ).invocationId;
  const wish = { url: `${receiver.url}/hook`, eventTypes: ['review.created'] };
  const created = dataOf<{ endpoint: { id: number } }>(await agent.api.post('/agent/me/webhooks', wish));
  endpoint = String(created.endpoint.id);
  dataOf(await agent.api.post(`/agent/me/webhooks/${endpoint}/verify`));
});
afterEach(async () => {
  // What is still on its way is tried no more.
  dataOf(await agent.api.delete(`/agent/me/webhooks/${endpoint}`));
});
afterAll(async () => {
  cli.close();
  await worker.close();
  await platform.close();
  await receiver.close();
  await world.close();
});

const as = (): Record<string, string> => ({ C4C_API_TOKEN: agent.key });
const webhook = <Data>(...args: string[]): Promise<Data> => cli.json<Data>(['webhook', ...args], as());
const text = (...args: string[]) => cli.text(['webhook', ...args], as());
const api = async <Data>(rest: string): Promise<Data> =>
  dataOf<Data>(await agent.api.get(`/agent/me/webhooks/${endpoint}/${rest}`));

/** So many reviews in the agent's stream, above the announcement of the invocation. */
async function happened(times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    await world.database.pool.query(
      `select market.event_append(array [$1::bigint], array ['review.created'], array [$2::bigint], platform.clock())`,
      [agent.id, invocation],
    );
  }
}

/** The deliveries, the newest first, as soon as so many have been tried. */
async function tried(count: number): Promise<Delivery[]> {
  for (const until = Date.now() + 15_000; Date.now() < until;) {
    const { deliveries } = await api<Page>('deliveries?limit=100');
    if (
      deliveries.length === count &&
      deliveries.every(({ status, attempts }) => status !== 'pending' || attempts > 0)
    ) {
      return deliveries;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not tried: ${JSON.stringify(await api('deliveries'))}`);
}

/** What was tried in vain is given up now and not in three days. */
async function giveUp(): Promise<void> {
  await world.database.pool.query(
    `update market.delivery set status = 'failed', claim_id = null, ended_at = platform.clock() where endpoint_id = $1 and status = 'pending'`,
    [endpoint],
  );
}

describe('c4c webhook log', () => {
  it('prints what the API says, page by page and filtered', async () => {
    await happened(3);
    const [newest, middle, oldest] = (await tried(3)).map(({ id }) => id);
    const first = await webhook<Page>('log', endpoint, '--limit', '2');
    expect(first).toEqual(await api('deliveries?limit=2'));
    expect(first).toMatchObject({ deliveries: [{ id: newest, status: 'delivered' }, { id: middle }] });
    const second = await webhook<Page>('log', endpoint, '--before', String(first.nextBefore));
    expect(second).toMatchObject({ deliveries: [{ id: oldest }], nextBefore: null });
    const filters = ['--status', 'delivered', '--type', 'review.created', '--since', '1h'];
    expect((await webhook<Page>('log', endpoint, ...filters)).deliveries.length).toBe(3);
    expect(await webhook('log', endpoint, '--since', '2100-01-01')).toEqual({ deliveries: [], nextBefore: null });
    expect((await text('log', endpoint, '-l', '1')).stdout).toMatch(
      /^ *ID +CREATED .*\n *\d+ .* review\.created +\d+ +delivered +1\nThere may be more: --before \d+\n$/,
    );
  });

  it('shows every try of a delivery, with its phases and the answer', async () => {
    answer = () => ({ status: 503, body: 'no room\nat all' });
    await happened(1);
    const [{ id } = { id: 0 }] = await tried(1);
    const shown = await webhook<object>('log', endpoint, String(id));
    expect(shown).toEqual(await api(`deliveries/${id}`));
    expect(shown).toMatchObject({
      id,
      status: 'pending',
      tries: [{ attempt: 1, statusCode: 503, reason: null, response: 'no room\nat all' }],
    });
    const { stdout } = await text('log', endpoint, String(id));
    expect(stdout).toMatch(/Status: +pending\n/);
    expect(stdout).toMatch(/TRY +AT +ANSWER .*TOTAL\n +1 .* 503 .* ms\nAnswer: no room\n +at all\n$/);

    answer = () => 'reset';
    await happened(1);
    const [{ id: next } = { id: 0 }] = await tried(2);
    expect((await text('log', endpoint, String(next))).stdout).toMatch(/ reset: /);
  });
});

describe('c4c webhook replay', () => {
  it('sends one once more, under a key only once, and waits for its end', async () => {
    await happened(1);
    const [original] = await tried(1);
    const args = ['replay', endpoint, String(original?.id), '--idempotency-key', 'after the outage'];
    const made = await webhook<Delivery>(...args);
    expect(made).toMatchObject({ replayOf: original?.id, seq: original?.seq });
    const waited = await webhook<Delivery>(...args, '--wait', '20');
    expect(waited).toMatchObject({ id: made.id, status: 'delivered', tries: [{ statusCode: 200 }] });
    expect((await tried(2)).map(({ id }) => id)).toEqual([made.id, original?.id]);

    answer = () => ({ status: 500 });
    const shown = await text('replay', endpoint, String(original?.id), '--wait', '1');
    expect(shown.code).toBe(8);
    expect(shown.stderr).toMatch(/^To repeat this safely: --idempotency-key cli-/);
    expect(shown.stdout).toMatch(/Status: +pending/);
    const [pending] = await tried(3);
    const again = await cli.run(['webhook', 'replay', endpoint, String(pending?.id)], { env: as() });
    expect([again.code, refusalOf(again)]).toMatchObject([
      5,
      { error: { code: 'DELIVERY_PENDING' }, idempotencyKey: expect.stringMatching(/^cli-/) },
    ]);
  });

  it('sends all that failed once more, and shows how far it is', async () => {
    answer = () => ({ status: 500 });
    await happened(3);
    await tried(3);
    await giveUp();
    answer = () => ({ status: 204 });
    const { code, stdout, stderr } = await text('replay', endpoint, '--failed', '--wait', '20');
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('3 made so far.');
    expect(stdout).toMatch(/Of: +all that failed\nStatus: +done\nMade: +3 deliveries\n[\s\S]*All of them have arrived/);
    const { replays } = await webhook<{ replays: Replay[] }>('replays', endpoint);
    expect(replays).toMatchObject([{ kind: 'failed', status: 'done', made: 3 }]);
    const id = String(replays[0]?.id);
    expect(await webhook('replays', endpoint, id)).toEqual(replays[0]);
    const { deliveries } = await webhook<Page>('log', endpoint, '--replay', id);
    expect(deliveries.map(({ status }) => status)).toEqual(['delivered', 'delivered', 'delivered']);
    expect((await text('replays', endpoint)).stdout).toMatch(/ID +OF .*\n *\d+ +all that failed +done +3 /);
    const nothing = await text('replay', endpoint, '--failed', '--wait', '20');
    expect([nothing.code, nothing.stdout]).toEqual([0, expect.stringContaining('There was nothing to send.\n')]);
    expect(nothing.stdout).not.toContain('have arrived');
  });

  it('sends a range of the log, and tells when some of it did not arrive', async () => {
    await happened(4);
    await tried(4);
    // The announcement of the invocation was the first.
    const range = ['replay', endpoint, '--after', '2', '--through', '4'];
    const begun = await webhook<Replay>(...range);
    expect(begun).toMatchObject({ kind: 'range', after: 2, through: 4, status: 'pending' });
    expect((await tried(6)).slice(0, 2).map(({ seq }) => seq)).toEqual([4, 3]);

    answer = () => ({ status: 500 });
    const slow = await text(...range, '--idempotency-key', 'k', '--wait', '3');
    expect([slow.code, slow.stdout]).toMatchObject([
      8,
      expect.stringContaining('Some of them are still on their way.'),
    ]);
    await giveUp();
    const over = await text(...range, '--idempotency-key', 'k', '--wait');
    expect([over.code, over.stdout]).toMatchObject([1, expect.stringContaining('Some of them did not arrive.')]);
  });
});

describe('the exit code for what went wrong', () => {
  const ends = async (args: readonly string[], code: number, problem: string): Promise<void> => {
    const result = await cli.run(['webhook', ...args], { env: as() });
    expect({ args, code: result.code, problem: refusalOf(result).error.code }).toEqual({ args, code, problem });
  };

  it.each([
    [['log', 'x'], 2, 'USAGE'],
    [['log', '1', '1', '--status', 'failed'], 2, 'USAGE'],
    [['log', '1', '--since', 'yesterday'], 2, 'USAGE'],
    [['log', '999999'], 3, 'NOT_FOUND'],
    [['replay', '1'], 2, 'USAGE'],
    [['replay', '1', '1', '--failed'], 2, 'USAGE'],
    [['replay', '1', '--failed', '--through', '4'], 2, 'USAGE'],
    [['replay', '1', '--through', '4'], 2, 'USAGE'],
    [['replay', '1', '--failed', '--idempotency-key', 'straße'], 2, 'USAGE'],
  ] as const)('of %j is %i', ends);

  it('is that of the market', async () => {
    await ends(['log', endpoint, '--status', 'lost'], 2, 'VALIDATION_FAILED');
    await ends(['log', endpoint, '999999'], 3, 'NOT_FOUND');
    await ends(['replay', endpoint, '999999'], 3, 'NOT_FOUND');
    await ends(['replays', endpoint, '999999'], 3, 'NOT_FOUND');
    await ends(['replay', endpoint, '--after', '5', '--through', '4'], 2, 'VALIDATION_FAILED');
    await webhook('replay', endpoint, '--failed', '--idempotency-key', 'k');
    await ends(['replay', endpoint, '--after', '0', '--idempotency-key', 'k'], 5, 'IDEMPOTENCY_KEY_REUSED');
  });
});
