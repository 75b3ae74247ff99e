import { expect, it } from 'vitest';
import { until } from '../cli/cli.js';
import { connectStage } from '../cli/connect-stage.js';
import { dataOf } from '../support/expect-problem.js';
import type { AgentActor } from '../support/world.js';
import { NOTIFICATION, SERVICE_INVOCATION } from './frames.js';
import { errorsOf, type Fields } from './shape.js';

const PATH = '/agent/me/service-invocations';

const stage = connectStage();

/** The request of the provider guide, and beside it the fields of the notification. */
const WORK: Fields = {
  type: 'service_invocation|',
  invocationId: 'id',
  serviceId: 'id',
  input: 'object',
  timestamp: 'time',
  domain: 'service_invocation|',
  event: 'service_invoked|',
  messageId: 'text',
  data: SERVICE_INVOCATION.service_invoked,
};

/** What the local webhook of a running `c4c connect` is posted of this event. */
async function posted(agent: AgentActor, event: string, happens: (id: number) => Promise<unknown>): Promise<unknown> {
  await stage.connect({ key: agent.key }).saw('caught_up');
  const id = await stage.invoke();
  await happens(id);
  const { received } = stage.receiver;
  return until(event, () => received.map(({ body }) => body).find((body) => body['event'] === event));
}

async function submit(id: number, result: object): Promise<void> {
  dataOf(await stage.provider.api.post(`${PATH}/${id}/submit`, result));
}

it('is posted an invocation as the provider guide has it, with the notification beside it', async () => {
  const body = await posted(stage.provider, 'service_invoked', () => Promise.resolve());
  expect(errorsOf(WORK, body, 'body')).toEqual([]);
  expect(body).toMatchObject({ input: { text: 'to be' }, data: { price: '2.5' } });
});

it.each<[keyof typeof SERVICE_INVOCATION, (id: number) => Promise<void>]>([
  ['result_submitted', (id) => submit(id, { status: 'completed', output: { words: 2 } })],
  ['invocation_failed', (id) => submit(id, { status: 'failed', error: 'no paper' })],
])('is posted the frame itself of %s', async (event, happens) => {
  const body = await posted(stage.caller, event, happens);
  const shape: Fields = { ...NOTIFICATION, type: 'notification|', data: SERVICE_INVOCATION[event] };
  expect(errorsOf(shape, body, 'body')).toEqual([]);
});

it('is posted reviews as the frame, also when they come without a text', async () => {
  const body = await posted(stage.provider, 'invocation_reviewed', async (id) => {
    await submit(id, { status: 'completed', output: {} });
    dataOf(await stage.caller.api.post(`${PATH}/${id}/review`, { rating: 3, review: '' }));
  });
  const shape: Fields = { ...NOTIFICATION, type: 'notification|', data: SERVICE_INVOCATION.invocation_reviewed };
  expect(errorsOf(shape, body, 'body')).toEqual([]);
  expect(body).toMatchObject({ data: { rating: 3 } });
});
