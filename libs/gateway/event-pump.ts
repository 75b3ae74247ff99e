import { Injectable } from '@nestjs/common';
import { EVENTS, EventLog, EventViews, type AgentEvent, type PlainFrame, type StreamCursor } from '#events';
import { InvocationFrames, type Announced } from '#invocations';
import { InjectLog, problemOf, type Log } from '#platform';
import { HandOver } from './hand-over.js';
import type { LiveSocket } from './live-socket.js';
import { Sockets } from './sockets.js';

// An event's input may be 256 KB, so what is in memory at a time is bounded by these.
const AGENTS_PER_READ = 32;
const EVENTS_PER_AGENT = 8;
const PENDING_PAGE = 32;
// Their ids only: each such reading passes over all that is pending, so it takes many at once.
const PENDING_PER_READ = 4_096;
const HEADS_PER_READ = 1_000;

/** Carries events from the log to the sockets. A hint wakes it; what no hint announced, `catchUp` finds. */
@Injectable()
export class EventPump {
  private readonly dirty = new Set<bigint>();
  private pumping: Promise<void> | undefined;
  private isFailing = false;

  constructor(
    private readonly events: EventLog,
    private readonly views: EventViews,
    private readonly invocations: InvocationFrames,
    private readonly sockets: Sockets,
    private readonly handOver: HandOver,
    @InjectLog() private readonly log: Log,
  ) {}

  /** There may be something new for this agent. */
  wake(agentId: bigint): void {
    this.dirty.add(agentId);
    this.pumping ??= this.pump().finally(() => {
      this.pumping = undefined;
      // Marked while the loop was ending.
      const [next] = this.dirty;
      if (next !== undefined && !this.isFailing) this.wake(next);
    });
  }

  /** Looks for events that no hint announced. */
  async catchUp(): Promise<void> {
    const agentIds = this.sockets.agentIds();
    for (let from = 0; from < agentIds.length; from += HEADS_PER_READ) {
      const heads = await this.events.heads(agentIds.slice(from, from + HEADS_PER_READ));
      for (const [agentId, head] of heads) {
        if (this.sockets.of(agentId).some((socket) => canTake(socket) && socket.cursor < head)) this.wake(agentId);
      }
    }
  }

  /** Sends what is still pending, then lets live events follow. The cursor is read first, so that nothing falls between. */
  async welcome(socket: LiveSocket): Promise<void> {
    const { agentId } = socket.owner;
    const heads = await this.events.heads([agentId]);
    socket.cursor = heads.get(agentId) ?? 0n;
    for (let after = 0n; socket.isOpen;) {
      const pending = await this.invocations.pendingOf(agentId, after, PENDING_PER_READ);
      for (let from = 0; socket.isOpen && from < pending.length; from += PENDING_PAGE)
        await this.sendPending(socket, pending.slice(from, from + PENDING_PAGE));
      after = pending.at(-1)?.id ?? after;
      if (pending.length < PENDING_PER_READ) break;
    }
    // Only events up to here can have gone out as pending and come again.
    const newest = await this.events.heads([agentId]);
    socket.pendingEndsAt = newest.get(agentId) ?? 0n;
    if (socket.pendingEndsAt <= socket.cursor) socket.sentAsPending = undefined;
    socket.isLive = true;
    this.wake(agentId);
  }

  /** What has ended meanwhile is left out: a slow reader may take minutes to come here. */
  private async sendPending(socket: LiveSocket, page: readonly Announced[]): Promise<void> {
    for (const { invocationId, frame } of await this.invocations.framesOf(socket.owner.agentId, page)) {
      await socket.readyForMore();
      (socket.sentAsPending ??= new Set()).add(frame.messageId);
      this.hand(socket, JSON.stringify(frame), invocationId);
    }
  }

  /** Waits until nothing is being sent any more. */
  async settle(): Promise<void> {
    await this.pumping;
  }

  private async pump(): Promise<void> {
    try {
      while (this.dirty.size > 0) await this.round();
      this.isFailing = false;
    } catch (error) {
      // The agents stay behind their heads, so the next catch-up comes back to them.
      this.dirty.clear();
      if (!this.isFailing) this.log.error({ err: error }, 'events could not be read for the sockets');
      this.isFailing = true;
    }
  }

  private async round(): Promise<void> {
    const cursors: StreamCursor[] = [];
    for (const agentId of this.dirty) {
      this.dirty.delete(agentId);
      const afterSeq = this.lowestCursor(agentId);
      if (afterSeq !== undefined) cursors.push({ agentId, afterSeq });
      if (cursors.length === AGENTS_PER_READ) break;
    }
    if (cursors.length > 0) await this.serveApart(cursors);
  }

  /** Serves all of them at once or, when one of them has an event that cannot be shown, each for itself. */
  private async serveApart(cursors: StreamCursor[]): Promise<void> {
    try {
      await this.serve(cursors);
    } catch (error) {
      if (problemOf(error).kind.status === 503) throw error;
      for (const cursor of cursors) {
        await this.serve([cursor]).catch((cause: unknown) => {
          this.log.error({ err: cause, agentId: String(cursor.agentId) }, "an agent's events could not be shown");
        });
      }
    }
  }

  private async serve(cursors: StreamCursor[]): Promise<void> {
    const events = await this.events.readAfter(cursors, EVENTS_PER_AGENT);
    if (events.length === 0) return;
    const frames = await this.views.plainFrames(events);
    const byAgent = Map.groupBy(events, (event) => event.agentId);
    for (const { agentId, afterSeq } of cursors) {
      const own = byAgent.get(agentId) ?? [];
      for (const event of own) this.deliver(event, afterSeq, frames.get(event.eventId));
      // A full batch may have left out later events.
      if (own.length >= EVENTS_PER_AGENT) this.dirty.add(agentId);
    }
  }

  private lowestCursor(agentId: bigint): bigint | undefined {
    let lowest: bigint | undefined;
    for (const socket of this.sockets.of(agentId)) {
      if (!socket.isLive || !socket.isOpen) continue;
      if (socket.isBlocked) socket.starve();
      else if (lowest === undefined || socket.cursor < lowest) lowest = socket.cursor;
    }
    return lowest;
  }

  private deliver(event: AgentEvent, afterSeq: bigint, frame: PlainFrame | undefined): void {
    const text = frame === undefined ? undefined : JSON.stringify(frame);
    const work = frame !== undefined && EVENTS[event.type].class === 'work' ? event.invocationId : null;
    for (const socket of this.sockets.of(event.agentId)) {
      // A socket that was blocked or not there yet when the batch was read may stand before its first event; it must not
      // jump over what lies between, and has a waking of its own.
      if (!socket.isLive || !socket.isOpen || socket.cursor < afterSeq || socket.cursor >= event.seq) continue;
      if (socket.isBlocked) {
        socket.starve();
        continue;
      }
      const isNew = socket.advance(event);
      if (isNew && text !== undefined) this.hand(socket, text, work);
    }
  }

  private hand(socket: LiveSocket, text: string, work: bigint | null): void {
    socket.send(text);
    if (work !== null) this.handOver.note(socket, work);
  }
}

function canTake(socket: LiveSocket): boolean {
  return socket.isLive && socket.isOpen && !socket.isBlocked;
}
