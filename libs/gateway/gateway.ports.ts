import type { AgentEvent } from '#events';

/** A notification of the wire contract; `messageId` is the event's id. */
export type NotificationFrame = {
  type: 'notification';
  domain: string;
  event: string;
  timestamp: string;
  messageId: string;
  data: { invocationId: number };
};

/** Makes frames from events; one that cannot be shown any more has none. */
export abstract class FrameSource {
  abstract render(events: AgentEvent[]): Promise<NotificationFrame[]>;
}

/** What the gateway records about invocations. */
export abstract class InvocationMarks {
  abstract handedOver(invocationIds: bigint[]): Promise<unknown>;
  abstract acknowledgeAll(invocationIds: bigint[]): Promise<unknown>;
  abstract acknowledge(agentId: bigint, invocationId: bigint): Promise<unknown>;
  abstract progress(agentId: bigint, invocationId: bigint, percent: number, note: string | undefined): Promise<unknown>;
}
