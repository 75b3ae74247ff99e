import { Injectable } from '@nestjs/common';
import {
  isEventTypeOf,
  type AgentEvent,
  type EventData,
  type EventRenderer,
  type EventTypeOf,
  type EventView,
} from '#events';
import { NoticeStore, type Notice } from './notice.store.js';

/** Shows events about webhook endpoints. */
@Injectable()
export class Notices implements EventRenderer {
  readonly subject = 'endpoint';

  constructor(private readonly store: NoticeStore) {}

  async show(events: readonly AgentEvent[]): Promise<Map<string, EventView>> {
    const notices = new Map((await this.store.findAll(events)).map((notice) => [placeOf(notice), notice]));
    const views = new Map<string, EventView>();
    for (const event of events) {
      const notice = notices.get(placeOf(event));
      if (notice !== undefined && isEventTypeOf(event.type, this.subject))
        views.set(event.eventId, { data: noticeData(event.type, notice) });
    }
    return views;
  }
}

/** What an event about an endpoint says. */
export function noticeData(type: EventTypeOf<'endpoint'>, notice: Omit<Notice, 'agentId' | 'seq'>): EventData {
  return {
    endpointId: Number(notice.endpointId),
    url: notice.url,
    state: STATES[type],
    reason: notice.reason,
    consecutiveFailures: notice.consecutiveFailures,
    failingSince: notice.failingSince?.toISOString() ?? null,
  };
}

const STATES = {
  'endpoint.failing': 'failing',
  'endpoint.disabled': 'disabled',
  'endpoint.recovered': 'active',
} as const;

function placeOf({ agentId, seq }: Pick<AgentEvent, 'agentId' | 'seq'>): string {
  return `${agentId} ${seq}`;
}
