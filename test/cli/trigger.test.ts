import { afterEach, beforeEach, expect, it } from 'vitest';
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
});

it.each([[['trigger', 'review.created']], [['trigger', 'review.created', '--to', 'ftp://x']]])(
  'needs an address: %j',
  async (args) => expect((await cli.run(args)).code).toBe(2),
);

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
