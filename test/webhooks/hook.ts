import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';

export type Hit = { atMs: number; headers: IncomingHttpHeaders; bytes: Buffer; body: Record<string, unknown> };
type Answer = (response: ServerResponse, hit: Hit, request: IncomingMessage) => void;

/** A receiver of webhooks; `answer` may be changed at any time. */
export class Hook {
  readonly hits: Hit[] = [];
  private waiting: { count: number; resolve: () => void }[] = [];

  private constructor(
    private readonly server: Server,
    public answer: Answer,
  ) {}

  static async start(answer: Answer = (response) => response.writeHead(204).end(), host = '127.0.0.1'): Promise<Hook> {
    const server = createServer();
    const hook = new Hook(server, answer);
    server.on('request', (request, response) => {
      response.on('error', () => undefined);
      buffer(request).then(
        (bytes) => hook.take(request, response, bytes),
        () => undefined,
      );
    });
    server.listen(0, host);
    await once(server, 'listening');
    return hook;
  }

  get url(): string {
    const { address, port } = this.server.address() as AddressInfo;
    return `http://${address}:${port}/hook`;
  }

  onConnection(listener: (socket: Socket) => void): void {
    this.server.on('connection', listener);
  }

  /** The ids that came, each once. */
  get ids(): Set<string> {
    return new Set(this.hits.map(({ headers }) => String(headers['webhook-id'])));
  }

  /** Waits until so many requests have come, at most 20 s. */
  async until(count: number): Promise<void> {
    if (this.hits.length >= count) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.hits.length} of ${count} requests came`)), 20_000);
      this.waiting.push({
        count,
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
      });
    });
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  private take(request: IncomingMessage, response: ServerResponse, bytes: Buffer): void {
    const body = JSON.parse(bytes.toString()) as Record<string, unknown>;
    const hit = { atMs: Date.now(), headers: request.headers, bytes, body };
    this.hits.push(hit);
    this.answer(response, hit, request);
    this.waiting = this.waiting.filter(({ count, resolve }) => {
      if (this.hits.length < count) return true;
      resolve();
      return false;
    });
  }
}

/** How many requests the fullest second has, wherever it begins. */
export function mostInASecond(hits: readonly Hit[]): number {
  const atMs = hits.map((hit) => hit.atMs).sort((a, b) => a - b);
  return Math.max(...atMs.map((from, n) => atMs.slice(n).filter((at) => at < from + 1_000).length));
}
