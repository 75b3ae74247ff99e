import { addressJudge } from './address.js';
import { realDoors, type Doors } from './doors.js';
import type { OnUnresolved } from './guarded-connect.js';
import { Line, type EgressResult, type LineRequest } from './line.js';
import type { EgressSettings } from './settings.js';
import { readTarget, type Target } from './target.js';

export type EgressRequest = Omit<LineRequest, 'isKept'> & {
  url: string;
  /** Whose request it is. Requests of the same name may share a connection, one after the other; without a name none does. */
  reuse?: string | undefined;
};

const NO_TIMINGS = { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null, totalMs: 0 };

/** Connections that nobody uses; beyond it the one that was used longest ago goes. */
const IDLE_MAX = 512;

const TARGETS_MAX = 1_000;

/**
 * The only way by which the market connects to an address that a user has named. Every address of the name and the peer
 * itself must be public (or allowed), redirects and proxies are not followed, one deadline holds for everything, an answer
 * has at most 64 KiB and is not decompressed.
 */
export class Egress {
  private readonly isAllowed: (address: string) => boolean;
  private readonly idle = new Map<string, Line[]>();
  private idleCount = 0;
  /** What was read of URLs that may be connected to: text and settings alone decide, so it stays. */
  private readonly targets = new Map<string, Target>();
  private isClosed = false;

  constructor(
    private readonly settings: EgressSettings,
    private readonly doors: Doors = realDoors(),
    private readonly onUnresolved: OnUnresolved = () => undefined,
  ) {
    this.isAllowed = addressJudge(settings.allow);
  }

  /** What is wrong with a URL as far as its text tells, as a sentence that starts with "must"; undefined when nothing is. */
  check(url: string): string | undefined {
    const target = readTarget(url, this.settings, this.isAllowed);
    return typeof target === 'string' ? target : undefined;
  }

  /** Sends the bytes as they are. Never throws for what the far side does. */
  async post({ url, reuse, headers, ...request }: EgressRequest): Promise<EgressResult> {
    const target = this.targets.get(url) ?? this.readTarget(url);
    if (typeof target === 'string') {
      return { kind: 'failed', reason: 'forbidden-address', detail: `the URL ${target}`, timings: NO_TIMINGS };
    }
    const key = reuse === undefined ? undefined : `${reuse} ${target.origin}`;
    const line = this.take(key) ?? new Line(target, this.doors, this.isAllowed, this.onUnresolved);
    const result = await line.post(target.path, {
      ...request,
      headers: { ...headers, 'accept-encoding': 'identity' },
      isKept: key !== undefined,
    });
    if (key === undefined || this.isClosed) line.destroy();
    else this.keep(key, line);
    return result;
  }

  /** Hangs up on all connections that wait for a next request, and on the others as soon as they are done. */
  close(): void {
    this.isClosed = true;
    for (const line of [...this.idle.values()].flat()) line.destroy();
    this.idle.clear();
  }

  private readTarget(url: string): Target | string {
    const target = readTarget(url, this.settings, this.isAllowed);
    if (typeof target === 'string') return target;
    if (this.targets.size >= TARGETS_MAX) this.targets.clear();
    this.targets.set(url, target);
    return target;
  }

  private take(key: string | undefined): Line | undefined {
    const lines = key === undefined ? undefined : this.idle.get(key);
    const line = lines?.pop();
    if (key !== undefined && lines?.length === 0) this.idle.delete(key);
    if (line !== undefined) this.idleCount -= 1;
    return line;
  }

  private keep(key: string, line: Line): void {
    if (!line.isUsable) return;
    const lines = this.idle.get(key) ?? [];
    lines.push(line);
    this.idle.delete(key);
    this.idle.set(key, lines);
    this.idleCount += 1;
    if (this.idleCount > IDLE_MAX) this.take(this.idle.keys().next().value)?.destroy();
  }
}
