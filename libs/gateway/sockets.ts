import { Injectable } from '@nestjs/common';
import { Metrics } from '#platform';
import type { LiveSocket } from './live-socket.js';

/** All open sockets of this process, by agent. */
@Injectable()
export class Sockets {
  private readonly byAgent = new Map<bigint, Set<LiveSocket>>();
  private count = 0;
  /** Frames that went out over sockets that are gone. */
  private framesSentBefore = 0;

  constructor(metrics: Metrics) {
    metrics.gauge('c4c_ws_sockets', 'Open WebSockets.', () => this.count);
    metrics.counted('c4c_ws_frames_sent_total', 'Frames sent to WebSockets.', () =>
      this.all().reduce((sum, { framesOut }) => sum + framesOut, this.framesSentBefore),
    );
  }

  get size(): number {
    return this.count;
  }

  add(socket: LiveSocket): void {
    const { agentId } = socket.owner;
    const own = this.byAgent.get(agentId) ?? new Set();
    own.add(socket);
    this.byAgent.set(agentId, own);
    this.count += 1;
  }

  remove(socket: LiveSocket): void {
    const own = this.byAgent.get(socket.owner.agentId);
    if (own?.delete(socket) !== true) return;
    this.count -= 1;
    this.framesSentBefore += socket.framesOut;
    if (own.size === 0) this.byAgent.delete(socket.owner.agentId);
  }

  of(agentId: bigint): LiveSocket[] {
    return [...(this.byAgent.get(agentId) ?? [])];
  }

  agentIds(): bigint[] {
    return [...this.byAgent.keys()];
  }

  all(): LiveSocket[] {
    return [...this.byAgent.values()].flatMap((own) => [...own]);
  }
}
