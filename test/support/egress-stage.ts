import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import { realDoors, type Doors } from '../../libs/platform/egress/doors.js';
import { Egress, type EgressRequest } from '../../libs/platform/egress/egress.js';
import type { OnUnresolved } from '../../libs/platform/egress/guarded-connect.js';
import type { EgressResult } from '../../libs/platform/egress/line.js';
import { selfSigned } from './certificate.js';

/*
 * 127.0.0.2 and 127.0.0.3 stand for public addresses, every other one is as private as it is. Nothing here leaves the machine.
 */
const PUBLIC = ['127.0.0.2/32', '127.0.0.3/32'];
const SETTINGS = { allow: PUBLIC, ports: [{ from: 1, to: 65_535 }], isHttpsOnly: false };

/** A server, and the connections that it has got. */
export type Listening = { url: string; sockets: Socket[] };

/** The egress guard, names that a test makes up, and servers to send to. */
export class EgressStage {
  /** The addresses that were dialled. */
  readonly dialled: string[] = [];
  /** What was said of names that lead nowhere. */
  readonly unresolved: Parameters<OnUnresolved>[0][] = [];
  readonly names = new Map<string, string[] | (() => string[])>();
  egress: Egress;
  private readonly stops: (() => void)[] = [];

  constructor() {
    this.egress = this.through();
  }

  /** From now on it goes out through these doors. */
  through(change: Partial<Doors> = {}): Egress {
    const real = realDoors();
    const doors: Doors = {
      resolve: async (host) => {
        const known = this.names.get(host);
        if (known !== undefined) return typeof known === 'function' ? known() : known;
        if (host.endsWith('localhost')) return real.resolve(host);
        throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
      },
      connect: (options) => {
        this.dialled.push(options.host ?? '');
        return real.connect(options);
      },
      ...change,
    };
    this.egress = new Egress(SETTINGS, doors, (found) => this.unresolved.push(found));
    return this.egress;
  }

  post(url: string, change: Partial<EgressRequest> = {}): Promise<EgressResult> {
    return this.egress.post({ url, headers: {}, body: Buffer.from('{"a":1}'), totalMs: 5_000, ...change });
  }

  /** A server on a "public" address. */
  receiver(answer: RequestListener, host = '127.0.0.2'): Promise<Listening> {
    return this.listening(createServer(answer), 'http', host);
  }

  async tlsReceiver(names: string[], until?: Date): Promise<Listening & { cert: string }> {
    const certificate = selfSigned(names, until);
    const server = createTlsServer(certificate, (_request, response) => response.end('secured'));
    server.on('tlsClientError', () => undefined);
    return { ...(await this.listening(server, 'https', '127.0.0.2')), cert: certificate.cert };
  }

  /** A server that speaks in bytes. */
  rawReceiver(onRequest: (socket: Socket) => void): Promise<Listening> {
    const server = net.createServer((socket) => socket.once('data', () => onRequest(socket)));
    return this.listening(server as unknown as Server, 'http', '127.0.0.2');
  }

  /** A listener on every address of this machine that must never be reached. */
  async forbidden(): Promise<{ port: string; sockets: Socket[] }> {
    const { url, sockets } = await this.listening(
      createServer((_request, response) => response.end('secret')),
      'http',
    );
    return { port: url.slice(url.lastIndexOf(':') + 1), sockets };
  }

  stopServers(): void {
    for (const stop of this.stops.splice(0)) stop();
  }

  end(): void {
    this.egress.close();
    this.stopServers();
  }

  private async listening(
    server: Pick<Server, 'listen' | 'on' | 'once' | 'address' | 'close'>,
    scheme: string,
    host?: string,
  ): Promise<Listening> {
    const sockets: Socket[] = [];
    server.on('connection', (socket: Socket) => {
      sockets.push(socket.on('error', () => undefined));
    });
    server.listen(0, host);
    await once(server as Server, 'listening');
    this.stops.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return { url: `${scheme}://${host ?? ''}:${(server.address() as AddressInfo).port}`, sockets };
  }
}
