import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export type Answer = { status: number; head: string; body: string };

/**
 * One keep-alive connection with one request under way. Written by hand because the load generator shares the processors with
 * what it measures: a general HTTP client would take about as much of them as the server.
 */
export class HttpConnection {
  private received = '';
  private waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
  private hasEnded = false;

  private constructor(
    private readonly socket: Socket,
    private readonly host: string,
  ) {
    socket.setNoDelay(true).setEncoding('latin1');
    socket.on('data', (text: string) => this.take(text));
    const gone = (error?: Error): void => {
      this.hasEnded = true;
      const { waiting } = this;
      this.waiting = undefined;
      waiting?.reject(error ?? new Error('the server closed the connection'));
    };
    socket.on('error', gone);
    socket.on('end', () => gone());
    socket.on('close', () => gone());
  }

  static async open({ hostname, port, host }: URL): Promise<HttpConnection> {
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new HttpConnection(socket, host);
  }

  /** False when the server has closed it, or said that it will. */
  get isOpen(): boolean {
    return !this.hasEnded;
  }

  send(method: 'GET' | 'POST', path: string, key: string, body = '', idempotencyKey = ''): Promise<Answer> {
    const content =
      method === 'GET'
        ? ''
        : `content-type: application/json\r\ncontent-length: ${String(Buffer.byteLength(body))}\r\n`;
    const idempotency = idempotencyKey === '' ? '' : `idempotency-key: ${idempotencyKey}\r\n`;
    const auth = key === '' ? '' : `x-api-key: ${key}\r\n`;
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.socket.write(
        `${method} ${path} HTTP/1.1\r\nhost: ${this.host}\r\n${auth}${idempotency}${content}\r\n${body}`,
      );
    });
  }

  close(): void {
    this.waiting = undefined;
    this.socket.destroy();
  }

  private take(text: string): void {
    this.received += text;
    const headEnd = this.received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = this.received.slice(0, headEnd);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
    const end = headEnd + 4 + length;
    if (Number.isNaN(length)) throw new Error(`an answer without a length: ${head}`);
    if (this.received.length < end) return;
    const answer = { status: Number(head.slice(9, 12)), head, body: this.received.slice(headEnd + 4, end) };
    this.received = this.received.slice(end);
    if (/^connection: close/im.test(head)) this.hasEnded = true;
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve(answer);
  }
}
