import { Injectable } from '@nestjs/common';
import { EVENTS, EventLog, EventViews, type AgentEvent, type AgentEventType, type Envelope } from '#events';
import { gatewayProblems } from './gateway.problems.js';

// A reader who wants few types looks through so many events at a time for them.
const SCAN_MAX = 1_000;
// An event's output may be 256 KB, so what is in memory at a time is bounded by these.
const RENDERED_AT_ONCE = 8;
const PAGE_MAX_BYTES = 512 * 1024;

export type FeedWish = {
  agentId: bigint;
  /** The last event that the reader has; undefined: it begins with the oldest that is left. */
  after: bigint | undefined;
  /** All of them when undefined. */
  types: ReadonlySet<AgentEventType> | undefined;
  limit: number;
};

/** Whether there may be work among what is asked for. */
export function isForWork({ types }: Pick<FeedWish, 'types'>): boolean {
  return types === undefined || [...types].some((type) => EVENTS[type].class === 'work');
}

export type Gap = { from: bigint; to: bigint };

export type FeedPage = {
  events: Envelope[];
  /** Up to here the reader has now seen everything it asked for. */
  nextAfter: bigint;
  /** The newest event's number, 0 when there has been none. */
  head: bigint;
  /** What the reader has missed for ever, since retention has dropped it. */
  gap?: Gap;
};

/** An agent's events from a place on, in pages: the log as polls and streams show it. */
@Injectable()
export class EventFeed {
  constructor(
    private readonly log: EventLog,
    private readonly views: EventViews,
  ) {}

  /** Where a stream begins: after what its reader has or, when it does not say, with what comes from now on.
   *  @throws {Problem} CURSOR_AHEAD */
  async start(agentId: bigint, after: bigint | undefined): Promise<bigint> {
    const head = await this.head(agentId);
    if (after !== undefined && after > head) throw cursorAhead(after, head);
    return after ?? head;
  }

  /** What follows, at most `limit` events and about half a megabyte. It may be empty though there is more: then nobody asked
   *  for what it has passed.
   *  @throws {Problem} CURSOR_AHEAD */
  async page({ agentId, after, types, limit }: FeedWish): Promise<FeedPage> {
    // Read first: what it counts has been committed, so what is not found of it is gone.
    const head = await this.head(agentId);
    if (after !== undefined && after > head) throw cursorAhead(after, head);
    const scanMax = types === undefined ? limit : SCAN_MAX;
    const scanned = await this.log.readAfter([{ agentId, afterSeq: after ?? 0n }], scanMax);
    const [first] = scanned;
    if (first === undefined) return { events: [], nextAfter: head, head, ...gapBetween(after, head + 1n) };
    const whole = untilJump(scanned);
    const wanted = (types === undefined ? whole : whole.filter(({ type }) => types.has(type))).slice(0, limit);
    const { events, last } = await this.render(wanted);
    const isAll = wanted.length < limit && last === wanted.at(-1);
    const nextAfter = (isAll ? whole.at(-1) : last)?.seq ?? first.seq;
    return { events, nextAfter, head: nextAfter > head ? nextAfter : head, ...gapBetween(after, first.seq) };
  }

  private async head(agentId: bigint): Promise<bigint> {
    const heads = await this.log.heads([agentId]);
    return heads.get(agentId) ?? 0n;
  }

  /** The envelopes, and the last event that was looked at for them: as many as may be in memory. */
  private async render(wanted: readonly AgentEvent[]): Promise<{ events: Envelope[]; last: AgentEvent | undefined }> {
    const events: Envelope[] = [];
    let last: AgentEvent | undefined;
    let bytes = 0;
    for (let from = 0; from < wanted.length && bytes < PAGE_MAX_BYTES; from += RENDERED_AT_ONCE) {
      const some = wanted.slice(from, from + RENDERED_AT_ONCE);
      const shown = await this.views.envelopes(some);
      bytes += shown.reduce((sum, { data }) => sum + JSON.stringify(data).length, 0);
      events.push(...shown);
      last = some.at(-1);
    }
    return { events, last };
  }
}

/** The events up to where numbers are missing: retention drops the oldest first, and a hole is told before what follows it. */
function untilJump(events: readonly AgentEvent[]): AgentEvent[] {
  const jump = events.findIndex(({ seq }, n) => n > 0 && seq !== (events[n - 1]?.seq ?? 0n) + 1n);
  return jump === -1 ? [...events] : events.slice(0, jump);
}

function gapBetween(after: bigint | undefined, next: bigint): { gap?: Gap } {
  return after === undefined || next === after + 1n ? {} : { gap: { from: after + 1n, to: next - 1n } };
}

function cursorAhead(after: bigint, head: bigint): Error {
  return gatewayProblems.CURSOR_AHEAD(
    `The agent's newest event has the number ${head}; the reader says it has seen ${after}. Read on from ${head}`,
    { details: { after: Number(after), head: Number(head) } },
  );
}
