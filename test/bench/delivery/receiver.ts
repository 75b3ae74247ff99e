import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from '../plan.js';
import { obey } from './orders.js';
import type { ReceiverFigures, ReceiverTalk } from './receiver-talk.js';

const LOOK_EVERY_MS = 5;

/** The process of the receivers. It answers without looking at more than it must: what it takes is taken from who sends. */
class Receiver {
  private readonly dead = new Set<string>();
  private hits = 0;
  private bytes = 0;
  private firstAtMs = Number.NaN;
  private lastAtMs = Number.NaN;
  /** Those that are open and had a request since the reset. */
  private used = new Set<Socket>();
  private connections = 0;
  private tookMs: number[] = [];

  async listen(): Promise<{ url: string }> {
    const server = createServer((request, response) => {
      this.used.add(request.socket);
      this.connections = Math.max(this.connections, this.used.size);
      this.answer(request, response);
    });
    server.on('connection', (socket) => socket.once('close', () => this.used.delete(socket)));
    return { url: await urlOf(server) };
  }

  async doomed(): Promise<{ url: string }> {
    const server = createServer((request, response) => {
      if (this.dead.has(url)) return;
      void bodyOf(request).then((body) => response.end(body));
    });
    const url = await urlOf(server);
    return { url };
  }

  die(url: string): null {
    this.dead.add(url);
    return null;
  }

  reset(): null {
    [this.hits, this.bytes, this.firstAtMs, this.lastAtMs] = [0, 0, Number.NaN, Number.NaN];
    [this.connections, this.used, this.tookMs] = [0, new Set(), []];
    return null;
  }

  async until(hits: number, withinMs: number): Promise<ReceiverFigures> {
    const untilMs = performance.now() + withinMs;
    while (this.hits < hits && performance.now() < untilMs) await sleep(LOOK_EVERY_MS);
    const sorted = this.tookMs.sort((a, b) => a - b);
    return {
      hits: this.hits,
      firstAtMs: this.firstAtMs,
      lastAtMs: this.lastAtMs,
      connections: this.connections,
      bytes: Math.round(this.bytes / this.hits),
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
    };
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    void bodyOf(request).then((body) => {
      // The challenge is a member of the body, so the body is an answer to it.
      if (request.headers['x-c4c-event'] === 'endpoint.verify') return response.end(body);
      const nowMs = performance.timeOrigin + performance.now();
      this.hits += 1;
      this.bytes += body.length;
      if (this.hits === 1) this.firstAtMs = nowMs;
      this.lastAtMs = nowMs;
      const at = /"timestamp":"([^"]+)"/.exec(body)?.[1];
      if (at !== undefined) this.tookMs.push(nowMs - Date.parse(at));
      return response.writeHead(204).end();
    });
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  request.setEncoding('latin1').on('data', (text: string) => (body += text));
  await once(request, 'end');
  return body;
}

async function urlOf(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1', 4_096);
  await once(server, 'listening');
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/hook`;
}

const receiver = new Receiver();
obey<ReceiverTalk>({
  listen: () => receiver.listen(),
  doomed: () => receiver.doomed(),
  die: ({ url }) => receiver.die(url),
  reset: () => receiver.reset(),
  until: ({ hits, withinMs }) => receiver.until(hits, withinMs),
});
