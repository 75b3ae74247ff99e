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
    expect(await views(renderer('endpoint')).notifications([event(1n, 'endpoint.failing')])).toEqual([
      {
        type: 'notification',
        domain: 'webhook_endpoint',
        event: 'endpoint_failing',
        timestamp: AT.toISOString(),
        messageId: 'evt_1',
        data: { by: 'endpoint', seq: 1, form: 'whole' },
      },
    ]);
  });

  it('have no place for what there is nothing left of', async () => {
    const shown = await views(renderer('invocation', [2n]), renderer('endpoint', [1n])).envelopes(log);
    expect(shown.map(({ seq }) => seq)).toEqual([4, 5]);
  });
});

describe('a process', () => {
  it('does not start when nobody shows the events of some subject', () => {
    expect(() => views(renderer('invocation')).onApplicationBootstrap()).toThrow('about: endpoint, task, employment');
    const all = (['invocation', 'endpoint', 'task', 'employment'] as const).map((subject) => renderer(subject));
    expect(() => views(...all).onApplicationBootstrap()).not.toThrow();
  });
});
