import type { ServerResponse } from 'node:http';
import type { AgentPrincipal } from '#owners';

/** Why a reader's waiting is over. */
export type ReaderEnd = 'client gone' | 'server stopping' | 'key revoked' | 'agent frozen' | 'does not read';

/** Somebody who waits for an agent's events over HTTP: a poll or a stream. */
export class EventReader {
  /** Everything up to here has been read. */
  cursor: bigint | undefined;
  /** Since when its peer has something to take, by `performance.now()`. */
  offeredAtMs: number | undefined;
  /** Since when it is known that it waits for work, by `performance.now()`; undefined when it asked for other events only. */
  askedAtMs: number | undefined;
  readonly agentId: bigint;
  readonly keyId: bigint;
  private reason: ReaderEnd | undefined;
  private isWoken = false;
  private resume: () => void = () => undefined;

  constructor(
    readonly caller: AgentPrincipal,
    readonly response: ServerResponse,
  ) {
    this.agentId = caller.agentId;
    this.keyId = caller.keyId;
  }

  /** Undefined as long as it goes on. */
  get end(): ReaderEnd | undefined {
    return this.reason;
  }

  /** Called before each look at the log, so that what happens during the look is heard after it. */
  arm(): void {
    this.isWoken = false;
  }

  /** There may be something new. */
  wake(): void {
    this.isWoken = true;
    this.resume();
  }

  finish(reason: ReaderEnd): void {
    this.reason ??= reason;
    this.wake();
  }

  /** Resolves when it has been woken since it was armed, or after so long. */
  async woken(withinMs: number): Promise<void> {
    if (this.isWoken) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.resume = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
