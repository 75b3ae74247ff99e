import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { freePort } from '../support/free-port.js';

type Received = { at: number; text: string; body: Record<string, unknown>; headers: Record<string, string> };

/** A local webhook that a test can take down, slow down and let fail. */
export class Receiver {
  readonly received: Received[] = [];
  /** What it answers, and after how long; a test changes them. */
  status = 204;
  delayMs = 0;
  answer: (body: Record<string, unknown>) => string = () => '';
  location: string | undefined;
  busy = 0;
  busyMost = 0;

  private server = createServer();

  private constructor(readonly port: number) {}

  static async start(port?: number): Promise<Receiver> {
    const receiver = new Receiver(port ?? (await freePort()));
    await receiver.up();
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  bodies(type: string): Record<string, unknown>[] {
    return this.received.map(({ body }) => body).filter((body) => body['type'] === type);
  }

  async down(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  async up(): Promise<void> {
    this.server = createServer().listen(this.port, '127.0.0.1');
    this.serve();
    await once(this.server, 'listening');
  }

  private serve(): void {
    this.server.on('request', (request, response) => {
      void (async () => {
        this.busy += 1;
        this.busyMost = Math.max(this.busyMost, this.busy);
        const sent = await text(request);
        const body = JSON.parse(sent) as Record<string, unknown>;
        if (this.delayMs > 0) await new Promise((done) => setTimeout(done, this.delayMs));
        this.busy -= 1;
        this.received.push({ at: Date.now(), text: sent, body, headers: request.headers as Record<string, string> });
        const answer = this.answer(body);
        const headers = this.location === undefined ? {} : { location: this.location };
        response.writeHead(this.status, headers).end(answer);
      })();
    });
  }
}
