import { createHash } from 'node:crypto';
import pg from 'pg';
import { CLOSE_STATEMENT } from '../../libs/invocations/close.store.js';
import { OPEN_STATEMENT } from '../../libs/invocations/open.store.js';
import { DIRECT_CLIENTS, type DirectPlan } from './direct.js';
import { INPUT, OUTPUT, percentile, type LoadResult } from './plan.js';

/**
 * Where there is no pgbench: the same statements, prepared by name, from one Node process. It costs more of the processors than
 * pgbench does, so its rate is lower and a ratio against it flatters; the row says so.
 */
export async function runNodeDirect({ kind, appUrl, market, seconds }: DirectPlan): Promise<LoadResult> {
  const tookMs: number[] = [];
  const endMs = performance.now() + seconds * 1_000;
  const worker = async (): Promise<void> => {
    const client = new pg.Client({ connectionString: appUrl });
    await client.connect();
    while (performance.now() < endMs) {
      const sentMs = performance.now();
      await live(client, kind, market);
      tookMs.push(performance.now() - sentMs);
    }
    await client.end();
  };
  await Promise.all(Array.from({ length: DIRECT_CLIENTS }, worker));
  tookMs.sort((a, b) => a - b);
  return {
    perSecond: tookMs.length / seconds,
    p50Ms: percentile(tookMs, 0.5),
    p99Ms: percentile(tookMs, 0.99),
    failures: 0,
    firstFailure: undefined,
  };
}

let sent = 0;

async function live(
  client: pg.Client,
  kind: DirectPlan['kind'],
  { callers, providers }: DirectPlan['market'],
): Promise<void> {
  sent += 1;
  const caller = callers[sent % callers.length];
  const provider = providers[sent % providers.length];
  const ids = await client.query<{ id: string; holdId: string }>({
    name: 'ids',
    text: `select platform.next_id('market.invocation_id') as id, platform.next_id('ledger.hold_id') as "holdId"`,
  });
  const [drawn] = ids.rows;
  if (caller === undefined || provider === undefined || drawn === undefined) throw new Error('there is nobody to pick');
  const key = `node-${String(process.pid)}-${String(sent)}`;
  const print = createHash('sha256').update(key).digest();
  await client.query({
    name: 'open',
    text: OPEN_STATEMENT,
    values: [
      [drawn.id],
      [drawn.holdId],
      [caller.agentId],
      [caller.ownerId],
      [provider.serviceId],
      [1],
      [null],
      [INPUT],
      [key],
      [print],
      1_000,
    ],
  });
  if (kind === 'invoke') return;
  await client.query({
    name: 'close',
    text: CLOSE_STATEMENT,
    values: [[drawn.id], ['complete'], [provider.agentId], [OUTPUT], [null], [null], [print]],
  });
}
