import { Injectable } from '@nestjs/common';
import { Bus, InjectLog, type Log } from '#platform';
import { GatewayNode } from './gateway-node.js';
import type { LiveSocket } from './live-socket.js';
import { PresenceStore, type PresenceState, type Told } from './presence.store.js';

// Sockets come by the thousand after a stop; what changes meanwhile is told in one statement.
const TELL_AFTER_MS = 20;
// Whatever the database may have lost is told again.
const TELL_ALL_EVERY_MS = 10_000;
// A socket that says nothing for so long after it was handed work is pinged, and is silent when it does not answer for as long again:
// within the 2 s after which its work also goes by webhook.
const QUIET_MS = 750;

type Probe = { sinceMs: number; pingedAtMs: number | undefined };

/**
 * Which agents have sockets here that take work, for the database to know: their webhooks wait a moment, and the market shows that they
 * can be reached. Webhooks do not wait for a socket that leaves its work and a ping unanswered, until something is heard of it again.
 */
@Injectable()
export class Presence {
  private readonly taking = new Map<bigint, Set<LiveSocket>>();
  private readonly probes = new Map<LiveSocket, Probe>();
  private readonly silent = new Set<LiveSocket>();
  /** What the database has been told, and whose sockets have changed since. */
  private readonly told = new Map<bigint, PresenceState>();
  private readonly changed = new Set<bigint>();
  private allToldAtMs = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;
  private telling: Promise<void> = Promise.resolve();
  private isStopped = false;
  private isFailing = false;

  constructor(
    private readonly store: PresenceStore,
    private readonly node: GatewayNode,
    private readonly bus: Bus,
    @InjectLog() private readonly log: Log,
  ) {}

  /** From now on the socket takes work. One whose key may not provide only watches. */
  enter(socket: LiveSocket): void {
    const { agentId, scopes } = socket.owner;
    if (this.isStopped || !socket.isOpen || !scopes.includes('provide')) return;
    this.taking.set(agentId, (this.taking.get(agentId) ?? new Set<LiveSocket>()).add(socket));
    this.change(agentId);
  }

  /** It takes no more work: it has ended, or it pauses. */
  leave(socket: LiveSocket): void {
    const { agentId } = socket.owner;
    this.probes.delete(socket);
    this.silent.delete(socket);
    const own = this.taking.get(agentId);
    if (own?.delete(socket) !== true) return;
    if (own.size === 0) this.taking.delete(agentId);
    this.change(agentId);
  }

  /** It was handed work. */
  handed(socket: LiveSocket): void {
    if (!this.probes.has(socket)) this.probes.set(socket, { sinceMs: Date.now(), pingedAtMs: undefined });
  }

  /** Its peer has said something, be it a pong. */
  heard(socket: LiveSocket): void {
    this.probes.delete(socket);
    if (this.silent.delete(socket)) this.change(socket.owner.agentId);
  }

  tick(nowMs: number): void {
    for (const [socket, probe] of this.probes) {
      if (nowMs - (probe.pingedAtMs ?? probe.sinceMs) < QUIET_MS) continue;
      if (probe.pingedAtMs === undefined) {
        probe.pingedAtMs = nowMs;
        socket.ping(nowMs);
        continue;
      }
      this.probes.delete(socket);
      if (this.taking.get(socket.owner.agentId)?.has(socket) !== true) continue;
      this.silent.add(socket);
      this.change(socket.owner.agentId);
    }
  }

  /** Tells all of it again when it is time. Never rejects. */
  async repeat(nowMs: number): Promise<void> {
    const isNeeded = this.told.size > 0 || this.taking.size > 0;
    if (!this.isStopped && isNeeded && nowMs - this.allToldAtMs >= TELL_ALL_EVERY_MS) await this.tell(true);
  }

  /** The process stops: nobody takes work here any more. Never rejects. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    const agentIds = [...this.taking.keys()];
    this.taking.clear();
    this.probes.clear();
    for (const agentId of [...agentIds, ...this.told.keys()]) this.changed.add(agentId);
    if (this.changed.size > 0) await this.tell(false);
  }

  private change(agentId: bigint): void {
    this.changed.add(agentId);
    if (!this.isStopped) this.timer ??= setTimeout(() => void this.tell(false), TELL_AFTER_MS);
  }

  private async tell(isAll: boolean): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.telling = this.telling.then(() => this.write(isAll));
    await this.telling;
  }

  private async write(isAll: boolean): Promise<void> {
    const agentIds = isAll ? [...this.taking.keys()] : [...this.changed];
    this.changed.clear();
    const news = agentIds.map((agentId): Told => ({ agentId, state: this.stateOf(agentId) }));
    const told = isAll ? news : news.filter(({ agentId, state }) => this.told.get(agentId) !== state);
    if (told.length === 0 && !isAll) return;
    try {
      const node = await this.node.here(this.tellAnew, this.failed);
      const hurried = await this.store.tell(node, told, isAll);
      this.isFailing = false;
      if (hurried === undefined) return this.tellAnew();
      if (isAll) {
        this.told.clear();
        this.allToldAtMs = Date.now();
      }
      for (const { agentId, state } of told) {
        if (state === undefined) this.told.delete(agentId);
        else this.told.set(agentId, state);
      }
      for (const agentId of hurried) this.bus.publish('agent-event', { agentId });
    } catch (error) {
      this.failed(error);
    }
  }

  private stateOf(agentId: bigint): PresenceState | undefined {
    const own = this.taking.get(agentId);
    if (own === undefined) return undefined;
    const answering = [...own].filter((socket) => !this.silent.has(socket));
    if (answering.length === 0) return 'silent';
    return answering.some(({ owner }) => owner.isV1) ? 'acknowledging' : 'plain';
  }

  /** What the database knew of this process is gone: the next look tells all of it. */
  private readonly tellAnew = (): void => {
    this.allToldAtMs = Number.NEGATIVE_INFINITY;
  };

  private readonly failed = (error: unknown): void => {
    this.tellAnew();
    if (!this.isFailing) this.log.error({ err: error }, 'who has sockets here could not be told');
    this.isFailing = true;
  };
}
