const PROBES_MAX = 20;
const WINDOW_MS = 60_000;
const AGENTS_MAX = 10_000;

/** How often an agent may have this process call an address at its word: 20 times a minute. */
export class ProbeBudget {
  private readonly windows = new Map<bigint, { endsAt: number; used: number }>();

  /** Takes one. Answers 0, or after how many milliseconds there is one again. */
  take(agentId: bigint, now: number): number {
    const window = this.windows.get(agentId);
    if (window === undefined || window.endsAt <= now) {
      if (this.windows.size >= AGENTS_MAX) this.forget(now);
      this.windows.set(agentId, { endsAt: now + WINDOW_MS, used: 1 });
      return 0;
    }
    if (window.used >= PROBES_MAX) return window.endsAt - now;
    window.used += 1;
    return 0;
  }

  private forget(now: number): void {
    for (const [agentId, { endsAt }] of this.windows) if (endsAt <= now) this.windows.delete(agentId);
  }
}
