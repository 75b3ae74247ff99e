import type { Delivery } from './connect-frame.js';

/** What an invocation came to, where the target knows at once. */
export type Result = { status: 'completed'; output?: object } | { status: 'failed'; error: string };

export type Outcome =
  /** It has it. Facts are what the log says of it. */
  | { kind: 'taken'; facts: Readonly<Record<string, unknown>>; result?: Result }
  /** Not now; perhaps later. */
  | { kind: 'again'; reason: string; retryAfterMs?: number };

/** Where events go on this machine. */
export type Target = {
  /** How it is called in the log, without secrets. */
  readonly name: string;
  /** Hands one over; never throws for what the other side does. */
  hand(delivery: Delivery, attempt: number): Promise<Outcome>;
  /** Ends what still runs. */
  end(): void;
};
