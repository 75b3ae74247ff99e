import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '#platform';
import { InvocationStore } from './invocation.store.js';

const WAITERS_MAX = 5_000;
const LOOK_EVERY_MS = 1_000;

/** Requests that wait for the end of an invocation: woken by the hint of its event, and by a look every second. */
@Injectable()
export class SettledWaiters implements OnModuleDestroy {
  private readonly wakers = new Map<string, Set<() => void>>();
  private readonly unsubscribe: () => void;
  private waiting = 0;

  constructor(
    private readonly store: InvocationStore,
    bus: Bus,
  ) {
    this.unsubscribe = bus.subscribe('agent-event', ({ agentId }) => this.wake(agentId));
  }

  /** True when the invocation has ended within the time; false also at once when too many are waiting already. */
  async settledWithin(callerAgentId: bigint, invocationId: bigint, waitS: number): Promise<boolean> {
    if (this.waiting >= WAITERS_MAX) return false;
    const endsAt = performance.now() + waitS * 1_000;
    this.waiting += 1;
    try {
      for (;;) {
        // Registered before the look, so that an end between the look and the wait is heard.
        const next = this.nextWake(String(callerAgentId), Math.min(LOOK_EVERY_MS, endsAt - performance.now()));
        const status = await this.store.statusOf(invocationId);
        if (status !== 'pending' || performance.now() >= endsAt) {
          next.cancel();
          return status !== undefined && status !== 'pending';
        }
        await next.woken;
      }
    } finally {
      this.waiting -= 1;
    }
  }

  onModuleDestroy(): void {
    this.unsubscribe();
    for (const agentId of this.wakers.keys()) this.wake(agentId);
  }

  private nextWake(agentId: string, waitMs: number): { woken: Promise<void>; cancel: () => void } {
    const wakers = this.wakers.get(agentId) ?? new Set<() => void>();
    this.wakers.set(agentId, wakers);
    let cancel = (): void => undefined;
    const woken = new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        wakers.delete(done);
        if (wakers.size === 0 && this.wakers.get(agentId) === wakers) this.wakers.delete(agentId);
        resolve();
      };
      const timer = setTimeout(done, Math.max(0, waitMs));
      wakers.add(done);
      cancel = done;
    });
    return { woken, cancel };
  }

  private wake(agentId: string): void {
    for (const done of [...(this.wakers.get(agentId) ?? [])]) done();
  }
}
