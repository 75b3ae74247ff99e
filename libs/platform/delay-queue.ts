import { randomUUID } from 'node:crypto';
import { openQueue, type OpenQueue, type QueueOptions } from './queue-connection.js';
import { within } from './within.js';

const COMMAND_TIMEOUT_MS = 2_500;
const SENTINEL_ID = 'sentinel';
const SENTINEL_DELAY_MS = 10 * 365 * 24 * 3_600 * 1_000;

/** The producing side of a queue of jobs that wait for their time. No call waits longer than 2.5 s for the backend. */
export class DelayQueue {
  private open: OpenQueue | undefined;
  private isClosed = false;

  constructor(
    private readonly name: string,
    private readonly options: QueueOptions,
  ) {}

  /** Connects ahead of the first job, so that this one does not find the connection still being made. */
  connect(): void {
    this.opened();
  }

  /** Adds a job unless one with this id waits already. Ids hold no colon and are not digits only: BullMQ refuses those. */
  async add(id: string, runAtMs: number): Promise<void> {
    if (id.includes(':') || /^\d+$/.test(id)) throw new Error(`"${id}" cannot be the id of a job`);
    // An id that the queue still knows makes a second add a silent no-op; so nothing that has run may be kept.
    const options = {
      jobId: id,
      delay: Math.max(0, Math.ceil(runAtMs - Date.now())),
      removeOnComplete: true,
      removeOnFail: true,
    };
    await this.command('adding a job', ({ queue }) => queue.add('due', {}, options));
  }

  /**
   * A name that the queue keeps for as long as it keeps its jobs. Another name than last time says that the queue was
   * wiped in between, whoever of the processes noticed first.
   */
  async epoch(): Promise<string> {
    return this.command('reading the sentinel', async ({ queue }) => {
      const found = epochIn(await queue.getJob(SENTINEL_ID));
      if (found !== undefined) return found;
      const fresh = randomUUID();
      await queue.add(
        'sentinel',
        { epoch: fresh },
        { jobId: SENTINEL_ID, delay: SENTINEL_DELAY_MS, removeOnComplete: true, removeOnFail: true },
      );
      // Two processes may plant one at the same time; the queue has kept the first.
      return epochIn(await queue.getJob(SENTINEL_ID)) ?? fresh;
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const open = this.open;
    this.open = undefined;
    if (open !== undefined) await dispose(open);
  }

  private async command<T>(what: string, send: (open: OpenQueue) => Promise<T>): Promise<T> {
    const open = this.opened();
    if (!open.isUp()) await within(COMMAND_TIMEOUT_MS, open.tried, what);
    if (!open.isUp()) throw new Error(`The queue is away; ${what} was not tried`);
    return within(COMMAND_TIMEOUT_MS, send(open), what);
  }

  private opened(): OpenQueue {
    if (this.isClosed) throw new Error('The queue is closed');
    if (this.open !== undefined) return this.open;
    const open = openQueue(this.name, this.options);
    this.open = open;
    // BullMQ remembers a first connection that failed for ever, so such a queue is thrown away and the next call makes anew.
    open.queue.waitUntilReady().catch(() => {
      if (this.open !== open) return;
      this.open = undefined;
      void dispose(open);
    });
    return open;
  }
}

function epochIn(job: { data: unknown } | undefined): string | undefined {
  const data = job?.data;
  if (typeof data !== 'object' || data === null) return undefined;
  const epoch: unknown = Reflect.get(data, 'epoch');
  return typeof epoch === 'string' ? epoch : undefined;
}

async function dispose({ queue, isUp, drop }: OpenQueue): Promise<void> {
  try {
    // A backend that is away cannot say goodbye, and waiting for it would hold up the shutdown.
    await within(COMMAND_TIMEOUT_MS, isUp() ? queue.close() : queue.disconnect(), 'closing a queue');
  } catch {
    // Nothing is lost: jobs that were accepted are in the backend.
  }
  drop();
}
