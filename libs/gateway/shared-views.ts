import { Injectable } from '@nestjs/common';
import { EventViews, type AgentEvent, type Envelope, type EventForm } from '#events';

type Gathering = { events: Map<string, AgentEvent>; shown: Promise<Map<string, Envelope>> };

/** Envelopes for many readers: what is asked for in the same turn of the event loop is read together, and each event once. */
@Injectable()
export class SharedViews {
  private readonly gathering = new Map<EventForm, Gathering>();

  constructor(private readonly views: EventViews) {}

  /** In order, each with `attempt` 1. An event that cannot be shown any more has none. */
  async envelopes(events: readonly AgentEvent[], form: EventForm): Promise<Envelope[]> {
    const gathering = this.gathering.get(form) ?? this.begin(form);
    for (const event of events) gathering.events.set(event.eventId, event);
    const shown = await gathering.shown;
    return events.flatMap(({ eventId }) => shown.get(eventId) ?? []);
  }

  private begin(form: EventForm): Gathering {
    const events = new Map<string, AgentEvent>();
    const gathering = { events, shown: this.show(events, form) };
    this.gathering.set(form, gathering);
    return gathering;
  }

  private async show(events: Map<string, AgentEvent>, form: EventForm): Promise<Map<string, Envelope>> {
    await new Promise((resolve) => setImmediate(resolve));
    this.gathering.delete(form);
    const envelopes = await this.views.envelopes([...events.values()], form);
    return new Map(envelopes.map((envelope) => [envelope.id, envelope]));
  }
}
