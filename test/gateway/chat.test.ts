import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Sockets } from '../../libs/gateway/sockets.js';
import type { Client, Frame } from './client.js';
import { Market, type Agent, type Node } from './market.js';

/* The chat of employments over sockets. What may be said is tried in test/http/chat.test.ts; here is what sockets add. */

type Pair = { employer: Agent; employee: Agent; id: number };
type Message = { id: number; content: string; messageId: string; senderAgentId: number };

const EMPLOYMENTS = '/agent/me/employments';
const TYPES = ['chat.message', 'chat.read'];

let market: Market;

beforeAll(async () => {
  market = await Market.start();
});
afterEach(() => market.hangUp());
afterAll(() => market.close());

async function pair(): Promise<Pair> {
  const { provider: employee, caller: employer } = await market.shop();
  const { id } = await market.node.call<{ id: number }>(employer.key, 'POST', EMPLOYMENTS, {
    employeeAgentId: employee.id,
    salary: '0.01',
  });
  await market.node.call(employee.key, 'POST', `${EMPLOYMENTS}/${id}/accept`, {});
  return { employer, employee, id };
}

/** A plain socket to which what happens from now on is sent: that begins a moment after it has opened. */
async function listen(agent: Agent, at: Node = market.node): Promise<Client> {
  const client = await market.open(agent, {}, '', at);
  const sockets = at.api.app.get(Sockets, { strict: false });
  await expect.poll(() => sockets.of(BigInt(agent.id)).map(({ isLive }) => isLive)).not.toContain(false);
  expect(sockets.of(BigInt(agent.id))).not.toEqual([]);
  return client;
}

async function history({ employer, id }: Pair): Promise<Message[]> {
  const page = await market.node.call<{ messages: Message[] }>(employer.key, 'GET', `${EMPLOYMENTS}/${id}/messages`);
  return page.messages.reverse();
}

function say({ id }: Pair, by: Agent, content: string): Promise<Message> {
  return market.node.call<Message>(by.key, 'POST', `${EMPLOYMENTS}/${id}/messages`, { content });
}

const messages = (client: Client): Frame[] => client.ofType('message');
const contents = (client: Client): unknown[] => messages(client).map(({ content }) => content);
const eventContents = (client: Client): unknown[] => client.ofType('event').map(({ data }) => data?.['content']);

async function failed(client: Client, frame: object): Promise<Frame> {
  const before = client.ofType('error').length;
  client.send(frame);
  await client.until(() => client.ofType('error').length > before);
  return client.ofType('error')[before] ?? { type: 'none' };
}

async function answered(client: Client, frame: { ref: string | number } & Record<string, unknown>): Promise<Frame> {
  client.send(frame);
  const reply = (): Frame | undefined => client.ofType('reply').find(({ ref }) => ref === frame.ref);
  await client.until(() => reply() !== undefined);
  return reply() ?? { type: 'none' };
}

describe('on the plain protocol', () => {
  it('both parties talk, and hear how far the other has read', async () => {
    const both = await pair();
    const [employer, employee] = [await listen(both.employer), await listen(both.employee)];
    const metadata = {
      language: 'en',
      format: 'plain',
      attachments: [{ type: 'image', url: 'https://example.com/a.png', name: 'a.png', size: 3 }],
    };
    const timestamp = new Date().toISOString();
    employer.send({ type: 'message', employmentId: both.id, timestamp, messageId: 'm-1', content: 'Hello', metadata });
    await employee.until(() => messages(employee).length === 1);
    expect(messages(employee)[0]).toEqual({
      type: 'message',
      employmentId: both.id,
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      messageId: 'm-1',
      content: 'Hello',
      metadata,
    });
    const [first] = await history(both);
    employee.send({ type: 'read', employmentId: both.id, timestamp, messageId: 'r-1', lastReadMessageId: first?.id });
    await employer.until(() => employer.ofType('read').length === 1);
    expect(employer.ofType('read')[0]).toEqual({
      type: 'read',
      employmentId: both.id,
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      messageId: 'm-1',
      lastReadMessageId: first?.id,
    });
    // Who knows a message only by the frame that brought it names it by its messageId.
    employee.send({ type: 'message', employmentId: String(both.id), content: 'At your service.' });
    await employer.until(() => messages(employer).length === 1);
    const { messageId } = messages(employer)[0] ?? {};
    expect(messageId).toMatch(/^msg_/);
    employer.send({ type: 'read', employmentId: String(both.id), lastReadMessageId: messageId });
    await employee.until(() => employee.ofType('read').length === 1);
    expect(employee.ofType('read')[0]).toMatchObject({ employmentId: both.id, messageId });
    expect([...employer.errors, ...employee.errors]).toEqual([]);
    expect([...employer.frames, ...employee.frames].filter(({ type }) => type === 'notification')).toEqual([]);
  });

  it('what one socket says at once is read in the order in which it was said', async () => {
    const both = await pair();
    const [employer, employee] = [await listen(both.employer), await listen(both.employee)];
    const said = Array.from({ length: 40 }, (_, n) => `${n}`);
    for (const content of said) employer.send({ type: 'message', employmentId: both.id, content });
    await employee.until(() => messages(employee).length === said.length);
    expect(contents(employee)).toEqual(said);
    expect((await history(both)).map(({ content }) => content)).toEqual(said);
    expect(employer.errors).toEqual([]);
  });

  it('the same messageId again is one message, and another message under it an error', async () => {
    const both = await pair();
    const [employer, employee] = [await listen(both.employer), await listen(both.employee)];
    const frame = { type: 'message', employmentId: both.id, messageId: 'm-1', content: 'Hello' };
    employer.send(frame);
    employer.send(frame);
    expect(await failed(employer, { ...frame, content: 'Bye' })).toMatchObject({
      code: 'MESSAGE_ID_REUSED',
      message: employer.ofType('error')[0]?.['content'],
    });
    employer.send({ type: 'message', employmentId: both.id, content: 'last' });
    await employee.until(() => contents(employee).includes('last'));
    expect(contents(employee)).toEqual(['Hello', 'last']);
  });

  it('every socket of the receiver gets it, a stranger nothing, and a later socket only what follows', async () => {
    const both = await pair();
    const [first, second] = [await listen(both.employee), await listen(both.employee)];
    const stranger = await listen((await market.shop()).provider);
    await say(both, both.employer, '1');
    await Promise.all([first, second].map((client) => client.until(() => messages(client).length === 1)));
    const later = await listen(both.employee);
    await say(both, both.employer, '2');
    await later.until(() => messages(later).length === 1);
    expect(contents(later)).toEqual(['2']);
    expect(stranger.frames).toEqual([]);
  });

  it.each([
    ['no employment', { type: 'message', content: 'x' }, 'VALIDATION_FAILED', ['employmentId']],
    ['no text', { type: 'message', employmentId: 1, content: '' }, 'VALIDATION_FAILED', ['content']],
    [
      'much that is wrong',
      {
        type: 'message',
        employmentId: 'x',
        content: 7,
        messageId: {},
        metadata: { attachments: [{ url: 'ftp://x' }] },
      },
      'VALIDATION_FAILED',
      ['content', 'employmentId', 'messageId', 'metadata.attachments[0].url'],
    ],
    ['a long text', { type: 'message', employmentId: 1, content: 'x'.repeat(4_001) }, 'VALIDATION_FAILED', ['content']],
    ['U+0000', { type: 'message', employmentId: 1, content: '\u0000' }, 'VALIDATION_FAILED', ['content']],
    ['half a character', { type: 'message', employmentId: 1, content: '\ud800' }, 'VALIDATION_FAILED', ['content']],
    ['beyond 2^53', { type: 'message', employmentId: 1e300, content: 'x' }, 'VALIDATION_FAILED', ['employmentId']],
    ['a strange employment', { type: 'message', employmentId: 999_999, content: 'x' }, 'NOT_FOUND', undefined],
    ['no place to have read to', { type: 'read', employmentId: 1 }, 'VALIDATION_FAILED', ['lastReadMessageId']],
    [
      'a list to have read to',
      { type: 'read', employmentId: 0, lastReadMessageId: [1] },
      'VALIDATION_FAILED',
      ['employmentId', 'lastReadMessageId'],
    ],
    ['a strange place', { type: 'read', employmentId: 999_999, lastReadMessageId: 1 }, 'NOT_FOUND', undefined],
  ])('a frame with %s gets an error frame, and the socket stays open', async (_name, frame, code, fields) => {
    const client = await listen(await market.agent());
    const error = await failed(client, frame);
    expect(error).toMatchObject({ code, message: error['content'] });
    if (fields !== undefined) {
      const { errors } = error['details'] as { errors: { field: string }[] };
      expect(errors.map(({ field }) => field).sort()).toEqual(fields);
    }
    client.send({ type: 'ping' });
    await client.until(() => client.ofType('pong').length === 1);
  });

  it('a frame of nested brackets and names given twice is an error, and the socket stays open', async () => {
    const client = await listen(await market.agent());
    const deep = `{"type":"message","metadata":${'['.repeat(40)}${']'.repeat(40)}}`;
    client.send(deep);
    client.send('{"type":"message","employmentId":1,"content":"a","content":"b"}');
    await client.until(() => client.errors.length === 2);
    expect(client.errors).toEqual(['FRAME_MALFORMED', 'VALIDATION_FAILED']);
    expect(client.closed).toBeUndefined();
  });

  it("a key needs the scope of its agent's side to talk, and read to have read", async () => {
    const both = await pair();
    const keyed = async (agent: Agent, scopes: string[]): Promise<Agent> => {
      const path = `/owner/agents/${agent.id}/keys`;
      const { key } = await market.node.call<{ key: string }>(agent.ownerKey, 'POST', path, { scopes });
      return { ...agent, key };
    };
    const provider = await listen(await keyed(both.employee, ['provide']));
    const reader = await listen(await keyed(both.employee, ['read', 'invoke']));
    provider.send({ type: 'message', employmentId: both.id, content: 'Mine to say.' });
    expect(await failed(reader, { type: 'message', employmentId: both.id, content: 'x' })).toMatchObject({
      code: 'SCOPE_MISSING',
    });
    await expect.poll(() => history(both)).toHaveLength(1);
    const { id } = await say(both, both.employer, 'y');
    expect(await failed(provider, { type: 'read', employmentId: both.id, lastReadMessageId: id })).toMatchObject({
      code: 'SCOPE_MISSING',
    });
    expect((await history(both)).map(({ content }) => content)).toEqual(['Mine to say.', 'y']);
  });

  it('more than 60 messages a minute are refused, and the socket stays open', async () => {
    const both = await pair();
    for (let n = 0; n < 60; n += 1) await say(both, both.employer, `${n}`);
    const client = await listen(both.employer);
    const error = await failed(client, { type: 'message', employmentId: both.id, content: 'x' });
    expect(error).toMatchObject({ code: 'MESSAGE_LIMIT' });
    expect(client.closed).toBeUndefined();
    expect(await history(both)).toHaveLength(50);
  });

  it('a frozen agent says nothing any more; what it hears waits for it', async () => {
    const both = await pair();
    const client = await listen(both.employee);
    await market.freeze(both.employee);
    expect(await client.untilClosed()).toMatchObject({ code: 4503 });
    await say(both, both.employer, 'Come back!');
    await market.node.call(both.employee.ownerKey, 'POST', `/owner/agents/${both.employee.id}/unfreeze`);
    const back = await market.greet(both.employee, { after: 0, types: TYPES });
    await back.until(() => back.events.length === 1);
    expect(eventContents(back)).toEqual(['Come back!']);
  });

  it('what another process takes arrives here all the same', async () => {
    const both = await pair();
    const elsewhere = await market.elsewhere();
    const here = await listen(both.employee);
    const there = await listen(both.employer, elsewhere);
    there.send({ type: 'message', employmentId: both.id, content: 'from afar' });
    await here.until(() => messages(here).length === 1);
    here.send({ type: 'message', employmentId: both.id, content: 'and back' });
    await there.until(() => messages(there).length === 1);
    expect([contents(here), contents(there)]).toEqual([['from afar'], ['and back']]);
  });
});

describe('on c4c.v1', () => {
  it('both parties talk with a reply to each frame, and get the events of the log', async () => {
    const both = await pair();
    const employer = await market.greet(both.employer, { types: TYPES });
    const employee = await market.greet(both.employee, { types: TYPES });
    const frame = { type: 'message', ref: 'a', employmentId: both.id, content: 'Hello', messageId: 'm-1' };
    const reply = await answered(employer, frame);
    expect(reply).toEqual({
      type: 'reply',
      ref: 'a',
      ok: true,
      id: expect.any(Number),
      employmentId: both.id,
      messageId: 'm-1',
      createdAt: expect.any(String),
      replayed: false,
    });
    expect(await answered(employer, { ...frame, ref: 'b' })).toMatchObject({ id: reply['id'], replayed: true });
    await employee.until(() => employee.events.length === 1);
    expect(employee.ofType('event')[0]).toMatchObject({
      eventType: 'chat.message',
      domain: 'chat',
      event: 'chat_message',
      class: 'info',
      data: { employmentId: both.id, id: reply['id'], messageId: 'm-1', content: 'Hello' },
    });
    const read = { type: 'read', ref: 1, employmentId: both.id, lastReadMessageId: reply['id'] };
    expect(await answered(employee, read)).toEqual({
      type: 'reply',
      ref: 1,
      ok: true,
      unreadCount: 0,
      lastReadMessageId: reply['id'],
    });
    await employer.until(() => employer.events.length === 1);
    expect(employer.ofType('event')[0]).toMatchObject({
      eventType: 'chat.read',
      data: { employmentId: both.id, lastReadMessageId: reply['id'], messageId: 'm-1' },
    });
  });

  it('who was away gets what was said meanwhile, once and in order', async () => {
    const both = await pair();
    const before = await market.greet(both.employee, { consumer: 'chat', types: TYPES });
    await say(both, both.employer, '1');
    await before.until(() => before.events.length === 1);
    before.ack(...before.events);
    await before.leave();
    for (const content of ['2', '3', '4']) await say(both, both.employer, content);
    const after = await market.greet(both.employee, { consumer: 'chat', types: TYPES });
    await after.until(() => after.ofType('caught_up').length === 1);
    expect(eventContents(after)).toEqual(['2', '3', '4']);
    await say(both, both.employer, '5');
    await after.until(() => after.events.length === 4);
    expect(eventContents(after)).toEqual(['2', '3', '4', '5']);
  });

  it.each([
    ['message', { employmentId: 1, content: '' }, 'VALIDATION_FAILED', false],
    ['message', { employmentId: 999_999, content: 'x' }, 'NOT_FOUND', false],
    ['read', { employmentId: 'x' }, 'VALIDATION_FAILED', false],
    ['read', { employmentId: 999_999, lastReadMessageId: 'x' }, 'NOT_FOUND', false],
  ])('what is wrong with a %s (%j) is said in its reply', async (type, fields, code, retryable) => {
    const client = await market.greet(await market.agent());
    expect(await answered(client, { type, ref: 'a', ...fields })).toMatchObject({ ok: false, code, retryable });
    client.send({ type: 'ping', n: 1 });
    await client.until(() => client.ofType('pong').length === 1);
  });

  it('a frame without a ref cannot be answered, and ends the socket', async () => {
    const client = await market.greet(await market.agent());
    client.send({ type: 'message', employmentId: 1, content: 'x' });
    expect(await client.untilClosed()).toMatchObject({ code: 4501 });
    expect(client.errors).toEqual(['VALIDATION_FAILED']);
  });

  it('what one socket says at once is answered and read in its order', async () => {
    const both = await pair();
    const client = await market.greet(both.employer);
    const refs = Array.from({ length: 40 }, (_, n) => n);
    for (const ref of refs) client.send({ type: 'message', ref, employmentId: both.id, content: `${ref}` });
    await client.until(() => client.ofType('reply').length === refs.length);
    expect(client.ofType('reply').map(({ ref, ok }) => [ref, ok])).toEqual(refs.map((ref) => [ref, true]));
    expect((await history(both)).map(({ content }) => Number(content))).toEqual(refs);
  });
});
