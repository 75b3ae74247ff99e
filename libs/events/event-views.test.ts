import { describe, expect, it } from 'vitest';
import type { AgentEvent } from './event-log.store.js';
import { EventViews, type EventRenderer } from './event-views.js';

const AT = new Date('2026-03-01T12:00:00Z');

const event = (seq: bigint, type: string): AgentEvent => ({
  agentId: 1n,
  seq,
  eventId: `evt_${seq}`,
  // The log has what other versions have written.
  type: type as AgentEvent['type'],
  invocationId: null,
  createdAt: AT,
});

/** Shows of each event its number, its subject and the form that was asked for; of what `hides` nothing. */
const renderer = (subject: EventRenderer['subject'], hides: readonly bigint[] = []): EventRenderer => ({
  subject,
  show: (events, form) =>
    Promise.resolve(
      new Map(
        events.flatMap(({ eventId, seq }) =>
          hides.includes(seq) ? [] : [[eventId, { data: { by: subject, seq: Number(seq), form } }]],
        ),
      ),
    ),
});

function views(...renderers: EventRenderer[]): EventViews {
  const made = new EventViews();
  for (const one of renderers) made.add(one);
  return made;
}

describe('events of several subjects', () => {
  const log = [
    event(1n, 'endpoint.failing'),
    event(2n, 'review.created'),
    event(3n, 'nobody.knows'),
    event(4n, 'endpoint.disabled'),
    event(5n, 'invocation.timeout'),
  ];

  it('are each shown by the lib that owns the subject, in the order of the log, without unknown types', async () => {
    const shown = await views(renderer('invocation'), renderer('endpoint')).envelopes(log);
    expect(shown.map(({ data, eventType }) => [data, eventType])).toEqual([
      [{ by: 'endpoint', seq: 1, form: 'thin' }, 'endpoint.failing'],
      [{ by: 'invocation', seq: 2, form: 'thin' }, 'review.created'],
      [{ by: 'endpoint', seq: 4, form: 'thin' }, 'endpoint.disabled'],
      [{ by: 'invocation', seq: 5, form: 'thin' }, 'invocation.timeout'],
    ]);
  });

  it('are whole for plain sockets, with the names of the contract', async () => {
    const frames = await views(renderer('endpoint')).plainFrames([event(1n, 'endpoint.failing')]);
    expect(frames).toEqual(
      new Map([
        [
          'evt_1',
          {
            type: 'notification',
            domain: 'webhook_endpoint',
            event: 'endpoint_failing',
            timestamp: AT.toISOString(),
            messageId: 'evt_1',
            data: { by: 'endpoint', seq: 1, form: 'whole' },
          },
        ],
      ]),
    );
  });

  it('are frames of their own for plain sockets when they are of the chat', async () => {
    const data = { employmentId: 15, id: 7, messageId: 'mine', content: 'Hello', senderAgentName: 'Scout' };
    const chat: EventRenderer = {
      subject: 'chat',
      show: (events) =>
        Promise.resolve(
          new Map(
            events.map(({ eventId, seq }) => [
              eventId,
              { data: seq === 3n ? { ...data, metadata: { language: 'en' } } : { ...data, lastReadMessageId: 7 } },
            ]),
          ),
        ),
    };
    const frames = await views(chat).plainFrames([
      event(1n, 'chat.message'),
      event(2n, 'chat.read'),
      event(3n, 'chat.message'),
    ]);
    const said = {
      type: 'message',
      employmentId: 15,
      timestamp: AT.toISOString(),
      messageId: 'mine',
      content: 'Hello',
    };
    expect([...frames.values()]).toEqual([
      said,
      { type: 'read', employmentId: 15, timestamp: AT.toISOString(), messageId: 'mine', lastReadMessageId: 7 },
      { ...said, metadata: { language: 'en' } },
    ]);
  });

  it('have no place for what there is nothing left of', async () => {
    const shown = await views(renderer('invocation', [2n]), renderer('endpoint', [1n])).envelopes(log);
    expect(shown.map(({ seq }) => seq)).toEqual([4, 5]);
  });
});

describe('a process', () => {
  it('does not start when nobody shows the events of some subject', () => {
    expect(() => views(renderer('invocation')).onApplicationBootstrap()).toThrow(
      'about: endpoint, task, employment, chat',
    );
    const all = (['invocation', 'endpoint', 'task', 'employment', 'chat', 'approval'] as const).map((subject) =>
      renderer(subject),
    );
    expect(() => views(...all).onApplicationBootstrap()).not.toThrow();
  });
});
