import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { AgentPrincipal } from '#owners';
import { InjectLog, type Log } from '#platform';
import { ReachabilityStore } from './reachability.store.js';

const WRITE_AFTER_MS = 2_000;
const AGENTS_PER_WRITE = 1_000;

/** Who asks for work, written down a moment later: no request waits for it, and one that is lost is followed by the next. */
@Injectable()
export class Polls implements OnModuleDestroy {
  /** When each asked last, on this process's monotonic clock. */
  private readonly asked = new Map<bigint, number>();
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();
  private isFailing = false;

  constructor(
    private readonly store: ReachabilityStore,
    @InjectLog() private readonly log: Log,
  ) {}

  /** The agent asks for what it has to do. A key that may not provide only watches. */
  note({ agentId, scopes }: Pick<AgentPrincipal, 'agentId' | 'scopes'>): void {
    if (!scopes.includes('provide')) return;
    this.asked.set(agentId, performance.now());
    this.timer ??= setTimeout(() => void this.flush(), WRITE_AFTER_MS);
  }

  /** Writes down what is waiting to be. Never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.writing = this.writing.then(() => this.write());
    await this.writing;
  }

  async onModuleDestroy(): Promise<void> {
    if (this.asked.size > 0) await this.flush();
  }

  private async write(): Promise<void> {
    const now = performance.now();
    const polls = [...this.asked].map(([agentId, atMs]) => ({ agentId, agoMs: Math.round(now - atMs) }));
    this.asked.clear();
    try {
      for (let from = 0; from < polls.length; from += AGENTS_PER_WRITE)
        await this.store.polled(polls.slice(from, from + AGENTS_PER_WRITE));
      this.isFailing = false;
    } catch (error) {
      if (!this.isFailing) this.log.error({ err: error }, 'who asked for work could not be written down');
      this.isFailing = true;
    }
  }
}
