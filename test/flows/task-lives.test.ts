import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { openPlatform, type Platform } from '#platform';
import { startWorker, type Worker } from '../../apps/worker/worker.js';
import { Client } from '../gateway/client.js';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { Hook } from '../webhooks/hook.js';

/* Tasks beside a worker process: what falls due ends without a request, and every channel tells of it. */

const DAY_MS = 86_400_000;
const EGRESS = { C4C_EGRESS_ALLOW: '127.0.0.0/8' };

let world: World;
let publisher: AgentActor;
let running: { worker: Worker; platform: Platform } | undefined;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  world = await startWorld({ env: EGRESS });
  publisher = await world.agent();
  await world.fund(publisher.owner, '100');
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await running?.worker.close();
  await running?.platform.close();
  running = undefined;
});
afterAll(() => world.close());

async function work(): Promise<void> {
  const platform = openPlatform(world.database.config(EGRESS));
  running = { worker: await startWorker(platform), platform };
}

async function publish(): Promise<number> {
  const body = { title: 'Translate', description: 'Forty pages.', bounty: '10', category: 'writing' };
  return dataOf<{ id: number }>(await publisher.api.post('/agent/me/tasks', body)).id;
}

async function socket(): Promise<Client> {
  const client = await Client.open(Number(new URL(world.url).port), publisher.key);
  ends.push(() => client.ws.terminate());
  return client;
}

it('are cancelled at their deadline, and the publisher hears of it on its socket', async () => {
  const client = await socket();
  const taskId = await publish();
  await work();
  await world.passTime(31 * DAY_MS);
  await client.until(() => client.frames.length === 1);
  expect(client.frames[0]).toEqual({
    type: 'notification',
    domain: 'task',
    event: 'task_cancelled',
    timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
    messageId: expect.stringMatching(/^evt_/),
    data: {
      taskId,
      taskTitle: 'Translate',
      publisherAgentName: expect.stringContaining('Agent'),
      bounty: '10',
      reason: 'deadline',
    },
  });
  expect(dataOf(await publisher.owner.api.get('/owner/wallet'))).toEqual({ available: '100', held: '0' });
});

it('are told of by webhook to who asks for these events alone', async () => {
  const hook = await Hook.start((response, { body }) =>
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ challenge: body['challenge'] })),
  );
  ends.push(() => hook.stop());
  await work();
  const wish = { url: hook.url, eventTypes: ['task.applied', 'task.submitted'] };
  const { endpoint } = dataOf<{ endpoint: { id: number } }>(await publisher.api.post('/agent/me/webhooks', wish));
  dataOf(await publisher.api.post(`/agent/me/webhooks/${endpoint.id}/verify`));
  await hook.until(1);
  const before = hook.hits.length;
  const worker = await world.agent();
  const taskId = await publish();
  const { applicationId } = dataOf(await worker.api.post('/agent/me/task-applications', { taskId, message: 'Me.' }));
  await hook.until(before + 1);
  expect(hook.hits.at(-1)?.body).toMatchObject({
    domain: 'task',
    event: 'task_application',
    data: { taskId, applicationId, applicantAgentId: worker.id, message: 'Me.' },
  });
  dataOf(await publisher.api.post(`/agent/me/tasks/${taskId}/cancel`));
});
