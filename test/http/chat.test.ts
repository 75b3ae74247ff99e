import type { Response } from 'supertest';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { api } from '../support/api.js';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

const EMPLOYMENTS = '/agent/me/employments';
const HOUR_MS = 3_600_000;

type Message = Record<string, unknown> & { id: number; content: string; messageId: string };
type Page = { messages: Message[]; hasMore: boolean; nextCursor?: number };
type AgentEvent = { eventType: string; event: string; domain: string; class: string; data: Record<string, unknown> };

let world: World;
let employer: AgentActor;
let employee: AgentActor;
let id: number;

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  [employer, employee] = [await world.agent(), await world.agent()];
  await world.fund(employer.owner, '1000');
  id = await offered();
  dataOf(await employee.api.post(`${EMPLOYMENTS}/${id}/accept`));
});
afterAll(() => world.close());

async function offered(): Promise<number> {
  const body = { employeeAgentId: employee.id, salary: '1' };
  return dataOf<{ id: number }>(await employer.api.post(EMPLOYMENTS, body)).id;
}

const say = (actor: AgentActor, body: unknown, at = id): Promise<Response> =>
  actor.api.post(`${EMPLOYMENTS}/${at}/messages`, body);
const said = async (actor: AgentActor, content: string): Promise<Message> =>
  dataOf<Message>(await say(actor, { content }));
const read = (actor: AgentActor, lastReadMessageId: unknown, at = id): Promise<Response> =>
  actor.api.post(`${EMPLOYMENTS}/${at}/messages/read`, { lastReadMessageId });
const unread = async (actor: AgentActor, last: unknown): Promise<unknown> =>
  dataOf(await read(actor, last))['unreadCount'];
const page = async (actor: AgentActor, query = ''): Promise<Page> =>
  dataOf<Page>(await actor.api.get(`${EMPLOYMENTS}/${id}/messages${query}`));
const eventsOf = async (actor: AgentActor): Promise<AgentEvent[]> => {
  const types = 'types=chat.message,chat.read&limit=100';
  return dataOf<{ events: AgentEvent[] }>(await actor.api.get(`/agent/me/events?${types}`)).events;
};

const METADATA = {
  language: 'en',
  format: 'markdown',
  attachments: [{ type: 'file', url: 'https://files.example.com/a%20b.pdf?x=1', name: 'a b.pdf', size: 48_213 }],
};

describe('a message', () => {
  it('is kept, and told to the other party and to nobody else', async () => {
    const answer = await say(employer, {
      content: 'Chapter 3 first.\nPlease!',
      messageId: 'first',
      metadata: METADATA,
    });
    const sent = dataOf<Message>(answer);
    expect(sent).toEqual({
      id: expect.any(Number),
      employmentId: id,
      senderAgentId: employer.id,
      receiverAgentId: employee.id,
      type: 'text',
      content: 'Chapter 3 first.\nPlease!',
      messageId: 'first',
      metadata: METADATA,
      createdAt: expect.any(String),
    });
    expect(await page(employee)).toEqual({ messages: [sent], hasMore: false });
    expect(await eventsOf(employer)).toEqual([]);
    const { employmentId, senderAgentId, receiverAgentId, type, content, messageId, metadata, createdAt } = sent;
    expect(await eventsOf(employee)).toMatchObject([
      {
        eventType: 'chat.message',
        domain: 'chat',
        event: 'chat_message',
        class: 'info',
        timestamp: createdAt,
        data: {
          ...{ id: sent.id, employmentId, senderAgentId, receiverAgentId, type, content, messageId, metadata },
          createdAt,
          senderAgentName: expect.stringMatching(/^Agent/),
        },
      },
    ]);
  });

  it('gets a name of its own when its sender gives none, and every field of its attachments', async () => {
    const metadata = { language: '', format: null, attachments: [{ url: 'http://example.com/x' }] };
    const sent = dataOf<Message>(await say(employee, { content: 'x', type: 'markdown', messageId: '', metadata }));
    expect(sent.messageId).toMatch(/^msg_[0-9a-f-]{36}$/);
    expect(sent).toMatchObject({ type: 'markdown', senderAgentId: employee.id, receiverAgentId: employer.id });
    expect(sent['metadata']).toEqual({
      attachments: [{ type: 'file', url: 'http://example.com/x', name: '', size: 0 }],
    });
    const bare = dataOf<Message>(await say(employee, { content: 'x', metadata: { language: '', attachments: [] } }));
    expect(bare).not.toHaveProperty('metadata');
    expect(bare.messageId).not.toBe(sent.messageId);
  });

  it('with the same messageId again is the same message', async () => {
    const body = { content: 'Hello', messageId: 'hello', metadata: METADATA };
    const first = await say(employer, body);
    const again = await say(employer, body);
    expect(dataOf(again)).toEqual(dataOf(first));
    expect([first, again].map(({ headers }) => headers['idempotent-replayed'])).toEqual([undefined, 'true']);
    expect((await page(employer)).messages).toHaveLength(1);
    expect(await eventsOf(employee)).toHaveLength(1);
    // A name is the sender's own.
    dataOf(await say(employee, body));
    dataOf(await employer.api.post(`${EMPLOYMENTS}/${id}/terminate`));
    expect(dataOf(await say(employer, body))).toEqual(dataOf(first));
  });

  it.each([
    ['another content', { content: 'Bye' }],
    ['another type', { type: 'markdown' }],
    ['other metadata', { metadata: { language: 'de' } }],
    ['no metadata', { metadata: null }],
  ])('with the same messageId and %s is refused', async (_name, change) => {
    const body = { content: 'Hello', messageId: 'hello', metadata: METADATA };
    dataOf(await say(employer, body));
    await world.nothingHappens(async () => {
      expectProblem(await say(employer, { ...body, ...change }), 409, 'MESSAGE_ID_REUSED');
    });
  });

  it('with the same messageId in another employment is refused', async () => {
    dataOf(await say(employer, { content: 'Hello', messageId: 'hello' }));
    const other = await offered();
    dataOf(await employee.api.post(`${EMPLOYMENTS}/${other}/accept`));
    await world.nothingHappens(async () => {
      expectProblem(await say(employer, { content: 'Hello', messageId: 'hello' }, other), 409, 'MESSAGE_ID_REUSED');
    });
  });

  it.each([
    ['4,000 characters', 'x'.repeat(4_000)],
    ['4,000 characters of two units each', '🐚'.repeat(4_000)],
    ['several lines', 'a\n\tb\r\n'],
    ['what looks like SQL and HTML', `'); drop table market.chat_message; -- <script>alert(1)</script>`],
  ])('may be %s', async (_name, content) => {
    expect((await said(employer, content)).content).toBe(content);
    expect((await page(employee)).messages[0]?.content).toBe(content);
    expect((await eventsOf(employee))[0]?.data['content']).toBe(content);
  });
});

describe('what cannot be said', () => {
  const attachments = (change: object): object => ({
    metadata: { attachments: [{ type: 'file', url: 'https://example.com', name: 'a', size: 1, ...change }] },
  });
  it.each([
    ['nothing', { content: undefined }, ['content']],
    ['an empty text', { content: '' }, ['content']],
    ['blanks', { content: ' \n ' }, ['content']],
    ['a number', { content: 7 }, ['content']],
    ['4,001 characters', { content: 'x'.repeat(4_001) }, ['content']],
    ['a command for a terminal', { content: '\u001b[2J' }, ['content']],
    ['under a long name', { messageId: 'x'.repeat(129) }, ['messageId']],
    ['under a number', { messageId: 7 }, ['messageId']],
    ['of a long type', { type: 'x'.repeat(65) }, ['type']],
    ['with metadata that is a text', { metadata: 'en' }, ['metadata']],
    ['with unknown metadata', { metadata: { colour: 'red' } }, ['metadata.colour']],
    ['with attachments that are no list', { metadata: { attachments: {} } }, ['metadata.attachments']],
    [
      'with 11 attachments',
      { metadata: { attachments: Array.from({ length: 11 }, () => ({ url: 'https://example.com' })) } },
      ['metadata.attachments'],
    ],
    ['with an attachment that is a text', { metadata: { attachments: ['x'] } }, ['metadata.attachments[0]']],
    ['with an attachment without an address', attachments({ url: undefined }), ['metadata.attachments[0].url']],
    ['with a script for an address', attachments({ url: 'javascript:alert(1)' }), ['metadata.attachments[0].url']],
    ['with a file for an address', attachments({ url: 'file:///etc/passwd' }), ['metadata.attachments[0].url']],
    ['with an address of two lines', attachments({ url: 'https://example.com/\nx' }), ['metadata.attachments[0].url']],
    ['with no host', attachments({ url: 'https://' }), ['metadata.attachments[0].url']],
    ['with a long address', attachments({ url: `https://e.x/${'x'.repeat(2_040)}` }), ['metadata.attachments[0].url']],
    ['with a long name', attachments({ name: 'x'.repeat(256) }), ['metadata.attachments[0].name']],
    ['with a negative size', attachments({ size: -1 }), ['metadata.attachments[0].size']],
    ['with a size in text', attachments({ size: '1' }), ['metadata.attachments[0].size']],
    [
      'with much that is wrong',
      { content: '', type: 5, metadata: { language: 1, attachments: [{ url: 1, size: 0.5 }, 7] } },
      [
        'content',
        'type',
        'metadata.language',
        'metadata.attachments[0].url',
        'metadata.attachments[0].size',
        'metadata.attachments[1]',
      ],
    ],
  ])('%s', async (_name, change, fields) => {
    await world.nothingHappens(async () => {
      expectProblem(await say(employer, { content: 'x', ...change }), 400, 'VALIDATION_FAILED', fields);
    });
  });

  it('before the offer is accepted, and after the end, when it can still be read', async () => {
    const pending = await offered();
    await world.nothingHappens(async () => {
      expectProblem(await say(employer, { content: 'x' }, pending), 409, 'EMPLOYMENT_STATE');
    });
    const { id: last } = await said(employee, 'Done.');
    dataOf(await employer.api.post(`${EMPLOYMENTS}/${id}/terminate`));
    await world.nothingHappens(async () => {
      expectProblem(await say(employer, { content: 'x' }), 409, 'EMPLOYMENT_ENDED');
      expectProblem(await say(employee, { content: 'x' }), 409, 'EMPLOYMENT_ENDED');
    });
    expect((await page(employer)).messages.map(({ content }) => content)).toEqual(['Done.']);
    expect(await unread(employer, last)).toBe(0);
    dataOf(await employee.api.post(`${EMPLOYMENTS}/${pending}/reject`));
    await world.nothingHappens(async () => {
      expectProblem(await say(employer, { content: 'x' }, pending), 409, 'EMPLOYMENT_ENDED');
    });
  });

  it('after the time, also before the platform has ended it', async () => {
    await world.passTime(10 * HOUR_MS);
    await world.nothingHappens(async () => {
      expectProblem(await say(employer, { content: 'x' }), 409, 'EMPLOYMENT_ENDED');
    });
  });

  it('by a stranger, who also reads nothing', async () => {
    const stranger = await world.agent();
    const { id: last } = await said(employer, 'x');
    await world.nothingHappens(async () => {
      expectProblem(await say(stranger, { content: 'x' }), 404, 'NOT_FOUND');
      expectProblem(await read(stranger, last), 404, 'NOT_FOUND');
      expectProblem(await stranger.api.get(`${EMPLOYMENTS}/${id}/messages`), 404, 'NOT_FOUND');
    });
  });

  it('by a frozen agent; to one it can', async () => {
    dataOf(await employee.owner.api.post(`/owner/agents/${employee.id}/freeze`));
    await world.nothingHappens(async () => {
      expectProblem(await say(employee, { content: 'x' }), 403, 'AGENT_FROZEN');
      expectProblem(await read(employee, 1), 403, 'AGENT_FROZEN');
    });
    await said(employer, 'When you are back: chapter 3.');
    dataOf(await employee.owner.api.post(`/owner/agents/${employee.id}/unfreeze`));
    expect(await eventsOf(employee)).toHaveLength(1);
  });

  it("without the scope of the agent's side; reading needs read", async () => {
    const [asEmployer, asEmployee] = [
      api(world.url, await employer.newKey({ scopes: ['read', 'invoke'] })),
      api(world.url, await employee.newKey({ scopes: ['read', 'provide'] })),
    ];
    const wrongEmployee = api(world.url, await employee.newKey({ scopes: ['read', 'invoke'] }));
    const wrong = [
      api(world.url, await employer.newKey({ scopes: ['read', 'provide'] })),
      wrongEmployee,
      api(world.url, await employer.newKey({ scopes: ['invoke'] })),
    ];
    const path = `${EMPLOYMENTS}/${id}/messages`;
    await world.nothingHappens(async () => {
      for (const one of wrong) expectProblem(await one.post(path, { content: 'x' }), 403, 'SCOPE_MISSING');
    });
    const message = dataOf<Message>(await asEmployer.post(path, { content: 'x' }));
    dataOf(await asEmployee.post(path, { content: 'x' }));
    dataOf(await wrongEmployee.post(`${path}/read`, { lastReadMessageId: message.id }));
  });

  it('with a key that has ended since it was looked up', async () => {
    const asKey = api(world.url, await employer.newKey({}));
    dataOf(await asKey.get('/agent/me'));
    await world.database.pool.query(
      `update market.api_key set revoked_at = platform.clock() where id = (select max(id) from market.api_key where agent_id = $1)`,
      [employer.id],
    );
    expectProblem(await asKey.post(`${EMPLOYMENTS}/${id}/messages`, { content: 'x' }), 401, 'UNAUTHENTICATED');
    expect((await page(employer)).messages).toEqual([]);
  });

  it('more than 60 times a minute by one party in one employment', async () => {
    for (let n = 0; n < 60; n += 1) await said(employer, `${n}`);
    await world.nothingHappens(async () => {
      const refused = await say(employer, { content: 'x' });
      expectProblem(refused, 429, 'MESSAGE_LIMIT');
      const retryAfter = Number(refused.headers['retry-after']);
      expect(retryAfter).toBeGreaterThanOrEqual(1);
      expect(retryAfter).toBeLessThanOrEqual(60);
    });
    await said(employee, 'Slowly!');
    const other = await offered();
    dataOf(await employee.api.post(`${EMPLOYMENTS}/${other}/accept`));
    dataOf(await say(employer, { content: 'x' }, other));
    await world.passTime(60_000);
    await said(employer, 'And on.');
  });
});

describe('the history', () => {
  it('comes newest first, in pages that neither miss nor repeat anything', async () => {
    for (let n = 1; n <= 7; n += 1) await said(n % 2 === 0 ? employee : employer, `${n}`);
    const seen: string[] = [];
    let cursor: number | undefined;
    do {
      const one = await page(employee, `?limit=3${cursor === undefined ? '' : `&before=${cursor}`}`);
      seen.push(...one.messages.map(({ content }) => content));
      cursor = one.nextCursor;
      expect(one.hasMore).toBe(cursor !== undefined);
      // What comes now is newer than every page.
      if (seen.length === 3) await said(employer, '8');
    } while (cursor !== undefined);
    expect(seen).toEqual(['7', '6', '5', '4', '3', '2', '1']);
  });

  it('is of one employment, and empty at first', async () => {
    expect(await page(employer)).toEqual({ messages: [], hasMore: false });
    const other = await offered();
    dataOf(await employee.api.post(`${EMPLOYMENTS}/${other}/accept`));
    dataOf(await say(employer, { content: 'x' }, other));
    expect(await page(employer)).toEqual({ messages: [], hasMore: false });
  });

  it('clamps the limit, and refuses what is none', async () => {
    await said(employer, 'x');
    expect((await page(employer, '?limit=1000000')).messages).toHaveLength(1);
    expect((await page(employer, '?limit=&before=')).messages).toHaveLength(1);
    for (const [query, field] of [
      ['limit=0', 'limit'],
      ['limit=x', 'limit'],
      ['before=0', 'before'],
      ['before=msg_1', 'before'],
      ['before=99999999999999999999', 'before'],
    ] as const)
      expectProblem(await employer.api.get(`${EMPLOYMENTS}/${id}/messages?${query}`), 400, 'VALIDATION_FAILED', [
        field,
      ]);
  });
});

describe('a read receipt', () => {
  it('counts what is left, moves forward only, and is told to the other party when it moved', async () => {
    const sent: Message[] = [];
    for (let n = 1; n <= 5; n += 1) sent.push(await said(employer, `${n}`));
    const [, second, third, , fifth] = sent;
    expect(await unread(employee, third?.id)).toBe(2);
    expect(await unread(employee, second?.id)).toBe(2);
    expect(await unread(employee, third?.id)).toBe(2);
    const receipts = await eventsOf(employer);
    expect(receipts).toMatchObject([
      {
        eventType: 'chat.read',
        domain: 'chat',
        event: 'chat_read',
        data: {
          employmentId: id,
          lastReadMessageId: third?.id,
          messageId: third?.messageId,
          readerAgentId: employee.id,
          readAt: expect.any(String),
        },
      },
    ]);
    const shown = (await page(employer)).messages.map(({ readAt }) => readAt);
    const at = receipts[0]?.data['readAt'];
    expect(shown).toEqual([undefined, undefined, at, at, at]);
    await world.passTime(1_000);
    expect(await unread(employee, fifth?.id)).toBe(0);
    expect((await page(employee)).messages.map(({ readAt }) => readAt === at)).toEqual([
      false,
      false,
      true,
      true,
      true,
    ]);
    expect((await eventsOf(employer)).map(({ data }) => data['lastReadMessageId'])).toEqual([third?.id, fifth?.id]);
  });

  it('takes the number, its digits, or the messageId', async () => {
    const [first, second, third] = [
      await said(employer, '1'),
      dataOf<Message>(await say(employer, { content: '2', messageId: 'second' })),
      await said(employer, '3'),
    ];
    // Of two messages of one name it is what the other party said.
    dataOf(await say(employee, { content: 'mine', messageId: 'second' }));
    expect(await unread(employee, first.id)).toBe(2);
    expect(await unread(employee, 'second')).toBe(1);
    expect(dataOf(await read(employee, String(second.id)))).toEqual({ unreadCount: 1, lastReadMessageId: second.id });
    expect(await unread(employee, third.messageId)).toBe(0);
  });

  it("of what one has said oneself reads the other's messages before it, and tells nobody of one's own", async () => {
    const own = await said(employer, 'mine');
    expect(dataOf(await read(employer, own.id))).toEqual({ unreadCount: 0 });
    const theirs = await said(employee, 'theirs');
    const later = await said(employer, 'mine again');
    expect(await unread(employer, own.id)).toBe(1);
    expect(dataOf(await read(employer, later.id))).toEqual({ unreadCount: 0, lastReadMessageId: theirs.id });
    expect((await eventsOf(employee)).filter(({ eventType }) => eventType === 'chat.read')).toHaveLength(1);
    expect((await page(employer)).messages.find((message) => message.id === later.id)).not.toHaveProperty('readAt');
  });

  it('of a message that is not there is refused', async () => {
    await said(employer, 'x');
    const other = await offered();
    dataOf(await employee.api.post(`${EMPLOYMENTS}/${other}/accept`));
    const elsewhere = dataOf<Message>(await say(employer, { content: 'x', messageId: 'elsewhere' }, other));
    await world.nothingHappens(async () => {
      for (const last of [999_999_999, 'nothing', '999999999', elsewhere.id, 'elsewhere'])
        expectProblem(await read(employee, last), 404, 'NOT_FOUND');
      for (const last of [undefined, null, '', 0, -1, 1.5, true, {}, [1], 'x'.repeat(129)])
        expectProblem(await read(employee, last), 400, 'VALIDATION_FAILED', ['lastReadMessageId']);
    });
  });
});
