import { actionOf } from './actions.js';
import { HttpConnection } from './http-connection.js';
import { percentile, type LoadPlan, type LoadResult } from './plan.js';
import { judge } from './judge.js';

/** So many connections, each of which sends its next request when it has the answer to the last one. */
export async function runClosed(plan: LoadPlan): Promise<LoadResult> {
  const startMs = performance.now() + plan.rampMs;
  const endMs = startMs + plan.measureMs;
  const act = actionOf(plan);
  const tookMs: number[] = [];
  let failures = 0;
  let firstFailure: string | undefined;

  const worker = async (): Promise<void> => {
    const connection = await HttpConnection.open(new URL(plan.url));
    for (;;) {
      const sentMs = performance.now();
      if (sentMs >= endMs) break;
      const judged = judge(await act(connection), false);
      const doneMs = performance.now();
      if (judged.kind === 'failure') {
        failures += 1;
        firstFailure ??= judged.text;
      } else if (doneMs >= startMs && doneMs < endMs) {
        tookMs.push(doneMs - sentMs);
      }
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: plan.connections }, worker));

  tookMs.sort((a, b) => a - b);
  return {
    perSecond: (tookMs.length * 1_000) / plan.measureMs,
    p50Ms: percentile(tookMs, 0.5),
    p99Ms: percentile(tookMs, 0.99),
    failures,
    firstFailure,
  };
}
