import { Pool } from 'undici';
import { obey } from './orders.js';
import type { UndiciTalk } from './undici-talk.js';

// As many header lines as a delivery has, of about the same length.
const HEADERS = {
  'content-type': 'application/json',
  'user-agent': 'c4c-webhooks/1',
  'webhook-id': 'evt_01234567-89ab-cdef-0123-456789abcdef',
  'webhook-timestamp': '1700000000',
  'webhook-signature': `v1,${'x'.repeat(44)}`,
  'x-c4c-event': 'invocation.invoked',
  'x-c4c-attempt': '1',
  'x-c4c-deadline': '2026-11-21T00:00:00.000Z',
  'accept-encoding': 'identity',
};

/** The least that sending can cost with the library that the sender uses: no queue, no signature, no row. */
obey<UndiciTalk>({
  run: async ({ url, connections, bytes, warmUpMs, measureMs }) => {
    const { origin, pathname } = new URL(url);
    const pool = new Pool(origin, { connections, pipelining: 1 });
    const body = Buffer.alloc(bytes, 'x');
    const startMs = performance.now() + warmUpMs;
    const endMs = startMs + measureMs;
    let sent = 0;
    let failures = 0;
    const worker = async (): Promise<void> => {
      for (let nowMs = performance.now(); nowMs < endMs; nowMs = performance.now()) {
        const answer = await pool.request({ method: 'POST', path: pathname, headers: HEADERS, body });
        await answer.body.dump();
        if (answer.statusCode !== 204) failures += 1;
        const doneMs = performance.now();
        if (doneMs >= startMs && doneMs < endMs) sent += 1;
      }
    };
    await Promise.all(Array.from({ length: connections }, worker));
    await pool.close();
    return { perSecond: (sent * 1_000) / measureMs, failures };
  },
});
