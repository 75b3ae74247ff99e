import { randomInt } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { AgentPrincipal } from '#owners';
import { InjectLog, problemOf, type Log } from '#platform';
import { EventFeed, type FeedPage, type FeedWish } from './event-feed.js';
import { EventPoll } from './event-poll.js';
import type { EventReader } from './event-reader.js';

const HEARTBEAT_EVERY_MS = 15_000;
const RETRY_MS = 1_000;
const RECONNECT_WITHIN_MS = 10_000;

/** An agent's events as a stream of server-sent events (the HTML standard's), which ends only when it must. */
@Injectable()
export class EventStream {
  constructor(
    private readonly feed: EventFeed,
    private readonly poll: EventPoll,
    @InjectLog() private readonly log: Log,
  ) {}

  /** The text, piece by piece: each is made when the one before has been taken, so the log holds what a slow peer leaves. */
  async *text(
    caller: AgentPrincipal,
    reader: EventReader,
    wish: Omit<FeedWish, 'after'> & { after: bigint },
  ): AsyncGenerator<string> {
    try {
      // Something at once, so that the client knows that it is heard.
      yield `retry: ${RETRY_MS}\n\n`;
      let told = wish.after;
      reader.cursor = wish.after;
      while (reader.end === undefined) {
        reader.arm();
        const page = await this.feed.page({ ...wish, after: reader.cursor });
        // What was read while the key ended is not for it any more.
        if (isForbidden(reader)) break;
        reader.cursor = page.nextAfter;
        const text = textOf(page);
        if (text !== '') {
          await this.poll.handOver(caller, page.events);
          told = BigInt(page.events.at(-1)?.seq ?? page.gap?.to ?? told);
          yield* this.offered(reader, text);
        }
        if (page.nextAfter < page.head) continue;
        const isSilent = await isQuietFor(reader, HEARTBEAT_EVERY_MS);
        // What nobody asked for need not be looked through again after a reconnect.
        if (isSilent) yield* this.offered(reader, told < reader.cursor ? `id: ${(told = reader.cursor)}\n\n` : ':\n\n');
      }
      yield farewell(reader);
    } catch (error) {
      const { code, detail, kind } = problemOf(error);
      if (kind.status >= 500 && kind.status !== 503)
        this.log.error({ err: error, agentId: String(wish.agentId) }, 'a stream of events failed');
      yield block({ event: 'closed', data: { code, message: detail } });
    }
  }

  private async *offered(reader: EventReader, text: string): AsyncGenerator<string> {
    reader.offeredAtMs = performance.now();
    yield text;
    reader.offeredAtMs = undefined;
  }
}

/** True when nothing has woken the reader for so long. */
async function isQuietFor(reader: EventReader, ms: number): Promise<boolean> {
  const since = performance.now();
  await reader.woken(ms);
  return reader.end === undefined && performance.now() - since >= ms - 1;
}

function isForbidden({ end }: EventReader): boolean {
  return end === 'key revoked' || end === 'agent frozen';
}

function textOf({ events, gap }: FeedPage): string {
  const missed =
    gap === undefined ? '' : block({ id: gap.to, event: 'gap', data: { from: Number(gap.from), to: Number(gap.to) } });
  return missed + events.map((envelope) => block({ id: envelope.seq, data: envelope })).join('');
}

/** Why the stream ends, and when to come back. */
function farewell({ end }: EventReader): string {
  if (end === 'server stopping') {
    const reconnectAfterMs = randomInt(RECONNECT_WITHIN_MS + 1);
    return `retry: ${reconnectAfterMs}\n${block({ event: 'drain', data: { reconnectAfterMs } })}`;
  }
  if (end === 'key revoked') {
    return block({ event: 'closed', data: { code: 'UNAUTHENTICATED', message: 'The key has been revoked' } });
  }
  if (end === 'agent frozen') {
    return block({ event: 'closed', data: { code: 'AGENT_FROZEN', message: 'The owner has frozen this agent' } });
  }
  return '';
}

// JSON has no line feeds outside of texts, and inside they are escaped: one line of data.
function block({ id, event, data }: { id?: bigint | number; event?: string; data: object }): string {
  const idLine = id === undefined ? '' : `id: ${id}\n`;
  const eventLine = event === undefined ? '' : `event: ${event}\n`;
  return `${idLine}${eventLine}data: ${JSON.stringify(data)}\n\n`;
}
