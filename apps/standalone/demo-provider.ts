import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { backoffMs } from '#kernel';
import { DEMO_SERVICES } from './demo-services.js';

/**
 * A provider like any stranger's: it knows an address and an agent's key, hears of work over the public WebSocket and submits
 * over HTTP. Anybody may copy it as the start of a provider of their own.
 */
export type DemoProviderOptions = { endpoint: string; key: string; onReady?: (services: PublishedService[]) => void };
export type PublishedService = { id: number; title: string; price: string };
export type DemoProvider = { close(): void };

type Invoked = { invocationId: number; serviceId: number; input?: Record<string, unknown> };

const RECONNECT = { baseMs: 250, maxMs: 30_000 };
const RETRY = { baseMs: 200, maxMs: 2_000 };
const SUBMIT_TRIES_MAX = 6;
const PING_EVERY_MS = 30_000;
const BODY_MAX = 240 * 1024;

export function startDemoProvider(options: DemoProviderOptions): DemoProvider {
  const provider = new Provider(options);
  void provider.run();
  return provider;
}

class Provider implements DemoProvider {
  private readonly underWay = new Set<number>();
  private titles = new Map<number, string>();
  private socket: WebSocket | undefined;
  private isClosed = false;

  constructor(private readonly options: DemoProviderOptions) {}

  close(): void {
    this.isClosed = true;
    this.socket?.close(1000);
  }

  /** Connects, works until the connection ends, and connects again. */
  async run(): Promise<void> {
    let failures = 0;
    while (!this.isClosed) {
      try {
        await this.publish();
        await this.listen(() => (failures = 0));
      } catch {
        // The server is not there, or not yet: the wait below is the answer to both.
      }
      if (!this.isClosed) await sleep(Math.max(100, backoffMs(failures++, RECONNECT)));
    }
  }

  /** Publishes what is missing, was taken down, or reads differently by now; every publication would be a new version. */
  private async publish(): Promise<void> {
    const { services } = await this.call<{ services: { id: number; title: string; status: string; price: string }[] }>(
      'GET',
      '/agent/me/services?limit=100',
    );
    const published: PublishedService[] = [];
    for (const { work: _, ...service } of DEMO_SERVICES) {
      const there = services.find(({ title }) => title === service.title);
      const isCurrent = there?.status === 'active' && (await this.isCurrent(there.id, service));
      const id = isCurrent ? there.id : (await this.call<{ id: number }>('POST', '/agent/me/services', service)).id;
      published.push({ id, title: service.title, price: service.price });
    }
    this.titles = new Map(published.map(({ id, title }) => [id, title]));
    this.options.onReady?.(published);
  }

  private async isCurrent(id: number, wanted: Omit<(typeof DEMO_SERVICES)[number], 'work'>): Promise<boolean> {
    const shown = await this.call<Record<string, unknown>>('GET', `/market/services/${String(id)}`);
    const schemas = [shown['inputSchema'], shown['outputSchema']].map((text) =>
      typeof text === 'string' ? sorted(JSON.parse(text)) : '',
    );
    return (
      shown['description'] === wanted.description &&
      shown['price'] === wanted.price &&
      schemas[0] === sorted(wanted.inputSchema) &&
      schemas[1] === sorted(wanted.outputSchema)
    );
  }

  private listen(onOpen: () => void): Promise<void> {
    const socket = new WebSocket(`${this.options.endpoint.replace(/^http/, 'ws')}/ws`, {
      headers: { 'X-API-Key': this.options.key },
      handshakeTimeout: 10_000,
    });
    this.socket = socket;
    let isAnswered = true;
    const pings = setInterval(() => {
      if (!isAnswered) socket.terminate();
      isAnswered = false;
      if (socket.readyState === WebSocket.OPEN) socket.ping();
    }, PING_EVERY_MS);
    return new Promise((resolve) => {
      socket.on('open', onOpen);
      socket.on('pong', () => (isAnswered = true));
      socket.on('message', (data) => this.hear(String(data)));
      // A `close` follows every error.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearInterval(pings);
        resolve();
      });
    });
  }

  private hear(text: string): void {
    const frame = JSON.parse(text) as { type?: string; event?: string; timestamp?: unknown; data?: Invoked };
    if (frame.type === 'ping') this.socket?.send(JSON.stringify({ type: 'pong', timestamp: frame.timestamp }));
    if (frame.type !== 'notification' || frame.event !== 'service_invoked' || frame.data === undefined) return;
    // The same work is announced again after a reconnection.
    if (this.underWay.has(frame.data.invocationId)) return;
    this.underWay.add(frame.data.invocationId);
    void this.serve(frame.data).finally(() => this.underWay.delete(frame.data?.invocationId ?? 0));
  }

  private async serve({ invocationId, serviceId, input }: Invoked): Promise<void> {
    const answer = this.workOn(serviceId, input ?? {});
    const path = `/agent/me/service-invocations/${String(invocationId)}/submit`;
    for (let attempt = 0; attempt < SUBMIT_TRIES_MAX; attempt += 1) {
      const isDone = await this.call('POST', path, answer).then(
        () => true,
        // Refused for good (too late, answered already), or worth another try.
        (error: unknown) => error instanceof Refused && !error.mayPass,
      );
      if (isDone) return;
      await sleep(backoffMs(attempt, RETRY));
    }
  }

  private workOn(serviceId: number, input: Record<string, unknown>): object {
    try {
      const service = DEMO_SERVICES.find(({ title }) => title === this.titles.get(serviceId));
      if (service === undefined) throw new Error('This provider no longer offers the service.');
      const output = service.work(input);
      if (JSON.stringify(output).length > BODY_MAX)
        throw new Error('The result is too large to be sent; give less at a time.');
      return { status: 'completed', output };
    } catch (error) {
      return { status: 'failed', error: error instanceof Error ? error.message : String(error) };
    }
  }

  private async call<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.options.endpoint}/openapi/v1${path}`, {
      method,
      headers: { 'X-API-Key': this.options.key, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
    const envelope = (await response.json()) as {
      success: boolean;
      data: T;
      error?: { code: string; message: string };
    };
    if (!envelope.success)
      throw new Refused(response.status, `${envelope.error?.code ?? ''}: ${envelope.error?.message ?? ''}`);
    return envelope.data;
  }
}

class Refused extends Error {
  readonly mayPass: boolean;
  constructor(status: number, message: string) {
    super(message);
    this.mayPass = status >= 500 || status === 429;
  }
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

// The launcher runs this file as a thread, so that a large text never delays the market's own answers.
if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  const provider = startDemoProvider({
    ...(workerData as { endpoint: string; key: string }),
    onReady: (services) => port.postMessage(services),
  });
  port.on('message', () => {
    provider.close();
    port.close();
  });
}
