import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { selfSigned } from '../support/certificate.js';

type Answer = { status: number; headers: Record<string, string | string[] | undefined>; body: string };

type Ways = {
  /** Changes what the server has answered, by path. */
  change?: (path: string, answer: Answer) => Answer;
  /** What becomes of an upgrade: passed on as it is, without a header, as a plain request, or taken and left alone. */
  upgrade?: 'pass' | 'without-key' | 'as-request' | 'swallow';
  isSecure?: boolean;
};

/** A proxy in front of the market, as somebody has set it up. */
export type Front = { url: string; close(): Promise<void> };

export async function startFront(to: string, { change = (_, answer) => answer, ...ways }: Ways): Promise<Front> {
  const pass = (incoming: IncomingMessage): Promise<Answer> =>
    forward(to, incoming.method, incoming.url, incoming.headers);
  const server: Server = ways.isSecure === true ? createSecureServer(selfSigned(['localhost'])) : createServer();
  const upgraded = new Set<Duplex>();
  server.on('request', (incoming: IncomingMessage, outgoing) => {
    incoming.resume();
    void pass(incoming).then((answer) => {
      const { status, headers, body } = change(incoming.url ?? '', answer);
      outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
    });
  });
  server.on('upgrade', (incoming: IncomingMessage, socket) => {
    upgraded.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => upgraded.delete(socket));
    if (ways.upgrade === 'swallow') return;
    if (ways.upgrade === 'as-request') {
      const { connection: _, upgrade: __, ...headers } = incoming.headers;
      void forward(to, 'GET', incoming.url, headers).then(({ status, body }) => {
        socket.end(
          `HTTP/1.1 ${status} No\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
        );
      });
      return;
    }
    const isLost = (name: string): boolean => ways.upgrade === 'without-key' && name === 'x-api-key';
    const lines = Object.entries(incoming.headers).flatMap(([name, value]) =>
      isLost(name) ? [] : [`${name}: ${String(value)}`],
    );
    const { hostname, port } = new URL(to);
    const upstream = connect(Number(port), hostname);
    upstream.on('error', () => socket.destroy());
    upstream.write(`GET ${incoming.url ?? ''} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    upstream.pipe(socket).pipe(upstream);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${ways.isSecure === true ? 'https' : 'http'}://127.0.0.1:${port}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
        upgraded.forEach((socket) => socket.destroy());
      }),
  };
}

function forward(to: string, method = 'GET', path = '/', headers: IncomingHttpHeaders = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${to}${path}`, { method, headers }, (answer) => {
      void text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}
