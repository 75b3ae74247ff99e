import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { EVENT_TYPES, EVENTS, isAgentEventType, type EventSubject } from './catalogue.js';
import { envelopeOf, type Envelope, type EventView } from './envelope.js';
import type { AgentEvent } from './event-log.store.js';
import { plainFrameOf, type PlainFrame } from './plain-frame.js';

/** An event is shown whole, or thin: then what is long is not in it, and it says where that is. */
export type EventForm = 'whole' | 'thin';

/** Shows the events of one subject, from the tables of the lib that owns it. */
export type EventRenderer = {
  readonly subject: EventSubject;
  /** Their views, by event id. An event of which nothing is left has none. */
  show(events: readonly AgentEvent[], form: EventForm): Promise<ReadonlyMap<string, EventView>>;
};

/**
 * Makes frames and envelopes from events of the log, whatever they are about. The log knows what happened; what it looks like is
 * known higher up the ladder, so each lib adds the renderer of its subject here.
 */
@Injectable()
export class EventViews implements OnApplicationBootstrap {
  private readonly renderers = new Map<EventSubject, EventRenderer>();

  add(renderer: EventRenderer): void {
    this.renderers.set(renderer.subject, renderer);
  }

  /** Events that nobody shows would pass every reader unseen. */
  onApplicationBootstrap(): void {
    const subjects = new Set<EventSubject>(EVENT_TYPES.map((type) => EVENTS[type].subject));
    const unseen = [...subjects].filter((subject) => !this.renderers.has(subject));
    if (unseen.length > 0) throw new Error(`no module of this process shows events about: ${unseen.join(', ')}`);
  }

  /** The plain socket's frames, whole, by event id. An event of a type that this version does not know has none. */
  async plainFrames(events: readonly AgentEvent[]): Promise<ReadonlyMap<string, PlainFrame>> {
    return new Map(await this.each(events, 'whole', (event, view) => [event.eventId, plainFrameOf(event, view)]));
  }

  /** The envelopes, in order, each with `attempt` 1. An event of a type that this version does not know has none. */
  async envelopes(events: readonly AgentEvent[], form: EventForm = 'thin'): Promise<Envelope[]> {
    return this.each(events, form, envelopeOf);
  }

  private async each<T>(
    events: readonly AgentEvent[],
    form: EventForm,
    shown: (event: AgentEvent, view: EventView) => T,
  ): Promise<T[]> {
    const known = events.filter(({ type }) => isAgentEventType(type));
    const bySubject = Map.groupBy(known, ({ type }): EventSubject => EVENTS[type].subject);
    const parts = await Promise.all(
      [...bySubject].map(async ([subject, own]) => (await this.renderers.get(subject)?.show(own, form)) ?? []),
    );
    const views = new Map(parts.flatMap((part) => [...part]));
    return known.flatMap((event) => {
      const view = views.get(event.eventId);
      return view === undefined ? [] : [shown(event, view)];
    });
  }
}
