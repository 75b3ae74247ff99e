import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { beforeEach, describe, expect, it } from 'vitest';
import { dataOf } from '../support/expect-problem.js';
import { refusalOf, until } from './cli.js';
import { connectStage } from './connect-stage.js';

const stage = connectStage();

describe('what cannot work', () => {
  it.each([['/nowhere/at-all'], ['no-such-command-anywhere --flag'], ['/etc'], ['/etc/passwd']])(
    'is told before the first event: --exec %j',
    async (command) => {
      const result = await stage.cli.run(['connect', '--exec', command], {
        env: { C4C_API_TOKEN: stage.provider.key },
      });
      expect([result.code, refusalOf(result).error.code]).toEqual([2, 'USAGE']);
      expect(refusalOf(result).error.message).toContain(command.split(' ')[0]);
    },
  );

  it('is told before the first event: results by a key that may only read', async () => {
    const key = await stage.provider.newKey({ scopes: ['read'] });
    const invocation = await stage.invoke();
    for (const args of [
      ['--exec', 'cat'],
      ['--webhook', stage.receiver.url, '--on-exhausted', 'fail'],
    ]) {
      const connection = stage.connect({ key, args });
      expect(await connection.ended).toBe(4);
      expect(connection.all('event.received')).toEqual([]);
      expect(connection.all('refused')[0]?.['reason']).toContain('"provide"');
    }
    expect(stage.receiver.bodies('service_invocation')).toEqual([]);
    expect(await stage.invocation(invocation)).toMatchObject({ status: 'pending', phase: 'queued' });
    // Looking on it may.
    const watching = stage.connect({ key });
    await watching.saw('forward.ok');
  });
});

describe('what it forwards', () => {
  it('is the body for both kinds of handlers, acknowledged after their 2xx', async () => {
    const connection = stage.connect();
    await connection.saw('connected');
    const invocation = await stage.invoke();
    await connection.saw('acked');
    const [body] = stage.receiver.bodies('service_invocation');
    expect(body).toMatchObject({
      type: 'service_invocation',
      invocationId: invocation,
      serviceId: stage.service,
      input: { text: 'to be' },
      domain: 'service_invocation',
      event: 'service_invoked',
      data: { serviceTitle: 'Word counter', price: '2.5' },
    });
    expect(Date.parse(String(body?.['timestamp']))).toBeGreaterThan(0);
    await stage.reaches(invocation, 'acknowledged');
  });

  it('has the whole input also when that is too long for an event, with one target as with the other', async () => {
    const free = await stage.world.service(stage.provider, {
      title: 'Free form',
      inputSchema: null,
      outputSchema: null,
    });
    const connection = stage.connect();
    await connection.saw('connected');
    const text = 'x'.repeat(100_000);
    const invocation = await stage.invoke(free, text);
    await connection.saw('acked');
    const [body] = stage.receiver.bodies('service_invocation');
    expect(body).toMatchObject({ invocationId: invocation, input: { text }, data: { input: { text } } });
    expect(body).not.toHaveProperty('inputUrl');
    expect(body?.['data']).not.toHaveProperty('inputUrl');
    await connection.kill();

    const counter = join(mkdtempSync(join(stage.cli.home, 'counter-')), 'counter.mjs');
    writeFileSync(
      counter,
      `import { json } from 'node:stream/consumers';
      const { input } = await json(process.stdin);
      console.log(JSON.stringify({ length: input.text.length }));`,
    );
    const long = await stage.invoke(free, text);
    const command = stage.connect({ args: ['--exec', `node '${counter}'`, '--consumer', 'command', '--once'] });
    expect(await command.ended).toBe(0);
    expect(await stage.invocation(long)).toMatchObject({ status: 'completed', output: { length: 100_000 } });
  });

  it('is not shared with a copy of the same consumer that asks for other types', async () => {
    const connection = stage.connect();
    await connection.saw('connected');
    const command = stage.connect({ args: ['--exec', 'true'] });
    expect(await command.ended).toBe(5);
    expect(command.stderr).toContain('--consumer');
    await stage.invoke();
    await connection.saw('acked');
  });

  it('are the notices of a webhook endpoint, too', async () => {
    const connection = stage.connect();
    await connection.saw('connected');
    const { endpoint } = dataOf<{ endpoint: { id: number } }>(
      await stage.provider.api.post('/agent/me/webhooks', { url: 'https://agent.example.com/hook' }),
    );
    await stage.world.database.pool.query(`update market.webhook_endpoint set state = 'active' where id = $1`, [
      endpoint.id,
    ]);
    await stage.world.database.pool.query('select market.webhook_endpoint_tried($1, 5, false, false, false)', [
      endpoint.id,
    ]);
    await connection.saw('acked');
    expect(stage.receiver.bodies('notification')).toMatchObject([
      { eventType: 'endpoint.failing', data: { endpointId: endpoint.id, state: 'failing' }, specVersion: '1' },
    ]);
    const events = await stage.cli.text(['events', 'list', '--types', 'endpoint.failing'], {
      C4C_API_TOKEN: stage.provider.key,
    });
    expect(events.stdout).toMatch(
      new RegExp(`endpoint\\.failing +endpoint ${endpoint.id} +https://agent\\.example\\.com/hook`),
    );
  });

  it('is the frame itself for every other event', async () => {
    const connection = stage.connect();
    await connection.saw('connected');
    const invocation = await stage.invoke();
    await connection.saw('acked');
    await stage.provider.api.post(`/agent/me/service-invocations/${invocation}/submit`, {
      status: 'completed',
      output: { words: 2 },
    });
    await stage.caller.api.post(`/agent/me/service-invocations/${invocation}/review`, { rating: 5 });
    await connection.saw('forward.ok', 2);
    expect(stage.receiver.bodies('notification')).toMatchObject([
      { domain: 'service_invocation', event: 'invocation_reviewed', data: { rating: 5 } },
    ]);
  });

  it('is signed with a secret that is shown once, and has the headers of a direct webhook', async () => {
    const first = stage.connect();
    const { secret } = await first.saw('secret.created');
    await first.saw('connected');
    const invocation = await stage.invoke();
    await first.saw('acked');
    const [{ text = '', headers = {} } = {}] = stage.receiver.received;
    expect(new Webhook(String(secret)).verify(text, headers)).toMatchObject({ invocationId: invocation });
    expect(headers).toMatchObject({ 'x-c4c-event': 'invocation.invoked', 'x-c4c-attempt': '1' });
    expect(Date.parse(headers['x-c4c-deadline'] ?? '')).toBeGreaterThan(Date.now());
    await first.kill();

    const second = stage.connect();
    await second.saw('connected');
    expect(second.all('secret.created')).toEqual([]);
    expect(second.stdout).not.toContain(String(secret));
  });

  it('comes again after a kill before the webhook answered, and not after one behind it', async () => {
    const first = stage.connect();
    await first.saw('connected');
    const done = await stage.invoke();
    await first.saw('acked');
    stage.receiver.delayMs = 60_000;
    const begun = await stage.invoke();
    await until('the webhook works', () => stage.receiver.busy > 0);
    await first.kill();
    stage.receiver.delayMs = 0;
    const second = stage.connect();
    await second.saw('acked');
    expect(second.all('forward.ok').map((line) => line['invocationId'])).toEqual([begun]);
    expect(done).not.toBe(begun);
  });

  it('goes to eight at a time', async () => {
    const connection = stage.connect();
    await connection.saw('connected');
    stage.receiver.delayMs = 300;
    await Promise.all(Array.from({ length: 20 }, () => stage.invoke()));
    await connection.saw('forward.ok', 20);
    expect(stage.receiver.busyMost).toBe(8);
  });

  it('is shown when there is no webhook', async () => {
    const connection = stage.connect({ args: [] });
    await connection.saw('connected');
    const invocation = await stage.invoke();
    expect(await connection.saw('event.received')).toMatchObject({
      invocationId: invocation,
      frame: { type: 'notification' },
    });
    // Which takes work from webhooks, and is said; a key that only reads takes none.
    expect(connection.all('showing')).toMatchObject([{ acknowledges: true }]);
    await stage.reaches(invocation, 'acknowledged');
    const key = await stage.provider.newKey({ scopes: ['read'] });
    const watching = stage.connect({ key, args: [], env: { C4C_OUTPUT: 'text' } });
    await until('said so', () =>
      watching.stderr.includes('events are only shown, and stay with those who do the work'),
    );
  });
});

describe('a receiver that fails', () => {
  it('gets it when it is up again', async () => {
    const connection = stage.connect();
    await connection.saw('connected');
    await stage.receiver.down();
    const invocation = await stage.invoke();
    await connection.saw('forward.retry', 2);
    expect((await stage.invocation(invocation)).phase).not.toBe('completed');
    await stage.receiver.up();
    await connection.saw('acked');
    expect(stage.receiver.bodies('service_invocation')).toHaveLength(1);
  });

  it('is given up at the deadline, and gets the next one', async () => {
    const hasty = await stage.world.service(stage.provider, { title: 'Hasty', avgResponseMs: 600, outputSchema: null });
    const connection = stage.connect();
    await connection.saw('connected');
    stage.receiver.status = 500;
    await stage.invoke(hasty);
    expect(await connection.saw('forward.expired')).toMatchObject({ reason: 'HTTP 500' });
    expect(stage.receiver.received.length).toBeGreaterThan(1);
    stage.receiver.status = 200;
    await stage.invoke();
    await connection.saw('acked');
  });
});

describe('what is not taken in time', () => {
  let hasty: number;
  beforeEach(async () => {
    hasty = await stage.world.service(stage.provider, { title: 'Hasty', avgResponseMs: 1_500, outputSchema: null });
    stage.receiver.status = 500;
  });

  it('is failed a moment before the deadline, so that the caller has the money back', async () => {
    const connection = stage.connect({ args: ['--webhook', stage.receiver.url, '--on-exhausted', 'fail'] });
    await connection.saw('connected');
    const invocation = await stage.invoke(hasty);
    expect(await connection.saw('submitted')).toMatchObject({ status: 'failed', invocationId: invocation });
    expect(await stage.invocation(invocation)).toMatchObject({ status: 'failed', phase: 'failed' });
  });

  it('ends the run with 10, and stays unacknowledged', async () => {
    const args = ['--webhook', stage.receiver.url, '--on-exhausted', 'exit'];
    const connection = stage.connect({ args });
    await connection.saw('connected');
    await stage.invoke(hasty);
    expect(await connection.ended).toBe(10);
    expect(JSON.parse(connection.stderr)).toMatchObject({ error: { code: 'TARGET_FAILED' } });
    expect(connection.all('acked')).toEqual([]);
  });

  it('is what was tried --max-retries times, long before the deadline', async () => {
    const args = ['--webhook', stage.receiver.url, '--max-retries', '2', '--on-exhausted', 'exit'];
    const connection = stage.connect({ args });
    await connection.saw('connected');
    await stage.invoke();
    expect(await connection.ended).toBe(10);
    expect(stage.receiver.received.length).toBe(3);
    expect(connection.all('forward.failed')).toMatchObject([{ attempt: 3, reason: 'HTTP 500' }]);
  });
});

it.each([
  [['--webhook', 'http://127.0.0.1:9/', '--exec', 'true']],
  [['--webhook', 'ftp://127.0.0.1/']],
  [['--exec', "echo 'open"]],
  [['--consumer', 'with a space']],
  [['--max-retries', '-1']],
  [['--health-port', '0']],
  [['--on-exhausted', 'wait']],
  [['--types', 'invocation.invoked,nope']],
])('options such as %j end with 2', async (args) => {
  expect(await stage.connect({ args }).ended).toBe(2);
});

it.each(['--webhook', '--exec', '--consumer', '--types', '--timeout', '--secret', '--on-exhausted', '--health-port'])(
  'an empty %s ends with 2 and is named',
  async (option) => {
    for (const empty of ['', ' ']) {
      const refused = await stage.cli.run(['connect', option, empty]);
      expect([refused.code, refusalOf(refused).error.code]).toEqual([2, 'USAGE']);
      expect(refusalOf(refused).error.message).toContain(option);
    }
  },
);

describe('a command', () => {
  let worker: string;
  beforeEach(() => {
    worker = join(mkdtempSync(join(stage.cli.home, 'worker-')), 'worker.mjs');
    writeFileSync(
      worker,
      `import { json } from 'node:stream/consumers';
      const { input } = await json(process.stdin);
      if (input.text === 'bad') { console.error('cannot read this'); process.exit(3); }
      console.log(JSON.stringify(input.text === 'odd' ? { letters: 1 } : { words: input.text.split(' ').length }));`,
    );
  });

  it('gets the invocation and gives its result, or its failure', async () => {
    const strict = await stage.world.service(stage.provider);
    const connection = stage.connect({ args: ['--exec', `node '${worker}'`] });
    await connection.saw('connected');
    const good = await stage.invoke(strict, 'to be or not');
    const bad = await stage.invoke(strict, 'bad');
    const odd = await stage.invoke(strict, 'odd');
    await connection.saw('acked', 3);
    expect(await stage.invocation(good)).toMatchObject({ status: 'completed', output: { words: 4 } });
    expect(await stage.invocation(bad)).toMatchObject({ status: 'failed' });
    expect(await stage.invocation(odd)).toMatchObject({ status: 'failed' });
    const submitted = connection.all('submitted');
    expect(submitted.find((line) => line['invocationId'] === bad)).toMatchObject({
      error: 'cannot read this (it ended with 3)',
    });
  });

  it('whose result the key may not submit is the end with 4, and the scope is named', async () => {
    await stage.invoke();
    const key = await stage.provider.newKey({ scopes: ['read'] });
    const connection = stage.connect({ key, args: ['--exec', `node '${worker}'`] });
    expect(await connection.ended).toBe(4);
    expect(JSON.parse(connection.stderr)).toMatchObject({
      error: { code: 'SCOPE_MISSING', message: expect.stringContaining('"provide"') },
    });
    expect(connection.all('event.received')).toEqual([]);
    expect(connection.all('acked')).toEqual([]);
  });

  it('works off what there is and ends, with --once', async () => {
    const strict = await stage.world.service(stage.provider);
    const waiting = [await stage.invoke(strict, 'one'), await stage.invoke(strict, 'one two')];
    const connection = stage.connect({ args: ['--exec', `node '${worker}'`, '--once'] });
    expect(await connection.ended).toBe(0);
    for (const invocation of waiting) expect(await stage.invocation(invocation)).toMatchObject({ status: 'completed' });
  });
});
