import { HttpConnection } from './http-connection.js';
import { INPUT, OUTPUT, percentile, type LoadPlan, type LoadResult } from './plan.js';

/**
 * The load process: so many connections, each of which sends its next request when it has the answer to the last one. Told its
 * plan as a message, answers with the result as a message.
 */
process.on('message', (plan: LoadPlan) => {
  void run(plan).then((result) => process.send?.(result));
});

const PREFIX = '/openapi/v1';
const INVOCATIONS = `${PREFIX}/agent/me/service-invocations`;

async function run(plan: LoadPlan): Promise<LoadResult> {
  const startMs = performance.now() + plan.rampMs;
  const endMs = startMs + plan.measureMs;
  const tookMs: number[] = [];
  let failures = 0;
  let firstFailure: string | undefined;

  const worker = async (): Promise<void> => {
    const connection = await HttpConnection.open(new URL(plan.url));
    const once = actionOf(plan, connection);
    for (;;) {
      const sentMs = performance.now();
      if (sentMs >= endMs) break;
      const failure = await once();
      const doneMs = performance.now();
      if (failure !== undefined) {
        failures += 1;
        firstFailure ??= failure;
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

/** What a connection repeats; answers with what went wrong, if something did. */
function actionOf(plan: LoadPlan, connection: HttpConnection): () => Promise<string | undefined> {
  switch (plan.kind) {
    case 'get':
      return async () => failureOf(await connection.send('GET', `${PREFIX}/agent/me/budget`, keyOf(plan)));
    case 'invoke':
      return async () => failureOf(await invoke(plan, connection, pickProvider(plan)));
    case 'life':
      return async () => {
        const provider = pickProvider(plan);
        const opened = await invoke(plan, connection, provider);
        const id = /"invocationId":(\d+)/.exec(opened.body)?.[1];
        if (id === undefined) return failureOf(opened) ?? 'the answer names no invocation';
        const submit = `{"status":"completed","output":${OUTPUT}}`;
        return failureOf(await connection.send('POST', `${INVOCATIONS}/${id}/submit`, provider.key, submit));
      };
  }
}

let invoked = 0;

function invoke(plan: LoadPlan, connection: HttpConnection, provider: { serviceId: number }): Promise<Answer> {
  invoked += 1;
  const body = `{"serviceId":${String(provider.serviceId)},"input":${INPUT}}`;
  return connection.send('POST', INVOCATIONS, keyOf(plan), body, `bench-${String(process.pid)}-${String(invoked)}`);
}

function keyOf({ market: { callers } }: LoadPlan): string {
  return pick(callers).key;
}

function pickProvider({ market: { providers }, hotOfTen }: LoadPlan): LoadPlan['market']['providers'][number] {
  const [hot] = providers;
  return hot !== undefined && Math.random() * 10 < hotOfTen ? hot : pick(providers);
}

function pick<T>(list: readonly T[]): T {
  const one = list[Math.floor(Math.random() * list.length)];
  if (one === undefined) throw new Error('there is nobody to pick');
  return one;
}

type Answer = { status: number; body: string };

function failureOf({ status, body }: Answer): string | undefined {
  return status === 200 ? undefined : `${String(status)} ${body.slice(0, 300)}`;
}
