import type { ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Polls } from '#agents';
import type { Envelope } from '#events';
import { Marks, pendingWorkOf } from '#invocations';
import { requireAllowed, unauthenticated, type AgentPrincipal } from '#owners';
import { EventFeed, isForWork, type FeedPage, type FeedWish } from './event-feed.js';
import { EventReaders } from './event-readers.js';

/** One answer to who asks for events: what there is, or what comes within a time. */
@Injectable()
export class EventPoll {
  constructor(
    private readonly feed: EventFeed,
    private readonly readers: EventReaders,
    private readonly marks: Marks,
    private readonly polls: Polls,
  ) {}

  /** @throws {Problem} CURSOR_AHEAD, TOO_MANY_READERS, and when the key ends during the wait UNAUTHENTICATED, AGENT_FROZEN */
  async answer(caller: AgentPrincipal, wish: FeedWish, waitMs: number, response: ServerResponse): Promise<FeedPage> {
    if (isForWork(wish)) this.polls.note(caller);
    const page = waitMs === 0 ? await this.feed.page(wish) : await this.awaited(caller, wish, waitMs, response);
    await this.handOver(caller, page.events);
    return page;
  }

  /** Work has reached its provider. A key that may not provide only watches, and hands nothing over. */
  async handOver({ scopes }: AgentPrincipal, events: readonly Envelope[]): Promise<void> {
    if (!scopes.includes('provide')) return;
    const work = events.flatMap((envelope) => pendingWorkOf(envelope) ?? []);
    if (work.length === 0) return;
    const handed = work.map((invocationId) => ({ invocationId, agoMs: 0 }));
    await this.marks.handedOver(handed, 'poll');
  }

  private async awaited(
    caller: AgentPrincipal,
    wish: FeedWish,
    waitMs: number,
    response: ServerResponse,
  ): Promise<FeedPage> {
    const reader = this.readers.enter(caller, response, isForWork(wish));
    const untilMs = performance.now() + waitMs;
    let { after } = wish;
    for (;;) {
      reader.arm();
      const page = await this.feed.page({ ...wish, after });
      if (reader.end === 'key revoked') throw unauthenticated('agent');
      if (reader.end === 'agent frozen') requireAllowed({ ...caller, isFrozen: true }, undefined);
      const leftMs = untilMs - performance.now();
      if (isAnswer(page) || reader.end !== undefined || leftMs <= 0) return page;
      // Nothing up to here was asked for; it need not be looked through again.
      after = page.nextAfter;
      reader.cursor = page.nextAfter;
      await reader.woken(leftMs);
    }
  }
}

function isAnswer({ events, gap, nextAfter, head }: FeedPage): boolean {
  return events.length > 0 || gap !== undefined || nextAfter < head;
}
