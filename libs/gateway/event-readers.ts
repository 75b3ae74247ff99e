import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Polls } from '#agents';
import { EventLog } from '#events';
import { KeyRing, type AgentPrincipal } from '#owners';
import { Bus, InjectLog, Metrics, within, type Log } from '#platform';
import { EventReader, type ReaderEnd } from './event-reader.js';
import { gatewayProblems } from './gateway.problems.js';

const READERS_MAX = 5_000;
const READERS_PER_AGENT_MAX = 20;
// How long a lost hint or a lost message of a revoked key goes unnoticed.
const LOOK_EVERY_MS = 750;
const PER_QUERY_MAX = 1_000;
const STUCK_AFTER_MS = 30_000;
// Who asked for work a minute ago and waits no more counts as gone.
const ASK_AGAIN_MS = 20_000;
const DRAIN_GRACE_MS = 3_000;
const RETRY_AFTER_S = 5;

/** All who wait for events over HTTP. A hint wakes them; what no hint announced, a look every 750 ms finds. */
@Injectable()
export class EventReaders implements OnModuleInit, OnModuleDestroy {
  private readonly readers = new Map<bigint, Set<EventReader>>();
  private readonly unsubscribe: (() => void)[] = [];
  private size = 0;
  private looker: NodeJS.Timeout | undefined;
  private isStopped = false;
  private isFailing = false;

  constructor(
    private readonly events: EventLog,
    private readonly keys: KeyRing,
    private readonly polls: Polls,
    private readonly bus: Bus,
    @InjectLog() private readonly log: Log,
    metrics: Metrics,
  ) {
    metrics.gauge('c4c_event_readers', 'Polls and streams that wait for events.', () => this.size);
  }

  onModuleInit(): void {
    this.unsubscribe.push(
      this.bus.subscribe('agent-event', ({ agentId }) => {
        for (const reader of this.of(BigInt(agentId))) reader.wake();
      }),
      this.bus.subscribe('key-revoked', ({ keyId }) =>
        this.finishWhere((reader) => reader.keyId === BigInt(keyId), 'key revoked'),
      ),
      this.bus.subscribe('agent-frozen', ({ agentId }) =>
        this.finishWhere((reader) => reader.agentId === BigInt(agentId), 'agent frozen'),
      ),
    );
    this.lookAgain();
  }

  onModuleDestroy(): void {
    this.isStopped = true;
    clearTimeout(this.looker);
    for (const end of this.unsubscribe) end();
  }

  /** Takes a place, which is free again when the response is over, however it ends.
   *  @param isForWork events are asked for among which is work
   *  @throws {Problem} TOO_MANY_READERS */
  enter(caller: AgentPrincipal, response: ServerResponse, isForWork: boolean): EventReader {
    const { agentId } = caller;
    const own = this.readers.get(agentId) ?? new Set<EventReader>();
    if (this.size >= READERS_MAX || own.size >= READERS_PER_AGENT_MAX) throw tooMany(own.size);
    const reader = new EventReader(caller, response);
    if (isForWork) this.ask(reader);
    this.readers.set(agentId, own.add(reader));
    this.size += 1;
    const leave = (): void => {
      reader.finish('client gone');
      if (!own.delete(reader)) return;
      this.size -= 1;
      if (own.size === 0) this.readers.delete(agentId);
    };
    response.once('close', leave);
    // It may have gone while its key was looked up.
    if (response.closed) leave();
    if (this.isStopped) reader.finish('server stopping');
    return reader;
  }

  /** Who waits for this agent's events. */
  of(agentId: bigint): readonly EventReader[] {
    return [...(this.readers.get(agentId) ?? [])];
  }

  /** How many wait now. */
  get waiting(): number {
    return this.size;
  }

  /** Sends everybody home before a stop: polls get what there is, streams their farewell. */
  async drain(graceMs = DRAIN_GRACE_MS): Promise<void> {
    this.onModuleDestroy();
    const open = this.all()
      .map(({ response }) => response)
      .filter((response) => !response.closed);
    const ended = Promise.all(open.map((response) => once(response, 'close')));
    this.finishWhere(() => true, 'server stopping');
    try {
      await within(graceMs, ended, 'the end of the readers of events');
    } catch {
      // They do not read, not even their farewell.
      for (const response of open) response.destroy();
    }
  }

  private all(): EventReader[] {
    return [...this.readers.values()].flatMap((own) => [...own]);
  }

  private finishWhere(ends: (reader: EventReader) => boolean, reason: ReaderEnd): void {
    for (const reader of this.all()) if (ends(reader)) reader.finish(reason);
  }

  private lookAgain(): void {
    this.looker = setTimeout(() => {
      void this.look().then(() => {
        if (!this.isStopped) this.lookAgain();
      });
    }, LOOK_EVERY_MS);
  }

  private async look(): Promise<void> {
    const all = this.all();
    try {
      this.endStuck(all);
      this.askAgain(all);
      await this.endRevoked(all);
      await this.wakeBehind(all);
      this.isFailing = false;
    } catch (error) {
      if (!this.isFailing) this.log.error({ err: error }, 'the readers of events could not be checked');
      this.isFailing = true;
    }
  }

  private endStuck(all: readonly EventReader[]): void {
    const limitMs = performance.now() - STUCK_AFTER_MS;
    for (const reader of all) {
      if (reader.offeredAtMs === undefined || reader.offeredAtMs > limitMs) continue;
      reader.finish('does not read');
      reader.response.destroy();
    }
  }

  private askAgain(all: readonly EventReader[]): void {
    const limitMs = performance.now() - ASK_AGAIN_MS;
    for (const reader of all) if (reader.askedAtMs !== undefined && reader.askedAtMs < limitMs) this.ask(reader);
  }

  private ask(reader: EventReader): void {
    reader.askedAtMs = performance.now();
    this.polls.note(reader.caller);
  }

  private async endRevoked(all: readonly EventReader[]): Promise<void> {
    for (const keyIds of inParts([...new Set(all.map(({ keyId }) => keyId))])) {
      const asked = new Set(keyIds);
      const valid = await this.keys.stillValid(keyIds);
      this.finishWhere(({ keyId }) => asked.has(keyId) && !valid.has(keyId), 'key revoked');
    }
  }

  private async wakeBehind(all: readonly EventReader[]): Promise<void> {
    for (const agentIds of inParts([...new Set(all.map(({ agentId }) => agentId))])) {
      for (const [agentId, head] of await this.events.heads(agentIds)) {
        for (const reader of this.of(agentId)) if ((reader.cursor ?? head) < head) reader.wake();
      }
    }
  }
}

function* inParts(ids: readonly bigint[]): Generator<bigint[]> {
  for (let from = 0; from < ids.length; from += PER_QUERY_MAX) yield ids.slice(from, from + PER_QUERY_MAX);
}

function tooMany(own: number): Error {
  return gatewayProblems.TOO_MANY_READERS(
    own >= READERS_PER_AGENT_MAX
      ? `${own} requests of this agent wait for its events already; one of them is enough`
      : 'As many requests wait for events as this server keeps waiting',
    { retryAfterS: RETRY_AFTER_S },
  );
}
