import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * What becomes of the next call that carries the name of this prepared statement:
 * - `lose-request`: it never reaches the server, and the connection breaks;
 * - `lose-answer`: the server has committed and answered; the answer is lost and the connection breaks;
 * - `break-after-request`: it reaches the server, and the connection breaks while the server still works on it;
 * - `hold-request`: it waits here until `release`;
 * - `hold-answer`: the server has committed and answered; the answer waits here until `release`.
 */
export type Fault = 'lose-request' | 'lose-answer' | 'break-after-request' | 'hold-request' | 'hold-answer';

type Trap = { statement: Buffer; fault: Fault; caught: () => void };

// ReadyForQuery, outside of a transaction: the server has committed and waits for the next call.
const READY_FOR_QUERY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

/** A PostgreSQL server seen through a network that can be made to fail at one exact moment. */
export class PostgresProxy {
  private readonly links = new Set<Link>();
  private readonly unanswered = new Set<Socket>();
  private trap: Trap | undefined;
  private isSilent = false;

  private constructor(
    private readonly server: Server,
    private readonly target: { host: string; port: number },
  ) {}

  /** In front of the server of this connection URL. */
  static async start(databaseUrl: string): Promise<PostgresProxy> {
    const { hostname, port } = new URL(databaseUrl);
    const server = createServer();
    const proxy = new PostgresProxy(server, { host: hostname, port: Number(port === '' ? 5432 : port) });
    server.on('connection', (client) => proxy.accept(client));
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** The same login, through the proxy. */
  url(databaseUrl: string): string {
    const url = new URL(databaseUrl);
    url.hostname = '127.0.0.1';
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  /** Sets a trap for the next call of the statement; the promise resolves when the fault has happened. */
  next(statement: string, fault: Fault): Promise<void> {
    return new Promise((caught) => {
      this.trap = { statement: Buffer.from(statement), fault, caught };
    });
  }

  /** Lets go what it holds. */
  release(): void {
    for (const link of this.links) link.release();
  }

  /** New connections are taken and then never answered. */
  silence(isSilent: boolean): void {
    this.isSilent = isSilent;
  }

  /** Breaks every connection there is. */
  cutAll(): void {
    for (const link of this.links) link.cut();
    for (const client of this.unanswered) client.destroy();
  }

  async close(): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private accept(client: Socket): void {
    if (this.isSilent) {
      this.unanswered.add(client.on('error', () => undefined).on('close', () => this.unanswered.delete(client)));
      return;
    }
    const link = new Link(client, connect(this.target), (request) => {
      if (this.trap === undefined || !request.includes(this.trap.statement)) return undefined;
      const trap = this.trap;
      this.trap = undefined;
      return trap;
    });
    this.links.add(link);
    client.once('close', () => this.links.delete(link));
  }
}

/** One connection and its two sockets. */
class Link {
  private held: { to: Socket; bytes: Buffer[] } | undefined;
  private answering: Trap | undefined;

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    private readonly trapFor: (request: Buffer) => Trap | undefined,
  ) {
    client.setNoDelay(true);
    server.setNoDelay(true);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on('error', () => undefined);
      // What was sent before the end is still delivered.
      socket.on('close', () => (this.held === undefined ? other.end() : other.destroy()));
    }
    client.on('data', (bytes) => this.ask(bytes));
    server.on('data', (bytes) => this.answer(bytes));
  }

  release(): void {
    const { held } = this;
    this.held = undefined;
    this.answering = undefined;
    if (held !== undefined && !held.to.destroyed) held.to.write(Buffer.concat(held.bytes));
  }

  /** The client hears nothing more; the server hears the end after what it was sent. */
  cut(): void {
    this.held = undefined;
    this.client.destroy();
    this.server.end();
  }

  private ask(bytes: Buffer): void {
    if (this.held?.to === this.server) {
      this.held.bytes.push(bytes);
      return;
    }
    const trap = this.trapFor(bytes);
    switch (trap?.fault) {
      case undefined:
        this.server.write(bytes);
        return;
      case 'lose-request':
        this.cut();
        break;
      case 'break-after-request':
        this.server.write(bytes);
        this.cut();
        break;
      case 'hold-request':
        this.held = { to: this.server, bytes: [bytes] };
        break;
      case 'lose-answer':
      case 'hold-answer':
        this.held = { to: this.client, bytes: [] };
        this.answering = trap;
        this.server.write(bytes);
        return;
    }
    trap?.caught();
  }

  private answer(bytes: Buffer): void {
    if (this.held?.to !== this.client) {
      if (!this.client.destroyed) this.client.write(bytes);
      return;
    }
    this.held.bytes.push(bytes);
    const trap = this.answering;
    if (trap === undefined || !Buffer.concat(this.held.bytes).subarray(-READY_FOR_QUERY.length).equals(READY_FOR_QUERY))
      return;
    this.answering = undefined;
    if (trap.fault === 'lose-answer') this.cut();
    trap.caught();
  }
}
