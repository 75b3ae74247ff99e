import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Received = { headers: IncomingHttpHeaders; body: string };
export type Answer = { status?: number; headers?: Record<string, string>; body?: string } | 'reset';

/** Somebody's server for webhooks: it keeps what it gets, and answers as it is told. */
export type Receiver = {
  url: string;
  requests: Received[];
  answer: (request: Received) => Answer | Promise<Answer>;
  close(): Promise<void>;
};

/** Listens on a loopback alias, which stands for a public address where it is allowed. */
export async function startReceiver(host = '127.0.0.2'): Promise<Receiver> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const received = { headers: request.headers, body: Buffer.concat(chunks).toString() };
      receiver.requests.push(received);
      void Promise.resolve(receiver.answer(received)).then((answer) => {
        if (answer === 'reset') return request.socket.resetAndDestroy();
        return response.writeHead(answer.status ?? 200, answer.headers).end(answer.body);
      });
    });
  });
  server.listen(0, host);
  await once(server, 'listening');
  const receiver: Receiver = {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    requests: [],
    answer: () => ({ body: 'ok' }),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return receiver;
}
