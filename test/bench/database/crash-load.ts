import { setTimeout as sleep } from 'node:timers/promises';
import { HttpConnection, type Answer } from '../http-connection.js';
import { INPUT, OUTPUT } from '../plan.js';
import type { BenchMarket } from '../seed.js';

/** Ids of invocations whose invoke, or whose submit, was answered with 200. */
export type Acknowledged = { invoked: Set<number>; submitted: Set<number> };

const CLIENTS = 32;
const INVOCATIONS = '/openapi/v1/agent/me/service-invocations';
const SERVED_WITHIN_MS = 60_000;
// A client that was refused does not knock at once again.
const PAUSE_MS = 50;

/** Clients that invoke and submit without end and remember what they were told. */
export class CrashLoad {
  readonly acknowledged: Acknowledged = { invoked: new Set(), submitted: new Set() };
  /** Requests that got no answer or were told that there is no database. */
  unanswered = 0;
  private isOver = false;
  private sent = 0;
  private readonly unexpected: string[] = [];
  private readonly clients: Promise<void>[];

  constructor(
    private readonly url: string,
    private readonly market: BenchMarket,
  ) {
    this.clients = Array.from({ length: CLIENTS }, () => this.client());
  }

  /** Waits until invokes are acknowledged (again). */
  async untilServed(): Promise<void> {
    const before = this.acknowledged.invoked.size;
    for (const until = Date.now() + SERVED_WITHIN_MS; Date.now() < until; await sleep(10)) {
      if (this.acknowledged.invoked.size > before + CLIENTS) return;
    }
    throw new Error('no invoke was served within a minute after a crash');
  }

  /** @throws when an answer was neither 200 nor 503 */
  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.clients);
    if (this.unexpected.length > 0) throw new Error(`unexpected answers: ${this.unexpected.slice(0, 5).join('; ')}`);
  }

  private async client(): Promise<void> {
    let connection: HttpConnection | undefined;
    while (!this.isOver) {
      try {
        connection = connection?.isOpen === true ? connection : await HttpConnection.open(new URL(this.url));
        await this.live(connection);
      } catch {
        this.unanswered += 1;
        connection?.close();
        connection = undefined;
        await sleep(PAUSE_MS);
      }
    }
    connection?.close();
  }

  /** An invoke and, for three of four, its submit. */
  private async live(connection: HttpConnection): Promise<void> {
    const n = (this.sent += 1);
    const caller = this.market.callers[n % this.market.callers.length];
    const provider = this.market.providers[n % this.market.providers.length];
    if (caller === undefined || provider === undefined) throw new Error('there is nobody to pick');
    const wish = `{"serviceId":${String(provider.serviceId)},"input":${INPUT}}`;
    const opened = await connection.send(
      'POST',
      INVOCATIONS,
      caller.key,
      wish,
      `crash-${String(process.pid)}-${String(n)}`,
    );
    const id = Number(/"invocationId":(\d+)/.exec(opened.body)?.[1]);
    if (!(await this.isServed(opened))) return;
    this.acknowledged.invoked.add(id);
    if (n % 4 === 0) return;
    const result = `{"status":"completed","output":${OUTPUT}}`;
    const closed = await connection.send('POST', `${INVOCATIONS}/${String(id)}/submit`, provider.key, result);
    if (await this.isServed(closed)) this.acknowledged.submitted.add(id);
  }

  private async isServed({ status, body }: Answer): Promise<boolean> {
    if (status === 200) return true;
    if (status === 503) this.unanswered += 1;
    else this.unexpected.push(`${String(status)} ${body.slice(0, 200)}`);
    await sleep(PAUSE_MS);
    return false;
  }
}
