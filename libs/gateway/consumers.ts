import { Injectable } from '@nestjs/common';
import { EVENTS, EventLog } from '#events';
import { Bus, InjectLog, type Log } from '#platform';
import { CLOSE } from './close-codes.js';
import { ConsumerStore, HELD_FOR_MS, type Acknowledged, type ConsumerName, type TakenEvent } from './consumer.store.js';
import type { Held } from './consumer-window.js';
import { GatewayNode } from './gateway-node.js';
import { HandOver } from './hand-over.js';
import type { Group, Session } from './session.js';
import { SharedViews } from './shared-views.js';
import { CONSUMERS_MAX, eventFrame, gapFrame, type Hello } from './v1-frames.js';

// An event's output may be 256 KB, so what is in memory at a time is bounded by these. Takings that meet share a call; few that
// are under way may be larger, which is how one consumer catches up with a long backlog.
const EVENTS_PER_TAKE = 8;
const TAKES_AT_ONCE = 32;
const EVENTS_PER_TAKE_OF_FEW = 32;
const FEW = 8;
const FLUSH_EVERY_MS = 1_000;
// Takings wait for the consumers that a call locks: few of them, and not for long.
const SETTLED_PER_QUERY_MAX = 100;
const AGENTS_PER_QUERY = 1_000;
const PROBE_WITHIN_MS = 3_000;

/**
 * Hands events to the sessions of `c4c.v1`. Who holds which event is written in the database, so any number of processes share
 * the work of a consumer. A hint wakes it; what no hint announced, `catchUp` finds.
 */
@Injectable()
export class Consumers {
  private readonly groups = new Map<bigint, Map<string, Group>>();
  private readonly waiting = new Set<Group>();
  private taking = 0;
  private acknowledged: Acknowledged[] = [];
  /** Sessions that ended, for the database to know. */
  private ended = new Set<string>();
  private flushing: Promise<void> = Promise.resolve();
  private flushTimer: NodeJS.Timeout | undefined;
  private isFailing = false;

  constructor(
    private readonly store: ConsumerStore,
    private readonly node: GatewayNode,
    private readonly events: EventLog,
    private readonly views: SharedViews,
    private readonly handOver: HandOver,
    private readonly bus: Bus,
    @InjectLog() private readonly log: Log,
  ) {}

  /** Gives a session its place. Nothing is handed to it before `open`. */
  async enter(session: Session, { after, types }: Hello): ReturnType<ConsumerStore['enter']> {
    // A client that hung up just now and comes back is the only one again.
    if (this.ended.size > 0) await this.flush();
    const node = await this.node.here(this.sendBack, this.failed);
    const entered = await this.store.enter(session, node, { after, types }, CONSUMERS_MAX);
    session.head = entered.head;
    return entered;
  }

  /** From now on the session gets events. */
  open(session: Session): void {
    const group = this.groupOf(session);
    // One of them may be what is left of the connection that this one comes instead of.
    for (const { socket } of group.sessions) socket.ping(Date.now(), PROBE_WITHIN_MS);
    group.sessions.push(session);
    this.want(group);
  }

  /** There may be something for this agent's consumers. */
  wake(agentId: bigint): void {
    for (const group of this.groups.get(agentId)?.values() ?? []) this.want(group);
  }

  /** True when the session held this attempt. The consumer's place follows within a second. */
  acknowledge(session: Session, seq: bigint, attempt: number): boolean {
    const held = session.window.release(seq, attempt);
    if (held === undefined) return false;
    const { agentId, consumer } = session;
    this.acknowledged.push({ agentId, consumer, session: session.session, seq, attempt });
    if (held.work !== null) this.handOver.acknowledgedBy(session.socket, held.work);
    this.flushSoon();
    this.made(session);
    return true;
  }

  /** Gives an event back, for any session of the consumer to get after so long. */
  async putBack(session: Session, seq: bigint, attempt: number, delayMs: number): Promise<boolean> {
    if (session.window.release(seq, attempt) === undefined) return false;
    await this.store.putBack(session, [seq], { delayMs, isUnsent: false });
    this.made(session);
    if (delayMs === 0) this.hint(session.agentId);
    return true;
  }

  /** The peer is at work on it: what it holds, or undefined. */
  async renew(session: Session, seq: bigint): Promise<Held | undefined> {
    const held = session.window.renew(seq, Date.now() + HELD_FOR_MS);
    if (held === undefined) return undefined;
    await this.store.renew(session, seq, HELD_FOR_MS);
    if (held.work !== null) this.handOver.acknowledgedBy(session.socket, held.work);
    return held;
  }

  /** What the session still holds goes to others. */
  leave(session: Session): void {
    session.isLeaving = true;
    session.released();
    const consumers = this.groups.get(session.agentId);
    const group = consumers?.get(session.consumer);
    if (group !== undefined) {
      group.sessions = group.sessions.filter((each) => each !== session);
      if (group.sessions.length === 0) consumers?.delete(session.consumer);
      if (consumers?.size === 0) this.groups.delete(session.agentId);
    }
    this.ended.add(session.session);
    void this.flush().then(() => this.hint(session.agentId));
  }

  /** Looks for events that no hint announced, and for those that are due again. */
  async catchUp(): Promise<void> {
    if (this.ended.size > 0 || this.acknowledged.length > 0) this.flushSoon();
    const nowMs = Date.now();
    const agentIds = [...this.groups.keys()];
    for (let from = 0; from < agentIds.length; from += AGENTS_PER_QUERY) {
      const asked = agentIds.slice(from, from + AGENTS_PER_QUERY);
      const [heads, due] = await Promise.all([this.events.heads(asked), this.store.due(asked)]);
      for (const [agentId, head] of heads)
        for (const group of this.groups.get(agentId)?.values() ?? []) {
          for (const { window } of group.sessions) window.expire(nowMs);
          if (group.takenSeq < head) this.want(group);
        }
      for (const { agentId, consumer } of due) {
        const group = this.groups.get(agentId)?.get(consumer);
        if (group !== undefined) this.want(group);
      }
    }
  }

  /** Writes down what was acknowledged and who has left. Never rejects; what could not be written waits. */
  async flush(): Promise<void> {
    clearTimeout(this.flushTimer);
    this.flushTimer = undefined;
    this.flushing = this.flushing.then(() => this.write());
    await this.flushing;
  }

  /** The process stops: its sessions are over. */
  async stop(): Promise<void> {
    await this.flush();
    clearTimeout(this.flushTimer);
    await this.node.stop().catch(this.failed);
  }

  private groupOf({ agentId, consumer }: ConsumerName): Group {
    const consumers = this.groups.get(agentId) ?? new Map<string, Group>();
    this.groups.set(agentId, consumers);
    const known = consumers.get(consumer);
    if (known !== undefined) return known;
    const made = { sessions: [], takenSeq: -1n, isTaking: false, isWanted: false, isFull: false };
    consumers.set(consumer, made);
    return made;
  }

  /** There is room again: what waited for it goes on. */
  private made(session: Session): void {
    session.released();
    const group = this.groups.get(session.agentId)?.get(session.consumer);
    if (group?.isFull === true) this.want(group);
  }

  private hint(agentId: bigint): void {
    this.bus.publish('agent-event', { agentId: String(agentId) });
  }

  private want(group: Group): void {
    if (group.isTaking) group.isWanted = true;
    else this.waiting.add(group);
    while (this.taking < TAKES_AT_ONCE && this.waiting.size > 0) void this.serve();
  }

  private async serve(): Promise<void> {
    this.taking += 1;
    for (const group of this.waiting) {
      this.waiting.delete(group);
      group.isTaking = true;
      group.isWanted = false;
      try {
        if (await this.takeFor(group)) group.isWanted = true;
        this.isFailing = false;
      } catch (error) {
        // It stays behind the head, so the next look comes back to it.
        group.takenSeq = -1n;
        group.isWanted = false;
        this.failed(error);
      }
      group.isTaking = false;
      if (group.isWanted) this.waiting.add(group);
    }
    this.taking -= 1;
  }

  /** One batch for the session whose turn it is; true when there may be more. */
  private async takeFor(group: Group): Promise<boolean> {
    const session = group.sessions.find(({ canTake }) => canTake);
    group.isFull = session === undefined;
    if (session === undefined) return false;
    if (session.isUnsure) await this.giveBackUnsent(session);
    session.isUnsure = true;
    const isMore = await this.takeAndHand(group, session);
    session.isUnsure = false;
    return isMore;
  }

  /** A taking may have committed although its answer was lost; what it took and nobody got is anybody's again. */
  private async giveBackUnsent(session: Session): Promise<void> {
    await this.flush();
    const unwritten = this.acknowledged.filter((each) => each.session === session.session).map(({ seq }) => seq);
    const unsent = await this.store.heldBeyond(session, [...session.window.seqs, ...unwritten]);
    if (unsent.length > 0) await this.store.putBack(session, unsent, { delayMs: 0, isUnsent: true });
  }

  private async takeAndHand(group: Group, session: Session): Promise<boolean> {
    const limit = Math.min(session.window.room, this.taking <= FEW ? EVENTS_PER_TAKE_OF_FEW : EVENTS_PER_TAKE);
    const taken = await this.store.take(session, limit);
    if (taken.isLost) {
      session.isLeaving = true;
      session.socket.close(CLOSE.resync, 'say hello again');
      return true;
    }
    const dueAtMs = Date.now() + HELD_FOR_MS;
    group.takenSeq = taken.takenSeq;
    for (const { from, to } of taken.gaps) session.socket.send(gapFrame(from, to));
    if (taken.events.length > 0) {
      if (group.sessions.includes(session))
        group.sessions = [...group.sessions.filter((each) => each !== session), session];
      await this.hand(session, taken.events, dueAtMs);
    }
    const isMore = taken.events.length === limit || taken.takenSeq < taken.head;
    if (!isMore) for (const each of new Set([session, ...group.sessions])) each.caughtUpWith(taken.takenSeq);
    return isMore;
  }

  private async hand(session: Session, events: readonly TakenEvent[], dueAtMs: number): Promise<void> {
    const envelopes = new Map((await this.views.envelopes(events, session.form)).map((one) => [one.seq, one]));
    const unsent: bigint[] = [];
    for (const { seq, attempt, invocationId, type } of events) {
      const envelope = envelopes.get(Number(seq));
      if (envelope === undefined) {
        // Nothing is left that could be shown, and nobody is to wait for it.
        const { agentId, consumer } = session;
        this.acknowledged.push({ agentId, consumer, session: session.session, seq, attempt });
        this.flushSoon();
      } else if (!session.canBeHanded) unsent.push(seq);
      else {
        const work = EVENTS[type].class === 'work' ? invocationId : null;
        session.window.hold({ seq, attempt, work, dueAtMs });
        session.socket.send(eventFrame(envelope, attempt));
        if (work !== null) this.handOver.handed(session.socket, work);
      }
    }
    if (unsent.length > 0) await this.store.putBack(session, unsent, { delayMs: 0, isUnsent: true });
  }

  private flushSoon(): void {
    this.flushTimer ??= setTimeout(() => void this.flush(), FLUSH_EVERY_MS);
  }

  private async write(): Promise<void> {
    try {
      // Who leaves has its acknowledgements written first.
      const ended = [...this.ended];
      this.acknowledged.sort((a, b) => Number(a.agentId - b.agentId));
      while (this.acknowledged.length > 0) {
        const batch = this.acknowledged.slice(0, SETTLED_PER_QUERY_MAX);
        await this.store.settle(batch);
        this.acknowledged.splice(0, batch.length);
      }
      if (ended.length > 0) await this.store.leave(ended);
      for (const session of ended) this.ended.delete(session);
    } catch (error) {
      this.failed(error);
    }
  }

  /** They begin anew. */
  private readonly sendBack = (): void => {
    for (const { sessions } of [...this.groups.values()].flatMap((consumers) => [...consumers.values()]))
      for (const { socket } of sessions) socket.close(CLOSE.resync, 'say hello again');
  };

  private readonly failed = (error: unknown): void => {
    if (!this.isFailing) this.log.error({ err: error }, 'consumers of events could not be served');
    this.isFailing = true;
  };
}
