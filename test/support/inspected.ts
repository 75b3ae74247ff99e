import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { AppProcess } from './processes.js';

/** The environment of a process whose memory is to be looked at. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

/** How much memory the process has resident when it has thrown away what it does not need, in bytes. */
export async function keptBytes(process: AppProcess): Promise<number> {
  const url = /Debugger listening on (?<url>ws:\S+)/.exec(process.lines.join('\n'))?.groups?.['url'];
  if (url === undefined) throw new Error('The process was not started to be inspected');
  const inspector = new WebSocket(url);
  await once(inspector, 'open');
  try {
    // The second time finds what the first has let go.
    for (const id of [1, 2]) {
      const answered = once(inspector, 'message');
      inspector.send(JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }));
      await answered;
    }
  } finally {
    inspector.terminate();
  }
  return process.residentBytes();
}
