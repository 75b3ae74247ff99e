import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '#platform';
import { InvocationStore } from './invocation.store.js';

const WAITING_MAX = 5_000;
const WAITING_PER_CALLER_MAX = 100;
const LOOK_EVERY_MS = 1_000;

/** An invocation whose end somebody waits for: looked at once, however many wait. */
type Watch = { settled: Promise<boolean>; wake: () => void; waiting: number };

/** Requests that wait for the end of an invocation: woken by the hint of its event, and by a look every second. */
@Injectable()
export class SettledWaiters implements OnModuleDestroy {
  private readonly watches = new Map<bigint, Watch>();
  private readonly byCaller = new Map<string, Set<Watch>>();
  private readonly waitingOf = new Map<string, number>();
  private waiting = 0;
  private readonly unsubscribe: () => void;
  private isStopped = false;

  constructor(
    private readonly store: InvocationStore,
    bus: Bus,
  ) {
    this.unsubscribe = bus.subscribe('agent-event', ({ agentId }) => this.wake(agentId));
  }

  /** True when the invocation has ended within the time, false when not; undefined, at once, when too many requests wait
   *  already, for one invocation or for several: 100 of one caller, 5,000 in all. */
  async settledWithin(callerAgentId: bigint, invocationId: bigint, waitS: number): Promise<boolean | undefined> {
    const caller = String(callerAgentId);
    if (!this.enter(caller)) return undefined;
    const watch = this.watches.get(invocationId) ?? this.watch(caller, invocationId);
    watch.waiting += 1;
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), waitS * 1_000);
    });
    try {
      return await Promise.race([watch.settled, tooLong]);
    } finally {
      clearTimeout(timer);
      watch.waiting -= 1;
      if (watch.waiting === 0) watch.wake();
      this.leave(caller);
    }
  }

  onModuleDestroy(): void {
    this.unsubscribe();
    this.isStopped = true;
    for (const watch of this.watches.values()) watch.wake();
  }

  private enter(caller: string): boolean {
    const own = this.waitingOf.get(caller) ?? 0;
    if (this.waiting >= WAITING_MAX || own >= WAITING_PER_CALLER_MAX) return false;
    this.waiting += 1;
    this.waitingOf.set(caller, own + 1);
    return true;
  }

  private leave(caller: string): void {
    this.waiting -= 1;
    const left = (this.waitingOf.get(caller) ?? 1) - 1;
    if (left > 0) this.waitingOf.set(caller, left);
    else this.waitingOf.delete(caller);
  }

  private watch(caller: string, invocationId: bigint): Watch {
    const own = this.byCaller.get(caller) ?? new Set<Watch>();
    const watch: Watch = { settled: Promise.resolve(false), wake: () => undefined, waiting: 0 };
    this.byCaller.set(caller, own.add(watch));
    this.watches.set(invocationId, watch);
    watch.settled = this.lookUntilSettled(watch, invocationId).finally(() => {
      this.watches.delete(invocationId);
      own.delete(watch);
      if (own.size === 0) this.byCaller.delete(caller);
    });
    // A failed look is told to those who wait; there may be nobody left.
    watch.settled.catch(() => undefined);
    return watch;
  }

  private async lookUntilSettled(watch: Watch, invocationId: bigint): Promise<boolean> {
    for (;;) {
      // Armed before the look, so that an end between the look and the wait is heard.
      const woken = new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_EVERY_MS);
        watch.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      const status = await this.store.statusOf(invocationId);
      if (status !== 'pending') {
        watch.wake();
        return status !== undefined;
      }
      await woken;
      if (this.isStopped || watch.waiting === 0) return false;
    }
  }

  private wake(agentId: string): void {
    for (const watch of this.byCaller.get(agentId) ?? []) watch.wake();
  }
}
