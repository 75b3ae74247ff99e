import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Webhook } from 'standardwebhooks';
import { EVENT_TYPES, EVENTS, type Envelope } from '#events';
import { webhookBodyOf } from '#kernel';
import { deliveryOf } from '../../apps/cli/connect-frame.js';
import { Cli, refusalOf } from './cli.js';
import { Receiver } from './receiver.js';

const SECRET = `whsec_${Buffer.alloc(32, 'x').toString('base64')}`;

let cli: Cli;
let receiver: Receiver;

beforeEach(async () => {
  cli = new Cli();
  receiver = await Receiver.start();
});
afterEach(async () => {
  cli.close();
  await receiver.down();
});

it.each(EVENT_TYPES)('posts a signed %s without a server', async (type) => {
  const said = await cli.json<{ id: string; status: number }>([
    'trigger',
    type,
    '--to',
    receiver.url,
    '--secret',
    SECRET,
  ]);
  expect(said).toMatchObject({ event: type, status: 204, to: receiver.url });
  const [{ text = '', headers = {} } = {}] = receiver.received;
  const { domain, event, class: eventClass, example } = EVENTS[type];
  const { data, ...body } = new Webhook(SECRET).verify(text, headers) as { data: object };
  expect(body).toMatchObject({ domain, event, class: eventClass, eventType: type, id: said.id, messageId: said.id });
  expect(Object.keys(data)).toEqual(Object.keys(example));
  expect(headers).toMatchObject({ 'webhook-id': said.id, 'x-c4c-event': type });
});

it('takes the contract name of an event, and the address and the secret of the configuration', async () => {
  await cli.json(['config', 'set', 'webhook', receiver.url]);
  const { code, stdout, stderr } = await cli.text(['trigger', 'service_invoked']);
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^Posted invocation.invoked evt_\S+ to \S+: HTTP 204 in \d+ ms.\n$/);
  const secret = /whsec_\S+/.exec(stderr)?.[0] ?? '';
  const [{ text = '', headers = {} } = {}] = receiver.received;
  expect(new Webhook(secret).verify(text, headers)).toMatchObject({ type: 'service_invocation' });
  expect((await cli.text(['trigger', 'service_invoked'])).stderr).toBe('');
});

it('says which events there are', async () => {
  const result = await cli.run(['trigger', 'invoice.paid', '--to', receiver.url]);
  expect(result.code).toBe(2);
  expect(refusalOf(result).error.message).toContain('review.created');
  expect(refusalOf(result).error.message).toContain('endpoint.verify');
});

it.each([[['trigger', 'review.created']], [['trigger', 'review.created', '--to', 'ftp://x']]])(
  'needs an address: %j',
  async (args) => expect((await cli.run(args)).code).toBe(2),
);

it.each(['--to', '--secret', '--timeout'])('takes no empty %s, and names it', async (option) => {
  const refused = await cli.run(['trigger', 'review.created', '--to', receiver.url, option, '']);
  expect(refused.code).toBe(2);
  expect(refusalOf(refused).error.message).toContain(option);
  expect(receiver.received).toEqual([]);
});

it('ends with 10 when the target refuses or is not there', async () => {
  receiver.status = 500;
  const args = ['trigger', 'review.created', '--to', receiver.url];
  const refused = await cli.run(args);
  expect(refused.code).toBe(10);
  expect(refusalOf(refused).error).toMatchObject({
    code: 'TARGET_FAILED',
    message: expect.stringContaining('HTTP 500'),
  });
  await receiver.down();
  expect((await cli.run(args)).code).toBe(10);
  await receiver.up();
});

describe('what a delivery takes for a failure', () => {
  it.each([
    [
      'an answer longer than 64 KiB',
      (): void => void (receiver.answer = () => 'x'.repeat(65_537)),
      'longer than 64 KiB',
    ],
    [
      'a redirect, which is not followed',
      (): void => void ([receiver.status, receiver.location] = [302, receiver.url]),
      'HTTP 302',
    ],
    ['an answer that does not end in time', (): void => void (receiver.delayMs = 5_000), 'no complete answer in 0.3 s'],
  ])('is one here: %s', async (_, answerSo, reason) => {
    receiver.status = 200;
    answerSo();
    const result = await cli.run(['trigger', 'review.created', '--to', receiver.url, '--timeout', '300ms']);
    expect(result.code).toBe(10);
    expect(refusalOf(result).error.message).toContain(reason);
    expect(receiver.received.length).toBeLessThan(2);
  });

  it('takes 64 KiB', async () => {
    receiver.status = 200;
    receiver.answer = () => 'x'.repeat(65_536);
    expect(await cli.json(['trigger', 'review.created', '--to', receiver.url])).toMatchObject({ status: 200 });
  });
});

describe('what an endpoint is tested and verified with', () => {
  it('is posted too: a ping', async () => {
    const said = await cli.json<{ id: string }>(['trigger', 'ping', '--to', receiver.url, '--secret', SECRET]);
    const [{ text = '', headers = {} } = {}] = receiver.received;
    const body = { type: 'ping', id: said.id, timestamp: expect.any(String), endpointId: 5 };
    expect(new Webhook(SECRET).verify(text, headers)).toEqual(body);
    expect(said).toMatchObject({ event: 'ping', status: 204, body });
    expect(headers).toMatchObject({ 'webhook-id': said.id, 'x-c4c-event': 'ping', 'x-c4c-attempt': '1' });
  });

  it.each([
    ['as text', (challenge: string) => challenge],
    ['as JSON', (challenge: string) => JSON.stringify({ challenge })],
  ])('is posted too: a challenge, which is answered %s', async (_, answer) => {
    receiver.status = 200;
    receiver.answer = ({ challenge }) => answer(String(challenge));
    const said = await cli.json(['trigger', 'endpoint.verify', '--to', receiver.url, '--secret', SECRET]);
    expect(said).toMatchObject({ event: 'endpoint.verify', status: 200 });
    const [{ text = '', headers = {}, body = {} } = {}] = receiver.received;
    expect(new Webhook(SECRET).verify(text, headers)).toEqual(body);
    expect(body).toMatchObject({
      type: 'endpoint.verify',
      challenge: expect.stringMatching(/^[\w-]{32}$/),
      endpointId: 5,
    });
  });

  it('has to be answered with the challenge', async () => {
    receiver.status = 200;
    receiver.answer = () => 'ok';
    const result = await cli.run(['trigger', 'endpoint.verify', '--to', receiver.url]);
    expect(result.code).toBe(10);
    expect(refusalOf(result).error.message).toContain('HTTP 200, but not with the challenge');
  });
});

it('reaches a program on a port that browsers must not use', async () => {
  const blocked = await onBlockedPort();
  const said = await cli.json(['trigger', 'review.created', '--to', blocked.url]);
  await blocked.down();
  expect(said).toMatchObject({ status: 204 });
  expect(blocked.received).toHaveLength(1);
});

it('has the body of a direct webhook, as `connect` does', () => {
  for (const type of EVENT_TYPES) {
    const { domain, event, class: eventClass, example } = EVENTS[type];
    const envelope = {
      type: 'notification',
      domain,
      event,
      timestamp: '2026-01-05T10:00:00.000Z',
      messageId: 'evt_1',
      data: example,
      id: 'evt_1',
      seq: 4,
      attempt: 1,
      eventType: type,
      class: eventClass,
      deadlineAt: eventClass === 'work' ? '2026-01-05T10:01:00.000Z' : null,
      traceparent: null,
    } as unknown as Envelope;
    const frame = { ...envelope, type: 'event', redelivered: false };
    expect(deliveryOf(4, 1, frame).body).toEqual(webhookBodyOf(envelope));
  }
});

/** Of these `fetch` takes none. */
async function onBlockedPort(): Promise<Receiver> {
  for (const port of [6_667, 6_668, 6_669, 6_697, 6_000, 10_080]) {
    const blocked = await Receiver.start(port).catch(() => undefined);
    if (blocked !== undefined) return blocked;
  }
  throw new Error('All of these ports are in use');
}
