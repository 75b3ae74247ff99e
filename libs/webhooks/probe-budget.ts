const WINDOW_MS = 60_000;
const WINDOWS_MAX = 10_000;

/** Who has an address called at its word, and what is called as long as it has not shown that it wants to be. */
export type Probe = { agentId: bigint; ownerId: bigint; unverifiedHost: string | undefined };

/** What says no, and after how many milliseconds it says yes. */
export type Refusal = { message: string; waitMs: number };

type Limit = { most: number; message: string; of: (probe: Probe) => string | undefined };

// An owner may have any number of agents, and many owners may name the same host that never asked for it.
const LIMITS: readonly Limit[] = [
  {
    most: 20,
    message: 'An agent may have its endpoints called 20 times a minute',
    of: ({ agentId }) => `agent ${agentId}`,
  },
  {
    most: 60,
    message: 'An owner may have the endpoints of all agents called 60 times a minute',
    of: ({ ownerId }) => `owner ${ownerId}`,
  },
  {
    most: 20,
    message: 'A host is called 20 times a minute for endpoints that are not verified',
    of: ({ unverifiedHost }) => (unverifiedHost === undefined ? undefined : `host ${unverifiedHost}`),
  },
];

/** How often this process calls addresses at somebody's word. */
export class ProbeBudget {
  private readonly windows = new Map<string, { endsAt: number; used: number }>();

  /** Takes one, of every limit or of none. */
  take(probe: Probe, now: number): Refusal | undefined {
    const asked = LIMITS.flatMap(({ most, message, of }) => {
      const key = of(probe);
      return key === undefined ? [] : [{ most, message, key, window: this.at(key, now) }];
    });
    const full = asked.filter(({ most, window }) => window !== undefined && window.used >= most);
    const refusals = full.map(({ message, window }) => ({ message, waitMs: (window?.endsAt ?? now) - now }));
    const [longest] = refusals.sort((a, b) => b.waitMs - a.waitMs);
    if (longest !== undefined) return longest;
    for (const { key, window } of asked) {
      if (window !== undefined) window.used += 1;
      else this.windows.set(key, { endsAt: now + WINDOW_MS, used: 1 });
    }
    if (this.windows.size > WINDOWS_MAX) this.forget(now);
    return undefined;
  }

  private at(key: string, now: number): { endsAt: number; used: number } | undefined {
    const window = this.windows.get(key);
    return window === undefined || window.endsAt <= now ? undefined : window;
  }

  private forget(now: number): void {
    for (const [key, { endsAt }] of this.windows) if (endsAt <= now) this.windows.delete(key);
  }
}
