import type { EventSubject } from './catalogue.js';
import type { EventView } from './envelope.js';
import type { AgentEvent } from './event-log.store.js';
import type { EventRenderer } from './event-views.js';
import type { NoticeStore } from './notice.store.js';

/** Shows events of a subject that keep what they say beside them. */
export class Notices implements EventRenderer {
  constructor(
    readonly subject: EventSubject,
    private readonly store: NoticeStore,
  ) {}

  async show(events: readonly AgentEvent[]): Promise<Map<string, EventView>> {
    const rows = await this.store.findAll(events);
    const data = new Map(rows.map((row) => [placeOf(row), row.data]));
    return new Map(
      events.flatMap((event) => {
        const said = data.get(placeOf(event));
        return said === undefined ? [] : [[event.eventId, { data: said }] as const];
      }),
    );
  }
}

function placeOf({ agentId, seq }: Pick<AgentEvent, 'agentId' | 'seq'>): string {
  return `${agentId} ${seq}`;
}
