import type { Row } from '../figures.js';
import { skippedRow } from '../figures.js';
import type { Run } from '../run.js';
import { DEAD_MUST, DEAD_WHAT, deadRows } from './dead-endpoint.js';
import { withOwnMarket } from './market.js';
import { OrderedProcess } from './orders.js';
import type { ReceiverTalk } from './receiver-talk.js';
import { WEBHOOKS_MUST, WEBHOOKS_WHAT, throughputRows } from './throughput.js';

/** What the worker process sends to receivers on this machine. */
export async function webhookRows(run: Run, serverUrl: string): Promise<Row[]> {
  const wants = { webhooks: run.parts.has('webhooks'), dead: run.parts.has('dead-endpoint') };
  if (!wants.webhooks && !wants.dead) return [];
  if (run.isQuick) {
    const reason = 'takes minutes; run without --quick';
    return [
      ...(wants.webhooks ? [skippedRow({ what: WEBHOOKS_WHAT, must: WEBHOOKS_MUST, reason })] : []),
      ...(wants.dead ? [skippedRow({ what: DEAD_WHAT, must: DEAD_MUST, reason })] : []),
    ];
  }
  const receiver = OrderedProcess.start<ReceiverTalk>('receiver.js');
  try {
    const rows: Row[] = [];
    // A market each: what one of them leaves in the queue would be the other's.
    if (wants.webhooks) {
      run.say('\nWebhooks to an instant receiver.');
      rows.push(
        ...(await withOwnMarket(run, serverUrl, { hasWorker: true }, (own) => throughputRows(run, own, receiver))),
      );
    }
    if (wants.dead) {
      run.say('\nWebhooks to a hundred endpoints, one of them dead.');
      rows.push(...(await withOwnMarket(run, serverUrl, { hasWorker: true }, (own) => deadRows(run, own, receiver))));
    }
    return rows;
  } finally {
    await receiver.stop();
  }
}
