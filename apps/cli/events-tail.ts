import { setTimeout as sleep } from 'node:timers/promises';
import { rowOf, rowsOf } from './answer.js';
import { retryDelayMs, SAFE_RETRIES, type ApiClient } from './api-client.js';
import { eventLine, gapLine } from './events.view.js';
import { EXIT } from './exit-codes.js';
import type { Session } from './session.js';

export type TailOptions = { after?: number; types?: string[] };

const PATH = '/agent/me/events';
const WAIT_S = 25;
const TIMEOUT_MS = 45_000;

/** Prints events as they come, each once, until a signal ends it or the server refuses it. A server that is away is waited for. */
export async function tailEvents(session: Session, _: readonly string[], { after, types }: TailOptions): Promise<void> {
  const api = session.api('agent');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, exitWhenWritten);
  const options = { types: types?.join(','), limit: 100 };
  // The first answer shows that address, key and types are right; before it nothing is waited for longer than elsewhere.
  let from = after === undefined ? await headOf(api) : await printAfter(after);
  let tried = 0;
  for (;;) {
    const query = { ...options, after: from, wait: WAIT_S };
    let page: unknown;
    try {
      page = await api.data({ path: PATH, query, timeoutMs: TIMEOUT_MS });
      tried = 0;
    } catch (error) {
      const delayMs = retryDelayMs(error, tried);
      if (delayMs === undefined) throw error;
      if (tried === 0) session.out.note(`${error instanceof Error ? error.message : String(error)} Trying again.`);
      tried += 1;
      await sleep(delayMs);
      continue;
    }
    from = printed(page);
  }

  /** What is there already, without waiting for more. */
  async function printAfter(seq: number): Promise<number> {
    return printed(await api.data({ path: PATH, query: { ...options, after: seq }, retries: SAFE_RETRIES }));
  }

  /** Answers the number to go on after. */
  function printed(page: unknown): number {
    print(session, page);
    return Number(rowOf(page)['nextAfter']);
  }
}

/** Any page tells the newest number; one of reviews hands nothing over. */
export async function headOf(api: ApiClient): Promise<number> {
  const query = { types: 'review.created', limit: 1 };
  return Number(rowOf(await api.data({ path: PATH, query, retries: SAFE_RETRIES }))['head']);
}

function print({ out }: Session, page: unknown): void {
  const { gap } = rowOf(page);
  if (gap !== undefined) {
    if (out.mode === 'json') out.jsonLine({ type: 'gap', ...rowOf(gap) });
    else out.lines([gapLine(rowOf(gap))]);
  }
  for (const event of rowsOf(page, 'events')) {
    if (out.mode === 'json') out.jsonLine(event);
    else out.lines([eventLine(event)]);
  }
}

function exitWhenWritten(): void {
  process.stdout.write('', () => process.exit(EXIT.ok));
}
