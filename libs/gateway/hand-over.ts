import { Injectable } from '@nestjs/common';
import { Marks } from '#invocations';
import { InjectLog, type Log } from '#platform';
import type { LiveSocket } from './live-socket.js';
import { Presence } from './presence.js';

const FLUSH_AFTER_MS = 50;
const BATCH_MAX = 500;
// A backlog beyond this is dropped: a mark that is missing costs a timeline entry or a later acknowledgement, no money.
const WAITING_MAX = 20_000;
/** A socket that still answers pings this long after the hand-over has acknowledged it. */
const ACKNOWLEDGED_AFTER_MS = 2_000;

type Handed = { invocationId: bigint; atMs: number };
type Probe = { ping: number; invocationIds: bigint[] };
type Trail = { handed: Handed[]; probes: Probe[] };

/** Records that invocations went out over a socket and, when the socket is alive 2 s later, that the provider has them. */
@Injectable()
export class HandOver {
  private readonly trails = new Map<LiveSocket, Trail>();
  /** When each went out, on this process's monotonic clock. */
  private readonly handedOver = new Map<bigint, number>();
  private readonly acknowledged = new Set<bigint>();
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> = Promise.resolve();
  private isFailing = false;

  constructor(
    private readonly marks: Marks,
    private readonly presence: Presence,
    @InjectLog() private readonly log: Log,
  ) {}

  /** A `service_invoked` frame went to this socket. A key that may not provide only watches, and hands nothing over. */
  note(socket: LiveSocket, invocationId: bigint): void {
    if (!this.handed(socket, invocationId)) return;
    const trail = this.trails.get(socket) ?? { handed: [], probes: [] };
    this.trails.set(socket, trail);
    trail.handed.push({ invocationId, atMs: Date.now() });
  }

  /** Its frame went to a socket that acknowledges by itself; false for one that only watches. */
  handed(socket: LiveSocket, invocationId: bigint): boolean {
    if (!socket.owner.scopes.includes('provide')) return false;
    this.presence.handed(socket);
    if (this.handedOver.size < WAITING_MAX) this.handedOver.set(invocationId, performance.now());
    this.flushSoon();
    return true;
  }

  /** The socket has acknowledged it. */
  acknowledgedBy({ owner }: LiveSocket, invocationId: bigint): void {
    if (!owner.scopes.includes('provide') || this.acknowledged.size >= WAITING_MAX) return;
    this.acknowledged.add(invocationId);
    this.flushSoon();
  }

  /** Pings the sockets that got something 2 s ago. */
  tick(nowMs: number): void {
    for (const [socket, trail] of this.trails) {
      const isRipe = ({ atMs }: Handed): boolean => nowMs - atMs >= ACKNOWLEDGED_AFTER_MS;
      const ripe = trail.handed.filter(isRipe);
      if (ripe.length === 0) continue;
      trail.handed = trail.handed.filter((handed) => !isRipe(handed));
      trail.probes.push({ ping: socket.ping(nowMs), invocationIds: ripe.map((handed) => handed.invocationId) });
    }
  }

  /** The socket answered this ping, and with it all earlier ones. */
  answered(socket: LiveSocket, ping: number): void {
    const trail = this.trails.get(socket);
    if (trail === undefined) return;
    for (const probe of trail.probes.filter((each) => each.ping <= ping)) {
      for (const id of probe.invocationIds) if (this.acknowledged.size < WAITING_MAX) this.acknowledged.add(id);
    }
    trail.probes = trail.probes.filter((probe) => probe.ping > ping);
    if (trail.probes.length === 0 && trail.handed.length === 0) this.trails.delete(socket);
    this.flushSoon();
  }

  forget(socket: LiveSocket): void {
    this.trails.delete(socket);
  }

  /** Writes down what is waiting to be. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.flushing = this.flushing.then(() => this.write());
    await this.flushing;
  }

  private flushSoon(): void {
    this.timer ??= setTimeout(() => void this.flush(), FLUSH_AFTER_MS);
  }

  private async write(): Promise<void> {
    try {
      while (this.handedOver.size > 0) {
        const batch = [...this.handedOver].slice(0, BATCH_MAX);
        for (const [id] of batch) this.handedOver.delete(id);
        const now = performance.now();
        const handed = batch.map(([invocationId, at]) => ({ invocationId, agoMs: Math.round(now - at) }));
        // What was acknowledged meanwhile is marked once for both.
        const [taken, others] = partition(handed, ({ invocationId }) => this.acknowledged.has(invocationId));
        if (taken.length > 0) await this.marks.taken(taken, 'socket');
        // Only now: an acknowledgement that could not be written is written with the next ones.
        for (const { invocationId } of taken) this.acknowledged.delete(invocationId);
        if (others.length > 0) await this.marks.handedOver(others);
      }
      while (this.acknowledged.size > 0) {
        const ids = [...this.acknowledged].slice(0, BATCH_MAX);
        await this.marks.acknowledgeAll(ids);
        for (const id of ids) this.acknowledged.delete(id);
      }
      this.isFailing = false;
    } catch (error) {
      if (!this.isFailing) this.log.error({ err: error }, 'hand-overs could not be recorded');
      this.isFailing = true;
    }
  }
}

function partition<T>(all: readonly T[], is: (one: T) => boolean): [T[], T[]] {
  const [those, others]: [T[], T[]] = [[], []];
  for (const one of all) (is(one) ? those : others).push(one);
  return [those, others];
}
