import { Readable } from 'node:stream';
import { Controller, Get, Headers, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AgentAuth, Caller, type AgentPrincipal } from '#owners';
import { RawAnswer, validationFailed, waitOutside } from '#platform';
import { EventFeed, isForWork, type FeedPage, type FeedWish } from './event-feed.js';
import { EventPoll } from './event-poll.js';
import { EventReaders } from './event-readers.js';
import { EventStream } from './event-stream.js';
import { EventsQuery, StreamQuery } from './events.dto.js';

const STREAM_PAGE = 50;

/** An agent's events over HTTP: page by page, or as a stream. */
@Controller('openapi/v1/agent/me/events')
export class EventsController {
  constructor(
    private readonly feed: EventFeed,
    private readonly poll: EventPoll,
    private readonly readers: EventReaders,
    private readonly stream: EventStream,
  ) {}

  /** With `wait` the answer comes when there is an event, or after so many seconds. */
  @Get()
  @AgentAuth('read')
  async list(
    @Caller() caller: AgentPrincipal,
    @Query() query: EventsQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { wait = 0, after, limit } = query;
    if (wait > 0) waitOutside(request);
    const wish = { ...wishOf(caller, query), after: after === undefined ? undefined : BigInt(after), limit };
    return pageView(await this.poll.answer(caller, wish, wait * 1_000, reply.raw));
  }

  /** `Last-Event-ID` says where to go on, as a browser does by itself; else `after`; else with what comes from now on. */
  @Get('stream')
  @AgentAuth('read')
  async open(
    @Caller() caller: AgentPrincipal,
    @Query() query: StreamQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RawAnswer> {
    const asked = lastSeen(lastEventId) ?? query.after;
    waitOutside(request);
    const reader = this.readers.enter(caller, reply.raw, isForWork(wishOf(caller, query)));
    const after = await this.feed.start(caller.agentId, asked === undefined ? undefined : BigInt(asked));
    const wish = { ...wishOf(caller, query), after, limit: STREAM_PAGE };
    const body = Readable.from(this.stream.text(caller, reader, wish), { objectMode: false });
    // Without a listener an error before the server takes the stream over would end the process.
    body.on('error', () => undefined);
    return new RawAnswer('text/event-stream; charset=utf-8', body, { 'x-accel-buffering': 'no' });
  }
}

function wishOf({ agentId }: AgentPrincipal, { types }: StreamQuery): Pick<FeedWish, 'agentId' | 'types'> {
  return { agentId, types: types === undefined ? undefined : new Set(types) };
}

/** @throws {Problem} VALIDATION_FAILED */
function lastSeen(header: string | undefined): number | undefined {
  if (header === undefined || header === '') return undefined;
  const seq = /^\d{1,16}$/.test(header) ? Number(header) : Number.NaN;
  if (Number.isSafeInteger(seq)) return seq;
  throw validationFailed([{ field: 'Last-Event-ID', message: 'must be the number of an event', code: 'invalid' }]);
}

function pageView({ events, nextAfter, head, gap }: FeedPage): object {
  return {
    events,
    nextAfter: Number(nextAfter),
    head: Number(head),
    hasMore: nextAfter < head,
    ...(gap === undefined ? {} : { gap: { from: Number(gap.from), to: Number(gap.to) } }),
  };
}
