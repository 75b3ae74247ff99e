import type { Row } from '../figures.js';
import type { Run } from '../run.js';
import { crowdRows } from './crowd-rows.js';
import { webhookRows } from './webhook-rows.js';

/** What needs markets of its own: ten thousand sockets, and a worker that sends webhooks. */
export async function measureDelivery(run: Run, serverUrl: string): Promise<Row[]> {
  return [...(await crowdRows(run, serverUrl)), ...(await webhookRows(run, serverUrl))];
}
