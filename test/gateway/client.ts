import { connect } from 'node:net';
import { WebSocket, type ClientOptions } from 'ws';

export type Frame = {
  type: string;
  event?: string;
  messageId?: string;
  code?: string;
  data?: { invocationId: number } & Record<string, unknown>;
} & Record<string, unknown>;

/** A client as a stranger would write it: it keeps what it gets and how it ended. */
export class Client {
  readonly frames: Frame[] = [];
  readonly texts: string[] = [];
  closed: { code: number; reason: string } | undefined;
  private readonly waiters = new Set<() => void>();

  private constructor(readonly ws: WebSocket) {
    ws.on('message', (data) => {
      this.texts.push(String(data));
      this.frames.push(JSON.parse(String(data)) as Frame);
      this.wake();
    });
    ws.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      this.wake();
    });
    ws.on('error', () => undefined);
  }

  static async open(
    port: number,
    key: string,
    options: ClientOptions = {},
    query = '',
    protocols: string[] = [],
  ): Promise<Client> {
    const url = `ws://127.0.0.1:${port}/ws${query}`;
    const ws = new WebSocket(url, protocols, { headers: { 'x-api-key': key }, ...options });
    const client = new Client(ws);
    await new Promise<void>((resolve, reject) => {
      ws.once('open', () => resolve());
      ws.once('unexpected-response', (_request, response) => reject(new Error(`refused with ${response.statusCode}`)));
      ws.once('error', reject);
    });
    return client;
  }

  send(frame: unknown): void {
    this.ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** Invocation ids of the notifications so far. */
  get invoked(): number[] {
    return this.frames
      .filter((frame) => frame.event === 'service_invoked')
      .map((frame) => Number(frame.data?.invocationId));
  }

  ofType(type: string): Frame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  get welcome(): Frame | undefined {
    return this.ofType('welcome')[0];
  }

  /** Number and attempt of the events so far, as "number.attempt". */
  get events(): string[] {
    return this.ofType('event').map(({ seq, attempt }) => `${String(seq)}.${String(attempt)}`);
  }

  /** Acknowledges what the events say, "number.attempt" each. */
  ack(...events: string[]): void {
    for (const event of events) {
      const [seq, attempt] = event.split('.').map(Number);
      this.send({ type: 'ack', seq, attempt });
    }
  }

  get errors(): string[] {
    return this.frames.filter((frame) => frame.type === 'error').map((frame) => String(frame.code));
  }

  /** Waits until this holds; looked at whenever something arrives. */
  async until(holds: () => boolean, limitMs = 5_000): Promise<void> {
    const end = Date.now() + limitMs;
    while (!holds()) {
      if (Date.now() >= end)
        throw new Error(
          `did not come in ${limitMs} ms; got ${this.texts.map((text) => text.slice(0, 200)).join('\n')}, ${JSON.stringify(this.closed)}`,
        );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, Math.min(50, end - Date.now()));
        const waiters = this.waiters;
        function done(): void {
          clearTimeout(timer);
          waiters.delete(done);
          resolve();
        }
        waiters.add(done);
      });
    }
  }

  async untilClosed(limitMs?: number): Promise<{ code: number; reason: string }> {
    await this.until(() => this.closed !== undefined, limitMs);
    return this.closed ?? { code: 0, reason: '' };
  }

  /** Ends it as a program does that stops. */
  async leave(): Promise<void> {
    this.ws.close();
    await this.untilClosed();
  }

  private wake(): void {
    for (const waiter of [...this.waiters]) waiter();
  }
}

/** Sends bytes over a bare socket and returns what comes back until it closes or falls silent. */
export function raw(port: number, bytes: string, silenceMs = 1_500): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.setTimeout(silenceMs, () => socket.destroy());
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
    socket.write(bytes);
  });
}

export function upgradeRequest(path: string, headers: Record<string, string> = {}): string {
  const lines = Object.entries({
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}
