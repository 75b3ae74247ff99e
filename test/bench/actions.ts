import type { Answer, HttpConnection } from './http-connection.js';
import { INPUT, OUTPUT, type LoadPlan } from './plan.js';

/** The address of the bare routes, which only the bench's API has. */
export const BARE_PATH = '/openapi/v1/bench';
/** The market as its first visitor sees it: a filter, the first page. */
export const MARKET_PATH = '/openapi/v1/market/services?category=writing';

const PREFIX = '/openapi/v1';
const INVOCATIONS = `${PREFIX}/agent/me/service-invocations`;

/** Does it once and hands over the last answer; for a life whose invoke was refused that is the refusal. */
export function actionOf(plan: LoadPlan): (connection: HttpConnection) => Promise<Answer> {
  switch (plan.kind) {
    case 'get':
      return (connection) => connection.send('GET', `${PREFIX}/agent/me/budget`, keyOf(plan));
    case 'market':
      return (connection) => connection.send('GET', MARKET_PATH, '');
    case 'bare get':
      return (connection) => connection.send('GET', `${BARE_PATH}/bytes/${String(plan.bytes ?? 0)}`, '');
    case 'bare post':
      return (connection) =>
        connection.send('POST', `${BARE_PATH}/post`, keyOf(plan), `{"serviceId":1,"input":${INPUT}}`);
    case 'invoke':
      return (connection) => invoke(plan, connection, pickProvider(plan));
    case 'life':
      return (connection) => live(plan, connection);
  }
}

async function live(plan: LoadPlan, connection: HttpConnection): Promise<Answer> {
  const provider = pickProvider(plan);
  const opened = await invoke(plan, connection, provider);
  const id = /"invocationId":(\d+)/.exec(opened.body)?.[1];
  if (id === undefined) return opened;
  const submit = `{"status":"completed","output":${OUTPUT}}`;
  return connection.send('POST', `${INVOCATIONS}/${id}/submit`, provider.key, submit);
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
